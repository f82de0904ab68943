"""``loyalty ledger migrate``: the tables of an older release brought to this one's, or the script that does it."""

from __future__ import annotations

import click

from loyalty.cli.ledger.database import open_engine, shown_database, tables_options
from loyalty.cli.printing import print_line, stderr, stdout
from loyalty.cli.running import Command, json_option, print_json


@click.command("migrate", cls=Command, short_help="Bring the tables to the version of this release.")
@tables_options
@click.option("--sql", "as_sql", is_flag=True, help="Print the script and run nothing; the database is only read.")
@json_option
def command(db: str, prefix: str, schema: str | None, as_sql: bool, as_json: bool) -> None:
    """Run the migrations that the tables have not had, in one transaction: all of them or none.

    A database without tables gets them. Tables of a version that this release does not know, or of none, are refused.
    There is no way back but a backup, so make one first.

    \b
    Examples:
      loyalty ledger migrate --db portal.db
      loyalty ledger migrate --db postgresql://reader@host/portal --sql > migrate.sql
    """
    from loyalty.ledger.sql.migrations import current, head, migrate, migration_sql

    engine = open_engine(db, read_only=as_sql)
    before = current(engine, prefix=prefix, schema=schema)
    script = migration_sql(engine, prefix=prefix, schema=schema) if as_sql else ""
    ran = [] if as_sql else migrate(engine, prefix=prefix, schema=schema)
    engine.dispose()
    where = shown_database(db) if schema is None else f"{shown_database(db)}, schema {schema}"
    is_current = f"The tables {prefix}* in {where} are of version {head()}, which is this release's; nothing to do."
    if as_json:
        versions = {"before": before, "version": before if as_sql else head(), "newest": head()}
        print_json({"ok": True, **versions, "ran": ran, **({"sql": script} if as_sql else {})})
    elif as_sql:
        click.echo(script, nl=False)
        if not script:
            print_line(stderr(), is_current)
    elif ran:
        what = f"Ran {', '.join(ran)}: the tables {prefix}* in {where} are of version {head()} now."
        print_line(stdout(), what, style="green")
    else:
        print_line(stdout(), is_current)
