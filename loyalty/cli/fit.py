"""``loyalty fit``: estimate a scenario from what happened, and say how well it fits."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loyalty.cli.options import DAY
from loyalty.cli.printing import print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.replicates import table_of
from loyalty.cli.running import FILE, Command, WrongUseError, json_option, lang_option, out_option, print_json
from loyalty.core.calendar import format_day
from loyalty.explaining.said import said
from loyalty.programme.loading import load
from loyalty.simulation.extras import require_arrays
from loyalty.simulation.goodness import Goodness
from loyalty.simulation.report.texts import ENGLISH, texts

if TYPE_CHECKING:
    pass


@click.command("fit", cls=Command, short_help="Estimate a scenario from a history, and say how well it fits.")
@click.argument("events_path", metavar="EVENTS", type=FILE)
@click.option("--programme", "programme_path", metavar="PROGRAMME", type=FILE, required=True,
              help="Declares the kinds of events.")  # fmt: skip
@click.option("--map", "mapping_path", metavar="MAPPING", type=FILE, help="How the rows of a raw export become events.")
@click.option("--segments", metavar="FILE|NUMBER",
              help="A CSV of partner,segment; or into how many segments partners are split by size.")  # fmt: skip
@click.option("--from", "first_day", metavar="DATE", type=DAY, help="From when on the history is whole.")
@click.option("--through", "last_day", metavar="DATE", type=DAY, help="Through when it is whole.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the draw that is compared with the history.")
@out_option
@lang_option
@json_option
def command(
    events_path: str,
    programme_path: str,
    mapping_path: str | None,
    segments: str | None,
    first_day: int | None,
    last_day: int | None,
    seed: int,
    out_dir: str,
    lang: str,
    as_json: bool,
) -> None:
    """Estimate the scenario that EVENTS may have come from: rates, seasons, growth, sizes, refunds, churn.

    Writes scenario.yaml, which says beside each number what it was estimated from, and a report that compares what is
    drawn from it with what happened. EVENTS is a file as `loyalty backtest` reads it, or a Parquet file of columns as
    runs over columns read it.

    \b
    Example:
      loyalty fit history.jsonl --programme programme.yaml --out out/fit
      loyalty simulate programme.yaml --scenario out/fit/scenario.yaml --out out/simulation
    """
    require_arrays("loyalty fit", "scipy")
    from loyalty.simulation.fitting.comparing import goodness_of
    from loyalty.simulation.fitting.fit import fit_scenario
    from loyalty.simulation.report import render_fit

    programme = load(programme_path)
    with Meter() as meter:
        events = table_of(programme, events_path, mapping_path, meter)
        fit = fit_scenario(
            events, first_day=first_day, last_day=last_day, segments=_segments(segments),
            name=f"Fitted to {Path(events_path).name}",
        )  # fmt: skip
        goodness = goodness_of(fit, seed)
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    scenario_path, report_path = folder / "scenario.yaml", folder / "fit.html"
    scenario_path.write_text(goodness.text, encoding="utf-8", newline="\n")
    title = said("title.fit", programme=programme.title or programme.id)
    report = render_fit(goodness, title=title, parameters={"events": Path(events_path).name}, texts=texts(lang))
    report_path.write_text(report, encoding="utf-8", newline="\n")
    if as_json:
        print_json(_document(goodness, scenario_path, report_path))
        return
    out = stdout()
    print_line(out, ENGLISH.tell(title), style="bold")
    print_line(out, f"  {goodness.events:,} events of {goodness.partners:,} partners, "
                    f"{format_day(goodness.first_day)} through {format_day(goodness.last_day)}")  # fmt: skip
    print_table(out, (("quantity", False), ("observed and drawn", False), ("distance", True), ("", False)), [
        (ENGLISH.tell(each.name), ENGLISH.tell(each.estimated[-1]) if each.estimated else "",
         f"{each.distances[-1].statistic:.3f}", "" if each.fits else "does not fit")
        for each in goodness.quantities
    ])  # fmt: skip
    print_line(out, f"Scenario: {scenario_path}")
    print_line(out, f"Report: {report_path}", style="bold")


def _segments(text: str | None) -> int | Mapping[str, str] | None:
    if text is None:
        return None
    if text.isdigit():
        if not 1 <= int(text) <= 20:
            raise WrongUseError(f"--segments {text}: partners are split into 1 to 20 segments")
        return int(text)
    path = Path(text)
    if not path.is_file():
        raise WrongUseError(f"--segments {text}: there is no such file, and it is no number")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if not {"partner", "segment"} <= set(rows.fieldnames or ()):
            raise WrongUseError(f"{text} has no columns partner and segment; name them so in its first line")
        return {row["partner"]: row["segment"] for row in rows}


def _document(goodness: Goodness, scenario_path: Path, report_path: Path) -> dict[str, object]:
    return {
        "ok": True,
        "quantities": [
            {
                "name": ENGLISH.tell(each.name),
                "observations": each.observations,
                "estimated": [ENGLISH.tell(told) for told in each.estimated],
                "distances": [
                    {"name": ENGLISH.tell(one.name), "statistic": one.statistic, "p_value": one.p_value}
                    for one in each.distances
                ],
                "fits": each.fits,
            }
            for each in goodness.quantities
        ],
        "scenario": str(scenario_path),
        "report": str(report_path),
    }
