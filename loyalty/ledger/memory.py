"""
A book in memory: the store for simulations, tests and short-lived runs, and the one that others are compared with.

>>> store = MemoryStore()
>>> with store.transaction() as book:
...     book.set_clock_day(20_000)
>>> with store.transaction() as book:
...     book.clock_day()
20000
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from threading import Lock, RLock
from typing import Any, Final

from attrs import define, evolve, field

from loyalty.core.events import Event, canonical_json
from loyalty.core.holders import Holder
from loyalty.errors import LedgerError, StoreError
from loyalty.ledger.book import Book
from loyalty.ledger.entries import Account, Entry
from loyalty.ledger.lots import Allocation, lot_finding
from loyalty.ledger.memory_lines import MemoryLines
from loyalty.ledger.outbox import MemoryOutbox, Message
from loyalty.ledger.store import (
    READ_ONLY,
    Adoption,
    BookLock,
    Checkpoint,
    Declaration,
    Grant,
    HolderClock,
    Lot,
    Received,
    RecordedEvent,
    delivery_step,
    later_clock,
    replacing_step,
    version_step,
)


class MemoryStore:
    """
    A book that lives as long as the object.

    A transaction that opens inside another one of the same thread joins it; other threads wait. Rolling back costs
    as much as what was done, since it is taken back step by step.
    """

    def __init__(self) -> None:
        self.opens_transactions = True
        self._lock = RLock()
        self._relaying = Lock()
        self._transaction = MemoryTransaction()

    @contextmanager
    def transaction(self, read_only: bool = False) -> Iterator[MemoryTransaction]:
        """
        Open a transaction or join the open one; an error undoes what was done since this call.

        Args:
            read_only: Refuse with StoreError whatever writes until the end of the block.
        """
        transaction = self._transaction
        with self._lock:
            was_read_only = transaction.read_only
            transaction.read_only = was_read_only or read_only
            book_mark, undo_mark = transaction.book.mark(), len(transaction.undo)
            transaction.depth += 1
            try:
                yield transaction
            except BaseException:
                transaction.book.rewind(book_mark)
                transaction.unwind(undo_mark)
                raise
            finally:
                transaction.read_only = was_read_only
                transaction.depth -= 1
                if not transaction.depth:
                    transaction.undo.clear()

    @contextmanager
    def relaying(self) -> Iterator[bool]:
        """Take the turn of telling the book's messages, and give whether it was free; it ends with the block."""
        is_ours = self._relaying.acquire(blocking=False)
        try:
            yield is_ours
        finally:
            if is_ours:
                self._relaying.release()


#: The clock of a holder of whom nothing is known.
_NO_CLOCK: Final = HolderClock()


@define(eq=False)
class _History:
    """
    What a holder received and was granted.

    Attributes:
        received: By the sequence of the event.
        by_instant: The (instant from which it counts, sequence) of each, in order.
        grants_by_instant: The (instant, place) of each grant, in order.
    """

    received: dict[int, Received] = field(factory=dict)
    by_instant: list[tuple[int, int]] = field(factory=list)
    grants: list[Grant] = field(factory=list)
    grants_by_instant: list[tuple[int, int]] = field(factory=list)
    version: int = 0
    clock: HolderClock = _NO_CLOCK


