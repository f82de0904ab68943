"""
Results as Arrow, so that they travel: each array of a :class:`~loyalty.batch.results.Batch` is one row of a table.

The schema is always the same, whatever the programme declares, as engines that move Arrow want it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from loyalty.batch.results import Batch, HolderTotals
from loyalty.core.holders import Layer
from loyalty.errors import UsageError
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of
from loyalty.settlement.layout import Names

#: What a packet holds: the name of an array, its shape, and its numbers or its texts.
SCHEMA: Final = pa.schema(
    [
        ("name", pa.string()),
        ("shape", pa.list_(pa.int64())),
        ("numbers", pa.large_list(pa.int64())),
        ("texts", pa.large_list(pa.string())),
    ]
)

_TABLES: Final = ("flows", "tiers", "tier_moves", "funds", "rules", "outstanding")
_NUMBERS: Final = ("first_month", "months", "until_day", "entries", "postings")
_COLUMNS: Final = ("cells", "tier", "badges", "events", "sums", "first_month")


def packet_of(batch: Batch) -> pa.Table:
    """Give a result as Arrow; its journal and its states are left behind."""
    rows: list[tuple[str, Any, Any]] = [("programme", [], [chain_of(batch.programme), batch.note])]
    rows.append(("numbers", np.array([getattr(batch, name) for name in _NUMBERS]), []))
    rows.append(("uncounted", np.array(list(batch.uncounted.values()), np.int64), list(batch.uncounted)))
    rows += [(name, getattr(batch, name), []) for name in _TABLES]
    for layer in Layer:
        totals = batch.layers[layer]
        rows.append((f"{layer.name}.holders", [], totals.holders.to_pylist()))
        rows += [(f"{layer.name}.{name}", getattr(totals, name), []) for name in _COLUMNS]
    numbers = [np.ascontiguousarray(array, np.int64) for _, array, _ in rows]
    return pa.table(
        {
            "name": [name for name, _, _ in rows],
            "shape": [list(array.shape) for array in numbers],
            "numbers": pa.LargeListArray.from_arrays(
                np.cumsum([0, *(array.size for array in numbers)]), np.concatenate([array.ravel() for array in numbers])
            ),
            "texts": pa.array([texts for _, _, texts in rows], pa.large_list(pa.string())),
        },
        schema=SCHEMA,
    )


def batch_of(programme: Programme, packet: pa.Table) -> Batch:
    """
    Give back the result that a packet holds.

    Raises:
        UsageError: it was settled under another programme.
    """
    rows = {row["name"]: row for row in packet.select(["name", "shape", "texts"]).to_pylist()}
    numbers = packet["numbers"].combine_chunks()
    arrays = {
        name: np.asarray(numbers[place].values).reshape(row["shape"]) for place, (name, row) in enumerate(rows.items())
    }
    revision, note = rows["programme"]["texts"]
    if revision != chain_of(programme):
        raise UsageError(
            f"the result was settled under revision {revision} and not under {chain_of(programme)}; settle it again"
        )
    layers = {
        layer: HolderTotals(
            holders=pa.array(rows[f"{layer.name}.holders"]["texts"], pa.string()),
            **{name: arrays[f"{layer.name}.{name}"] for name in _COLUMNS},
        )
        for layer in Layer
    }
    parts: dict[str, Any] = {name: arrays[name] for name in _TABLES}
    parts |= dict(zip(_NUMBERS, arrays["numbers"].tolist(), strict=True))
    uncounted = dict(zip(rows["uncounted"]["texts"], arrays["uncounted"].tolist(), strict=True))
    return Batch(programme=programme, names=Names.of(programme), layers=layers, note=note, uncounted=uncounted, **parts)
