"""
One event through the step in plain Python, against the same programme written by hand.

``step`` times the generated step on items encoded beforehand, one event at a time, with every movement kept; the twin
reads the same items as tuples in one loop a partner. Both start from nothing in each round and must give identical
movements on the whole data before anything is timed. ``apply`` times encoding and step together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from benchmarks.harness import Figure, compare
from benchmarks.ten_rules import Encoded, PartnerHistory, encode, histories, steps
from benchmarks.ten_rules_twin import Item, Twin, twin_items
from loyalty.core.holders import Layer
from loyalty.ledger.store import Grant
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Movement

PARTNERS = 1_200
LEAST_RATIO = 0.7
LEAST_RATE = 100_000

Outputs = list[list[Movement]]


@frozen
class Workload:
    """The histories, and the same encoded for the step and for the twin."""

    histories: list[PartnerHistory]
    encoded: list[Encoded]
    twin_items: list[list[Item]]

    @classmethod
    def of(cls, partners: int) -> Workload:
        """Draw the histories of some partners."""
        drawn = histories(partners)
        encoded = [encode(history) for history in drawn]
        return cls(drawn, encoded, [twin_items(*pair) for pair in zip(drawn, encoded, strict=True)])

    @property
    def item_count(self) -> int:
        """How many events and redemptions there are."""
        return sum(history.item_count for history in self.histories)

    def by_step(self) -> Callable[[], Outputs]:
        """Prepare fresh states, and give the call that puts every item through the step."""
        step = steps().layers[Layer.PARTNER].step
        states = [(one.items, *one.fresh_state()) for one in self.encoded]

        def settle() -> Outputs:
            outputs = []
            for items, s, m in states:
                movements: list[Movement] = []
                for item in items:
                    step(item, s, m, movements)
                outputs.append(movements)
            return outputs

        return settle

    def by_twin(self) -> Callable[[], Outputs]:
        """Give the call that settles every partner by the hand-written loop."""
        twin = Twin(steps())
        return lambda: [twin.settle(items) for items in self.twin_items]

    def by_apply(self) -> Callable[[], Any]:
        """Give the call that encodes and settles every event as the library does."""

        def settle() -> list[list[list[Movement]]]:
            outputs = []
            for history in self.histories:
                run = HolderRun(steps(), history.holder)
                movements: list[list[Movement]] = []
                for what in history.items():
                    if isinstance(what, Grant):
                        movements.append(run.grant(what))
                    else:
                        movements.append(run.apply(what)[0])
                outputs.append(movements)
            return outputs

        return settle


def run() -> list[Figure]:
    """Take the figures ``step`` and ``apply``."""
    workload = Workload.of(PARTNERS)
    if workload.by_step()() != workload.by_twin()():
        raise AssertionError("the step and its hand-written twin must give the same movements")
    count = workload.item_count
    return [
        compare(
            "step",
            count,
            workload.by_step,
            workload.by_twin,
            of="the generated step, one encoded event at a time",
            against="the programme written by hand as one loop",
            least_ratio=LEAST_RATIO,
            least_rate=LEAST_RATE,
        ),
        compare(
            "apply",
            count,
            workload.by_apply,
            workload.by_step,
            rounds=5,
            of="encoding an event and putting it through the step",
            against="the step alone",
        ),
    ]
