"""
The floor on SQLite: what posting costs when it is written by hand for this one case.

An entry, its two postings and the upserted balances, in tables with primary keys, references, and an index that finds
an account's postings. There are no lots, no digests, no idempotency keys, no triggers and no checks of what balances;
rows are tuples that were made before the clock ran. Where many entries share a commit, the balances are summed before
and written once for each account of the batch.

Whoever writes these tables by hand has postings refer to their entry and account, and so does the floor. Our tables do
without these two references, since every id in a posting is the library's own; the leanest floor does too, and shows
what they cost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.ledger.sides import Totals
from benchmarks.ledger.workload import ACCOUNTS, Award, batches, changes

_TABLES = """
CREATE TABLE account (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, effective_at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
) STRICT;
CREATE TABLE posting (
    entry_id INTEGER NOT NULL, seq INTEGER NOT NULL,
    account_id INTEGER NOT NULL, amount INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (entry_id, seq){references}
) STRICT, WITHOUT ROWID;
CREATE INDEX posting_of_account ON posting (account_id, entry_id);
CREATE TABLE balance (account_id INTEGER PRIMARY KEY REFERENCES account (id), posted INTEGER NOT NULL) STRICT;
"""

_REFERENCES = ", FOREIGN KEY (entry_id) REFERENCES entry (id), FOREIGN KEY (account_id) REFERENCES account (id)"

_ENTRY = "INSERT INTO entry VALUES (?, ?, ?, ?)"
_POSTING = "INSERT INTO posting VALUES (?, ?, ?, ?)"
_TWO_POSTINGS = "INSERT INTO posting VALUES (?, ?, ?, ?), (?, ?, ?, ?)"
_UPSERT = "ON CONFLICT (account_id) DO UPDATE SET posted = posted + excluded.posted"
_BALANCE = f"INSERT INTO balance VALUES (?, ?) {_UPSERT}"
_TWO_BALANCES = f"INSERT INTO balance VALUES (?, ?), (?, ?) {_UPSERT}"


class SqliteFloor:
    """
    A file of its own, with the tables and every account in it.

    Args:
        path: The file, which is created.
        synchronous: ``FULL`` or ``NORMAL``.
        references: Whether postings refer to their entry and account.
    """

    def __init__(self, path: Path, *, synchronous: str, references: bool = True) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {synchronous}")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_TABLES.format(references=_REFERENCES if references else ""))
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            accounts = ((number, f"account-{number}") for number in range(ACCOUNTS + 1))
            self._connection.executemany("INSERT INTO account VALUES (?, ?)", accounts)

    def prepare(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:
        """Arrange the rows of some awards, and give the call that writes them."""
        return self._single(awards) if per_commit == 1 else self._batched(awards, per_commit)

    def totals(self) -> Totals:
        """Say what was written."""
        rows = self._connection.execute("SELECT account_id, posted FROM balance WHERE account_id <> 0")
        (entries,) = self._connection.execute("SELECT count(*) FROM entry").fetchone()
        (postings,) = self._connection.execute("SELECT count(*) FROM posting").fetchone()
        return Totals(entries, postings, dict(rows))

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _batched(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:
        prepared = []
        for batch in batches(awards, per_commit):
            entries = [(award.number, "event", award.at, award.at) for award in batch]
            postings = []
            for award in batch:
                postings.append((award.number, 0, 0, -award.amount))
                postings.append((award.number, 1, award.account, award.amount))
            prepared.append((entries, postings, changes(batch)))
        connection = self._connection

        def write() -> None:
            for entries, postings, balances in prepared:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_ENTRY, entries)
                connection.executemany(_POSTING, postings)
                connection.executemany(_BALANCE, balances)
                connection.execute("COMMIT")

        return write

    def _single(self, awards: Sequence[Award]) -> Callable[[], None]:
        prepared = [
            (
                (award.number, "event", award.at, award.at),
                (award.number, 0, 0, -award.amount, award.number, 1, award.account, award.amount),
                (0, -award.amount, award.account, award.amount),
            )
            for award in awards
        ]
        execute = self._connection.execute

        def write() -> None:
            for entry, postings, balances in prepared:
                execute("BEGIN IMMEDIATE")
                execute(_ENTRY, entry)
                execute(_TWO_POSTINGS, postings)
                execute(_TWO_BALANCES, balances)
                execute("COMMIT")

        return write
