"""
Audit a book: recompute what it claims from what is stored.

An entry that does not balance cannot be built, and a store refuses what breaks a bound; this looks again at what was
read back. In a database, where rows can be changed behind the library's back, every row is compared with the digest
that covers it, and the digests with the chain of seals. :func:`inspect` says what is not looked at.

>>> from loyalty.ledger.memory import MemoryStore
>>> with MemoryStore().transaction() as book:
...     verify(book)
[]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from attrs import frozen

from loyalty.core.calendar import format_day
from loyalty.errors import LedgerError
from loyalty.ledger.entries import HOLDER_ACCOUNTS, LOT_ACCOUNTS, Account
from loyalty.ledger.sealing import Head
from loyalty.ledger.store import AuditsItself, Lot, Transaction


@frozen(kw_only=True)
class Verification:
    """
    What an audit came to.

    Attributes:
        entries: How many entries the book has.
        sealed: How many of them the chain of seals holds; a book in memory has no chain.
        unsealed: How many come after the last seal.
        head: The newest link of the chain, to be kept outside, or None.
        findings: One sentence for each thing that is wrong, the first entries first; none is good.
        notes: What is worth knowing and is not wrong.
    """

    entries: int
    sealed: int = 0
    unsealed: int = 0
    head: Head | None = None
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class VerifiesItself(Protocol):
    """What the transaction of a store can do besides whose rows can be read faster than entries."""

    def verify(self, heads: Sequence[Head] = ()) -> Verification:
        """Do what :func:`inspect` does."""


def verify(transaction: Transaction, heads: Sequence[Head] = ()) -> list[str]:
    """Give the findings of :func:`inspect`; none is good."""
    return list(inspect(transaction, heads).findings)


def inspect(transaction: Transaction, heads: Sequence[Head] = ()) -> Verification:
    """
    Look for what is wrong with a book.

    In every store: each entry balances and its key is unique; present balances are the sums of postings; the lots of
    a wallet sum to its balance, day by day; what is left of each lot is what debits did not take of it; every floor
    holds; and the trial balance is 0 in every asset.

    In a database besides: each entry, with its postings and its explanation, has the digest that is stored with it,
    and so have events and decisions; every entry is in one seal at its place, and every seal follows from the one
    before; lots and allocations belong to postings and sum to them; balances run, posting by posting; what each holder
    received and decided is what its version says, and counts from where the event does; the book is locked, and
    settled under the revisions, as it was last told; and no row belongs to nothing.

    Not looked at: when an event was accepted and in which place, the clock, checkpoints, the outbox, who locked the
    book or adopted revisions, when and why, and which of two lots of a day and account a debit took. Events and
    decisions have digests and are in no chain: whoever changes one together with its digest is found by settling
    again. And whoever makes the whole chain anew is found by a head that was kept outside, and by nothing else.

    Args:
        heads: What was kept outside of the book's chain.

    Raises:
        LedgerError: heads were given for a book that keeps no chain.
    """
    if isinstance(transaction, VerifiesItself):
        return transaction.verify(heads)
    if heads:
        raise LedgerError("this book keeps no chain of seals; heads are compared with a book in a database")
    return _inspect_entries(transaction)


#: The sums of all postings, by account and asset.
_Sums = dict[tuple[Account, str], int]


def _inspect_entries(transaction: Transaction) -> Verification:
    findings: list[str] = []
    sums: _Sums = defaultdict(int)
    days: dict[tuple[Account, str], dict[int, int]] = {}
    keys: set[str] = set()
    count = 0
    for entry in transaction.entries():
        count += 1
        totals: dict[str, int] = defaultdict(int)
        for posting in entry.postings:
            totals[posting.asset] += posting.amount
            sums[posting.account, posting.asset] += posting.amount
            if posting.lot_day is not None:
                by_day = days.setdefault((posting.account, posting.asset), defaultdict(int))
                by_day[posting.lot_day] += posting.amount
        if entry.key in keys:
            findings.append(f"entry {entry.key} stands in the book twice")
        keys.add(entry.key)
        findings += (
            f"entry {entry.key} is out of balance by {total} {asset}" for asset, total in totals.items() if total
        )
    findings += _check_balances(transaction, sums)
    for (account, asset), total in sums.items():
        if account.owner is not None:
            if total * HOLDER_ACCOUNTS[account.name] < 0:
                findings.append(f"{account.path} stands at {total} {asset}, beyond its floor of 0")
            if account.name in LOT_ACCOUNTS:
                lots = transaction.lots(account, asset)
                findings += _check_lots(account, asset, lots, days.get((account, asset), {}))
    if isinstance(transaction, AuditsItself):
        findings += transaction.audit()
    return Verification(entries=count, findings=tuple(findings))


def _check_balances(transaction: Transaction, sums: _Sums) -> Iterator[str]:
    trial = dict(transaction.trial_balance())
    totals: dict[str, int] = defaultdict(int)
    for (account, asset), total in sums.items():
        stored = trial.pop((account.path, asset), 0)
        totals[asset] += stored
        if stored != total:
            yield f"{account.path} is kept at {stored} {asset}, but its postings sum to {total}"
    for (path, asset), stored in trial.items():
        totals[asset] += stored
        yield f"{path} is kept at {stored} {asset}, but it has no postings"
    for asset, total in totals.items():
        if total:
            yield f"the trial balance of {asset} is {total}, not 0"


def _check_lots(account: Account, asset: str, lots: Sequence[Lot], by_day: dict[int, int]) -> Iterator[str]:
    left: dict[int, int] = defaultdict(int)
    for lot in lots:
        left[lot.expires_day] += lot.remaining
        if not 0 <= lot.remaining <= lot.amount:
            yield (
                f"a lot of {account.path} from entry {lot.entry_key} has {lot.remaining} of {lot.amount} {asset} left"
            )
    for day in sorted(left.keys() | by_day.keys()):
        if left.get(day, 0) != by_day.get(day, 0):
            yield (
                f"the lots of {account.path} that expire on {format_day(day)} sum to {left.get(day, 0)} {asset}, "
                f"but the postings of that day to {by_day.get(day, 0)}"
            )
