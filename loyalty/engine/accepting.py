"""
Events in: each is recorded, reaches its holders, and is settled in place or, where it comes late, by replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Final

from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder, Layer
from loyalty.engine.corrections import replay
from loyalty.engine.histories import Histories
from loyalty.engine.judging import instant_if_too_late, refuse_too_early
from loyalty.engine.received import delivered_at, moved_instants, origins_of
from loyalty.errors import EventRejected
from loyalty.ledger.entries import Entry
from loyalty.ledger.store import Transaction
from loyalty.programme.model import Programme
from loyalty.settlement.history import Placed, place_alone, place_events, waits_for_origin
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.settle import Outcome, apply_event, entries_of, require_room

#: Opens a transaction inside the present one.
Nest = Callable[[], AbstractContextManager[object]]


class Accepting:
    """
    Takes events in, inside one transaction.

    What is settled in place is posted together, at :meth:`post` or before anything else looks at the book.

    Args:
        programme: Says how late and early events may come, which the steps of a revision do not know.
    """

    def __init__(self, programme: Programme, histories: Histories, tx: Transaction, nest: Nest) -> None:
        self.programme = programme
        self.tx = tx
        self._histories = histories
        self._nest = nest
        self._unposted: list[Entry] = []
        #: Whether entries can have a day under which they are booked; no event locks a book.
        self._is_locked = tx.locked_day() is not None

    def post(self) -> None:
        """Post what is settled and not posted yet."""
        if self._unposted:
            entries, self._unposted = self._unposted, []
            self._histories.telling.post_booked(self.tx, entries)

    def accept(self, event: Event, recorded_at: int, *, counts_from: int | None = None) -> Sequence[Entry] | None:
        """
        Record an event, find whom it reaches, and settle it in place or by replay.

        Args:
            recorded_at: UTC microseconds: when it comes.
            counts_from: UTC microseconds: where it counts from by a verdict that was taken before, and is not taken
                again.

        Returns:
            The entries of an event that was settled in place, at its own instant; None where more has happened.

        Raises:
            EventRejected: it comes too early or too late, or one of its holders has as many events as the programme
                takes; nothing was changed.
        """
        histories, tx = self._histories, self.tx
        refuse_too_early(self.programme, event, recorded_at)
        about = tx.events_about(event.identity)
        placed = None
        if event.of is None:
            placed = place_alone(event)
            holders = placed.holders
        elif event.kind == VOID or waits_for_origin(histories.programme, event):
            holders = tuple(tx.recipients(event.origin or ""))
            if event.kind != VOID and not about:
                placed = _place(histories, tx, event, holders)
        else:
            placed = place_events(histories.programme, [event])[0]
            holders = placed.holders
        if not holders:
            tx.add_event(event, recorded_at=recorded_at, counts_from=counts_from)
            return None
        runs = [histories.run(tx, holder) for holder in holders]
        if placed is not None and counts_from is not None:
            placed = placed.moved_to(counts_from)
        is_next = placed is not None and _is_next(histories, placed, runs)
        if not is_next and counts_from is None:
            counts_from = _judge(self.programme, histories, tx, event, runs, recorded_at)
            if counts_from is not None and placed is not None:
                placed = placed.moved_to(counts_from)
                is_next = True
        if placed is not None and is_next and not about:
            entries = self._settle_in_place(placed, runs, recorded_at, counts_from)
            return entries if counts_from is None and not histories.has_closed else None
        histories.put_back(tx, runs)
        self._settle_again(event, [one.event for one in about], holders, recorded_at, counts_from)
        return None

    def _settle_in_place(
        self, placed: Placed, runs: Sequence[HolderRun], recorded_at: int, counts_from: int | None
    ) -> Sequence[Entry]:
        """Settle an event that comes after everything settled for its holders, whose states are given."""
        event, histories, tx = placed.event, self._histories, self.tx
        try:
            for run in runs:
                require_room(histories.programme, run, event)
        except EventRejected:
            histories.put_back(tx, runs)
            raise
        outcomes: list[Outcome] = []
        reaches: list[tuple[Holder, Mapping[str, int]]] = []
        tier = 0
        for run in runs:
            tier = apply_event(histories.steps, run, placed, tier, outcomes, traced=True)
            reaches.append((run.holder, {"tier": tier} if run.holder.layer is Layer.PERSON else _NOTHING))
        tx.add_event(event, recorded_at=recorded_at, counts_from=counts_from, reaches=reaches, at=placed.instant)
        for run in runs:
            histories.keep(tx, run)
        entries: Sequence[Entry] = entries_of(histories.steps, outcomes, recorded_at=recorded_at)
        if self._is_locked:
            entries = histories.telling.booked(tx, entries)
        self._unposted += entries
        return entries

    def _settle_again(
        self,
        event: Event,
        about: Sequence[Event],
        holders: Sequence[Holder],
        recorded_at: int,
        counts_from: int | None,
    ) -> None:
        """Settle an event by replaying the histories of its holders, with what waited for it or voids it."""
        histories, tx = self._histories, self.tx
        self.post()
        joining = [event, *_waiting(tx, about)]
        try:
            with self._nest():
                tx.add_event(event, recorded_at=recorded_at, counts_from=counts_from)
                for item in joining:
                    at = delivered_at(histories.programme, tx.find_event, item)
                    for holder in holders:
                        tx.deliver(item.identity, holder, {}, at=at)
                histories.telling.post(tx, replay(histories, tx, set(holders), joining, recorded_at))
        except EventRejected as error:
            # The one event too many of a replay is the last in the order, but it is this one that is refused.
            raise EventRejected(event.identity, error.reasons) from error


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


def _waiting(tx: Transaction, about: Sequence[Event]) -> Iterator[Event]:
    """Give the events of *about*, what speaks of them, and so on to the last."""
    left = list(about)
    while left:
        event = left.pop()
        yield event
        left.extend(recorded.event for recorded in tx.events_about(event.identity))


def _is_next(histories: Histories, placed: Placed, runs: Sequence[HolderRun]) -> bool:
    """Tell whether an event comes after everything settled for its holders."""
    key, day_start_us = placed.key, histories.programme.calendar.day_start_us
    return not [run for run in runs if run.last_key >= key or placed.instant < day_start_us(run.through_day)]


def _judge(
    programme: Programme,
    histories: Histories,
    tx: Transaction,
    event: Event,
    runs: Sequence[HolderRun],
    recorded_at: int,
) -> int | None:
    """Give the instant at which an event counts that comes too late for its own, or refuse it."""
    voided = tx.find_event(event.origin or "") if event.kind == VOID else None
    try:
        return instant_if_too_late(programme, event, voided, runs, recorded_at)
    except EventRejected:
        histories.put_back(tx, runs)
        raise


def _place(histories: Histories, tx: Transaction, event: Event, holders: Sequence[Holder]) -> Placed | None:
    """Put an event behind the one that it speaks of, where both can be settled."""
    origins = list(origins_of(histories.programme, tx, event))
    family = [event, *(origin.event for origin in origins)]
    places = place_events(histories.programme, family, moved_instants(origins))
    placed = next((place for place in places if place.event is event), None)
    if placed is None or placed.waited:
        return None
    return placed._replace(holders=tuple(holders))
