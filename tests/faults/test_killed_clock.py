"""
An advance that is killed between two batches, or inside one, and is called again: nothing falls due twice or never.

At length (``make faults``) there are 60 runs on each database, and up to three kills in each.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from loyalty import Engine, MemoryStore
from loyalty.core.calendar import format_day
from loyalty.engine.replaying import replay_book
from loyalty.ledger.entries import Entry
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.verify import verify
from tests.engine.scenes import assert_settled, entries_in
from tests.faults.conftest import AT_LENGTH, NewBook, open_database
from tests.faults.crew import Worker
from tests.faults.history import UNTIL_DAY, history, read_all
from tests.faults.programme import PROGRAMME
from tests.faults.test_kills import await_word, wait_until_alone

_RUNS = 60 if AT_LENGTH else 4

_EVENTS, _PARTNERS = 50, 9

#: About so many statements are made by one batch of these.
_STATEMENTS = 14


def posted(entries: list[Entry]) -> dict[str, Any]:
    """Give what entries are, whatever order they were posted in."""
    return {entry.key: (entry.kind, entry.cause, entry.effective_at, Counter(entry.postings)) for entry in entries}


def test_a_killed_clock_is_wound_again(new_book: NewBook, tmp_path: Path) -> None:
    """After each kill the book is whole; called again, it comes to the entries of one advance."""
    partly = 0
    for run in range(_RUNS):
        rng = Random(run)
        url = new_book()
        events = read_all(history(run, size=_EVENTS, partners=_PARTNERS))
        in_one = Engine(PROGRAMME, MemoryStore())
        in_one.submit_all(events)
        in_one.advance(UNTIL_DAY)
        database = open_database(url)
        store = SqlStore(database)
        Engine(PROGRAMME, store).submit_all(events)
        for kill in range(rng.randrange(1, 4) if AT_LENGTH else 1 + run % 2):
            step: dict[str, Any] = {"do": "advance", "until": format_day(UNTIL_DAY), "batch": rng.randrange(1, 4)}
            options: dict[str, Any] = {}
            if (run + kill) % 2:
                step["pause_after"] = rng.randrange(1, 4)
            else:
                options["stop_at"] = rng.randrange(2, 4 * _STATEMENTS)
            worker = Worker(tmp_path / f"run-{run}-{kill}", url, [step], logged=True, **options)
            await_word(worker, "stopped")
            worker.kill()
            wait_until_alone(url)
            with store.transaction(read_only=True) as book:
                assert verify(book) == []
                partly += book.clock_day() is None and bool(book.clocks_ahead())
            assert replay_book(PROGRAMME, store).findings == ()
            assert posted(entries_in(store)).items() <= posted(entries_in(in_one.store)).items()
        engine = Engine(PROGRAMME, store)
        engine.advance(UNTIL_DAY, batch=rng.randrange(1, 5))
        assert posted(entries_in(store)) == posted(entries_in(in_one.store))
        assert_settled(engine, events, UNTIL_DAY)
        database.dispose()
    assert partly >= _RUNS // 2
