"""
The charts of a comparison: winners and losers, what groups get, and where partners stand under base and variant.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from loyalty.simulation.comparison import Comparison, Group, Variant
from loyalty.simulation.report.drawing import (
    BAR,
    COLOURS,
    GAIN,
    GREY,
    INK,
    LOSS,
    Chart,
    draw_all,
    draw_chart,
    month_axis,
    short_numbers,
    tier_colour,
)
from loyalty.simulation.report.texts import Texts
from loyalty.simulation.report.tiers import draw_migration


def variant_charts(comparison: Comparison, variant: Variant, texts: Texts, *, key: str) -> tuple[Chart, ...] | None:
    """Draw what there is of one variant; None where matplotlib is not installed."""
    return draw_all(lambda: _charts(comparison, variant, texts, key))


def _charts(comparison: Comparison, variant: Variant, texts: Texts, key: str) -> Sequence[Chart | None]:
    groupings = dict.fromkeys(group.grouping for group in variant.groups)
    return [
        _winners(comparison, variant, texts, key),
        *(_groups(comparison, variant, grouping, texts, key) for grouping in groupings),
        draw_migration(variant.migration, comparison.base.name, variant.scheme.name, texts, key=key)
        if variant.migration.matrices and len(variant.migration.base_ladder) > 1
        else None,
        _above_base(comparison, variant, texts, key),
    ]


def _winners(comparison: Comparison, variant: Variant, texts: Texts, key: str) -> Chart | None:
    """How many partners gain or lose how much."""
    bins = variant.shifts.bins
    if not bins:
        return None

    def draw(axes: Any) -> None:
        width = float(bins[0][1] - bins[0][0])
        for low, high, count in bins:
            colour = GAIN if low >= 0 else LOSS if high <= 0 else GREY
            axes.bar([float(low + high) / 2], [float(count)], width * 0.92, color=colour)
        for colour, label in ((GAIN, "winners"), (LOSS, "losers"), (GREY, "unchanged")):
            partners = getattr(variant.shifts, label)
            if partners:
                axes.bar([0], [0], color=colour, label=f"{texts.say(f'series.{label}')}: {texts.mean(partners)}")
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set(xlabel=texts.say("axis.difference", unit=comparison.unit), ylabel=texts.say("axis.count"))
        short_numbers(axes.xaxis, texts)
        short_numbers(axes.yaxis, texts)

    counts = {label: texts.mean(getattr(variant.shifts, label)) for label in ("winners", "losers", "unchanged")}
    told = {"unit": comparison.unit, **counts}
    return draw_chart(texts, "winners", draw, told, key=key)


def _groups(comparison: Comparison, variant: Variant, grouping: str, texts: Texts, key: str) -> Chart | None:
    """What each group costs under both, bar beside bar."""
    groups = [group for group in variant.groups if group.grouping == grouping]
    if not comparison.unit or len(groups) < 2 or not any(group.base_cost or group.variant_cost for group in groups):
        return None

    def draw(axes: Any) -> None:
        places = range(len(groups))
        sides = ((comparison.base.name, GREY, _base_cost), (variant.scheme.name, COLOURS[0], _variant_cost))
        for shift, (label, colour, cost) in zip((-0.25, 0.25), sides, strict=True):
            values = [float(cost(group)) for group in groups]
            axes.bar([place + shift * BAR for place in places], values, BAR / 2, color=colour, label=label)
        axes.set_xticks(list(places), [texts.tier(group.name) for group in groups])
        if max(len(group.name) for group in groups) * len(groups) > 44:
            axes.tick_params(axis="x", rotation=30)
        axes.set(ylabel=comparison.unit)
        short_numbers(axes.yaxis, texts)

    largest = max(groups, key=lambda group: abs(group.variant_cost - group.base_cost))
    change = largest.variant_cost - largest.base_cost
    name = grouping if texts.has(f"chart.{grouping}") else "label"
    told = {"unit": comparison.unit, "group": texts.tier(largest.name), "label": grouping,
            "change": ("+" if change > 0 else "") + texts.money(change, comparison.unit)}  # fmt: skip
    return draw_chart(texts, name, draw, told, key=f"{grouping}-{key}" if key else grouping)


def _base_cost(group: Group) -> Fraction:
    return group.base_cost


def _variant_cost(group: Group) -> Fraction:
    return group.variant_cost


def _above_base(comparison: Comparison, variant: Variant, texts: Texts, key: str) -> Chart | None:
    """How many partners each tier has over time: a line of its own for the base, dashed, and for the variant."""
    migration = variant.migration
    if len(migration.months) < 2 or len(migration.base_ladder) < 2:
        return None

    def draw(axes: Any) -> None:
        places = range(len(migration.months))
        sides = (
            (migration.base_ladder, migration.base, (0, (3, 2))),
            (migration.variant_ladder, migration.variant, "-"),
        )
        for side, (ladder, counts, style) in enumerate(sides):
            for step, tier in enumerate(ladder[1:], start=1):
                label = texts.tier(tier) if side else None
                heights = [float(row[step]) for row in counts]
                axes.plot(places, heights, color=tier_colour(step), linewidth=2, linestyle=style, label=label)
        axes.set_ylim(bottom=0)
        month_axis(axes, migration.months, texts)

    told = {"base": comparison.base.name, "variant": variant.scheme.name}
    return draw_chart(texts, "standing", draw, told, key=key)
