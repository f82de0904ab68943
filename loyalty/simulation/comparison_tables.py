"""
A comparison as tables: figures with intervals, groups, winners and losers, tiers, evenness, and every partner.

Numbers are means over replicates, rounded to six digits, half to even; those of one replicate are exact, and its
counts whole. The partners listed are those of the first replicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from loyalty.explaining.differences import LANGUAGES
from loyalty.explaining.said import said
from loyalty.simulation.comparison import Comparison, Fairness, Interval, Scheme
from loyalty.simulation.csv_columns import write_columns, write_header
from loyalty.simulation.decimals import exact_decimal, share
from loyalty.simulation.measuring import Measures
from loyalty.simulation.months import month_text
from loyalty.simulation.tables import Cell, Column, Kind, Table

#: What a group's table shows of each currency.
_SHOWN: Final = ("issued", "expired", "redeemed", "outstanding")
_SIDES: Final = ("base", "variant")


def comparison_tables(comparison: Comparison) -> tuple[Table, ...]:
    """Give every table of a comparison but that of all partners, in the order in which they are best read."""
    variant = Column("variant")
    counts = _numbers if comparison.replicates > 1 else _counts
    group = (variant, Column("grouping"), Column("group"))
    tiers = (Column("base_tier"), Column("variant_tier"))
    return (
        _table("differences", (variant, Column("section"), Column("thing"), Column("change")), _told(comparison)),
        _table(
            "figures",
            (variant, Column("figure"), Column("unit"), *_numbers("base", "with_variant", "difference", "low", "high")),
            _figures(comparison),
        ),
        _table(
            "groups",
            (*group, *counts("partners"), *_numbers("revenue", "base_cost", "variant_cost"),
             *counts("winners", "losers", "up", "down")),
            _groups(comparison),
        ),
        _table(
            "groups_by_currency",
            (*group, Column("currency"), *_numbers(*(f"{side}_{name}" for name in _SHOWN for side in _SIDES))),
            _currencies(comparison),
        ),
        _table(
            "winners_and_losers",
            (variant, Column("partner"), Column("segment"), *tiers,
             *_numbers("revenue", "base", "with_variant", "difference")),
            _shifts(comparison),
        ),
        _table("migration", (variant, Column("month"), *tiers, *counts("partners")), _migration(comparison)),
        _table(
            "tiers", (Column("scheme"), Column("month"), Column("tier"), *counts("partners")), _tiers(comparison)
        ),
        _table("fairness", (Column("scheme"), Column("figure"), *_numbers("value")), _fairness(comparison)),
    )  # fmt: skip


def write_partners(scheme: Scheme, base: Measures, variant: Measures, path: Path) -> Path:
    """Write what every partner gets under both, one row each, as CSV or Parquet by the suffix of the path."""
    before, after, divisor = base.worth_with(variant)
    ladder = (pa.array(base.ladder), pa.array(variant.ladder))
    table = pa.table({
        "partner": pa.array(base.partners, pa.string()),
        "base_tier": ladder[0].take(pa.array(base.tiers)),
        "variant_tier": ladder[1].take(pa.array(variant.tiers)),
        "revenue": _decimals(base.revenue, base.money_scale),
        "base": _decimals(before, divisor),
        "variant": _decimals(after, divisor),
        "difference": _decimals(after - before, divisor),
    })  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table.replace_schema_metadata({"variant": scheme.name}), path, compression="zstd")
    else:
        with path.open("wb") as file:
            write_header(file, table.column_names)
            write_columns(file, [column.combine_chunks().cast(pa.string()) for column in table.columns])
    return path


def decimal(value: Fraction) -> Decimal:
    """
    Give an exact decimal, or one of six digits where there is none so short.

    >>> decimal(Fraction(5, 4)), decimal(Fraction(1, 3))
    (Decimal('1.25'), Decimal('0.333333'))
    """
    return exact_decimal(value) if 10**6 % value.denominator == 0 else share(value)


def _decimals(numbers: np.ndarray, divisor: int) -> pa.Array:
    """Give numerators over a divisor as decimals of six digits, exact where the divisor allows it."""
    millionths = numbers.astype(object) * 10**6 // divisor if 10**6 % divisor else numbers * (10**6 // divisor)
    return pa.array([Decimal(int(number)).scaleb(-6) for number in millionths], pa.decimal128(38, 6))


def _table(name: str, columns: tuple[Column, ...], rows: Iterable[tuple[Cell, ...]]) -> Table:
    return Table(name, columns, tuple(rows))


def _told(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    tell = LANGUAGES["en"].tell
    for variant in comparison.variants:
        for one in variant.told:
            thing = tell(one.thing) if one.thing is not None else ""
            for text in (one.text, *one.details):
                yield variant.scheme.name, tell(said(f"section.{one.section}")), thing, tell(text)


def _figures(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for variant in comparison.variants:
        for one in variant.estimates:
            numbers = (decimal(one.base), decimal(one.variant), decimal(one.difference))
            yield variant.scheme.name, one.name, one.unit, *numbers, *interval_ends(one.interval)


def _groups(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for variant in comparison.variants:
        for group in variant.groups:
            amounts = (decimal(each) for each in (group.revenue, group.base_cost, group.variant_cost))
            partners, *counts = (
                _counted(each, comparison)
                for each in (group.partners, group.winners, group.losers, group.up, group.down)
            )
            yield variant.scheme.name, group.grouping, group.name, partners, *amounts, *counts


def _currencies(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for variant in comparison.variants:
        schemes = (comparison.base.programme, variant.scheme.programme)
        for group in variant.groups:
            for name in dict.fromkeys((*group.base, *group.variant)):
                cells: list[Cell] = []
                for part in _SHOWN:
                    for programme, flows in zip(schemes, (group.base, group.variant), strict=True):
                        known = flows.get(name)
                        scale = 10 ** programme.currencies[name].scale if name in programme.currencies else 1
                        divisor = scale * comparison.replicates
                        cells.append(None if known is None else decimal(Fraction(getattr(known, part), divisor)))
                yield variant.scheme.name, group.grouping, group.name, name, *cells


def _shifts(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for variant in comparison.variants:
        for one in (*variant.shifts.most, *variant.shifts.least):
            numbers = (decimal(n) for n in (one.revenue, one.base, one.variant, one.difference))
            yield variant.scheme.name, one.partner, one.segment, one.base_tier, one.variant_tier, *numbers


def _migration(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for variant in comparison.variants:
        migration = variant.migration
        for month, matrix in migration.matrices.items():
            for tier, row in zip(migration.base_ladder, matrix, strict=True):
                for other, partners in zip(migration.variant_ladder, row, strict=True):
                    yield variant.scheme.name, month_text(month), tier, other, _counted(partners, comparison)


def _tiers(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for place, variant in enumerate(comparison.variants):
        found = variant.migration
        sides = [(variant.scheme.name, found.variant_ladder, found.variant)]
        if place == 0:
            sides.insert(0, (comparison.base.name, found.base_ladder, found.base))
        for name, ladder, counts in sides:
            for month, row in zip(found.months, counts, strict=True):
                for tier, partners in zip(ladder, row, strict=True):
                    yield name, month_text(month), tier, _counted(partners, comparison)


def _fairness(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    schemes: Iterable[tuple[str, Fairness]] = (
        (comparison.base.name, comparison.base_fairness),
        *((variant.scheme.name, variant.fairness) for variant in comparison.variants),
    )
    for name, fairness in schemes:
        for currency, value in fairness.gini.items():
            yield name, f"gini.{currency}", share(value)
        yield name, "reversals", share(fairness.reversals)
        for cliff in fairness.cliffs:
            yield name, f"rate_below.{cliff.tier}", share(cliff.rate_below)
            yield name, f"rate_above.{cliff.tier}", share(cliff.rate_above)


def _counted(value: Fraction, comparison: Comparison) -> Cell:
    return decimal(value) if comparison.replicates > 1 else int(value)


def interval_ends(interval: Interval | None) -> tuple[Cell, Cell]:
    """Give the ends of an interval as cells."""
    if interval is None:
        return None, None
    return share(Fraction(interval.low)), share(Fraction(interval.high))


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.AMOUNT) for name in names)


def _counts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.COUNT) for name in names)
