"""
Results as tables, and tables as files: CSV with exact decimals, or Parquet with exact decimal columns.

Amounts are in major units with every digit of their currency. Rows and columns are in a fixed order and nothing
depends on the clock, so that two runs give the same bytes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from attrs import frozen

from loyalty.errors import LoyaltyError
from loyalty.simulation.decimals import EXACT, exact_decimal, share
from loyalty.simulation.flows import FIGURES, Flows, worth_of
from loyalty.simulation.holders import HolderResult
from loyalty.simulation.months import month_text
from loyalty.simulation.results import Results


class Kind(Enum):
    """What a column holds: a name, a whole number, an amount in major units, or a share of 1."""

    TEXT = "text"
    COUNT = "count"
    AMOUNT = "amount"
    SHARE = "share"


Cell: TypeAlias = str | int | Decimal | None


@frozen
class Column:
    """A named column."""

    name: str
    kind: Kind = Kind.TEXT


@frozen
class Table:
    """Rows under columns; the cells are of the columns' kinds, None where there is nothing to say."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(results: Results) -> tuple[Table, ...]:
    """Give every table of the results, in the order in which they are best read."""
    return (*small_tables(results), holder_table(results))


def small_tables(results: Results) -> tuple[Table, ...]:
    """Give the tables that do not grow with the number of holders."""
    return (
        monthly_table(results),
        tier_table(results),
        move_table(results),
        expiry_table(results),
        fund_table(results),
        rule_table(results),
        *((activity_table(results),) if results.activity else ()),
        concentration_table(results),
    )


def monthly_table(results: Results) -> Table:
    """What moved in each month, and the balances at its end, by currency."""
    names = [*FIGURES, "outstanding"]
    return Table(
        "by_month",
        (Column("month"), Column("currency"), *(Column(name, Kind.AMOUNT) for name in names)),
        tuple(
            (month_text(month), name, *_amounts(results, name, results.flows[month, name], names))
            for month in results.months
            for name in results.currencies
        ),
    )


def tier_table(results: Results) -> Table:
    """How many partners stand in each tier at each month's end."""
    return Table(
        "tiers",
        (Column("month"), *(Column(name, Kind.COUNT) for name in results.ladder)),
        tuple(
            (month_text(month), *(results.tiers[month][name] for name in results.ladder)) for month in results.months
        ),
    )


def fund_table(results: Results) -> Table:
    """What was accrued in money in each month, by the tier that the partner had."""
    return Table(
        "mdf",
        (Column("month"), Column("currency"), Column("tier"), Column("accrued", Kind.AMOUNT),
         Column("reversed", Kind.AMOUNT)),
        tuple(
            (month_text(month), name, tier, amount(results, name, given), amount(results, name, taken))
            for (month, name, tier), (given, taken) in results.funds.items()
        ),
    )  # fmt: skip


def rule_table(results: Results) -> Table:
    """What each rule gave."""
    return Table(
        "by_rule",
        (Column("rule"), Column("layer"), Column("currency"), Column("awards", Kind.COUNT),
         Column("issued", Kind.AMOUNT), Column("reversed", Kind.AMOUNT), Column("cut_by_caps", Kind.AMOUNT)),
        tuple(
            (row.rule, row.layer.name.lower(), row.currency, row.awards, amount(results, row.currency, row.issued),
             amount(results, row.currency, row.reversed),
             None if row.cut is None else amount(results, row.currency, row.cut))
            for row in results.rules
        ),
    )  # fmt: skip


def activity_table(results: Results) -> Table:
    """How many events of each kind counted, and the money that they speak of."""
    return Table(
        "activity",
        (Column("event"), Column("events", Kind.COUNT), Column("unit"), Column("total", Kind.AMOUNT)),
        tuple((row.kind, row.events, row.unit or "", row.total) for row in results.activity),
    )


def expiry_table(results: Results) -> Table:
    """What is outstanding at the end, by the month in which it expires."""
    return Table(
        "expiring",
        (Column("currency"), Column("month"), Column("outstanding", Kind.AMOUNT)),
        tuple(
            (name, "never" if month is None else month_text(month), amount(results, name, cohorts[month]))
            for name, cohorts in results.expiring.items()
            for month in sorted(cohorts, key=lambda month: (month is None, month))
        ),
    )


def move_table(results: Results) -> Table:
    """How many partners moved from tier to tier in each month."""
    return Table(
        "tier_moves",
        (Column("month"), Column("from"), Column("to"), Column("partners", Kind.COUNT)),
        tuple(
            (month_text(month), before, after, moved)
            for month, moves in results.tier_moves.items()
            for (before, after), moved in sorted(moves.items())
        ),
    )


