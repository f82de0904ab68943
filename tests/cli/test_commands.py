"""What holds for every command: help, exit codes, JSON, no traceback, no colours where nobody sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from loyalty.cli.main import COMMANDS
from loyalty.cli.progress import Meter
from loyalty.programme.loading import load
from loyalty.programme.schema import json_schema
from tests.cli.conftest import ACME, ROOT, Call


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(call: Call, command: str) -> None:
    """One line of purpose in the list, an example in its own help."""
    result = call(command, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    loyalty {command}" in result.stdout
    assert f"  {command} " in call("--help").stdout


def test_ctrl_c_while_a_command_is_loaded_is_told_as_within_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading takes a second, in which somebody may think better of it: the exit code is that of the help."""

    def stopped(name: str) -> None:
        raise KeyboardInterrupt(name)

    monkeypatch.setattr("loyalty.cli.groups.import_module", stopped)
    result = call("check", ACME / "programme.yaml")
    assert (result.exit_code, result.stderr) == (130, "Stopped.\n")


def test_wrong_use_is_2(call: Call, tmp_path: Path) -> None:
    """Unknown commands and options, missing arguments and files."""
    for arguments in (("chekc",), ("check",), ("check", tmp_path / "none.yaml"), ("check", tmp_path), ("check", "--x"),
                      ("explain", ACME / "programme.yaml", ACME / "history.jsonl"),
                      ("simulate", ACME / "programme.yaml", "--partners", "0", "--out", tmp_path)):  # fmt: skip
        assert call(*arguments).exit_code == 2, arguments


def test_files_that_cannot_be_used_are_told_without_a_traceback(call: Call, tmp_path: Path) -> None:
    """Bytes that are no text, an unknown format, a folder where a file stands."""
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "not-utf-8" in call("check", binary).stderr
    strange = tmp_path / "events.pdf"
    strange.write_text("x")
    result = call("backtest", ACME / "programme.yaml", strange, "--out", tmp_path / "out")
    assert (result.exit_code, "unknown-format" in result.stderr) == (1, True)
    blocked = call("backtest", ACME / "programme.yaml", ACME / "history.jsonl", "--out", binary / "sub")
    assert (blocked.exit_code, blocked.stdout) == (2, "")
    assert blocked.stderr.startswith("Error: ")
    as_json = call("backtest", ACME / "programme.yaml", ACME / "history.jsonl", "--out", binary / "sub", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["error"]["code"]) == (2, "file")


def test_a_subprocess_writes_no_colours(tmp_path: Path) -> None:
    """``python -m loyalty`` works, and what is not a terminal gets plain text that is not cut."""
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}
    out = tmp_path / ("a-long-name-" * 12)
    arguments = [sys.executable, "-m", "loyalty", "backtest", str(ACME / "programme.yaml"),
                 str(ACME / "history.jsonl"), "--out", str(out)]  # fmt: skip
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[-1] == f"Report: {out / 'report.html'}"


def test_no_color_is_heeded_where_colours_are_forced() -> None:
    """NO_COLOR wins over FORCE_COLOR: no colour codes in the findings."""
    arguments = [sys.executable, "-m", "loyalty", "check", str(ACME / "scenario.yaml")]
    environment = {**os.environ, "FORCE_COLOR": "1", "NO_COLOR": "1"}
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 1
    assert "\x1b[31m" not in done.stderr
    assert "another-file" in done.stderr


