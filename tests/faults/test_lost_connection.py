"""A connection that is lost, and a file that is replaced: a clear error, a whole book, and an engine that goes on."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, text

from loyalty import Engine, Event, StoreError
from loyalty.engine import working
from loyalty.errors import RetryableConflict
from loyalty.ledger.sql import SqlStore, connections, create_tables, sqlite_engine
from loyalty.ledger.verify import verify
from tests.databases import Server
from tests.engine.scenes import ACME, assert_settled, deal, instant
from tests.faults.history import UNTIL_DAY, history, read_all
from tests.faults.programme import PROGRAMME
from tests.faults.worker import watch

_EVENTS = read_all(history(21, size=40, partners=3))


def end_all(database: Database) -> None:
    """End every other connection to a database of PostgreSQL."""
    other = create_engine(database.url)
    with other.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    other.dispose()


@pytest.mark.parametrize("statement", [1, 2, 3, 5, 8, 13, 21, 34])
def test_a_connection_that_is_ended_in_a_transaction(postgresql_book: Database, statement: int) -> None:
    """Whichever statement finds the connection gone, the error says so, nothing is half, and the next call works."""
    count = 0

    def before_statement(_statement: str) -> None:
        nonlocal count
        count += 1
        if count == statement:
            end_all(postgresql_book)

    engine = Engine(PROGRAMME, SqlStore(postgresql_book))
    engine.submit_all(_EVENTS[:5])
    postgresql_book.dispose()
    watch(postgresql_book, before_statement)
    errors: list[StoreError] = []
    for event in _EVENTS:
        try:
            engine.submit(event)
        except StoreError as error:
            errors.append(error)
            with engine.store.transaction(read_only=True) as book:
                assert verify(book) == []
            engine.submit(event)
    assert [type(error) for error in errors] == [StoreError]
    assert re.search("the database refused or failed .*(terminating connection|closed)", str(errors[0]))
    assert_settled(engine, _EVENTS, UNTIL_DAY)


class Way(NamedTuple):
    """A way in which a host calls, and what it does with an event."""

    name: str
    day: str
    call: Callable[[Database, Event], object]


def by_engine(database: Database, event: Event) -> None:
    """Submit in a transaction of the engine's own."""
    Engine(PROGRAMME, SqlStore(database)).submit(event)


def by_connection(database: Database, event: Event) -> None:
    """Submit inside the host's transaction."""
    with database.begin() as connection:
        Engine(PROGRAMME, SqlStore(connection)).submit(event)


def by_block(database: Database, event: Event) -> None:
    """Submit inside a transaction of the store's."""
    store = SqlStore(database)
    with store.transaction():
        Engine(PROGRAMME, store).submit(event)


@pytest.mark.parametrize(
    "way",
    [
        Way("a new event", "2026-02-20", by_engine),
        Way("a late event", "2026-02-10", by_engine),
        Way("a late event on the host's connection", "2026-02-10", by_connection),
        Way("a new event in a transaction in another", "2026-02-20", by_block),
    ],
    ids=lambda way: way.name,
)
def test_a_connection_that_is_ended_before_any_statement(postgresql_book: Database, way: Way) -> None:
    """Wherever in a call, and inside whichever savepoint, the connection ends, the host gets one error of ours."""
    latest = deal("W-1", "2026-02-20", 1, programme=PROGRAMME)
    Engine(PROGRAMME, SqlStore(postgresql_book)).submit(latest)
    postgresql_book.dispose()
    count = ending = 0

    def before_statement(_statement: str) -> None:
        nonlocal count
        count += 1
        if count == ending:
            end_all(postgresql_book)

    watch(postgresql_book, before_statement)
    kept = [latest]
    errors: list[str] = []
    for number in range(1, 60):
        event = deal(f"D-{number}", way.day, 1, programme=PROGRAMME)
        count, ending = 0, number
        try:
            way.call(postgresql_book, event)
        except StoreError as error:
            errors.append(str(error))
        else:
            kept.append(event)
            if count < number:
                break
    assert len(errors) >= 8
    assert all(re.search("terminating connection|closed|lost", error) for error in errors)
    assert len(kept) == 2
    ending = 0
    assert_settled(Engine(PROGRAMME, SqlStore(postgresql_book)), kept, UNTIL_DAY)


def test_connections_that_end_while_they_are_idle(postgresql_book: Database) -> None:
    """A server that was restarted costs one error; then new connections are made, and states in memory still hold."""
    engine = Engine(PROGRAMME, SqlStore(postgresql_book))
    engine.submit_all(_EVENTS[:20])
    end_all(postgresql_book)
    with pytest.raises(StoreError, match="the database refused or failed"):
        engine.submit(_EVENTS[20])
    engine.submit_all(_EVENTS[20:])
    assert_settled(engine, _EVENTS, UNTIL_DAY)


