"""
The tables of a book, one class each: what stands in a row, what is unique, what refers to what.

Rows are dumb on purpose: SQLModel table classes accept any value, so everything is validated in the domain's types
before it comes here, and the database's own constraints are the second line. Amounts are minor units, instants UTC
microseconds, days local dates counted from 1970-01-01; ids are given by the writer, who holds the lock.

:mod:`loyalty.ledger.sql.schema` turns the classes into tables with the host's prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

#: SQLite's strict tables know INTEGER alone, which has 64 bits there.
BIG: Final = BigInteger().with_variant(Integer(), "sqlite")


def big(*, key: bool = False, **options: Any) -> Any:
    """Declare a column of whole numbers; *key* makes it part of the primary key."""
    if key:
        options |= {"primary_key": True, "sa_column_kwargs": {"autoincrement": False}}
    return Field(sa_type=BIG, **options)


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
        OPEN_ONLY: The condition of the rows that the indexes hold, or "".
        APPEND_ONLY: Whether the database refuses to change or delete a row.
        CLUSTERED: Whether the rows lie in order of their primary key (SQLite).
    """

    NAME: ClassVar[str]
    REFERS: ClassVar[Mapping[str, str]] = {}
    UNIQUE: ClassVar[tuple[tuple[str, ...], ...]] = ()
    CHECKS: ClassVar[Mapping[str, str]] = {}
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = ()
    OPEN_ONLY: ClassVar[str] = ""
    APPEND_ONLY: ClassVar[bool] = False
    CLUSTERED: ClassVar[bool] = False


class BookRow(Row):
    """A book: one programme's journal; several live in one database."""

    NAME = "book"
    UNIQUE = (("name",),)

    id: int = big(key=True)
    name: str = text()
    clock_day: int | None = big(default=None)
    lock_day: int | None = big(default=None)


class AssetRow(Row):
    """A currency, or a standing held as one unit; the scale is known where the programme declared it."""

    NAME = "asset"
    REFERS = {"book_id": "book.id"}
    UNIQUE = (("book_id", "name"),)

    id: int = big(key=True)
    book_id: int = big()
    name: str = text()
    scale: int | None = big(default=None)


class HolderRow(Row):
    """A partner or a person; the version counts the changes of its history and grants."""

    NAME = "holder"
    REFERS = {"book_id": "book.id"}
    UNIQUE = (("book_id", "ref", "layer"),)

    id: int = big(key=True)
    book_id: int = big()
    layer: int = big()
    ref: str = text()
    version: int = big()


class AccountRow(Row):
    """One side of a wallet or, without a holder, of the programme, whose balances are derived from its postings."""

    NAME = "account"
    REFERS = {"book_id": "book.id", "holder_id": "holder.id"}
    UNIQUE = (("book_id", "path"),)
    CHECKS = {"mode": "balance_mode IN ('sync', 'derived', 'sharded')"}
    INDEXES = (("holder_id",),)

    id: int = big(key=True)
    book_id: int = big()
    holder_id: int | None = big(default=None)
    name: str = text()
    path: str = text()
    balance_mode: str = text()


class EntryRow(Row):
    """The balanced whole; ``booked_day`` is the later of its effective date and the book's lock date."""

    NAME = "entry"
    REFERS = {"book_id": "book.id"}
    UNIQUE = (("book_id", "key"),)
    INDEXES = (("book_id", "cause"),)
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    key: str = text()
    request_hash: bytes | None = blob(default=None)
    kind: str = text()
    cause: str | None = text(default=None)
    effective_at: int = big()
    recorded_at: int = big()
    booked_day: int | None = big(default=None)
    revision: str = text()
    corrects: str | None = text(default=None)
    explanation: str = text()
    content_hash: bytes = blob()
    hash_version: int = big()
    chain_hash: bytes | None = blob(default=None)


class PostingRow(Row):
    """One leg; the unique version makes the database itself refuse a lost update of a balance."""

    NAME = "posting"
    REFERS = {"entry_id": "entry.id", "account_id": "account.id", "asset_id": "asset.id"}
    UNIQUE = (("account_id", "asset_id", "layer", "version"),)
    CHECKS = {"amount": "amount <> 0", "layer": "layer IN ('posted', 'held')"}
    APPEND_ONLY = True
    CLUSTERED = True

    entry_id: int = big(key=True)
    seq: int = big(key=True)
    account_id: int = big()
    asset_id: int = big()
    layer: str = text()
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
    CHECKS = {"floor": "posted - held >= floor", "ceiling": "posted - held <= ceiling"}
    CLUSTERED = True

    account_id: int = big(key=True)
    asset_id: int = big(key=True)
    posted: int = big()
    held: int = big()
    version: int = big()
    floor: int | None = big(default=None)
    ceiling: int | None = big(default=None)


