"""``loyalty ledger seal``: go on with the chain, and write its head down to keep it elsewhere."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from loyalty.cli.ledger.database import database_options, open_store, shown_database
from loyalty.cli.printing import count_words, print_line, stdout
from loyalty.cli.running import Command, WrongUseError, json_option, print_json


@click.command("seal", cls=Command, short_help="Seal what was posted, and write the chain's head down.")
@database_options
@click.option("--head-out", metavar="FILE", type=click.Path(dir_okay=False),
              help="Add the head to this file, which is then kept elsewhere.")  # fmt: skip
@click.option("--new-epoch", is_flag=True,
              help="Begin a new epoch, once after a dump was restored on PostgreSQL; writers wait.")  # fmt: skip
@json_option
def command(
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    head_out: str | None,
    new_epoch: bool,
    as_json: bool,
) -> None:
    """Tie new entries into the chain of seals, and print its head.

    On PostgreSQL run it every few minutes, from a scheduler; entries wait while a transaction that is older than
    theirs is open anywhere on the server. On SQLite every transaction seals what it wrote, and only the head is
    written down. Whoever has a head, and keeps it where nobody who can change the database can change it, sees by
    loyalty ledger verify --head whether anything before it was changed since.

    \b
    Examples:
      loyalty ledger seal --db postgresql://sealer@host/portal --head-out kept/heads.txt
      loyalty ledger seal --db postgresql://owner@host/portal --new-epoch
    """
    store = open_store(db, book=book, prefix=prefix, schema=schema, read_only=False)
    with store.transaction(read_only=True) as transaction:
        if next(iter(transaction.entries()), None) is None:
            raise WrongUseError(
                f"{shown_database(db)} has no entries of a book {book!r}; name the right one with --book, "
                "and where its tables are with --prefix and --schema"
            )
    now = time.time_ns() // 1000
    with store.transaction() as transaction:
        count = transaction.seal(now, new_epoch=new_epoch)
        head = transaction.head()
    if head_out is not None:
        if head is None:
            raise WrongUseError("--head-out: nothing is sealed yet, since older transactions are open; try again later")
        at = datetime.fromtimestamp(now // 1_000_000, tz=UTC).isoformat()
        with Path(head_out).open("a", encoding="utf-8") as file:
            file.write(f"# {shown_database(db)}, book {book}, {at}\n{head}\n")
    if as_json:
        print_json({"ok": True, "sealed": count, "head": None if head is None else str(head), "new_epoch": new_epoch})
        return
    out = stdout()
    print_line(out, f"Sealed {count_words(count, 'entry', 'entries')} of book {book}"
                    + (" and began a new epoch" if new_epoch else ""))  # fmt: skip
    print_line(out, "Nothing is sealed yet" if head is None else f"head {head}")
