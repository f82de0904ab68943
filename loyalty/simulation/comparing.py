"""
Comparing programmes on identical events: the same tables go through each, replicate by replicate.

All replicates give figures, whose paired differences give intervals. The first one alone gives the tables of partners:
who wins and who loses, where they stand, and what deciles and segments get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loyalty.batch.once import found_once
from loyalty.errors import UsageError
from loyalty.explaining.differences import tell_differences
from loyalty.explaining.said import Value
from loyalty.programme.differences import differences
from loyalty.programme.model import Programme
from loyalty.programme.revisions import add_tiers
from loyalty.simulation.comparison import (
    Change,
    Comparison,
    Estimate,
    Fairness,
    Figure,
    Group,
    Interval,
    Migration,
    Scheme,
    Shifts,
    Variant,
)
from loyalty.simulation.evenness import gini, reversals
from loyalty.simulation.intervals import OVER_PARTNERS, OVER_REPLICATES, mean_interval, sum_interval
from loyalty.simulation.measuring import Measures
from loyalty.simulation.months import first_day_of, month_of
from loyalty.simulation.replicates import Replicate, Runner

if TYPE_CHECKING:
    from loyalty.batch.results import Batch, HolderTotals

#: So many partners stand in the lists of those who gain and lose most.
_MOST_LISTED: Final = 20

#: So many bins a chart of differences has at most.
_MOST_BINS: Final = 24

_Chosen = NDArray[np.bool_]


def compare(
    base: Scheme,
    variants: Sequence[Scheme],
    replicates: Iterable[Replicate],
    *,
    until_day: int,
    each: Callable[[Scheme, Measures, Measures], object] | None = None,
    progress: Callable[[int], None] | None = None,
    assumptions: Sequence[Value] = (),
    notes: Sequence[Value] = (),
) -> Comparison:
    """
    Run every programme over every replicate, and say what differs.

    Args:
        base: What the variants are compared with.
        replicates: The events; each is looked at once and let go.
        until_day: The last day; everything due by then has happened.
        each: Called for each variant with the base's and the variant's measures of the first replicate, over the same
            partners in the same order.
        progress: Called with how many runs are done.

    Raises:
        LoyaltyError: a variant cannot take the events of the base.
    """
    schemes = (base, *variants)
    runner = Runner(until_day=until_day)
    days = _quarter_ends(base.programme, until_day)
    standings: list[dict[int, HolderTotals]] = []
    seeds: list[int] = []
    figures: list[list[dict[str, Figure]]] = [[] for _ in schemes]
    first: list[Measures] = []
    labels: Mapping[str, Mapping[str, str]] = {}
    done = events = 0
    for replicate in replicates:
        if replicate.seed is not None:
            seeds.append(replicate.seed)
        measured = []
        with found_once(replicate.events):
            for place, scheme in enumerate(schemes):
                if first:
                    batch = runner.run(scheme, replicate)
                else:
                    batch, stood = runner.run_by_parts(scheme, replicate, days)
                    standings.append(stood)
                measures = Measures(batch)
                figures[place].append(measures.figures())
                measured.append(measures)
                done += 1
                if progress is not None:
                    progress(done)
        if not first:
            first, labels, events = measured, replicate.labels, len(replicate.events)
    if not first:
        raise UsageError("there is nothing to compare on: give one replicate at least")
    names = sorted({name for measures in first for name in measures.partners})
    first = [measures.over(names) for measures in first]
    for place, scheme in enumerate(variants, start=1):
        if each is not None:
            each(scheme, first[0], first[place])
    many = len(figures[0]) > 1
    return Comparison(
        base=base,
        base_fairness=_fairness(first[0]),
        variants=tuple(
            Variant(
                scheme=scheme,
                told=tell_differences(differences(base.programme, scheme.programme), base.programme, scheme.programme),
                estimates=_estimates(figures[0], figures[place], first[0], first[place]),
                groups=tuple(_groups(first[0], first[place], labels)),
                shifts=_shifts(first[0], first[place], labels.get("segment", {})),
                migration=_migration(first[0], first[place], standings[0], standings[place]),
                fairness=_fairness(first[place]),
            )
            for place, scheme in enumerate(variants, start=1)
        ),
        unit=first[0].unit,
        partners=len(names),
        events=events,
        until_day=until_day,
        seeds=tuple(seeds),
        method=OVER_REPLICATES if many else OVER_PARTNERS if len(names) > 1 else "",
        assumptions=tuple(assumptions),
        notes=(*notes, *runner.notes),
    )


def _estimates(
    base: Sequence[Mapping[str, Figure]], variant: Sequence[Mapping[str, Figure]], one: Measures, other: Measures
) -> tuple[Estimate, ...]:
    found = []
    for name in dict.fromkeys((*base[0], *variant[0])):
        values = [[each[name].value if name in each else Fraction(0) for each in side] for side in (base, variant)]
        known = base[0].get(name) or variant[0][name]
        paired = [float(after - before) for before, after in zip(*values, strict=True)]
        means = [sum(side, Fraction(0)) / len(side) for side in values]
        interval = mean_interval(paired) if len(paired) > 1 else _over_partners(name, one, other)
        found.append(Estimate(name=name, unit=known.unit, base=means[0], variant=means[1], interval=interval))
    return tuple(found)


def _over_partners(name: str, base: Measures, variant: Measures) -> Interval | None:
    """Give the interval of a sum over partners and persons, each layer drawn by itself; None for what is no sum."""
    before, after = base.parts(name), variant.parts(name)
    if before is None or after is None:
        return None
    return sum_interval([more - less for less, more in zip(before, after, strict=True)])


def _groups(base: Measures, variant: Measures, labels: Mapping[str, Mapping[str, str]]) -> Iterable[Group]:
    count = len(base.partners)
    order = np.argsort(base.revenue, kind="stable")
    decile = np.empty(count, np.int64)
    decile[order] = np.arange(count) * 10 // max(count, 1) + 1
    for number in range(1, 11):
        if (decile == number).any():
            yield _group("decile", str(number), decile == number, base, variant)
    for label, known in labels.items():
        names = np.array([known.get(partner, "") for partner in base.partners])
        for name in dict.fromkeys(known.values()):
            if (names == name).any():
                yield _group(label, name, names == name, base, variant)
    for place, tier in enumerate(base.ladder):
        if (base.tiers == place).any():
            yield _group("tier", tier, base.tiers == place, base, variant)


def _group(grouping: str, name: str, chosen: _Chosen, base: Measures, variant: Measures) -> Group:
    before, after, divisor = base.worth_with(variant)
    change = after[chosen] - before[chosen]
    ranks = _ranks(base, variant)
    return Group(
        grouping=grouping,
        name=name,
        partners=int(chosen.sum()),
        revenue=Fraction(int(base.revenue[chosen].sum()), base.money_scale),
        base={name: base.flows(name, chosen) for name in base.currencies},
        variant={name: variant.flows(name, chosen) for name in variant.currencies},
        base_cost=Fraction(int(before[chosen].sum()), divisor),
        variant_cost=Fraction(int(after[chosen].sum()), divisor),
        winners=int((change > 0).sum()),
        losers=int((change < 0).sum()),
        up=int((ranks[1][chosen] > ranks[0][chosen]).sum()),
        down=int((ranks[1][chosen] < ranks[0][chosen]).sum()),
    )


def _ranks(base: Measures, variant: Measures) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give the tiers under both on one scale: that of the base, where a tier of the variant alone lies in between."""
    places = _common_places(base.ladder, variant.ladder)
    return (
        np.array([places[name] for name in base.ladder])[base.tiers],
        np.array([places[name] for name in variant.ladder])[variant.tiers],
    )


