"""
What settled entries amount to: totals by month, tier, rule and holder, and how evenly they are spread.

Every figure is a whole number of minor units. For each month and currency the books close::

    issued - reversed - expired - redeemed = change of (available + pending + held - arrears)

:func:`loyalty.simulation.collecting.collect` makes results from entries.

>>> Flows(issued=10, reversed=2, available=5, pending=3).outstanding
8
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from loyalty.core.holders import Holder, Layer
from loyalty.programme.model import Currency
from loyalty.simulation.concentration import Concentration

#: What stands for a tier where persons, who have none, are paid.
PERSONS: Final = "(persons)"

#: The figures of :class:`Flows` that are moved in a month, and those that stand at its end.
MOVED: Final = ("issued", "activated", "expired", "redeemed", "reversed")
STANDING: Final = ("available", "pending", "held", "arrears")


@frozen(kw_only=True)
class Flows:
    """
    What moved, and where it stood in the end, in minor units of one currency; arrears are what is owed, >= 0.

    ``expired`` and ``redeemed`` are net of what was put back; ``reversed`` is all that returned to the programme.
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


@frozen(kw_only=True)
class HolderResult:
    """Where one holder stood in the end; ``worth`` is by unit of money, in major units, exact."""

    holder: Holder
    tier: str | None
    badges: tuple[str, ...]
    currencies: Mapping[str, Flows] = field(hash=False)
    worth: Mapping[str, Fraction] = field(hash=False)


@frozen(kw_only=True)
class RuleResult:
    """What one rule gave to one layer in one currency; ``cut`` is what caps took from it where that was recorded."""

    rule: str
    layer: Layer
    currency: str
    awards: int
    issued: int
    reversed: int
    cut: int | None = None


@frozen(kw_only=True)
class Results:
    """
    Tables of integers; months are counted from January of year 0.

    Args:
        flows: By (month, currency): what moved in the month, and the balances at its end. Every month of the range is
            there for every declared currency.
        tiers: By month, the number of partners in each tier at its end, the base included.
        funds: By (month, money currency, tier): accrued and reversed, by the partner's tier at that time.
        concentration: For each currency, how evenly what partners earned (net of reversals) is spread.
    """

    currencies: Mapping[str, Currency]
    ladder: tuple[str, ...]
    months: tuple[int, ...]
    flows: Mapping[tuple[int, str], Flows]
    tiers: Mapping[int, Mapping[str, int]]
    funds: Mapping[tuple[int, str, str], tuple[int, int]]
    holders: tuple[HolderResult, ...]
    rules: tuple[RuleResult, ...]
    concentration: Mapping[str, Concentration]
    entries: int
    postings: int

    @property
    def money(self) -> tuple[str, ...]:
        """The names of the currencies that are money."""
        return tuple(name for name, currency in self.currencies.items() if currency.unit is not None)

    @property
    def points(self) -> tuple[str, ...]:
        """The names of the currencies that can be spent and are not money."""
        return tuple(name for name, each in self.currencies.items() if each.unit is None and each.spendable)

    @property
    def main_points(self) -> tuple[str, ...]:
        """The points that summaries show: those of declared worth, or all where none has any."""
        return tuple(name for name in self.points if self.currencies[name].worth) or self.points

    def totals(self, currency: str) -> Flows:
        """Give what moved over all months, with the balances at the end of the last."""
        rows = [self.flows[month, currency] for month in self.months]
        moved = {name: sum(getattr(row, name) for row in rows) for name in MOVED}
        standing = {name: getattr(rows[-1], name) if rows else 0 for name in STANDING}
        return Flows(**moved, **standing)


def worth_of(currency: Currency) -> tuple[str | None, Fraction]:
    """Give the unit of money and the declared value of one minor unit; money without a declared worth is itself."""
    if currency.worth_unit is not None and currency.worth:
        return currency.worth_unit, currency.worth / 10**currency.scale
    if currency.unit is not None:
        return currency.unit, Fraction(1, 10**currency.scale)
    return None, Fraction(0)
