"""The store on PostgreSQL keeps the contract, in its own transactions and in those of a host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from loyalty.errors import LedgerError, StoreError
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.ledger.sql.bulk import array_text
from loyalty.ledger.verify import verify

from .journals import AVAILABLE, earn, redeem
from .store_contract import StoreContract
from .tampering import fill, unguard


class TestEngine(StoreContract):
    """The contract, in transactions of our own."""

    @pytest.fixture
    def store(self, postgresql_book: Engine) -> SqlStore:
        return SqlStore(postgresql_book)


class TestSchema(StoreContract):
    """The contract, in a schema of the host's choice and without a prefix, outside of the search path."""

    @pytest.fixture
    def store(self, postgresql_engine: Engine) -> SqlStore:
        with postgresql_engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA points")
        create_tables(postgresql_engine, prefix="", schema="points")
        return SqlStore(postgresql_engine, prefix="", schema="points")


class TestHostSession(StoreContract):
    """The contract, inside a host's session."""

    @pytest.fixture
    def store(self, postgresql_book: Engine) -> Iterator[SqlStore]:
        with Session(postgresql_book) as session:
            yield SqlStore(session)


class TestHostConnection(StoreContract):
    """The contract, inside a host's connection."""

    @pytest.fixture
    def store(self, postgresql_book: Engine) -> Iterator[SqlStore]:
        with postgresql_book.connect() as connection:
            yield SqlStore(connection)


@pytest.fixture
def orders(postgresql_book: Engine) -> Engine:
    """A host's database: its own table beside ours."""
    with postgresql_book.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id integer PRIMARY KEY)"))
    return postgresql_book


def _counts(engine: Engine) -> tuple[int, int]:
    """Give how many orders of the host's and entries of ours another connection sees."""
    with engine.connect() as connection:
        return tuple(
            connection.execute(text("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM loyalty_entry)")).one()
        )  # type: ignore[return-value]


Host = Connection | Session


@pytest.fixture(params=["connection", "session"])
def host(request: pytest.FixtureRequest, orders: Engine) -> Iterator[Host]:
    """A host's connection or session, on which nothing was done yet."""
    with orders.connect() if request.param == "connection" else Session(orders) as host:
        yield host


@pytest.mark.parametrize("end", ["rollback", "commit"])
def test_the_hosts_transaction_is_never_ended(orders: Engine, host: Host, end: str) -> None:
    """Nobody sees our entry before the host commits; what it rolls back is gone with its own row, wherever it wrote."""
    store = SqlStore(host)
    with store.transaction() as book:
        book.post([earn("before", 5)])
    host.execute(text("INSERT INTO orders VALUES (1)"))
    with store.transaction() as book:
        book.post([earn("after", 5)])
    assert _counts(orders) == (0, 0)
    getattr(host, end)()
    assert _counts(orders) == ((0, 0) if end == "rollback" else (1, 2))


def test_a_refusal_of_ours_leaves_the_hosts_work(orders: Engine, host: Host) -> None:
    """Each of our transactions is a savepoint: what the library refuses undoes nothing else, and the host goes on."""
    host.execute(text("INSERT INTO orders VALUES (1)"))
    store = SqlStore(host)
    with store.transaction() as book:
        book.post([earn("a", 5)])
    with pytest.raises(LedgerError), store.transaction() as book:
        book.post([earn("b", 5), redeem("r", 99)])
    host.execute(text("INSERT INTO orders VALUES (2)"))
    host.commit()
    assert _counts(orders) == (2, 1)


def test_a_refusal_of_the_database_leaves_the_hosts_work(orders: Engine, host: Host) -> None:
    """An error of the server aborts a PostgreSQL transaction to its last savepoint, which is ours, not the host's."""
    host.execute(text("INSERT INTO orders VALUES (1)"))
    store = SqlStore(host)

    def post_and_break() -> None:
        with store.transaction() as book:
            book.post([earn("a", 5)])
            connection = host.connection() if isinstance(host, Session) else host
            connection.execute(text("CREATE TEMPORARY TABLE seen ON COMMIT DROP AS SELECT 1"))
            book.runner.write(lambda compiler: compiler.schema.posting.update().values(amount=1), [{}])

    with pytest.raises(StoreError, match="append-only"):
        post_and_break()
    host.execute(text("INSERT INTO orders VALUES (2)"))
    with store.transaction() as book:
        book.post([earn("b", 7)])
    host.commit()
    assert _counts(orders) == (2, 1)
    with SqlStore(orders).transaction(read_only=True) as book:
        assert book.balance(AVAILABLE, "points") == 7


def test_a_savepoint_of_the_hosts_takes_ours_along(orders: Engine, host: Host) -> None:
    """A host that rolls back to its savepoint undoes what we wrote since, and keeps what we wrote before."""
    store = SqlStore(host)
    with store.transaction() as book:
        book.post([earn("kept", 5)])
    savepoint = host.begin_nested()
    host.execute(text("INSERT INTO orders VALUES (1)"))
    with store.transaction() as book:
        book.post([redeem("undone", 3)])
    savepoint.rollback()
    with store.transaction() as book:
        assert book.balance(AVAILABLE, "points") == 5
        book.post([redeem("instead", 4)])
    host.commit()
    assert _counts(orders) == (0, 2)
    with SqlStore(orders).transaction(read_only=True) as book:
        assert (book.balance(AVAILABLE, "points"), verify(book)) == (1, [])


