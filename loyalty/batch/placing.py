"""
Settlement order of the rows of a table: which count, and in which order, as for single events.

It is what :func:`loyalty.settlement.history.place_events` does, for all rows at once. A column of the table is copied
only where it says something else here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen

from loyalty.batch.declared import origin_kinds
from loyalty.batch.tables import OVERRIDE, REDEEM, VOID, EventTable, Ints

#: Rows that are looked at together, which stay in the processor's cache.
_PART_ROWS: Final = 1 << 16


@frozen(eq=False)
class Placing:
    """
    Where the rows of a table stand.

    Attributes:
        rows: The rows that count, in settlement order.
        is_whole: Whether these are all rows as they stand.
        instant: By row: UTC microseconds from which it counts.
        partner, person: By row: whom it reaches, as codes; -1 for no person.
        following: Rows that speak of others, those after what they speak of.
    """

    rows: Ints
    is_whole: bool
    instant: Ints
    partner: Ints
    person: Ints
    following: Sequence[Ints] = ()


def place(table: EventTable) -> Placing:
    """Put the rows of a table in settlement order, without what is voided or waits for ever."""
    counts = table.kind != VOID
    if table.of is not None:
        counts[table.of[(table.kind == VOID) & (table.of >= 0)]] = False
    origins = origin_kinds(table.programme)
    speaking = np.flatnonzero(origins[table.kind] >= 0) if (origins >= 0).any() else np.zeros(0, np.int64)
    alive = speaking[counts[speaking]]
    counts[speaking] = False
    person = table.person
    is_override = table.kind == OVERRIDE
    if is_override.any():
        # A tier by hand is the partner's, whoever set it.
        person = np.where(is_override, person.dtype.type(-1), person)
    if table.of is None or not len(alive):
        return Placing(*_by_time(table, counts), table.at, table.partner, person)
    of = table.of
    alive = alive[of[alive] >= 0]
    alive = alive[table.kind[of[alive]] == origins[table.kind[alive]]]
    chains = _Chains(table, person)
    while len(alive):
        # What speaks of a row that does not count has another turn when that row has had one.
        ready = counts[of[alive]]
        if not ready.any():
            break
        chains.follow(alive[ready])
        counts[alive[ready]] = True
        alive = alive[~ready]
    rows, is_whole = _by_time(table, counts & ~chains.waits)
    return Placing(chains.insert(rows), is_whole, *chains.reached(), chains.following)


def first_instants(table: EventTable, placing: Placing) -> Ints:
    """Give by row the instant of the first event of the chain that it belongs to."""
    if table.of is None or not placing.following:
        return table.at
    instants = table.at.copy()
    for rows in placing.following:
        instants[rows] = instants[table.of[rows]]
    return instants


def reached_partners(table: EventTable) -> Ints:
    """Give the partner that each row concerns, as a code: that of the event at the end of what it speaks of."""
    if table.of is None:
        return table.partner
    root = np.where(table.of >= 0, table.of, np.arange(len(table)))
    for _ in range(64):
        further = root[root]
        if (further == root).all():
            break
        root = further
    found = table.partner[root]
    return np.where(found < 0, table.partner, found)


class _Chains:
    """What rows take over from the rows that they speak of, and those that stand directly behind them."""

    def __init__(self, table: EventTable, person: Ints) -> None:
        assert table.of is not None
        self._at, self._of, self._order = table.at, table.of, table.order
        self.columns = {"instant": table.at, "partner": table.partner, "person": person}
        self.following: list[Ints] = []
        self.waits = np.zeros(len(table), bool)
        self._copied: set[str] = set()
        #: By row, behind which it stands, itself where it does not wait; None until one waits.
        self._anchor: Ints | None = None

    def follow(self, rows: Ints) -> None:
        """Let rows follow the rows that they speak of, which have their place already."""
        origin = self._of[rows]
        self.following.append(rows.astype(np.int32))
        for name in ("partner", "person"):
            self._put(name, rows, self.columns[name][origin])
        anchor = origin if self._anchor is None else self._anchor[origin]
        at, before = self._at[rows], self._at[anchor]
        order, order_before = (rows, anchor) if self._order is None else (self._order[rows], self._order[anchor])
        waits = (at < before) | ((at == before) & (order < order_before))
        if waits.any():
            if self._anchor is None:
                self._anchor = np.arange(len(self._at), dtype=np.int32)
            self.waits[rows] = waits
            self._anchor[rows[waits]] = anchor[waits]
            self._put("instant", rows[waits], before[waits])

    def reached(self) -> tuple[Ints, Ints, Ints]:
        """Give by row from when it counts, and whom it reaches."""
        return self.columns["instant"], self.columns["partner"], self.columns["person"]

    def insert(self, rows: Ints) -> Ints:
        """Put what waited behind what it speaks of, and what waited for the same by its own instant."""
        waiting = np.flatnonzero(self.waits)
        if self._anchor is None:
            return rows
        place = np.empty(len(self._at), np.int64)
        place[rows] = np.arange(len(rows))
        anchor = self._anchor
        keys = {int(row): self._path(int(row)) for row in waiting}
        waiting = np.array(sorted(keys, key=lambda row: (int(place[anchor[row]]), keys[row])), np.int64)
        merged: Ints = np.insert(rows, place[anchor[waiting]] + 1, waiting)
        return merged

    def _put(self, name: str, rows: Ints, values: Ints) -> None:
        """Put values into some rows of a column, which is the table's own until one of them differs."""
        if (self.columns[name][rows] != values).any():
            if name not in self._copied:
                self._copied.add(name)
                self.columns[name] = self.columns[name].copy()
            self.columns[name][rows] = values

    def _path(self, row: int) -> list[tuple[int, int]]:
        """Give the instants and ranks from the anchor down to a row."""
        path = []
        while self.waits[row]:
            path.append((int(self._at[row]), row if self._order is None else int(self._order[row])))
            row = int(self._of[row])
        return path[::-1]


def _by_time(table: EventTable, counts: Any) -> tuple[Ints, bool]:
    """
    Give the rows that count by instant and order, wishes to redeem after the events of their instant.

    Returns:
        The rows, and whether they are all as they stand.
    """
    is_whole = bool(counts.all())
    rows = np.arange(len(table), dtype=np.int32) if is_whole else np.flatnonzero(counts).astype(np.int32)
    at, is_wish = table.at, table.kind == REDEEM
    if not is_whole:
        at, is_wish = at[rows], is_wish[rows]
    if table.order is not None:
        return rows[np.lexsort((table.order[rows], is_wish, at))], False
    # Each part begins with the last row of the one before it.
    parts = [slice(first, first + _PART_ROWS) for first in range(0, len(at), _PART_ROWS - 1)]
    if all(_ascends(at[part], is_wish[part]) for part in parts):
        return rows, is_whole
    return rows[np.lexsort((is_wish, at))], False


def _ascends(at: Ints, is_wish: Any) -> bool:
    """Tell whether rows stand by instant, wishes last in each."""
    before, after = at[:-1], at[1:]
    return bool(((before < after) | ((before == after) & (is_wish[:-1] <= is_wish[1:]))).all())
