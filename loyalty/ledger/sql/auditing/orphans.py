"""
Rows that refer to nothing: constraints of the database hold most of them, until somebody takes the constraints away.

Whose the rows are can no longer be told, so that every book of the database names them. What hangs on an entry or on a
holder's history is looked at with those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Column, Select, bindparam, func, literal_column, select

from loyalty.ledger.sql.auditing.reading import MOST_FINDINGS, Reader
from loyalty.ledger.sql.statements import Compiler

#: Every id lies above this below 0.
_FAR: Final = 1 << 62


def audit_orphans(reader: Reader) -> Iterator[str]:
    """Name rows whose book, holder, account or currency there is not."""
    schema = reader.runner.schema
    yield from _without_book(reader, _Rows("entry", "key"), "entries")
    yield from _without_book(reader, _Rows("event", "identity"), "events")
    for name in schema.rows:
        table = getattr(schema, name)
        for reference in sorted(table.foreign_keys, key=lambda one: one.parent.name):
            target = reference.column.table.name.removeprefix(schema.prefix)
            keys = [column.name for column in table.primary_key]
            for *key, value in reader.runner.plain(_Orphans(name, reference.parent.name)):
                which = ", ".join(f"{column} {part}" for column, part in zip(keys, key, strict=True))
                yield f"the row of {table.name} with {which} belongs to {_AN[target]} {value} that there is not"


_AN: Final = {"book": "a book", "asset": "an asset", "holder": "a holder", "account": "an account"}


def _without_book(reader: Reader, rows: _Rows, what: str) -> Iterator[str]:
    """Go from book to book by the index that begins with it, so that no row is read but those of no book."""
    runner = reader.runner
    book = runner.first(rows, after=-_FAR)
    while book is not None and book[0] is not None:
        if runner.first(_find_book, book=book[0]) is None:
            first = runner.first(_OfBook(rows.table, rows.name), book=book[0])
            count = runner.number(_Count(rows.table), book=book[0])
            named = "" if first is None else f", {first[0]} the first of them,"
            yield f"{what} of a book {book[0]} that there is not: {count}{named} stand in the database"
        book = runner.first(rows, after=book[0])


@frozen
class _Rows:
    """Writes the query for the next book that rows of a table say they are of."""

    table: str
    name: str

    def __call__(self, compiler: Compiler) -> Select[Any]:
        of_book = _column(compiler, self.table, "book_id")
        return select(func.min(of_book)).where(of_book > bindparam("after"))


@frozen
class _OfBook:
    """Writes the query for the name of the first row of a book."""

    table: str
    name: str

    def __call__(self, compiler: Compiler) -> Select[Any]:
        of_book, id = _column(compiler, self.table, "book_id"), _column(compiler, self.table, "id")
        named = select(_column(compiler, self.table, self.name))
        return named.where(of_book == bindparam("book")).order_by(id).limit(literal_column("1"))


@frozen
class _Count:
    """Writes the query for how many rows a book has."""

    table: str

    def __call__(self, compiler: Compiler) -> Select[Any]:
        of_book = _column(compiler, self.table, "book_id")
        return select(func.count(of_book)).where(of_book == bindparam("book"))


@frozen
class _Orphans:
    """Writes the query for rows whose column refers to a row that there is not."""

    table: str
    column: str

    def __call__(self, compiler: Compiler) -> Select[Any]:
        column = _column(compiler, self.table, self.column)
        (reference,) = column.foreign_keys
        target = reference.column
        found = select(*column.table.primary_key, column).outerjoin(target.table, target == column)
        missing = found.where(target.is_(None), column.is_not(None))
        return missing.order_by(*column.table.primary_key).limit(literal_column(str(MOST_FINDINGS)))


def _find_book(compiler: Compiler) -> Select[Any]:
    book = compiler.schema.book
    return select(book.c.id).where(book.c.id == bindparam("book"))


def _column(compiler: Compiler, table: str, name: str) -> Column[Any]:
    found: Column[Any] = getattr(compiler.schema, table).c[name]
    return found
