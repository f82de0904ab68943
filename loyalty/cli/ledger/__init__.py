"""``loyalty ledger``: what is done with a book in a database. Each command is a module of this package."""

from __future__ import annotations

from typing import Final

import click

from loyalty.cli.groups import LazyGroup

#: The commands, in the order of the help; each is ``command`` of the module of its name.
COMMANDS: Final = (
    "init", "migrate", "rights", "revise", "backtest", "advance", "lock", "statement", "standing", "relay", "seal",
    "verify", "export", "trial-balance", "liability",
)  # fmt: skip


@click.command("ledger", cls=LazyGroup, package="loyalty.cli.ledger", names=COMMANDS,
               short_help="A book in a database: its tables, clock, statements, messages and exports.")  # fmt: skip
def command() -> None:
    """Work with a book that an application keeps in its database.

    Only init, migrate, revise, advance, lock, relay and seal change anything there.

    \b
    Example:
      loyalty ledger export programme.yaml --db portal.db --format hledger --out book.journal
    """
