"""
Audit a book: recompute what it claims from the entries that are stored.

An entry that does not balance cannot be built, and a store refuses what breaks a bound; this looks again at what was
read back. In a database, where rows can be changed behind the library's back, entries and events are compared with
the digests that were stored with them, and what is kept twice with itself. :func:`verify` says what is not looked at.

>>> from loyalty.ledger.memory import MemoryStore
>>> with MemoryStore().transaction() as book:
...     verify(book)
[]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from loyalty.core.calendar import format_day
from loyalty.errors import LedgerError
from loyalty.ledger.entries import HOLDER_ACCOUNTS, LOT_ACCOUNTS, Account, Entry
from loyalty.ledger.hashing import HASH_VERSIONS, content_hash
from loyalty.ledger.store import AuditsItself, KeepsDigests, Lot, Transaction

#: The sums of all postings, by account and asset.
_Sums = dict[tuple[Account, str], int]


def verify(transaction: Transaction) -> list[str]:
    """
    Look for what is wrong with a book.

    In every store: each entry balances and its key is unique; present balances are the sums of postings; the lots of
    a wallet sum to its balance, day by day; what is left of each lot is what debits did not take of it; every floor
    holds; and the trial balance is 0 in every asset.

    In a database besides: each entry, with its postings and its explanation, has the digest that is stored with it,
    and so has the body of each event; lots and allocations sum to their postings; and the balances that postings
    carry run.

    Not looked at: decisions, who received which event with what, when an event was accepted and in which place, the
    clock, when a lot was earned, and which lot of a day a debit took. A digest stands beside what it is of, and no
    chain ties one to the next yet: whoever changes a row together with everything that follows from it, its digest
    included, or takes it out together with that, is not found. Nor is anything settled again.

    Returns:
        One sentence for each finding; none is good.
    """
    findings: list[str] = []
    sums: _Sums = defaultdict(int)
    days: dict[tuple[Account, str], dict[int, int]] = {}
    keys: set[str] = set()
    try:
        for entry, forgery in _read(transaction):
            findings += forgery
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
    except LedgerError as error:
        # A stored row that no entry can be built from ends the reading: what follows would be compared in vain.
        return [*findings, f"the journal cannot be read: {error}"]
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
    return findings


def _read(transaction: Transaction) -> Iterator[tuple[Entry, list[str]]]:
    """Give each entry, with what is wrong with its digest where the store keeps one."""
    if not isinstance(transaction, KeepsDigests):
        for entry in transaction.entries():
            yield entry, []
        return
    for entry, version, digest in transaction.digested_entries():
        if version not in HASH_VERSIONS:
            yield entry, [f"entry {entry.key} has a digest of encoding {version}, which is not known"]
        elif content_hash(entry, version) != digest:
            yield entry, [f"entry {entry.key} is not what was posted: its digest is another one's"]
        else:
            yield entry, []


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
