"""
When actions happen: all at once on some day, or spread over periods of caps, or with cooldowns between them.

Days are tried on which something begins: now, the validity of a rule or a campaign, a revision, or what a look reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from loyalty.core.calendar import Duration, Period, period_bounds
from loyalty.programme.model import Programme
from loyalty.programme.revisions import revisions_of
from loyalty.rules.declaration import Rule
from loyalty.settlement.runtime import maturity

#: So many days are used of a spread schedule.
_MOST_DAYS = 24

#: So many days on which something begins or ends are tried.
_MOST_TURNS = 24


@frozen
class Schedule:
    """
    Days on which actions happen, in turn.

    Attributes:
        days: The days; the first action happens on the first, and so on around.
        look: The day at whose end metrics are looked at, after the actions.
    """

    days: tuple[int, ...]
    look: int

    def day(self, number: int) -> int:
        """Give the day of the action of a number."""
        return self.days[number % len(self.days)]


def schedules(
    programme: Programme, ruling: Programme, *, today: int, by: int, looks: list[int], at_once: bool, month: object
) -> list[Schedule]:
    """
    Give the schedules that are tried, that of today first.

    Args:
        programme: Its revisions say when something begins.
        ruling: The revision whose caps and cooldowns are read.
        today: The first day on which anything can happen.
        by: The last.
        looks: The days on which standing is looked at, in order, at most one of them behind *by*.
        at_once: Whether an action itself can bring the tier, so that metrics are looked at after the last.
        month: What has the tables of months.
    """

    def look_after(day: int) -> int | None:
        return next((look - 1 for look in looks if look > day), None)

    found: list[Schedule] = []

    def add(days: list[int]) -> None:
        look = days[-1] if at_once else look_after(days[-1])
        if look is not None:
            found.append(Schedule(tuple(days), look))

    last = by if at_once else max((look - 1 for look in looks), default=by)
    begins, ends = _turns(programme, today, by)
    # A day is as good as any other before the next turn, but for windows that move on before a later look.
    moments = [today, *begins, *(look - 1 for look in looks if today < look - 1 <= by), by, *(() if at_once else ends)]
    for day in dict.fromkeys(moments):
        add([day])
    for first in (today, *(day for day in begins if day <= last)):
        for period in sorted(_periods(ruling), key=lambda period: period.value):
            add(list(_starts(ruling, period, first, min(last, by))))
        for length in sorted(_cooldowns(ruling), key=str):
            add(list(_every(length, first, min(last, by), month)))
    return list(dict.fromkeys(found))


def _turns(programme: Programme, today: int, by: int) -> tuple[list[int], list[int]]:
    """Give the days after today on which something begins, and the last days of what ends, the earliest first."""
    revisions = revisions_of(programme)
    spans = [rule.valid for one in revisions for rule in one.rules]
    spans += [campaign.valid for one in revisions for campaign in one.campaigns.values()]

    def within(days: Iterable[int | None]) -> list[int]:
        return sorted({day for day in days if day is not None and today < day <= by})[:_MOST_TURNS]

    first_days = (programme.first_day, *(one.from_day for one in revisions), *(span.first_day for span in spans))
    return within(first_days), within(span.last_day for span in spans)


def _starts(programme: Programme, period: Period, first: int, last: int) -> Iterator[int]:
    """Give a day, and the first days of the periods after it."""
    day = first
    for _ in range(_MOST_DAYS):
        yield day
        day = period_bounds(period, day, programme.year_starts_month)[2] + 1
        if day > last:
            return


def _every(length: Duration, first: int, last: int, month: object) -> Iterator[int]:
    """Give a day, and the days after it on which a cooldown is over."""
    day = first
    for _ in range(_MOST_DAYS):
        yield day
        day = maturity(month, day, length.days or 1 + length.hours // 24, length.months)
        if day > last:
            return


def _periods(programme: Programme) -> set[Period]:
    """Give the periods after which something can be earned again."""
    caps = [cap for rule in programme.rules for cap in rule.caps]
    caps += [cap for campaign in programme.campaigns.values() for cap in campaign.caps]
    found = {cap.period for cap in caps if cap.period is not None}
    found |= {part for rule in programme.rules for part in rule.once_per or () if isinstance(part, Period)}
    found |= {rule.streak.every for rule in programme.rules if rule.streak}
    # The metrics of a new period have room as well, but are no reason to wait.
    return found


def _cooldowns(programme: Programme) -> set[Duration]:
    rules: tuple[Rule, ...] = programme.rules
    return {rule.cooldown.length for rule in rules if rule.cooldown}
