"""
How evenly worth is spread over partners, and how often a smaller partner gets more: exact fractions, of arrays.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]


def gini(amounts: Ints) -> Fraction:
    """
    Give the Gini coefficient of amounts, those below 0 counted as 0, as :class:`~.concentration.Concentration` does.

    >>> gini(np.array([0, 0, 0, 100]))
    Fraction(3, 4)
    """
    ascending = np.sort(np.maximum(amounts, 0))
    count = len(ascending)
    # Sums may pass 64 bits sooner than the amounts do; they are taken in two exact parts.
    high, low = np.divmod(ascending, 1 << 24)
    total = (int(high.sum()) << 24) + int(low.sum())
    if not total:
        return Fraction(0)
    places = 2 * np.arange(1, count + 1, dtype=np.int64) - count - 1
    weighted = (int((places * high).sum()) << 24) + int((places * low).sum())
    return Fraction(weighted, count * total)


def reversals(revenue: Ints, worth: Ints) -> Fraction:
    """
    Give the share of pairs, among those that differ in both, in which less revenue goes with more worth.

    >>> reversals(np.array([1, 2, 3]), np.array([10, 30, 20]))
    Fraction(1, 3)
    """
    order = np.lexsort((worth, revenue))
    ranks = np.unique(worth, return_inverse=True)[1][order]
    pairs = len(ranks) * (len(ranks) - 1) // 2
    same_both = _tied(np.stack([revenue, worth], axis=1))
    same_revenue, same_worth = _tied(revenue[:, None]), _tied(worth[:, None])
    differing = pairs - same_revenue - same_worth + same_both
    # Equal revenues stand by worth ascending, so that they are no inversions.
    return Fraction(_inversions(ranks), differing) if differing else Fraction(0)


def _tied(rows: Ints) -> int:
    counts = np.unique(rows, axis=0, return_counts=True)[1].astype(object)
    return int(sum(count * (count - 1) // 2 for count in counts))


def _inversions(ranks: NDArray[np.integer[Any]]) -> int:
    """Count the pairs that stand in the wrong order, by merging ever longer sorted runs."""
    values, count, width = ranks.astype(np.int64), 0, 1
    size = len(values)
    span = int(values.max(initial=0)) + 1
    while width < size:
        # Each pair of runs has keys of its own, so that one sort merges all of them.
        block = np.arange(size) // (2 * width)
        is_right = (np.arange(size) // width) % 2 == 1
        keys = block * span + values
        order = np.argsort(keys, kind="stable")
        lefts_before = np.cumsum(~is_right[order])
        starts = np.concatenate([[0], np.cumsum(np.bincount(block[~is_right], minlength=block[-1] + 1))])
        passed = lefts_before[is_right[order]] - starts[block[order][is_right[order]]]
        lengths = np.bincount(block[~is_right], minlength=block[-1] + 1)[block[order][is_right[order]]]
        count += int((lengths - passed).sum())
        values = values[order]
        width *= 2
    return count
