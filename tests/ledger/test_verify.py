"""What was changed behind the library's back is found and named."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, create_engine

from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify

from .journals import ACME, AVAILABLE, PENDING, earn, move, redeem


def _fill(store: Store) -> None:
    with store.transaction() as book:
        book.post([earn("a", 10, at=1, to=PENDING), earn("b", 5, 101, at=2)])
        book.post([move("m", 6, of=PENDING, to=AVAILABLE), redeem("r", 2)])


@pytest.fixture
def engine() -> Engine:
    """A database with a small book, and no triggers to hold whoever tampers."""
    engine = create_engine("sqlite://")
    create_tables(engine)
    _fill(SqlStore(engine))
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return engine


@pytest.mark.parametrize(
    ("tampering", "finding"),
    [
        ("UPDATE loyalty_posting SET amount = 11 WHERE seq = 1 AND amount = 10", "entry a is out of balance by 1"),
        ("DELETE FROM loyalty_posting WHERE seq = 1 AND amount = 10", "entry a is out of balance by -10"),
        ("UPDATE loyalty_balance SET posted = 5 WHERE posted = 9", "available is kept at 5 points"),
        ("DELETE FROM loyalty_balance WHERE posted = 9", "available is kept at 0 points"),
        ("UPDATE loyalty_lot_state SET remaining = 5 WHERE amount = 10", "sum to 5 points"),
        ("UPDATE loyalty_lot_state SET remaining = 3 WHERE amount = 10", "sum to 3 points"),
        ("UPDATE loyalty_lot_state SET remaining = 7 WHERE amount = 5", "has 7 of 5 points left"),
        ("UPDATE loyalty_lot SET expires_day = 102 WHERE amount = 5", "expire on 1970-04-13 sum to 5"),
        ("UPDATE loyalty_posting SET amount = 0 WHERE seq = 1 AND amount = 10", "the journal cannot be read"),
    ],
)
def test_tampering_with_a_database_is_found(engine: Engine, tampering: str, finding: str) -> None:
    """Each statement that goes round the library leaves a finding that says where."""
    with SqlStore(engine).transaction() as book:
        assert verify(book) == []
    with engine.begin() as connection:
        assert connection.exec_driver_sql(tampering).rowcount == 1
    with SqlStore(engine).transaction() as book:
        assert any(finding in sentence for sentence in verify(book)), verify(book)


def test_tampering_with_memory_is_found() -> None:
    """The same questions are put to a book in memory."""
    store = MemoryStore()
    _fill(store)
    with store.transaction() as book:
        assert verify(book) == []
        book.book.wallets[ACME].balances["available", "points"] = -3
        object.__setattr__(book.book.entries[0].postings[1], "amount", 12)
        sentences = "\n".join(verify(book))
    assert "entry a is out of balance by 2 points" in sentences
    assert "available is kept at -3 points, but its postings sum to 9" in sentences
    assert "the trial balance of points is -12, not 0" in sentences


def test_a_broken_floor_is_found() -> None:
    """A wallet whose postings sum to less than nothing is named, whatever is kept elsewhere."""
    store = MemoryStore()
    _fill(store)
    with store.transaction() as book:
        object.__setattr__(book.book.by_key["r"].postings[0], "amount", -20)
        assert any("available stands at -9 points, beyond its floor" in sentence for sentence in verify(book))
