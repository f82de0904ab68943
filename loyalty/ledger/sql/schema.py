"""
From row classes to tables: the host's prefix, own metadata, strict types and triggers that hold what was written.

The tables live in a registry and metadata of their own, so that they never meet the host's. Whoever wants to query
them with SQLModel takes the classes from :attr:`Schema.rows`.

>>> schema = Schema.of("acme_")
>>> schema.posting.name, schema.posting.metadata is SQLModel.metadata
('acme_posting', False)
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from functools import cache
from typing import Any

from attrs import frozen
from sqlalchemy import (
    DDL,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from loyalty.errors import StoreError
from loyalty.ledger.sql import fact_rows, rows
from loyalty.ledger.sql.rows import Row

#: What the tables are called where the host does not say otherwise.
DEFAULT_PREFIX = "loyalty_"

_NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


def create_tables(bind: Engine | Connection, *, prefix: str = DEFAULT_PREFIX) -> None:
    """
    Create the tables that are missing; on a connection within the host's transaction.

    Args:
        bind: Where they are created.
        prefix: What each table's name begins with.
    """
    metadata = Schema.of(prefix).metadata
    if isinstance(bind, Engine):
        with bind.begin() as connection:
            metadata.create_all(connection)
    else:
        metadata.create_all(bind)


@frozen(eq=False)
class Schema:
    """
    The tables of one prefix, each an attribute.

    Attributes:
        prefix: What each name begins with.
        metadata: All of them, for ``create_all`` and migrations.
        rows: Table name without prefix to SQLModel class.
    """

    prefix: str
    metadata: MetaData
    rows: Mapping[str, type[SQLModel]]
    book: Table
    asset: Table
    holder: Table
    account: Table
    entry: Table
    posting: Table
    balance: Table
    lot: Table
    lot_allocation: Table
    lot_state: Table
    hold: Table
    hold_event: Table
    day_delta: Table
    seal: Table
    outbox: Table
    event: Table
    delivery: Table
    grant: Table
    checkpoint: Table

    @classmethod
    @cache
    def of(cls, prefix: str) -> Schema:
        """
        Give the tables whose names begin with *prefix*.

        Raises:
            StoreError: the prefix cannot begin a name.
        """
        if not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)?", prefix):
            raise StoreError(f"prefix {prefix!r} cannot begin a table's name; write letters, digits and _")
        metadata = MetaData(naming_convention=_NAMING)
        base = types.new_class("Base", (SQLModel,), {"registry": registry(metadata=metadata)})
        classes = {row.NAME: _table_class(row, base, prefix) for row in _row_classes()}
        tables = {name: metadata.tables[prefix + name] for name in classes}
        return cls(prefix=prefix, metadata=metadata, rows=types.MappingProxyType(classes), **tables)


def _row_classes() -> list[type[Row]]:
    found = [*vars(rows).values(), *vars(fact_rows).values()]
    return [item for item in found if isinstance(item, type) and issubclass(item, Row) and item is not Row]


def _table_class(row: type[Row], base: type, prefix: str) -> type[SQLModel]:
    arguments: list[Any] = [ForeignKeyConstraint([column], [prefix + target]) for column, target in row.REFERS.items()]
    arguments += [UniqueConstraint(*columns) for columns in row.UNIQUE]
    arguments += [CheckConstraint(condition, name=name) for name, condition in row.CHECKS.items()]
    condition = text(row.OPEN_ONLY) if row.OPEN_ONLY else None
    arguments += [Index(None, *columns, sqlite_where=condition, postgresql_where=condition) for columns in row.INDEXES]
    arguments.append({"sqlite_strict": True, "sqlite_with_rowid": not row.CLUSTERED})
    namespace = {"__tablename__": prefix + row.NAME, "__table_args__": tuple(arguments), "__doc__": row.__doc__}
    made: type[SQLModel] = types.new_class(
        row.__name__.replace("Row", "Table"), (row, base), {"table": True}, lambda body: body.update(namespace)
    )
    if row.APPEND_ONLY:
        _guard(base.metadata.tables[prefix + row.NAME], row)  # type: ignore[attr-defined]
    return made


def _guard(table: Table, row: type[Row]) -> None:
    """
    Have SQLite refuse to change or delete rows.

    INSERT OR REPLACE deletes the old row without firing delete triggers, so inserting what is there is refused too.
    """
    name = table.name
    keys = [tuple(column.name for column in table.primary_key), *row.UNIQUE]
    same = " OR ".join(
        f'EXISTS (SELECT 1 FROM "{name}" AS old WHERE '
        + " AND ".join(f"old.{column} = NEW.{column}" for column in columns)
        + ")"
        for columns in keys
    )
    occasions = {"update": "UPDATE", "delete": "DELETE", "replace": "INSERT"}
    for verb, occasion in occasions.items():
        condition = f"WHEN {same} " if verb == "replace" else ""
        statement = (
            f'CREATE TRIGGER "tr_{name}_{verb}" BEFORE {occasion} ON "{name}" {condition}BEGIN '
            f"SELECT RAISE(ABORT, '{name} is append-only: add a row that corrects, {verb} none'); END"
        )
        ddl = DDL(statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]
        event.listen(table, "after_create", ddl)
