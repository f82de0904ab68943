"""
Settlement order: which events of a history count, and in which order.

Events stand by (occurred_at, source, id). What speaks of an event that would stand after it waits for it, and what
speaks of nothing known is left out until its origin comes; a void takes an event out altogether.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from loyalty.core.events import TIER_OVERRIDE, VOID, Event
from loyalty.core.holders import Holder
from loyalty.programme.model import Programme, Role
from loyalty.programme.revisions import kind_of

#: What nothing that came too late is settled by.
_OWN_INSTANTS: Final[Mapping[str, int]] = MappingProxyType({})

#: Sorts items of a history; tuples of events and commands compare with each other.
OrderKey = tuple[Any, ...]


class Placed(NamedTuple):
    """
    An event at its place: the key that sorts it, the instant it counts from, and whom it reaches.

    ``first_instant`` is that of the first event of the chain that it belongs to: of its origin's origin, and so on.
    """

    event: Event
    key: OrderKey
    instant: int
    holders: tuple[Holder, ...]
    first_instant: int

    @property
    def waited(self) -> bool:
        """Whether it stands directly behind the event that it speaks of, and not at an instant of its own."""
        return len(self.key) > _OWN_KEY

    def moved_to(self, at: int) -> Placed:
        """Give the event at an instant of its own from which it counts, UTC microseconds."""
        first = at if self.event.of is None else self.first_instant
        return Placed(self.event, (at, 0, self.event.source, self.event.id), at, self.holders, first)

    @property
    def is_moved(self) -> bool:
        """Whether it came too late for its own instant and counts from a later one."""
        return not self.waited and self.instant != self.event.occurred_at


#: The length of the key of an event that stands at an instant of its own.
_OWN_KEY: Final = 4


def waits_for_origin(programme: Programme, event: Event) -> bool:
    """Tell whether the event means nothing without the event that it names by ``of``."""
    kind = kind_of(programme, event.kind)
    return kind is not None and kind.role in (Role.REFUNDS, Role.FOLLOWS)


def speaks_of_kind(programme: Programme, event: Event, kind: str) -> bool:
    """Tell whether the event, if it speaks of another, speaks of one of this kind."""
    declared = kind_of(programme, event.kind)
    return declared is not None and declared.origin_kind == kind


def place_events(
    programme: Programme, events: Iterable[Event], counts_from: Mapping[str, int] = _OWN_INSTANTS
) -> list[Placed]:
    """
    Put events in settlement order, without what is voided or still waits.

    Args:
        events: Accepted events, each identity once, in any order.
        counts_from: UTC microseconds by identity: when events count that came too late for their own instant.
    """
    known = {event.identity: event for event in events}
    voided = {event.origin for event in known.values() if event.kind == VOID}
    placed: dict[str, Placed | None] = {}
    for event in known.values():
        if event.kind != VOID:
            _place(programme, event, known, voided, placed, counts_from)
    return sorted((item for item in placed.values() if item is not None), key=lambda item: item.key)


def place_alone(event: Event) -> Placed:
    """Put an event that speaks of no other at its own instant."""
    at, partner = event.occurred_at, Holder.partner(event.partner)
    person = None if event.kind == TIER_OVERRIDE else event.person
    holders = (partner,) if person is None else (partner, Holder.person(person))
    return Placed(event, (at, 0, event.source, event.id), at, holders, at)


def command_key(at: int, number: int) -> OrderKey:
    """Give the place of a holder's command *number*: after the events of its instant, in the order of recording."""
    return (at, 1, number)


def _place(
    programme: Programme,
    event: Event,
    known: Mapping[str, Event],
    voided: set[str | None],
    placed: dict[str, Placed | None],
    counts_from: Mapping[str, int],
) -> Placed | None:
    if event.identity in placed:
        return placed[event.identity]
    # A cycle of events that speak of each other finds this None and waits for ever.
    placed[event.identity] = None
    if event.identity in voided:
        return None
    at = counts_from.get(event.identity, event.occurred_at)
    key: OrderKey = (at, 0, event.source, event.id)
    if waits_for_origin(programme, event):
        origin = known.get(event.origin or "")
        if origin is None or origin.kind == VOID or not speaks_of_kind(programme, event, origin.kind):
            return None
        before = _place(programme, origin, known, voided, placed, counts_from)
        if before is None:
            return None
        waited = key < before.key
        item = Placed(
            event,
            (*before.key, 1, at, event.source, event.id) if waited else key,
            before.instant if waited else at,
            before.holders,
            before.first_instant,
        )
    else:
        item = place_alone(event)
        if at != event.occurred_at:
            item = item._replace(key=key, instant=at, first_instant=at)
    placed[event.identity] = item
    return item
