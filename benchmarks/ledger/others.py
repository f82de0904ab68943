"""
Posting against other ledgers, on the same server, each side in a process of its own.

A side makes its objects and posts them while the clock runs, as a host would; only pgledger, which has no objects, and
our side against it get what was prepared before.
"""

from __future__ import annotations

from functools import partial

from benchmarks.harness import Figure
from benchmarks.ledger.accounting_book import AccountingBook
from benchmarks.ledger.clients import Clients
from benchmarks.ledger.databases import Databases, require
from benchmarks.ledger.hordak_book import HordakBook
from benchmarks.ledger.our_book import OurBook
from benchmarks.ledger.pgledger_book import PgledgerBook, sources
from benchmarks.ledger.rounds import in_turn
from benchmarks.ledger.workload import BATCH

HORDAK_COUNT = 4_000
HORDAK_ROUNDS = 5
PGLEDGER_COUNT = 4_000
PGLEDGER_ROUNDS = 5
ACCOUNTING_COUNT = 100
ACCOUNTING_ROUNDS = 3

_OURS = "building entries and posting them through SqlStore"

#: python-accounting opens accounts as slowly as it posts.
ACCOUNTING_ACCOUNTS = 100


def vs_hordak(databases: Databases) -> Figure:
    """Take 1,000 entries a commit against ``bulk_create`` of django-hordak."""
    require("django", "hordak")
    join_ours = partial(OurBook.on_server, databases.database(), built_before=False)
    join_theirs = partial(HordakBook, databases.database())
    return in_turn(
        "vs_hordak",
        Clients(join_ours, 1),
        Clients(join_theirs, 1),
        count=HORDAK_COUNT,
        per_commit=BATCH,
        rounds=HORDAK_ROUNDS,
        of=_OURS,
        against="bulk_create of django-hordak's transactions and legs",
        least_ratio=4,
    )


def vs_python_accounting(databases: Databases) -> Figure:
    """Take entries one by one against journal entries of python-accounting."""
    require("python_accounting", extra="bench-accounting")
    join_ours = partial(OurBook.on_server, databases.database(), built_before=False)
    join_theirs = partial(AccountingBook, databases.database(), ACCOUNTING_ACCOUNTS)
    return in_turn(
        "vs_python_accounting",
        Clients(join_ours, 1),
        Clients(join_theirs, 1),
        count=ACCOUNTING_COUNT,
        per_commit=1,
        rounds=ACCOUNTING_ROUNDS,
        accounts=ACCOUNTING_ACCOUNTS,
        of=_OURS,
        against="journal entries of python-accounting",
    )


def vs_pgledger(databases: Databases) -> Figure:
    """Take 1,000 entries a commit against pgledger's function for many transfers."""
    scripts = sources(databases.pgledger)
    join_ours = partial(OurBook.on_server, databases.database())
    join_theirs = partial(PgledgerBook, databases.database(), scripts)
    return in_turn(
        "vs_pgledger",
        Clients(join_ours, 1),
        Clients(join_theirs, 1),
        count=PGLEDGER_COUNT,
        per_commit=BATCH,
        rounds=PGLEDGER_ROUNDS,
        of="posting entries that were built before through SqlStore",
        against="pgledger_create_transfers",
        least_ratio=3,
    )
