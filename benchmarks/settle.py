"""``settle`` of a whole history, entries and balances included, against the bare loop over its events."""

from __future__ import annotations

from benchmarks.engine import by_apply, drawn_events
from benchmarks.harness import Figure, compare
from benchmarks.ten_rules import programme
from loyalty.settlement.history import place_events
from loyalty.settlement.settle import settle

PARTNERS = 300


def run() -> list[Figure]:
    """Take the figure ``settle``."""
    events = drawn_events(PARTNERS)
    placed = place_events(programme(), events)
    return [
        compare(
            "settle",
            len(events),
            lambda: lambda: settle(programme(), events),
            lambda: by_apply(placed),
            rounds=5,
            of="settle(): events in any order to entries and balances",
            against="encoding and step alone, for the same holders",
        )
    ]