def _common_places(ladder: Sequence[str], other: Sequence[str]) -> dict[str, int]:
    order = list(ladder)
    add_tiers(order, other)
    return {name: place for place, name in enumerate(order)}


def _shifts(base: Measures, variant: Measures, segments: Mapping[str, str]) -> Shifts:
    before, after, divisor = base.worth_with(variant)
    change = after - before
    order = np.argsort(change, kind="stable")
    losing, gaining = order[change[order] < 0], order[::-1][change[order[::-1]] > 0]

    def listed(places: NDArray[Any]) -> tuple[Change, ...]:
        return tuple(
            Change(
                partner=base.partners[place],
                segment=segments.get(base.partners[place]),
                base_tier=base.ladder[base.tiers[place]],
                variant_tier=variant.ladder[variant.tiers[place]],
                revenue=Fraction(int(base.revenue[place]), base.money_scale),
                base=Fraction(int(before[place]), divisor),
                variant=Fraction(int(after[place]), divisor),
            )
            for place in places[:_MOST_LISTED]
        )

    return Shifts(
        winners=len(gaining),
        losers=len(losing),
        unchanged=len(change) - len(gaining) - len(losing),
        gained=Fraction(int(change[gaining].sum()), divisor),
        lost=Fraction(-int(change[losing].sum()), divisor),
        most=listed(gaining),
        least=listed(losing),
        bins=tuple(_bins(change[change != 0], divisor)),
    )


