"""The months of a simulation as tables, and the instants of the days in them."""

from __future__ import annotations

from typing import Final

import numpy as np

from loyalty.core.calendar import FIRST_DAY, FIRST_YEAR, Calendar, Unit, month_tables
from loyalty.simulation.behaviour import Delay
from loyalty.simulation.draws import Integers, Keys
from loyalty.simulation.months import month_of, month_starts

#: Business is done in office hours; the shortest local day is longer than they last.
_OPENS_SECOND: Final = 8 * 3600
_CLOSES_SECOND: Final = 18 * 3600 - 1

#: A second, in microseconds.
SECOND_US: Final = 1_000_000


class Span:
    """
    So many calendar months from the one that a day lies in.

    Attributes:
        first_month: Counted from January of year 0.
        first_days: The first day of each month, and of the one after the last.
        start_us, end_us: UTC microseconds: nothing happens before the one, nor from the other on.
    """

    def __init__(self, calendar: Calendar, start_day: int, months: int) -> None:
        self.first_month = month_of(start_day)
        self.months = months
        starts = month_starts(start_day, months)
        self.first_days = np.array(starts, dtype=np.int64)
        self.start_us = calendar.day_start_us(start_day)
        self.end_us = calendar.day_start_us(starts[-1])
        self._day_starts = np.array(calendar.starts_us, dtype=np.int64)
        month_of_day, first_day_of_month = month_tables()
        self._month_of_day = np.array(month_of_day, dtype=np.int64)
        self._first_day_of_month = np.array(first_day_of_month, dtype=np.int64)

    def day_in(self, month: Integers, keys: Keys) -> Integers:
        """Draw a day of each month, the first month being 0."""
        first = self.first_days[month]
        day: Integers = first + keys.uniform(0, self.first_days[month + 1] - first - 1)
        return day

    def instant_on(self, day: Integers, keys: Keys) -> Integers:
        """Draw an instant of each day's office hours, UTC microseconds."""
        return self.second_of(day, keys.uniform(_OPENS_SECOND, _CLOSES_SECOND))

    def second_of(self, day: Integers, second: int | Integers) -> Integers:
        """Give the instant so many seconds after the start of each day, UTC microseconds."""
        place = np.minimum(day - FIRST_DAY, len(self._day_starts) - 1)
        instant: Integers = self._day_starts[place] + np.asarray(second) * SECOND_US
        return instant

    def later(self, day: Integers, delay: Delay, keys: Keys) -> Integers:
        """Draw the day on which something follows."""
        count = keys.uniform(delay.lowest, delay.highest)
        if delay.unit not in (Unit.MONTHS, Unit.YEARS):
            return day + count * (7 if delay.unit is Unit.WEEKS else 1)
        # The same day of a later month, or its last day where that month is shorter.
        index = self._month_of_day[day - FIRST_DAY] - FIRST_YEAR * 12
        first = self._first_day_of_month
        later = np.minimum(index + count * (12 if delay.unit is Unit.YEARS else 1), len(first) - 2)
        followed: Integers = np.minimum(first[later] + day - first[index], first[later + 1] - 1)
        return followed
