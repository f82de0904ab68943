"""
Arrow columns as arrays of whole numbers: no copy where the type allows it, and nothing ever rounded.

What cannot be read exactly is refused with :class:`Unreadable`, for the column as a whole or for rows of it.

>>> from decimal import Decimal
>>> values, rows = numbers_of(pa.array([Decimal("12.50"), None, Decimal("0.10")]), 2)
>>> [value if value != MISSING else None for value in values.tolist()], rows.tolist()
([1250, None, 10], [])
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.tables import MISSING, Ints
from loyalty.core.calendar import FIRST_DAY, LAST_DAY, Calendar

_DAY_US: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ROWS: Final = np.empty(0, np.int64)

#: How many microseconds a unit of time is; nanoseconds are divided.
_UNIT_US: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}


class Unreadable(ValueError):
    """A column whose type has no exact reading; the text says what it holds and, after a semicolon, what to write."""


class Interner:
    """Gives each text one code, in the order in which texts are first seen."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._last: tuple[pa.Array, Ints] | None = None
        self._checked = 0
        self._faults: dict[int, str] = {}

    def codes(self, column: pa.Array) -> Ints:
        """Give the code of each row, -1 for null; *column* is text or whole numbers, dictionary-coded or plain."""
        encoded = dictionary_of(column)
        if self._last is not None and self._last[0].equals(encoded.dictionary):
            mapping = self._last[1]
        else:
            known = self._codes
            texts = text_of(encoded.dictionary).to_pylist()
            mapping = np.fromiter(
                (-1 if text is None else known.setdefault(text, len(known)) for text in texts), np.int32, len(texts)
            )
            mapping = np.append(mapping, np.int32(-1))
            self._last = (encoded.dictionary, mapping)
        places = integers(encoded.indices)
        if encoded.indices.null_count:
            places = np.where(np.asarray(encoded.indices.is_null()), len(mapping) - 1, places)
        return mapping[places]

    def code(self, text: str) -> int:
        """Give the code of one text."""
        return self._codes.setdefault(text, len(self._codes))

    def faults(self, test: Callable[[str], str | None]) -> dict[int, str]:
        """Give what a test says against texts, by code; each text is tested once."""
        if self._checked < len(self._codes):
            new = islice(self._codes.items(), self._checked, None)
            self._faults |= {code: fault for text, code in new if (fault := test(text)) is not None}
            self._checked = len(self._codes)
        return self._faults

    @property
    def texts(self) -> list[str]:
        """The texts by code."""
        return list(self._codes)

    def to_arrow(self) -> pa.Array:
        """Give the texts by code as Arrow."""
        return pa.array(self.texts, pa.string())


def dictionary_of(column: pa.Array) -> pa.DictionaryArray:
    """Give a column of text or whole numbers as codes into a dictionary."""
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(text_of(column))
    return column


def text_of(column: pa.Array) -> pa.Array:
    """
    Give a column as text.

    Raises:
        Unreadable: it holds neither text nor whole numbers, or bytes that are no UTF-8.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise Unreadable(f"the column holds {kind}, which has no one text; cast it to text")
    try:
        text = column if kind == pa.string() else column.cast(pa.string())
        text.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unreadable(f"the column holds {kind} that is no text ({error}); write it as UTF-8") from None
    return text


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text, or bytes as old Parquet files have them for text."""
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )


