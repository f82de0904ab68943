"""Exports of a locked book: transactions stand under their booked days, with the effective instant beside them."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from loyalty.core.calendar import format_day, parse_day
from loyalty.exports import Format, export_file
from loyalty.exports.trial_balance import trial_balance
from tests.exports.books import commanded, locked_entries

PROGRAMME = commanded()[0]


def test_nothing_new_stands_under_a_locked_day() -> None:
    """What was recorded behind a lock is booked on the day after it, whatever it counts from."""
    booked = {entry.key: entry.booked_day for entry in locked_entries()}
    days = {key: format_day(day) for key, day in booked.items() if day is not None}
    assert days["event:/D-3"] == "2026-04-01"
    assert days["event:/D-5"] == "2026-07-01"
    assert booked["event:/D-4"] is None
    assert set(days.values()) == {"2026-04-01", "2026-07-01"}


def test_a_journal_is_in_the_order_of_booking(tmp_path: Path) -> None:
    """The date is the booked day, and the tag ``effective`` says from when the entry counts."""
    path = tmp_path / "book.journal"
    export_file(locked_entries(), PROGRAMME, Format.HLEDGER, path)
    text = path.read_text(encoding="utf-8")
    transaction = text[text.index("2026-04-01 event | event:/D-3") :]
    assert "    ; effective: 2026-01-04T23:00:00.000000Z\n" in transaction[: transaction.index("\n\n")]
    dates = [line[:10] for line in text.splitlines() if line[:5] == "2026-"]
    assert dates == sorted(dates)
    before = Counter(line[:10] for line in text.splitlines() if line[:5] == "2026-" and "assertion" not in line)
    assert sum(count for date, count in before.items() if date <= "2026-03-31") == 2


def test_rows_have_both_days(tmp_path: Path) -> None:
    """``day`` is that from which it counts and ``booked_day`` that under which it is booked, in CSV as in Parquet."""
    export_file(locked_entries(), PROGRAMME, Format.CSV, tmp_path / "book.csv")
    export_file(locked_entries(), PROGRAMME, Format.PARQUET, tmp_path / "book.parquet")
    with (tmp_path / "book.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["entry"], row["day"], row["booked_day"]) for row in csv.DictReader(file)]
    assert ("event:/D-3", "2026-01-05", "2026-04-01") in rows
    assert ("event:/D-1", "2026-01-10", "2026-01-10") in rows
    table = pq.read_table(tmp_path / "book.parquet", columns=["entry", "day", "booked_day"]).to_pylist()
    assert [(row["entry"], str(row["day"]), str(row["booked_day"])) for row in table] == rows


def test_a_trial_balance_can_go_by_booked_days() -> None:
    """That of a closed quarter stays what it was when it was closed."""
    entries, day = locked_entries(), parse_day("2026-03-31")
    end = PROGRAMME.calendar.day_start_us(day + 1) - 1
    closed = [entry for entry in entries if entry.key in ("event:/D-1", "event:/D-2")]
    assert trial_balance(entries, effective_at=end, booked_through=day) == trial_balance(closed)
    assert trial_balance(entries, effective_at=end) != trial_balance(closed)
