"""
What a scenario says of a number or a value that varies: the declarations alone, from which others draw.

>>> Uniform(1, 4), Quantiles(((0.0, 100), (1.0, 900)))
(Uniform(lowest=1, highest=4), Quantiles(points=((0.0, 100), (1.0, 900)), lowest=0, highest=9007199254740992))
"""

from __future__ import annotations

from fractions import Fraction
from math import exp, log
from typing import TypeAlias

from attrs import frozen

from loyalty.core.events import FieldValue

#: Floats hold every whole number up to this.
_MOST: int = 2**53


@frozen
class Constant:
    """Always the same value; amounts that are declared as fixed are not scaled."""

    value: FieldValue


@frozen
class Uniform:
    """Each whole number from ``lowest`` to ``highest`` is as likely as any other."""

    lowest: int
    highest: int


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
    highest: int = _MOST


@frozen
class Quantiles:
    """
    As it was observed: values below which given shares of all lie, and between them evenly on the scale of logarithms.

    Args:
        points: (share, value in minor units), both rising, from share 0 to share 1. Where a value is not above 0, the
            piece that it ends or begins is even on the plain scale.
        lowest, highest: Minor units; draws beyond, which a factor on amounts makes, are set to the bound.
    """

    points: tuple[tuple[float, int], ...]
    lowest: int = 0
    highest: int = _MOST


@frozen
class Choice:
    """One of several values, by weights that are whole numbers >= 0 and not all 0."""

    values: tuple[FieldValue, ...]
    weights: tuple[int, ...]


@frozen
class OfLabel:
    """What the partner's label of this name says."""

    label: str


Distribution: TypeAlias = Constant | Uniform | LogNormal | Quantiles | Choice | OfLabel


def geometric_middle(lowest: int, highest: int) -> int:
    """
    Give the value that lies as many times above *lowest* as below *highest*; what is below 1 counts as 1.

    >>> geometric_middle(1, 10_000)
    100
    """
    low, high = max(lowest, 1), max(highest, 1)
    return min(max(round(exp((log(low) + log(high)) / 2)), lowest), highest)
