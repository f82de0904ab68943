"""Identities of events in columns: their text, their hashes, and the order that they give to events of one instant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.tables import EventTable, Ints

#: Powers of an odd number that has no pattern, by the position of a byte.
_POWERS: Final = np.cumprod(np.full(4096, 0x9E3779B97F4A7C15, np.uint64))

#: Texts that are hashed at a time, which bounds the memory that it takes.
_HASHED: Final = 1 << 17


def identities_of(parts: Iterable[tuple[pa.Array | None, pa.Array | None]]) -> pa.ChunkedArray | None:
    """
    Give ``source/id`` of each row.

    Args:
        parts: For each batch its sources, or None for "", and its ids or None; whole numbers stay what they are.

    Returns:
        None where no batch has ids.
    """
    chunks = []
    for source, texts in parts:
        if texts is None:
            return None
        if pa.types.is_integer(texts.type):
            chunks.append(texts)
        else:
            chunks.append(pc.binary_join_element_wise(pa.scalar("") if source is None else source, texts, "/"))
    return pa.chunked_array(chunks) if chunks else None


def hashes_of(texts: pa.ChunkedArray) -> Any:
    """Give 64 bits of each text; equal texts have equal ones, and others hardly ever."""
    found = [_hashes(chunk.slice(start, _HASHED)) for chunk in texts.chunks for start in range(0, len(chunk), _HASHED)]
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def _hashes(texts: pa.Array) -> Any:
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + texts.offset + 1)[texts.offset :]
    lengths = np.diff(offsets)
    data = np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    starts = offsets[:-1] - offsets[0]
    position = np.arange(len(data), dtype=np.int32) - np.repeat(starts, lengths)
    # A byte of 0 counts too, so that no text is another with something before it.
    return np.add.reduceat((data + np.uint64(1)) * _POWERS[position], starts)


def order_within_instants(table: EventTable) -> Ints | None:
    """
    Give the rank by (source, id) among rows of one instant; None where rows stand in that order already.

    Without ids the order of rows is what counts.
    """
    ids, at = table.ids, table.at
    if ids is None or len(at) < 2:
        return table.order if ids is None else None
    by_time = None if (at[1:] >= at[:-1]).all() else np.argsort(at, kind="stable")
    sorted_at = at if by_time is None else at[by_time]
    ties = sorted_at[1:] == sorted_at[:-1]
    if not ties.any():
        return None
    tied = np.flatnonzero(np.append(ties, False) | np.append(False, ties))
    rows = tied if by_time is None else by_time[tied]
    names = _comparable(ids if len(rows) == len(at) and by_time is None else ids.take(pa.array(rows)))
    instants = at[rows]
    same = instants[1:] == instants[:-1]
    if bool(pc.all(pc.or_(pc.less_equal(names[:-1], names[1:]), pa.array(~same))).as_py()):
        return None
    keys = pa.table({"at": instants, "name": names})
    order = np.zeros(len(at), np.int64)
    order[rows[np.asarray(pc.sort_indices(keys, [("at", "ascending"), ("name", "ascending")]))]] = np.arange(len(rows))
    return order


def _comparable(identities: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give texts that compare as (source, id) does: sources may have signs that stand before the slash."""
    if pc.all(pc.starts_with(identities, "/")).as_py():
        return identities
    return pc.replace_substring(identities, "/", "\x00", max_replacements=1)
