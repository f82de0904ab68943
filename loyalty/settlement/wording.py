"""
Amounts, awards and keys in words for people: major units, thousands set apart, percentages where a rate is one.

>>> decimal_words(Fraction(5, 4)), decimal_words(Fraction(1, 3)), grouped(1234567, 2)
('1.25', '1/3', '12,345.67')
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from fractions import Fraction
from itertools import pairwise

from loyalty.core.amounts import format_minor_units
from loyalty.programme.model import Programme
from loyalty.programme.units import digits_of
from loyalty.rules.declaration import Award, BandMode, Bands, ByTier, Fixed, KeyPart, Multiplier, Rate, Rule


def grouped(minor: int, scale: int) -> str:
    """Write minor units in major units, thousands set apart by commas."""
    whole, point, digits = format_minor_units(minor, scale).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.removeprefix('-')):,}{point}{digits}"


def amount_words(programme: Programme, currency: str, minor: int) -> str:
    """Write an amount of one of the programme's currencies; money by its unit, points by their name."""
    declared = programme.currencies[currency]
    return f"{grouped(minor, declared.scale)} {declared.unit or currency}"


def unit_words(programme: Programme, unit: str, minor: int) -> str:
    """Write an amount in a unit of money or in a currency; a plain number has the unit ""."""
    return f"{grouped(minor, unit_scale(programme, unit))} {unit}".rstrip()


def unit_scale(programme: Programme, unit: str) -> int:
    """Give the digits after the point of a unit of money or a currency; a plain number has the unit ""."""
    if unit in programme.currencies:
        return programme.currencies[unit].scale
    return digits_of(unit) if unit else 0


def decimal_words(value: Fraction) -> str:
    """Write a fraction as a decimal where it is one of few digits."""
    for digits in range(7):
        if 10**digits % value.denominator == 0:
            return grouped(value.numerator * 10**digits // value.denominator, digits)
    return f"{value.numerator}/{value.denominator}"


def part_words(part: KeyPart) -> str:
    """Write what a cap, a cooldown or ``once_per`` is counted by."""
    return str(part.value).replace("_", "-") if isinstance(part, Enum) else part


def multiplier_words(factors: Iterable[Multiplier], tier: str) -> str:
    """Say where the factors of an award come from; *tier* is how the tier is spoken of."""
    sources = []
    for factor in factors:
        if factor.by_tier:
            sources.append(tier)
        elif factor.field is not None:
            sources.append(f"by {factor.field}")
        else:
            sources.append(f"always {decimal_words(factor.constant or Fraction(1))}")
    return " times ".join(sources)


def award_words(programme: Programme, rule: Rule, award: Award, currency: str, level: int | None, measure: int) -> str:
    """
    Say from what an award is computed: ``1 points per 100.00 EUR of 1,250.00 EUR``.

    Args:
        award: What the rule gives of *currency* in the layer that is paid.
        level: The level of the tier that the event met, or None where it is its original's.
        measure: What the rule's ``of`` came to, minor units.
    """
    words = _Words(programme, currency, str(rule.of.type.unit or "") if rule.of is not None else "", measure)
    if isinstance(award, ByTier):
        if level is None:
            return f"the award at the original's tier of {words.measured(measure)}"
        tiers = [tier.name for tier in programme.ladder.tiers]
        named = [name for name in tiers[: level + 1] if name in award.awards]
        chosen = award.awards[named[-1]] if named else Fixed(amount=0)
        return f"at tier {tiers[level]} {words.plain(chosen)}"
    if isinstance(award, Bands):
        return words.bands(award)
    if isinstance(award, Fixed | Rate):
        return words.plain(award)
    measured = any(isinstance(part, Rate) for part in (*award.awards.values(), award.otherwise))
    return f"the award by {award.field}" + (f" of {words.measured(measure)}" if measured else "")


class _Words:
    """Writes awards of one currency for one measure."""

    def __init__(self, programme: Programme, currency: str, unit: str, measure: int) -> None:
        self.programme = programme
        self.currency = currency
        self.unit = unit
        self.measure = measure

    def measured(self, minor: int) -> str:
        return unit_words(self.programme, self.unit, minor)

    def plain(self, award: Fixed | Rate, of: int | None = None) -> str:
        """Write a fixed amount, or a rate of the measure or of that part of it."""
        if isinstance(award, Fixed):
            return f"a fixed {amount_words(self.programme, self.currency, award.amount)}"
        text = f"{self.rate(award)} of {self.measured(self.measure if of is None else of)}"
        for words, bound in (("at least", award.at_least), ("at most", award.at_most)):
            if bound is not None:
                text += f", {words} {amount_words(self.programme, self.currency, bound)}"
        return text

    def rate(self, rate: Rate) -> str:
        declared = self.programme.currencies[self.currency]
        share = Fraction(rate.amount, 10**declared.scale) / Fraction(
            rate.per, 10 ** unit_scale(self.programme, self.unit)
        )
        if declared.unit is not None and declared.unit == self.unit:
            return f"{decimal_words(share * 100)} %"
        per = self.measured(rate.per)
        return f"{amount_words(self.programme, self.currency, rate.amount)} per {per}"

    def bands(self, bands: Bands) -> str:
        if bands.mode is BandMode.WHOLE_SLAB:
            band = max((band for band in bands.bands if band.start <= self.measure), key=lambda band: band.start,
                       default=bands.bands[0])  # fmt: skip
            return f"the slab from {self.measured(band.start)} gives {self.plain(band.award)}"
        ends = [band.start for band in bands.bands[1:]] + [max(self.measure, bands.bands[-1].start)]
        slices = [
            self.plain(band.award, min(self.measure, end) - band.start)
            for band, (_, end) in zip(bands.bands, pairwise([0, *ends]), strict=True)
            if self.measure > band.start
        ]
        return "slices " + " + ".join(slices or [self.measured(0)])
