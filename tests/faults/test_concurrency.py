"""Four processes submit the same history to one book, each event twice: the book is that of one process."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import URL
from sqlalchemy import Engine as Database

from loyalty import Engine, settle
from loyalty.ledger.sql import SqlStore
from tests.engine.scenes import assert_settled, entries_in
from tests.faults.conftest import AT_LENGTH, deadlocks
from tests.faults.crew import race
from tests.faults.history import UNTIL_DAY, Payload, history, read_all
from tests.faults.programme import PROGRAMME

_PROCESSES = 4
_EVENTS, _PARTNERS = (10_000, 50) if AT_LENGTH else (240, 8)


def jobs_of(payloads: list[Payload], seed: int) -> list[list[dict[str, Any]]]:
    """
    Share events among processes so that each is sent by two, roughly in order, by ones and by many.

    Each process is a little out of order, so that late events are settled while others write.
    """
    rng = Random(seed)
    jobs = []
    for number in range(_PROCESSES):
        mine = [one for place, one in enumerate(payloads) if place % _PROCESSES in (number, (number + 1) % _PROCESSES)]
        place = {one["id"]: at + rng.uniform(0, 12) for at, one in enumerate(mine)}
        mine.sort(key=lambda one: place[one["id"]])
        steps: list[dict[str, Any]] = []
        while mine:
            count = rng.choice((1, 1, 1, 1, 5, 20, 60))
            part, mine = mine[:count], mine[count:]
            if count == 1:
                steps.append({"do": "submit", "event": part[0]})
            else:
                steps.append({"do": "submit_many", "events": part, "chunk": rng.choice((7, 25))})
        jobs.append(steps)
    return jobs


def test_four_processes_leave_the_book_of_one(
    book_url: URL, store: SqlStore, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Balances, tiers and lots are those of the history settled once; each event has one receipt, whoever asks."""
    payloads = history(11, size=_EVENTS, partners=_PARTNERS)
    begun = time.monotonic()
    reports = race(tmp_path / "crew", book_url, jobs_of(payloads, seed=12))
    seconds = time.monotonic() - begun
    told: dict[str, list[tuple[bool, list[str]]]] = {}
    for report in reports:
        for outcome in report:
            assert "error" not in outcome, json.dumps(outcome)
            told.setdefault(outcome["receipt"], []).append((outcome["waiting"], outcome["entries"]))
    # Two processes sent each event, both got a receipt, and it was the same one unless it waited at first.
    assert {identity: len(receipts) for identity, receipts in told.items()} == {
        f"/{payload['id']}": 2 for payload in payloads
    }
    differ = {identity for identity, receipts in told.items() if len({str(keys) for _, keys in receipts}) > 1}
    assert differ <= {identity for identity, receipts in told.items() if any(waiting for waiting, _ in receipts)}
    posted = Counter(entry.key for entry in entries_in(store))
    assert {key for receipts in told.values() for _, keys in receipts for key in keys} <= posted.keys()
    assert set(posted.values()) == {1}
    events = read_all(payloads)
    assert_settled(Engine(PROGRAMME, store), events, UNTIL_DAY)
    holders = {holder for holder, _, _ in settle(PROGRAMME, events, until_day=UNTIL_DAY).balances}
    assert len([holder for holder in holders if str(holder).startswith("partner:")]) == _PARTNERS
    if AT_LENGTH:
        with capsys.disabled():
            name = book_url.get_backend_name()
            print(
                f"\n{name}: {len(payloads)} events by two each in {seconds:.0f} s, {len(posted)} entries, "
                f"{deadlocks(database)} deadlocks"
            )
