"""
The reports of a sweep and of a search for one value: every point, the front that no other point beats, and the target.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from loyalty.explaining.said import Value
from loyalty.programme.model import Programme
from loyalty.simulation.report import parts
from loyalty.simulation.report.comparing import interval_told
from loyalty.simulation.report.figures import MAIN, figure_name, quantity, shown, signed, unit_of, within
from loyalty.simulation.report.page import render_page
from loyalty.simulation.report.parts import Card, Grid, Section, Shown, section
from loyalty.simulation.report.single import parameters_told
from loyalty.simulation.report.sweeping_charts import sweep_charts, tuning_chart
from loyalty.simulation.report.texts import ENGLISH, Texts
from loyalty.simulation.tables import Column, Kind

if TYPE_CHECKING:
    from loyalty.simulation.comparison import Estimate
    from loyalty.simulation.sweeping import Sweep
    from loyalty.simulation.tuning import Tried, Tuning

#: Of a long front so many points are told in sentences.
_TOLD: Final = 5

_SIGNS: Final = {"=": "=", "<=": "≤", ">=": "≥"}


def render_sweep(
    sweep: Sweep, *, title: Value, parameters: Mapping[str, Value] | None = None, assumptions: Sequence[Value] = (),
    texts: Texts = ENGLISH,
) -> str:  # fmt: skip
    """
    Write the report of a sweep.

    Args:
        title: The heading.
        parameters: What the run was given, in this order.
        assumptions: Of the scenario.

    Returns:
        A whole HTML document.
    """
    programme = sweep.programme
    subject = f"{programme.title or programme.id} · {', '.join(lever.path for lever in sweep.levers)}"
    notes = [*map(texts.tell, sweep.notes)]
    if sweep.is_flat:
        notes.append(texts.say("sweep.flat", response=figure_name(sweep.response, texts)))
    for why, points in sweep.refusals.items():
        told = "; ".join(values_told(point.values, texts) for point in points[:_TOLD])
        more = "; …" if len(points) > _TOLD else ""
        notes.append(texts.say("sweep.refused", points=texts.count("point", len(points)), which=told + more, why=why))
    return render_page(
        texts.tell(title),
        subject,
        [
            section(
                "summary", texts.say("summary"),
                parts.cards(_cards(sweep, texts)),
                parts.listing(_sentences(sweep, texts)),
            ),
            section("notes", texts.say("notes"), parts.listing(notes, "notes")),
            section("charts", texts.say("charts"), parts.figures(sweep_charts(sweep, texts), texts)),
            section("tables", texts.say("tables"), parts.hint(texts.say("sort_hint")), _tables(sweep, texts)),
            _facts(programme, {each.path: (each.now, each.values) for each in sweep.levers}, sweep.seeds,
                   parameters or {}, assumptions, texts),
        ],
        texts,
    )  # fmt: skip


def render_tuning(
    tuning: Tuning, *, title: Value, parameters: Mapping[str, Value] | None = None, assumptions: Sequence[Value] = (),
    texts: Texts = ENGLISH,
) -> str:  # fmt: skip
    """
    Write the report of a search for the value that meets a target.

    Args:
        title: The heading.
        parameters: What the run was given, in this order.
        assumptions: Of the scenario.

    Returns:
        A whole HTML document.
    """
    programme = tuning.programme
    heading = texts.say("tune.table", path=tuning.lever.path)
    run = [tried.value for tried in tuning.tried if not tried.refused]
    return render_page(
        texts.tell(title),
        f"{programme.title or programme.id} · {tuning.lever.path}",
        [
            section("summary", texts.say("summary"), parts.cards(_found(tuning, texts)),
                    parts.listing([_outcome(tuning, texts)])),
            section("notes", texts.say("notes"), parts.listing(map(texts.tell, tuning.notes), "notes")),
            section("charts", texts.say("charts"), parts.figures(tuning_chart(tuning, texts), texts)),
            section("tables", texts.say("tables"), parts.hint(texts.say("sort_hint")),
                    parts.table(heading, _tried(tuning, texts), texts,
                                plain_columns=[figure_name(tuning.target.figure, texts)])),
            # Of a range only some values are run, and those that the language refuses are not.
            _facts(programme, {tuning.lever.path: (tuning.lever.now, run)}, tuning.seeds,
                   parameters or {}, assumptions, texts),
        ],
        texts,
    )  # fmt: skip


def _cards(sweep: Sweep, texts: Texts) -> Iterator[Card]:
    """The figures of the programme as it is."""
    for name, figure in sweep.base.items():
        if name.partition(".")[0] in MAIN[:-1]:
            yield Card(
                figure_name(name, texts),
                quantity(figure.value, figure.unit, texts, is_whole=figure.is_whole),
                texts.say("sweep.now"),
            )


def _sentences(sweep: Sweep, texts: Texts) -> Iterator[str]:
    """Say how many points there are, and what the best of them cost and bring."""
    front = sweep.front
    yield texts.say("sweep.points", points=texts.count("point", len(sweep.points)),
                    best=texts.count("point", len(front)))  # fmt: skip
    shown_points = front if len(front) <= _TOLD else [front[len(front) * place // _TOLD] for place in range(_TOLD)]
    for point in shown_points:
        cost, response = point.estimates[sweep.cost], point.estimates[sweep.response]
        yield texts.say(
            "sweep.best", values=values_told(point.values, texts), cost_name=figure_name(cost.name, texts),
            cost=quantity(cost.variant, unit_of(cost), texts, is_whole=cost.is_whole),
            cost_change=_change(cost, texts),
            response_name=figure_name(response.name, texts),
            response=quantity(response.variant, unit_of(response), texts, is_whole=response.is_whole),
            response_change=_change(response, texts),
        )  # fmt: skip


def _change(estimate: Estimate, texts: Texts) -> str:
    """Write the difference to the programme as it is, with its interval where there are several replicates."""
    unit, is_whole = unit_of(estimate), estimate.is_whole
    change = signed(estimate.difference, unit, texts, is_whole=is_whole)
    ends = within(estimate.interval, unit, texts, is_whole=is_whole)
    return f"{change}; {ends}" if ends else change


def values_told(values: Mapping[str, Decimal], texts: Texts) -> str:
    """Write the values of a point."""
    return ", ".join(f"{path} = {texts.number(value)}" for path, value in values.items())


def _tables(sweep: Sweep, texts: Texts) -> Iterator[str]:
    if len(sweep.levers) == 2:
        yield _two_levers(sweep, texts)
    points = _points(sweep, texts)
    plain = [column.name for column in points.columns if column.name != "best"]
    yield parts.table(texts.say("sweep.table"), points, texts, plain_columns=plain)


def _two_levers(sweep: Sweep, texts: Texts) -> str:
    """Lay the cost out by both values: down the first, across the second."""
    down, across = sweep.levers
    points = {tuple(point.values.values()): point for point in sweep.points}
    cells = []
    for one in down.values:
        row = []
        for other in across.values:
            found = points[one, other].estimates.get(sweep.cost)
            row.append(Shown(texts.say("sweep.no"), Fraction(0)) if found is None else
                       shown(found.variant, unit_of(found), texts, is_whole=found.is_whole))  # fmt: skip
        cells.append(row)
    return parts.shaded(
        texts.say("sweep.matrix", figure=figure_name(sweep.cost, texts)), f"{down.path} ↓ {across.path} →",
        [texts.number(value) for value in down.values], [texts.number(value) for value in across.values], cells,
    )  # fmt: skip


def _points(sweep: Sweep, texts: Texts) -> Grid:
    """One row for each point: its values, whether it is on the front, and the figures that are asked for first."""
    names = [name for name in sweep.base if name.partition(".")[0] in MAIN]
    laid = dict.fromkeys((sweep.cost, sweep.response))
    names = list(dict.fromkeys((*laid, *names)))
    rows = []
    for point in sweep.points:
        cells: list[str | Shown] = [Shown(texts.number(value), Fraction(value)) for value in point.values.values()]
        cells.append(texts.say("sweep.yes") if point.is_best else point.refused)
        for name in names:
            found = point.estimates.get(name)
            cells.append("" if found is None else shown(found.variant, unit_of(found), texts, is_whole=found.is_whole))
            if name in laid:
                cells.append("" if found is None else Shown(_change(found, texts), found.difference))
        rows.append(tuple(cells))
    columns = (
        *(Column(lever.path, Kind.AMOUNT) for lever in sweep.levers), Column("best"),
        *(Column(heading, Kind.AMOUNT) for name in names for heading in _headings(name, laid, texts)),
    )  # fmt: skip
    return Grid(columns, tuple(rows))


def _headings(name: str, laid: Collection[str], texts: Texts) -> tuple[str, ...]:
    """Give the headings of a figure's columns: what is laid against the other has its difference behind it."""
    told = figure_name(name, texts)
    return (told, texts.say("sweep.change", figure=told)) if name in laid else (told,)


