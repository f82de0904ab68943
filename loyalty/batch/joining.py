"""
From batches to one table: identities that come twice, what speaks of which row, and the order within an instant.

An identity counts once; another body under it is a conflict that names both rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve

from loyalty.batch.decoding import given_in, integers
from loyalty.batch.encoding import AT, CHANCE, KIND, Encoder
from loyalty.batch.envelope import PARTNER, PERSON
from loyalty.batch.findings import Findings, said
from loyalty.batch.identities import hashes_of, order_within_instants
from loyalty.batch.tables import CURRENCY, MISSING, TIER, UNTIL, EventTable, Ints
from loyalty.programme.model import Programme

#: So many parts of a column are put into one, so that it stays below the two GiB that an Arrow array of texts may have.
_UNITED: Final = 64


def joined(programme: Programme, encoder: Encoder, findings: Findings) -> EventTable:
    """
    Make a table of what an encoder has read, which is used up.

    Raises:
        SourceError: with all findings, those of the batches and of identities.
    """
    columns, rows = encoder.columns, encoder.rows
    ids, origins = (_united([part[place] for part in encoder.identities]) for place in (0, 1))
    encoder.identities.clear()
    of = None
    if origins is not None and encoder.numbered:
        of, origins = _numbered(origins, findings), None
    named = encoder.envelope.shared(rows)
    values, texts = {}, {}
    for name, field in encoder.declared.fields.items():
        if name in columns:
            values[name] = columns.taken(name, field.dtype, rows, absent=np.iinfo(field.dtype).min)
            if name in encoder.fields.names:
                texts[name] = encoder.fields.names[name].texts()
            elif field.texts and name != CURRENCY:
                texts[name] = pa.array(field.texts, pa.string())
    for name in (TIER, UNTIL):
        if name in columns:
            values[name] = columns.taken(name, np.int64, rows, absent=MISSING)
    table = EventTable(
        programme=programme,
        kind=columns.taken(KIND, np.int16, rows, absent=0),
        partner=named[PARTNER][0],
        partners=named[PARTNER][1],
        person=named[PERSON][0],
        persons=named[PERSON][1],
        at=columns.taken(AT, np.int64, rows, absent=0),
        of=of,
        values=values,
        texts=texts,
        chance=columns.taken(CHANCE, np.int32, rows, absent=-1) if CHANCE in columns else None,
        ids=ids,
    )
    return without_repeats(table, origins, findings)


def without_repeats(table: EventTable, origins: pa.ChunkedArray | None, findings: Findings) -> EventTable:
    """
    Give a table in which each identity stands once, every row knows of which it speaks, and ties have an order.

    Args:
        origins: The identity that each row speaks of; None where none does, or where that is known by number.

    Raises:
        SourceError: with the findings until here and the conflicts of identities.
    """
    if table.ids is not None:
        again = _repeated(table, origins, findings)
        if len(again) and not findings:
            kept = np.ones(len(table), bool)
            kept[again] = False
            origins = None if origins is None else origins.filter(pa.array(kept))
            table = rows_of(table, np.flatnonzero(kept))
    findings.raise_if_any()
    if origins is not None:
        table = _with_origins(table, origins)
    return evolve(table, order=order_within_instants(table))


def rows_of(table: EventTable, rows: Ints) -> EventTable:
    """Give some rows of a table, in the order of *rows*; one that speaks of a row that is left out waits for it."""
    of, waits = None, {}
    places = {int(row): place for place, row in enumerate(rows)} if table.waits else {}
    waits = {places[row]: identity for row, identity in table.waits.items() if row in places}
    if table.of is not None:
        new = np.full(len(table) + 1, -1, np.int32)
        new[rows] = np.arange(len(rows))
        before = table.of[rows]
        of = new[before]
        if table.ids is not None:
            lost = np.flatnonzero((before >= 0) & (of < 0))
            waits |= {int(row): table.identity(int(before[row])) for row in lost}
    return evolve(
        table,
        kind=table.kind[rows],
        partner=table.partner[rows],
        person=table.person[rows],
        at=table.at[rows],
        of=of,
        order=None if table.order is None else table.order[rows],
        values={name: column[rows] for name, column in table.values.items()},
        chance=None if table.chance is None else table.chance[rows],
        ids=None if table.ids is None else table.ids.take(pa.array(rows)),
        waits=waits,
    )


def column_of(parts: Sequence[Ints | None], lengths: Sequence[int], kind: Any, absent: int = MISSING) -> Ints:
    """Put the parts of a column under each other; *absent* stands for a part that is not there."""
    filled = [np.full(n, absent, kind) if p is None else p for p, n in zip(parts, lengths, strict=True)]
    if len(filled) == 1:
        return filled[0].astype(kind, copy=False)
    return np.concatenate(filled, dtype=kind) if filled else np.zeros(0, kind)


def _united(parts: Sequence[pa.Array | None]) -> pa.ChunkedArray | None:
    """Put the parts of a column under each other; None where one is not there."""
    if not parts or any(part is None for part in parts):
        return None
    # Parts lie scattered in the memory that batches were decoded into, and each would keep what lies beside it.
    pool = pa.system_memory_pool()
    return pa.chunked_array(
        [pa.concat_arrays(parts[start : start + _UNITED], memory_pool=pool) for start in range(0, len(parts), _UNITED)]
    )


def _numbered(origins: pa.ChunkedArray, findings: Findings) -> Ints:
    """Give of which row each speaks, from the numbers that stand there."""
    of: Ints = origins.fill_null(-1).to_numpy()
    given = origins.is_valid().to_numpy()
    outside = np.flatnonzero(given & ((of < 0) | (of >= len(of))))
    say = f"there is no row of that number, and rows without ids speak of each other by it; write 0 to {len(of) - 1}"
    findings.add("of", outside, lambda row: f"{of[row]}: {say}")
    return of


def _repeated(table: EventTable, origins: pa.ChunkedArray | None, findings: Findings) -> Ints:
    """Give the rows whose identity another row before them has, and note those whose body differs."""
    ids = table.ids
    if ids is None or all(_ascends(chunk) for chunk in _overlapping(ids)):
        return np.zeros(0, np.int64)
    hashes = hashes_of(ids)
    by_hash = np.argsort(hashes, kind="stable")
    hashes = hashes[by_hash]
    same = hashes[1:] == hashes[:-1]
    if not same.any():
        return np.zeros(0, np.int64)
    rows = np.sort(by_hash[np.flatnonzero(np.append(same, False) | np.append(False, same))])
    first: dict[str, int] = {}
    again = []
    for row, identity in zip(rows.tolist(), ids.take(pa.array(rows)).to_pylist(), strict=True):
        if first.setdefault(identity, row) != row:
            again.append((row, first[identity]))
    columns = [table.kind, table.partner, table.person, table.at, *table.values.values()]
    for row, before in again:
        same_origin = origins is None or origins[row].as_py() == origins[before].as_py()
        if not same_origin or any(column[row] != column[before] for column in columns):
            reason = f"{table.identity(row)} stands in row {before} with another body; give each event an id of its own"
            findings.add("id", np.array([row]), partial(said, reason), like=row, code="event-conflict")
    return np.array([row for row, _ in again], np.int64)


def _overlapping(ids: pa.ChunkedArray) -> Iterable[pa.Array]:
    """Give the chunks, each with the last of the one before it."""
    last: pa.Array | None = None
    for chunk in ids.chunks:
        if len(chunk):
            yield chunk if last is None else pa.concat_arrays([last, chunk.slice(0, 1)])
            if last is not None:
                yield chunk
            last = chunk.slice(len(chunk) - 1, 1)


def _ascends(texts: pa.Array) -> bool:
    return len(texts) < 2 or bool(pc.all(pc.less(texts[:-1], texts[1:])).as_py())


def _with_origins(table: EventTable, origins: pa.ChunkedArray) -> EventTable:
    """Find the rows that others speak of."""
    speaking = np.flatnonzero(origins.is_valid().to_numpy())
    of = np.full(len(table), -1, np.int32)
    names = origins.filter(origins.is_valid()).combine_chunks()
    if isinstance(names, pa.ChunkedArray):
        names = pa.concat_arrays(names.chunks) if names.num_chunks else pa.array([], pa.string())
    waits: dict[int, str] = {}
    if len(speaking) and table.ids is not None:
        wanted = names.dictionary_encode()
        where = np.full(len(wanted.dictionary), -1, np.int64)
        found = pc.index_in(table.ids, value_set=wanted.dictionary)
        row = 0
        for chunk in found.chunks:
            here = np.flatnonzero(given_in(chunk))
            where[integers(chunk)[here]] = row + here
            row += len(chunk)
        of[speaking] = where[np.asarray(wanted.indices)]
    for row in speaking[of[speaking] < 0]:
        waits[int(row)] = origins[int(row)].as_py()
    return evolve(table, of=of if len(speaking) else None, waits=waits)
