"""
Events as the step reads them: whole numbers, texts as codes, composite keys as slots.

Keys are interned here, outside the step, for each holder; states that are compared must be compared by key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loyalty.core.calendar import FIRST_DAY as TABLE_START
from loyalty.core.calendar import PERIOD_MONTHS, Calendar, Period, month_tables, parse_day
from loyalty.core.events import Event
from loyalty.programme.model import EventKind, FieldType
from loyalty.rules.declaration import KeyPart, Subject
from loyalty.settlement.history import Placed
from loyalty.settlement.layout import OVERRIDE_ITEM, Key, Layout
from loyalty.settlement.runtime import room
from loyalty.settlement.texts import Texts

#: The slots of a holder's composite keys, one mapping for each key table.
Slots = list[dict[Any, int]]

#: Writes an event into an item record: (item, event, day, the holder's slots and key tables, partner, person).
Encode = Callable[[Any, Event, int, Slots, Any, str, str | None], None]


class Encoder:
    """Encodes the events of one layer."""

    def __init__(self, layout: Layout, texts: Texts) -> None:
        self.layout = layout
        self.texts = texts
        self.calendar: Calendar = layout.programme.calendar
        self._by_kind = {
            name: _compile(layout, kind, code, texts)
            for code, (name, kind) in enumerate(layout.programme.events.items())
        }
        self._tier_level = {tier.name: level for level, tier in enumerate(layout.programme.ladder.tiers)}
        self._reads_origin = layout.reads_origin

    def encode(self, item: Any, placed: Placed, slots: Slots, tables: Any, row: int, tier: int) -> None:
        """
        Write an event at its place into *item*; it is read as an event of the partner and person that it reaches.

        Args:
            slots: The holder's slots; a key seen for the first time gets the next one.
            tables: The holder's key tables, which grow with the slots.
            row: The row of the event that it speaks of, or -1.
            tier: The partner's tier just before it, for the person's layer.
        """
        event, _, instant, holders, first_instant = placed
        item.day = day = self.calendar.day_of(instant)
        item.instant = instant
        item.row = row
        item.tier = tier
        person = holders[1].id if len(holders) > 1 else None
        item.has_person = person is not None
        if self._reads_origin:
            item.origin = self.calendar.day_of(first_instant)
        encode = self._by_kind.get(event.kind)
        if encode is not None:
            encode(item, event, day, slots, tables, holders[0].id, person)
            return
        item.kind = OVERRIDE_ITEM
        item.tier_to = self._tier_level[str(event.fields["tier"])]
        item.until = parse_day(str(event.fields["until"]))


def _compile(layout: Layout, kind: EventKind, code: int, texts: Texts) -> Encode:
    """Write the encoder of one kind as source: one line for each field and key that the step reads."""
    lines = [f"item.kind = {code}", "fields = event.fields", "item.person = codes_of_persons.get(person, -1)"]
    persons = texts.codes(kind.name, "event.person")
    scope: dict[str, Any] = {"month_of": month_tables()[0], "room": room, "codes_of_persons": persons}
    if kind.name in layout.stand_ins:
        lines.append(f"fields = {{**{layout.stand_ins[kind.name]!r}, **fields}}")
    for spec in kind.fields.values():
        name = spec.name
        lines.append(f"value = fields.get({name!r})")
        lines.append(f"item.p_{name} = value is not None")
        if spec.type is FieldType.ONE_OF:
            scope[f"codes_{name}"] = {value: index for index, value in enumerate(spec.values)}
            lines.append(f"item.f_{name} = -1 if value is None else codes_{name}[value]")
        elif spec.type is FieldType.TEXT:
            scope[f"codes_{name}"] = texts.codes(kind.name, f"event.{name}")
            lines.append(f"item.f_{name} = codes_{name}.get(value, -1)")
        else:
            lines.append(f"item.f_{name} = 0 if value is None else value")
    for key in layout.keys_of_kind.get(kind.name, []):
        lines.append(f"known = keys[{key.index}]")
        lines.append(f"slot = known.setdefault({_key_source(layout, key)}, len(known))")
        lines.append(f"room(tables[{key.index}], slot)")
        lines.append(f"item.k{key.index} = slot")
    body = "".join(f"    {line}\n" for line in lines)
    exec(f"def encode(item, event, day, keys, tables, partner, person):\n{body}", scope)
    encode: Encode = scope["encode"]
    return encode


def _key_source(layout: Layout, key: Key) -> str:
    return "(" + "".join(f"{_part_source(layout, part)}, " for part in key.parts) + ")"


def _part_source(layout: Layout, part: KeyPart) -> str:
    if part is Subject.PARTNER:
        return "partner"
    if part is Subject.PERSON:
        return "person"
    if not isinstance(part, Period):
        return f"fields.get({part!r})"
    if part is Period.DAY:
        return "day"
    if part is Period.WEEK:
        return "(day + 3) // 7"
    shift = layout.programme.year_starts_month - 1
    return f"(month_of[day - {TABLE_START}] - {shift}) // {PERIOD_MONTHS[part]}"
