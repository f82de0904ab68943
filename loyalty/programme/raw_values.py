"""Reading the values of raw events: texts and plain numbers as the declared type of a field says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from loyalty.core.amounts import divide
from loyalty.core.calendar import format_day, instant_us
from loyalty.core.events import FieldValue
from loyalty.programme.model import FieldSpec, FieldType, Programme
from loyalty.programme.units import digits_of, split_money


def read_instant(value: Any, programme: Programme, reasons: list[str]) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, str):
        try:
            return programme.calendar.parse_instant_us(value)
        except ValueError as error:
            reasons.append(f"at: {error}")
            return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return instant_us(value)
    if isinstance(value, date):
        return read_instant(value.isoformat(), programme, reasons)
    what = "it is missing" if value is None else f"{value!r} is no time"
    reasons.append(f"at: {what}; write 2026-02-03 or 2026-02-03T14:30:00+01:00")
    return None


def read_text(name: str, raw: Mapping[str, Any], reasons: list[str]) -> str | None:
    value = raw.get(name)
    if value is None or isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    reasons.append(f"{name}: {value!r} is no text; put it in quotes")
    return None


def read_value(spec: FieldSpec, value: Any, occurred_at: int | None, programme: Programme) -> FieldValue:
    """Read one field; texts are read as the declared type says."""
    if isinstance(value, float):
        raise ValueError(f"{value!r} is a binary fraction and not exact; write it as a text, {_example(spec)}")
    if spec.type is FieldType.MONEY:
        return _read_money(spec, value, occurred_at, programme)
    if not isinstance(value, str):
        # What has another type is refused by the field's own test.
        return value  # type: ignore[no-any-return]
    text = value.strip()
    if spec.type is FieldType.BOOL and text in ("true", "false"):
        return text == "true"
    if spec.type is FieldType.INT and text.lstrip("+-").isdecimal() and text.isascii() and len(text) < 30:
        return int(text)
    return value


def _read_money(spec: FieldSpec, value: Any, occurred_at: int | None, programme: Programme) -> int:
    unit = spec.unit or ""
    if isinstance(value, str):
        if not value.strip()[-1:].isalpha():
            raise ValueError(f"{value!r} has no unit; write {value.strip() or '1000.00'} {unit}")
        number, written = split_money(value)
    elif type(value) is int or isinstance(value, Decimal):
        if isinstance(value, Decimal) and not value.is_finite():
            raise ValueError(f"{value} is no amount; {_example(spec)}")
        number, written = Fraction(value), unit
    else:
        raise ValueError(f"{value!r} is no amount of money; write it as a text, {_example(spec)}")
    if written != unit:
        return _exchanged(number, written, unit, occurred_at, programme)
    scale = digits_of(unit)
    minor = Fraction(number * 10**scale)
    if minor.denominator != 1:
        raise ValueError(f"{value} has more than the {scale} digits after the point that {unit} has; round it first")
    return minor.numerator


def _exchanged(number: Fraction, unit: str, into: str, occurred_at: int | None, programme: Programme) -> int:
    rates = [rate for rate in programme.exchange if rate.unit == unit and rate.into == into]
    if not rates:
        raise ValueError(
            f"the amount is in {unit}, and the programme takes {into}; declare an exchange rate for {unit}"
        )
    if occurred_at is None:
        raise ValueError(f"the rate of {unit} needs the event's date; mend `at`")
    try:
        day = programme.calendar.day_of(occurred_at)
    except ValueError as error:
        raise ValueError(f"the rate of {unit} needs a date; {error}") from None
    valid = [rate for rate in rates if rate.first_day <= day]
    if not valid:
        first = format_day(min(rate.first_day for rate in rates))
        raise ValueError(f"{unit} has no rate on {format_day(day)}; the first is from {first}")
    rate = max(valid, key=lambda rate: rate.first_day)
    exact = Fraction(number * rate.rate * 10 ** digits_of(into))
    return divide(exact.numerator, exact.denominator, rate.round)


def _example(spec: FieldSpec) -> str:
    return f'"1000.00 {spec.unit}"' if spec.unit else "in digits"
