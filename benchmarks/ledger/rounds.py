"""
Posting in turn: both sides open the same accounts, post the same awards round by round, and end with the same book.

What they hold is compared before the clock runs for the first time and again at the end, so that no side is fast by
doing less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.harness import Figure, compare
from benchmarks.ledger.sides import Side
from benchmarks.ledger.workload import ACCOUNTS, BATCH, draw, opening

#: The number of the first award that is drawn; those before it opened the accounts.
FIRST_DRAWN: Final = ACCOUNTS + 1


def in_turn(
    name: str,
    ours: Side,
    other: Side,
    *,
    count: int,
    rounds: int,
    per_commit: int,
    of: str,
    against: str,
    accounts: int = ACCOUNTS,
    least_ratio: float | None = None,
) -> Figure:
    """
    Take one figure, and close both sides.

    Args:
        name: The figure's name.
        ours: What is measured.
        other: What it is compared with.
        count: Awards in a round.
        rounds: How many rounds are counted.
        per_commit: How many awards share a commit.
        of: What is measured, in words.
        against: What it is compared with, in words.
        accounts: Over how many partners the awards are drawn.
        least_ratio: The ratio to reach, or None.

    Raises:
        AssertionError: the sides did not do the same work.
    """
    sides = (ours, other)
    try:
        for side in sides:
            side.prepare(opening(accounts), BATCH)()
        require_equal(sides)
        feeds = [_Feed(side, count, per_commit, accounts) for side in sides]
        figure = compare(
            name,
            count,
            feeds[0].next,
            feeds[1].next,
            unit="entries/s",
            rounds=rounds,
            clock=time.perf_counter,
            of=of,
            against=against,
            least_ratio=least_ratio,
        )
        require_equal(sides)
        return figure
    finally:
        for side in sides:
            side.close()


def require_equal(sides: Sequence[Side]) -> None:
    """
    See that all sides did the same work.

    Raises:
        AssertionError: entries, postings or a balance differ.
    """
    first, *others = [side.totals() for side in sides]
    for side, totals in zip(sides[1:], others, strict=True):
        if totals != first:
            raise AssertionError(
                f"{type(side).__name__} wrote {totals.entries} entries and {totals.postings} postings, "
                f"{type(sides[0]).__name__} {first.entries} and {first.postings}, or balances differ"
            )


class _Feed:
    """The rounds of one side: every round posts the awards that follow those of the round before."""

    def __init__(self, side: Side, count: int, per_commit: int, accounts: int) -> None:
        self._side = side
        self._count = count
        self._per_commit = per_commit
        self._accounts = accounts
        self._first = FIRST_DRAWN

    def next(self) -> Callable[[], object]:
        """Arrange the next round, and give the call that posts it."""
        awards = draw(self._first, self._count, accounts=self._accounts)
        self._first += self._count
        return self._side.prepare(awards, self._per_commit)
