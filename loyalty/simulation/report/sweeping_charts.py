"""
The charts of a sweep and of a search: cost against response with its front, and figures against the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from loyalty.simulation.report.drawing import COLOURS, GREY, INK, Chart, draw_all, draw_chart, short_numbers
from loyalty.simulation.report.figures import figure_name, quantity, unit_behind, unit_of
from loyalty.simulation.report.texts import Texts

if TYPE_CHECKING:
    from loyalty.simulation.comparison import Estimate, Interval
    from loyalty.simulation.sweeping import Sweep
    from loyalty.simulation.tuning import Tuning


def sweep_charts(sweep: Sweep, texts: Texts) -> tuple[Chart, ...] | None:
    """Draw the front, and for one lever each figure against its value; None where matplotlib is not installed."""
    return draw_all(lambda: _sweep_charts(sweep, texts))


def tuning_chart(tuning: Tuning, texts: Texts) -> tuple[Chart, ...] | None:
    """Draw the figure of the target against the value; None where matplotlib is not installed."""
    return draw_all(lambda: [_tuning(tuning, texts)])


def _sweep_charts(sweep: Sweep, texts: Texts) -> Sequence[Chart | None]:
    names = dict.fromkeys((sweep.cost, sweep.response, "liability"))
    return [
        _front(sweep, texts),
        *(_by_value(sweep, name, texts) for name in names if len(sweep.levers) == 1),
    ]


def _front(sweep: Sweep, texts: Texts) -> Chart | None:
    """Every point by cost and response, the front as a line, and the programme as it is."""
    points = [point for point in sweep.points if point.estimates]
    if not points:
        return None

    def place(point: Any) -> tuple[float, float]:
        return float(point.estimates[sweep.cost].variant), float(point.estimates[sweep.response].variant)

    def draw(axes: Any) -> None:
        others = [place(point) for point in points if not point.is_best]
        if others:
            axes.scatter(*zip(*others, strict=True), color=GREY, s=22, label=texts.say("series.other_points"))
        front = [place(point) for point in sweep.front]
        axes.plot(*zip(*front, strict=True), color=COLOURS[0], marker="o", linewidth=2, markersize=6,
                  label=texts.say("series.front"))  # fmt: skip
        _spread(axes, sweep, texts)
        axes.scatter([float(sweep.base[sweep.cost].value)], [float(sweep.base[sweep.response].value)], color=COLOURS[3],
                     marker="D", s=44, zorder=4, label=texts.say("series.now"))  # fmt: skip
        axes.set(xlabel=_axis(sweep.cost, sweep.base[sweep.cost].unit, texts),
                 ylabel=_axis(sweep.response, sweep.base[sweep.response].unit, texts))  # fmt: skip
        short_numbers(axes.xaxis, texts)
        short_numbers(axes.yaxis, texts)

    figures = [(point.estimates[sweep.cost], point.estimates[sweep.response]) for point in sweep.front]
    crossed = [cost.interval for cost, response in figures if response.interval is not None]
    told = {"cost": figure_name(sweep.cost, texts), "response": figure_name(sweep.response, texts),
            "points": texts.count("point", len(points)), "best": texts.count("point", len(sweep.front)),
            "spread": _spread_told("cross", crossed, texts)}  # fmt: skip
    return draw_chart(texts, "front", draw, told)


def _spread(axes: Any, sweep: Sweep, texts: Texts) -> None:
    """Cross each point of the front with the intervals of its differences to the programme as it is."""
    label: str | None = texts.say("series.interval")
    for point in sweep.front:
        cost, response = point.estimates[sweep.cost], point.estimates[sweep.response]
        if cost.interval is None or response.interval is None:
            continue
        axes.errorbar(
            [float(cost.variant)], [float(response.variant)], _arms(response, response.interval),
            _arms(cost, cost.interval), fmt="none", ecolor=COLOURS[1], elinewidth=1.6, capsize=3, zorder=1, label=label,
        )  # fmt: skip
        label = None


def _arms(estimate: Estimate, interval: Interval) -> list[list[float]]:
    """Give how far an interval of the difference reaches below and above."""
    difference = float(estimate.difference)
    return [[max(difference - interval.low, 0.0)], [max(interval.high - difference, 0.0)]]


def _by_value(sweep: Sweep, name: str, texts: Texts) -> Chart | None:
    """One figure against the value of the lever, with the interval of its difference to the programme as it is."""
    [lever] = sweep.levers
    points = [point for point in sweep.points if name in point.estimates]
    if not points:
        return None
    found = [(float(point.values[lever.path]), point.estimates[name]) for point in points]

    def draw(axes: Any) -> None:
        values = [value for value, _ in found]
        axes.plot(values, [float(each.variant) for _, each in found], color=COLOURS[0], marker="o", linewidth=2)
        bands = [(value, float(each.base), each.interval) for value, each in found if each.interval is not None]
        if bands:
            axes.fill_between([value for value, _, _ in bands], [base + each.low for _, base, each in bands],
                              [base + each.high for _, base, each in bands], color=COLOURS[1], alpha=0.45, linewidth=0,
                              label=texts.say("series.interval"))  # fmt: skip
        axes.axvline(float(lever.now), color=COLOURS[3], linestyle=(0, (4, 3)), label=texts.say("series.now"))
        axes.set(xlabel=lever.path, ylabel=_axis(name, found[0][1].unit, texts))
        short_numbers(axes.xaxis, texts)
        short_numbers(axes.yaxis, texts)

    low, high = (min(found, key=lambda each: each[1].variant), max(found, key=lambda each: each[1].variant))
    told = {"figure": figure_name(name, texts), "path": lever.path,
            "low": quantity(low[1].variant, unit_of(low[1]), texts, is_whole=low[1].is_whole),
            "high": quantity(high[1].variant, unit_of(high[1]), texts, is_whole=high[1].is_whole),
            "now": texts.number(lever.now),
            "spread": _spread_told("area", [each.interval for _, each in found], texts)}  # fmt: skip
    return draw_chart(texts, "by_value", draw, told, key=name)


def _tuning(tuning: Tuning, texts: Texts) -> Chart | None:
    """The figure against the value, what is wanted of it, and the value that was found."""
    tried = [each for each in tuning.tried if not each.refused]
    if not tried:
        return None

    def draw(axes: Any) -> None:
        values = [float(each.value) for each in tried]
        axes.plot(values, [float(each.figure) for each in tried], color=COLOURS[0], marker="o", linewidth=2,
                  label=figure_name(tuning.target.figure, texts))  # fmt: skip
        bands = [(float(each.value), float(each.wanted), each.interval) for each in tried if each.interval is not None]
        if bands:
            axes.fill_between([value for value, _, _ in bands], [wanted + each.low for _, wanted, each in bands],
                              [wanted + each.high for _, wanted, each in bands], color=COLOURS[1], alpha=0.45,
                              linewidth=0, label=texts.say("series.interval"))  # fmt: skip
        axes.plot(values, [float(each.wanted) for each in tried], color=COLOURS[2], linestyle=(0, (4, 3)), linewidth=2,
                  label=texts.say("series.wanted"))  # fmt: skip
        if tuning.best is not None:
            axes.scatter([float(tuning.best.value)], [float(tuning.best.figure)], color=INK, s=60, zorder=4,
                         label=texts.say("series.found" if tuning.is_met else "series.nearest"))  # fmt: skip
        axes.set(xlabel=tuning.lever.path, ylabel=_axis(tuning.target.figure, tuning.unit, texts))
        short_numbers(axes.xaxis, texts)
        short_numbers(axes.yaxis, texts)

    told = {"figure": figure_name(tuning.target.figure, texts), "path": tuning.lever.path,
            "tried": texts.count("value", len(tried)),
            "wanted": tuning.target.text,
            "spread": _spread_told("target", [each.interval for each in tried], texts)}  # fmt: skip
    return draw_chart(texts, "tuning", draw, told)


def _spread_told(key: str, intervals: Sequence[Interval | None], texts: Texts) -> str:
    """Say what shows the intervals, where there are any."""
    return texts.say(f"spread.{key}") if any(intervals) else ""


def _axis(name: str, unit: str, texts: Texts) -> str:
    return figure_name(name, texts) + unit_behind(name, unit)
