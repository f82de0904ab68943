"""The lock of a book: it moves the day under which an entry is booked, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Engine, Event, LedgerError, MemoryStore, UsageError
from loyalty.core.calendar import format_day, parse_day
from loyalty.ledger.hashing import content_hash
from loyalty.ledger.store import Store
from loyalty.testing import histories

from .conftest import OpenBook
from .scenes import ACME, PROGRAMME, assert_settled, balances_in, deal, entries_in, instant, refund
from .test_arrival import FULL

WHO = {"actor": "u-17", "reason": "the quarter is closed"}


def booked(store: Store) -> dict[str, str | None]:
    """Give the booked day of each entry."""
    return {one.key: None if one.booked_day is None else format_day(one.booked_day) for one in entries_in(store)}


def test_what_comes_later_is_booked_behind_the_lock(store: Store) -> None:
    """What counts from a locked day is booked on the next; what was there before, and what counts later, is not."""
    engine = Engine(PROGRAMME, store, clock=lambda: 17)
    engine.submit_all([deal("D-1", "2026-02-01", 600), deal("D-2", "2026-03-20", 500)])
    lock = engine.lock("2026-03-31", **WHO)
    assert (lock.through_day, lock.recorded_at, lock.actor, lock.reason) == (
        parse_day("2026-03-31"), 17, "u-17", "the quarter is closed",
    )  # fmt: skip
    late = engine.submit(deal("D-3", "2026-03-31T23:59", 100))
    engine.submit(deal("D-4", "2026-04-01", 100))
    engine.submit(deal("D-0", "2026-01-15", 300))
    engine.redeem(ACME, "points", 5, key="K-1", at="2026-04-02")
    posted = booked(store)
    assert (posted["event:/D-1"], posted["event:/D-2"], posted["event:/D-4"], posted["command:K-1"]) == (None,) * 4
    assert posted["event:/D-3"] == posted["event:/D-0"] == "2026-04-01"
    corrections = {key: day for key, day in posted.items() if key.startswith("correction:")}
    assert set(corrections.values()) == {"2026-04-01"}
    assert [entry.booked_day for entry in late.entries] == [parse_day("2026-04-01")]
    events = [deal("D-1", "2026-02-01", 600), deal("D-2", "2026-03-20", 500), deal("D-3", "2026-03-31T23:59", 100)]
    assert_settled(engine, [*events, deal("D-4", "2026-04-01", 100), deal("D-0", "2026-01-15", 300)],
                   parse_day("2027-03-01"))  # fmt: skip


def test_the_clock_is_booked_behind_the_lock_too(store: Store) -> None:
    """What falls due on a locked day and was not posted by then, is; ``advance`` and a preview say so."""
    engine = Engine(PROGRAMME, store, clock=lambda: 17)
    engine.submit(deal("D-1", "2026-01-10", 100))
    engine.lock("2026-09-30", **WHO)
    (entry,) = engine.advance("2026-12-01")
    assert (entry.key, format_day(entry.booked_day or 0)) == ("clock:partner:acme:2026-07-11", "2026-10-01")
    previewed = engine.preview(refund("R-1", "2026-03-01", "D-1")).entries
    posted = engine.submit(refund("R-1", "2026-03-01", "D-1")).entries
    assert previewed == posted
    assert {one.booked_day for one in posted} == {parse_day("2026-10-01")}


def test_a_lock_moves_forward_alone_and_is_opened_with_a_reason(open_book: OpenBook) -> None:
    """Who, when and why are kept; the same day again is no new lock."""
    engine = Engine(PROGRAMME, open_book(), clock=iter(range(100)).__next__)
    first = engine.lock("2026-03-31", **WHO)
    assert engine.lock("2026-03-31", actor="u-18", reason="again") == first
    with pytest.raises(LedgerError, match="locked through 2026-03-31 already, and 2026-02-28 is before that; open"):
        engine.lock("2026-02-28", **WHO)
    engine.lock("2026-06-30", **WHO)
    with pytest.raises(LedgerError, match="is locked through 2026-06-30; give an earlier day"):
        engine.unlock("2026-06-30", **WHO)
    engine.unlock("2026-04-30", actor="u-1", reason="an invoice was forgotten")
    engine.unlock(actor="u-1", reason="a new year")
    with pytest.raises(LedgerError, match="is not locked"):
        engine.unlock(**WHO)
    with pytest.raises(UsageError, match="write a text that is not empty"):
        engine.lock("2026-06-30", actor="u-1", reason="")
    locks = Engine(PROGRAMME, open_book()).locks()
    days = [None if lock.through_day is None else format_day(lock.through_day) for lock in locks]
    assert days == ["2026-03-31", "2026-06-30", "2026-04-30", None]
    assert [lock.actor for lock in locks] == ["u-17", "u-17", "u-1", "u-1"]
    engine.submit(deal("D-1", "2026-01-10", 100))
    assert booked(open_book()) == {"event:/D-1": None}


def test_a_lock_that_is_rolled_back_never_was(store: Store) -> None:
    """It belongs to the host's transaction."""
    engine = Engine(PROGRAMME, store)
    with suppress(RuntimeError), store.transaction():
        engine.lock("2026-03-31", **WHO)
        raise RuntimeError
    engine.submit(deal("D-1", "2026-01-10", 100))
    assert (engine.locks(), booked(store)) == ((), {"event:/D-1": None})


