"""The book's own row in tables: its clock, its lock and the chain of revisions that it is settled under."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from attrs import evolve

from loyalty.ledger.sql import fact_statements as ask
from loyalty.ledger.sql.facts import Book, Waiting
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.statements import Runner
from loyalty.ledger.store import Adoption, BookLock


class OwnRow:
    """The part of a transaction that keeps what is said of the whole book; each turn of it leaves a row for ever."""

    runner: Runner
    names: Names
    ids: Ids
    waiting: Waiting

    def locked_day(self) -> int | None:
        """Give the day through which the book is locked, or None."""
        return self._book().locked_day

    def locks(self) -> Sequence[BookLock]:
        """Give when the book was locked and unlocked, in order."""
        return tuple(
            BookLock(through_day=row.through_day, recorded_at=row.recorded_at, actor=row.actor, reason=row.reason)
            for row in self.runner.rows(ask.locks, book=self.names.book_id)
        )

    def add_lock(self, lock: BookLock) -> None:
        """Lock the book, or unlock it, from now on."""
        self.runner.require_writable()
        table = self.runner.schema.book_lock
        (id,) = self.ids.take(self.runner, table, 1)
        row = (id, self.names.book_id, lock.through_day, lock.recorded_at, lock.actor, lock.reason)
        self.runner.insert(table, [row])
        self._set(evolve(self._book(), locked_day=lock.through_day))

    def chain(self) -> str | None:
        """Give the digest of the chain of revisions that the book is settled under, or None before the first."""
        return self._book().chain

    def adoptions(self) -> Sequence[Adoption]:
        """Give the chains that the book took up, in order."""
        return tuple(
            Adoption(
                chain=row.chain,
                revisions=tuple((day, digest) for day, digest in orjson.loads(row.revisions)),
                recorded_at=row.recorded_at,
                actor=row.actor,
                reason=row.reason,
            )
            for row in self.runner.rows(ask.adoptions, book=self.names.book_id)
        )

    def adopt(self, adoption: Adoption) -> None:
        """Have the book settled under another chain of revisions from now on."""
        self.runner.require_writable()
        table = self.runner.schema.adoption
        (id,) = self.ids.take(self.runner, table, 1)
        revisions = orjson.dumps(adoption.revisions).decode()
        row = (
            id, self.names.book_id, adoption.chain, revisions, adoption.recorded_at, adoption.actor, adoption.reason,
        )  # fmt: skip
        self.runner.insert(table, [row])
        self._set(evolve(self._book(), chain=adoption.chain))

    def _book(self) -> Book:
        known = self.waiting.books
        if not known:
            row = self.runner.first(ask.book, book=self.names.book_id)
            known.append(Book() if row is None else Book(row.clock_day, row.locked_day, row.chain))
        return known[0]

    def _set(self, book: Book) -> None:
        self.runner.require_writable()
        self.runner.write(
            ask.set_book,
            [{"book": self.names.book_id, "clock": book.clock_day, "locked": book.locked_day, "digest": book.chain}],
        )
        self.waiting.books = [book]
