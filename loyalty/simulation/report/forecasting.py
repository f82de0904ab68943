"""
The report of a forecast: where balances and standings of today lead, each figure as a fan of what is likely.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from loyalty.explaining.said import Value
from loyalty.programme.revisions import currencies_of
from loyalty.simulation.flows import MOVED, worth_of
from loyalty.simulation.report import parts
from loyalty.simulation.report.comparing import interval_told
from loyalty.simulation.report.drawing import COLOURS, Chart, draw_all, draw_chart, month_axis, stacked
from loyalty.simulation.report.figures import MAIN, bounds, figure_name, quantity, unit_behind
from loyalty.simulation.report.page import render_page
from loyalty.simulation.report.parts import Card, Grid, Section, Shown, section
from loyalty.simulation.report.single import parameters_told
from loyalty.simulation.report.texts import ENGLISH, Texts
from loyalty.simulation.tables import Column, Kind

if TYPE_CHECKING:
    from loyalty.simulation.comparison import Interval
    from loyalty.simulation.forecasting import Forecast, Series, Total


#: The figures that are asked for first; what expires is no part of the cost here, and stands beside it.
_MAIN: Final = (*MAIN, "expiry")


def render_forecast(
    forecast: Forecast, *, title: Value, parameters: Mapping[str, Value] | None = None, texts: Texts = ENGLISH
) -> str:
    """
    Write the report of a forecast.

    Args:
        title: The heading.
        parameters: What the run was given, in this order.

    Returns:
        A whole HTML document.
    """
    programme = forecast.programme
    span = texts.say("period.span", first=texts.month(forecast.months[0]), last=texts.month(forecast.months[-1]))
    main = [total for total in forecast.totals if total.name.partition(".")[0] in _MAIN]
    return render_page(
        texts.tell(title),
        f"{programme.title or programme.id} · {span}",
        [
            section("summary", texts.say("summary"), parts.cards(_card(total, texts) for total in main),
                    parts.listing(_sentences(forecast, texts))),
            section("notes", texts.say("notes"), parts.listing(map(texts.tell, forecast.notes), "notes")),
            section("charts", texts.say("charts"), parts.figures(forecast_charts(forecast, texts), texts)),
            section("tables", texts.say("tables"), parts.hint(texts.say("sort_hint")), _tables(forecast, texts)),
            _facts(forecast, parameters or {}, texts),
        ],
        texts,
    )  # fmt: skip


def _card(total: Total, texts: Texts) -> Card:
    """The mean at the end or of the span, its interval, and what stands today."""
    remarks = [_between(total, total.interval, texts)]
    if total.today is not None:
        remarks.append(texts.say("forecast.now", value=_told(total, total.today, texts)))
    told = "; ".join(remark for remark in remarks if remark)
    return Card(figure_name(total.name, texts), _told(total, total.mean, texts), told)


def _sentences(forecast: Forecast, texts: Texts) -> Iterator[str]:
    """Say who goes on, and where each figure that stands somewhere today leads."""
    yield texts.say(
        "forecast.what", partners=texts.count("partner", forecast.partners),
        newcomers=texts.count("partner", forecast.arriving), day=texts.day(forecast.today),
        months=texts.count("month", len(forecast.months)), futures=texts.count("future", len(forecast.seeds)),
    )  # fmt: skip
    for total in forecast.totals:
        # The others stand in the table: a page of sentences is not read.
        is_told = total.name.partition(".")[0] in _MAIN or total.name == "tiers.above_base"
        if is_told and (total.mean or total.today):
            between = _between(total, total.interval, texts)
            values = {"name": figure_name(total.name, texts), "value": _told(total, total.mean, texts),
                      "between": f" ({between})" if between else "", "day": texts.day(forecast.until_day)}  # fmt: skip
            if total.today is None:
                yield texts.say("forecast.span", **values)
            else:
                yield texts.say("forecast.stock", now=_told(total, total.today, texts), **values)


def _told(of: Total | Series, value: Fraction, texts: Texts) -> str:
    return quantity(value, of.unit, texts, is_whole=of.is_whole)


def _between(of: Total | Series, interval: Interval, texts: Texts) -> str:
    return bounds(interval, of.unit, texts, is_whole=of.is_whole)


def forecast_charts(forecast: Forecast, texts: Texts) -> tuple[Chart, ...] | None:
    """Draw a fan for each figure, and what expires of today's balances; None where matplotlib is not installed."""
    worths = map(worth_of, currencies_of(forecast.programme).values())
    units = dict.fromkeys(unit for unit, _ in worths if unit is not None)
    return draw_all(
        lambda: [
            *(_fan(forecast, each, texts) for each in _shown(forecast)),
            *(_expiring(forecast, unit, texts) for unit in units),
        ]
    )


def _shown(forecast: Forecast) -> list[Series]:
    """The series in which anything happens: those of what has worth before the others, what nobody spends left out."""
    currencies = currencies_of(forecast.programme)
    shown = [each for each in forecast.series if any(each.mean) or any(one.high for one in each.intervals)]
    of = {each.name: currencies.get(each.name.rpartition(".")[0]) for each in shown}
    shown = [each for each in shown if (currency := of[each.name]) is None or currency.spendable]
    return sorted(shown, key=lambda each: (currency := of[each.name]) is not None and worth_of(currency)[0] is None)


