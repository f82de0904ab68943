"""
Comparing programmes on identical events: the same tables go through each, replicate by replicate.

All numbers are means over the replicates, and the paired differences of figures give intervals. The first replicate
alone gives the partners that are listed by name.
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
from loyalty.batch.tables import REDEEM
from loyalty.errors import UsageError
from loyalty.explaining.differences import tell_differences
from loyalty.explaining.said import Value
from loyalty.programme.differences import differences
from loyalty.programme.model import Programme
from loyalty.programme.revisions import add_tiers
from loyalty.simulation.averaging import mean, mean_fairness, mean_groups, mean_migration, mean_shifts
from loyalty.simulation.comparison import (
    Change,
    Comparison,
    Counts,
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
_Bins = Sequence[tuple[Fraction, Fraction, Fraction]]


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
    runs: int = 1,
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
        runs: How many replicates there are, where it is known; what is run so often is compiled sooner.

    Raises:
        LoyaltyError: a variant cannot take the events of the base.
    """
    schemes = (base, *variants)
    runner = Runner(until_day=until_day, runs=runs)
    days = _quarter_ends(base.programme, until_day)
    until_us = base.programme.calendar.day_start_us(until_day + 1)
    seeds: list[int] = []
    figures: list[list[dict[str, Figure]]] = [[] for _ in schemes]
    first: list[Measures] = []
    fairness: list[list[Fairness]] = [[] for _ in schemes]
    found: list[_Found] = [_Found() for _ in variants]
    done = events = 0
    for replicate in replicates:
        if replicate.seed is not None:
            seeds.append(replicate.seed)
        measured = []
        standings: list[dict[int, HolderTotals]] = []
        with found_once(replicate.events):
            for place, scheme in enumerate(schemes):
                batch, stood = runner.run_by_parts(scheme, replicate, days)
                standings.append(stood)
                measures = Measures(batch)
                figures[place].append(measures.figures())
                measured.append(measures)
                done += 1
                if progress is not None:
                    progress(done)
        names = sorted({name for measures in measured for name in measures.partners})
        aligned = [measures.over(names) for measures in measured]
        for side, measures in zip(fairness, aligned, strict=True):
            side.append(_fairness(measures))
        for place, one in enumerate(found, start=1):
            one.add(aligned[0], aligned[place], replicate.labels, standings[0], standings[place])
        if not first:
            first, events = aligned, _happened(replicate, until_us, aligned[0])
            for place, scheme in enumerate(variants, start=1):
                if each is not None:
                    each(scheme, first[0], first[place])
    if not first:
        raise UsageError("there is nothing to compare on: give one replicate at least")
    count = len(figures[0])
    partners = len(first[0].partners)
    return Comparison(
        base=base,
        base_fairness=mean_fairness(fairness[0]),
        variants=tuple(
            Variant(
                scheme=scheme,
                told=tell_differences(differences(base.programme, scheme.programme), base.programme, scheme.programme),
                estimates=_estimates(figures[0], figures[place], first[0], first[place]),
                groups=mean_groups(one.groups),
                shifts=mean_shifts(one.shifts),
                migration=mean_migration(one.migrations),
                fairness=mean_fairness(fairness[place]),
                persons=(mean(one.base_persons, count), mean(one.variant_persons, count)),
            )
            for place, (scheme, one) in enumerate(zip(variants, found, strict=True), start=1)
        ),
        unit=first[0].unit,
        partners=partners,
        events=events,
        until_day=until_day,
        seeds=tuple(seeds),
        method=OVER_REPLICATES if count > 1 else OVER_PARTNERS if partners > 1 else "",
        assumptions=tuple(assumptions),
        notes=(*notes, *runner.notes),
        replicates=count,
    )


class _Found:
    """What the replicates say of one variant, one after the other."""

    def __init__(self) -> None:
        self.groups: list[tuple[Group, ...]] = []
        self.shifts: list[Shifts] = []
        self.migrations: list[Migration] = []
        self.base_persons: list[Fraction] = []
        self.variant_persons: list[Fraction] = []

    def add(
        self,
        base: Measures,
        variant: Measures,
        labels: Mapping[str, Mapping[str, str]],
        base_stood: Mapping[int, HolderTotals],
        variant_stood: Mapping[int, HolderTotals],
    ) -> None:
        """Take what one replicate says; both measures are over the same partners."""
        bins = next((each.bins for each in self.shifts if each.bins), ())
        self.groups.append(tuple(_groups(base, variant, labels)))
        self.shifts.append(_shifts(base, variant, labels.get("segment", {}), bins))
        self.migrations.append(_migration(base, variant, base_stood, variant_stood))
        self.base_persons.append(base.persons_cost)
        self.variant_persons.append(variant.persons_cost)


