"""
The tables of a book, one class each: what stands in a row, what is unique, what refers to what.

Rows are dumb on purpose: SQLModel table classes accept any value, so everything is validated in the domain's types
before it comes here, and the database's own constraints are the second line. Amounts are minor units, instants UTC
microseconds, days local dates counted from 1970-01-01; ids are given by the writer.

The tables that grow with every entry have no foreign keys: the writer has just looked the ids up, and checking them
again made the benchmark's hand-written floor 1.2 times as slow on SQLite and 2.1 times on PostgreSQL. The audit looks
for rows that belong to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Field, SQLModel

#: SQLite's strict tables know INTEGER alone, which has 64 bits there.
BIG: Final = BigInteger().with_variant(Integer(), "sqlite")


def big(*, key: bool = False, **options: Any) -> Any:
    """Declare a column of whole numbers; *key* makes it part of the primary key."""
    if key:
        options |= {"primary_key": True, "sa_column_kwargs": {"autoincrement": False}}
    return Field(sa_type=BIG, **options)


def writers_number() -> Any:
    """Declare the column of the writing transaction's number, which the database fills in."""
    return Field(sa_type=BIG, sa_column_kwargs={"server_default": TransactionNumber()})


class TransactionNumber(FunctionElement[int]):
    """The number of the writing transaction on PostgreSQL; 0 on SQLite, where one writes at a time."""

    inherit_cache = True


@compiles(TransactionNumber, "sqlite")
def _on_sqlite(*_arguments: Any, **_options: Any) -> str:
    return "0"


@compiles(TransactionNumber, "postgresql")
def _on_postgresql(*_arguments: Any, **_options: Any) -> str:
    return "(pg_current_xact_id()::text::bigint)"


def text(**options: Any) -> Any:
    """Declare a column of text."""
    return Field(sa_type=Text, **options)


def blob(**options: Any) -> Any:
    """Declare a column of bytes."""
    return Field(sa_type=LargeBinary, **options)


class Row(SQLModel):
    """
    What the classes below declare beside their columns.

    Attributes:
        NAME: The table's name, to which the prefix is added.
        REFERS: Column to "table.column".
        UNIQUE: Groups of columns.
        CHECKS: Name to condition.
        INDEXES: Groups of columns.
        WHERE: Index (by its columns) to the condition of the rows that it holds; those left out hold every row.
        APPEND_ONLY: Whether the database refuses to change or delete a row.
        MUTABLE: Columns of an append-only table that may change all the same.
        CLUSTERED: Whether the rows lie in order of their primary key (SQLite).
    """

    NAME: ClassVar[str]
    REFERS: ClassVar[Mapping[str, str]] = {}
    UNIQUE: ClassVar[tuple[tuple[str, ...], ...]] = ()
    CHECKS: ClassVar[Mapping[str, str]] = {}
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = ()
    WHERE: ClassVar[Mapping[tuple[str, ...], str]] = {}
    APPEND_ONLY: ClassVar[bool] = False
    MUTABLE: ClassVar[tuple[str, ...]] = ()
    CLUSTERED: ClassVar[bool] = False


class BookRow(Row):
    """A book: one programme's journal; several live in one database. Its last lock says through which day it is."""

    NAME = "book"
    UNIQUE = (("name",),)

    id: int = big(key=True)
    name: str = text()
    clock_day: int | None = big(default=None)
    locked_day: int | None = big(default=None)
    chain: str | None = text(default=None)


class BookLockRow(Row):
    """When a book was locked through a day, or unlocked, by whom and why; the last one holds."""

    NAME = "book_lock"
    REFERS = {"book_id": "book.id"}
    INDEXES = (("book_id",),)
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    through_day: int | None = big(default=None)
    recorded_at: int = big()
    actor: str = text()
    reason: str = text()


class AdoptionRow(Row):
    """When a book took up a chain of revisions, by whom and why; the last one holds."""

    NAME = "adoption"
    REFERS = {"book_id": "book.id"}
    INDEXES = (("book_id",),)
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    chain: str = text()
    revisions: str = text()
    recorded_at: int = big()
    actor: str = text()
    reason: str = text()


class AssetRow(Row):
    """A currency, or a standing held as one unit."""

    NAME = "asset"
    REFERS = {"book_id": "book.id"}
    UNIQUE = (("book_id", "name"),)

    id: int = big(key=True)
    book_id: int = big()
    name: str = text()


class HolderRow(Row):
    """
    A partner or a person; the version counts the changes of its history and grants.

    ``clock_day`` is how far an advance that has not come to its end took it; ``due_day`` is when something falls due
    next under the revision ``due_under``, as far as that is known.
    """

    NAME = "holder"
    REFERS = {"book_id": "book.id"}
    UNIQUE = (("book_id", "ref", "layer"),)

    id: int = big(key=True)
    book_id: int = big()
    layer: int = big()
    ref: str = text()
    version: int = big()
    clock_day: int | None = big(default=None)
    due_day: int | None = big(default=None)
    due_under: str | None = text(default=None)


