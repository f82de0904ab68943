"""What the commands on several programmes run on: a file of events, or a population that is drawn for each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import frozen

from loyalty.cli.ledger.database import names_options, open_store, require_entries, shown_database
from loyalty.cli.options import DAY
from loyalty.cli.outcome import end_of_month
from loyalty.cli.printing import count_words
from loyalty.cli.progress import Meter
from loyalty.cli.running import FILE, WrongUseError
from loyalty.core.calendar import LAST_YEAR, format_day
from loyalty.explaining.said import Day, Value
from loyalty.programme.model import Programme
from loyalty.simulation.months import month_of, month_starts
from loyalty.sources import load_mapping, read_events

if TYPE_CHECKING:
    from loyalty.batch.tables import EventTable
    from loyalty.simulation.replicates import Replicate

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: What is not said is so many partners, months and replicates.
PARTNERS, MONTHS, REPLICATES = 200, 24, 5

#: So many replicates where each is run with many values.
FEWER = 3


@frozen(kw_only=True)
class Ground:
    """
    What programmes are run on.

    Args:
        until_day: The last day of each run.
        replicates: How many there are.
        assumptions: Of the scenario.
        parameters: What was given, for a report.
        words: What it is, for a reader.
        notes: What of it does not count.
        responds: Whether the scenario says that partners respond to incentives.
    """

    until_day: int
    replicates: int
    assumptions: tuple[Value, ...]
    parameters: Mapping[str, Value]
    words: str
    responds: bool
    notes: tuple[Value, ...] = ()
    _draw: Callable[[], Iterator[Replicate]]

    def draw(self) -> Iterator[Replicate]:
        """Give the events, replicate by replicate; each is drawn when it is asked for."""
        return self._draw()


def ground_options(function: _Function) -> _Function:
    """Add the options that :func:`ground` takes."""
    options = (
        click.option("--events", "events_path", metavar="EVENTS", type=FILE,
                     help="A file of what happened, in place of a drawn population."),
        click.option("--map", "mapping_path", metavar="MAPPING", type=FILE,
                     help="How the rows of a raw export become events."),
        click.option("--db", metavar="URL",
                     help="What a book recorded, in place of both: an SQLAlchemy URL, or the path of an SQLite file."),
        click.option("--book", default="main", show_default=True, metavar="NAME", help="With --db: which book in it."),
        click.option("--until", "until_day", metavar="DATE", type=DAY,
                     help="With --events: the last day; the end of the last event's month if left out."),
        click.option("--scenario", "scenario_path", metavar="FILE", type=FILE,
                     help="Who the partners are and what they do; plain assumptions if left out."),
        click.option("--partners", type=click.IntRange(1, 1_000_000), metavar="N",
                     help=f"How many are drawn; {PARTNERS} if left out."),
        click.option("--months", type=click.IntRange(1, 1200), metavar="N",
                     help=f"Calendar months; {MONTHS} if left out."),
        click.option("--seed", type=int, metavar="N", help="Of the first replicate; 1 if left out."),
        click.option("--replicates", type=click.IntRange(1, 1000), metavar="N",
                     help=f"How many populations, each with the next seed; {REPLICATES} if left out, {FEWER} to sweep "
                          "or tune."),
        click.option("--start", "start_day", metavar="DATE", type=DAY,
                     help="The first day; the programme's if left out."),
    )  # fmt: skip
    function = names_options(function)
    for option in reversed(options):
        function = option(function)
    return function


def ground(
    ctx: click.Context,
    programme: Programme,
    meter: Meter,
    *,
    replicates: int = REPLICATES,
) -> Ground:
    """
    Read what :func:`ground_options` say.

    Args:
        programme: What the events must be valid for.
        replicates: How many populations are drawn where nothing is said.

    Raises:
        WrongUseError: options do not go together.
    """
    given = ctx.params
    drawn = ("scenario_path", "partners", "months", "seed", "replicates", "start_day")
    of_the_past = ("mapping_path", "until_day")
    if given["db"] is not None:
        _refuse(
            given, (*drawn, "events_path", "mapping_path"), "does not go with --db, which gives what a book recorded"
        )
        return _of_book(programme, given)
    if given["events_path"] is not None:
        _refuse(given, drawn, "says how a population is drawn, and --events gives what happened; leave one of them out")
        return _recorded(programme, given, meter)
    _refuse(given, of_the_past, "belongs to a file of events; name it with --events")
    return _drawn(programme, given, given["replicates"] or replicates)


def _drawn(programme: Programme, given: dict[str, Any], replicates: int) -> Ground:
    from loyalty.simulation.drawn import drawn
    from loyalty.simulation.scenario import default_scenario, load_scenario

    path = given["scenario_path"]
    scenario = load_scenario(path, programme) if path else default_scenario(programme)
    start_day = programme.first_day if given["start_day"] is None else given["start_day"]
    months, partners = given["months"] or MONTHS, given["partners"] or PARTNERS
    if month_of(start_day) + months >= LAST_YEAR * 12:
        raise WrongUseError(f"{months} months from {format_day(start_day)} end after {LAST_YEAR - 1}; take fewer")
    first = 1 if given["seed"] is None else given["seed"]
    seeds = range(first, first + replicates)
    until_day = month_starts(start_day, months)[-1] - 1
    span = f"{format_day(start_day)} through {format_day(until_day)}"
    return Ground(
        until_day=until_day,
        replicates=replicates,
        assumptions=scenario.assumed(),
        parameters={
            "scenario": scenario.name,
            "partners": partners,
            "months": months,
            "seed": str(first),
            "from": Day(start_day),
            "through": Day(until_day),
        },
        words=f"{partners:,} drawn partners, {span}, {_seeds(seeds)} ({scenario.name})",
        responds=bool(scenario.response),
        draw=lambda: drawn(programme, scenario, partners, months, start_day, seeds),
    )


def _recorded(programme: Programme, given: dict[str, Any], meter: Meter) -> Ground:
    from loyalty.simulation.replicates import Replicate

    table = table_of(programme, given["events_path"], given["mapping_path"], meter)
    if not len(table):
        raise WrongUseError(f"{given['events_path']} has no events; there is nothing to run on")
    last_day = programme.calendar.day_of(int(table.at.max()))
    until_day = end_of_month(last_day) if given["until_day"] is None else given["until_day"]
    used, notes = _used(programme, table, until_day)
    return Ground(
        until_day=until_day,
        replicates=1,
        assumptions=(),
        parameters={"events": Path(given["events_path"]).name, "through": Day(until_day)},
        words=f"{used} of {given['events_path']}, through {format_day(until_day)}",
        responds=False,
        notes=notes,
        draw=lambda: iter([Replicate(events=table)]),
    )


def _of_book(programme: Programme, given: dict[str, Any]) -> Ground:
    from loyalty.simulation.book_history import recorded
    from loyalty.simulation.replicates import Replicate

    db, book = given["db"], given["book"]
    store = open_store(db, book=book, prefix=given["prefix"], schema=given["schema"])
    with store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=False)
    past = recorded(programme, store)
    last_day = programme.calendar.day_of(int(past.events.at.max())) if past.clock_day is None else past.clock_day
    until_day = last_day if given["until_day"] is None else given["until_day"]
    events, notes = _used(programme, past.events, until_day)
    end_us = programme.calendar.day_start_us(until_day + 1)
    decisions = count_words(sum(grant.at < end_us for grant in past.grants), "decision")
    return Ground(
        until_day=until_day,
        replicates=1,
        assumptions=(),
        parameters={"events": f"{shown_database(db)} ({book})", "through": Day(until_day)},
        words=f"{events} and {decisions} of book {book} in {shown_database(db)}, through {format_day(until_day)}",
        responds=False,
        notes=notes,
        draw=lambda: iter([Replicate(events=past.events, grants=past.grants)]),
    )


def _used(programme: Programme, table: EventTable, until_day: int) -> tuple[str, tuple[Value, ...]]:
    """Say how many events happen through a day, and which of them do not count; refuse a day before all of them."""
    from loyalty.batch.tables import REDEEM
    from loyalty.simulation.left_out import events_left_out

    end_us = programme.calendar.day_start_us(until_day + 1)
    used = int(((table.at < end_us) & (table.kind != REDEEM)).sum())
    if not used:
        first = format_day(programme.calendar.day_of(int(table.at.min())))
        raise WrongUseError(
            f"--until {format_day(until_day)} lies before the first event, of {first}, so that there is nothing to run "
            "on; leave it out, or take a later day"
        )
    return count_words(used, "event"), events_left_out(table, end_us)


def table_of(programme: Programme, path: str, mapping_path: str | None, meter: Meter) -> EventTable:
    """Read a file of events: Parquet of their own columns as columns, and any other file row by row."""
    from loyalty.batch.reading import has_event_columns
    from loyalty.batch.tables import EventTable

    if mapping_path is None and has_event_columns(path):
        return EventTable.from_arrow(programme, path)
    mapping = load_mapping(mapping_path, programme) if mapping_path else None
    return EventTable.from_events(
        programme, read_events(path, programme, mapping, progress=meter.stage("reading")).events
    )


def _refuse(given: dict[str, Any], names: Sequence[str], why: str) -> None:
    for name in names:
        if given[name] is not None:
            option = name.removesuffix("_path").removesuffix("_day")
            raise WrongUseError(f"--{'map' if option == 'mapping' else option} {why}")


def _seeds(seeds: range) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
