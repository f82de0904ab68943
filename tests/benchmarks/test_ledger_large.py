"""The figures on large books, taken on small ones: the book is whole, and what is read from it is right."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.ledger import audits, many, paging
from benchmarks.ledger.databases import Databases
from benchmarks.ledger.our_book import OurBook
from benchmarks.ledger.workload import Award


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Databases]:
    monkeypatch.setattr(many, "SMALL", 100)
    monkeypatch.setattr(many, "LARGE", 1_200)
    with Databases() as made:
        yield made


def test_memory_is_compared_between_processes_that_submitted_all_events(databases: Databases) -> None:
    figure = many.submit_many_memory(databases)
    path, large = many.large_book(databases)
    (entries,) = sqlite3.connect(path).execute("SELECT count(*) FROM loyalty_entry").fetchone()
    assert entries == 1_200
    assert figure.peak_mib == large.peak_mib > 10
    assert figure.ratio == pytest.approx(1, abs=0.3)


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="unable to open database file"):
        many.run_apart(tmp_path / "no folder" / "book.db", 10)


def test_the_audit_is_timed_on_the_whole_book(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "VERIFY_ROUNDS", 1)
    figure = audits.verify(databases)
    assert "1,200 entries" in figure.of
    assert figure.unit == "entries/s"
    assert figure.least_rate == 100_000


def test_an_unsound_book_gives_no_figure(databases: Databases) -> None:
    path, _ = many.large_book(databases)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE loyalty_balance SET posted = posted + 1")
    with pytest.raises(AssertionError, match="not sound"):
        audits.verify(databases)


def test_the_hand_written_page_opens_and_closes_as_the_awards_say(tmp_path: Path) -> None:
    awards = [Award(number, paging._PARTNER, number) for number in range(1, 301)]
    book = OurBook.in_file(tmp_path / "book.db", synchronous="NORMAL")
    book.prepare(awards, 100)()
    book.close()
    (page,) = paging._hand_written_pages(tmp_path / "book.db", [50])()
    opening, lines, closing = page
    assert opening == sum(range(1, 51))
    assert lines == [(award.at, award.amount, sum(range(1, award.number + 1))) for award in awards[50:150]]
    assert closing == sum(range(1, 151))
