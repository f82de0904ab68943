"""``loyalty check``: findings with their places, examples that are run, and fairness."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import ACME, Call

FAIL = "expect:\n      - {at: 2026-02-03, points: {pending: 10}, status: 10, mdf: 20.00 EUR, tier: base}"


def test_the_demo_passes(call: Call) -> None:
    """Its examples hold, and the exit code is 0."""
    result = call("check", ACME / "programme.yaml")
    assert result.exit_code == 0
    assert "8 examples, 28 expectations: all hold" in result.stdout


def test_every_fault_of_a_file_is_printed_with_its_place(call: Call, starter: Path) -> None:
    """Three faults are three findings on standard error, with line, column, carets and what to write."""
    path = starter / "programme.yaml"
    text = path.read_text()
    faulty = text.replace("on: deal.won\n    of", "on: deal.wno\n    of").replace("cap:", "capp:", 1)
    path.write_text(faulty.replace("worth: 0.01 EUR", "worth: cheap"))
    result = call("check", path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "3 findings" in result.stderr
    line = 1 + faulty[: faulty.index("deal.wno")].count("\n")
    assert f"{path}:{line}:9: unknown-" in result.stderr
    assert "    on: deal.wno\n            ^^^^^^^^" in result.stderr
    assert "did you mean `cap`?" in result.stderr


def test_a_failed_example_is_a_finding_at_its_line(call: Call, starter: Path) -> None:
    """What was got is said beside what was expected; the other expectations are run as well."""
    path = starter / "programme.yaml"
    text = path.read_text()
    path.write_text(text.replace(FAIL, FAIL.replace("pending: 10", "pending: 11").replace("base", "gold")))
    result = call("check", path)
    assert result.exit_code == 1
    line = text[: text.index(FAIL)].count("\n") + 2
    assert f"{path}:{line}:9: example-failed: got pending: 10 points, tier: base" in result.stdout
    assert "to have 11 points pending and tier gold at the end of 2026-02-03" in result.stdout
    assert "1 of 4 expectations of its examples do not hold" in result.stdout


def test_an_example_that_redeems_too_much_is_a_finding(call: Call, starter: Path) -> None:
    """A redemption is decided as the engine decides it."""
    path = starter / "programme.yaml"
    more = "      - {redeem: {points: 40}, at: 2026-03-10}\n    expect:\n      - {at: 2026-03-10, points: 10}\n"
    path.write_text(
        path.read_text() + "  - given:\n      - {on: deal.won, at: 2026-02-03, amount: 1000.00 EUR}\n" + more
    )
    result = call("check", path)
    assert result.exit_code == 1
    assert "asks to redeem 40 points on 2026-03-10 and has 10 points available" in result.stdout
    path.write_text(path.read_text().replace("redeem: {points: 40}", "redeem: {points: 4}"))
    result = call("check", path)
    assert "got available: 6 points" in result.stdout


def test_json_is_one_document(call: Call, starter: Path) -> None:
    """With findings and without, standard output is JSON and nothing else."""
    path = starter / "programme.yaml"
    fine = call("check", path, "--json")
    assert (fine.exit_code, json.loads(fine.stdout)["ok"], fine.stderr) == (0, True, "")
    path.write_text(path.read_text().replace("cap:", "capp:", 1))
    bad = call("check", path, "--json")
    finding = json.loads(bad.stdout)["findings"][0]
    assert (bad.exit_code, finding["code"], finding["file"], finding["column"]) == (1, "unknown-key", str(path), 5)
    assert bad.stderr == ""


def plant_a_pump(path: Path, opt_out: str = "") -> None:
    """Let refunded deals keep their points."""
    path.write_text(
        path.read_text().replace("deal.refunded: {points: arrears", "deal.refunded: {points: keep") + opt_out
    )


def test_fairness_tells_a_counterexample_as_a_story(call: Call, starter: Path) -> None:
    """A pump is refused by a dated story that names the rule, and where it stands."""
    path = starter / "programme.yaml"
    plant_a_pump(path)
    result = call("check", path, "--fairness", "--budget", "60")
    assert result.exit_code == 1
    assert "no_refund_gain: violated" in result.stdout
    assert "because of rule deal:" in result.stdout
    assert f"rule deal stands at {path}:" in result.stdout
    assert 'no_refund_gain: {except: "why this is meant"}' in result.stdout


def test_fairness_lists_what_the_file_opts_out_of(call: Call, starter: Path) -> None:
    """With a reason the pump passes, and the reason is shown, in JSON as well."""
    path = starter / "programme.yaml"
    plant_a_pump(path, 'fairness: {no_refund_gain: {except: "points are for the effort"}}\n')
    result = call("check", path, "--fairness", "--budget", "60", "--json")
    laws = {law["law"]: law for law in json.loads(result.stdout)["fairness"]}
    assert result.exit_code == 0
    assert laws["no_refund_gain"]["verdict"] == "opted_out"
    assert laws["no_refund_gain"]["reason"] == "points are for the effort"
    assert {law["verdict"] for law in laws.values()} == {"holds", "opted_out"}


def test_fairness_without_hypothesis_says_what_to_install() -> None:
    """The extra is named, without a traceback."""
    script = "import sys; sys.modules['hypothesis'] = None; from loyalty.cli.main import main; main()"
    arguments = [sys.executable, "-c", script, "check", str(ACME / "programme.yaml"), "--fairness"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'loyalty-engine[testing]'" in done.stderr
    assert "Traceback" not in done.stderr
