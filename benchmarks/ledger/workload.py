"""
What is posted: awards out of the programme's account into one of ten thousand partners' accounts.

Every award has the programme's account on its other side, so that account is the hot one. Both sides of a figure post
the same awards in the same order, each in its own form.

>>> awards = draw(1, 3)
>>> [award.number for award in awards], all(1 <= award.account <= ACCOUNTS for award in awards)
([1, 2, 3], True)
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Final

from attrs import frozen

#: How many partners there are.
ACCOUNTS: Final = 10_000

#: How many entries one commit holds where many share one.
BATCH: Final = 1_000

#: UTC microseconds of the first award; the others follow a second apart.
FIRST_US: Final = 1_735_689_600_000_000

_SECOND_US: Final = 1_000_000


@frozen
class Award:
    """
    Points for a partner.

    Attributes:
        number: Its place among all awards of a figure, from 1; also the id of the floor's entry.
        account: The number of the partner, from 1.
        amount: Minor units.
    """

    number: int
    account: int
    amount: int

    @property
    def at(self) -> int:
        """When it was earned, UTC microseconds."""
        return FIRST_US + self.number * _SECOND_US


def opening(accounts: int = ACCOUNTS) -> list[Award]:
    """Give one award for every partner, with which a book begins outside the clock."""
    return [Award(number, number, 1_000) for number in range(1, accounts + 1)]


def draw(first: int, count: int, *, accounts: int = ACCOUNTS, seed: int = 20260101) -> list[Award]:
    """
    Draw awards.

    Args:
        first: The number of the first.
        count: How many.
        accounts: Over how many partners.
        seed: What is drawn depends on it and on *first*.
    """
    chance = random.Random(f"{seed}/{first}")
    return [
        Award(number, chance.randint(1, accounts), chance.randint(1, 5_000)) for number in range(first, first + count)
    ]


def batches(awards: Sequence[Award], size: int) -> list[Sequence[Award]]:
    """Cut awards into what shares a commit."""
    return [awards[start : start + size] for start in range(0, len(awards), size)]


def changes(awards: Sequence[Award]) -> list[tuple[int, int]]:
    """Sum awards by account, in order of accounts; account 0 is the programme's."""
    sums: Counter[int] = Counter()
    for award in awards:
        sums[award.account] += award.amount
        sums[0] -= award.amount
    return sorted(sums.items())
