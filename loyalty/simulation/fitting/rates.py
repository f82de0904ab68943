"""
How often something happens: rate, season, growth and noise of one kind, by maximum likelihood and by moments.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt
from typing import Final

import numpy as np
from attrs import frozen
from scipy import optimize, stats

from loyalty.simulation.draws import Floats

_YEAR: Final = 12

#: What a test must fall below for a season, a growth or a noise to be taken for more than chance.
_SIGNIFICANT: Final = 0.01

#: The parts that are left out in turn to see how sure an estimate is.
_PARTS: Final = 20


@frozen(eq=False)
class Market:
    """
    How all partners' months differ.

    Attributes:
        rate: Events a month for one unit of exposure.
        season: The factors of the months of a year, January first, whose mean is 1; None where they are even.
        growth: A year.
        growth_error: Its standard error; None where the history is too short for it.
        noise: The sigma of what the months vary beyond chance.
        factors: By month, what was observed: events for one unit of exposure.
    """

    rate: float
    season: Floats | None
    growth: float
    growth_error: float | None
    noise: float
    factors: Floats


def fit_market(counts: Floats, exposure: Floats, first_month: int) -> Market:
    """
    Estimate what all partners' months have in common.

    Args:
        counts: Events of each month.
        exposure: Of each month: how many partners, or people, were there, weighted by their size.
        first_month: Counted from January of year 0.
    """
    months = len(counts)
    exposure = np.maximum(exposure, 1e-9)
    of_year = (first_month + np.arange(months)) % _YEAR
    time = np.arange(months) / _YEAR
    even = np.zeros(months, dtype=np.int64)
    # What grows is higher in December than in January, and that is no season.
    trend = _slope(counts, exposure, even, time)[0] if months >= 2 * _YEAR else 0.0
    is_seasonal = months >= _YEAR and _differs(counts, exposure * np.exp(trend * time), of_year)
    groups = of_year if is_seasonal else even
    slope, error = 0.0, None
    if months >= 2 * _YEAR:
        slope, error = _slope(counts, exposure, groups, time)
        if abs(slope) < 2 * error:
            slope = 0.0
    grown = exposure * np.exp(slope * time)
    level = _levels(counts, grown, groups)
    expected = level[groups] * grown
    parameters = len(np.unique(groups)) + bool(slope)
    season = None
    rate = float(level[0])
    if is_seasonal:
        rate = float(level[:_YEAR].mean())
        season = level[:_YEAR] / rate
    return Market(rate, season, exp(slope) - 1, error, _beyond_chance(counts, expected, parameters), counts / exposure)


def month_noise(counts: Floats, exposure: Floats) -> float:
    """
    Estimate the sigma of a factor of each partner's each month.

    Two months of one partner share its size and not their noise; so what the square of one month has beyond the
    product of two is the noise. It is 0 where that is not more than chance.

    Args:
        counts: By partner and month.
        exposure: What is expected in them, up to the partner's size.
    """
    own = np.stack([(counts * (counts - 1)).sum(axis=1), (exposure**2).sum(axis=1)])
    return _sigma(
        lambda kept: _ratio(own[:, kept]) / max(_ratio(_pairs(counts, exposure)[:, kept]), 1e-12), len(counts)
    )


def size_sigma(counts: Floats, exposure: Floats) -> float:
    """Estimate the sigma of the sizes of partners from how alike the months of one partner are; as above."""
    if counts.shape[1] == 1:
        pairs = np.stack([(counts * (counts - 1)).sum(axis=1), (exposure**2).sum(axis=1)])
    else:
        pairs = _pairs(counts, exposure)
    sums = np.stack([counts.sum(axis=1), exposure.sum(axis=1)])
    return _sigma(lambda kept: _ratio(pairs[:, kept]) / max(_ratio(sums[:, kept]) ** 2, 1e-12), len(counts))


def _sigma(ratio: Callable[[np.ndarray[tuple[int], np.dtype[np.intp]]], float], partners: int) -> float:
    """Give the sigma of a lognormal factor from the ratio of its moments, 0 where the ratio is not surely above 1."""
    everyone = np.arange(partners)
    square = log(max(ratio(everyone), 1e-12))
    parts = min(_PARTS, partners)
    if square <= 0 or parts < 2:
        return 0.0
    without = [log(max(ratio(everyone[everyone % parts != part]), 1e-12)) for part in range(parts)]
    error = sqrt((parts - 1) * float(np.var(without)))
    return sqrt(square) if square > 2 * error else 0.0


def _pairs(counts: Floats, exposure: Floats) -> Floats:
    return np.stack([
        counts.sum(axis=1) ** 2 - (counts**2).sum(axis=1), exposure.sum(axis=1) ** 2 - (exposure**2).sum(axis=1)
    ])  # fmt: skip


def _ratio(sums: Floats) -> float:
    observed, expected = sums.sum(axis=1)
    return float(observed / expected) if expected > 0 else 0.0


def _levels(counts: Floats, exposure: Floats, groups: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """Give the most likely rate of each group of months."""
    size = int(groups.max()) + 1
    happened, looked = (np.bincount(groups, weights=each, minlength=size) for each in (counts, exposure))
    level: Floats = happened / np.maximum(looked, 1e-9)
    return level


def _differs(counts: Floats, exposure: Floats, of_year: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bool:
    """Tell whether the months of a year differ by more than chance, by the ratio of likelihoods."""
    seasonal = _levels(counts, exposure, of_year)[of_year] * exposure
    even = counts.sum() / exposure.sum() * exposure
    with np.errstate(divide="ignore", invalid="ignore"):
        gained = np.where(counts > 0, counts * np.log(seasonal / even), 0.0).sum()
    return bool(stats.chi2.sf(2 * gained, len(np.unique(of_year)) - 1) < _SIGNIFICANT)


def _slope(
    counts: Floats, exposure: Floats, groups: np.ndarray[tuple[int], np.dtype[np.int64]], time: Floats
) -> tuple[float, float]:
    """Give the most likely growth of the logarithm of the rate in a year, and its standard error."""

    def loss(slope: float) -> float:
        grown = exposure * np.exp(slope * time)
        expected = np.maximum(_levels(counts, grown, groups)[groups] * grown, 1e-12)
        return float((expected - counts * np.log(expected)).sum())

    best = float(optimize.minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x)
    step = 0.01
    bend = (loss(best + step) + loss(best - step) - 2 * loss(best)) / step**2
    # What months vary beyond chance makes the growth less sure.
    grown = exposure * np.exp(best * time)
    expected = np.maximum(_levels(counts, grown, groups)[groups] * grown, 1e-9)
    free = max(len(counts) - len(np.unique(groups)) - 1, 1)
    dispersion = max(float(((counts - expected) ** 2 / expected).sum() / free), 1.0)
    return best, sqrt(dispersion / max(bend, 1e-9))


def _beyond_chance(counts: Floats, expected: Floats, parameters: int) -> float:
    """Give the sigma of the months' common noise: what their totals vary more than Poisson counts do."""
    free = len(counts) - parameters
    if free < 6 or not expected.sum():
        return 0.0
    expected = np.maximum(expected, 1e-9)
    squares = (counts - expected) ** 2
    if stats.chi2.sf(float((squares / expected).sum()), free) >= _SIGNIFICANT:
        return 0.0
    spread = float((squares * len(counts) / free - expected).sum() / (expected**2).sum())
    return sqrt(log(1 + max(spread, 0.0)))
