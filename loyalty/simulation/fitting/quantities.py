"""
What is laid side by side of a history and of populations that are drawn: figures by month, numbers, and words.

Each quantity takes a sample of a history, pools the samples of drawn populations, and tells how far a sample lies from
the pool: for numbers the greatest difference of the two distribution functions (the statistic of Kolmogorov and
Smirnov), else the share that lies elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from math import floor, log10
from typing import Any, ClassVar, Final

import numpy as np
from attrs import frozen

from loyalty.explaining.said import Amount, Listed, Number, Value, said
from loyalty.programme.model import FieldSpec, FieldType
from loyalty.programme.units import digits_of
from loyalty.simulation.distributions import Constant, Distribution, LogNormal, Quantiles
from loyalty.simulation.draws import Floats
from loyalty.simulation.fitting.fit import Fit
from loyalty.simulation.fitting.following import following
from loyalty.simulation.fitting.history import History
from loyalty.simulation.goodness import Bars, Curve

_BINS: Final = 20
_MOST_WORDS: Final = 8
_MOST_TOLD: Final = 3


@frozen(eq=False, kw_only=True)
class Laid(ABC):
    """
    A quantity that is laid side by side.

    Args:
        name: For the report.
        unit: Of what is drawn along, or "".
        told: The parameters that were found, if any.
        take: Gives the sample of a history of so many partners; an empty one where it has nothing to compare.
    """

    #: What the distance is called, and up to where it is small.
    test: ClassVar[str] = "share_apart"
    close: ClassVar[float] = 0.05

    name: Value
    unit: str = ""
    told: tuple[Value, ...] = ()
    take: Callable[[History, int], Any]

    @abstractmethod
    def pool(self, samples: Sequence[Any]) -> Any:
        """Put the samples of several populations together."""

    @abstractmethod
    def apart(self, sample: Any, pool: Any) -> float:
        """Tell how far a sample lies from the pool, 0 to 1."""

    @abstractmethod
    def picture(self, observed: Any, samples: Sequence[Any], pool: Any) -> Bars | Curve:
        """Give what to draw."""

    def estimated(self, observed: Any, pool: Any) -> tuple[Value, ...]:
        """Give what is told of it in words."""
        means = (_figure(float(each.mean())) for each in (observed, pool))
        return (*self.told, said("fit.means", observed=next(means), drawn=next(means)))


@frozen(eq=False, kw_only=True)
class ByMonth(Laid):
    """A figure month by month, for each partner of the population; months vary more than single events do."""

    close: ClassVar[float] = 0.1

    first_month: int
    partners: int

    def pool(self, samples: Sequence[Floats]) -> Floats:
        mean: Floats = np.mean(samples, axis=0)
        return mean

    def apart(self, sample: Floats, pool: Floats) -> float:
        return float(np.abs(sample - pool).sum() / max(float((sample + pool).sum()), 1e-12))

    def picture(self, observed: Floats, samples: Sequence[Floats], pool: Floats) -> Curve:
        lines = (observed, pool, np.min(samples, axis=0), np.max(samples, axis=0))
        seen, drawn, low, high = (tuple((line * self.partners).tolist()) for line in lines)
        months = tuple(range(self.first_month, self.first_month + len(observed)))
        return Curve(months=months, observed=seen, drawn=drawn, low=low, high=high)

    def estimated(self, observed: Floats, pool: Floats) -> tuple[Value, ...]:
        return Laid.estimated(self, observed * self.partners, pool * self.partners)


@frozen(eq=False, kw_only=True)
class Numbers(Laid):
    """Numbers of one distribution."""

    test: ClassVar[str] = "kolmogorov_smirnov"

    def pool(self, samples: Sequence[Floats]) -> Floats:
        return np.sort(np.concatenate(samples))

    def apart(self, sample: Floats, pool: Floats) -> float:
        values = np.unique(sample)
        ordered = np.sort(sample)
        # The functions are furthest apart at a value of the sample, or just before it.
        far = [
            np.abs(
                np.searchsorted(ordered, values, side) / len(ordered) - np.searchsorted(pool, values, side) / len(pool)
            )
            for side in ("left", "right")
        ]
        return float(np.max(far))

    def picture(self, observed: Floats, samples: Sequence[Floats], pool: Floats) -> Bars:  # noqa: ARG002
        edges = _edges(np.concatenate([observed, pool]))
        return Bars(observed=_shares(observed, edges), drawn=_shares(pool, edges), edges=tuple(edges.tolist()),
                    is_log=bool(edges[0] > 0))  # fmt: skip


@frozen(eq=False, kw_only=True)
class Words(Laid):
    """Words and how often they occur."""

    def pool(self, samples: Sequence[dict[str, int]]) -> dict[str, int]:
        return {word: sum(each.get(word, 0) for each in samples) for each in samples for word in each}

    def apart(self, sample: dict[str, int], pool: dict[str, int]) -> float:
        words = {*sample, *pool}
        return sum(abs(_share(sample, word) - _share(pool, word)) for word in words) / 2

    def picture(self, observed: dict[str, int], samples: Sequence[dict[str, int]], pool: dict[str, int]) -> Bars:  # noqa: ARG002
        labels = sorted({*observed, *pool}, key=lambda word: (-observed.get(word, 0), word))[:_MOST_WORDS]
        shares = (tuple(_share(each, word) for word in labels) for each in (observed, pool))
        return Bars(observed=next(shares), drawn=next(shares), labels=tuple(labels))

    def estimated(self, observed: dict[str, int], pool: dict[str, int]) -> tuple[Value, ...]:
        words = sorted({*observed, *pool}, key=lambda word: (-observed.get(word, 0), word))[:_MOST_TOLD]
        shares = [
            said("fit.word", word=word, observed=_percent(_share(observed, word)), drawn=_percent(_share(pool, word)))
            for word in words
        ]
        return (*self.told, Listed(tuple(shares), "fit.words"))


def _percent(share: float) -> Amount:
    return Amount(round(share * 1000), 1)


def quantities_of(fit: Fit) -> Iterator[tuple[Laid, int]]:
    """Give what is laid side by side of a fit, each with how many observations it rests on."""
    history = fit.history
    first, partners = history.first_month, len(history.names)

    def by_month(name: Value, take: Callable[[History, int], Floats]) -> ByMonth:
        return ByMonth(name=name, take=take, first_month=first, partners=partners)

    yield by_month(said("fit.active"), _active), partners
    if history.persons_seen()[0].any():
        yield Numbers(name=said("fit.persons"), take=_persons), partners
    for each in fit.kinds:
        kind = each.kind.name
        yield by_month(said("fit.months", kind=kind), _by_month(kind)), each.count
        yield Numbers(name=said("fit.per_partner", kind=kind), take=_by_partner(kind)), partners
        for field, fitted in each.fields.items():
            name, spec = f"{kind}: {field}", fitted.spec
            if spec.type in (FieldType.MONEY, FieldType.INT):
                told = _told(fitted.distribution, spec)
                yield Numbers(name=name, unit=spec.unit or "", told=told, take=_numbers(kind, spec)), fitted.count
            else:
                yield Words(name=name, take=_words(kind, field)), fitted.count
        for later in each.following:
            if later.after is not None:
                yield Numbers(name=said("fit.delay", kind=later.kind.name), take=_delays(later.kind.name)), later.count


def _active(history: History, partners: int) -> Floats:
    """Give which share of partners did something in each month."""
    cells = np.unique(history.place * history.months + history.month[history.rows])
    return np.bincount(cells % history.months, minlength=history.months) / partners


def _persons(history: History, partners: int) -> Floats:
    """Give how many people of each partner did anything."""
    return _with_idle(history.persons_seen()[0].astype(np.float64), partners)


def _by_month(kind: str) -> Callable[[History, int], Floats]:
    def take(history: History, partners: int) -> Floats:
        shares: Floats = history.counts(kind).sum(axis=0) / partners
        return shares

    return take


def _by_partner(kind: str) -> Callable[[History, int], Floats]:
    return lambda history, partners: _with_idle(history.counts(kind).sum(axis=1), partners)


def _with_idle(values: Floats, partners: int) -> Floats:
    """Who did nothing in a draw is none of its partners, and did nothing all the same."""
    return np.concatenate([values, np.zeros(partners - len(values))])


def _numbers(kind: str, spec: FieldSpec) -> Callable[[History, int], Floats]:
    step = 10 ** digits_of(spec.unit) if spec.unit else 1
    return lambda history, _: history.values(kind, spec.name)[0] / step


def _words(kind: str, field: str) -> Callable[[History, int], dict[str, int]]:
    def take(history: History, _: int) -> dict[str, int]:
        codes, times = np.unique(history.values(kind, field)[0], return_counts=True)
        texts = history.events.texts.get(field)
        words = [str(bool(code)).lower() if texts is None else str(texts[int(code)].as_py()) for code in codes]
        return dict(zip(words, times.tolist(), strict=True))

    return take


def _delays(kind: str) -> Callable[[History, int], Floats]:
    def take(history: History, _: int) -> Floats:
        return following(history, history.programme.events[kind]).days.astype(np.float64)

    return take


def _share(counted: dict[str, int], word: str) -> float:
    return counted.get(word, 0) / max(sum(counted.values()), 1)


def _edges(values: Floats) -> Floats:
    """Give the edges of bins in which nearly all values lie, even or growing by a factor."""
    low, high = (float(each) for each in np.quantile(values, (0.0, 0.99)))
    if low > 0 and high > 50 * low:
        return np.geomspace(low, high, _BINS + 1)
    if high - low < _BINS and not (values % 1).any():
        # Each whole number has a bin of its own.
        return np.arange(low, high + 2)
    return np.linspace(low, max(high, low + 1), _BINS + 1)


def _shares(values: Floats, edges: Floats) -> tuple[float, ...]:
    """Give the share of each bin; what lies beyond the last edge counts in the last bin."""
    counted, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return tuple((counted / max(len(values), 1)).tolist())


def _told(distribution: Distribution, spec: FieldSpec) -> tuple[Value, ...]:
    """Say what a field holds in a few words; the scenario file has every number."""

    def amount(value: int) -> Amount:
        return Amount(value, digits_of(spec.unit) if spec.unit else 0, spec.unit or "")

    match distribution:
        case Constant(value) if isinstance(value, int):
            return (said("fit.constant", value=amount(value)),)
        case LogNormal(median, sigma):
            return (said("fit.lognormal", median=amount(median), sigma=Number(sigma)),)
        case Quantiles(points):
            middle = min(points, key=lambda point: abs(point[0] - 0.5))[1]
            ends = {"low": amount(points[0][1]), "median": amount(middle), "high": amount(points[-1][1])}
            return (said("fit.empirical", count=len(points), **ends),)
    return ()


def _figure(value: float) -> Amount:
    """
    Give a figure with four digits that count, and all of those before the point.

    >>> _figure(13205.4), _figure(211.23), _figure(0.0316)
    (Amount(minor=13205, scale=0, unit=''), Amount(minor=2112, scale=1, unit=''), Amount(minor=32, scale=3, unit=''))
    """
    digits = min(max(3 - floor(log10(abs(value))), 0), 3) if value else 0
    return Amount(round(value * 10**digits), digits)
