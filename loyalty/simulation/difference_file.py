"""
Differing transfers as a file, one row each, written as they come: CSV, or Parquet in row groups.

Amounts are in major units with every digit of their currency; standing is counted in units.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, Final, Protocol

from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import NEVER, format_day
from loyalty.errors import LoyaltyError
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.simulation.resettling import Differing

COLUMNS: Final = (
    "entry", "effective_at", "rule", "holder", "from", "to", "asset", "expires", "posted", "settled", "difference",
)  # fmt: skip

_AMOUNTS: Final = ("posted", "settled", "difference")
_ROWS_AT_ONCE: Final = 50_000
_DIGITS: Final = 9
_EXACT: Final = Context(prec=38)


class Listing(Protocol):
    """Takes differing transfers one by one."""

    def __call__(self, one: Differing, /) -> object: ...


@contextmanager
def difference_file(path: Path, programme: Programme, format: str) -> Iterator[Listing]:
    """
    Open a file for differing transfers; it is whole when the block ends.

    Args:
        programme: Says the digits of each currency and the time zone.
        format: ``csv`` or ``parquet``.

    Raises:
        LoyaltyError: Parquet is asked for and pyarrow is not installed.
    """
    rows = _Rows(programme)
    path.parent.mkdir(parents=True, exist_ok=True)
    if format == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            yield lambda one: writer.writerow(["" if cell is None else cell for cell in rows.of(one)])
        return
    with _parquet(path) as writer:
        kept: list[tuple[Any, ...]] = []

        def add(one: Differing) -> None:
            kept.append(rows.of(one))
            if len(kept) == _ROWS_AT_ONCE:
                writer(kept)
                kept.clear()

        yield add
        writer(kept)


class _Rows:
    def __init__(self, programme: Programme) -> None:
        self._calendar = programme.calendar
        self._scales = {name: currency.scale for name, currency in currencies_of(programme).items()}

    def of(self, one: Differing) -> tuple[Any, ...]:
        """Give the cells of a transfer as texts, None where there is nothing to say."""
        scale = self._scales.get(one.asset, 0)
        return (
            one.entry,
            self._calendar.local(one.effective_at).isoformat(),
            one.rule,
            str(one.holder),
            one.source,
            one.target,
            one.asset,
            None if one.expires_day == NEVER else format_day(one.expires_day),
            *(format_minor_units(amount, scale) for amount in (one.posted, one.settled, one.settled - one.posted)),
        )


@contextmanager
def _parquet(path: Path) -> Iterator[Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise LoyaltyError(
            "Parquet needs pyarrow, which is not installed; run pip install 'loyalty-engine[sim]', or write csv"
        ) from error
    schema = pa.schema([(name, pa.decimal128(38, _DIGITS) if name in _AMOUNTS else pa.string()) for name in COLUMNS])

    def write(rows: list[tuple[Any, ...]]) -> None:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
        arrays = [
            pa.array([Decimal(text).quantize(Decimal(1).scaleb(-_DIGITS), context=_EXACT) for text in cells]
                     if name in _AMOUNTS else list(cells), type=schema.field(name).type)
            for name, cells in zip(COLUMNS, columns, strict=True)
        ]  # fmt: skip
        file.write_table(pa.table(arrays, schema=schema))

    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        yield write
