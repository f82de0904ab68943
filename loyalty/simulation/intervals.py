"""
Confidence intervals of differences on identical events.

Each replicate meets base and variant with the same draws, so that their difference varies far less than either. The
mean of those differences has Student's t interval (W. S. Gosset, "The probable error of a mean", 1908). Where the
events are a recorded history there is one replicate, and its partners stand for those that could have been: the sum of
their differences varies as if they had been drawn.

>>> mean_interval([9.0, 10.0, 11.0])
Interval(low=7.515862288, high=12.484137712)
>>> mean_interval([10.0]) is None
True
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loyalty.simulation.comparison import Interval

#: The confidence of every interval.
CONFIDENCE: Final = Fraction(19, 20)

#: How intervals are made, for readers.
OVER_REPLICATES: Final = "Student's t over replicates, paired"
OVER_PARTNERS: Final = "Student's t over partners, paired, as if these partners had been drawn"
QUANTILES: Final = "the middle of the replicates, by quantiles"

_DIGITS: Final = 9


def mean_interval(values: Sequence[float], confidence: Fraction = CONFIDENCE) -> Interval | None:
    """Give the interval of the mean of values that were drawn alike, or None where there is but one."""
    if len(values) < 2:
        return None
    numbers = np.asarray(values, dtype=np.float64)
    half = _quantile(len(values), confidence) * float(numbers.std(ddof=1)) / len(values) ** 0.5
    return _interval(float(numbers.mean()), half)


def sum_interval(layers: Sequence[NDArray[np.float64]], confidence: Fraction = CONFIDENCE) -> Interval | None:
    """
    Give the interval of a sum over holders that were drawn alike, each layer by itself; None where there is but one.

    >>> sum_interval([np.array([9.0, 10.0, 11.0]), np.array([])])
    Interval(low=22.547586865, high=37.452413135)
    """
    several = [values for values in layers if len(values) > 1]
    if not several:
        return None
    variance = sum(float(values.var(ddof=1)) * len(values) for values in several)
    half = _quantile(max(len(values) for values in several), confidence) * variance**0.5
    return _interval(float(sum(values.sum() for values in layers)), half)


def middle(values: Sequence[float], share: Fraction) -> Interval:
    """
    Give where the middle share of values lies, between quantiles by linear interpolation.

    >>> middle([1.0, 2.0, 3.0, 4.0, 5.0], Fraction(1, 2))
    Interval(low=2.0, high=4.0)
    """
    tail = float(1 - share) / 2
    low, high = np.quantile(np.asarray(values, dtype=np.float64), [tail, 1 - tail])
    return Interval(low=round(float(low), _DIGITS), high=round(float(high), _DIGITS))


def _quantile(count: int, confidence: Fraction) -> float:
    return float(stats.t.ppf(0.5 + float(confidence) / 2, count - 1))


def _interval(center: float, half: float) -> Interval:
    return Interval(low=round(center - half, _DIGITS), high=round(center + half, _DIGITS))
