"""``loyalty preview``: what submitting events would do to a book, before anybody submits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from loyalty.cli.ledger.database import names_options, open_store, require_entries
from loyalty.cli.printing import count_words, print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.running import FILE, FINDINGS, Command, WrongUseError, json_option, print_json, programme_argument
from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import NEVER, format_day
from loyalty.engine.engine import Engine
from loyalty.engine.previewing import CapChange, HolderChange, Preview, Verdict
from loyalty.explaining.steps import LineKind
from loyalty.explaining.words import amount_words
from loyalty.ledger.entries import Entry
from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.transfers import transfers
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.sources import load_mapping, read_events

_STYLES = {LineKind.RULE: "bold cyan", LineKind.REFUSED: "dim"}


@click.command("preview", cls=Command, short_help="Say what submitting events would post.")
@programme_argument
@click.argument("events_path", metavar="EVENTS", type=FILE)
@click.option("--db", metavar="URL", help="The book: an SQLAlchemy URL, or the path of an SQLite file.")
@click.option("--book", default="main", show_default=True, metavar="NAME", help="Which book in it.")
@names_options
@click.option("--history", "history_path", metavar="EVENTS", type=FILE,
              help="In place of a database: a file of what was submitted before.")  # fmt: skip
@click.option("--map", "mapping_path", metavar="MAPPING", type=FILE, help="How the rows of a raw export become events.")
@click.option("--recorded-at", metavar="TIME", help="As if the events came then: a date and time; now by default.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    programme_path: str,
    events_path: str,
    db: str | None,
    book: str,
    prefix: str,
    schema: str | None,
    history_path: str | None,
    mapping_path: str | None,
    recorded_at: str | None,
    as_json: bool,
) -> None:
    """Say what submitting EVENTS would do to a book: the verdict on each, entries, balances, tiers, badges, caps, why.

    Each event is looked at as if those before it in the file had been submitted. Nothing is posted.

    \b
    Example:
      loyalty preview programme.yaml late.csv --db portal.db
    """
    programme = load(programme_path)
    _require_one_book(ctx, db, history_path)
    mapping = load_mapping(mapping_path, programme) if mapping_path else None
    with Meter() as meter:
        events = read_events(events_path, programme, mapping, progress=meter.stage("reading")).events
        engine = _engine_of_history(programme, history_path, meter) if history_path else None
        if engine is None:
            store = open_store(str(db), book=book, prefix=prefix, schema=schema, read_only=False)
            with store.transaction(read_only=True) as transaction:
                require_entries(transaction, programme, db=str(db), book=book, any_revision=False)
            engine = Engine(programme, store)
        previews = engine.preview_all(events, recorded_at=_recorded_us(programme, recorded_at))
    if as_json:
        print_json({
            "ok": not any(preview.verdict is Verdict.REJECTED for preview in previews),
            "revision": programme.revision,
            "previews": [preview_record(programme, preview) for preview in previews],
        })  # fmt: skip
    else:
        _print(programme, previews)
    if any(preview.verdict is Verdict.REJECTED for preview in previews):
        ctx.exit(FINDINGS)


def preview_record(programme: Programme, preview: Preview) -> dict[str, Any]:
    """Give a preview as plain JSON types, amounts in major units as text."""
    calendar = programme.calendar
    counts_from = preview.counts_from
    return {
        "event": preview.event.identity,
        "verdict": preview.verdict.value,
        "late_days": preview.late_days,
        "counts_from": None if counts_from is None else calendar.local(counts_from).isoformat(),
        "reasons": list(preview.reasons),
        "entries": [_entry_record(programme, entry) for entry in preview.entries],
        "holders": [_holder_record(programme, change) for change in preview.holders],
        "explanation": None if preview.explanation is None else preview.explanation.to_json(),
    }


def _require_one_book(ctx: click.Context, db: str | None, history_path: str | None) -> None:
    if (db is None) == (history_path is None):
        raise WrongUseError("say which book: --db URL for one in a database, or --history FILE for what came before")
    for name in ("book", "prefix", "schema"):
        if db is None and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise WrongUseError(f"--{name} says where in a database the book is; name the database with --db")


def _engine_of_history(programme: Programme, path: str, meter: Meter) -> Engine:
    """Give an engine over a book in memory that holds the events of a file, in the order of the file."""
    history = read_events(path, programme, progress=meter.stage("reading the history")).events
    engine = Engine(programme, MemoryStore())
    settling = meter.stage("settling", len(history))
    for number, _ in enumerate(engine.submit_many(history), start=1):
        settling(number)
    return engine


def _recorded_us(programme: Programme, text: str | None) -> int | None:
    try:
        return None if text is None else programme.calendar.parse_instant_us(text)
    except ValueError as error:
        raise WrongUseError(f"--recorded-at: {error}") from None


def _print(programme: Programme, previews: Sequence[Preview]) -> None:
    out = stdout()
    for preview in previews:
        event = preview.event
        print_line(out, f"{event.kind} {event.identity}, {_when(programme, event.occurred_at)}", style="bold")
        is_rejected = preview.verdict is Verdict.REJECTED
        print_line(out, f"  {_verdict_words(programme, preview)}", style="bold red" if is_rejected else "green")
        for reason in preview.reasons:
            print_line(out, f"  {reason}")
        for change in preview.holders:
            print_line(out)
            print_line(out, str(change.holder), style="bold")
            for line in _change_lines(programme, change):
                print_line(out, f"  {line}")
            for told in preview.explanation.lines(str(change.holder)) if preview.explanation else ():
                print_line(out, f"    {told}", style=_STYLES.get(told.kind, ""))
        if preview.entries:
            print_line(out)
            columns = (("entry", False), ("from", False), ("to", False), ("amount", True), ("last usable day", False),
                       ("rule", False), ("stands for", False))  # fmt: skip
            rows = [row for entry in preview.entries for row in _rows(programme, entry)]
            print_table(out, columns, rows)
        elif not is_rejected:
            print_line(out, "  It would post nothing.")
        print_line(out)
    counts = {verdict: sum(preview.verdict is verdict for preview in previews) for verdict in Verdict}
    total = count_words(len(previews), "event")
    parts = [f"{count} {verdict.value.replace('_', ' ')}" for verdict, count in counts.items() if count]
    entries = count_words(sum(len(preview.entries) for preview in previews), "entry", "entries")
    print_line(out, f"{total}: {', '.join(parts) or 'none'}; {entries} would be posted, and nothing was", style="bold")


def _verdict_words(programme: Programme, preview: Preview) -> str:
    days = count_words(preview.late_days, "day")
    late = f"{days} late" if preview.late_days else "behind what was settled already"
    if preview.verdict is Verdict.FROM_NOW and preview.counts_from is not None:
        return f"{late}, which is too late: it counts from {_when(programme, preview.counts_from)}"
    return {
        Verdict.IN_PLACE: "is settled in its place",
        Verdict.REPLAYED: f"{late}: its holders are settled again, and what changes is corrected",
        Verdict.WAITS: f"waits for {preview.event.origin}, which is not known",
        Verdict.KNOWN: "is known already: submitting it again changes nothing",
    }.get(preview.verdict, "is rejected:")


def _change_lines(programme: Programme, change: HolderChange) -> Iterator[str]:
    for (account, currency), (before, after) in change.balances.items():
        values = [amount_words(programme, currency, amount) for amount in (before, after)]
        yield f"{account}: {values[0]} -> {values[1]}"
    if change.tier[0] != change.tier[1]:
        yield f"tier: {change.tier[0]} -> {change.tier[1]}"
    for word, badges in (("gains", change.gained), ("loses", change.lost)):
        for badge in badges:
            yield f"{word} badge {badge}"
    for cap in change.caps:
        yield _cap_words(programme, cap)


def _cap_words(programme: Programme, change: CapChange) -> str:
    room = change.room
    whose = f"rule {room.rule}" if room.rule is not None else f"campaign {room.campaign}"
    key = "".join(f", {name} {value}" for name, value in room.key.items())
    period = f", {room.first_day} to {room.last_day}" if room.first_day is not None else ""
    used = [amount_words(programme, room.cap.currency, amount) for amount in (change.used_before, change.used_after)]
    whole = amount_words(programme, room.cap.currency, room.cap.amount)
    return f"cap of {whose}{key}{period}: used {used[0]} -> {used[1]} of {whole}"


def _rows(programme: Programme, entry: Entry) -> Iterator[tuple[str, ...]]:
    for debit, credit, amount in transfers(entry.postings):
        lots = [leg.lot_day for leg in (debit, credit) if leg.lot_day is not None and leg.lot_day < NEVER]
        known = debit.asset in currencies_of(programme)
        shown = amount_words(programme, debit.asset, amount) if known else debit.asset
        last_day = format_day(lots[0] - 1) if lots else ""
        cause = credit.cause if credit.cause not in (None, entry.cause) else ""
        yield (entry.key, debit.account.path, credit.account.path, shown, last_day, credit.rule or "", cause or "")


def _when(programme: Programme, at: int) -> str:
    local = programme.calendar.local(at)
    is_midnight = (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    return f"{local:%Y-%m-%d}" if is_midnight else f"{local:%Y-%m-%d %H:%M} {programme.calendar.timezone}"


def _entry_record(programme: Programme, entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "kind": entry.kind.value,
        "cause": entry.cause,
        "effective_at": programme.calendar.local(entry.effective_at).isoformat(),
        "postings": [
            {
                "account": posting.account.path,
                "asset": posting.asset,
                "amount": _amount(programme, posting.asset, posting.amount),
                "lot_day": None if posting.lot_day is None else format_day(posting.lot_day),
                "rule": posting.rule,
                "cause": posting.cause,
            }
            for posting in entry.postings
        ],
    }


def _holder_record(programme: Programme, change: HolderChange) -> dict[str, Any]:
    balances: dict[str, dict[str, Mapping[str, str]]] = {}
    for (account, currency), (before, after) in change.balances.items():
        pair = {name: _amount(programme, currency, amount) for name, amount in (("before", before), ("after", after))}
        balances.setdefault(currency, {})[account] = pair
    return {
        "holder": str(change.holder),
        "balances": balances,
        "tier": {"before": change.tier[0], "after": change.tier[1]},
        "badges": {"gained": list(change.gained), "lost": list(change.lost)},
        "caps": [_cap_record(programme, cap) for cap in change.caps],
    }


def _cap_record(programme: Programme, change: CapChange) -> dict[str, Any]:
    room = change.room
    return {
        "rule": room.rule,
        "campaign": room.campaign,
        "currency": room.cap.currency,
        "key": {name: str(value) for name, value in room.key.items()},
        "first_day": None if room.first_day is None else room.first_day.isoformat(),
        "last_day": None if room.last_day is None else room.last_day.isoformat(),
        "used_before": _amount(programme, room.cap.currency, change.used_before),
        "used_after": _amount(programme, room.cap.currency, change.used_after),
        "of": _amount(programme, room.cap.currency, room.cap.amount),
    }


def _amount(programme: Programme, asset: str, minor: int) -> str:
    return format_minor_units(minor, currencies_of(programme)[asset].scale if asset in currencies_of(programme) else 0)
