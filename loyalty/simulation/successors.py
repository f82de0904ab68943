"""
Who the partners of a history are in a scenario: each gets the place in the drawn population that its past has among
the others.

As many partners are drawn as there are. Those drawn and those known are each put in order, by what they are expected to
bring and by what they brought; the first is the first, and so on. So the largest partner stays the largest, and the
population as a whole is what the scenario says. People who are known go on under their names.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import evolve
from numpy.typing import NDArray

from loyalty.batch.tables import EventTable
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import Arrival, Scenario
from loyalty.simulation.partners import draw_partners
from loyalty.simulation.population import population

#: What those who stand for known partners are called while they are drawn.
_STAND_IN = "~"


def successors(
    programme: Programme,
    scenario: Scenario,
    partners: Sequence[str],
    rank: NDArray[Any],
    people: Mapping[str, Sequence[str]],
    months: int,
    seed: int,
    start_day: int,
    *,
    taken: Container[str] = frozenset(),
) -> EventTable:
    """
    Draw what known partners do from a day on.

    Args:
        partners: Their names.
        rank: What each brought so far; only the order matters.
        people: The names of each one's people, those that matter most first.
        months: Calendar months, the one of *start_day* included.
        taken: Names of persons that nobody who comes now may have.
    """
    # Who is known has come already.
    present = evolve(scenario, segments=tuple(evolve(each, arrival=Arrival()) for each in scenario.segments))
    stand_ins = [f"{_STAND_IN}{number:07}" for number in range(len(partners))]
    drawn = draw_partners(present, stand_ins, seed)
    amounts = np.array([float(each.amounts) for each in scenario.segments])
    expected = drawn.size * amounts[drawn.segment]
    names = np.empty(len(partners), object)
    names[np.argsort(expected, kind="stable")] = np.array(partners, object)[np.argsort(rank, kind="stable")]
    table = population(programme, present, stand_ins, months, seed, start_day)
    known = dict(zip(stand_ins, names.tolist(), strict=True))
    return evolve(
        table,
        partners=pa.array([known[name] for name in table.partners.to_pylist()], pa.string()),
        persons=pa.array([_person(name, known, people, taken) for name in table.persons.to_pylist()], pa.string()),
    )


def _person(name: str, known: Mapping[str, str], people: Mapping[str, Sequence[str]], taken: Container[str]) -> str:
    """Give the name of a person, whom the population calls by the partner's name and a number from 1."""
    stand_in, _, number = name.rpartition("-")
    partner = known[stand_in]
    mine = people.get(partner, ())
    if int(number) <= len(mine):
        return mine[int(number) - 1]
    new = f"{partner}-{number}"
    while new in taken:
        new += "-new"
    return new
