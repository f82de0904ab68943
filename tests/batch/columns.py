"""Events as Arrow columns, laid out by hand and by nothing that is tested."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from loyalty.core.events import Event
from loyalty.programme.model import FieldType, Programme
from loyalty.programme.revisions import revisions_of
from loyalty.programme.units import digits_of


def arrow_of(programme: Programme, events: Sequence[Event], *, decimals: bool = False, coded: bool = False) -> pa.Table:
    """Give events as Arrow: money as decimals in major units or as whole minor units, texts plain or coded."""
    specs = {
        name: spec
        for one in revisions_of(programme)
        for kind in one.events.values()
        for name, spec in kind.fields.items()
    }
    text = pa.dictionary(pa.int32(), pa.string()) if coded else pa.string()
    columns: dict[str, Any] = {
        "kind": pa.array([event.kind for event in events], text),
        "partner": pa.array([event.partner or None for event in events], text),
        "person": pa.array([event.person for event in events], text),
        "occurred_at": pa.array([event.occurred_at for event in events], pa.timestamp("us", "UTC")),
        "of": pa.array([event.of for event in events], pa.string()),
        "source": pa.array([event.source or None for event in events], text),
        "id": pa.array([event.id for event in events], pa.string()),
    }
    for name in sorted({name for event in events for name in event.fields}):
        values = [event.fields.get(name) for event in events]
        spec = specs.get(name)
        if name in ("tier", "until") or spec is None or spec.type in (FieldType.TEXT, FieldType.ONE_OF):
            columns[name] = pa.array(values, text)
        elif spec.type is FieldType.BOOL:
            columns[name] = pa.array(values, pa.bool_())
        elif spec.type is FieldType.MONEY and decimals:
            scale = digits_of(spec.unit or "")
            major = [None if value is None else Decimal(int(value)).scaleb(-scale) for value in values]
            columns[name] = pa.array(major, pa.decimal128(30, scale + 1))
        else:
            columns[name] = pa.array(values, pa.int64())
    return pa.table(columns)
