"""
What a book recorded, as a table of events and the decisions beside it: the past that a forecast goes on from.

>>> from loyalty.core.events import Event
>>> from loyalty.engine.engine import Engine
>>> from loyalty.ledger.memory import MemoryStore
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> engine = Engine(loads(EXAMPLE), MemoryStore())
>>> receipt = engine.submit(Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
...                               fields={"amount": 25_000}))
>>> past = recorded(engine.programme, engine.store)
>>> len(past.events), past.grants, past.clock_day
(1, (), None)
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, frozen

from loyalty.batch.tables import EventTable
from loyalty.core.events import Event
from loyalty.core.holders import Layer
from loyalty.ledger.kept import KeepsInBulk, Kept, kept_of
from loyalty.ledger.store import Grant, Store, Transaction
from loyalty.programme.model import Programme


@frozen(eq=False, kw_only=True)
class Past:
    """
    What was recorded.

    Args:
        events: Each at the instant from which it counts, which is later than its own where it came too late.
        grants: The decisions, those of each holder in the order of recording.
        clock_day: The day that the book's clock has reached, or None.
    """

    events: EventTable
    grants: tuple[Grant, ...] = ()
    clock_day: int | None = None


def recorded(programme: Programme, store: Store) -> Past:
    """
    Read what a book recorded.

    Args:
        programme: What the book is settled under.
        store: Where the book is; it is only read.
    """
    snapshot = getattr(store, "snapshot", None)
    with snapshot() if snapshot is not None else store.transaction(read_only=True) as tx:
        events: list[Event] = []
        grants: list[Grant] = []
        for kept in _kept(tx):
            grants.extend(kept.grants)
            # Every event reaches a partner, and those of its persons reach the partner first.
            if kept.holder.layer is Layer.PARTNER:
                for item in kept.received:
                    event, counts_from = item.recorded.event, item.recorded.counts_from
                    events.append(event if counts_from is None else evolve(event, occurred_at=counts_from))
        clock_day = tx.clock_day()
    return Past(events=EventTable.from_events(programme, events), grants=tuple(grants), clock_day=clock_day)


def _kept(tx: Transaction) -> Iterable[Kept]:
    if isinstance(tx, KeepsInBulk):
        return (kept for span in tx.spans() for kept in tx.kept(span))
    return kept_of(tx, tx.holders())
