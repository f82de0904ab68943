"""
For a host's own Alembic: filters with which autogenerate neither sees nor drops the ledger's tables.

>>> keep = include_name(prefix="points_")
>>> keep("points_entry", "table", {"schema_name": None}), keep("orders", "table", {"schema_name": None})
(False, True)
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, TypeAlias

from sqlalchemy.sql.schema import SchemaItem

from loyalty.ledger.sql.schema import DEFAULT_PREFIX, Schema
from loyalty.ledger.sql.versions import version_table

#: What ``context.configure`` takes as ``include_name``.
NameFilter: TypeAlias = "Callable[[str | None, Any, MutableMapping[Any, str | None]], bool]"

#: What ``context.configure`` takes as ``include_object``.
ObjectFilter: TypeAlias = "Callable[[SchemaItem, str | None, Any, bool, SchemaItem | None], bool]"


def include_name(
    *, prefix: str = DEFAULT_PREFIX, schema: str | None = None, also: NameFilter | None = None
) -> NameFilter:
    """
    Make the filter for ``context.configure(include_name=...)``: the ledger's tables are not even read.

    Args:
        prefix: What the names of the ledger's tables begin with.
        schema: The schema that they stand in, as it was given to the store.
        also: The host's own filter, asked for everything that is not the ledger's.
    """
    ours = _names(prefix, schema)

    def keep(name: str | None, type_: Any, parents: MutableMapping[Any, str | None]) -> bool:
        if type_ == "table" and parents.get("schema_name") == schema and name in ours:
            return False
        return also is None or also(name, type_, parents)

    return keep


def include_object(
    *, prefix: str = DEFAULT_PREFIX, schema: str | None = None, also: ObjectFilter | None = None
) -> ObjectFilter:
    """
    Make the filter for ``context.configure(include_object=...)``, for a host that filters by objects.

    Args:
        prefix: What the names of the ledger's tables begin with.
        schema: The schema that they stand in, as it was given to the store.
        also: The host's own filter, asked for everything that is not the ledger's.
    """
    ours = _names(prefix, schema)

    def keep(item: SchemaItem, name: str | None, type_: Any, reflected: bool, compare_to: SchemaItem | None) -> bool:
        if type_ == "table" and getattr(item, "schema", None) == schema and name in ours:
            return False
        return also is None or also(item, name, type_, reflected, compare_to)

    return keep


def _names(prefix: str, schema: str | None) -> frozenset[str]:
    return frozenset({prefix + name for name in Schema.of(prefix, schema).rows} | {version_table(prefix)})
