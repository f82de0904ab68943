"""
A wallet's lines, read from tables.

In the order of posting a page is found by the versions of its balances, however many postings the holder has. In the
order of effect all postings of the wallet are looked at, since a late one may count from any instant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import merge
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select, tuple_

from loyalty.core.amounts import INT64_MAX
from loyalty.core.holders import Holder
from loyalty.ledger.entries import HOLDER_ACCOUNTS, Account, EntryKind
from loyalty.ledger.lines import EffectivePlace, Line, Lines, PostedPlace, StandingLine, effective_page, posted_page
from loyalty.ledger.lots import OpenLot
from loyalty.ledger.sql.journal import entry_of_lot, summed
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.part import Part
from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler, Record, Runner
from loyalty.ledger.store import Lot


class WalletLines(Part):
    """The part of a transaction that reads wallets line by line."""

    runner: Runner
    names: Names

    def lines_as_posted(
        self, holder: Holder, asset: str, *, after: PostedPlace | None, limit: int, newest_first: bool = False
    ) -> Lines[PostedPlace]:
        """Give lines in the order of posting, or against it."""
        accounts, asset_id = self._wallet(holder, asset)
        place: dict[str, int] = dict(after or {})
        at_place: dict[str, int] = {}
        if after is None and newest_first:
            ids = self.runner.compiler.listed(accounts)
            for account, posted, version in self.runner.rows(_latest, accounts=ids, asset=asset_id):
                place[accounts[account]], at_place[accounts[account]] = version, posted
        else:
            for id, name in accounts.items():
                if place.get(name):
                    key = {"account": id, "asset": asset_id, "version": place[name]}
                    at_place[name] = self.runner.number(_balance_after, **key)
        reader = _versions_back if newest_first else _versions_on
        found = []
        for id, name in accounts.items():
            key = {"account": id, "asset": asset_id, "version": place.get(name, 0)}
            rows = self.runner.rows(reader, size=limit + 1, **key)
            found.append([_to_line(row, name, row.balance_after) for row in rows])
        lines = list(merge(*found, key=lambda line: line.place, reverse=newest_first))
        return posted_page(lines, place, at_place, limit, newest_first=newest_first)

    def lines_as_effective(
        self, holder: Holder, asset: str, *, after: EffectivePlace, until: int, recorded_at: int, limit: int
    ) -> Lines[EffectivePlace]:
        """Give lines in the order of effect, by what was recorded at or before an instant."""
        accounts, asset_id = self._wallet(holder, asset)
        place = dict(zip(("at", "entry", "leg"), after, strict=True))
        wallet = {"accounts": self.runner.compiler.listed(accounts), "asset": asset_id, "recorded_at": recorded_at}
        opening = {accounts[id]: total for id, total in self.runner.rows(_sums_through, **wallet, **place)}
        balances = dict(opening)
        lines = []
        for row in self.runner.rows(_lines_behind, until=until, size=limit + 1, **wallet, **place):
            name = accounts[row.account_id]
            balances[name] = balances.get(name, 0) + row.amount
            lines.append(_to_line(row, name, balances[name]))
        return effective_page(lines, opening, limit)

    def standing_lines(self, holder: Holder) -> Sequence[StandingLine]:
        """Give what came to the holder's standing and what went, in the order of posting."""
        self.write()
        account = self.names.find_account(self.runner, Account(holder, "standing"))
        return tuple(
            StandingLine(
                asset=self.names.asset_name(self.runner, row.asset_id), amount=row.amount, rule=row.rule,
                cause=row.cause, effective_at=row.effective_at,
            )
            for row in self.runner.rows(_standing_lines, account=account)
        )  # fmt: skip

    def open_lots(
        self, name: str, *, first_day: int, last_day: int, holders: Collection[Holder] | None = None
    ) -> Iterator[tuple[Lot, int]]:
        """Give the lots with something left that expire on days of a range, of all or of some, with their instants."""
        self.write()
        asked: dict[str, Any] = {"book": self.names.book_id, "name": name, "first_day": first_day, "last_day": last_day}
        statement = _open_lots_of_name
        if holders is not None:
            self.names.find_holders(self.runner, holders)
            known = self.names.holders
            ids = [known[holder] for holder in holders if holder in known]
            statement, asked = _open_lots_of_holders, {**asked, "holders": self.runner.compiler.listed(ids)}
        for row in self.runner.rows(statement, **asked):
            account, asset = self.names.account_of(row.path), self.names.asset_name(self.runner, row.asset_id)
            lot = OpenLot(
                row.id, account, asset, row.expires_day, row.earned_at, row.key, row.seq, row.amount, row.remaining
            )
            yield lot.to_lot(), row.effective_at

    def lot_days(
        self, holder: Holder, name: str, *, effective_at: int | None = None, recorded_at: int | None = None
    ) -> Mapping[tuple[str, int], int]:
        """Give what an account's lots come to by (asset, expiry day), now or from postings as for ``balances_at``."""
        self.write()
        account = self.names.find_account(self.runner, Account(holder, name))
        if effective_at is None:
            rows = self.runner.rows(_open_days, account=account)
        else:
            known = INT64_MAX if recorded_at is None else recorded_at
            rows = self.runner.rows(_lot_days, account=account, effective_at=effective_at, recorded_at=known)
        return {(self.names.asset_name(self.runner, asset), day): total for asset, day, total in rows}

    def _wallet(self, holder: Holder, asset: str) -> tuple[dict[int, str], int | None]:
        """Give the names of the holder's accounts by id, those that keep standing left out, and the asset's id."""
        self.write()
        accounts = [Account(holder, name) for name in HOLDER_ACCOUNTS if name != "standing"]
        self.names.find_accounts(self.runner, [account.path for account in accounts])
        known = self.names.accounts
        return (
            {known[account.path]: account.name for account in accounts if account.path in known},
            self.names.find_asset(self.runner, asset),
        )


