"""
The journal of a run over columns as one file: every movement a row, with names for numbers.

It is written part by part, so that a large run needs no more memory for it. Amounts are decimals in major units: in CSV
with the digits of their currency, as in the tables beside it, in Parquet with those of the currency that has most. What
a movement left is named before what it came to.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loyalty.batch.results import Batch
from loyalty.batch.tables import EventTable, kinds_of
from loyalty.core.calendar import NEVER
from loyalty.core.events import TIER_OVERRIDE
from loyalty.core.holders import Layer
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.settlement.journal import ACCOUNT_NAMES, FIRST_OF_PROGRAMME
from loyalty.simulation.csv_columns import decimals_text, write_columns, write_header

#: The columns: whose movement it is, what it comes from and when, then the movement.
MOVEMENT_COLUMNS: Final = (
    "holder", "kind", "occurred_at", "day", "rule", "asset", "source", "target", "amount", "lot_day",
)  # fmt: skip


class MovementsFile:
    """
    Writes the movements of runs, one after the other.

    Args:
        path: Ends in ``.csv`` or ``.parquet``.
    """

    def __init__(self, path: Path, programme: Programme) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._programme = programme
        scale = max((currency.scale for currency in currencies_of(programme).values()), default=0)
        self._amount = pa.decimal128(18 + scale, scale)
        self._schema = pa.schema([
            ("holder", pa.string()), ("kind", pa.string()), ("occurred_at", pa.timestamp("us", "UTC")),
            ("day", pa.date32()), ("rule", pa.string()), ("asset", pa.string()), ("source", pa.string()),
            ("target", pa.string()), ("amount", self._amount), ("lot_day", pa.date32()),
        ])  # fmt: skip
        if path.suffix == ".parquet":
            self._writer: Any = pq.ParquetWriter(path, self._schema, compression="zstd")
        else:
            self._writer = path.open("wb")
            write_header(self._writer, MOVEMENT_COLUMNS)

    def __enter__(self) -> MovementsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, events: EventTable, batch: Batch) -> None:
        """Write the movements of one run, whose journal was kept."""
        journal = batch.journal
        assert journal is not None
        column = {name: np.asarray(journal[name]) for name in journal.column_names}
        names = batch.names
        row, lot = column["row"], column["lot"]
        kinds = pa.array([*kinds_of(self._programme), *_OWN_KINDS])
        # Kinds that no programme declares have numbers below 0, which count from the end.
        kind = events.kind[row] if len(events) else row
        at = events.at[row] if len(events) else row
        holders = pa.concat_arrays([
            pc.binary_join_element_wise(layer.name.lower(), batch.layers[layer].holders, ":") for layer in Layer
        ])  # fmt: skip
        first = np.cumsum([0, *(len(batch.layers[layer].holders) for layer in Layer)])[column["layer"]]
        columns = [
            holders.take(pa.array(column["holder"] + first)),
            kinds.take(pa.array(np.where(kind < 0, kind + len(kinds), kind), mask=row < 0)),
            pa.array(at, pa.timestamp("us", "UTC"), mask=row < 0),
            pa.array(column["day"].astype(np.int32), mask=column["day"] < 0).cast(pa.date32()),
            pa.array(names.labels).take(pa.array(column["label"])),
            pa.array(names.assets).take(pa.array(column["asset"])),
            _ACCOUNTS.take(pa.array(column["source"])),
            _ACCOUNTS.take(pa.array(column["target"])),
        ]
        due = pa.array(lot.astype(np.int32), mask=(lot <= 0) | (lot >= NEVER)).cast(pa.date32())
        scales = self._scales(names.assets)[column["asset"]]
        if self.path.suffix == ".parquet":
            amounts = self._decimals(column["amount"] * 10 ** (self._amount.scale - scales))
            self._writer.write_table(pa.table([*columns, amounts, due], schema=self._schema))
        else:
            texts = [_text(each) for each in (*columns, due)]
            write_columns(self._writer, [*texts[:-1], _amounts(column["amount"], scales), texts[-1]])

    def _scales(self, assets: Sequence[str]) -> Any:
        """Give how many digits each asset has; tiers and badges have none."""
        scales = {name: currency.scale for name, currency in currencies_of(self._programme).items()}
        return np.array([scales.get(name, 0) for name in assets], dtype=np.int64)

    def _decimals(self, numbers: Any) -> pa.Array:
        """Give whole numbers of the last digit as decimals, which Arrow keeps as whole numbers of 128 bits."""
        words = np.empty((len(numbers), 2), dtype="<i8")
        words[:, 0], words[:, 1] = numbers, numbers >> 63
        return pa.Array.from_buffers(self._amount, len(numbers), [None, pa.py_buffer(words)])


def _text(column: Any) -> Any:
    """Write a column as the journal of a backtest has it."""
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
    return column.cast(pa.string())


def _amounts(amounts: Any, scales: Any) -> pa.Array:
    """Write each amount with the digits of its currency."""
    found = [np.flatnonzero(scales == scale) for scale in np.unique(scales)]
    texts = [decimals_text(amounts[rows], int(scale)) for scale, rows in zip(np.unique(scales), found, strict=True)]
    order = np.argsort(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return pa.concat_arrays(texts).take(pa.array(order)) if texts else pa.array([], pa.string())


#: The accounts by code, those of the programme as every journal names them: both sides have one called ``standing``.
_ACCOUNTS: Final = pa.array(
    [*ACCOUNT_NAMES[:FIRST_OF_PROGRAMME], *(f"programme/{name}" for name in ACCOUNT_NAMES[FIRST_OF_PROGRAMME:])]
)

#: What the kinds of -4, -3, -2 and -1 are called.
_OWN_KINDS: Final = ("?", "redeem", "void", TIER_OVERRIDE)
