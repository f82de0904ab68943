"""Every store keeps the outbox's contract; on PostgreSQL writers that overlap lose no message and no order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlmodel import Session

from loyalty.core.holders import Holder
from loyalty.errors import StoreError
from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.outbox import PAUSE_S
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine

from .journals import ACME
from .outbox_contract import OutboxContract, Surprise, fail_after, told, waiting


class TestMemory(OutboxContract):
    """In memory."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


class TestFile(OutboxContract):
    """In an SQLite file."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        engine = sqlite_engine(tmp_path / "book.db")
        create_tables(engine)
        yield SqlStore(engine)
        engine.dispose()


class TestSession(OutboxContract):
    """In a host's session."""

    @pytest.fixture
    def store(self) -> Iterator[SqlStore]:
        engine = create_engine("sqlite://")
        create_tables(engine)
        with Session(engine) as session:
            yield SqlStore(session)


class TestPostgreSQL(OutboxContract):
    """In PostgreSQL."""

    @pytest.fixture
    def store(self, postgresql_book: Engine) -> SqlStore:
        return SqlStore(postgresql_book)


class TestPostgreSQLSession(OutboxContract):
    """In a host's session on PostgreSQL."""

    @pytest.fixture
    def store(self, postgresql_book: Engine) -> Iterator[SqlStore]:
        with Session(postgresql_book) as session:
            yield SqlStore(session)


def begin_book(store: SqlStore) -> None:
    """Have the book there, or its first two writers would wait for each other."""
    with store.transaction() as book:
        book.set_clock_day(20_000)


def test_a_slow_transaction_is_told_after_the_fast_ones(postgresql_book: Engine) -> None:
    """A row with a small id that is committed late is found, although rows behind it were told and dropped."""
    slow_host, store = Session(postgresql_book), SqlStore(postgresql_book)
    begin_book(store)
    with slow_host, SqlStore(slow_host).transaction() as slow:
        slow.expect(holders=[Holder.partner("birch")])
        slow.add_messages(told("slow"))
        slow.write()
        with store.transaction() as book:
            book.add_messages(told("fast"))
        assert waiting(store) == ["fast"]
        with store.transaction() as book:
            book.drop_messages(book.messages(9))
        slow_host.commit()
    assert waiting(store) == ["slow"]


def test_one_holders_messages_keep_the_order_of_their_writers(postgresql_book: Engine) -> None:
    """A transaction that began first, but came second to the holder, is told second."""
    first, second = Session(postgresql_book), SqlStore(postgresql_book)
    begin_book(second)
    with first:
        # The host writes something else, which gives its transaction a small number, before it comes to the holder.
        first.execute(text("CREATE TABLE other (id integer)"))
        with second.transaction() as book:
            book.expect(holders=[ACME])
            book.add_messages(told("came first"))
        with SqlStore(first).transaction() as book:
            book.expect(holders=[ACME])
            book.add_messages(told("came second"))
        first.commit()
    assert waiting(second) == ["came first", "came second"]


def test_two_relays_never_have_the_turn_at_once(postgresql_book: Engine) -> None:
    """On PostgreSQL the turn is the book's: another process waits, another book does not."""
    one, other = SqlStore(postgresql_book), SqlStore(postgresql_book)
    with one.relaying() as is_ours:
        assert is_ours
        with other.relaying() as is_also_ours:
            assert not is_also_ours
        with SqlStore(postgresql_book, book="another").relaying() as is_anothers:
            assert is_anothers
    with other.relaying() as is_ours:
        assert is_ours


def test_who_posts_wakes_who_listens(postgresql_book: Engine) -> None:
    """A message committed by another store ends the wait long before its time is over; a rolled back one does not."""
    store, poster = SqlStore(postgresql_book), SqlStore(create_engine(postgresql_book.url))
    with store.listening() as wait:
        with poster.transaction() as book:
            book.add_messages(told("a"))
        began = time.monotonic()
        wait(30)
        assert time.monotonic() - began < 5
        time.sleep(PAUSE_S)
        with pytest.raises(Surprise):
            fail_after(poster, lambda book: book.add_messages(told("b")))
        with poster.transaction() as book:
            book.set_clock_day(20_000)
        began = time.monotonic()
        wait(0.3)
        assert time.monotonic() - began >= 0.3


def test_many_posters_ring_seldom(postgresql_book: Engine) -> None:
    """Transactions that follow each other closely send one wake-up, not one each."""
    store = SqlStore(postgresql_book)
    with store.listening() as wait:
        began = time.monotonic()
        for number in range(20):
            with store.transaction() as book:
                book.add_messages(told(str(number)))
        rounds = (time.monotonic() - began) / PAUSE_S
        woken = 0
        while True:
            began = time.monotonic()
            wait(0.5)
            if time.monotonic() - began >= 0.5:
                break
            woken += 1
    assert 1 <= woken <= rounds + 1


def test_a_lost_listener_says_so(postgresql_book: Engine) -> None:
    """A connection that the server closed is a StoreError, not silence for ever."""

    def listen_while_the_server_hangs_up() -> None:
        with SqlStore(postgresql_book).listening() as wait:
            with create_engine(postgresql_book.url).connect() as connection:
                connection.execute(
                    text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
                )
            wait(5)

    with pytest.raises(StoreError, match="lost"):
        listen_while_the_server_hangs_up()
