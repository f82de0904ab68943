"""
What a history came to, in the terms in which fairness is defined.

*Lifetime awards* are what was credited to a holder, less what was reversed; expiry and redemption do not change them.
*Worth* is pending + available + held + redeemed - arrears. Both are compared in the declared value of each currency:
currencies with a worth in one unit are added up, money is worth itself, and a currency without a declared worth (such
as status) is a unit of its own that must hold by itself. A worth declared as 0 counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property

from attrs import define, field

from loyalty.core.amounts import format_minor_units
from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.engine import Settlement, settle
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme

#: The accounts of a holder that worth is made of; what was redeemed is worth what it was.
WALLET = frozenset({"pending", "available", "held", "arrears"})

#: What is taken off or given by the clock, by the holder's own choice or by hand, and is no award.
NOT_AWARDED = frozenset({
    "@expiry", "@activation", "@redeem", "@hold", "@capture", "@release", "@reverse", "@adjust", "@open", "@transfer",
    "@close",
})  # fmt: skip

#: Amounts by unit of value: ``EUR`` for what has a worth in it, the currency's own name for what has none.
Value = Mapping[str, Fraction]


@define(frozen=True)
class Effect:
    """What one rule credited to one holder by one cause, minor units; reversals are below 0."""

    cause: str | None
    rule: str
    holder: Holder
    currency: str
    amount: int
    effective_at: int


@define(eq=False)
class Outcome:
    """The settlement of one history, read for awards, worth and tiers."""

    programme: Programme
    events: tuple[Event, ...]
    grants: tuple[Grant, ...] = ()
    until_day: int | None = None
    settlement: Settlement = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.settlement = settle(self.programme, self.events, self.grants, until_day=self.until_day)

    @cached_property
    def effects(self) -> list[Effect]:
        """Every change of a wallet, netted by cause, rule, holder, currency and instant."""
        netted: dict[tuple[str | None, str, Holder, str, int], int] = {}
        for entry in self.settlement.entries:
            for posting in entry.postings:
                owner = posting.account.owner
                if owner is not None and posting.account.name in WALLET:
                    key = (posting.cause, posting.rule or "", owner, posting.asset, entry.effective_at)
                    netted[key] = netted.get(key, 0) + posting.amount
        return [
            Effect(cause, rule, holder, currency, amount, at)
            for (cause, rule, holder, currency, at), amount in netted.items()
            if amount
        ]

    @cached_property
    def awards(self) -> list[Effect]:
        """What counts in lifetime awards."""
        return [effect for effect in self.effects if effect.rule not in NOT_AWARDED]

    def awarded_by(self, cause: str) -> list[Effect]:
        """What one event was paid."""
        return [effect for effect in self.awards if effect.cause == cause]

    @cached_property
    def holders(self) -> list[Holder]:
        """Every holder with a movement."""
        return sorted({effect.holder for effect in self.effects})

    def tier_steps(self, holder: Holder) -> list[tuple[int, int]]:
        """Give the days from which a partner's tier stood, with its place in the ladder; base is 0."""
        places = {tier.name: place for place, tier in enumerate(self.programme.ladder.tiers)}
        return [(day, places[name]) for day, name in self.settlement.tiers_over_time(holder)]

    def balances(self) -> dict[tuple[Holder, str, str], int]:
        """Give every balance that is not 0."""
        return {key: amount for key, amount in self.settlement.balances.items() if amount}


def value_of(programme: Programme, effects: Sequence[Effect]) -> dict[tuple[Holder, str], Fraction]:
    """Add up effects for each holder and unit of value."""
    total: dict[tuple[Holder, str], Fraction] = {}
    for effect in effects:
        unit, worth = unit_value(programme, effect.currency)
        total[effect.holder, unit] = total.get((effect.holder, unit), Fraction(0)) + effect.amount * worth
    return total


def unit_value(programme: Programme, currency: str) -> tuple[str, Fraction]:
    """Give the unit in which a currency is valued, and what one minor unit of it is worth there."""
    declared = programme.currencies.get(currency)
    if declared is None:  # Badges and tiers are no currency: they count for themselves.
        return currency, Fraction(1)
    scale = Fraction(1, 10**declared.scale)
    if declared.worth_unit is not None:
        return declared.worth_unit, declared.worth * scale
    return (declared.unit or currency), scale


def by_rule(effects: Sequence[Effect]) -> dict[tuple[str, str], int]:
    """Add up effects by rule and currency."""
    total: dict[tuple[str, str], int] = {}
    for effect in effects:
        total[effect.rule, effect.currency] = total.get((effect.rule, effect.currency), 0) + effect.amount
    return total


def write_amount(programme: Programme, currency: str, amount: int) -> str:
    """Write an amount as people do: ``150 points``, ``30.00 EUR mdf``."""
    declared = programme.currencies.get(currency)
    text = format_minor_units(amount, declared.scale if declared else 0)
    unit = f" {declared.unit}" if declared and declared.unit else ""
    return f"{text}{unit} {currency}"
