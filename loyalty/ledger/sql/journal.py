"""Entries, balances and lots, read from tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, bindparam, cast, func, literal_column, select

from loyalty.core.amounts import INT64_MAX
from loyalty.core.holders import Holder
from loyalty.errors import LedgerError
from loyalty.ledger.entries import Account, Entry, EntryKind, Posting
from loyalty.ledger.lots import Allocation, OpenLot
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.part import Part
from loyalty.ledger.sql.posting import LOT_BITS, Batch
from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler, Record, Runner, Writer
from loyalty.ledger.store import Lot

#: How many entries are read at first, and then at a time.
_FIRST_PAGE, _PAGE = 8, 500


class Journal(Part):
    """The part of a transaction that reads what was posted and what it amounts to."""

    runner: Runner
    names: Names
    batch: Batch

    def find_entry(self, key: str) -> Entry | None:
        """Give the entry of this key, or None."""
        self.write()
        rows = self.runner.rows(_find_entry, book=self.names.book_id, key=key)
        return next(self._read(rows), None)

    def entries(self, *, holder: Holder | None = None, cause: str | None = None) -> Iterator[Entry]:
        """Give entries in order of posting: all, those with a posting of *holder*, or those of one cause."""
        self.write()
        if holder is not None:
            for entry in self._entries_of_holder(holder):
                if cause is None or entry.cause == cause:
                    yield entry
            return
        if cause is not None:
            yield from self._read(self.runner.rows(_entries_of_cause, book=self.names.book_id, cause=cause))
            return
        for rows in self._pages(_entries):
            yield from self._read(rows)

    def front(self) -> int | None:
        """Give the latest instant from which anything counts, UTC microseconds: an event, a decision or an entry."""
        self.write()
        rows = (self.runner.first(latest, book=self.names.book_id) for latest in _LATEST)
        return max((row.latest for row in rows if row is not None and row.latest is not None), default=None)

    def balance(self, account: Account, asset: str) -> int:
        """Give the present balance, minor units."""
        self.write()
        key = self._key(account, asset)
        return self.runner.number(_derived_balance if account.owner is None else _balance, **key)

    def balances(self, holder: Holder) -> Mapping[tuple[str, str], int]:
        """Give the holder's present balances that are not 0, by (account name, asset)."""
        self.write()
        rows = self.runner.rows(_balances, holder=self.names.find_holder(self.runner, holder))
        return {(name, asset): amount for name, asset, amount in rows}

    def balances_at(
        self, holder: Holder, *, effective_at: int, recorded_at: int | None = None
    ) -> Mapping[tuple[str, str], int]:
        """Give the balances from postings effective at or before one instant and recorded at or before another."""
        self.write()
        rows = self.runner.rows(
            _balances_at,
            holder=self.names.find_holder(self.runner, holder),
            effective_at=effective_at,
            recorded_at=INT64_MAX if recorded_at is None else recorded_at,
        )
        return {(name, asset): amount for name, asset, amount in rows}

    def lots(self, account: Account, asset: str) -> Sequence[Lot]:
        """Give the lots with something left, soonest expiry first, then earned first, then posted first."""
        self.write()
        rows = self.runner.rows(_open_lots, **self._key(account, asset))
        return tuple(_to_open_lot(row, account, asset).to_lot() for row in rows)

    def allocations(self, account: Account, asset: str) -> Sequence[Allocation]:
        """Give what debits consumed of the account's lots, in order of posting."""
        self.write()
        rows = self.runner.rows(_allocations, **self._key(account, asset))
        return tuple(
            Allocation(row.debit_key, row.debit_seq, _to_open_lot(row, account, asset), row.taken) for row in rows
        )

    def trial_balance(self) -> Mapping[tuple[str, str], int]:
        """Give the balance of each (account path, asset) that is not 0, the programme's side included."""
        self.write()
        rows = [
            *self.runner.rows(_derived_balances, book=self.names.book_id),
            *self.runner.rows(_kept_balances, book=self.names.book_id),
        ]
        return {(path, asset): amount for path, asset, amount in rows}

    def _key(self, account: Account, asset: str) -> dict[str, int | None]:
        return {
            "account": self.names.find_account(self.runner, account),
            "asset": self.names.find_asset(self.runner, asset),
        }

    def _pages(self, writer: Writer, **values: Any) -> Iterator[Sequence[Record]]:
        # Whoever asks for the first entry alone, as each engine does once, reads few.
        after, size = 0, _FIRST_PAGE
        while rows := self.runner.rows(writer, book=self.names.book_id, size=size, after=after, **values):
            yield rows
            after, size = rows[-1].id, _PAGE

    def _entries_of_holder(self, holder: Holder) -> Iterator[Entry]:
        holder_id = self.names.find_holder(self.runner, holder)
        ids = [row.entry_id for row in self.runner.rows(_entry_ids_of_holder, holder=holder_id)]
        for start in range(0, len(ids), _PAGE):
            page = self.runner.compiler.listed(ids[start : start + _PAGE])
            yield from self._read(self.runner.rows(_entries_listed, ids=page))

    def _read(self, rows: Sequence[Record]) -> Iterator[Entry]:
        legs: dict[int, list[Record]] = {row.id: [] for row in rows}
        for leg in self.runner.rows(_postings, ids=self.runner.compiler.listed(legs)):
            legs[leg[0]].append(leg)
        account_of = self.names.account_of
        for row in rows:
            try:
                entry = Entry(
                    key=row.key,
                    kind=EntryKind(row.kind),
                    cause=row.cause,
                    effective_at=row.effective_at,
                    recorded_at=row.recorded_at,
                    revision=row.revision,
                    postings=tuple([Posting(account_of(path), *rest) for _, path, *rest in legs[row.id]]),
                    corrects=row.corrects,
                    explanation=dict(json.loads(row.explanation)),
                    booked_day=row.booked_day,
                )
            except (LedgerError, ValueError, TypeError) as error:
                raise LedgerError(f"entry {row.key} is stored as what no entry can be: {error}") from error
            yield entry


