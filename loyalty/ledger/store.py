"""
What a store must do for the engine: keep facts, grants and entries, in transactions that hold whole or not at all.

Each backend passes the same contract suite (``tests/ledger/store_contract.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b, sha256
from typing import Final, NamedTuple, Protocol, runtime_checkable

from attrs import field, frozen

from loyalty.core.events import Event, canonical_json
from loyalty.core.holders import Holder
from loyalty.ledger.entries import Account, Entry
from loyalty.ledger.lines import EffectivePlace, Lines, PostedPlace, StandingLine
from loyalty.ledger.outbox import Message

#: What is said to whoever writes where only reading is allowed.
READ_ONLY: Final = "this transaction only reads; write in one that was opened without read_only, and not inside this"


class RecordedEvent(NamedTuple):
    """
    An accepted event.

    Attributes:
        event: What happened.
        sequence: Grows with each acceptance.
        recorded_at: UTC microseconds: when it was accepted.
        counts_from: UTC microseconds: the instant at which it counts as having occurred, where it came too late for
            its own; replay does not decide that again. None for its own.
    """

    event: Event
    sequence: int
    recorded_at: int
    counts_from: int | None = None


@frozen
class GrantedLot:
    """Points whose expiry a decision names, so that replay does not choose it again."""

    expires_day: int
    earned_at: int
    amount: int


@frozen(kw_only=True)
class Grant:
    """
    A decision that replay never takes again.

    Args:
        key: The command's idempotency key, unique in the book.
        kind: What was decided, for example ``redeem``.
        holder: Whose wallet it changes.
        currency: Which wallet.
        amount: Minor units, > 0.
        at: UTC microseconds: when it was decided, which is when it takes effect.
        of: The key of the decision that this one carries on, as a capture does with its hold, or None.
        final: Whether nothing more may come of *of*; a book takes one final decision of each.
        until_day: The day at whose start a hold ends by itself, or None.
        lots: What it moves, by expiry, where replay may not choose the lots again; they sum to *amount*.
        peer: The other holder of a transfer, or None.
        note: Reason, actor and the like.
    """

    key: str
    kind: str
    holder: Holder
    currency: str
    amount: int
    at: int
    of: str | None = None
    final: bool = False
    until_day: int | None = None
    lots: tuple[GrantedLot, ...] = ()
    peer: Holder | None = None
    note: Mapping[str, str] = field(factory=dict, hash=False)

    def body_hash(self) -> bytes:
        """A digest of the whole decision."""
        lots = [[lot.expires_day, lot.earned_at, lot.amount] for lot in self.lots]
        peer = None if self.peer is None else str(self.peer)
        facts = [self.key, self.kind, str(self.holder), self.currency, self.amount, self.at, self.of, self.final]
        return sha256(canonical_json([*facts, self.until_day, lots, peer, dict(self.note)]).encode()).digest()


@frozen
class Received:
    """
    One item of a holder's history.

    Attributes:
        recorded: The event.
        inputs: What it brought from other layers, such as the partner's tier.
        at: From which instant it counts there, UTC microseconds.
    """

    recorded: RecordedEvent
    inputs: Mapping[str, int] = field(factory=dict, hash=False)
    at: int = 0


@frozen(kw_only=True)
class Lot:
    """Points that share a source and an expiry; ``remaining`` of ``amount`` minor units are left."""

    account: Account
    asset: str
    expires_day: int
    earned_at: int
    entry_key: str
    amount: int
    remaining: int


class HolderClock(NamedTuple):
    """
    How far a holder's own clock has run, and when something falls due to it next.

    Attributes:
        reached_day: The day through which everything due was posted by an advance that has not come to its end, which
            may be ahead of the book's clock; or None.
        due_day: The day on which something falls due next; None where its history changed and nobody said.
        revision: Under which that is so.
    """

    reached_day: int | None = None
    due_day: int | None = None
    revision: str | None = None


@frozen(kw_only=True)
class BookLock:
    """
    That a book was locked, or unlocked; the last one holds.

    Attributes:
        through_day: The last day under which nothing more is booked, or None for none.
        recorded_at: UTC microseconds: since when.
        actor: Who did it.
        reason: Why.
    """

    through_day: int | None
    recorded_at: int
    actor: str
    reason: str


@frozen
class Checkpoint:
    """A holder's state as text, and the version of the history that it was settled from."""

    holder_version: int
    state: str