@given(events=histories(FULL), data=st.data())
def test_balances_do_not_depend_on_locks(events: list[Event], data: st.DataObject) -> None:
    """Two books of the same arrivals, one with locks between them, differ in the booked days and in nothing else."""
    order = data.draw(st.permutations(events))
    plain, locked = Engine(FULL, MemoryStore(), clock=lambda: 9), Engine(FULL, MemoryStore(), clock=lambda: 9)
    days = sorted(data.draw(st.lists(st.integers(20_000, 21_500), min_size=1, max_size=4)))
    for number, event in enumerate(order):
        if days and number % 3 == 0:
            locked.lock(days.pop(0), **WHO)
        through = locked.locks()[-1].through_day
        before = len(entries_in(locked.store))
        plain.submit(event)
        locked.submit(event)
        for entry in entries_in(locked.store)[before:]:
            is_behind = FULL.calendar.day_of(entry.effective_at) <= (through or 0)
            assert entry.booked_day == ((through or 0) + 1 if is_behind else None)
    assert balances_in(plain.store) == balances_in(locked.store)
    assert [(one.key, one.postings) for one in entries_in(plain.store)] == [
        (one.key, one.postings) for one in entries_in(locked.store)
    ]


def test_a_booked_day_is_part_of_the_digest(open_book: OpenBook) -> None:
    """Whoever changes it, or takes it out, is found; entries without one have the digest that they always had."""
    store: Any = open_book()
    engine = Engine(PROGRAMME, store, clock=lambda: 9)
    engine.submit(deal("D-1", "2026-02-01", 600))
    engine.lock("2026-03-31", **WHO)
    engine.submit(deal("D-2", "2026-02-02", 10))
    plain, moved = entries_in(store)
    assert content_hash(plain) == content_hash(plain, 1)
    with pytest.raises(LedgerError, match="hashed by encoding 2, as its booked day says, not 1"):
        content_hash(moved, 1)
    if isinstance(store, MemoryStore):
        return
    assert store.verify().findings == ()
    with store._bind.begin() as connection:
        on_sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql("DROP TRIGGER tr_loyalty_entry_update" + ("" if on_sqlite else " ON loyalty_entry"))
    for change in ("booked_day + 1", "NULL"):
        with store._bind.begin() as connection:
            connection.exec_driver_sql(f"UPDATE loyalty_entry SET booked_day = {change} WHERE key = 'event:/D-2'")
        assert "entry event:/D-2 is not what was posted: its digest is another one's" in store.verify().findings


def test_when_entries_were_recorded_says_nothing_of_the_lock() -> None:
    """An entry of an instant of its own is booked on its own day, whenever it was recorded."""
    engine = Engine(PROGRAMME, MemoryStore(), clock=lambda: instant("2026-02-01"))
    engine.lock("2025-12-31", **WHO)
    engine.submit(deal("D-1", "2026-01-10", 100))
    assert booked(engine.store) == {"event:/D-1": None}
