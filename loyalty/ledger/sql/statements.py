"""
Statements are written in Core, compiled once for a store and run on the driver's cursor of the host's connection.

Compiling once and passing by SQLAlchemy's execution is what makes short transactions cheap: the ORM would cost thirty
times the driver's own price, and Core's way from a statement to its rows still half of it. A list of values is one
parameter, so that the text never depends on how many there are.

A statement is a function of a :class:`Compiler`; the function is its name in the cache.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson
from attrs import define, field
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Delete,
    Insert,
    Select,
    Table,
    TextClause,
    Update,
    bindparam,
    func,
    select,
)
from sqlalchemy.engine import Connection, Dialect

from loyalty.errors import StoreError
from loyalty.ledger.sql.bulk import COPY_FROM_ROWS, Inserter, Updater, array_text, takes_rows_at_once
from loyalty.ledger.sql.faults import to_store_error
from loyalty.ledger.sql.schema import Schema
from loyalty.ledger.store import READ_ONLY

#: A row, whose values are reached by name and by place.
Record: TypeAlias = Any

#: What writes a statement.
Writer: TypeAlias = "Callable[[Compiler], Select[Any] | CompoundSelect[Any] | Insert | Update | Delete | TextClause]"

#: Up to this many values of a list can stand in a statement one by one.
FEW: Final = 2

_NONE: Final = (None,) * FEW


@define(eq=False)
class Statement:
    """
    The text of a statement.

    Attributes:
        text: What the driver gets.
        names: Its parameters in the order in which they stand.
        fixed: Values that the statement itself brings.
        positional: Whether the driver takes tuples; otherwise it takes mappings.
        record: What makes a row of its values; known after the first run.
    """

    text: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    positional: bool
    record: Callable[[Iterable[Any]], Record] | None = None

    def arguments(self, values: Mapping[str, Any]) -> Any:
        """Arrange named values as the driver takes them."""
        known = {**self.fixed, **values} if self.fixed else values
        return tuple([known[name] for name in self.names]) if self.positional else known


class Compiler:
    """Turns statements into text for one schema and dialect, each once."""

    def __init__(self, schema: Schema, dialect: Dialect) -> None:
        self.schema = schema
        self.dialect = dialect
        self.on_sqlite = dialect.name == "sqlite"
        self._statements: dict[Writer, Statement] = {}
        self._inserters: dict[Table, Inserter] = {}
        self._updaters: dict[tuple[Table, tuple[str, ...]], Updater] = {}
        self._last_ids: dict[Table, Statement] = {}

    def statement(self, writer: Writer) -> Statement:
        """Give the text of what *writer* writes."""
        found = self._statements.get(writer)
        if found is None:
            compiled = writer(self).compile(dialect=self.dialect)
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            # Only SQLite's and a few others' drivers take the values by position.
            positional = bool(compiled.positional)
            names = [str(name) for name in (compiled.positiontup if positional else compiled.params) or ()]
            found = self._statements[writer] = Statement(str(compiled), tuple(names), fixed, positional)
        return found

    def last_id(self, table: Table) -> Statement:
        """Give the text that asks for the largest id of a table."""
        found = self._last_ids.get(table)
        if found is None:
            place = self.dialect.identifier_preparer.format_table(table)
            found = self._last_ids[table] = Statement(f"SELECT max(id) FROM {place}", (), {}, True)
        return found

    def inserter(self, table: Table) -> Inserter:
        """Give what writes rows of a table."""
        found = self._inserters.get(table)
        if found is None:
            found = self._inserters[table] = Inserter.of(table, self.dialect)
        return found

    def updater(self, table: Table, names: tuple[str, ...]) -> Updater:
        """Give what sets columns of rows of a table."""
        found = self._updaters.get((table, names))
        if found is None:
            found = self._updaters[table, names] = Updater.of(table, names, self.dialect)
        return found

    def in_list(self, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Write the condition that a column is one of the values in a parameter that :meth:`listed` made."""
        if self.on_sqlite:
            values = func.json_each(bindparam(parameter)).table_valued("value")
            return column.in_(select(values.c.value))
        return column == func.any(bindparam(parameter, type_=ARRAY(column.type)))

    def in_few(self, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """
        Write the condition that a column is one of the few values in parameters that :meth:`few` made.

        SQLite need not read a text then, and PostgreSQL, which knows how many there are at most, keeps one plan; for a
        list it makes another one each time.
        """
        return column.in_([bindparam(f"{parameter}_{place}", type_=column.type) for place in range(FEW)])

    @staticmethod
    def few(parameter: str, values: Iterable[str | int]) -> dict[str, Any]:
        """Give at most :data:`FEW` values as parameters; in the place of one that is missing stands none."""
        given = [*values, *_NONE][:FEW]
        return {f"{parameter}_{place}": value for place, value in enumerate(given)}

    def listed(self, values: Iterable[str | int]) -> Any:
        """Give many values as one parameter."""
        given = list(values)
        if not self.on_sqlite:
            return array_text(given) if takes_rows_at_once(self.dialect) else given
        try:
            return orjson.dumps(given).decode()
        except TypeError:
            # The standard library writes every text and number, and slower.
            return json.dumps(given)


#: Keeps of a connection the cursor that our statements are run on, since to make one costs as much as a statement.
_CURSOR: Final = "loyalty.cursor"


@define(eq=False)
class Runner:
    """
    A connection inside a transaction, and the statements that can be run there; here alone they meet the database.

    What the database raises becomes a StoreError, in reading as in writing.

    Attributes:
        connection: The host's, or our own.
        compiler: Where the statements' texts are kept.
        read_only: Whether writing is refused.
        failure: What a write failed with; whatever was written along with it is not whole.
        schema: The tables.
    """

    connection: Connection
    compiler: Compiler
    read_only: bool = False
    failure: BaseException | None = None
    schema: Schema = field(init=False)
    _cursor: Any = field(init=False)
    _gathered: list[tuple[str, list[Any]]] | None = None

    def __attrs_post_init__(self) -> None:
        self.schema = self.compiler.schema
        kept = self.connection.info
        self._cursor = kept.get(_CURSOR)
        if self._cursor is None:
            self._cursor = kept[_CURSOR] = self._new_cursor()

    @contextmanager
    def together(self, rows: int) -> Iterator[None]:
        """
        Send the writes inside as one statement, where the driver can; none of them sees another's rows.

        Args:
            rows: How many are about to be written; many are written one table after the other, by COPY.
        """
        if not takes_rows_at_once(self.compiler.dialect) or rows >= COPY_FROM_ROWS:
            yield
            return
        gathered: list[tuple[str, list[Any]]] = []
        self._gathered = gathered
        try:
            yield
        finally:
            self._gathered = None
        if gathered:
            statement = _as_one(tuple([text for text, _ in gathered]))
            values = [value for _, values in gathered for value in values]
            self.require_writable()
            try:
                self._cursor.execute(statement, values)
            except BaseException as error:
                raise self._failed(error) from error

    def require_writable(self) -> None:
        """
        Be called before anything is decided that ends in a write.

        Raises:
            StoreError: the transaction only reads.
        """
        if self.read_only:
            raise StoreError(READ_ONLY)

    def rows(self, writer: Writer, **values: Any) -> Sequence[Record]:
        """Run a query and give all its rows."""
        statement = self.compiler.statement(writer)
        cursor = self._run(statement, values)
        try:
            found = cursor.fetchall()
        except Exception as fault:
            raise self._told(fault) from fault
        return list(map(self._record(statement), found)) if found else ()

    def plain(self, writer: Writer, **values: Any) -> list[tuple[Any, ...]]:
        """Run a query and give all its rows as the driver does, where there are many."""
        cursor = self._run(self.compiler.statement(writer), values)
        try:
            found: list[tuple[Any, ...]] = cursor.fetchall()
        except Exception as fault:
            raise self._told(fault) from fault
        return found

    def stream(self, writer: Writer, size: int, **values: Any) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Run a query and give its rows as the driver does, so many at a time; other statements may run between."""
        statement = self.compiler.statement(writer)
        try:
            cursor = self.connection.connection.cursor()
            text = statement.text
            if self.compiler.dialect.name == "postgresql":
                # Without a cursor of the server's the driver would take all rows at once.
                name = f"loyalty_{id(cursor)}"
                cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {text}", statement.arguments(values))
                cursor.execute(f"FETCH {size} FROM {name}")
                while rows := cursor.fetchall():
                    yield rows
                    cursor.execute(f"FETCH {size} FROM {name}")
                cursor.execute(f"CLOSE {name}")
            else:
                cursor.execute(text, statement.arguments(values))
                while rows := cursor.fetchmany(size):
                    yield rows
        except Exception as fault:
            raise self._told(fault) from fault

    def first(self, writer: Writer, **values: Any) -> Record | None:
        """Run a query and give its first row, or None."""
        statement = self.compiler.statement(writer)
        cursor = self._run(statement, values)
        try:
            row = cursor.fetchone()
        except Exception as fault:
            raise self._told(fault) from fault
        return None if row is None else self._record(statement)(row)

    def number(self, writer: Writer, **values: Any) -> int:
        """Run a query for one whole number; no row or no value is 0."""
        row = self.first(writer, **values)
        return int(row[0]) if row is not None and row[0] is not None else 0

    def last_id(self, table: Table) -> int:
        """Give the largest id of a table, 0 where it is empty."""
        cursor = self._run(self.compiler.last_id(table), {})
        return cursor.fetchone()[0] or 0

    def write(self, writer: Writer, changes: Iterable[Mapping[str, Any]]) -> None:
        """Run a writing statement once for each mapping of its parameters."""
        statement = self.compiler.statement(writer)
        if arguments := [statement.arguments(change) for change in changes]:
            self.require_writable()
            try:
                self._cursor.executemany(statement.text, arguments)
            except BaseException as error:
                raise self._failed(error) from error

    def insert(
        self, table: Table, rows: Iterable[tuple[Any, ...]], count: int | None = None, *, new: bool = True
    ) -> None:
        """
        Insert rows whose values stand in the order of the table's columns, without those that the database fills in.

        Args:
            count: About how many there are, where they are made one by one; a server takes in the first ones while the
                next are made.
            new: Whether a row that is there already is an error; otherwise it is left as it is.
        """
        if count is None:
            rows = list(rows)
            count = len(rows)
        if not count:
            return
        inserter = self.compiler.inserter(table)
        if self._gathered is not None:
            self._gathered.append(inserter.statement(list(rows), new=new))
            return
        self.require_writable()
        try:
            inserter.insert(self._cursor, rows, count, new=new)
        except BaseException as error:
            raise self._failed(error) from error

    def update(self, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Set columns of the rows whose primary key each of *rows* begins with."""
        if not rows:
            return
        updater = self.compiler.updater(table, names)
        if self._gathered is not None:
            self._gathered.append(updater.statement(rows))
            return
        self.require_writable()
        try:
            updater.update(self._cursor, rows)
        except BaseException as error:
            raise self._failed(error) from error

    def _new_cursor(self) -> Any:
        cursor = self.connection.connection.cursor()
        dialect = self.compiler.dialect
        # Of asyncio's drivers SQLAlchemy gives a wrapping, which takes numbers as they are.
        if dialect.driver == "psycopg" and not dialect.is_async:
            # By itself the driver sends a number as the smallest type that holds it, and the server then prepares a
            # statement anew for each mixture of types.
            from psycopg.types.numeric import Int8Dumper

            cursor.adapters.register_dumper(int, Int8Dumper)
        return cursor

    def _failed(self, error: BaseException) -> BaseException:
        """Keep in mind that a write failed, and give what is to be raised."""
        self.failure = error
        return self._told(error) if isinstance(error, Exception) else error

    def _run(self, statement: Statement, values: Mapping[str, Any]) -> Any:
        try:
            self._cursor.execute(statement.text, statement.arguments(values))
        except Exception as fault:
            raise self._told(fault) from fault
        return self._cursor

    def _record(self, statement: Statement) -> Callable[[Iterable[Any]], Record]:
        if statement.record is None:
            names = [column[0] for column in self._cursor.description]
            row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
            statement.record = row._make
        return statement.record

    def _told(self, fault: Exception) -> Exception:
        """Say in the library's words what the driver raised; a fault of our own stays as it is."""
        dialect = self.compiler.dialect
        if not isinstance(fault, dialect.dbapi.Error if dialect.dbapi else ()):
            return fault
        connection = self.connection
        if not connection.invalidated and dialect.is_disconnect(fault, connection.connection, self._cursor):
            # The pool must not hand the broken connection to the next one who asks.
            connection.invalidate(fault)
        return to_store_error(fault, self.schema)


@lru_cache
def _as_one(texts: tuple[str, ...]) -> str:
    """Write statements as one, which the driver finds again faster when it is the same object."""
    return f"WITH {', '.join(f'w{place} AS ({text})' for place, text in enumerate(texts))} SELECT 1"