def value_type(kind: pa.DataType) -> pa.DataType:
    """Give the type of the values behind a type that may be dictionary-coded."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def integers(column: pa.Array) -> Ints:
    """Give the integers of a column of a fixed width as they lie; what stands at nulls is arbitrary."""
    kind = column.type
    if not pa.types.is_integer(kind):
        column, kind = column.view(pa.int64()), pa.int64()
    buffer = column.buffers()[1]
    if buffer is None or len(column) == 0:
        return np.zeros(len(column), kind.to_pandas_dtype())
    values: Ints = np.frombuffer(buffer, kind.to_pandas_dtype(), len(column) + column.offset)
    return values[column.offset :]


def numbers_of(column: pa.Array, scale: int | Ints) -> tuple[Ints, Ints]:
    """
    Give a column of numbers as whole multiples of 10**-scale; integers are such multiples already.

    Args:
        scale: One for all rows, or one for each.

    Returns:
        The numbers, MISSING at nulls, and the rows that have more digits or are larger than 64 bits hold.

    Raises:
        Unreadable: the column holds no exact numbers.
    """
    kind = value_type(column.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(kind):
        return np.full(len(column), MISSING, np.int64), _NO_ROWS
    if pa.types.is_floating(kind):
        if column.null_count == len(column):
            return np.full(len(column), MISSING, np.int64), _NO_ROWS
        raise Unreadable(
            f"the column holds binary fractions ({kind}), of which 0.1 is none; write decimals, for example by a cast "
            "to decimal128(18, 2), or whole minor units as int64 (in pandas Int64, which keeps gaps)"
        )
    if pa.types.is_integer(kind):
        raw = integers(column)
        bad = raw > np.uint64(2**63 - 1) if kind == pa.uint64() else raw == MISSING if kind == pa.int64() else None
        values = raw if kind == pa.int64() else raw.astype(np.int64)
    elif pa.types.is_decimal(kind):
        values, bad = _unscaled(column)
        values, bad = _rescaled(values, bad, kind.scale, scale)
    else:
        raise Unreadable(f"the column holds {kind} and no numbers; write decimals, or whole minor units as int64")
    nulls = np.asarray(column.is_null()) if column.null_count else None
    rows = _NO_ROWS if bad is None or not bad.any() else np.flatnonzero(bad if nulls is None else bad & ~nulls)
    if nulls is not None:
        values = np.where(nulls, MISSING, values)
    return values, rows


def flags_of(column: pa.Array) -> Ints:
    """Give a column of yes and no as 1 and 0, MISSING at nulls."""
    values: Ints = np.asarray(column.fill_null(False)).astype(np.int64)
    return np.where(np.asarray(column.is_null()), MISSING, values) if column.null_count else values


def instants_of(column: pa.Array, calendar: Calendar) -> tuple[Ints, Ints]:
    """
    Give a column of times as UTC microseconds; whole numbers are such already.

    A time without a zone is local to the programme, a date is its 00:00 local.

    Returns:
        The instants, and the rows whose time is finer than a microsecond, or too far away.

    Raises:
        Unreadable: the column holds no times.
    """
    kind = value_type(column.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return integers(column).astype(np.int64, copy=False), _NO_ROWS
    if pa.types.is_date(kind):
        days = integers(column.cast(pa.date32()).view(pa.int32())).astype(np.int64)
        known = (days >= FIRST_DAY) & (days <= LAST_DAY)
        starts = np.array(calendar.starts_us, np.int64)
        return starts[np.where(known, days - FIRST_DAY, 0)], np.flatnonzero(~known & _given(column))
    if not pa.types.is_timestamp(kind):
        raise Unreadable(
            f"the column holds {kind} and no times; write timestamps, dates, or whole UTC microseconds since 1970"
        )
    raw = integers(column)
    if kind.unit == "ns":
        values = raw // 1000
        rows = np.flatnonzero((values * 1000 != raw) & _given(column))
    else:
        factor = _UNIT_US[kind.unit]
        too_far = np.abs(raw) > (2**62 // factor)
        values = raw if factor == 1 else np.where(too_far, 0, raw) * factor
        rows = np.flatnonzero(too_far & _given(column)) if factor > 1 else _NO_ROWS
    return (values, rows) if kind.tz is not None else (_from_local(values, calendar), rows)


def _given(column: pa.Array) -> Any:
    return np.asarray(column.is_valid())


def _from_local(local: Ints, calendar: Calendar) -> Ints:
    """Give the instants of local times: a time that is skipped is moved forward, one that comes twice is the first."""
    starts = np.array(calendar.starts_us, np.int64)
    days = local // _DAY_US
    known = (days > FIRST_DAY) & (days < LAST_DAY)
    # Times outside the calendar stay where no calendar has them, and are refused as such.
    places = np.where(known, days - FIRST_DAY, 1)
    instants = np.where(known, starts[places] + (local - days * _DAY_US), local)
    is_odd = np.append(np.diff(starts) != _DAY_US, True)
    odd = np.flatnonzero(known & (is_odd[places] | is_odd[places - 1]))
    if len(odd):
        found, where = np.unique(local[odd], return_inverse=True)
        exact = [_instant_of(int(value), calendar) for value in found]
        instants[odd] = np.array(exact, np.int64)[where]
    return instants


def _instant_of(local: int, calendar: Calendar) -> int:
    moment = _EPOCH.replace(tzinfo=None) + timedelta(microseconds=local)
    return calendar.parse_instant_us(moment.isoformat())


def _unscaled(column: pa.Array) -> tuple[Ints, Any]:
    """Give the digits of decimals as whole numbers, and which are larger than 64 bits hold."""
    kind = column.type
    if not pa.types.is_decimal128(kind):
        try:
            column = column.cast(pa.decimal128(38, kind.scale))
        except pa.ArrowInvalid:
            raise Unreadable(f"the column holds {kind}, larger than any amount; cast it to decimal128(38, 2)") from None
    buffer = column.buffers()[1]
    if buffer is None or len(column) == 0:
        return np.zeros(len(column), np.int64), None
    halves = np.frombuffer(buffer, np.int64, 2 * (len(column) + column.offset))[2 * column.offset :]
    low, high = halves[0::2], halves[1::2]
    if kind.precision <= 18:
        return np.ascontiguousarray(low), None
    return np.ascontiguousarray(low), (high != low >> 63) | (low == MISSING)


def _rescaled(values: Ints, bad: Any, has: int, wants: int | Ints) -> tuple[Ints, Any]:
    """Bring whole multiples of 10**-has to multiples of 10**-wants, and say which do not come out even or fit."""
    if not isinstance(wants, int):
        result, problems = np.zeros_like(values), np.zeros(len(values), bool)
        for one in np.unique(wants):
            rows = wants == one
            result[rows], worse = _rescaled(values[rows], None if bad is None else bad[rows], has, int(one))
            problems[rows] = False if worse is None else worse
        return result, problems
    if has == wants:
        return values, bad
    factor = 10 ** abs(has - wants)
    if factor > 10**18:
        return np.zeros_like(values), (values != 0) if bad is None else bad | (values != 0)
    if has > wants:
        result = values // factor
        worse = result * factor != values
    else:
        worse = np.abs(values) > (2**63 - 1) // factor
        result = np.where(worse, 0, values) * factor
    return result, worse if bad is None else bad | worse
