"""
The floor on PostgreSQL: what posting costs when it is written by hand for this one case.

The tables are those of :mod:`benchmarks.ledger.sqlite_floor`. Where many entries share a commit, entries and postings
go by COPY as text that was made before the clock ran, and the balances, summed before, by one upsert in the order of
the accounts. With a commit each, one statement locks and reads the two balances, and one with common table expressions
writes all the rows; both are prepared statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
from sqlalchemy import URL

from benchmarks.ledger.databases import libpq
from benchmarks.ledger.sides import Totals
from benchmarks.ledger.workload import ACCOUNTS, Award, batches, changes

_TABLES = """
CREATE TABLE account (id bigint PRIMARY KEY, path text NOT NULL UNIQUE);
CREATE TABLE entry (
    id bigint PRIMARY KEY, kind text NOT NULL, effective_at bigint NOT NULL, recorded_at bigint NOT NULL
);
CREATE TABLE posting (
    entry_id bigint NOT NULL, seq bigint NOT NULL,
    account_id bigint NOT NULL, amount bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (entry_id, seq){references}
);
CREATE INDEX posting_of_account ON posting (account_id, entry_id);
CREATE TABLE balance (account_id bigint PRIMARY KEY REFERENCES account (id), posted bigint NOT NULL);
INSERT INTO account SELECT number, 'account-' || number FROM generate_series(0, {accounts}) AS number;
"""

_REFERENCES = ", FOREIGN KEY (entry_id) REFERENCES entry (id), FOREIGN KEY (account_id) REFERENCES account (id)"

_COPY_ENTRIES = "COPY entry FROM STDIN"
_COPY_POSTINGS = "COPY posting FROM STDIN"
_BALANCES = """
INSERT INTO balance SELECT * FROM unnest(%s::bigint[], %s::bigint[])
ON CONFLICT (account_id) DO UPDATE SET posted = balance.posted + excluded.posted
"""
_LOCK = """
SELECT account_id, posted FROM balance WHERE account_id = ANY (%s) ORDER BY account_id FOR NO KEY UPDATE
"""
_WRITE = """
WITH new_entry AS (INSERT INTO entry VALUES (%(id)s, 'event', %(at)s, %(at)s)),
new_postings AS (
    INSERT INTO posting
    VALUES (%(id)s, 0, 0, -%(amount)s::bigint), (%(id)s, 1, %(account)s, %(amount)s::bigint)
)
INSERT INTO balance VALUES (0, -%(amount)s::bigint), (%(account)s, %(amount)s::bigint)
ON CONFLICT (account_id) DO UPDATE SET posted = balance.posted + excluded.posted
"""


def create(url: URL, *, references: bool = True) -> None:
    """Create the tables and every account in an empty database; *references* are those of postings."""
    with psycopg.connect(libpq(url)) as connection:
        connection.execute(_TABLES.format(references=_REFERENCES if references else "", accounts=ACCOUNTS))


class PostgresFloor:
    """
    A connection to the tables that :func:`create` made.

    Args:
        url: Where the database is.
    """

    def __init__(self, url: URL) -> None:
        self._connection = psycopg.connect(libpq(url), autocommit=True, prepare_threshold=0)

    def prepare(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:
        """Arrange the rows of some awards, and give the call that writes them."""
        return self._single(awards) if per_commit == 1 else self._batched(awards, per_commit)

    def totals(self) -> Totals:
        """Say what was written."""
        execute = self._connection.execute
        rows = execute("SELECT account_id, posted FROM balance WHERE account_id <> 0").fetchall()
        counts = execute("SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM posting)")
        ((entries, postings),) = counts.fetchall()
        return Totals(entries, postings, dict(rows))

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _batched(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:
        prepared = []
        for batch in batches(awards, per_commit):
            entries = "".join(f"{award.number}\tevent\t{award.at}\t{award.at}\n" for award in batch)
            postings = "".join(
                f"{award.number}\t0\t0\t{-award.amount}\n{award.number}\t1\t{award.account}\t{award.amount}\n"
                for award in batch
            )
            accounts, amounts = zip(*changes(batch), strict=True)
            prepared.append((entries.encode(), postings.encode(), (list(accounts), list(amounts))))
        cursor = self._connection.cursor()

        def write() -> None:
            for entries, postings, balances in prepared:
                cursor.execute("BEGIN")
                with cursor.copy(_COPY_ENTRIES) as copy:
                    copy.write(entries)
                with cursor.copy(_COPY_POSTINGS) as copy:
                    copy.write(postings)
                cursor.execute(_BALANCES, balances)
                cursor.execute("COMMIT")

        return write

    def _single(self, awards: Sequence[Award]) -> Callable[[], None]:
        prepared = [
            (
                ([0, award.account],),
                {"id": award.number, "at": award.at, "account": award.account, "amount": award.amount},
            )
            for award in awards
        ]
        cursor = self._connection.cursor()

        def write() -> None:
            for lock, rows in prepared:
                cursor.execute("BEGIN")
                cursor.execute(_LOCK, lock).fetchall()
                cursor.execute(_WRITE, rows)
                cursor.execute("COMMIT")

        return write
