"""
The programme's calendar: instants are UTC microseconds, days are local dates counted from 1970-01-01.

Everything timed falls on the start of a local day, so that settlement works on whole days and no daylight saving
reaches it. Periods are half-open and come from one table, the month that each day lies in: a quarter is three of
them, a year twelve.

>>> calendar = Calendar.of("Europe/Berlin")
>>> day = parse_day("2026-03-29")  # A day of 23 hours.
>>> (calendar.day_start_us(day + 1) - calendar.day_start_us(day)) // 3_600_000_000
23
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import pendulum
from attrs import frozen

FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2100
_EPOCH = date(1970, 1, 1)
_EPOCH_US = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

#: The first and the day after the last day that the tables hold.
FIRST_DAY: Final = (date(FIRST_YEAR, 1, 1) - _EPOCH).days
LAST_DAY: Final = (date(LAST_YEAR, 1, 1) - _EPOCH).days

#: A day that never comes: the expiry of what does not expire.
NEVER: Final = 2**31 - 1

HOUR_US: Final = 3_600_000_000


class Unit(Enum):
    """What durations are counted in."""

    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


class Period(Enum):
    """Calendar periods, by the words that files use; :data:`PERIOD_MONTHS` has the lengths of those made of months."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


#: Length in months of the periods that months make up.
PERIOD_MONTHS: Final = {Period.MONTH: 1, Period.QUARTER: 3, Period.HALF_YEAR: 6, Period.YEAR: 12}


