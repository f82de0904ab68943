"""Entries come back by effective instant, however many runs they were sorted in, and few are in memory."""

from __future__ import annotations

import tracemalloc

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from loyalty.exports.ordering import EffectiveOrder
from loyalty.ledger.entries import Entry
from tests.exports.books import late_entries
from tests.ledger.journals import earn


def ordered(entries: list[Entry], run_entries: int) -> list[Entry]:
    """Sort entries in runs of a length."""
    with EffectiveOrder(run_entries=run_entries) as order:
        for entry in entries:
            order.add(entry)
        assert len(order) == len(entries)
        return list(order)


@given(st.lists(st.integers(0, 5), max_size=300), st.integers(1, 200))
def test_the_order_is_that_of_instants_and_then_of_posting(instants: list[int], run_entries: int) -> None:
    """The same as a stable sort in memory."""
    entries = [earn(str(number), 1, at=at) for number, at in enumerate(instants)]
    assert ordered(entries, run_entries) == sorted(entries, key=lambda entry: entry.effective_at)


def test_entries_come_back_whole_but_for_their_explanation() -> None:
    """Corrections included, in one run and in many."""
    entries = list(late_entries())
    expected = [evolve(entry, explanation={}) for entry in sorted(entries, key=lambda entry: entry.effective_at)]
    assert ordered(entries, 1000) == ordered(entries, 7) == expected
    assert expected != entries


def test_few_entries_are_in_memory() -> None:
    """Sorted in twenty runs, a book takes less than a tenth of the memory that it takes in one."""

    def most_bytes(run_entries: int) -> int:
        tracemalloc.start()
        with EffectiveOrder(run_entries=run_entries) as order:
            for number in range(20_000):
                order.add(earn(f"entry {number}", 1, at=-number))
            assert sum(1 for _ in order) == 20_000
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert 10 * most_bytes(1000) < most_bytes(30_000)
