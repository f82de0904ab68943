"""Identities of events in columns: their text, their hashes, and the order that they give to events of one instant."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.tables import EventTable, Ints

#: Powers of an odd number that has no pattern, by the position of a byte.
_POWERS: Final = np.cumprod(np.full(4096, 0x9E3779B97F4A7C15, np.uint64))

#: Texts that are hashed at a time, and compared, which bounds the memory that it takes.
_HASHED: Final = 1 << 17
_COMPARED: Final = 1 << 18


def identities_of(source: pa.Array | None, texts: pa.Array) -> pa.Array:
    """
    Give ``source/id`` of each row; whole numbers stay what they are.

    Args:
        source: Of each row, None for "".
        texts: The ids.
    """
    if pa.types.is_integer(texts.type):
        return texts
    return pc.binary_join_element_wise(pa.scalar("") if source is None else source, texts, "/")


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
    if _stand_in_order(at, ids):
        return None
    by_time = np.argsort(at, kind="stable")
    sorted_at = at[by_time]
    ties = sorted_at[1:] == sorted_at[:-1]
    if not ties.any():
        return None
    rows = by_time[np.flatnonzero(np.append(ties, False) | np.append(False, ties))]
    keys = pa.table({"at": at[rows], "name": _comparable(ids.take(pa.array(rows)))})
    order = np.zeros(len(at), np.int64)
    order[rows[np.asarray(pc.sort_indices(keys, [("at", "ascending"), ("name", "ascending")]))]] = np.arange(len(rows))
    return order


def _stand_in_order(at: Ints, ids: pa.ChunkedArray | pa.Array) -> bool:
    """Tell whether rows come by time, and those of an instant by their identities; a part of them at a time."""
    for start in range(0, len(at) - 1, _COMPARED):
        instants = at[start : start + _COMPARED + 1]
        if (instants[1:] < instants[:-1]).any():
            return False
        same = instants[1:] == instants[:-1]
        if same.any():
            names = _comparable(ids[start : start + len(instants)])
            if not pc.all(pc.or_(pc.less_equal(names[:-1], names[1:]), pa.array(~same))).as_py():
                return False
    return True


def _comparable(identities: Any) -> Any:
    """Give texts that compare as (source, id) does: sources may have signs that stand before the slash."""
    if pc.all(pc.starts_with(identities, "/")).as_py():
        return identities
    return pc.replace_substring(identities, "/", "\x00", max_replacements=1)
