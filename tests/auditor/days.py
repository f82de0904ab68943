"""
Days, durations and periods by plain calendar dates (paragraphs 1, 7, 8, 9 and 10).

Days are numbers counted from 1970-01-01, as in the ledger; all arithmetic is done on ``datetime.date``.

>>> date_of(add_months(number_of(date(2024, 2, 29)), 12)).isoformat()
'2025-02-28'
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from loyalty.core.calendar import NEVER, Duration, Period, Unit
from loyalty.programme.model import Expiry, Programme
from loyalty.tiers.declaration import Window, WindowKind

FIRST = date(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.HALF_YEAR: 6, Period.YEAR: 12}


@cache
def date_of(day: int) -> date:
    """Give the calendar date of a day number."""
    return FIRST + timedelta(days=day)


def number_of(local: date) -> int:
    """Give the day number of a calendar date."""
    return (local - FIRST).days


def day_of(instant_us: int, timezone: str) -> int:
    """Give the local date of an instant (1)."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + instant_us * MICROSECOND
    return number_of(moment.astimezone(ZoneInfo(timezone)).date())


@cache
def start_us(day: int, timezone: str) -> int:
    """Give the first instant of a local day: 00:00, the later one where the earlier is still the day before (1)."""
    zone = ZoneInfo(timezone)
    starts = []
    for fold in (0, 1):
        midnight = datetime.combine(date_of(day), time(0), tzinfo=zone).replace(fold=fold)
        starts.append((midnight.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND)
    return next((start for start in sorted(starts) if day_of(start, timezone) == day), starts[0])


@cache
def add_months(day: int, months: int) -> int:
    """Keep the day of the month, clamped to the month's length (8)."""
    start = date_of(day)
    year, month_from_0 = divmod(start.year * 12 + start.month - 1 + months, 12)
    length_of_month = monthrange(year, month_from_0 + 1)[1]
    return number_of(date(year, month_from_0 + 1, min(start.day, length_of_month)))


def add(day: int, length: Duration) -> int:
    """Give the date + a duration of days, weeks, months or years (8)."""
    if length.unit is Unit.DAYS:
        return day + length.count
    if length.unit is Unit.WEEKS:
        return day + 7 * length.count
    if length.unit is Unit.MONTHS:
        return add_months(day, length.count)
    if length.unit is Unit.YEARS:
        return add_months(day, 12 * length.count)
    raise ValueError(f"{length} is no number of dates; write days, weeks, months or years")


@cache
def period_number(day: int, period: Period, year_starts_month: int) -> int:
    """Number the period that a day lies in, so that the next period has the next number (7)."""
    local = date_of(day)
    if period is Period.DAY:
        return day
    if period is Period.WEEK:
        return (local.toordinal() - 1) // 7  # 0001-01-01, ordinal 1, was a Monday.
    months_since_year_0 = local.year * 12 + local.month - 1
    return (months_since_year_0 - (year_starts_month - 1)) // MONTHS[period]


def starts_period(day: int, period: Period, year_starts_month: int) -> bool:
    """Say whether a day is the first of its period (7)."""
    return period_number(day, period, year_starts_month) != period_number(day - 1, period, year_starts_month)


@cache
def last_day_of_period(day: int, period: Period, year_starts_month: int) -> int:
    """Walk to the last day of the period that a day lies in (7)."""
    while not starts_period(day + 1, period, year_starts_month):
        day += 1
    return day


def expiry_day(earned: int, expires: Expiry | None, year_starts_month: int) -> int:
    """Give the day at whose start what was earned on a day is gone (8)."""
    if expires is None:
        return NEVER
    last_usable = add(earned, expires.after)
    if expires.at_end_of is not None:
        last_usable = last_day_of_period(last_usable, expires.at_end_of, year_starts_month)
    return last_usable + 1


@cache
def anniversary_year(anchor: int, day: int) -> int:
    """Count the anniversaries of *anchor* that have come by a day, always from the anchor itself (9)."""
    years = 0
    while add_months(anchor, 12 * (years + 1)) <= day:
        years += 1
    return years


def is_anniversary(anchor: int, day: int) -> bool:
    """Say whether a day starts an anniversary year after the first (9, 23)."""
    years = anniversary_year(anchor, day)
    return years >= 1 and add_months(anchor, 12 * years) == day


def is_within_dates(revision: Programme, day: int) -> bool:
    """Say whether a day lies in the dates of the programme's revision of that day, both ends included (6, 57)."""
    return revision.first_day <= day and (revision.last_day is None or day <= revision.last_day)


def lies_in_window(counted: int, window: Window, today: int, anchor: int, year_starts_month: int) -> bool:
    """Say whether the day *counted* lies in the window that *today* lies in (7, 9, 10)."""
    if window.kind is WindowKind.CALENDAR:
        assert window.period is not None
        numbers = [period_number(day, window.period, year_starts_month) for day in (counted, today)]
        return numbers[0] == numbers[1]
    if window.kind is WindowKind.ANNIVERSARY:
        return anniversary_year(anchor, counted) == anniversary_year(anchor, today)
    if window.kind is WindowKind.TRAILING:
        assert window.length is not None
        back = Duration(-window.length.count, window.length.unit)
        return add(today, back) < counted <= today
    return True  # Lifetime and now look at everything that has happened.
