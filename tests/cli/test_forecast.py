"""``loyalty forecast``: of a file and of a book, on the screen, in a document and in tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.cli.conftest import ACME, Call

SCENARIO = ("--scenario", ACME / "scenario.yaml")
SMALL = ("--months", 3, "--replicates", 3)


def test_a_file_and_the_book_that_holds_it_have_one_forecast(call: Call, tmp_path: Path) -> None:
    """The same past gives the same future, and the tables are those of the document."""
    database = ("--db", tmp_path / "book.db")
    programme, history = ACME / "programme.yaml", ACME / "history.jsonl"
    assert call("ledger", "init", *database).exit_code == 0
    assert call("backtest", programme, history, "--out", tmp_path / "first", *database).exit_code == 0
    out = tmp_path / "out"
    of_file = call("forecast", programme, history, "--today", "2026-12-31", *SCENARIO, *SMALL, "--json", "--out", out)
    of_book = call("forecast", programme, *database, *SCENARIO, *SMALL, "--json")
    document, same = json.loads(of_file.stdout), json.loads(of_book.stdout)
    assert document["tables"] == same["tables"]
    assert (document["today"], document["until"], document["partners"]) == ("2026-12-31", "2027-03-31", 12)
    with (out / "forecast.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["mean"] for row in rows] == [row["mean"] for row in document["tables"]["forecast"]]
    assert {path.name for path in out.iterdir()} == {
        "forecast.csv",
        "totals.csv",
        "expiring.csv",
        "report.html",
    }


def test_a_forecast_says_what_stands_today_what_is_to_come_and_what_was_assumed(call: Call) -> None:
    """For people: totals with intervals, months, expiry of what is there, assumptions."""
    said = call("forecast", ACME / "programme.yaml", ACME / "history.jsonl", *SCENARIO, *SMALL, "--arriving", 5)
    assert said.exit_code == 0
    for words in (
        "Acme partner programme: forecast from 2026-12-12 through 2027-02-28", "12 known partners and 5 who come",
        "90 % of the replicates", "liability (EUR)", "breakage", "tiers.gold", "2027-01",
        "Of the points that are there today there expire, unless they are used: 19,602 in 2027-01.",
        "Assumed, not measured:",
    ):  # fmt: skip
        assert words in said.stdout, words


def test_one_past_is_given_and_a_scenario(call: Call) -> None:
    """Neither or both is wrong use, and so is a span beyond the calendar."""
    programme = ACME / "programme.yaml"
    neither = call("forecast", programme, *SCENARIO)
    both = call("forecast", programme, ACME / "history.jsonl", "--db", "x.db", *SCENARIO)
    assert {neither.exit_code, both.exit_code} == {2}
    assert "say what the past is" in neither.stderr
    assert call("forecast", programme, ACME / "history.jsonl").exit_code == 2
    assert call("forecast", programme, ACME / "history.jsonl", *SCENARIO, "--replicates", 1).exit_code == 2
