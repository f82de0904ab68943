"""
How an amount is spread over partners, as bars: so many have so much, in steps that a reader counts in (1, 2, 5, 10).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from loyalty.simulation.report.drawing import BAR, COLOURS, GREY, Chart, draw_chart, short_numbers
from loyalty.simulation.report.texts import Texts

#: The steps within a power of ten.
_STEPS: Final = (1, 2, 5)

#: Bars beyond these would be too thin to see; what is smaller is counted in the first.
_MOST_BARS: Final = 16

#: Nor is there a bar by itself for the least, while they are fewer than this share of all together.
_TAIL: Final = Fraction(1, 200)


def distribution(
    amounts: Sequence[int], denominator: int, unit: str, texts: Texts, *, key: str, name: str = "distribution"
) -> Chart | None:
    """
    Draw how many have how much.

    Args:
        amounts: One for each partner, as numerators of major units.
        denominator: Theirs.
        unit: What the amounts are of.
        name: Of the texts: ``distribution`` of what they got, or ``costs`` of what is left of that but what expired.
    """
    if not any(amount > 0 for amount in amounts):
        return None
    edges, counts = bins(amounts, denominator)
    nothing = sum(amount <= 0 for amount in amounts)
    half = median(amounts)

    def draw(axes: Any) -> None:
        shift = 1 if nothing else 0
        if nothing:
            axes.bar([0], [nothing], BAR, color=GREY)
        axes.bar([place + shift for place in range(len(counts))], counts, BAR, color=COLOURS[0])
        ticks = [place + shift - 0.5 for place in range(len(edges))]
        every = 1 if len(edges) <= 9 else 2 if len(edges) <= 12 else 3
        # The bar of those who got nothing leaves no room for the first edge.
        shown = range(every if nothing else 0, len(edges), every)
        labels = [texts.short(float(edges[place])) for place in shown]
        axes.set_xticks([*([0] if nothing else []), *(ticks[place] for place in shown)],
                        [*([texts.say("nothing")] if nothing else []), *labels])  # fmt: skip
        short_numbers(axes.yaxis, texts)
        axes.set(xlabel=texts.say(f"axis.{name}", unit=unit), ylabel=texts.say("axis.count"))

    told = {"unit": unit, "median": texts.rounded(Fraction(half, denominator)), "nothing": nothing,
            "most": texts.rounded(Fraction(max(amounts), denominator))}  # fmt: skip
    return draw_chart(texts, name, draw, told, key=key)


def bins(amounts: Sequence[int], denominator: int) -> tuple[list[Fraction], list[int]]:
    """
    Count amounts above 0 between 1, 2, 5, 10, 20, 50 and so on.

    Returns:
        The edges in major units, one more than counts; the first bin also holds what is smaller.

    >>> bins([3, 4, 12, 0, 1], 1)
    ([Fraction(1, 1), Fraction(2, 1), Fraction(5, 1), Fraction(10, 1), Fraction(20, 1)], [1, 2, 0, 1])
    """
    counted = Counter(amount for amount in amounts if amount > 0)
    least, most = min(counted), max(counted)
    power = -9
    ladder: list[Fraction] = []
    while not ladder or ladder[-1] * denominator <= most:
        ladder.extend(Fraction(10) ** power * step for step in _STEPS)
        power += 1
    last = next(place for place, edge in enumerate(ladder) if edge * denominator > most)
    first = max(bisect_right(ladder, Fraction(least, denominator)) - 1, last - _MOST_BARS, 0)
    edges = ladder[first : last + 1]
    counts = [0] * (len(edges) - 1)
    bounds = [edge * denominator for edge in edges]
    for amount, times in counted.items():
        counts[max(bisect_right(bounds, amount) - 1, 0)] += times
    few = _TAIL * sum(counts)
    while len(counts) > 2 and counts[0] + counts[1] < few:
        edges, counts = edges[1:], [counts[0] + counts[1], *counts[2:]]
    return edges, counts


def median(amounts: Sequence[int]) -> Fraction:
    """Give the middle amount, or the mean of the two in the middle."""
    ordered, middle = sorted(amounts), len(amounts) // 2
    return Fraction(ordered[middle]) if len(ordered) % 2 else Fraction(ordered[middle - 1] + ordered[middle], 2)