class MemoryTransaction(MemoryLines):
    """
    Reads and writes of a :class:`MemoryStore`.

    Attributes:
        book: The projections of the entries.
        undo: The calls that take back what this transaction did outside the book, oldest first.
        depth: How many ``with`` blocks are open.
        read_only: Whether one of them only reads.
    """

    def __init__(self) -> None:
        self.book = Book()
        self.undo: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.depth = 0
        self.read_only = False
        self._events: dict[str, RecordedEvent] = {}
        self._about: dict[str, list[RecordedEvent]] = {}
        self._recipients: dict[str, set[Holder]] = {}
        self._histories: dict[Holder, _History] = {}
        self._grants: dict[str, Grant] = {}
        self._grants_of: dict[str, list[Grant]] = {}
        self._clock_day: int | None = None
        self._adoptions: list[Adoption] = []
        self._declarations: dict[str, Declaration] = {}
        self._locks: list[BookLock] = []
        self._outbox = MemoryOutbox(lambda call, arguments: self.undo.append((call, arguments)))

    def unwind(self, mark: int) -> None:
        """Take back what was done since the log of undoing calls had the length *mark*."""
        while len(self.undo) > mark:
            call, arguments = self.undo.pop()
            call(*arguments)

    def expect(self, events: Sequence[Event] = (), holders: Collection[Holder] = (), *, clock: bool = False) -> None:
        """Do nothing: whoever is inside is alone with the book, and all of it is at hand."""

    def find_event(self, identity: str) -> RecordedEvent | None:
        """Give the accepted event of this identity, or None."""
        return self._events.get(identity)

    def add_event(
        self,
        event: Event,
        *,
        recorded_at: int,
        counts_from: int | None = None,
        reaches: Sequence[tuple[Holder, Mapping[str, int]]] = (),
        at: int | None = None,
    ) -> RecordedEvent:
        """
        Record an accepted event.

        Args:
            counts_from: UTC microseconds: the instant at which it counts, where that is not its own.
            reaches: To whom it is delivered at once, each with what it brings.
            at: As for :meth:`deliver`.

        Raises:
            LedgerError: its identity is known.
        """
        self._require_writable()
        identity, origin = event.identity, event.origin
        if identity in self._events:
            raise LedgerError(f"event {identity} is recorded already; an identity is used once in a book")
        recorded = RecordedEvent(event, len(self._events) + 1, recorded_at, counts_from)
        self._events[identity] = recorded
        self.undo.append((self._events.pop, (identity,)))
        if origin is not None:
            about = self._about.setdefault(origin, [])
            about.append(recorded)
            self.undo.append((about.pop, ()))
        for holder, inputs in reaches:
            self.deliver(identity, holder, inputs, at=at)
        return recorded

    def deliver(self, identity: str, holder: Holder, inputs: Mapping[str, int], *, at: int | None = None) -> None:
        """
        Make the event part of the holder's history, or replace the inputs that it brings there.

        Raises:
            LedgerError: the event is not recorded.
        """
        self._require_writable()
        recorded = self._events.get(identity)
        if recorded is None:
            raise LedgerError(f"event {identity} is not recorded; add it before it is delivered to {holder}")
        history = self._histories.get(holder) or self._histories.setdefault(holder, _History())
        sequence, brought = recorded.sequence, dict(inputs)
        known = history.received.get(sequence)
        if known is not None:
            if known.inputs == brought:
                return
            self.undo.append((history.received.__setitem__, (sequence, known)))
            history.received[sequence] = Received(recorded, brought, known.at)
            step = replacing_step(identity, canonical_json(brought), canonical_json(known.inputs), recorded.counts_from)
        else:
            instant = recorded.event.occurred_at if at is None else at
            history.received[sequence] = Received(recorded, brought, instant)
            self.undo.append((history.received.pop, (sequence,)))
            self._put(history.by_instant, (instant, sequence))
            recipients = self._recipients.setdefault(identity, set())
            recipients.add(holder)
            self.undo.append((recipients.discard, (holder,)))
            step = delivery_step(identity, canonical_json(brought), recorded.counts_from)
        self._changed(history, step)

    def events_about(self, identity: str) -> Sequence[RecordedEvent]:
        """Give the accepted events whose origin is *identity*, in order of acceptance."""
        return tuple(self._about.get(identity, ()))

    def received(self, holder: Holder, *, since: int | None = None) -> Sequence[Received]:
        """Give the holder's events, all or those that count from an instant on, in order of acceptance."""
        history = self._histories.get(holder)
        if history is None:
            return ()
        return tuple(history.received[sequence] for sequence in _from(history.by_instant, since))

    def recipients(self, identity: str) -> Sequence[Holder]:
        """Give the holders in whose history the event is, in order of layer and id."""
        return tuple(sorted(self._recipients.get(identity, ())))

    def holder_version(self, holder: Holder) -> int:
        """Give a number that grows with each change of the holder's history or grants (0 where there is none)."""
        history = self._histories.get(holder)
        return history.version if history else 0

    def holder_mark(self, holder: Holder) -> tuple[int, int | None]:
        """Give what tells whether a state of a holder is the present one: its version and the day of its clock."""
        return self.holder_version(holder), self.clock_day(holder)

    def add_grant(self, grant: Grant) -> None:
        """
        Record a decision.

        Raises:
            LedgerError: its key is known.
        """
        self._require_writable()
        if grant.key in self._grants:
            raise LedgerError(f"grant {grant.key} is recorded already; a key is used once in a book")
        ended = grant.final and next((other for other in self.grants_of(grant.of or "") if other.final), None)
        if ended:
            raise LedgerError(f"grant {grant.key} cannot end {grant.of}, which {ended.key} ended before")
        history = self._histories.get(grant.holder) or self._histories.setdefault(grant.holder, _History())
        self._grants[grant.key] = grant
        history.grants.append(grant)
        if grant.of is not None:
            followers = self._grants_of.setdefault(grant.of, [])
            followers.append(grant)
            self.undo.append((followers.pop, ()))
        self.undo += ((self._grants.pop, (grant.key,)), (history.grants.pop, ()))
        self._put(history.grants_by_instant, (grant.at, len(history.grants) - 1))
        self._changed(history, version_step(grant.key))

    def find_grant(self, key: str) -> Grant | None:
        """Give the decision of this key, or None."""
        return self._grants.get(key)

    def grants(self, holder: Holder, *, since: int | None = None) -> Sequence[Grant]:
        """Give the holder's decisions, all or those from an instant on, in order of recording."""
        history = self._histories.get(holder)
        if history is None:
            return ()
        return tuple(history.grants[place] for place in _from(history.grants_by_instant, since))

    def grants_of(self, key: str) -> Sequence[Grant]:
        """Give the decisions that carry on the one of this key, in order of recording."""
        return tuple(self._grants_of.get(key, ()))

    def holders(self) -> Iterator[Holder]:
        """Give every holder that has a history or a grant, in order of layer and id."""
        return iter(sorted(holder for holder, history in self._histories.items() if history.version))

    def checkpoint(self, holder: Holder, revision: str) -> Checkpoint | None:  # noqa: ARG002 (no state is kept)
        """Give None: a state in memory lives as long as the book."""
        return None

    def keep_checkpoint(self, holder: Holder, revision: str, checkpoint: Checkpoint) -> None:
        """Do nothing: a state in memory lives as long as the book."""

    def post(self, entries: Sequence[Entry]) -> None:
        """
        Post entries as one batch: lots of the whole batch are created before any is consumed, floors come last.

        Raises:
            LedgerError: a key is known, or a balance or lot would break its bound; nothing of the batch is kept.
        """
        self._require_writable()
        self.book.post(entries)

    def declare(self, declarations: Sequence[Declaration], *, recorded_at: int) -> None:
        """Keep the declarations that the book does not have yet; of those that it has nothing changes."""
        for declaration in declarations:
            if declaration.digest not in self._declarations:
                self._require_writable()
                self._declarations[declaration.digest] = evolve(declaration, recorded_at=recorded_at)
                self.undo.append((self._declarations.pop, (declaration.digest,)))

    def declarations(self) -> Sequence[Declaration]:
        """Give the declarations that the book keeps, in order of their digests."""
        return tuple(self._declarations[digest] for digest in sorted(self._declarations))

    def find_entry(self, key: str) -> Entry | None:
        """Give the entry of this key, or None."""
        return self.book.by_key.get(key)

    def entries(self, *, holder: Holder | None = None, cause: str | None = None) -> Iterator[Entry]:
        """Give entries in order of posting: all, those with a posting of *holder*, or those of one cause."""
        if holder is not None:
            wallet = self.book.wallets.get(holder)
            found = wallet.entries if wallet else []
            return iter([entry for entry in found if cause is None or entry.cause == cause])
        if cause is not None:
            return iter(tuple(self.book.by_cause.get(cause, ())))
        return iter(tuple(self.book.entries))

    def balance(self, account: Account, asset: str) -> int:
        """Give the present balance, minor units."""
        return self.book.balance(account, asset)

    def balances(self, holder: Holder) -> Mapping[tuple[str, str], int]:
        """Give the holder's present balances that are not 0, by (account name, asset)."""
        wallet = self.book.wallets.get(holder)
        return {key: amount for key, amount in wallet.balances.items() if amount} if wallet else {}

    def balances_at(
        self, holder: Holder, *, effective_at: int, recorded_at: int | None = None
    ) -> Mapping[tuple[str, str], int]:
        """Give the balances from postings effective at or before one instant and recorded at or before another."""
        sums: dict[tuple[str, str], int] = {}
        for entry in self.entries(holder=holder):
            if entry.effective_at > effective_at or (recorded_at is not None and entry.recorded_at > recorded_at):
                continue
            for posting in entry.postings:
                if posting.account.owner == holder:
                    key = (posting.account.name, posting.asset)
                    sums[key] = sums.get(key, 0) + posting.amount
        return {key: amount for key, amount in sums.items() if amount}

    def lots(self, account: Account, asset: str) -> Sequence[Lot]:
        """Give the lots with something left, soonest expiry first, then earned first, then posted first."""
        return tuple(lot.to_lot() for lot in self.book.open_lots(account, asset))

    def allocations(self, account: Account, asset: str) -> Sequence[Allocation]:
        """Give what debits consumed of the account's lots, in order of posting."""
        return tuple(
            item for item in self.book.allocations() if item.lot.account == account and item.lot.asset == asset
        )

    def front(self) -> int | None:
        """Give the latest instant from which anything counts, UTC microseconds: an event, a decision or an entry."""
        facts = [
            item.event.occurred_at if item.counts_from is None else item.counts_from for item in self._events.values()
        ]
        entries = [entry.effective_at for entry in self.entries()]
        return max([*facts, *(grant.at for grant in self._grants.values()), *entries], default=None)

    def chain(self) -> str | None:
        """Give the digest of the chain of revisions that the book is settled under, or None before the first."""
        return self._adoptions[-1].chain if self._adoptions else None

    def adoptions(self) -> Sequence[Adoption]:
        """Give the chains that the book took up, in order."""
        return tuple(self._adoptions)

    def adopt(self, adoption: Adoption) -> None:
        """Have the book settled under another chain of revisions from now on."""
        self._require_writable()
        self._adoptions.append(adoption)
        self.undo.append((self._adoptions.pop, ()))

    def clock_day(self, holder: Holder | None = None) -> int | None:
        """Give the day through which the book was advanced, or the holder's own clock, or None."""
        history = None if holder is None else self._histories.get(holder)
        return self._clock_day if history is None else later_clock(self._clock_day, history.clock.reached_day)

    def set_clock_day(self, day: int, holder: Holder | None = None) -> None:
        """Record that everything due through *day* was posted, to one holder or to all."""
        self._require_writable()
        if holder is not None:
            clock = self._histories[holder].clock
            self._set_clock(holder, HolderClock(day, clock.due_day, clock.revision))
            return
        self.undo.append((setattr, (self, "_clock_day", self._clock_day)))
        self._clock_day = day

    def clocks_ahead(self) -> Mapping[Holder, int]:
        """Give the days that clocks of holders have reached which are ahead of the book's."""
        return {
            holder: history.clock.reached_day
            for holder, history in self._histories.items()
            if history.clock.reached_day is not None
            and (self._clock_day is None or history.clock.reached_day > self._clock_day)
        }

    def keep_due(self, holder: Holder, day: int, revision: str) -> None:
        """Note when something falls due next; a change of the holder's history forgets it."""
        history = self._histories.get(holder)
        if history is not None and (history.clock.due_day, history.clock.revision) != (day, revision):
            self._require_writable()
            self._set_clock(holder, HolderClock(history.clock.reached_day, day, revision))

    def holders_due(self, day: int, revision: str, limit: int) -> Sequence[Holder]:
        """Give holders to whom something may fall due through a day that their clocks have not reached."""
        found = (
            holder
            for holder, history in self._histories.items()
            if history.version
            and (history.clock.due_day is None or history.clock.revision != revision or history.clock.due_day <= day)
            and (history.clock.reached_day is None or history.clock.reached_day < day)
        )
        return tuple(islice(found, limit))

    def locked_day(self) -> int | None:
        """Give the day through which the book is locked, or None."""
        return self._locks[-1].through_day if self._locks else None

    def locks(self) -> Sequence[BookLock]:
        """Give when the book was locked and unlocked, in order."""
        return tuple(self._locks)

    def add_lock(self, lock: BookLock) -> None:
        """Lock the book, or unlock it, from now on."""
        self._require_writable()
        self._locks.append(lock)
        self.undo.append((self._locks.pop, ()))

    def add_messages(self, messages: Sequence[Message]) -> None:
        """Put messages into the outbox, behind those that are there."""
        self._require_writable()
        self._outbox.add(messages)

    def messages(self, limit: int) -> Sequence[Message]:
        """Give the first *limit* messages of the outbox."""
        return self._outbox.first(limit)

    def drop_messages(self, messages: Sequence[Message]) -> None:
        """Take messages out of the outbox; those that are out already stay out."""
        self._require_writable()
        self._outbox.drop(messages)

    def trial_balance(self) -> Mapping[tuple[str, str], int]:
        """Give the balance of each (account path, asset) that is not 0, the programme's side included."""
        return {
            (Account(owner, name).path, asset): amount
            for owner, wallet in self.book.wallets.items()
            for (name, asset), amount in wallet.balances.items()
            if amount
        }

    def audit(self) -> Iterator[str]:
        """Compare what is left of each lot with what debits took of it; give one sentence for each finding."""
        taken: Counter[int] = Counter()
        for item in self.book.allocations():
            taken[item.lot.sequence] += item.amount
        for lot in self.book.created_lots():
            if lot.remaining != lot.amount - taken[lot.sequence]:
                yield lot_finding(
                    lot.account.path, lot.entry_key, lot.asset, lot.amount, lot.remaining, taken[lot.sequence]
                )

    def _require_writable(self) -> None:
        if self.read_only:
            raise StoreError(READ_ONLY)

    def _put(self, places: list[tuple[int, int]], place: tuple[int, int]) -> None:
        at = bisect_left(places, place)
        places.insert(at, place)
        self.undo.append((places.pop, (at,)))

    def _changed(self, history: _History, step: int) -> None:
        self.undo.append((_set_back, (history, history.version, history.clock)))
        history.version += step
        history.clock = HolderClock(history.clock.reached_day)

    def _set_clock(self, holder: Holder, clock: HolderClock) -> None:
        history = self._histories[holder]
        self.undo.append((_set_back, (history, history.version, history.clock)))
        history.clock = clock


def _set_back(history: _History, version: int, clock: HolderClock) -> None:
    history.version, history.clock = version, clock


def _from(places: Sequence[tuple[int, int]], since: int | None) -> list[int]:
    """Give the second numbers, ascending, of the places whose instant is *since* or later."""
    first = 0 if since is None else bisect_left(places, (since,))
    return sorted(number for _, number in places[first:])
