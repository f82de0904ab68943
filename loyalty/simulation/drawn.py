"""
Replicates of a scenario: its population, drawn once for each seed, with what is known of each partner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loyalty.batch.response import WHOLE
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.partners import draw_partners
from loyalty.simulation.population import population
from loyalty.simulation.replicates import Replicate


def drawn(
    programme: Programme,
    scenario: Scenario,
    partners: int | Sequence[str],
    months: int,
    start_day: int,
    seeds: Iterable[int],
) -> Iterator[Replicate]:
    """
    Draw a population once for each seed.

    Args:
        programme: The base, which the events are valid for.
        partners: How many, or their names.
        months: Calendar months, the one of *start_day* included.
    """
    response = {kind: int(each.elasticity * WHOLE) for kind, each in scenario.response.items()}
    for seed in seeds:
        who = draw_partners(scenario, partners, seed)
        segments = [segment.name for segment in scenario.segments]
        labels = {"segment": _labelled(who.names, segments, who.segment)}
        for name, places in who.labels.items():
            labels[name] = _labelled(who.names, who.label_texts[name], places)
        yield Replicate(
            events=population(programme, scenario, partners, months, seed, start_day),
            seed=seed,
            response=response,
            labels=labels,
        )


def _labelled(partners: Sequence[str], texts: Sequence[str], places: NDArray[Any]) -> dict[str, str]:
    """Give what each partner is labelled, in the order in which the scenario names the texts, as tables have them."""
    return {partners[row]: texts[places[row]] for row in np.argsort(places, kind="stable").tolist()}