def _to_line(row: Record, account: str, balance: int) -> Line:
    return Line(
        entry_key=row.key,
        kind=EntryKind(row.kind),
        cause=row.cause,
        rule=row.rule,
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        account=account,
        amount=row.amount,
        balance=balance,
        lot_day=row.lot_day,
        number=row.version,
        place=(row.entry_id, row.seq),
    )


def _lines(compiler: Compiler) -> Select[Any]:
    entry, posting = compiler.schema.entry, compiler.schema.posting
    return select(*posting.c, entry.c.key, entry.c.kind, entry.c.effective_at, entry.c.recorded_at).join(
        entry, entry.c.id == posting.c.entry_id
    )


def _of_account(compiler: Compiler) -> list[ColumnElement[bool]]:
    posting = compiler.schema.posting
    return [
        posting.c.account_id == bindparam("account"),
        posting.c.asset_id == bindparam("asset"),
        # The index holds the postings to holders alone, which a parameter would hide from the planner.
        posting.c.version.is_not(None),
    ]


def _versions_on(compiler: Compiler) -> Select[Any]:
    version = compiler.schema.posting.c.version
    behind = (*_of_account(compiler), version > bindparam("version"))
    return _lines(compiler).where(*behind).order_by(version).limit(bindparam("size"))


def _versions_back(compiler: Compiler) -> Select[Any]:
    version = compiler.schema.posting.c.version
    before = (*_of_account(compiler), version <= bindparam("version"))
    return _lines(compiler).where(*before).order_by(version.desc()).limit(bindparam("size"))


def _balance_after(compiler: Compiler) -> Select[Any]:
    posting = compiler.schema.posting
    return select(posting.c.balance_after).where(*_of_account(compiler), posting.c.version == bindparam("version"))


def _latest(compiler: Compiler) -> Select[Any]:
    balance = compiler.schema.balance
    return select(balance.c.account_id, balance.c.posted, balance.c.version).where(
        compiler.in_list(balance.c.account_id, "accounts"), balance.c.asset_id == bindparam("asset")
    )


