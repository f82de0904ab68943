"""
A scenario file: who the partners are and what they do, in YAML, checked against the programme that they meet.

The scalars are read by the programme file's own shapes (:mod:`loyalty.simulation.scenario_language`), so that every
finding comes at once, with its line, and the nearest name where one is unknown. The page
``docs/reference/scenario-file.md`` says what each key means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from loyalty.core.calendar import Period
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.programme.model import Currency, EventKind, FieldSpec, FieldType, Programme, Role
from loyalty.programme.nodes import Scalar
from loyalty.programme.notes import Notes, did_you_mean, join_words
from loyalty.programme.sections import Item
from loyalty.programme.shapes import Section
from loyalty.programme.yaml_reading import read_yaml
from loyalty.simulation.behaviour import (
    EVEN_SEASON,
    MOST_WISHED,
    Activity,
    Arrival,
    Churn,
    Consequence,
    Delay,
    Incentive,
    Noise,
    Scenario,
    Segment,
    Wish,
)
from loyalty.simulation.defaults import default_scenario
from loyalty.simulation.distributions import Choice, Constant, Distribution, LogNormal, OfLabel, Quantiles, Uniform
from loyalty.simulation.field_draws import read_draw
from loyalty.simulation.scenario_language import SCENARIO

__all__ = ["Scenario", "default_scenario", "load_scenario", "read_scenario"]

_ALL_AT_ONCE: Final = Arrival()
_NOBODY_LEAVES: Final = Churn()


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
    fix = "give the file with `scenario: NAME`"
    if notes.is_another_file(node, expected="scenario", found="programme", fix=fix):
        node = None
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
        arrival, churn = _arrival(section.get("arrival")), _churn(section.get("churn"))
        segments = tuple(self.segment(each, arrival, churn) for each in read)
        total = sum((segment.share for segment in segments), Fraction(0))
        if segments and total != 1 and all(each.get("share") for each in read):
            why = f"the shares of all segments together are {float(total) * 100:g} %"
            self.notes.add("shares", section.names["segments"], why, "change them so that they are 100 %")
        labels = self.labels(segments)
        return Scenario(
            name=section.value("scenario", ""),
            segments=segments,
            activities=tuple(self.activities(section.get("events") or [], labels)),
            wishes=(
                *self.wishes(section.get("redeem") or [], claim=False),
                *self.wishes(section.get("claim") or [], claim=True),
            ),
            response=self.response(section.get("response") or []),
            assumptions=tuple(item.value for item in section.get("assumptions") or []),
            file=self.notes.file,
        )

    def segment(self, section: Section, arrival: Arrival, churn: Churn) -> Segment:
        size = section.get("size")
        rates = {}
        for key, item in section.get("rates") or []:
            if self.kind(key, (Role.NONE,)) is not None and item is not None:
                rates[key.text] = item.value
        labels = {}
        for key, node in section.get("labels") or []:
            read = read_draw(node, FieldSpec(name=key.text, type=FieldType.TEXT), self.notes)
            if isinstance(read, Choice | Constant):
                labels[key.text] = Choice((read.value,), (1,)) if isinstance(read, Constant) else read
        return Segment(
            name=section.value("segment", ""),
            share=section.value("share", Fraction(0)),
            labels=labels,
            persons=section.value("persons", Uniform(1, 3)),
            size_median=size.value("median", Fraction(1)) if size else Fraction(1),
            size_sigma=size.value("sigma", Fraction(0)) if size else Fraction(0),
            rates=rates,
            amounts=section.value("amounts", Fraction(1)),
            arrival=_arrival(section.get("arrival"), arrival),
            churn=_churn(section.get("churn"), churn),
            place=section.node.place,
        )

    def labels(self, segments: Iterable[Segment]) -> dict[str, set[Any]]:
        """Give what each label may say, of the labels that every segment has; note those that some lack."""
        listed = list(segments)
        names = dict.fromkeys(name for segment in listed for name in segment.labels)
        for segment in listed:
            for name in names:
                if name not in segment.labels:
                    self.notes.add(
                        "missing-key", segment.place, f"other segments have the label {name}, and this one does not",
                        f"add `{name}:` to its labels", got=f"segment {segment.name}",
                    )  # fmt: skip
        return {
            name: {value for segment in listed if name in segment.labels for value in segment.labels[name].values}
            for name in names
        }

    def activities(self, read: list[tuple[Scalar, Section | None]], labels: Mapping[str, set[Any]]) -> list[Activity]:
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
                    growth=section.value("growth", Fraction(0)),
                    noise=_noise(section.get("noise")),
                    fields=self.fields(kind, section, labels),
                    then=tuple(self.consequences(kind, section.get("then") or [], labels)),
                    place=key.place,
                )
            )
        return activities

    def consequences(
        self, origin: EventKind, read: list[tuple[Scalar, Section | None]], labels: Mapping[str, set[Any]]
    ) -> list[Consequence]:
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
                    fields=self.fields(kind, section, labels),
                    place=key.place,
                )
            )
        return consequences

    def fields(self, kind: EventKind, section: Section, labels: Mapping[str, set[Any]]) -> dict[str, Distribution]:
        draws = {}
        for key, node in section.get("fields") or []:
            spec = kind.fields.get(key.text)
            if spec is None:
                why = f"{kind.name} declares no such field"
                self.notes.add("unknown-name", key, why, did_you_mean(key.text, kind.fields, "fields"))
                continue
            draw = read_draw(node, spec, self.notes)
            if isinstance(draw, OfLabel) and draw.label not in labels:
                why = "no segment has such a label"
                self.notes.add("unknown-name", node, why, did_you_mean(draw.label, labels, "labels"), got=draw.label)
            elif isinstance(draw, OfLabel) and spec.type is FieldType.ONE_OF and labels[draw.label] - {*spec.values}:
                strange = join_words(sorted(labels[draw.label] - {*spec.values}))
                why = f"the label may say {strange}, which {spec.name} cannot hold"
                self.notes.add("bad-value", node, why, f"the values are {join_words(spec.values)}", got=draw.label)
            elif draw is not None:
                draws[key.text] = draw
        return draws

    def wishes(self, read: list[tuple[Scalar, Any]], *, claim: bool) -> list[Wish]:
        spendable = {
            name: currency
            for name, currency in self.programme.currencies.items()
            if currency.spendable and (currency.unit is not None or not claim)
        }
        wishes = []
        for key, found in read:
            currency = spendable.get(key.text)
            if currency is None:
                what = "that is money" if claim else "that can be spent"
                fix = did_you_mean(key.text, spendable, "currencies")
                self.notes.add("unknown-name", key, f"the programme has no such currency {what}", fix)
            elif isinstance(found, Item):
                wishes.append(Wish(currency=currency.name, share=found.value, claim=claim, place=key.place))
            elif found is not None:
                wishes.append(self.wish(currency, found, claim=claim))
        return wishes

    def wish(self, currency: Currency, section: Section, *, claim: bool) -> Wish:
        if section.has("rate") and section.has("every"):
            self.notes.add(
                "conflicting-keys", section.names["every"], "`rate` says already how often it is wished",
                "keep one of every and rate",
            )  # fmt: skip
        return Wish(
            currency=currency.name,
            share=section.value("share"),
            amount=self.amount(currency, section),
            per=section.value("per", Layer.PARTNER),
            every=None if section.has("rate") else section.value("every", Period.MONTH),
            rate=section.value("rate", Fraction(0)),
            chance=section.value("chance", Fraction(1)),
            after=section.value("after"),
            claim=claim,
            place=section.node.place,
        )

    def amount(self, currency: Currency, section: Section) -> Distribution | None:
        if section.get("amount") is None:
            return None
        if currency.unit is not None:
            unit, most = currency.unit, MOST_WISHED
            spec = FieldSpec(name=currency.name, type=FieldType.MONEY, unit=unit, lowest=1, highest=most)
            return read_draw(section.get("amount"), spec, self.notes)
        # Points are written in whole ones, whatever their scale.
        step = 10**currency.scale
        spec = FieldSpec(name=currency.name, type=FieldType.INT, lowest=1, highest=MOST_WISHED // step)
        return _times(read_draw(section.get("amount"), spec, self.notes), step)

    def response(self, read: list[tuple[Scalar, Section | None]]) -> dict[str, Incentive]:
        response = {}
        for key, section in read:
            if self.kind(key, (Role.NONE,)) is not None and section is not None:
                response[key.text] = Incentive(
                    elasticity=section.value("elasticity", Fraction(0)), because=section.value("because", "")
                )
        return response

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


def _arrival(section: Section | None, otherwise: Arrival = _ALL_AT_ONCE) -> Arrival:
    if section is None:
        return otherwise
    return Arrival(at_start=section.value("at_start", Fraction(1)), within=section.value("within", 0))


def _churn(found: Section | Item[Fraction] | None, otherwise: Churn = _NOBODY_LEAVES) -> Churn:
    if found is None:
        return otherwise
    if isinstance(found, Item):
        return Churn(quiet=found.value)
    return Churn(quiet=found.value("quiet", Fraction(0)), comeback=found.value("comeback", Fraction(0)))


def _noise(found: Section | Item[Fraction] | None) -> Noise:
    if found is None:
        return Noise()
    if isinstance(found, Item):
        return Noise(month=found.value)
    return Noise(month=found.value("month", Fraction(0)), market=found.value("market", Fraction(0)))


def _times(read: Distribution | None, step: int) -> Distribution | None:
    match read:
        case Constant(value) if isinstance(value, int):
            return Constant(value * step)
        case Uniform(lowest, highest):
            return Uniform(lowest * step, highest * step)
        case LogNormal():
            return evolve(read, median=read.median * step, lowest=step, highest=read.highest * step)
        case Quantiles():
            points = tuple((share, value * step) for share, value in read.points)
            return evolve(read, points=points, lowest=step, highest=read.highest * step)
        case Choice(values, weights):
            return Choice(tuple(value * step if isinstance(value, int) else value for value in values), weights)
        case _:
            return read
