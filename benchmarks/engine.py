"""
``Engine.submit`` against bare settlement: what the book around the step costs.

The engine admits, records, explains and posts each event in a store in memory; the baseline only encodes each event
and puts it through the step, for the partner and for the person, without keeping anything but the movements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.harness import Figure, compare
from benchmarks.ten_rules import histories, programme, steps
from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.engine import Engine, Receipt
from loyalty.ledger.memory import MemoryStore
from loyalty.settlement.history import Placed, place_events
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Movement

PARTNERS = 120


def drawn_events(partners: int) -> list[Event]:
    """Give the events of all partners in the order in which they occurred."""
    events = [placed.event for history in histories(partners) for placed in history.placed]
    return sorted(events, key=lambda event: event.key)


def by_apply(placed: Sequence[Placed]) -> Callable[[], list[list[Movement]]]:
    """Give the call that settles events for all whom they reach, and keeps the movements."""

    def settle() -> list[list[Movement]]:
        runs: dict[Holder, HolderRun] = {}
        outputs = []
        for place in placed:
            tier = 0
            for holder in place.holders:
                run = runs.get(holder)
                if run is None:
                    run = runs[holder] = HolderRun(steps(), holder)
                movements, tier = run.apply(place, tier)
                outputs.append(movements)
        return outputs

    return settle


def run() -> list[Figure]:
    """Take the figure ``engine``."""
    events = drawn_events(PARTNERS)
    placed = place_events(programme(), events)

    def by_engine() -> Callable[[], list[Receipt]]:
        engine = Engine(programme(), MemoryStore())
        return lambda: [engine.submit(event, recorded_at=event.occurred_at) for event in events]

    return [
        compare(
            "engine",
            len(events),
            by_engine,
            lambda: by_apply(placed),
            rounds=5,
            of="Engine.submit with a store in memory",
            against="encoding and step alone, for the same holders",
        )
    ]
