"""
What becomes of an event that comes too late or too early: it is refused, or counts from when it came.

It is asked once, when the event comes, by the revision that is in force then; the answer is recorded with the event,
and replay does not ask again.
"""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.core.calendar import format_day, later_day
from loyalty.core.events import VOID, Event
from loyalty.errors import EventRejected
from loyalty.ledger.store import RecordedEvent
from loyalty.programme.model import Programme, TooLate
from loyalty.programme.revisions import in_force
from loyalty.settlement.holder_run import HolderRun


def refuse_too_early(programme: Programme, event: Event, recorded_at: int) -> None:
    """
    See that an event is not dated further ahead than is taken.

    Args:
        recorded_at: UTC microseconds: when it comes.

    Raises:
        EventRejected: it is.
    """
    within = _asked(programme, recorded_at).accept_early
    if within is None:
        return
    calendar = programme.calendar
    today = calendar.day_of(recorded_at)
    day, last = calendar.day_of(event.occurred_at), later_day(today, within)
    if day > last:
        raise EventRejected(
            event.identity,
            [
                f"at: {format_day(day)} lies {_days(day - today)} ahead of {format_day(today)}, when it came; "
                f"`accept_early` takes events dated up to {within} ahead, which is {format_day(last)}: mend the date"
            ],
        )


def instant_if_too_late(
    programme: Programme, event: Event, voided: RecordedEvent | None, runs: Sequence[HolderRun], recorded_at: int
) -> int | None:
    """
    Give the instant at which an event counts that comes too late for its own, or None where it is not too late.

    Args:
        voided: The event that it takes out of history, where it is a void.
        runs: The states of the holders that it reaches.
        recorded_at: UTC microseconds: when it comes.

    Raises:
        EventRejected: it is too late, and later ones are refused; or it is a void, which counts from no other instant.
    """
    accepted = _asked(programme, recorded_at).accept_late
    if accepted is None or not runs:
        return None
    calendar = programme.calendar
    day = calendar.day_of(own_instant(event, voided))
    ahead = max(runs, key=lambda run: run.through_day)
    front = ahead.through_day
    if front <= later_day(day, accepted.within):
        return None
    if accepted.otherwise is TooLate.REJECT or event.kind == VOID:
        what = f"the event that it takes out counts from {format_day(day)}" if voided else f"at: {format_day(day)}"
        way_out = "take back what it earned by a refund, or by the command `adjust`" if event.kind == VOID else (
            "give what it is worth by the command `adjust`, or declare `else: from_now`"
        )  # fmt: skip
        raise EventRejected(
            event.identity,
            [
                f"{what}, and everything through {format_day(front)} has happened to {ahead.holder}, which is "
                f"{_days(front - day)} later; `accept_late` takes events up to {accepted.within} late: {way_out}"
            ],
        )
    behind_last = max((run.last_key[0] + 1 for run in runs if run.last_key), default=recorded_at)
    return max(recorded_at, calendar.day_start_us(front), behind_last)


def own_instant(event: Event, voided: RecordedEvent | None) -> int:
    """Give the instant by which an event is late: its own, or that of the event that it takes out of history."""
    if voided is None:
        return event.occurred_at
    return voided.event.occurred_at if voided.counts_from is None else voided.counts_from


def _asked(programme: Programme, recorded_at: int) -> Programme:
    """Give the revision that says how late and early what is recorded at an instant may come."""
    return in_force(programme, programme.calendar.day_of(recorded_at)) if programme.earlier else programme


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"
