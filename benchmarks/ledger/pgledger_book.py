"""
pgledger's side: transfers by its function, an array of them a call, prepared before the clock runs.

pgledger is SQL that runs in the database. None of it is kept here: whoever wants the figure names a checkout or a file.
It keeps balances, versions and a balance after each leg, and has no keys, lots or digests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from sqlalchemy import URL

from benchmarks.ledger.databases import Missing, libpq
from benchmarks.ledger.sides import Totals
from benchmarks.ledger.workload import ACCOUNTS, Award, batches

#: What names the file where the command line does not.
VARIABLE = "LOYALTY_PGLEDGER_SQL"

_CREATE = "SELECT id FROM pgledger_create_account('account-' || %s::text, 'PTS')"
_TRANSFER = """
SELECT count(*) FROM pgledger_create_transfers((
    SELECT array_agg((giver, taker, amount)::transfer_request)
    FROM unnest(%s::text[], %s::text[], %s::numeric[]) AS wanted (giver, taker, amount)
))
"""


def sources(given: str | None) -> list[str]:
    """
    Read what is to be run in an empty database: pgledger's file, and before it those that it needs.

    Args:
        given: A checkout or the file in one; the environment's by default.

    Raises:
        Missing: no path was given, or the file is not there.
    """
    named = given or os.environ.get(VARIABLE)
    if not named:
        raise Missing(
            f"no path to pgledger: give --pgledger FOLDER or set {VARIABLE} to a checkout of github.com/pgr0ss/pgledger"
        )
    path = Path(named)
    file = path / "pgledger.sql" if path.is_dir() else path
    if not file.is_file():
        raise Missing(f"there is no file {file}")
    vendored = sorted((file.parent / "vendor" / "scoville-pgsql-ulid").glob("*.sql"))
    return [part.read_text(encoding="utf-8") for part in [*vendored, file]]


class PgledgerBook:
    """
    pgledger in an empty database.

    Args:
        url: Where the database is.
        scripts: What :func:`sources` gave.
    """

    def __init__(self, url: URL, scripts: Sequence[str]) -> None:
        with psycopg.connect(libpq(url)) as connection:
            for script in scripts:
                connection.execute(script)
        self._connection = psycopg.connect(libpq(url), autocommit=True, prepare_threshold=0)
        with self._connection.transaction():
            found = [self._connection.execute(_CREATE, [number]).fetchone() for number in range(ACCOUNTS + 1)]
        self._ids: list[str] = [row[0] for row in found if row is not None]

    def prepare(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:
        """Arrange the arrays of some awards, and give the call that posts them."""
        ids = self._ids
        prepared = [
            ([ids[0]] * len(part), [ids[award.account] for award in part], [award.amount for award in part])
            for part in batches(awards, per_commit)
        ]
        cursor = self._connection.cursor()

        def post() -> None:
            for arrays in prepared:
                cursor.execute(_TRANSFER, arrays)

        return post

    def totals(self) -> Totals:
        """Say what was written."""
        numbers = {id: number for number, id in enumerate(self._ids)}
        execute = self._connection.execute
        rows = execute("SELECT id, balance FROM pgledger_accounts WHERE balance <> 0").fetchall()
        counts = execute("SELECT (SELECT count(*) FROM pgledger_transfers), (SELECT count(*) FROM pgledger_entries)")
        ((entries, postings),) = counts.fetchall()
        return Totals(entries, postings, {numbers[id]: int(amount) for id, amount in rows if numbers[id]})

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
