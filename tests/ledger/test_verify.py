"""What was changed behind the library's back is found and named."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, create_engine

from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify

from .journals import ACME, AVAILABLE, PENDING, deal, earn, move, redeem


def _fill(store: Store) -> None:
    with store.transaction() as book:
        book.post([earn("a", 10, at=1, to=PENDING), earn("b", 5, 101, at=2)])
        book.post([move("m", 6, of=PENDING, to=AVAILABLE), redeem("r", 2)])
        book.add_event(deal("D-1", person="zoe"), recorded_at=1)
        book.add_event(deal("R-1", kind="deal.refunded", of="D-1"), recorded_at=2)


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
        ("UPDATE loyalty_entry SET kind = 'gift' WHERE key = 'a'", "the journal cannot be read: entry a is stored as"),
        ("UPDATE loyalty_entry SET explanation = '5' WHERE key = 'a'", "the journal cannot be read: entry a is stored"),
        ("UPDATE loyalty_entry SET effective_at = 9 WHERE key = 'a'", "entry a is not what was posted"),
        ("UPDATE loyalty_entry SET recorded_at = 9 WHERE key = 'a'", "entry a is not what was posted"),
        ("UPDATE loyalty_entry SET cause = '/forged' WHERE key = 'm'", "entry m is not what was posted"),
        ("UPDATE loyalty_entry SET corrects = 'a' WHERE key = 'm'", "entry m is not what was posted"),
        ("UPDATE loyalty_entry SET revision = 'r2' WHERE key = 'm'", "entry m is not what was posted"),
        ("UPDATE loyalty_entry SET key = 'z' WHERE key = 'm'", "entry z is not what was posted"),
        ("UPDATE loyalty_entry SET explanation = '{\"a\":1}' WHERE key = 'b'", "entry b is not what was posted"),
        ("UPDATE loyalty_entry SET content_hash = x'00' WHERE key = 'b'", "entry b is not what was posted"),
        ("UPDATE loyalty_entry SET hash_version = 7 WHERE key = 'b'", "entry b has a digest of encoding 7"),
        ("UPDATE loyalty_posting SET rule = 'forged' WHERE seq = 1 AND amount = 5", "entry b is not what was posted"),
        ("UPDATE loyalty_posting SET cause = 'forged' WHERE seq = 1 AND amount = 5", "entry b is not what was posted"),
        (
            "UPDATE loyalty_posting SET balance_after = 999 WHERE seq = 1 AND amount = 5",
            "posting 1 of entry b says that partner:acme/available stood at 999 points (version 1), but its postings "
            "run to 5 (version 1)",
        ),
        ("UPDATE loyalty_posting SET version = 9 WHERE seq = 1 AND amount = 5", "posting 1 of entry b says"),
        ("UPDATE loyalty_posting SET version = NULL WHERE seq = 1 AND amount = 5", "posting 1 of entry b says"),
        ("UPDATE loyalty_posting SET version = 1 WHERE seq = 0 AND amount = -5", "posting 0 of entry b says"),
        ("UPDATE loyalty_balance SET version = 9 WHERE posted = 9", "available is kept in version 9 of points"),
        (
            "DELETE FROM loyalty_lot_allocation WHERE amount = 2",
            "the lot of partner:acme/available from entry m has 4 of 6 points left, but debits took 0 of it",
        ),
        (
            "DELETE FROM loyalty_lot_allocation WHERE amount = 2",
            "the allocations of posting 0 of entry r to",
        ),
        (
            "UPDATE loyalty_lot_allocation SET amount = 7 WHERE amount = 6",
            "from entry a has 4 of 10 points left, but",
        ),
        (
            "DELETE FROM loyalty_lot_state WHERE amount = 5",
            "lot of partner:acme/available from entry b is",
        ),
        (
            "UPDATE loyalty_lot_state SET expires_day = 9 WHERE amount = 5",
            "from entry b is missing or is another",
        ),
        (
            "DELETE FROM loyalty_lot WHERE amount = 5",
            "posting 1 of entry b to partner:acme/available sum to 0",
        ),
        (
            "UPDATE loyalty_lot SET seq = 0 WHERE amount = 5",
            "the lots of posting 1 of entry b to",
        ),
        (
            "UPDATE loyalty_event SET fields_json = '{\"amount\":99}' WHERE sequence = 1",
            "event crm/D-1 is not what",
        ),
        ("UPDATE loyalty_event SET fields_json = '5' WHERE sequence = 1", "event crm/D-1 cannot be read"),
        ("UPDATE loyalty_event SET occurred_at = 9 WHERE sequence = 1", "event crm/D-1 is not what was accepted"),
        ("UPDATE loyalty_event SET person = NULL WHERE sequence = 1", "event crm/D-1 is not what was accepted"),
        ("UPDATE loyalty_event SET kind = 'x' WHERE sequence = 1", "event crm/D-1 is not what was accepted"),
        ("UPDATE loyalty_event SET identity = 'xxx/D-1' WHERE sequence = 1", "event xxx/D-1 is not what was accepted"),
        ("UPDATE loyalty_event SET origin = 'xxx/D-1' WHERE sequence = 2", "event crm/R-1 is not what was accepted"),
        ("UPDATE loyalty_event SET body_hash = x'00' WHERE sequence = 2", "event crm/R-1 is not what was accepted"),
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


def test_everything_forged_at_once_is_named(engine: Engine) -> None:
    """Whoever changes entries, postings, an event and allocations together is found out in each of them."""
    with engine.begin() as connection:
        for forgery in (
            "UPDATE loyalty_entry SET effective_at = effective_at + 9, explanation = '{}', cause = '/forged'",
            "UPDATE loyalty_posting SET rule = 'forged', balance_after = 999 WHERE amount > 0",
            "UPDATE loyalty_event SET fields_json = '{\"amount\":99}'",
            "DELETE FROM loyalty_lot_allocation",
        ):
            connection.exec_driver_sql(forgery)
    with SqlStore(engine).transaction(read_only=True) as book:
        sentences = "\n".join(verify(book))
    for named in ("entry a is", "entry b is", "entry m is", "entry r is", "event crm/D-1 is", "event crm/R-1 is"):
        assert f"{named} not what was" in sentences
    for named in ("lot of partner:acme/pending from entry a has", "lot of partner:acme/available from entry m has"):
        assert named in sentences
    assert "posting 1 of entry a says that partner:acme/pending stood at 999" in sentences


def test_a_book_beside_a_forged_one_is_clean(engine: Engine) -> None:
    """Findings are those of the book that was asked for."""
    other = SqlStore(engine, book="other")
    _fill(other)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE loyalty_entry SET cause = '/forged' WHERE id < 5")
        connection.exec_driver_sql("DELETE FROM loyalty_lot_allocation WHERE entry_id < 5")
    with other.transaction(read_only=True) as book:
        assert verify(book) == []


def test_a_lot_in_memory_that_no_debit_took_from_is_named() -> None:
    """What is left of a lot is compared with the allocations in memory too."""
    store = MemoryStore()
    _fill(store)
    with store.transaction() as book:
        next(book.book.open_lots(AVAILABLE, "points")).remaining = 3
        assert any("from entry m has 3 of 6 points left, but debits took 2" in finding for finding in verify(book))


def test_a_broken_floor_is_found() -> None:
    """A wallet whose postings sum to less than nothing is named, whatever is kept elsewhere."""
    store = MemoryStore()
    _fill(store)
    with store.transaction() as book:
        object.__setattr__(book.book.by_key["r"].postings[0], "amount", -20)
        assert any("available stands at -9 points, beyond its floor" in sentence for sentence in verify(book))
