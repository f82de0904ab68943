"""
What a rule awards, in exact fractions, before any cap (paragraph 16).

>>> whole(Fraction(5, 2), Rounding.HALF_EVEN), whole(Fraction(5, 2), Rounding.UP)
(2, 3)
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor
from typing import TypeVar

from loyalty.core.amounts import Rounding
from loyalty.core.events import FieldValue
from loyalty.programme.model import Programme
from loyalty.rules.declaration import Award, BandMode, Bands, ByField, ByTier, Fixed, Multiplier, Rate, Rule
from loyalty.rules.expressions import evaluate
from loyalty.tiers.declaration import Ladder
from tests.auditor.state import Values

Named = TypeVar("Named")


def award_of(
    programme: Programme,
    rule: Rule,
    award: Award,
    currency: str,
    values: Values,
    fields: Mapping[str, FieldValue],
    tier_level: int,
) -> int:
    """Give the uncapped award: the base, rounded, times the product of the multipliers, rounded again (16)."""
    of = Fraction(0) if rule.of is None else Fraction(int(evaluate(rule.of, values)))
    amount = base_of(award, of, rule.round.rate, programme.ladder, fields, tier_level)
    multipliers = rule.multiply.get(currency, ())
    if multipliers:
        product = Fraction(1)
        for multiplier in multipliers:
            product *= factor_of(multiplier, programme.ladder, fields, tier_level)
        amount = whole(amount * product, rule.round.multiply)
    return max(amount, 0)


def base_of(
    award: Award,
    of: Fraction,
    rounding: Rounding,
    ladder: Ladder,
    fields: Mapping[str, FieldValue],
    tier_level: int,
) -> int:
    """Give the rounded award before it is multiplied (16)."""
    if isinstance(award, Fixed):
        return award.amount
    if isinstance(award, Rate):
        return rate_of(award, of, rounding)
    if isinstance(award, Bands):
        return bands_of(award, of, rounding)
    chosen: Fixed | Rate | None
    if isinstance(award, ByTier):
        chosen = at_or_below(award.awards, ladder, tier_level)
    else:
        assert isinstance(award, ByField)
        chosen = by_value(award.awards, fields.get(award.field), award.otherwise)
    return 0 if chosen is None else base_of(chosen, of, rounding, ladder, fields, tier_level)


def rate_of(rate: Rate, of: Fraction, rounding: Rounding) -> int:
    """Give ``amount`` for each ``per`` of the measure, within its bounds; nothing for no measure (16)."""
    amount = whole(of * rate.amount / rate.per, rounding) if of > 0 else 0
    if rate.at_least is not None and of > 0:
        amount = max(amount, rate.at_least)
    if rate.at_most is not None:
        amount = min(amount, rate.at_most)
    return amount


def bands_of(award: Bands, of: Fraction, rounding: Rounding) -> int:
    """Give the reached band's award of the whole measure, or the sum of each slice at its own rate (16)."""
    if award.mode is BandMode.WHOLE_SLAB:
        reached = [band for band in award.bands if band.start <= of]
        if not reached:
            return 0
        highest = max(reached, key=lambda band: band.start)
        return highest.award.amount if isinstance(highest.award, Fixed) else rate_of(highest.award, of, rounding)
    total = Fraction(0)
    ends = [Fraction(band.start) for band in award.bands[1:]] + [of]
    for band, end in zip(award.bands, ends, strict=True):
        slice_of_measure = max(min(of, end) - band.start, Fraction(0))
        assert isinstance(band.award, Rate), "a marginal band is a rate"
        total += slice_of_measure * band.award.amount / band.award.per
    return whole(total, rounding)


def factor_of(multiplier: Multiplier, ladder: Ladder, fields: Mapping[str, FieldValue], tier_level: int) -> Fraction:
    """Give one factor: a constant, the tier's, or the one of a field's value (16)."""
    if multiplier.by_tier:
        return ladder.tiers[tier_level].multiplier
    if multiplier.field is not None:
        return by_value(multiplier.table, fields.get(multiplier.field), multiplier.otherwise)
    assert multiplier.constant is not None
    return multiplier.constant


def by_value(table: Mapping[str | bool, Named], value: FieldValue | None, otherwise: Named) -> Named:
    """Give what a table says of a field's value; an absent value is not named (16)."""
    return next((named for key, named in table.items() if type(key) is type(value) and key == value), otherwise)


def at_or_below(table: Mapping[str, Named], ladder: Ladder, tier_level: int) -> Named | None:
    """Give what a table says of a tier, or of the nearest lower one that it names (16)."""
    for tier in reversed(ladder.tiers[: tier_level + 1]):
        if tier.name in table:
            return table[tier.name]
    return None


def whole(exact: Fraction, rounding: Rounding) -> int:
    """Round a fraction by name; down is toward zero, halves are those of the absolute value."""
    size = abs(exact)
    half = Fraction(1, 2)
    rounded = floor(size)
    rest = size - rounded
    if rounding is Rounding.UP:
        rounded = ceil(size)
    elif rounding is Rounding.HALF_UP:
        rounded += rest >= half
    elif rounding is Rounding.HALF_EVEN:
        rounded += rest > half or (rest == half and rounded % 2 == 1)
    return rounded if exact >= 0 else -rounded
