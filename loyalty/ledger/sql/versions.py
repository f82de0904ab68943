"""
Which version the tables of a database are of, and making them where there are none.

A version is the name of a migration. It stands in a table of its own, so that a host's versions and ours never meet.
Tables that stand without a version are never given one: whoever stamps what it did not make says of old tables that
they are new ones.

>>> from sqlalchemy import create_engine
>>> engine = create_engine("sqlite://")
>>> create_tables(engine)
>>> check_version(engine)
>>> read_version(engine) == HEAD
True
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, inspect, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from loyalty.errors import StoreError
from loyalty.ledger.sql.connections import begin_own, join_host
from loyalty.ledger.sql.faults import FAULTS, to_store_error
from loyalty.ledger.sql.schema import DEFAULT_PREFIX, Schema

#: Every version that there ever was, in order; a test compares them with the migrations.
VERSIONS: Final = ("0001", "0002", "0003")

#: The version of the tables that this library reads and writes.
HEAD: Final = VERSIONS[-1]

#: What a host gives us to work on.
Bind: TypeAlias = "Engine | Connection | Session"


def create_tables(bind: Bind, *, prefix: str = DEFAULT_PREFIX, schema: str | None = None) -> None:
    """
    Create the tables where there are none, and note their version; nothing is done where they stand already.

    On a connection or session this is done within the host's transaction, and the host commits.

    Args:
        bind: Where they are created.
        prefix: What each table's name begins with.
        schema: The schema of a PostgreSQL database that they stand in; the connection's own by default.

    Raises:
        StoreError: some of them stand already, of another version, without any, or not all of them; or the schema does
            not exist.
    """
    with opened(bind) as connection:
        lock_versions(connection, prefix, schema)
        if find_tables(connection, prefix, schema):
            require_version(connection, prefix, schema)
            return
        tables = Schema.of(prefix, schema)
        version = _version_table(prefix, schema)
        try:
            tables.metadata.create_all(connection)
            version.create(connection)
            connection.execute(version.insert().values(version_num=HEAD))
        except FAULTS as fault:
            raise to_store_error(fault) from fault


def check_version(bind: Bind, *, prefix: str = DEFAULT_PREFIX, schema: str | None = None) -> None:
    """
    Make sure that the tables are those that this library works with; for a host to ask when it starts.

    Raises:
        StoreError: they are missing, of another version or without any; the message says what to do.
    """
    with opened(bind, read_only=True) as connection:
        require_version(connection, prefix, schema)


def read_version(bind: Bind, *, prefix: str = DEFAULT_PREFIX, schema: str | None = None) -> str | None:
    """Give the version of the tables, or None where none is noted."""
    with opened(bind, read_only=True) as connection:
        return find_version(connection, prefix, schema)


def version_table(prefix: str) -> str:
    """Give the name of the table that the version stands in."""
    return f"{prefix}alembic_version"


@contextmanager
def opened(bind: Bind, *, read_only: bool = False) -> Iterator[Connection]:
    """Give a connection inside a transaction: our own of an engine, otherwise the host's."""
    if isinstance(bind, Engine):
        with begin_own(bind, read_only=read_only) as connection:
            yield connection
        return
    try:
        connection = bind.connection() if isinstance(bind, Session) else bind
    except FAULTS as fault:
        raise to_store_error(fault) from fault
    with join_host(connection, read_only=read_only):
        yield connection


def lock_versions(connection: Connection, prefix: str, schema: str | None) -> None:
    """
    Have whoever else creates or migrates these tables wait for the end of the transaction.

    On SQLite the transaction holds the writer's lock already.
    """
    what = f"{schema or ''}.{version_table(Schema.of(prefix, schema).prefix)}"
    if connection.dialect.name == "postgresql":
        try:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what})
            if schema is not None and not inspect(connection).has_schema(schema):
                raise StoreError(f'there is no schema {schema!r} in the database; say CREATE SCHEMA "{schema}" first')
        except FAULTS as fault:
            raise to_store_error(fault) from fault
    else:
        _require_schemas(connection, schema)


