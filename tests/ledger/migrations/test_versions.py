"""Tables have a version: they are made once, refused where they are others, and never stamped where we made none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text
from sqlmodel import Session

from loyalty.errors import StoreError
from loyalty.ledger.sql import SqlStore, check_version, create_tables
from loyalty.ledger.sql.migrations import current, head, migrate, migration_sql
from loyalty.ledger.sql.versions import VERSIONS
from tests.ledger.journals import AVAILABLE, earn

from .conftest import NewEngine


def _set_version(engine: Engine, version: str | None) -> None:
    with engine.begin() as connection:
        if version is None:
            connection.exec_driver_sql("DROP TABLE loyalty_alembic_version")
        else:
            connection.execute(text("UPDATE loyalty_alembic_version SET version_num = :to"), {"to": version})


def _names(engine: Engine) -> list[str]:
    return sorted(inspect(engine).get_table_names())


def test_created_tables_carry_the_newest_version(engine: Engine) -> None:
    """A database that the library made is up to date, and making it again changes nothing."""
    create_tables(engine)
    check_version(engine)
    assert (current(engine), migrate(engine), migration_sql(engine)) == (head(), [], "")
    with SqlStore(engine).transaction() as book:
        book.post([earn("a", 5)])
    create_tables(engine)
    with SqlStore(engine).transaction() as book:
        assert book.balance(AVAILABLE, "points") == 5


def test_migrated_tables_keep_a_book(engine: Engine) -> None:
    """A store works on tables that migrations made."""
    migrate(engine, prefix="points_")
    with SqlStore(engine, prefix="points_").transaction() as book:
        book.post([earn("a", 5)])
    with SqlStore(engine, prefix="points_").transaction() as book:
        assert book.balance(AVAILABLE, "points") == 5


def _use(engine: Engine) -> None:
    with SqlStore(engine).transaction(read_only=True):
        pass


_ASKING: dict[str, Callable[[Engine], Any]] = {"store": _use, "check": check_version, "create": create_tables}
_MIGRATING: dict[str, Callable[[Engine], Any]] = {"migrate": migrate, "script": migration_sql}


@pytest.mark.parametrize("ask", _ASKING)
def test_older_tables_are_to_be_migrated(engine: Engine, monkeypatch: pytest.MonkeyPatch, ask: str) -> None:
    """To a library that knows a newer version, every way in says which version stands there and what to call."""
    create_tables(engine)
    monkeypatch.setattr("loyalty.ledger.sql.versions.VERSIONS", (head(), "9000"))
    monkeypatch.setattr("loyalty.ledger.sql.versions.HEAD", "9000")
    older = rf"loyalty_\* are of version {head()}, and this library works with 9000; migrate"
    with pytest.raises(StoreError, match=older):
        _ASKING[ask](engine)
    assert current(engine) == head()


@pytest.mark.parametrize("ask", [*_ASKING, *_MIGRATING])
def test_newer_tables_are_refused(engine: Engine, ask: str) -> None:
    """A version from the future is not touched; the message names it and the newest that is known."""
    create_tables(engine)
    _set_version(engine, "9999")
    with pytest.raises(StoreError, match=rf"version 9999, which this library does not know \(its newest is {head()}\)"):
        (_ASKING | _MIGRATING)[ask](engine)
    assert current(engine) == "9999"


@pytest.mark.parametrize("ask", [*_ASKING, *_MIGRATING])
def test_tables_without_a_version_are_never_stamped(engine: Engine, ask: str) -> None:
    """Tables of our names that nobody noted a version of are named and left alone."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE loyalty_entry (id INTEGER)")
    with pytest.raises(StoreError, match=r"loyalty_entry stand in the database, and loyalty_alembic_version notes no"):
        (_ASKING | _MIGRATING)[ask](engine)
    assert _names(engine) == ["loyalty_entry"]


def test_a_lost_version_is_not_made_up(engine: Engine) -> None:
    """Whole tables whose version was dropped are refused too."""
    create_tables(engine)
    _set_version(engine, None)
    with pytest.raises(StoreError, match="notes no version of them"):
        create_tables(engine)
    assert current(engine) is None


@pytest.mark.parametrize("ask", ["store", "check"])
def test_an_empty_database_is_answered_with_what_to_call(engine: Engine, ask: str) -> None:
    """Where nothing stands, the command and the function are named."""
    with pytest.raises(StoreError, match=r"no tables loyalty_\* .* loyalty ledger init --db URL, or .*create_tables"):
        _ASKING[ask](engine)


def test_a_table_that_was_dropped_is_named(engine: Engine) -> None:
    """A version alone does not make a book: what is missing is named, and not made anew without its rows."""
    create_tables(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE loyalty_posting")
    for ask in (create_tables, migrate, check_version):
        with pytest.raises(StoreError, match="loyalty_posting of them cannot be found; restore"):
            ask(engine)


@pytest.mark.parametrize("make", [create_tables, migrate])
@pytest.mark.parametrize("kind", ["connection", "session"])
def test_the_hosts_rollback_takes_the_tables_along(engine: Engine, make: Callable[..., Any], kind: str) -> None:
    """On a connection or session nothing is committed: rolled back, no table is left; committed, all are."""
    for end, made in (("rollback", False), ("commit", True)):
        with Session(engine) if kind == "session" else engine.connect() as host:
            make(host)
            getattr(host, end)()
        assert ("loyalty_entry" in _names(engine), current(engine) == head()) == (made, made)


def test_a_migration_that_fails_leaves_nothing(engine: Engine) -> None:
    """The tables are made in one transaction, on SQLite too, so that none of them can stand half."""
    with engine.begin() as connection:
        # The last thing that the first migration makes finds its name taken.
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER)")
        connection.exec_driver_sql("CREATE INDEX ix_loyalty_outbox_book_id_id ON orders (id)")
    with pytest.raises(StoreError, match="ix_loyalty_outbox_book_id_id"):
        migrate(engine)
    assert _names(engine) == ["orders"]


def test_many_may_start_at_once(new_engine: NewEngine) -> None:
    """Instances of a host that all migrate when they start wait for each other, and one of them makes the tables."""
    engine = new_engine()
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: migrate(engine), range(4)))
    assert sorted(ran) == [[], [], [], list(VERSIONS)]
    create_tables(engine)


def test_a_schema_is_the_hosts_to_make(engine: Engine) -> None:
    """A schema that is missing is named with the statement that makes it; SQLite says that it has none."""
    expected = "SQLite|sqlite has none" if engine.dialect.name == "sqlite" else 'say CREATE SCHEMA "portal" first'
    for make in (create_tables, migrate):
        with pytest.raises(StoreError, match=expected):
            make(engine, schema="portal")


def test_names_that_are_none_are_refused(engine: Engine) -> None:
    """A prefix or schema becomes part of statements, so it is a name."""
    for given in ({"prefix": 'x"; --'}, {"schema": 'x"; --'}):
        for ask in (create_tables, migrate, migration_sql, check_version, current):
            with pytest.raises(StoreError, match="cannot b"):
                ask(engine, **given)