def _of_wallet(compiler: Compiler) -> list[ColumnElement[bool]]:
    entry, posting = compiler.schema.entry, compiler.schema.posting
    return [
        compiler.in_list(posting.c.account_id, "accounts"),
        posting.c.asset_id == bindparam("asset"),
        posting.c.version.is_not(None),
        entry.c.recorded_at <= bindparam("recorded_at"),
    ]


def _in_order_of_effect(compiler: Compiler) -> tuple[ColumnElement[Any], ...]:
    entry, posting = compiler.schema.entry, compiler.schema.posting
    return (entry.c.effective_at, posting.c.entry_id, posting.c.seq)


def _place() -> ColumnElement[Any]:
    return tuple_(*(bindparam(name, type_=BIG) for name in ("at", "entry", "leg")))


def _standing_lines(compiler: Compiler) -> Select[Any]:
    posting = compiler.schema.posting
    # As for other accounts of holders, the index holds what has a version.
    of_account = (posting.c.account_id == bindparam("account"), posting.c.version.is_not(None))
    return _lines(compiler).where(*of_account).order_by(posting.c.entry_id, posting.c.seq)


def _sums_through(compiler: Compiler) -> Select[Any]:
    entry, posting = compiler.schema.entry, compiler.schema.posting
    through = tuple_(*_in_order_of_effect(compiler)) <= _place()
    return (
        select(posting.c.account_id, summed(posting.c.amount))
        .join(entry, entry.c.id == posting.c.entry_id)
        .where(*_of_wallet(compiler), through)
        .group_by(posting.c.account_id)
    )


def _lines_behind(compiler: Compiler) -> Select[Any]:
    order = _in_order_of_effect(compiler)
    behind = (tuple_(*order) > _place(), compiler.schema.entry.c.effective_at <= bindparam("until"))
    return _lines(compiler).where(*_of_wallet(compiler), *behind).order_by(*order).limit(bindparam("size"))


def _open_lots_of_name(compiler: Compiler) -> Select[Any]:
    account, entry, lot = compiler.schema.account, compiler.schema.entry, compiler.schema.lot
    return (
        select(*lot.c, account.c.path, entry.c.key, entry.c.effective_at)
        .select_from(lot)
        .join(account, account.c.id == lot.c.account_id)
        .join(entry, entry.c.id == entry_of_lot(lot.c.id))
        .where(
            account.c.book_id == bindparam("book"),
            account.c.name == bindparam("name"),
            lot.c.expires_day.between(bindparam("first_day"), bindparam("last_day")),
            lot.c.remaining > literal_column("0"),
        )
        .order_by(account.c.path, lot.c.asset_id, lot.c.expires_day, lot.c.id)
    )


def _open_lots_of_holders(compiler: Compiler) -> Select[Any]:
    account = compiler.schema.account
    return _open_lots_of_name(compiler).where(compiler.in_list(account.c.holder_id, "holders"))


def _open_days(compiler: Compiler) -> Select[Any]:
    lot = compiler.schema.lot
    return (
        select(lot.c.asset_id, lot.c.expires_day, summed(lot.c.remaining))
        .where(lot.c.account_id == bindparam("account"), lot.c.remaining > literal_column("0"))
        .group_by(lot.c.asset_id, lot.c.expires_day)
    )


def _lot_days(compiler: Compiler) -> Select[Any]:
    entry, posting = compiler.schema.entry, compiler.schema.posting
    return (
        select(posting.c.asset_id, posting.c.lot_day, summed(posting.c.amount))
        .join(entry, entry.c.id == posting.c.entry_id)
        .where(
            posting.c.account_id == bindparam("account"),
            posting.c.version.is_not(None),
            posting.c.lot_day.is_not(None),
            entry.c.effective_at <= bindparam("effective_at"),
            entry.c.recorded_at <= bindparam("recorded_at"),
        )
        .group_by(posting.c.asset_id, posting.c.lot_day)
        .having(func.sum(posting.c.amount) != literal_column("0"))
    )
