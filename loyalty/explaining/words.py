"""
Amounts, awards and keys as parts of what is said: major units, percentages where a rate is one.

>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> amount_words(loads(EXAMPLE), "points", 1234567)
'1,234,567 points'
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise

from loyalty.core.calendar import Period
from loyalty.explaining.languages import ENGLISH, Language
from loyalty.explaining.said import Amount, Listed, Number, Said, Value, said
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of, currency_of
from loyalty.programme.units import digits_of
from loyalty.rules.declaration import (
    Award,
    BandMode,
    Bands,
    ByTier,
    Cap,
    Fixed,
    KeyPart,
    Multiplier,
    Rate,
    Rule,
    Subject,
)


def amount_of(programme: Programme, currency: str, minor: int) -> Amount:
    """Give an amount of one of the programme's currencies; money by its unit, points by their name."""
    declared = currencies_of(programme).get(currency)
    # A currency that only another revision has is told in minor units, which is all that is known of it here.
    return Amount(minor, declared.scale, declared.unit or currency) if declared else Amount(minor, 0, currency)


def unit_amount(programme: Programme, unit: str, minor: int) -> Amount:
    """Give an amount in a unit of money or in a currency; a plain number has the unit ""."""
    return Amount(minor, unit_scale(programme, unit), unit)


def unit_scale(programme: Programme, unit: str) -> int:
    """Give the digits after the point of a unit of money or a currency; a plain number has the unit ""."""
    declared = currency_of(programme, unit)
    if declared is not None:
        return declared.scale
    return digits_of(unit) if unit else 0


def amount_words(programme: Programme, currency: str, minor: int, tongue: Language = ENGLISH) -> str:
    """Write an amount of one of the programme's currencies."""
    return tongue.tell(amount_of(programme, currency, minor))


def unit_words(programme: Programme, unit: str, minor: int, tongue: Language = ENGLISH) -> str:
    """Write an amount in a unit of money or in a currency."""
    return tongue.tell(unit_amount(programme, unit, minor))


def key_said(parts: Iterable[KeyPart]) -> Listed:
    """Say what a cap or ``once_per`` is counted by."""
    said_parts: list[Value] = [
        said(f"key.{part.value}") if isinstance(part, Subject | Period) else said("key.field", field=part)
        for part in parts
    ]
    return Listed(tuple(said_parts), "join.key")


def cap_said(programme: Programme, rule: Rule, currency: str, place: int, limit: int) -> Said:
    """Say which of the rule's caps of a currency, its campaign's included, is the one at *place*."""
    caps = [(cap, "") for cap in rule.caps if cap.currency == currency]
    if rule.campaign:
        shared = programme.campaigns[rule.campaign].caps
        caps += [(cap, rule.campaign) for cap in shared if cap.currency == currency]
    cap, campaign = caps[place]
    words = _cap_said(cap, amount_of(programme, currency, limit))
    return said("cap.campaign", cap=words, campaign=campaign) if campaign else words


def multiplier_said(factors: Iterable[Multiplier], tier: Said) -> Listed:
    """Say where the factors of an award come from; *tier* is how the tier is spoken of."""
    sources: list[Value] = []
    for factor in factors:
        if factor.by_tier:
            sources.append(tier)
        elif factor.field is not None:
            sources.append(said("multiplier.field", field=factor.field))
        else:
            sources.append(said("multiplier.always", factor=Number(factor.constant or Fraction(1))))
    return Listed(tuple(sources), "join.factors")


def rate_said(programme: Programme, currency: str, unit: str, rate: Rate) -> Said:
    """Say a rate of a currency as it is declared, without its bounds; *unit* is that of what is measured."""
    declared = programme.currencies[currency]
    share = Fraction(rate.amount, 10**declared.scale) / Fraction(rate.per, 10 ** unit_scale(programme, unit))
    if declared.unit is not None and declared.unit == unit:
        return said("rate.percent", share=Number(share * 100))
    per = unit_amount(programme, unit, rate.per)
    return said("rate.per", amount=amount_of(programme, currency, rate.amount), per=per)


