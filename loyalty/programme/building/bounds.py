"""
Proofs of size: no product of the step leaves 64 bits, and no balance reaches 2**53.

They rest on the declared maxima of the fields and on ``limits.events_per_holder``. Room is left for the doubling that
a rounding to the nearest does.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Final

from loyalty.programme.building.awards import Measure
from loyalty.programme.building.draft import Draft
from loyalty.rules.declaration import Award, BandMode, Bands, ByField, ByTier, Fixed, Multiplier, Rate, Rule

#: What a product may reach; two bits are left for rounding.
PRODUCT_LIMIT: Final = 2**61


class TooLarge(Exception):
    """A product that could leave 64 bits; the text says which."""


def largest_award(award: Award, measure: Measure | None) -> int:
    """
    Give the most that an award can be before it is multiplied.

    Raises:
        TooLarge: a product on the way could leave 64 bits.
    """
    if isinstance(award, Fixed):
        return award.amount
    if isinstance(award, Rate):
        return _largest_rate(award, measure)
    if isinstance(award, ByTier):
        return max(largest_award(part, measure) for part in award.awards.values())
    if isinstance(award, ByField):
        return max(largest_award(part, measure) for part in (*award.awards.values(), award.otherwise))
    return _largest_bands(award, measure)


def largest_product(base: int, multipliers: tuple[Multiplier, ...], draft: Draft) -> int:
    """
    Give the most that an award can be once it is multiplied.

    Raises:
        TooLarge: the product with the numerators, or that of the denominators, could leave 64 bits.
    """
    factor, numerator, denominator = Fraction(1), 1, 1
    for multiplier in multipliers:
        factors = _factors(multiplier, draft)
        factor *= max(factors)
        numerator *= max(part.numerator for part in factors)
        denominator *= max(part.denominator for part in factors)
    if max(base, 1) * numerator > PRODUCT_LIMIT or denominator > PRODUCT_LIMIT:
        raise TooLarge(f"{base} times the multipliers can leave 64 bits")
    return _up(base * factor)


def largest_of_rule(rule: Rule, currency: str, most: int) -> int:
    """Lower what a rule can pay at one event by its caps for each event."""
    caps = [cap.amount for cap in rule.caps if cap.currency == currency and (cap.per_event or not cap.per)]
    return min([most, *caps])


def _largest_rate(rate: Rate, measure: Measure | None) -> int:
    if measure is None:
        return 0
    size = max(abs(measure.lowest), abs(measure.highest))
    if size * rate.amount > PRODUCT_LIMIT or rate.per > PRODUCT_LIMIT:
        raise TooLarge(f"a measure of up to {size} minor units times {rate.amount} can leave 64 bits")
    most = _up(Fraction(max(0, measure.highest) * rate.amount, rate.per))
    most = max(most, rate.at_least or 0)
    return most if rate.at_most is None else min(most, rate.at_most)


def _largest_bands(award: Bands, measure: Measure | None) -> int:
    if award.mode is BandMode.WHOLE_SLAB:
        return max(largest_award(band.award, measure) for band in award.bands)
    rates = [(band.start, band.award) for band in award.bands if isinstance(band.award, Rate)]
    if measure is None or not rates:
        return 0
    # Slices are summed over one denominator.
    common = lcm(*(rate.per for _, rate in rates))
    total = 0
    for index, (start, rate) in enumerate(rates):
        end = min(rates[index + 1][0], measure.highest) if index + 1 < len(rates) else measure.highest
        total += max(0, end - start) * rate.amount * (common // rate.per)
    if total > PRODUCT_LIMIT or common > PRODUCT_LIMIT:
        raise TooLarge("the slices of the bands, brought to one denominator, can leave 64 bits")
    return _up(Fraction(total, common))


def _factors(multiplier: Multiplier, draft: Draft) -> list[Fraction]:
    if multiplier.constant is not None:
        return [multiplier.constant]
    if multiplier.by_tier:
        return [tier.multiplier for tier in draft.tiers.values()] or [Fraction(1)]
    return [*multiplier.table.values(), multiplier.otherwise]


def _up(value: Fraction | int) -> int:
    return -(-value.numerator // value.denominator)
