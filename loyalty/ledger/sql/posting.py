"""
Posting a batch into tables: load what it touches, decide in memory, write what came of it.

The decision is :class:`~loyalty.ledger.book.Book`'s, as for the store in memory, and it is taken before the first row
is written: a refused batch leaves no trace and its keys stay usable. Every write is one statement for many rows, and
ids are counted from the table's last one, which the transaction's lock makes safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, Update, bindparam, literal_column, select, update

from loyalty.core.events import canonical_json
from loyalty.errors import LedgerError
from loyalty.ledger.book import Book
from loyalty.ledger.entries import HOLDER_ACCOUNTS, Account, Entry, Posting
from loyalty.ledger.hashing import HASH_VERSION, content_hash
from loyalty.ledger.lots import OpenLot
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.statements import Compiler, Runner


def post_batch(runner: Runner, names: Names, entries: Sequence[Entry]) -> None:
    """
    Post entries as one batch.

    Raises:
        LedgerError: a key is known, or a balance or lot would break its bound; nothing was written.
    """
    if not entries:
        return
    _refuse_known_keys(runner, names, entries)
    postings = [posting for entry in entries for posting in entry.postings]
    accounts = list(dict.fromkeys(posting.account for posting in postings))
    names.find_accounts(runner, accounts)
    book = Book(next_lot=runner.last_id(runner.schema.lot) + 1)
    balances = _load_balances(runner, names, book, accounts)
    _load_lots(runner, names, book, [posting for posting in postings if posting.amount < 0])
    book.post(entries)
    names.add_assets(runner, (posting.asset for posting in postings))
    names.add_accounts(runner, accounts)
    first_id = runner.last_id(runner.schema.entry) + 1
    _write_entries(runner, names, entries, balances, first_id)
    _write_balances(runner, names, accounts, balances)
    _write_lots(runner, names, book, first_id)


class _Balance:
    """A balance while its postings are numbered; version 0 has no row yet."""

    __slots__ = ("known_version", "posted", "version")

    def __init__(self, posted: int, version: int) -> None:
        self.posted, self.version, self.known_version = posted, version, version


#: The balances that a batch touches, by ids of account and asset.
_Balances = dict[tuple[int, int], _Balance]


def _refuse_known_keys(runner: Runner, names: Names, entries: Sequence[Entry]) -> None:
    keys = runner.compiler.listed(entry.key for entry in entries)
    known = runner.first(_known_keys, book=names.book_id, keys=keys)
    if known is not None:
        raise LedgerError(f"entry {known.key} is posted already; a key is used once in a book")


def _load_balances(runner: Runner, names: Names, book: Book, accounts: Sequence[Account]) -> _Balances:
    by_id = {
        names.accounts[account]: account
        for account in accounts
        if account.owner is not None and account in names.accounts
    }
    balances: _Balances = {}
    if by_id:
        listed = runner.compiler.listed(by_id)
        for account_id, asset_id, posted, version in runner.rows(_balances_of_accounts, accounts=listed):
            account = by_id[account_id]
            balances[account_id, asset_id] = _Balance(posted, version)
            book.wallet(account.owner).balances[account.name, names.asset_name(runner, asset_id)] = posted
    return balances


def _load_lots(runner: Runner, names: Names, book: Book, debits: Iterable[Posting]) -> None:
    debits = [posting for posting in debits if posting.account in names.accounts]
    wanted = {
        (names.accounts[posting.account], posting.asset, posting.lot_day)
        for posting in debits
        if posting.lot_day is not None
    }
    if not wanted:
        return
    by_id = {names.accounts[account]: account for account in {posting.account for posting in debits}}
    listed = runner.compiler.listed
    rows = runner.rows(
        _open_lots_of_days,
        accounts=listed({account for account, _, _ in wanted}),
        days=listed({day for _, _, day in wanted if day is not None}),
    )
    for row in rows:
        asset = names.asset_name(runner, row.asset_id)
        if (row.account_id, asset, row.expires_day) in wanted:
            account = by_id[row.account_id]
            lot = OpenLot(row.lot_id, account, asset, row.expires_day, row.earned_at, "", 0, row.amount, row.remaining)
            book.load_lot(lot)


def _write_entries(runner: Runner, names: Names, entries: Sequence[Entry], balances: _Balances, first_id: int) -> None:
    schema, assets, accounts = runner.schema, names.assets, names.accounts
    entry_rows: list[tuple[Any, ...]] = []
    posting_rows: list[tuple[Any, ...]] = []
    for entry_id, entry in enumerate(entries, start=first_id):
        entry_rows.append(
            (
                entry_id,
                names.book_id,
                entry.key,
                None,
                entry.kind.value,
                entry.cause,
                entry.effective_at,
                entry.recorded_at,
                None,
                entry.revision,
                entry.corrects,
                canonical_json(dict(entry.explanation)),
                content_hash(entry),
                HASH_VERSION,
                None,
            )
        )
        for seq, posting in enumerate(entry.postings):
            key = (accounts[posting.account], assets[posting.asset])
            after = version = None
            if posting.account.owner is not None:
                balance = balances.get(key) or balances.setdefault(key, _Balance(0, 0))
                after = balance.posted = balance.posted + posting.amount
                version = balance.version = balance.version + 1
            posting_rows.append(
                (
                    entry_id,
                    seq,
                    *key,
                    "posted",
                    posting.amount,
                    posting.lot_day,
                    posting.rule,
                    posting.cause,
                    after,
                    version,
                )
            )
    runner.insert(schema.entry, entry_rows)
    runner.insert(schema.posting, posting_rows)


def _write_balances(runner: Runner, names: Names, accounts: Iterable[Account], balances: _Balances) -> None:
    signs = {
        names.accounts[account]: HOLDER_ACCOUNTS[account.name] for account in accounts if account.owner is not None
    }
    new, changes = [], []
    # Rows are written in the order of their keys, so that two writers never wait for each other crosswise.
    for (account, asset), balance in sorted(balances.items()):
        if not balance.known_version:
            floor, ceiling = (0, None) if signs[account] > 0 else (None, 0)
            new.append((account, asset, balance.posted, 0, balance.version, floor, ceiling))
        elif balance.version != balance.known_version:
            changes.append({"account": account, "asset": asset, "posted": balance.posted, "version": balance.version})
    runner.insert(runner.schema.balance, new)
    runner.write(_set_balance, changes)


def _write_lots(runner: Runner, names: Names, book: Book, first_id: int) -> None:
    schema = runner.schema
    ids = {entry.key: entry_id for entry_id, entry in enumerate(book.entries, start=first_id)}
    created = list(book.created_lots())
    allocations = list(book.allocations())
    places = [(names.accounts[lot.account], names.assets[lot.asset]) for lot in created]
    runner.insert(
        schema.lot,
        (
            (lot.sequence, *place, lot.expires_day, lot.earned_at, ids[lot.entry_key], lot.posting, lot.amount)
            for lot, place in zip(created, places, strict=True)
        ),
    )
    runner.insert(
        schema.lot_state,
        (
            (lot.sequence, *place, lot.expires_day, lot.amount, lot.remaining)
            for lot, place in zip(created, places, strict=True)
        ),
    )
    new = {lot.sequence for lot in created}
    used = {item.lot.sequence: item.lot.remaining for item in allocations if item.lot.sequence not in new}
    runner.write(_set_remaining, ({"lot": lot, "remaining": left} for lot, left in sorted(used.items())))
    runner.insert(
        schema.lot_allocation,
        ((ids[item.entry_key], item.posting, item.lot.sequence, item.amount) for item in allocations),
    )


def _known_keys(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(entry.c.key).where(entry.c.book_id == bindparam("book"), compiler.in_list(entry.c.key, "keys"))


def _balances_of_accounts(compiler: Compiler) -> Select[Any]:
    balance = compiler.schema.balance
    return select(balance.c.account_id, balance.c.asset_id, balance.c.posted, balance.c.version).where(
        compiler.in_list(balance.c.account_id, "accounts")
    )


def _open_lots_of_days(compiler: Compiler) -> Select[Any]:
    lot, state = compiler.schema.lot, compiler.schema.lot_state
    return (
        select(*state.c, lot.c.earned_at)
        .join(lot, lot.c.id == state.c.lot_id)
        .where(
            compiler.in_list(state.c.account_id, "accounts"),
            compiler.in_list(state.c.expires_day, "days"),
            # The index holds the open lots alone; a parameter here would hide that from the planner.
            state.c.remaining > literal_column("0"),
        )
        .order_by(lot.c.earned_at, lot.c.id)
    )


def _set_balance(compiler: Compiler) -> Update:
    balance = compiler.schema.balance
    return (
        update(balance)
        .where(balance.c.account_id == bindparam("account"), balance.c.asset_id == bindparam("asset"))
        .values(posted=bindparam("posted"), version=bindparam("version"))
    )


def _set_remaining(compiler: Compiler) -> Update:
    state = compiler.schema.lot_state
    return update(state).where(state.c.lot_id == bindparam("lot")).values(remaining=bindparam("remaining"))
