"""``python -m benchmarks late``: a figure for each lateness, warm and cold, and a chart that is the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as entry
from benchmarks import late
from benchmarks.late import LATENESS, Taken, drawn_events


def test_each_lateness_has_a_figure_warm_and_cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small holder; what comes after the late event grows with how late it is."""
    monkeypatch.setattr(late, "LATENESS", {"1_day": 1, "1_year": 365})
    pytest.importorskip("matplotlib", reason="the chart needs matplotlib")
    chart = tmp_path / "late.svg"
    figures = late.run(400, str(chart))
    assert [figure.name for figure in figures] == ["late_1_day", "late_1_day_cold", "late_1_year", "late_1_year_cold"]
    assert [figure.least_rate for figure in figures] == [50.0, None, None, None]
    assert all(figure.rate > 0 and figure.baseline_rate > 0 for figure in figures)
    assert "400 events" in figures[0].of
    assert "<svg" in chart.read_text(encoding="utf-8")


def test_the_same_figures_give_the_same_chart(tmp_path: Path) -> None:
    """So that a chart in the documentation changes only when its figures do."""
    pytest.importorskip("matplotlib", reason="the chart needs matplotlib")
    taken = [Taken(days, 100 * days, 5.0 + days, 4.0 + days, 600.0) for days in LATENESS.values()]
    for name in ("one.svg", "two.svg"):
        late.draw(taken, 1.5, 100_000, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_holders_refunds_name_deals_before_them() -> None:
    """One event in seven takes back a deal, in whole or in part."""
    events = list(drawn_events(700))
    refunds = [event for event in events if event.kind == "deal.refunded"]
    assert 60 < len(refunds) < 140
    known: set[str] = set()
    for event in events:
        assert event.of is None or event.of in known
        known.add(event.id)


def test_its_options_are_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Another benchmark knows nothing of them."""
    assert entry.main(["step", "--events", "10"]) == 2
    assert "--events is an option of late, kernel and backtest" in capsys.readouterr().err
