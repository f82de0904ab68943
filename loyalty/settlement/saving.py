"""
A holder's state as text, and back, so that settling can go on where another process stopped.

The text says which fields it has; a state whose fields are not those of the present library is not read, and its
holder is settled again from the recorded history.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

import orjson

from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant
from loyalty.settlement.generate import Steps
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.state import Memory

#: What every state shares, or what is empty between two items.
_SHARED: Final = frozenset({"month_of", "month_first", "p", "expiry", "returns", "trace"})
_OF_STEPS: Final = frozenset(
    {"holder", "item", "memory", "scalars", "_step", "_names", "_slots", "_view", "_has_revisions"}
)

_TABLES: Final = tuple(name for name in Memory.__slots__ if name not in _SHARED)
_FIELDS: Final = tuple(name for name in HolderRun.__slots__ if name not in _OF_STEPS)


def save(run: HolderRun) -> str:
    """Write a state as text."""
    return orjson.dumps(
        [
            _signature(run),
            _plain(run.scalars),
            [_plain(getattr(run.memory, name)) for name in _TABLES],
            [list(known.items()) for known in run._slots],
            [_plain(getattr(run, name)) for name in _FIELDS],
        ]
    ).decode()


def load(steps: Steps, holder: Holder, text: str, find_grant: Callable[[str], Grant | None]) -> HolderRun | None:
    """
    Read a state that :func:`save` wrote.

    Args:
        find_grant: Gives a recorded decision by its key.

    Returns:
        The state, or None where it was written by a library whose states have other fields.
    """
    run = HolderRun(steps, holder)
    signature, scalars, tables, slots, fields = orjson.loads(text)
    if signature != _signature(run):
        return None
    _fill(run.scalars, scalars)
    for name, values in zip(_TABLES, tables, strict=True):
        setattr(run.memory, name, _like(getattr(run.memory, name), values))
    for known, items in zip(run._slots, slots, strict=True):
        known.update((_frozen(key), slot) for key, slot in items)
    for name, value in zip(_FIELDS, fields, strict=True):
        setattr(run, name, find_grant(value["grant"]) if _is_grant(value) else _frozen(value))
    return run


def _signature(run: HolderRun) -> str:
    """Name the fields of a state; it differs where a library keeps other ones."""
    records = (run.scalars, *(record for name in _TABLES for record in _records_in(getattr(run.memory, name))))
    names = [_TABLES, _FIELDS, len(run._slots), *(tuple(type(record).__slots__) for record in records)]
    return blake2b(repr(names).encode(), digest_size=8).hexdigest()


def _records_in(table: Any) -> list[Any]:
    """Give the first record of each table that has records."""
    if isinstance(table, list):
        return _records_in(table[0]) if table else []
    return [table] if hasattr(type(table), "__slots__") and not isinstance(table, int | str) else []


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value] if value and not isinstance(value[0], int) else value
    if isinstance(value, Grant):
        return {"grant": value.key}
    if value is None or isinstance(value, int | str | tuple | dict):
        return value
    return [getattr(value, name) for name in type(value).__slots__]


def _fill(record: Any, values: list[Any]) -> Any:
    for name, value in zip(type(record).__slots__, values, strict=True):
        setattr(record, name, value)
    return record


def _like(template: Any, values: Any) -> Any:
    """Build what *values* were written from: a table of whole numbers, of tables, or of records like the first."""
    if not isinstance(template, list) or not template:
        return values
    first = template[0]
    if isinstance(first, list):
        return [_like(template[min(place, len(template) - 1)], item) for place, item in enumerate(values)]
    if isinstance(first, int):
        return values
    return [_fill(type(first)(), item) for item in values]


def _is_grant(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"grant"}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
