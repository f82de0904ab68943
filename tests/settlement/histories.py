"""
Random histories of any programme, from a seed.

Dates gather where something falls due: at the ends of periods, on leap days, at shifts of the clock, and as long after
an earlier event as a duration that the programme declares. Refunds, follows, ends and voids speak mostly of events
that are there, and now and then come before them.

>>> from random import Random  # history(programme, Random(1), size=12).events
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

from attrs import define, field, frozen

from loyalty.core.calendar import Duration, Unit
from loyalty.core.events import TIER_OVERRIDE, VOID, Event, FieldValue
from loyalty.ledger.store import Grant
from loyalty.programme.admission import admit
from loyalty.programme.model import EventKind, FieldSpec, FieldType, Programme, Role
from loyalty.programme.revisions import in_force_at, revisions_of
from loyalty.rules.declaration import Bands
from tests.settlement.drawn_commands import drawn_commands, without_refused

EPOCH = date(1970, 1, 1)
HOUR_US = 3_600_000_000
PARTNERS = ("acme", "acme", "acme", "birch")
PERSONS = (None, "ann", "ann", "bo")
SOURCES = ("", "", "", "crm")
COMMANDS = (0, 4, 10, 20)


@frozen
class History:
    """What a programme is settled with."""

    events: list[Event]
    grants: list[Grant]
    until_day: int
    #: The instants from which events count that came too late, by identity.
    counts_from: Mapping[str, int] = field(factory=dict)


def history(programme: Programme, rng: Random, size: int) -> History:
    """Draw a history of about so many events."""
    return Drawing(programme, rng).draw(size)


def durations_of(programme: Programme) -> list[Duration]:
    """Give every duration that the programme declares in any revision, but for those in hours."""
    return [length for one in revisions_of(programme) for length in _durations_in(one)]


def _durations_in(programme: Programme) -> list[Duration]:
    found = [currency.expires.after for currency in programme.currencies.values() if currency.expires]
    for rule in programme.rules:
        found += [pending.duration for pending in rule.pending.values() if pending.duration]
        found += [rule.cooldown.length] if rule.cooldown else []
    found += [metric.window.length for metric in programme.metrics.values() if metric.window.length]
    found += [currency.returns_grace for currency in programme.currencies.values() if currency.returns_grace]
    found += [policy.within for policy in programme.refunds.values() if policy.within]
    if programme.ladder.review and programme.ladder.review.grace:
        found.append(programme.ladder.review.grace)
    return [length for length in found if length.unit is not Unit.HOURS] + [Duration(1, Unit.YEARS)]


def numbers_of(programme: Programme, spec: FieldSpec) -> list[int]:
    """Give values of a number at which awards change: the starts of bands and the amounts of rates."""
    found = {spec.lowest, spec.lowest + 1, 1, 7, 10, 99, 100, 1000, 9_999, 10_000, 50_000, 123_457, spec.highest}
    for rule in (rule for one in revisions_of(programme) for rule in one.rules):
        for awards in rule.give.values():
            for award in awards.values():
                for band in award.bands if isinstance(award, Bands) else ():
                    found |= {band.start - 1, band.start, band.start + 1}
    return sorted(number for number in found if spec.lowest <= number <= spec.highest)


@define
class Drawing:
    """One history as it is drawn."""

    programme: Programme
    rng: Random
    events: list[Event] = field(factory=list)
    first: int = 0
    days: int = 0

    def draw(self, size: int) -> History:
        """Draw the events one by one, then the commands; what comes after a closing is left out."""
        rng = self.rng
        self.days = rng.choice((60, 60, 365, 3 * 365, 3 * 365, 5 * 365))
        self.first = self.programme.first_day + rng.choice((-3, 0, 0, rng.randrange(0, 500)))
        if self.programme.earlier and rng.random() < 0.5:
            # Much happens just before a revision, so that standing, graces and lots meet it.
            self.first = rng.choice(revisions_of(self.programme)[1:]).from_day - rng.randrange(10, 200)
            self.days = 300
        for number in range(rng.randint(1, size)):
            self.events.append(self.event(f"{rng.choice('abz')}{number}"))
        grants = drawn_commands(self.programme, self.events, rng, [self.moment() for _ in range(rng.choice(COMMANDS))])
        latest = max(self.programme.calendar.day_of(event.occurred_at) for event in self.events)
        until_day = rng.choice((latest, latest + rng.randrange(400), self.day(), self.first + self.days))
        counts_from = self.late_ones() if rng.random() < 0.25 else {}
        events = without_refused(self.programme, self.events, grants, counts_from)
        rng.shuffle(events)
        return History(events, grants, until_day, counts_from)

    def late_ones(self) -> dict[str, int]:
        """Draw some events that count from a later instant than their own, often that of another."""
        counts_from = {}
        for event in self.events:
            if event.kind != VOID and self.rng.random() < 0.3:
                instant = max(self.instant(), event.occurred_at + self.rng.choice((1, HOUR_US)))
                counts_from[event.identity] = instant
        return counts_from

    def event(self, id: str) -> Event:
        """Draw an event of any kind; kinds that speak of others are drawn more often once there are some."""
        rng = self.rng
        at = self.instant()
        declared = in_force_at(self.programme, at)
        plain = [kind for kind in declared.events.values() if kind.role is Role.NONE]
        speaking = [kind for kind in declared.events.values() if kind.role is not Role.NONE]
        chance = rng.random()
        if self.events and chance < 0.04:
            return self.about(id, VOID, rng.choice(self.events), at)
        if len(declared.ladder.tiers) > 1 and chance < 0.08:
            fields = {"tier": rng.choice(declared.ladder.tiers).name, "until": self.override_end()}
            return self.admitted(id, TIER_OVERRIDE, at, fields)
        if not speaking or not self.events or chance < 0.5:
            kind = rng.choice(plain)
            return self.admitted(id, kind.name, at, self.fields(kind))
        kind = rng.choice(speaking)
        origins = [event for event in self.events if event.kind == kind.origin_kind]
        if kind.role is Role.ENDS:
            return self.ending(id, kind, origins, at)
        if not origins or rng.random() < 0.03:
            origins = self.events
        return self.about(id, kind.name, rng.choice(origins), at)

    def about(self, id: str, kind: str, origin: Event, at: int) -> Event:
        """Make an event that speaks of another, mostly after it."""
        rng = self.rng
        if rng.random() < 0.8 and at < origin.occurred_at:
            later = self.programme.calendar.day_start_us(
                self.programme.calendar.day_of(origin.occurred_at) + rng.choice((1, 2, 30, 60, 200))
            )
            at = later if kind == VOID or kind in in_force_at(self.programme, later).events else at
        declared = in_force_at(self.programme, at).events.get(kind)
        fields = self.fields(declared) if declared is not None else {}
        if declared is not None and declared.part in fields:
            left = origin.fields.get(str(declared.part))
            part = rng.choice((left, 1, int(left) // 2, int(left) // 3, 0) if isinstance(left, int) else (1,))
            spec = declared.fields[str(declared.part)]
            fields[str(declared.part)] = min(max(int(part or 0), spec.lowest), spec.highest)
        of = "nobody" if rng.random() < 0.02 else origin.id
        return self.admitted(id, kind, at, fields, of=of, source=origin.source)

    def ending(self, id: str, kind: EventKind, origins: list[Event], at: int) -> Event:
        """Make an event that ends what an earlier one began, mostly."""
        fields = self.fields(kind)
        if not origins or self.rng.random() < 0.2:
            return self.admitted(id, kind.name, at, fields)
        origin = self.rng.choice(origins)
        fields |= {name: origin.fields[name] for name in fields if name in origin.fields}
        return self.admitted(id, kind.name, at, fields, partner=origin.partner, person=origin.person)

    def admitted(
        self, id: str, kind: str, at: int, fields: dict[str, FieldValue], of: str | None = None, **said: str | None
    ) -> Event:
        """Make the event as the programme takes it."""
        choices: dict[str, str | None] = {
            "partner": self.rng.choice(PARTNERS),
            "person": self.rng.choice(PERSONS),
            "source": self.rng.choice(SOURCES),
            **said,
        }
        return admit(
            self.programme,
            Event(
                id=id,
                kind=kind,
                partner=str(choices["partner"]),
                person=choices["person"],
                source=str(choices["source"]),
                occurred_at=at,
                of=of,
                fields=fields,
            ),
        )

    def fields(self, kind: EventKind) -> dict[str, FieldValue]:
        """Draw the fields, now and then without those that may be left out."""
        drawn = {}
        for spec in kind.fields.values():
            if spec.required or self.rng.random() < 0.7:
                drawn[spec.name] = self.value(spec)
        return drawn

    def value(self, spec: FieldSpec) -> FieldValue:
        """Draw a value of a field, numbers mostly where awards change."""
        if spec.type is FieldType.BOOL:
            return self.rng.random() < 0.6
        if spec.type is FieldType.ONE_OF:
            return self.rng.choice(spec.values)
        if spec.type is FieldType.TEXT:
            return self.rng.choice(("north", "south", "x"))
        if self.rng.random() < 0.6:
            return self.rng.choice(numbers_of(self.programme, spec))
        return self.rng.randint(spec.lowest, min(spec.highest, spec.lowest + 200_000))

    def day(self) -> int:
        """Draw a day, mostly one on which something falls due."""
        rng, chance = self.rng, self.rng.random()
        if self.events and chance < 0.45:
            earlier = self.programme.calendar.day_of(rng.choice(self.events).occurred_at)
            length = rng.choice(durations_of(self.programme))
            days = length.days or 30 * length.months + length.months // 2
            return earlier + rng.choice((0, days, days + 1, days - 1, 1))
        if self.programme.earlier and chance < 0.5:
            begun = rng.choice((*self.programme.earlier[1:], self.programme)).from_day
            return begun + rng.choice((-1, 0, 1, 31))
        if chance < 0.55:
            return self.first + rng.randrange(0, 40)
        anywhere = EPOCH + timedelta(days=self.first + rng.randrange(self.days))
        edges = (
            anywhere.replace(day=1),
            anywhere.replace(day=1) - timedelta(days=1),
            anywhere.replace(month=1, day=1),
            anywhere.replace(month=3, day=1) - timedelta(days=1),  # 28 or 29 February.
            anywhere.replace(month=3, day=31) - timedelta(days=(anywhere.replace(month=3, day=31).weekday() + 1) % 7),
            anywhere.replace(month=10, day=31) - timedelta(days=(anywhere.replace(month=10, day=31).weekday() + 1) % 7),
            anywhere,
        )
        drawn = (rng.choice(edges) - EPOCH).days
        if self.programme.last_day is not None and chance > 0.95:
            drawn = self.programme.last_day + rng.choice((0, 1, 2, 30))
        return max(drawn, self.programme.first_day - 40)

    def instant(self) -> int:
        """Draw an instant, mostly at an edge of the day, now and then that of an earlier event."""
        chance = self.rng.random()
        if self.events and chance < 0.12:
            return self.rng.choice(self.events).occurred_at
        if self.events and chance < 0.18:
            return self.rng.choice(self.events).occurred_at + self.rng.choice((12, 24, 25)) * HOUR_US
        calendar, day = self.programme.calendar, self.day()
        start, end = calendar.day_start_us(day), calendar.day_start_us(day + 1)
        return self.rng.choice((start, end - 1, start + (end - start) // 2, start + 2 * HOUR_US, start + 1))

    def override_end(self) -> str:
        """Draw the last day of a manual tier."""
        return (EPOCH + timedelta(days=self.day())).isoformat()

    def moment(self) -> int:
        """Draw the instant of a command, often that of an event."""
        event = self.rng.choice(self.events)
        at = event.occurred_at if self.rng.random() < 0.4 else self.instant()
        return max(at, self.programme.calendar.day_start_us(self.first))
