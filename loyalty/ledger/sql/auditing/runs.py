"""
Running balances without sorting: every step of every balance is one factor on each of two sides, which must be equal.

A posting in version v says that the balance stood at x after it. Together with its amount it is a step from (v - 1,
x - amount) to (v, x). The steps of a balance make one run from (0, 0) to its present (version, posted) exactly if the
places where steps and the balance end are, each as often, the places where steps begin and the balance began. The two
collections are compared by the products of (secret + place) modulo a prime: with a secret that is drawn anew for each
audit, two that differ have the same product with a chance below (number of steps) / 2**60. Products multiply in any
order, so that parts of the journal can be gone through apart.

>>> runs = Runs(Secret.draw())
>>> runs.add(7, 1, 10, 10, 1)
>>> runs.add(7, 1, -3, 7, 2)
>>> runs.end(7, 1, 7, 2)
>>> runs.are_whole
True
"""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple

from attrs import define

#: 2**61 - 1; products of two numbers below it are quick for Python.
_PRIME: Final = (1 << 61) - 1


class Secret(NamedTuple):
    """Five numbers below the prime that nobody can have known when the rows were written."""

    add: int
    account: int
    asset: int
    version: int
    amount: int

    @classmethod
    def draw(cls) -> Secret:
        """Draw them from the system's source."""
        return cls(*(1 + secrets.randbelow(_PRIME - 1) for _ in range(5)))


@define(eq=False)
class Runs:
    """
    The two products so far.

    Attributes:
        ends: Over the places where steps end and balances began.
        begins: Over the places where steps begin and balances stand now.
        are_complete: Whether every step said where it ends.
    """

    secret: Secret
    ends: int = 1
    begins: int = 1
    are_complete: bool = True

    def add(self, account_id: int, asset_id: int, amount: int, balance_after: int | None, version: int | None) -> None:
        """Take in the step of a posting to a holder's account."""
        if balance_after is None or version is None:
            self.are_complete = False
            return
        add, of_account, of_asset, of_version, of_amount = self.secret
        place = add + account_id * of_account + asset_id * of_asset + version * of_version + balance_after * of_amount
        self.ends = self.ends * place % _PRIME
        self.begins = self.begins * (place - of_version - amount * of_amount) % _PRIME

    def end(self, account_id: int, asset_id: int, posted: int, version: int) -> None:
        """Take in a balance: where it began, and where it stands."""
        add, of_account, of_asset, of_version, of_amount = self.secret
        began = add + account_id * of_account + asset_id * of_asset
        self.ends = self.ends * began % _PRIME
        self.begins = self.begins * (began + version * of_version + posted * of_amount) % _PRIME

    def join(self, other: Runs) -> None:
        """Take in what another part of the audit went through."""
        self.ends = self.ends * other.ends % _PRIME
        self.begins = self.begins * other.begins % _PRIME
        self.are_complete = self.are_complete and other.are_complete

    @property
    def are_whole(self) -> bool:
        """Whether every balance runs from 0 to where it stands."""
        return self.are_complete and self.ends % _PRIME == self.begins % _PRIME
