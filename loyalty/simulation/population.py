"""
Events of partners that do not exist, valid for the programme and always the same for the same seed.

Each partner is drawn alone from streams keyed by (seed, partner, kind of event). So a population can be cut into
parts, on one machine or many, and joined again without changing an event; more partners or more months only add
events, and a change to one kind of event leaves the others as they were. Months are calendar months of the
programme's zone; the first is the one that the start lies in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from loyalty.core.calendar import FIRST_DAY, FIRST_YEAR, Calendar, Unit, month_tables
from loyalty.core.events import Event, FieldValue
from loyalty.core.holders import Holder, Layer
from loyalty.programme.admission import admit
from loyalty.programme.model import EventKind, Programme, Role
from loyalty.rules.declaration import Subject
from loyalty.simulation.behaviour import Activity, Consequence, Delay, Scenario, Segment
from loyalty.simulation.defaults import default_draws
from loyalty.simulation.draws import Draw, Stream

#: The source of every simulated event.
SOURCE: Final = "simulation"

_OPENS_SECOND: Final = 8 * 3600
_CLOSES_SECOND: Final = 18 * 3600 - 1
_SECOND_US: Final = 1_000_000


@frozen
class RedemptionWish:
    """That *holder* wants to redeem a share (parts per million) of what it has available at an instant."""

    holder: Holder
    currency: str
    at: int
    share_ppm: int


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


def redemption_wishes(
    programme: Programme, scenario: Scenario, partners: int | Iterable[str], months: int, start_day: int
) -> Iterator[RedemptionWish]:
    """Give what the scenario's partners want to redeem: the declared share at noon of each month's last day."""
    starts = month_starts(start_day, months)
    names = list(partner_names(partners))
    for following in starts[1:]:
        noon = programme.calendar.day_start_us(following - 1) + 12 * 3600 * _SECOND_US
        for name in names:
            for currency, share in sorted(scenario.redeem.items()):
                yield RedemptionWish(Holder.partner(name), currency, noon, int(share * 1_000_000))


def partner_names(partners: int | Iterable[str]) -> Iterable[str]:
    """Give the names of so many partners, or those given."""
    if isinstance(partners, int):
        return (f"P-{number:06}" for number in range(1, partners + 1))
    return partners


def month_starts(start_day: int, months: int) -> list[int]:
    """Give the first day of each month from that of *start_day*, and of the one after the last."""
    month_of_day, first_days = month_tables()
    first = month_of_day[start_day - FIRST_DAY] - FIRST_YEAR * 12
    return first_days[first : first + months + 1]


@frozen
class _Partner:
    """One drawn partner."""

    id: str
    segment: Segment
    size: float
    persons: tuple[str, ...]


class _Plan:
    """One activity, with everything that does not depend on the partner looked up."""

    def __init__(self, activity: Activity, programme: Programme) -> None:
        kinds = programme.events
        self.activity = activity
        self.kind = kinds[activity.kind]
        self.fields = default_draws(self.kind, activity.fields)
        self.season = [float(factor) for factor in activity.season]
        self.then = [
            (consequence, kinds[consequence.kind], _own_draws(kinds[consequence.kind], consequence), float(consequence.chance))
            for consequence in activity.then
        ]
        # Whoever holds a certificate does not pass it again before it ends.
        self.held_by = next(
            (kind.by for kind in kinds.values() if kind.role is Role.ENDS and kind.origin_kind == activity.kind), None
        )

    def rate(self, partner: _Partner) -> float:
        """Give the events a month that this partner has on average, season aside."""
        rate = float(self.activity.rate * partner.segment.rates.get(self.kind.name, 1))
        return rate * (len(partner.persons) if self.activity.per is Layer.PERSON else partner.size)


class _Draws:
    """Draws the history of one partner after another."""

    def __init__(self, programme: Programme, scenario: Scenario, months: int, seed: int, start_day: int) -> None:
        self.calendar: Calendar = programme.calendar
        self.seed = seed
        self.start_day = start_day
        self.segments = scenario.segments
        self.starts = month_starts(start_day, months)
        self.first_month = month_tables()[0][start_day - FIRST_DAY]
        self.plans = [_Plan(activity, programme) for activity in scenario.activities]

    def history(self, partner_id: str) -> list[Event]:
        partner = self._partner(partner_id)
        events: list[Event] = []
        for plan in self.plans:
            events.extend(self._events(plan, partner))
        events.sort(key=lambda event: event.key)
        return events

    def _partner(self, partner_id: str) -> _Partner:
        stream = Stream(self.seed, partner_id)
        share, segment = stream.share(), self.segments[-1]
        for candidate in self.segments:
            if share < candidate.share:
                segment = candidate
                break
            share -= float(candidate.share)
        size = stream.factor(float(segment.size_median), float(segment.size_sigma))
        persons = segment.persons.draw(stream)
        return _Partner(partner_id, segment, size, tuple(f"{partner_id}-{n}" for n in range(1, persons + 1)))

    def _events(self, plan: _Plan, partner: _Partner) -> Iterator[Event]:
        stream = Stream(self.seed, partner.id, plan.kind.name)
        rate = plan.rate(partner)
        scale = float(partner.segment.amounts)
        held: dict[tuple[FieldValue | None, ...], int] = {}
        number = 0
        for index, (first, following) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
            count = stream.count(rate * plan.season[(self.first_month + index) % 12])
            for at in sorted(self._instant(stream, stream.uniform(first, following - 1)) for _ in range(count)):
                number += 1
                origin = self._event(plan, partner, stream, scale, at, number)
                consequences = [
                    event for each in plan.then if (event := self._consequence(origin, stream, *each)) is not None
                ]
                if at < self.calendar.day_start_us(self.start_day):
                    continue
                if plan.held_by is not None:
                    key = tuple(_part(origin, part) for part in plan.held_by)
                    if held.get(key, at) > at:
                        continue
                    ends = [event.occurred_at for event, (_, kind, _, _) in zip(consequences, plan.then, strict=False)
                            if kind.role is Role.ENDS]  # fmt: skip
                    held[key] = min(ends, default=2**62)
                yield origin
                yield from consequences

    def _event(
        self, plan: _Plan, partner: _Partner, stream: Stream, scale: float, at: int, number: int
    ) -> Event:
        names_person = (plan.activity.names_person or plan.activity.per is Layer.PERSON) and bool(partner.persons)
        person = partner.persons[stream.uniform(0, len(partner.persons) - 1)] if names_person else None
        return Event(
            id=f"{partner.id}/{plan.kind.name}/{number}",
            source=SOURCE,
            kind=plan.kind.name,
            partner=partner.id,
            person=person,
            occurred_at=at,
            fields={
                name: draw.draw(stream, scale) for name, draw in plan.fields.items()
            },
        )
