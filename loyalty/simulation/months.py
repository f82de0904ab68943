"""
Calendar months, which simulations and their tables count in: a month is its number since January of year 0.

>>> month_text(2026 * 12)
'2026-01'
"""

from __future__ import annotations

from loyalty.core.calendar import FIRST_DAY, FIRST_YEAR, month_tables


def month_of(day: int) -> int:
    """Give the month that a day lies in."""
    return month_tables()[0][day - FIRST_DAY]


def month_starts(start_day: int, months: int) -> list[int]:
    """Give the first day of each month from that of *start_day*, and of the one after the last."""
    first = month_of(start_day) - FIRST_YEAR * 12
    return month_tables()[1][first : first + months + 1]


def first_day_of(month: int) -> int:
    """Give the first day of a month."""
    return month_tables()[1][month - FIRST_YEAR * 12]


def add_months(day: int, months: int) -> int:
    """
    Give the same day of a later month, or its last day where that month is shorter.

    >>> from loyalty.core.calendar import format_day, parse_day
    >>> format_day(add_months(parse_day("2026-01-31"), 1))
    '2026-02-28'
    """
    first_days = month_tables()[1]
    index = month_of(day) - FIRST_YEAR * 12
    return min(first_days[index + months] + day - first_days[index], first_days[index + months + 1] - 1)


def month_text(month: int) -> str:
    """Write a month as year and month."""
    return f"{month // 12:04}-{month % 12 + 1:02}"
