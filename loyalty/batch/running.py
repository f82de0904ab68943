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

from collections.abc import Iterable
from typing import Any

from loyalty.batch.plain import run_plain
from loyalty.batch.response import Response
from loyalty.batch.results import Batch
from loyalty.batch.tables import EventTable
from loyalty.batch.work import Work
from loyalty.errors import UsageError
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of
from loyalty.settlement.settle import Progress


def run(
    programme: Programme,
    events: EventTable,
    *,
    grants: Iterable[Grant] = (),
    until_day: int,
    from_state: Any = None,
    response: Response | None = None,
    threads: int | None = None,
    journal: bool = False,
    kernel: bool | None = None,
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
        journal: Whether to keep every movement.
        kernel: Whether to run compiled; None for yes where numba is installed.
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
    del threads, kernel
    return run_plain(work, response, from_state, journal, progress)
