"""What a host gives that is none, or not there, is told in words that say what to give instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

import loyalty
from loyalty.engine.messages import Messages
from loyalty.errors import StoreError, UsageError
from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.sql import Schema, SqlStore, check_version, create_tables
from loyalty.ledger.sql.migrations import migrate
from loyalty.ledger.sql.schema import MOST_OF_PREFIX
from tests.engine.scenes import ACME, PROGRAMME, deal


@pytest.mark.parametrize("given", ["x", None, 5])
def test_what_is_no_database_is_refused(given: Any) -> None:
    """A store says what it takes."""
    with pytest.raises(UsageError, match=r"for a database; give an Engine, a Connection or a Session"):
        SqlStore(given)


@pytest.mark.parametrize("given", [5, [5], object()])
def test_what_are_no_messages_is_refused(given: Any) -> None:
    """An engine says what it takes for messages."""
    with pytest.raises(UsageError, match="for messages; write True, False, topics"):
        loyalty.Engine(PROGRAMME, MemoryStore(), messages=given)
    assert Messages.of(["points"]) == Messages(topics=frozenset(["points"]))


def test_what_is_no_head_is_refused() -> None:
    """A text is to be read before it is compared with a chain."""
    engine = create_engine("sqlite://")
    create_tables(engine)
    heads: Any = ["1:aa"]
    with pytest.raises(UsageError, match=r"got '1:aa' for a head; give what Head\.parse reads"):
        SqlStore(engine).verify(heads=heads)


def test_a_connection_that_was_closed_is_refused() -> None:
    """The host's own mistake is named as that."""
    engine = create_engine("sqlite://")
    create_tables(engine)
    with engine.connect() as connection:
        store = SqlStore(connection)
    for ask in (lambda: store.transaction().__enter__(), lambda: check_version(connection)):
        with pytest.raises(StoreError, match=r"the connection was closed before it was given .* give one that is open"):
            ask()


def test_a_file_that_is_no_database_is_named_so(tmp_path: Path) -> None:
    """Nothing can be rolled back or mended there."""
    path = tmp_path / "no.db"
    path.write_text("this is a letter\n" * 100)
    with pytest.raises(StoreError, match=r"the file is no SQLite database .* give the one that holds the book"):
        check_version(create_engine(f"sqlite:///{path}"))


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://u@nowhere.invalid/x", "postgresql+psycopg://u@127.0.0.1:1/x", "sqlite:////no/such/x"]
)
def test_a_database_that_is_not_there_is_named_so(url: str) -> None:
    """No server, no such host, or no folder: there is nothing to roll back."""
    with pytest.raises(StoreError, match=r"the database cannot be reached .* see that it runs"):
        check_version(create_engine(url))


def test_sqlite_has_no_schemas() -> None:
    """Asking for one says so, wherever it is asked."""
    engine = create_engine("sqlite://")
    for ask in (create_tables, check_version, migrate):
        with pytest.raises(StoreError, match="schema 'pts' was given, and sqlite has none; give a prefix alone"):
            ask(engine, schema="pts")


@pytest.mark.parametrize("make", [create_tables, migrate])
def test_the_longest_prefix_makes_a_book(postgresql_engine: Engine, make: Callable[..., Any]) -> None:
    """PostgreSQL takes every name behind it, and what is longer is refused with the number."""
    prefix = "p" * MOST_OF_PREFIX
    make(postgresql_engine, prefix=prefix)
    book = loyalty.Engine(PROGRAMME, SqlStore(postgresql_engine, prefix=prefix))
    book.submit(deal("D-1", "2026-02-01"))
    with pytest.raises(StoreError, match=rf"has 45 characters; write at most {MOST_OF_PREFIX}"):
        Schema.of(prefix + "p")


def test_days_the_wrong_way_round_are_refused() -> None:
    """An empty page would look like a quiet month."""
    engine = loyalty.Engine(PROGRAMME, MemoryStore())
    engine.submit(deal("D-1", "2026-02-01"))
    assert engine.lines_between(ACME, "points", "2026-02-01", "2026-02-01").lines
    with pytest.raises(UsageError, match="until '2026-01-31', which lies before it; write the earlier one first"):
        engine.lines_between(ACME, "points", "2026-02-01", "2026-01-31")


def test_a_key_that_is_taken_is_told_in_words() -> None:
    """What stands under it is said as a person would."""
    engine = loyalty.Engine(PROGRAMME, MemoryStore())
    engine.submit(deal("D-1", "2026-02-01"))
    engine.redeem(ACME, "points", 40, key="gift", at="2026-02-10T10:00:00+01:00")
    with pytest.raises(loyalty.LedgerError) as raised:
        engine.redeem(ACME, "points", 41, key="gift", at="2026-02-10T10:00:00+01:00")
    assert str(raised.value) == (
        "command gift was given before as another one, a redeem of 40 points for partner:acme at "
        "2026-02-10T10:00:00+01:00; use a key of its own"
    )
