"""
Histories of holders as a store keeps them, and the states that settling them leaves.

A state, in memory or kept by the store, is used only while the store has the version of the holder that it was settled
from, so that neither another process nor a rollback of the host can leave a state of events that did not happen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from loyalty.core.calendar import FIRST_DAY
from loyalty.core.events import VOID, Event, canonical_json
from loyalty.core.holders import Holder
from loyalty.engine.telling import Telling
from loyalty.ledger.store import Checkpoint, Grant, Received, RecordedEvent, Transaction, delivery_step, version_step
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of
from loyalty.settlement.generate import Steps
from loyalty.settlement.history import place_events, speaks_of_kind, waits_for_origin
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Movement
from loyalty.settlement.saving import load, save
from loyalty.settlement.settle import Item, apply_item

#: States of holders that stay in memory; others are taken from the store when they are needed.
_KEPT_RUNS = 10_000

#: A state is saved after so many items, and after more where the history is long and the state large.
_SAVE_AFTER_ITEMS, _SAVE_LARGE_AFTER_ITEMS, _LARGE_ITEMS = 32, 256, 2_000


#: What stands for a holder whose state is not in memory.
_NOT_KEPT: tuple[tuple[int, int | None], HolderRun | None] = ((0, None), None)


class Facts(Protocol):
    """What histories are made of; a transaction has it, and so has a book as it was known at an instant."""

    def find_event(self, identity: str) -> RecordedEvent | None:
        """Give the accepted event of this identity, or None."""

    def events_about(self, identity: str) -> Sequence[RecordedEvent]:
        """Give the accepted events whose origin is *identity*, in order of acceptance."""

    def received(self, holder: Holder) -> Sequence[Received]:
        """Give the holder's events in order of acceptance."""

    def grants(self, holder: Holder) -> Sequence[Grant]:
        """Give the holder's decisions in order of recording."""


class Histories:
    """
    The holders' states, the most recently used of them in memory.

    Args:
        steps: The programme's generated steps.
        telling: What posts their entries.
    """

    def __init__(self, steps: Steps, telling: Telling) -> None:
        self.steps = steps
        self.telling = telling
        self.programme = steps.programme
        self._chain = chain_of(steps.programme)
        self._runs: OrderedDict[Holder, tuple[tuple[int, int | None], HolderRun]] = OrderedDict()
        self._moved: dict[Holder, HolderRun] = {}
        self._closed: set[Holder] = set()

    def items(self, tx: Facts, holder: Holder) -> list[Item]:
        """Give the holder's history in settlement order."""
        return in_order(self.programme, tx, tx.received(holder), tx.grants(holder))

    def run(self, tx: Transaction, holder: Holder) -> HolderRun:
        """
        Give the holder's state as recorded: the one in memory, the one that the store keeps, or settled again.

        It is taken out of memory, so that no one else meets it while it moves, and an attempt that fails leaves
        nothing behind; :meth:`keep` puts it back.
        """
        kept = self._runs.pop(holder, None)
        if kept is not None and kept[0] == (tx.holder_version(holder), tx.clock_day()):
            return kept[1]
        return self._saved_run(tx, holder) or self.fresh_run(tx, holder)

    def due(self, tx: Transaction, holder: Holder, at: int) -> list[Movement] | None:
        """
        Give what falls due from what was settled last until UTC microseconds *at*; nothing of it happens.

        Returns:
            The movements, or None where something was settled that counts later, or nothing at all.
        """
        found = self.state_at(tx, holder, at)
        return None if found is None else found[1]

    def state_at(self, tx: Transaction, holder: Holder, at: int) -> tuple[HolderRun, list[Movement]] | None:
        """
        Give the holder's state at UTC microseconds *at*, to be read only, and what fell due since it was settled.

        Returns:
            None where something was settled that counts later, or nothing at all.
        """
        day = self.programme.calendar.day_of(at)
        kept = self._runs.get(holder)
        if kept is None or kept[0] != (tx.holder_version(holder), tx.clock_day()):
            run = self._saved_run(tx, holder) or self.fresh_run(tx, holder)
        else:
            run = kept[1]
            if day >= run.scalars.next_due:
                # The state that is kept stays where it is, and a copy of it moves.
                run = load(self.steps, holder, save(run), tx.find_grant) or self.fresh_run(tx, holder)
        if not run.last_key or run.last_key[0] > at or run.through_day > day:
            return None
        return run, run.advance(day) if day >= run.scalars.next_due else []

    def fresh_run(self, tx: Transaction, holder: Holder) -> HolderRun:
        """Settle the holder's recorded history again, through the day that its clock has reached."""
        run = HolderRun(self.steps, holder)
        for item in self.items(tx, holder):
            apply_item(self.steps, run, item, [])
        run.advance(self.passed_day(tx, holder))
        run.sequence = last_sequence(tx.received(holder))
        return run

    def passed_day(self, tx: Transaction, holder: Holder) -> int:
        """Give the day through which the holder's clock has run: the book's, or that of what was posted."""
        days = [FIRST_DAY]
        clock_day, last = tx.clock_day(), tx.last_effective_at(holder)
        if clock_day is not None:
            days.append(clock_day)
        if last is not None:
            days.append(self.programme.calendar.day_of(last))
        return max(days)

    def keep(self, tx: Transaction, run: HolderRun) -> None:
        """Keep a state in memory under the version that the store has of its holder."""
        self._runs[run.holder] = ((tx.holder_version(run.holder), tx.clock_day()), run)
        self._runs.move_to_end(run.holder)
        self._moved[run.holder] = run
        if run.closed_by is not None:
            self._closed.add(run.holder)
        if len(self._runs) > _KEPT_RUNS:
            self._runs.popitem(last=False)

    def begin(self) -> None:
        """Forget what moved in a transaction that failed."""
        self._moved.clear()
        self._closed.clear()

    def take_closed(self) -> list[Holder]:
        """Give the closed holders whose states moved since this was asked last."""
        closed = sorted(self._closed)
        self._closed.clear()
        return closed

    def save(self, tx: Transaction) -> None:
        """Have the store keep the states that moved far since it kept them last."""
        for holder, run in self._moved.items():
            (version, _), kept_run = self._runs.get(holder, _NOT_KEPT)
            if kept_run is not run or version != tx.holder_version(holder):
                # A part of the transaction was undone, and the state is one that was never reached.
                continue
            items = run.events + run.commands
            after = _SAVE_AFTER_ITEMS if items < _LARGE_ITEMS else _SAVE_LARGE_AFTER_ITEMS
            if items - run.saved_items >= after:
                run.saved_items = items
                tx.keep_checkpoint(holder, self._chain, Checkpoint(version, save(run)))
        self._moved.clear()

    def _saved_run(self, tx: Transaction, holder: Holder) -> HolderRun | None:
        """Go on from the state that the store keeps, if nothing but what came after it was added to the history."""
        kept = tx.checkpoint(holder, self._chain)
        run = kept and load(self.steps, holder, kept.state, tx.find_grant)
        if not kept or not run:
            return None
        received = tx.received(holder, after=run.sequence)
        grants = tx.grants(holder, after=run.commands)
        version = kept.holder_version
        version += sum(step_of(item) for item in received)
        version += sum(version_step(grant.key) for grant in grants)
        items = in_order(self.programme, tx, received, grants, first_command=run.commands)
        # What came late, or voids something, changed what was settled before.
        if version != tx.holder_version(holder) or len(items) != len(received) + len(grants):
            return None
        if items and items[0].key <= run.last_key:
            return None
        for after in items:
            apply_item(self.steps, run, after, [])
        clock_day = tx.clock_day()
        run.advance(run.through_day if clock_day is None else max(clock_day, run.through_day))
        run.sequence = last_sequence(received) or run.sequence
        return run


