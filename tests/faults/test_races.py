"""Processes that want the same thing at the same moment: one of them gets it, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from loyalty import Engine, Holder
from loyalty.ledger.entries import Account
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.verify import verify
from tests.engine.scenes import ACME, BIRCH, assert_settled, grants_in
from tests.faults.conftest import AT_LENGTH, deadlocks
from tests.faults.crew import race
from tests.faults.history import UNTIL_DAY, Payload, history, read_all
from tests.faults.programme import PROGRAMME

_ROUNDS = 100 if AT_LENGTH else 10

Step = dict[str, Any]
Report = list[dict[str, Any]]


def deal(id: str, partner: str, at: str, euros: int = 100, **said: Any) -> Payload:
    """Say that a deal was won."""
    return {"on": "deal.won", "id": id, "partner": partner, "at": at, "amount": f"{euros}.00 EUR", **said}


def submit(event: Payload, *, together: bool = False) -> Step:
    """Have an event submitted."""
    return {"do": "submit", "event": event, "together": together}


def command(name: str, *arguments: Any, together: bool = False, **options: Any) -> Step:
    """Have a command given."""
    return {"do": "command", "name": name, "arguments": arguments, "options": options, "together": together}


def taken(reports: Iterable[Report]) -> list[dict[str, Any]]:
    """Give what was taken, of all processes."""
    return [outcome for report in reports for outcome in report if "receipt" in outcome]


def refusals(reports: Iterable[Report]) -> set[str]:
    """Give the codes of what was refused."""
    return {outcome["error"] for report in reports for outcome in report if "error" in outcome}


def available(store: SqlStore, holder: Holder) -> int:
    """Give what a holder has."""
    with store.transaction(read_only=True) as book:
        return book.balance(Account(holder, "available"), "points")


@pytest.fixture
def engine(store: SqlStore) -> Engine:
    """An engine of this process, on the book that the others work on."""
    return Engine(PROGRAMME, store)


def test_points_are_spent_once(engine: Engine, store: SqlStore, book_url: URL, tmp_path: Path) -> None:
    """Four processes redeem the same points until there are none: together they get what was there, and no more."""
    events = read_all([deal("D-1", "acme", "2026-02-01", 900)])
    engine.submit_all(events)
    had, price = available(store, ACME), 17
    jobs = [
        [
            command("redeem", "partner:acme", "points", price, key=f"K-{number}-{turn}", at="2026-03-01")
            for turn in range(had // price // 3)
        ]
        for number in range(4)
    ]
    reports = race(tmp_path / "crew", book_url, jobs)
    assert len(taken(reports)) == had // price
    assert refusals(reports) == {"insufficient-points"}
    assert available(store, ACME) == had % price
    assert_settled(engine, events, UNTIL_DAY)


def test_a_hold_is_captured_once(engine: Engine, store: SqlStore, book_url: URL, tmp_path: Path) -> None:
    """What is held is captured, released and taken back by several processes, and comes to what was held."""
    events = read_all([deal("D-1", "acme", "2026-02-01", 900)])
    engine.submit_all(events)
    had = available(store, ACME)
    engine.hold(ACME, "points", 200, key="H-1", at="2026-03-01")
    jobs = [
        [
            command(name, "H-1", 7, key=f"{name}-{number}-{turn}", at="2026-03-02")
            for turn in range(12)
            for name in ("capture", "release")
        ]
        for number in range(4)
    ]
    reports = race(tmp_path / "crew", book_url, jobs)
    assert refusals(reports) == {"ledger"}
    assert len(taken(reports)) == 200 // 7
    captured = sum(grant.amount for grant in grants_in(store) if grant.kind == "capture")
    with store.transaction(read_only=True) as book:
        assert book.balance(Account(ACME, "held"), "points") == 200 % 7
    assert available(store, ACME) == had - captured - 200 % 7
    assert_settled(engine, events, UNTIL_DAY)


def test_points_that_go_to_and_fro_are_not_multiplied(
    engine: Engine, store: SqlStore, database: Database, book_url: URL, tmp_path: Path
) -> None:
    """Transfers in both directions at once, which lock the same two holders, all succeed, and make no points."""
    events = read_all([deal("D-1", "acme", "2026-02-01", 500), deal("D-2", "birch", "2026-02-01", 500)])
    engine.submit_all(events)
    together = available(store, ACME) + available(store, BIRCH)
    ways = [("partner:acme", "partner:birch"), ("partner:birch", "partner:acme")]
    jobs = [
        [
            command("transfer", *ways[(number + turn) % 2], "points", 40, key=f"T-{number}-{turn}", at="2026-03-01")
            for turn in range(_ROUNDS)
        ]
        for number in range(4)
    ]
    reports = race(tmp_path / "crew", book_url, jobs)
    assert refusals(reports) == set()
    assert len(taken(reports)) == 4 * _ROUNDS
    assert deadlocks(database) == 0
    assert available(store, ACME) + available(store, BIRCH) == together
    assert_settled(engine, events, UNTIL_DAY)


def test_one_key_is_one_command(engine: Engine, store: SqlStore, book_url: URL, tmp_path: Path) -> None:
    """The same command of four processes at the same moment is one, and its receipt is everybody's."""
    events = read_all([deal("D-1", "acme", "2026-02-01", 900)])
    engine.submit_all(events)
    had = available(store, ACME)
    jobs = [
        [
            command("redeem", "partner:acme", "points", 3, key=f"K-{turn}", at="2026-03-01", together=True)
            for turn in range(_ROUNDS)
        ]
    ] * 4
    reports = race(tmp_path / "crew", book_url, jobs)
    assert refusals(reports) == set()
    assert {one["receipt"]: one["entries"] for one in taken(reports)} == {
        f"K-{turn}": [f"command:K-{turn}"] for turn in range(_ROUNDS)
    }
    assert (len(taken(reports)), available(store, ACME)) == (4 * _ROUNDS, had - 3 * _ROUNDS)
    assert_settled(engine, events, UNTIL_DAY)


