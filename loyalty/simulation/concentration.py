"""
How evenly an amount is spread: the Lorenz curve, the Gini coefficient and the share of the largest, in exact fractions.

Source: C. Gini, "Variabilita e mutabilita" (1912); M. O. Lorenz, "Methods of measuring the concentration of wealth"
(1905). The coefficient is that of the population, without the correction for small samples: (sum over i of
(2i - n - 1) * x_i) / (n * sum of x_i), x ascending.

>>> spread = Concentration.of([0, 0, 0, 100])
>>> spread.gini, spread.top_tenth, spread.points[3:]
(Fraction(3, 4), Fraction(1, 1), ((3, 0), (4, 100)))
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import accumulate

from attrs import frozen

#: More points than this on a curve nobody sees.
_MOST_POINTS = 100


@frozen(kw_only=True)
class Concentration:
    """
    The spread of one amount over so many partners, amounts below 0 counted as 0.

    Args:
        partners: How many.
        total: Minor units.
        gini: From 0, all have the same, towards 1, one has everything; 0 where there is nothing to share.
        top_tenth: The share of the tenth that has most (rounded up to whole partners).
        points: The Lorenz curve from its origin: (partners counted from the least, what they have together).
    """

    partners: int
    total: int
    gini: Fraction
    top_tenth: Fraction
    points: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, amounts: Iterable[int]) -> Concentration:
        """Measure the spread of *amounts*, one for each partner."""
        ascending = sorted(max(amount, 0) for amount in amounts)
        sums = [0, *accumulate(ascending)]
        count, total = len(ascending), sums[-1]
        weighted = sum((2 * place - count - 1) * amount for place, amount in enumerate(ascending, start=1))
        steps = min(count, _MOST_POINTS)
        places = [count * step // steps for step in range(steps + 1)] if steps else [0]
        return cls(
            partners=count,
            total=total,
            gini=Fraction(weighted, count * total) if total else Fraction(0),
            top_tenth=Fraction(total - sums[count - -(-count // 10)], total) if total else Fraction(0),
            points=tuple((place, sums[place]) for place in places),
        )