def find_tables(connection: Connection, prefix: str, schema: str | None) -> list[str]:
    """Give the names of those of our tables that stand in the database, without the prefix; the version's is ''."""
    asked = {prefix + name: name for name in Schema.of(prefix, schema).rows} | {version_table(prefix): ""}
    try:
        inspector = inspect(connection)
        found = {*inspector.get_table_names(schema), *inspector.get_view_names(schema)}
    except FAULTS as fault:
        raise to_store_error(fault) from fault
    return sorted(name for table, name in asked.items() if table in found)


def find_version(connection: Connection, prefix: str, schema: str | None) -> str | None:
    """
    Give the version that is noted in the database, if any is.

    Raises:
        StoreError: the prefix or the schema cannot be a name, or the database has no schemas.
    """
    table = _version_table(prefix, schema)
    _require_schemas(connection, schema)
    try:
        if not inspect(connection).has_table(table.name, schema=schema):
            return None
        version: str | None = connection.scalar(table.select())
    except FAULTS as fault:
        raise to_store_error(fault) from fault
    return version


def require_version(connection: Connection, prefix: str, schema: str | None) -> None:
    """
    Refuse tables that are not those of :data:`HEAD`.

    Raises:
        StoreError: they are missing, of another version or without any.
    """
    version = find_version(connection, prefix, schema)
    if version == HEAD:
        expected = {*Schema.of(prefix, schema).rows, ""}
        if missing := sorted(expected.difference(find_tables(connection, prefix, schema))):
            raise StoreError(
                f"the tables {prefix}* are of version {HEAD}, but {', '.join(prefix + name for name in missing)} of "
                "them cannot be found; restore the database from its backup"
            )
        return
    if version is not None:
        refuse_unknown_version(version, prefix)
        raise StoreError(
            f"the tables {prefix}* are of version {version}, and this library works with {HEAD}; migrate them: "
            f"loyalty ledger migrate --db URL, or loyalty.ledger.sql.migrations.migrate(engine, prefix={prefix!r})"
        )
    if found := find_tables(connection, prefix, schema):
        raise without_version(found, prefix)
    raise StoreError(
        f"there are no tables {prefix}* in the database; make them: loyalty ledger init --db URL, or "
        f"loyalty.ledger.sql.create_tables(engine, prefix={prefix!r})"
    )


def refuse_unknown_version(version: str, prefix: str) -> None:
    """
    Refuse a version that this library has never heard of.

    Raises:
        StoreError: always for such a version.
    """
    if version not in VERSIONS:
        raise StoreError(
            f"the tables {prefix}* are of version {version}, which this library does not know (its newest is {HEAD}); "
            "use the release of loyalty-engine that made them, or a later one"
        )


def without_version(found: list[str], prefix: str) -> StoreError:
    """Say that there are tables of our names, of which nobody knows what they are."""
    names = ", ".join(prefix + name for name in found if name) or version_table(prefix)
    return StoreError(
        f"{names} stand in the database, and {version_table(prefix)} notes no version of them: they are another "
        "application's, or older than versions; nothing was changed. Choose another prefix or schema, or move them away"
    )


#: What was found to be right, so that a store asks once for each engine.
_KNOWN: WeakKeyDictionary[Engine, set[tuple[str, str | None]]] = WeakKeyDictionary()


def require_version_once(connection: Connection, prefix: str, schema: str | None) -> None:
    """
    Refuse tables of another version the first time that an engine's are used.

    Raises:
        StoreError: as :func:`require_version`.
    """
    known = _KNOWN.setdefault(connection.engine, set())
    if (prefix, schema) not in known:
        require_version(connection, prefix, schema)
        known.add((prefix, schema))


def _require_schemas(connection: Connection, schema: str | None) -> None:
    if schema is not None and connection.dialect.name != "postgresql":
        raise StoreError(f"schema {schema!r} was given, and {connection.dialect.name} has none; give a prefix alone")


def _version_table(prefix: str, schema: str | None) -> Table:
    # Column by column what Alembic would make, which reads it and writes it in migrations.
    name = version_table(Schema.of(prefix, schema).prefix)
    return Table(
        name,
        MetaData(schema=schema),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name=f"{name}_pkc"),
    )
