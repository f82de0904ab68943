"""
The engine for asyncio, on SQLAlchemy's asyncio: the same code as everywhere, in a host's own asynchronous transaction.

Nothing is written a second time. What the library does runs as it is, in a greenlet that gives way to the event loop
wherever a statement waits for the database; SQLAlchemy's own asynchronous sessions work in this way.
"""

from loyalty.aio.databases import async_sqlite_engine, create_tables
from loyalty.aio.engine import AsyncEngine
from loyalty.aio.store import AsyncSqlStore

__all__ = ["AsyncEngine", "AsyncSqlStore", "async_sqlite_engine", "create_tables"]
