"""The store in SQLite keeps the contract, in its own transactions and in those of a host."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from loyalty.errors import LedgerError, StoreError
from loyalty.ledger.sql import (
    Schema,
    SqlStore,
    connections,
    create_tables,
    fact_statements,
    journal,
    names,
    posting_statements,
    sqlite_engine,
)
from loyalty.ledger.sql.statements import Compiler
from loyalty.ledger.verify import verify

from .journals import ACME, AVAILABLE, deal, earn, redeem
from .store_contract import StoreContract


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A file with the tables."""
    engine = create_engine(f"sqlite:///{tmp_path / 'book.db'}")
    create_tables(engine)
    yield engine
    engine.dispose()


class TestFile(StoreContract):
    """The contract, in a file of our own."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        engine = sqlite_engine(tmp_path / "own.db")
        create_tables(engine)
        yield SqlStore(engine)
        engine.dispose()


class TestMemoryDatabase(StoreContract):
    """The contract, in a database in memory with a prefix of the host's choice."""

    @pytest.fixture
    def store(self) -> SqlStore:
        engine = create_engine("sqlite://")
        create_tables(engine, prefix="acme_")
        return SqlStore(engine, prefix="acme_")


class TestHostSession(StoreContract):
    """The contract, inside a host's session."""

    @pytest.fixture
    def store(self, engine: Engine) -> Iterator[SqlStore]:
        with Session(engine) as session:
            yield SqlStore(session)


class TestHostConnection(StoreContract):
    """The contract, inside a host's connection whose engine begins transactions by an event."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}")

        @event.listens_for(engine, "connect")
        def _by_hand(driver, _record) -> None:  # type: ignore[no-untyped-def]
            driver.isolation_level = None

        @event.listens_for(engine, "begin")
        def _begin(connection) -> None:  # type: ignore[no-untyped-def]
            connection.exec_driver_sql("BEGIN")

        create_tables(engine)
        with engine.connect() as connection:
            yield SqlStore(connection)
        engine.dispose()


def test_an_engine_that_begins_by_an_event_works_too(tmp_path: Path) -> None:
    """Whoever installed SQLAlchemy's recipe for SQLite gets the writer's lock all the same."""
    engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    create_tables(engine)
    with SqlStore(engine).transaction() as book:
        book.post([earn("a", 5)])
    with SqlStore(engine).transaction() as book:
        assert book.balance(AVAILABLE, "points") == 5


def test_a_reopened_file_gives_the_same_book(engine: Engine, tmp_path: Path) -> None:
    """Nothing lives in the process: another engine and store read what was written and go on."""
    with SqlStore(engine).transaction() as book:
        book.post([earn("a", 5, at=1), earn("b", 5, at=2)])
        book.post([redeem("r", 3)])
        book.add_event(deal("D-1"), recorded_at=1)
        book.deliver("crm/D-1", ACME, {"tier": 1})
        before = (list(book.entries()), book.trial_balance(), book.lots(AVAILABLE, "points"), book.received(ACME))
    engine.dispose()
    again = SqlStore(create_engine(f"sqlite:///{tmp_path / 'book.db'}"))
    with again.transaction() as book:
        after = (list(book.entries()), book.trial_balance(), book.lots(AVAILABLE, "points"), book.received(ACME))
        assert after == before
        with pytest.raises(LedgerError):
            book.post([earn("a", 5)])
        book.post([redeem("s", 7)])
        assert book.balances(ACME) == {}


def test_two_books_share_a_database(engine: Engine) -> None:
    """Keys, identities, assets and clocks are those of a book."""
    one, two = SqlStore(engine, book="one"), SqlStore(engine, book="two")
    for store, amount in ((one, 5), (two, 7)):
        with store.transaction() as book:
            book.post([earn("a", amount)])
            assert book.add_event(deal("D-1"), recorded_at=1).event == deal("D-1")
            book.set_clock_day(amount)
    with one.transaction() as book:
        assert book.balance(AVAILABLE, "points") == 5
        assert len(list(book.entries())) == 1
        assert book.clock_day() == 5


def test_books_that_take_turns_seal_beside_each_other(engine: Engine) -> None:
    """Each book has a chain of its own in a common table, in transactions of its own and in a host's."""
    one, two = SqlStore(engine, book="one"), SqlStore(engine, book="two")
    for turn in range(3):
        for store in (one, two):
            with store.transaction() as book:
                book.post([earn(f"own-{turn}", 5)])
        with Session(engine) as session, session.begin():
            for name in ("two", "one"):
                with SqlStore(session, book=name).transaction() as book:
                    book.post([earn(f"host-{turn}", 5)])
    for store in (one, two):
        found = store.verify()
        assert (found.findings, found.sealed) == ((), 6)


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 45])
def test_as_many_as_come_are_written(engine: Engine, count: int) -> None:
    """However many rows a statement takes, each entry is there once, and a key that is known is refused with all."""
    store = SqlStore(engine)
    with store.transaction() as book:
        book.post([earn(f"e{number}", number) for number in range(1, count + 1)])
    with pytest.raises(LedgerError, match=f"e{count} is posted already"), store.transaction() as book:
        book.post([*(earn(f"new{number}", 1) for number in range(1, count)), earn(f"e{count}", 1)])
    with store.transaction(read_only=True) as book:
        assert [found.key for found in book.entries()] == [f"e{number}" for number in range(1, count + 1)]
        assert book.balance(AVAILABLE, "points") == count * (count + 1) // 2
    assert store.verify().findings == ()