@frozen
class Duration:
    """A length of time: ``30 days``, ``24 months``; hours are instants, all others count local dates."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Duration:
        """
        Read a count and a unit.

        Raises:
            ValueError: not of the form ``30 days``, or not above 0.

        >>> str(Duration.parse("1 year"))
        '1 year'
        """
        match = re.fullmatch(r"(\d+)\s+(hour|day|week|month|year)s?", text.strip())
        if not match or int(match[1]) == 0:
            raise ValueError(f"{text!r} is no duration; write a count and hours, days, weeks, months or years: 30 days")
        return cls(int(match[1]), Unit(match[2] + "s"))

    @property
    def days(self) -> int:
        """The length in days where the unit is fixed in days, else 0."""
        return self.count * {Unit.DAYS: 1, Unit.WEEKS: 7}.get(self.unit, 0)

    @property
    def months(self) -> int:
        """The length in calendar months where the unit is made of them, else 0."""
        return self.count * {Unit.MONTHS: 1, Unit.YEARS: 12}.get(self.unit, 0)

    @property
    def hours(self) -> int:
        """The length in hours where the unit is the hour, else 0."""
        return self.count if self.unit is Unit.HOURS else 0

    def __str__(self) -> str:
        return f"{self.count} {self.unit.value if self.count != 1 else self.unit.value[:-1]}"


@frozen(eq=False)
class Calendar:
    """
    The days of one time zone.

    Attributes:
        timezone: IANA name.
        starts_us: The instant at which each local day starts; index 0 is :data:`FIRST_DAY`.
    """

    timezone: str
    starts_us: list[int]

    @classmethod
    @cache
    def of(cls, timezone: str) -> Calendar:
        """
        Give the calendar of an IANA zone.

        Raises:
            ValueError: the zone is unknown.
        """
        try:
            zone = pendulum.timezone(timezone)
        except Exception as error:  # pendulum raises several classes for a name it does not know.
            raise ValueError(f"{timezone!r} is no IANA time zone; write for example Europe/Berlin") from error
        return cls(timezone, _day_starts_us(zone))

    def day_of(self, instant_us: int) -> int:
        """
        Give the local day that an instant lies in.

        Raises:
            ValueError: the instant lies outside the years that the calendar knows.
        """
        if not self.starts_us[0] <= instant_us < self.starts_us[-1]:
            raise ValueError(f"instant {instant_us} lies outside the years {FIRST_YEAR} to {LAST_YEAR - 1}")
        return FIRST_DAY + bisect_right(self.starts_us, instant_us) - 1

    def day_start_us(self, day: int) -> int:
        """Give the instant at which a local day starts."""
        return self.starts_us[day - FIRST_DAY]

    def local(self, instant_us: int) -> datetime:
        """Give the instant as a local date and time, for people."""
        return (_EPOCH_US + timedelta(microseconds=instant_us)).astimezone(pendulum.timezone(self.timezone))

    def parse_instant_us(self, text: str) -> int:
        """
        Read a date (00:00 local), a local date and time, or one with an offset, as UTC microseconds.

        A local time that daylight saving skips is moved forward; one that comes twice is the first.

        Raises:
            ValueError: not ISO 8601, or so far away that UTC has no date for it.

        >>> Calendar.of("Europe/Berlin").parse_instant_us("2026-01-01")
        1767222000000000
        """
        cleaned = text.strip()
        if _DATE.fullmatch(cleaned):
            return self.day_start_us(parse_day(cleaned))
        try:
            moment = datetime.fromisoformat(cleaned)
        except ValueError:
            raise ValueError(
                f"{text!r} is no date or time; write 2026-02-03, 2026-02-03T14:30 or 2026-02-03T14:30:00+01:00"
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=pendulum.timezone(self.timezone))
        try:
            return instant_us(moment)
        except OverflowError:
            raise ValueError(f"{text!r} lies outside the years {FIRST_YEAR} to {LAST_YEAR - 1}") from None


def instant_us(moment: datetime) -> int:
    """Give an aware datetime as UTC microseconds, exactly."""
    return (moment.astimezone(UTC) - _EPOCH_US) // _MICROSECOND


def parse_day(text: str) -> int:
    """
    Read an ISO date as a day number.

    Raises:
        ValueError: not a date of the form 2026-02-03, or outside the years that the calendar knows.
    """
    cleaned = text.strip()
    try:
        # Python also reads 20260203 and 2026-W06-2; people who mistype a number do not mean a date.
        if not _DATE.fullmatch(cleaned):
            raise ValueError
        day = (date.fromisoformat(cleaned) - _EPOCH).days
    except ValueError:
        raise ValueError(f"{text!r} is no date; write year-month-day: 2026-02-03") from None
    if not FIRST_DAY <= day < LAST_DAY:
        raise ValueError(f"{text!r} lies outside the years {FIRST_YEAR} to {LAST_YEAR - 1}")
    return day


def date_of(day: int) -> date:
    """
    Give a day number as a date.

    >>> date_of(20_487)
    datetime.date(2026, 2, 3)
    """
    return _EPOCH + timedelta(days=day)


def period_bounds(period: Period, day: int, year_starts_month: int = 1) -> tuple[int, int, int]:
    """
    Give the number, the first and the last day of the period that a day lies in; numbers grow by one.

    Args:
        year_starts_month: 1 to 12; quarters, half-years and years are counted from it.

    >>> [format_day(day) for day in period_bounds(Period.QUARTER, parse_day("2026-05-20"), 2)[1:]]
    ['2026-05-01', '2026-07-31']
    """
    if period is Period.DAY:
        return day, day, day
    if period is Period.WEEK:
        number = (day + 3) // 7
        return number, 7 * number - 3, 7 * number + 3
    month_of, month_first = month_tables()
    months = PERIOD_MONTHS[period]
    shift = year_starts_month - 1 if months > 1 else 0
    number = (month_of[day - FIRST_DAY] - shift) // months
    first = number * months + shift - FIRST_YEAR * 12
    end = first + months
    last = month_first[end] - 1 if end < len(month_first) else NEVER
    return number, month_first[max(first, 0)], last


def later_day(day: int, length: Duration) -> int:
    """
    Give the day that lies a length of days or longer after another; after the tables it never comes.

    >>> format_day(later_day(parse_day("2026-01-31"), Duration.parse("1 month")))
    '2026-02-28'
    """
    if not length.months:
        return day + length.days
    month_of, month_first = month_tables()
    place = month_of[day - FIRST_DAY] - FIRST_YEAR * 12
    target = place + length.months
    if target + 1 >= len(month_first):
        return NEVER
    return min(month_first[target] + day - month_first[place], month_first[target + 1] - 1)


@lru_cache(maxsize=1 << 12)
def format_day(day: int) -> str:
    """Write a day number as an ISO date; the day that never comes is ``never``."""
    return "never" if day >= NEVER else (_EPOCH + timedelta(days=day)).isoformat()


@cache
def month_tables() -> tuple[list[int], list[int]]:
    """
    Give the two tables on which all period arithmetic rests.

    Returns:
        The month (months since year 0) of each day from :data:`FIRST_DAY`, and the first day of each month from
        January of :data:`FIRST_YEAR`.
    """
    month_of_day: list[int] = []
    first_day_of_month: list[int] = []
    for year in range(FIRST_YEAR, LAST_YEAR):
        for month in range(1, 13):
            first = (date(year, month, 1) - _EPOCH).days
            following = (date(year + month // 12, month % 12 + 1, 1) - _EPOCH).days
            first_day_of_month.append(first)
            month_of_day.extend([year * 12 + month - 1] * (following - first))
    return month_of_day, first_day_of_month


def _day_starts_us(zone: ZoneInfo) -> list[int]:
    starts = []
    for day in range(FIRST_DAY, LAST_DAY + 1):
        local = _EPOCH + timedelta(days=day)
        midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
        start = instant_us(midnight)
        # Where the clock goes back across midnight, the first 00:00 still belongs to the evening that comes twice.
        if (_EPOCH_US + timedelta(microseconds=start)).astimezone(zone).date() < local:
            start = instant_us(midnight.replace(fold=1))
        starts.append(start)
    return starts
