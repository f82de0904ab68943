"""
Columns of a table while it is read: each is written in place, part by part, and is never put together.

>>> columns = Columns(3)
>>> columns.part("amount", np.int32, 1, 2)[:] = 500
>>> columns.taken("amount", np.int32, 3, absent=-1).tolist()
[-1, 500, -1]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from loyalty.batch.tables import Ints


def fill_gaps(values: Ints, given: Any, absent: int) -> None:
    """
    Put *absent* where nothing is given.

    That is done by arithmetic: a choice for each row costs ten times as much where rows of all kinds come mixed.

    >>> values = np.array([5, 7, 9], np.int8)
    >>> fill_gaps(values, np.array([True, False, True]), -128)
    >>> values.tolist()
    [5, -128, 9]
    """
    np.multiply(values, given, out=values)
    values += np.multiply(~given, values.dtype.type(absent), dtype=values.dtype)


class Columns:
    """
    Columns of whole numbers by name.

    Args:
        rows: How many rows there will be, where somebody knows; else columns grow.
    """

    def __init__(self, rows: int | None = None) -> None:
        self._room = rows or 0
        self._columns: dict[str, Ints] = {}
        #: Where the rows of each column end that are written, and where those begin that nobody has written since.
        self._gaps: dict[str, list[tuple[int, int]]] = {}
        self._ends: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def part(self, name: str, kind: Any, first: int, last: int) -> Ints:
        """Give some rows of a column, which are to be written; parts come in the order of rows."""
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = np.empty(max(self._room, last), kind)
            self._gaps[name], self._ends[name] = [], 0
        if last > len(column):
            wider = np.empty(max(last, 2 * len(column)), kind)
            wider[: self._ends[name]] = column[: self._ends[name]]
            column = self._columns[name] = wider
        if first > self._ends[name]:
            self._gaps[name].append((self._ends[name], first))
        self._ends[name] = last
        return column[first:last]

    def taken(self, name: str, kind: Any, rows: int, *, absent: int) -> Ints:
        """Give a column of so many rows, with *absent* where nothing was written, and let go of it."""
        self.part(name, kind, rows, rows)
        column = self._columns.pop(name)[:rows]
        for first, last in self._gaps.pop(name):
            column[first:last] = absent
        del self._ends[name]
        return column

    def forget(self) -> None:
        """Begin again with the first row, in the same memory."""
        self._gaps = {name: [] for name in self._gaps}
        self._ends = dict.fromkeys(self._ends, 0)