def test_what_was_decided_before_a_lost_commit_is_asked_again(postgresql_book: Database) -> None:
    """Whoever does not know whether a command was kept gives it again under its key, and it happened once."""
    engine = Engine(PROGRAMME, SqlStore(postgresql_book))
    engine.submit(deal("D-1", "2026-02-01", 100, programme=PROGRAMME))
    for round_ in range(4):
        end_all(postgresql_book)
        for _ in range(2):
            try:
                engine.redeem(ACME, "points", 10, key=f"K-{round_}", at=instant("2026-02-02"))
            except StoreError:
                continue
    assert engine.statement(ACME, instant("2026-02-03")).balances["available", "points"] == 107 - 40
    assert_settled(engine, [deal("D-1", "2026-02-01", 100, programme=PROGRAMME)], UNTIL_DAY)


def restore_file(database: Database, _server: object, tmp_path: Path) -> None:
    """Put another file in the place of a book's, as a restore does."""
    path = Path(str(database.url.database))
    restored = tmp_path / "restored.db"
    fresh = sqlite_engine(restored)
    create_tables(fresh)
    Engine(PROGRAMME, SqlStore(fresh)).submit(deal("D-7", "2026-02-01", 33, programme=PROGRAMME, partner="zelkova"))
    fresh.dispose()
    for left in ("-wal", "-shm"):
        path.with_name(path.name + left).unlink(missing_ok=True)
    shutil.move(restored, path)


def restore_database(database: Database, server: Server, _tmp_path: Path) -> None:
    """Put another database in the place of a book's, as a restore does."""
    end_all(database)
    server.drop(database.url)
    made = server.create(with_tables=True)
    fresh = create_engine(made)
    Engine(PROGRAMME, SqlStore(fresh)).submit(deal("D-7", "2026-02-01", 33, programme=PROGRAMME, partner="zelkova"))
    fresh.dispose()
    administrator = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{made.database}" RENAME TO "{database.url.database}"')
    administrator.dispose()


@pytest.mark.parametrize(("kind", "restore"), [("sqlite", restore_file), ("postgresql", restore_database)])
def test_a_database_that_was_restored_under_a_running_engine(
    kind: str, restore: Callable[[Database, object, Path], None], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What the engine knew of the old one, ids and states, never reaches the new one, where the ids are others'."""
    server: Server | None = None
    if kind == "sqlite":
        database = sqlite_engine(tmp_path / "book.db")
        create_tables(database)
    else:
        server = request.getfixturevalue("postgresql")
        database = request.getfixturevalue("postgresql_book")
    engine = Engine(PROGRAMME, SqlStore(database))
    engine.submit(deal("D-1", "2026-02-01", 90, programme=PROGRAMME))
    restore(database, server, tmp_path)
    again = deal("D-2", "2026-02-02", 50, programme=PROGRAMME)
    if kind == "postgresql":
        with pytest.raises(StoreError):
            engine.submit(again)
    engine.submit(again)
    restored = deal("D-7", "2026-02-01", 33, programme=PROGRAMME, partner="zelkova")
    assert_settled(engine, [again, restored], UNTIL_DAY)
    fresh = Engine(PROGRAMME, SqlStore(database))
    assert_settled(fresh, [again, restored], UNTIL_DAY)
    database.dispose()


@pytest.mark.parametrize("patience_s", [0.0, 60.0])
def test_a_file_that_someone_else_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    """A lock that is not given up is told after some attempts, or after the first one that took too long."""
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_MS", 20)
    monkeypatch.setattr(working, "_PATIENCE_S", patience_s)
    database = sqlite_engine(tmp_path / "book.db")
    create_tables(database)
    engine = Engine(PROGRAMME, SqlStore(database))
    engine.submit_all(_EVENTS[:5])
    begun: list[str] = []
    watch(database, lambda statement: begun.append(statement) if statement.startswith("BEGIN") else None)
    database.dispose()
    other = sqlite3.connect(tmp_path / "book.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetryableConflict, match="another writer is in the way"):
        engine.submit(_EVENTS[5])
    assert len(begun) == (8 if patience_s else 1)
    assert engine.statement(ACME, "2026-06-01")
    other.close()
    engine.submit_all(_EVENTS)
    assert_settled(engine, _EVENTS, UNTIL_DAY)
    database.dispose()


def test_a_file_that_was_deleted_is_told(tmp_path: Path) -> None:
    """Nothing is written to a file that nobody can open any more; the error says that the tables are missing."""
    database = sqlite_engine(tmp_path / "book.db")
    create_tables(database)
    engine = Engine(PROGRAMME, SqlStore(database))
    engine.submit(deal("D-1", "2026-02-01", 90, programme=PROGRAMME))
    for file in tmp_path.iterdir():
        file.unlink()
    with pytest.raises(StoreError, match="no such table"):
        engine.submit(deal("D-2", "2026-02-01", 90, programme=PROGRAMME))
    create_tables(database)
    engine.submit(deal("D-2", "2026-02-01", 90, programme=PROGRAMME))
    assert_settled(engine, [deal("D-2", "2026-02-01", 90, programme=PROGRAMME)], UNTIL_DAY)
    database.dispose()
