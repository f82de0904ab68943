"""
What a settlement amounts to: totals by month, tier, rule and holder, and how evenly they are spread.

Every figure is a whole number of minor units. For each month and currency the books close::

    issued - reversed - expired - redeemed = change of (available + pending + held - arrears)

:func:`loyalty.simulation.collecting.collect` makes results from entries, and
:func:`loyalty.simulation.tallying.tally` from a batch; both give the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import frozen

from loyalty.core.holders import Layer
from loyalty.programme.model import Currency
from loyalty.simulation.concentration import Concentration
from loyalty.simulation.flows import MOVED, STANDING, Flows
from loyalty.simulation.holders import Holders

#: What stands for a tier where persons, who have none, are paid.
PERSONS: Final = "(persons)"


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
class Activity:
    """
    How many events of one kind counted.

    Args:
        unit: Of the kind's first field of money; None without one.
        total: What those fields hold together (of refunds: what they took back), exact, in major units.
        takes_back: Whether the kind refunds another, so that its money is not brought but taken back.
    """

    kind: str
    events: int
    unit: str | None = None
    total: Decimal = Decimal(0)
    takes_back: bool = False


@frozen(kw_only=True)
class Results:
    """
    Tables of integers; months are counted from January of year 0.

    Args:
        flows: By (month, currency): what moved in the month, and the balances at its end. Every month of the range is
            there for every declared currency.
        tiers: By month, the number of partners in each tier at its end, the base included.
        tier_moves: By month and (from, to), the partners whose tier at its end is another than a month before.
        expiring: By currency that can be spent, what is outstanding (arrears aside) by the month in which it expires,
            None for what never does; what is held beyond its day stands in the last month that was settled.
        funds: By (month, money currency, tier): accrued and reversed, by the partner's tier at that time.
        concentration: For each currency, how evenly what partners earned (net of reversals) is spread.
        activity: What happened, by kind of event; empty where results were read from entries alone.
    """

    currencies: Mapping[str, Currency]
    ladder: tuple[str, ...]
    months: tuple[int, ...]
    flows: Mapping[tuple[int, str], Flows]
    tiers: Mapping[int, Mapping[str, int]]
    tier_moves: Mapping[int, Mapping[tuple[str, str], int]]
    expiring: Mapping[str, Mapping[int | None, int]]
    funds: Mapping[tuple[int, str, str], tuple[int, int]]
    holders: Holders
    rules: tuple[RuleResult, ...]
    concentration: Mapping[str, Concentration]
    entries: int
    postings: int
    activity: tuple[Activity, ...] = ()

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
