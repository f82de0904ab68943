"""
Which revision says what on a day, and the one order of what several revisions declare (paragraphs 57, 60 and 61).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from loyalty.core.events import FieldValue
from loyalty.programme.model import Currency, EventKind, Programme
from loyalty.rules.declaration import Grandfather, Rule
from loyalty.tiers.declaration import Ladder

Named = TypeVar("Named")


def revisions(programme: Programme) -> tuple[Programme, ...]:
    """Give all revisions, the earliest first."""
    return (*programme.earlier, programme)


def place_on(programme: Programme, day: int) -> int:
    """Give the place of the revision in force on a day; the first is in force from ever (57)."""
    begun = [place for place, revision in enumerate(revisions(programme)) if place == 0 or revision.from_day <= day]
    return begun[-1]


def revision_on(programme: Programme, day: int) -> Programme:
    """Give the revision in force on a day (57)."""
    return revisions(programme)[place_on(programme, day)]


def last_said(programme: Programme, day: int, said: Callable[[Programme], Named | None]) -> Named:
    """Give what the last revision by a day says that says it at all, or else the first later one (60)."""
    here = place_on(programme, day)
    later_last = [*reversed(revisions(programme)[: here + 1]), *revisions(programme)[here + 1 :]]
    return next(found for revision in later_last if (found := said(revision)) is not None)


def currency_on(programme: Programme, name: str, day: int) -> Currency:
    """Give a currency as it is on a day, or as it was last declared (60)."""
    return last_said(programme, day, lambda revision: revision.currencies.get(name))


def kind_on(programme: Programme, name: str, day: int) -> EventKind:
    """Give a kind of event; its role, origin, part and key are the same wherever it is declared (60)."""
    return last_said(programme, day, lambda revision: revision.events.get(name))


def stand_ins(programme: Programme, name: str) -> dict[str, FieldValue]:
    """Give what stands for the fields of a kind of event where an event does not say them: the first default (60)."""
    found: dict[str, FieldValue] = {}
    for revision in revisions(programme):
        kind = revision.events.get(name)
        for field, spec in (kind.fields if kind else {}).items():
            if spec.default is not None:
                found.setdefault(field, spec.default)
    return found


def in_one_order(programme: Programme, declared: Callable[[Programme], Iterable[Any]], day: int) -> list[Any]:
    """Give what the revision of a day declares, in the order in which revisions first declared the names (57)."""
    names = [each.name for revision in revisions(programme) for each in declared(revision)]
    return sorted(declared(revision_on(programme, day)), key=lambda each: names.index(each.name))


def tier_order(programme: Programme) -> list[str]:
    """Give the names of all tiers, lowest first: an added one is below the next that is known, or on top (61)."""
    order: list[str] = []
    for revision in revisions(programme):
        known, place = list(order), len(order)
        for tier in reversed(revision.ladder.tiers):
            if tier.name in known:
                place = order.index(tier.name)
            else:
                order.insert(place, tier.name)
    return order


def at_or_below(programme: Programme, table: Mapping[str, Named], tier: str) -> Named | None:
    """Give what a table says of a tier, or of the nearest lower one that it names (16, 61)."""
    order = tier_order(programme)
    return next((table[name] for name in reversed(order[: order.index(tier) + 1]) if name in table), None)


def level_in(programme: Programme, ladder: Ladder, tier: str) -> int:
    """Give the place on a ladder of a tier, or of the nearest lower one that the ladder has (57, 61)."""
    levels = {each.name: level for level, each in enumerate(ladder.tiers)}
    level = at_or_below(programme, levels, tier)
    assert level is not None, "the base is on every ladder"
    return level


def version_of(programme: Programme, name: str, day: int, origin_day: int, anchor: int) -> tuple[int, Rule] | None:
    """
    Give the version of a rule that pays on a day, and the place of its revision; nothing where there is none (57).

    Args:
        origin_day: Of the first of the chain that the event is the last of, or the event's own.
        anchor: Of the paid holder.
    """
    ours = rule_at(programme, place_on(programme, day), name)
    for mode, other_day in ((Grandfather.ORIGIN, origin_day), (Grandfather.JOINED, anchor)):
        place = place_on(programme, other_day)
        theirs = rule_at(programme, place, name)
        if any(rule is not None and rule.grandfather is mode for rule in (ours, theirs)):
            return None if theirs is None else (place, theirs)
    return None if ours is None else (place_on(programme, day), ours)


def rule_at(programme: Programme, place: int, name: str) -> Rule | None:
    """Give the rule of a name in the revision of a place."""
    return next((rule for rule in revisions(programme)[place].rules if rule.name == name), None)
