"""
Transactions on the host's database: our own on an engine, savepoints inside the host's on a connection.

SQLite refuses at once, whatever the time-out, when a transaction that began by reading turns to writing after another
one wrote. Writers therefore take the lock when they begin. Python's driver begins late of its own accord, and a row of
a released savepoint then survives a rollback; so the lock is taken by our own statement in both cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from loyalty.errors import StoreError

#: How long a writer waits for another one.
BUSY_TIMEOUT_MS = 30_000


def sqlite_engine(path: str | Path) -> Engine:
    """
    Make an engine for a file of its own, whose connections enforce foreign keys from the start.

    On an engine of the host they are turned on for each of our transactions and off again, which makes SQLite prepare
    every statement anew: a commit each is then a third slower.

    Args:
        path: The database file; it is created where there is none.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", lambda driver, _record: driver.execute("PRAGMA foreign_keys = ON"))
    return engine


@contextmanager
def begin_own(engine: Engine) -> Iterator[Connection]:
    """
    Open a connection and a transaction, commit at the end, roll back after an error.

    Raises:
        StoreError: the lock was not given in time, or the engine's only connection is in use.
    """
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        with _prepared(driver, connection.info), connection.begin():
            if driver.in_transaction:
                # An event of the host's engine began without the lock, and nothing was done in it.
                driver.rollback()
            _lock(connection)
            yield connection


@contextmanager
def join_host(connection: Connection) -> Iterator[None]:
    """
    Open a savepoint in the host's transaction, which begins here if it did not yet and which the host ends.

    Raises:
        StoreError: the lock was not given in time.
    """
    if not connection.in_transaction():
        # The host ends it with commit() or rollback(), as it would end one that its own first statement began.
        connection.begin()
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        # Without a transaction around it, releasing the savepoint would commit.
        if not getattr(driver, "in_transaction", True):
            _lock(connection)
    with connection.begin_nested():
        yield


def _lock(connection: Connection) -> None:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        raise StoreError(
            f"the database is locked by another writer ({error.orig}); keep transactions short and try again"
        ) from error


@contextmanager
def _prepared(driver: Any, info: dict[Any, Any]) -> Iterator[None]:
    if driver.in_transaction:
        raise StoreError(
            "the engine has one connection and the host's transaction is open on it; give the store that connection"
        )
    if not info.get("loyalty"):
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        driver.execute("PRAGMA journal_mode = WAL")
        info["loyalty"] = True
    before = driver.isolation_level
    (enforced,) = driver.execute("PRAGMA foreign_keys").fetchone()
    driver.isolation_level = None
    if not enforced:
        driver.execute("PRAGMA foreign_keys = ON")
    try:
        yield
    finally:
        # The connection goes back to a pool that the host may share, as it was.
        if not enforced:
            driver.execute("PRAGMA foreign_keys = OFF")
        driver.isolation_level = before