def _fan(forecast: Forecast, series: Series, texts: Texts) -> Chart:
    """The mean as a line and the interval as an area; what stands somewhere today begins there."""
    today = [float(total.today) for total in forecast.totals if total.name == series.name and total.today is not None]
    months = [*([forecast.months[0] - 1] if today else []), *forecast.months]
    places = range(len(months))
    low, high = ([*today, *(getattr(one, side) for one in series.intervals)] for side in ("low", "high"))
    middle = [*today, *map(float, series.mean)]

    def draw(axes: Any) -> None:
        if series.name.rpartition(".")[2] in MOVED:
            # What moves in a month is no line between months.
            errors = [[each - end for each, end in zip(middle, low, strict=True)],
                      [end - each for each, end in zip(middle, high, strict=True)]]  # fmt: skip
            axes.bar(places, middle, 0.7, color=COLOURS[1], label=texts.say("series.mean"))
            bars = [[max(each, 0.0) for each in side] for side in errors]
            axes.errorbar(places, middle, bars, fmt="none", ecolor=COLOURS[0], elinewidth=1.6, capsize=3,
                          label=texts.say("series.interval"))  # fmt: skip
        else:
            axes.fill_between(places, low, high, color=COLOURS[1], alpha=0.55, linewidth=0,
                              label=texts.say("series.interval"))  # fmt: skip
            axes.plot(places, middle, color=COLOURS[0], linewidth=2, marker="o" if len(months) == 1 else "",
                      label=texts.say("series.mean"))  # fmt: skip
            if today:
                # At the top of all it is not cut.
                axes.plot([0], today, color=COLOURS[3], marker="D", linestyle="", clip_on=False, zorder=4,
                          label=texts.say("series.today"))  # fmt: skip
        axes.set_ylim(bottom=min(0.0, *low))
        month_axis(axes, months, texts, first=texts.say("series.today") if today else "")

    told = {
        "figure": figure_name(series.name, texts),
        "unit": unit_behind(series.name, series.unit),
        "month": texts.month(forecast.months[-1]), "value": _told(series, series.mean[-1], texts),
        "between": _between(series, series.intervals[-1], texts) or texts.say("forecast.certain"),
    }  # fmt: skip
    return draw_chart(texts, "fan", draw, told, key=series.name)


def _expiring(forecast: Forecast, unit: str, texts: Texts) -> Chart | None:
    """Bars for the worth of what is there today by the month in which it expires, if nobody uses it."""
    series, total = [], Fraction(0)
    for colour, (name, amounts) in zip(COLOURS, forecast.expiring.items(), strict=False):
        currency = currencies_of(forecast.programme).get(name)
        of, worth = worth_of(currency) if currency is not None else (None, Fraction(0))
        if currency is not None and of == unit and worth and any(amounts):
            values = [amount * worth * 10**currency.scale for amount in amounts]
            series.append((texts.named(name), [float(value) for value in values], colour))
            total += sum(values, Fraction(0))
    if not series:
        return None

    def draw(axes: Any) -> None:
        stacked(axes, range(len(forecast.months)), series)
        month_axis(axes, forecast.months, texts)

    return draw_chart(texts, "expiring", draw, {"unit": unit, "total": texts.rounded(total)}, key=unit)


def _tables(forecast: Forecast, texts: Texts) -> Iterator[str]:
    columns = (Column("figure"), Column("today", Kind.AMOUNT), Column("mean", Kind.AMOUNT), Column("interval.mean"))
    rows = tuple(
        (
            figure_name(each.name, texts),
            "" if each.today is None else Shown(_told(each, each.today, texts), each.today),
            Shown(_told(each, each.mean, texts), each.mean),
            _between(each, each.interval, texts),
        )
        for each in forecast.totals
        if each.mean or each.today
    )
    yield parts.table(texts.say("forecast.totals"), Grid(columns, rows), texts)
    yield _months(forecast, _shown(forecast), texts)


def _months(forecast: Forecast, shown: Sequence[Series], texts: Texts) -> str:
    """A row for each month, the mean of each figure with its bounds."""
    names = [figure_name(each.name, texts) for each in shown]
    columns = (Column("month"), *(Column(name, Kind.AMOUNT) for name in names))
    rows = []
    for place, month in enumerate(forecast.months):
        cells: list[str | Shown] = [f"{month // 12}-{month % 12 + 1:02}"]
        for each in shown:
            between = _between(each, each.intervals[place], texts)
            told = _told(each, each.mean[place], texts)
            cells.append(Shown(f"{told} ({between})" if between else told, each.mean[place]))
        rows.append(tuple(cells))
    return parts.table(texts.say("forecast.table"), Grid(columns, tuple(rows)), texts, plain_columns=names)


def _facts(forecast: Forecast, parameters: Mapping[str, Value], texts: Texts) -> Section:
    """Say what the forecast rests on."""
    told = {
        texts.say("programme"): forecast.programme.id,
        texts.say("revision"): forecast.programme.revision,
        texts.say("parameter.from"): texts.day(forecast.today),
        texts.say("parameter.through"): texts.day(forecast.until_day),
        texts.say("parameter.seeds"): ", ".join(map(str, forecast.seeds)),
        texts.say("parameter.intervals"): interval_told(forecast.middle, texts.say("interval.quantiles"), texts),
        **parameters_told(parameters, texts),
    }
    return section(
        "assumptions", texts.say("assumptions"),
        parts.listing(map(texts.tell, forecast.assumptions), "card assumed"), parts.facts(told),
    )  # fmt: skip
