"""
The verdict on an event when it comes: whether it is too late or too early, and from when it counts (54 and 55).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant
from loyalty.programme.model import EventKind, Programme, TooLate
from tests.auditor.days import add, day_of, start_us
from tests.auditor.history import SPEAKS_OF_ANOTHER, Happening, timeline
from tests.auditor.revisions import revision_on, revisions


class Verdict(Enum):
    """What becomes of an event that does not simply count from a later instant."""

    AS_IT_IS = "as it is"
    REFUSED = "refused"


def judge(
    programme: Programme,
    event: Event,
    recorded_at: int,
    *,
    events: list[Event],
    grants: Iterable[Grant],
    counts_from: Mapping[str, int],
    clock_day: int | None,
) -> Verdict | int:
    """
    Give what becomes of an event, or the instant from which it counts.

    Args:
        recorded_at: When it comes, UTC microseconds.
        events, grants, counts_from: What the book knows.
        clock_day: The day that the book's clock has reached, or None.
    """
    zone = programme.calendar.timezone
    says = revision_on(programme, day_of(recorded_at, zone))
    own_day = day_of(event.occurred_at, zone)
    if says.accept_early is not None and own_day > add(day_of(recorded_at, zone), says.accept_early):
        return Verdict.REFUSED
    if says.accept_late is None:
        return Verdict.AS_IT_IS
    known = {other.identity: other for other in events}
    judged = known.get(str(event.origin)) if event.kind == VOID else event
    reached = [] if judged is None else reached_by(programme, judged, known)
    if judged is None or not reached:
        return Verdict.AS_IT_IS  # It waits.
    own_day = day_of(counts_from.get(judged.identity, judged.occurred_at), zone)
    last = dict.fromkeys(reached, 0)
    fronts = [] if clock_day is None else [clock_day]
    for item in timeline(programme, events, grants, counts_from):
        for holder in item.holders if isinstance(item, Happening) else [item.holder]:
            if holder in last:
                last[holder] = max(last[holder], item.at)
                fronts.append(day_of(item.at, zone))
    # What counts no more, or never did, has moved the front when it came.
    came = [other for other in events if not last.keys().isdisjoint(reached_by(programme, other, known))]
    fronts += [day_of(_reached_at(programme, other, known, counts_from), zone) for other in came]
    for other in events:
        # What was voided since, and what found no origin, has moved the clock of whom it reached (54).
        if other.kind != VOID and any(holder in last for holder in reached_by(programme, other, known)):
            fronts.append(day_of(counts_from.get(other.identity, other.occurred_at), zone))
    if not fronts or max(fronts) <= add(own_day, says.accept_late.within):
        return Verdict.AS_IT_IS
    if event.kind == VOID or says.accept_late.otherwise is TooLate.REJECT:
        return Verdict.REFUSED
    return max(recorded_at, start_us(max(fronts), zone), *(at + 1 for at in last.values()))


def _reached_at(programme: Programme, event: Event, known: Mapping[str, Event], counts_from: Mapping[str, int]) -> int:
    """Give the instant at which an event came to whom it reaches: not before the one that it speaks of (54)."""
    origin = known.get(str(event.origin)) if _speaks_of_another(programme, event) else None
    own = counts_from.get(event.identity, event.occurred_at)
    if origin is None:
        return own
    there = _reached_at(programme, origin, known, counts_from)
    return there if event.kind == VOID else max(own, there)


def reached_by(programme: Programme, event: Event, known: Mapping[str, Event]) -> list[Holder]:
    """Give whom an event reaches, its origin's where it speaks of one, whether or not it does anything there (54)."""
    if _speaks_of_another(programme, event):
        origin = known.get(str(event.origin))
        return [] if origin is None else reached_by(programme, origin, known)
    people = [Holder.person(event.person)] if event.person is not None and _kinds(programme, event) else []
    return [Holder.partner(event.partner), *people]


def _speaks_of_another(programme: Programme, event: Event) -> bool:
    kinds = _kinds(programme, event)
    return event.kind == VOID or bool(kinds and kinds[0].role in SPEAKS_OF_ANOTHER)


def _kinds(programme: Programme, event: Event) -> list[EventKind]:
    return [revision.events[event.kind] for revision in revisions(programme) if event.kind in revision.events]
