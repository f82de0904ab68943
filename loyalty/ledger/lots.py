"""
Lots in the order in which they are consumed.

A debit names the expiry day of what it takes. The lots of that day form a bucket, and within it those that were
earned first go first; among equals, those that were posted first.

>>> from loyalty.core.holders import Holder
>>> acme, bucket = Account(Holder.partner("acme"), "available"), Bucket()
>>> for number, earned_at in enumerate((30, 10), start=1):
...     bucket.add(OpenLot(number, acme, "points", 20_000, earned_at, f"entry-{number}", 1, 5, 5))
>>> [(lot.entry_key, taken) for lot, taken in bucket.take(7)]
[('entry-2', 5), ('entry-1', 2)]
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter

from attrs import define, field, frozen

from loyalty.ledger.entries import Account
from loyalty.ledger.store import Lot


@define(eq=False)
class OpenLot:
    """A lot and what is left of it; ``sequence`` counts the lots of the book, ``posting`` the legs of the entry."""

    sequence: int
    account: Account
    asset: str
    expires_day: int
    earned_at: int
    entry_key: str
    posting: int
    amount: int
    remaining: int

    def to_lot(self) -> Lot:
        """Give the lot as the store's protocol shows it."""
        return Lot(
            account=self.account,
            asset=self.asset,
            expires_day=self.expires_day,
            earned_at=self.earned_at,
            entry_key=self.entry_key,
            amount=self.amount,
            remaining=self.remaining,
        )


@frozen(eq=False)
class Allocation:
    """How much of which lot a debit consumed; ``posting`` counts the legs of the debiting entry from 0."""

    entry_key: str
    posting: int
    lot: OpenLot
    amount: int


@define(eq=False)
class Bucket:
    """The lots of one account, asset and expiry day; those before ``head`` are used up, the others stand in order."""

    lots: list[OpenLot] = field(factory=list)
    head: int = 0
    open_amount: int = 0

    def add(self, lot: OpenLot) -> None:
        """Put the lot behind those that were earned before it or at its instant."""
        lots = self.lots
        if lots and lots[-1].earned_at > lot.earned_at:
            lots.insert(bisect_right(lots, lot.earned_at, lo=self.head, key=_EARNED_AT), lot)
        else:
            lots.append(lot)
        self.open_amount += lot.remaining

    def add_first(self, lot: OpenLot) -> None:
        """Put the lot behind those that were earned before it, and before those of its instant."""
        self.lots.insert(bisect_left(self.lots, lot.earned_at, lo=self.head, key=_EARNED_AT), lot)
        self.open_amount += lot.remaining

    def take(self, amount: int) -> list[tuple[OpenLot, int]]:
        """
        Consume *amount*, at most ``open_amount``, from the head on.

        Returns:
            Each lot with what was taken of it.
        """
        self.open_amount -= amount
        taken = []
        while amount:
            lot = self.lots[self.head]
            part = min(amount, lot.remaining)
            lot.remaining -= part
            amount -= part
            if not lot.remaining:
                self.head += 1
            taken.append((lot, part))
        return taken

    def give_back(self, lot: OpenLot, amount: int) -> None:
        """Undo the newest :meth:`take` of *lot* that was not undone yet."""
        if not lot.remaining:
            self.head -= 1
        lot.remaining += amount
        self.open_amount += amount

    def discard(self, lot: OpenLot) -> None:
        """Undo the newest :meth:`add`, of a lot of which everything is left."""
        self.lots.remove(lot)
        self.open_amount -= lot.amount


def lot_finding(path: str, entry_key: str, asset: str, amount: int, remaining: int, taken: int) -> str:
    """Say that what is left of a lot is not what the debits left of it."""
    return (
        f"the lot of {path} from entry {entry_key} has {remaining} of {amount} {asset} left, "
        f"but debits took {taken} of it"
    )


_EARNED_AT = attrgetter("earned_at")
