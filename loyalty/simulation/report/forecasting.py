"""
The report of a forecast: where balances and standings of today lead, each figure as a fan of what is likely.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from loyalty.explaining.said import Value
from loyalty.simulation.prediction import Prediction, Series
from loyalty.simulation.report import parts
from loyalty.simulation.report.comparing import interval_told
from loyalty.simulation.report.drawing import COLOURS, INK, Chart, draw_all, draw_chart, month_axis
from loyalty.simulation.report.figures import figure_name, quantity
from loyalty.simulation.report.page import render_page
from loyalty.simulation.report.parts import Card, Grid, Section, Shown, section
from loyalty.simulation.report.single import parameters_told
from loyalty.simulation.report.texts import ENGLISH, Texts
from loyalty.simulation.tables import Column, Kind

#: So many figures stand as large numbers at the head.
_CARDS: Final = 6


def render_forecast(
    prediction: Prediction, *, title: Value, parameters: Mapping[str, Value] | None = None, texts: Texts = ENGLISH
) -> str:
    """
    Write the report of a forecast.

    Args:
        title: The heading.
        parameters: What the run was given, in this order.

    Returns:
        A whole HTML document.
    """
    programme, shown = prediction.programme, [each for each in prediction.series if any(each.high) or any(each.past)]
    subject = f"{programme.title or programme.id} · {_span(prediction, texts)}"
    return render_page(
        texts.tell(title),
        subject,
        [
            section("summary", texts.say("summary"), parts.cards(_cards(shown, texts)),
                    parts.listing(_sentences(prediction, shown, texts))),
            section("notes", texts.say("notes"), parts.listing(map(texts.tell, prediction.notes), "notes")),
            section("charts", texts.say("charts"), parts.figures(forecast_charts(prediction, shown, texts), texts)),
            section("tables", texts.say("tables"), parts.hint(texts.say("sort_hint")),
                    _table(prediction, shown, texts)),
            _facts(prediction, parameters or {}, texts),
        ],
        texts,
    )  # fmt: skip


def _span(prediction: Prediction, texts: Texts) -> str:
    first, last = prediction.months[0], prediction.months[-1]
    return texts.say("period.span", first=texts.month(first), last=texts.month(last))


def _cards(shown: Sequence[Series], texts: Texts) -> Iterator[Card]:
    """The figures that stand at the end of the forecast."""
    for each in [one for one in shown if not one.is_flow][:_CARDS]:
        now = texts.say("forecast.now", value=quantity(each.past[-1], each.unit, texts)) if each.past else ""
        between = _between(each, -1, texts)
        yield Card(figure_name(each.name, texts), quantity(each.middle[-1], each.unit, texts),
                   "; ".join(part for part in (between, now) if part))  # fmt: skip


def _between(series: Series, place: int, texts: Texts) -> str:
    low, high = series.low[place], series.high[place]
    if low == high:
        return ""
    return texts.say("interval", low=quantity(low, series.unit, texts), high=quantity(high, series.unit, texts))


def _sentences(prediction: Prediction, shown: Sequence[Series], texts: Texts) -> Iterator[str]:
    """Say where each figure leads."""
    last = texts.month(prediction.months[-1])
    yield texts.say(
        "forecast.what", partners=texts.count("partner", prediction.partners),
        newcomers=texts.count("partner", prediction.newcomers), day=texts.day(prediction.from_day),
        months=texts.count("month", len(prediction.months)),
    )  # fmt: skip
    for each in shown:
        name = figure_name(each.name, texts)
        if each.is_flow:
            total = sum(each.middle, Fraction(0))
            yield texts.say("forecast.flow", name=name, total=quantity(total, each.unit, texts))
            continue
        between = _between(each, -1, texts)
        key = "forecast.stock" if each.past else "forecast.end"
        values = {"now": quantity(each.past[-1], each.unit, texts)} if each.past else {}
        yield texts.say(key, name=name, month=last, value=quantity(each.middle[-1], each.unit, texts),
                        between=f" ({between})" if between else "", **values)  # fmt: skip


def forecast_charts(prediction: Prediction, shown: Sequence[Series], texts: Texts) -> tuple[Chart, ...] | None:
    """Draw a fan for each figure; None where matplotlib is not installed."""
    return draw_all(lambda: [_fan(prediction, each, texts) for each in shown])


def _fan(prediction: Prediction, series: Series, texts: Texts) -> Chart:
    """What was as a line, the middle as another, and the interval as an area that begins where the past ends."""
    past = [float(value) for value in series.past]
    months = [*range(prediction.months[0] - len(past), prediction.months[0]), *prediction.months]
    places = range(len(months))
    ahead = places[len(past) :]

    def draw(axes: Any) -> None:
        eve = list(places[len(past) - 1 : len(past)]) if past else []
        start = past[-1:]
        if past:
            axes.plot(places[: len(past)], past, color=INK, linewidth=2, label=texts.say("series.past"))
        axes.fill_between([*eve, *ahead], [*start, *map(float, series.low)], [*start, *map(float, series.high)],
                          color=COLOURS[1], alpha=0.55, linewidth=0, label=texts.say("series.interval"))  # fmt: skip
        axes.plot([*eve, *ahead], [*start, *map(float, series.middle)], color=COLOURS[0], linewidth=2,
                  marker="o" if len(ahead) == 1 else "", label=texts.say("series.middle"))  # fmt: skip
        axes.set_ylim(bottom=min(0.0, *map(float, series.low), *past))
        month_axis(axes, months, texts)
        if series.unit == "share":
            axes.yaxis.set_major_formatter(lambda value, _: f"{texts.short(100 * value)}{texts.language.gap}%")

    name = figure_name(series.name, texts)
    told = {
        "figure": name, "unit": "" if series.unit in ("share", "partners", "events") else f", {series.unit}",
        "month": texts.month(prediction.months[-1]), "value": quantity(series.middle[-1], series.unit, texts),
        "between": _between(series, -1, texts) or texts.say("interval.none"),
    }  # fmt: skip
    return draw_chart(texts, "fan", draw, told, key=series.name)


def _table(prediction: Prediction, shown: Sequence[Series], texts: Texts) -> str:
    """A row for each month, the middle of each figure with its bounds."""
    names = [figure_name(each.name, texts) for each in shown]
    columns = (Column("month"), *(Column(name, Kind.AMOUNT) for name in names))
    rows = []
    for place, month in enumerate(prediction.months):
        cells: list[str | Shown] = [f"{month // 12}-{month % 12 + 1:02}"]
        for each in shown:
            between = _between(each, place, texts)
            told = quantity(each.middle[place], each.unit, texts)
            cells.append(Shown(f"{told} ({between})" if between else told, each.middle[place]))
        rows.append(tuple(cells))
    return parts.table(texts.say("forecast.table"), Grid(columns, tuple(rows)), texts, plain_columns=names)


def _facts(prediction: Prediction, parameters: Mapping[str, Value], texts: Texts) -> Section:
    """Say what the forecast rests on."""
    told = {
        texts.say("programme"): prediction.programme.id,
        texts.say("revision"): prediction.programme.revision,
        texts.say("parameter.from"): texts.day(prediction.from_day),
        texts.say("parameter.seeds"): ", ".join(map(str, prediction.seeds)) or texts.say("compare.recorded"),
        texts.say("parameter.intervals"): interval_told(prediction.confidence, prediction.method, texts),
        **parameters_told(parameters, texts),
    }
    return section(
        "assumptions", texts.say("assumptions"),
        parts.listing(map(texts.tell, prediction.assumptions), "card assumed"), parts.facts(told),
    )  # fmt: skip
