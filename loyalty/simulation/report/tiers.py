"""
Tiers as flows over time: bands as wide as there are partners in each, and what moves between them from month to month.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from attrs import frozen

from loyalty.simulation.comparison import Migration
from loyalty.simulation.report.drawing import GRID, INK, Chart, draw_chart, month_axis, tier_colour
from loyalty.simulation.report.texts import Texts
from loyalty.simulation.results import Results

#: More columns than this stand too close to see what moves between them.
_MOST_COLUMNS: Final = 25

#: Half the width of a column, of the distance between two.
_HALF: Final = 0.09

#: The gap between two tiers of a column, of all partners.
_GAP: Final = 0.035

#: Marks partners who were not there a column before.
_NEW: Final = -1


@frozen
class Ribbon:
    """Partners that go from a tier in one column to a tier in the next; where they leave and arrive, from below."""

    source: int
    target: int
    count: float
    leaves: float
    arrives: float


def tier_flows(results: Results, texts: Texts) -> Chart:
    """Draw the partners of each tier at the ends of months, and who moved between them."""
    columns = shown_months(results.months)
    counts = [[results.tiers[month][tier] for tier in results.ladder] for month in columns]
    most = max((sum(column) for column in counts), default=0) or 1
    bottoms = [_bottoms(column, most) for column in counts]

    def draw(axes: Any) -> None:
        axes.grid(visible=False)
        for place in range(len(columns) - 1):
            moves = moved_between(results, columns[place], columns[place + 1])
            for ribbon in ribbons(counts[place], counts[place + 1], moves, bottoms[place], bottoms[place + 1]):
                _draw_ribbon(axes, place, ribbon)
        for step, tier in enumerate(results.ladder):
            heights = [column[step] for column in counts]
            axes.bar(range(len(columns)), heights, 2 * _HALF, [bottom[step] for bottom in bottoms],
                     color=tier_colour(step), label=texts.tier(tier), zorder=3)  # fmt: skip
            if heights and heights[-1]:
                middle = bottoms[-1][step] + heights[-1] / 2
                axes.text(len(columns) - 1 + 2 * _HALF, middle, texts.number(heights[-1]), va="center", color=INK)
        month_axis(axes, columns, texts, most=13)
        axes.set_xlim(-0.3, len(columns) - 1 + 0.05 * len(columns) + 0.6)
        axes.set_ylim(0, most * (1 + _GAP * (len(results.ladder) - 1)))
        # The gaps between tiers shift every band, so that a scale at the side would be read wrongly.
        axes.set_yticks([])
        axes.spines["bottom"].set_color(GRID)

    last = ", ".join(
        f"{texts.tier(tier)}: {texts.number(count)}" for tier, count in zip(results.ladder, counts[-1], strict=True)
    )
    rose, fell = rises_and_falls(results)
    return draw_chart(
        texts,
        "tiers",
        draw,
        {"tiers": last, "rose": texts.count("rise", rose), "fell": texts.count("fall", fell)},
        is_wide=True,
    )


def draw_migration(migration: Migration, base: str, variant: str, texts: Texts, *, key: str = "") -> Chart:
    """Draw where the partners of each tier of the base stand under the variant, at the end."""
    matrix = migration.final
    write = texts.mean if all(count.denominator == 1 for row in matrix for count in row) else texts.tenths
    names = [
        *migration.variant_ladder,
        *(tier for tier in migration.base_ladder if tier not in migration.variant_ladder),
    ]
    rows = [names.index(tier) for tier in migration.base_ladder]
    moves = {(rows[row], column): count for row, counts in enumerate(matrix) for column, count in enumerate(counts)}
    columns = [
        [sum((count for move, count in moves.items() if move[side] == step), Fraction(0)) for step in range(len(names))]
        for side in (0, 1)
    ]
    sides = [[float(count) for count in column] for column in columns]
    most = max(sum(sides[0]), 1)
    bottoms = [_bottoms(side, most) for side in sides]

    def draw(axes: Any) -> None:
        axes.grid(visible=False)
        changes = {move: float(count) for move, count in moves.items() if move[0] != move[1]}
        for ribbon in ribbons(sides[0], sides[1], changes, bottoms[0], bottoms[1]):
            _draw_ribbon(axes, 0, ribbon)
        for step, name in enumerate(names):
            heights = [side[step] for side in sides]
            axes.bar(
                [0, 1], heights, 2 * _HALF, [bottom[step] for bottom in bottoms], color=tier_colour(step), zorder=3
            )
            for place, (height, side) in enumerate(zip(heights, ("right", "left"), strict=True)):
                if height:
                    label = f"{texts.tier(name)}: {write(columns[place][step])}"
                    axes.text(place + (-1.4 * _HALF, 1.4 * _HALF)[place], bottoms[place][step] + height / 2, label,
                              ha=side, va="center", color=INK)  # fmt: skip
        axes.set_xticks([0, 1], [base, variant])
        axes.set_yticks([])
        axes.set_xlim(-0.75, 1.75)

    changed = sum((count for (before, after), count in moves.items() if before != after), Fraction(0))
    told = {"base": base, "variant": variant, "changed": texts.mean_count("partner", changed)}
    return draw_chart(texts, "migration", draw, told, key=key)


def shown_months(months: Sequence[int]) -> list[int]:
    """Give the months that are shown: all, or every second, third, sixth or twelfth up to the last."""
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if len(months) / step <= _MOST_COLUMNS)
    return list(months[(len(months) - 1) % step :: step])


def rises_and_falls(results: Results) -> tuple[int, int]:
    """Count the moves to a higher and to a lower tier over all months."""
    ladder = {tier: place for place, tier in enumerate(results.ladder)}
    moves = [(ladder[after] - ladder[before], count) for by_tiers in results.tier_moves.values()
             for (before, after), count in by_tiers.items()]  # fmt: skip
    return sum(count for step, count in moves if step > 0), sum(count for step, count in moves if step < 0)


def moved_between(results: Results, first: int, last: int) -> Mapping[tuple[int, int], int]:
    """Add up the moves after the end of one month until the end of another."""
    ladder = {tier: place for place, tier in enumerate(results.ladder)}
    moves: Counter[tuple[int, int]] = Counter()
    for month in range(first + 1, last + 1):
        for (before, after), count in results.tier_moves.get(month, {}).items():
            moves[ladder[before], ladder[after]] += count
    return moves


def ribbons(
    before: Sequence[float], after: Sequence[float], moves: Mapping[tuple[int, int], float],
    bottoms_before: Sequence[float], bottoms_after: Sequence[float],
) -> list[Ribbon]:  # fmt: skip
    """
    Lay out what lies between two columns.

    Those who stay are what is left of a tier after all moves out of it. Those who are new come from below the base.
    """
    found = dict(moves)
    for step, count in enumerate(before):
        stays = count - sum(moved for (source, _), moved in moves.items() if source == step)
        found[step, step] = max(stays, 0)
    found[_NEW, 0] = max(sum(after) - sum(before), 0)
    leaving, arriving = list(bottoms_before), list(bottoms_after)
    laid = []
    # Sorted by where they go, what leaves a tier downwards leaves it at its lower edge; likewise for what arrives.
    starts = {}
    for (source, target), count in sorted(found.items()):
        if count:
            starts[source, target] = leaving[source] if source != _NEW else bottoms_before[0]
            if source != _NEW:
                leaving[source] += count
    for (source, target), count in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        if count:
            laid.append(Ribbon(source, target, count, starts[source, target], arriving[target]))
            arriving[target] += count
    return laid


def _bottoms(counts: Sequence[float], most: float) -> list[float]:
    bottoms, height = [], 0.0
    for count in counts:
        bottoms.append(height)
        height += count + _GAP * most
    return bottoms


def _draw_ribbon(axes: Any, place: int, ribbon: Ribbon) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    left, right = place + _HALF, place + 1 - _HALF
    middle = (left + right) / 2
    thickness = 0 if ribbon.source == _NEW else ribbon.count
    points = [
        (left, ribbon.leaves), (middle, ribbon.leaves), (middle, ribbon.arrives), (right, ribbon.arrives),
        (right, ribbon.arrives + ribbon.count), (middle, ribbon.arrives + ribbon.count),
        (middle, ribbon.leaves + thickness), (left, ribbon.leaves + thickness), (left, ribbon.leaves),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    stays = ribbon.source == ribbon.target
    axes.add_patch(PathPatch(Path(points, codes), facecolor=tier_colour(ribbon.target), edgecolor="none",
                             alpha=0.28 if stays else 0.75, zorder=1 if stays else 2))  # fmt: skip
