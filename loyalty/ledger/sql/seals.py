"""
Sealing a book: on SQLite as each transaction ends, on PostgreSQL by one sealer over what no writer can join any more.

PostgreSQL's writers do not wait for each other, so their entries have no order until all of them have ended. The
sealer takes those of transactions older than every open one, in order of (transaction number, entry id).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, literal_column, select, tuple_

from loyalty.errors import StoreError
from loyalty.ledger.sealing import Head, Seal, seal_after
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.locks import lock_number
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler, Record, Runner

#: How many entries one seal holds at most, so that none is too large to read.
SEAL_SIZE: Final = 10_000

#: The transaction number in the place of a seal that an epoch begins with: none has it on PostgreSQL, all on SQLite.
ADOPTED_XID: Final = 0

#: An entry where it stands in the chain: transaction number, id, content hash.
Link = tuple[int, int, bytes]


def seal_written(runner: Runner, names: Names, ids: Ids, hashes: Sequence[tuple[int, bytes]], sealed_at: int) -> None:
    """Seal what a transaction of SQLite wrote, which nothing can have come before."""
    chain = ChainEnd.read(runner, names)
    if chain.last_id is not None:
        ids.know_last(runner.schema.seal, chain.last_id)
    for start in range(0, len(hashes), SEAL_SIZE):
        chain.add(runner, names, ids, [(0, *link) for link in hashes[start : start + SEAL_SIZE]], sealed_at)


def seal_settled(runner: Runner, names: Names, ids: Ids, sealed_at: int) -> int:
    """
    Seal what can be sealed on PostgreSQL.

    Returns:
        How many entries were sealed.

    Raises:
        StoreError: transactions are numbered from anew, as after a dump and restore.
    """
    lock_sealer(runner, names)
    chain = ChainEnd.read(runner, names)
    if runner.number(_next_xid) <= chain.place[0]:
        raise StoreError(
            f"the last seal of book {names.book!r} is of transaction {chain.place[0]}, and this server counts from "
            "below that: the book was restored from a dump; begin a new epoch with loyalty ledger seal --new-epoch"
        )
    return seal_links(runner, names, ids, chain, chain.unsealed(runner, names, _settled), sealed_at)


def seal_links(
    runner: Runner, names: Names, ids: Ids, chain: ChainEnd, pages: Iterable[Sequence[Link]], sealed_at: int
) -> int:
    """Seal entries in the order in which they come, and give how many they were."""
    count = 0
    for page in pages:
        chain.add(runner, names, ids, page, sealed_at)
        count += len(page)
    return count


def lock_sealer(runner: Runner, names: Names) -> None:
    """Wait for whoever seals the book, and keep others from it until the transaction ends."""
    runner.rows(_lock_sealer, number=lock_number(names.book, "seal"))


class ChainEnd:
    """
    Where the chain of a book ends, and how it goes on.

    Attributes:
        head: The last seal's, or None.
        epoch: The epoch that it is of.
        place: The (transaction number, entry id) up to which entries of the epoch are sealed.
        first_id: Entries of the epoch have larger ids.
        last_id: The largest id of a seal of any book, where it was read along (SQLite).
    """

    def __init__(
        self, head: Head | None, epoch: int, place: tuple[int, int], first_id: int, last_id: int | None = None
    ) -> None:
        self.head = head
        self.epoch = epoch
        self.place = place
        self.first_id = first_id
        self.last_id = last_id

    @classmethod
    def read(cls, runner: Runner, names: Names) -> ChainEnd:
        """Find the end of the chain."""
        row = runner.first(_last_seal, book=names.book_id)
        if row is None:
            return cls(None, 1, (-1, -1), -1)
        first_id = -1
        if row.epoch > 1:
            first_id = runner.number(_first_id, book=names.book_id, epoch=row.epoch)
        head, place = Head(row.number, row.root_hash), (row.last_xid, row.last_entry_id)
        return cls(head, row.epoch, place, first_id, getattr(row, "last_id", None))

    def unsealed(self, runner: Runner, names: Names, writer: Any) -> Iterator[Sequence[Link]]:
        """Give the entries behind the place, in order, as many at a time as one seal holds."""
        xid, entry = self.place
        return runner.stream(writer, SEAL_SIZE, book=names.book_id, first=self.first_id, xid=xid, entry=entry)

    def add(
        self,
        runner: Runner,
        names: Names,
        ids: Ids,
        links: Sequence[Link],
        sealed_at: int,
        place: tuple[int, int] | None = None,
    ) -> None:
        """Write the next seal, over some entries and up to the last of them, or to *place*."""
        self.place = place or links[-1][:2]
        leaves = b"".join([link[2] for link in links])
        seal = seal_after(self.head, epoch=self.epoch, last=self.place, leaves=leaves, sealed_at=sealed_at)
        (id,) = ids.take(runner, runner.schema.seal, 1)
        row = (id, names.book_id, seal.number, seal.epoch, *seal.last, seal.leaves, seal.root_hash, sealed_at)
        runner.insert(runner.schema.seal, [row])
        self.head = seal.head


class Seals:
    """The part of a transaction that reads the chain of seals."""

    runner: Runner
    names: Names

    def seals(self) -> Iterator[Seal]:
        """Give the seals of the book, in order."""
        after = 0
        while rows := self.runner.rows(_seals, book=self.names.book_id, after=after, size=20):
            after = rows[-1].number
            yield from map(_to_seal, rows)

    def head(self) -> Head | None:
        """Give the newest link of the chain, to be kept outside; None before the first seal."""
        return ChainEnd.read(self.runner, self.names).head


def unsealed_links(compiler: Compiler) -> Select[Any]:
    """Write the query for the entries behind a place of the chain, whoever is writing."""
    entry = compiler.schema.entry
    behind = tuple_(entry.c.xid, entry.c.id) > tuple_(bindparam("xid", type_=BIG), bindparam("entry", type_=BIG))
    return (
        select(entry.c.xid, entry.c.id, entry.c.content_hash)
        # The transaction number stands alone as well, for an index of it that a host may have made.
        .where(entry.c.book_id == bindparam("book"), entry.c.id > bindparam("first", type_=BIG))
        .where(entry.c.xid >= bindparam("xid", type_=BIG), behind)
        .order_by(entry.c.xid, entry.c.id)
    )


def _settled(compiler: Compiler) -> Select[Any]:
    # Every transaction below this number has ended, and none that begins later gets a number below it.
    oldest_open = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BIG)
    return unsealed_links(compiler).where(compiler.schema.entry.c.xid < oldest_open)


def _to_seal(row: Record) -> Seal:
    return Seal(
        number=row.number,
        epoch=row.epoch,
        last=(row.last_xid, row.last_entry_id),
        leaves=row.leaves,
        sealed_at=row.sealed_at,
        root_hash=row.root_hash,
    )


def _last_seal(compiler: Compiler) -> Select[Any]:
    seal = compiler.schema.seal
    columns: list[Any] = [seal.c.number, seal.c.epoch, seal.c.root_hash, seal.c.last_xid, seal.c.last_entry_id]
    if compiler.on_sqlite:
        columns.append(select(func.max(seal.c.id)).scalar_subquery().label("last_id"))
    return select(*columns).where(seal.c.book_id == bindparam("book")).order_by(seal.c.number.desc()).limit(1)


def _first_id(compiler: Compiler) -> Select[Any]:
    seal = compiler.schema.seal
    return select(func.max(seal.c.last_entry_id)).where(
        seal.c.book_id == bindparam("book"),
        seal.c.epoch == bindparam("epoch"),
        seal.c.last_xid == literal_column(str(ADOPTED_XID)),
    )


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


def _next_xid(_compiler: Compiler) -> Select[Any]:
    return select(literal_column("pg_snapshot_xmax(pg_current_snapshot())::text::bigint", BIG))
