"""
The table of holders as a file, written by columns: a run of a hundred thousand partners has half a million rows of it.

The rows are those of :func:`loyalty.simulation.tables.holder_table`, and the CSV has the same bytes as that table
written row by row, which is how it is written where pyarrow is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from loyalty.core.holders import Layer
from loyalty.simulation.decimals import exact_decimal
from loyalty.simulation.flows import FIGURES, STANDING, worth_of
from loyalty.simulation.holders import Holders

#: What is beyond 64 bits is written one by one.
_MOST: Final = 2**63 - 1


def can_write_by_columns() -> bool:
    """Tell whether the libraries that this needs are installed."""
    try:
        import numpy as np
        import pyarrow as pa
    except ImportError:
        return False
    return np is not None and pa is not None


def write_holders_csv(holders: Holders, path: Path) -> None:
    """Write the table as CSV, each amount with the digits of its currency."""
    from loyalty.simulation.csv_columns import write_columns, write_header

    rows = _Rows(holders)
    columns = [
        *rows.heads(),
        *(rows.join([_text(amounts, scale) for amounts, scale in parts]) for parts in rows.amounts()),
        *(rows.join([_short(*part) for part in rows.costs(unit)]) for unit in holders.units),
    ]
    with path.open("wb") as file:
        write_header(file, [*_HEADS, *_AMOUNTS, *(f"cost_{unit}" for unit in holders.units)])
        write_columns(file, columns)


def write_holders_parquet(holders: Holders, path: Path) -> None:
    """Write the table as Parquet: amounts as decimals with the digits of the currency that has most."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = _Rows(holders)
    most = max((currency.scale for currency in holders.currencies.values()), default=0)
    columns = dict(zip(_HEADS, (column.dictionary_encode() for column in rows.heads()), strict=True))
    for name, parts in zip(_AMOUNTS, rows.amounts(), strict=True):
        columns[name] = rows.join([_decimals(amounts, scale).cast(pa.decimal128(38, most)) for amounts, scale in parts])
    for unit in holders.units:
        costs = list(rows.costs(unit))
        finest = pa.decimal128(38, max(digits for _, digits in costs))
        columns[f"cost_{unit}"] = rows.join([_decimals(*part).cast(finest) for part in costs])
    pq.write_table(pa.table(columns), path, compression="zstd")


_HEADS: Final = ("holder", "tier", "badges", "currency")
_AMOUNTS: Final = (*FIGURES, "outstanding")


