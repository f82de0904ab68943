"""
Ids of new rows, given before the rows are written, so that no database has to say what it gave.

On SQLite the writer holds the lock of the whole database and counts on from a table's last id. On PostgreSQL all
tables count by one sequence. An id that a rolled back transaction took may be given again on SQLite, where its row is
gone; on PostgreSQL it stays a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, Table, bindparam, func, select

from loyalty.ledger.sql.statements import Compiler, Runner


class Ids:
    """The ids that one transaction gives."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def take(self, runner: Runner, table: Table, count: int) -> Sequence[int]:
        """Give new ids, each larger than the one before and than those of every row that is there."""
        if not runner.compiler.on_sqlite:
            return [row[0] for row in runner.rows(_next_ids, count=count)]
        first = self._next.get(table.name) or runner.last_id(table) + 1
        self._next[table.name] = first + count
        return range(first, first + count)

    def know_last(self, table: Table, last: int | None) -> None:
        """Count on from a table's last id, or from none where it is empty, as it was read along with something else."""
        self._next.setdefault(table.name, (last or 0) + 1)

    def forget(self) -> None:
        """Look the last ids up again, since rows may have been undone."""
        self._next.clear()


def _next_ids(compiler: Compiler) -> Select[Any]:
    numbers = func.generate_series(1, bindparam("count")).table_valued("number")
    return select(compiler.schema.ids.next_value()).select_from(numbers)
