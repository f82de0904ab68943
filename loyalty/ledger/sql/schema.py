"""
From row classes to tables: the host's prefix and schema, own metadata, strict types.

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
from typing import Any, Final

from attrs import frozen
from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Sequence,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from loyalty.errors import StoreError
from loyalty.ledger.sql import fact_rows, rows
from loyalty.ledger.sql.guards import guard
from loyalty.ledger.sql.rows import BIG, Row

#: What the tables are called where the host does not say otherwise.
DEFAULT_PREFIX = "loyalty_"

#: The longest prefix; the names of the triggers on lot_allocation differ by their first letter behind 63 characters.
MOST_OF_PREFIX: Final = 44

_NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


@frozen(eq=False)
class Schema:
    """
    The tables of one prefix and schema, each an attribute.

    Attributes:
        prefix: What each name begins with.
        metadata: All of them, for ``create_all`` and migrations.
        rows: Table name without prefix to SQLModel class.
        ids: What ids are counted by on PostgreSQL.
    """

    prefix: str
    metadata: MetaData
    rows: Mapping[str, type[SQLModel]]
    ids: Sequence
    book: Table
    book_lock: Table
    adoption: Table
    asset: Table
    holder: Table
    account: Table
    entry: Table
    posting: Table
    balance: Table
    lot: Table
    lot_allocation: Table
    seal: Table
    revision: Table
    outbox: Table
    event: Table
    delivery: Table
    grant: Table
    checkpoint: Table

    @classmethod
    @cache
    def of(cls, prefix: str, schema: str | None = None) -> Schema:
        """
        Give the tables whose names begin with *prefix*, in a schema of PostgreSQL or in the connection's own.

        Raises:
            StoreError: the prefix cannot begin a name, or the schema cannot be one.
        """
        if not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)?", prefix):
            raise StoreError(f"prefix {prefix!r} cannot begin a table's name; write letters, digits and _")
        if len(prefix) > MOST_OF_PREFIX:
            raise StoreError(
                f"prefix {prefix!r} has {len(prefix)} characters; write at most {MOST_OF_PREFIX}, so that PostgreSQL's "
                "63 are enough for the names of triggers"
            )
        if schema is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", schema):
            raise StoreError(f"schema {schema!r} cannot be a schema's name; write letters, digits and _")
        metadata = MetaData(naming_convention=_NAMING, schema=schema)
        base = types.new_class("Base", (SQLModel,), {"registry": registry(metadata=metadata)})
        classes = {row.NAME: _table_class(row, base, prefix) for row in _row_classes()}
        behind = "" if schema is None else f"{schema}."
        tables = {name: metadata.tables[behind + prefix + name] for name in classes}
        ids = Sequence(f"{prefix}ids", metadata=metadata, data_type=BIG)
        return cls(prefix=prefix, metadata=metadata, rows=types.MappingProxyType(classes), ids=ids, **tables)


def _row_classes() -> list[type[Row]]:
    found = [*vars(rows).values(), *vars(fact_rows).values()]
    return [item for item in found if isinstance(item, type) and issubclass(item, Row) and item is not Row]


def _table_class(row: type[Row], base: type, prefix: str) -> type[SQLModel]:
    metadata: MetaData = base.metadata  # type: ignore[attr-defined]
    behind = prefix if metadata.schema is None else f"{metadata.schema}.{prefix}"
    arguments: list[Any] = [ForeignKeyConstraint([column], [behind + target]) for column, target in row.REFERS.items()]
    arguments += [UniqueConstraint(*columns) for columns in row.UNIQUE if columns not in row.WHERE]
    arguments += [CheckConstraint(condition, name=name) for name, condition in row.CHECKS.items()]
    arguments += [_index(row, columns) for columns in row.INDEXES]
    arguments += [_index(row, columns, unique=True) for columns in row.UNIQUE if columns in row.WHERE]
    arguments.append({"sqlite_strict": True, "sqlite_with_rowid": not row.CLUSTERED})
    namespace = {"__tablename__": prefix + row.NAME, "__table_args__": tuple(arguments), "__doc__": row.__doc__}
    made: type[SQLModel] = types.new_class(
        row.__name__.replace("Row", "Table"), (row, base), {"table": True}, lambda body: body.update(namespace)
    )
    guard(metadata.tables[behind + row.NAME], row, prefix)
    return made


def _index(row: type[Row], columns: tuple[str, ...], *, unique: bool = False) -> Index:
    where = text(row.WHERE[columns]) if columns in row.WHERE else None
    return Index(None, *columns, unique=unique, sqlite_where=where, postgresql_where=where)
