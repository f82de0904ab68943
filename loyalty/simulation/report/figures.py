"""
Figures of a run in a language: their names, and numbers as their unit asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

from loyalty.core.amounts import Rounding, divide
from loyalty.simulation.comparison import Estimate, Interval
from loyalty.simulation.report.parts import Grid, Shown
from loyalty.simulation.report.texts import Texts
from loyalty.simulation.tables import Column, Kind

#: The figures that are asked for first, in this order; further ones of their kind stand behind them.
MAIN: Final = ("cost", "revenue", "cost_per_revenue", "liability", "breakage", "gini")

#: What is counted in these has no unit behind it.
_COUNTED: Final = frozenset({"partners", "persons", "events", "holders"})

#: Names of figures of one currency end with one of these.
_OF_TIERS: Final = "tiers."


def figure_name(name: str, texts: Texts) -> str:
    """Say what a figure is, such as ``cost``, ``cost.USD``, ``tiers.gold`` or ``points.issued``."""
    if texts.has(f"figure.{name}"):
        return texts.say(f"figure.{name}")
    if name.startswith(_OF_TIERS):
        return texts.say("figure.tier", tier=texts.tier(name.removeprefix(_OF_TIERS)))
    first, _, part = name.partition(".")
    if texts.has(f"figure.{first}"):
        return f"{texts.say(f'figure.{first}')}, {part}"
    if texts.has(f"series.{part}"):
        return f"{texts.named(first)}: {texts.say(f'series.{part}')}"
    return name


def unit_behind(name: str, unit: str) -> str:
    """
    Give a unit as it stands behind the name of a figure, or nothing where the name says what is counted.

    >>> unit_behind("mdf.issued", "EUR"), unit_behind("points.issued", "points"), unit_behind("tiers.gold", "partners")
    (', EUR', '', '')
    """
    return "" if unit == "share" or unit in _COUNTED or name.partition(".")[0] == unit else f", {unit}"


def unit_of(estimate: Estimate) -> str:
    """Give how a figure is written: in its unit, but a coefficient as a number, which in percent would mean nothing."""
    return "" if estimate.name.partition(".")[0] == "gini" else estimate.unit


def quantity(value: Fraction, unit: str, texts: Texts, *, is_whole: bool = False) -> str:
    """
    Write a number as its unit asks for: shares in percent, counts whole where they are, all else with its unit.

    Args:
        is_whole: There is no part of a unit, so that a mean is rounded to whole ones, half to even.
    """
    if is_whole and unit:
        return (
            f"{texts.number(divide(value.numerator, value.denominator, Rounding.HALF_EVEN))}{texts.language.gap}{unit}"
        )
    if unit == "share":
        return texts.percent(value, 2)
    if unit in _COUNTED:
        return texts.mean(value)
    return texts.money(value, unit) if unit else texts.rounded(value)


def signed(value: Fraction, unit: str, texts: Texts, *, is_whole: bool = False) -> str:
    """Write a difference with its sign; one of shares in percentage points."""
    sign = "+" if value > 0 else ""
    if unit == "share":
        points = texts.percent(value, 2).removesuffix("%").rstrip()
        return sign + texts.say("percentage_points", number=points)
    return sign + quantity(value, unit, texts, is_whole=is_whole)


def within(interval: Interval | None, unit: str, texts: Texts, *, is_whole: bool = False) -> str:
    """Write the bounds of an interval, or nothing."""
    if interval is None or not (interval.low or interval.high):
        return ""
    low, high = (Fraction(bound).limit_denominator(10**9) for bound in (interval.low, interval.high))
    return texts.say("interval", low=signed(low, unit, texts, is_whole=is_whole),
                     high=signed(high, unit, texts, is_whole=is_whole))  # fmt: skip


def bounds(interval: Interval, unit: str, texts: Texts, *, is_whole: bool = False) -> str:
    """Write between what a number lies, or nothing where it is certain."""
    if interval.low == interval.high:
        return ""
    low, high = (Fraction(end).limit_denominator(10**9) for end in (interval.low, interval.high))
    return texts.say("interval", low=quantity(low, unit, texts, is_whole=is_whole),
                     high=quantity(high, unit, texts, is_whole=is_whole))  # fmt: skip


def relative(estimate: Estimate, texts: Texts) -> str:
    """Say by how much of the base a figure changes, or nothing where that means nothing."""
    if estimate.unit == "share" or not estimate.base:
        return ""
    change = estimate.difference / abs(estimate.base)
    return ("+" if change > 0 else "") + texts.percent(change)


def estimate_table(estimates: Iterable[Estimate], texts: Texts) -> Grid:
    """Lay base and variant side by side, with the difference and its interval."""
    columns = (
        Column("figure"), Column("base", Kind.AMOUNT), Column("with_variant", Kind.AMOUNT),
        Column("difference", Kind.AMOUNT), Column("relative", Kind.AMOUNT), Column("interval", Kind.TEXT),
    )  # fmt: skip
    return Grid(columns, tuple(_row(each, texts) for each in estimates if each.base or each.variant))


def _row(each: Estimate, texts: Texts) -> tuple[str | Shown, ...]:
    unit, is_whole = unit_of(each), each.is_whole
    return (
        figure_name(each.name, texts),
        shown(each.base, unit, texts, is_whole=is_whole),
        shown(each.variant, unit, texts, is_whole=is_whole),
        Shown(signed(each.difference, unit, texts, is_whole=is_whole), each.difference),
        Shown(relative(each, texts), each.difference / abs(each.base) if each.base else Fraction(0)),
        within(each.interval, unit, texts, is_whole=is_whole),
    )


def shown(value: Fraction, unit: str, texts: Texts, *, is_whole: bool = False) -> Shown:
    """Give a number as a cell."""
    return Shown(quantity(value, unit, texts, is_whole=is_whole), value)


def counts(values: Sequence[Fraction], texts: Texts) -> tuple[Shown, ...]:
    """Give what is counted as the cells of one column: all whole, or all with one digit after the point."""
    write = texts.mean if all(value.denominator == 1 for value in values) else texts.tenths
    return tuple(Shown(write(value), value) for value in values)
