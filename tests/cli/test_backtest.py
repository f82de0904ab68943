"""``loyalty backtest``: what it writes, twice the same, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.conftest import ACME, ROOT, Call

PIPELINE = ROOT.parent / "shared" / "data" / "crm-sales" / "sales_pipeline.csv"
CRM = ROOT / "examples" / "crm_sales"


def contents(folder: Path) -> dict[str, bytes]:
    """Give every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_twice_gives_the_same_bytes(call: Call, tmp_path: Path) -> None:
    """Tables, journal and report of the demo's history do not depend on the clock or the folder."""
    for name in ("one", "two"):
        result = call("backtest", ACME / "programme.yaml", ACME / "history.jsonl", "--out", tmp_path / name)
        assert result.exit_code == 0
        assert result.stdout.rstrip().endswith(f"Report: {tmp_path / name / 'report.html'}")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one == two
    assert {"journal.csv", "report.html", "by_month.csv", "tiers.csv", "mdf.csv", "by_rule.csv"} <= one.keys()


def test_json_agrees_with_the_journal(call: Call, tmp_path: Path) -> None:
    """What was issued is what the journal takes out of the programme's account."""
    result = call("backtest", ACME / "programme.yaml", ACME / "history.jsonl", "--out", tmp_path, "--json")
    document = json.loads(result.stdout)
    issued = Counter[str]()
    with Path(document["files"][-2]).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["account"] == "programme/issued" and row["amount"].startswith("-"):
                issued[row["asset"]] += round(100 * -float(row["amount"]))
    assert {name: f"{issued[name] / 100:.2f}" for name in ("points", "mdf")} == {
        "points": document["currencies"]["points"]["issued"] + ".00",
        "mdf": document["currencies"]["mdf"]["issued"],
    }
    assert document["counts"]["events"] == 511
    assert document["until"] == "2026-12-31"


def test_parquet_tables(call: Call, starter: Path) -> None:
    """The tables are Parquet where that is asked for."""
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, of the extra [sim]")
    out = starter / "out"
    result = call("backtest", starter / "programme.yaml", starter / "events.csv", "--out", out, "--format", "parquet")
    assert result.exit_code == 0
    assert (out / "by_month.parquet").read_bytes()[:4] == b"PAR1"


def test_bad_rows_settle_nothing(call: Call, starter: Path) -> None:
    """They are listed with file, line and reason; nothing is written."""
    events = starter / "events.csv"
    events.write_text(events.read_text().replace("12500.00 EUR", "12500.00 CHF").replace("sales\n", "slaes\n"))
    result = call("backtest", starter / "programme.yaml", events, "--out", starter / "out")
    assert result.exit_code == 1
    assert f"{events}:3:1: bad-row" in result.stderr
    assert "declare an exchange rate for CHF" in result.stderr
    assert "2 findings" in result.stderr
    assert not (starter / "out").exists()


def test_bad_rows_can_be_skipped_and_are_saved(call: Call, starter: Path) -> None:
    """They are counted in the summary and in the report; a later run without any takes the file away."""
    events, out = starter / "events.csv", starter / "out"
    good = events.read_text()
    events.write_text(good.replace("12500.00 EUR", "12500.00 CHF"))
    arguments = ("backtest", starter / "programme.yaml", events, "--out", out, "--skip-bad-rows")
    result = call(*arguments)
    assert result.exit_code == 0
    assert "1 row could not be read and earned nothing" in result.stdout
    assert "CHF" in (out / "bad_rows.csv").read_text()
    assert "1 row could not be read" in (out / "report.html").read_text()
    events.write_text(good)
    call(*arguments)
    assert not (out / "bad_rows.csv").exists()


def test_many_bad_rows_are_cut_short_for_people_only(call: Call, starter: Path) -> None:
    """Twenty are shown and the rest counted; JSON has all."""
    events = starter / "events.csv"
    header = events.read_text().splitlines()[0]
    rows = [f"deal.won,2026-02-30,D-{number},crm,acme,,,1.00 EUR,," for number in range(30)]
    events.write_text("\n".join([header, *rows]))
    arguments = ("backtest", starter / "programme.yaml", events, "--out", starter / "out")
    assert "and 10 more bad rows" in call(*arguments).stderr
    assert len(json.loads(call(*arguments, "--json").stdout)["findings"]) == 30


def test_until_goes_beyond_the_last_event_and_not_before_it(call: Call, starter: Path) -> None:
    """More time passes with a later day; an earlier one is wrong use."""
    arguments = ("backtest", starter / "programme.yaml", starter / "events.csv", "--out", starter / "out")
    assert "Everything due through 2026-03-31 has happened." in call(*arguments).stdout
    assert "Everything due through 2028-01-01 has happened." in call(*arguments, "--until", "2028-01-01").stdout
    early = call(*arguments, "--until", "2026-02-01")
    assert early.exit_code == 2
    assert "lies before the last event, of 2026-03-19" in early.stderr
    assert call(*arguments, "--until", "soon").exit_code == 2


def test_a_mapping_reads_the_raw_export(call: Call, starter: Path) -> None:
    """The rows that match no entry are counted."""
    result = call("backtest", starter / "programme.yaml", starter / "export.csv", "--map", starter / "mapping.yaml",
                  "--out", starter / "out")  # fmt: skip
    assert result.exit_code == 0
    assert "3 rows gave 2 events." in result.stdout
    assert "1 row matched no entry of the mapping." in result.stdout


@pytest.mark.skipif(not PIPELINE.is_file(), reason="the CRM's pipeline is not beside the repository")
def test_the_crm_pipeline(call: Call, tmp_path: Path) -> None:
    """4,238 won deals settle; the base rule's total is that of ten lines of script; twice gives the same bytes."""
    for name in ("one", "two"):
        result = call("backtest", CRM / "programme.yaml", PIPELINE, "--map", CRM / "mapping.yaml", "--out",
                      tmp_path / name, "--json")  # fmt: skip
        assert result.exit_code == 0
    assert json.loads(result.stdout)["counts"]["events"] == 4238
    assert contents(tmp_path / "one") == contents(tmp_path / "two")

    with PIPELINE.open(encoding="utf-8", newline="") as file:
        won = [row for row in csv.DictReader(file) if row["deal_stage"] == "Won"]
    expected = Counter[str]()
    for row in won:
        expected[row["account"]] += int(row["close_value"]) // 10
    posted = Counter[str]()
    with (tmp_path / "one" / "journal.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["rule"] == "deal-base" and row["asset"] == "points" and row["account"].startswith("partner:"):
                posted[row["account"].removeprefix("partner:").partition("/")[0]] += int(row["amount"])
    assert posted == expected
