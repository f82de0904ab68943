"""
What histories are made of: what a holder received and decided, all of it or from an instant on, and its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from attrs import field, frozen

from loyalty.core.events import VOID, Event, canonical_json
from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant, Received, RecordedEvent, Transaction, delivery_step, version_step
from loyalty.programme.model import Programme
from loyalty.settlement.history import place_events, speaks_of_kind, waits_for_origin
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.settle import Item


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


@frozen
class Later:
    """
    What a holder received and decided from an instant on, or ever.

    Attributes:
        steps: The instant from which each of it counts, ascending, with what it adds to the holder's version.
    """

    received: Sequence[Received]
    grants: Sequence[Grant]
    steps: Sequence[tuple[int, int]] = field(init=False)

    @steps.default
    def _read_steps(self) -> Sequence[tuple[int, int]]:
        events = [(item.at, step_of(item)) for item in self.received]
        return sorted(events + [(grant.at, version_step(grant.key)) for grant in self.grants])

    @property
    def step(self) -> int:
        """What all of it adds to the holder's version."""
        return sum(step for _, step in self.steps)

    def with_versions(self, run: HolderRun, items: Iterable[Item]) -> Iterator[Item]:
        """Give the items one by one, and the state the version of what lies before each."""
        place = 0
        for item in items:
            while place < len(self.steps) and self.steps[place][0] < item.key[0]:
                run.version += self.steps[place][1]
                place += 1
            yield item
        run.version += sum(step for _, step in self.steps[place:])


def step_of(item: Received) -> int:
    """Give what an item of a history adds to the version of its holder."""
    recorded, inputs = item.recorded, canonical_json(dict(item.inputs)) if item.inputs else "{}"
    return delivery_step(recorded.event.identity, inputs, recorded.counts_from)


def later_of(tx: Transaction, holder: Holder, since: int | None = None) -> Later:
    """Read what a holder received and decided from an instant on, or ever."""
    return Later(tx.received(holder, since=since), tx.grants(holder, since=since))


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


def delivered_at(programme: Programme, find_event: Callable[[str], RecordedEvent | None], event: Event) -> int:
    """
    Give the instant from which a recorded event counts in the histories that it reaches, UTC microseconds.

    It is its own, but for what waits for a later one, and for a void, which counts from where what it takes out does.

    Args:
        find_event: Gives the accepted event of an identity, or None.
    """
    at = _own_instant(find_event, event)
    seen = {event.identity}
    while event.kind == VOID or waits_for_origin(programme, event):
        known = find_event(event.origin or "")
        if known is None or known.event.identity in seen:
            break
        own = _own_instant(find_event, known.event)
        at = own if event.kind == VOID else max(at, own)
        event = known.event
        seen.add(event.identity)
    return at


def _own_instant(find_event: Callable[[str], RecordedEvent | None], event: Event) -> int:
    recorded = find_event(event.identity)
    moved = None if recorded is None else recorded.counts_from
    return event.occurred_at if moved is None else moved


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