@pytest.mark.parametrize("kind", ["session", "connection"])
def test_the_hosts_transaction_is_never_ended(engine: Engine, kind: str) -> None:
    """What the host rolls back is gone, the host's own rows with ours; what it commits is there."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
    for end in ("rollback", "commit"):
        with Session(engine) if kind == "session" else engine.connect() as host:
            host.execute(text("INSERT INTO orders VALUES (1)"))
            store = SqlStore(host)
            with store.transaction() as book:
                book.post([earn("a", 5)])
            with pytest.raises(LedgerError), store.transaction() as book:
                book.post([redeem("r", 9)])
            getattr(host, end)()
        with engine.connect() as connection:
            orders = connection.scalar(text("SELECT count(*) FROM orders"))
            entries = connection.scalar(text("SELECT count(*) FROM loyalty_entry"))
            assert (orders, entries) == ((0, 0) if end == "rollback" else (1, 1))


def test_a_transaction_that_the_store_began_is_the_hosts_to_end(engine: Engine) -> None:
    """A host that did nothing yet still decides: releasing our savepoint is no commit."""
    with engine.connect() as connection:
        with SqlStore(connection).transaction() as book:
            book.post([earn("a", 5)])
        connection.rollback()
    with SqlStore(engine).transaction() as book:
        assert list(book.entries()) == []


def test_an_own_transaction_on_the_hosts_only_connection_is_refused() -> None:
    """A database in memory has one connection; if the host is in a transaction there, the store says so."""
    engine = create_engine("sqlite://")
    create_tables(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
        connection.execute(text("INSERT INTO orders VALUES (1)"))
        with pytest.raises(StoreError, match="give the store that connection"), SqlStore(engine).transaction():
            pass


def test_missing_tables_are_named(tmp_path: Path) -> None:
    """An empty database is answered with what to call."""
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(StoreError, match="create_tables"), SqlStore(engine).transaction():
        pass


def _host(path: Path, *, begins: bool = False) -> Engine:
    """A host's engine that waits for nobody; with *begins* its transactions start deferred, by an event."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
    if begins:
        event.listen(engine, "connect", lambda driver, _record: setattr(driver, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


@pytest.fixture
def other_writer(engine: Engine) -> Iterator[Connection]:
    """A connection that holds the writer's lock on the file."""
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


@pytest.mark.usefixtures("other_writer")
@pytest.mark.parametrize("kind", ["engine", "connection", "session"])
def test_another_writer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Who cannot get the lock hears of the other writer, not of tables, with the driver's error behind it."""
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_MS", 0)
    host = _host(tmp_path / "book.db")
    bind = host if kind == "engine" else host.connect() if kind == "connection" else Session(host)
    store = SqlStore(bind, book="new")
    with pytest.raises(StoreError, match=r"another writer is in the way .*try again") as caught, store.transaction():
        pass
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    if not isinstance(bind, Engine):
        bind.close()
    host.dispose()


@pytest.mark.usefixtures("other_writer")
def test_another_writer_is_told_of_in_a_transaction_that_the_host_began(tmp_path: Path) -> None:
    """A host that began without the lock hears of it when the book is started, which is the first write."""
    host = _host(tmp_path / "book.db", begins=True)
    with host.connect() as connection:
        connection.execute(text("SELECT count(*) FROM loyalty_entry"))
        store = SqlStore(connection, book="new")
        with pytest.raises(StoreError, match="another writer is in the way"), store.transaction():
            pass
    host.dispose()


def test_turning_from_an_old_snapshot_to_writing_is_told(tmp_path: Path) -> None:
    """A host that read before another one wrote is told to try again, whichever statement writes first."""
    own = sqlite_engine(tmp_path / "own.db")
    create_tables(own)
    with SqlStore(own).transaction() as book:
        book.set_clock_day(1)
    host = _host(tmp_path / "own.db", begins=True)
    with host.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM loyalty_event")) == 0
        with SqlStore(own).transaction() as book:
            book.set_clock_day(2)
        store = SqlStore(connection)
        with pytest.raises(StoreError, match="another writer is in the way"), store.transaction() as book:
            book.add_event(deal("D-1"), recorded_at=1)
    own.dispose()
    host.dispose()


def test_a_failure_of_reading_is_told(engine: Engine) -> None:
    """A table that went missing is named; anything else comes in the driver's words."""
    with SqlStore(engine).transaction() as book:
        book.set_clock_day(1)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE loyalty_lot_allocation")
        connection.exec_driver_sql("ALTER TABLE loyalty_grant DROP COLUMN details")
    with SqlStore(engine).transaction(read_only=True) as book:
        with pytest.raises(StoreError, match=r"loyalty_\* cannot be used \(no such table.*create_tables"):
            book.allocations(AVAILABLE, "points")
        with pytest.raises(StoreError, match="refused or failed \\(no such column") as caught:
            book.find_grant("g")
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """No connection is a StoreError too."""
    store = SqlStore(create_engine(f"sqlite:///{tmp_path / 'nowhere' / 'book.db'}"))
    with pytest.raises(StoreError, match="unable to open database file"), store.transaction():
        pass


def test_a_commit_that_fails_is_told(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader in the way of a commit is told as the lock that it is, and nothing is kept."""
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_MS", 0)
    host = _host(tmp_path / "book.db")

    def write_beside_a_reader() -> None:
        with engine.connect() as reader, SqlStore(host).transaction() as book:
            book.set_clock_day(1)
            reader.exec_driver_sql("BEGIN")
            reader.exec_driver_sql("SELECT count(*) FROM loyalty_book").all()

    with pytest.raises(StoreError, match="another writer is in the way"):
        write_beside_a_reader()
    with SqlStore(engine).transaction(read_only=True) as book:
        assert book.clock_day() is None
    host.dispose()


def test_the_hosts_own_errors_stay_its_own(engine: Engine) -> None:
    """What the host's statements raise inside a transaction comes out as it is."""
    with engine.connect() as connection:
        for store in (SqlStore(engine), SqlStore(connection)):
            with pytest.raises(DBAPIError, match="no such table: elsewhere"), store.transaction() as book:
                book.runner.connection.exec_driver_sql("SELECT * FROM elsewhere")
            connection.rollback()


def _books(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [name for (name,) in connection.exec_driver_sql("SELECT name FROM loyalty_book").all()]


def test_reading_starts_no_book(engine: Engine) -> None:
    """A name that was mistyped reads as empty and leaves no row, and can be started later by the same store."""
    store = SqlStore(engine, book="typo")
    with store.transaction(read_only=True) as book:
        assert list(book.entries()) == []
    with Session(engine) as session, SqlStore(session, book="typo").transaction(read_only=True) as joined:
        assert joined.trial_balance() == {}
    assert _books(engine) == []
    with store.transaction() as book:
        book.post([earn("a", 5)])
    with store.transaction(read_only=True) as book:
        assert book.balance(AVAILABLE, "points") == 5
    assert _books(engine) == ["typo"]


@pytest.mark.parametrize("own", [True, False])
def test_a_file_that_can_only_be_read_is_read(tmp_path: Path, own: bool) -> None:
    """Reading needs no right to write, with either journal; writing says what the database says."""
    path = tmp_path / "kept.db"
    first = sqlite_engine(path) if own else create_engine(f"sqlite:///{path}")
    create_tables(first)
    with SqlStore(first).transaction() as book:
        book.post([earn("a", 5)])
    first.dispose()
    kept = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")
    with SqlStore(kept).transaction(read_only=True) as book:
        assert (book.balance(AVAILABLE, "points"), verify(book)) == (5, [])
    with Session(kept) as session, SqlStore(session).transaction(read_only=True) as book:
        assert book.balance(AVAILABLE, "points") == 5
    with pytest.raises(StoreError, match="readonly"), SqlStore(kept).transaction() as book:
        book.set_clock_day(1)
    kept.dispose()


@pytest.mark.parametrize("own", [True, False])
def test_a_reader_stands_beside_a_writer(tmp_path: Path, own: bool) -> None:
    """While another one writes, the last committed book is read at once, on an engine and in a host's session."""
    path = tmp_path / "shared.db"
    first = sqlite_engine(path) if own else create_engine(f"sqlite:///{path}")
    create_tables(first)
    with SqlStore(first).transaction() as book:
        book.post([earn("a", 5)])
    second = _host(path)
    with SqlStore(first).transaction() as writer:
        writer.post([earn("b", 5)])
        with SqlStore(second).transaction(read_only=True) as book:
            assert book.balance(AVAILABLE, "points") == 5
        with Session(second) as session, SqlStore(session).transaction(read_only=True) as book:
            assert book.balance(AVAILABLE, "points") == 5
    with SqlStore(second).transaction(read_only=True) as book:
        assert book.balance(AVAILABLE, "points") == 10
    first.dispose()
    second.dispose()


def test_a_host_that_read_can_write_afterwards(tmp_path: Path) -> None:
    """The snapshot of a reader ends with it, so that a write of another one does not stand in the host's way."""
    own = sqlite_engine(tmp_path / "own.db")
    create_tables(own)
    with Session(own) as session:
        with SqlStore(session).transaction(read_only=True) as book:
            assert book.clock_day() is None
        with SqlStore(own).transaction() as book:
            book.set_clock_day(1)
        with SqlStore(session).transaction() as book:
            assert book.clock_day() == 1
            book.set_clock_day(2)
        session.rollback()
    with SqlStore(own).transaction(read_only=True) as book:
        assert book.clock_day() == 1
    own.dispose()


def test_what_the_host_writes_beside_a_reader_stays_its_own(engine: Engine) -> None:
    """A row that the host wrote on its connection inside our reading is neither committed nor lost."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER)")
    for end, expected in (("rollback", 0), ("commit", 1)):
        with engine.connect() as host:
            with SqlStore(host).transaction(read_only=True):
                host.exec_driver_sql("INSERT INTO orders VALUES (1)")
            getattr(host, end)()
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM orders").scalar() == expected


def test_a_prefix_that_is_no_name_is_refused() -> None:
    """A prefix becomes part of a statement, so it is a name."""
    with pytest.raises(StoreError, match="cannot begin a table's name"):
        create_tables(create_engine("sqlite://"), prefix="x; --")


_CHANGES = {
    "entry": "revision = 'x'",
    "posting": "amount = amount + 1",
    "lot": "amount = 1",
    "lot_allocation": "amount = 1",
    "event": "kind = 'x'",
}


@pytest.mark.parametrize("table", _CHANGES)
def test_the_database_keeps_what_was_written(engine: Engine, table: str) -> None:
    """Rows of the journal cannot be changed, deleted or replaced, whoever tries."""
    with SqlStore(engine).transaction() as book:
        book.add_event(deal("D-1"), recorded_at=1)
        book.post([earn("a", 5)])
        book.post([redeem("r", 3)])
    name = f"loyalty_{table}"
    for attempt in (
        f"UPDATE {name} SET {_CHANGES[table]}",
        f"DELETE FROM {name}",
        f"INSERT OR REPLACE INTO {name} SELECT * FROM {name}",
    ):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(attempt)


@pytest.mark.parametrize("name", ["rowid", "oid", "_rowid_", "RowId"])
def test_a_lot_keeps_its_id_by_whatever_name(engine: Engine, name: str) -> None:
    """SQLite knows the key of a row by more names than its column's; under none of them does a lot replace another."""
    with SqlStore(engine).transaction() as book:
        book.post([earn("a", 5), earn("b", 7)])
    for how in ("UPDATE", "UPDATE OR REPLACE"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(f"{how} loyalty_lot SET {name} = (SELECT max(id) FROM loyalty_lot)")


def test_the_database_refuses_what_the_library_would_have_refused(engine: Engine) -> None:
    """Floors, lots and types are held by constraints as well."""
    with SqlStore(engine).transaction() as book:
        book.post([earn("a", 5)])
    for attempt, reason in {
        "UPDATE loyalty_balance SET posted = -1": "ck_loyalty_balance_floor",
        "UPDATE loyalty_lot SET remaining = 6": "ck_loyalty_lot_remaining",
        "UPDATE loyalty_balance SET posted = 1.5": "REAL value in INTEGER column",
    }.items():
        with pytest.raises(DBAPIError, match=reason), engine.begin() as connection:
            connection.exec_driver_sql(attempt)


def test_a_failed_write_cannot_be_swallowed(engine: Engine) -> None:
    """If the database refuses half of a batch, the transaction rolls back even when the host went on."""
    with SqlStore(engine).transaction() as book:
        book.post([earn("a", 5)])
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON loyalty_lot BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )

    def swallow() -> None:
        with SqlStore(engine).transaction() as book:
            book.set_clock_day(5)
            with pytest.raises(StoreError, match="disk is full"):
                book.post([earn("b", 5)])

    with pytest.raises(StoreError, match="an earlier write failed"):
        swallow()
    with SqlStore(engine).transaction() as book:
        assert (book.clock_day(), [one.key for one in book.entries()]) == (None, ["a"])


def test_the_hosts_pool_gets_its_connections_back_as_they_were(engine: Engine) -> None:
    """Foreign keys, the time-out and the driver's way of beginning are set for our transactions alone."""
    pragmas = ("foreign_keys", "busy_timeout", "journal_mode")
    with engine.connect() as connection:
        before = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    with SqlStore(engine).transaction() as book:
        inside = [book.runner.connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
        book.set_clock_day(1)
    with engine.connect() as connection:
        after = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
        driver: Any = connection.connection.driver_connection
        assert driver.isolation_level == ""
    assert (before, inside, after) == ([0, 5_000, "delete"], [1, 30_000, "delete"], [0, 5_000, "delete"])


def test_a_file_of_its_own_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    """What is never changed on a host's file is set up on one of our own."""
    own = sqlite_engine(tmp_path / "own.db")
    with own.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("foreign_keys", "busy_timeout", "journal_mode")
        ]
    own.dispose()
    assert found == [1, 30_000, "wal"]


#: What reads a whole book because it is asked for one, or one end of an index.
_WHOLE_BOOK = {
    "holders",
    "holders_due",
    "clocks_ahead",
    "locks",
    "adoptions",
    "_latest_entry",
    "_latest_event",
    "_latest_grant",
    "_derived_balance",
    "_derived_balances",
    "_kept_balances",
    "_find_assets",
    "_find_book",
}


def _statements() -> dict[str, Any]:
    return {
        name: item
        for module in (fact_statements, journal, names, posting_statements)
        for name, item in vars(module).items()
        if inspect.isfunction(item) and list(inspect.signature(item).parameters) == ["compiler"]
    }


@pytest.mark.parametrize("name", sorted(_statements().keys() - _WHOLE_BOOK - {"granted", "_lots", "_page"}))
def test_no_statement_reads_more_than_it_needs(engine: Engine, name: str) -> None:
    """Every statement goes through an index by more than the book's id, so that a large book is no slower."""
    compiler = Compiler(Schema.of("loyalty_"), engine.dialect)
    statement = compiler.statement(_statements()[name])
    with engine.connect() as connection:
        arguments = statement.arguments(dict.fromkeys(statement.names, "[1]"))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", arguments).all()
    steps = [step[3] for step in plan]
    assert not [step for step in steps if step.startswith("SCAN loyalty_")]
    assert not [step for step in steps if step.endswith("(book_id=?)")]
