"""Databases of asyncio for tests that are written without it: each runs on a loop, in a greenlet, as a host's call."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine as AsyncDatabase
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from loyalty.aio import AsyncSqlStore, async_sqlite_engine, create_tables

#: Runs something on the test's loop.
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Iterator[Run]:
    """Run coroutines on one loop."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables, made by asyncio, to be copied."""

    async def make(path: Path) -> None:
        database = async_sqlite_engine(path)
        await create_tables(database)
        await database.dispose()

    path = tmp_path_factory.mktemp("books") / "empty.db"
    asyncio.run(make(path))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, run: Run) -> Iterator[AsyncDatabase]:
    """A database with the tables, through aiosqlite and through psycopg."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("empty_file"), request.getfixturevalue("tmp_path") / "book.db")
        database = async_sqlite_engine(path)
    else:
        url: URL = request.getfixturevalue("postgresql_book").url
        database = create_async_engine(url)
    yield database
    run(database.dispose())


@asynccontextmanager
async def host_of(database: AsyncDatabase, kind: str) -> AsyncIterator[Any]:
    """Open what a host gives us: the engine itself, a connection or a session."""
    if kind == "engine":
        yield database
    elif kind == "connection":
        async with database.connect() as connection:
            yield connection
    else:
        async with AsyncSession(database) as session:
            yield session


@pytest.fixture(params=["engine", "connection", "session"])
def async_store(request: pytest.FixtureRequest, database: AsyncDatabase, run: Run) -> Iterator[AsyncSqlStore]:
    """A book on each kind of bind."""
    host = host_of(database, request.param)
    bind = run(host.__aenter__())
    yield AsyncSqlStore(bind)
    run(host.__aexit__(None, None, None))
