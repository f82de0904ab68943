"""
What submitting an event would do, before anybody does it: the event is accepted, looked at, and taken back again.

A preview is a submission inside a transaction that is undone, so that what it says is what submitting posts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from attrs import field, frozen

from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder
from loyalty.engine.accepting import Accepting
from loyalty.engine.answers import Answers
from loyalty.engine.closing import move_on
from loyalty.engine.declarations import Declarations
from loyalty.engine.histories import Histories
from loyalty.engine.judging import own_instant
from loyalty.engine.standing import standing_of
from loyalty.engine.telling import Telling
from loyalty.engine.undo import Undo
from loyalty.engine.working import Working
from loyalty.errors import EventConflict, EventRejected, UsageError
from loyalty.explaining.steps import Explanation
from loyalty.ledger.entries import Entry
from loyalty.ledger.store import RecordedEvent, Transaction
from loyalty.programme.admission import admit
from loyalty.programme.arguments import event_of
from loyalty.programme.model import Programme
from loyalty.settlement.reading import CapRoom


class Verdict(Enum):
    """What becomes of an event that is submitted."""

    IN_PLACE = "in_place"
    REPLAYED = "replayed"
    FROM_NOW = "from_now"
    WAITS = "waits"
    KNOWN = "known"
    REJECTED = "rejected"


@frozen(kw_only=True)
class CapChange:
    """
    What an event uses of a cap, or gives back, in the period that it counts in.

    Attributes:
        room: The cap, its key and its period, as they stand at the event's instant afterwards.
        used_before: Minor units that were used at that instant before.
    """

    room: CapRoom
    used_before: int

    @property
    def used_after(self) -> int:
        """Minor units that are used then."""
        return self.room.used


@frozen(kw_only=True)
class HolderChange:
    """
    What an event changes for one holder.

    Attributes:
        balances: Minor units (before, after) by (account name, currency), where they differ.
        tier: The names of the tier (before, after).
        gained, lost: Badges.
        caps: Those of which the event uses something, or gives something back.
    """

    holder: Holder
    balances: Mapping[tuple[str, str], tuple[int, int]] = field(hash=False)
    tier: tuple[str, str]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    caps: tuple[CapChange, ...]


@frozen(kw_only=True)
class Preview:
    """
    What submitting an event would do.

    Attributes:
        event: The event, with the defaults of fields that it leaves out.
        verdict: What becomes of it.
        late_days: By how many days its holders are ahead of it, 0 where they are not.
        counts_from: UTC microseconds: the instant at which it would count, where that is not its own.
        reasons: Why it is rejected.
        entries: Everything that would be posted, the clock's entries before it and corrections included.
        holders: What changes, by holder.
        explanation: Its steps; None where nothing of it would be settled.
    """

    event: Event
    verdict: Verdict
    late_days: int = 0
    counts_from: int | None = None
    reasons: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    holders: tuple[HolderChange, ...] = ()
    explanation: Explanation | None = None


class Previews(Working):
    """The part of an engine that looks ahead; nothing is posted, and nothing stays in memory."""

    def preview(self, event: Event, *, recorded_at: int | None = None) -> Preview:
        """
        Say what submitting an event would do: entries, balances, tier, badges, caps, and why. Nothing is posted.

        A rejected event is an answer like any other, with the reasons.

        Args:
            event: The fact, as for ``submit``.
            recorded_at: When the book would come to know it, UTC microseconds; now by default.
        """
        return self.preview_all([event], recorded_at=recorded_at)[0]

    def preview_all(self, events: Iterable[Event], *, recorded_at: int | None = None) -> Sequence[Preview]:
        """
        Say what submitting several events would do, each as if those before it had been submitted.

        Args:
            events: As for ``submit_all``; all of them are looked at in one transaction.
            recorded_at: When the book would come to know them, UTC microseconds; now by default.
        """
        if isinstance(events, Event):
            raise UsageError("got one event; write preview(event), or give a list of events")
        asked = [event_of(event) for event in events]
        at = self._clock() if recorded_at is None else recorded_at

        def work(tx: Transaction) -> list[Preview]:
            return [self._preview(tx, event, at, is_last=number == len(asked)) for number, event in enumerate(asked, 1)]

        return self._undone(work, [event for event in asked if self._is_admitted(event)])

    def _is_admitted(self, event: Event) -> bool:
        try:
            admit(self.programme, event)
        except EventRejected:
            return False
        return True

    def _preview(self, tx: Transaction, event: Event, recorded_at: int, *, is_last: bool) -> Preview:
        try:
            event = admit(self.programme, event)
            known = tx.find_event(event.identity)
            if known is not None:
                require_same(known, event)
                return Preview(event=event, verdict=Verdict.KNOWN, counts_from=known.counts_from)
            return self._plan(tx, event, recorded_at, is_last=is_last)
        except EventRejected as error:
            return Preview(event=event, verdict=Verdict.REJECTED, reasons=error.reasons)

    def _plan(self, tx: Transaction, event: Event, recorded_at: int, *, is_last: bool) -> Preview:
        planned: list[_Planned] = []
        try:
            with self.store.transaction():
                planned.append(self._submit_for_once(tx, event, recorded_at))
                raise Undo
        except Undo:
            (plan,) = planned
        histories = Histories(self._steps, Telling(self.programme, None))
        before = {holder: _Look.at(histories, tx, holder, plan.instant) for holder in plan.after}
        runs = [histories.run(tx, holder) for holder in plan.reached]
        day_of = self.programme.calendar.day_of
        own = own_instant(event, tx.find_event(event.origin or "") if event.kind == VOID else None)
        late_days = max([0, *(run.through_day - day_of(own) for run in runs)])
        if not plan.reached and event.of is not None:
            verdict = Verdict.WAITS
        elif plan.recorded.counts_from is not None:
            verdict = Verdict.FROM_NOW
        elif event.kind == VOID or late_days or any(run.last_key and event.key[0] < run.last_key[0] for run in runs):
            verdict = Verdict.REPLAYED
        else:
            verdict = Verdict.IN_PLACE
        if not is_last:
            # What comes next is looked at as if this had been submitted.
            self._submit_for_once(tx, event, recorded_at)
        return Preview(
            event=event,
            verdict=verdict,
            late_days=late_days,
            counts_from=plan.recorded.counts_from,
            entries=plan.entries,
            holders=tuple(_change(self.programme, holder, before[holder], look) for holder, look in plan.after.items()),
            explanation=plan.explanation,
        )

    def _submit_for_once(self, tx: Transaction, event: Event, recorded_at: int) -> _Planned:
        """Accept an event as ``submit`` does, with states of its own, and give what can be seen of it then."""
        telling = _Listening(self.programme)
        histories = Histories(self._steps, telling)
        accepting = Accepting(self.programme, histories, tx, self.store.transaction)
        accepting.accept(event, recorded_at)
        accepting.post()
        move_on(histories, tx, event.identity, recorded_at)
        recorded = tx.find_event(event.identity)
        assert recorded is not None
        reached = tx.recipients(event.identity)
        owners = {leg.account.owner for entry in telling.entries for leg in entry.postings}
        own = event.occurred_at if recorded.counts_from is None else recorded.counts_from
        key = f"event:{event.identity}"
        instant = next((entry.effective_at for entry in telling.entries if entry.key == key), own)
        concerned = sorted({*reached, *(owner for owner in owners if owner is not None)})
        return _Planned(
            recorded=recorded,
            instant=instant,
            reached=reached,
            entries=tuple(telling.entries),
            after={holder: _Look.at(histories, tx, holder, instant) for holder in concerned},
            explanation=Answers(Declarations(histories.programme), histories).why(tx, event.identity),
        )


def require_same(known: RecordedEvent, event: Event) -> None:
    """
    See that an event that comes again is the one that is known.

    Raises:
        EventConflict: it has another body.
    """
    if known.event != event:
        raise EventConflict(
            event.identity,
            [
                f"it was accepted before with another body: {known.event}; now came {event}",
                "send a correction as an event with an id of its own",
            ],
        )


class _Listening(Telling):
    """Posts entries, and remembers them."""

    def __init__(self, programme: Programme) -> None:
        super().__init__(programme, None)
        self.entries: list[Entry] = []

    def post_booked(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        super().post_booked(tx, entries)
        self.entries += entries


@frozen
class _Look:
    """What a holder has, and the room under its caps at an instant."""

    balances: Mapping[tuple[str, str], int]
    caps: Sequence[CapRoom]

    @classmethod
    def at(cls, histories: Histories, tx: Transaction, holder: Holder, at: int) -> _Look:
        caps = standing_of(histories, tx, holder, at, None).caps
        return cls(dict(tx.balances(holder)), caps)


@frozen
class _Planned:
    """What can be seen of an event while it is accepted."""

    recorded: RecordedEvent
    instant: int
    reached: Sequence[Holder]
    entries: tuple[Entry, ...]
    after: Mapping[Holder, _Look]
    explanation: Explanation


def _change(programme: Programme, holder: Holder, before: _Look, after: _Look) -> HolderChange:
    standing = [{asset for account, asset in look.balances if account == "standing"} for look in (before, after)]
    base = programme.ladder.tiers[0].name
    tiers = [next((name[5:] for name in sorted(held) if name.startswith("tier.")), base) for held in standing]
    badges = [{name[6:] for name in held if name.startswith("badge.")} for held in standing]
    moved = sorted(key for key in before.balances.keys() | after.balances.keys() if key[0] != "standing")
    balances = {key: (before.balances.get(key, 0), after.balances.get(key, 0)) for key in moved}
    used = {_name_of(room): room.used for room in before.caps}
    caps = [CapChange(room=room, used_before=used.get(_name_of(room), 0)) for room in after.caps]
    return HolderChange(
        holder=holder,
        balances={key: pair for key, pair in balances.items() if pair[0] != pair[1]},
        tier=(tiers[0], tiers[1]),
        gained=tuple(sorted(badges[1] - badges[0])),
        lost=tuple(sorted(badges[0] - badges[1])),
        caps=tuple(change for change in caps if change.used_before != change.used_after),
    )


def _name_of(room: CapRoom) -> tuple[object, ...]:
    """Give what tells a cap, with its key and period, from the others of a holder."""
    return (room.rule, room.campaign, room.cap, room.first_day, *sorted(room.key.items(), key=str))
