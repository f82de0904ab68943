"""
What names in expressions stand for, and what keys are made of (paragraphs 11, 13, 59 and 60).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from loyalty.core.calendar import Period
from loyalty.core.events import FieldValue
from loyalty.programme.model import Programme
from loyalty.rules.declaration import KeyPart, Subject
from tests.auditor.days import period_number
from tests.auditor.history import Happening
from tests.auditor.revisions import level_in
from tests.auditor.state import Fact, Key, Values


def tier_values(programme: Programme, revision: Programme, tier: str) -> Values:
    """Give what an expression of a revision can read of a tier, or of the nearest lower one that it has (57)."""
    level = level_in(programme, revision.ladder, tier)
    return {"tier.level": level, "tier.name": revision.ladder.tiers[level].name}


def event_values(happening: Happening, left: Mapping[str, FieldValue] | None = None) -> Values:
    """
    Give what an expression can read of an event: its fields, and whom it is of.

    Args:
        left: What refunds left of fields, where that is asked for (27, 29).
    """
    values: Values = {f"event.{name}": value for name, value in {**happening.fields, **(left or {})}.items()}
    values["event.partner"] = happening.partner
    values["event.person"] = happening.person
    return values


def amount_left(fact: Fact, part: str) -> int:
    """Give what refunds left of the field that they take parts of (27)."""
    return fact.left.get(part, int(fact.happening.fields[part]))


def part_of_key(programme: Programme, happening: Happening, part: KeyPart) -> Hashable:
    """Give one part of a key: the partner, the person (or none), the event's period, or a field (13)."""
    if part is Subject.PARTNER:
        return happening.partner
    if part is Subject.PERSON:
        return happening.person
    if isinstance(part, Period):
        return period_number(happening.day, part, programme.year_starts_month)
    return happening.fields.get(part)


def key_of(programme: Programme, happening: Happening, parts: Iterable[KeyPart]) -> Key:
    """Give a whole key; the order of its parts is of no account (13, 59)."""
    return frozenset((part, part_of_key(programme, happening, part)) for part in parts)
