"""What the compiled step has in place of the core's primitives gives what these give."""

from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from loyalty.batch.primitives import find
from loyalty.settlement.runtime import END


class Days(list[int]):
    """The days of a bucket table with its words, the places before the first being free."""

    def __init__(self, days: set[int], head: int) -> None:
        super().__init__([*sorted(days), END])
        self.head = head
        self.sought = 0

    @property
    def length(self) -> int:
        return len(self)


@given(
    st.sets(st.integers(7_000, 7_060), max_size=50),
    st.lists(st.integers(6_999, 7_062), min_size=1, max_size=20),
    st.integers(0, 40),
    st.integers(-5, 100),
)
def test_the_place_of_a_day_does_not_depend_on_what_was_looked_for_before(
    days: set[int], looked_for: list[int], head: int, sought: int
) -> None:
    """A day is found where bisecting finds it, from wherever the last one was, also that of another holder's table."""
    table = Days(days, head)
    table.sought = sought
    assert [find(table, day) for day in looked_for] == [bisect_left(list(table), day) for day in looked_for]