def in_order(
    programme: Programme,
    tx: Facts,
    received: Sequence[Received],
    grants: Sequence[Grant],
    *,
    first_command: int = 0,
) -> list[Item]:
    """
    Put what a holder received and decided in settlement order.

    Args:
        first_command: How many decisions of the holder came before these.
    """
    tiers = {item.recorded.event.identity: item.inputs.get("tier", 0) for item in received}
    events = {item.recorded.event.identity: item.recorded.event for item in received}
    counts_from = moved_instants(item.recorded for item in received)
    for event in list(events.values()):
        if event.origin is not None and event.origin not in events:
            # What it speaks of was received before these, and says where it stands.
            origins = list(origins_of(programme, tx, event))
            events.update((known.event.identity, known.event) for known in origins)
            counts_from |= moved_instants(origins)
    places = place_events(programme, events.values(), counts_from)
    placed = [place for place in places if place.event.identity in tiers]
    items = [Item(place.key, place, tiers[place.event.identity]) for place in placed]
    items.extend(Item.of_grant(grant, number) for number, grant in enumerate(grants, start=first_command))
    return sorted(items, key=lambda item: item.key)


def moved_instants(recorded: Iterable[RecordedEvent]) -> dict[str, int]:
    """Give the instants at which events count that came too late for their own, by identity."""
    return {one.event.identity: one.counts_from for one in recorded if one.counts_from is not None}


def step_of(item: Received) -> int:
    """Give what an item of a history adds to the version of its holder."""
    recorded = item.recorded
    return delivery_step(recorded.event.identity, canonical_json(dict(item.inputs)), recorded.counts_from)


def last_sequence(received: Sequence[Received]) -> int:
    """Give the sequence of the last event of a history in order of acceptance, 0 where there is none."""
    return received[-1].recorded.sequence if received else 0


def origins_of(programme: Programme, tx: Facts, event: Event) -> Iterator[RecordedEvent]:
    """Give the event that this one speaks of, what voids it, and so on to the first."""
    while waits_for_origin(programme, event):
        known = tx.find_event(event.origin or "")
        if known is None:
            return
        yield known
        yield from (about for about in tx.events_about(known.event.identity) if about.event.kind == VOID)
        if not speaks_of_kind(programme, event, known.event.kind):
            # What speaks of an event of another kind has no origin, however long the chain behind it is.
            return
        event = known.event
