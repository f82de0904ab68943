"""``loyalty tune``: the value of a number of a programme that meets a target."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from loyalty.cli.compare import writing
from loyalty.cli.folder import write_page
from loyalty.cli.printing import print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.replicates import FEWER, Ground, ground, ground_options
from loyalty.cli.running import (
    FINDINGS,
    Command,
    WrongUseError,
    json_option,
    lang_option,
    print_json,
    programme_argument,
)  # fmt: skip
from loyalty.explaining.said import said
from loyalty.programme.changing import PathError, changed
from loyalty.programme.loading import load
from loyalty.simulation.extras import require_arrays
from loyalty.simulation.report.texts import texts

if TYPE_CHECKING:
    from loyalty.simulation.tuning import Tried, Tuning


@click.command("tune", cls=Command, short_help="Find the value of a number that meets a target.")
@programme_argument
@click.argument("lever", metavar="PATH=LOW..HIGH")
@click.option("--target", "target_text", metavar="TEXT", required=True,
              help="What is wanted, such as \"cost = 2 % of revenue\".")  # fmt: skip
@ground_options
@click.option("--write", "write_path", metavar="FILE", type=click.Path(dir_okay=False, writable=True),
              help="Write the programme with the value that was found.")  # fmt: skip
@click.option("--out", "out_dir", metavar="DIR", type=click.Path(file_okay=False, writable=True),
              help="Write the report here.")  # fmt: skip
@lang_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    programme_path: str,
    lever: str,
    target_text: str,
    write_path: str | None,
    out_dir: str | None,
    lang: str,
    as_json: bool,
    **_: Any,
) -> None:
    """Look for the value of a number of PROGRAMME that meets a target, on identical events.

    PATH leads to a number of the file, as for `loyalty sweep`; a step may follow the range (LOW..HIGH:STEP). A target
    is a figure, =, <= or >=, and a number: in the figure's unit, or in percent of another figure. Figures are cost,
    revenue, liability, breakage, gini, CURRENCY.issued (.expired, .redeemed, .outstanding), tiers.NAME and the others
    that `loyalty compare --json` lists. Exit code 1 where no value was found that meets the target.

    \b
    Example:
      loyalty tune programme.yaml tiers.gold.multiplier=1..2:0.05 --target "cost <= 2 % of revenue"
    """
    require_arrays("loyalty tune")
    from loyalty.simulation.levers import LeverError, read_lever
    from loyalty.simulation.targets import TargetError, read_target
    from loyalty.simulation.tuning import require_target, tune

    programme = load(programme_path)
    try:
        read, target = read_lever(programme, lever), read_target(target_text)
        if read.steps is None:
            raise WrongUseError(f"a number is tuned within a range; write {read.path}=LOW..HIGH")
        require_target(programme, target)
        with Meter() as meter:
            on = ground(ctx, programme, meter, replicates=FEWER)
            # Each value is tried on all replicates, so that they are kept.
            replicates = list(on.draw())
            found = tune(
                programme, read, target, replicates, until_day=on.until_day, progress=meter.stage("trying values")
            )
        found = evolve(found, notes=(*on.notes, *found.notes))
    except (PathError, LeverError, TargetError) as error:
        raise WrongUseError(str(error)) from None
    if write_path is not None and found.best is not None and found.is_met:
        text = changed(programme, {found.lever.path: found.best.value}).source
        Path(write_path).write_text(text, encoding="utf-8", newline="\n")
    report = _write_report(found, on, out_dir, lang) if out_dir is not None else None
    if as_json:
        print_json({**_document(found, on, write_path), **({} if report is None else {"report": str(report)})})
    else:
        _print(found, on, write_path)
        if report is not None:
            print_line(stdout(), f"Report: {report}", style="bold")
    if not found.is_met:
        ctx.exit(FINDINGS)


def _write_report(found: Tuning, on: Ground, folder: str, lang: str) -> Path:
    from loyalty.simulation.report import render_tuning

    title = said("title.tuning", programme=found.programme.title or found.programme.id)
    page = render_tuning(found, title=title, parameters=on.parameters, assumptions=on.assumptions, texts=texts(lang))
    return write_page(page, folder)


def _print(found: Tuning, on: Ground, write_path: str | None) -> None:
    out = stdout()
    print_line(out, f"{found.lever.path}, {found.lever.now:f} now: {found.target.text}", style="bold")
    print_line(out, f"  {on.words}")
    columns = ((" ", False), ("value", True), (found.target.figure, True), ("wanted", True), ("difference", True),
               ("interval of the difference", True))  # fmt: skip
    print_table(out, columns, (_row(tried, found) for tried in found.tried))
    for note in found.notes:
        print_line(out, f"- {texts('en').tell(note)}")
    best = found.best
    if best is None:
        side = "above" if found.target.sign == "<=" else "below"
        print_line(
            out,
            f"No value that meets the target was found: {found.target.figure} is {side} it at every value that was "
            f"tried, {_of_accepted(found)}.",
            style="red",
        )
    elif not found.is_met:
        print_line(
            out,
            f"No value that meets the target was found; the nearest is {best.value:f}, {_off(best, found)} "
            f"({_of_accepted(found)}).",
            style="red",
        )
    else:
        print_line(out, f"{found.lever.path} = {best.value:f}: {_off(best, found)}", style="bold green")
        if write_path is not None:
            print_line(out, f"Programme: {write_path}")


def _of_accepted(found: Tuning) -> str:
    """Say how much was tried."""
    tried = sum(not one.refused for one in found.tried)
    return f"{tried:,} of the {found.accepted:,} values of the range that the language accepts"


def _row(tried: Tried, found: Tuning) -> tuple[str, ...]:
    value = f"{tried.value:f}"
    if tried.refused:
        return "", value, "refused", "", "", ""
    ends = tried.interval
    interval = "" if ends is None else f"{_written(ends.low, found)} … {_written(ends.high, found)}"
    gap = ("+" if tried.gap > 0 else "") + _written(tried.gap, found)
    return (
        "*" if tried is found.best else "",
        value,
        _written(tried.figure, found),
        _written(tried.wanted, found),
        gap,
        interval,
    )


def _off(tried: Tried, found: Tuning) -> str:
    """Say how far a value is from the target."""
    unit = "" if found.unit == "share" else f" {found.unit}"
    figure = f"{found.target.figure} is {_written(tried.figure, found)}{unit}"
    if not tried.gap:
        return f"{figure}, as wanted"
    way = "above" if tried.gap > 0 else "below"
    return f"{figure}, {_written(abs(tried.gap), found)}{unit} {way} what is wanted"


def _written(value: Fraction | float, found: Tuning) -> str:
    return writing(found.target.figure, found.unit, is_whole=found.is_whole)(Fraction(value))


def _document(found: Tuning, on: Ground, write_path: str | None) -> dict[str, Any]:
    def record(tried: Tried) -> dict[str, Any]:
        return {
            "value": f"{tried.value:f}",
            "figure": float(tried.figure),
            "wanted": float(tried.wanted),
            "interval": None if tried.interval is None else [tried.interval.low, tried.interval.high],
            "refused": tried.refused or None,
        }

    best = found.best
    return {
        "ok": found.is_met,
        "programme": {"id": found.programme.id, "revision": found.programme.revision},
        "path": found.lever.path,
        "now": f"{found.lever.now:f}",
        "target": found.target.text,
        "unit": found.unit,
        "on": on.words,
        "seeds": list(found.seeds),
        "accepted": found.accepted,
        "best": None if best is None else record(best),
        "tried": [record(tried) for tried in found.tried],
        "notes": [texts("en").tell(note) for note in found.notes],
        "file": write_path if found.is_met and write_path is not None else None,
    }
