"""Tables under each other, and the rows of some partners alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.findings import Findings
from loyalty.batch.joining import column_of, rows_of, without_repeats
from loyalty.batch.naming import Names
from loyalty.batch.placing import reached_partners
from loyalty.batch.tables import EventTable, Ints, missing_of
from loyalty.errors import UsageError


def concat(tables: Sequence[EventTable]) -> EventTable:
    """Put tables under each other, as :meth:`EventTable.concat` says."""
    if not tables:
        raise UsageError("there are no tables to put together; give at least one")
    programme = tables[0].programme
    if any(table.programme is not programme and table.programme != programme for table in tables):
        raise UsageError("the tables are of different programmes; read them under the same one")
    if len({table.ids is None for table in tables if len(table)}) > 1:
        raise UsageError("some tables have ids and some have none; give the events of all of them ids, or of none")
    lengths = [len(table) for table in tables]
    partners, partner = _united([table.partners for table in tables], [table.partner for table in tables])
    persons, person = _united([table.persons for table in tables], [table.person for table in tables])
    values: dict[str, Ints] = {}
    texts: dict[str, pa.Array] = {}
    for name in sorted({name for table in tables for name in table.values}):
        kinds = [table.values[name].dtype for table in tables if name in table.values]
        kind = np.result_type(*kinds)
        parts = [_widened(table.values.get(name), kind, n) for table, n in zip(tables, lengths, strict=True)]
        if any(name in table.texts for table in tables):
            dictionaries = [table.texts.get(name, pa.array([], pa.string())) for table in tables]
            texts[name], codes = _united(dictionaries, parts)
            kind = np.result_type(kind, np.int32)
            values[name] = np.where(codes < 0, np.iinfo(kind).min, codes.astype(kind))
        else:
            values[name] = np.concatenate(parts)
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    chunks = [chunk for table in tables if table.ids is not None for chunk in _chunks(table.ids)]
    table = EventTable(
        programme=programme,
        kind=column_of([table.kind for table in tables], lengths, np.int16),
        partner=partner,
        partners=partners,
        person=person,
        persons=persons,
        at=column_of([table.at for table in tables], lengths, np.int64),
        of=_shifted([table.of for table in tables], starts, lengths, -1),
        order=_shifted([table.order for table in tables], starts, lengths, None),
        values=values,
        texts=texts,
        chance=column_of([table.chance for table in tables], lengths, np.int32, absent=-1)
        if any(table.chance is not None for table in tables)
        else None,
        ids=pa.chunked_array(chunks, pa.string()) if chunks else None,
        waits={
            start + row: identity
            for table, start in zip(tables, starts, strict=True)
            for row, identity in table.waits.items()
        },
    )  # fmt: skip
    return table if table.ids is None else without_repeats(table, _origins(table), Findings("<tables>"))


def take_partners(table: EventTable, partners: Iterable[str]) -> EventTable:
    """Give the rows that concern these partners, as :meth:`EventTable.take` says."""
    wanted = pc.index_in(table.partners, value_set=pa.array(list(partners), pa.string())).is_valid()
    # One more place, for rows that concern nobody who is known.
    is_wanted = np.append(np.asarray(wanted), False)
    return rows_of(table, np.flatnonzero(is_wanted[reached_partners(table)]))


def _united(dictionaries: Sequence[pa.Array], codes: Sequence[Ints]) -> tuple[pa.Array, Ints]:
    """Give one dictionary for all, and the codes into it, -1 for none."""
    names = Names()
    parts = []
    for dictionary, column in zip(dictionaries, codes, strict=True):
        part = np.maximum(column, -1).astype(np.int32, copy=False)
        numbers = names.add(dictionary.cast(pa.string()))
        # The last stands for none.
        parts.append(part if numbers is None else np.append(numbers, np.int32(-1))[part])
    return names.texts(), np.concatenate(parts)


def _widened(column: Ints | None, kind: Any, size: int) -> Ints:
    """Give a column in a type that is as wide or wider."""
    if column is None:
        return np.full(size, np.iinfo(kind).min, kind)
    if column.dtype == kind:
        return column
    return np.where(column == missing_of(column), np.iinfo(kind).min, column.astype(kind))


def _shifted(
    parts: Sequence[Ints | None], starts: Sequence[int], lengths: Sequence[int], absent: int | None
) -> Ints | None:
    """Put numbers of rows under each other; where a part has none they are *absent*, or the rows' own."""
    if all(part is None for part in parts):
        return None
    columns = []
    for part, start, length in zip(parts, starts, lengths, strict=True):
        own = np.arange(length) if absent is None else np.full(length, absent)
        column = own if part is None else part
        columns.append(np.where(column < 0, column, column + start))
    return np.concatenate(columns)


def _origins(table: EventTable) -> pa.ChunkedArray | None:
    """Give the identity that each row speaks of."""
    if table.of is None and not table.waits:
        return None
    of = np.full(len(table), -1) if table.of is None else table.of.copy()
    # What is not here stands behind the identities of the rows.
    of[list(table.waits)] = len(table) + np.arange(len(table.waits))
    names = pa.chunked_array([*_chunks(table.ids), pa.array(list(table.waits.values()), pa.string())])
    return names.take(pa.chunked_array([pa.array(of, mask=of < 0)]))


def _chunks(ids: pa.ChunkedArray | pa.Array) -> list[pa.Array]:
    return ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
