"""How the parts of an audit read: pages of raw rows in order, names that are looked up a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import Factory, define, frozen
from sqlalchemy import ColumnElement, Numeric, Select, bindparam, cast, func, literal_column, select

from loyalty.core.calendar import format_day
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.statements import Compiler, Record, Runner, Writer

#: How many rows are read at a time.
PAGE: Final = 2_000

#: How many findings a part tells in full.
MOST_FINDINGS: Final = 500

_MOST_ACCOUNTS: Final = 100_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Findings(list[str]):
    """Sentences, of which so many are kept; the rest are counted."""

    left_out: int = 0

    def add(self, sentence: str) -> None:
        """Take a finding."""
        if len(self) < MOST_FINDINGS:
            self.append(sentence)
        else:
            self.left_out += 1


@frozen
class KnownAccount:
    """What an audit has to know of an account: in which book it is, its path, and whether it is a holder's."""

    book_id: int
    path: str
    is_holders: bool


@define(eq=False)
class Reader:
    """
    A book that is read within one transaction.

    Attributes:
        runner: Where statements run.
        names: The ids of the book.
    """

    runner: Runner
    names: Names
    _accounts: dict[int, KnownAccount | None] = Factory(dict)
    _assets: dict[int, str] = Factory(dict)

    @property
    def book_id(self) -> int:
        """The id of the book."""
        return self.names.book_id

    @property
    def on_sqlite(self) -> bool:
        """Whether the database is SQLite's."""
        return self.runner.compiler.on_sqlite

    def pages(self, writer: Writer, after: int, until: int) -> Iterator[Sequence[Any]]:
        """Give rows whose first column is an id above *after* and at most *until*, page by page."""
        while rows := self.runner.plain(writer, after=after, until=until, size=PAGE):
            yield rows
            after = rows[-1][0]

    def accounts(self, ids: Iterable[int]) -> dict[int, KnownAccount | None]:
        """Give what is known of accounts, those asked for among them; None for one that there is not."""
        known = self._accounts
        unknown = {id for id in ids if id not in known}
        if unknown:
            if len(known) > _MOST_ACCOUNTS:
                known.clear()
                unknown = set(ids)
            known.update(dict.fromkeys(unknown))
            listed = self.runner.compiler.listed(unknown)
            for id, book_id, path, holder_id in self.runner.plain(_accounts, ids=listed):
                known[id] = KnownAccount(book_id, path, holder_id is not None)
        return known

    def assets(self) -> dict[int, str]:
        """Give the names of all assets by id."""
        if not self._assets:
            self._assets.update(self.runner.plain(_assets))
        return self._assets

    def asset(self, id: int) -> str:
        """Give the name of an asset, or words for one that there is not."""
        return self.assets().get(id, f"of an asset {id} that there is not")

    def path(self, id: int) -> str:
        """Give the path of an account, or words for one that there is not."""
        account = self.accounts([id])[id]
        return f"an account {id} that there is not" if account is None else account.path

    def entry_key(self, id: int) -> str | None:
        """Give the key of an entry by its id, or None."""
        row = self.runner.first(_entry_key, id=id)
        return None if row is None else str(row.key)

    def entry_name(self, id: int) -> str:
        """Name an entry by its key, or by its id where it is gone."""
        return self.entry_key(id) or f"with id {id}, which is gone"

    def between(self, id: int) -> str:
        """Say between which entries of the book one of this id would stand."""
        before = self.runner.first(_entry_before, book=self.book_id, id=id)
        behind = self.runner.first(_entry_behind, book=self.book_id, id=id)
        return between(before, behind)


def exact_sum(compiler: Compiler, amounts: ColumnElement[int], **window: Any) -> ColumnElement[Any]:
    """
    Write a sum that no amount can make too large for the database, so that one forged amount stops no audit.

    PostgreSQL sums to numbers without end. SQLite refuses a sum beyond 64 bits; summed in halves it is a number with
    rounded digits there, which is no sum of an honest book.

    Args:
        window: What a running sum runs over.
    """
    parts = [amounts]
    if compiler.on_sqlite:
        parts = [amounts.bitwise_rshift(literal_column("30")), amounts.bitwise_and(literal_column(f"{(1 << 30) - 1}"))]
    sums: list[Any] = [func.sum(part).over(**window) if window else func.sum(part) for part in parts]
    return sums[0] * literal_column(f"{1 << 30}") + sums[1] if compiler.on_sqlite else cast(sums[0], Numeric)


def owner_name(layer: int, ref: str) -> str:
    """Name a holder as the store does, or in words where there is no such layer."""
    try:
        return str(Holder(Layer(layer), ref))
    except ValueError:
        return f"a holder {ref!r} of a layer {layer} that there is not"


def shown_day(day: int) -> str:
    """Write a day as a date, or as its number where it is of no calendar."""
    try:
        return format_day(day)
    except (ValueError, OverflowError):
        return f"day {day}"


def shown_instant(at: int) -> str:
    """Write an instant, UTC microseconds, as date and time, or as its number where it is of no calendar."""
    try:
        return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"instant {at}"


def between(before: Record | None, behind: Record | None, what: str = "entry") -> str:
    """Say where a gap is by the rows around it, whose first value names them."""
    if before is not None and behind is not None:
        return f"between {'entries' if what == 'entry' else what + 's'} {before[0]} and {behind[0]}"
    if before is not None:
        return f"after {what} {before[0]}"
    return "where nothing else is" if behind is None else f"before {what} {behind[0]}"


def _accounts(compiler: Compiler) -> Select[Any]:
    account = compiler.schema.account
    columns = (account.c.id, account.c.book_id, account.c.path, account.c.holder_id)
    return select(*columns).where(compiler.in_list(account.c.id, "ids"))


def _assets(compiler: Compiler) -> Select[Any]:
    asset = compiler.schema.asset
    return select(asset.c.id, asset.c.name)


def _entry_key(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(entry.c.key).where(entry.c.id == bindparam("id"))


def _entry_before(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return _key(compiler).where(entry.c.id < bindparam("id")).order_by(entry.c.id.desc())


def _entry_behind(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return _key(compiler).where(entry.c.id > bindparam("id")).order_by(entry.c.id)


def _key(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    # Adding 0 keeps the planner from an index of the book, for which it would have to sort.
    in_book = entry.c.book_id + literal_column("0") == bindparam("book")
    return select(entry.c.key).where(in_book).limit(literal_column("1"))
