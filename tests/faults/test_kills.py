"""
Processes killed with SIGKILL while they write: nothing that was acknowledged is lost, nothing is half, nothing double.

At length (``make faults``) there are 200 runs on each database. Most of them stop before a statement of the driver's,
chosen at random, and are killed there; others are killed a moment after a transaction opened. On PostgreSQL, which
then waits for its disk, the process that serves the client is killed instead in some runs, which has the server throw
everybody out and recover; in others its connection is ended.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import OperationalError

from loyalty import Engine, LedgerError, settle
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.verify import verify
from tests.engine.scenes import assert_settled, entries_in, grants_in, netted
from tests.faults.conftest import AT_LENGTH, NewBook, open_database
from tests.faults.crew import Worker
from tests.faults.history import UNTIL_DAY, Payload, history, read_all
from tests.faults.programme import PROGRAMME

_RUNS = 200 if AT_LENGTH else 6

#: So many of the runs at length must have ended inside an open transaction.
_INSIDE = 150

_EVENTS, _PARTNERS, _CHUNK = 60, 4, 4

#: How a run ends. Killing a server's process reaches every client of the server, so it is done to our own alone.
_ENDS = {
    "sqlite": ("statement", "moment", "statement"),
    "postgresql": ("statement", "moment", "statement", "served", "statement", "moment", "statement", "thrown out"),
}


def steps_of_run(payloads: list[Payload], rng: Random) -> list[dict[str, Any]]:
    """Say what a process does in one run: events by ones and by many, some of them late, commands, and the clock."""
    place = {payload["id"]: at + rng.choice((0, 0, 0, 0, 0, 9)) for at, payload in enumerate(payloads)}
    left = sorted(payloads, key=lambda payload: place[payload["id"]])
    steps: list[dict[str, Any]] = []
    while left:
        count = rng.choice((1, 1, 1, 8))
        part, left = left[:count], left[count:]
        if count == 1:
            steps.append({"do": "submit", "event": part[0]})
        else:
            steps.append({"do": "submit_many", "events": part, "chunk": _CHUNK})
        if rng.random() < 0.25:
            partner, number = f"partner:{part[-1]['partner']}", len(steps)
            # At the end of the day, behind the event; what comes late all the same is behind or before it.
            at = f"{part[-1]['at'][:10]}T23:59"
            asked = [partner, "points", rng.randrange(1, 40)]
            name = rng.choice(("redeem", "hold"))
            steps.append(
                {"do": "command", "name": name, "arguments": asked, "options": {"key": f"K-{number}", "at": at}}
            )
        if rng.random() < 0.06:
            steps.append({"do": "advance", "until": part[-1]["at"][:10]})
    return steps


def is_inside(said: list[str]) -> bool:
    """Tell by its log whether a process was killed in a transaction that was open and not yet being committed."""
    states = [line for line in said if line in ("open", "committing", "closed")]
    return bool(states) and states[-1] == "open"


def end(worker: Worker, how: str, rng: Random, url: URL) -> bool:
    """Kill a process, or what serves it, as *how* says, and tell whether a transaction was open then."""
    if how == "statement":
        wait_until(
            lambda: worker.process.exitcode is not None or any(line.startswith("stopped") for line in worker.said())
        )
    else:
        opened = rng.randrange(1, 20)
        wait_until(lambda: worker.process.exitcode is not None or worker.said().count("open") >= opened)
        time.sleep(rng.uniform(0, 0.002))
    if how in ("served", "thrown out"):
        before = worker.said()
        _end_served(url, worker.process.pid, how)
        worker.kill()
        # The client lived on for a moment, and may have told more; it was inside if that is of the same transaction.
        return is_inside(before) and before.count("committing") == worker.said()[: len(before) + 1].count("committing")
    worker.kill()
    return is_inside(worker.said())


def check_book(store: SqlStore, payloads: list[Payload], acknowledged: list[dict[str, Any]]) -> None:
    """See that a book is whole, has all that was acknowledged, and of the rest one transaction's work at most."""
    told = {outcome["receipt"]: outcome for outcome in acknowledged if "receipt" in outcome}
    with store.transaction(read_only=True) as book:
        assert verify(book) == []
        recorded = {f"/{payload['id']}" for payload in payloads if book.find_event(f"/{payload['id']}") is not None}
        keys = {entry.key for entry in book.entries()}
        clock_day = book.clock_day()
    grants = grants_in(store)
    known = recorded | {grant.key for grant in grants}
    assert told.keys() <= known
    assert {key for outcome in told.values() for key in outcome["entries"]} <= keys
    assert len(known - told.keys()) <= _CHUNK
    # What is there was settled whole: the book is the one of these events and decisions, and of no others.
    events = [event for event in read_all(payloads) if event.identity in recorded]
    assert netted(entries_in(store)) == netted(settle(PROGRAMME, events, grants, until_day=clock_day).entries)


