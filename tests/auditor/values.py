"""
What names in expressions stand for, and what keys are made of (paragraphs 11 and 13).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from loyalty.core.calendar import Period
from loyalty.core.events import FieldValue
from loyalty.programme.model import Programme
from loyalty.rules.declaration import KeyPart, Subject
from tests.auditor.days import period_number
from tests.auditor.history import Happening
from tests.auditor.state import Fact, Key, Values


def tier_values(programme: Programme, level: int) -> Values:
    """Give what an expression can read of a tier."""
    return {"tier.level": level, "tier.name": programme.ladder.tiers[level].name}


def event_values(happening: Happening, fields: Mapping[str, FieldValue]) -> Values:
    """Give what an expression can read of an event: its declared fields, absent ones as None, and whom it is of."""
    assert happening.kind is not None
    values: Values = {f"event.{name}": fields.get(name) for name in happening.kind.fields}
    values["event.partner"] = happening.partner
    values["event.person"] = happening.person
    return values


def fields_left(fact: Fact) -> dict[str, FieldValue]:
    """Give the event's fields with what refunds left of them (27, 29)."""
    return {**fact.happening.event.fields, **fact.left}


def values_left(fact: Fact) -> Values:
    """Give what the names stood for then, but for what refunds have taken since (27, 29)."""
    return {**fact.values, **event_values(fact.happening, fields_left(fact))}


def part_of_key(programme: Programme, happening: Happening, part: KeyPart) -> Hashable:
    """Give one part of a key: the partner, the person (or none), the event's period, or a field (13)."""
    if part is Subject.PARTNER:
        return happening.partner
    if part is Subject.PERSON:
        return happening.person
    if isinstance(part, Period):
        return period_number(happening.day, part, programme.year_starts_month)
    return happening.event.fields.get(part)


def key_of(programme: Programme, happening: Happening, parts: Iterable[KeyPart]) -> Key:
    """Give a whole key (13)."""
    return tuple(part_of_key(programme, happening, part) for part in parts)
