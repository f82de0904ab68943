"""A disk that is full: a clear error, a book that is whole, and an engine that goes on when there is room again."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import NullPool, create_engine, event, text

from loyalty import Engine, Event, StoreError
from loyalty.errors import RetryableConflict
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from loyalty.ledger.verify import verify
from tests.databases import Server
from tests.engine.scenes import assert_settled, deal
from tests.faults.history import UNTIL_DAY, history, read_all
from tests.faults.programme import PROGRAMME

_EVENTS = read_all(history(31, size=600, partners=6))


def submit_by_five(engine: Engine, left: list[Event]) -> None:
    """Submit events by five, and take those out of the list that were kept."""
    while left:
        list(engine.submit_many(left[:5], chunk=5))
        del left[:5]


def fill(engine: Engine, limited: Callable[[], AbstractContextManager[None]], words: str) -> None:
    """
    Submit until there is no room, look at the book, and go on with the same engine when there is room again.

    Args:
        limited: Takes the room away.
        words: What the error says.
    """
    left = list(_EVENTS)
    engine.submit(left.pop(0))
    with limited():
        with pytest.raises(StoreError, match=words) as refused:
            submit_by_five(engine, left)
        assert not isinstance(refused.value, RetryableConflict)
        assert left, "there was room for all events"
        with engine.store.transaction(read_only=True) as book:
            assert verify(book) == []
            # The part that was refused is not there, and all before it is.
            assert [book.find_event(event.identity) for event in left[:5]] == [None] * 5
            assert all(book.find_event(event.identity) for event in _EVENTS[: len(_EVENTS) - len(left)])
        with pytest.raises(StoreError, match=words):
            submit_by_five(engine, left)
    list(engine.submit_many(_EVENTS, chunk=50))
    assert_settled(engine, _EVENTS, UNTIL_DAY)


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_file_that_may_not_grow(tmp_path: Path, journal: str) -> None:
    """SQLite is told how many pages a file may have."""
    path = tmp_path / "book.db"
    database = sqlite_engine(path) if journal == "wal" else create_engine(f"sqlite:///{path}")
    create_tables(database)
    pages = [1_000_000]

    @event.listens_for(database, "checkout")
    def _limit(driver, _record, _proxy) -> None:  # type: ignore[no-untyped-def]
        driver.execute(f"PRAGMA max_page_count = {pages[0]}")

    @contextmanager
    def limited() -> Iterator[None]:
        with database.connect() as connection:
            pages[0] = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + 5
        yield
        pages[0] = 1_000_000

    fill(Engine(PROGRAMME, SqlStore(database)), limited, "database or disk is full")
    database.dispose()


@pytest.mark.parametrize("day", ["2026-02-20", "2026-02-10"], ids=["on time", "late"])
@pytest.mark.parametrize("is_nested", [False, True], ids=["alone", "in a transaction"])
def test_a_savepoint_in_a_full_file_is_told_as_that(tmp_path: Path, day: str, is_nested: bool) -> None:
    """SQLite has taken back the savepoint with all the rest by then; what is told is that the disk is full."""
    database = sqlite_engine(tmp_path / "book.db")
    create_tables(database)
    store = SqlStore(database)
    engine = Engine(PROGRAMME, store)
    first = deal("D-0", "2026-02-20", 1, programme=PROGRAMME)
    engine.submit(first)

    def limit(driver: sqlite3.Connection, *_pool: object) -> None:
        driver.execute("PRAGMA max_page_count = 1")

    event.listen(database, "checkout", limit)
    kept = [first]
    with pytest.raises(StoreError, match="database or disk is full"):  # noqa: PT012 - the block is what fails.
        for number in range(1, 500):
            one = deal(f"D-{number}", day, 1, programme=PROGRAMME)
            with store.transaction() if is_nested else contextlib.nullcontext():
                engine.submit(one)
            kept.append(one)
    event.remove(database, "checkout", limit)
    database.dispose()
    assert_settled(Engine(PROGRAMME, SqlStore(database)), kept, UNTIL_DAY)
    database.dispose()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_process_that_may_not_write_more(tmp_path: Path, journal: str) -> None:
    """The system refuses to let a file of this process grow, the journal's or the book's."""
    path = tmp_path / "book.db"
    database = sqlite_engine(path) if journal == "wal" else create_engine(f"sqlite:///{path}")
    create_tables(database)

    @contextmanager
    def limited() -> Iterator[None]:
        before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        largest = max(file.stat().st_size for file in tmp_path.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 20_000, most))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))

    fill(Engine(PROGRAMME, SqlStore(database)), limited, "disk I/O error|full")
    database.dispose()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system in memory of its own, which only root may mount."""
    folder = Path(tempfile.mkdtemp(prefix="loyalty-disk-"))
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "loyalty", str(folder)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("no file system can be mounted here; root may")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@contextmanager
def filled_up(disk: Path) -> Iterator[None]:
    """Take all the room of a disk but a little, whatever a server writes there in the meantime."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(b"\0" * 65536) == 65536:
                pass
        file.truncate(file.tell() - 65536)
    yield
    ballast.unlink()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_disk_with_a_file_is_full(small_disk: Path, journal: str) -> None:
    """The file system has no room left for the book of SQLite or for its journal."""
    path = small_disk / "book.db"
    database = sqlite_engine(path) if journal == "wal" else create_engine(f"sqlite:///{path}")
    create_tables(database)
    fill(
        Engine(PROGRAMME, SqlStore(database)), lambda: filled_up(small_disk), "database or disk is full|disk I/O error"
    )
    database.dispose()


def test_a_disk_with_a_tablespace_is_full(small_disk: Path, own_postgresql: Server) -> None:
    """The file system has no room left for the tables of PostgreSQL, whose journal lies elsewhere."""
    # While a disk is full no checkpoint succeeds on its server, and other tests drop databases, which begins with one.
    administrator = create_engine(own_postgresql.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with administrator.connect() as connection:
        files = Path(connection.scalar(text("SHOW data_directory")) or "")
        space = small_disk / "space"
        space.mkdir()
        owner = files.stat()
        small_disk.chmod(0o755)
        os.chown(space, owner.st_uid, owner.st_gid)
        name = small_disk.name.replace("-", "_").lower()
        connection.exec_driver_sql(f"CREATE TABLESPACE {name} LOCATION '{space}'")
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 TABLESPACE {name}")
    database: Database = create_engine(own_postgresql.url.set(database=name))
    try:
        create_tables(database)
        fill(Engine(PROGRAMME, SqlStore(database)), lambda: filled_up(small_disk), "No space left on device")
    finally:
        database.dispose()
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
            connection.exec_driver_sql(f"DROP TABLESPACE {name}")
