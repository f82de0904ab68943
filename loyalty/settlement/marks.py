"""
Marks: places in a holder's history to which its state can go back without being copied or settled again.

A state has a few tables that grow with each item (rows, awards, keys, commands) and a small rest. A mark copies the
rest and notes how large those tables were; until the next mark each record of them that is there already is kept as it
was, when it is first reached. So going back takes as much as what happened since, however long the history is.

Marks stand close together at the end of a history and ever wider apart before it, so that there are few of them and
the next one before an item is never further from it than a part of what came after.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from attrs import define

from loyalty.ledger.store import Grant
from loyalty.settlement.records import Growing, fill, like, plain
from loyalty.settlement.state import Memory

if TYPE_CHECKING:
    from loyalty.settlement.holder_run import HolderRun

#: How many items lie between the last two marks at least; a shorter history is settled again from its start.
ITEMS_APART: Final = 64

#: Two marks are made one where what lies around them is at most this part of what came after.
_WIDENING: Final = 4

#: The tables of a state that grow with its items; the tables of keys do too.
_GROWING: Final = ("rows", "legs", "commands", "pieces")

#: What every state shares, or what is empty between two items.
SHARED: Final = frozenset({"month_of", "month_first", "p", "expiry", "returns", "trace"})

#: The tables that a mark copies.
_COPIED: Final = tuple(name for name in Memory.__slots__ if name not in {*_GROWING, *SHARED, "keys"})


@define(eq=False)
class Mark:
    """
    A state between two items.

    Attributes:
        before: The instant of the item behind it, UTC microseconds; everything before that instant had happened.
        version: That of the history up to there (see :func:`loyalty.ledger.store.version_step`).
        items: How many items had been settled.
        kept: The copied rest as JSON, a sixth of what it takes as objects (see :class:`Rest`).
        changed: The values, before this mark, of records that changed between it and the next, by table; nothing
            where none did.
    """

    before: int
    version: int
    items: int
    kept: str
    changed: Sequence[dict[int, Any]]

    @property
    def rest(self) -> Rest:
        """What was copied."""
        scalars, tables, fields, sizes = orjson.loads(self.kept)
        return Rest(scalars, tables, fields, sizes)


class Rest(NamedTuple):
    """
    The small rest of a state that a mark copies.

    Attributes:
        scalars: The values of the holder's scalars.
        tables: The copied tables.
        fields: The values of the run's other fields, as lists; a decision by its key.
        sizes: How large the growing tables were, and then how many keys the mappings had.
    """

    scalars: list[int]
    tables: list[Any]
    fields: list[Any]
    sizes: list[int]


def set_mark(run: HolderRun, before: int) -> Mark:
    """Make a mark of the present state; the next item's instant is *before* or later."""
    tables = _watched(run)
    if run.marks:
        changed = [table.changed() for table in tables]
        run.marks[-1].changed = changed if any(changed) else ()
    sizes = [*map(len, tables), *map(len, run.mappings())]
    tables_now = [plain(getattr(run.memory, name)) for name in _COPIED]
    kept = orjson.dumps([plain(run.scalars), tables_now, plain_fields(run), sizes]).decode()
    mark = Mark(before, run.version, run.events + run.commands, kept, ())
    _watch(tables, mark, sizes)
    run.marks.append(mark)
    run.mark_from = mark.items + run.marks_apart
    _thin_out(run.marks)
    return mark


def roll_back(run: HolderRun, mark: Mark) -> None:
    """Bring a state back to one of its marks; those behind it are forgotten."""
    tables, rest = _watched(run), mark.rest
    while True:
        last = run.marks[-1]
        for table, before, size in zip(tables, last.changed, rest.sizes, strict=False):
            table.restore(before, size)
        if last is mark:
            break
        run.marks.pop()
    for table, size in zip(tables, rest.sizes, strict=False):
        del table[size:]
    for known, size in zip(run.mappings(), rest.sizes[len(tables) :], strict=True):
        while len(known) > size:
            known.popitem()
    fill(run.scalars, rest.scalars)
    for name, values in zip(_COPIED, rest.tables, strict=True):
        setattr(run.memory, name, like(getattr(run.memory, name), values))
    for name, value in zip(run.MARKED, rest.fields, strict=True):
        # A decision that a mark knows of was taken before it, and is the one that the state has.
        if not isinstance(value, dict):
            setattr(run, name, hashable(value))
    run.version = mark.version
    run.mark_from = mark.items + run.marks_apart
    mark.changed = ()
    _watch(tables, mark, rest.sizes)


def resume(run: HolderRun, marks: list[Mark]) -> None:
    """Give a state that was read back the marks that it had."""
    run.marks = marks
    if marks:
        run.mark_from = marks[-1].items + run.marks_apart
        _watch(_watched(run), marks[-1], marks[-1].rest.sizes)


def plain_fields(run: HolderRun) -> list[Any]:
    """Give the fields of a run that go back with it, with a decision's key in its place."""
    values = [getattr(run, name) for name in run.MARKED]
    return [{"grant": value.key} if isinstance(value, Grant) else value for value in values]


def hashable(value: Any) -> Any:
    """Give lists as the tuples that they were."""
    return tuple(hashable(item) for item in value) if isinstance(value, list) else value


def _watched(run: HolderRun) -> list[Growing]:
    """Have the growing tables remember what changes, and give them."""
    memory = run.memory
    if not isinstance(memory.rows, Growing):
        for name in _GROWING:
            setattr(memory, name, Growing(getattr(memory, name)))
        memory.keys = [Growing(table) for table in memory.keys]
    return [*(getattr(memory, name) for name in _GROWING), *memory.keys]


def _watch(tables: Sequence[Growing], mark: Mark, sizes: Sequence[int]) -> None:
    """Have what changes from now on be remembered by a mark; what it remembers already stays."""
    mark.changed = [dict(before) for before in mark.changed] or [{} for _ in tables]
    for table, size, before in zip(tables, sizes, mark.changed, strict=False):
        table.size, table.before = size, before


def _thin_out(marks: list[Mark]) -> None:
    """Forget marks that lie too close together for their distance from the end."""
    end = marks[-1].items
    for place in range(len(marks) - 2, -1, -1):
        ahead = marks[place + 1].items
        behind = marks[place - 1].items if place else 0
        if (ahead - behind) * _WIDENING > end - ahead:
            continue
        dropped = marks.pop(place)
        if place and dropped.changed:
            kept = marks[place - 1]
            kept.changed = [
                {at: values for at, values in later.items() if at < size} | earlier
                for earlier, later, size in zip(
                    kept.changed or repeat({}), dropped.changed, kept.rest.sizes, strict=False
                )
            ]
