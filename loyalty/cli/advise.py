"""``loyalty advise``: what a partner lacks for a tier, and the smallest sets of actions that would do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import click

from loyalty.advising.advice import Action, Advice, Condition, Conditions
from loyalty.advising.advising import BUDGET
from loyalty.cli.ledger.database import names_options, open_store, require_entries
from loyalty.cli.options import DAY
from loyalty.cli.printing import count_words, print_line, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.running import FILE, FINDINGS, Command, WrongUseError, json_option, print_json, programme_argument
from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.core.events import FieldValue
from loyalty.core.holders import Holder
from loyalty.engine.engine import Engine
from loyalty.explaining.words import unit_scale, unit_words
from loyalty.ledger.memory import MemoryStore
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.sources import load_mapping, read_events


class _Count(click.ParamType[tuple[str, int]]):
    """A kind of event and how often: ``deal.won=3``."""

    name = "kind=n"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        kind, _, count = value.partition("=")
        if not count.isdecimal():
            self.fail(f"{value!r} is no kind with a number; write deal.won=3", param, ctx)
        return kind, int(count)


@click.command("advise", cls=Command, short_help="The nearest ways of a partner to a tier.")
@programme_argument
@click.argument("events_path", metavar="[EVENTS]", type=FILE, required=False)
@click.option("--partner", "partner", metavar="ID", required=True, help="The partner.")
@click.option("--tier", "tier", metavar="NAME", required=True, help="The tier to reach, or to keep.")
@click.option("--by", "by_day", metavar="DATE", type=DAY,
              help="The last day; for a tier that is held, the next on which it could be lost.")  # fmt: skip
@click.option("--only", "only", metavar="KIND=N", type=_Count(), multiple=True,
              help="Use this kind of event alone, at most so often; can be given several times.")  # fmt: skip
@click.option("--map", "mapping_path", metavar="MAPPING", type=FILE, help="How the rows of a raw export become events.")
@click.option("--at", "at_day", metavar="DATE", type=DAY,
              help="As of the end of this day, by the events of EVENTS until then; now by default.")  # fmt: skip
@click.option("--budget", metavar="N", type=click.IntRange(1), default=BUDGET, show_default=True,
              help="How many events may be settled in the search.")  # fmt: skip
@click.option("--db", metavar="URL", help="A book in a database: an SQLAlchemy URL, or the path of an SQLite file.")
@click.option("--book", default="main", show_default=True, metavar="NAME", help="Which book in it.")
@names_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    programme_path: str,
    events_path: str | None,
    partner: str,
    tier: str,
    by_day: int | None,
    only: tuple[tuple[str, int], ...],
    mapping_path: str | None,
    at_day: int | None,
    budget: int,
    db: str | None,
    book: str,
    prefix: str,
    schema: str | None,
    as_json: bool,
) -> None:
    """Say what a partner lacks for a tier, and which actions would do, by a file of EVENTS or by a book (--db).

    Each way was settled on a copy of the partner's state, with the clock run through the last day: reviews, graces,
    caps and windows are in it. Nothing is changed. Exit code 1 says that no way was found.

    \b
    Example:
      loyalty advise programme.yaml --db portal.db --partner acme --tier gold --by 2026-12-31
    """
    programme = load(programme_path)
    by = None if by_day is None else format_day(by_day)
    actions = dict(only) or None
    if (db is None) == (events_path is None):
        raise WrongUseError("give a file of EVENTS, or a book with --db, and not both")
    if db is not None:
        if at_day is not None:
            raise WrongUseError("--at goes with a file of EVENTS; of a book it is now that counts")
        store = open_store(db, book=book, prefix=prefix, schema=schema)
        with store.transaction(read_only=True) as transaction:
            require_entries(transaction, programme, db=db, book=book, any_revision=False)
            advice = Engine(programme, store).advise(
                Holder.partner(partner), tier, by, actions=actions, budget=budget
            )  # fmt: skip
    else:
        engine = _engine_of(programme, str(events_path), mapping_path, at_day)
        advice = engine.advise(Holder.partner(partner), tier, by, actions=actions, budget=budget)
    if as_json:
        print_json(_document(programme, advice))
    else:
        _print(programme, advice)
    if advice.blocked:
        ctx.exit(FINDINGS)


def _engine_of(programme: Programme, events_path: str, mapping_path: str | None, at_day: int | None) -> Engine:
    """Settle the events of a file, until the end of a day or until now, in memory."""
    now = time.time_ns() // 1000 if at_day is None else programme.calendar.day_start_us(at_day + 1) - 1
    mapping = load_mapping(mapping_path, programme) if mapping_path else None
    engine = Engine(programme, MemoryStore(), clock=lambda: now)
    with Meter() as meter:
        reading = read_events(events_path, programme, mapping, progress=meter.stage("reading"))
        for _ in engine.submit_many(event for event in reading.events if event.occurred_at <= now):
            pass
    return engine


def _print(programme: Programme, advice: Advice) -> None:
    out = stdout()
    verb = "keeps" if advice.keeps else "reaches"
    title = f"{programme.title or programme.id}: {advice.holder}, {advice.held} now"
    print_line(out, title, style="bold")
    if advice.met:
        print_line(out, f"Nothing more has to happen: it {verb} {advice.tier} by {advice.by} as it is.")
    elif advice.needs is not None:
        print_line(out, f"At the end of {advice.looked_at} {advice.tier} asks for:")
        for line in _condition_lines(programme, advice.needs, 1):
            print_line(out, line)
    for number, way in enumerate(advice.ways, start=1):
        actions = count_words(len(way.actions), "action")
        print_line(out, f"Way {number}, {actions}: {verb} {way.tier} by {advice.by}", style="bold")
        own = {event.id for event in way.events}
        for text, same in groupby(_action_words(programme, action, own) for action in way.actions):
            times = len(list(same))
            print_line(out, f"  {text}{f', {times} times' if times > 1 else ''}")
    if advice.blocked:
        print_line(out, f"No way was found by which it {verb} {advice.tier} by {advice.by}:", style="bold")
        for reason in advice.blocked:
            print_line(out, f"- {reason}")
    elif advice.exhausted:
        print_line(out, "The search ended at its bounds; there may be smaller ways.")


def _condition_lines(programme: Programme, needs: Conditions, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if not needs.every and len(needs.parts) > 1:
        yield f"{indent}any of:"
        indent += "  "
    for part in needs.parts:
        if isinstance(part, Conditions):
            yield from _condition_lines(programme, part, len(indent) // 2)
            continue
        yield f"{indent}{'met' if part.met else 'not met'}: {part.text}{_missing_words(programme, part)}"


def _missing_words(programme: Programme, condition: Condition) -> str:
    words = []
    for one in condition.missing:
        then, needed, lacks = (unit_words(programme, one.unit, n) for n in (one.then, one.needed, one.amount))
        now = f", {unit_words(programme, one.unit, one.now)} now" if one.now != one.then else ""
        words.append(f"{one.metric.name} is {then} of {needed}{now}; {lacks} missing")
    return f" ({'; or '.join(words)})" if words else ""


def _action_words(programme: Programme, action: Action, own: set[str]) -> str:
    event = action.event
    kind = programme.events[event.kind]
    said = [
        f"{name} {_value_words(programme, kind.fields[name].unit, value)}"
        for name, value in event.fields.items()
        if name not in action.stand_ins
    ]
    said += [f"another {name}" for name in sorted(action.stand_ins & {"person", *event.fields})]
    if event.of is not None and event.of not in own:
        said.insert(0, f"of {event.of}")
    return f"{action.day}  {event.kind}{': ' if said else ''}{', '.join(said)}"


def _value_words(programme: Programme, unit: str | None, value: FieldValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return unit_words(programme, unit or "", value) if isinstance(value, int) else value


def _document(programme: Programme, advice: Advice) -> dict[str, Any]:
    return {
        "ok": True,
        "partner": advice.holder.id,
        "tier": advice.tier,
        "by": advice.by.isoformat(),
        "keeps": advice.keeps,
        "held": advice.held,
        "met": advice.met,
        "looked_at": advice.looked_at.isoformat(),
        "needs": None if advice.needs is None else _needs_record(programme, advice.needs),
        "ways": [
            {
                "tier": way.tier,
                "actions": [
                    {
                        "day": action.day.isoformat(),
                        "on": action.event.kind,
                        "id": action.event.id,
                        "of": action.event.of,
                        "person": action.event.person,
                        "fields": {
                            name: _plain(programme, action.event.kind, name, value)
                            for name, value in action.event.fields.items()
                        },
                        "stand_ins": sorted(action.stand_ins),
                    }
                    for action in way.actions
                ],
            }
            for way in advice.ways
        ],
        "blocked": list(advice.blocked),
        "exhausted": advice.exhausted,
        "settled": advice.settled,
    }


def _needs_record(programme: Programme, needs: Conditions) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for part in needs.parts:
        if isinstance(part, Conditions):
            parts.append(_needs_record(programme, part))
            continue
        missing = []
        for one in part.missing:
            scale = unit_scale(programme, one.unit)
            numbers = {"now": one.now, "then": one.then, "needed": one.needed, "missing": one.amount}
            written = {name: format_minor_units(number, scale) for name, number in numbers.items()}
            missing.append({"metric": one.metric.name, "unit": one.unit, **written})
        parts.append({"condition": part.text, "met": part.met, "missing": missing})
    return {"every": needs.every, "met": needs.met, "parts": parts}


def _plain(programme: Programme, kind: str, name: str, value: FieldValue) -> FieldValue:
    unit = programme.events[kind].fields[name].unit
    if unit is not None and isinstance(value, int) and not isinstance(value, bool):
        return f"{format_minor_units(value, unit_scale(programme, unit))} {unit}"
    return value
