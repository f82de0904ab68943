"""What the two sides of a posting figure have in common, and how their work is compared before it is timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from attrs import frozen

from benchmarks.ledger.workload import ACCOUNTS, BATCH, Award, draw, opening

#: The number of the first award that is drawn; those before it opened the accounts.
FIRST_DRAWN: Final = ACCOUNTS + 1


@frozen
class Totals:
    """
    What a side has written, which must be the same on both.

    Attributes:
        entries: How many entries there are.
        postings: How many legs they have together.
        balances: The balance of every partner by its number, minor units.
    """

    entries: int
    postings: int
    balances: Mapping[int, int]


class Side(Protocol):
    """Something that posts awards."""

    def prepare(self, awards: Sequence[Award], per_commit: int) -> Callable[[], object]:
        """Arrange awards outside the clock, and give the call that posts them."""

    def totals(self) -> Totals:
        """Say what was written."""

    def close(self) -> None:
        """Give back what is held."""


class Feed:
    """
    The rounds of one side: every round posts the awards that follow those of the round before.

    Args:
        side: Who posts.
        count: Awards in a round.
        per_commit: How many share a commit.
        accounts: Over how many partners they are drawn.
    """

    def __init__(self, side: Side, count: int, per_commit: int, accounts: int = ACCOUNTS) -> None:
        self._side = side
        self._accounts = accounts
        self._count = count
        self._per_commit = per_commit
        self._first = FIRST_DRAWN

    def next(self) -> Callable[[], object]:
        """Arrange the next round, and give the call that posts it."""
        awards = draw(self._first, self._count, accounts=self._accounts)
        self._first += self._count
        return self._side.prepare(awards, self._per_commit)


def open_books(sides: Sequence[Side], accounts: int = ACCOUNTS) -> None:
    """
    Give every partner a balance on every side, and see that all then hold the same.

    Raises:
        AssertionError: they do not.
    """
    for side in sides:
        side.prepare(opening(accounts), BATCH)()
    require_equal(sides)


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
