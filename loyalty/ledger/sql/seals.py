"""
Sealing a book: on SQLite as each transaction ends, on PostgreSQL by one sealer over what no writer can join any more.

PostgreSQL's writers do not wait for each other, so their entries have no order until all of them have ended. The
sealer takes those of transactions older than every open one, in order of (transaction number, entry id).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, literal_column, select, tuple_

from loyalty.ledger.sealing import Head, Seal, seal_after
from loyalty.ledger.sql.facts import lock_number
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler, Record, Runner

#: How many entries one seal holds at most, so that none is too large to read.
SEAL_SIZE: Final = 10_000


def seal_written(runner: Runner, names: Names, ids: Ids, hashes: Sequence[tuple[int, bytes]], sealed_at: int) -> None:
    """Seal what a transaction of SQLite wrote, which nothing can have come before."""
    last = runner.first(_last_seal, book=names.book_id)
    seal = None if last is None else Head(last.number, last.root_hash)
    epoch = 1 if last is None else last.epoch
    for start in range(0, len(hashes), SEAL_SIZE):
        part = hashes[start : start + SEAL_SIZE]
        leaves = b"".join([leaf for _, leaf in part])
        made = seal_after(seal, epoch=epoch, last=(0, part[-1][0]), leaves=leaves)
        _write(runner, names, ids, made, sealed_at)
        seal = Head(made.number, made.root_hash)


def seal_settled(runner: Runner, names: Names, ids: Ids, sealed_at: int) -> int:
    """
    Seal what can be sealed on PostgreSQL.

    Returns:
        How many entries were sealed.
    """
    runner.rows(_lock_sealer, number=lock_number(names.book, "seal"))
    last = runner.first(_last_seal, book=names.book_id)
    seal = None if last is None else Head(last.number, last.root_hash)
    epoch, place = (1, (-1, -1)) if last is None else (last.epoch, (last.last_xid, last.last_entry_id))
    count = 0
    while rows := runner.rows(_unsealed, book=names.book_id, xid=place[0], entry=place[1], size=SEAL_SIZE):
        place = (rows[-1].xid, rows[-1].id)
        made = seal_after(seal, epoch=epoch, last=place, leaves=b"".join([row.content_hash for row in rows]))
        _write(runner, names, ids, made, sealed_at)
        seal = Head(made.number, made.root_hash)
        count += len(rows)
    return count


class Seals:
    """The part of a transaction that reads the chain of seals."""

    runner: Runner
    names: Names

    def seals(self) -> Iterator[Seal]:
        """Give the seals of the book, in order."""
        after = 0
        while rows := self.runner.rows(_seals, book=self.names.book_id, after=after, size=100):
            after = rows[-1].number
            yield from map(_to_seal, rows)


def _write(runner: Runner, names: Names, ids: Ids, seal: Seal, sealed_at: int) -> None:
    (id,) = ids.take(runner, runner.schema.seal, 1)
    row = (id, names.book_id, seal.number, seal.epoch, *seal.last, seal.leaves, seal.root_hash, sealed_at)
    runner.insert(runner.schema.seal, [row])


def _to_seal(row: Record) -> Seal:
    return Seal(
        number=row.number,
        epoch=row.epoch,
        last=(row.last_xid, row.last_entry_id),
        leaves=row.leaves,
        root_hash=row.root_hash,
    )


def _last_seal(compiler: Compiler) -> Select[Any]:
    seal = compiler.schema.seal
    columns = (seal.c.number, seal.c.epoch, seal.c.root_hash, seal.c.last_xid, seal.c.last_entry_id)
    return select(*columns).where(seal.c.book_id == bindparam("book")).order_by(seal.c.number.desc()).limit(1)


def _seals(compiler: Compiler) -> Select[Any]:
    seal = compiler.schema.seal
    return (
        select(seal)
        .where(seal.c.book_id == bindparam("book"), seal.c.number > bindparam("after"))
        .order_by(seal.c.number)
        .limit(bindparam("size"))
    )


def _lock_sealer(_compiler: Compiler) -> Select[Any]:
    return select(func.pg_advisory_xact_lock(bindparam("number", type_=BIG)))


def _unsealed(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    # Every transaction below this number has ended, and none that begins later gets a number below it.
    oldest_open = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BIG)
    behind = tuple_(entry.c.xid, entry.c.id) > tuple_(bindparam("xid", type_=BIG), bindparam("entry", type_=BIG))
    return (
        select(entry.c.xid, entry.c.id, entry.c.content_hash)
        .where(entry.c.book_id == bindparam("book"), behind, entry.c.xid < oldest_open)
        .order_by(entry.c.xid, entry.c.id)
        .limit(bindparam("size"))
    )
