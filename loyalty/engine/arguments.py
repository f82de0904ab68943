"""What a host may give for a holder, a day or an instant, and clear words where it gives something else."""

from __future__ import annotations

from datetime import date, datetime

from loyalty.core.calendar import FIRST_DAY, LAST_DAY, Calendar, instant_us, parse_day
from loyalty.core.holders import Holder
from loyalty.errors import UsageError
from loyalty.programme.texts import UNSTORABLE, can_be_stored

#: An instant as hosts give it for a reading: a day is meant whole.
Moment = int | str | date


def holder_of(value: Holder | str) -> Holder:
    """
    Take a holder, or its text such as ``partner:acme``.

    Raises:
        UsageError: it is neither, or its id is none that every store can keep.
    """
    try:
        holder = value if isinstance(value, Holder) else Holder.parse(value)
    except (ValueError, AttributeError) as error:
        raise UsageError(f"got {value!r} for a holder; write Holder.partner(ID) or partner:ID") from error
    text_of(holder.id, "a holder's id")
    return holder


def text_of(value: object, what: str) -> str:
    """
    Take a text that every store can keep.

    Raises:
        UsageError: it is no text, is empty, or has a character that cannot be stored.
    """
    if not isinstance(value, str) or not value:
        raise UsageError(f"got {value!r} for {what}; write a text that is not empty")
    if not can_be_stored(value):
        raise UsageError(f"got {value!r} for {what}; write it without {UNSTORABLE}")
    return value


def day_of(value: int | str | date, calendar: Calendar) -> int:
    """
    Take a day number, an ISO date, a date, or a datetime (its day in the programme's zone, if it has a zone).

    Raises:
        UsageError: it is none, or no day of the years that the calendar knows.
    """
    try:
        if isinstance(value, str):
            return parse_day(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return calendar.day_of(instant_of(value, calendar))
        if isinstance(value, date):
            return parse_day(value.isoformat()[:10])
    except ValueError as error:
        raise UsageError(str(error)) from error
    if type(value) is not int:
        raise UsageError(f"got {value!r} for a day; write 2026-02-03, a date, or a day counted from 1970-01-01")
    if not FIRST_DAY <= value < LAST_DAY:
        raise UsageError(f"day {value} lies outside the calendar's years; days are counted from 1970-01-01")
    return value


def instant_of(value: int | str | datetime, calendar: Calendar) -> int:
    """
    Take UTC microseconds, an ISO date or time, or an aware datetime.

    Raises:
        UsageError: it is none, or lies outside the years that the calendar knows.
    """
    try:
        if isinstance(value, str):
            value = calendar.parse_instant_us(value)
        elif isinstance(value, datetime) and value.tzinfo is not None:
            value = instant_us(value)
        if type(value) is int:
            calendar.day_of(value)
            return value
    except ValueError as error:
        raise UsageError(str(error)) from error
    raise UsageError(f"got {value!r} for an instant; write UTC microseconds, an ISO time, or a datetime with its zone")


def end_of(value: Moment, calendar: Calendar) -> int:
    """
    Take an instant as UTC microseconds; of a day as ISO text or date its last.

    Raises:
        UsageError: it is none, or lies outside the years that the calendar knows.
    """
    if isinstance(value, int | datetime):
        return instant_of(value, calendar)
    return calendar.day_start_us(day_of(value, calendar) + 1) - 1
