"""The host's write and ours in one transaction: a process that dies between them leaves both or neither."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import text
from sqlalchemy.orm import Session

from loyalty import Engine
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.verify import verify
from tests.engine.scenes import ACME, assert_settled, deal, everything_in, instant
from tests.faults.conftest import AT_LENGTH, NewBook, open_database
from tests.faults.crew import Worker
from tests.faults.history import UNTIL_DAY, history, read_all
from tests.faults.programme import PROGRAMME
from tests.faults.test_kills import await_word, is_inside, wait_until_alone

_RUNS = 60 if AT_LENGTH else 6


def make_host_table(database: Database) -> None:
    """Make a table of the host's."""
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE host_order (id VARCHAR(40) PRIMARY KEY)"))


def host_rows(database: Database) -> set[str]:
    """Give the ids of the host's rows."""
    with database.connect() as connection:
        return set(connection.scalars(text("SELECT id FROM host_order")))


def test_a_process_that_dies_between_the_two_writes(new_book: NewBook, tmp_path: Path) -> None:
    """Whichever of the two comes first, wherever the process is killed: an order is there exactly with its event."""
    figures: Counter[str] = Counter()
    for run in range(_RUNS):
        rng = Random(run)
        url = new_book()
        database = open_database(url)
        make_host_table(database)
        payloads = history(run, size=12, partners=2)
        steps: list[dict[str, Any]] = [
            {"do": "host", "event": payload, "host_first": rng.random() < 0.5} for payload in payloads
        ]
        options: dict[str, Any] = {"journal": rng.choice(("wal", "delete"))}
        if run % 3:
            options["stop_at"] = rng.randrange(10, 150)
        worker = Worker(tmp_path / f"run-{run}", url, steps, logged=True, **options)
        await_word(worker, "stopped" if run % 3 else "open")
        time.sleep(0 if run % 3 else rng.uniform(0, 0.1))
        worker.kill()
        wait_until_alone(url)
        figures["inside"] += is_inside(worker.said())
        told = {outcome["both"] for outcome in worker.outcomes()}
        engine = Engine(PROGRAMME, SqlStore(database))
        with engine.store.transaction(read_only=True) as book:
            assert verify(book) == []
            ours = {payload["id"] for payload in payloads if book.find_event(f"/{payload['id']}") is not None}
        assert host_rows(database) == ours
        assert told <= ours
        assert len(ours - told) <= 1
        list(engine.submit_many(read_all(payloads)))
        assert_settled(engine, read_all(payloads), UNTIL_DAY)
        database.dispose()
    assert figures["inside"] >= _RUNS // 2


class _Refused(Exception):
    """An error of the host's."""


@pytest.mark.parametrize("bind", [Session, Database.connect])
def test_the_host_takes_back_and_goes_on(database: Database, bind: Any) -> None:
    """Nothing of ours is left of what the host rolled back, and the same engine's next call works and is kept."""
    make_host_table(database)
    with SqlStore(database).transaction() as book:
        book.set_clock_day(PROGRAMME.calendar.day_of(instant("2026-01-01")))
    before = everything_in(SqlStore(database))
    with bind(database) as host:
        engine = Engine(PROGRAMME, SqlStore(host))

        def order(number: int) -> None:
            host.execute(text(f"INSERT INTO host_order VALUES ('D-{number}')"))
            engine.submit(deal(f"D-{number}", f"2026-02-0{number}", 90, programme=PROGRAMME, person="ann"))
            engine.redeem(ACME, "points", 7, key=f"K-{number}", at=instant(f"2026-02-0{number}T23:00"))

        def fail(number: int) -> None:
            with host.begin():
                order(number)
                engine.advance("2026-04-01")
                raise _Refused

        for _ in range(3):
            with pytest.raises(_Refused):
                fail(1)
            assert everything_in(SqlStore(database)) == before
            assert host_rows(database) == set()
        order(2)
        host.commit()
    assert host_rows(database) == {"D-2"}
    events = [deal("D-2", "2026-02-02", 90, programme=PROGRAMME, person="ann")]
    assert_settled(Engine(PROGRAMME, SqlStore(database)), events, UNTIL_DAY)
