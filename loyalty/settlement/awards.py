"""
The source that computes one award: rate -> round -> multiply -> round.

The same source serves the event that earns (``e`` is the event) and the refund that computes the award of what is left
(``e`` is then the original's row), so that the two cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import lcm

from loyalty.core.amounts import Rounding
from loyalty.programme.model import EventKind, FieldType
from loyalty.rules.declaration import Award, BandMode, Bands, ByField, ByTier, Fixed, Multiplier, Rate, Rule
from loyalty.settlement.layout import Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.writer import Writer


def write_award(w: Writer, layout: Layout, rule: Rule, currency: str, name: str) -> None:
    """Write the lines that leave the award of *currency*, before caps, in the variable *name*; ``of`` is computed."""
    award = rule.give[layout.layer][currency]
    number, currency_number = layout.rule_number(rule), layout.currency_number(currency)
    kind = layout.programme.events[rule.on]
    _write_base(w, layout, award, rule, kind, name)
    w.trace("base", number, currency_number, "of" if award_uses_measure(rule, layout) else 0, name)
    factors = rule.multiply.get(currency, ())
    if factors:
        numerator, denominator = _factors(w, layout, factors, rule, kind, name)
        if w.traced:
            w.line(f"before = {name}")
        w.line(f"{name} = {_division(layout, f'{name} * {numerator}', denominator, rule.round.multiply)}")
        w.trace("multiply", number, currency_number, numerator, denominator, "before", name)


def write_measure(w: Writer, layout: Layout, rule: Rule, texts: Texts, rename: Mapping[str, str] | None = None) -> None:
    """Write the measure of the rule into ``of``, where an award of this layer needs it."""
    if rule.of is not None and award_uses_measure(rule, layout):
        w.line(f"of = {texts.source(rule.of, rule.on, rename)}")


def award_uses_measure(rule: Rule, layout: Layout) -> bool:
    """Tell whether any award of the rule in this layer is a rate or a table of bands."""
    return rule.of is not None and any(_measured(award) for award in rule.give[layout.layer].values())


def value_code(kind: EventKind, field: str, value: str | bool) -> int:
    """Give the whole number that stands for a value of a one_of or bool field in the step."""
    spec = kind.fields[field]
    return spec.values.index(str(value)) if spec.type is FieldType.ONE_OF else int(value)


def _measured(award: Award) -> bool:
    if isinstance(award, ByTier | ByField):
        others = [award.otherwise] if isinstance(award, ByField) else []
        return any(isinstance(part, Rate) for part in [*award.awards.values(), *others])
    return isinstance(award, Rate | Bands)


def _write_base(w: Writer, layout: Layout, award: Award, rule: Rule, kind: EventKind, name: str) -> None:
    def plain(part: Fixed | Rate) -> None:
        _write_plain(w, layout, part, rule, name)

    if isinstance(award, Fixed | Rate):
        plain(award)
    elif isinstance(award, Bands):
        _write_bands(w, layout, award, rule, name)
    elif isinstance(award, ByTier):
        _write_choice(w, "tier", enumerate(_by_tier(layout, award.awards)), None, plain)
    else:
        codes = [(value_code(kind, award.field, value), part) for value, part in award.awards.items()]
        _write_choice(w, f"e.f_{award.field}", codes, award.otherwise, plain)


def _by_tier(layout: Layout, awards: Mapping[str, Fixed | Rate]) -> list[Fixed | Rate]:
    last: Fixed | Rate = Fixed(amount=0)
    listed = []
    for tier in layout.programme.ladder.tiers:
        last = awards.get(tier.name, last)
        listed.append(last)
    return listed


def _write_choice(
    w: Writer,
    subject: str,
    codes: Iterable[tuple[int, Fixed | Rate]],
    otherwise: Fixed | Rate | None,
    plain: Callable[[Fixed | Rate], None],
) -> None:
    default = Fixed(amount=0) if otherwise is None else otherwise
    head = "if"
    for code, part in codes:
        with w.block(f"{head} {subject} == {code}"):
            plain(part)
        head = "elif"
    if head == "if":
        plain(default)
        return
    with w.block("else"):
        plain(default)


def _write_plain(w: Writer, layout: Layout, award: Fixed | Rate, rule: Rule, name: str) -> None:
    if isinstance(award, Fixed):
        w.line(f"{name} = {layout.parameter(f'{rule.name}: fixed', award.amount)}")
        return
    amount = layout.parameter(f"{rule.name}: rate", award.amount)
    per = layout.parameter(f"{rule.name}: per", award.per)
    nothing_below_0 = "" if _measure_is_never_negative(rule) else " if of > 0 else 0"
    w.line(f"{name} = {_division(layout, f'of * {amount}', per, rule.round.rate)}{nothing_below_0}")
    if award.at_least is not None or award.at_most is not None:
        with w.block("if of > 0"):
            if award.at_least is not None:
                w.line(f"{name} = max({name}, {layout.parameter(f'{rule.name}: at least', award.at_least)})")
            if award.at_most is not None:
                w.line(f"{name} = min({name}, {layout.parameter(f'{rule.name}: at most', award.at_most)})")


def _measure_is_never_negative(rule: Rule) -> bool:
    return rule.of is not None and rule.of.interval is not None and rule.of.interval.lo >= 0


def _write_bands(w: Writer, layout: Layout, bands: Bands, rule: Rule, name: str) -> None:
    if bands.mode is BandMode.WHOLE_SLAB:
        head = "if"
        for band in reversed(bands.bands):
            start = layout.parameter(f"{rule.name}: band from", band.start)
            with w.block(f"{head} of >= {start}"):
                _write_plain(w, layout, band.award, rule, name)
            head = "elif"
        with w.block("else"):
            w.line(f"{name} = 0")
        return
    rates = [band.award for band in bands.bands if isinstance(band.award, Rate)]
    common = lcm(*(rate.per for rate in rates))
    w.line(f"{name} = 0")
    for index, (band, rate) in enumerate(zip(bands.bands, rates, strict=True)):
        start = layout.parameter(f"{rule.name}: band from", band.start)
        share = layout.parameter(f"{rule.name}: band rate", rate.amount * (common // rate.per))
        upper = "of"
        if index + 1 < len(bands.bands):
            upper = f"min(of, {layout.parameter(f'{rule.name}: band to', bands.bands[index + 1].start)})"
        with w.block(f"if of > {start}"):
            w.line(f"{name} += ({upper} - {start}) * {share}")
    w.line(f"{name} = {_division(layout, name, layout.parameter(f'{rule.name}: bands per', common), rule.round.rate)}")


def _factors(
    w: Writer, layout: Layout, factors: tuple[Multiplier, ...], rule: Rule, kind: EventKind, name: str
) -> tuple[str, str]:
    numerators, denominators = [], []
    for index, factor in enumerate(factors):
        if factor.constant is not None:
            numerators.append(layout.parameter(f"{rule.name}: factor", factor.constant.numerator))
            denominators.append(layout.parameter(f"{rule.name}: factor per", factor.constant.denominator))
            continue
        top, bottom = f"{name}_n{index}", f"{name}_d{index}"
        if factor.by_tier:
            # The tiers' factors stand side by side in the vector, so that the tier finds its own.
            start = len(layout.parameters)
            for tier in layout.programme.ladder.tiers:
                layout.parameter(f"{rule.name}: {tier.name} factor", tier.multiplier.numerator)
                layout.parameter(f"{rule.name}: {tier.name} factor per", tier.multiplier.denominator)
            numerators.append(f"p[{start} + 2 * tier]")
            denominators.append(f"p[{start + 1} + 2 * tier]")
            continue
        field = str(factor.field)
        cases = [(value_code(kind, field, value), share) for value, share in factor.table.items()]
        subject, otherwise = f"e.f_{field}", factor.otherwise
        head = "if"
        for code, share in cases:
            with w.block(f"{head} {subject} == {code}"):
                w.line(f"{top} = {layout.parameter(f'{rule.name}: factor', share.numerator)}")
                w.line(f"{bottom} = {layout.parameter(f'{rule.name}: factor per', share.denominator)}")
            head = "elif"
        with w.block("else"):
            w.line(f"{top} = {layout.parameter(f'{rule.name}: factor', otherwise.numerator)}")
            w.line(f"{bottom} = {layout.parameter(f'{rule.name}: factor per', otherwise.denominator)}")
        numerators.append(top)
        denominators.append(bottom)
    return " * ".join(numerators), " * ".join(denominators)


def _division(layout: Layout, numerator: str, denominator: str, rounding: Rounding) -> str:
    """Write the division of two whole numbers >= 0; by a parameter alone a kernel divides by its reciprocal."""
    bottom = f"({denominator})" if "*" in denominator else denominator
    if rounding is Rounding.HALF_UP:
        return f"(2 * ({numerator}) + {bottom}) // (2 * {bottom})"
    if rounding is Rounding.HALF_EVEN:
        return f"half_even({numerator}, {denominator})"
    top = numerator if rounding is Rounding.DOWN else f"({numerator} + {bottom} - 1)"
    alone = re.fullmatch(r"p\[([^\[\]]+)\]", denominator)
    return f"quotient(m, {top}, {alone[1]})" if layout.numbers_apart and alone else f"{top} // {bottom}"