def test_one_key_is_not_two_commands(engine: Engine, store: SqlStore, book_url: URL, tmp_path: Path) -> None:
    """Of commands of different holders under one key, who wait for no common row, one is taken."""
    partners = ["acme", "birch", "cedar", "dogwood"]
    events = read_all([deal(f"D-{partner}", partner, "2026-02-01", 900) for partner in partners])
    engine.submit_all(events)
    jobs = [
        [
            command("redeem", f"partner:{partner}", "points", 3, key=f"K-{turn}", at="2026-03-01", together=True)
            for turn in range(_ROUNDS)
        ]
        for partner in partners
    ]
    reports = race(tmp_path / "crew", book_url, jobs)
    assert refusals(reports) == {"ledger"}
    assert sorted(one["receipt"] for one in taken(reports)) == sorted(f"K-{turn}" for turn in range(_ROUNDS))
    assert len(grants_in(store)) == _ROUNDS
    assert_settled(engine, events, UNTIL_DAY)


def test_a_partner_is_new_once(engine: Engine, book_url: URL, tmp_path: Path) -> None:
    """Four processes see the same new partner and the same new person first, in a book that is new as well."""
    jobs = [
        [
            submit(
                deal(f"D-{turn}-{number}", f"new-{turn}", f"2026-02-0{number + 1}", 30, person=f"ann-{turn}"),
                together=True,
            )
            for turn in range(_ROUNDS)
        ]
        for number in range(4)
    ]
    reports = race(tmp_path / "crew", book_url, jobs)
    assert refusals(reports) == set()
    assert len(taken(reports)) == 4 * _ROUNDS
    assert_settled(engine, read_all([step["event"] for job in jobs for step in job]), UNTIL_DAY)


def test_a_deal_and_what_speaks_of_it_meet(engine: Engine, book_url: URL, tmp_path: Path) -> None:
    """A deal, its refund and its void come at the same moment and name different partners; none of them is lost."""
    jobs: list[list[Step]] = [[], [], [], []]
    for turn in range(_ROUNDS):
        won = deal(f"D-{turn}", "acme", f"2026-02-{turn % 28 + 1:02}", person="ann")
        gone = {"on": "deal.refunded", "id": f"R-{turn}", "of": won["id"], "partner": "birch", "at": "2026-03-01"}
        void = {"on": "void", "id": f"V-{turn}", "of": gone["id"], "partner": "cedar", "at": "2026-03-02"}
        part = {**gone, "id": f"P-{turn}", "partner": "dogwood", "amount": "7.00 EUR", "at": "2026-03-03"}
        for job, event in zip(jobs, (won, gone, void, part), strict=True):
            job.append(submit(event, together=True))
    reports = race(tmp_path / "crew", book_url, jobs)
    assert refusals(reports) == set()
    assert len(taken(reports)) == 4 * _ROUNDS
    assert_settled(engine, read_all([step["event"] for job in jobs for step in job]), UNTIL_DAY)


def test_what_speaks_of_a_deal_waits_for_whoever_brings_it(engine: Engine, store: SqlStore, database: Database) -> None:
    """
    A void of a refund that waits for a deal comes while the deal is being settled, and names nobody whom that locks.

    It is settled after the deal and with it; if it did not wait it would be recorded for nobody.
    """
    lost = {"on": "deal.refunded", "id": "R-1", "of": "D-1", "partner": "birch", "at": "2026-03-01"}
    void = {"on": "void", "id": "V-1", "of": "R-1", "partner": "cedar", "at": "2026-03-02"}
    won, gone, undone = read_all([deal("D-1", "acme", "2026-02-01"), lost, void])
    assert engine.submit(gone).waiting
    with Session(database) as session, ThreadPoolExecutor(1) as thread:
        Engine(PROGRAMME, SqlStore(session)).submit(won)
        other = thread.submit(Engine(PROGRAMME, store).submit, undone)
        with pytest.raises(TimeoutError):
            other.result(timeout=0.3)
        session.commit()
        assert not other.result(timeout=60).waiting
    assert_settled(engine, [won, gone, undone], UNTIL_DAY)


def test_time_passes_while_others_submit(engine: Engine, store: SqlStore, book_url: URL, tmp_path: Path) -> None:
    """One process moves the book's clock on, day by day, while three submit what happened before and after it."""
    payloads = history(3, size=_ROUNDS * 12, partners=6)
    jobs: list[list[Step]] = [[submit(payload) for payload in payloads[number::3]] for number in range(3)]
    days = [f"2026-{month:02}-{day}" for month in range(1, 13) for day in (10, 20)]
    jobs.append([{"do": "advance", "until": day} for day in days])
    reports = race(tmp_path / "crew", book_url, jobs)
    assert refusals(reports) == set()
    assert len(taken(reports)) == len(payloads)
    with store.transaction(read_only=True) as book:
        assert book.clock_day() == PROGRAMME.calendar.day_of(PROGRAMME.calendar.parse_instant_us("2026-12-20"))
        assert verify(book) == []
    assert_settled(engine, read_all(payloads), UNTIL_DAY)
