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

from attrs import frozen

from loyalty.core.amounts import Rounding
from loyalty.core.events import FieldValue
from loyalty.programme.model import Programme
from loyalty.rules.declaration import Award, BandMode, Bands, ByField, ByTier, Fixed, Multiplier, Rate, Rule
from loyalty.rules.expressions import evaluate
from tests.auditor.revisions import at_or_below, level_in, revisions
from tests.auditor.state import Values

Named = TypeVar("Named")


@frozen
class Reading:
    """
    What an award is computed from.

    Args:
        programme: All revisions, which know the order of tiers (61).
        place: Of the revision whose rule it is.
        values: What the names of expressions stand for in that revision.
        fields: The fields of the event as that revision reads them.
        tier: The name of the tier.
    """

    programme: Programme
    place: int
    values: Values
    fields: Mapping[str, FieldValue | None]
    tier: str


def award_of(reading: Reading, rule: Rule, award: Award, currency: str) -> int:
    """Give the uncapped award: the base, rounded, times the product of the multipliers, rounded again (16)."""
    of = Fraction(0) if rule.of is None else Fraction(int(evaluate(rule.of, reading.values)))
    amount = base_of(reading, award, of, rule.round.rate)
    multipliers = rule.multiply.get(currency, ())
    if multipliers:
        product = Fraction(1)
        for multiplier in multipliers:
            product *= factor_of(reading, multiplier)
        amount = whole(amount * product, rule.round.multiply)
    return max(amount, 0)


def base_of(reading: Reading, award: Award, of: Fraction, rounding: Rounding) -> int:
    """Give the rounded award before it is multiplied (16)."""
    if isinstance(award, Fixed):
        return award.amount
    if isinstance(award, Rate):
        return rate_of(award, of, rounding)
    if isinstance(award, Bands):
        return bands_of(award, of, rounding)
    chosen: Fixed | Rate | None
    if isinstance(award, ByTier):
        chosen = at_or_below(reading.programme, award.awards, reading.tier)
    else:
        assert isinstance(award, ByField)
        chosen = by_value(award.awards, reading.fields.get(award.field), award.otherwise)
    return 0 if chosen is None else base_of(reading, chosen, of, rounding)


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


def factor_of(reading: Reading, multiplier: Multiplier) -> Fraction:
    """Give one factor: a constant, the tier's, or the one of a field's value (16, 57)."""
    if multiplier.by_tier:
        ladder = revisions(reading.programme)[reading.place].ladder
        return ladder.tiers[level_in(reading.programme, ladder, reading.tier)].multiplier
    if multiplier.field is not None:
        return by_value(multiplier.table, reading.fields.get(multiplier.field), multiplier.otherwise)
    assert multiplier.constant is not None
    return multiplier.constant


def by_value(table: Mapping[str | bool, Named], value: FieldValue | None, otherwise: Named) -> Named:
    """Give what a table says of a field's value; an absent value is not named (16)."""
    return next((named for key, named in table.items() if type(key) is type(value) and key == value), otherwise)


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
