"""
A fitted scenario as a file that people read and change, with what each part was estimated from beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.programme.model import FieldSpec, FieldType
from loyalty.programme.units import digits_of
from loyalty.simulation.behaviour import EVEN_SEASON, Delay, Segment, Wish
from loyalty.simulation.distributions import Choice, Constant, Distribution, LogNormal, Quantiles, Uniform
from loyalty.simulation.fitting.fit import Fit, KindFit
from loyalty.simulation.fitting.following import Following

_PLAIN = re.compile(r"[A-Za-z][\w.-]*( [\w.-]+)*")


def scenario_text(fit: Fit) -> str:
    """Write the scenario file of a fit; :func:`loyalty.simulation.scenario.read_scenario` reads it back."""
    return "\n".join(_lines(fit)) + "\n"


def _lines(fit: Fit) -> Iterator[str]:
    history, scenario = fit.history, fit.scenario
    yield "# Estimated by `loyalty fit` from a history. Read every number, and change what you know better."
    yield f"scenario: {_text(scenario.name)}"
    yield ""
    yield "assumptions:"
    for sentence in _assumptions(fit):
        yield f"  - {_text(sentence)}"
    yield ""
    arrival, churn = scenario.segments[0].arrival, scenario.segments[0].churn
    if arrival.at_start < 1:
        came = float(fit.presence.arrivals[1:].sum()) * len(history.names)
        yield f"# About {came:,.0f} of {len(history.names):,} partners came after the first month."
        yield f"arrival: {{at_start: {_percent(arrival.at_start)}, within: {arrival.within} months}}"
    if churn.quiet:
        yield f"# About {fit.presence.turned_quiet:,.0f} turns to quiet and {fit.presence.came_back:,.0f} back."
        comeback = f", comeback: {_percent(churn.comeback)}" if churn.comeback else ""
        yield f"churn: {{quiet: {_percent(churn.quiet)}{comeback}}}"
    yield ""
    yield "segments:"
    for place, segment in enumerate(scenario.segments):
        yield from _segment(segment, int((fit.groups.of == place).sum()))
    yield ""
    yield "events:"
    for kind, activity in zip(fit.kinds, scenario.activities, strict=True):
        yield f"  {activity.kind}:"
        yield f"    rate: {_number(activity.rate)}  # {kind.count:,} events."
        if activity.per is Layer.PERSON:
            yield "    per: person"
        elif not kind.names_person:
            yield "    names_person: false"
        if activity.season != EVEN_SEASON:
            yield f"    season: [{', '.join(_number(factor) for factor in activity.season)}]"
        elif history.months < 12:
            yield "    # A season needs a year of history."
        if activity.growth:
            error = f", within {2 * (kind.market.growth_error or 0) * 100:.1f} points"
            yield f"    growth: {_percent(activity.growth)}  # From {history.months} months{error}."
        elif kind.market.growth_error is None:
            yield "    # Growth needs two years of history: what grows looks like a season until then."
        noise = [f"{name}: {_number(each)}" for name, each in
                 (("month", activity.noise.month), ("market", activity.noise.market)) if each]  # fmt: skip
        if noise:
            yield f"    noise: {{{', '.join(noise)}}}"
        yield from _fields(kind)
        yield from _then(kind)
    yield from _wishes(fit)
    yield ""
    yield "# What the next tier moves partners to do cannot be seen in a history alone. With a reason it is said so:"
    yield "# response:"
    yield f"#   {scenario.activities[0].kind}: {{elasticity: 10 %, because: Where the number comes from.}}"


def _assumptions(fit: Fit) -> Iterator[str]:
    history = fit.history
    yield (
        f"Fitted to {history.happened:,} events of {len(history.names):,} partners from "
        f"{format_day(history.first_day)} through {format_day(history.last_day)}."
    )
    yield "What was so is taken to go on: rates, seasons, sizes and habits are those of the history."
    if fit.persons_factor > 1.02:
        more = (fit.persons_factor - 1) * 100
        yield f"Of people who were never seen there are taken to be {more:.0f} % of those who were."


def _segment(segment: Segment, count: int) -> Iterator[str]:
    yield f"  - segment: {_text(segment.name)}  # {count:,} partners."
    yield f"    share: {_percent(segment.share)}"
    yield f"    persons: {_range(segment.persons.lowest, segment.persons.highest)}"
    yield f"    size: {{median: {_number(segment.size_median)}, sigma: {_number(segment.size_sigma)}}}"
    if segment.amounts != 1:
        yield f"    amounts: {_number(segment.amounts)}"
    if segment.rates:
        rates = ", ".join(f"{kind}: {_number(factor)}" for kind, factor in segment.rates.items())
        yield f"    rates: {{{rates}}}"


def _fields(kind: KindFit) -> Iterator[str]:
    if kind.fields:
        yield "    fields:"
    for name, each in kind.fields.items():
        remark = f"; {each.remark}" if each.remark else ""
        yield f"      {name}: {distribution_text(each.distribution, each.spec)}  # {each.count:,} values{remark}."


def _then(kind: KindFit) -> Iterator[str]:
    if kind.following:
        yield "    then:"
    for each in kind.following:
        if each.after is None:
            yield f"      # {each.kind.name} never followed in the history; what takes longer than it was not seen."
            yield f"      {each.kind.name}: {{chance: 0 %, after: 30 days}}"
            continue
        partial = f", partial: {_percent(Fraction(round(each.partial * 1000), 1000))}" if each.partial else ""
        chance = _percent(Fraction(round(each.chance * 10_000), 10_000))
        yield (
            f"      {each.kind.name}: {{chance: {chance}, after: {_delay(each.after)}{partial}}}"
            f"  # {each.count:,} of {each.origins:,}{_censored(each)}."
        )


def _censored(each: Following) -> str:
    return "; later ones were not seen yet" if each.after and each.days.max(initial=0) * 2 > each.longest else ""


def _wishes(fit: Fit) -> Iterator[str]:
    for heading, claim in (("redeem", False), ("claim", True)):
        chosen = {each.wish.currency: each for each in fit.wishes if each.wish.claim is claim}
        if chosen:
            yield ""
            yield f"{heading}:"
        for name, each in chosen.items():
            yield f"  {name}: {{{', '.join(_wish(fit, each.wish))}}}  # {each.count:,} times."


def _wish(fit: Fit, wish: Wish) -> Iterator[str]:
    if wish.share is not None:
        yield f"share: {_percent(wish.share)}"
    elif wish.amount is not None:
        currency = fit.history.programme.currencies[wish.currency]
        kind = FieldType.MONEY if currency.unit else FieldType.INT
        yield f"amount: {distribution_text(wish.amount, FieldSpec(name=wish.currency, type=kind, unit=currency.unit))}"
    if wish.per is Layer.PERSON:
        yield "per: person"
    if wish.every is None:
        yield f"rate: {_number(wish.rate)}"
    else:
        yield f"every: {wish.every.value}"
        yield f"chance: {_percent(wish.chance)}"


def distribution_text(distribution: Distribution, spec: FieldSpec) -> str:
    """Write what a field holds as a scenario file has it."""
    match distribution:
        case Constant(value):
            return _value(value, spec)
        case Uniform(lowest, highest):
            return f"{_value(lowest, spec)}..{_value(highest, spec)}"
        case LogNormal(median, sigma):
            return f"{{median: {_value(median, spec)}, sigma: {_number(sigma)}}}"
        case Quantiles(points):
            shown = ", ".join(f"{_percent(Fraction(round(share * 10_000), 10_000))}: {_value(value, spec)}"
                              for share, value in points)  # fmt: skip
            return f"{{empirical: {{{shown}}}}}"
        case Choice(values, weights):
            pairs = zip(values, weights, strict=True)
            return f"{{{', '.join(f'{_value(value, spec)}: {weight}' for value, weight in pairs)}}}"
    raise AssertionError(f"{distribution} is not fitted")


def _value(value: FieldValue, spec: FieldSpec) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        scale = digits_of(spec.unit) if spec.unit else 0
        return format_minor_units(value, scale) + (f" {spec.unit}" if spec.unit else "")
    return _text(value)


def _delay(delay: Delay) -> str:
    return f"{_range(delay.lowest, delay.highest)} {delay.unit.value}"


def _range(lowest: int, highest: int) -> str:
    return str(lowest) if lowest == highest else f"{lowest}..{highest}"


def _text(text: str) -> str:
    """Write a text plainly where YAML takes it so, else in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in ("null", "true", "false"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _number(value: Fraction) -> str:
    """
    Write a number with its digits, without zeros behind.

    >>> _number(Fraction(3, 2)), _number(Fraction(2)), _number(Fraction(1, 100_000))
    ('1.5', '2', '0.00001')
    """
    return f"{float(value):.5f}".rstrip("0").rstrip(".")


def _percent(value: Fraction) -> str:
    return f"{_number(value * 100)} %"
