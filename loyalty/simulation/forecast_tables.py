"""
A forecast as tables: by month, of the whole span, and what expires of what is there.
"""

from __future__ import annotations

from loyalty.simulation.comparison_tables import decimal, interval_ends
from loyalty.simulation.forecasting import Forecast
from loyalty.simulation.months import month_text
from loyalty.simulation.tables import Column, Kind, Table


def forecast_tables(found: Forecast) -> tuple[Table, ...]:
    """Give a forecast as tables: by month, of the whole span, and what expires of what is there."""
    ends = (Column("low", Kind.AMOUNT), Column("high", Kind.AMOUNT))
    return (
        Table(
            "forecast",
            (Column("month"), Column("figure"), Column("unit"), Column("mean", Kind.AMOUNT), *ends),
            tuple(
                (month_text(month), one.name, one.unit, decimal(mean), *interval_ends(interval))
                for one in found.series
                for month, mean, interval in zip(found.months, one.mean, one.intervals, strict=True)
            ),
        ),
        Table(
            "totals",
            (Column("figure"), Column("unit"), Column("today", Kind.AMOUNT), Column("mean", Kind.AMOUNT), *ends),
            tuple(
                (one.name, one.unit, None if one.today is None else decimal(one.today), decimal(one.mean),
                 *interval_ends(one.interval))
                for one in found.totals
            ),
        ),
        Table(
            "expiring",
            (Column("month"), Column("currency"), Column("amount", Kind.AMOUNT)),
            tuple(
                (month_text(month), name, decimal(amount))
                for name, amounts in found.expiring.items()
                for month, amount in zip(found.months, amounts, strict=True)
            ),
        ),
    )  # fmt: skip
