"""
A book as rows: every posting one, with every field of its entry, as CSV or Parquet.

Rows are in the order of posting, and nothing is lost: the entries can be rebuilt from them. The explanation of an entry
stands on its first row alone. Amounts are in major units, exact, in CSV with every digit of their currency.

>>> FLAT_COLUMNS[:4]
('number', 'leg', 'entry', 'kind')
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

from attrs import frozen

from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.core.events import canonical_json
from loyalty.errors import UsageError
from loyalty.exports.journals import Exported, booking_day, instant_text, local_day, without_standing
from loyalty.exports.names import scale_of
from loyalty.ledger.entries import Entry
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of

#: The columns, in order; ``number`` counts entries and ``leg`` their postings, both from 1.
FLAT_COLUMNS: Final = (
    "number", "leg", "entry", "kind", "cause", "day", "booked_day", "effective_at", "recorded_at", "revision",
    "corrects", "account", "asset", "amount", "lot_day", "rule", "leg_cause", "explanation",
)  # fmt: skip

#: Rows that are written to Parquet at a time.
_GROUP_ROWS: Final = 50_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1)

#: More digits than any amount has, whatever context the host has set.
_EXACT: Final = Context(prec=40)


@frozen
class _Leg:
    """One posting with its entry, before it is written."""

    entry: Entry
    number: int
    leg: int
    day: int
    booked_day: int
    scale: int


def write_csv(entries: Iterable[Entry], programme: Programme, file: TextIO, *, standing: bool = True) -> Exported:
    """
    Write every posting as a row of CSV.

    Args:
        entries: In order of posting; they are read once.
        file: Opened with ``newline=""``.
        standing: Whether tiers and badges are written too.

    Raises:
        UsageError: there is an amount of a currency that the programme does not declare.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(FLAT_COLUMNS)
    count = _Count()
    writer.writerows(_text_row(leg) for leg in count.over(_legs(entries, programme, standing)))
    return count.exported()


def write_parquet(entries: Iterable[Entry], programme: Programme, path: Path, *, standing: bool = True) -> Exported:
    """
    Write every posting as a row of Parquet: instants as timestamps, days as dates, amounts as decimals.

    Args:
        entries: In order of posting; they are read once.
        path: Where to.
        standing: Whether tiers and badges are written too.

    Raises:
        UsageError: pyarrow is not installed, or there is an amount of a currency that the programme does not declare.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed; run pip install 'loyalty-engine[sim]', or export csv"
        ) from error
    text, instant = pa.string(), pa.timestamp("us", tz="UTC")
    digits = max((currency.scale for currency in currencies_of(programme).values()), default=0)
    types = {
        "number": pa.int64(),
        "leg": pa.int32(),
        "day": pa.date32(),
        "booked_day": pa.date32(),
        "effective_at": instant,
        "recorded_at": instant,
        "amount": pa.decimal128(38, digits),
    }
    schema = pa.schema([(name, types.get(name, text)) for name in FLAT_COLUMNS])
    count = _Count()
    rows = (_typed_row(leg) for leg in count.over(_legs(entries, programme, standing)))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(rows, _GROUP_ROWS)):
            columns = zip(*group, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return count.exported()


class _Count:
    """Counts what passes."""

    def __init__(self) -> None:
        self._entries = self._postings = 0

    def over(self, legs: Iterable[_Leg]) -> Iterator[_Leg]:
        for leg in legs:
            self._entries += leg.leg == 1
            self._postings += 1
            yield leg

    def exported(self) -> Exported:
        return Exported(self._entries, self._postings)


def _legs(entries: Iterable[Entry], programme: Programme, standing: bool) -> Iterator[_Leg]:
    scales: dict[str, int] = {}
    kept = entries if standing else without_standing(entries)
    for number, entry in enumerate(kept, start=1):
        day = local_day(programme.calendar, entry.effective_at, f"entry {entry.key}")
        booked_day = booking_day(programme.calendar, entry)
        for leg, posting in enumerate(entry.postings, start=1):
            scale = scales.get(posting.asset)
            if scale is None:
                scale = scales[posting.asset] = scale_of(programme, posting.asset)
            yield _Leg(entry, number, leg, day, booked_day, scale)


def _text_row(leg: _Leg) -> tuple[str | int, ...]:
    entry, posting = leg.entry, leg.entry.postings[leg.leg - 1]
    return (
        leg.number,
        leg.leg,
        entry.key,
        entry.kind.value,
        entry.cause or "",
        format_day(leg.day),
        format_day(leg.booked_day),
        instant_text(entry.effective_at),
        instant_text(entry.recorded_at),
        entry.revision,
        entry.corrects or "",
        posting.account.path,
        posting.asset,
        format_minor_units(posting.amount, leg.scale),
        "" if posting.lot_day is None else format_day(posting.lot_day),
        posting.rule or "",
        posting.cause or "",
        _explanation(leg) or "",
    )


def _typed_row(leg: _Leg) -> tuple[Any, ...]:
    entry, posting = leg.entry, leg.entry.postings[leg.leg - 1]
    return (
        leg.number,
        leg.leg,
        entry.key,
        entry.kind.value,
        entry.cause,
        _EPOCH_DAY + timedelta(days=leg.day),
        _EPOCH_DAY + timedelta(days=leg.booked_day),
        _EPOCH + timedelta(microseconds=entry.effective_at),
        _EPOCH + timedelta(microseconds=entry.recorded_at),
        entry.revision,
        entry.corrects,
        posting.account.path,
        posting.asset,
        Decimal(posting.amount).scaleb(-leg.scale, _EXACT),
        # As text, since the day that never comes is no date.
        None if posting.lot_day is None else format_day(posting.lot_day),
        posting.rule,
        posting.cause,
        _explanation(leg),
    )


def _explanation(leg: _Leg) -> str | None:
    return canonical_json(leg.entry.explanation) if leg.leg == 1 and leg.entry.explanation else None