_CRASH = """
import os, signal, sys
from sqlalchemy import create_engine, text
from loyalty.ledger.sql import SqlStore
from tests.ledger.journals import earn

engine = create_engine(sys.argv[1])
steps = {{
    "host": lambda: host.execute(text("INSERT INTO orders VALUES (1)")),
    "ours": lambda: post(),
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "commit": lambda: host.commit(),
}}

def post():
    with SqlStore(host).transaction() as book:
        book.post([earn("a", 5)])

with engine.connect() as host:
    for step in {steps!r}:
        steps[step]()
"""


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        (["host", "die", "ours", "commit"], (0, 0)),
        (["host", "ours", "die", "commit"], (0, 0)),
        (["ours", "die", "host", "commit"], (0, 0)),
        (["ours", "host", "die", "commit"], (0, 0)),
        (["host", "ours", "commit", "die"], (1, 1)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_no_crash_comes_between_the_hosts_write_and_ours(
    orders: Engine, steps: list[str], kept: tuple[int, int]
) -> None:
    """A process that is killed at any point leaves both writes or none, since both are of one transaction."""
    url = orders.url.render_as_string(hide_password=False)
    run = subprocess.run(
        [sys.executable, "-c", _CRASH.format(steps=steps), url],
        check=False,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        text=True,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert _counts(orders) == kept
    with SqlStore(orders).transaction(read_only=True) as book:
        assert verify(book) == []


def _attempt(engine: Engine, statement: str, *, replica: bool) -> None:
    with engine.begin() as connection:
        if replica:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(statement)


_CHANGES = {
    "entry": "revision = 'x'",
    "posting": "amount = amount + 1",
    "lot": "amount = 1",
    "lot_allocation": "amount = 1",
    "seal": "epoch = 9",
    "revision": "text = 'x'",
}


@pytest.mark.parametrize("table", _CHANGES)
@pytest.mark.parametrize("replica", [False, True])
def test_nobody_changes_what_was_written(postgresql_book: Engine, table: str, replica: bool) -> None:
    """A superuser is refused too, and so is a session that says it replicates, which passes ordinary triggers."""
    with SqlStore(postgresql_book).transaction() as book:
        book.post([earn("a", 5)])
        book.post([redeem("r", 3)])
        book.seal(1)
    for attempt in (
        f"UPDATE loyalty_{table} SET {_CHANGES[table]}",
        f"DELETE FROM loyalty_{table}",
        f"TRUNCATE loyalty_{table} CASCADE",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            _attempt(postgresql_book, attempt, replica=replica)
    with SqlStore(postgresql_book).transaction(read_only=True) as book:
        assert verify(book) == []


@pytest.mark.parametrize("replica", [False, True])
def test_half_an_entry_is_refused(postgresql_book: Engine, replica: bool) -> None:
    """A leg without its counterpart does not get in, whoever writes it."""
    with SqlStore(postgresql_book).transaction() as book:
        book.post([earn("a", 5)])
    half = (
        "INSERT INTO loyalty_posting (entry_id, seq, account_id, asset_id, amount) "
        "SELECT entry_id, 9, account_id, asset_id, 1 FROM loyalty_posting LIMIT 1"
    )
    with pytest.raises(DBAPIError, match="do not sum to 0"):
        _attempt(postgresql_book, half, replica=replica)


@pytest.mark.parametrize(
    ("table", "finding"),
    [("grant", "decision gift is of another book than its holder"), ("holder", "is delivered to a holder")],
)
def test_a_row_that_was_moved_to_another_book_is_found(postgresql_book: Engine, table: str, finding: str) -> None:
    """A decision whose key the book does not find any more, and holders whom it does not."""
    fill(SqlStore(postgresql_book))
    with SqlStore(postgresql_book, book="other").transaction() as book:
        book.set_clock_day(1)
    assert SqlStore(postgresql_book).verify().findings == ()
    with postgresql_book.begin() as connection:
        unguard(connection)
        other = "(SELECT id FROM loyalty_book WHERE name = 'other')"
        connection.exec_driver_sql(f"UPDATE loyalty_{table} SET book_id = {other}")
    assert any(finding in sentence for sentence in SqlStore(postgresql_book).verify().findings)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], "text"),
        ([""], "text"),
        (["plain", "ümlaut", "NULL", "{a,b}", " ", "line\nand\ttab"], "text"),
        (["plain", 'with "quotes"', "back\\slash", '","'], "text"),
        (["text", None, ""], "text"),
        ([1, -2, 2**62], "bigint"),
        ([None, 3, None], "bigint"),
        ([None], "bigint"),
    ],
)
def test_values_that_are_written_as_an_array_are_read_as_they_were(
    postgresql_engine: Engine, values: list[object], kind: str
) -> None:
    with postgresql_engine.connect() as connection:
        query = text(f"SELECT value FROM unnest(CAST(:given AS {kind}[])) WITH ORDINALITY AS t(value, n) ORDER BY n")
        assert list(connection.execute(query, {"given": array_text(values)}).scalars()) == values
