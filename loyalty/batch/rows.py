"""Events one by one into a table, and rows of a table back into events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import evolve

from loyalty.batch.declared import CODE, FLAG, Declared
from loyalty.batch.identities import order_within_instants
from loyalty.batch.tables import (
    MISSING,
    OVERRIDE,
    REDEEM,
    RESERVED,
    TIER,
    UNTIL,
    VOID,
    EventTable,
    kinds_of,
    missing_of,
)
from loyalty.core.calendar import format_day, parse_day
from loyalty.core.events import TIER_OVERRIDE, Event, FieldValue
from loyalty.core.events import VOID as VOID_KIND
from loyalty.errors import EventConflict
from loyalty.programme.admission import admit
from loyalty.programme.model import Programme
from loyalty.programme.revisions import tiers_of


def table_of(programme: Programme, events: Iterable[Event]) -> EventTable:
    """Lay events out as columns, as :meth:`EventTable.from_events` says."""
    known: dict[str, Event] = {}
    for event in events:
        admitted = admit(programme, event)
        before = known.setdefault(admitted.identity, admitted)
        if before is not admitted and before != admitted:
            raise EventConflict(admitted.identity, ["the same identity with another body; give it an id of its own"])
    listed = list(known.values())
    rows = {identity: row for row, identity in enumerate(known)}
    codes = {**{name: code for code, name in enumerate(kinds_of(programme))}, **RESERVED}
    partners: dict[str, int] = {}
    persons: dict[str, int] = {}
    texts: dict[str, dict[str, int]] = {}
    values: dict[str, Any] = {}

    def put(name: str, row: int, value: FieldValue) -> None:
        if name not in values:
            values[name] = np.full(len(listed), MISSING, np.int64)
        values[name][row] = _code(texts.setdefault(name, {}), value) if isinstance(value, str) else int(value)

    tiers = {name: place for place, name in enumerate(tiers_of(programme))}
    for row, event in enumerate(listed):
        if event.kind == TIER_OVERRIDE:
            put(TIER, row, tiers[str(event.fields["tier"])])
            put(UNTIL, row, parse_day(str(event.fields["until"])))
        else:
            for name, value in event.fields.items():
                put(name, row, value)
    speaking = [(row, event.origin) for row, event in enumerate(listed) if event.origin is not None]
    of = np.full(len(listed), -1, np.int64)
    for row, origin in speaking:
        of[row] = rows.get(origin, -1)
    table = EventTable(
        programme=programme,
        kind=np.array([codes[event.kind] for event in listed], np.int16),
        partner=np.array([_code(partners, e.partner) if e.partner else -1 for e in listed], np.int32),
        partners=pa.array(list(partners), pa.string()),
        person=np.array([-1 if e.person is None else _code(persons, e.person) for e in listed], np.int32),
        persons=pa.array(list(persons), pa.string()),
        at=np.array([event.occurred_at for event in listed], np.int64),
        of=of if speaking else None,
        values=values,
        texts={name: pa.array(list(codes), pa.string()) for name, codes in texts.items()},
        ids=pa.chunked_array([pa.array([event.identity for event in listed], pa.string())]),
        waits={row: origin for row, origin in speaking if origin not in rows},
    )
    order = order_within_instants(table)
    return table if order is None else evolve(table, order=order)


def events_of(table: EventTable) -> list[Event]:
    """Give rows as events, as :meth:`EventTable.to_events` says."""
    declared = Declared.of(table.programme)
    tiers = tiers_of(table.programme)
    partners, persons = table.partners.to_pylist(), table.persons.to_pylist()
    readers = {name: _reader(table, name) for name in table.values if not name.startswith("@")}
    lowest = {name: missing_of(column) for name, column in table.values.items()}
    identities = None if table.ids is None else table.ids.to_pylist()
    slots = declared.slots(table.kind, table.at)
    events = []
    for row in range(len(table)):
        code = int(table.kind[row])
        if code == REDEEM:
            continue
        fields: dict[str, FieldValue] = {}
        if code == OVERRIDE:
            fields["tier"] = tiers[int(table.values[TIER][row])]
            fields["until"] = format_day(int(table.values[UNTIL][row]))
        elif code >= 0:
            for name, read in readers.items():
                value = int(table.values[name][row])
                if value != lowest[name]:
                    fields[name] = read(value, int(declared.fields[name].form[slots[row]]))
        source, id = _split(f"row/{row}" if identities is None else identities[row])
        of = -1 if table.of is None else int(table.of[row])
        origin = table.waits.get(row) if of < 0 else table.identity(of)
        speaks = bool(declared.speaks[slots[row]])
        partner, person = int(table.partner[row]), int(table.person[row])
        events.append(
            Event(
                id=id,
                kind={OVERRIDE: TIER_OVERRIDE, VOID: VOID_KIND}.get(code) or declared.kinds[code],
                partner=partners[partner] if partner >= 0 else "",
                occurred_at=int(table.at[row]),
                source=source,
                person=persons[person] if person >= 0 else None,
                # What is not known by name is nothing that could come.
                of=None if not speaks else _split(origin)[1] if origin is not None else "?",
                fields=fields,
            )
        )
    return events


def _code(codes: dict[str, int], text: str) -> int:
    return codes.setdefault(text, len(codes))


def _split(identity: str) -> tuple[str, str]:
    source, _, id = identity.partition("/")
    return source, id


def _reader(table: EventTable, name: str) -> Callable[[int, int], FieldValue]:
    texts = table.texts[name].to_pylist() if name in table.texts else []

    def read(value: int, form: int) -> FieldValue:
        return texts[value] if form == CODE else bool(value) if form == FLAG else value

    return read