def do_again(engine: Engine, payloads: list[Payload], steps: list[dict[str, Any]]) -> None:
    """Submit all of it again, and give each command again."""
    for step in steps:
        if step["do"] == "command":
            # Whoever is late, or has less than is asked for, is refused.
            with suppress(LedgerError):
                getattr(engine, step["name"])(*step["arguments"], **step["options"])
    assert len(list(engine.submit_many(read_all(payloads), chunk=10))) == len(payloads)


def test_a_killed_process_leaves_whole_transactions(
    new_book: NewBook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each kill the book is verified and compared, everything is sent again, and it is that of one history."""
    figures: Counter[str] = Counter()
    for run in range(_RUNS):
        rng = Random(run)
        url = new_book()
        ends = _ENDS[url.get_backend_name()]
        how = ends[run % len(ends)]
        if how == "served" and not AT_LENGTH:
            # Whoever else uses the server would be thrown out as well.
            how = "thrown out"
        payloads = history(run, size=_EVENTS, partners=_PARTNERS)
        steps = steps_of_run(payloads, rng)
        options: dict[str, Any] = {"journal": "wal" if run % 2 else "delete"}
        if how == "statement":
            options["stop_at"] = rng.randrange(20, 8 * len(steps))
        worker = Worker(tmp_path / f"run-{run}", url, steps, logged=True, **options)
        figures["inside"] += end(worker, how, rng, url)
        figures[how] += 1
        figures["ended by itself"] += worker.process.exitcode == 0
        wait_until_alone(url)
        database = open_database(url)
        store = SqlStore(database)
        acknowledged = worker.outcomes()
        figures["acknowledged"] += sum("receipt" in outcome for outcome in acknowledged)
        check_book(store, payloads, acknowledged)
        engine = Engine(PROGRAMME, store)
        do_again(engine, payloads, steps)
        with database.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM loyalty_event")).scalar_one() == len(payloads)
        assert_settled(engine, read_all(payloads), UNTIL_DAY)
        database.dispose()
    if AT_LENGTH:
        with capsys.disabled():
            print(f"\n{url.get_backend_name()}: {_RUNS} runs, {json.dumps(figures)}")
    assert figures["inside"] >= (_INSIDE if AT_LENGTH else 1)


def await_word(worker: Worker, word: str) -> None:
    """Wait until a process says something that begins so, or has done everything."""
    wait_until(lambda: worker.process.exitcode is not None or any(line.startswith(word) for line in worker.said()))


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in two minutes"
        time.sleep(0.002)


def _end_served(url: URL, client: int | None, how: str) -> None:
    """End the server's process that serves a client, by a signal or by asking the server."""
    database = open_database(url)
    name = {"name": f"worker-{client}"}
    with database.connect() as connection:
        if how == "thrown out":
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"), name
            )
            return
        pids = connection.scalars(text("SELECT pid FROM pg_stat_activity WHERE application_name = :name"), name).all()
        before = connection.scalar(_CHECKPOINTER)
    if not pids:
        return
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    def has_recovered() -> bool:
        try:
            with database.connect() as connection:
                return connection.scalar(_CHECKPOINTER) not in (None, before)
        except OperationalError:
            return False

    wait_until(has_recovered)


#: Which process writes checkpoints: another one after the server has recovered.
_CHECKPOINTER = text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")


def wait_until_alone(url: URL) -> None:
    """Wait until the server has noticed that the client is gone, and has recovered if that is needed."""
    if url.get_backend_name() == "sqlite":
        return

    def is_alone() -> bool:
        database = open_database(url)
        try:
            with database.connect() as connection:
                others = connection.execute(
                    text("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'worker-%'")
                )
                return not others.scalar_one()
        except OperationalError:
            return False

    wait_until(is_alone)