def concentration_table(results: Results) -> Table:
    """How evenly what partners earned is spread: the Lorenz curve point by point, with the coefficient beside it."""
    return Table(
        "concentration",
        (Column("currency"), Column("partners", Kind.COUNT), Column("share_of_partners", Kind.SHARE),
         Column("share_of_amount", Kind.SHARE), Column("amount", Kind.AMOUNT), Column("gini", Kind.SHARE),
         Column("top_tenth", Kind.SHARE)),
        tuple(
            (name, place, share(Fraction(place, spread.partners)), share(Fraction(held, spread.total)),
             amount(results, name, held), share(spread.gini), share(spread.top_tenth))
            for name, spread in results.concentration.items()
            if spread.total
            for place, held in spread.points
        ),
    )  # fmt: skip


def holder_table(results: Results) -> Table:
    """Where each holder stood in the end, one row for each of its currencies; costs are the row's own and add up."""
    names = [*FIGURES, "outstanding"]
    units = results.holders.units
    return Table(
        "by_holder",
        (Column("holder"), Column("tier"), Column("badges"), Column("currency"),
         *(Column(name, Kind.AMOUNT) for name in names),
         *(Column(f"cost_{unit}", Kind.AMOUNT) for unit in units)),
        tuple(row for holder in results.holders for row in _holder_rows(results, holder, names, units)),
    )  # fmt: skip


def _holder_rows(
    results: Results, holder: HolderResult, names: Sequence[str], units: Sequence[str]
) -> Iterator[tuple[Cell, ...]]:
    head = (str(holder.holder), holder.tier or "", " ".join(holder.badges))
    for name in holder.currencies or [next(iter(results.currencies))]:
        flows = holder.currencies.get(name, Flows())
        of, value = worth_of(results.currencies[name])
        cost = value * (flows.outstanding + flows.redeemed)
        costs = (exact_decimal(cost if of == unit else Fraction(0)) for unit in units)
        yield (*head, name, *_amounts(results, name, flows, names), *costs)


def _amounts(results: Results, currency: str, flows: Flows, names: Iterable[str]) -> Iterator[Decimal]:
    return (amount(results, currency, getattr(flows, name)) for name in names)


def amount(results: Results, currency: str, minor_units: int) -> Decimal:
    """Give minor units as an exact decimal in major units."""
    return Decimal(minor_units).scaleb(-results.currencies[currency].scale, EXACT)


def write_tables(results: Results, out_dir: Path | str, format: str = "csv") -> list[Path]:
    """
    Write each table to a file of its own.

    Args:
        results: What to write.
        out_dir: Made where it does not exist.
        format: ``csv`` or ``parquet``.

    Returns:
        The files, in the order of :func:`tables`.

    Raises:
        LoyaltyError: *format* is unknown, or Parquet is asked for and pyarrow is not installed.
    """
    return [*write_each(small_tables(results), out_dir, format), _write_holders(results, Path(out_dir), format)]


def write_each(each: Iterable[Table], out_dir: Path | str, format: str) -> list[Path]:
    """
    Write tables to files of their names, as :func:`write_tables` does.

    Raises:
        LoyaltyError: *format* is unknown, or Parquet is asked for and pyarrow is not installed.
    """
    if format not in ("csv", "parquet"):
        raise LoyaltyError(f"got the table format {format!r}; write csv or parquet")
    write = _parquet_writer() if format == "parquet" else write_csv
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for table in each:
        path = folder / f"{table.name}.{format}"
        write(table, path)
        paths.append(path)
    return paths


def _write_holders(results: Results, folder: Path, format: str) -> Path:
    from loyalty.simulation import holder_files

    path = folder / f"by_holder.{format}"
    if format == "parquet":
        holder_files.write_holders_parquet(results.holders, path)
    elif holder_files.can_write_by_columns():
        holder_files.write_holders_csv(results.holders, path)
    else:
        write_csv(holder_table(results), path)
    return path


def write_csv(table: Table, path: Path) -> None:
    """Write one table, row by row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in table.columns])
        writer.writerows([_text(cell) for cell in row] for row in table.rows)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def _parquet_writer() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise LoyaltyError(
            "Parquet needs pyarrow, which is not installed; run pip install 'loyalty-engine[sim]', or write csv"
        ) from error

    def write(table: Table, path: Path) -> None:
        arrays = {}
        for position, column in enumerate(table.columns):
            cells: list[Any] = [row[position] for row in table.rows]
            if column.kind in (Kind.AMOUNT, Kind.SHARE):
                scale = max((-_exponent(cell) for cell in cells if cell is not None), default=0)
                arrays[column.name] = pa.array(cells, type=pa.decimal128(38, scale))
            else:
                arrays[column.name] = pa.array(cells, type=pa.int64() if column.kind is Kind.COUNT else pa.string())
        pq.write_table(pa.table(arrays), path, compression="zstd")

    return write


def _exponent(cell: Decimal) -> int:
    exponent = cell.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
