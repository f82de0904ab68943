"""
How well a fitted scenario fits: partners are drawn from it, and compared with the history part by part.

Numbers are compared by the test of Kolmogorov and Smirnov, words by chi squared; months by the share of events that
lie in other months, since their noise is no chance of single events. A large history tells the smallest difference
apart, so a part also fits where the distance itself is small.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loyalty.explaining.said import Value, said
from loyalty.programme.model import FieldType
from loyalty.programme.units import digits_of
from loyalty.simulation.draws import Floats, Integers
from loyalty.simulation.fitting.fit import Fit
from loyalty.simulation.fitting.following import following
from loyalty.simulation.fitting.history import History
from loyalty.simulation.fitting.writing import distribution_text, scenario_text
from loyalty.simulation.goodness import Bars, Curve, Distance, Goodness, Quantity
from loyalty.simulation.population import population

#: A part fits where its distance is not above this, or chance makes one as large this often.
_CLOSE: Final = 0.05
_CHANCE: Final = 0.01

#: Months fit where so much of all events, at most, lies in others: a year's noise of single months is as large.
_CLOSE_MONTHS: Final = 0.1

#: Of fewer partners the draw itself would differ by chance as much as the history does.
_FEWEST: Final = 2000

_BINS: Final = 20
_MOST_WORDS: Final = 8


def goodness_of(fit: Fit, seed: int = 1) -> Goodness:
    """
    Draw as many partners as the history has, and two thousand at least, for as long, and compare.

    Args:
        seed: Of the draw.
    """
    history = fit.history
    partners = max(len(history.names), _FEWEST)
    table = population(history.programme, fit.scenario, partners, history.months, seed, history.first_day)
    drawn = History(table, history.first_day, history.last_day) if len(table) else history
    return Goodness(
        programme=history.programme,
        scenario=fit.scenario.name,
        partners=len(history.names),
        events=len(history.rows),
        first_day=history.first_day,
        last_day=history.last_day,
        quantities=tuple(_quantities(fit, drawn, partners)),
        text=scenario_text(fit),
        seeds=(seed,),
        assumptions=(said("fit.no_response"),),
        notes=(said("fit.rule"),),
    )


def _quantities(fit: Fit, drawn: History, partners: int) -> Iterator[Quantity]:
    history = fit.history
    part = len(history.names) / partners
    yield _months(said("fit.active"), history, _active(history), _active(drawn) * part, len(history.names))
    for kind in fit.kinds:
        name = kind.kind.name
        observed, other = history.counts(name), drawn.counts(name)
        yield _months(
            said("fit.months", kind=name), history, observed.sum(axis=0), other.sum(axis=0) * part, kind.count
        )
        # Who did nothing in the draw is none of its partners, and did nothing all the same.
        idle = np.zeros(partners - len(other))
        yield _numbers(said("fit.per_partner", kind=name), "", observed.sum(axis=1),
                       np.concatenate([other.sum(axis=1), idle]))  # fmt: skip
        for field, fitted in kind.fields.items():
            values, others = (each.values(name, field)[0] for each in (history, drawn))
            if not len(others):
                continue
            told = distribution_text(fitted.distribution, fitted.spec)
            if fitted.spec.type in (FieldType.MONEY, FieldType.INT):
                unit = fitted.spec.unit or ""
                step = 10 ** digits_of(unit) if unit else 1
                yield _numbers(f"{name}: {field}", unit, values / step, others / step, told)
            else:
                yield _words(f"{name}: {field}", history, drawn, field, values, others)
        for each in kind.following:
            later = following(drawn, each.kind).days
            if each.after is not None and len(later):
                days = each.days.astype(np.float64)
                yield _numbers(said("fit.delay", kind=each.kind.name), "", days, later.astype(np.float64))


def _active(history: History) -> Floats:
    """Give how many partners did something in each month."""
    cells = np.unique(history.place * history.months + history.month[history.rows])
    return np.bincount(cells % history.months, minlength=history.months).astype(np.float64)


def _months(name: Value, history: History, observed: Floats, drawn: Floats, observations: int) -> Quantity:
    distance = float(np.abs(observed - drawn).sum()) / max(float((observed + drawn).sum()), 1.0)
    first = history.first_month
    return Quantity(
        name=name,
        estimated=(_means(observed, drawn),),
        picture=Curve(months=tuple(range(first, first + history.months)), observed=tuple(observed.tolist()),
                      drawn=tuple(drawn.tolist())),
        distances=(Distance(name="share_apart", statistic=distance),),
        fits=distance <= _CLOSE_MONTHS,
        observations=observations,
    )  # fmt: skip


def _numbers(name: Value, unit: str, observed: Floats, drawn: Floats, told: str = "") -> Quantity:
    test = stats.ks_2samp(observed, drawn, method="asymp")
    edges = _edges(np.concatenate([observed, drawn]))
    return Quantity(
        name=name,
        unit=unit,
        estimated=(*([told] if told else []), _means(observed, drawn)),
        picture=Bars(observed=_shares(observed, edges), drawn=_shares(drawn, edges), edges=tuple(edges.tolist()),
                     is_log=bool(edges[0] > 0)),
        distances=(Distance(name="kolmogorov_smirnov", statistic=float(test.statistic), p_value=float(test.pvalue)),),
        fits=bool(test.statistic <= _CLOSE or test.pvalue > _CHANCE),
        observations=len(observed),
    )  # fmt: skip


def _edges(values: Floats) -> Floats:
    """Give the edges of bins in which nearly all values lie, even or growing by a factor."""
    low, high = (float(each) for each in np.quantile(values, (0.0, 0.99)))
    if low > 0 and high > 50 * low:
        return np.geomspace(low, high, _BINS + 1)
    return np.linspace(low, max(high, low + 1), _BINS + 1)


def _shares(values: Floats, edges: Floats) -> tuple[float, ...]:
    """Give the share of each bin; what lies beyond the last edge counts in the last bin."""
    counted, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return tuple((counted / max(len(values), 1)).tolist())


def _words(name: str, history: History, drawn: History, field: str, values: Integers, others: Integers) -> Quantity:
    observed, other = _counted(history, field, values), _counted(drawn, field, others)
    labels = sorted({*observed, *other}, key=lambda label: (-observed.get(label, 0), label))
    table = np.array([[each.get(label, 0) for label in labels] for each in (observed, other)], dtype=np.float64)
    shares = table / table.sum(axis=1, keepdims=True)
    apart = float(np.abs(shares[0] - shares[1]).sum()) / 2
    chance = float(stats.chi2_contingency(table).pvalue) if len(labels) > 1 else None
    statistic = float(stats.chi2_contingency(table).statistic) if len(labels) > 1 else 0.0
    return Quantity(
        name=name,
        picture=Bars(observed=tuple(shares[0][:_MOST_WORDS].tolist()), drawn=tuple(shares[1][:_MOST_WORDS].tolist()),
                     labels=tuple(labels[:_MOST_WORDS])),
        distances=(Distance(name="chi_squared", statistic=statistic, p_value=chance),
                   Distance(name="share_apart", statistic=apart)),
        fits=apart <= _CLOSE or (chance is not None and chance > _CHANCE),
        observations=len(values),
    )  # fmt: skip


def _counted(history: History, field: str, values: NDArray[np.int64]) -> dict[str, int]:
    """Count the values of a field by what they say."""
    codes, times = np.unique(values, return_counts=True)
    texts = history.events.texts.get(field)
    said = [str(bool(code)).lower() if texts is None else str(texts[int(code)].as_py()) for code in codes]
    return dict(zip(said, times.tolist(), strict=True))


def _means(observed: Floats, drawn: Floats) -> Value:
    means = (_figure(float(each.mean())) if len(each) else "0" for each in (observed, drawn))
    return said("fit.means", observed=next(means), drawn=next(means))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
