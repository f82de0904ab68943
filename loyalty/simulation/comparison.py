"""
What a comparison of programmes says: a base and its variants on the same events, as plain values for reports.

Amounts are exact and in major units; an interval alone is a floating number. :mod:`loyalty.simulation.comparing` makes
them, and :mod:`loyalty.simulation.comparison_tables` turns them into tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TypeAlias

from attrs import field, frozen

from loyalty.explaining.differences import Told
from loyalty.explaining.said import Value
from loyalty.programme.model import Programme
from loyalty.simulation.flows import Flows

#: How many partners there are of each, the mean over replicates.
Counts: TypeAlias = tuple[Fraction, ...]


@frozen(kw_only=True)
class Figure:
    """
    One number of a run.

    Args:
        name: Such as ``cost`` or ``points.issued``.
        unit: What it is counted in: a unit of money, a currency, ``partners``, ``events``, or ``share`` (of 1).
        is_whole: Whether there is no part of a unit, as of a currency of scale 0.
    """

    name: str
    value: Fraction
    unit: str
    is_whole: bool = False


@frozen(kw_only=True)
class Interval:
    """Where a number lies with the confidence that the comparison names."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference can be told from none."""
        return self.low > 0 or self.high < 0


@frozen(kw_only=True)
class Estimate:
    """A figure under the base and under a variant, the mean of all replicates; ``interval`` is of the difference."""

    name: str
    unit: str
    base: Fraction
    variant: Fraction
    interval: Interval | None = None
    is_whole: bool = False

    @property
    def difference(self) -> Fraction:
        """What the variant changes."""
        return self.variant - self.base

    @property
    def differs_somewhere(self) -> bool:
        """Whether the means differ or, where they come out even, some replicates or partners do."""
        return bool(self.difference) or (self.interval is not None and self.interval.low < self.interval.high)


@frozen(kw_only=True)
class Group:
    """
    Partners that belong together, under both programmes: numbers are means over replicates.

    Args:
        grouping: ``decile`` (by revenue under the base, 10 has most), ``segment`` or another label of the scenario,
            or ``tier`` (at the base's end).
        revenue: Under the base, in the unit of the comparison.
        base, variant: What moved and where it stands in the end, by currency, in minor units: sums of all replicates.
        base_cost, variant_cost: The worth of what was given and neither taken back nor expired.
        up, down: Partners that end in a higher or a lower tier under the variant.
    """

    grouping: str
    name: str
    partners: Fraction
    revenue: Fraction
    base: Mapping[str, Flows] = field(hash=False)
    variant: Mapping[str, Flows] = field(hash=False)
    base_cost: Fraction
    variant_cost: Fraction
    winners: Fraction
    losers: Fraction
    up: Fraction
    down: Fraction


@frozen(kw_only=True)
class Change:
    """What one partner gets under the base and under the variant: worth, in the unit of the comparison."""

    partner: str
    segment: str | None
    base_tier: str
    variant_tier: str
    revenue: Fraction
    base: Fraction
    variant: Fraction

    @property
    def difference(self) -> Fraction:
        """What the variant changes."""
        return self.variant - self.base


@frozen(kw_only=True)
class Shifts:
    """
    Who wins and who loses, by worth: means over replicates, but for those who are listed.

    Args:
        gained, lost: What all winners gain and all losers lose together, both >= 0.
        most, least: The partners of the first replicate that gain and that lose most, the greatest change first.
        bins: For a chart: differences from ``low`` up to ``high``, with how many partners have one; the bins are of
            one width, and the first and the last also hold what lies beyond.
    """

    winners: Fraction
    losers: Fraction
    unchanged: Fraction
    gained: Fraction
    lost: Fraction
    most: tuple[Change, ...]
    least: tuple[Change, ...]
    bins: tuple[tuple[Fraction, Fraction, Fraction], ...] = ()


@frozen(kw_only=True)
class Migration:
    """
    Where partners stand: tier of the base against tier of the variant, in means over replicates.

    Args:
        base_ladder, variant_ladder: The tiers from the base tier up.
        matrices: By month: rows of partners by the base's tier, columns by the variant's; the last is the end.
        months: All months, numbered since January of year 0.
        base, variant: By month, how many partners each tier has at its end.
        base_moves, variant_moves: By month, how many partners rose and how many fell.
    """

    base_ladder: tuple[str, ...]
    variant_ladder: tuple[str, ...]
    matrices: Mapping[int, tuple[Counts, ...]] = field(hash=False)
    months: tuple[int, ...]
    base: tuple[Counts, ...]
    variant: tuple[Counts, ...]
    base_moves: tuple[Counts, ...]
    variant_moves: tuple[Counts, ...]

    @property
    def final(self) -> tuple[Counts, ...]:
        """The matrix of the end."""
        return self.matrices[max(self.matrices)]


@frozen(kw_only=True)
class Cliff:
    """
    What it is worth to stand just above a tier's threshold rather than just below.

    Below stands the quarter with most revenue of those one tier lower, above the quarter with least revenue of the
    tier; the rates are worth per revenue.
    """

    tier: str
    partners_below: Fraction
    partners_above: Fraction
    rate_below: Fraction
    rate_above: Fraction

    @property
    def jump(self) -> Fraction:
        """By how much the rate is higher above."""
        return self.rate_above - self.rate_below


@frozen(kw_only=True)
class Fairness:
    """
    How evenly one programme gives.

    Args:
        gini: Of what partners get, by currency (earned) and under ``worth``: 0 is even, towards 1 one has all.
        reversals: Of all pairs of partners that differ in revenue and in worth, the share in which the one with less
            revenue gets more.
    """

    gini: Mapping[str, Fraction] = field(hash=False)
    reversals: Fraction
    cliffs: tuple[Cliff, ...]


@frozen(kw_only=True)
class Scheme:
    """A programme under the name that the comparison calls it by."""

    name: str
    programme: Programme


@frozen(kw_only=True)
class Variant:
    """
    One variant against the base.

    Args:
        told: What differs between the two declarations, to be told in a language.
        estimates: Of every figure, those that people ask for first at the beginning.
        persons: What persons cost under the base and under the variant, a part of the figure ``cost``; persons are of
            no partner, so that no group and no winner has it.
    """

    scheme: Scheme
    told: tuple[Told, ...]
    estimates: tuple[Estimate, ...]
    groups: tuple[Group, ...]
    shifts: Shifts
    migration: Migration
    fairness: Fairness
    persons: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))

    def estimate(self, name: str) -> Estimate:
        """Give the estimate of a figure."""
        return next(each for each in self.estimates if each.name == name)


@frozen(kw_only=True)
class Comparison:
    """
    A base and its variants on identical events.

    Args:
        unit: The unit of money that worth, cost and revenue are in, or "" where no currency has a worth.
        partners, events: Of the first replicate, whose partners alone are listed; all else is a mean over replicates.
            Events are those that happen in the span, of a population under the base.
        seeds: Of the replicates; none where the events are a recorded history.
        replicates: How many there are.
        method: How intervals were made, in words, or "" where there are none.
        confidence: That an interval holds what it is of, such as 19/20.
        notes: What a reader must know.
    """

    base: Scheme
    base_fairness: Fairness
    variants: tuple[Variant, ...]
    unit: str
    partners: int
    events: int
    until_day: int
    seeds: tuple[int, ...] = ()
    method: str = ""
    confidence: Fraction = Fraction(19, 20)
    assumptions: tuple[Value, ...] = ()
    notes: tuple[Value, ...] = ()
    replicates: int = 1
