"""``loyalty sweep``: turn numbers of a programme over a grid, and see what each point costs and brings."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import evolve

from loyalty.cli.compare import table_rows, writing
from loyalty.cli.folder import write_page
from loyalty.cli.printing import count_words, print_line, print_table, stderr, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.replicates import FEWER, Ground, ground, ground_options
from loyalty.cli.running import (
    FINDINGS,
    Command,
    WrongUseError,
    format_option,
    json_option,
    lang_option,
    print_json,
    programme_argument,
)
from loyalty.errors import LoyaltyError
from loyalty.explaining.said import said
from loyalty.programme.changing import PathError
from loyalty.programme.loading import load
from loyalty.simulation.extras import require_arrays
from loyalty.simulation.report.texts import texts

if TYPE_CHECKING:
    from loyalty.simulation.comparison import Figure
    from loyalty.simulation.sweeping import Point, Sweep

#: So many points are shown; the table has all of them.
_MOST_ROWS: Final = 40

#: So many refused points are named for each reason.
_MOST_REFUSED: Final = 5

#: Above so many points it is said beforehand how many runs there will be.
_MANY_POINTS: Final = 500

#: Figures that are shown beside those that are laid against each other.
_SHOWN: Final = ("cost_per_revenue", "liability", "breakage", "tiers.above_base", "gini")


@click.command("sweep", cls=Command, short_help="Turn numbers of a programme over a grid.")
@programme_argument
@click.argument("levers", metavar="PATH=VALUES...", nargs=-1, required=True)
@ground_options
@click.option("--cost", default="cost", show_default=True, metavar="FIGURE", help="What a good point has little of.")
@click.option("--response", default="revenue", show_default=True, metavar="FIGURE",
              help="What a good point has much of.")  # fmt: skip
@click.option("--out", "out_dir", metavar="DIR", type=click.Path(file_okay=False, writable=True),
              help="Write the table of all points and figures here, and the report.")  # fmt: skip
@format_option
@lang_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    programme_path: str,
    levers: tuple[str, ...],
    cost: str,
    response: str,
    out_dir: str | None,
    table_format: str,
    lang: str,
    as_json: bool,
    **_: Any,
) -> None:
    """Run PROGRAMME with every combination of VALUES, on identical events, and mark the points that none beats.

    PATH leads to a number of the file from the outside in; steps may be left out where one number alone fits, and #2
    is the second number of a text. VALUES are LOW..HIGH, LOW..HIGH:STEP or A,B,C. Every point is loaded with all checks
    of the language. A point is on the front where no other costs less and brings as much, or the other way round.
    Exit code 1 where the language refuses every point.

    \b
    Example:
      loyalty sweep programme.yaml tiers.gold.multiplier=1.1..1.5:0.1 earn.deal-base.cap.points=4000,5000,6000 \\
          --scenario scenario.yaml --partners 1000 --out out/sweep
    """
    require_arrays("loyalty sweep")
    from loyalty.simulation.levers import LeverError, grid, read_lever
    from loyalty.simulation.measuring import figures_of_nothing
    from loyalty.simulation.sweeping import require_figure, sweep, sweep_tables
    from loyalty.simulation.tables import write_each

    programme = load(programme_path)
    for option, name in (("--cost", cost), ("--response", response)):
        try:
            require_figure(figures_of_nothing(programme), name)
        except LoyaltyError as error:
            raise WrongUseError(f"{option}: {error}") from None
    try:
        read = [read_lever(programme, text) for text in levers]
        with Meter() as meter:
            on = ground(ctx, programme, meter, replicates=FEWER)
            points = len(list(grid(read)))
            if points > _MANY_POINTS:
                runs = (points + 1) * on.replicates
                print_line(stderr(), f"{points:,} points and the programme as it is, {runs:,} runs in all; wider steps "
                                     "(LOW..HIGH:STEP) make fewer.")  # fmt: skip
            found = sweep(
                programme, read, on.draw(), until_day=on.until_day, cost=cost, response=response,
                progress=meter.stage("running"),
            )  # fmt: skip
        found = evolve(found, notes=(*on.notes, *found.notes))
    except (PathError, LeverError) as error:
        raise WrongUseError(str(error)) from None
    written: list[Path] = []
    if out_dir is not None:
        written = write_each(sweep_tables(found), out_dir, table_format)
        written.append(_write_report(found, on, out_dir, lang, written))
    if as_json:
        print_json(_document(found, on, written))
    else:
        _print(found, on, written)
    if not any(point.estimates for point in found.points):
        ctx.exit(FINDINGS)


def _write_report(found: Sweep, on: Ground, folder: str, lang: str, files: Sequence[Path]) -> Path:
    from loyalty.simulation.report import render_sweep

    title = said("title.sweep", programme=found.programme.title or found.programme.id)
    page = render_sweep(found, title=title, parameters=on.parameters, assumptions=on.assumptions, texts=texts(lang))
    return write_page(page, folder, files)


def _print(found: Sweep, on: Ground, written: Sequence[Path]) -> None:
    out = stdout()
    print_line(
        out, f"{found.programme.title or found.programme.id}: {count_words(len(found.points), 'point')}", style="bold"
    )
    print_line(out, f"  {on.words}")
    for note in found.notes:
        print_line(out, f"- {texts('en').tell(note)}")
    names = list(dict.fromkeys((found.cost, found.response, *_SHOWN)))
    names = [name for name in names if name in found.base]
    # Paths are longer than their values: each lever has a letter.
    letters = [chr(ord("A") + place) for place in range(len(found.levers))]
    for letter, lever in zip(letters, found.levers, strict=True):
        print_line(out, f"  {letter} = {lever.path}")
    heads = (("", False), *((letter, True) for letter in letters))
    now = tuple(f"{lever.now:f}" for lever in found.levers)
    rows = [("now", *now, *(_of(found.base[name]) for name in names))]
    shown = found.points if len(found.points) <= _MOST_ROWS else found.front[:_MOST_ROWS]
    print_table(out, (*heads, *((name, True) for name in names)), [*rows, *(_row(point, names) for point in shown)])
    spread = [name for name in dict.fromkeys((found.cost, found.response)) if _is_spread(found, name)]
    if spread:
        print_line(out, _METHOD)
        columns = ((f"{name}, difference", True) for name in spread)
        print_table(out, (*heads, *columns), [_differences(point, spread) for point in shown if point.estimates])
    if len(shown) < len(found.points):
        rest = count_words(len(found.points) - len(shown), "point")
        print_line(out, f"Only the front is shown; {rest} more with --out or --json.")
    for why, points in found.refusals.items():
        which = "; ".join(_values(point, letters) for point in points[:_MOST_REFUSED])
        more = "; …" if len(points) > _MOST_REFUSED else ""
        print_line(
            out, f"The language refuses {count_words(len(points), 'point')} ({which}{more}): {why}", style="yellow"
        )
    if not any(point.estimates for point in found.points):
        print_line(out, "No value is left to compare; `now` is what the language accepts: take values nearer to it.")
    elif found.is_flat:
        print_line(out, f"{found.response} is the same everywhere, so that the cheapest point is best;")
        print_line(out, _ANOTHER if on.responds or found.response != "revenue" else _NO_RESPONSE)
    else:
        print_line(out, f"* no other point has less {found.cost} and as much {found.response}, or more")
    if written:
        print_line(out, f"All points and figures: {written[0]}")
        print_line(out, f"Report: {written[-1]}", style="bold")


_METHOD: Final = "Differences to now, with their intervals: 95 % confidence, Student's t over replicates, paired."
_ANOTHER: Final = "lay cost against another figure with --response."
_NO_RESPONSE: Final = (
    "nothing here says that partners respond to incentives: declare it in the scenario, or lay cost against another "
    "figure with --response, such as tiers.above_base."
)


def _is_spread(found: Sweep, name: str) -> bool:
    """Tell whether a figure differs anywhere from what it is now, with an interval."""
    estimates = [point.estimates[name] for point in found.points if point.estimates]
    return any(one.interval is not None and one.difference for one in estimates)


def _values(point: Point, letters: Sequence[str]) -> str:
    return ", ".join(f"{letter} = {value:f}" for letter, value in zip(letters, point.values.values(), strict=True))


def _of(figure: Figure) -> str:
    return writing(figure.name, figure.unit, is_whole=figure.is_whole)(figure.value)


def _row(point: Point, names: Sequence[str]) -> tuple[str, ...]:
    values = (f"{value:f}" for value in point.values.values())
    if not point.estimates:
        return ("", *values, "refused", *("" for _ in names[1:]))
    figures = [point.estimates[name] for name in names]
    cells = (writing(one.name, one.unit, is_whole=one.is_whole)(one.variant) for one in figures)
    return ("*" if point.is_best else "", *values, *cells)


def _differences(point: Point, names: Sequence[str]) -> tuple[str, ...]:
    """Give a point's differences to now, each with its interval."""
    cells = []
    for name in names:
        one = point.estimates[name]
        write = writing(name, one.unit, is_whole=one.is_whole)
        ends = one.interval if one.differs_somewhere else None
        between = f" ({write(Fraction(ends.low))} … {write(Fraction(ends.high))})" if ends else ""
        cells.append(("+" if one.difference > 0 else "") + write(one.difference) + between)
    return ("*" if point.is_best else "", *(f"{value:f}" for value in point.values.values()), *cells)


def _document(found: Sweep, on: Ground, written: Sequence[Path]) -> dict[str, Any]:
    from loyalty.simulation.sweeping import sweep_tables

    points, figures = sweep_tables(found)
    return {
        "ok": True,
        "programme": {"id": found.programme.id, "revision": found.programme.revision},
        "on": on.words,
        "seeds": list(found.seeds),
        "cost": found.cost,
        "response": found.response,
        "responds": not found.is_flat,
        "now": {lever.path: f"{lever.now:f}" for lever in found.levers},
        "points": table_rows(points),
        "figures": table_rows(figures),
        "notes": [texts("en").tell(note) for note in found.notes],
        "files": [str(path) for path in written],
    }
