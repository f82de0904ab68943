"""``loyalty ledger init``: the tables of a book, in a database that has none."""

from __future__ import annotations

import click

from loyalty.cli.ledger.database import open_engine, shown_database, tables_options
from loyalty.cli.printing import print_line, stdout
from loyalty.cli.running import Command, json_option, print_json


@click.command("init", cls=Command, short_help="Make the tables in a database that has none.")
@tables_options
@json_option
def command(db: str, prefix: str, schema: str | None, as_json: bool) -> None:
    """Make the tables of a book and note their version. An SQLite file is made where there is none.

    Tables that stand already are left as they are: up to date, there is nothing to do; of another version, or of none,
    they are refused. A schema must exist.

    \b
    Examples:
      loyalty ledger init --db portal.db
      loyalty ledger init --db postgresql://owner@host/portal --schema points
    """
    from loyalty.ledger.sql import Schema, create_tables
    from loyalty.ledger.sql.versions import HEAD, read_version

    tables = len(Schema.of(prefix, schema).rows)  # Refuses a name that is none before a file is made.
    engine = open_engine(db, read_only=False, must_exist=False)
    before = read_version(engine, prefix=prefix, schema=schema)
    create_tables(engine, prefix=prefix, schema=schema)
    engine.dispose()
    where = shown_database(db) if schema is None else f"{shown_database(db)}, schema {schema}"
    if as_json:
        print_json({"ok": True, "created": before is None, "version": HEAD, "prefix": prefix, "schema": schema})
    elif before is None:
        print_line(stdout(), f"Made {tables} tables {prefix}* in {where}, version {HEAD}.", style="green")
    else:
        print_line(stdout(), f"The tables {prefix}* stand in {where} already, in version {HEAD}; nothing to do.")
