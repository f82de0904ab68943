"""Books to settle against: in memory, and in a file or on a server, where they can be opened again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, event

from loyalty import Engine, Event, Programme
from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from loyalty.ledger.store import Store

from .small_programmes import Told, told_by

#: Opens the test's one book; called again it is what a restarted process would hold.
OpenBook = Callable[[], Store]


def open_database(path: Path) -> Database:
    """Open a file; it need not outlive a power cut."""
    database = sqlite_engine(path)
    event.listen(database, "connect", lambda driver, _record: driver.execute("PRAGMA synchronous = OFF"))
    return database


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables, to be copied: making them takes longer than most tests."""
    path = tmp_path_factory.mktemp("books") / "empty.db"
    database = open_database(path)
    create_tables(database)
    database.dispose()
    return path


@pytest.fixture
def book_file(empty_file: Path, tmp_path: Path) -> Path:
    """An empty book of the test's own."""
    return Path(shutil.copy(empty_file, tmp_path / "book.db"))


@pytest.fixture(params=["memory", "file", "server"])
def open_book(request: pytest.FixtureRequest) -> Iterator[OpenBook]:
    """The same book whenever it is opened, in each backend."""
    if request.param == "memory":
        kept = MemoryStore()
        yield lambda: kept
        return
    if request.param == "file":
        path: Path = request.getfixturevalue("book_file")
    else:
        url = request.getfixturevalue("postgresql_book").url
    databases: list[Database] = []

    def open_again() -> Store:
        databases.append(open_database(path) if request.param == "file" else create_engine(url))
        return SqlStore(databases[-1])

    yield open_again
    for database in databases:
        database.dispose()


@pytest.fixture
def store(open_book: OpenBook) -> Store:
    """The book, opened once."""
    return open_book()


@pytest.fixture(params=["memory", "file", "server"])
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    """Give engines over empty books of each backend, that were told some events."""
    numbers, database = count(), None
    if request.param == "file":
        database = open_database(request.getfixturevalue("book_file"))
    elif request.param == "server":
        database = request.getfixturevalue("postgresql_book")

    def told(declared: Programme, *events: Event) -> Engine:
        store = MemoryStore() if database is None else SqlStore(database, book=f"book {next(numbers)}")
        return told_by(Engine(declared, store), *events)

    yield told
    if database is not None:
        database.dispose()
