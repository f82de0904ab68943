"""Settlement order of the rows of a table: which count, and in which order, as for single events."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from loyalty.batch.tables import REDEEM, VOID, EventTable, kinds_of
from loyalty.programme.model import Role
from loyalty.programme.revisions import kind_of


@frozen(eq=False)
class Placing:
    """
    Where the rows of a table stand.

    Attributes:
        rows: The rows that count, in settlement order.
        instant: By row: UTC microseconds from which it counts.
        first_instant: By row: that of the first event of the chain that it belongs to.
        partner, person: By row: whom it reaches, as codes; -1 for no person.
    """

    rows: Any
    instant: Any
    first_instant: Any
    partner: Any
    person: Any


def place(table: EventTable) -> Placing:
    """Put the rows of a table in settlement order, without what is voided or waits for ever."""
    names = kinds_of(table.programme)
    kinds = [kind_of(table.programme, name) for name in names]
    count = len(table)
    of = table.of if table.of is not None else np.full(count, -1)
    order = table.order if table.order is not None else np.arange(count)
    voided = {int(of[row]) for row in np.flatnonzero(table.kind == VOID)}
    keys: dict[int, tuple[int, ...] | None] = {}
    instant, first = table.at.copy(), table.at.copy()
    partner, person = table.partner.copy(), table.person.copy()

    def placed(row: int) -> tuple[int, ...] | None:
        if row in keys:
            return keys[row]
        keys[row] = None
        code = int(table.kind[row])
        if code == VOID or row in voided:
            return None
        key: tuple[int, ...] = (int(table.at[row]), int(code == REDEEM), int(order[row]))
        kind = kinds[code] if code >= 0 else None
        if kind is not None and kind.role in (Role.REFUNDS, Role.FOLLOWS):
            origin = int(of[row])
            if origin < 0 or table.kind[origin] < 0 or names[int(table.kind[origin])] != kind.origin_kind:
                return None
            before = placed(origin)
            if before is None:
                return None
            first[row], partner[row], person[row] = first[origin], partner[origin], person[origin]
            if key < before:
                instant[row] = instant[origin]
                key = (*before, *key)
        keys[row] = key
        return key

    for row in range(count):
        placed(row)
    rows = sorted((row for row, key in keys.items() if key is not None), key=lambda row: keys[row] or ())
    return Placing(np.array(rows, np.int64), instant, first, partner, person)
