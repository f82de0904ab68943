"""
When actions happen: all at once on some day, or spread over periods of caps, or with cooldowns between them.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from loyalty.core.calendar import Duration, Period, period_bounds
from loyalty.programme.model import Programme
from loyalty.rules.declaration import Rule
from loyalty.settlement.runtime import maturity

#: So many days are used of a spread schedule.
_MOST_DAYS = 24


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
    programme: Programme, *, today: int, by: int, looks: list[int], at_once: bool, month: object
) -> list[Schedule]:
    """
    Give the schedules that are tried, that of today first.

    Args:
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
    begins = [programme.first_day] if today < programme.first_day <= by else []
    moments = [today, *begins, *(look - 1 for look in looks if today < look - 1 <= by), by]
    for day in dict.fromkeys(moments):
        add([day])
    for period in sorted(_periods(programme), key=lambda period: period.value):
        add(list(_starts(programme, period, today, min(last, by))))
    for length in sorted(_cooldowns(programme), key=str):
        add(list(_every(length, today, min(last, by), month)))
    return list(dict.fromkeys(found))


def _starts(programme: Programme, period: Period, today: int, last: int) -> Iterator[int]:
    """Give today, and the first days of the periods after it."""
    day = today
    for _ in range(_MOST_DAYS):
        yield day
        day = period_bounds(period, day, programme.year_starts_month)[2] + 1
        if day > last:
            return


def _every(length: Duration, today: int, last: int, month: object) -> Iterator[int]:
    """Give today, and the days after it on which a cooldown is over."""
    day = today
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