@frozen
class Declaration:
    """
    The declaration that entries were settled under, as it was written.

    Args:
        digest: What entries name as their revision.
        first_day: The first day on which it is in force.
        text: The text of the programme file.
        after: The digest of the revision before it, or None.
        recorded_at: UTC microseconds: when the book got it; 0 before.
    """

    digest: str
    first_day: int
    text: str
    after: str | None = None
    recorded_at: int = 0


@frozen(kw_only=True)
class Adoption:
    """
    When a book took up a chain of revisions, by whom and why; the last one holds.

    Args:
        chain: The digest of the chain.
        revisions: The first day and the digest of each revision, the earliest first.
        recorded_at: UTC microseconds.
        actor: Who did it; "" where the engine did, because nothing that was settled changed by it.
        reason: Why.
    """

    chain: str
    revisions: tuple[tuple[int, str], ...]
    recorded_at: int
    actor: str = ""
    reason: str = ""


class Transaction(Protocol):
    """Reads and writes that take effect together when the transaction ends without an error."""

    def expect(self, events: Sequence[Event] = (), holders: Collection[Holder] = (), *, clock: bool = False) -> None:
        """
        Make ready for events and commands that come next: others are kept from the same holders and identities.

        What a transaction records after this may wait in memory until it ends; until then it answers as if it were
        written. Without this nothing is locked before it is written.

        Args:
            events: What is about to be accepted.
            holders: Whose commands are about to be decided.
            clock: Whether the clock of the whole book is about to move.
        """

    def find_event(self, identity: str) -> RecordedEvent | None:
        """Give the accepted event of this identity, or None."""

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
        Record an accepted event; its identity must be new.

        Args:
            recorded_at: UTC microseconds: when it is accepted.
            counts_from: UTC microseconds: the instant at which it counts, where that is not its own.
            reaches: To whom it is delivered at once, each with the inputs that it brings there, as by :meth:`deliver`.
            at: As for :meth:`deliver`.
        """

    def deliver(self, identity: str, holder: Holder, inputs: Mapping[str, int], *, at: int | None = None) -> None:
        """
        Make the event part of the holder's history, or replace the inputs that it brings there.

        Args:
            at: From which instant it counts there, UTC microseconds, which never changes: that of its place in the
                order; for a void, of what it takes out; by default when it occurred.
        """

    def events_about(self, identity: str) -> Sequence[RecordedEvent]:
        """Give the accepted events whose origin is *identity*, in order of acceptance."""

    def received(self, holder: Holder, *, since: int | None = None) -> Sequence[Received]:
        """
        Give the holder's events in order of acceptance.

        Args:
            since: From which instant on what is given counts, UTC microseconds; all of them where it is None. It is
                found without looking at what counts before.
        """

    def recipients(self, identity: str) -> Sequence[Holder]:
        """Give the holders in whose history the event is."""

    def holder_version(self, holder: Holder) -> int:
        """
        Give a number that grows with each change of the holder's history or grants (0 where there is none).

        Each change adds :func:`version_step` of what changed, so that a number that comes again after a host's
        rollback stands for the same history.
        """

    def holder_mark(self, holder: Holder) -> tuple[int, int | None]:
        """Give what tells whether a state of a holder is the present one: its version and the day of its clock."""

    def add_grant(self, grant: Grant) -> None:
        """Record a decision; its key must be new, and a final one the only one of what it carries on."""

    def find_grant(self, key: str) -> Grant | None:
        """Give the decision of this key, or None."""

    def grants(self, holder: Holder, *, since: int | None = None) -> Sequence[Grant]:
        """Give the holder's decisions, all or those from an instant on (UTC microseconds), in order of recording."""

    def grants_of(self, key: str) -> Sequence[Grant]:
        """Give the decisions that carry on the one of this key, in order of recording."""

    def holders(self) -> Iterator[Holder]:
        """Give every holder that has a history or a grant, in order of layer and id."""

    def checkpoint(self, holder: Holder, revision: str) -> Checkpoint | None:
        """Give the state that was kept last for a holder under a revision, or None; it may be of an older version."""

    def keep_checkpoint(self, holder: Holder, revision: str, checkpoint: Checkpoint) -> None:
        """Keep a holder's state under a revision in place of the one before; a store may choose not to."""

    def post(self, entries: Sequence[Entry]) -> None:
        """
        Post entries as one batch.

        Lots of the whole batch are created before any is consumed, and floors are checked at its end.

        Raises:
            LedgerError: a key is known, or a balance or lot would break its bound; nothing of the batch is kept.
        """

    def declare(self, declarations: Sequence[Declaration], *, recorded_at: int) -> None:
        """
        Keep the declarations that the book does not have yet; of those that it has nothing changes.

        To say it with each batch of entries costs next to nothing: a store remembers which it has.

        Args:
            recorded_at: UTC microseconds: when the book gets those that are new.
        """

    def declarations(self) -> Sequence[Declaration]:
        """Give the declarations that the book keeps, in order of their digests."""

    def find_entry(self, key: str) -> Entry | None:
        """Give the entry of this key, or None."""

    def entries(self, *, holder: Holder | None = None, cause: str | None = None) -> Iterator[Entry]:
        """Give entries in order of posting: all, those with a posting of *holder*, or those of one cause."""

    def balance(self, account: Account, asset: str) -> int:
        """Give the present balance, minor units."""

    def balances(self, holder: Holder) -> Mapping[tuple[str, str], int]:
        """Give the holder's present balances that are not 0, by (account name, asset)."""

    def balances_at(
        self, holder: Holder, *, effective_at: int, recorded_at: int | None = None
    ) -> Mapping[tuple[str, str], int]:
        """Give the balances from postings effective at or before one instant and recorded at or before another."""

    def lots(self, account: Account, asset: str) -> Sequence[Lot]:
        """Give the lots with something left, soonest expiry first, then earned first, then posted first."""

    def open_lots(
        self, name: str, *, first_day: int, last_day: int, holders: Collection[Holder] | None = None
    ) -> Iterator[tuple[Lot, int]]:
        """
        Give the lots with something left, in no certain order, that expire on days of a range.

        Args:
            name: The name of the accounts that they are in.
            holders: Whose; everybody's where it is None.

        Returns:
            Each with the instant from which the entry that made it counts.
        """

    def lot_days(
        self, holder: Holder, name: str, *, effective_at: int | None = None, recorded_at: int | None = None
    ) -> Mapping[tuple[str, int], int]:
        """
        Give what an account's lots come to by (asset, expiry day).

        Args:
            effective_at: From postings as for :meth:`balances_at`; what is left of the lots now where it is None.
        """

    def lines_as_posted(
        self, holder: Holder, asset: str, *, after: PostedPlace | None, limit: int, newest_first: bool = False
    ) -> Lines[PostedPlace]:
        """
        Give lines of a wallet in the order of posting, or against it; standing has none.

        Args:
            after: Where to begin: behind so many postings of each account, or before them with *newest_first*; None
                for the whole.
            limit: How many at most, > 0.
        """

    def lines_as_effective(
        self, holder: Holder, asset: str, *, after: EffectivePlace, until: int, recorded_at: int, limit: int
    ) -> Lines[EffectivePlace]:
        """
        Give lines of a wallet in the order of effect, by what was recorded at or before an instant.

        Args:
            after: Where to begin: behind this place.
            until: The last instant of effect, UTC microseconds.
            recorded_at: What came to be known later is left out.
            limit: How many at most, > 0.
        """

    def standing_lines(self, holder: Holder) -> Sequence[StandingLine]:
        """Give what came to the holder's standing and what went, in the order of posting."""

    def front(self) -> int | None:
        """
        Give the latest instant from which anything counts, UTC microseconds: an event, a decision or an entry; or None.

        It is asked when another revision is added to a book, and may read all of it.
        """

    def chain(self) -> str | None:
        """Give the digest of the chain of revisions that the book is settled under, or None before the first."""

    def adoptions(self) -> Sequence[Adoption]:
        """Give the chains that the book took up, in order."""

    def adopt(self, adoption: Adoption) -> None:
        """Have the book settled under another chain of revisions from now on."""

    def clock_day(self, holder: Holder | None = None) -> int | None:
        """
        Give the day through which the book was advanced, or None.

        Args:
            holder: Whose own clock is meant, which an advance that has not come to its end may have taken further.
        """

    def set_clock_day(self, day: int, holder: Holder | None = None) -> None:
        """
        Record that everything due through *day* was posted.

        Args:
            holder: To whom; to all where it is None.
        """

    def clocks_ahead(self) -> Mapping[Holder, int]:
        """Give the days that clocks of holders have reached which are ahead of the book's."""

    def keep_due(self, holder: Holder, day: int, revision: str) -> None:
        """
        Note when something falls due next; a change of the holder's history forgets it.

        Args:
            day: NEVER for never.
            revision: What it was settled under.
        """

    def holders_due(self, day: int, revision: str, limit: int) -> Sequence[Holder]:
        """
        Give holders to whom something may fall due through a day that their clocks have not reached.

        Left out is who is known to have nothing due by then under the revision.

        Args:
            limit: How many at most, in no certain order.
        """

    def locked_day(self) -> int | None:
        """Give the day through which the book is locked, or None."""

    def locks(self) -> Sequence[BookLock]:
        """Give when the book was locked and unlocked, in order."""

    def add_lock(self, lock: BookLock) -> None:
        """Lock the book, or unlock it, from now on."""

    def add_messages(self, messages: Sequence[Message]) -> None:
        """Put messages into the outbox, behind those that are there about the same holders."""

    def messages(self, limit: int) -> Sequence[Message]:
        """Give the first *limit* messages of the outbox, those about one holder in the order of posting."""

    def drop_messages(self, messages: Sequence[Message]) -> None:
        """Take messages, as :meth:`messages` gave them, out of the outbox; those that are out already stay out."""

    def trial_balance(self) -> Mapping[tuple[str, str], int]:
        """Give the balance of each (account path, asset) that is not 0, the programme's side included."""


