"""
Means over replicates of what a comparison says of groups, shifts, tiers and evenness, in exact fractions.

A group or a month that a replicate lacks counts there as nothing. Of the rates at a threshold, which are no amounts,
the mean is taken over the replicates that have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from attrs import evolve

from loyalty.simulation.comparison import Cliff, Counts, Fairness, Group, Migration, Shifts
from loyalty.simulation.flows import FIGURES, Flows


def mean(values: Iterable[Fraction | int], count: int) -> Fraction:
    """Give the sum of values over how many there are, those that are nothing included."""
    return Fraction(sum(values, Fraction(0))) / count


def mean_groups(replicates: Sequence[Sequence[Group]]) -> tuple[Group, ...]:
    """Give the mean of each group; what moved by currency is summed, as :class:`~.comparison.Group` says."""
    found: dict[tuple[str, str], list[Group]] = {}
    for groups in replicates:
        for group in groups:
            found.setdefault((group.grouping, group.name), []).append(group)
    return tuple(_mean_group(same, len(replicates)) for same in found.values())


def _mean_group(same: Sequence[Group], count: int) -> Group:
    return evolve(
        same[0],
        partners=mean((each.partners for each in same), count),
        revenue=mean((each.revenue for each in same), count),
        base=_together([each.base for each in same]),
        variant=_together([each.variant for each in same]),
        base_cost=mean((each.base_cost for each in same), count),
        variant_cost=mean((each.variant_cost for each in same), count),
        winners=mean((each.winners for each in same), count),
        losers=mean((each.losers for each in same), count),
        up=mean((each.up for each in same), count),
        down=mean((each.down for each in same), count),
    )


def _together(sides: Sequence[Mapping[str, Flows]]) -> dict[str, Flows]:
    names = dict.fromkeys(name for side in sides for name in side)
    return {
        name: Flows(**{part: sum(getattr(side[name], part) for side in sides if name in side) for part in FIGURES})
        for name in names
    }


def mean_shifts(replicates: Sequence[Shifts]) -> Shifts:
    """Give the mean of what is counted; the partners listed are those of the first, and all have its bins."""
    count = len(replicates)
    edges = next((each.bins for each in replicates if each.bins), ())
    return evolve(
        replicates[0],
        winners=mean((each.winners for each in replicates), count),
        losers=mean((each.losers for each in replicates), count),
        unchanged=mean((each.unchanged for each in replicates), count),
        gained=mean((each.gained for each in replicates), count),
        lost=mean((each.lost for each in replicates), count),
        bins=tuple(
            (low, high, mean((each.bins[place][2] for each in replicates if each.bins), count))
            for place, (low, high, _) in enumerate(edges)
        ),
    )


def mean_migration(replicates: Sequence[Migration]) -> Migration:
    """Give the mean of every cell; before anything happened in a replicate nobody stands anywhere."""
    count = len(replicates)
    months = tuple(sorted({month for each in replicates for month in each.months}))
    days = tuple(sorted({month for each in replicates for month in each.matrices}))
    by_month = [{month: place for place, month in enumerate(each.months)} for each in replicates]

    def rows(sides: Sequence[Sequence[Counts]]) -> tuple[Counts, ...]:
        return tuple(
            mean_counts([side[at[month]] for side, at in zip(sides, by_month, strict=True) if month in at], count)
            for month in months
        )

    return Migration(
        base_ladder=replicates[0].base_ladder,
        variant_ladder=replicates[0].variant_ladder,
        matrices={
            day: tuple(
                mean_counts(same, count)
                for same in zip(*(each.matrices[day] for each in replicates if day in each.matrices), strict=True)
            )
            for day in days
        },
        months=months,
        base=rows([each.base for each in replicates]),
        variant=rows([each.variant for each in replicates]),
        base_moves=rows([each.base_moves for each in replicates]),
        variant_moves=rows([each.variant_moves for each in replicates]),
    )


def mean_counts(rows: Sequence[Counts], count: int) -> Counts:
    """Give the mean of each place of rows that are equally long."""
    return tuple(mean(column, count) for column in zip(*rows, strict=True))


def mean_fairness(replicates: Sequence[Fairness]) -> Fairness:
    """Give the mean of each coefficient and rate."""
    count = len(replicates)
    cliffs: dict[str, list[Cliff]] = {}
    for each in replicates:
        for cliff in each.cliffs:
            cliffs.setdefault(cliff.tier, []).append(cliff)
    return Fairness(
        gini={name: mean((each.gini[name] for each in replicates), count) for name in replicates[0].gini},
        reversals=mean((each.reversals for each in replicates), count),
        cliffs=tuple(
            Cliff(
                tier=tier,
                partners_below=mean((each.partners_below for each in same), len(same)),
                partners_above=mean((each.partners_above for each in same), len(same)),
                rate_below=mean((each.rate_below for each in same), len(same)),
                rate_above=mean((each.rate_above for each in same), len(same)),
            )
            for tier, same in cliffs.items()
        ),
    )
