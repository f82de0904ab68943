"""
Runs the packaged migrations, without a configuration file and without anything global.

Alembic is used below its commands: those need a file of the host's disk and install ``alembic.op`` and
``alembic.context`` for the whole process, and a host's migration that calls ours has its own there.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from importlib.resources import as_file, files
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from loyalty.ledger.sql.faults import FAULTS, to_store_error
from loyalty.ledger.sql.migrations.target import Target
from loyalty.ledger.sql.schema import DEFAULT_PREFIX
from loyalty.ledger.sql.versions import (
    HEAD,
    Bind,
    find_tables,
    find_version,
    lock_versions,
    opened,
    read_version,
    refuse_unknown_version,
    require_version,
    version_table,
    without_version,
)


def migrate(bind: Bind, *, prefix: str = DEFAULT_PREFIX, schema: str | None = None) -> list[str]:
    """
    Bring the tables to the version of this library; where there are none, make them.

    All of it is one transaction. An engine's is our own; on a connection or session it is the host's, and the host
    commits. Two that migrate at once wait for each other.

    Args:
        bind: The host's engine, connection or session.
        prefix: What the names of the tables begin with.
        schema: The schema of a PostgreSQL database that they stand in; the connection's own by default.

    Returns:
        The versions that were run, in order; none where the tables were up to date.

    Raises:
        StoreError: the tables are of a version that this library does not know, or of none; or the database failed.
    """
    with opened(bind) as connection:
        lock_versions(connection, prefix, schema)
        before = _known_version(connection, prefix, schema)
        if before == HEAD:
            require_version(connection, prefix, schema)
            return []
        return _run(connection, prefix, schema, {})


def migration_sql(bind: Bind, *, prefix: str = DEFAULT_PREFIX, schema: str | None = None) -> str:
    """
    Write what :func:`migrate` would do as a script for whoever may change tables; the database is only read.

    Returns:
        The statements, in one transaction; "" where the tables are up to date.

    Raises:
        StoreError: as :func:`migrate`.
    """
    script = io.StringIO()
    with opened(bind, read_only=True) as connection:
        before = _known_version(connection, prefix, schema)
        if before != HEAD:
            # Alembic takes SQLite for a database that cannot undo the making of a table; it can.
            options = {"as_sql": True, "output_buffer": script, "starting_rev": before, "transactional_ddl": True}
            _run(connection, prefix, schema, options)
    return script.getvalue()


def current(bind: Bind, *, prefix: str = DEFAULT_PREFIX, schema: str | None = None) -> str | None:
    """Give the version of the tables, or None where there are none."""
    return read_version(bind, prefix=prefix, schema=schema)


def head() -> str:
    """Give the version to which this library migrates."""
    return HEAD


def packaged_versions() -> list[str]:
    """Give the versions of the packaged migrations, in order; a test compares them with those that stores know."""
    with as_file(files(__package__)) as folder:
        return [script.revision for script in ScriptDirectory(folder).walk_revisions()][::-1]


def _known_version(connection: Connection, prefix: str, schema: str | None) -> str | None:
    version = find_version(connection, prefix, schema)
    if version is not None:
        refuse_unknown_version(version, prefix)
    elif found := find_tables(connection, prefix, schema):
        raise without_version(found, prefix)
    return version


def _run(connection: Connection, prefix: str, schema: str | None, options: dict[str, Any]) -> list[str]:
    ran: list[str] = []
    with as_file(files(__package__)) as folder:
        scripts = ScriptDirectory(folder)

        def steps(version: Any, _context: MigrationContext) -> Iterable[RevisionStep]:
            for step in scripts._upgrade_revs(HEAD, version):
                yield step
                ran.append(step.to_revisions[0])

        context = MigrationContext.configure(
            connection=connection,
            opts={"fn": steps, "version_table": version_table(prefix), "version_table_schema": schema, **options},
        )
        try:
            with context.begin_transaction():
                context.run_migrations(to=Target(Operations(context), prefix, schema))
        except FAULTS as fault:
            raise to_store_error(fault) from fault
    return ran
