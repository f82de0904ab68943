"""
A scenario file: who the partners are and what they do, in YAML, checked against the programme that they meet.

The scalars are read by the programme file's own shapes, so that every finding comes at once, with its line, and the
nearest name where one is unknown. See ``examples/acme/scenario.yaml`` and :func:`load_scenario`.

>>> chance("4 %"), delay("5..40 days")
(Fraction(1, 25), Delay(lowest=5, highest=40, unit=<Unit.DAYS: 'days'>))
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from loyalty.core.amounts import parse_decimal
from loyalty.core.calendar import Unit
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.programme.model import EventKind, Programme, Role
from loyalty.programme.nodes import Node, Scalar
from loyalty.programme.notes import Notes, did_you_mean
from loyalty.programme.scalars import FLAG, Name, Number, Parsed, Text
from loyalty.programme.scalars import Choice as Word
from loyalty.programme.shapes import Fields, Key, ListOf, MapOf, Section
from loyalty.programme.yaml_reading import read_yaml
from loyalty.simulation.behaviour import EVEN_SEASON, Activity, Consequence, Delay, Scenario, Segment
from loyalty.simulation.defaults import default_scenario
from loyalty.simulation.draws import Draw, Uniform
from loyalty.simulation.field_draws import bounds, read_draw

__all__ = ["Scenario", "chance", "default_scenario", "delay", "load_scenario", "read_scenario"]

#: Longer than this nobody simulates, and the calendar's tables end.
_MOST_DELAY: Final = {Unit.DAYS: 3660, Unit.WEEKS: 520, Unit.MONTHS: 120, Unit.YEARS: 10}


def chance(text: str) -> Fraction:
    """
    Read a share of 1, as ``4 %`` or ``0.04``.

    Raises:
        ValueError: not a number, or not from 0 to 1.
    """
    number, percent, rest = text.partition("%")
    value = parse_decimal(number) / (100 if percent else 1)
    if rest.strip() or not 0 <= value <= 1:
        raise ValueError(f"{text!r} does not lie between 0 % and 100 %")
    return value


def whole_range(text: str) -> Uniform:
    """
    Read ``3`` or ``1..4``.

    Raises:
        ValueError: not of that form.
    """
    lowest, highest = bounds(text)
    if lowest < 0 or highest > 100_000:
        raise ValueError(f"{text!r} does not lie between 0 and 100000")
    return Uniform(lowest, highest)


def delay(text: str) -> Delay:
    """
    Read ``5..40 days`` or ``24 months``.

    Raises:
        ValueError: not of that form, or longer than ten years.
    """
    match = re.fullmatch(r"\s*([\d_]+(?:\s*\.\.\s*[\d_]+)?)\s+(day|week|month|year)s?\s*", text)
    if not match:
        raise ValueError(f"{text!r} is no such time")
    lowest, highest = bounds(match[1])
    unit = Unit(match[2] + "s")
    if highest > _MOST_DELAY[unit]:
        raise ValueError(f"{text!r} is longer than ten years")
    return Delay(lowest=lowest, highest=highest, unit=unit)


@frozen
class _AsIs:
    """A value whose meaning depends on the programme; it is read later."""

    what: str

    def read(self, node: Node, notes: Notes) -> Node:  # noqa: ARG002
        return node

    def schema(self) -> dict[str, Any]:
        return {}


_SHARE: Final = Parsed("a share such as 25 %", chance, {"type": ["string", "number"]})
_RANGE: Final = Parsed("a whole number or a range such as 1..4", whole_range, {"type": ["string", "integer"]})
_DELAY: Final = Parsed("a time such as 5..40 days or 24 months", delay, {"type": "string"})
_FACTOR: Final = Number("a factor such as 1.5")
_WORD: Final = Name("a name", r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KIND: Final = Name("a kind of event such as deal.won", r"\S+")
_FIELDS: Final = MapOf("what the fields hold", _WORD, _AsIs("a value, a range, weights or {median, sigma}"))

_CONSEQUENCE: Final = Fields("what may follow", {
    "chance": Key(_SHARE, "That it happens at all.", required=True),
    "after": Key(_DELAY, "How long after its origin.", required=True),
    "partial": Key(_SHARE, "Of a refund: the chance that it is of a part only."),
    "fields": Key(_FIELDS, "What its own fields hold."),
})  # fmt: skip

_ACTIVITY: Final = Fields("how often something happens", {
    "rate": Key(_FACTOR, "Events a month, on average.", required=True),
    "per": Key(Word("whose rate it is", {"partner": Layer.PARTNER, "person": Layer.PERSON})),
    "names_person": Key(FLAG, "Whether the event names one of the partner's people; true if left out."),
    "season": Key(ListOf("the factors of the twelve months", _FACTOR)),
    "fields": Key(_FIELDS, "What its fields hold; those left out follow from the programme."),
    "then": Key(MapOf("what may follow", _KIND, _CONSEQUENCE), "Refunds, ends and follows, by kind."),
})  # fmt: skip

_SEGMENT: Final = Fields("a segment", {
    "segment": Key(_WORD, "Its name.", required=True),
    "share": Key(_SHARE, "Of all partners.", required=True),
    "persons": Key(_RANGE, "How many people a partner has; 1..3 if left out."),
    "size": Key(Fields("the size of a partner", {
        "median": Key(_FACTOR, "Half of the partners are smaller.", required=True),
        "sigma": Key(_FACTOR, "The standard deviation of the logarithm; 0 if left out."),
    })),
    "rates": Key(MapOf("factors on rates", _KIND, _FACTOR), "Factors on the rates of kinds in this segment."),
    "amounts": Key(_FACTOR, "A factor on the median of money."),
})  # fmt: skip

SCENARIO: Final = Fields("a scenario", {
    "scenario": Key(Text("the scenario's name"), "Its name.", required=True),
    "assumptions": Key(ListOf("assumptions", Text("a sentence")), "Sentences that the report repeats."),
    "segments": Key(ListOf("segments", _SEGMENT), "Who the partners are.", required=True),
    "events": Key(MapOf("what happens", _KIND, _ACTIVITY), "What happens, by kind of event.", required=True),
    "redeem": Key(MapOf("what is redeemed", _WORD, _SHARE), "The share of the available that is redeemed each month."),
})  # fmt: skip


def load_scenario(path: Path | str, programme: Programme) -> Scenario:
    """
    Read a scenario file.

    Raises:
        ProgrammeError: with every finding.
        OSError: the file cannot be read.
    """
    return read_scenario(Path(path).read_text(encoding="utf-8"), programme, file=str(path))


def read_scenario(text: str, programme: Programme, file: str = "<text>") -> Scenario:
    """
    Read a scenario from a text; *file* is named in findings.

    Raises:
        ProgrammeError: with every finding.
    """
    notes = Notes(text, file)
    node = read_yaml(text, notes)
    if node is None and not notes.findings:
        notes.add("missing-value", Place(file, 1, 1), "a scenario is expected", "write `scenario: NAME`", got="nothing")
    section = SCENARIO.read(node, notes) if node is not None else None
    scenario = None if section is None else _Reader(programme, notes).scenario(section)
    notes.raise_if_any()
    assert scenario is not None
    return scenario


class _Reader:
    """Turns what was read into the scenario, and checks it against the programme."""

    def __init__(self, programme: Programme, notes: Notes) -> None:
        self.programme = programme
        self.notes = notes

    def scenario(self, section: Section) -> Scenario:
        read = section.get("segments") or []
        segments = tuple(self.segment(each) for each in read)
        total = sum((segment.share for segment in segments), Fraction(0))
        if segments and total != 1 and all(each.get("share") for each in read):
            why = f"the shares of all segments together are {float(total) * 100:g} %"
            self.notes.add("shares", section.names["segments"], why, "change them so that they are 100 %")
        return Scenario(
            name=section.value("scenario", ""),
            segments=segments,
            activities=tuple(self.activities(section.get("events") or [])),
            redeem=self.redeem(section.get("redeem") or []),
            assumptions=tuple(item.value for item in section.get("assumptions") or []),
            file=self.notes.file,
        )

    def segment(self, section: Section) -> Segment:
        size = section.get("size")
        rates = {}
        for key, item in section.get("rates") or []:
            if self.kind(key, (Role.NONE,)) is not None and item is not None:
                rates[key.text] = item.value
        return Segment(
            name=section.value("segment", ""),
            share=section.value("share", Fraction(0)),
            persons=section.value("persons", Uniform(1, 3)),
            size_median=size.value("median", Fraction(1)) if size else Fraction(1),
            size_sigma=size.value("sigma", Fraction(0)) if size else Fraction(0),
            rates=rates,
            amounts=section.value("amounts", Fraction(1)),
            place=section.node.place,
        )

    def activities(self, read: list[tuple[Scalar, Section | None]]) -> list[Activity]:
        activities = []
        for key, section in read:
            kind = self.kind(key, (Role.NONE,))
            if kind is None or section is None:
                continue
            season = tuple(item.value for item in section.get("season") or [])
            if section.has("season") and len(season) != 12 and section.get("season") is not None:
                self.notes.add(
                    "season", section.at("season"), "a season has one factor for each month, January first",
                    "write twelve numbers", got=f"{len(season)} factors",
                )  # fmt: skip
                season = ()
            activities.append(
                Activity(
                    kind=kind.name,
                    rate=section.value("rate", Fraction(0)),
                    per=section.value("per", Layer.PARTNER),
                    names_person=section.value("names_person", True),
                    season=season or EVEN_SEASON,
                    fields=self.fields(kind, section),
                    then=tuple(self.consequences(kind, section.get("then") or [])),
                    place=key.place,
                )
            )
        return activities

    def consequences(self, origin: EventKind, read: list[tuple[Scalar, Section | None]]) -> list[Consequence]:
        consequences = []
        for key, section in read:
            kind = self.kind(key, (Role.REFUNDS, Role.ENDS, Role.FOLLOWS))
            if kind is None or section is None:
                continue
            if kind.origin_kind != origin.name:
                self.notes.add(
                    "wrong-origin", key, f"it speaks of {kind.origin_kind} and not of {origin.name}",
                    f"move it below {kind.origin_kind}",
                )  # fmt: skip
                continue
            if section.has("partial") and kind.part is None:
                self.notes.add(
                    "no-part", section.names["partial"], f"{kind.name} has no part: it refunds the whole or nothing",
                    "leave `partial` out",
                )  # fmt: skip
            consequences.append(
                Consequence(
                    kind=kind.name,
                    chance=section.value("chance", Fraction(0)),
                    after=section.value("after", Delay(lowest=1, highest=1)),
                    partial=section.value("partial", Fraction(0)),
                    fields=self.fields(kind, section),
                    place=key.place,
                )
            )
        return consequences

    def fields(self, kind: EventKind, section: Section) -> dict[str, Draw]:
        draws = {}
        for key, node in section.get("fields") or []:
            spec = kind.fields.get(key.text)
            if spec is None:
                why = f"{kind.name} declares no such field"
                self.notes.add("unknown-name", key, why, did_you_mean(key.text, kind.fields, "fields"))
                continue
            draw = read_draw(node, spec, self.notes)
            if draw is not None:
                draws[key.text] = draw
        return draws

    def redeem(self, read: list[tuple[Scalar, Any]]) -> dict[str, Fraction]:
        spendable = [name for name, currency in self.programme.currencies.items() if currency.spendable]
        for key, _ in read:
            if key.text not in spendable:
                why = "the programme has no such currency that can be spent"
                self.notes.add("unknown-name", key, why, did_you_mean(key.text, spendable, "currencies"))
        return {key.text: item.value for key, item in read if item is not None}

    def kind(self, key: Scalar, roles: tuple[Role, ...]) -> EventKind | None:
        kinds = self.programme.events
        kind = kinds.get(key.text)
        if kind is not None and kind.role in roles:
            return kind
        fitting = [name for name, each in kinds.items() if each.role in roles]
        if kind is None:
            why, fix = "the programme declares no such kind of event", did_you_mean(key.text, fitting, "kinds")
        elif kind.role is Role.NONE:
            why, fix = "it follows nothing, and stands for itself", "move it to `events:` with a rate"
        else:
            why = f"it {kind.role.value} {kind.origin_kind} and has no rate of its own"
            fix = f"write it under `then:` of {kind.origin_kind}"
        self.notes.add("unknown-name" if kind is None else "wrong-role", key, why, fix)
        return None