def _bins(change: NDArray[np.int64], divisor: int) -> Iterable[tuple[Fraction, Fraction, int]]:
    """Give round bins over the middle of the differences; the outer ones hold what lies beyond as well."""
    if not len(change):
        return
    low, high = (float(each) / divisor for each in np.quantile(change, [0.02, 0.98]))
    width = Fraction(1, divisor)
    steps = (2, Fraction(5, 2), 2)
    turn = 0
    while high / float(width) - low / float(width) > _MOST_BINS - 2:
        width *= steps[turn % 3]
        turn += 1
    first = int(low // float(width))
    count = max(int(high // float(width)) - first + 1, 1)
    places = np.clip(np.floor(change / (float(width) * divisor)).astype(np.int64) - first, 0, count - 1)
    for place, number in enumerate(np.bincount(places, minlength=count)):
        yield (first + place) * width, (first + place + 1) * width, int(number)


def _migration(
    base: Measures, variant: Measures, base_stood: Mapping[int, HolderTotals], variant_stood: Mapping[int, HolderTotals]
) -> Migration:
    runs = (base.batch, variant.batch)
    matrices = {}
    for day, before in base_stood.items():
        matrix = np.zeros((len(base.ladder), len(variant.ladder)), np.int64)
        np.add.at(matrix, (_tiers_of(before, base.partners), _tiers_of(variant_stood[day], base.partners)), 1)
        matrices[month_of(day)] = tuple(tuple(int(count) for count in row) for row in matrix)
    # A table of months begins with the first in which anything happened, which both programmes share.
    months = tuple(range(base.batch.first_month, base.batch.first_month + base.batch.months))
    counts = [tuple(tuple(int(count) for count in row) for row in run.tiers) for run in runs]
    return Migration(
        base_ladder=base.ladder,
        variant_ladder=variant.ladder,
        matrices=matrices,
        months=months,
        base=counts[0],
        variant=counts[1],
        base_moves=_moves(runs[0]),
        variant_moves=_moves(runs[1]),
    )


def _tiers_of(totals: HolderTotals, partners: Sequence[str]) -> NDArray[Any]:
    """Give the tiers of partners; who has not appeared yet has the base tier."""
    places = np.asarray(
        pc.fill_null(pc.index_in(pa.array(partners, pa.string()), totals.holders.cast(pa.string())), -1)
    )
    return np.where(places < 0, 0, totals.tier[places] if len(totals.tier) else 0)


def _quarter_ends(programme: Programme, until_day: int) -> tuple[int, ...]:
    """Give the last days of the calendar quarters before the last day."""
    months = range(month_of(programme.first_day), month_of(until_day) + 1)
    ends = (first_day_of(month + 1) - 1 for month in months if month % 3 == 2)
    return tuple(day for day in ends if day < until_day)


def _moves(run: Batch) -> tuple[tuple[int, int], ...]:
    return tuple((int(np.triu(month, 1).sum()), int(np.tril(month, -1).sum())) for month in run.tier_moves)


def _fairness(measures: Measures) -> Fairness:
    spread = {name: gini(measures.earned(name)) for name in measures.currencies}
    return Fairness(
        gini={"worth": gini(measures.worth), **spread} if measures.unit else spread,
        reversals=reversals(measures.revenue, measures.worth),
        cliffs=measures.cliffs(),
    )
