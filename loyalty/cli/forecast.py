"""``loyalty forecast``: from today's balances and standings forward under a scenario, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from loyalty.cli.compare import number, table_rows, writing
from loyalty.cli.folder import write_page
from loyalty.cli.ledger.database import names_options, open_store, require_entries
from loyalty.cli.options import DAY
from loyalty.cli.printing import count_words, print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.replicates import table_of
from loyalty.cli.running import (
    FILE,
    Command,
    WrongUseError,
    format_option,
    json_option,
    lang_option,
    print_json,
    programme_argument,
)
from loyalty.core.calendar import LAST_YEAR, format_day
from loyalty.explaining.said import said
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.simulation.extras import require_arrays
from loyalty.simulation.months import month_of, month_text
from loyalty.simulation.report.texts import texts
from loyalty.simulation.scenario import load_scenario

if TYPE_CHECKING:
    from loyalty.simulation.book_history import Past
    from loyalty.simulation.forecasting import Forecast, Total

#: Totals that are shown even where they are 0.
_ALWAYS: Final = ("liability", "cost", "expiry", "breakage")


@click.command("forecast", cls=Command, short_help="Go on from today's balances and standings under a scenario.")
@programme_argument
@click.argument("events_path", metavar="[EVENTS]", type=FILE, required=False)
@click.option("--db", metavar="URL", help="A book in a database: an SQLAlchemy URL, or the path of an SQLite file.")
@click.option("--book", default="main", show_default=True, metavar="NAME", help="Which book in it.")
@names_options
@click.option("--map", "mapping_path", metavar="MAPPING", type=FILE, help="How the rows of a raw export become events.")
@click.option("--scenario", "scenario_path", metavar="FILE", type=FILE, required=True,
              help="What partners do from tomorrow on; `loyalty fit` makes one of a history.")  # fmt: skip
@click.option("--today", "today", metavar="DATE", type=DAY,
              help="The last day of the past; the book's clock or the last event's day if left out.")  # fmt: skip
@click.option("--months", type=click.IntRange(1, 600), default=12, show_default=True, help="Calendar months from then.")
@click.option("--replicates", type=click.IntRange(2, 1000), default=20, show_default=True, help="How many futures.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the first future.")
@click.option("--arriving", type=click.IntRange(0, 1_000_000), default=0, show_default=True,
              help="Partners who are not known yet and come as the scenario says.")  # fmt: skip
@click.option("--out", "out_dir", metavar="DIR", type=click.Path(file_okay=False, writable=True),
              help="Write the tables and the report here.")  # fmt: skip
@format_option
@lang_option
@json_option
def command(
    programme_path: str,
    events_path: str | None,
    db: str | None,
    book: str,
    prefix: str,
    schema: str | None,
    mapping_path: str | None,
    scenario_path: str,
    today: int | None,
    months: int,
    replicates: int,
    seed: int,
    arriving: int,
    out_dir: str | None,
    table_format: str,
    lang: str,
    as_json: bool,
) -> None:
    """Settle what happened under PROGRAMME through today, and go on from there once for each replicate.

    The past is a file of events or a book with --db, of which the decisions are replayed too. Each known partner gets
    the place in the drawn population that its past has among the others: the largest stays the largest. Intervals hold
    the middle 90 % of the replicates.

    \b
    Example:
      loyalty forecast programme.yaml --db portal.db --scenario scenario.yaml --months 12 --out out/forecast
    """
    require_arrays("loyalty forecast")
    from loyalty.simulation.forecast_tables import forecast_tables
    from loyalty.simulation.forecasting import forecast
    from loyalty.simulation.tables import write_each

    if (db is None) == (events_path is None):
        raise WrongUseError("say what the past is: a file of EVENTS, or --db URL for a book in a database")
    programme = load(programme_path)
    scenario = load_scenario(scenario_path, programme)
    with Meter() as meter:
        if db is not None:
            past = _of_book(programme, db, book, prefix, schema)
        else:
            past = _of_file(programme, str(events_path), mapping_path, meter)
        day = _today(programme, past, today)
        if month_of(day + 1) + months >= LAST_YEAR * 12:
            raise WrongUseError(f"{months} months from {format_day(day + 1)} end after {LAST_YEAR - 1}; take fewer")
        found = forecast(
            programme, past, scenario, today=day, months=months, seeds=range(seed, seed + replicates),
            arriving=arriving, progress=meter.stage("running", replicates),
        )  # fmt: skip
    written: list[Path] = []
    if out_dir is not None:
        written = write_each(forecast_tables(found), out_dir, table_format)
        written.append(_write_report(found, scenario.name, out_dir, lang, written))
    if as_json:
        print_json(_document(found, written))
    else:
        _print(found, written)


def _write_report(found: Forecast, scenario: str, folder: str, lang: str, files: Sequence[Path]) -> Path:
    from loyalty.simulation.report import render_forecast

    title = said("title.forecast", programme=found.programme.title or found.programme.id)
    page = render_forecast(found, title=title, parameters={"scenario": scenario}, texts=texts(lang))
    return write_page(page, folder, files)


def _of_book(programme: Programme, db: str, book: str, prefix: str, schema: str | None) -> Past:
    from loyalty.simulation.book_history import recorded

    store = open_store(db, book=book, prefix=prefix, schema=schema)
    with store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=False)
    return recorded(programme, store)


def _of_file(programme: Programme, path: str, mapping_path: str | None, meter: Meter) -> Past:
    from loyalty.simulation.book_history import Past

    table = table_of(programme, path, mapping_path, meter)
    if not len(table):
        raise WrongUseError(f"{path} has no events; there is no past to go on from")
    return Past(events=table)


def _today(programme: Programme, past: Past, given: int | None) -> int:
    """Give the last day of the past."""
    if given is not None:
        return given
    return programme.calendar.day_of(int(past.events.at.max())) if past.clock_day is None else past.clock_day


def _print(found: Forecast, written: Sequence[Path]) -> None:
    out = stdout()
    programme = found.programme
    print_line(out, f"{programme.title or programme.id}: forecast from {format_day(found.today)} through "
                    f"{format_day(found.until_day)}", style="bold")  # fmt: skip
    more = f" and {found.arriving:,} who come" if found.arriving else ""
    seeds = f"seeds {found.seeds[0]} to {found.seeds[-1]}"
    print_line(out, f"  {count_words(found.partners, 'known partner')}{more}; {seeds}")
    print_line(out, f"  intervals: {float(found.middle) * 100:g} % of the replicates, {found.method}")
    for note in found.notes:
        print_line(out, f"- {texts('en').tell(note)}")
    print_table(out, (("", False), ("today", True), ("mean", True), ("interval", True)), (
        _row(one) for one in found.totals if one.mean or one.today or one.name in _ALWAYS
    ))  # fmt: skip
    worth = {name for name, currency in currencies_of(programme).items() if currency.worth or currency.unit}
    names = ["liability", *(f"{name}.{part}" for name in sorted(worth) for part in ("outstanding", "expired"))]
    shown = [one for name in names for one in found.series if one.name == name and any(one.mean)]
    writers = [(one, writing(one.name, one.unit, is_whole=one.is_whole)) for one in shown]
    if shown:
        print_table(out, (("month", False), *((one.name, True) for one in shown)), (
            (month_text(month), *(write(one.mean[place]) for one, write in writers))
            for place, month in enumerate(found.months)
        ))  # fmt: skip
    for name, amounts in found.expiring.items():
        if any(amounts):
            told = ", ".join(f"{number(amount)} in {month_text(month)}"
                             for month, amount in zip(found.months, amounts, strict=True) if amount)  # fmt: skip
            print_line(out, f"Of the {name} that are there today there expire, unless they are used: {told}.")
    if found.assumptions:
        print_line(out, "Assumed, not measured:", style="bold")
        for assumption in found.assumptions:
            print_line(out, f"- {texts('en').tell(assumption)}")
    if written:
        print_line(out, f"Tables: {written[0].parent} ({', '.join(path.name for path in written[:-1])})")
        print_line(out, f"Report: {written[-1]}", style="bold")


def _row(one: Total) -> tuple[str, ...]:
    write = writing(one.name, one.unit, is_whole=one.is_whole)
    unit = "" if one.unit in ("share", one.name.partition(".")[0]) else f" ({one.unit})"
    today = "" if one.today is None else write(one.today)
    low, high = (write(Fraction(end)) for end in (one.interval.low, one.interval.high))
    return f"{one.name}{unit}", today, write(one.mean), f"{low} … {high}"


def _document(found: Forecast, written: Sequence[Path]) -> dict[str, Any]:
    from loyalty.simulation.forecast_tables import forecast_tables

    return {
        "ok": True,
        "programme": {"id": found.programme.id, "revision": found.programme.revision},
        "today": format_day(found.today),
        "until": format_day(found.until_day),
        "partners": found.partners,
        "arriving": found.arriving,
        "seeds": list(found.seeds),
        "middle": str(found.middle),
        "method": found.method,
        "assumptions": [texts("en").tell(one) for one in found.assumptions],
        "notes": [texts("en").tell(one) for one in found.notes],
        "tables": {table.name: table_rows(table) for table in forecast_tables(found)},
        "files": [str(path) for path in written],
    }
