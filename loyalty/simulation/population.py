"""
Events of partners that do not exist, valid for the programme and always the same for the same seed.

Each partner is drawn alone from streams keyed by (seed, partner, kind of event). So a population can be cut into
parts, on one machine or many, and joined again without changing an event; more partners or more months only add
events, and a change to one kind of event leaves the others as they were. Months are calendar months of the
programme's zone; the first is the one that the start lies in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Final

from attrs import frozen

from loyalty.core.calendar import Calendar, Unit
from loyalty.core.events import Event, FieldValue
from loyalty.core.holders import Layer
from loyalty.programme.admission import admit
from loyalty.programme.model import EventKind, Programme, Role
from loyalty.rules.declaration import Subject
from loyalty.simulation.behaviour import Activity, Consequence, Delay, Scenario, Segment
from loyalty.simulation.defaults import default_draws
from loyalty.simulation.draws import Draw, Stream
from loyalty.simulation.months import add_months, month_of, month_starts

#: The source of every simulated event.
SOURCE: Final = "simulation"

_OPENS_SECOND: Final = 8 * 3600
_CLOSES_SECOND: Final = 18 * 3600 - 1
_SECOND_US: Final = 1_000_000


def population(
    programme: Programme, scenario: Scenario, partners: int | Iterable[str], months: int, seed: int, start_day: int
) -> Iterator[Event]:
    """
    Draw the events of a population, partner by partner, each partner's in settlement order.

    Args:
        programme: What the events must be valid for.
        scenario: How the partners behave.
        partners: How many, named ``P-000001`` and so on, or the names of those to draw.
        months: Calendar months, the one of *start_day* included.
        seed: Any whole number; the same seed gives the same events.
        start_day: Nothing happens before it.

    Raises:
        EventRejected: the scenario asks for something that the programme refuses.
    """
    draws = _Draws(programme, scenario, months, seed, start_day)
    for partner in partner_names(partners):
        for event in draws.history(partner):
            yield admit(programme, event)


def partner_names(partners: int | Iterable[str]) -> Iterable[str]:
    """Give the names of so many partners, or those given."""
    if isinstance(partners, int):
        return (f"P-{number:06}" for number in range(1, partners + 1))
    return partners


@frozen
class _Partner:
    """One drawn partner."""

    id: str
    segment: Segment
    size: float
    persons: tuple[str, ...]


class _Follower:
    """A consequence, with everything that does not depend on its origin looked up."""

    def __init__(self, consequence: Consequence, kind: EventKind) -> None:
        self.kind = kind
        self.chance = float(consequence.chance)
        self.partial = float(consequence.partial)
        self.after = consequence.after
        copied = {part for part in kind.by if isinstance(part, str)} | {kind.part}
        own = {name: draw for name, draw in default_draws(kind, consequence.fields).items() if name not in copied}
        self.fields: Mapping[str, Draw] = own

    def draw(self, origin: Event, stream: Stream, calendar: Calendar) -> Event | None:
        """Draw the event that follows *origin*, or None."""
        if not stream.happens(self.chance):
            return None
        day = _later_day(calendar.day_of(origin.occurred_at), stream, self.after)
        fields = {name: draw.draw(stream) for name, draw in self.fields.items()}
        copied = (part for part in self.kind.by if isinstance(part, str) and part in origin.fields)
        fields |= {part: origin.fields[part] for part in copied}
        if self.kind.part is not None and stream.happens(self.partial):
            whole = origin.fields.get(self.kind.part)
            if isinstance(whole, int) and whole > 1:
                fields[self.kind.part] = max(stream.uniform(whole // 10, whole * 9 // 10), 1)
        return Event(
            id=f"{origin.id}/{self.kind.name}",
            source=SOURCE,
            kind=self.kind.name,
            partner=origin.partner,
            person=origin.person,
            occurred_at=max(_instant(calendar, stream, day), origin.occurred_at + _SECOND_US),
            of=None if self.kind.role is Role.ENDS else origin.id,
            fields=fields,
        )


class _Plan:
    """One activity, with everything that does not depend on the partner looked up."""

    def __init__(self, activity: Activity, programme: Programme) -> None:
        kinds = programme.events
        self.kind = kinds[activity.kind]
        self.rate = activity.rate
        self.per = activity.per
        self.names_person = activity.names_person or activity.per is Layer.PERSON
        self.fields: Mapping[str, Draw] = default_draws(self.kind, activity.fields)
        self.season = [float(factor) for factor in activity.season]
        self.followers = [_Follower(each, kinds[each.kind]) for each in activity.then]
        # Whoever holds a certificate does not pass it again before it ends.
        self.held_by = next(
            (kind.by for kind in kinds.values() if kind.role is Role.ENDS and kind.origin_kind == activity.kind), None
        )

    def monthly(self, partner: _Partner) -> float:
        """Give the events a month that this partner has on average, season aside."""
        rate = float(self.rate * partner.segment.rates.get(self.kind.name, 1))
        return rate * (len(partner.persons) if self.per is Layer.PERSON else partner.size)


class _Draws:
    """Draws the history of one partner after another."""

    def __init__(self, programme: Programme, scenario: Scenario, months: int, seed: int, start_day: int) -> None:
        self.calendar = programme.calendar
        self.seed = seed
        self.segments = scenario.segments
        self.sums = [float(total) for total in accumulate(segment.share for segment in scenario.segments)]
        self.starts = month_starts(start_day, months)
        self.first_month = month_of(start_day)
        self.start_us = self.calendar.day_start_us(start_day)
        self.end_us = self.calendar.day_start_us(self.starts[-1])
        self.plans = [_Plan(activity, programme) for activity in scenario.activities]

    def history(self, partner_id: str) -> list[Event]:
        """Draw everything that happens to one partner, in settlement order."""
        partner = self._partner(partner_id)
        events = [event for plan in self.plans for event in self._events(plan, partner)]
        events = [event for event in events if event.occurred_at < self.end_us]
        events.sort(key=lambda event: event.key)
        return events

    def _partner(self, partner_id: str) -> _Partner:
        stream = Stream(self.seed, partner_id)
        segment = self.segments[min(bisect_right(self.sums, stream.share()), len(self.segments) - 1)]
        size = stream.factor(float(segment.size_median), float(segment.size_sigma))
        persons = segment.persons.draw(stream)
        return _Partner(partner_id, segment, size, tuple(f"{partner_id}-{n}" for n in range(1, persons + 1)))

    def _events(self, plan: _Plan, partner: _Partner) -> Iterator[Event]:
        stream = Stream(self.seed, partner.id, plan.kind.name)
        monthly = plan.monthly(partner)
        held_until: dict[tuple[FieldValue | None, ...], int] = {}
        number = 0
        for index, (first, following) in enumerate(pairwise(self.starts)):
            count = stream.count(monthly * plan.season[(self.first_month + index) % 12])
            instants = [_instant(self.calendar, stream, stream.uniform(first, following - 1)) for _ in range(count)]
            for at in sorted(instants):
                number += 1
                origin = _origin(plan, partner, stream, at, number)
                after = [event for each in plan.followers if (event := each.draw(origin, stream, self.calendar))]
                if at < self.start_us:
                    continue
                if plan.held_by is not None:
                    key = tuple(_part(origin, part) for part in plan.held_by)
                    if held_until.get(key, at) > at:
                        continue
                    # Ends are the only consequences that name no origin.
                    held_until[key] = min((event.occurred_at for event in after if event.of is None), default=2**62)
                yield origin
                yield from after


def _origin(plan: _Plan, partner: _Partner, stream: Stream, at: int, number: int) -> Event:
    person = None
    if plan.names_person and partner.persons:
        person = partner.persons[stream.uniform(0, len(partner.persons) - 1)]
    scale = float(partner.segment.amounts)
    return Event(
        id=f"{partner.id}/{plan.kind.name}/{number}",
        source=SOURCE,
        kind=plan.kind.name,
        partner=partner.id,
        person=person,
        occurred_at=at,
        fields={name: draw.draw(stream, scale) for name, draw in plan.fields.items()},
    )


def _part(event: Event, part: Subject | str) -> FieldValue | None:
    if part is Subject.PARTNER:
        return event.partner
    return event.person if part is Subject.PERSON else event.fields.get(str(part))


def _instant(calendar: Calendar, stream: Stream, day: int) -> int:
    """Draw an instant of the day's office hours; the shortest local day is longer than they last."""
    return calendar.day_start_us(day) + stream.uniform(_OPENS_SECOND, _CLOSES_SECOND) * _SECOND_US


def _later_day(day: int, stream: Stream, delay: Delay) -> int:
    count = stream.uniform(delay.lowest, delay.highest)
    if delay.unit in (Unit.MONTHS, Unit.YEARS):
        return add_months(day, count * (12 if delay.unit is Unit.YEARS else 1))
    return day + count * (7 if delay.unit is Unit.WEEKS else 1)
