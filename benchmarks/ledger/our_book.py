"""
Our side: a book in a database, through the same calls as any host's.

Each award is an entry with a key, a cause, a lot that expires, and its digest; triggers, constraints and whatever else
the tables have stay on. Where the floor's rows are made before the clock runs, so are our entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, func, select

from benchmarks.ledger.sides import Totals
from benchmarks.ledger.workload import Award, batches
from loyalty.core.holders import Holder
from loyalty.ledger.entries import Account, Entry, EntryKind, Posting
from loyalty.ledger.sql import DEFAULT_PREFIX, Schema, SqlStore, create_tables, sqlite_engine

_ASSET = "points"
_DAY_US = 86_400_000_000

#: From the day of the award to the start of the day on which points expire that are usable for 365 days.
_LOT_DAYS = 366
_ISSUED = Account(None, "issued")


def entry_of(award: Award) -> Entry:
    """Write an award as the entry that settling an event would give."""
    cause = f"/D-{award.number}"
    partner = Account.of(Holder.partner(f"P{award.account:05}"), "available")
    expires_day = award.at // _DAY_US + _LOT_DAYS
    return Entry(
        key=f"event:{cause}",
        kind=EntryKind.EVENT,
        cause=cause,
        effective_at=award.at,
        recorded_at=award.at,
        revision="benchmark",
        postings=(
            Posting(_ISSUED, _ASSET, -award.amount, rule="deal-base", cause=cause),
            Posting(partner, _ASSET, award.amount, lot_day=expires_day, rule="deal-base", cause=cause),
        ),
    )


class OurBook:
    """
    A store on an engine of its own.

    Args:
        engine: Where the tables are.
        built_before: Whether entries are built before the clock runs, as the floor's rows are, or while it runs, as
            the objects of other libraries are.
    """

    def __init__(self, engine: Engine, *, built_before: bool = True) -> None:
        self._engine = engine
        self._store = SqlStore(engine)
        self._built_before = built_before

    @classmethod
    def in_file(cls, path: Path, *, synchronous: str) -> OurBook:
        """Make a book in a file of its own."""
        engine = file_engine(path, synchronous=synchronous)
        create_tables(engine)
        return cls(engine)

    @classmethod
    def on_server(cls, url: URL, *, built_before: bool = True) -> OurBook:
        """Make a book in an empty database."""
        book = cls.joined(url)
        create_tables(book._engine)
        book._built_before = built_before
        return book

    @classmethod
    def joined(cls, url: URL) -> OurBook:
        """Give the book that stands in a database."""
        return cls(server_engine(url))

    def prepare(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:
        """Arrange some awards, and give the call that posts them."""
        store = self._store
        parts: list[Sequence[Any]] = list(batches(awards, per_commit))
        if self._built_before:
            parts = [[entry_of(award) for award in part] for part in parts]

            def post() -> None:
                for entries in parts:
                    with store.transaction() as book:
                        book.post(entries)
        else:

            def post() -> None:
                for part in parts:
                    with store.transaction() as book:
                        book.post([entry_of(award) for award in part])

        return post

    def totals(self) -> Totals:
        """Say what was written."""
        schema = Schema.of(DEFAULT_PREFIX)
        with self._engine.connect() as connection:
            entries, postings = (
                int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for table in (schema.entry, schema.posting)
            )
        with self._store.transaction(read_only=True) as book:
            trial = book.trial_balance()
        balances = {
            int(path.removeprefix("partner:P").removesuffix("/available")): amount
            for (path, _), amount in trial.items()
            if path.startswith("partner:")
        }
        return Totals(entries, postings, balances)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def file_engine(path: Path, *, synchronous: str) -> Engine:
    """Make the engine that the library offers for a file of its own, with the floor's way to wait for the disk."""
    engine = sqlite_engine(path)

    @event.listens_for(engine, "connect")
    def _set(driver: Any, _record: Any) -> None:
        driver.execute(f"PRAGMA synchronous = {synchronous}")

    return engine


def server_engine(url: URL) -> Engine:
    """Make an engine as a host makes it, with nothing set."""
    return create_engine(url)