class _Rows:
    """Which holder and which currency each row is of: a row for each currency that moved, or one for none."""

    def __init__(self, holders: Holders) -> None:
        import numpy as np

        self._holders = holders
        moved = {name: np.zeros(len(holders), np.bool_) for name in holders.currencies}
        for (name, _), column in holders.figures.items():
            moved[name] |= np.asarray(column) != 0
        nothing = ~np.logical_or.reduce(list(moved.values())) if moved else np.zeros(0, np.bool_)
        if moved:
            moved[next(iter(moved))] |= nothing
        self._of = {name: np.flatnonzero(has) for name, has in moved.items()}
        places = [rows * len(moved) + place for place, rows in enumerate(self._of.values())]
        together = np.concatenate(places) if places else np.zeros(0, np.int64)
        self._order = np.argsort(together)
        self._holder = together[self._order] // max(len(moved), 1)
        self._currency = together[self._order] % max(len(moved), 1)
        self.count = len(together)

    def heads(self) -> Iterator[Any]:
        """Give the columns of text: holder, tier, badges, currency."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        holders = self._holders
        layers = np.repeat([layer.name.lower() for layer in Layer], [holders.partners, holders.persons])
        names = holders.names if isinstance(holders.names, pa.Array) else pa.array(holders.names, pa.string())
        yield pc.binary_join_element_wise(pa.array(layers, pa.string()), names.cast(pa.string()), ":").take(
            self._holder
        )
        # Persons have -1, which finds the empty text behind the last tier.
        tiers = pa.array([*holders.ladder, ""], pa.string())
        standings = np.asarray(holders.standings)
        yield tiers.take(np.where(standings < 0, len(holders.ladder), standings)[self._holder])
        yield self._badges().take(self._holder)
        yield pa.array(list(holders.currencies), pa.string()).take(self._currency)

    def _badges(self) -> Any:
        """Give the badges of each holder as one text."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = pa.array([""]).take(np.zeros(len(self._holders), np.int64))
        for badge, held in sorted(self._holders.badges.items()):
            longer = pc.utf8_ltrim(pc.binary_join_element_wise(texts, badge, " "), " ")
            texts = pc.if_else(pa.array(np.asarray(held) != 0), longer, texts)
        return texts

    def amounts(self) -> Iterator[list[tuple[Any, int]]]:
        """Give each column of amounts in parts, one for each currency with its digits."""
        for figure in _AMOUNTS:
            yield [(self._figure(name, figure), self._holders.currencies[name].scale) for name in self._of]

    def costs(self, unit: str) -> Iterator[tuple[Any, int]]:
        """Give what was redeemed or is outstanding in its declared worth, as :meth:`amounts` gives a column."""
        for name in self._of:
            of, value = worth_of(self._holders.currencies[name])
            held = self._figure(name, "outstanding") + self._figure(name, "redeemed")
            yield _valued(held, value if of == unit else Fraction(0))

    def _figure(self, currency: str, figure: str) -> Any:
        """Give one figure of a currency in the rows that are of it."""
        import numpy as np

        if figure == "outstanding":
            available, pending, held, arrears = (self._figure(currency, part) for part in STANDING)
            return available + pending + held - arrears
        column = self._holders.figures.get((currency, figure))
        rows = self._of[currency]
        return np.zeros(len(rows), np.int64) if column is None else np.asarray(column)[rows]

    def join(self, parts: Sequence[Any]) -> Any:
        """Put the parts of a column, one for each currency, in the order of rows."""
        import pyarrow as pa

        return pa.concat_arrays(parts).take(self._order) if parts else pa.array([], pa.string())


def _valued(amounts: Any, value: Fraction) -> tuple[Any, int]:
    """Give amounts at a value as whole numbers and their digits; decimals in a list where 64 bits are few."""
    digits = next((digits for digits in range(19) if 10**digits % value.denominator == 0), None)
    if digits is not None:
        factor = value.numerator * (10**digits // value.denominator)
        if max(abs(int(amounts.min(initial=0))), int(amounts.max(initial=0))) * factor <= _MOST:
            return amounts * factor, digits
    return [exact_decimal(value * int(amount)) for amount in amounts], digits or 18


def _decimals(amounts: Any, scale: int) -> Any:
    """Give whole numbers of minor units as exact decimals: Arrow's, without looking at each."""
    import numpy as np
    import pyarrow as pa

    if isinstance(amounts, list):
        return pa.array(amounts, pa.decimal128(38, scale))
    halves = np.empty((len(amounts), 2), np.int64)
    halves[:, 0], halves[:, 1] = amounts, amounts >> 63
    return pa.Array.from_buffers(pa.decimal128(38, scale), len(amounts), [None, pa.py_buffer(halves)])


def _text(amounts: Any, scale: int) -> Any:
    """Write minor units in major units, with every digit that the currency has."""
    import pyarrow as pa

    from loyalty.simulation.csv_columns import decimals_text

    if isinstance(amounts, list):
        return pa.array([format(Decimal(each), "f") for each in amounts], pa.string())
    return decimals_text(amounts, scale)


def _short(amounts: Any, scale: int) -> Any:
    """Write amounts with as few digits as say all."""
    import pyarrow.compute as pc

    texts = _text(amounts, scale)
    return pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".") if scale and not isinstance(amounts, list) else texts
