"""
From today's balances and standings forward: what a scenario would make of them, month by month, with intervals.

The past is settled once, through today. Each replicate then goes on from where every holder stands, with a future that
is drawn for its seed. What is due anyway, such as the expiry of what is there, is in every replicate. The breakage of a
forecast is the share, by worth, of what leaves the wallets by use or by expiry that expires. Its cost is the worth of
what is granted from tomorrow on and not taken back: expiry is told by itself, since most of what expires was granted
before, and does not make cheaper what is to come. Only what is drawn is refunded, so that nothing that was granted
before is taken off it either. What was recorded of days after today is left out; what is drawn
stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from loyalty.batch.joining import rows_of
from loyalty.batch.response import WHOLE, Response
from loyalty.batch.running import run
from loyalty.batch.tables import REDEEM, EventTable
from loyalty.core.calendar import format_day
from loyalty.core.holders import Holder
from loyalty.errors import UsageError
from loyalty.explaining.said import Day, Value, said
from loyalty.programme.model import Currency, Programme
from loyalty.programme.revisions import currencies_of, tiers_of
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.book_history import Past
from loyalty.simulation.comparison import Figure, Interval
from loyalty.simulation.intervals import QUANTILES, middle
from loyalty.simulation.left_out import events_left_out
from loyalty.simulation.measuring import CELLS, Measures
from loyalty.simulation.months import month_of, month_starts
from loyalty.simulation.population import population
from loyalty.simulation.successors import successors

if TYPE_CHECKING:
    from loyalty.batch.results import Batch

#: How much of the replicates lies within an interval.
MIDDLE: Final = Fraction(9, 10)

#: The figures of each month and currency, beside what is outstanding at its end.
_MOVED: Final = ("issued", "expired", "redeemed", "reversed")

#: Figures of the whole span that say something of what is to come.
_OF_THE_SPAN: Final = ("cost", "revenue", "cost_per_revenue", "expiry", "breakage", "events")


@frozen(kw_only=True)
class Series:
    """A figure of each month: the mean of the replicates, and where the middle of them lies."""

    name: str
    unit: str
    mean: tuple[Fraction, ...]
    intervals: tuple[Interval, ...]
    is_whole: bool = False


@frozen(kw_only=True)
class Total:
    """A figure of the whole span, or of its end: the mean of the replicates, and where the middle of them lies."""

    name: str
    unit: str
    today: Fraction | None
    mean: Fraction
    interval: Interval
    is_whole: bool = False


@frozen(kw_only=True)
class Forecast:
    """
    What is to come.

    Args:
        today: The last day of the past.
        months: The months of all series, numbered since January of year 0.
        series: By month: the liability, each currency's flows and what is outstanding, the partners of each tier.
        totals: Of the whole span, with today's where the figure has one.
        expiring: By month, what is available or pending today and expires in it where nobody uses it; major units by
            currency.
        partners, arriving: How many partners are known, and how many more come.
        middle: How much of the replicates lies within an interval.
    """

    programme: Programme
    today: int
    until_day: int
    months: tuple[int, ...]
    series: tuple[Series, ...]
    totals: tuple[Total, ...]
    expiring: Mapping[str, tuple[Fraction, ...]] = field(hash=False)
    partners: int
    arriving: int
    seeds: tuple[int, ...]
    middle: Fraction = MIDDLE
    method: str = QUANTILES
    assumptions: tuple[Value, ...] = ()
    notes: tuple[Value, ...] = ()

    def named(self, name: str) -> Series:
        """Give the series of a name."""
        return next(each for each in self.series if each.name == name)


def forecast(
    programme: Programme,
    past: Past,
    scenario: Scenario,
    *,
    today: int,
    months: int,
    seeds: Sequence[int],
    arriving: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Forecast:
    """
    Go on from today.

    Args:
        past: What was recorded; what counts from a later day than *today* is left out, and a note says how much.
        scenario: What partners do from tomorrow on.
        months: Calendar months, that of tomorrow included.
        seeds: One for each replicate, two at least.
        arriving: Partners that are drawn beside those of the past, and come as the scenario says.
        progress: Called with how many replicates are done.

    Raises:
        UsageError: there is but one replicate, which has no interval, or nothing happened through *today*.
    """
    if len(seeds) < 2:
        raise UsageError("an interval needs two replicates at least; give more seeds")
    start_day = today + 1
    past, left_out = _through(past, programme.calendar.day_start_us(start_day), today)
    until_day = month_starts(start_day, months)[-1] - 1
    # Rows are known by their places, which the past keeps in front of every future.
    table = evolve(past.events, ids=None, waits={})
    settled = run(programme, table, grants=past.grants, until_day=today, keep_states=True, runs=1 + len(seeds))
    before = Measures(settled)
    known = _Known.of(past, before)
    response = _response(programme, scenario)
    span = tuple(range(month_of(start_day), month_of(until_day) + 1))
    replicates = []
    for number, seed in enumerate(seeds, start=1):
        futures = [known.future(programme, scenario, months, seed, start_day)] if known.partners else []
        if arriving:
            futures.append(population(programme, scenario, known.new_names(arriving), months, seed, start_day))
        future = run(
            programme, EventTable.concat([table, *futures]), grants=past.grants, until_day=until_day,
            from_state=settled.states, response=response,
        )  # fmt: skip
        replicates.append(_Replicate.of(future, before, span))
        if progress is not None:
            progress(number)
    return Forecast(
        programme=programme,
        today=today,
        until_day=until_day,
        months=span,
        series=tuple(_series(replicates, currencies_of(programme))),
        totals=tuple(_totals(replicates, before)),
        expiring=_expiring(settled, span),
        partners=len(before.partners),
        arriving=arriving,
        seeds=tuple(seeds),
        assumptions=scenario.assumed(),
        notes=(
            *left_out,
            *events_left_out(past.events, programme.calendar.day_start_us(start_day)),
            *(
                (said("forecast.closed", partners=len(before.partners) - len(known.partners)),)
                if len(known.partners) < len(before.partners)
                else ()
            ),
            *((settled.note,) if settled.note else ()),
            *((said("forecast.cost"),) if before.unit else ()),
        ),
    )


def _through(past: Past, until_us: int, today: int) -> tuple[Past, tuple[Value, ...]]:
    """Leave out what counts from later, for which the drawn future stands; say how much that is."""
    events = past.events
    rows = np.flatnonzero(events.at < until_us)
    grants = tuple(grant for grant in past.grants if grant.at < until_us)
    if len(rows) == len(events) and len(grants) == len(past.grants):
        return past, ()
    # A wish to redeem is no event: it is left out with the decisions.
    wishes = int((events.kind[events.at >= until_us] == REDEEM).sum())
    later, decisions = len(events) - len(rows) - wishes, len(past.grants) - len(grants) + wishes
    if not len(rows):
        first = events.programme.calendar.day_of(int(events.at.min()))
        raise UsageError(
            f"every event is after today, {format_day(today)}, so that there is no past to go on from; the first is of "
            f"{format_day(first)}, take that day or a later one"
        )
    note = said("forecast.left_out", events=later, decisions=decisions, day=Day(today))
    return evolve(past, events=rows_of(events, rows), grants=grants), (note,)


def _response(programme: Programme, scenario: Scenario) -> Response | None:
    elasticity = {kind: int(each.elasticity * WHOLE) for kind, each in scenario.response.items()}
    return Response.of(programme, elasticity) if elasticity else None


@frozen(eq=False)
class _Known:
    """The partners of a history, what they brought, and their people; those whose account is closed are left out."""

    partners: list[str]
    rank: NDArray[Any]
    people: Mapping[str, Sequence[str]]
    taken: frozenset[str]

    @classmethod
    def of(cls, past: Past, measures: Measures) -> _Known:
        """Order partners by their revenue, and where that is equal by how much they did."""
        closed = {grant.holder for grant in past.grants if grant.kind == "close"}
        names = measures.partners
        order = np.lexsort((measures.events.sum(axis=1), measures.revenue)).tolist()
        order = [place for place in order if Holder.partner(names[place]) not in closed]
        rank = np.full(len(names), -1, np.int64)
        rank[order] = np.arange(len(order))
        people = {
            partner: [each for each in persons if Holder.person(each) not in closed]
            for partner, persons in _people(past.events).items()
        }
        taken = frozenset(past.events.persons.to_pylist())
        return cls(
            [name for name, place in zip(names, rank, strict=True) if place >= 0], rank[rank >= 0], people, taken
        )

    def future(self, programme: Programme, scenario: Scenario, months: int, seed: int, start_day: int) -> EventTable:
        """Draw what they do from a day on."""
        return successors(
            programme, scenario, self.partners, self.rank, self.people, months, seed, start_day, taken=self.taken
        )  # fmt: skip

    def new_names(self, count: int) -> list[str]:
        """Give names that nobody has."""
        taken = set(self.partners)
        lead = next(lead for lead in ("new", "new partner", "arriving", "drawn") if f"{lead}-000001" not in taken)
        return [f"{lead}-{number:06}" for number in range(1, count + 1)]


def _people(events: EventTable) -> Mapping[str, Sequence[str]]:
    """Give the people of each partner, those that did most first."""
    rows = (events.person >= 0) & (events.partner >= 0)
    if not rows.any():
        return {}
    pairs, counts = np.unique(
        np.stack([events.partner[rows], events.person[rows]]).astype(np.int64), axis=1, return_counts=True
    )
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    partners, persons = events.partners.to_pylist(), events.persons.to_pylist()
    people: dict[str, list[str]] = {}
    for place in order.tolist():
        people.setdefault(partners[pairs[0][place]], []).append(persons[pairs[1][place]])
    return people


@frozen(kw_only=True)
class _Replicate:
    """One future: figures by month and of the whole."""

    months: Mapping[tuple[str, str], Sequence[Fraction]]
    whole: Mapping[str, Figure]

    @classmethod
    def of(cls, batch: Batch, before: Measures, span: Sequence[int]) -> _Replicate:
        measures = Measures(batch)
        lead = span[0] - batch.first_month
        rows = slice(lead, lead + len(span))
        months: dict[tuple[str, str], Sequence[Fraction]] = {}
        liability = [Fraction(0)] * len(span)
        for place, name in enumerate(measures.names):
            currency = measures.currencies[name]
            unit, scale = currency.unit or name, 10**currency.scale
            flows = batch.flows[rows, place]
            for part in _MOVED:
                months[f"{name}.{part}", unit] = [Fraction(int(n), scale) for n in flows[:, CELLS.index(part)]]
            signs = np.array([1 if part != "arrears" else -1 for part in CELLS[5:]])
            changes = (flows[:, 5:] * signs).sum(axis=1).tolist()
            stands = list(accumulate(changes, initial=before.flows(name).outstanding))[1:]
            months[f"{name}.outstanding", unit] = [Fraction(each, scale) for each in stands]
            of_unit, worth = measures.worth_of(name)
            if of_unit == measures.unit and measures.unit:
                liability = [sum_ + each * worth for sum_, each in zip(liability, stands, strict=True)]
        head: dict[tuple[str, str], Sequence[Fraction]] = {}
        if measures.unit:
            head["liability", measures.unit] = liability
        for place, tier in enumerate(tiers_of(batch.programme)):
            months[f"tiers.{tier}", "partners"] = [Fraction(int(n)) for n in batch.tiers[rows, place]]
        whole = measures.figures()
        if measures.unit:
            cost, expiry = measures.given_and_lapsed()
            whole["cost"] = Figure(name="cost", value=cost, unit=measures.unit)
            # What expires stands beside the cost, off which it is not taken.
            lapsed = Figure(name="expiry", value=expiry, unit=measures.unit)
            whole = {"cost": whole.pop("cost"), "expiry": lapsed, **whole}
            revenue = whole["revenue"].value
            share = cost / revenue if revenue else Fraction(0)
            whole["cost_per_revenue"] = Figure(name="cost_per_revenue", value=share, unit="share")
            whole["breakage"] = Figure(name="breakage", value=measures.lapse(), unit="share")
        return cls(months={**head, **months}, whole=whole)


def _series(replicates: Sequence[_Replicate], currencies: Mapping[str, Currency]) -> list[Series]:
    found = []
    for name, unit in replicates[0].months:
        columns = list(zip(*(each.months[name, unit] for each in replicates), strict=True))
        found.append(
            Series(
                name=name,
                unit=unit,
                mean=tuple(sum(column, Fraction(0)) / len(column) for column in columns),
                intervals=tuple(middle([float(each) for each in column], MIDDLE) for column in columns),
                is_whole=(of := currencies.get(name.rpartition(".")[0])) is not None and not of.scale,
            )
        )
    return found


def _totals(replicates: Sequence[_Replicate], before: Measures) -> list[Total]:
    """Give what is spent and brought in the span, and what stands at its end beside what stands today."""
    today = before.figures()
    found = []
    for name, figure in replicates[0].whole.items():
        part = name.rpartition(".")[2]
        stands = name == "liability" or part in ("outstanding", "arrears") or name.startswith("tiers.")
        if not stands and name not in _OF_THE_SPAN and part not in _MOVED:
            continue
        values = [each.whole[name].value for each in replicates]
        found.append(
            Total(
                name=name,
                unit=figure.unit,
                today=today[name].value if stands and name in today else None,
                mean=sum(values, Fraction(0)) / len(values),
                interval=middle([float(value) for value in values], MIDDLE),
                is_whole=figure.is_whole,
            )
        )
    return found


def _expiring(settled: Batch, span: Sequence[int]) -> dict[str, tuple[Fraction, ...]]:
    """Give what expires in each month of what is there today."""
    lead = span[0] - settled.first_month
    names = settled.names.assets[: settled.names.tier_asset]
    currencies = currencies_of(settled.programme)
    return {
        name: tuple(
            Fraction(int(amount), 10 ** currencies[name].scale)
            for amount in settled.outstanding[place, lead : lead + len(span)]
        )
        for place, name in enumerate(names)
        if settled.outstanding[place].any()
    }
