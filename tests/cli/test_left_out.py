"""What lies outside the programme's dates, or after the last day, is told by every command in the same words."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loyalty import load
from loyalty.batch.tables import EventTable
from loyalty.sources import read_events
from tests.cli.conftest import ACME, Call

PROGRAMME, SCENARIO = ACME / "programme.yaml", ACME / "scenario.yaml"
SENTENCE = "2 events lie outside the programme's dates and earn nothing."
RUSSIAN = "2\xa0события лежат вне сроков программы, за них ничего не начислено"


@pytest.fixture
def early(tmp_path: Path) -> Path:
    """Give the demo's history with two events of a year before the programme."""
    lines = (ACME / "history.jsonl").read_text(encoding="utf-8").splitlines()
    deal = next(row for row in map(json.loads, lines) if row["on"] == "deal.won")
    lines += [
        json.dumps({**deal, "amount": "900.00 EUR", "at": f"2020-0{month}-01T10:00:00Z", "id": f"early-{month}"})
        for month in (1, 2)
    ]
    path = tmp_path / "early.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _commands(early: Path, folder: Path) -> list[tuple[object, ...]]:
    table = EventTable.from_events(load(PROGRAMME), read_events(early, load(PROGRAMME)).events)
    pq.write_table(table.to_arrow(), folder / "early.parquet")
    variant = folder / "variant.yaml"
    variant.write_text(PROGRAMME.read_text(encoding="utf-8").replace("multiplier: 1.25", "multiplier: 1.4"), "utf-8")
    lever = "tiers.gold.multiplier=1.5"
    return [
        ("backtest", PROGRAMME, early),
        ("settle", PROGRAMME, folder / "early.parquet"),
        ("compare", PROGRAMME, variant, "--events", early),
        ("sweep", PROGRAMME, lever, "--events", early),
        ("tune", PROGRAMME, "tiers.gold.multiplier=1.5..1.6:0.1", "--target", "cost >= 1", "--events", early),
        ("forecast", PROGRAMME, early, "--scenario", SCENARIO, "--months", 2, "--replicates", 2),
    ]


def test_every_command_tells_what_lies_outside_the_programmes_dates(call: Call, early: Path, tmp_path: Path) -> None:
    """On the screen and in the report, in English and in Russian."""
    for command in _commands(early, tmp_path):
        out = tmp_path / str(command[0])
        said = call(*command, "--out", out, "--lang", "ru")
        assert said.exit_code == 0, said.stderr
        assert SENTENCE in said.stdout, command[0]
        report = (out / "report.html").read_text(encoding="utf-8").replace("&nbsp;", "\xa0")
        assert RUSSIAN in report, command[0]


def test_a_book_settled_under_a_programme_of_other_dates_tells_it(call: Call, early: Path, tmp_path: Path) -> None:
    """The events that the book holds of days before the programme are counted once each."""
    database = ("--db", tmp_path / "book.db")
    assert call("ledger", "init", *database).exit_code == 0
    assert call("backtest", PROGRAMME, early, "--out", tmp_path / "first", *database).exit_code == 0
    said = call("ledger", "backtest", PROGRAMME, *database, "--out", tmp_path / "again")
    assert (said.exit_code, SENTENCE in said.stdout) == (0, True)
    document = json.loads(call("ledger", "backtest", PROGRAMME, *database, "--out", tmp_path / "b", "--json").stdout)
    assert (document["outside"], document["differing"]) == (2, 0)
    compared = call("sweep", PROGRAMME, "tiers.gold.multiplier=1.5", *database)
    assert SENTENCE in compared.stdout


def test_a_history_of_other_days_alone_is_told_and_has_no_empty_tables(call: Call, early: Path, tmp_path: Path) -> None:
    """A forecast that goes on from nothing says why its cost is 0."""
    path = tmp_path / "only.jsonl"
    path.write_text("\n".join(early.read_text(encoding="utf-8").splitlines()[-2:]) + "\n", encoding="utf-8")
    said = call("forecast", PROGRAMME, path, "--scenario", SCENARIO, "--months", 2, "--replicates", 2)
    assert (said.exit_code, SENTENCE in said.stdout) == (0, True)
    assert "2020-03" not in [line.strip() for line in said.stdout.splitlines()]


def test_the_events_of_the_days_that_are_run_are_counted(call: Call, early: Path) -> None:
    """Through an early day only its events are told, and before the first one there is nothing to run on."""
    arguments = ("sweep", PROGRAMME, "tiers.gold.multiplier=1.5", "--events", early)
    said = call(*arguments, "--until", "2020-01-31")
    assert "1 event of" in said.stdout
    assert "1 event lies outside the programme's dates and earns nothing." in said.stdout
    said = call(*arguments, "--until", "2019-12-31")
    assert said.exit_code == 2
    assert "--until 2019-12-31 lies before the first event, of 2020-01-01" in said.stderr
