"""
The report of a fit: what was estimated from a history, and how close what it draws comes to what was observed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from loyalty.explaining.said import Value
from loyalty.simulation.goodness import Bars, Curve, Distance, Goodness, Quantity
from loyalty.simulation.report import parts
from loyalty.simulation.report.drawing import (
    BAR,
    COLOURS,
    GREY,
    INK,
    Chart,
    draw_all,
    draw_chart,
    month_axis,
    percents,
    short_numbers,
)
from loyalty.simulation.report.page import render_page
from loyalty.simulation.report.parts import Card, Grid, Section, section
from loyalty.simulation.report.single import parameters_told
from loyalty.simulation.report.texts import ENGLISH, Texts
from loyalty.simulation.tables import Column, Kind

#: Labels at the edges of bins, at most.
_EDGES: Final = 5


def render_fit(
    goodness: Goodness, *, title: Value, parameters: Mapping[str, Value] | None = None, texts: Texts = ENGLISH
) -> str:
    """
    Write the report of a fit.

    Args:
        title: The heading.
        parameters: What the run was given, in this order.

    Returns:
        A whole HTML document.
    """
    programme = goodness.programme
    subject = f"{programme.title or programme.id} · {texts.day(goodness.first_day)} – {texts.day(goodness.last_day)}"
    return render_page(
        texts.tell(title),
        subject,
        [
            section("summary", texts.say("summary"), parts.cards(_cards(goodness, texts)),
                    parts.listing(_sentences(goodness, texts))),
            section("notes", texts.say("notes"), parts.listing(map(texts.tell, goodness.notes), "notes")),
            section("tables", texts.say("fit.table"), parts.hint(texts.say("sort_hint")), _table(goodness, texts)),
            section("charts", texts.say("fit.charts"), parts.figures(fit_charts(goodness, texts), texts)),
            section("scenario", texts.say("fit.scenario"), parts.source(goodness.text)),
            _facts(goodness, parameters or {}, texts),
        ],
        texts,
    )  # fmt: skip


def _cards(goodness: Goodness, texts: Texts) -> Iterator[Card]:
    yield Card(texts.say("card.partners"), texts.number(goodness.partners))
    yield Card(texts.say("parameter.events"), texts.number(goodness.events))
    judged = [each for each in goodness.quantities if each.fits is not None]
    if judged:
        fitting = sum(bool(each.fits) for each in judged)
        yield Card(texts.say("fit.card"), texts.say("fit.card.of", fitting=fitting, all=len(judged)))


def _sentences(goodness: Goodness, texts: Texts) -> Iterator[str]:
    yield texts.say(
        "fit.what", scenario=goodness.scenario, partners=texts.count("partner", goodness.partners),
        events=texts.count("event", goodness.events),
    )  # fmt: skip
    poor = [texts.tell(each.name) for each in goodness.quantities if each.fits is False]
    if poor:
        yield texts.say("fit.poor", names=", ".join(poor))
    elif any(each.fits for each in goodness.quantities):
        yield texts.say("fit.well")


def _table(goodness: Goodness, texts: Texts) -> str:
    """One row for each quantity: what was found, and how far observed and drawn lie apart."""
    columns = (Column("quantity"), Column("observations", Kind.COUNT), Column("verdict"), Column("estimated"),
               Column("distances"))  # fmt: skip
    rows = tuple(
        (
            texts.tell(each.name),
            each.observations,
            "" if each.fits is None else texts.say("fit.yes" if each.fits else "fit.no"),
            "; ".join(map(texts.tell, each.estimated)),
            "; ".join(_distance(one, texts) for one in each.distances),
        )
        for each in goodness.quantities
    )
    return parts.table(texts.say("fit.quantities"), Grid(columns, rows), texts)


def _distance(distance: Distance, texts: Texts) -> str:
    """Write a test with its statistic and its chance."""
    name = texts.tell(distance.name)
    key = f"test.{name}"
    told = texts.say(key) if texts.has(key) else name
    statistic = _three_digits(distance.statistic, texts)
    if name == "share_apart":
        # What is a share of all is told as one.
        statistic = texts.percent(Fraction(distance.statistic))
    if distance.p_value is None:
        return texts.say("fit.distance", test=told, statistic=statistic)
    return texts.say("fit.distance.p", test=told, statistic=statistic, p=_three_digits(distance.p_value, texts))


def _three_digits(value: float, texts: Texts) -> str:
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}").replace(".", texts.language.point)


def fit_charts(goodness: Goodness, texts: Texts) -> tuple[Chart, ...] | None:
    """Draw observed beside drawn, quantity by quantity; None where matplotlib is not installed."""
    return draw_all(lambda: [_picture(number, each, texts) for number, each in enumerate(goodness.quantities)])


def _picture(number: int, of: Quantity, texts: Texts) -> Chart | None:
    picture = of.picture
    if picture is None:
        return None
    if isinstance(picture, Curve):
        draw = _curve(picture, of, texts)
    elif picture.labels:
        draw = _choices(picture, texts)
    else:
        draw = _histogram(picture, of, texts)
    known = [*map(texts.tell, of.estimated), *(_distance(one, texts) for one in of.distances)]
    told = {"name": texts.tell(of.name), "known": "; ".join(known) or texts.tell(of.name)}
    return draw_chart(texts, "fit", draw, told, key=str(number))


def _histogram(bars: Bars, of: Quantity, texts: Texts) -> Any:
    def draw(axes: Any) -> None:
        places = range(len(bars.observed))
        axes.bar(places, [100 * share for share in bars.observed], 0.94, color=GREY, label=texts.say("series.observed"))
        axes.step([-0.5, *(place + 0.5 for place in places)], _steps(bars.drawn), where="pre", color=COLOURS[0],
                  linewidth=2, label=texts.say("series.drawn"))  # fmt: skip
        every = -(-len(bars.edges) // _EDGES)
        ticks = range(0, len(bars.edges), every)
        axes.set_xticks([place - 0.5 for place in ticks], _labels([bars.edges[place] for place in ticks], texts))
        if of.unit:
            axes.set_xlabel(of.unit)
        percents(axes.yaxis, texts)

    return draw


def _steps(shares: Sequence[float]) -> list[float]:
    values = [100 * share for share in shares]
    return [values[0] if values else 0.0, *values]


def _choices(bars: Bars, texts: Texts) -> Any:
    def draw(axes: Any) -> None:
        places = range(len(bars.labels))
        for shift, shares, colour, key in (
            (-0.25, bars.observed, GREY, "observed"),
            (0.25, bars.drawn, COLOURS[0], "drawn"),
        ):
            beside, heights = [place + shift * BAR for place in places], [100 * share for share in shares]
            axes.bar(beside, heights, BAR / 2, color=colour, label=texts.say(f"series.{key}"))
        axes.set_xticks(list(places), bars.labels)
        if sum(map(len, bars.labels)) > 44:
            axes.tick_params(axis="x", rotation=30)
        percents(axes.yaxis, texts)

    return draw


def _curve(curve: Curve, of: Quantity, texts: Texts) -> Any:
    def draw(axes: Any) -> None:
        places = range(len(curve.months))
        if curve.low and curve.high:
            axes.fill_between(places, curve.low, curve.high, color=COLOURS[1], alpha=0.45, linewidth=0)
        axes.plot(places, curve.observed, color=INK, linewidth=1.6, marker="o", markersize=4,
                  label=texts.say("series.observed"))  # fmt: skip
        axes.plot(places, curve.drawn, color=COLOURS[0], linewidth=2, label=texts.say("series.drawn"))
        axes.set_ylim(bottom=0)
        month_axis(axes, curve.months, texts)
        short_numbers(axes.yaxis, texts)
        if of.unit:
            axes.set_ylabel(of.unit)

    return draw


def _labels(edges: Sequence[float], texts: Texts) -> list[str]:
    """Write edges with two digits that count, which is what fits below a bar, or with as many as tell them apart."""
    for digits in range(2, 6):
        labels = [texts.short(float(f"{edge:.{digits}g}")) for edge in edges]
        if len(set(labels)) == len(labels):
            break
    return labels


def _facts(goodness: Goodness, parameters: Mapping[str, Value], texts: Texts) -> Section:
    """Say what the fit rests on."""
    told = {
        texts.say("programme"): goodness.programme.id,
        texts.say("revision"): goodness.programme.revision,
        texts.say("parameter.scenario"): goodness.scenario,
        texts.say("parameter.from"): texts.day(goodness.first_day),
        texts.say("parameter.through"): texts.day(goodness.last_day),
        **({texts.say("parameter.seeds"): ", ".join(map(str, goodness.seeds))} if goodness.seeds else {}),
        **parameters_told(parameters, texts),
    }
    return section(
        "assumptions", texts.say("assumptions"),
        parts.listing(map(texts.tell, goodness.assumptions), "card assumed"), parts.facts(told),
    )  # fmt: skip
