"""The texts of the declarations that a book was settled under, each written once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select

from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.statements import Compiler, Runner
from loyalty.ledger.store import Declaration


class Declarations:
    """The part of a transaction that keeps declarations."""

    runner: Runner
    names: Names
    ids: Ids

    def declare(self, declarations: Sequence[Declaration], *, recorded_at: int) -> None:
        """Keep the declarations that the book does not have yet; of those that it has nothing changes."""
        declared = self.names.declared
        for declaration in declarations:
            if declaration.digest not in declared:
                break
        else:
            return
        self.runner.require_writable()
        declared |= {row.digest for row in self.runner.rows(_digests, book=self.names.book_id)}
        new = sorted((one for one in declarations if one.digest not in declared), key=lambda one: one.digest)
        if new:
            revision, book_id = self.runner.schema.revision, self.names.book_id
            ids = self.ids.take(self.runner, revision, len(new))
            rows = [
                (id, book_id, one.digest, one.first_day, one.after, one.text, recorded_at)
                for id, one in zip(ids, new, strict=True)
            ]
            # Another writer may have the same to keep; the first one's stays.
            self.runner.insert(revision, rows, new=False)
            declared |= {one.digest for one in new}

    def declarations(self) -> Sequence[Declaration]:
        """Give the declarations that the book keeps, in order of their digests."""
        rows = self.runner.rows(_declarations, book=self.names.book_id)
        return tuple(Declaration(row.digest, row.first_day, row.text, row.after, row.recorded_at) for row in rows)


def _digests(compiler: Compiler) -> Select[Any]:
    revision = compiler.schema.revision
    return select(revision.c.digest).where(revision.c.book_id == bindparam("book"))


def _declarations(compiler: Compiler) -> Select[Any]:
    revision = compiler.schema.revision
    return (
        select(revision.c.digest, revision.c.first_day, revision.c.after, revision.c.text, revision.c.recorded_at)
        .where(revision.c.book_id == bindparam("book"))
        .order_by(revision.c.digest)
    )