@runtime_checkable
class AuditsItself(Protocol):
    """What the transaction of a store can do besides that keeps more than the protocol shows."""

    def audit(self) -> Iterator[str]:
        """Compare what the store keeps twice, or with a digest; give one sentence for each finding."""


class Store(Protocol):
    """
    A book of entries, and the history that it was settled from.

    Attributes:
        opens_transactions: Whether it begins and ends its own, which can then be tried again after a conflict.
    """

    @property
    def opens_transactions(self) -> bool:
        """Whether transactions are the store's own; a host's is the host's to try again."""

    def transaction(self, read_only: bool = False) -> AbstractContextManager[Transaction]:
        """
        Open a transaction, or join the one that the host opened; an error inside leaves nothing behind.

        Args:
            read_only: Change nothing, and in a database wait for no writer: writing inside raises StoreError, also in
                a transaction that is opened inside this one, and a book that is not there reads as empty.
        """


def later_clock(one: int | None, other: int | None) -> int | None:
    """Give the later of two days that clocks have reached; None is of one that never ran."""
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)


def version_step(*changed: str) -> int:
    """
    Give what a change adds to a holder's version: above 0, below 2**41, and different for different changes.

    Args:
        changed: What tells the change apart, such as the event's identity and its inputs.
    """
    return 1 + int.from_bytes(blake2b("\0".join(changed).encode(), digest_size=5).digest())


