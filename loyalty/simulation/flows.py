"""
What moved in one currency and where it stands, and what that is worth.

>>> Flows(issued=10, reversed=2, available=5, pending=3).outstanding
8
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from attrs import frozen

from loyalty.programme.model import Currency

#: The figures of :class:`Flows` that are moved in a month, and those that stand at its end.
MOVED: Final = ("issued", "activated", "expired", "redeemed", "reversed")
STANDING: Final = ("available", "pending", "held", "arrears")
FIGURES: Final = (*MOVED, *STANDING)


@frozen(kw_only=True)
class Flows:
    """
    What moved, and where it stood in the end, in minor units of one currency; arrears are what is owed, >= 0.

    ``issued`` is all that came in: awards, credits by hand, and opening balances. ``reversed`` is all of it that went
    back, by a clawback or by hand, less the debts that were written off. ``expired`` is what lapsed unused, or was
    forfeited at a closing; ``redeemed`` what was spent, and of one holder also what was sent to others less what came
    from them. These two are net of what was put back.
    """

    issued: int = 0
    activated: int = 0
    expired: int = 0
    redeemed: int = 0
    reversed: int = 0
    available: int = 0
    pending: int = 0
    held: int = 0
    arrears: int = 0

    @property
    def earned(self) -> int:
        """What was issued and did not return."""
        return self.issued - self.reversed

    @property
    def outstanding(self) -> int:
        """What holders have or will have: available, pending and held, less arrears."""
        return self.available + self.pending + self.held - self.arrears


def worth_of(currency: Currency) -> tuple[str | None, Fraction]:
    """Give the unit of money and the declared value of one minor unit; money without a declared worth is itself."""
    if currency.worth_unit is not None and currency.worth:
        return currency.worth_unit, currency.worth / 10**currency.scale
    if currency.unit is not None:
        return currency.unit, Fraction(1, 10**currency.scale)
    return None, Fraction(0)
