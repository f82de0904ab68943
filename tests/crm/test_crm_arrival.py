"""The CRM pipeline in random order, in batches, the clock running ahead: the trial balance is that of the order."""

from __future__ import annotations

import os
import random
from calendar import monthrange
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from loyalty import Engine, Event, MemoryStore, load
from loyalty.cli.main import main
from loyalty.core.calendar import parse_day
from loyalty.exports.trial_balance import trial_balance
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify
from loyalty.sources import load_mapping, read_events
from tests.crm.test_crm_history import CRM, PIPELINE, pytestmark
from tests.engine.conftest import open_database

__all__ = ["pytestmark"]

PROGRAMME = load(CRM / "programme.yaml")

#: The last days of the months in which deals were won, and a day on which all that came of them is over.
MONTH_ENDS: Final = [parse_day(f"2017-{month:02}-{monthrange(2017, month)[1]}") for month in range(3, 13)]
LAST_DAY: Final = parse_day("2019-06-30")

_AT_LENGTH: Final = os.environ.get("LOYALTY_HYPOTHESIS_PROFILE") == "laws"


@pytest.fixture(scope="module")
def deals() -> list[Event]:
    """The events of the pipeline, in the order in which they happened."""
    mapping = load_mapping(CRM / "mapping.yaml", PROGRAMME)
    return sorted(read_events(PIPELINE, PROGRAMME, mapping).events, key=lambda event: event.key)


@pytest.fixture(scope="module")
def ordered(deals: list[Event]) -> list[bytes]:
    """The trial balances of the book to which everything came in order."""
    return _trial_balances(_lived(MemoryStore(), [deals], []))


@pytest.mark.parametrize("seed", range(5 if _AT_LENGTH else 1))
def test_random_order_gives_the_same_trial_balance(deals: list[Event], ordered: list[bytes], seed: int) -> None:
    """At each month's end and at the end of all, each account of each holder has what it has in order."""
    rng = random.Random(seed)
    engine = _lived(MemoryStore(), _batches(rng, _shuffled(rng, deals)), _clocks(rng))
    assert len(ordered) == len(MONTH_ENDS) + 1
    assert len(set(ordered)) == len(ordered)
    assert _trial_balances(engine) == ordered


@pytest.mark.parametrize("seed", range(2 if _AT_LENGTH else 1))
def test_the_command_prints_the_same_bytes(deals: list[Event], tmp_path: Path, seed: int) -> None:
    """
    Books in files: `loyalty ledger trial-balance` prints of the shuffled one what it prints of the ordered one.

    The quick run has a twentieth of the deals come late, in random order; the long one has every deal in random order.
    """
    rng = random.Random(seed)
    late = set(rng.sample(range(len(deals)), len(deals) // 20))
    in_time = [deal for place, deal in enumerate(deals) if place not in late]
    batches = _batches(rng, _shuffled(rng, deals if _AT_LENGTH else [deals[place] for place in late]))
    way = batches if _AT_LENGTH else [in_time, *batches]
    printed = []
    for name, arrival, clocks in (("ordered", [deals], []), ("shuffled", way, _clocks(rng))):
        database = open_database(tmp_path / f"{name}.db")
        create_tables(database)
        store = SqlStore(database)
        _lived(store, arrival, clocks)
        with store.transaction(read_only=True) as book:
            assert verify(book) == []
        database.dispose()
        printed.append([_printed(tmp_path / f"{name}.db", *more) for more in ([], ["--by-holder"], ["--json"])])
    assert printed[0] == printed[1]
    assert all(b"credit" in output for output in printed[0])


def _lived(store: Store, batches: Iterable[list[Event]], clocks: list[int]) -> Engine:
    """Submit batches, each by an engine of its own, with the clock running in between."""
    engine = Engine(PROGRAMME, store)
    for place, batch in enumerate(batches):
        list(engine.submit_many(batch))
        if place < len(clocks):
            engine.advance(clocks[place])
        engine = Engine(PROGRAMME, store)
    engine.advance(LAST_DAY)
    return engine


def _shuffled(rng: random.Random, events: list[Event]) -> list[Event]:
    return rng.sample(events, len(events))


def _batches(rng: random.Random, events: list[Event]) -> list[list[Event]]:
    """Cut anywhere, and begin each batch with what the one before ended with, which so comes twice."""
    cuts = sorted(rng.sample(range(1, len(events)), 12))
    return [events[max(start - 3, 0) : end] for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True)]


def _clocks(rng: random.Random) -> list[int]:
    """Give days through which the clock runs between the first batches, mostly ahead of what comes after."""
    return sorted(rng.sample(range(MONTH_ENDS[0], MONTH_ENDS[-1] + 200), 6))


def _trial_balances(engine: Engine) -> list[bytes]:
    """Write the trial balance by holder at each month's end, by all that is known now, and of everything."""
    calendar = PROGRAMME.calendar
    with engine.store.transaction(read_only=True) as book:
        entries = list(book.entries())
        assert verify(book) == []
    ends = [calendar.day_start_us(day + 1) - 1 for day in MONTH_ENDS]
    return [
        "\n".join(map(str, trial_balance(entries, effective_at=end, by_holder=True).rows)).encode()
        for end in [*ends, None]
    ]


def _printed(book: Path, *options: str) -> bytes:
    result = CliRunner().invoke(
        main, ["ledger", "trial-balance", str(CRM / "programme.yaml"), "--db", str(book), *options]
    )
    assert result.exit_code == 0, result.output
    return result.stdout_bytes