class LotRow(Row):
    """Points that share a source and an expiry; made by one leg (``seq``) of an entry."""

    NAME = "lot"
    REFERS = {"account_id": "account.id", "asset_id": "asset.id", "entry_id": "entry.id"}
    CHECKS = {"amount": "amount > 0"}
    INDEXES = (("account_id", "asset_id"), ("entry_id",))
    APPEND_ONLY = True

    id: int = big(key=True)
    account_id: int = big()
    asset_id: int = big()
    expires_day: int = big()
    earned_at: int = big()
    entry_id: int = big()
    seq: int = big()
    amount: int = big()


class LotAllocationRow(Row):
    """How much of which lot a debiting leg consumed."""

    NAME = "lot_allocation"
    REFERS = {"entry_id": "entry.id", "lot_id": "lot.id"}
    CHECKS = {"amount": "amount > 0"}
    INDEXES = (("lot_id",),)
    APPEND_ONLY = True
    CLUSTERED = True

    entry_id: int = big(key=True)
    seq: int = big(key=True)
    lot_id: int = big(key=True)
    amount: int = big()


class LotStateRow(Row):
    """What is left of a lot, with what it takes to find the open lots of a bucket without reading the used ones."""

    NAME = "lot_state"
    REFERS = {"lot_id": "lot.id"}
    CHECKS = {"remaining": "remaining BETWEEN 0 AND amount"}
    INDEXES = (("account_id", "asset_id", "expires_day"),)
    OPEN_ONLY = "remaining > 0"

    lot_id: int = big(key=True)
    account_id: int = big()
    asset_id: int = big()
    expires_day: int = big()
    amount: int = big()
    remaining: int = big()


class HoldRow(Row):
    """An amount that is reserved until it is captured, released or expired."""

    NAME = "hold"
    REFERS = {"book_id": "book.id", "account_id": "account.id", "asset_id": "asset.id", "entry_id": "entry.id"}
    UNIQUE = (("book_id", "key"),)
    CHECKS = {"amount": "amount > 0"}
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    key: str = text()
    account_id: int = big()
    asset_id: int = big()
    entry_id: int = big()
    amount: int = big()
    expires_at: int | None = big(default=None)


class HoldEventRow(Row):
    """What became of a hold; ``terminal`` is 1 for its end, which is unique, and null for a part."""

    NAME = "hold_event"
    REFERS = {"hold_id": "hold.id", "entry_id": "entry.id"}
    UNIQUE = (("hold_id", "terminal"),)
    CHECKS = {"kind": "kind IN ('captured', 'released', 'expired')", "terminal": "terminal = 1"}
    APPEND_ONLY = True

    id: int = big(key=True)
    hold_id: int = big()
    entry_id: int = big()
    kind: str = text()
    amount: int = big()
    terminal: int | None = big(default=None)


class DayDeltaRow(Row):
    """The sum of an account's postings by effective day, so that old balances need not be summed leg by leg."""

    NAME = "day_delta"
    REFERS = {"account_id": "account.id", "asset_id": "asset.id"}
    CLUSTERED = True

    account_id: int = big(key=True)
    asset_id: int = big(key=True)
    day: int = big(key=True)
    amount: int = big()


class SealRow(Row):
    """A digest over a range of entries and the seal before it; an epoch starts with a restore."""

    NAME = "seal"
    REFERS = {"book_id": "book.id"}
    UNIQUE = (("book_id", "first_entry_id"),)
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    epoch: int = big()
    first_entry_id: int = big()
    last_entry_id: int = big()
    previous_hash: bytes = blob()
    root_hash: bytes = blob()
    sealed_at: int = big()


class OutboxRow(Row):
    """What a host still has to tell others about; written in the posting transaction, deleted when told."""

    NAME = "outbox"
    REFERS = {"book_id": "book.id", "entry_id": "entry.id"}
    INDEXES = (("book_id", "id"),)

    id: int = big(key=True)
    book_id: int = big()
    entry_id: int = big()
    topic: str = text()
    body: str = text()
