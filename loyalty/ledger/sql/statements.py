"""
Statements are written in Core, compiled once for a store and run as text on the host's connection.

Compiling once is what makes short transactions cheap: the ORM would cost thirty times the driver's own price, and
Core's way from a statement to its text still half of it. A list of values is one parameter, so that the text never
depends on how many there are.

A statement is a function of a :class:`Compiler`; the function is its name in the cache.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import define, frozen
from sqlalchemy import ColumnElement, Delete, Insert, Select, Table, Update, bindparam, func, insert, select
from sqlalchemy.engine import Connection, CursorResult, Dialect

from loyalty.errors import StoreError
from loyalty.ledger.sql.faults import FAULTS, to_store_error
from loyalty.ledger.sql.schema import Schema
from loyalty.ledger.store import READ_ONLY

#: A row, whose values are reached by name and by place.
Record: TypeAlias = Any

#: What writes a statement.
Writer: TypeAlias = "Callable[[Compiler], Select[Any] | Insert | Update | Delete]"


@frozen(eq=False)
class Statement:
    """
    The text of a statement.

    Attributes:
        text: What the driver gets.
        names: Its parameters in the order in which they stand.
        fixed: Values that the statement itself brings.
        positional: Whether the driver takes tuples; otherwise it takes mappings.
    """

    text: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    positional: bool

    def arguments(self, values: Mapping[str, Any]) -> Any:
        """Arrange named values as the driver takes them."""
        known = {**self.fixed, **values} if self.fixed else values
        return tuple([known[name] for name in self.names]) if self.positional else known


class Compiler:
    """Turns statements into text for one schema and dialect, each once."""

    def __init__(self, schema: Schema, dialect: Dialect) -> None:
        self.schema = schema
        self._dialect = dialect
        self._statements: dict[Writer | Table, Statement] = {}

    def statement(self, writer: Writer | Table) -> Statement:
        """Give the text of what *writer* writes, or of the insert of a whole row of a table."""
        found = self._statements.get(writer)
        if found is None:
            written = insert(writer) if isinstance(writer, Table) else writer(self)
            compiled = written.compile(dialect=self._dialect)
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            # Only SQLite's and a few others' drivers take the values by position.
            positional = bool(compiled.positional)
            names = [str(name) for name in (compiled.positiontup if positional else compiled.params) or ()]
            found = Statement(str(compiled), tuple(names), fixed, positional)
            self._statements[writer] = found
        return found

    def in_list(self, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Write the condition that a column is one of the values in a parameter that :meth:`listed` made."""
        if self._dialect.name == "sqlite":
            values = func.json_each(bindparam(parameter)).table_valued("value")
            return column.in_(select(values.c.value))
        return column == func.any(bindparam(parameter))

    def listed(self, values: Iterable[str | int]) -> Any:
        """Give many values as one parameter."""
        return json.dumps(list(values)) if self._dialect.name == "sqlite" else list(values)


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
    """

    connection: Connection
    compiler: Compiler
    read_only: bool = False
    failure: BaseException | None = None

    @property
    def schema(self) -> Schema:
        """The tables."""
        return self.compiler.schema

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
        found: Sequence[Record] = self._run(statement.text, statement.arguments(values), _ALL)
        return found

    def first(self, writer: Writer, **values: Any) -> Record | None:
        """Run a query and give its first row, or None."""
        statement = self.compiler.statement(writer)
        return self._run(statement.text, statement.arguments(values), _FIRST)

    def number(self, writer: Writer, **values: Any) -> int:
        """Run a query for one whole number; no row or no value is 0."""
        row = self.first(writer, **values)
        return int(row[0]) if row is not None and row[0] is not None else 0

    def write(self, writer: Writer, changes: Iterable[Mapping[str, Any]]) -> None:
        """Run a writing statement once for each mapping of its parameters."""
        statement = self.compiler.statement(writer)
        if arguments := [statement.arguments(change) for change in changes]:
            self._write(statement.text, arguments)

    def insert(self, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows whose values stand in the order of the table's columns."""
        statement = self.compiler.statement(table)
        many: list[Any] = list(rows)
        if not statement.positional:
            many = [dict(zip(statement.names, row, strict=True)) for row in many]
        if many:
            self._write(statement.text, many)

    def last_id(self, table: Table) -> int:
        """Give the largest id of a table, 0 where it is empty; the writer holds the lock and counts on from it."""
        row = self._run(f'SELECT max(id) FROM "{table.name}"', None, _FIRST)
        return int(row[0]) if row is not None and row[0] is not None else 0

    def _write(self, text: str, many: list[Any]) -> None:
        self.require_writable()
        try:
            self._run(text, many, _nothing)
        except BaseException as error:
            self.failure = error
            raise

    def _run(self, text: str, arguments: Any, take: Callable[[CursorResult[Any]], Any]) -> Any:
        try:
            return take(self.connection.exec_driver_sql(text, arguments))
        except FAULTS as fault:
            raise to_store_error(fault, self.schema.prefix) from fault


_ALL = CursorResult.all
_FIRST = CursorResult.first


def _nothing(_result: CursorResult[Any]) -> None:
    """Take nothing of what a write returns."""
