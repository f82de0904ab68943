"""
The command ``loyalty`` and its subcommands, each loaded when it is called.

Exit codes: 0 fine, 1 findings, 2 wrong use. ``--json`` prints one document on standard output and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

import loyalty

#: The subcommands, in the order of the help; each is ``command`` of the module of its name.
COMMANDS: Final = ("check", "backtest", "simulate", "explain", "schema", "init")


class _Commands(click.Group):
    """Loads a subcommand's module when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(f"loyalty.cli.{cmd_name}").command
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(loyalty.__version__, "--version", prog_name="loyalty")
def main() -> None:
    """Partner programmes as pure functions of history: check, backtest, simulate and explain them.

    \b
    Exit codes: 0 fine, 1 findings, 2 wrong use.
    Start with `loyalty init my-programme`.
    """
