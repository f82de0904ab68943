"""``loyalty simulate``: settle what partners that do not exist might do, and report what the programme would pay."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from loyalty.cli.options import DAY
from loyalty.cli.outcome import Run, write_results
from loyalty.cli.progress import Meter
from loyalty.cli.running import (
    FILE,
    Command,
    WrongUseError,
    format_option,
    json_option,
    lang_option,
    out_option,
    programme_argument,
    when_stopped,
)  # fmt: skip
from loyalty.core.calendar import LAST_YEAR, format_day
from loyalty.core.holders import Layer
from loyalty.explaining.said import Day, said
from loyalty.programme.loading import load
from loyalty.programme.revisions import revisions_of
from loyalty.simulation.extras import require_arrays
from loyalty.simulation.months import month_of, month_starts
from loyalty.simulation.report.texts import counted
from loyalty.simulation.scenario import default_scenario, load_scenario

if TYPE_CHECKING:
    from loyalty.batch.results import Batch
    from loyalty.batch.tables import EventTable

_ANEW: Final = "No table and no report was written; the same command begins anew, and draws the same."


@click.command("simulate", cls=Command, short_help="Settle a drawn population and report what would be paid.")
@programme_argument
@click.option("--scenario", "scenario_path", metavar="FILE", type=FILE,
              help="Who the partners are and what they do; plain assumptions if left out.")  # fmt: skip
@click.option("--partners", type=click.IntRange(1, 1_000_000), default=200, show_default=True, help="How many.")
@click.option("--months", type=click.IntRange(1, 1200), default=24, show_default=True, help="Calendar months.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed draws the same events.")
@click.option("--start", "start_day", metavar="DATE", type=DAY, help="The first day; the programme's if left out.")
@click.option("--journal", "with_journal", is_flag=True, help="Write every movement too, in the format of the tables.")
@click.option("--events-out", "events_path", metavar="FILE", type=click.Path(dir_okay=False, writable=True),
              help="Write what the partners did too, a Parquet file for settle, fit and backtest.")  # fmt: skip
@out_option
@format_option
@lang_option
@json_option
def command(
    programme_path: str,
    scenario_path: str | None,
    partners: int,
    months: int,
    seed: int,
    start_day: int | None,
    with_journal: bool,
    events_path: str | None,
    out_dir: str,
    table_format: str,
    lang: str,
    as_json: bool,
) -> None:
    """Draw a population, settle it under PROGRAMME, and write tables and a report.

    A scenario is an assumption, not a forecast; the report repeats it. The same seed gives the same bytes.

    \b
    Example:
      loyalty simulate examples/acme/programme.yaml --scenario examples/acme/scenario.yaml \\
          --partners 200 --months 24 --seed 7 --out out/simulation
    """
    require_arrays("loyalty simulate")
    from loyalty.simulation.events_file import EventsFile
    from loyalty.simulation.movements import MovementsFile
    from loyalty.simulation.simulating import Take, simulate
    from loyalty.simulation.tallying import tally

    if events_path is not None and Path(events_path).suffix != ".parquet":
        raise WrongUseError(f"--events-out {events_path}: events are written as Parquet; name a file .parquet")
    programme = load(programme_path)
    scenario = load_scenario(scenario_path, programme) if scenario_path else default_scenario(programme)
    start_day = programme.first_day if start_day is None else start_day
    if month_of(start_day) + months >= LAST_YEAR * 12:
        raise WrongUseError(f"{months} months from {format_day(start_day)} end after {LAST_YEAR - 1}; take fewer")
    until_day = month_starts(start_day, months)[-1] - 1
    first_day = min(one.first_day for one in revisions_of(programme))
    if until_day < first_day:
        raise WrongUseError(
            f"{format_day(start_day)} through {format_day(until_day)} lies before the programme's first day, "
            f"{format_day(first_day)}, and nothing would count; take a later --start, or leave it out"
        )
    folder = Path(out_dir)
    with Meter() as meter, when_stopped(lambda: _ANEW), ExitStack() as stack:
        takers: list[Take] = []
        if with_journal:
            journal = stack.enter_context(MovementsFile(folder / f"journal.{table_format}", programme))
            takers.append(journal.add)
        if events_path is not None:
            takers.append(stack.enter_context(EventsFile(Path(events_path))).add)

        def take(part: EventTable, run: Batch) -> None:
            for each in takers:
                each(part, run)

        batch = simulate(
            programme, scenario, partners, months, seed, start_day, take=take, journal=with_journal,
            ids=events_path is not None, progress=meter.stage("simulating partners", partners),
        )  # fmt: skip
    events = int(batch.layers[Layer.PARTNER].events.sum())
    run = Run(
        title=said("title.simulation", programme=programme.title or programme.id),
        notes=[said("run.drawn", partners=counted("partner", partners), events=events, first=Day(start_day),
                    last=Day(until_day)),
               *([said("run.before", first=Day(first_day))] if start_day < first_day else []),
               *([batch.note] if batch.note else [])],
        parameters={
            "scenario": scenario.name,
            "partners": partners,
            "months": months,
            "seed": str(seed),
            "from": Day(start_day),
            "through": Day(until_day),
        },
        assumptions=scenario.assumed(),
        lang=lang,
        counts={"partners": partners, "months": months, "events": events},
        digest=batch.digest() if as_json else "",
        events=None if events_path is None else Path(events_path),
    )  # fmt: skip
    outcome = write_results(
        tally(batch), programme, run, out_dir, table_format, until_day,
        journal=(lambda _: journal.path) if with_journal else None,
    )  # fmt: skip
    outcome.show(as_json=as_json)
