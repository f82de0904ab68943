"""
One page of a long statement: 100 lines with the balances before and after them, of a partner with 100,000 postings.

It is shown beside the two queries that a programmer would write for it, which give the same numbers.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Figure, compare
from benchmarks.ledger.databases import Databases
from benchmarks.ledger.our_book import OurBook, file_engine
from benchmarks.ledger.workload import BATCH, Award
from loyalty.core.holders import Holder
from loyalty.ledger.entries import Account
from loyalty.ledger.sql import DEFAULT_PREFIX, SqlStore

POSTINGS = 100_000
LINES = 100
PAGES = 40
ROUNDS = 7

#: A page in 20 ms.
LEAST_RATE = 50

_PARTNER = 7
_PARTNER_HOLDER = Holder.partner(f"P{_PARTNER:05}")
_ACCOUNT = Account(_PARTNER_HOLDER, "available")

#: Opening balance, lines as (instant, amount, balance after it), closing balance.
Page = tuple[int, list[tuple[int, int, int]], int]

_PAGE = f"""
SELECT entry.effective_at, posting.amount, posting.balance_after
FROM {DEFAULT_PREFIX}posting AS posting JOIN {DEFAULT_PREFIX}entry AS entry ON entry.id = posting.entry_id
WHERE posting.account_id = ? AND posting.asset_id = ? AND posting.version > ?
ORDER BY posting.version LIMIT {LINES}
"""
_IDS = f"""
SELECT account.id, asset.id FROM {DEFAULT_PREFIX}account AS account, {DEFAULT_PREFIX}asset AS asset
WHERE account.path = ? AND asset.name = 'points'
"""


def statement_page(databases: Databases) -> Figure:
    """Take pages from places all over the statement."""
    path = databases.file()
    book = OurBook.in_file(path, synchronous="NORMAL")
    book.prepare([Award(number, _PARTNER, 1 + number % 500) for number in range(1, POSTINGS + 1)], BATCH)()
    book.close()
    starts = random.Random(20260101).sample(range(POSTINGS - LINES), PAGES)
    ours, by_hand = _our_pages(path, starts), _hand_written_pages(path, starts)
    if ours() != by_hand():
        raise AssertionError("a page of the statement differs from what its postings say")
    return compare(
        "statement_page",
        PAGES,
        lambda: ours,
        lambda: by_hand,
        unit="pages/s",
        rounds=ROUNDS,
        clock=time.perf_counter,
        of=f"a page of {LINES} lines with its balances, for a partner with {POSTINGS:,} postings",
        against="the query written by hand for it",
        least_rate=LEAST_RATE,
    )


def _our_pages(path: Path, starts: list[int]) -> Callable[[], list[Page]]:
    store = SqlStore(file_engine(path, synchronous="NORMAL"))

    def read() -> list[Page]:
        pages = []
        for start in starts:
            with store.transaction(read_only=True) as book:
                page = book.lines_as_posted(_PARTNER_HOLDER, "points", after={"available": start}, limit=LINES)
            lines = [(line.effective_at, line.amount, line.balance) for line in page.lines]
            pages.append((page.opening["available"] if start else 0, lines, page.closing["available"]))
        return pages

    return read


def _hand_written_pages(path: Path, starts: list[int]) -> Callable[[], list[Page]]:
    connection = sqlite3.connect(path)
    ids = connection.execute(_IDS, [_ACCOUNT.path]).fetchone()

    def read() -> list[Page]:
        pages = []
        for start in starts:
            lines: list[tuple[int, int, int]] = connection.execute(_PAGE, [*ids, start]).fetchall()
            _, amount, balance = lines[0]
            pages.append((balance - amount, lines, lines[-1][2]))
        return pages

    return read
