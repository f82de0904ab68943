"""
The trial balance: what every account came to, and the proof that debits and credits agree.

It is the programme's view: what a wallet holds is a credit, as in the book's postings, and what was issued is a debit.

>>> from loyalty.core.holders import Holder
>>> from loyalty.ledger.entries import EntryKind, Posting
>>> legs = (Posting(Account(None, "issued"), "points", -10),
...         Posting(Account(Holder.partner("acme"), "available"), "points", 10, lot_day=20_000))
>>> entry = Entry(key="a", kind=EntryKind.EVENT, cause="a", effective_at=7, recorded_at=7, revision="r", postings=legs)
>>> [(row.account, row.debit, row.credit) for row in trial_balance([entry]).rows]
[('partner/available', 0, 10), ('programme/issued', 10, 0)]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from attrs import frozen

from loyalty.ledger.entries import Account, Entry


@frozen
class TrialRow:
    """The balance of an account, or of all accounts of one kind, in one asset; minor units, above 0 in one column."""

    account: str
    asset: str
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        """The balance as the book signs it: a credit is positive."""
        return self.credit - self.debit


@frozen
class TrialBalance:
    """Rows by asset and account, those of balance 0 left out."""

    rows: tuple[TrialRow, ...]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Give all debits and all credits of each asset, which are equal where every entry balances."""
        sums: dict[str, tuple[int, int]] = {}
        for row in self.rows:
            debit, credit = sums.get(row.asset, (0, 0))
            sums[row.asset] = debit + row.debit, credit + row.credit
        return sums


def trial_balance(
    entries: Iterable[Entry],
    *,
    effective_at: int | None = None,
    recorded_at: int | None = None,
    booked_through: int | None = None,
    by_holder: bool = False,
) -> TrialBalance:
    """
    Sum a book by account.

    Args:
        entries: In any order; they are read once.
        effective_at: UTC microseconds: entries that count from later are left out.
        recorded_at: UTC microseconds: entries that the book came to know later are left out.
        booked_through: Entries that a lock moved to a later day than this are left out too.
        by_holder: Whether each holder has rows of its own; else there is one for all partners, and one for all persons.
    """
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        if effective_at is not None and entry.effective_at > effective_at:
            continue
        if recorded_at is not None and entry.recorded_at > recorded_at:
            continue
        if booked_through is not None and entry.booked_day is not None and entry.booked_day > booked_through:
            continue
        for posting in entry.postings:
            account = posting.account
            sums[posting.asset, account.path if by_holder else _kind(account)] += posting.amount
    return TrialBalance(
        tuple(
            TrialRow(account, asset, max(-amount, 0), max(amount, 0))
            for (asset, account), amount in sorted(sums.items())
            if amount
        )
    )


def _kind(account: Account) -> str:
    return f"{'programme' if account.owner is None else account.owner.layer.name.lower()}/{account.name}"
