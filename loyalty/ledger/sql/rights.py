"""
The least that a PostgreSQL role needs for its part, as statements for whoever owns the tables.

Triggers hold what was written against everybody, and whoever owns a table can drop them. So the tables belong to a role
that nobody works under, and those who work get rows to read and to add, and the few columns to change that a book
changes: never a row to delete, a table to empty, a trigger to drop.

>>> print(rights_sql("portal", prefix="points_")[-1])
GRANT USAGE ON SEQUENCE "points_ids" TO "portal";
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from loyalty.errors import StoreError
from loyalty.ledger.sql.schema import DEFAULT_PREFIX, Schema
from loyalty.ledger.sql.versions import version_table


class Part(StrEnum):
    """What a role is for."""

    POST = "post"  #: Settles, posts and reads: the application.
    READ = "read"  #: Reads everything: reports, exports, `verify`.
    RELAY = "relay"  #: Tells others what stands in the outbox, and takes out what it told.


#: The columns that a book changes, by table. Nothing else is ever updated, and :class:`Part` POST deletes nothing.
CHANGED: Final = {
    "book": ("clock_day", "locked_day", "chain"),
    "holder": ("version", "clock_day", "due_day", "due_under"),
    "balance": ("posted", "version"),
    "lot": ("remaining",),
    "delivery": ("inputs",),
    "checkpoint": ("holder_version", "state"),
}


def rights_sql(
    role: str, part: Part | str = Part.POST, *, prefix: str = DEFAULT_PREFIX, schema: str | None = None
) -> list[str]:
    """
    Write the statements that give a role what its part needs, and take from it whatever else it had on the tables.

    Args:
        role: The role, which exists and does not own the tables.
        part: What it is for.
        prefix: What the names of the tables begin with.
        schema: The schema that they stand in; the one of whoever runs the statements by default.

    Returns:
        Statements for the owner of the tables, to be run again after each migration.

    Raises:
        StoreError: the role, prefix or schema cannot be a name, or there is no such part.
    """
    if not role or "\x00" in role:
        raise StoreError(f"role {role!r} cannot be a role's name")
    if part not in set(Part):
        raise StoreError(f"a role has no part {part!r}; it is one of {', '.join(Part)}")
    to = '"' + role.replace('"', '""') + '"'
    names = list(Schema.of(prefix, schema).rows)
    behind = "" if schema is None else f'"{schema}".'

    def places(*tables: str) -> str:
        return ", ".join(f'{behind}"{prefix}{table}"' for table in tables)

    version = f'{behind}"{version_table(prefix)}"'
    sequence = f'{behind}"{prefix}ids"'
    statements = [
        f"REVOKE ALL ON {places(*names)}, {version} FROM {to};",
        f"REVOKE ALL ON SEQUENCE {sequence} FROM {to};",
    ]
    if schema is not None:
        statements.append(f'GRANT USAGE ON SCHEMA "{schema}" TO {to};')
    if part == Part.RELAY:
        statements.append(f"GRANT SELECT ON {places('book')}, {version} TO {to};")
        statements.append(f"GRANT SELECT, DELETE ON {places('outbox')} TO {to};")
        return statements
    statements.append(f"GRANT SELECT ON {places(*names)}, {version} TO {to};")
    if part == Part.POST:
        statements.append(f"GRANT INSERT ON {places(*names)} TO {to};")
        statements += [
            f"GRANT UPDATE ({', '.join(columns)}) ON {places(table)} TO {to};" for table, columns in CHANGED.items()
        ]
        statements.append(f"GRANT USAGE ON SEQUENCE {sequence} TO {to};")
    return statements