def _found(tuning: Tuning, texts: Texts) -> Iterator[Card]:
    if tuning.best is not None:
        yield Card(tuning.lever.path, texts.number(tuning.best.value),
                   texts.say("tune.now", value=texts.number(tuning.lever.now)))  # fmt: skip
        yield Card(
            figure_name(tuning.target.figure, texts), _amount(tuning.best.figure, tuning, texts),
            texts.say("tune.wanted", wanted=_amount(tuning.best.wanted, tuning, texts)),
        )  # fmt: skip


def _outcome(tuning: Tuning, texts: Texts) -> str:
    if tuning.best is None:
        return texts.say("tune.none", target=target_told(tuning, texts))
    is_near = tuning.is_met and tuning.target.sign == "=" and tuning.best.gap
    wanted = tuning.best.wanted
    off = texts.percent(abs(tuning.best.gap / wanted), 2) if wanted else ""
    return texts.say(
        "tune.near" if is_near and off else "tune.met" if tuning.is_met else "tune.missed", path=tuning.lever.path,
        value=texts.number(tuning.best.value), target=target_told(tuning, texts), off=off,
        figure=_amount(tuning.best.figure, tuning, texts),
        wanted=_amount(tuning.best.wanted, tuning, texts),
        difference=signed(tuning.best.gap, tuning.unit, texts, is_whole=tuning.is_whole),
    )  # fmt: skip


