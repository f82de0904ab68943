"""
Writing many rows of a table in one go, in the way that each database takes them fastest.

SQLite takes a list of rows with one prepared statement. PostgreSQL takes few rows as one statement over arrays, so that
triggers on statements see them together, and many by COPY, where the driver can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.engine import Dialect

#: From this many rows on, COPY is faster than a statement over arrays.
COPY_FROM_ROWS: Final = 20


@frozen(eq=False)
class Updater:
    """
    The statement that sets columns of the rows with given primary keys.

    Attributes:
        text: Sets one row, for ``executemany``; or many rows given as columns, where *columns* is true.
        columns: Whether values are given as one list for each column.
        key_size: How many values of a row are its key.
    """

    text: str
    columns: bool
    key_size: int

    @classmethod
    def of(cls, table: Table, names: tuple[str, ...], dialect: Dialect) -> Updater:
        """Write the statement that sets the columns of these *names*."""
        keys = [column.name for column in table.primary_key]
        preparer = dialect.identifier_preparer
        place = preparer.format_table(table)
        if takes_arrays(dialect):
            every = [*keys, *names]
            arrays = ", ".join(f"%s::{table.c[name].type.compile(dialect)}[]" for name in every)
            match = " AND ".join(f"{place}.{name} = given.{name}" for name in keys)
            values = ", ".join(f"{name} = given.{name}" for name in names)
            given = f"unnest({arrays}) AS given ({', '.join(every)})"
            return cls(f"UPDATE {place} SET {values} FROM {given} WHERE {match}", True, len(keys))
        matches = [table.c[name] == bindparam(f"key_{name}") for name in keys]
        statement = update(table).where(*matches).values({name: bindparam(name) for name in names})
        return cls(str(statement.compile(dialect=dialect)), False, len(keys))

    def update(self, cursor: Any, rows: Sequence[tuple[Any, ...]]) -> None:
        """Set rows through the driver's cursor; each is its key and then its values."""
        if self.columns:
            cursor.execute(self.text, columns_of(rows))
        else:
            size = self.key_size
            cursor.executemany(self.text, [(*row[size:], *row[:size]) for row in rows])


def columns_of(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Turn rows into one list for each column."""
    return [list(column) for column in zip(*rows, strict=True)]


def takes_arrays(dialect: Dialect) -> bool:
    """Tell whether values go to the driver as one list for each column."""
    return dialect.name == "postgresql" and dialect.driver in {"psycopg", "psycopg_async"}


@frozen(eq=False)
class Inserter:
    """
    The statements that write whole rows of one table.

    Attributes:
        one: Inserts a row, for ``executemany``; or many rows given as columns, where *columns* is true.
        one_if_new: The same, leaving rows that are there as they are.
        copy: Begins a COPY, or "".
        columns: Whether values are given as one list for each column.
    """

    one: str
    one_if_new: str
    copy: str
    columns: bool

    @classmethod
    def of(cls, table: Table, dialect: Dialect) -> Inserter:
        """Write the statements for a table; columns that the database fills in are left out."""
        columns = [column for column in table.columns if column.server_default is None]
        names = [column.name for column in columns]
        preparer = dialect.identifier_preparer
        place = preparer.format_table(table)
        listed = ", ".join(preparer.quote(name) for name in names)
        skip = " ON CONFLICT DO NOTHING"
        if takes_arrays(dialect):
            arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in columns)
            text = f"INSERT INTO {place} ({listed}) SELECT * FROM unnest({arrays})"
            return cls(text, text + skip, f"COPY {place} ({listed}) FROM STDIN", True)
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        text = str(insert(table).values(values).compile(dialect=dialect))
        return cls(text, text + skip, "", False)

    def insert(self, cursor: Any, rows: Sequence[tuple[Any, ...]], *, new: bool) -> None:
        """Write rows through the driver's cursor, many of them by COPY where that can be."""
        text = self.one if new else self.one_if_new
        if not self.columns:
            cursor.executemany(text, rows)
        elif new and len(rows) >= COPY_FROM_ROWS and hasattr(cursor, "copy"):
            with cursor.copy(self.copy) as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            cursor.execute(text, columns_of(rows))
