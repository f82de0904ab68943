"""``loyalty ledger rights``: the least that a PostgreSQL role needs, as statements for the owner of the tables."""

from __future__ import annotations

import click

from loyalty.cli.ledger.database import names_options
from loyalty.cli.running import Command

#: The parts that a role can have, as :class:`loyalty.ledger.sql.rights.Part`, which is not imported for the help.
_PARTS = ("post", "read", "relay")


@click.command("rights", cls=Command, short_help="Print what a PostgreSQL role needs, as GRANT statements.")
@click.argument("role")
@click.option("--part", type=click.Choice(_PARTS), default="post", show_default=True,
              help="What the role is for: the application, reports, or the relay of the outbox.")  # fmt: skip
@names_options
def command(role: str, part: str, prefix: str, schema: str | None) -> None:
    """Print the statements that give ROLE what its part needs on the tables, and take from it what else it had.

    No part may delete from a journal, empty a table, change a trigger or change what was written. Run the statements
    as the owner of the tables, and again after each migration. Nothing is connected.

    \b
    Example:
      loyalty ledger rights portal --schema points | psql --dbname portal
    """
    from loyalty.ledger.sql.rights import rights_sql

    for statement in rights_sql(role, part, prefix=prefix, schema=schema):
        click.echo(statement)
