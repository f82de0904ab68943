"""
The command ``loyalty`` and its subcommands, each loaded when it is called.

Exit codes: 0 fine, 1 findings, 2 wrong use, 130 stopped by Ctrl-C. ``--json`` prints one document on
standard output and nothing else.
"""

from __future__ import annotations

from typing import Final

import click

import loyalty
from loyalty.cli.groups import LazyGroup

#: The subcommands, in the order of the help; each is ``command`` of the module of its name.
COMMANDS: Final = (
    "check", "diff", "backtest", "settle", "simulate", "fit", "compare", "sweep", "tune", "forecast", "explain",
    "advise", "preview", "ledger", "schema", "init",
)  # fmt: skip


@click.command(
    cls=LazyGroup, package="loyalty.cli", names=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(loyalty.__version__, "--version", prog_name="loyalty")
def main() -> None:
    """Partner programmes as pure functions of history: check, backtest, simulate and explain them.

    \b
    Exit codes: 0 fine, 1 findings, 2 wrong use, 130 stopped by Ctrl-C.
    Start with `loyalty init my-programme`.
    """
