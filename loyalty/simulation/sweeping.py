"""
Turning numbers of a programme over a grid, on identical events: what each point costs, and what it brings.

Every point is loaded with all checks of the language; one that the language refuses is kept with the reason. Each
replicate is drawn and packed once for all points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from attrs import evolve, field, frozen

from loyalty.batch.once import found_once
from loyalty.errors import LoyaltyError, ProgrammeError
from loyalty.explaining.said import Value
from loyalty.programme.changing import changed
from loyalty.programme.model import Programme
from loyalty.programme.notes import did_you_mean
from loyalty.simulation.comparison import Estimate, Figure, Scheme
from loyalty.simulation.comparison_tables import decimal, interval_ends
from loyalty.simulation.intervals import mean_interval
from loyalty.simulation.levers import Lever, grid
from loyalty.simulation.measuring import Measures, figures_of_nothing
from loyalty.simulation.replicates import Replicate, Runner
from loyalty.simulation.tables import Cell, Column, Kind, Table

#: What is laid against each other where nothing is said.
COST: Final = "cost"
RESPONSE: Final = "revenue"


@frozen(kw_only=True)
class Point:
    """
    One combination of values.

    Args:
        values: By path.
        estimates: By name each figure, with the base's and the interval of the difference to it; none where refused.
        refused: Why the language does not allow the values, or "".
        is_best: Whether no other point costs less and brings as much, or brings more and costs as much.
    """

    values: Mapping[str, Decimal] = field(hash=False)
    estimates: Mapping[str, Estimate] = field(hash=False, factory=dict)
    refused: str = ""
    is_best: bool = False


@frozen(kw_only=True)
class Sweep:
    """
    A grid that was run.

    Args:
        cost, response: The names of the figures that are laid against each other.
        base: The figures of the programme as it is, means of all replicates.
        seeds: Of the replicates; none for a recorded history.
    """

    programme: Programme
    levers: tuple[Lever, ...]
    points: tuple[Point, ...]
    cost: str
    response: str
    base: Mapping[str, Figure] = field(hash=False)
    seeds: tuple[int, ...] = ()
    notes: tuple[Value, ...] = ()

    @property
    def front(self) -> tuple[Point, ...]:
        """The Pareto front of cost against response, the cheapest first."""
        best = [point for point in self.points if point.is_best]
        return tuple(sorted(best, key=lambda point: point.estimates[self.cost].variant))

    @property
    def refusals(self) -> dict[str, list[Point]]:
        """The points that the language refuses, by the reason."""
        found: dict[str, list[Point]] = {}
        for point in self.points:
            if point.refused:
                found.setdefault(point.refused, []).append(point)
        return found

    @property
    def is_flat(self) -> bool:
        """Whether the response is the same everywhere, so that cost alone decides."""
        return len({point.estimates[self.response].variant for point in self.points if point.estimates}) <= 1


def sweep(
    programme: Programme,
    levers: Sequence[Lever],
    replicates: Iterable[Replicate],
    *,
    until_day: int,
    cost: str = COST,
    response: str = RESPONSE,
    progress: Callable[[int], None] | None = None,
) -> Sweep:
    """
    Run every point of a grid.

    Args:
        replicates: The events; each is looked at once and let go.
        cost, response: Names of figures; points are best that have little of the one and much of the other.
        progress: Called with how many runs are done.

    Raises:
        LeverError: there are too many points.
        LoyaltyError: no such figure, which is found before anything is drawn.
    """
    known = figures_of_nothing(programme)
    for name in (cost, response):
        require_figure(known, name)
    points = [Trial.of(programme, values) for values in grid(levers)]
    base = Trial.of(programme, {})
    runner = Runner(until_day=until_day, runs=1 + len(points))
    seeds = []
    done = 0
    for replicate in replicates:
        if replicate.seed is not None:
            seeds.append(replicate.seed)
        with found_once(replicate.events):
            for trial in (base, *points):
                trial.run(runner, replicate)
                done += 1
                if progress is not None:
                    progress(done)
    found = [Point(values=trial.values, estimates=trial.estimates(base), refused=trial.refused) for trial in points]
    return Sweep(
        programme=programme,
        levers=tuple(levers),
        points=tuple(_marked(found, cost, response)),
        cost=cost,
        response=response,
        base={
            name: Figure(name=name, value=base.mean(name), unit=one.unit, is_whole=one.is_whole)
            for name, one in base.figures[0].items()
        },
        seeds=tuple(seeds),
        notes=runner.notes,
    )


class Trial:
    """
    One set of values while it is run.

    Attributes:
        figures: Of each replicate, by name.
    """

    def __init__(self, scheme: Scheme | None, values: Mapping[str, Decimal], refused: str = "") -> None:
        self.values = values
        self.refused = refused
        self.figures: list[Mapping[str, Figure]] = []
        self._scheme = scheme

    @classmethod
    def of(cls, programme: Programme, values: Mapping[str, Decimal]) -> Trial:
        """Load the programme with other values."""
        name = ", ".join(f"{path} = {value:f}" for path, value in values.items()) or "as it is"
        try:
            return cls(Scheme(name=name, programme=changed(programme, values) if values else programme), values)
        except ProgrammeError as error:
            first = error.findings[0]
            # The reason names the values as well, which stand beside it anyway: so that of several values is one.
            why = first.why.rpartition(" (with ")[0] or first.why
            return cls(None, values, f"{first.code} at {first.place}: {why}")

    def run(self, runner: Runner, replicate: Replicate) -> None:
        """Run one more replicate; a refused trial does nothing."""
        if self._scheme is not None:
            self.figures.append(Measures(runner.run(self._scheme, replicate)).figures())

    def mean(self, name: str) -> Fraction:
        """Give the mean of a figure over the replicates."""
        return sum((figures[name].value for figures in self.figures), Fraction(0)) / len(self.figures)

    def estimates(self, base: Trial) -> dict[str, Estimate]:
        """Give every figure that both have, against the base."""
        if not self.figures:
            return {}
        return {
            name: Estimate(
                name=name,
                unit=figure.unit,
                base=base.mean(name),
                variant=self.mean(name),
                interval=mean_interval([
                    float(after[name].value - before[name].value)
                    for before, after in zip(base.figures, self.figures, strict=True)
                ]),
                is_whole=figure.is_whole,
            )
            for name, figure in self.figures[0].items()
            if name in base.figures[0]
        }  # fmt: skip


def require_figure(figures: Mapping[str, Figure], name: str) -> None:
    """
    See that there is a figure of a name.

    Raises:
        LoyaltyError: there is none.
    """
    if name not in figures:
        raise LoyaltyError(f"there is no figure {name!r}; {did_you_mean(name, figures, 'figures')}")


def sweep_tables(found: Sweep) -> tuple[Table, Table]:
    """
    Give a sweep as tables.

    Returns:
        One row for each point, with its values and every figure; and one for each figure of each point, with what it is
        now and the interval of the difference.
    """
    names = tuple(found.base)
    levers = tuple(Column(lever.path, Kind.AMOUNT) for lever in found.levers)
    numbers = tuple(Column(name, Kind.AMOUNT) for name in ("now", "value", "difference", "low", "high"))
    return (
        Table(
            "points",
            (*levers, Column("best", Kind.COUNT), Column("refused"), *(Column(name, Kind.AMOUNT) for name in names)),
            tuple(
                (*point.values.values(), int(point.is_best), point.refused or None,
                 *(_cell(point, name) for name in names))
                for point in found.points
            ),
        ),
        Table(
            "point_figures",
            (*levers, Column("figure"), Column("unit"), *numbers),
            tuple(
                (*point.values.values(), one.name, one.unit, decimal(one.base), decimal(one.variant),
                 decimal(one.difference), *interval_ends(one.interval))
                for point in found.points
                for one in point.estimates.values()
            ),
        ),
    )  # fmt: skip


def _cell(point: Point, name: str) -> Cell:
    estimate = point.estimates.get(name)
    return None if estimate is None else decimal(estimate.variant)


def _marked(points: Sequence[Point], cost: str, response: str) -> Iterable[Point]:
    """Mark the points that no other beats."""
    order = sorted(
        (point for point in points if point.estimates),
        key=lambda point: (point.estimates[cost].variant, -point.estimates[response].variant),
    )
    best: set[int] = set()
    least, most = None, None
    for point in order:
        spent, got = point.estimates[cost].variant, point.estimates[response].variant
        # Points that are equal in both are equally good.
        if most is None or got > most or (got == most and spent == least):
            best.add(id(point))
            least, most = spent, got
    return [evolve(point, is_best=id(point) in best) for point in points]
