"""A group of commands, each of which is loaded when it is called: the help of one does not wait for the others."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """
    A group whose commands are each ``command`` of a module of its name, with ``_`` for ``-``.

    Args:
        package: Where the modules are.
        names: The commands, in the order of the help.
    """

    def __init__(self, *arguments: Any, package: str, names: Sequence[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._package = package
        self._names = names

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click gives it)
        return list(self._names)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C while it is still loaded is told as within it, since click would give exit code 1."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            from loyalty.cli.running import STOPPED

            click.echo("Stopped.", err=True)
            ctx.exit(STOPPED)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._names:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(f"{self._package}.{cmd_name.replace('-', '_')}").command
        return command