def _happened(replicate: Replicate, until_us: int, base: Measures) -> int:
    """Count what happens in the span: no wishes to redeem, and of what responds to incentives what the base moves."""
    if replicate.response:
        return int(base.events.sum())
    return int(((replicate.events.at < until_us) & (replicate.events.kind != REDEEM)).sum())


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
        found.append(
            Estimate(
                name=name,
                unit=known.unit,
                base=means[0],
                variant=means[1],
                interval=interval,
                is_whole=known.is_whole,
            )
        )
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
        partners=Fraction(int(chosen.sum())),
        revenue=Fraction(int(base.revenue[chosen].sum()), base.money_scale),
        base={name: base.flows(name, chosen) for name in base.currencies},
        variant={name: variant.flows(name, chosen) for name in variant.currencies},
        base_cost=Fraction(int(before[chosen].sum()), divisor),
        variant_cost=Fraction(int(after[chosen].sum()), divisor),
        winners=Fraction(int((change > 0).sum())),
        losers=Fraction(int((change < 0).sum())),
        up=Fraction(int((ranks[1][chosen] > ranks[0][chosen]).sum())),
        down=Fraction(int((ranks[1][chosen] < ranks[0][chosen]).sum())),
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


def _shifts(base: Measures, variant: Measures, segments: Mapping[str, str], bins: _Bins) -> Shifts:
    """Say who wins and who loses; differences are counted in these bins if there are any."""
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
        winners=Fraction(len(gaining)),
        losers=Fraction(len(losing)),
        unchanged=Fraction(len(change) - len(gaining) - len(losing)),
        gained=Fraction(int(change[gaining].sum()), divisor),
        lost=Fraction(-int(change[losing].sum()), divisor),
        most=listed(gaining),
        least=listed(losing),
        bins=tuple(_bins(change[change != 0], divisor, bins)),
    )


def _bins(change: NDArray[np.int64], divisor: int, known: _Bins) -> Iterable[tuple[Fraction, Fraction, Fraction]]:
    """Give round bins over the middle of the differences, or known ones; the outer ones hold what lies beyond too."""
    if known:
        first, count, width = int(known[0][0] // (known[0][1] - known[0][0])), len(known), known[0][1] - known[0][0]
    elif not len(change):
        return
    else:
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
        yield (first + place) * width, (first + place + 1) * width, Fraction(int(number))


def _migration(
    base: Measures, variant: Measures, base_stood: Mapping[int, HolderTotals], variant_stood: Mapping[int, HolderTotals]
) -> Migration:
    runs = (base.batch, variant.batch)
    matrices = {}
    for day, before in base_stood.items():
        matrix = np.zeros((len(base.ladder), len(variant.ladder)), np.int64)
        np.add.at(matrix, (_tiers_of(before, base.partners), _tiers_of(variant_stood[day], base.partners)), 1)
        matrices[month_of(day)] = _counts(matrix)
    # A table of months begins with the first in which anything happened, which both programmes share.
    months = tuple(range(base.batch.first_month, base.batch.first_month + base.batch.months))
    counts = [_counts(run.tiers) for run in runs]
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


def _moves(run: Batch) -> tuple[Counts, ...]:
    return _counts([(np.triu(month, 1).sum(), np.tril(month, -1).sum()) for month in run.tier_moves])


def _counts(rows: Iterable[Iterable[Any]]) -> tuple[Counts, ...]:
    return tuple(tuple(Fraction(int(count)) for count in row) for row in rows)


def _fairness(measures: Measures) -> Fairness:
    spread = {name: gini(measures.earned(name)) for name in measures.currencies}
    return Fairness(
        gini={"worth": gini(measures.worth), **spread} if measures.unit else spread,
        reversals=reversals(measures.revenue, measures.worth),
        cliffs=measures.cliffs(),
    )
