"""
Running a programme over events in columns: what :func:`loyalty.settlement.settle.settle` does, for millions of events.

>>> from loyalty import loads
>>> from loyalty.core.events import Event
>>> from loyalty.settlement.settle import EXAMPLE
>>> programme = loads(EXAMPLE)
>>> deal = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
...              fields={"amount": 25_000})
>>> batch = run(programme, EventTable.from_events(programme, [deal]), until_day=20_600)
>>> batch.flows[:, 0, 0].tolist()
[2, 0, 0, 0]
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from typing import Any, TypeVar

from attrs import evolve

from loyalty.batch.plain import PlainStates, run_plain
from loyalty.batch.response import Response
from loyalty.batch.results import Batch
from loyalty.batch.tables import EventTable
from loyalty.batch.work import Work
from loyalty.errors import UsageError
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of
from loyalty.settlement.settle import Progress

States = TypeVar("States")


def run(
    programme: Programme,
    events: EventTable,
    *,
    grants: Iterable[Grant] = (),
    until_day: int,
    from_state: Any = None,
    response: Response | None = None,
    threads: int | None = None,
    keep_states: bool = False,
    journal: bool = False,
    kernel: bool | None = None,
    runs: int = 1,
    progress: Progress | None = None,
) -> Batch:
    """
    Settle events in columns and count what moves.

    Args:
        programme: A checked programme.
        events: What happens; what counts from a later day than *until_day* is left for a run that goes on from here.
        grants: Decisions that are replayed as they were taken, in the order of recording.
        until_day: The day through which everything happens.
        from_state: The ``states`` of an earlier run under the same declaration of kinds: what happened through its day
            is settled, and is not settled again. Where later events speak of earlier ones, pass the same table again,
            or one that begins with it: events are known by their rows.
        response: How rows with a draw respond to incentives; without it they all happen.
        threads: How many run at once; as many as there are processors by default.
        keep_states: Whether to keep where every holder stands, for a later run.
        journal: Whether to keep every movement.
        kernel: Whether to run compiled; None for yes where numba is installed and it is sooner done, which it is for
            a hundred thousand events, or where the kernel is there already. Both ways give the same.
        runs: How many runs of about so many events one kernel serves, this one included: whether it is sooner done is
            asked for all of them together.
        progress: Called now and then with how many items are settled.

    Raises:
        EventRejected: an event comes to a holder that was closed, or has as many as the programme takes.
        UsageError: the columns are of a programme with other kinds, or the states are of another kind of run.
    """
    if chain_of(events.programme) != chain_of(programme) and events.programme.events != programme.events:
        raise UsageError("the events were read for a programme that declares other kinds; read them for this one")
    known = from_state.holders if from_state is not None else {}
    since = from_state.until_day if from_state is not None else None
    if since is not None and until_day < since:
        raise UsageError("the state lies after the day through which the run is to go; take a later day")
    work = Work.of(programme, events, list(grants), until_day, since, known)
    note = "" if kernel is False or _has_numba(kernel) else _SLOW
    if note or kernel is False or (kernel is None and not _is_worth_compiling(work, from_state, runs)):
        batch = run_plain(work, response, _states_of(from_state, PlainStates), journal, progress)
        return evolve(batch, states=batch.states if keep_states else None, note=note)
    # These take the libraries that only a compiled run needs.
    from loyalty.batch.compiled import CompiledStates, run_compiled

    return run_compiled(
        work,
        response,
        _states_of(from_state, CompiledStates),
        keep_states=keep_states,
        journal=journal,
        threads=threads or processors(),
        progress=progress,
    )


#: Fewer rows are settled sooner than numba is imported; so many take longer than compiling does.
_FEW, _MANY = 5_000, 100_000

_SLOW = "numba is not installed, so every event was settled as plain Python, which takes about a hundred times as long"


def processors() -> int:
    """Give how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _has_numba(needed: bool | None) -> bool:
    if importlib.util.find_spec("numba") is not None:
        return True
    if needed:
        raise UsageError("a compiled run needs numba; install it with pip install 'loyalty-engine[sim]'")
    return False


def _is_worth_compiling(work: Work, from_state: Any, runs: int) -> bool:
    """Tell whether kernels settle the rows of all runs sooner than the core does, or the states come from kernels."""
    if from_state is not None:
        return not isinstance(from_state, PlainStates)
    rows = len(work.table) * runs
    if rows < _FEW or rows >= _MANY:
        return rows >= _MANY
    from loyalty.batch.compiling import kernels_of
    from loyalty.batch.kept import is_compiled

    return is_compiled(kernel.module for kernel in kernels_of(work.programme, work.layers).values())


def _states_of(states: Any, kind: type[States]) -> States | None:
    """Give the states that a run goes on from, which must come from a run of the same kind."""
    if states is not None and not isinstance(states, kind):
        raise UsageError("the states come from a run of another kind; compiled runs go on from compiled ones alone")
    return states
