"""
The book: balances, lots and allocations as projections of the entries, in plain integers and without IO.

A store keeps the entries; the book says what they amount to. :class:`~loyalty.ledger.memory.MemoryStore` holds one
whole book, the SQL store loads the part that a batch touches, so both allocate lots by the same code.

Lots are consumed by (expires_day, earned_at, sequence). A debit names the expiry day of what it takes, so it consumes
the lots of that day alone. Two legs of one entry that move points of one expiry day between two accounts of a holder
(pending to available, available to held, or back in a correction) carry the instants of earning along.

>>> from loyalty.ledger.entries import EntryKind
>>> book, acme = Book(), Account(Holder.partner("acme"), "available")
>>> book.post([Entry(key="a", kind=EntryKind.EVENT, cause="a", effective_at=7, recorded_at=7, revision="r1", postings=(
...     Posting(Account(None, "issued"), "points", -10), Posting(acme, "points", 10, lot_day=20_000)))])
>>> book.balance(acme, "points"), [lot.remaining for lot in book.open_lots(acme, "points")]
(10, [10])
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from attrs import define, field

from loyalty.core.calendar import format_day
from loyalty.core.holders import Holder
from loyalty.errors import LedgerError
from loyalty.ledger.entries import HOLDER_ACCOUNTS, Account, Entry, Posting
from loyalty.ledger.lots import Allocation, Bucket, OpenLot

#: An account's name and an asset: which of a holder's balances is meant.
BalanceKey: TypeAlias = tuple[str, str]

#: A place in a book's journals to which it can be rewound.
Mark: TypeAlias = tuple[int, int]


@define(eq=False)
class Wallet:
    """What one holder (or the programme) owns: balances, lots by expiry day, and the entries that touched them."""

    balances: dict[BalanceKey, int] = field(factory=dict)
    buckets: dict[BalanceKey, dict[int, Bucket]] = field(factory=dict)
    entries: list[Entry] = field(factory=list)


class Book:
    """
    The present state of a journal, or of the part of it that was loaded.

    Attributes:
        entries: What was posted, in order.
        by_key: The same by idempotency key.
        by_cause: The same by cause.
        wallets: What each holder owns; None is the programme.
        lot_journal: Lots and allocations in the order in which they were made.
        next_lot: The sequence that the next lot gets.
    """

    __slots__ = ("by_cause", "by_key", "entries", "lot_journal", "next_lot", "wallets")

    def __init__(self, next_lot: int = 1) -> None:
        self.entries: list[Entry] = []
        self.by_key: dict[str, Entry] = {}
        self.by_cause: dict[str | None, list[Entry]] = {}
        self.wallets: dict[Holder | None, Wallet] = {}
        self.lot_journal: list[OpenLot | Allocation] = []
        self.next_lot = next_lot

    def post(self, entries: Sequence[Entry]) -> None:
        """
        Apply entries as one batch: lots of the whole batch are created before any is consumed, floors come last.

        Raises:
            LedgerError: a key is known, or a balance or lot would break its bound; the book is as it was before.
        """
        mark = self.mark()
        try:
            self._post(entries)
        except BaseException:
            self.rewind(mark)
            raise

    def mark(self) -> Mark:
        """Give the present place in the journals."""
        return len(self.entries), len(self.lot_journal)

    def rewind(self, mark: Mark) -> None:
        """Take back what was posted since *mark*, newest first."""
        entry_count, lot_count = mark
        while len(self.lot_journal) > lot_count:
            self._undo_lot(self.lot_journal.pop())
        while len(self.entries) > entry_count:
            entry = self.entries.pop()
            del self.by_key[entry.key]
            self.by_cause[entry.cause].pop()
            for posting in entry.postings:
                wallet = self.wallets[posting.account.owner]
                wallet.balances[posting.account.name, posting.asset] -= posting.amount
                if wallet.entries and wallet.entries[-1] is entry:
                    wallet.entries.pop()

    def wallet(self, owner: Holder | None) -> Wallet:
        """Give the wallet of *owner*, a new one where there is none."""
        return self.wallets.get(owner) or self.wallets.setdefault(owner, Wallet())

    def balance(self, account: Account, asset: str) -> int:
        """Give the present balance, minor units."""
        wallet = self.wallets.get(account.owner)
        return wallet.balances.get((account.name, asset), 0) if wallet else 0

    def open_lots(self, account: Account, asset: str) -> Iterator[OpenLot]:
        """Give the lots with something left, in the order in which they are consumed."""
        wallet = self.wallets.get(account.owner)
        buckets = wallet.buckets.get((account.name, asset), {}) if wallet else {}
        for day in sorted(buckets):
            yield from buckets[day].lots[buckets[day].head :]

    def load_lots(self, lots: Sequence[OpenLot]) -> None:
        """Take in lots, in the order of posting, that earlier books created and a store kept; no balance is touched."""
        for lot in reversed(lots):
            self._bucket(self.wallet(lot.account.owner), lot).add_first(lot)

    def allocations(self) -> Iterator[Allocation]:
        """Give what each debit consumed, in order."""
        return (item for item in self.lot_journal if isinstance(item, Allocation))

    def created_lots(self) -> Iterator[OpenLot]:
        """Give the lots that were created here, in order."""
        return (item for item in self.lot_journal if isinstance(item, OpenLot))

    def _post(self, entries: Sequence[Entry]) -> None:
        wallets, by_key = self.wallets, self.by_key
        falling: list[tuple[Wallet, Posting, Entry]] = []
        waiting: list[_Leg] = []
        for entry in entries:
            if entry.key in by_key:
                raise LedgerError(f"entry {entry.key} is posted already; a key is used once in a book")
            by_key[entry.key] = entry
            self.entries.append(entry)
            self.by_cause.setdefault(entry.cause, []).append(entry)
            credits: list[_Leg] = []
            debits: list[_Leg] = []
            for index, posting in enumerate(entry.postings):
                account, amount = posting.account, posting.amount
                owner, key = account.owner, (account.name, posting.asset)
                wallet = wallets.get(owner)
                if wallet is None:
                    wallet = wallets[owner] = Wallet()
                wallet.balances[key] = wallet.balances.get(key, 0) + amount
                if owner is None:
                    continue
                if not wallet.entries or wallet.entries[-1] is not entry:
                    wallet.entries.append(entry)
                if (amount < 0) == (HOLDER_ACCOUNTS[account.name] > 0):
                    falling.append((wallet, posting, entry))
                if posting.lot_day is not None:
                    legs = credits if amount > 0 else debits
                    legs.append(_Leg(wallet, entry, posting, index, abs(amount)))
            if debits:
                if credits:
                    _pair(debits, credits)
                waiting += debits
            for credit in credits:
                if credit.left:
                    self._create_lot(credit, entry.effective_at, credit.left)
        _check_floors(falling)
        self._allocate(waiting)

    def _allocate(self, waiting: list[_Leg]) -> None:
        # A debit may depend on a move that stands later in the batch: whatever lacks lots waits for the next round.
        while waiting:
            lacking = [debit for debit in waiting if not self._consume(debit)]
            if len(lacking) == len(waiting) and not self._cut_circle(lacking):
                posting = lacking[0].posting
                bucket = self._bucket(lacking[0].wallet, posting)
                raise LedgerError(
                    f"entry {lacking[0].entry.key} takes {-posting.amount} {posting.asset} (minor units) that expire "
                    f"on {format_day(posting.lot_day or 0)} from {posting.account.path}, where {bucket.open_amount} "
                    f"of that day are left; name the days that its lots have"
                )
            waiting = lacking

    def _cut_circle(self, lacking: list[_Leg]) -> bool:
        """Let the first move of a circle bring new lots, since none of its moves can wait for the one before it."""
        for debit in lacking:
            if debit.feeds:
                for credit, share in debit.feeds:
                    self._create_lot(credit, credit.entry.effective_at, share)
                debit.feeds.clear()
                return True
        return False

    def _consume(self, debit: _Leg) -> bool:
        bucket = self._bucket(debit.wallet, debit.posting)
        if bucket.open_amount < debit.left:
            return False
        pieces: list[tuple[int, int]] = []
        for lot, taken in bucket.take(debit.left):
            self.lot_journal.append(Allocation(debit.entry.key, debit.index, lot, taken))
            # Lots of one instant become one lot again where they go.
            if pieces and pieces[-1][0] == lot.earned_at:
                pieces[-1] = (lot.earned_at, pieces[-1][1] + taken)
            else:
                pieces.append((lot.earned_at, taken))
        for credit, share in debit.feeds:
            self._carry(credit, share, pieces)
        return True

    def _carry(self, credit: _Leg, share: int, pieces: list[tuple[int, int]]) -> None:
        while share:
            earned_at, amount = pieces.pop(0)
            if amount > share:
                pieces.insert(0, (earned_at, amount - share))
                amount = share
            self._create_lot(credit, earned_at, amount)
            share -= amount

    def _create_lot(self, credit: _Leg, earned_at: int, amount: int) -> None:
        posting = credit.posting
        assert posting.lot_day is not None
        lot = OpenLot(
            self.next_lot,
            posting.account,
            posting.asset,
            posting.lot_day,
            earned_at,
            credit.entry.key,
            credit.index,
            amount,
            amount,
        )
        self.next_lot += 1
        self._bucket(credit.wallet, posting).add(lot)
        self.lot_journal.append(lot)

    def _undo_lot(self, item: OpenLot | Allocation) -> None:
        lot = item if isinstance(item, OpenLot) else item.lot
        bucket = self._bucket(self.wallets[lot.account.owner], lot)
        if isinstance(item, OpenLot):
            bucket.discard(lot)
            self.next_lot -= 1
        else:
            bucket.give_back(lot, item.amount)

    @staticmethod
    def _bucket(wallet: Wallet, item: Posting | OpenLot) -> Bucket:
        key = (item.account.name, item.asset)
        day = item.expires_day if isinstance(item, OpenLot) else item.lot_day
        assert day is not None
        days = wallet.buckets.get(key)
        if days is None:
            days = wallet.buckets[key] = {}
        return days.get(day) or days.setdefault(day, Bucket())


@define(eq=False)
class _Leg:
    """A posting with lots on its way: ``left`` has no lots yet, and a debit ``feeds`` the credits of its move."""

    wallet: Wallet
    entry: Entry
    posting: Posting
    index: int
    left: int
    feeds: list[tuple[_Leg, int]] = field(factory=list)


def _pair(debits: list[_Leg], credits: list[_Leg]) -> None:
    # Legs are one move when they share all but the account: whose, what, which expiry day, why.
    groups: dict[tuple[object, ...], list[_Leg]] = {}
    for credit in credits:
        groups.setdefault(_move_key(credit.posting), []).append(credit)
    for debit in debits:
        unfed = debit.left
        for credit in groups.get(_move_key(debit.posting), ()):
            share = min(unfed, credit.left)
            if share and credit.posting.account != debit.posting.account:
                debit.feeds.append((credit, share))
                credit.left -= share
                unfed -= share


def _move_key(posting: Posting) -> tuple[object, ...]:
    return (posting.account.owner, posting.asset, posting.lot_day, posting.rule, posting.cause)


def _check_floors(falling: list[tuple[Wallet, Posting, Entry]]) -> None:
    for wallet, posting, entry in falling:
        account = posting.account
        balance = wallet.balances[account.name, posting.asset]
        if balance * HOLDER_ACCOUNTS[account.name] < 0:
            bound = "below" if HOLDER_ACCOUNTS[account.name] > 0 else "above"
            raise LedgerError(
                f"entry {entry.key} would leave {account.path} at {balance} {posting.asset} (minor units), which is "
                f"never {bound} 0; post what is there and the rest elsewhere"
            )
