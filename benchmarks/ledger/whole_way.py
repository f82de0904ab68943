"""From an event to its posted entry and the partner's saved state, against the floor that only writes the entry."""

from __future__ import annotations

from benchmarks.harness import Figure
from benchmarks.ledger import postgres_floor
from benchmarks.ledger.databases import Databases
from benchmarks.ledger.event_book import EventBook
from benchmarks.ledger.postgres_floor import PostgresFloor
from benchmarks.ledger.posting import FLOOR
from benchmarks.ledger.rounds import in_turn
from benchmarks.ledger.sides import Side
from benchmarks.ledger.sqlite_floor import SqliteFloor
from benchmarks.ledger.workload import BATCH

COUNT = 10_000
ROUNDS = 5
LEAST_RATIO = 0.25


def engine_sqlite_batch(databases: Databases) -> Figure:
    """Take events into a file, 1,000 a commit, each commit on the disk before the next begins."""
    ours = EventBook.in_file(databases.file(), synchronous="FULL")
    return _take("engine_sqlite_batch", ours, SqliteFloor(databases.file(), synchronous="FULL"))


def engine_pg_batch(databases: Databases) -> Figure:
    """Take events into PostgreSQL, 1,000 a commit of one client."""
    url = databases.database()
    postgres_floor.create(url)
    return _take("engine_pg_batch", EventBook.on_server(databases.database()), PostgresFloor(url))


def _take(name: str, ours: Side, floor: Side) -> Figure:
    return in_turn(
        name,
        ours,
        floor,
        count=COUNT,
        rounds=ROUNDS,
        per_commit=BATCH,
        of=f"Engine.submit_many, {BATCH:,} a commit",
        against=FLOOR,
        least_ratio=LEAST_RATIO,
    )