#: A holder's version, modulo this, is the sum of the steps of what its history holds now.
VERSION_CYCLE: Final = 1 << 41


def delivery_step(identity: str, inputs: str, counts_from: int | None = None) -> int:
    """
    Give what it adds to a holder's version that an event becomes part of its history.

    Args:
        inputs: What it brings there, as JSON.
        counts_from: UTC microseconds: the instant at which it counts, where that is not its own.
    """
    return version_step(identity, inputs) if counts_from is None else version_step(identity, inputs, str(counts_from))


def event_digest(body_hash: bytes, counts_from: int | None) -> bytes:
    """Give the digest of a recorded event: that of its body, with the instant at which it counts where it has one."""
    return body_hash if counts_from is None else sha256(body_hash + str(counts_from).encode()).digest()


def replacing_step(identity: str, inputs: str, before: str, counts_from: int | None = None) -> int:
    """
    Give what it adds to a holder's version that an event brings other inputs than *before*, both as JSON: above 0.

    Args:
        counts_from: As for :func:`delivery_step`.

    >>> step = version_step("/D-1", "{}") + replacing_step("/D-1", '{"tier":1}', "{}")
    >>> step % VERSION_CYCLE == version_step("/D-1", '{"tier":1}')
    True
    """
    steps = (delivery_step(identity, given, counts_from) for given in (inputs, before))
    return next(steps) - next(steps) + VERSION_CYCLE
