"""
Every movement of a run as a table.

Its columns are numbers: ``layer``; ``holder``, a place among those of the layer's totals; ``row`` of
the event or of the wish, and ``grant``, each -1 where it is another cause; ``day`` of the clock, -1 for what an event
or a decision moved; then the movement: ``label``, ``asset``, ``source``, ``target``, ``amount``, ``lot``. A holder's
movements stand in settlement order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from loyalty.core.holders import Layer

COLUMNS: Final = (
    "layer", "holder", "row", "grant", "day", "label", "asset", "source", "target", "amount", "lot",
)  # fmt: skip

JournalRow: TypeAlias = tuple[int, int, int, int, int, int, int, int, int, int, int]


def journal_table(rows: Sequence[JournalRow] | Any, took_part: Mapping[Layer, Any]) -> pa.Table:
    """
    Make the table of rows of numbers in the order of :data:`COLUMNS`.

    Args:
        took_part: By layer, which holders are among those of the totals.
    """
    numbers = np.array(rows, np.int64).reshape(-1, len(COLUMNS))
    for layer, kept in took_part.items():
        own = numbers[:, 0] == layer
        numbers[own, 1] = (np.cumsum(kept) - 1)[numbers[own, 1]]
    return pa.table({name: np.ascontiguousarray(numbers[:, place]) for place, name in enumerate(COLUMNS)})
