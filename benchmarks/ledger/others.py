"""
Posting against other ledgers, on the same server, each side in a process of its own.

A side makes its objects and posts them while the clock runs, as a host would; only pgledger, which has no objects, and
our side against it get what was prepared before.
"""

from __future__ import annotations

import time
from functools import partial

from benchmarks.harness import Figure, compare
from benchmarks.ledger.accounting_book import AccountingBook
from benchmarks.ledger.clients import Clients
from benchmarks.ledger.databases import Databases, require
from benchmarks.ledger.hordak_book import HordakBook
from benchmarks.ledger.our_book import OurBook
from benchmarks.ledger.pgledger_book import PgledgerBook, sources
from benchmarks.ledger.sides import Feed, Side, open_books, require_equal
from benchmarks.ledger.workload import ACCOUNTS, BATCH

HORDAK_COUNT = 4_000
HORDAK_ROUNDS = 5
PGLEDGER_COUNT = 4_000
PGLEDGER_ROUNDS = 5
ACCOUNTING_COUNT = 100
ACCOUNTING_ROUNDS = 3

#: python-accounting opens accounts as slowly as it posts.
ACCOUNTING_ACCOUNTS = 100


def vs_hordak(databases: Databases) -> Figure:
    """Take 1,000 entries a commit against ``bulk_create`` of django-hordak."""
    require("django", "hordak")
    join_ours = partial(OurBook.on_server, databases.database(), built_before=False)
    join_theirs = partial(HordakBook, databases.database())
    return _take(
        "vs_hordak",
        Clients(join_ours, 1),
        Clients(join_theirs, 1),
        count=HORDAK_COUNT,
        per_commit=BATCH,
        rounds=HORDAK_ROUNDS,
        against="bulk_create of django-hordak's transactions and legs",
        least_ratio=4,
    )


def vs_python_accounting(databases: Databases) -> Figure:
    """Take entries one by one against journal entries of python-accounting."""
    require("python_accounting")
    join_ours = partial(OurBook.on_server, databases.database(), built_before=False)
    join_theirs = partial(AccountingBook, databases.database(), ACCOUNTING_ACCOUNTS)
    return _take(
        "vs_python_accounting",
        Clients(join_ours, 1),
        Clients(join_theirs, 1),
        count=ACCOUNTING_COUNT,
        per_commit=1,
        rounds=ACCOUNTING_ROUNDS,
        accounts=ACCOUNTING_ACCOUNTS,
        against="journal entries of python-accounting",
    )


def vs_pgledger(databases: Databases) -> Figure:
    """Take 1,000 entries a commit against pgledger's function for many transfers."""
    scripts = sources(databases.pgledger)
    join_ours = partial(OurBook.on_server, databases.database())
    join_theirs = partial(PgledgerBook, databases.database(), scripts)
    return _take(
        "vs_pgledger",
        Clients(join_ours, 1),
        Clients(join_theirs, 1),
        count=PGLEDGER_COUNT,
        per_commit=BATCH,
        rounds=PGLEDGER_ROUNDS,
        against="pgledger_create_transfers",
        least_ratio=3,
    )


def _take(
    name: str,
    ours: Side,
    theirs: Side,
    *,
    count: int,
    per_commit: int,
    rounds: int,
    against: str,
    accounts: int = ACCOUNTS,
    least_ratio: float | None = None,
) -> Figure:
    sides = (ours, theirs)
    try:
        open_books(sides, accounts)
        feeds = [Feed(side, count, per_commit, accounts) for side in sides]
        figure = compare(
            name,
            count,
            feeds[0].next,
            feeds[1].next,
            unit="entries/s",
            rounds=rounds,
            clock=time.perf_counter,
            of=f"posting entries through SqlStore, {per_commit:,} a commit",
            against=against,
            least_ratio=least_ratio,
        )
        require_equal(sides)
        return figure
    finally:
        for side in sides:
            side.close()
