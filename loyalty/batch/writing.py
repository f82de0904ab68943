"""
Tables of events as Arrow, in the columns that are read again.

Money is in whole minor units, so that nothing is converted; texts are dictionary-coded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.declared import CODE, FLAG, Declared
from loyalty.batch.encoding import CHANCE
from loyalty.batch.tables import AMOUNT, CURRENCY, MISSING, RESERVED, SHARE, TIER, UNTIL, EventTable, Ints, missing_of
from loyalty.programme.revisions import currencies_of, tiers_of

_WISH = (CURRENCY, AMOUNT, SHARE)


def write_table(table: EventTable, *, empty_columns: bool = False) -> pa.Table:
    """
    Give a table as Arrow, as :meth:`EventTable.to_arrow` says.

    Args:
        empty_columns: Whether to give columns in which nothing stands as well, so that parts of one population have
            the same.
    """
    declared = Declared.of(table.programme)
    reserved = {code: name for name, code in RESERVED.items()}
    kinds = [*declared.kinds, *(reserved[code] for code in sorted(reserved))]
    columns: dict[str, Any] = {
        "kind": _coded(np.where(table.kind < 0, len(kinds) + table.kind, table.kind), pa.array(kinds)),
        "partner": _coded(table.partner, table.partners),
        "occurred_at": pa.array(table.at, pa.timestamp("us", tz="UTC")),
    }
    if len(table.persons) or empty_columns:
        columns["person"] = _coded(table.person, table.persons)
    if table.of is not None or table.waits:
        columns["of"] = _origins(table)
    if table.ids is not None:
        source, columns["id"] = _split(table.ids)
        columns["source"] = source.dictionary_encode()
    own: dict[str, Any] = {}
    for name, values in table.values.items():
        if name in (TIER, UNTIL, *_WISH):
            own[name] = values
        elif empty_columns or (values != missing_of(values)).any():
            columns[name] = _field(values, int(declared.fields[name].form.max()), table.texts.get(name))
    if TIER in own:
        _add_overrides(columns, own, table)
    if CURRENCY in own:
        columns[CURRENCY] = _coded(np.maximum(own[CURRENCY], -1), pa.array(sorted(currencies_of(table.programme))))
        columns |= {name: _numbers(own[name]) for name in (AMOUNT, SHARE) if name in own}
    if table.chance is not None:
        columns[CHANCE] = pa.array(table.chance, mask=table.chance < 0)
    return pa.table(columns)


def _field(values: Ints, form: int, texts: pa.Array | None) -> pa.Array:
    if texts is not None and form == CODE:
        return _coded(np.maximum(values, -1), texts)
    if form == FLAG:
        return pa.array(values == 1, mask=values == missing_of(values))
    return _numbers(values)


def _numbers(values: Ints) -> pa.Array:
    return pa.array(values, mask=values == missing_of(values))


def _coded(codes: Ints, texts: pa.Array) -> pa.Array:
    """Give codes into texts, of which those below 0 are null."""
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, texts.cast(pa.string()))


def _origins(table: EventTable) -> pa.Array:
    """Give what rows speak of: ids of the same source, or numbers of rows where there are no ids."""
    of = np.full(len(table), -1) if table.of is None else table.of
    if table.ids is None:
        return pa.array(of, mask=of < 0)
    speaking = np.flatnonzero(of >= 0)
    named = dict(zip(speaking.tolist(), table.ids.take(pa.array(of[speaking])).to_pylist(), strict=True))
    named |= table.waits
    rows = np.array(sorted(named), np.int64)
    texts = pa.array([named[row].split("/", 1)[1] for row in rows.tolist()], pa.string())
    places = np.full(len(table), -1, np.int64)
    places[rows] = np.arange(len(rows))
    return texts.take(pa.array(places, mask=places < 0))


def _split(identities: pa.ChunkedArray | pa.Array) -> tuple[Any, Any]:
    """Give the sources and ids of identities; a source has no slash, an id may have."""
    parts = pc.split_pattern(identities, "/", max_splits=1)
    return pc.list_element(parts, 0), pc.list_element(parts, 1)


def _add_overrides(columns: dict[str, Any], own: dict[str, Ints], table: EventTable) -> None:
    """Add what tiers by hand say to the columns of their names, which other kinds may have as well."""
    is_own = own[TIER] != MISSING
    tiers = tiers_of(table.programme)
    texts = {
        "tier": [tiers[place] if place >= 0 else None for place in own[TIER].tolist()],
        "until": np.where(is_own, own[UNTIL], 0).astype("datetime64[D]").astype(str).tolist(),
    }
    for name, listed in texts.items():
        column = pa.array(listed, pa.string(), mask=~is_own)
        other = columns.get(name)
        columns[name] = column if other is None else pc.coalesce(column, other.cast(pa.string()))
