"""
Putting a book under another chain of revisions: planned first, then posted as corrections that name the migration.

Everything that was recorded is settled again under the new chain; decisions stay as they were taken. What differs from
the book becomes entries, effective when what they correct was, so that the book then is what it would be had the new
chain been in force from the start. It serves for a revision that comes too late, and for one that was published with a
fault.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

from attrs import field, frozen

from loyalty.core.holders import Holder
from loyalty.engine.adopting import Chain, chain_parts
from loyalty.engine.arguments import text_of
from loyalty.engine.corrections import resettle
from loyalty.engine.histories import Histories
from loyalty.engine.telling import Telling
from loyalty.engine.undo import Undo
from loyalty.errors import EventRejected, StoreError, UsageError
from loyalty.ledger.entries import MIGRATION, Entry
from loyalty.ledger.store import Adoption, Store, Transaction
from loyalty.programme.admission import admit
from loyalty.programme.arguments import programme_of
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of
from loyalty.settlement.generate import steps_of


@frozen(kw_only=True)
class MigrationPlan:
    """
    What a migration would change.

    Attributes:
        programme: What the book is to be settled under.
        before, after: The first day and the digest of each revision, then and now.
        entries: The corrections.
        changes: For each holder, by (account name, asset), the minor units by which the present balance changes; a
            tier and a badge are assets that are held as one unit.
        refused: Reasons by the identity of each recorded event that the new chain cannot take; while there are any,
            nothing can be migrated.
        digest: What tells two plans apart; the same book gives the same.
    """

    programme: Programme = field(repr=False)
    before: Chain
    after: Chain
    entries: tuple[Entry, ...] = field(repr=False)
    changes: Mapping[Holder, Mapping[tuple[str, str], int]] = field(hash=False)
    refused: Mapping[str, tuple[str, ...]] = field(hash=False)
    digest: str

    @property
    def totals(self) -> Mapping[tuple[str, str], int]:
        """The sums of the changes of all holders, minor units by (account name, asset)."""
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for changed in self.changes.values():
            for key, amount in changed.items():
                sums[key] += amount
        return {key: amount for key, amount in sorted(sums.items()) if amount}


def plan_migration(programme: Programme, store: Store, *, clock: Callable[[], int] | None = None) -> MigrationPlan:
    """
    Say what putting a book under another chain of revisions would change; the book stays as it is.

    Args:
        programme: The last revision, with its earlier ones.
        store: The book; the host's transaction is joined where it gave one.
        clock: Gives the instant of recording, UTC microseconds; the system's by default.

    Raises:
        StoreError: the book is settled under this very chain.
        UsageError: an argument is of another kind.

    >>> from loyalty import Engine, Event, MemoryStore, loads
    >>> from loyalty.settlement.settle import EXAMPLE
    >>> book = MemoryStore()
    >>> deal = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
    ...              fields={"amount": 25_000})
    >>> receipt = Engine(loads(EXAMPLE), book).submit(deal)
    >>> plan_migration(loads(EXAMPLE.replace("1 per 100", "3 per 100")), book).totals
    {('available', 'points'): 5}
    """
    programme_of(programme)
    plans: list[MigrationPlan] = []
    try:
        with store.transaction() as tx:
            plans.append(_migrate(programme, tx, _now(clock), None))
            raise Undo
    except Undo:
        return plans[0]


def migrate(
    plan: MigrationPlan, store: Store, *, actor: str, reason: str, clock: Callable[[], int] | None = None
) -> MigrationPlan:
    """
    Put a book under another chain of revisions, as planned.

    Args:
        plan: What :func:`plan_migration` said.
        store: The same book.
        actor: Who does it; kept with the book.
        reason: Why; likewise.
        clock: As for the plan.

    Returns:
        The plan as it was carried out.

    Raises:
        StoreError: the book, or what it would become, is no longer what the plan says; nothing was changed.
        UsageError: an argument is of another kind.
    """
    if not isinstance(plan, MigrationPlan):
        raise UsageError(f"got {plan!r} for a plan; make one with plan_migration")
    adoption = Adoption(
        chain=chain_of(plan.programme), revisions=plan.after, recorded_at=_now(clock),
        actor=text_of(actor, "an actor"), reason=text_of(reason, "a reason"),
    )  # fmt: skip
    if plan.refused:
        raise StoreError(
            f"the new chain cannot take {len(plan.refused)} recorded events, such as {next(iter(plan.refused))}; "
            "mend the programme, and plan again"
        )
    with store.transaction() as tx:
        done = _migrate(plan.programme, tx, adoption.recorded_at, adoption)
        if done.digest != plan.digest:
            raise StoreError("the book has changed since the migration was planned; plan it again, and look at it")
    return done


def _migrate(programme: Programme, tx: Transaction, recorded_at: int, adoption: Adoption | None) -> MigrationPlan:
    """Settle everything again, post the difference, and say what it is."""
    tx.expect(holders=list(tx.holders()), clock=True)
    chain, adopted = chain_of(programme), tx.adoptions()
    if tx.chain() == chain:
        raise StoreError(f"the book is settled under {programme.file} already, revision {programme.revision}")
    if adopted and adopted[-1].recorded_at > recorded_at:
        raise UsageError("the clock stands before the last adoption of the book; give one that runs on")
    refused = _refused(programme, tx)
    entries: list[Entry] = []
    if not refused:
        telling = Telling(programme, None)
        histories = Histories(steps_of(programme), telling)
        # A book can come back to a chain that it had before; each time has a name of its own.
        name = f"{MIGRATION}{len(adopted)}:{chain}"
        entries = resettle(histories, tx, sorted(tx.holders()), name, recorded_at)
        telling.post(tx, entries)
        if adoption is not None:
            tx.adopt(adoption)
            histories.save(tx)
    before, after = adopted[-1].revisions if adopted else (), chain_parts(programme)
    return MigrationPlan(
        programme=programme,
        before=before,
        after=after,
        entries=tuple(entries),
        changes=_changes(entries),
        refused=refused,
        digest=_digest(before, after, entries),
    )


def _refused(programme: Programme, tx: Transaction) -> dict[str, tuple[str, ...]]:
    refused: dict[str, tuple[str, ...]] = {}
    events = {item.recorded.event.identity: item.recorded.event for one in tx.holders() for item in tx.received(one)}
    for identity in sorted(events):
        try:
            admit(programme, events[identity])
        except EventRejected as error:
            refused[identity] = tuple(error.reasons)
    return refused


def _changes(entries: Iterable[Entry]) -> dict[Holder, dict[tuple[str, str], int]]:
    changes: dict[Holder, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for entry in entries:
        for posting in entry.postings:
            if posting.account.owner is not None:
                changes[posting.account.owner][posting.account.name, posting.asset] += posting.amount
    kept = {
        holder: {key: amount for key, amount in sorted(changes[holder].items()) if amount} for holder in sorted(changes)
    }
    return {holder: changed for holder, changed in kept.items() if changed}


def _digest(before: Chain, after: Chain, entries: Iterable[Entry]) -> str:
    """Give a digest of what a migration does, whenever it is recorded."""
    digest = sha256(repr((before, after)).encode())
    for entry in entries:
        digest.update(repr((entry.key, entry.effective_at, entry.revision, entry.postings)).encode())
    return digest.hexdigest()[:16]


def _now(clock: Callable[[], int] | None) -> int:
    return time.time_ns() // 1000 if clock is None else clock()