def test_schema_is_json_schema_and_takes_the_examples(call: Call) -> None:
    """All schemas are valid, and the committed ones are what the command prints."""
    document = json.loads(call("schema").stdout)
    Draft202012Validator.check_schema(document)
    Draft202012Validator.check_schema(json.loads(call("schema", "--mapping").stdout))
    Draft202012Validator.check_schema(json.loads(call("schema", "--scenario").stdout))
    scenario_schema = (ROOT / "examples" / "scenario.schema.json").read_text(encoding="utf-8")
    assert scenario_schema == call("schema", "--scenario").stdout
    assert document == json_schema()
    assert (ROOT / "examples" / "programme.schema.json").read_text(encoding="utf-8") == call("schema").stdout


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/programme.yaml")), ids=lambda path: path.parent.name)
def test_examples_point_editors_at_the_schema(path: Path) -> None:
    """Their first line does."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../programme.schema.json"


def test_init_writes_what_runs(call: Call, starter: Path) -> None:
    """Every command of its README passes, and no file is overwritten."""
    lines = [line for line in (starter / "README.md").read_text().splitlines() if line.startswith("loyalty ")]
    assert len(lines) == 6
    for line in lines:
        words = line.partition("#")[0].split()[1:]
        if "--fairness" in words:
            continue
        paths = [str(starter / word) if "." in word or "/" in word else word for word in words]
        result = call(*paths)
        assert result.exit_code == 0, result.output
    again = call("init", starter)
    assert again.exit_code == 2
    assert "nothing is overwritten" in again.stderr
    assert load(starter / "programme.yaml").id == "my-partners"


def test_simulate_draws_the_same_for_the_same_seed(call: Call, tmp_path: Path) -> None:
    """Two runs have the same bytes, another seed has others; the report says what was assumed."""
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        result = call("simulate", ACME / "programme.yaml", "--scenario", ACME / "scenario.yaml", "--partners", 6,
                      "--months", 5, "--seed", seed, "--journal", "--out", tmp_path / name)  # fmt: skip
        assert result.exit_code == 0
        assert result.stdout.rstrip().endswith(f"Report: {tmp_path / name / 'report.html'}")
    one, two, other = ((tmp_path / name / "journal.csv").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other
    report = (tmp_path / "one" / "report.html").read_bytes()
    assert report == (tmp_path / "two" / "report.html").read_bytes()
    assert b"Seven partners in ten are small" in report


def test_simulate_without_a_scenario_and_in_json(call: Call, tmp_path: Path) -> None:
    """The plain assumptions do, and a start may be given."""
    result = call("simulate", ACME / "programme.yaml", "--partners", 3, "--months", 2, "--start", "2026-01-15",
                  "--out", tmp_path, "--json")  # fmt: skip
    assert result.exit_code == 0
    assert json.loads(result.stdout)["until"] == "2026-02-28"
    beyond = call("simulate", ACME / "programme.yaml", "--months", 1200, "--out", tmp_path)
    assert (beyond.exit_code, "take fewer" in beyond.stderr) == (2, True)


def test_what_simulate_drew_is_read_by_settle_fit_and_backtest(call: Call, tmp_path: Path) -> None:
    """Settled again it has the digest and the tables of the run, and backtest comes to the same, redemptions too."""
    events, until = tmp_path / "run" / "events.parquet", "2025-08-31"
    made = call("simulate", ACME / "programme.yaml", "--scenario", ACME / "scenario.yaml", "--partners", 15,
                "--months", 8, "--out", tmp_path / "run", "--events-out", events, "--json")  # fmt: skip
    drawn = json.loads(made.stdout)
    assert drawn["events"] == str(events)
    settled = call("settle", ACME / "programme.yaml", events, "--until", until, "--out", tmp_path / "settled", "--json")
    assert json.loads(settled.stdout)["digest"] == drawn["digest"]
    tables = sorted(path.name for path in (tmp_path / "run").glob("*.csv"))
    assert [(tmp_path / "settled" / name).read_bytes() for name in tables] == [
        (tmp_path / "run" / name).read_bytes() for name in tables
    ]
    tested = call("backtest", ACME / "programme.yaml", events, "--until", until, "--out", tmp_path / "tested", "--json")
    document = json.loads(tested.stdout)
    assert (document["currencies"], document["tiers"]) == (drawn["currencies"], drawn["tiers"])
    assert document["counts"]["postings"] == drawn["counts"]["postings"]
    assert any("are wishes to redeem" in note for note in document["notes"])
    # Row for row, partners in each month among them; what caps cut is known to the engine's way alone.
    same = [name for name in tables if name not in ("activity.csv", "by_rule.csv")]
    assert [(tmp_path / "tested" / name).read_bytes() for name in same] == [
        (tmp_path / "run" / name).read_bytes() for name in same
    ]
    book = call("backtest", ACME / "programme.yaml", events, "--out", tmp_path / "b", "--db", tmp_path / "book.db")
    assert (book.exit_code, "leave --db out" in book.stderr) == (2, True)
    fitted = call("fit", events, "--programme", ACME / "programme.yaml", "--out", tmp_path / "fit", "--json")
    assert json.loads(fitted.stdout)["ok"]
    text = call("simulate", ACME / "programme.yaml", "--partners", 2, "--months", 1, "--out", tmp_path / "text",
                "--events-out", tmp_path / "events.parquet")  # fmt: skip
    assert f"Events: {tmp_path / 'events.parquet'}" in text.stdout.replace("\n", "")
    wrong = call("simulate", ACME / "programme.yaml", "--out", tmp_path, "--events-out", tmp_path / "events.csv")
    assert (wrong.exit_code, "name a file .parquet" in wrong.stderr) == (2, True)


def test_fit_writes_a_scenario_that_simulate_takes(call: Call, tmp_path: Path) -> None:
    """The demo's history is fitted, with a report; the scenario is simulated; segments may be given."""
    history = ACME / "history.jsonl"
    result = call("fit", history, "--programme", ACME / "programme.yaml", "--out", tmp_path / "fit")
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith(f"Report: {tmp_path / 'fit' / 'fit.html'}")
    again = call("simulate", ACME / "programme.yaml", "--scenario", tmp_path / "fit" / "scenario.yaml", "--partners", 5,
                 "--months", 3, "--out", tmp_path / "simulated")  # fmt: skip
    assert again.exit_code == 0
    partners = sorted({json.loads(line)["partner"] for line in history.read_text().splitlines() if "partner" in line})
    (tmp_path / "segments.csv").write_text("partner,segment\n" + "".join(f"{name},one\n" for name in partners))
    given = call("fit", history, "--programme", ACME / "programme.yaml", "--segments", tmp_path / "segments.csv",
                 "--json", "--lang", "ru", "--out", tmp_path / "given")  # fmt: skip
    assert json.loads(given.stdout)["quantities"]
    assert "segment: one" in (tmp_path / "given" / "scenario.yaml").read_text()
    assert 'lang="ru"' in (tmp_path / "given" / "fit.html").read_text()
    for wrong in ("none.csv", "0", history):
        refused = call("fit", history, "--programme", ACME / "programme.yaml", "--segments", wrong, "--out", tmp_path)
        assert refused.exit_code == 2


def test_progress_is_shown_late_and_on_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing within the patience, nothing without a terminal."""
    for is_terminal, patience_seconds, shows in ((True, 0.0, True), (True, 60.0, False), (False, 0.0, False)):
        console = Console(stderr=True, force_terminal=is_terminal)
        with Meter(console, patience_seconds) as meter:
            report = meter.stage("settling", 10)
            report(5)
        assert ("settling" in capsys.readouterr().err) is shows
