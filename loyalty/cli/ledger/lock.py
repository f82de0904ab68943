"""``loyalty ledger lock``: book nothing more under a day or one before it; what the lock is, and what it was."""

from __future__ import annotations

import time
from typing import Any

import click

from loyalty.cli.ledger.database import database_options, open_store, require_entries
from loyalty.cli.options import DAY
from loyalty.cli.printing import print_line, print_table, stdout
from loyalty.cli.running import Command, WrongUseError, json_option, print_json, programme_argument
from loyalty.core.calendar import format_day
from loyalty.engine.engine import Engine
from loyalty.ledger.store import BookLock
from loyalty.programme.loading import load
from loyalty.programme.model import Programme


@click.command("lock", cls=Command, short_help="Lock a book through a day, or show its locks.")
@programme_argument
@database_options
@click.option("--through", "through_day", metavar="DATE", type=DAY, help="The last locked day.")
@click.option("--unlock", is_flag=True, help="Open locked days again, those after --through, or all.")
@click.option("--actor", metavar="WHO", help="Who does it.")
@click.option("--reason", metavar="TEXT", help="Why.")
@json_option
def command(
    programme_path: str,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    through_day: int | None,
    unlock: bool,
    actor: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Lock a book through a day: what is recorded later and counts from a locked day is booked on the day after it.

    Balances, statements and settlement stay as they are; exports use the booked days. Without --through and --unlock
    nothing is changed, and all locks are shown, the last of which holds.

    \b
    Example:
      loyalty ledger lock programme.yaml --db portal.db --through 2026-03-31 --actor u-17 --reason "quarter is closed"
    """
    programme = load(programme_path)
    changes = through_day is not None or unlock
    if changes and not (actor and reason):
        raise WrongUseError("say who does it and why, which is kept with the book: --actor WHO --reason TEXT")
    if not changes and (actor or reason):
        raise WrongUseError("--actor and --reason go with a change; give --through DATE, or --unlock")
    today = programme.calendar.day_of(time.time_ns() // 1000)
    if through_day is not None and through_day > today:
        raise WrongUseError(
            f"--through {format_day(through_day)} has not come yet (today is {format_day(today)} in "
            f"{programme.calendar.timezone}); what happens until then would all be booked behind it"
        )
    store = open_store(db, book=book, prefix=prefix, schema=schema, read_only=not changes)
    with store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=False)
    engine = Engine(programme, store)
    if changes:
        said = {"actor": str(actor), "reason": str(reason)}
        if unlock:
            engine.unlock(through_day, **said)
        elif through_day is not None:
            engine.lock(through_day, **said)
    locks = engine.locks()
    if as_json:
        print_json({"ok": True, "locked_through": _through(locks[-1]) if locks else None,
                    "locks": [_record(programme, lock) for lock in locks]})  # fmt: skip
        return
    out = stdout()
    through = locks[-1].through_day if locks else None
    state = "not locked" if through is None else f"locked through {format_day(through)}"
    print_line(out, f"Book {book} is {state}")
    if locks:
        columns = (("since", False), ("locked through", False), ("actor", False), ("reason", False))
        print_table(out, columns, [tuple(str(value or "") for value in _record(programme, lock).values())
                                   for lock in locks])  # fmt: skip


def _record(programme: Programme, lock: BookLock) -> dict[str, Any]:
    since = f"{programme.calendar.local(lock.recorded_at):%Y-%m-%d %H:%M:%S}"
    return {"since": since, "through": _through(lock), "actor": lock.actor, "reason": lock.reason}


def _through(lock: BookLock) -> str | None:
    return None if lock.through_day is None else format_day(lock.through_day)
