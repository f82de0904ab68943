"""
The partners of a population: which segment each belongs to, how large it is, when it is there.

Everything about a partner is drawn from keys of (seed, partner), so that each is the same in every population of its
scenario, whoever else is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.distributions import Choice
from loyalty.simulation.draws import Floats, Integers, Keys, lognormal, weighted


@frozen(eq=False, kw_only=True)
class Partners:
    """
    Drawn partners as columns of one length.

    Attributes:
        segment: The place among the scenario's segments.
        size: What multiplies the rates that are per partner.
        persons: How many people each has.
        labels: The places among *label_texts*, by the label's name.
        arrival: The month in which each comes; 0 is the first of the simulation.
    """

    names: Sequence[str]
    keys: Keys
    segment: Integers
    size: Floats
    persons: Integers
    arrival: Integers
    labels: Mapping[str, Integers]
    label_texts: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.names)


def partner_names(partners: int | Iterable[str]) -> list[str]:
    """Give the names of so many partners, ``P-000001`` and so on, or those given."""
    if isinstance(partners, int):
        return [f"P-{number:06}" for number in range(1, partners + 1)]
    return list(partners)


def draw_partners(scenario: Scenario, partners: int | Iterable[str], seed: int) -> Partners:
    """Draw who the partners are; *partners* as :func:`partner_names` takes them."""
    names = partner_names(partners)
    keys = Keys.of_names(seed, names)
    segments = scenario.segments
    segment = weighted(keys.on("segment"), [float(each.share) for each in segments])
    medians = np.array([float(each.size_median) for each in segments])[segment]
    sigmas = np.array([float(each.size_sigma) for each in segments])[segment]
    fewest = np.array([each.persons.lowest for each in segments])[segment]
    most = np.array([each.persons.highest for each in segments])[segment]
    at_start = np.array([float(each.arrival.at_start) for each in segments])[segment]
    within = np.array([max(each.arrival.within, 1) for each in segments])[segment]
    later = keys.on("arrival").uniform(1, within)
    labels, texts = _labels(scenario, keys, segment)
    return Partners(
        names=names,
        keys=keys,
        segment=segment,
        size=lognormal(keys.on("size"), medians, sigmas),
        persons=keys.on("persons").uniform(fewest, most),
        arrival=np.where(keys.on("at start").happens(at_start), 0, later),
        labels=labels,
        label_texts=texts,
    )


def presence(scenario: Scenario, partners: Partners, first_month: int, months: int) -> NDArray[np.bool_]:
    """
    Tell in which months each partner does something: it has come, and is not quiet.

    Args:
        first_month: The simulation's first, counted from January of year 0.
        months: How many, from the first.

    Returns:
        A row for each partner, a column for each month.
    """
    quiet = np.array([float(each.churn.quiet) for each in scenario.segments])[partners.segment]
    comeback = np.array([float(each.churn.comeback) for each in scenario.segments])[partners.segment]
    present = np.arange(months) >= partners.arrival[:, np.newaxis]
    if not quiet.any():
        return present
    turns = partners.keys.on("churn")
    asleep = np.zeros(len(partners), dtype=np.bool_)
    for month in range(1, months):
        share = turns.at(np.array([first_month + month])).share()
        falls = ~asleep & (share < quiet) & (partners.arrival < month)
        asleep = falls | (asleep & (share >= comeback))
        present[:, month] &= ~asleep
    return present


def _labels(
    scenario: Scenario, keys: Keys, segment: Integers
) -> tuple[dict[str, Integers], dict[str, tuple[str, ...]]]:
    """Draw what the labels of each partner say; every segment has every label."""
    codes: dict[str, Integers] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for name in scenario.segments[0].labels:
        choices: list[Choice] = [each.labels[name] for each in scenario.segments]
        known = list(dict.fromkeys(str(value) for choice in choices for value in choice.values))
        code = np.zeros(len(keys), dtype=np.int64)
        for place, choice in enumerate(choices):
            rows = np.flatnonzero(segment == place)
            values = np.array([known.index(str(value)) for value in choice.values])
            code[rows] = values[weighted(keys[rows].on(f"label {name}"), choice.weights)]
        codes[name], texts[name] = code, tuple(known)
    return codes, texts
