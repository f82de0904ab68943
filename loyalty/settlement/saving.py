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
from attrs import fields

from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant
from loyalty.settlement.generate import Steps
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.marks import SHARED, Mark, hashable, plain_fields, resume
from loyalty.settlement.records import Growing, fill, like, plain
from loyalty.settlement.state import Memory

_TABLES: Final = tuple(name for name in Memory.__slots__ if name not in SHARED)
_MARK: Final = tuple(field.name for field in fields(Mark))

#: Gives a recorded decision by its key.
FindGrant = Callable[[str], Grant | None]


def save(run: HolderRun) -> str:
    """Write a state as text, with its marks."""
    return orjson.dumps(
        [
            _signature(run),
            plain(run.scalars),
            [plain(getattr(run.memory, name)) for name in _TABLES],
            [list(known.items()) for known in run.mappings()],
            plain_fields(run),
            [_plain_mark(mark) for mark in run.marks],
        ]
    ).decode()


def load(
    steps: Steps,
    holder: Holder,
    text: str,
    find_grant: FindGrant,
    marks_apart: int | None = None,
) -> HolderRun | None:
    """
    Read a state that :func:`save` wrote.

    Args:
        find_grant: Gives a recorded decision by its key.
        marks_apart: As of a :class:`HolderRun`; the marks that were saved are read in any case.

    Returns:
        The state, or None where it was written by a library whose states have other fields.
    """
    run = HolderRun(steps, holder, marks_apart)
    signature, scalars, tables, mappings, run_fields, marks = orjson.loads(text)
    if signature != _signature(run):
        return None
    fill(run.scalars, scalars)
    for name, values in zip(_TABLES, tables, strict=True):
        setattr(run.memory, name, like(getattr(run.memory, name), values))
    for known, items in zip(run.mappings(), mappings, strict=True):
        known.update((hashable(key), slot) for key, slot in items)
    for name, value in zip(run.MARKED, _found(run_fields, find_grant), strict=True):
        setattr(run, name, value)
    run.saved_items = run.events + run.commands
    resume(run, [_mark_of(values) for values in marks])
    return run


def _signature(run: HolderRun) -> str:
    """Name the fields of a state; it differs where a library keeps other ones."""
    records = (run.scalars, *(record for name in _TABLES for record in _records_in(getattr(run.memory, name))))
    names = [_TABLES, run.MARKED, _MARK, len(run.mappings()), *(tuple(type(record).__slots__) for record in records)]
    return blake2b(repr(names).encode(), digest_size=8).hexdigest()


def _records_in(table: Any) -> list[Any]:
    """Give the first record of each table that has records."""
    if isinstance(table, list | Growing):
        return _records_in(table[0]) if len(table) else []
    return [table] if hasattr(type(table), "__slots__") and not isinstance(table, int | str) else []


def _plain_mark(mark: Mark) -> list[Any]:
    """Give a mark as lists; places are numbers, which no key of a JSON object can be."""
    changed = [list(before.items()) for before in mark.changed]
    return [*(getattr(mark, name) for name in _MARK[:-1]), changed]


def _mark_of(values: list[Any]) -> Mark:
    before, version, items, kept, changed = values
    records = [{place: hashable(values) for place, values in table} for table in changed]
    return Mark(before, version, items, kept, records)


def _found(values: list[Any], find_grant: FindGrant) -> list[Any]:
    """Give the fields of a run from what :func:`~loyalty.settlement.marks.plain_fields` made of them."""
    return [find_grant(value["grant"]) if isinstance(value, dict) else hashable(value) for value in values]
