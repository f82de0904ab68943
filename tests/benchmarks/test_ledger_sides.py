"""The ledger's figures compare like with like: every side writes the same entries, postings and balances."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import URL

from benchmarks.ledger import postgres_floor
from benchmarks.ledger.clients import Clients
from benchmarks.ledger.databases import Databases
from benchmarks.ledger.event_book import EventBook, event_of, programme
from benchmarks.ledger.our_book import OurBook, entry_of
from benchmarks.ledger.postgres_floor import PostgresFloor
from benchmarks.ledger.rounds import in_turn, require_equal
from benchmarks.ledger.sides import Side, Totals
from benchmarks.ledger.sqlite_floor import SqliteFloor
from benchmarks.ledger.workload import ACCOUNTS, Award, batches, changes, draw
from loyalty.engine import settle

AWARDS = draw(1, 120)
WRITTEN = Totals(120, 240, {account: amount for account, amount in changes(AWARDS) if account})


@pytest.fixture
def databases() -> Iterator[Databases]:
    with Databases() as made:
        yield made


def write(side: Side, per_commit: int) -> Totals:
    """Post the awards on a side, and give what it says it wrote."""
    side.prepare(AWARDS, per_commit)()
    totals = side.totals()
    side.close()
    return totals


@pytest.mark.parametrize("per_commit", [1, 50])
def test_the_floor_on_sqlite_writes_every_award(tmp_path: Path, per_commit: int) -> None:
    assert write(SqliteFloor(tmp_path / "floor.db", synchronous="NORMAL"), per_commit) == WRITTEN


def test_the_leanest_floor_writes_the_same(tmp_path: Path, postgresql_url: URL) -> None:
    postgres_floor.create(postgresql_url, references=False)
    assert write(PostgresFloor(postgresql_url), 50) == WRITTEN
    assert write(SqliteFloor(tmp_path / "lean.db", synchronous="NORMAL", references=False), 50) == WRITTEN


@pytest.mark.parametrize("per_commit", [1, 50])
def test_our_book_in_a_file_writes_every_award(tmp_path: Path, per_commit: int) -> None:
    assert write(OurBook.in_file(tmp_path / "ours.db", synchronous="NORMAL"), per_commit) == WRITTEN


@pytest.mark.parametrize("per_commit", [1, 50])
def test_the_floor_on_postgresql_writes_every_award(postgresql_url: URL, per_commit: int) -> None:
    postgres_floor.create(postgresql_url)
    assert write(PostgresFloor(postgresql_url), per_commit) == WRITTEN


@pytest.mark.parametrize("per_commit", [1, 50])
def test_our_book_on_postgresql_writes_every_award(postgresql_url: URL, per_commit: int) -> None:
    assert write(OurBook.on_server(postgresql_url), per_commit) == WRITTEN


def test_events_through_the_engine_write_every_award_in_a_file(tmp_path: Path) -> None:
    assert write(EventBook.in_file(tmp_path / "events.db", synchronous="NORMAL"), 50) == WRITTEN


def test_events_through_the_engine_write_every_award_on_postgresql(postgresql_url: URL) -> None:
    assert write(EventBook.on_server(postgresql_url), 50) == WRITTEN


def test_entries_that_are_built_while_the_clock_runs_are_the_same(postgresql_url: URL) -> None:
    assert write(OurBook.on_server(postgresql_url, built_before=False), 50) == WRITTEN


def test_clients_share_the_awards_among_them(postgresql_url: URL) -> None:
    postgres_floor.create(postgresql_url)
    assert write(Clients(partial(PostgresFloor, postgresql_url), 2), 30) == WRITTEN


def test_a_client_that_cannot_open_its_side_says_why(postgresql_url: URL) -> None:
    with pytest.raises(RuntimeError, match="does not exist"):
        Clients(partial(PostgresFloor, postgresql_url.set(database="nowhere")), 1)


def test_settling_the_events_of_awards_gives_the_postings_of_their_entries() -> None:
    """An event of one rule costs the floor's own work and nothing more: one entry of two postings."""
    settled = settle(programme(), [event_of(award) for award in AWARDS]).entries
    ours = [entry_of(award) for award in AWARDS]
    assert [entry.postings for entry in settled] == [entry.postings for entry in ours]
    assert [entry.key for entry in settled] == [entry.key for entry in ours]


def test_a_side_that_did_less_is_found(tmp_path: Path) -> None:
    whole = SqliteFloor(tmp_path / "whole.db", synchronous="NORMAL")
    lazy = SqliteFloor(tmp_path / "lazy.db", synchronous="NORMAL")
    whole.prepare(AWARDS, 50)()
    lazy.prepare(AWARDS[:-1], 50)()
    with pytest.raises(AssertionError, match="119 entries and 238 postings"):
        require_equal([whole, lazy])
    whole.close()
    lazy.close()


def test_two_sides_in_turn_make_one_figure(databases: Databases) -> None:
    floors = [SqliteFloor(databases.file(), synchronous="NORMAL") for _ in range(2)]
    figure = in_turn("floors", *floors, count=50, rounds=1, per_commit=50, of="a floor", against="a floor", accounts=20)
    assert figure.unit == "entries/s"
    assert figure.rate > 0
    assert figure.ratio > 0


def test_awards_are_drawn_again_alike_and_cut_whole() -> None:
    assert draw(1, 120) == AWARDS
    assert [award.number for part in batches(AWARDS, 50) for award in part] == list(range(1, 121))
    assert all(1 <= award.account <= ACCOUNTS for award in AWARDS)
    assert changes([Award(1, 3, 10), Award(2, 3, 5), Award(3, 1, 1)]) == [(0, -16), (1, 1), (3, 15)]
