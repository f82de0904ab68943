"""``loyalty backtest``: settle a file of what happened, and report what the programme would have paid."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loyalty.cli.book import Target, book_options, place_of
from loyalty.cli.options import DAY
from loyalty.cli.outcome import Run, end_of_month, write_outcome
from loyalty.cli.printing import count_words
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
)  # fmt: skip
from loyalty.core.calendar import LAST_DAY, format_day
from loyalty.core.events import VOID, Event
from loyalty.explaining.said import Day, Said, said
from loyalty.ledger.store import Grant
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.revisions import revisions_of
from loyalty.settlement.history import place_events
from loyalty.settlement.settle import settle
from loyalty.simulation.left_out import left_out
from loyalty.simulation.report.texts import counted
from loyalty.sources import Reading, load_mapping, read_events, save_bad_rows

if TYPE_CHECKING:
    from loyalty.batch.tables import EventTable


@click.command("backtest", cls=Command, short_help="Settle a file of events and report what was paid.")
@programme_argument
@click.argument("events_path", metavar="EVENTS", type=FILE)
@click.option("--map", "mapping_path", metavar="MAPPING", type=FILE, help="How the rows of a raw export become events.")
@out_option
@click.option("--until", "until_day", metavar="DATE", type=DAY,
              help="The last day; the end of the last event's month if left out.")  # fmt: skip
@format_option
@lang_option
@click.option("--skip-bad-rows", is_flag=True, help="Settle the others; bad rows are counted and saved.")
@book_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    programme_path: str,
    events_path: str,
    mapping_path: str | None,
    out_dir: str,
    until_day: int | None,
    table_format: str,
    lang: str,
    skip_bad_rows: bool,
    db: str | None,
    book: str,
    prefix: str,
    schema: str | None,
    as_json: bool,
) -> None:
    """Settle EVENTS under PROGRAMME, and write tables, the journal and a report.

    EVENTS is a CSV, XLSX, JSON Lines or Parquet file; without --map its columns are on, at, id, source, partner,
    person, of and the declared fields, or those of a Parquet file for `loyalty settle`. Rows that cannot be read are
    listed, and nothing is settled unless --skip-bad-rows is given. The same input gives the same bytes.

    With --db the book is kept in a database as well, as an application would have posted it. A book of that name must
    hold nothing but events of EVENTS; those that it holds already change nothing.

    \b
    Example:
      loyalty backtest examples/acme/programme.yaml examples/acme/history.jsonl --out out/acme
      loyalty backtest programme.yaml deals.csv --map mapping.yaml --out out/deals --db portal.db --book trial
    """
    place = place_of(ctx, db, book, prefix, schema)
    programme = load(programme_path)
    mapping = load_mapping(mapping_path, programme) if mapping_path else None
    target = None if place is None else Target(place, programme)
    with Meter() as meter:
        table = _columns(programme, events_path) if mapping is None else None
        if table is None:
            reading = read_events(
                events_path, programme, mapping, skip_bad_rows=skip_bad_rows, progress=meter.stage("reading")
            )
            last_at = max((event.occurred_at for event in reading.events), default=None)
        else:
            events = table.to_events()
            reading = Reading(events=events, bad=[], rows_read=len(table), rows_filtered=0)
            last_at = int(table.at.max()) if len(table) else None
        last_day = _last_day(programme, last_at, until_day)
        until_day = last_day if until_day is None else until_day
        grants = [] if table is None else _redemptions(table, until_day, db)
        if target is not None:
            target.prepare(reading.events, until_day)
        deliveries = sum(1 + (event.person is not None) for event in reading.events)
        # Traced, so that the report can say what the caps took.
        settlement = settle(
            programme,
            reading.events,
            grants,
            until_day=until_day,
            progress=meter.stage("settling", deliveries),
            traced=True,
        )
        written = None
        if target is not None:
            report = meter.stage("writing the book", len(reading.events))
            written = target.write(reading.events, settlement, report)
    bad_rows = _save_bad(reading, Path(out_dir))
    wishes = 0 if table is None else len(table) - len(reading.events)
    notes = [*_notes(programme, reading, bad_rows, wishes), said("run.until", day=Day(until_day))]
    run = Run(
        title=said("title.backtest", programme=programme.title or programme.id),
        notes=notes,
        parameters={
            "events": Path(events_path).name,
            **({"mapping": Path(mapping_path).name} if mapping_path else {}),
            "through": Day(until_day),
        },
        counts={
            "rows": reading.rows_read,
            "events": len(reading.events),
            "filtered_rows": reading.rows_filtered,
            "repeated_events": reading.rows_repeated,
            "bad_rows": len(reading.bad),
        },
        lang=lang,
    )
    wished = () if table is None else _wished(table)
    outcome = write_outcome(settlement, reading.events, run, out_dir, table_format, until_day, wished=wished)
    outcome.show(as_json=as_json, written=written)


def _columns(programme: Programme, path: str) -> EventTable | None:
    """Read Parquet in the columns of `loyalty settle`; None for any other file, which is read row by row."""
    if not path.endswith(".parquet") or find_spec("pyarrow") is None or find_spec("numpy") is None:
        return None
    from loyalty.batch.reading import has_event_columns, read_table

    return read_table(programme, path) if has_event_columns(path) else None


def _redemptions(table: EventTable, until_day: int, db: str | None) -> list[Grant]:
    """Decide what rows wish to redeem, as their turn comes."""
    from loyalty.simulation.redemptions import redemptions

    grants = redemptions(table, until_day)
    if grants and db is not None:
        raise WrongUseError(
            f"the file has {count_words(len(grants), 'redemption')}, which a book records as commands, and --db writes "
            "events alone; leave --db out, or take the rows of kind @redeem out of the file"
        )
    return grants


def _wished(table: EventTable) -> list[tuple[str, int]]:
    """Give the partners of all wishes to redeem from their own wallets, with the instants."""
    from loyalty.batch.tables import REDEEM

    rows = (table.kind == REDEEM) & (table.partner >= 0) & (table.person < 0)
    partners = table.partners.to_pylist()
    return [
        (partners[code], at) for code, at in zip(table.partner[rows].tolist(), table.at[rows].tolist(), strict=True)
    ]


def _last_day(programme: Programme, last_at: int | None, until_day: int | None) -> int:
    """Give the end of the month of the last event, or refuse a day before it."""
    if last_at is None:
        return end_of_month(programme.first_day) if until_day is None else until_day
    last = programme.calendar.day_of(last_at)
    if until_day is not None and until_day < last:
        raise WrongUseError(
            f"--until {format_day(until_day)} lies before the last event, of {format_day(last)}; "
            "leave it out, or take the later events out of the file"
        )
    return end_of_month(last)


def _save_bad(reading: Reading, folder: Path) -> Path | None:
    path = folder / "bad_rows.csv"
    if not reading.bad:
        # What an earlier run left here would speak of another file.
        with suppress(FileNotFoundError):
            path.unlink()
        return None
    folder.mkdir(parents=True, exist_ok=True)
    save_bad_rows(reading, path)
    return path


def _notes(programme: Programme, reading: Reading, bad_rows: Path | None, wishes: int) -> list[Said]:
    notes = [said("run.rows", rows=counted("row", reading.rows_read), events=counted("event", len(reading.events)))]
    if wishes:
        notes.extend(left_out({"wishes": wishes}))
    if reading.rows_filtered:
        notes.append(said("run.filtered", rows=counted("row", reading.rows_filtered)))
    if reading.rows_repeated:
        notes.append(said("run.repeated", events=counted("event", reading.rows_repeated)))
    if bad_rows is not None:
        notes.append(said("run.bad", rows=counted("row", len(reading.bad)), file=bad_rows.name))
    return [*notes, *left_out(_uncounted(programme, reading.events))]


def _uncounted(programme: Programme, events: list[Event]) -> dict[str, int]:
    """Count the events that do not count: voided ones, and those whose origin is not in the file."""
    placed = {place.event.identity for place in place_events(programme, events)}
    voided = {event.origin for event in events if event.kind == VOID}
    known = {event.identity for event in events}
    waiting = [event for event in events if event.kind != VOID and event.identity not in placed | voided]
    first = min(one.first_day for one in revisions_of(programme))
    last = programme.last_day or LAST_DAY
    outside = [e for e in events if not first <= programme.calendar.day_of(e.occurred_at) <= last]
    answered = sum((event.origin or "") in known for event in waiting)
    return {
        "outside": len(outside),
        "voided": len(voided & known),
        "waiting": len(waiting) - answered,
        "answered": answered,
    }
