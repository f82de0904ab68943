"""
What fields hold: weights of values, or a lognormal distribution where it fits, else the observed quantiles.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from attrs import frozen
from scipy import stats

from loyalty.core.events import FieldValue
from loyalty.programme.model import EventKind, FieldSpec, FieldType
from loyalty.simulation.distributions import Choice, Constant, Distribution, LogNormal, Quantiles
from loyalty.simulation.draws import Floats, Integers
from loyalty.simulation.fitting.following import as_fraction
from loyalty.simulation.fitting.history import History

#: Numbers of so few different values are drawn by weight.
_FEW_NUMBERS: Final = 20

#: Of texts the most frequent ones are kept.
_MOST_TEXTS: Final = 50

#: A lognormal distribution is taken where the greatest distance of the two distribution functions is below this, or
#: where the test of Kolmogorov and Smirnov does not tell them apart.
_CLOSE: Final = 0.03
_DOUBT: Final = 0.01

#: The shares whose values stand for a distribution that is no lognormal one.
_SHARES: Final = (0.0, 0.01, *(number / 20 for number in range(1, 20)), 0.99, 1.0)
_FEW_SHARES: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@frozen(eq=False)
class FieldFit:
    """What a field holds, and from what that was estimated."""

    spec: FieldSpec
    distribution: Distribution
    count: int
    remark: str


def fit_field(history: History, kind: EventKind, spec: FieldSpec, scale: Floats) -> FieldFit | None:
    """
    Estimate what a field holds.

    Args:
        scale: By place among the history's rows, the factor on money of the partner's segment.

    Returns:
        None where no event gives the field, or fewer than half do: what is left out follows from the programme.
    """
    values, places = history.values(kind.name, spec.name)
    total = len(history.of_kind(kind.name))
    if not len(values) or 2 * len(values) < total:
        return None
    if spec.type is FieldType.MONEY or (spec.type is FieldType.INT and len(np.unique(values)) > _FEW_NUMBERS):
        factor = scale[places] if spec.type is FieldType.MONEY else np.ones(len(values))
        distribution, remark = fit_numbers(values / factor, spec)
    else:
        distribution, remark = _choice(history, values, spec), ""
    return FieldFit(spec, distribution, len(values), remark)


def fit_numbers(values: Floats, spec: FieldSpec) -> tuple[Distribution, str]:
    """Give a distribution of numbers in minor units, and a remark on how it was chosen."""
    if values.min() == values.max():
        return Constant(int(values[0])), ""
    above = values[values > 0]
    if len(above) > 0.99 * len(values):
        logs = np.log(above)
        # Of a bounded field the ends hold what was drawn beyond them; the middle says more.
        median, sigma = float(np.median(logs)), float(logs.std())
        distance = stats.kstest(logs, "norm", args=(float(logs.mean()), sigma))
        if distance.statistic < _CLOSE or distance.pvalue > _DOUBT:
            middle = min(max(round(float(np.exp(median))), spec.lowest, 1), spec.highest)
            remark = f"Kolmogorov-Smirnov distance {distance.statistic:.3f}"
            return LogNormal(middle, as_fraction(sigma, 3), spec.lowest, spec.highest), remark
    shares = _SHARES if len(values) >= 400 else _FEW_SHARES
    found = np.quantile(values, shares)
    points = tuple(
        (share, int(min(max(round(value), spec.lowest), spec.highest)))
        for share, value in zip(shares, found.tolist(), strict=True)
    )
    return Quantiles(points, spec.lowest, spec.highest), "no lognormal distribution fits"


def _choice(history: History, values: Integers, spec: FieldSpec) -> Distribution:
    codes, times = np.unique(values, return_counts=True)
    most = np.sort(np.argsort(-times, kind="stable")[:_MOST_TEXTS])
    codes, times = codes[most], times[most]
    named: list[FieldValue] = [_value(history, spec, int(code)) for code in codes]
    # A weight has nine digits at most; a hundred thousand parts are more than any history tells apart.
    parts = times if times.sum() < 10**9 else np.maximum(times * 100_000 // times.sum(), 1)
    if len(named) == 1:
        return Constant(named[0])
    return Choice(tuple(named), tuple(int(each) for each in parts))


def _value(history: History, spec: FieldSpec, code: int) -> FieldValue:
    if spec.type in (FieldType.TEXT, FieldType.ONE_OF):
        return str(history.events.texts[spec.name][code].as_py())
    return bool(code) if spec.type is FieldType.BOOL else code
