"""
What a migration is given: Alembic's operations, and where the host wants the tables.

A migration is a function ``upgrade(to)`` of a :class:`Target` and never takes ``alembic.op``. That one is global to the
process, and a host whose own migration calls ours would find it gone afterwards.
"""

from __future__ import annotations

from alembic.operations import Operations
from attrs import frozen


@frozen(eq=False)
class Target:
    """
    Where a migration works.

    Attributes:
        op: Alembic's operations on the host's connection, or on a script that is only written.
        prefix: What the names of tables begin with.
        schema: The schema of a PostgreSQL database, or the connection's own.
    """

    op: Operations
    prefix: str
    schema: str | None

    @property
    def dialect(self) -> str:
        """Which database it is: ``sqlite`` or ``postgresql``."""
        return self.op.get_context().dialect.name

    def place(self, name: str) -> str:
        """Give a name with its prefix and schema, in quotes, for a statement that is written as text."""
        behind = "" if self.schema is None else f'"{self.schema}".'
        return f'{behind}"{self.prefix}{name}"'

    def say(self, *statements: str) -> None:
        """Execute statements that are written as text."""
        for statement in statements:
            self.op.execute(statement)
