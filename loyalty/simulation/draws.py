"""
Random draws that never depend on how the work was cut.

Every stream is keyed by what it is for (the seed, a partner, a purpose), so that any part of a population can be drawn
alone, in any order, on any machine. Only :meth:`random.Random.random` is used, the one method whose sequence Python
keeps between versions; all other draws are made from it here. Floats are used for drawing alone: whatever leaves this
module is a whole number or one of the declared values.

>>> Stream(7, "P-000001", "deal.won").uniform(1, 6) == Stream(7, "P-000001", "deal.won").uniform(1, 6)
True
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from math import exp, log
from random import Random
from statistics import NormalDist
from typing import Final, TypeAlias

from attrs import field, frozen

from loyalty.core.events import FieldValue

_NORMAL: Final = NormalDist()

#: A Poisson draw of a mean above this is made of several, so that exp(-mean) stays far from 0.
_LARGEST_MEAN: Final = 50.0


class Stream:
    """A reproducible sequence of draws, keyed by *seed* and *names*."""

    def __init__(self, seed: int, *names: str) -> None:
        text = "\x1f".join((str(seed), *names))
        self._random = Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")).random

    def share(self) -> float:
        """Draw a number in [0, 1)."""
        return self._random()

    def happens(self, chance: float) -> bool:
        """Draw whether something of this chance happens; one draw is used whatever the chance."""
        return self._random() < chance

    def uniform(self, lowest: int, highest: int) -> int:
        """Draw a whole number, both ends included."""
        return lowest + int(self._random() * (highest - lowest + 1))

    def factor(self, median: float, sigma: float) -> float:
        """Draw from the lognormal distribution of this median and of this standard deviation of the logarithm."""
        share = self._random()
        if sigma == 0:
            return median
        return median * exp(sigma * _NORMAL.inv_cdf(min(max(share, 1e-12), 1 - 1e-12)))

    def count(self, mean: float) -> int:
        """Draw how often something happens that happens *mean* times on average (Poisson)."""
        total = 0
        while mean > _LARGEST_MEAN:
            total += self._few(_LARGEST_MEAN)
            mean -= _LARGEST_MEAN
        return total + self._few(mean)

    def _few(self, mean: float) -> int:
        limit, product, count = exp(-mean), self._random(), 0
        while product > limit:
            product *= self._random()
            count += 1
        return count


@frozen
class Constant:
    """Always the same value."""

    value: FieldValue

    def draw(self, stream: Stream, scale: float = 1.0) -> FieldValue:  # noqa: ARG002
        """Give the value; amounts that are declared as fixed are not scaled."""
        return self.value


@frozen
class Uniform:
    """Each whole number from ``lowest`` to ``highest`` is as likely as any other."""

    lowest: int
    highest: int

    def draw(self, stream: Stream, scale: float = 1.0) -> int:  # noqa: ARG002
        """Draw a whole number."""
        return stream.uniform(self.lowest, self.highest)


@frozen
class LogNormal:
    """
    Many small ones and a few large ones, bounded by what the field may hold.

    Args:
        median: Minor units: half of the draws lie below.
        sigma: The standard deviation of the logarithm, >= 0; at 1 the upper quartile is 1.96 medians.
        lowest, highest: Minor units; draws beyond are set to the bound.
    """

    median: int
    sigma: Fraction
    lowest: int = 0
    highest: int = 2**53
    _sigma: float = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_sigma", float(self.sigma))

    def draw(self, stream: Stream, scale: float = 1.0) -> int:
        """Draw an amount whose median is *scale* times the declared one, rounded to whole minor units."""
        drawn = stream.factor(self.median * scale, self._sigma)
        return min(max(int(min(drawn, 2.0**53) + 0.5), self.lowest), self.highest)


@frozen
class Choice:
    """One of several values, by weights that are whole numbers >= 0 and not all 0."""

    values: tuple[FieldValue, ...]
    weights: tuple[int, ...]
    _sums: Sequence[int] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_sums", tuple(accumulate(self.weights)))

    def draw(self, stream: Stream, scale: float = 1.0) -> FieldValue:  # noqa: ARG002
        """Draw one of the values."""
        return self.values[bisect_right(self._sums, int(stream.share() * self._sums[-1]))]


Draw: TypeAlias = Constant | Uniform | LogNormal | Choice


def geometric_middle(lowest: int, highest: int) -> int:
    """
    Give the value that lies as many times above *lowest* as below *highest*; what is below 1 counts as 1.

    >>> geometric_middle(1, 10_000)
    100
    """
    low, high = max(lowest, 1), max(highest, 1)
    return min(max(round(exp((log(low) + log(high)) / 2)), lowest), highest)
