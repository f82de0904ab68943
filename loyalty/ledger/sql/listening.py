"""
Wake-ups on PostgreSQL: whoever posted rings, and a relay that listens looks at once instead of after its next pause.

NOTIFY takes a lock that all commits of the server with a NOTIFY wait for, so it is never part of a posting transaction.
It is sent after the commit, on the same connection, at most once in :data:`PAUSE_S` for each engine and book. A relay
therefore looks once more after that time before it trusts the silence. A wake-up may get lost; the relay looks every
few seconds anyway.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.engine import Connection, Engine

from loyalty.errors import StoreError
from loyalty.ledger.outbox import PAUSE_S
from loyalty.ledger.sql.faults import FAULTS, to_store_error, told
from loyalty.ledger.sql.locks import lock_number
from loyalty.ledger.sql.schema import Schema

#: When each engine rang last, by channel.
_RANG: Final[WeakKeyDictionary[Engine, dict[str, float]]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()


def channel_of(schema: Schema, book: str) -> str:
    """Give the name of a book's channel, which PostgreSQL cuts after 63 bytes."""
    number = lock_number(schema.prefix, schema.metadata.schema or "", book) % 2**64
    return f"{schema.prefix[:32]}outbox_{number:016x}".lower()


def ring(connection: Connection, channel: str) -> None:
    """
    Wake the relays that listen, unless they were woken just now; on a connection that is in no transaction.

    Whatever goes wrong is swallowed, since what was posted is committed and will be told in any case.
    """
    if connection.dialect.name != "postgresql":
        return
    now = time.monotonic()
    with _LOCK:
        rang = _RANG.setdefault(connection.engine, {})
        if now - rang.get(channel, -PAUSE_S) < PAUSE_S:
            return
        rang[channel] = now
    with suppress(*FAULTS), connection.begin():
        # Nobody needs the wake-up after a power cut, and waiting for the disk would be done under the lock.
        connection.execute(text("SET LOCAL synchronous_commit TO off"))
        connection.execute(select(func.pg_notify(bindparam("channel", channel), "")))


@contextmanager
def listen(engine: Engine, channel: str) -> Iterator[Callable[[float], None]]:
    """
    Listen on a connection of its own until the block ends.

    Returns:
        A function that waits for a wake-up, at most so many seconds; where the driver cannot listen it just waits.

    Raises:
        StoreError: the connection cannot be made, or was lost.
    """
    if engine.dialect.driver != "psycopg" or engine.dialect.is_async:
        yield time.sleep
        return
    with told(lambda: engine.connect().execution_options(isolation_level="AUTOCOMMIT")) as connection:
        driver: Any = connection.connection.driver_connection
        try:
            connection.exec_driver_sql(f'LISTEN "{channel}"')
            # It still listens after the block, so it is closed instead of being given back to the pool.
            connection.detach()
        except FAULTS as fault:
            raise to_store_error(fault) from fault

        def wait(seconds: float) -> None:
            try:
                for _ in driver.notifies(timeout=seconds, stop_after=1):
                    pass
            except driver_error(engine) as fault:
                raise StoreError(f"the connection that listens was lost ({fault}); listen again") from fault

        yield wait


def driver_error(engine: Engine) -> type[Exception]:
    """Give the class of all errors that the engine's driver raises."""
    assert engine.dialect.dbapi is not None
    error: type[Exception] = engine.dialect.dbapi.Error
    return error
