"""
Arrow columns as arrays of whole numbers: no copy where the type allows it, and nothing ever rounded.

What cannot be read exactly is refused with :class:`Unreadable`, for the column as a whole or for rows of it.

>>> from decimal import Decimal
>>> values, rows = numbers_of(pa.array([Decimal("12.50"), None, Decimal("0.10")]), 2)
>>> values[[0, 2]].tolist(), rows.tolist()
([1250, 10], [])
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.tables import Ints
from loyalty.core.calendar import FIRST_DAY, LAST_DAY, Calendar

_DAY_US: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The form that all columns of texts are brought to.
_CODED: Final = pa.dictionary(pa.int32(), pa.string())

_NO_ROWS: Final = np.empty(0, np.int64)

#: How many microseconds a unit of time is; nanoseconds are divided.
_UNIT_US: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}


class Unreadable(ValueError):
    """A column whose type has no exact reading; the text says what it holds and, after a semicolon, what to write."""


def coded(column: pa.Array) -> pa.DictionaryArray:
    """
    Give a column of text or whole numbers as codes of 32 bits into texts.

    Raises:
        Unreadable: it holds nothing of the kind.
    """
    if not pa.types.is_dictionary(column.type) or column.dictionary.null_count:
        column = pc.dictionary_encode(text_of(column))
    if column.type == _CODED:
        validated(column.dictionary)
        return column
    indices = column.indices.cast(pa.int32())
    return pa.DictionaryArray.from_arrays(indices, text_of(column.dictionary))


def codes_of(column: pa.DictionaryArray) -> Ints:
    """Give the code of each row, -1 for null."""
    codes = integers(column.indices)
    return np.where(given_in(column.indices), codes, np.int32(-1)) if column.indices.null_count else codes


def coded_as(codes: Ints, texts: pa.Array) -> pa.DictionaryArray:
    """Give codes, of which those below 0 are null, into texts as a column."""
    indices = pa.array(codes.astype(np.int32, copy=False), mask=codes < 0 if len(codes) else None)
    return pa.DictionaryArray.from_arrays(indices, texts.cast(pa.string()))


def text_of(column: pa.Array) -> pa.Array:
    """
    Give a column as text.

    Raises:
        Unreadable: it holds neither text nor whole numbers, or bytes that are no UTF-8.
    """
    column = plain(column)
    kind = column.type
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise Unreadable(f"the column holds {kind}, which has no one text; cast it to text")
    try:
        return validated(column if kind == pa.string() else column.cast(pa.string()))
    except pa.ArrowInvalid as error:
        raise Unreadable(f"the column holds {kind} that is no text ({error}); write it as UTF-8") from None


def validated(text: pa.Array) -> pa.Array:
    """
    See that bytes are text.

    Raises:
        Unreadable: they are no UTF-8.
    """
    try:
        text.validate(full=True)
    except pa.ArrowInvalid as error:
        raise Unreadable(f"the column holds bytes that are no text ({error}); write it as UTF-8") from None
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


def plain(column: pa.Array) -> pa.Array:
    """Give a column without a dictionary."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


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
        The numbers, arbitrary at nulls, and the rows that have more digits or are larger than 64 bits hold.

    Raises:
        Unreadable: the column holds no exact numbers.
    """
    column, kind = plain(column), value_type(column.type)
    if pa.types.is_null(kind) or (pa.types.is_floating(kind) and column.null_count == len(column)):
        return np.zeros(len(column), np.int64), _NO_ROWS
    if pa.types.is_floating(kind):
        raise Unreadable(
            f"the column holds binary fractions ({kind}), of which 0.1 is none; write decimals, for example by a cast "
            "to decimal128(18, 2), or whole minor units as int64 (in pandas Int64, which keeps gaps)"
        )
    bad = None
    if pa.types.is_integer(kind):
        values = integers(column)
        if kind == pa.uint64():
            bad = values > np.uint64(2**63 - 1)
            values = values.astype(np.int64)
    elif pa.types.is_decimal(kind):
        values, bad = _unscaled(column)
        values, bad = _rescaled(values, bad, kind.scale, scale)
    else:
        raise Unreadable(f"the column holds {kind} and no numbers; write decimals, or whole minor units as int64")
    if bad is None or not bad.any():
        return values, _NO_ROWS
    return values, np.flatnonzero(bad & given_in(column))


def flags_of(column: pa.Array) -> Ints:
    """Give a column of yes and no as 1 and 0, arbitrary at nulls."""
    column = plain(column)
    flags: Ints = _bits(column.buffers()[1], column)
    return flags


def given_in(column: pa.Array) -> Any:
    """Give which rows of a column are not null."""
    if not column.null_count:
        return np.ones(len(column), bool)
    if pa.types.is_null(column.type):
        return np.zeros(len(column), bool)
    return _bits(column.buffers()[0], column).view(bool)


def _bits(buffer: Any, column: pa.Array) -> Any:
    """Give the bits of a column's buffer, one a byte."""
    if buffer is None or not len(column):
        return np.zeros(len(column), np.int8)
    first = column.offset // 8
    used = np.frombuffer(buffer, np.uint8)[first : (column.offset + len(column) + 7) // 8]
    start = column.offset - 8 * first
    return np.unpackbits(used, bitorder="little")[start : start + len(column)].view(np.int8)


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
    column = plain(column)
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return integers(column).astype(np.int64, copy=False), _NO_ROWS
    if pa.types.is_date(kind):
        days = integers(column.cast(pa.date32()).view(pa.int32())).astype(np.int64)
        known = (days >= FIRST_DAY) & (days <= LAST_DAY)
        starts = np.array(calendar.starts_us, np.int64)
        return starts[np.where(known, days - FIRST_DAY, 0)], np.flatnonzero(~known & given_in(column))
    if not pa.types.is_timestamp(kind):
        raise Unreadable(
            f"the column holds {kind} and no times; write timestamps, dates, or whole UTC microseconds since 1970"
        )
    raw = integers(column)
    if kind.unit == "ns":
        values = raw // 1000
        rows = np.flatnonzero((values * 1000 != raw) & given_in(column))
    else:
        factor, values, rows = _UNIT_US[kind.unit], raw, _NO_ROWS
        if factor > 1:
            too_far = np.abs(raw) > (2**62 // factor)
            values = np.where(too_far, 0, raw) * factor
            rows = np.flatnonzero(too_far & given_in(column))
    return (values, rows) if kind.tz is not None else (_from_local(values, calendar), rows)


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
    return np.ascontiguousarray(low), (high != low >> 63)


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
