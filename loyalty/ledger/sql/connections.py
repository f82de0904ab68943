"""
Transactions on the host's database: our own on an engine, savepoints inside the host's on a connection.

SQLite refuses at once, whatever the time-out, when a transaction that began by reading turns to writing after another
one wrote. Writers therefore take the lock when they begin, and readers begin without it and never turn. Python's
driver begins late of its own accord, and a row of a released savepoint then survives a rollback; so our own statement
begins in all cases.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DisconnectionError

from loyalty.errors import StoreError
from loyalty.ledger.sql.faults import FAULTS, to_store_error, told

#: How long a writer waits for another one.
BUSY_TIMEOUT_MS = 30_000

#: How long a log of ours grows before it is copied into the file, pages of 4 KiB; each page is copied once then,
#: however often it was written, and entries come to the same pages of an index again and again.
LOG_PAGES = 8_000


def sqlite_engine(path: str | Path) -> Engine:
    """
    Make an engine for a file of its own: with a write-ahead log, so that readers and a writer never wait for each
    other, and with foreign keys and the time-out of writers set for each connection.

    On an engine of the host the last two are set for each of our transactions and set back again, which makes SQLite
    prepare every statement anew: a commit each is then a third slower. The way in which a host's file keeps its
    journal is never changed.

    Args:
        path: The database file; it is created where there is none.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)))
    set_up_sqlite(engine)
    return engine


def set_up_sqlite(engine: Engine) -> None:
    """Have each connection of an engine of our own made ready once and for all, and made anew for another file."""
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "checkout", _see_file)


@contextmanager
def begin_own(
    engine: Engine, *, read_only: bool = False, afterwards: Callable[[Connection], None] | None = None
) -> Iterator[Connection]:
    """
    Open a connection and a transaction, commit at the end, roll back after an error.

    Args:
        engine: The host's, or one of :func:`sqlite_engine`.
        read_only: Begin without the writer's lock, and leave the connection's settings alone.
        afterwards: Called after the commit, on a server, with the connection before it goes back to its pool.

    Raises:
        StoreError: the lock was not given in time, the engine's only connection is in use, or a server commits each
            statement by itself.
    """
    with told(engine.connect) as connection:
        if engine.dialect.name != "sqlite":
            with told(connection.begin):
                _require_transactions(connection)
                yield connection
            if afterwards is not None:
                afterwards(connection)
            return
        driver: Any = connection.connection.driver_connection
        if driver.in_transaction:
            raise StoreError(
                "the engine has one connection and the host's transaction is open on it; give the store that connection"
            )
        if read_only:
            with told(connection.begin):
                if not driver.in_transaction:
                    _say(connection, "BEGIN")
                yield connection
            return
        set_back = _prepare(connection)
        try:
            with told(connection.begin):
                if driver.in_transaction:
                    # An event of the host's engine began without the lock, and nothing was done in it.
                    _say(connection, "ROLLBACK")
                _say(connection, "BEGIN IMMEDIATE")
                yield connection
        finally:
            # What was lost inside is closed, and goes back to no pool.
            if not connection.invalidated:
                set_back()


@contextmanager
def join_host(connection: Connection, *, read_only: bool = False) -> Iterator[None]:
    """
    Open a savepoint in the host's transaction, which begins here if it did not yet and which the host ends.

    Args:
        connection: The host's.
        read_only: Take no lock. A snapshot that begins here ends with the block, so that the host who writes next does
            not turn from an old one to writing.

    Raises:
        StoreError: the lock was not given in time, or a server commits each statement by itself.
    """
    if not connection.in_transaction():
        # The host ends it with commit() or rollback(), as it would end one that its own first statement began.
        try:
            connection.begin()
        except FAULTS as fault:
            raise to_store_error(fault) from fault
    _require_transactions(connection)
    changes = None
    driver: Any = connection.connection.driver_connection
    # Without a transaction around it, releasing the savepoint would commit.
    if connection.dialect.name == "sqlite" and not getattr(driver, "in_transaction", True):
        _say(connection, "BEGIN" if read_only else "BEGIN IMMEDIATE")
        changes = driver.total_changes if read_only else None
    try:
        with told(connection.begin_nested):
            yield
    finally:
        # If the host wrote something inside after all, the transaction is the host's to end.
        is_ours = changes is not None and not connection.invalidated
        if is_ours and driver.in_transaction and driver.total_changes == changes:
            _say(connection, "COMMIT")


def _require_transactions(connection: Connection) -> None:
    """See that the host's statements do not commit by themselves: no lock would last, and on SQLite ours would."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        # Python's driver says so by having no level; a host that begins by a statement of its own has begun by now.
        own: Any = connection.connection.driver_connection
        commits_each = driver.isolation_level is None and not own.in_transaction
    else:
        commits_each = getattr(driver, "autocommit", False)
    if commits_each:
        raise StoreError(
            "the connection is in AUTOCOMMIT, where what belongs together does not stand or fall together; give one "
            "that is READ COMMITTED or SERIALIZABLE"
        )


def _say(connection: Connection, statement: str) -> None:
    """Run a statement of SQLite's through the driver, since SQLAlchemy's own way costs more than the statement."""
    try:
        cursor = connection.connection.cursor()
        cursor.execute(statement)
        cursor.close()
    except connection.dialect.loaded_dbapi.Error as fault:
        raise to_store_error(fault) from fault


#: Says of a connection that :func:`_set_up` made it ready for writers once and for all.
_SET_UP = "loyalty.set_up"

#: Keeps of a connection which file it opened.
_FILE = "loyalty.file"


def _set_up(driver: Any, record: Any) -> None:
    record.info[_SET_UP] = True
    cursor = driver.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    # A file that can only be read, or is in use just now, keeps the journal that it has; everything works with both.
    with suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    cursor.execute("PRAGMA database_list")
    path = cursor.fetchone()[2]
    cursor.close()
    record.info[_FILE] = (path, _file_at(path))


def _see_file(_driver: Any, record: Any, _proxy: Any) -> None:
    path, file = record.info[_FILE]
    if path and file != _file_at(path):
        # What is written to a file that was moved away, or deleted, would be found by nobody.
        raise DisconnectionError(f"{path} is another file now")


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _prepare(connection: Connection) -> Callable[[], None]:
    """Set what a writer needs on a connection, and give what sets it back, since the host may share its pool."""
    # SQLAlchemy's wrapping of the driver's connection, which is the driver's own but for asyncio.
    driver: Any = connection.connection.dbapi_connection
    before = driver.isolation_level
    driver.isolation_level = None
    changed = [] if connection.info.get(_SET_UP) else _set_for_now(driver)

    def set_back() -> None:
        if changed:
            cursor = driver.cursor()
            for setting in changed:
                cursor.execute(setting)
            cursor.close()
        driver.isolation_level = before

    return set_back


def _set_for_now(driver: Any) -> list[str]:
    """Set foreign keys and the time-out of a connection that is not ours, and give what sets them back."""
    cursor = driver.cursor()

    def asked(name: str) -> int:
        cursor.execute(f"PRAGMA {name}")
        return int(cursor.fetchone()[0])

    changed = []
    if not asked("foreign_keys"):
        cursor.execute("PRAGMA foreign_keys = ON")
        changed.append("PRAGMA foreign_keys = OFF")
    timeout_ms = asked("busy_timeout")
    if timeout_ms < BUSY_TIMEOUT_MS:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        changed.append(f"PRAGMA busy_timeout = {timeout_ms}")
    cursor.close()
    return changed
