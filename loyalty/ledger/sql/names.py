"""The ids under which a book's assets, holders and accounts stand in its tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, select

from loyalty.core.holders import Holder, Layer
from loyalty.ledger.entries import Account
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.statements import Compiler, Runner


class Names:
    """
    What a transaction knows of the ids of one book.

    Ids never change once they are committed, so they are handed on: *committed* is what earlier transactions of the
    store learnt, and :meth:`publish` adds to it. What is learnt inside a transaction stays there until then.
    """

    def __init__(self, book: str, ids: Ids, committed: Names | None = None) -> None:
        self.book = book
        self._ids = ids
        self.book_id: int = committed.book_id if committed else 0
        self.assets: dict[str, int] = dict(committed.assets) if committed else {}
        self.holders: dict[Holder, int] = {}
        #: By path, which is found faster than an account.
        self.accounts: dict[str, int] = {}
        #: The digests of the declarations that the book keeps.
        self.declared: set[str] = set(committed.declared) if committed else set()
        self._asset_names: dict[int, str] = dict(committed._asset_names) if committed else {}
        self._parsed: dict[str, Account] = committed._parsed if committed else {}
        self._shared = committed or self
        #: Whether an id was read that earlier transactions did not know.
        self._has_learnt = False

    def publish(self) -> None:
        """Hand on what is known, once it is committed."""
        if self._shared is self:
            return
        self._shared.declared |= self.declared
        if self._has_learnt:
            self._shared.book_id = self.book_id or self._shared.book_id
            self._shared.assets.update(self.assets)
            self._shared._asset_names.update(self._asset_names)
            self._shared.holders.update(self.holders)
            self._shared.accounts.update(self.accounts)

    def forget(self) -> None:
        """Drop what may have been undone."""
        self.book_id = 0 if self._shared is self else self._shared.book_id
        for known in (self.assets, self._asset_names, self.holders, self.accounts):
            known.clear()
        self.declared.clear()

    def open_book(self, runner: Runner) -> None:
        """Find the book, or start it; for a reader a book that is not there has the id 0, which no row refers to."""
        if self.book_id:
            return
        self._has_learnt = True
        self.book_id = runner.number(_find_book, name=self.book)
        if not self.book_id and not runner.read_only:
            row = (*self._ids.take(runner, runner.schema.book, 1), self.book, None, None, None)
            runner.insert(runner.schema.book, [row], new=False)
            self.book_id = runner.number(_find_book, name=self.book)

    def account_of(self, path: str) -> Account:
        """Give the account of a path; each is parsed once."""
        return self._parsed.get(path) or self._parsed.setdefault(path, Account.parse(path))

    def find_asset(self, runner: Runner, asset: str) -> int | None:
        """Give the id of an asset, or None."""
        if asset not in self.assets:
            self._learn_assets(runner)
        return self.assets.get(asset)

    def asset_name(self, runner: Runner, asset_id: int) -> str:
        """Give the name of an asset by its id."""
        if asset_id not in self._asset_names:
            self._learn_assets(runner)
        return self._asset_names[asset_id]

    def find_holder(self, runner: Runner, holder: Holder) -> int | None:
        """Give the id of a holder, or None."""
        self.find_holders(runner, [holder])
        return self.holders.get(holder)

    def find_holders(self, runner: Runner, holders: Iterable[Holder]) -> None:
        """Learn the ids of those holders that have one."""
        unknown = {holder.id for holder in _unknown(holders, self.holders, self._shared.holders)}
        if unknown:
            self._has_learnt = True
            refs = runner.compiler.listed(unknown)
            for id, layer, ref in runner.rows(_find_holders, book=self.book_id, refs=refs):
                self.holders[Holder(Layer(layer), ref)] = id

    def find_account(self, runner: Runner, account: Account) -> int | None:
        """Give the id of an account, or None."""
        self.find_accounts(runner, [account.path])
        return self.accounts.get(account.path)

    def find_accounts(self, runner: Runner, paths: Iterable[str]) -> None:
        """Learn the ids of those accounts that have one."""
        unknown = _unknown(paths, self.accounts, self._shared.accounts)
        if unknown:
            self._has_learnt = True
            listed = runner.compiler.listed(unknown)
            self.accounts.update(runner.plain(_find_accounts, book=self.book_id, paths=listed))

    def find_accounts_of(self, runner: Runner, holders: Iterable[Holder]) -> list[Account]:
        """Learn the ids of all accounts that holders have."""
        by_id = {self.holders[holder]: holder for holder in holders if holder in self.holders}
        found = []
        if by_id:
            listed = runner.compiler.listed(by_id)
            for id, holder_id, name in runner.plain(_find_accounts_of, holders=listed):
                account = Account.of(by_id[holder_id], name)
                self.accounts[account.path] = id
                self._has_learnt |= account.path not in self._shared.accounts
                found.append(account)
        return found

    def add_assets(self, runner: Runner, assets: Iterable[str]) -> None:
        """Give ids to those assets that have none."""
        new = sorted({asset for asset in assets if asset not in self.assets and self.find_asset(runner, asset) is None})
        if new:
            ids = self._ids.take(runner, runner.schema.asset, len(new))
            rows = [(id, self.book_id, asset) for id, asset in zip(ids, new, strict=True)]
            runner.insert(runner.schema.asset, rows, new=False)
            self._learn_assets(runner)

    def add_holders(self, runner: Runner, holders: Iterable[Holder]) -> None:
        """Give ids to those holders that have none."""
        wanted = dict.fromkeys(holder for holder in holders if holder not in self.holders)
        if not wanted:
            return
        self.find_holders(runner, wanted)
        # Two writers who add the same rows meet in the same order, so that neither waits for the other crosswise.
        new = sorted(holder for holder in wanted if holder not in self.holders)
        if new:
            ids = self._ids.take(runner, runner.schema.holder, len(new))
            rows = [
                (id, self.book_id, int(item.layer), item.id, 0, None, None, None)
                for id, item in zip(ids, new, strict=True)
            ]
            runner.insert(runner.schema.holder, rows, new=False)
            self.find_holders(runner, new)

    def add_accounts(self, runner: Runner, accounts: Iterable[Account]) -> None:
        """Give ids to those accounts that have none, and to their holders."""
        wanted = {account.path: account for account in accounts}
        self.find_accounts(runner, wanted)
        new = [wanted[path] for path in sorted(wanted) if path not in self.accounts]
        if new:
            self.add_holders(runner, (account.owner for account in new if account.owner is not None))
            ids = self._ids.take(runner, runner.schema.account, len(new))
            rows = [self._row(account, id) for id, account in zip(ids, new, strict=True)]
            runner.insert(runner.schema.account, rows, new=False)
            self.find_accounts(runner, [account.path for account in new])

    def _learn_assets(self, runner: Runner) -> None:
        self._has_learnt = True
        for id, name in runner.rows(_find_assets, book=self.book_id):
            self.assets[name] = id
            self._asset_names[id] = name

    def _row(self, account: Account, id: int) -> tuple[Any, ...]:
        # Every award has a leg on the programme's side: its balance is summed when asked for, never a row to wait for.
        mode = "derived" if account.owner is None else "sync"
        holder_id = None if account.owner is None else self.holders[account.owner]
        return (id, self.book_id, holder_id, account.name, account.path, mode)


_Item = TypeVar("_Item", Holder, str)


def _unknown(wanted: Iterable[_Item], own: dict[_Item, int], committed: dict[_Item, int]) -> list[_Item]:
    unknown = []
    for item in wanted:
        if item not in own:
            id = committed.get(item)
            if id is None:
                unknown.append(item)
            else:
                own[item] = id
    return unknown


def _find_book(compiler: Compiler) -> Select[Any]:
    book = compiler.schema.book
    return select(book.c.id).where(book.c.name == bindparam("name"))


def _find_assets(compiler: Compiler) -> Select[Any]:
    asset = compiler.schema.asset
    return select(asset.c.id, asset.c.name).where(asset.c.book_id == bindparam("book"))


def _find_holders(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    return select(holder.c.id, holder.c.layer, holder.c.ref).where(
        holder.c.book_id == bindparam("book"), compiler.in_list(holder.c.ref, "refs")
    )


def _find_accounts_of(compiler: Compiler) -> Select[Any]:
    account = compiler.schema.account
    return select(account.c.id, account.c.holder_id, account.c.name).where(
        compiler.in_list(account.c.holder_id, "holders")
    )


def _find_accounts(compiler: Compiler) -> Select[Any]:
    account = compiler.schema.account
    return select(account.c.path, account.c.id).where(
        account.c.book_id == bindparam("book"), compiler.in_list(account.c.path, "paths")
    )
