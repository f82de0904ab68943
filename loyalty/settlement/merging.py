"""
What the revisions of a programme are together, so that one step serves them all.

Kinds, fields, currencies, tiers and metrics get one numbering for all revisions. Each revision keeps its own rules,
ladder and dates, and reads kinds and currencies as all of them declare them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from attrs import evolve

from loyalty.core.events import FieldValue, canonical_json
from loyalty.programme.model import EventKind, FieldSpec, Programme
from loyalty.programme.revision import written
from loyalty.programme.revisions import currencies_of, currency_in, revisions_of, tiers_of
from loyalty.tiers.declaration import Metric, Tier

T = TypeVar("T")


def united(programme: Programme) -> Programme:
    """
    Give what all revisions declare together as one programme, its mappings in the order of names.

    The step numbers what it declares. Where they differ in what one declares, it says what the last of them does.
    """
    revisions = revisions_of(programme)
    programme = evolve(programme, currencies=_by_name(currencies_of(programme)), events=united_kinds(revisions))
    if len(revisions) == 1:
        return evolve(programme, metrics=_by_name(programme.metrics))
    tiers = {tier.name: tier for one in revisions for tier in one.ladder.tiers}
    return evolve(
        programme,
        metrics={},
        ladder=evolve(programme.ladder, tiers=tuple(tiers[name] for name in tiers_of(programme))),
        badges=tuple({badge.name: badge for one in revisions for badge in one.badges}.values()),
        allotments=tuple({allotment.name: allotment for one in revisions for allotment in one.allotments}.values()),
    )


def aligned(programme: Programme) -> tuple[Programme, ...]:
    """Give each revision with the kinds and currencies of all, currencies as they stand in it; rules are its own."""
    whole = united(programme)
    revisions = revisions_of(programme)
    if len(revisions) == 1:
        return (whole,)
    return tuple(
        evolve(
            one,
            earlier=(),
            events=whole.events,
            currencies={name: currency_in(programme, place, name) for name in whole.currencies},
            # A rule is told from that of another revision by which object it is.
            rules=tuple(evolve(rule) for rule in one.rules),
        )
        for place, one in enumerate(revisions)
    )


def united_kinds(revisions: Sequence[Programme]) -> dict[str, EventKind]:
    """Give all kinds of event, each with the fields of all its declarations."""
    names = sorted({name for one in revisions for name in one.events})
    return {name: _united_kind([one.events[name] for one in revisions if name in one.events]) for name in names}


def _united_kind(kinds: Sequence[EventKind]) -> EventKind:
    if len(kinds) == 1:
        return kinds[0]
    names = dict.fromkeys(name for kind in kinds for name in kind.fields)
    fields = {name: _united_field([kind.fields.get(name) for kind in kinds]) for name in names}
    return evolve(kinds[-1], fields=fields)


def _united_field(specs: Sequence[FieldSpec | None]) -> FieldSpec:
    """Give a field that holds what any of its declarations takes; None stands for a kind without the field."""
    known = [spec for spec in specs if spec is not None]
    return evolve(
        known[-1],
        lowest=min(spec.lowest for spec in known),
        highest=max(spec.highest for spec in known),
        values=tuple(dict.fromkeys(chain.from_iterable(spec.values for spec in known))),
        required=len(known) == len(specs) and all(spec.required for spec in known),
        default=None,
    )


def stand_ins(programme: Programme, kind: str) -> dict[str, FieldValue]:
    """
    Give what is read of fields that an event does not have because its revision did not: the first default of each.

    Where a field has a default at all it has one in every revision, so that only such events are without it.
    """
    declared = [one.events[kind].fields for one in revisions_of(programme) if kind in one.events]
    found: dict[str, FieldValue] = {}
    for spec in chain.from_iterable(fields.values() for fields in declared):
        if spec.default is not None and any(spec.name not in fields for fields in declared):
            found.setdefault(spec.name, spec.default)
    return found


def lower_tiers(order: Sequence[str], ladder: Iterable[Tier]) -> tuple[int, ...]:
    """
    Give for each tier of the order the place in a ladder of the tier itself, or else of the nearest lower one.

    >>> from fractions import Fraction
    >>> ladder = [Tier(name=name, multiplier=Fraction(1), needs=None) for name in ("base", "gold")]
    >>> lower_tiers(["base", "silver", "gold"], ladder)
    (0, 0, 1)
    """
    names = [tier.name for tier in ladder]
    places, last = [], 0
    for name in order:
        last = names.index(name) if name in names else last
        places.append(last)
    return tuple(places)


def same_declaration(metric: Metric) -> str:
    """Give a text that two metrics share where they count the same."""
    return canonical_json(written(metric))


def _by_name(mapping: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(mapping.items()))
