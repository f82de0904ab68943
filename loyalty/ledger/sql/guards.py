"""
Triggers that hold what was written: no row of a journal is changed or taken out, and entries balance.

SQLite's refuse row by row. PostgreSQL's stand on statements, since TRUNCATE passes those on rows, and are always on,
since a session that replicates passes all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import DDL, Table, event

from loyalty.ledger.sql.rows import PostingRow, Row


def guard(table: Table, row: type[Row], prefix: str) -> None:
    """Have the triggers of a table created with it."""
    if row.APPEND_ONLY:
        for statement in sqlite_guards(table, row):
            _after_create(table, statement, "sqlite")
        for statement in postgresql_guards(table, row, prefix):
            _after_create(table, statement, "postgresql")
    if row is PostingRow:
        for statement in postgresql_balance_guard(table, prefix):
            _after_create(table, statement, "postgresql")


def sqlite_guards(table: Table, row: type[Row]) -> list[str]:
    """
    Write the triggers by which SQLite refuses to change or delete rows.

    INSERT OR REPLACE deletes the old row without firing delete triggers, so inserting what is there is refused too.
    That trigger says FAIL, which keeps what the same statement inserted before: with ABORT in it SQLite would make each
    of our own statements ready to be undone, at a cost (see :class:`~loyalty.ledger.sql.bulk.Inserter`).
    """
    name = table.name
    keys = [tuple(column.name for column in table.primary_key), *row.UNIQUE]
    same = " OR ".join(
        f'EXISTS (SELECT 1 FROM "{name}" AS old WHERE '
        + " AND ".join(f'old."{column}" = NEW."{column}"' for column in columns)
        + ")"
        for columns in keys
    )
    # SQLite knows the key by three more names, and an occasion that names columns goes by the names that are written.
    occasions = {"update": _update(table, row, _ALIASES), "delete": "DELETE", "replace": "INSERT"}
    return [
        f'CREATE TRIGGER "tr_{name}_{verb}" BEFORE {occasion} ON "{name}" '
        + (f"WHEN {same} " if verb == "replace" else "")
        + f"BEGIN SELECT RAISE({'FAIL' if verb == 'replace' else 'ABORT'}, '{_refusal(name, verb)}'); END"
        for verb, occasion in occasions.items()
    ]


def postgresql_guards(table: Table, row: type[Row], prefix: str) -> list[str]:
    """Write the triggers by which PostgreSQL refuses to change, delete or truncate."""
    name, place = table.name, _place(table)
    statements = [_function(table, f"{prefix}refuse", _REFUSE)]
    for verb, occasion in {"update": _update(table, row), "delete": "DELETE", "truncate": "TRUNCATE"}.items():
        trigger = f'"tr_{name}_{verb}"'
        statements += [
            f"CREATE TRIGGER {trigger} BEFORE {occasion} ON {place} FOR EACH STATEMENT "
            f"EXECUTE FUNCTION {_behind(table)}\"{prefix}refuse\"('{_refusal(name, verb)}')",
            f"ALTER TABLE {place} ENABLE ALWAYS TRIGGER {trigger}",
        ]
    return statements


def postgresql_balance_guard(table: Table, prefix: str) -> list[str]:
    """Write the trigger by which PostgreSQL refuses postings that do not sum to 0 by entry and asset."""
    trigger = f'"tr_{table.name}_balance"'
    return [
        _function(table, f"{prefix}balance", _BALANCE),
        f"CREATE TRIGGER {trigger} AFTER INSERT ON {_place(table)} REFERENCING NEW TABLE AS added "
        f'FOR EACH STATEMENT EXECUTE FUNCTION {_behind(table)}"{prefix}balance"()',
        f"ALTER TABLE {_place(table)} ENABLE ALWAYS TRIGGER {trigger}",
    ]


_REFUSE = "RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'restrict_violation';"

_BALANCE = """\
IF EXISTS (SELECT 1 FROM added GROUP BY entry_id, asset_id HAVING sum(amount) <> 0) THEN
  RAISE EXCEPTION 'postings of an entry do not sum to 0 in an asset' USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;"""


def _refusal(name: str, verb: str) -> str:
    return f"{name} is append-only: add a row that corrects, {verb} none"


#: The names by which SQLite knows the key of a row whatever its column is called.
_ALIASES: Final = ("rowid", "oid", "_rowid_")


def _update(table: Table, row: type[Row], besides: Sequence[str] = ()) -> str:
    """Give the occasion of an update: of any column, or of those that may not change and the names besides."""
    if not row.MUTABLE:
        return "UPDATE"
    fixed = [column.name for column in table.c if column.name not in row.MUTABLE]
    return "UPDATE OF " + ", ".join(f'"{name}"' for name in (*fixed, *besides))


def _function(table: Table, name: str, body: str) -> str:
    return (
        f'CREATE OR REPLACE FUNCTION {_behind(table)}"{name}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n'
        f"{body}\nEND $$"
    )


def _behind(table: Table) -> str:
    return f'"{table.schema}".' if table.schema else ""


def _place(table: Table) -> str:
    return f'{_behind(table)}"{table.name}"'


def _after_create(table: Table, statement: str, dialect: str) -> None:
    # Percent signs are SQLAlchemy's own placeholders in DDL.
    ddl: Any = DDL(statement.replace("%", "%%")).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
    event.listen(table, "after_create", ddl)
