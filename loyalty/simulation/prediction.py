"""
What a forecast says: figures month by month from today's balances on, with the interval of each, as plain values.
"""

from __future__ import annotations

from fractions import Fraction

from attrs import field, frozen

from loyalty.explaining.said import Value
from loyalty.programme.model import Programme


@frozen(kw_only=True)
class Series:
    """
    One figure at each month's end, or of each month.

    Args:
        name: As figures are named: ``liability``, ``cost``, ``breakage``, ``points.outstanding``, ``points.expired``,
            ``mdf.issued``, ``tiers.gold``.
        unit: As figures have it: a unit of money, a currency, ``partners`` or ``share``.
        is_flow: Whether it is what moved in each month, and not what stands at its end.
        past: What was before the first month of the forecast, the last value being that of its eve; may be empty.
        middle: The median of the replicates, a value for each month.
        low, high: The bounds of the interval, likewise; equal to *middle* where there is one replicate.
    """

    name: str
    unit: str
    middle: tuple[Fraction, ...]
    low: tuple[Fraction, ...]
    high: tuple[Fraction, ...]
    past: tuple[Fraction, ...] = ()
    is_flow: bool = False


@frozen(kw_only=True)
class Prediction:
    """
    Where balances and standings of today lead.

    Args:
        from_day: The day at whose end the book or the history was taken.
        months: Of the forecast, numbered since January of year 0; the first begins after *from_day*.
        partners, newcomers: That were there, and that are assumed to come (the median).
        series: Those that are asked for first at the beginning.
        seeds: Of the replicates.
        confidence: That an interval holds the value, such as 9/10.
        method: How intervals were made, in words.
        assumptions: Sentences on how partners go on.
    """

    programme: Programme
    from_day: int
    months: tuple[int, ...]
    partners: int
    series: tuple[Series, ...]
    newcomers: int = 0
    seeds: tuple[int, ...] = ()
    confidence: Fraction = field(default=Fraction(9, 10))
    method: Value = ""
    assumptions: tuple[Value, ...] = ()
    notes: tuple[Value, ...] = ()
