"""``loyalty ledger export``: a whole book for hledger, Beancount, or as rows."""

from __future__ import annotations

from pathlib import Path

import click

from loyalty.cli.ledger.database import (
    any_revision_option,
    counted,
    database_options,
    open_store,
    require_entries,
)
from loyalty.cli.printing import count_words, print_line, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.running import Command, json_option, print_json, programme_argument
from loyalty.exports.files import Format, export_file
from loyalty.programme.loading import load


@click.command("export", cls=Command, short_help="Write a book as a journal for hledger or Beancount, or as rows.")
@programme_argument
@database_options
@click.option("--format", "format_name", type=click.Choice([format.value for format in Format]), required=True,
              help="Who is to read it; Parquet needs the extra [sim].")  # fmt: skip
@click.option("--out", "out_path", metavar="FILE", type=click.Path(dir_okay=False), required=True,
              help="Where to; replaced where it exists.")  # fmt: skip
@click.option("--without-standing", is_flag=True, help="Leave tiers and badges out.")
@any_revision_option
@json_option
def command(
    programme_path: str,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    format_name: str,
    out_path: str,
    without_standing: bool,
    any_revision: bool,
    as_json: bool,
) -> None:
    """Write every entry of a book to FILE, which hledger check --strict or bean-check accept with all balances.

    PROGRAMME is the file that the book was settled under. The database is only read, and the same book gives the same
    bytes. What is kept in memory grows with accounts, not with entries.

    \b
    Example:
      loyalty ledger export programme.yaml --db portal.db --format hledger --out book.journal
    """
    programme = load(programme_path)
    store = open_store(db, book=book, prefix=prefix, schema=schema)
    with Meter() as meter, store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=any_revision)
        exported = export_file(
            counted(transaction.entries(), meter),
            programme,
            Format(format_name),
            out_path,
            standing=not without_standing,
        )
    if as_json:
        counts = {"entries": exported.entries, "postings": exported.postings}
        print_json({"ok": True, "format": format_name, **counts, "file": str(Path(out_path))})
        return
    size = f"{count_words(exported.entries, 'entry', 'entries')}, {count_words(exported.postings, 'posting')}"
    print_line(stdout(), f"{size} of book {book} for {format_name}: {out_path}")
