"""
How well a fitted scenario fits: populations are drawn from it, and compared with the history part by part.

What is chance is seen from the populations themselves: each has its own months, which all its partners share, and its
own partners, as many as the history has. So a part fits where it lies as close to what is drawn as the populations lie
to each other. A large history tells the smallest difference apart, so a part also fits where the distance is small.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from attrs import define

from loyalty.errors import UsageError
from loyalty.explaining.said import said
from loyalty.simulation.fitting.fit import Fit
from loyalty.simulation.fitting.history import History
from loyalty.simulation.fitting.quantities import Laid, quantities_of
from loyalty.simulation.fitting.writing import scenario_text
from loyalty.simulation.goodness import Distance, Goodness, Quantity
from loyalty.simulation.population import population

#: So many populations are drawn first, which the history and all others are laid beside.
_POOLED: Final = 19

#: So many are drawn in all where a part lies further away than each of the first: chance of one in a hundred is seen.
_MOST: Final = 99
_CHANCE: Final = 0.01

#: Of more partners than this, what their number leaves to chance is below the distance that is small anyway.
_MOST_PARTNERS: Final = 1000


def goodness_of(fit: Fit, seed: int = 1) -> Goodness:
    """
    Draw populations of as many partners as the history has, a thousand at most, for as long, and compare.

    Args:
        seed: Of the draws; each population has a seed of its own that follows from it.
    """
    history = fit.history
    partners = min(len(history.names), _MOST_PARTNERS)
    populations = _populations(fit, partners, seed)
    pooled = list(islice(populations, _POOLED))
    laid = [_Laying.of(quantity, count, history, pooled, partners) for quantity, count in quantities_of(fit)]
    laid = [each for each in laid if each.samples]
    while (still := [each for each in laid if each.is_open]) and (drawn := next(populations, None)) is not None:
        for each in still:
            each.lay(drawn, partners)
    return Goodness(
        programme=history.programme,
        scenario=fit.scenario.name,
        partners=len(history.names),
        events=history.happened,
        first_day=history.first_day,
        last_day=history.last_day,
        quantities=tuple(each.quantity() for each in laid),
        text=scenario_text(fit),
        seeds=(seed,),
        assumptions=(said("fit.no_response"),),
        notes=(said("fit.rule", most=_MOST),),
    )


def _populations(fit: Fit, partners: int, seed: int) -> Iterator[History]:
    """Draw populations; one in which nothing happens has nothing to lay beside the history."""
    history = fit.history
    for number in range(_MOST):
        table = population(
            history.programme, fit.scenario, partners, history.months, seed * _MOST + number, history.first_day
        )
        try:
            yield History(table, history.first_day, history.last_day)
        except UsageError:
            continue


@define
class _Laying:
    """A quantity, what the pooled populations have of it, and how many populations lie as far from them."""

    of_what: Laid
    observations: int
    observed: Any
    samples: list[Any]
    pool: Any
    distance: float
    as_far: int
    drawn: int

    @classmethod
    def of(cls, quantity: Laid, observations: int, history: History, pooled: list[History], partners: int) -> _Laying:
        observed = quantity.take(history, len(history.names))
        samples = [sample for each in pooled if len(sample := quantity.take(each, partners))]
        if not samples:
            return cls(quantity, observations, observed, samples, None, 0.0, 0, 0)
        pool = quantity.pool(samples)
        distance = quantity.apart(observed, pool)
        # A sample that is a part of the pool lies closer to it than to the rest, by its share of the pool.
        beside = len(samples) / max(len(samples) - 1, 1)
        as_far = sum(quantity.apart(sample, pool) * beside >= distance for sample in samples)
        return cls(quantity, observations, observed, samples, pool, distance, as_far, len(samples))

    @property
    def is_close(self) -> bool:
        return self.distance <= self.of_what.close

    @property
    def is_open(self) -> bool:
        """Whether further populations may show that chance explains the distance."""
        return not self.is_close and not self.as_far

    def lay(self, drawn: History, partners: int) -> None:
        """Lay one more population beside the pooled ones."""
        sample = self.of_what.take(drawn, partners)
        if len(sample):
            self.as_far += self.of_what.apart(sample, self.pool) >= self.distance
            self.drawn += 1

    def quantity(self) -> Quantity:
        chance = (1 + self.as_far) / (1 + self.drawn)
        return Quantity(
            name=self.of_what.name,
            unit=self.of_what.unit,
            estimated=self.of_what.estimated(self.observed, self.pool),
            picture=self.of_what.picture(self.observed, self.samples, self.pool),
            distances=(Distance(name=self.of_what.test, statistic=self.distance, p_value=chance),),
            fits=self.is_close or chance > _CHANCE,
            observations=self.observations,
        )
