"""``loyalty ledger advance``: post everything that falls due through a day."""

from __future__ import annotations

import time
from collections import Counter

import click

from loyalty.cli.ledger.database import database_options, open_store, require_entries
from loyalty.cli.options import DAY
from loyalty.cli.printing import count_words, print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.running import Command, WrongUseError, json_option, print_json, programme_argument
from loyalty.core.calendar import format_day
from loyalty.engine.engine import Engine
from loyalty.engine.messages import Messages
from loyalty.programme.loading import load


@click.command("advance", cls=Command, short_help="Post everything that falls due through a day.")
@programme_argument
@database_options
@click.option("--until", "until_day", metavar="DATE", type=DAY, help="Through this day; today in the programme's zone "
              "by default.")  # fmt: skip
@click.option("--future", is_flag=True, help="Allow a day that has not come yet; what is posted cannot be taken back.")
@click.option("--batch", metavar="N", type=click.IntRange(1), default=1000, show_default=True,
              help="So many holders share a transaction.")  # fmt: skip
@click.option("--messages", is_flag=True, help="Put what happens into the outbox, as the application does.")
@click.option("--expiring-days", metavar="N", type=click.IntRange(1),
              help="With --messages: tell so many days before points expire.")  # fmt: skip
@click.option("--source", default="", metavar="URI", help="With --messages: who speaks, as the application says it.")
@json_option
def command(
    programme_path: str,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    until_day: int | None,
    future: bool,
    batch: int,
    messages: bool,
    expiring_days: int | None,
    source: str,
    as_json: bool,
) -> None:
    """Post activations, expiries, reviews, graces, ends of holds and allotments through a day. Twice changes nothing.

    Run it once a day, or as often as you like, from a scheduler. It works through holders batch by batch, those alone
    to whom something falls due; where it was stopped, it goes on when it is called again.

    \b
    Example:
      loyalty ledger advance programme.yaml --db portal.db --until 2026-03-31
    """
    programme = load(programme_path)
    today = programme.calendar.day_of(time.time_ns() // 1000)
    day = today if until_day is None else until_day
    if day > today and not future:
        raise WrongUseError(
            f"--until {format_day(day)} has not come yet (today is {format_day(today)} in "
            f"{programme.calendar.timezone}); give an earlier day, or --future if that is meant"
        )
    if not messages and (expiring_days is not None or source):
        raise WrongUseError("--expiring-days and --source say what is put into the outbox; give --messages with them")
    store = open_store(db, book=book, prefix=prefix, schema=schema, read_only=False)
    with store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=False)
        before = transaction.clock_day()
    told = Messages(expiring_days=expiring_days, source=source) if messages else False
    with Meter() as meter:
        report = meter.stage("holders")
        entries = Engine(programme, store, messages=told).advance(day, batch=batch, progress=report)
    rules = Counter(posting.rule or "" for entry in entries for posting in entry.postings[::2])
    if as_json:
        print_json(
            {
                "ok": True,
                "until": format_day(day),
                "advanced_through_before": None if before is None else format_day(before),
                "entries": len(entries),
                "transfers": dict(sorted(rules.items())),
            }
        )
        return
    out = stdout()
    if before is not None and before >= day:
        print_line(out, f"Book {book} was advanced through {format_day(before)} before; nothing to do.")
        return
    posted = count_words(len(entries), "entry", "entries")
    print_line(out, f"Book {book} is advanced through {format_day(day)}: {posted}")
    if rules:
        columns = (("rule", False), ("transfers", True))
        print_table(out, columns, [(rule, f"{count:,}") for rule, count in sorted(rules.items())])
