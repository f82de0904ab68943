"""The demo's history: what the example needs to show is in it, and all of it is read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from loyalty.programme.loading import load
from loyalty.sources import Reading, read_events

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme"


@pytest.fixture(scope="module")
def reading() -> Reading:
    return read_events(EXAMPLE / "history.jsonl", load(EXAMPLE / "programme.yaml"))


def test_every_line_is_an_event(reading: Reading) -> None:
    """Nothing is bad; two deliveries came twice."""
    assert (len(reading.events), reading.rows_read, reading.rows_repeated) == (511, 513, 2)


def test_the_history_has_what_the_demo_shows(reading: Reading) -> None:
    """Refunds in part and whole, voids, ended certifications, an override, and events that arrived late."""
    kinds = Counter(event.kind for event in reading.events)
    assert kinds.keys() == load(EXAMPLE / "programme.yaml").events.keys() | {"void", "tier.override"}
    refunds = [event for event in reading.events if event.kind == "deal.refunded"]
    assert {"amount" in event.fields for event in refunds} == {True, False}
    origins = {event.identity for event in reading.events}
    assert all(event.origin in origins for event in reading.events if event.origin is not None)
    latest, late = 0, 0
    for event in reading.events:
        late += event.occurred_at < latest - 86_400_000_000
        latest = max(latest, event.occurred_at)
    assert late >= 10
    assert len({event.partner for event in reading.events}) == 12
