"""What the two sides of a posting figure have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from benchmarks.ledger.workload import Award


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
