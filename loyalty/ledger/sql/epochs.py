"""
The new epoch that a restore begins.

PostgreSQL's transactions are numbered by the server. A dump that is restored keeps the numbers in its rows, and the
server that it is restored on counts its own, often from below them: entries that are posted then would come before
what is sealed already. An epoch ends that: its ordinary seals cover the entries with larger ids than all that stood in
the book when it began, in order of the new numbers. Before that whatever the old numbers left unsealed is sealed: first
what comes behind the last seal, then, as the beginning of the new epoch, what was posted between the restore and now.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, TextClause, bindparam, func, select, text

from loyalty.errors import StoreError
from loyalty.ledger.sealing import HASH_SIZE
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.seals import (
    ADOPTED_XID,
    SEAL_SIZE,
    ChainEnd,
    Link,
    lock_sealer,
    seal_links,
    unsealed_links,
)
from loyalty.ledger.sql.statements import Compiler, Runner


def begin_epoch(runner: Runner, names: Names, ids: Ids, sealed_at: int) -> int:
    """
    Seal every entry that there is, and begin a new epoch behind them. Writers wait until the transaction ends.

    Returns:
        How many entries were sealed.

    Raises:
        StoreError: the database is SQLite's, whose files carry their order with them.
    """
    if runner.compiler.on_sqlite:
        raise StoreError("a book on SQLite has one epoch: its file carries the order of its entries wherever it goes")
    runner.write(_lock_entries, [{}])
    lock_sealer(runner, names)
    chain = ChainEnd.read(runner, names)
    sealed = seal_links(runner, names, ids, chain, chain.unsealed(runner, names, unsealed_links), sealed_at)
    left_over = sorted(_left_over(runner, names), key=lambda link: link[1])
    last_id = runner.number(_last_id, book=names.book_id)
    chain.epoch += 1
    for start in range(0, max(len(left_over), 1), SEAL_SIZE):
        part = left_over[start : start + SEAL_SIZE]
        end = part[-1][1] if start + SEAL_SIZE < len(left_over) else last_id
        chain.add(runner, names, ids, part, sealed_at, place=(ADOPTED_XID, end))
    return sealed + len(left_over)


def _left_over(runner: Runner, names: Names) -> list[Link]:
    """Give the entries that are in no seal, wherever they stand."""
    book = names.book_id
    if runner.number(_count, book=book) == runner.number(_leaves_length, book=book) // HASH_SIZE:
        return []
    sealed: set[bytes] = set()
    for page in runner.stream(_leaves, 20, book=book):
        for (held,) in page:
            sealed.update(held[start : start + HASH_SIZE] for start in range(0, len(held), HASH_SIZE))
    everything = ChainEnd(None, 1, (-1, -1), -1).unsealed(runner, names, unsealed_links)
    return [link for page in everything for link in page if link[2] not in sealed]


def _lock_entries(compiler: Compiler) -> TextClause:
    place = compiler.dialect.identifier_preparer.format_table(compiler.schema.entry)
    return text(f"LOCK TABLE {place} IN SHARE ROW EXCLUSIVE MODE")


def _last_id(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(func.max(entry.c.id)).where(entry.c.book_id == bindparam("book"))


def _count(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(func.count()).where(entry.c.book_id == bindparam("book"))


def _leaves_length(compiler: Compiler) -> Select[Any]:
    seal = compiler.schema.seal
    return select(func.sum(func.length(seal.c.leaves))).where(seal.c.book_id == bindparam("book"))


def _leaves(compiler: Compiler) -> Select[Any]:
    seal = compiler.schema.seal
    return select(seal.c.leaves).where(seal.c.book_id == bindparam("book"))
