"""The reports of a sweep and of a search: the front, every point, what is refused, and whether the target is met."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from attrs import evolve

pytest.importorskip("scipy", reason="sweeps need the extra [sim]")

from loyalty.programme.model import Programme
from loyalty.simulation.comparison import Estimate, Figure, Interval
from loyalty.simulation.levers import Lever
from loyalty.simulation.report import render_sweep, render_tuning
from loyalty.simulation.report.texts import ENGLISH, RUSSIAN
from loyalty.simulation.sweeping import Point, Sweep
from loyalty.simulation.targets import read_target
from loyalty.simulation.tuning import Tried, Tuning

PATH, OTHER = "tiers.ladder.gold.multiplier", "currencies.points.worth"
VALUES = tuple(Decimal(text) for text in ("1.1", "1.2", "1.3"))


def _estimates(cost: int, revenue: int) -> dict[str, Estimate]:
    interval = Interval(low=-5.0, high=25.0)
    return {
        "cost": Estimate(name="cost", unit="EUR", base=Fraction(100), variant=Fraction(cost), interval=interval),
        "revenue": Estimate(name="revenue", unit="EUR", base=Fraction(5000), variant=Fraction(revenue)),
    }


def _sweep(programme: Programme, *, two: bool = False, revenue: int = 10) -> Sweep:
    levers = [Lever(PATH, Decimal("1.25"), listed=VALUES)]
    if two:
        levers.append(Lever(OTHER, Decimal("0.01"), listed=(Decimal("0.01"), Decimal("0.02"))))
    points = [
        Point(values={PATH: value, **({OTHER: other} if two else {})}, is_best=place != 1,
              estimates=_estimates(90 + 10 * place, 5000 + revenue * place))
        for place, value in enumerate(VALUES)
        for other in (levers[1].listed if two else (Decimal(0),))
    ]  # fmt: skip
    if two:
        points[-1] = Point(values=points[-1].values, refused="multiplier-falls at <text>:3:4")
    base = {name: Figure(name=name, value=each.base, unit=each.unit) for name, each in _estimates(0, 0).items()}
    return Sweep(programme=programme, levers=tuple(levers), points=tuple(points), cost="cost", response="revenue",
                 base=base, seeds=(4, 5), notes=("Told by the runner.",))  # fmt: skip


def _tuning(programme: Programme) -> Tuning:
    tried = tuple(Tried(value=value, figure=Fraction(80 + 20 * place), wanted=Fraction(100),
                        interval=Interval(low=-30.0, high=30.0)) for place, value in enumerate(VALUES))  # fmt: skip
    return Tuning(programme=programme, lever=Lever(PATH, Decimal("1.25"), listed=VALUES), unit="EUR",
                  target=read_target("cost = 2 % of revenue"), tried=tried, best=tried[1], is_met=True)  # fmt: skip


def _words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_a_sweep_tells_its_front_and_lists_every_point(programme: Programme) -> None:
    """How many points there are, what the best cost and bring, and a row for each."""
    page = render_sweep(_sweep(programme), title="Turned")
    words = _words(page)
    assert "3 points were run on identical events" in words
    told = "Cost 110.00 EUR (+10.00 EUR; from −5.00 EUR to +25.00 EUR), Revenue 5,020.00 EUR (+20.00 EUR)."
    assert f"{PATH} = 1.3: {told}" in words
    assert "Cost: difference, and its interval" in words
    assert "1.2 100.00 EUR 0.00 EUR; from −5.00 EUR to +25.00 EUR 5,010.00 EUR +10.00 EUR" in words
    assert "Told by the runner." in words
    assert "now 1.25; run with 1.1, 1.2, 1.3" in words


def test_a_sweep_of_two_numbers_has_a_table_of_both_and_says_what_is_refused(programme: Programme) -> None:
    """Down the first number, across the second; the refused point has no cost."""
    words = _words(render_sweep(_sweep(programme, two=True), title="Turned"))
    assert "Cost by both values" in words
    assert "1.3 110.00 EUR refused" in words
    refused = f"The language refuses 1 point ({PATH} = 1.3, {OTHER} = 0.02): multiplier-falls at &lt;text&gt;:3:4."
    assert refused in words


def test_a_flat_response_is_said(programme: Programme) -> None:
    """Where nothing responds, cost alone decides, and the reader is told."""
    words = _words(render_sweep(_sweep(programme, revenue=0), title="Turned"))
    assert "Revenue: the same at every point" in words


def test_one_number_is_drawn_against_its_figures(programme: Programme) -> None:
    """The front, cost and revenue; two numbers have the front alone; each says what its area or its crosses are."""
    pytest.importorskip("matplotlib", reason="charts need matplotlib")
    page = render_sweep(_sweep(programme), title="Turned")
    assert page.count("<svg") == 3
    words = _words(page)
    assert f"By {PATH}, now 1.25: from 90.00 EUR to 110.00 EUR. The area is the 95 % interval" in words
    assert "Crosses are" not in words, "revenue has no interval here, so that nothing is crossed"
    both = _sweep(programme)
    crossed = [
        evolve(point, estimates={name: evolve(one, interval=Interval(low=-5.0, high=25.0))
                                 for name, one in point.estimates.items()})
        for point in both.points
    ]  # fmt: skip
    assert "Crosses are 95 % intervals" in _words(render_sweep(evolve(both, points=tuple(crossed)), title="Turned"))
    assert render_sweep(_sweep(programme, two=True), title="Turned").count("<svg") == 1


def test_a_search_says_whether_the_target_is_met(programme: Programme) -> None:
    """The value that was found, what the figure is there, and what is wanted."""
    met = _tuning(programme)
    assert f"With {PATH} = 1.2 the target Cost = 2.00 % of Revenue is met: 100.00 EUR" in _words(
        render_tuning(met, title="Tuned")
    )
    missed = evolve(met, is_met=False)
    assert f"The nearest is {PATH} = 1.2" in _words(render_tuning(missed, title="Tuned"))
    points = _words(render_tuning(evolve(met, unit="points", is_whole=True), title="Tuned"))
    assert "1.2 100 points 100 points 0 points from −30 points to +30 points" in points
    nothing = evolve(met, best=None, is_met=False)
    assert "No value of the range meets Cost = 2.00 % of Revenue." in _words(render_tuning(nothing, title="Tuned"))


def test_both_speak_russian(programme: Programme) -> None:
    """Sentences and headings; paths stay as they are."""
    swept = _words(render_sweep(_sweep(programme), title="Т", texts=RUSSIAN))
    assert "просчитано: 3 точки" in swept
    assert "1,1" in swept
    tuned = _words(render_tuning(_tuning(programme), title="Т", texts=RUSSIAN))
    assert "цель Стоимость программы = 2,00 % от «Выручка» достигнута" in tuned
    assert ENGLISH.say("tune.none", target="x") not in tuned


def test_points_that_are_refused_for_several_reasons_are_told_by_reason(programme: Programme) -> None:
    """Each reason once, with the points that it is of."""
    swept = _sweep(programme)
    whys = ("multiplier-falls", "out-of-range", "out-of-range")
    points = tuple(Point(values=point.values, refused=why) for point, why in zip(swept.points, whys, strict=True))
    words = _words(render_sweep(evolve(swept, points=points), title="Turned"))
    assert f"The language refuses 1 point ({PATH} = 1.1): multiplier-falls." in words
    assert f"The language refuses 2 points ({PATH} = 1.2; {PATH} = 1.3): out-of-range." in words


def test_a_search_names_the_values_that_were_run_and_how_far_the_nearest_step_is(programme: Programme) -> None:
    """Of a range only what was tried is named; an equality that no step meets exactly is not told as met."""
    met = _tuning(programme)
    assert met.best is not None
    near = evolve(met, tried=(*met.tried[:2], Tried(value=Decimal("1.3"), refused="multiplier-falls")),
                  best=evolve(met.best, figure=Fraction(99)))  # fmt: skip
    words = _words(render_tuning(near, title="Tuned"))
    assert "now 1.25; run with 1.1, 1.2 " in words
    assert "comes nearest to Cost = 2.00 % of Revenue: 99.00 EUR, wanted 100.00 EUR" in words
    assert "which is 1.00 % of it" in words
