"""
The gates through which events pass: one for each kind that a programme declares.

A good event passes quickly; of one that does not, everything that is wrong is said.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import evolve, frozen

from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day, parse_day
from loyalty.core.events import TIER_OVERRIDE, VOID, Event, FieldValue
from loyalty.errors import EventRejected
from loyalty.programme.model import FieldSpec, FieldType, Programme, Role
from loyalty.programme.notes import did_you_mean, join_words, nearest
from loyalty.programme.texts import UNSTORABLE, can_be_stored, writable
from loyalty.programme.units import digits_of

#: The name of an identifier may not be longer, so that every store can index it.
LONGEST_ID: Final = 200


@frozen(eq=False)
class Gate:
    """What is known of one kind, laid out so that a good event passes quickly."""

    name: str
    specs: Mapping[str, FieldSpec]
    tests: Mapping[str, Callable[[Any], str | None]]
    required: frozenset[str]
    defaults: Mapping[str, FieldValue]
    speaks_of: bool
    first_us: int
    end_us: int

    def pass_through(self, event: Event) -> Event:
        """Give the event with its defaults, or raise with every reason."""
        fields = event.fields
        tests = self.tests
        good = (
            self.required <= fields.keys()
            and event.__class__ is Event
            and type(event.occurred_at) is int
            and self.first_us <= event.occurred_at < self.end_us
            and (event.of is not None) is self.speaks_of
            and self._names_are_texts(event)
        )
        if good:
            for name, value in fields.items():
                test = tests.get(name)
                if test is None or test(value) is not None:
                    good = False
                    break
        if not good:
            raise rejected(event.identity, self.reasons(event))
        if self.defaults and not self.defaults.keys() <= fields.keys():
            return evolve(event, fields={**self.defaults, **fields})
        return event

    def _names_are_texts(self, event: Event) -> bool:
        id, partner, person = event.id, event.partner, event.person
        return (
            type(id) is str
            and type(partner) is str
            and type(event.source) is str
            and 0 < len(id) <= LONGEST_ID
            and (0 < len(partner) <= LONGEST_ID or (self.speaks_of and not partner))
            and (person is None or (type(person) is str and 0 < len(person) <= LONGEST_ID))
            and (event.of is None or (type(event.of) is str and 0 < len(event.of) <= LONGEST_ID))
            and len(event.source) <= LONGEST_ID
            and "/" not in event.source
            and can_be_stored(id + partner + event.source + (person or "") + (event.of or ""))
        )

    def reasons(self, event: Event) -> list[str]:
        """Say everything that is wrong with an event that did not pass."""
        reasons = []
        if type(event.occurred_at) is not int:
            reasons.append(f"at: {event.occurred_at!r} is no instant; give whole microseconds since 1970, in UTC")
        elif not self.first_us <= event.occurred_at < self.end_us:
            reasons.append(f"at: {event.occurred_at} lies outside the years that the calendar knows; mend the date")
        for name in ("id", "partner", "source", "person", "of"):
            reasons += self.name_reasons(name, getattr(event, name))
        if event.of is not None and not self.speaks_of:
            reasons.append(f"of: events of {self.name} speak of no other; leave `of` out")
        if event.of is None and self.speaks_of:
            reasons.append(f"of: events of {self.name} name the event that they speak of; add `of` with its id")
        # A field whose name is misspelt is not missing as well.
        meant = {nearest(name, self.specs) for name in event.fields if name not in self.specs}
        for name in sorted(self.required - event.fields.keys() - meant):
            reasons.append(f"{name}: the field is missing; events of {self.name} need it")
        for name, value in event.fields.items():
            test = self.tests.get(name)
            reason = self.unknown_field(name) if test is None else test(value)
            if reason is not None:
                reasons.append(reason)
        return reasons

    def name_reasons(self, name: str, value: object) -> list[str]:
        """Say what is wrong with an identifier: ``id``, ``partner``, ``source``, ``person`` or ``of``."""
        may_be_absent = name in ("person", "of", "source") or (name == "partner" and self.speaks_of)
        if value is None and name in ("person", "of"):
            return []
        if not isinstance(value, str):
            return [f"{name}: {value!r} is no text; give the identifier as a text"]
        if not value and not (may_be_absent and name in ("source", "partner")):
            return [
                f"{name}: it is missing; every event needs it"
                if name in ("id", "partner")
                else f"{name}: it is empty; leave it out"
            ]
        if len(value) > LONGEST_ID:
            return [f"{name}: it is longer than {LONGEST_ID} characters; shorten it"]
        if not can_be_stored(value):
            return [_not_storable(name, value)]
        if name == "source" and "/" in value:
            return [
                f"source: {value!r} has a slash, which stands between the source and the id of an event's identity; "
                f"write for example {value.replace('/', '-')!r}"
            ]
        return []

    def unknown_field(self, name: str) -> str:
        """Say that the kind has no such field."""
        return f"{name}: events of {self.name} have no such field; {did_you_mean(name, self.specs, 'fields')}"


#: The gates of each programme that is alive, by its identity: a programme is too large to be hashed.
_GATES: Final[dict[int, tuple[weakref.ref[Programme], dict[str, Gate]]]] = {}


def gates_of(programme: Programme) -> dict[str, Gate]:
    """Give the gates of a programme by the kind of event; they are made once."""
    known = _GATES.get(id(programme))
    if known is not None and known[0]() is programme:
        return known[1]
    gates = _make_gates(programme)
    key = id(programme)
    _GATES[key] = (weakref.ref(programme, lambda _: _GATES.pop(key, None)), gates)
    return gates


def rejected(identity: str, reasons: Iterable[str]) -> EventRejected:
    """Make the error of an event that does not pass; what it says can be printed, whatever the event holds."""
    return EventRejected(writable(identity), [writable(reason) for reason in reasons])


def _make_gates(programme: Programme) -> dict[str, Gate]:
    first_us, end_us = programme.calendar.starts_us[0], programme.calendar.starts_us[-1]

    def gate(name: str, specs: Mapping[str, FieldSpec], speaks_of: bool) -> Gate:
        return Gate(
            name=name,
            specs=specs,
            tests={spec.name: _test_of(spec) for spec in specs.values()},
            required=frozenset(spec.name for spec in specs.values() if spec.required),
            defaults={spec.name: spec.default for spec in specs.values() if spec.default is not None},
            speaks_of=speaks_of,
            first_us=first_us,
            end_us=end_us,
        )

    tiers = tuple(tier.name for tier in programme.ladder.tiers)
    override = {
        "tier": FieldSpec(name="tier", type=FieldType.ONE_OF, values=tiers),
        "until": FieldSpec(name="until", type=FieldType.TEXT),
    }
    gates = {
        kind.name: gate(kind.name, kind.fields, kind.role in (Role.REFUNDS, Role.FOLLOWS))
        for kind in programme.events.values()
    }
    gates[VOID] = gate(VOID, {}, True)
    gates[TIER_OVERRIDE] = evolve(
        gate(TIER_OVERRIDE, override, False), tests={"tier": _test_of(override["tier"]), "until": _test_until}
    )
    return gates


def _test_of(spec: FieldSpec) -> Callable[[Any], str | None]:
    """Make the test of one field: it gives the reason against a value, or None."""
    name, lowest, highest, values = spec.name, spec.lowest, spec.highest, frozenset(spec.values)

    def test_number(value: Any) -> str | None:
        if type(value) is int and lowest <= value <= highest:
            return None
        if type(value) is not int:
            return f"{name}: {value!r} is no whole number; {_number_hint(spec)}"
        scale = digits_of(spec.unit) if spec.unit else 0
        low, high = format_minor_units(lowest, scale), format_minor_units(highest, scale)
        unit = f" {spec.unit}" if spec.unit else ""
        shown = format_minor_units(value, scale)
        return f"{name}: {shown}{unit} lies outside {low} to {high}{unit}; mend it, or declare other bounds"

    def test_bool(value: Any) -> str | None:
        return None if type(value) is bool else f"{name}: {value!r} is neither true nor false; give a bool"

    def test_text(value: Any) -> str | None:
        if type(value) is not str:
            return f"{name}: {value!r} is no text; give a text"
        return None if can_be_stored(value) else _not_storable(name, value)

    def test_one_of(value: Any) -> str | None:
        if type(value) is str and value in values:
            return None
        hint = did_you_mean(str(value), spec.values, "values")
        return f"{name}: {value!r} is none of {join_words(spec.values, 'or')}; {hint}"

    return {
        FieldType.MONEY: test_number,
        FieldType.INT: test_number,
        FieldType.BOOL: test_bool,
        FieldType.TEXT: test_text,
        FieldType.ONE_OF: test_one_of,
    }[spec.type]


def _test_until(value: Any) -> str | None:
    try:
        day = parse_day(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or format_day(day) != value:
        return f"until: {value!r} is no date; write the last day of the tier, 2026-12-31"
    return None


def _not_storable(name: str, value: str) -> str:
    return f"{name}: {value!r} holds {UNSTORABLE}; take that character out"


def _number_hint(spec: FieldSpec) -> str:
    return f"give whole minor units of {spec.unit}" if spec.unit else "give an int"


def unknown_kind(programme: Programme, kind: object) -> str:
    """Say that the programme has no such kind."""
    if kind is None:
        return "on: the kind is missing; say what happened, for example `on: deal.won`"
    return f"on: the programme has no kind {kind!r}; {did_you_mean(str(kind), [*programme.events, VOID], 'kinds')}"
