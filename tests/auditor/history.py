"""
The order in which things happen, and whom they reach (paragraphs 2, 3 and 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve, frozen

from loyalty.core.events import TIER_OVERRIDE, VOID, Event, FieldValue
from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant
from loyalty.programme.model import EventKind, Programme, Role
from tests.auditor.days import day_of
from tests.auditor.revisions import kind_on, revisions, stand_ins

SPEAKS_OF_ANOTHER = (Role.REFUNDS, Role.FOLLOWS)


@frozen(eq=False)
class Happening:
    """
    An event where it stands in the order: the instant that it counts at, and the partner and person it reaches.

    Its fields are those of the event, and what stands for others that its revision did not have (60).
    """

    event: Event
    fields: Mapping[str, FieldValue]
    kind: EventKind | None  # None is the built-in tier.override.
    at: int
    day: int
    partner: str
    person: str | None
    origin: Happening | None

    @property
    def holders(self) -> list[Holder]:
        """Those whom it reaches, the partner first; a tier is set for the partner alone (2)."""
        reached = [Holder.partner(self.partner)]
        if self.person is not None and self.kind is not None:
            reached.append(Holder.person(self.person))
        return reached

    @property
    def first_of_chain(self) -> Happening:
        """The origin of its origin and so on, or itself (57)."""
        return self if self.origin is None else self.origin.first_of_chain


def without_voids(events: Iterable[Event]) -> dict[str, Event]:
    """Give the events that happened, by identity; voids and what they name are gone (3)."""
    known = {event.identity: event for event in events}
    voided = {event.origin for event in known.values() if event.kind == VOID}
    return {name: event for name, event in known.items() if event.kind != VOID and name not in voided}


def origin_of(event: Event, programme: Programme, happened: dict[str, Event]) -> Event | None:
    """Give the event that a refund or a follow speaks of, if it is there and of the declared kind (2, 3)."""
    kinds = [kind for revision in revisions(programme) if (kind := revision.events.get(event.kind)) is not None]
    if not kinds or kinds[0].role not in SPEAKS_OF_ANOTHER or event.origin is None:
        return None
    origin = happened.get(event.origin)
    return origin if origin is not None and origin.kind == kinds[0].origin_kind else None


def happenings(
    programme: Programme, events: Iterable[Event], counts_from: Mapping[str, int] | None = None
) -> list[Happening]:
    """
    Put the events in order (2).

    Each event comes at its own key, unless its origin would only come after it: then it waits and comes directly
    after the origin, at the origin's instant. An event whose origin never comes is left out: it does nothing.

    Args:
        counts_from: The instants from which events count that came too late, by identity: it is as if they had occurred
            then (54).
    """
    instants = counts_from or {}
    happened = without_voids(
        evolve(event, occurred_at=instants.get(event.identity, event.occurred_at)) for event in events
    )
    order: list[Happening] = []
    placed: dict[str, Happening] = {}
    waiting: list[Event] = []

    def place(event: Event, instant: int) -> None:
        day = day_of(instant, programme.calendar.timezone)
        kind = None if event.kind == TIER_OVERRIDE else kind_on(programme, event.kind, day)
        origin = None
        if kind is not None and kind.role in SPEAKS_OF_ANOTHER:
            known = origin_of(event, programme, happened)
            if known is None:
                return
            if known.identity not in placed:
                waiting.append(event)
                return
            origin = placed[known.identity]
        reached = origin or event
        happening = Happening(
            event=event,
            fields={**stand_ins(programme, event.kind), **event.fields},
            kind=kind,
            at=instant,
            day=day,
            partner=reached.partner,
            person=reached.person,
            origin=origin,
        )
        order.append(happening)
        placed[event.identity] = happening
        for other in [other for other in waiting if other.origin == event.identity]:
            waiting.remove(other)
            place(other, instant)

    for event in sorted(happened.values(), key=lambda event: event.key):
        place(event, event.occurred_at)
    return order


def timeline(
    programme: Programme, events: Iterable[Event], grants: Iterable[Grant], counts_from: Mapping[str, int] | None = None
) -> Iterator[Happening | Grant]:
    """Give events and decisions in order; a decision stands after the events of its instant, in the order given (4)."""
    decisions = sorted(grants, key=lambda grant: grant.at)
    for happening in happenings(programme, events, counts_from):
        while decisions and decisions[0].at < happening.at:
            yield decisions.pop(0)
        yield happening
    yield from decisions
