"""``loyalty explain``: why one event of a file was settled as it was, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import click

from loyalty.cli.printing import print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.running import FILE, FINDINGS, Command, WrongUseError, json_option, print_json, programme_argument
from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import NEVER, format_day
from loyalty.core.events import VOID, Event
from loyalty.explaining.steps import LineKind
from loyalty.explaining.words import amount_words, unit_words
from loyalty.ledger.transfers import transfers
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.notes import join_words
from loyalty.simulation.explaining import Explained, Fate, explain_event
from loyalty.sources import load_mapping, read_events

_STYLES = {LineKind.RULE: "bold cyan", LineKind.REFUSED: "dim"}


@click.command("explain", cls=Command, short_help="Say why an event was settled as it was.")
@programme_argument
@click.argument("events_path", metavar="EVENTS", type=FILE)
@click.option("--event", "wanted", metavar="ID", required=True, help="Its id, or source/id.")
@click.option("--map", "mapping_path", metavar="MAPPING", type=FILE, help="How the rows of a raw export become events.")
@click.option("--skip-bad-rows", is_flag=True, help="Go on without rows that cannot be read.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    programme_path: str,
    events_path: str,
    wanted: str,
    mapping_path: str | None,
    skip_bad_rows: bool,
    as_json: bool,
) -> None:
    """Say why one event of EVENTS was settled as it was under PROGRAMME.

    Prints for each holder the rules that paid, with inputs, multiplier, cap, rounding and posting, and those that did
    not apply, with the reason.

    \b
    Example:
      loyalty explain examples/acme/programme.yaml examples/acme/history.jsonl --event crm/D-0040
    """
    programme = load(programme_path)
    mapping = load_mapping(mapping_path, programme) if mapping_path else None
    with Meter() as meter:
        stage = meter.stage("reading")
        reading = read_events(events_path, programme, mapping, skip_bad_rows=skip_bad_rows, progress=stage)
        asked = _find(reading.events, wanted, events_path)
        explained = explain_event(programme, reading.events, asked.identity)
    if as_json:
        print_json(_document(programme, asked, explained))
    else:
        _print(programme, asked, explained)
    if explained.differences():
        ctx.exit(FINDINGS)


def _find(events: Sequence[Event], wanted: str, path: str) -> Event:
    """Give the event of an id or of a source and an id, or refuse with the nearest."""
    found = [event for event in events if event.identity in (wanted, f"/{wanted}")]
    found = found or [event for event in events if event.id == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        names = join_words((event.identity for event in found), "or")
        raise WrongUseError(f"{path} has {len(found)} events of id {wanted!r}; write {names}")
    known = {name: event.identity for event in events for name in (event.identity, event.id, event.id.lower())}
    near = dict.fromkeys(known[name] for name in get_close_matches(wanted, known, n=5, cutoff=0.6))
    unlike = "ids stand in its column or key `id`, or where the mapping says"
    hint = f"did you mean {join_words(list(near)[:3], 'or')}?" if near else unlike
    raise WrongUseError(f"{path} has no event {wanted!r}; {hint}")


def _print(programme: Programme, asked: Event, explained: Explained) -> None:
    out = stdout()
    event = explained.event
    for line in _fate_lines(programme, asked, explained):
        print_line(out, line, style="yellow")
    print_line(out, f"{event.kind} {event.identity}, {_when(programme, event)}", style="bold")
    for line in _inputs(programme, event):
        print_line(out, f"  {line}")
    for holder, tier in explained.tiers.items():
        print_line(out)
        print_line(out, f"{holder}, at tier {tier}" if holder.startswith("partner:") else f"{holder}", style="bold")
        lines = list(explained.explanation.lines(holder))
        if not lines:
            print_line(out, "  nothing moves: no rule speaks of it here")
        for told in lines:
            print_line(out, f"  {told}", style=_STYLES.get(told.kind, ""))
    print_line(out)
    if explained.entry is None:
        print_line(out, "It posts nothing.")
        return
    voided = " (without the void)" if explained.fate is Fate.VOIDED else ""
    print_line(out, f"Entry {explained.entry.key}{voided}", style="bold")
    columns = (("from", False), ("to", False), ("amount", True), ("last usable day", False), ("rule", False))
    print_table(out, columns, _rows(programme, explained))
    differences = explained.differences()
    if not differences:
        print_line(out, "The steps add up to what is posted.", style="green")
    for (holder, rule, currency), amount in differences.items():
        more = amount_words(programme, currency, amount) if currency in programme.currencies else str(amount)
        print_line(out, f"{holder}, rule {rule}: {more} are posted beyond what the steps say", style="bold red")


def _fate_lines(programme: Programme, asked: Event, explained: Explained) -> Iterator[str]:
    event = explained.event
    if asked.kind == VOID and asked is event:
        yield f"{asked.identity} voids {asked.origin}, which is not in the file: it does nothing."
    elif explained.fate is Fate.VOIDED:
        void = asked if asked.kind == VOID else explained.voids[0]
        yield f"{event.identity} was voided by {void.identity}, {_when(programme, void)}: it does not count."
        yield "Without that it would be settled like this:"
    elif explained.fate is Fate.WAITING:
        yield f"It speaks of {event.origin}, which is not in the file or does not count: it does nothing."


def _when(programme: Programme, event: Event) -> str:
    local = programme.calendar.local(event.occurred_at)
    is_midnight = (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    return f"{local:%Y-%m-%d}" if is_midnight else f"{local:%Y-%m-%d %H:%M} {programme.calendar.timezone}"


def _inputs(programme: Programme, event: Event) -> Iterator[str]:
    who = f"partner {event.partner}" if event.partner else ""
    yield ", ".join(filter(None, (who, event.person and f"person {event.person}", event.of and f"of {event.of}")))
    kind = programme.events.get(event.kind)
    texts = []
    for name, value in event.fields.items():
        spec = kind.fields.get(name) if kind else None
        if isinstance(value, bool):
            shown = "yes" if value else "no"
        elif isinstance(value, int):
            shown = unit_words(programme, spec.unit if spec and spec.unit else "", value)
        else:
            shown = value
        texts.append(f"{name} {shown}")
    if texts:
        yield ", ".join(texts)


def _rows(programme: Programme, explained: Explained) -> Iterator[tuple[str, ...]]:
    for debit, credit, amount in transfers(explained.entry.postings if explained.entry else ()):
        lots = [leg.lot_day for leg in (debit, credit) if leg.lot_day is not None and leg.lot_day < NEVER]
        known = debit.asset in programme.currencies
        shown = amount_words(programme, debit.asset, amount) if known else debit.asset
        last_day = format_day(lots[0] - 1) if lots else ""
        yield (debit.account.path, credit.account.path, shown, last_day, credit.rule or "")


def _document(programme: Programme, asked: Event, explained: Explained) -> dict[str, Any]:
    differences = explained.differences()
    return {
        "ok": not differences,
        "event": explained.event.identity,
        "asked": asked.identity,
        "fate": explained.fate.value,
        "revision": programme.revision,
        "tiers": dict(explained.tiers),
        "steps": [step.to_json() for step in explained.explanation.steps],
        "postings": [
            {
                "account": posting.account.path,
                "asset": posting.asset,
                "amount": format_minor_units(
                    posting.amount,
                    programme.currencies[posting.asset].scale if posting.asset in programme.currencies else 0,
                ),
                "lot_day": None if posting.lot_day is None else format_day(posting.lot_day),
                "rule": posting.rule,
            }
            for posting in (explained.entry.postings if explained.entry else ())
        ],
        "adds_up": not differences,
    }
