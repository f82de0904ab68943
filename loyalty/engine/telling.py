"""
Posting, and putting what it says into the outbox: in the same transaction, so that nothing is told that did not happen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from attrs import evolve

from loyalty.core.calendar import Calendar, format_day
from loyalty.core.holders import Holder
from loyalty.engine.messages import Messages, cloud_event, family_of, messages_of, money_of, rfc3339
from loyalty.ledger.entries import Entry
from loyalty.ledger.outbox import Message
from loyalty.ledger.store import Declaration, Transaction
from loyalty.ledger.transfers import transfers
from loyalty.programme.model import Programme
from loyalty.programme.revisions import revisions_of

#: What is available of one holder and currency until one day: from which instant how much more or less of it there is.
Changes = dict[tuple[Holder, str, int], list[tuple[int, int]]]


class Telling:
    """
    Posts entries of a programme.

    Args:
        messages: What is told of them, or None for nothing.
    """

    def __init__(self, programme: Programme, messages: Messages | None) -> None:
        self._programme = programme
        self._messages = messages
        #: What entries are settled under; a programme that was built without a text has none to keep.
        self._declarations = [
            Declaration(one.revision, one.from_day, one.source, before.revision if before is not None else None)
            for before, one in pairwise([None, *revisions_of(programme)])
            if one is not None and one.source
        ]

    def post(self, tx: Transaction, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Post entries that belong together, tell what they say, and give them as they are booked."""
        entries = self.booked(tx, entries)
        self.post_booked(tx, entries)
        return entries

    def post_booked(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        """Post entries that :meth:`booked` gave, and tell what they say."""
        self._post(tx, entries)
        if self._messages is not None:
            told = [message for _, message in messages_of(self._programme, self._messages, entries)]
            if told:
                tx.add_messages(told)

    def post_clock(
        self, tx: Transaction, entries: Sequence[Entry], day: int, holders: Collection[Holder] | None = None
    ) -> Sequence[Entry]:
        """
        Post what fell due, tell it together with what is about to expire, and give it as it is booked.

        Args:
            entries: Those of the clock.
            day: The day that clocks reach now.
            holders: Whose; everybody's where it is None.
        """
        messages = self._messages
        entries = self.booked(tx, entries)
        if messages is None:
            self._post(tx, entries)
            return entries
        notices: list[tuple[int, Message]] = []
        if messages.expiring_days is not None:
            since_day, ahead = tx.clock_day(), tx.clocks_ahead()
            first_day, last_day = (day if since_day is None else since_day) + 1, day + messages.expiring_days
            changes = _open_amounts(tx, first_day, last_day, holders)
            _add_transfers(changes, entries, first_day, last_day)
            since = {holder: ahead.get(holder, since_day) for holder, _, _ in changes}
            notices = list(_notices(self._programme, messages, messages.expiring_days, changes, since, day))
        self._post(tx, entries)
        told = [*notices, *messages_of(self._programme, messages, entries)]
        # A notice is of the start of its day, and what falls due then comes behind it.
        tx.add_messages([message for _, message in sorted(told, key=lambda pair: pair[0])])
        return entries

    def booked(self, tx: Transaction, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Give entries that count from a locked day the first day that is not locked as the one they are booked on."""
        locked_day = tx.locked_day()
        if locked_day is None:
            return entries
        first = self._programme.calendar.day_start_us(locked_day + 1)
        return [evolve(entry, booked_day=locked_day + 1) if entry.effective_at < first else entry for entry in entries]

    def declare(self, tx: Transaction, recorded_at: int) -> None:
        """Have the book keep what its entries are settled under."""
        tx.declare(self._declarations, recorded_at=recorded_at)

    def _post(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        if entries:
            self.declare(tx, entries[0].recorded_at)
        tx.post(entries)


def _open_amounts(tx: Transaction, first_day: int, last_day: int, holders: Collection[Holder] | None) -> Changes:
    changes: Changes = defaultdict(list)
    for lot, effective_at in tx.open_lots("available", first_day=first_day, last_day=last_day, holders=holders):
        assert lot.account.owner is not None
        changes[lot.account.owner, lot.asset, lot.expires_day].append((effective_at, lot.remaining))
    return changes


def _add_transfers(changes: Changes, entries: Iterable[Entry], first_day: int, last_day: int) -> None:
    for entry in entries:
        for debit, credit, amount in transfers(entry.postings):
            for leg, signed in ((debit, -amount), (credit, amount)):
                account, day = leg.account, leg.lot_day
                if account.owner is None or account.name != "available" or day is None:
                    continue
                if first_day <= day <= last_day:
                    changes[account.owner, leg.asset, day].append((entry.effective_at, signed))


def _notices(
    programme: Programme,
    messages: Messages,
    notice_days: int,
    changes: Changes,
    since: Mapping[Holder, int | None],
    day: int,
) -> Iterator[tuple[int, Message]]:
    calendar = programme.calendar
    for (holder, currency, expires_day), steps in sorted(changes.items()):
        topic = f"{family_of(programme, currency)}.expiring"
        noticed = _notice_of(calendar, expires_day - notice_days, expires_day, steps)
        if noticed is None or not messages.wants(topic):
            continue
        notice_day, amount = noticed
        since_day = since[holder]
        if notice_day > day or (since_day is not None and notice_day <= since_day):
            continue
        at = calendar.day_start_us(notice_day)
        data = {
            **money_of(programme, currency, amount),
            "last_usable_day": format_day(expires_day - 1),
            "expires_at": rfc3339(calendar.day_start_us(expires_day)),
        }
        # The day of the notice is part of its name: what is earned after all of it was spent is noticed again.
        id = f"expiring:{holder}:{currency}:{format_day(expires_day)}:{format_day(notice_day)}"
        yield at, cloud_event(programme, messages, topic, id, holder, at, data)


def _notice_of(
    calendar: Calendar, first_day: int, expires_day: int, steps: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """Give the first day from *first_day* on at whose start there is something, and how much."""
    candidates = {first_day}
    for at, _ in steps:
        day = calendar.day_of(at)
        candidates.add(max(first_day, day if calendar.day_start_us(day) == at else day + 1))
    for day in sorted(candidates):
        if day < expires_day:
            start = calendar.day_start_us(day)
            amount = sum(change for at, change in steps if at <= start)
            if amount > 0:
                return day, amount
    return None
