"""A book in a database that is reached by asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import greenlet_spawn

from loyalty.errors import UsageError
from loyalty.ledger.sql import DEFAULT_PREFIX, SqlStore, SqlTransaction

#: What a host gives us to work on.
AsyncBind = AsyncEngine | AsyncConnection | AsyncSession

_Result = TypeVar("_Result")


class AsyncSqlStore:
    """
    A :class:`~loyalty.ledger.sql.SqlStore` on an engine, connection or session of SQLAlchemy's asyncio.

    With an AsyncEngine each call has transactions of its own, and several may be under way at once. With an
    AsyncConnection or an AsyncSession calls join the host's transaction, one after the other, and the host commits.

    A call that is cancelled is undone and leaves nothing of the transaction that was open. On SQLite, where a statement
    that has begun cannot be stopped, the call runs to its end first: what it did is kept then, whole.

    Args:
        bind: The host's AsyncEngine, AsyncConnection or AsyncSession.
        book: The name of the book; several live in one database.
        prefix: What the names of the tables begin with.
        schema: The schema of a PostgreSQL database that they stand in; the connection's own by default.
        clock: Gives the instant of sealing, UTC microseconds; the system's by default.

    Raises:
        UsageError: the bind is of another kind, or a connection that was not opened yet.
    """

    def __init__(
        self,
        bind: AsyncBind,
        *,
        book: str = "main",
        prefix: str = DEFAULT_PREFIX,
        schema: str | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        sync = sync_of(bind)
        self._sync = SqlStore(sync, book=book, prefix=prefix, schema=schema, clock=clock)
        # A connection does one thing at a time, and savepoints of two tasks on it would cross.
        self._turns = None if isinstance(bind, AsyncEngine) else asyncio.Lock()
        dialect = sync.get_bind().dialect if isinstance(sync, Session) else sync.dialect
        self._can_be_stopped = dialect.name != "sqlite"

    async def run_sync(self, work: Callable[[SqlStore], _Result]) -> _Result:
        """
        Call a synchronous function with the synchronous store; every statement in it is awaited.

        Args:
            work: What is done. What it gives back must not ask the database any more: make lists of what it reads.

        Raises:
            Exception: whatever *work* raises.
        """
        async with self._turn():
            call = greenlet_spawn(work, self._sync)
            return await (call if self._can_be_stopped else _to_its_end(call))

    async def transact(self, work: Callable[[SqlTransaction], _Result], *, read_only: bool = False) -> _Result:
        """
        Call a synchronous function inside a transaction, which is kept when it returns and undone when it raises.

        Args:
            work: As for :meth:`run_sync`; it is given the transaction.
            read_only: Take no lock and change nothing.

        Raises:
            StoreError: the tables are missing or of another version, or the database failed.
        """

        def inside(store: SqlStore) -> _Result:
            with store.transaction(read_only) as book:
                return work(book)

        return await self.run_sync(inside)

    def _turn(self) -> AbstractAsyncContextManager[object]:
        return nullcontext() if self._turns is None else self._turns


async def _to_its_end(call: Coroutine[Any, Any, _Result]) -> _Result:
    """
    Await a call that goes on when the one who waits for it is cancelled, who hears of it afterwards.

    Closing a connection of SQLite in the middle would leave its lock to whoever still holds the cancelled task's error.
    """
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(Exception, asyncio.CancelledError):
                await asyncio.shield(task)
        if not task.cancelled():
            # What it failed with is told to nobody else.
            task.exception()
        raise


def sync_of(bind: AsyncBind) -> Engine | Connection | Session:
    """
    Give what a bind of asyncio is wrapped around.

    Raises:
        UsageError: it is of another kind, or a connection that was not opened yet.
    """
    if isinstance(bind, AsyncEngine):
        return bind.sync_engine
    if isinstance(bind, AsyncSession):
        return bind.sync_session
    if isinstance(bind, AsyncConnection):
        if bind.sync_connection is None:
            raise UsageError("the connection is not open yet; open it: `async with engine.connect() as connection`")
        return bind.sync_connection
    raise UsageError(
        f"got {type(bind).__name__} for the database; give an AsyncEngine, AsyncConnection or AsyncSession, or use "
        "loyalty.ledger.sql.SqlStore with what is not of asyncio"
    )
