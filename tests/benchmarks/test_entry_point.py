"""``python -m benchmarks`` prints ratios with the rates on both sides, as a table or as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from benchmarks import __main__ as entry
from benchmarks import step
from benchmarks.harness import Figure, compare, skipped

FIELDS = {"name", "ratio", "rate", "baseline_rate", "unit", "peak_mib"}


def figure(**changed: object) -> Figure:
    fields = {"name": "x", "ratio": 0.75, "rate": 150.0, "baseline_rate": 200.0, "unit": "events/s", "peak_mib": 9.5}
    return Figure(**{**fields, **changed})  # type: ignore[arg-type]


def test_a_line_of_json_holds_the_figure() -> None:
    assert json.loads(figure().line()) == {
        "name": "x", "ratio": 0.75, "rate": 150.0, "baseline_rate": 200.0, "unit": "events/s", "peak_mib": 9.5,
    }  # fmt: skip


def test_json_prints_one_line_a_figure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(step, "PARTNERS", 3)
    assert entry.main(["step", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == ["step", "apply"]
    assert all(set(line) == FIELDS for line in lines)


def test_the_table_says_whether_targets_are_met(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = [figure(name="good", least_ratio=0.7), figure(name="bad", least_ratio=0.8), figure(name="informs")]
    monkeypatch.setattr(step, "run", lambda: figures)
    assert entry.main(["step"]) == 0
    rows = {row[1]: row[-2] for row in (line.split() for line in capsys.readouterr().out.splitlines()) if len(row) > 5}
    assert rows["good"] == "yes"
    assert rows["bad"] == "no"
    assert figures[2].met is None


def test_a_reason_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The name of an extra stands in brackets, which are markup to what prints tables."""
    reason = "x is not installed; pip install 'loyalty-engine[bench]'"
    monkeypatch.setattr(step, "run", lambda: [skipped("x", reason)])
    assert entry.main(["step"]) == 0
    assert reason in " ".join(capsys.readouterr().out.split())


def test_an_unknown_name_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["stpe"]) == 2
    assert "step" in capsys.readouterr().err


def test_a_ratio_compares_rates_and_not_times() -> None:
    def work(loops: int) -> Callable[[], Callable[[], int]]:
        return lambda: lambda: sum(range(loops))

    measured = compare("sum", 1, work(400_000), work(100_000), rounds=3)
    assert measured.ratio < 0.6
    assert measured.rate < measured.baseline_rate
