"""An engine inside the host's own transaction: what the host takes back never happened, what it commits stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import text
from sqlmodel import Session

from loyalty import Engine, EventConflict, InsufficientPoints, LedgerError, MemoryStore
from loyalty.ledger.sql import SqlStore

from .conftest import open_database
from .scenes import (
    ACME,
    PROGRAMME,
    assert_settled,
    balances_in,
    deal,
    entries_in,
    everything_in,
    instant,
    netted,
    refund,
    void,
)

UNTIL = PROGRAMME.calendar.day_of(instant("2027-06-01"))


@pytest.fixture(params=["file", "server"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with the library's tables and one of the host's."""
    if request.param == "file":
        database = open_database(request.getfixturevalue("book_file"))
    else:
        database = request.getfixturevalue("postgresql_book")
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE host_order (id INTEGER PRIMARY KEY)"))
    yield database
    database.dispose()


def orders(database: Database) -> int:
    """Count the host's rows."""
    with database.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM host_order")).scalar_one())


def test_the_hosts_rollback_takes_everything_back(database: Database) -> None:
    """Facts, entries, grants and the clock go with the host's own row."""
    with Session(database) as session:
        engine = Engine(PROGRAMME, SqlStore(session))
        session.execute(text("INSERT INTO host_order VALUES (1)"))
        engine.submit(deal("D-1", "2026-02-01", person="ann"))
        engine.redeem(ACME, "points", 7, key="K-1", at=instant("2026-02-02"))
        engine.advance("2026-03-01")
        session.rollback()
    store = SqlStore(database)
    assert entries_in(store) == []
    assert balances_in(store) == {}
    assert orders(database) == 0
    with store.transaction() as book:
        assert (book.find_event("/D-1"), book.find_grant("K-1"), book.clock_day()) == (None, None, None)


def test_the_hosts_commit_keeps_everything(database: Database) -> None:
    """The library never commits of its own accord, and nothing is lost when the host does."""
    with Session(database) as session:
        engine = Engine(PROGRAMME, SqlStore(session))
        session.execute(text("INSERT INTO host_order VALUES (1)"))
        engine.submit(deal("D-1", "2026-02-01"))
        session.commit()
        engine.submit(deal("D-2", "2026-02-02"))
        session.rollback()
    assert orders(database) == 1
    assert_settled(Engine(PROGRAMME, SqlStore(database)), [deal("D-1", "2026-02-01")], UNTIL)


@pytest.mark.parametrize("first", ["submit", "late", "void", "redeem", "advance"])
def test_the_same_engine_settles_right_after_the_hosts_rollback(database: Database, first: str) -> None:
    """What the engine keeps in memory of work that was taken back must not reach what comes next."""
    kept = [deal("D-1", "2026-02-01", 90, person="ann"), deal("D-2", "2026-02-10", 90, person="ann")]
    later = [deal("D-9", "2026-02-20", 90, person="ann"), refund("R-1", "2026-02-21", "D-1", 10)]
    with Session(database) as session:
        engine = Engine(PROGRAMME, SqlStore(session))
        engine.submit_all(kept)
        session.commit()
        if first == "submit":
            engine.submit(deal("D-3", "2026-02-15", 400, person="ann"))
        elif first == "late":
            engine.submit(deal("D-0", "2026-01-15", 400, person="ann"))
        elif first == "void":
            engine.submit(void("V-1", "2026-02-15", "D-2"))
        elif first == "redeem":
            engine.redeem(ACME, "points", 150, key="K-1", at=instant("2026-02-15"))
        else:
            engine.advance("2026-12-01")
        session.rollback()
        engine.submit_all(later)
        session.commit()
        assert_settled(engine, kept + later, UNTIL)
        session.commit()
        book = netted(entries_in(engine.store))
    fresh = Engine(PROGRAMME, MemoryStore())
    fresh.submit_all(kept + later)
    fresh.advance(UNTIL)
    assert book == netted(entries_in(fresh.store))


def test_the_same_event_can_come_again_after_the_hosts_rollback(database: Database) -> None:
    """An event that was taken back is new; a redemption under the same key too."""
    with Session(database) as session:
        engine = Engine(PROGRAMME, SqlStore(session))
        for _ in range(3):
            session.rollback()
            assert engine.submit(deal("D-1", "2026-02-01", 100)).entries
            assert engine.redeem(ACME, "points", 107, key="K-1", at=instant("2026-02-01")).entries
        engine.submit(deal("D-1", "2026-02-01", 100))
        session.commit()
        assert_settled(engine, [deal("D-1", "2026-02-01", 100)], UNTIL)


def test_an_inner_rollback_of_the_host_takes_back_its_part(database: Database) -> None:
    """A savepoint of the host undoes what was submitted inside it, and nothing else."""
    with Session(database) as session:
        engine = Engine(PROGRAMME, SqlStore(session))
        engine.submit(deal("D-1", "2026-02-01", 90))
        inner = session.begin_nested()
        engine.submit(deal("D-2", "2026-02-02", 300))
        inner.rollback()
        engine.submit(deal("D-3", "2026-02-03", 90))
        session.commit()
    events = [deal("D-1", "2026-02-01", 90), deal("D-3", "2026-02-03", 90)]
    assert_settled(Engine(PROGRAMME, SqlStore(database)), events, UNTIL)


def test_an_error_of_the_ledger_leaves_the_hosts_rows(database: Database) -> None:
    """What was refused is undone alone: the host may catch the error and go on."""
    with Session(database) as session:
        engine = Engine(PROGRAMME, SqlStore(session))
        session.execute(text("INSERT INTO host_order VALUES (1)"))
        engine.submit(deal("D-1", "2026-02-01", 90))
        before = everything_in(engine.store)
        with pytest.raises(InsufficientPoints):
            engine.redeem(ACME, "points", 1000, key="K-1", at=instant("2026-02-02"))
        with pytest.raises(LedgerError):
            engine.redeem(ACME, "points", 1, key="K-1", at=instant("2026-01-02"))
        with pytest.raises(EventConflict):
            engine.submit(deal("D-1", "2026-02-01", 91))
        assert everything_in(engine.store) == before
        session.execute(text("INSERT INTO host_order VALUES (2)"))
        engine.submit(deal("D-2", "2026-02-02", 90))
        session.commit()
    assert orders(database) == 2
    events = [deal("D-1", "2026-02-01", 90), deal("D-2", "2026-02-02", 90)]
    assert_settled(Engine(PROGRAMME, SqlStore(database)), events, UNTIL)


def test_a_memory_books_transaction_is_taken_back_too() -> None:
    """A host that opens the transaction of a book in memory and fails finds the engine as it was."""
    store = MemoryStore()
    engine = Engine(PROGRAMME, store)
    engine.submit(deal("D-1", "2026-02-01", 90))
    before = everything_in(store)

    def fail() -> None:
        with store.transaction():
            engine.submit(deal("D-2", "2026-02-02", 300))
            engine.redeem(ACME, "points", 7, key="K-1", at=instant("2026-02-03"))
            engine.advance("2026-12-01")
            raise RuntimeError("the host's own")

    with pytest.raises(RuntimeError, match="the host's own"):
        fail()
    assert everything_in(store) == before
    events = [deal("D-1", "2026-02-01", 90), deal("D-3", "2026-02-03", 90)]
    engine.submit(events[1])
    assert_settled(engine, events, UNTIL)
