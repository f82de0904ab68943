"""
What rows of a table are no events that count, by reason.

>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> uncounted(EventTable.from_events(loads(EXAMPLE), ()))
{'wishes': 0, 'overrides': 0, 'voids': 0, 'voided': 0, 'waiting': 0, 'answered': 0, 'outside': 0}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from loyalty.batch.once import once
from loyalty.batch.placing import place
from loyalty.batch.tables import OVERRIDE, REDEEM, VOID, EventTable
from loyalty.programme.revisions import revisions_of

#: The reasons for which a row is no event; one that lies outside the programme's days is one, and earns nothing.
NO_EVENTS: Final = ("wishes", "overrides", "voids", "voided", "waiting", "answered")


def uncounted(table: EventTable, until_us: int | None = None) -> Mapping[str, int]:
    """
    Count the rows that are no events that count, each for one reason.

    Args:
        until_us: Only rows before it; all if left out.

    Returns:
        By reason: wishes to redeem, tiers by hand, voids, what they void, what waits for an event that is not there,
        what speaks of one that does not count, and what lies outside the programme's days.
    """
    kinds = table.kind
    voids = kinds == VOID
    voided = np.zeros(len(table), bool)
    if table.of is not None:
        voided[table.of[voids & (table.of >= 0)]] = True
    voided &= ~voids
    is_placed = np.zeros(len(table), bool)
    is_placed[once(table, "placing", lambda: place(table)).rows] = True
    idle = ~is_placed & ~voided & ~voids
    known = np.zeros(len(table), bool) if table.of is None else table.of >= 0
    programme = table.programme
    first = programme.calendar.day_start_us(min(one.first_day for one in revisions_of(programme)))
    last_day = programme.last_day
    end = np.iinfo(np.int64).max if last_day is None else programme.calendar.day_start_us(last_day + 1)
    found = {
        "wishes": is_placed & (kinds == REDEEM),
        "overrides": is_placed & (kinds == OVERRIDE),
        "voids": voids,
        "voided": voided,
        "waiting": idle & ~known,
        "answered": idle & known,
        "outside": is_placed & (kinds >= 0) & ((table.at < first) | (table.at >= end)),
    }
    if until_us is not None:
        found = {why: rows & (table.at < until_us) for why, rows in found.items()}
    return {why: int(np.count_nonzero(rows)) for why, rows in found.items()}