class AccountRow(Row):
    """One side of a wallet or, without a holder, of the programme, whose balances are derived from its postings."""

    NAME = "account"
    REFERS = {"book_id": "book.id", "holder_id": "holder.id"}
    UNIQUE = (("book_id", "path"),)
    CHECKS = {"mode": "balance_mode IN ('sync', 'derived')"}
    INDEXES = (("holder_id",),)

    id: int = big(key=True)
    book_id: int = big()
    holder_id: int | None = big(default=None)
    name: str = text()
    path: str = text()
    balance_mode: str = text()


class EntryRow(Row):
    """
    The balanced whole.

    ``xid`` is PostgreSQL's number of the writing transaction, by which a sealer knows what can no longer be joined by
    an earlier entry; on SQLite, where one writes at a time, it is 0. An entry whose cause its key names is not in the
    index of causes.
    """

    NAME = "entry"
    UNIQUE = (("book_id", "key"),)
    INDEXES = (("book_id", "cause"),)
    WHERE = {("book_id", "cause"): "cause IS NOT NULL AND key <> 'event:' || cause AND key <> cause"}
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    xid: int = writers_number()
    key: str = text()
    kind: str = text()
    cause: str | None = text(default=None)
    effective_at: int = big()
    recorded_at: int = big()
    revision: str = text()
    corrects: str | None = text(default=None)
    explanation: str = text()
    content_hash: bytes = blob()
    hash_version: int = big()
    booked_day: int | None = big(default=None)


class PostingRow(Row):
    """One leg; the unique version makes the database itself refuse a lost update of a balance."""

    NAME = "posting"
    UNIQUE = (("account_id", "asset_id", "version"),)
    WHERE = {("account_id", "asset_id", "version"): "version IS NOT NULL"}
    CHECKS = {"amount": "amount <> 0"}
    APPEND_ONLY = True
    CLUSTERED = True

    entry_id: int = big(key=True)
    seq: int = big(key=True)
    account_id: int = big()
    asset_id: int = big()
    amount: int = big()
    lot_day: int | None = big(default=None)
    rule: str | None = text(default=None)
    cause: str | None = text(default=None)
    balance_after: int | None = big(default=None)
    version: int | None = big(default=None)


class BalanceRow(Row):
    """The present balance of a holder's account; arrears have a ceiling in place of a floor."""

    NAME = "balance"
    REFERS = {"account_id": "account.id", "asset_id": "asset.id"}
    CHECKS = {"floor": "posted >= floor", "ceiling": "posted <= ceiling"}
    CLUSTERED = True

    account_id: int = big(key=True)
    asset_id: int = big(key=True)
    posted: int = big()
    version: int = big()
    floor: int | None = big(default=None)
    ceiling: int | None = big(default=None)


class LotRow(Row):
    """
    Points that share a source and an expiry; made by one leg (``seq``) of an entry.

    The id is that of the entry times 2**20, plus the place among the lots that the entry made. What is left of it is
    the one thing about a lot that changes.
    """

    NAME = "lot"
    CHECKS = {"remaining": "remaining BETWEEN 0 AND amount", "amount": "amount > 0"}
    INDEXES = (("account_id", "asset_id", "expires_day", "earned_at"),)
    WHERE = {("account_id", "asset_id", "expires_day", "earned_at"): "remaining > 0"}
    APPEND_ONLY = True
    MUTABLE = ("remaining",)

    id: int = big(key=True)
    account_id: int = big()
    asset_id: int = big()
    expires_day: int = big()
    earned_at: int = big()
    seq: int = big()
    amount: int = big()
    remaining: int = big()


class LotAllocationRow(Row):
    """How much of which lot a debiting leg consumed."""

    NAME = "lot_allocation"
    CHECKS = {"amount": "amount > 0"}
    APPEND_ONLY = True
    CLUSTERED = True

    entry_id: int = big(key=True)
    seq: int = big(key=True)
    lot_id: int = big(key=True)
    amount: int = big()


class SealRow(Row):
    """
    The digests of a range of entries, tied to the seal before it; an epoch begins with a restore.

    The range is by (xid, id), up to and including ``last_xid`` and ``last_entry_id``; ``leaves`` are the content
    hashes in that order, 32 bytes each.
    """

    NAME = "seal"
    REFERS = {"book_id": "book.id"}
    UNIQUE = (("book_id", "number"),)
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    number: int = big()
    epoch: int = big()
    last_xid: int = big()
    last_entry_id: int = big()
    leaves: bytes = blob()
    root_hash: bytes = blob()
    sealed_at: int = big()


class RevisionRow(Row):
    """
    The text of a declaration that entries were settled under.

    ``digest`` is what they name as their revision, ``after`` that of the revision before it.
    """

    NAME = "revision"
    REFERS = {"book_id": "book.id"}
    UNIQUE = (("book_id", "digest"),)
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    digest: str = text()
    first_day: int = big()
    after: str | None = text(default=None)
    text: str = text()
    recorded_at: int = big()


class OutboxRow(Row):
    """
    What a host still has to tell others about; written in the posting transaction, deleted when told.

    Ids grow in the order in which the writers of one holder had their turn, since each takes them while it keeps the
    others from that holder; so the order of ids is the order in which a holder's messages are told.
    """

    NAME = "outbox"
    REFERS = {"book_id": "book.id"}
    INDEXES = (("book_id", "id"),)

    id: int = big(key=True)
    book_id: int = big()
    topic: str = text()
    body: str = text()
