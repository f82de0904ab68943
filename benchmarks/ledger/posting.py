"""Posting prepared entries against the floor, on both databases, in batches and one by one."""

from __future__ import annotations

from functools import partial

from attrs import frozen

from benchmarks.harness import Figure
from benchmarks.ledger import postgres_floor
from benchmarks.ledger.clients import Clients
from benchmarks.ledger.databases import Databases
from benchmarks.ledger.our_book import OurBook
from benchmarks.ledger.postgres_floor import PostgresFloor
from benchmarks.ledger.rounds import in_turn
from benchmarks.ledger.sides import Side
from benchmarks.ledger.sqlite_floor import SqliteFloor
from benchmarks.ledger.workload import BATCH

#: What the floor is, in words.
FLOOR = "SQL written by hand that writes an entry, two postings and the balances"

#: The same with tables that refer to nothing more than ours do.
LEAN_FLOOR = f"{FLOOR}, whose postings refer to no other table"

#: How many clients post at once where there is more than one.
CLIENTS = 4


@frozen
class Size:
    """
    How much is posted.

    Attributes:
        count: Entries in a round.
        rounds: How many rounds are counted.
    """

    count: int
    rounds: int


SQLITE_BATCH = Size(20_000, 7)
SQLITE_SINGLE = Size(4_000, 7)
POSTGRES_BATCH = Size(20_000, 7)
POSTGRES_SINGLE = Size(1_500, 7)
POSTGRES_CLIENTS = Size(40_000, 5)


def sqlite_batch(databases: Databases) -> Figure:
    """Take 1,000 entries a commit, each commit on the disk before the next begins."""
    ours = OurBook.in_file(databases.file(), synchronous="FULL")
    floor = SqliteFloor(databases.file(), synchronous="FULL")
    return _take("sqlite_batch", ours, floor, SQLITE_BATCH, BATCH, 0.55)


def sqlite_batch_lean(databases: Databases) -> Figure:
    """Take the same against the leanest floor."""
    ours = OurBook.in_file(databases.file(), synchronous="FULL")
    floor = SqliteFloor(databases.file(), synchronous="FULL", references=False)
    return _take("sqlite_batch_lean", ours, floor, SQLITE_BATCH, BATCH, against=LEAN_FLOOR)


def sqlite_single(databases: Databases) -> Figure:
    """Take a commit for each entry, on the disk at the latest with the next checkpoint."""
    ours = OurBook.in_file(databases.file(), synchronous="NORMAL")
    floor = SqliteFloor(databases.file(), synchronous="NORMAL")
    return _take("sqlite_single", ours, floor, SQLITE_SINGLE, 1, 0.40)


def pg_batch(databases: Databases) -> Figure:
    """Take 1,000 entries a commit of one client."""
    url = databases.database()
    postgres_floor.create(url)
    ours = OurBook.on_server(databases.database())
    return _take("pg_batch", ours, PostgresFloor(url), POSTGRES_BATCH, BATCH, 0.75)


def pg_batch_lean(databases: Databases) -> Figure:
    """Take the same against the leanest floor."""
    url = databases.database()
    postgres_floor.create(url, references=False)
    ours = OurBook.on_server(databases.database())
    return _take("pg_batch_lean", ours, PostgresFloor(url), POSTGRES_BATCH, BATCH, against=LEAN_FLOOR)


def pg_single(databases: Databases) -> Figure:
    """Take a commit for each entry of one client."""
    url = databases.database()
    postgres_floor.create(url)
    ours = OurBook.on_server(databases.database())
    return _take("pg_single", ours, PostgresFloor(url), POSTGRES_SINGLE, 1, 0.65)


def pg_batch_4_hot(databases: Databases) -> Figure:
    """Take 1,000 entries a commit of four clients, all of whose entries have one account in common."""
    floor_url, our_url = databases.database(), databases.database()
    postgres_floor.create(floor_url)
    OurBook.on_server(our_url).close()
    ours = Clients(partial(OurBook.joined, our_url), CLIENTS)
    floor = Clients(partial(PostgresFloor, floor_url), CLIENTS)
    return _take("pg_batch_4_hot", ours, floor, POSTGRES_CLIENTS, BATCH, 0.65)


def _take(
    name: str,
    ours: Side,
    floor: Side,
    size: Size,
    per_commit: int,
    least_ratio: float | None = None,
    against: str = FLOOR,
) -> Figure:
    return in_turn(
        name,
        ours,
        floor,
        count=size.count,
        rounds=size.rounds,
        per_commit=per_commit,
        of=f"posting entries that were built before, {per_commit:,} a commit",
        against=against,
        least_ratio=least_ratio,
    )
