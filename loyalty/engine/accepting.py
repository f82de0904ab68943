"""
Events in: each is recorded, reaches its holders, and is settled in place or, where it comes late, by replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder, Layer
from loyalty.engine.corrections import replay
from loyalty.engine.histories import Histories, origins_of
from loyalty.errors import EventRejected
from loyalty.ledger.store import Transaction
from loyalty.settlement.history import Placed, place_events, waits_for_origin
from loyalty.settlement.settle import Item, Outcome, apply_item, entries_of, require_room
from loyalty.settlement.trace import stored_trace

#: Opens a transaction inside the present one.
Nest = Callable[[], AbstractContextManager[object]]


def accept(histories: Histories, tx: Transaction, event: Event, recorded_at: int, nest: Nest) -> None:
    """
    Record the event, find whom it reaches, and settle it in place or by replay.

    Raises:
        EventRejected: one of its holders has as many events as the programme takes; nothing was changed.
    """
    about = [recorded.event for recorded in tx.events_about(event.identity)]
    placed = None
    if event.of is not None and (event.kind == VOID or waits_for_origin(histories.programme, event)):
        holders = tuple(tx.recipients(event.origin or ""))
        if event.kind != VOID and not about:
            placed = _place(histories, tx, event, holders)
    else:
        placed = place_events(histories.programme, [event])[0]
        holders = placed.holders
    if not holders:
        tx.add_event(event, recorded_at=recorded_at)
        return
    if placed is not None and not about and _settle_in_place(histories, tx, placed, recorded_at):
        return
    # What waited for this event, or voids it, becomes part of the same histories with it.
    joining = [event, *_waiting(tx, about)]
    try:
        with nest():
            tx.add_event(event, recorded_at=recorded_at)
            for holder in holders:
                for item in joining:
                    tx.deliver(item.identity, holder, {})
            histories.telling.post(tx, replay(histories, tx, set(holders), joining, recorded_at))
    except EventRejected as error:
        # The one event too many of a replay is the last in the order, but it is this one that is refused.
        raise EventRejected(event.identity, error.reasons) from error


def _waiting(tx: Transaction, about: Sequence[Event]) -> Iterator[Event]:
    """Give the events of *about*, what speaks of them, and so on to the last."""
    left = list(about)
    while left:
        event = left.pop()
        yield event
        left.extend(recorded.event for recorded in tx.events_about(event.identity))


def _settle_in_place(histories: Histories, tx: Transaction, placed: Placed, recorded_at: int) -> bool:
    """Settle an event that comes after everything settled for its holders; give False where one does not."""
    event = placed.event
    day = histories.programme.calendar.day_of(placed.instant)
    runs = [histories.run(tx, holder) for holder in placed.holders]
    if any(placed.key <= run.last_key or day < run.through_day for run in runs):
        return False
    for run in runs:
        require_room(histories.programme, run, event)
    recorded = tx.add_event(event, recorded_at=recorded_at)
    outcomes: list[Outcome] = []
    traces = {}
    tier = 0
    for run in runs:
        tier = apply_item(histories.steps, run, Item(placed.key, placed, tier), outcomes, traced=True)
        traces[str(run.holder)] = stored_trace(histories.programme, run.trace, tier)
        tx.deliver(event.identity, run.holder, {"tier": tier} if run.holder.layer is Layer.PERSON else {})
        run.sequence = recorded.sequence
        histories.keep(tx, run)
    histories.telling.post(
        tx, entries_of(histories.steps, outcomes, recorded_at=recorded_at, traces={event.identity: traces})
    )
    return True


def _place(histories: Histories, tx: Transaction, event: Event, holders: Sequence[Holder]) -> Placed | None:
    """Put an event behind the one that it speaks of, where both can be settled."""
    family = [event, *origins_of(histories.programme, tx, event)]
    placed = next((p for p in place_events(histories.programme, family) if p.event is event), None)
    if placed is None or len(placed.key) > 4:
        return None
    return Placed(event, placed.key, placed.instant, tuple(holders))
