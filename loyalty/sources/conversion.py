"""
Cells to the values that events are read from: exact numbers, amounts with their unit, dates as ISO text.

Nothing is guessed. A number that is text has the signs that the mapping names, and groups of exactly three digits;
what does not fit is refused with the reason.

>>> number_of("1.054,50", NumberSigns(decimal=",", thousands="."))
Decimal('1054.50')
>>> date_text("3/1/2017", "%m/%d/%Y", None)
'2017-03-01'
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from attrs import frozen

from loyalty.programme.model import FieldSpec, FieldType
from loyalty.sources.tables import is_writable, plain_text

#: Formats of instants that are counted from 1970, and their ticks in a second.
EPOCHS: Final = {"unix_seconds": 1, "unix_milliseconds": 1_000}

_AMOUNT = re.compile(r"(?P<number>.*\d)\s*(?P<unit>[A-Za-z][A-Za-z0-9_]*)?\Z", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class NumberSigns:
    """The signs of numbers that are text: before the fraction, and between groups of three digits."""

    decimal: str = "."
    thousands: str | None = None


def field_value(cell: Any, spec: FieldSpec | None, signs: NumberSigns, unit: str | None = None) -> Any:
    """
    Give a cell as what an event's field is read from.

    Args:
        cell: The cell.
        spec: The declared field, or None where the programme knows none: the cell's text then.
        signs: How numbers that are text are written.
        unit: The unit of an amount whose cell does not say it; None is the declared one.

    Raises:
        ValueError: the cell does not hold what the field wants.
    """
    match spec.type if spec else FieldType.TEXT:
        case FieldType.MONEY:
            return _amount(cell, signs, unit)
        case FieldType.INT:
            number = number_of(cell, signs)
            if number != number.to_integral_value():
                raise ValueError(f"{plain_text(cell)!r} is no whole number")
            return int(number)
        case FieldType.BOOL:
            return _yes_or_no(cell)
        case _:
            return plain_text(cell)


def number_of(cell: Any, signs: NumberSigns) -> Decimal:
    """
    Read a number exactly.

    Raises:
        ValueError: it is no number, or is written with other signs than *signs*.
    """
    if isinstance(cell, (int, Decimal)) and not isinstance(cell, bool):
        number = Decimal(cell)
        if not number.is_finite() or not is_writable(number):
            raise ValueError(f"{str(cell)[:40]} is no number that an amount or a count can have")
        return number
    text = plain_text(cell)
    match = _number_pattern(signs).fullmatch(text)
    if not match:
        raise ValueError(
            f"{text!r} is no number with {signs.decimal!r} before its fraction and "
            + (f"{signs.thousands!r} between groups of three digits" if signs.thousands else "no sign between groups")
            + "; write its signs under `format: {decimal: ..., thousands: ...}`"
        )
    whole = match["whole"].replace(signs.thousands, "") if signs.thousands else match["whole"]
    return Decimal(f"{match['sign'] or ''}{whole}.{match['fraction'] or ''}")


def date_text(cell: Any, format: str | None, timezone: str | None) -> str:
    """
    Give a cell as a date or an instant in ISO form.

    Args:
        cell: A date, a datetime, or text.
        format: As of ``strptime``, or one of :data:`EPOCHS`; None is ISO. Cells that are dates need none.
        timezone: The IANA zone of local times; None leaves them local to the programme.

    Raises:
        ValueError: the cell is no such date.
    """
    moment: date | str
    if isinstance(cell, date):
        moment = cell
    elif format in EPOCHS:
        seconds = number_of(cell, NumberSigns()) / EPOCHS[format]
        try:
            moment = _EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
        except OverflowError:
            raise ValueError(f"{plain_text(cell)!r} lies outside the years that a date can have") from None
    elif format is None:
        moment = plain_text(cell)
        if timezone is not None:
            moment = _iso(moment)
    else:
        text = plain_text(cell)
        try:
            moment = datetime.strptime(text, format)
        except ValueError:
            raise ValueError(f"{text!r} is no date of the form {format}") from None
        if not _has_time(format):
            moment = moment.date()
    if isinstance(moment, datetime) and moment.tzinfo is None and timezone is not None:
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    return moment if isinstance(moment, str) else moment.isoformat()


def format_fault(format: str) -> str:
    """Say why a date format cannot be used, or give "": a day must come back from what it writes."""
    if format in EPOCHS:
        return ""
    day = datetime(2017, 11, 23, 0, 0)
    try:
        again = datetime.strptime(day.strftime(format), format)
    except ValueError as error:
        return f"Python's strptime does not take it: {error}"
    return "" if again.date() == day.date() else "a date written in it loses its year, month or day"


def _iso(text: str) -> date | str:
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        return text  # The reason why it is no date is given where the event is read.


def _has_time(format: str) -> bool:
    return bool(re.search(r"%[HIMSfcXz]", format.replace("%%", "")))


def _amount(cell: Any, signs: NumberSigns, unit: str | None) -> str | Decimal:
    own: str | None = None
    if isinstance(cell, str) and (match := _AMOUNT.match(cell)):
        cell, own = match["number"], match["unit"]
    if own and unit and own != unit:
        raise ValueError(f"{cell} {own} is in {own} where the mapping says {unit}")
    number = number_of(cell, signs)
    unit = own or unit
    return f"{number:f} {unit}" if unit else number


def _yes_or_no(cell: Any) -> bool:
    text = plain_text(cell).lower()
    if text not in ("true", "false"):
        raise ValueError(f"{plain_text(cell)!r} is neither true nor false; translate it with a table of `values`")
    return text == "true"


@lru_cache(maxsize=16)
def _number_pattern(signs: NumberSigns) -> re.Pattern[str]:
    whole = r"\d+"
    if signs.thousands:
        whole = rf"\d{{1,3}}(?:{re.escape(signs.thousands)}\d{{3}})+|\d+"
    return re.compile(rf"(?P<sign>[+-])?(?P<whole>{whole})(?:{re.escape(signs.decimal)}(?P<fraction>\d+))?", re.ASCII)
