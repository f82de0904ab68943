"""``loyalty explain``: why an event of a file, or anything in a book, was settled as it was, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import click

from loyalty.cli.explaining import answered, print_answer, print_explained, record_of
from loyalty.cli.ledger.database import open_store
from loyalty.cli.progress import Meter
from loyalty.cli.running import FILE, FINDINGS, Command, WrongUseError, json_option, print_json
from loyalty.core.events import Event
from loyalty.explaining.languages import LANGUAGES, language
from loyalty.ledger.memory import MemoryStore
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.notes import join_words
from loyalty.simulation.explaining import explain_event
from loyalty.sources import load_mapping, read_events


@click.command("explain", cls=Command, short_help="Say why something was posted as it was, or why not.")
@click.argument("programme_path", metavar="[PROGRAMME]", type=FILE, required=False)
@click.argument("events_path", metavar="[EVENTS]", type=FILE, required=False)
@click.option("--event", "wanted", metavar="ID", help="An event: its id, or source/id.")
@click.option("--entry", "entry_key", metavar="KEY", help="An entry by its key, or a command by its own.")
@click.option("--why-not", "rule", metavar="RULE", help="Why this rule did not pay for the event.")
@click.option("--lang", type=click.Choice(list(LANGUAGES)), default="en", show_default=True, help="The language.")
@click.option("--db", metavar="URL", help="A book in a database: an SQLAlchemy URL, or the path of an SQLite file.")
@click.option("--book", default="main", show_default=True, metavar="NAME", help="Which book in it.")
@click.option("--prefix", default="loyalty_", show_default=True, metavar="P", help="What its tables begin with.")
@click.option("--schema", default=None, metavar="S", help="The database schema that the tables are in.")
@click.option("--map", "mapping_path", metavar="MAPPING", type=FILE, help="How the rows of a raw export become events.")
@click.option("--skip-bad-rows", is_flag=True, help="Go on without rows that cannot be read.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    programme_path: str | None,
    events_path: str | None,
    wanted: str | None,
    entry_key: str | None,
    rule: str | None,
    lang: str,
    db: str | None,
    book: str,
    prefix: str,
    schema: str | None,
    mapping_path: str | None,
    skip_bad_rows: bool,
    as_json: bool,
) -> None:
    """Say why one event of EVENTS was settled as it was under PROGRAMME, or why anything stands in a book.

    Prints for each holder the rules that paid, with inputs, multiplier, cap, rounding and posting, and those that did
    not apply, with the reason. With --db a book answers by the declarations that it keeps; PROGRAMME is needed only for
    events that moved nothing.

    \b
    Example:
      loyalty explain examples/acme/programme.yaml examples/acme/history.jsonl --event crm/D-0040
      loyalty explain programme.yaml events.csv --event D-4 --why-not registration
      loyalty explain --db portal.db --entry clock:partner:acme:2027-01-01 --lang ru
    """
    if (wanted is None) == (entry_key is None):
        raise WrongUseError("name what is to be explained: either --event ID or --entry KEY")
    if rule is not None and wanted is None:
        raise WrongUseError("--why-not asks about an event; name it with --event")
    if (db is None) == (events_path is None):
        raise WrongUseError("say where it is: a file of EVENTS after PROGRAMME, or a book with --db")
    programme = load(programme_path) if programme_path is not None else None
    if db is not None:
        store = open_store(db, book=book, prefix=prefix, schema=schema)
        answer = answered(store, programme, entry_key or str(wanted), rule)
        print_json(answer.to_json(lang)) if as_json else print_answer(answer, language(lang))
        return
    if programme is None or events_path is None:
        raise WrongUseError("events are settled under a programme; give PROGRAMME before EVENTS")
    with Meter() as meter:
        mapping = load_mapping(mapping_path, programme) if mapping_path else None
        stage = meter.stage("reading")
        events = read_events(events_path, programme, mapping, skip_bad_rows=skip_bad_rows, progress=stage).events
    asked = _find(events, wanted, events_path) if wanted is not None else None
    if asked is None or rule is not None:
        answer = answered(_book_of(programme, events), programme, asked.identity if asked else str(entry_key), rule)
        print_json(answer.to_json(lang)) if as_json else print_answer(answer, language(lang))
        return
    explained = explain_event(programme, events, asked.identity)
    if as_json:
        print_json(record_of(programme, asked, explained, lang))
    else:
        print_explained(programme, asked, explained, language(lang))
    if explained.differences():
        ctx.exit(FINDINGS)


def _book_of(programme: Programme, events: Sequence[Event]) -> MemoryStore:
    """Settle all events, in their order, into a book of its own."""
    from loyalty.engine import Engine

    store = MemoryStore()
    engine = Engine(programme, store)
    for _ in engine.submit_many(sorted(events, key=lambda event: event.key), refused=lambda _event, _error: None):
        pass
    return store


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
