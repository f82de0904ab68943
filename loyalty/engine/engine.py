"""
What a host calls: submit events, let time pass, give commands, and read statements.

The engine settles each event as it comes, against a store that keeps facts, grants and entries. An event that comes
late has its holders replayed, and the difference is posted as entries that name it.

>>> from loyalty.ledger.memory import MemoryStore
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> engine = Engine(loads(EXAMPLE), MemoryStore())
>>> deal = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
...              fields={"amount": 25_000})
>>> receipt = engine.submit(deal)
>>> [(posting.account.path, posting.amount) for posting in receipt.entries[0].postings]
[('programme/issued', -2), ('partner:acme/available', 2)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from itertools import islice

from loyalty.core.collecting import uncollected
from loyalty.core.events import Event
from loyalty.engine.accepting import Accepting
from loyalty.engine.advice import Advises
from loyalty.engine.arguments import day_of, text_of
from loyalty.engine.closing import move_on
from loyalty.engine.commands import Commands
from loyalty.engine.locking import Locking
from loyalty.engine.previewing import Previews, require_same
from loyalty.engine.receipts import Receipt
from loyalty.engine.refusing import why_not
from loyalty.engine.standing import Standings
from loyalty.engine.statements import Statements
from loyalty.errors import EventRejected, UsageError
from loyalty.explaining.entries import explain_entry
from loyalty.explaining.steps import Explanation
from loyalty.ledger.entries import Entry
from loyalty.ledger.store import Transaction
from loyalty.programme.admission import admit
from loyalty.settlement.settle import Outcome, advance_run, entries_of


class Engine(Commands, Statements, Standings, Advises, Previews, Locking):
    """
    Settles events and commands of one programme against a store.

    Args:
        programme: A checked programme.
        store: Where facts and entries are kept; the host's transaction is joined where it gave one.
        clock: Gives the instant of recording, UTC microseconds; the system's by default.
        any_revision: Whether a book that is settled under another chain of revisions may be read all the same; what is
            due by now is then told by this programme.
        messages: What of all this is put into the outbox for others: nothing by default, everything with True, the
            topics of a collection, or what a :class:`~loyalty.engine.messages.Messages` says.

    Each call looks at the chain of revisions that the book is settled under, and raises StoreError where it is another
    one. A chain that only goes on, with a revision that begins after everything in the book, is taken up; anything else
    is a migration (:func:`~loyalty.engine.migrating.plan_migration`).
    """

    def submit(self, event: Event, *, recorded_at: int | None = None) -> Receipt:
        """
        Accept one event and settle it.

        Args:
            event: The fact; the same one again changes nothing.
            recorded_at: When the book came to know it, UTC microseconds; now by default.

        Returns:
            The receipt; that of the first time where the event is known.

        Raises:
            EventRejected: the programme cannot take it; nothing was changed.
            EventConflict: its identity is known with another body; nothing was changed.
        """
        event = admit(self.programme, event)
        return self._change(lambda tx: self._submit(tx, event, recorded_at), events=[event])

    def submit_all(self, events: Iterable[Event]) -> list[Receipt]:
        """Submit several events, each in a transaction of its own unless the host holds one open."""
        return [self.submit(event) for event in events]

    def submit_many(
        self,
        events: Iterable[Event],
        *,
        chunk: int = 1000,
        recorded_at: int | None = None,
        refused: Callable[[Event, EventRejected], None] | None = None,
    ) -> Iterator[Receipt]:
        """
        Submit many events, a transaction for each chunk; the receipts are those of one by one.

        Nothing happens before the receipts are asked for, and a chunk's receipts come when it is kept: whoever stops
        in between has submitted the chunks of the receipts that came.

        Args:
            events: As many as there are, in any order; they are taken chunk by chunk.
            chunk: How many events share a transaction, > 0.
            recorded_at: When the book came to know them, UTC microseconds; the instant of each chunk by default.
            refused: Told of each event that cannot be taken, which is then left out. Without it such an event raises,
                and nothing of its chunk is kept.

        Raises:
            UsageError: *chunk* is not a whole number above 0.
            EventRejected: the programme cannot take an event, and nobody is told; earlier chunks are kept.
        """
        if type(chunk) is not int or chunk <= 0:
            raise UsageError(f"got {chunk!r} for a chunk; write how many events share a transaction, such as 1000")
        leaves_out = refused is not None
        for part in _chunks(events, chunk):
            admitted = [one for one in (self._admit(event, refused) for event in part) if one is not None]
            work = partial(self._submit_chunk, events=admitted, recorded_at=recorded_at, leaves_out=leaves_out)
            with uncollected():
                receipts, refusals = self._change(work, events=admitted)
            if refused is not None:
                # A transaction can be tried several times; what became of it in the end is told once.
                for event, error in refusals:
                    refused(event, error)
            yield from receipts

    def advance(
        self, until: int | str | date, *, batch: int = 1000, progress: Callable[[int], None] | None = None
    ) -> list[Entry]:
        """
        Post everything due through a day: activation, expiry, reviews, graces, allotments.

        Holders are taken batch by batch, those alone to whom something may fall due, each batch in a transaction of its
        own unless the host holds one open. Whoever stops in between, or is killed, calls it again: it goes on where it
        was, and comes to the same entries.

        Args:
            until: A day number, an ISO date, a date, or a datetime (its day in the programme's zone, if it has a zone).
            batch: How many holders share a transaction, > 0; whoever else posts waits for one batch at most.
            progress: Told after each batch how many holders are done.

        Returns:
            The entries that were posted.

        Raises:
            UsageError: not a day of the years that the calendar knows, or *batch* is no whole number above 0.
        """
        day = day_of(until, self.programme.calendar)
        if type(batch) is not int or batch <= 0:
            raise UsageError(f"got {batch!r} for a batch; write how many holders share a transaction, such as 1000")
        entries: list[Entry] = []
        done, is_over = 0, False
        while not is_over:
            posted, holders, is_over = self._change(partial(self._advance, day=day, batch=batch), clock=True)
            entries += posted
            done += holders
            if progress is not None:
                progress(done)
        return entries

    def why(self, asked: Entry | str) -> Explanation:
        """
        Say why something was posted, however long ago and whatever has become of the programme file since.

        It is read from what the book keeps: records of why with each entry, and the declaration that the entry was
        settled under. An event that moved nothing is settled again for the answer.

        Args:
            asked: An entry or its key, which is answered for what that entry posted; an event's identity or a command's
                key, which is answered for what stands now, late events considered.

        Raises:
            NotRecorded: the book has no such entry, event or command.
            UsageError: an argument is of another kind.
            StoreError: the declaration that it was settled under is neither this programme's nor kept in the book.
        """
        if not isinstance(asked, Entry):
            text_of(asked, "what is asked about")
        with self.store.transaction(read_only=True) as tx:
            return self._answers.why(tx, asked)

    def why_not(self, identity: str, rule: str) -> Explanation:
        """
        Say why a rule did not pay for an event: kind, person, dates, condition, key, cooldown, streak, group or cap.

        Args:
            identity: The event's identity.
            rule: A rule of the revision that the event was settled under.

        Returns:
            A step for each holder that the rule pays, ``paid`` where it did pay.

        Raises:
            NotRecorded: no such event was accepted.
            UsageError: there is no such rule.
            StoreError: the declaration that it was settled under is neither this programme's nor kept in the book.
        """
        text_of(identity, "an event's identity")
        text_of(rule, "a rule's name")
        with self.store.transaction(read_only=True) as tx:
            return why_not(self._answers, tx, identity, rule)

    def _admit(self, event: Event, refused: Callable[[Event, EventRejected], None] | None) -> Event | None:
        try:
            return admit(self.programme, event)
        except EventRejected as error:
            if refused is None:
                raise
            refused(event, error)
            return None

    def _accepting(self, tx: Transaction) -> Accepting:
        return Accepting(self.programme, self._histories, tx, self.store.transaction)

    def _submit(self, tx: Transaction, event: Event, recorded_at: int | None) -> Receipt:
        accepting = self._accepting(tx)
        receipt = self._take(accepting, event, recorded_at)
        accepting.post()
        return receipt

    def _take(self, accepting: Accepting, event: Event, recorded_at: int | None) -> Receipt:
        tx, identity = accepting.tx, event.identity
        known = tx.find_event(identity)
        if known is None:
            at = self._clock() if recorded_at is None else recorded_at
            entries = accepting.accept(event, at)
            if entries is not None:
                return Receipt(identity, tuple([one for one in entries if one.cause == identity]), False, self._answer)
            accepting.post()
            move_on(self._histories, tx, identity, at)
            known = tx.find_event(identity)
        else:
            require_same(known, event)
            accepting.post()
        return Receipt(
            identity,
            tuple(tx.entries(cause=identity)),
            event.of is not None and not tx.recipients(identity),
            self._answer,
            counts_from=known.counts_from if known is not None else None,
        )

    def _submit_chunk(
        self,
        tx: Transaction,
        events: Sequence[Event],
        recorded_at: int | None,
        leaves_out: bool,
    ) -> tuple[list[Receipt], list[tuple[Event, EventRejected]]]:
        at = self._clock() if recorded_at is None else recorded_at
        receipts: list[Receipt] = []
        refusals: list[tuple[Event, EventRejected]] = []
        accepting = self._accepting(tx)
        for event in events:
            try:
                receipts.append(self._take(accepting, event, at))
            except EventRejected as error:
                if not leaves_out:
                    raise
                refusals.append((event, error))
        accepting.post()
        return receipts, refusals

    def _advance(self, tx: Transaction, day: int, batch: int) -> tuple[Sequence[Entry], int, bool]:
        """Post what is due to a batch of holders; give the entries, the number of holders, and whether all are done."""
        reached = tx.clock_day()
        if reached is not None and day <= reached:
            return [], 0, True
        holders = self._histories.due_by(tx, day, batch)
        is_over = len(holders) < batch
        tx.expect(holders=holders)
        outcomes: list[Outcome] = []
        runs = [self._histories.run(tx, holder) for holder in holders]
        for run in runs:
            outcomes.extend(advance_run(self._steps, run, day, traced=True))
        entries = entries_of(self._steps, outcomes, recorded_at=self._clock())
        posted = self._histories.telling.post_clock(tx, entries, day, None if is_over else holders)
        if is_over:
            tx.set_clock_day(day)
        for run in runs:
            if not is_over:
                # Whoever meets this holder before the book's clock has moved must know that its own has.
                tx.set_clock_day(day, run.holder)
            self._histories.keep(tx, run)
        return posted, len(holders), is_over

    def _answer(self, receipt: Receipt) -> Explanation:
        """Say why an event was settled so: by what its entry recorded, long after the host's session is closed."""
        key = f"event:{receipt.identity}"
        for entry in receipt.entries:
            if entry.key == key and entry.explanation:
                programme = self._declarations.at_hand(entry.revision)
                if programme is not None:
                    return explain_entry(programme, entry, find=self._find)
        return self.why(receipt.identity)


def _chunks(events: Iterable[Event], size: int) -> Iterator[list[Event]]:
    rest = iter(events)
    while part := list(islice(rest, size)):
        yield part
