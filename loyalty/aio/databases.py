"""Databases of asyncio: a file of SQLite that is set up as the library likes it, and the tables."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from loyalty.aio.store import AsyncBind, sync_of
from loyalty.ledger.sql import DEFAULT_PREFIX, set_up_sqlite
from loyalty.ledger.sql import create_tables as create_tables_now


def async_sqlite_engine(path: str | Path) -> AsyncEngine:
    """
    Make an engine for a file of its own, as :func:`loyalty.ledger.sql.sqlite_engine` does, with the driver aiosqlite.

    Args:
        path: The database file; it is created where there is none.
    """
    engine = create_async_engine(URL.create("sqlite+aiosqlite", database=str(path)))
    set_up_sqlite(engine.sync_engine)
    return engine


async def create_tables(bind: AsyncBind, *, prefix: str = DEFAULT_PREFIX, schema: str | None = None) -> None:
    """
    Create the tables where there are none; on a connection or session the host commits.

    Arguments and errors are those of :func:`loyalty.ledger.sql.create_tables`.
    """
    await greenlet_spawn(create_tables_now, sync_of(bind), prefix=prefix, schema=schema)
