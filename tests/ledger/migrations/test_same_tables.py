"""Migrated tables are those that the library would create: column by column, trigger by trigger."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from loyalty.ledger.sql import Schema, create_tables
from loyalty.ledger.sql.migrations import head, migrate, migration_sql
from loyalty.ledger.sql.migrations.running import packaged_versions
from loyalty.ledger.sql.versions import VERSIONS, version_table

from .conftest import NewEngine

#: Everything that PostgreSQL knows of a schema's tables, as it would write it.
_CATALOGUE = {
    "columns": """
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind = 'r' AND a.attnum > 0""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = to_regnamespace(:schema)""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = :schema",
    "triggers": """
        SELECT tgname, tgenabled, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = to_regnamespace(:schema) AND NOT tgisinternal""",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = to_regnamespace(:schema)",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle, cache_size
        FROM pg_sequences WHERE schemaname = :schema""",
}


def _everything(engine: Engine, schema: str = "public") -> dict[str, Any]:
    """Give all that the database knows of its tables."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            found = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").all()
            written = {f"{kind} {name}": _written(sql or "") for kind, name, sql in found}
            columns = {
                f"columns {name}": connection.exec_driver_sql(f"SELECT * FROM pragma_table_info('{name}')").all()
                for kind, name, _ in found
                if kind == "table"
            }
            return {**written, **columns}
        return {
            what: sorted(map(tuple, connection.execute(text(query), {"schema": schema})), key=str)
            for what, query in _CATALOGUE.items()
        }


def _written(sql: str) -> list[str]:
    """Give the parts of a statement in no order: a column that was added stands behind the constraints."""
    text = " ".join(sql.replace('"', "").split())
    return sorted(part.strip(" ()") for part in text.replace("STRICT", "").split(","))


@pytest.mark.parametrize("prefix", ["loyalty_", "", "the_portal_of_a_partner_with_a_long_name_"])
def test_migrated_tables_are_the_created_ones(new_engine: NewEngine, prefix: str) -> None:
    """Columns, types, constraints, indexes, triggers, functions and sequences are the same, down to their names."""
    created, migrated = new_engine(), new_engine()
    create_tables(created, prefix=prefix)
    assert migrate(migrated, prefix=prefix) == list(VERSIONS)
    expected = _everything(created)
    assert _everything(migrated) == expected
    assert str(expected).count("append-only") >= 3 * 7


def test_a_schema_of_the_hosts_choice_holds_all_of_it(new_engine: NewEngine) -> None:
    """On PostgreSQL nothing of ours stands outside the schema that was named."""
    created, migrated = new_engine(), new_engine()
    if created.dialect.name == "sqlite":
        pytest.skip("SQLite has no schemas")
    for engine in (created, migrated):
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA portal")
    create_tables(created, prefix="p_", schema="portal")
    migrate(migrated, prefix="p_", schema="portal")
    assert _everything(migrated, "portal") == _everything(created, "portal")
    assert not any(_everything(migrated, "public").values())


def test_the_script_makes_what_the_migration_makes(new_engine: NewEngine) -> None:
    """What an administrator runs by hand is the same, and brings the version along."""
    migrated, scripted = new_engine(), new_engine()
    migrate(migrated)
    script = migration_sql(scripted)
    with scripted.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if scripted.dialect.name == "sqlite":
            driver.executescript(script)
        else:
            driver.autocommit = True
            driver.execute(script)
            # The pool hands the connection on as it is.
            driver.autocommit = False
    assert _everything(scripted) == _everything(migrated)
    assert migration_sql(scripted) == ""
    assert migrate(scripted) == []


def test_alembic_finds_no_difference(new_engine: NewEngine) -> None:
    """Autogenerate over a migrated database and the library's tables has nothing to say."""
    engine = new_engine()
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _parents: kind != "table" or name != version_table("loyalty_"),
                "compare_type": True,
            },
        )
        assert compare_metadata(context, Schema.of("loyalty_").metadata) == []


def test_the_store_knows_every_packaged_version() -> None:
    """The versions that a store tells apart are the packaged migrations, in their order."""
    assert list(VERSIONS) == packaged_versions()
    assert head() == VERSIONS[-1]
