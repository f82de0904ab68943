"""
Posting into tables: load what is touched, decide in memory, write what came of it.

The decision is :class:`~loyalty.ledger.book.Book`'s, as for the store in memory, and it is taken before the first row
is written: a refused batch leaves no trace and its keys stay usable. What a transaction has loaded it keeps, since
nobody else can change it until the end, and what it posts can wait to be written with what comes after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import Factory, define
from sqlalchemy import Select, bindparam, literal_column, select

from loyalty.core.events import canonical_json
from loyalty.core.holders import Holder
from loyalty.errors import LedgerError
from loyalty.ledger.book import Book
from loyalty.ledger.entries import HOLDER_ACCOUNTS, Account, Entry, Posting
from loyalty.ledger.hashing import HASH_VERSION, content_hash
from loyalty.ledger.lots import Allocation, OpenLot
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.statements import Compiler, Runner

#: A lot's id is that of its entry, shifted by so many bits, and its place among the lots that the entry made.
LOT_BITS: Final = 20


class _Balance:
    """A balance while its postings are numbered; version 0 has no row yet."""

    __slots__ = ("kept_version", "posted", "version")

    def __init__(self, posted: int, version: int) -> None:
        self.posted, self.version, self.kept_version = posted, version, version


@define(eq=False)
class Batch:
    """
    What one transaction posts.

    Attributes:
        hashes: The ids and content hashes of what was written, in order, for the seal.
    """

    runner: Runner
    names: Names
    ids: Ids
    hashes: list[tuple[int, bytes]] = Factory(list)
    _book: Book = Factory(Book)
    _written: int = 0
    _written_lots: int = 0
    _balances: dict[Account, dict[str, _Balance]] = Factory(dict)
    _days: set[tuple[Account, str, int]] = Factory(set)
    _made: set[int] = Factory(set)

    def post(self, entries: Sequence[Entry], *, keys_are_new: bool = False) -> None:
        """
        Decide whether entries can be posted; :meth:`write` writes them.

        Args:
            keys_are_new: Whether the writer knows that no other transaction used them; the database refuses others.

        Raises:
            LedgerError: a key is known, or a balance or lot would break its bound; nothing of the batch is kept.
        """
        if not keys_are_new:
            self._refuse_known_keys(entries)
        postings = [posting for entry in entries for posting in entry.postings]
        self._load_balances({posting.account for posting in postings if posting.account not in self._balances})
        self._load_lots(postings)
        self._book.post(entries)

    def caused_by(self, cause: str) -> Sequence[Entry]:
        """Give the entries of one cause that this transaction posted."""
        return self._book.by_cause.get(cause, ())

    def expect(self, holders: Iterable[Holder]) -> None:
        """Load the balances of holders at once, so that none has to be asked for alone."""
        self._load_balances(self.names.find_accounts_of(self.runner, holders))

    def write(self) -> None:
        """Write what was posted and not written yet."""
        book = self._book
        entries = book.entries[self._written :]
        if not entries:
            return
        lots = book.lot_journal[self._written_lots :]
        self._written, self._written_lots = book.mark()
        accounts = dict.fromkeys(posting.account for entry in entries for posting in entry.postings)
        self.names.add_assets(self.runner, {posting.asset for entry in entries for posting in entry.postings})
        self.names.add_accounts(self.runner, accounts)
        ids = self.ids.take(self.runner, self.runner.schema.entry, len(entries))
        with self.runner.together(len(entries)):
            self._write_entries(entries, ids)
            self._write_balances(accounts)
            self._write_lots(lots, {entry.key: id for id, entry in zip(ids, entries, strict=True)})

    def _refuse_known_keys(self, entries: Sequence[Entry]) -> None:
        keys = self.runner.compiler.listed(entry.key for entry in entries)
        known = self.runner.first(_known_keys, book=self.names.book_id, keys=keys)
        if known is not None:
            raise LedgerError(f"entry {known.key} is posted already; a key is used once in a book")

    def _load_balances(self, accounts: Iterable[Account]) -> None:
        accounts = list(accounts)
        if not accounts:
            return
        self.names.find_accounts(self.runner, accounts)
        known = self.names.accounts
        by_id: dict[int, Account] = {}
        for account in accounts:
            self._balances[account] = {}
            if account.owner is not None and account in known:
                by_id[known[account]] = account
        if not by_id:
            return
        wallet = self._book.wallet
        listed = self.runner.compiler.listed(by_id)
        for account_id, asset_id, posted, version in self.runner.rows(_balances_of_accounts, accounts=listed):
            account, asset = by_id[account_id], self.names.asset_name(self.runner, asset_id)
            self._balances[account][asset] = _Balance(posted, version)
            wallet(account.owner).balances[account.name, asset] = posted

    def _load_lots(self, postings: Iterable[Posting]) -> None:
        wanted = set()
        for posting in postings:
            if posting.amount < 0 and posting.lot_day is not None:
                place = (posting.account, posting.asset, posting.lot_day)
                if place not in self._days:
                    wanted.add(place)
        if not wanted:
            return
        self._days |= wanted
        known = self.names.accounts
        by_id = {known[account]: account for account, _, _ in wanted if account in known}
        if not by_id:
            return
        listed = self.runner.compiler.listed
        days = listed({day for _, _, day in wanted})
        lots = []
        for row in self.runner.rows(_open_lots_of_days, accounts=listed(by_id), days=days):
            account, asset = by_id[row.account_id], self.names.asset_name(self.runner, row.asset_id)
            # What this transaction made and wrote is in the book already.
            if (account, asset, row.expires_day) in wanted and row.id not in self._made:
                amount, left = row.amount, row.remaining
                lots.append(OpenLot(row.id, account, asset, row.expires_day, row.earned_at, "", row.seq, amount, left))
        self._book.load_lots(lots)

    def _write_entries(self, entries: Sequence[Entry], ids: Sequence[int]) -> None:
        assets, accounts, balances = self.names.assets, self.names.accounts, self._balances
        book_id = self.names.book_id
        entry_rows: list[tuple[Any, ...]] = []
        posting_rows: list[tuple[Any, ...]] = []
        for entry_id, entry in zip(ids, entries, strict=True):
            explanation = canonical_json(dict(entry.explanation)) if entry.explanation else "{}"
            digest = content_hash(entry, explanation=explanation)
            self.hashes.append((entry_id, digest))
            entry_rows.append(
                (
                    entry_id, book_id, entry.key, entry.kind.value, entry.cause, entry.effective_at, entry.recorded_at,
                    entry.revision, entry.corrects, explanation, digest, HASH_VERSION,
                )
            )  # fmt: skip
            for seq, posting in enumerate(entry.postings):
                account, asset, amount = posting.account, posting.asset, posting.amount
                after = version = None
                if account.owner is not None:
                    of_account = balances[account]
                    balance = of_account.get(asset)
                    if balance is None:
                        balance = of_account[asset] = _Balance(0, 0)
                    after = balance.posted = balance.posted + amount
                    version = balance.version = balance.version + 1
                posting_rows.append(
                    (
                        entry_id, seq, accounts[account], assets[asset], amount, posting.lot_day, posting.rule,
                        posting.cause, after, version,
                    )
                )  # fmt: skip
        self.runner.insert(self.runner.schema.entry, entry_rows)
        self.runner.insert(self.runner.schema.posting, posting_rows)

    def _write_balances(self, accounts: Iterable[Account]) -> None:
        new: list[tuple[Any, ...]] = []
        changed: list[tuple[int, int, int, int]] = []
        for account in accounts:
            if account.owner is None:
                continue
            floor, ceiling = (0, None) if HOLDER_ACCOUNTS[account.name] > 0 else (None, 0)
            account_id = self.names.accounts[account]
            for asset, balance in self._balances[account].items():
                if balance.version == balance.kept_version:
                    continue
                key = (account_id, self.names.assets[asset], balance.posted, balance.version)
                if balance.kept_version:
                    changed.append(key)
                else:
                    new.append((*key, floor, ceiling))
                balance.kept_version = balance.version
        # Rows are written in the order of their keys, so that two writers never wait for each other crosswise.
        self.runner.insert(self.runner.schema.balance, sorted(new, key=_key))
        self.runner.update(self.runner.schema.balance, ("posted", "version"), sorted(changed))

    def _write_lots(self, journal: Iterable[OpenLot | Allocation], ids: Mapping[str, int]) -> None:
        schema, accounts, assets = self.runner.schema, self.names.accounts, self.names.assets
        places: dict[int, int] = {}
        created: list[OpenLot] = []
        allocations: list[Allocation] = []
        for item in journal:
            if isinstance(item, OpenLot):
                entry_id = ids[item.entry_key]
                place = places[entry_id] = places.get(entry_id, -1) + 1
                item.sequence = (entry_id << LOT_BITS) + place
                created.append(item)
                self._made.add(item.sequence)
            else:
                allocations.append(item)
        self.runner.insert(
            schema.lot,
            [
                (
                    lot.sequence, accounts[lot.account], assets[lot.asset], lot.expires_day, lot.earned_at,
                    lot.posting, lot.amount, lot.remaining,
                )
                for lot in created
            ],
        )  # fmt: skip
        if allocations:
            new = {lot.sequence for lot in created}
            used = {item.lot.sequence: item.lot.remaining for item in allocations if item.lot.sequence not in new}
            self.runner.update(schema.lot, ("remaining",), sorted(used.items()))
            self.runner.insert(
                schema.lot_allocation,
                [(ids[item.entry_key], item.posting, item.lot.sequence, item.amount) for item in allocations],
            )


def _key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:2]


def _known_keys(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(entry.c.key).where(entry.c.book_id == bindparam("book"), compiler.in_list(entry.c.key, "keys"))


def _balances_of_accounts(compiler: Compiler) -> Select[Any]:
    balance = compiler.schema.balance
    return (
        select(balance.c.account_id, balance.c.asset_id, balance.c.posted, balance.c.version)
        .where(compiler.in_list(balance.c.account_id, "accounts"))
        .order_by(balance.c.account_id, balance.c.asset_id)
        .with_for_update(key_share=True)
    )


def _open_lots_of_days(compiler: Compiler) -> Select[Any]:
    lot = compiler.schema.lot
    return (
        select(lot)
        .where(
            compiler.in_list(lot.c.account_id, "accounts"),
            compiler.in_list(lot.c.expires_day, "days"),
            # The index holds the open lots alone; a parameter here would hide that from the planner.
            lot.c.remaining > literal_column("0"),
        )
        .order_by(lot.c.earned_at, lot.c.id)
    )
