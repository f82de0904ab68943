"""``loyalty settle``: settle a large Parquet file of events, bucket by bucket where it does not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from attrs import evolve

from loyalty.cli.options import DAY
from loyalty.cli.outcome import Run, end_of_month, write_results
from loyalty.cli.printing import count_words
from loyalty.cli.progress import Meter
from loyalty.cli.running import (
    Command,
    WrongUseError,
    format_option,
    json_option,
    lang_option,
    out_option,
    programme_argument,
    when_stopped,
)
from loyalty.core.calendar import format_day
from loyalty.core.holders import Layer
from loyalty.errors import SourceError
from loyalty.explaining.said import Day, said
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.simulation.extras import require_arrays
from loyalty.simulation.left_out import left_out
from loyalty.simulation.report.texts import counted

if TYPE_CHECKING:
    from loyalty.batch.buckets import Buckets
    from loyalty.batch.results import Batch


@click.command("settle", cls=Command, short_help="Settle a large Parquet file of events; stops and goes on.")
@programme_argument
@click.argument("events_path", metavar="EVENTS", type=click.Path(exists=True))
@click.option("--until", "until_day", metavar="DATE", type=DAY,
              help="The last day; the end of the last event's month if left out.")  # fmt: skip
@click.option("--buckets", type=click.IntRange(1, 100_000), metavar="N",
              help="Settle in so many parts, each in the memory that it takes; all at once if left out.")  # fmt: skip
@click.option("--dask", metavar="ADDRESS", help="Settle the buckets on the Dask cluster with its scheduler there.")
@out_option
@format_option
@lang_option
@json_option
def command(
    programme_path: str,
    events_path: str,
    until_day: int | None,
    buckets: int | None,
    dask: str | None,
    out_dir: str,
    table_format: str,
    lang: str,
    as_json: bool,
) -> None:
    """Settle EVENTS under PROGRAMME, and write tables and a report.

    EVENTS is a Parquet file, or a folder of them, in the columns that docs/reference/arrow-events.md names; whole
    numbers of money are minor units. With --buckets the events are first written into DIR/buckets, and each result is
    kept in DIR/results: after Ctrl-C the same command goes on with the next bucket.

    \b
    Example:
      loyalty settle programme.yaml events.parquet --buckets 64 --out out/settled
    """
    require_arrays("loyalty settle")
    from loyalty.simulation.tallying import tally

    if dask is not None and buckets is None:
        raise WrongUseError("--dask settles buckets; say with --buckets how many, some for each worker")
    programme = load(programme_path)
    folder = Path(out_dir)

    def kept() -> str:
        finished = len(list((folder / "results").glob("*.parquet")))
        return (
            f"{count_words(finished, 'bucket')} of {buckets} are settled and kept in {folder / 'results'}. The same "
            "command goes on with the next."
        )

    with Meter() as meter:
        if buckets is None:
            with when_stopped(lambda: _ANEW), _of_parquet():
                rows, batch = _at_once(programme, Path(events_path), until_day, meter)
        else:
            with when_stopped(lambda: _UNWRITTEN), _of_parquet():
                made = _buckets(programme, Path(events_path), folder / "buckets", buckets, meter)
            rows, last_day = sum(made.rows), _last_day(programme, made.last_at, until_day)
            with when_stopped(kept):
                batch = _by_bucket(programme, made, folder / "results", last_day, dask, meter)
    partners = batch.layers[Layer.PARTNER]
    events = int(partners.events.sum())
    run = Run(
        title=said("title.settled", programme=programme.title or programme.id),
        notes=[
            said("run.rows", rows=counted("row", rows), events=counted("event", events)),
            *left_out({**batch.uncounted, "repeated": _repeated(batch, rows, events)}),
            said("run.until", day=Day(batch.until_day)),
            *([batch.note] if batch.note else []),
        ],
        parameters={"events": Path(events_path).name, "through": Day(batch.until_day)},
        lang=lang,
        counts={"rows": rows, "events": events, "partners": len(partners.holders)},
        digest=batch.digest() if as_json else "",
    )
    outcome = write_results(tally(batch), programme, run, out_dir, table_format, batch.until_day, journal=None)
    outcome.show(as_json=as_json)


_ANEW: Final = "Nothing is kept; the same command begins anew, and with --buckets a command can be gone on with."
_UNWRITTEN: Final = (
    "The buckets were not yet written whole; the same command writes them from the beginning, and goes on from there."
)


@contextmanager
def _of_parquet() -> Iterator[None]:
    """Say which command reads what is no Parquet."""
    try:
        yield
    except SourceError as error:
        from loyalty.batch.streams import NO_PARQUET

        fix = "give a Parquet file; `loyalty backtest` reads CSV, JSON Lines and workbooks"
        raise SourceError(
            [evolve(each, fix=fix) if each.got == NO_PARQUET else each for each in error.findings]
        ) from error


def _repeated(batch: Batch, rows: int, events: int) -> int:
    """Count what came twice: the rows that are left where each other has its reason."""
    from loyalty.batch.uncounted import NO_EVENTS

    return rows - events - sum(batch.uncounted[why] for why in NO_EVENTS)


def _at_once(programme: Programme, path: Path, until_day: int | None, meter: Meter) -> tuple[int, Batch]:
    from loyalty.batch.reading import read_table
    from loyalty.batch.running import run
    from loyalty.batch.uncounted import uncounted

    report, rows = meter.stage("reading"), 0

    def progress(read: int) -> None:
        nonlocal rows
        rows = read
        report(read)

    table = read_table(programme, path, progress=progress)
    first = programme.calendar.day_start_us(programme.first_day)
    last_day = _last_day(programme, int(table.at.max()) if len(table) else first, until_day)
    batch = run(programme, table, until_day=last_day, progress=meter.stage("settling"))
    return rows, evolve(batch, uncounted=uncounted(table))


def _buckets(programme: Programme, path: Path, folder: Path, count: int, meter: Meter) -> Buckets:
    """Give the buckets of the file; those that an earlier call wrote serve again."""
    from loyalty.batch.bucketing import source_of, write_buckets
    from loyalty.batch.buckets import Buckets
    from loyalty.batch.streams import open_stream

    made = Buckets.at(folder)
    if made is None:
        report: dict[str, Callable[[int], None]] = {}

        def progress(done: int, total: int | None) -> None:
            report.setdefault("bar", meter.stage("writing buckets", total))(done)

        return write_buckets(programme, path, folder, buckets=count, progress=progress)
    now = {"events": source_of(path, open_stream(path)), "buckets": count}
    for name, was in {"events": made.source, "buckets": len(made.rows)}.items():
        if was != now[name]:
            raise WrongUseError(
                f"{folder} is of another call: {name} was {was} and is {now[name]}; take another --out, or remove it"
            )
    return made


def _by_bucket(
    programme: Programme, made: Buckets, folder: Path, until_day: int, dask: str | None, meter: Meter
) -> Batch:
    from loyalty.batch.bucketed import settle_buckets

    report = meter.stage("settling", sum(made.rows))

    def progress(done: int, _: int) -> None:
        report(done)

    if dask is None:
        return settle_buckets(programme, made, until_day=until_day, out=folder, progress=progress)
    from loyalty.simulation.distributed.on_dask import connected, settle_on_dask

    with connected(dask) as client:
        return settle_on_dask(client, programme, made, until_day=until_day, out=folder, progress=progress)


def _last_day(programme: Programme, last_at: int, until_day: int | None) -> int:
    """Give the end of the month of the last event, or refuse a day before it."""
    last = programme.calendar.day_of(last_at)
    if until_day is not None and until_day < last:
        raise WrongUseError(
            f"--until {format_day(until_day)} lies before the last event, of {format_day(last)}; "
            "leave it out, or take the later events out of the file"
        )
    return end_of_month(last) if until_day is None else until_day
