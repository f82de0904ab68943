"""
Admitting events: only what a programme declares gets in, and everything wrong with an event is said at once.

:func:`read_event` reads an event as people and files write it; :func:`admit` checks one that is typed already and
fills in what it leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from loyalty.core.events import Event, FieldValue
from loyalty.errors import EventRejected, UsageError
from loyalty.programme.arguments import event_of
from loyalty.programme.gates import gates_of, rejected, unknown_kind
from loyalty.programme.model import Programme
from loyalty.programme.notes import nearest
from loyalty.programme.raw_values import read_instant, read_text, read_value
from loyalty.programme.revisions import in_force_at

#: Keys of a raw event that are not fields.
ENVELOPE: Final = ("on", "at", "id", "source", "partner", "person", "of")


def admit(programme: Programme, event: Event) -> Event:
    """
    Check an event against the programme's declarations, as they are in force when it occurred.

    Args:
        programme: The programme whose kinds are known.
        event: An event whose fields are typed: money in minor units of its declared unit.

    Returns:
        The event, with the defaults of fields that it leaves out; the same object where there are none.

    Raises:
        EventRejected: with every reason.
        UsageError: it is no event.
    """
    if type(event) is not Event:
        event = event_of(event)
    if programme.earlier:
        programme = _revision_at(programme, event.occurred_at)
    gate = gates_of(programme).get(event.kind)
    if gate is None:
        raise rejected(event.identity, [unknown_kind(programme, event.kind)])
    return gate.pass_through(event)


def read_event(programme: Programme, raw: Mapping[str, Any]) -> Event:
    """
    Read an event from plain values, as in the programme's examples or a line of JSON, and admit it.

    Args:
        programme: The programme whose kinds are known.
        raw: ``on`` (the kind), ``at`` (a date or an ISO time, as a text or an object, or microseconds as an int),
            ``id``, ``source``, ``partner``, ``person``, ``of``; all other keys are fields. An event with ``of`` may
            leave the partner out: it reaches the partner of the event that it speaks of. Money is
            ``"1000.00 EUR"``, or an int or Decimal in major units of the declared unit; floats are refused. Another
            unit is exchanged at the rate of the day, where the programme declares one.

    Raises:
        EventRejected: with every reason.
        UsageError: *raw* is no mapping.
    """
    if not isinstance(raw, Mapping):
        raise UsageError(f"got {raw!r} for an event's values; write a mapping such as {{'on': 'deal.won', 'id': ...}}")
    identity = f"{raw.get('source') or ''}/{raw.get('id') or '?'}"
    if programme.earlier:
        programme = _revision_at(programme, read_instant(raw.get("at"), programme, []))
    kind = raw.get("on")
    gate = gates_of(programme).get(kind) if isinstance(kind, str) else None
    if gate is None:
        raise rejected(identity, [unknown_kind(programme, kind)])
    reasons: list[str] = []
    occurred_at = read_instant(raw.get("at"), programme, reasons)
    fields: dict[str, FieldValue] = {}
    misspelt: set[str | None] = set()
    for name, value in raw.items():
        if name in ENVELOPE or value is None:
            continue
        spec = gate.specs.get(name)
        if spec is None:
            reasons.append(gate.unknown_field(str(name)))
            misspelt.add(nearest(str(name), gate.specs))
            continue
        try:
            fields[name] = read_value(spec, value, occurred_at, programme)
        except ValueError as error:
            reasons.append(f"{name}: {error}")
    texts = {name: read_text(name, raw, reasons) for name in ("id", "source", "partner", "person", "of")}
    event = Event(
        id=texts["id"] or "",
        kind=gate.name,
        partner=texts["partner"] or "",
        occurred_at=occurred_at if occurred_at is not None else programme.calendar.starts_us[0],
        source=texts["source"] or "",
        person=texts["person"],
        of=texts["of"],
        fields=fields,
    )
    # A field that could not be read, or whose name is misspelt, is not missing as well.
    unread = {reason.split(":", 1)[0] for reason in reasons} | (misspelt - fields.keys())
    try:
        admitted = gate.pass_through(event)
    except EventRejected as error:
        reasons += [reason for reason in error.reasons if reason.split(":", 1)[0] not in unread]
        raise rejected(identity, reasons) from None
    if reasons:
        raise rejected(identity, reasons)
    return admitted


def _revision_at(programme: Programme, occurred_at: object) -> Programme:
    """Give the revision that checks an event; the last one says what is wrong with an instant that is none."""
    starts = programme.calendar.starts_us
    if type(occurred_at) is int and starts[0] <= occurred_at < starts[-1]:
        return in_force_at(programme, occurred_at)
    return programme
