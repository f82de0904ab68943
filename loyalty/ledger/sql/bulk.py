"""
Writing many rows of a table in one go, in the way that each database takes them fastest.

SQLite takes a list of rows with one prepared statement. PostgreSQL takes few rows as one statement, so that triggers on
statements see them together, and many by COPY, where the driver can.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from attrs import frozen
from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.engine import Dialect

#: From this many rows on, COPY is faster than a statement.
COPY_FROM_ROWS: Final = 20

#: Up to this many rows stand in a statement value by value; more are given as one list for each column.
_FEW_ROWS: Final = 2

#: How many rows one statement of SQLite's takes where there are as many.
_ROWS_OF_A_STATEMENT: Final = 20

#: Rows of a table, each its values in order.
Rows: TypeAlias = Sequence[tuple[Any, ...]]


def takes_rows_at_once(dialect: Dialect) -> bool:
    """Tell whether one statement can take many rows; otherwise the driver runs it once for each."""
    return dialect.name == "postgresql" and dialect.driver in {"psycopg", "psycopg_async"}


@frozen(eq=False)
class Inserter:
    """
    What writes whole rows of one table.

    Attributes:
        text: What stands before the rows, or, where the driver runs it once for each, the statement for one row.
        types: The types of the columns, where the driver takes many rows at once.
        copy: Begins a COPY, or "".
        row: What stands in the statement for each row after the first, on SQLite, or "".
    """

    text: str
    types: tuple[str, ...]
    copy: str
    row: str = ""

    @classmethod
    def of(cls, table: Table, dialect: Dialect) -> Inserter:
        """Write the statements for a table; columns that the database fills in are left out."""
        columns = [column for column in table.columns if column.server_default is None]
        preparer = dialect.identifier_preparer
        place = preparer.format_table(table)
        listed = ", ".join(preparer.quote(column.name) for column in columns)
        if takes_rows_at_once(dialect):
            types = tuple(column.type.compile(dialect) for column in columns)
            return cls(f"INSERT INTO {place} ({listed}) ", types, f"COPY {place} ({listed}) FROM STDIN")
        values: dict[str, Any] = {column.name: bindparam(column.name) for column in columns}
        statement = insert(table)
        if dialect.name != "sqlite":
            return cls(str(statement.values(values).compile(dialect=dialect)), (), "")
        # Whoever may have to undo a statement copies each page that it changes, and SQLite may where triggers abort.
        # What failed is undone by us in any case, with all that was written before it.
        text = str(statement.prefix_with("OR FAIL").values(values).compile(dialect=dialect))
        return cls(text, (), "", f", ({', '.join('?' * len(columns))})")

    def statement(self, rows: Rows, *, new: bool) -> tuple[str, list[Any]]:
        """Give the statement that writes rows at once, and its values; *new* as for :meth:`insert`."""
        text, values = _given(self.types, rows)
        return self.text + text + ("" if new else _SKIP), values

    def insert(self, cursor: Any, rows: Iterable[tuple[Any, ...]], count: int, *, new: bool) -> None:
        """
        Write rows through the driver's cursor.

        Args:
            count: About how many there are.
            new: Whether a row that is there already is an error; otherwise it is left as it is.
        """
        if not self.types:
            behind = "" if new else _SKIP
            if self.row and count >= _ROWS_OF_A_STATEMENT:
                rows = iter(rows)
                text = self.text + self.row * (_ROWS_OF_A_STATEMENT - 1) + behind
                while len(some := list(islice(rows, _ROWS_OF_A_STATEMENT))) == _ROWS_OF_A_STATEMENT:
                    cursor.execute(text, list(chain.from_iterable(some)))
                rows = some
            cursor.executemany(self.text + behind, rows)
        elif new and count >= COPY_FROM_ROWS and hasattr(cursor, "copy"):
            with cursor.copy(self.copy) as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            cursor.execute(*self.statement(list(rows), new=new))


@frozen(eq=False)
class Updater:
    """
    What sets columns of the rows with given primary keys.

    Attributes:
        text: What stands before the rows, or, where each is written alone, the statement.
        behind: What stands behind them.
        types: The types of key and values, where many rows are written at once.
        key_size: How many values of a row are its key.
    """

    text: str
    behind: str
    types: tuple[str, ...]
    key_size: int

    @classmethod
    def of(cls, table: Table, names: tuple[str, ...], dialect: Dialect) -> Updater:
        """Write the statement that sets the columns of these *names*."""
        keys = [column.name for column in table.primary_key]
        if takes_rows_at_once(dialect):
            every = [*keys, *names]
            place = dialect.identifier_preparer.format_table(table)
            values = ", ".join(f"{name} = given.{name}" for name in names)
            match = " AND ".join(f"{place}.{name} = given.{name}" for name in keys)
            types = tuple(table.c[name].type.compile(dialect) for name in every)
            behind = f") AS given ({', '.join(every)}) WHERE {match}"
            return cls(f"UPDATE {place} SET {values} FROM (", behind, types, len(keys))
        matches = [table.c[name] == bindparam(f"key_{name}") for name in keys]
        statement = update(table).where(*matches).values({name: bindparam(name) for name in names})
        return cls(str(statement.compile(dialect=dialect)), "", (), len(keys))

    def statement(self, rows: Rows) -> tuple[str, list[Any]]:
        """Give the statement that sets rows at once, and its values."""
        text, values = _given(self.types, rows)
        return self.text + text + self.behind, values

    def update(self, cursor: Any, rows: Rows) -> None:
        """Set rows through the driver's cursor; each is its key and then its values."""
        if self.types:
            cursor.execute(*self.statement(rows))
        else:
            size = self.key_size
            cursor.executemany(self.text, [(*row[size:], *row[:size]) for row in rows])


_SKIP: Final = " ON CONFLICT DO NOTHING"


def _given(types: Sequence[str], rows: Rows) -> tuple[str, list[Any]]:
    """Write rows as a query, and give its values."""
    if len(rows) <= _FEW_ROWS:
        return _few_rows(tuple(types), len(rows)), list(chain.from_iterable(rows))
    arrays = ", ".join(f"%s::{name}[]" for name in types)
    return f"SELECT * FROM unnest({arrays})", [array_text(column) for column in zip(*rows, strict=True)]


@cache
def _few_rows(types: tuple[str, ...], count: int) -> str:
    row = "(" + ", ".join(f"%s::{name}" for name in types) + ")"
    return "VALUES " + ", ".join([row] * count)


def array_text(values: Iterable[Any]) -> str:
    r"""
    Write values as PostgreSQL reads an array, since the driver's own way is several times as slow.

    >>> print(array_text([1, None, 'a "b"', b"\x00\xff"]))
    {1,NULL,"a \"b\"","\\x00ff"}
    """
    given = list(values)
    kinds = set(map(type, given))
    if kinds <= _NUMBERS:
        return "{" + str(given)[1:-1].replace("None", "NULL") + "}"
    if kinds == _TEXTS:
        joined = '","'.join(given)
        # Nothing in any of them stands for something else where no text has a quotation mark or a backslash.
        if joined.count('"') == 2 * len(given) - 2 and "\\" not in joined:
            return '{"' + joined + '"}'
    return "{" + ",".join([_element(value) for value in given]) + "}"


#: The kinds of values of which all are numbers or missing, or all are texts.
_NUMBERS: Final = {int, type(None)}
_TEXTS: Final = {str}


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