def target_told(tuning: Tuning, texts: Texts) -> str:
    """Write what is wanted in the language of the report."""
    target = tuning.target
    figure = figure_name(target.figure, texts)
    if target.share_of is not None:
        share = texts.say(
            "tune.share", share=texts.percent(target.amount, 2), figure=figure_name(target.share_of, texts)
        )
        return f"{figure} {_SIGNS[target.sign]} {share}"
    return f"{figure} {_SIGNS[target.sign]} {_amount(target.amount, tuning, texts)}"


def _amount(value: Fraction, tuning: Tuning, texts: Texts) -> str:
    return quantity(value, tuning.unit, texts, is_whole=tuning.is_whole)


def _tried(tuning: Tuning, texts: Texts) -> Grid:
    """One row for each value that was tried."""

    unit, is_whole = tuning.unit, tuning.is_whole

    def row(tried: Tried) -> tuple[str | Shown, ...]:
        value = Shown(texts.number(tried.value), Fraction(tried.value))
        if tried.refused:
            return (value, "", "", "", tried.refused)
        return (
            value, shown(tried.figure, unit, texts, is_whole=is_whole),
            shown(tried.wanted, unit, texts, is_whole=is_whole),
            Shown(signed(tried.gap, unit, texts, is_whole=is_whole), tried.gap),
            within(tried.interval, unit, texts, is_whole=is_whole),
        )  # fmt: skip

    columns = (Column("value", Kind.AMOUNT), Column(figure_name(tuning.target.figure, texts), Kind.AMOUNT),
               Column("wanted", Kind.AMOUNT), Column("gap", Kind.AMOUNT), Column("interval"))  # fmt: skip
    return Grid(columns, tuple(map(row, tuning.tried)))


def _facts(
    programme: Programme, levers: Mapping[str, tuple[Decimal, Sequence[Decimal]]], seeds: Sequence[int],
    parameters: Mapping[str, Value],
    assumptions: Sequence[Value], texts: Texts,
) -> Section:  # fmt: skip
    """Say what was turned, and on which events."""
    told = {
        texts.say("programme"): programme.id,
        texts.say("revision"): programme.revision,
        **{path: texts.say("sweep.lever", now=texts.number(now), values=_range(values, texts))
           for path, (now, values) in levers.items()},
        texts.say("parameter.seeds"): ", ".join(map(str, seeds)) or texts.say("compare.recorded"),
        texts.say("parameter.intervals"): interval_told(
            Fraction(19, 20), texts.say("interval.paired") if len(seeds) > 1 else "", texts
        ),
        **parameters_told(parameters, texts),
    }  # fmt: skip
    return section("assumptions", texts.say("assumptions"),
                   parts.listing(map(texts.tell, assumptions), "card assumed"), parts.facts(told))  # fmt: skip


def _range(values: Sequence[Decimal], texts: Texts) -> str:
    told = [texts.number(value) for value in values]
    return ", ".join(told) if len(told) <= 8 else f"{told[0]}, {told[1]}, …, {told[-1]}"
