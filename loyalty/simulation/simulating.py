"""
A whole simulation: partners drawn and settled some thousands at a time, their results put together.

Neither what is drawn nor what is counted depends on how many are taken at a time; it bounds the memory needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from loyalty.batch.response import WHOLE, Response
from loyalty.batch.results import Batch, together
from loyalty.batch.running import run
from loyalty.batch.tables import EventTable
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.months import month_starts
from loyalty.simulation.partners import partner_names
from loyalty.simulation.population import populations

#: So many partners are drawn and settled together.
_TOGETHER: Final = 20_000

#: Called with the events of some partners and the run over them.
Take = Callable[[EventTable, Batch], None]


def simulate(
    programme: Programme,
    scenario: Scenario,
    partners: int | Iterable[str],
    months: int,
    seed: int,
    start_day: int,
    *,
    size: int = _TOGETHER,
    threads: int | None = None,
    kernel: bool | None = None,
    take: Take | None = None,
    journal: bool = False,
    ids: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Batch:
    """
    Draw a population and settle it to the end of its last month.

    Args:
        programme: The rules.
        scenario: Who the partners are, and what they do; its response to incentives decides what of it happens.
        partners: How many, or their names.
        months: Calendar months, the one of *start_day* included.
        seed: The same seed draws the same events.
        start_day: Nothing happens before it.
        size: How many partners are taken at a time; the result is the same for any.
        threads, kernel: As :func:`loyalty.batch.running.run` takes them.
        take: Called with the events and the run of each such part, in order.
        journal: Whether those runs are to have their journal.
        ids: Whether those events are to have identities, as :func:`~loyalty.simulation.population.population` says.
        progress: Called with how many partners are done.

    Returns:
        The results of all, without journal and states.

    Raises:
        EventRejected: the scenario asks for something that the programme refuses.
    """
    names = partner_names(partners)
    until_day = month_starts(start_day, months)[-1] - 1
    response = response_of(programme, scenario)
    done = 0
    batches = []
    for events in populations(programme, scenario, names, months, seed, start_day, size=size, ids=ids):
        batch = run(
            programme, events, until_day=until_day, response=response, threads=threads, kernel=kernel,
            journal=journal, progress=_part_of(progress, done, len(events), len(events.partners)),
        )  # fmt: skip
        if take is not None:
            take(events, batch)
        done += len(events.partners)
        batches.append(batch)
        if progress is not None:
            progress(done)
    return together(batches)


def response_of(programme: Programme, scenario: Scenario) -> Response | None:
    """Give the response to incentives that a scenario assumes, or None."""
    if not scenario.response:
        return None
    return Response.of(programme, {kind: int(each.elasticity * WHOLE) for kind, each in scenario.response.items()})


def _part_of(
    progress: Callable[[int], None] | None, done: int, rows: int, partners: int
) -> Callable[[int], None] | None:
    """Tell how many partners are done where so many rows are; persons' deliveries are more of them."""
    if progress is None or not rows:
        return None
    return lambda settled: progress(done + min(settled * partners // (2 * rows), partners))