def award_said(programme: Programme, rule: Rule, award: Award, currency: str, tier: str | None, measure: int) -> Value:
    """
    Say from what an award is computed: ``1 point per 100.00 EUR of 1,250.00 EUR``.

    Args:
        award: What the rule gives of *currency* in the layer that is paid.
        tier: The tier that the event met, or None where it is its original's.
        measure: What the rule's ``of`` came to, minor units.
    """
    words = _Words(programme, currency, str(rule.of.type.unit or "") if rule.of is not None else "", measure)
    if isinstance(award, ByTier):
        if tier is None:
            return said("award.original_tier", measure=words.measured(measure))
        names = [declared.name for declared in programme.ladder.tiers]
        if tier not in names:
            # A tier of another revision, whose place in this ladder only both together say.
            return said("award.by_tier", tier=tier, measure=words.measured(measure))
        named = [name for name in names[: names.index(tier) + 1] if name in award.awards]
        chosen = award.awards[named[-1]] if named else Fixed(amount=0)
        return said("award.at_tier", tier=tier, award=words.plain(chosen))
    if isinstance(award, Bands):
        return words.bands(award)
    if isinstance(award, Fixed | Rate):
        return words.plain(award)
    if is_rounded(award):
        return said("award.by_field_of", field=award.field, measure=words.measured(measure))
    return said("award.by_field", field=award.field)


def is_rounded(award: Award) -> bool:
    """Tell whether the award is computed at a rate, so that it can be rounded."""
    if isinstance(award, ByTier):
        return any(isinstance(part, Rate) for part in award.awards.values())
    if isinstance(award, Bands):
        return any(isinstance(band.award, Rate) for band in award.bands)
    if isinstance(award, Fixed | Rate):
        return isinstance(award, Rate)
    return any(isinstance(part, Rate) for part in (*award.awards.values(), award.otherwise))


def _cap_said(cap: Cap, limit: Amount) -> Said:
    if cap.per_event:
        return said("cap.event", limit=limit)
    return said("cap.key", limit=limit, key=key_said(cap.per)) if cap.per else said("cap.ever", limit=limit)


class _Words:
    """Says awards of one currency for one measure."""

    def __init__(self, programme: Programme, currency: str, unit: str, measure: int) -> None:
        self.programme = programme
        self.currency = currency
        self.unit = unit
        self.measure = measure

    def measured(self, minor: int) -> Amount:
        return unit_amount(self.programme, self.unit, minor)

    def amount(self, minor: int) -> Amount:
        return amount_of(self.programme, self.currency, minor)

    def plain(self, award: Fixed | Rate, of: int | None = None) -> Said:
        """Say a fixed amount, or a rate of the measure or of that part of it."""
        if isinstance(award, Fixed):
            return said("award.fixed", amount=self.amount(award.amount))
        words = said("award.rate", rate=self.rate(award), measure=self.measured(self.measure if of is None else of))
        for key, bound in (("award.at_least", award.at_least), ("award.at_most", award.at_most)):
            if bound is not None:
                words = said(key, award=words, bound=self.amount(bound))
        return words

    def rate(self, rate: Rate) -> Said:
        return rate_said(self.programme, self.currency, self.unit, rate)

    def bands(self, bands: Bands) -> Said:
        if bands.mode is BandMode.WHOLE_SLAB:
            band = max((band for band in bands.bands if band.start <= self.measure), key=lambda band: band.start,
                       default=bands.bands[0])  # fmt: skip
            return said("award.slab", start=self.measured(band.start), award=self.plain(band.award))
        ends = [band.start for band in bands.bands[1:]] + [max(self.measure, bands.bands[-1].start)]
        slices: list[Value] = [
            self.plain(band.award, min(self.measure, end) - band.start)
            for band, (_, end) in zip(bands.bands, pairwise([0, *ends]), strict=True)
            if self.measure > band.start
        ]
        return said("award.slices", slices=Listed(tuple(slices or [self.measured(0)]), "join.slices"))
