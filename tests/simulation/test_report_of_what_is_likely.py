"""The reports of a forecast and of a fit: fans with intervals, observed beside drawn, and what they rest on."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("scipy", reason="forecasts need the extra [sim]")

from loyalty.programme.model import Programme
from loyalty.simulation.report import render_fit, render_forecast
from loyalty.simulation.report.texts import RUSSIAN
from tests.simulation.predicted import forecast, goodness

HOSTILE = "<script>alert(1)</script>\"'&"


def _words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_a_forecast_says_where_each_figure_leads(programme: Programme) -> None:
    """Today, at the end, and between what; of what has no today, the whole span; each month in a table."""
    words = _words(render_forecast(forecast(programme), title="Ahead"))
    for told in ("60 partners go on from 2026-12-31 for 12 months, in 3 futures; newcomers: 12 partners.",
                 "Liability: 50,000 EUR now, 60,800 EUR (from 57,760 EUR to 66,880 EUR) on 2027-12-31.",
                 "Cost: 12,000 EUR (from 11,400 EUR to 13,200 EUR) until 2027-12-31.",
                 "Partners in gold 10 22 from 20.9 to 24.2",
                 "2027-01 50,900 EUR (from 48,355 EUR to 55,990 EUR)", "90 %; the middle of the replicates",
                 "In all 36.00 EUR.", "410 points (from 390 points to 451 points)",
                 "Partners go on as they did.", "The core ran it."):  # fmt: skip
        assert told in words, told
    assert "MDF: reversed" not in words
    assert words.count("2027-12-31.") == 2, "only what is asked for first is told in sentences"


def test_a_forecast_draws_a_fan_for_each_figure_that_is_not_nothing(programme: Programme) -> None:
    """Four of five, and what expires of today's balances; of one month alone as well."""
    pytest.importorskip("matplotlib", reason="charts need matplotlib")
    assert render_forecast(forecast(programme), title="Ahead").count("<svg") == 5
    assert render_forecast(forecast(programme, months=1), title="Ahead").count("<svg") == 5


def test_a_fit_lays_observed_beside_drawn(programme: Programme) -> None:
    """A row for each quantity with its parameters, distances and verdict, and a picture of each form."""
    pytest.importorskip("matplotlib", reason="charts need matplotlib")
    page = render_fit(goodness(programme), title="Fitted")
    words = _words(page)
    for told in ("The scenario fitted was estimated from 60 partners and 4,321 events", "1 of 2",
                 "What does not fit well: deal.won.", "median 8,200.00 EUR; sigma 1.08",
                 "812 fits median 8,200.00 EUR; sigma 1.08 Kolmogorov and Smirnov 0.0312 (p = 0.41)",
                 "does not fit rate 0.91 share that lies elsewhere 31.0 % (p = 0.01)",
                 "# &lt;as estimated&gt;", "Refunds follow within 90 days."):  # fmt: skip
        assert told in words, told
    assert page.count("<svg") == 3


def test_a_unit_stands_behind_a_name_only_where_the_name_does_not_say_it(programme: Programme) -> None:
    """Points are counted in points, money in its unit."""
    pytest.importorskip("matplotlib", reason="charts need matplotlib")
    ahead = _words(render_forecast(forecast(programme), title="Ahead"))
    assert "MDF: issued, EUR" in ahead
    assert "Points: expired" in ahead
    assert "Points: expired, points" not in ahead


def test_names_from_outside_are_harmless(programme: Programme) -> None:
    """A figure or a quantity that looks like markup is shown, not obeyed."""
    for page in (render_forecast(forecast(programme, name=HOSTILE), title=HOSTILE),
                 render_fit(goodness(programme, name=HOSTILE), title=HOSTILE)):  # fmt: skip
        assert "<script>alert" not in page
        assert page.count("<script>") == 1


def test_both_speak_russian(programme: Programme) -> None:
    """Sentences, headings, and names of tests."""
    ahead = _words(render_forecast(forecast(programme), title="Т", texts=RUSSIAN))
    assert "Обязательства: сейчас 50 000 EUR, на 31.12.2027: 60 800 EUR" in ahead
    fitted = _words(render_fit(goodness(programme), title="Т", texts=RUSSIAN))
    assert "подходит median 8,200.00 EUR; sigma 1.08 Колмогоров – Смирнов 0,0312 (p = 0,41)" in fitted