def entry_of_lot(lot_id: ColumnElement[int]) -> ColumnElement[int]:
    """Write the id of the entry that made a lot."""
    return lot_id.op(">>")(literal_column(str(LOT_BITS)))


def summed(amounts: ColumnElement[int]) -> ColumnElement[int]:
    """Write a sum as a whole number, which PostgreSQL's own is not."""
    return cast(func.sum(amounts), BIG)


def _to_open_lot(row: Record, account: Account, asset: str) -> OpenLot:
    return OpenLot(
        row.id,
        account,
        asset,
        row.expires_day,
        row.earned_at,
        row.key,
        row.seq,
        row.amount,
        row.remaining,
    )


def _entries(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    # Adding 0 keeps the planner from an index of the book, for which it would sort every entry for each page.
    in_book = entry.c.book_id + literal_column("0") == bindparam("book")
    return _page(compiler).where(in_book)


def _entries_of_cause(compiler: Compiler) -> Select[Any]:
    entry, cause = compiler.schema.entry, bindparam("cause", type_=Text)
    event_key = literal_column("'event:'", Text) + entry.c.cause
    # The index of causes leaves out the entries whose cause their key names, which are found by their keys.
    by_key = select(entry.c.id).where(
        entry.c.book_id == bindparam("book"),
        entry.c.key.in_((literal_column("'event:'", Text) + cause, cause)),
        entry.c.cause == cause,
    )
    by_cause = select(entry.c.id).where(
        entry.c.book_id == bindparam("book"),
        entry.c.cause == cause,
        entry.c.cause.is_not(None),
        entry.c.key != event_key,
        entry.c.key != entry.c.cause,
    )
    return select(entry).where(entry.c.id.in_(by_key.union_all(by_cause))).order_by(entry.c.id)


def _page(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(entry).where(entry.c.id > bindparam("after")).order_by(entry.c.id).limit(bindparam("size"))


def _entries_listed(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(entry).where(compiler.in_list(entry.c.id, "ids")).order_by(entry.c.id)


def _find_entry(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(entry).where(entry.c.book_id == bindparam("book"), entry.c.key == bindparam("key"))


def _latest_entry(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(func.max(entry.c.effective_at).label("latest")).where(entry.c.book_id == bindparam("book"))


def _latest_event(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    at = func.coalesce(event.c.counts_from, event.c.occurred_at)
    return select(func.max(at).label("latest")).where(event.c.book_id == bindparam("book"))


def _latest_grant(compiler: Compiler) -> Select[Any]:
    grant = compiler.schema.grant
    return select(func.max(grant.c.at).label("latest")).where(grant.c.book_id == bindparam("book"))


_LATEST: Final = (_latest_entry, _latest_event, _latest_grant)


def _entry_ids_of_holder(compiler: Compiler) -> Select[Any]:
    account, posting = compiler.schema.account, compiler.schema.posting
    return (
        select(posting.c.entry_id)
        .distinct()
        .join(account, account.c.id == posting.c.account_id)
        .where(account.c.holder_id == bindparam("holder"), posting.c.version.is_not(None))
        .order_by(posting.c.entry_id)
    )


def _postings(compiler: Compiler) -> Select[Any]:
    account, asset, posting = compiler.schema.account, compiler.schema.asset, compiler.schema.posting
    facts = (posting.c.amount, posting.c.lot_day, posting.c.rule, posting.c.cause)
    return (
        select(posting.c.entry_id, account.c.path, asset.c.name, *facts)
        .join(account, account.c.id == posting.c.account_id)
        .join(asset, asset.c.id == posting.c.asset_id)
        .where(compiler.in_list(posting.c.entry_id, "ids"))
        .order_by(posting.c.entry_id, posting.c.seq)
    )


def _balance(compiler: Compiler) -> Select[Any]:
    balance = compiler.schema.balance
    return select(balance.c.posted).where(
        balance.c.account_id == bindparam("account"), balance.c.asset_id == bindparam("asset")
    )


def _derived_balance(compiler: Compiler) -> Select[Any]:
    posting = compiler.schema.posting
    return select(summed(posting.c.amount)).where(
        posting.c.account_id == bindparam("account"), posting.c.asset_id == bindparam("asset")
    )


def _balances(compiler: Compiler) -> Select[Any]:
    account, asset, balance = compiler.schema.account, compiler.schema.asset, compiler.schema.balance
    return (
        select(account.c.name, asset.c.name, balance.c.posted)
        .join(balance, balance.c.account_id == account.c.id)
        .join(asset, asset.c.id == balance.c.asset_id)
        .where(account.c.holder_id == bindparam("holder"), balance.c.posted != literal_column("0"))
    )


def _kept_balances(compiler: Compiler) -> Select[Any]:
    account, asset, balance = compiler.schema.account, compiler.schema.asset, compiler.schema.balance
    return (
        select(account.c.path, asset.c.name, balance.c.posted)
        .join(balance, balance.c.account_id == account.c.id)
        .join(asset, asset.c.id == balance.c.asset_id)
        .where(account.c.book_id == bindparam("book"), balance.c.posted != literal_column("0"))
    )


def _derived_balances(compiler: Compiler) -> Select[Any]:
    account, posting = compiler.schema.account, compiler.schema.posting
    return _summed(compiler, account.c.path).where(account.c.book_id == bindparam("book"), posting.c.version.is_(None))


def _balances_at(compiler: Compiler) -> Select[Any]:
    account, entry, posting = compiler.schema.account, compiler.schema.entry, compiler.schema.posting
    return (
        _summed(compiler, account.c.name)
        .join(entry, entry.c.id == posting.c.entry_id)
        .where(
            account.c.holder_id == bindparam("holder"),
            posting.c.version.is_not(None),
            entry.c.effective_at <= bindparam("effective_at"),
            entry.c.recorded_at <= bindparam("recorded_at"),
        )
    )


def _summed(compiler: Compiler, label: Any) -> Select[Any]:
    account, asset, posting = compiler.schema.account, compiler.schema.asset, compiler.schema.posting
    return (
        select(label, asset.c.name, summed(posting.c.amount))
        .join(posting, posting.c.account_id == account.c.id)
        .join(asset, asset.c.id == posting.c.asset_id)
        .group_by(label, asset.c.name)
        .having(func.sum(posting.c.amount) != literal_column("0"))
    )


def _lots(compiler: Compiler) -> Select[Any]:
    entry, lot = compiler.schema.entry, compiler.schema.lot
    return select(*lot.c, entry.c.key).select_from(lot).join(entry, entry.c.id == entry_of_lot(lot.c.id))


def _open_lots(compiler: Compiler) -> Select[Any]:
    lot = compiler.schema.lot
    return (
        _lots(compiler)
        .where(
            lot.c.account_id == bindparam("account"),
            lot.c.asset_id == bindparam("asset"),
            # The index holds the open lots alone; a parameter here would hide that from the planner.
            lot.c.remaining > literal_column("0"),
        )
        .order_by(lot.c.expires_day, lot.c.earned_at, lot.c.id)
    )


def _allocations(compiler: Compiler) -> Select[Any]:
    lot, allocation, posting = compiler.schema.lot, compiler.schema.lot_allocation, compiler.schema.posting
    debit = compiler.schema.entry.alias("debit")
    return (
        _lots(compiler)
        .add_columns(
            debit.c.key.label("debit_key"),
            allocation.c.seq.label("debit_seq"),
            allocation.c.amount.label("taken"),
        )
        .join(allocation, allocation.c.lot_id == lot.c.id)
        .join(posting, and_(posting.c.entry_id == allocation.c.entry_id, posting.c.seq == allocation.c.seq))
        .join(debit, debit.c.id == allocation.c.entry_id)
        .where(
            posting.c.account_id == bindparam("account"),
            posting.c.asset_id == bindparam("asset"),
            posting.c.version.is_not(None),
        )
        .order_by(allocation.c.entry_id, allocation.c.seq, lot.c.earned_at, lot.c.id)
    )
