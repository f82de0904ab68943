"""
Marks: places in a holder's history to which its state can go back without being copied or settled again.

A state has a few tables that grow with each item (rows, awards, keys, commands) and a small rest. A mark copies the
rest and notes how large those tables were; until the next mark each record of them that is there already is kept as it
was, when it is first reached. So going back takes as much as what happened since, however long the history is.

Marks stand close together at the end of a history and ever wider apart before it, so that there are few of them and
the next one before an item is never further from it than a part of what came after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define

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
        scalars: The values of the holder's scalars.
        tables: The copied tables.
        fields: The values of the run's other fields.
        sizes: How large the growing tables were, and then how many keys the mappings had.
        changed: The values, before this mark, of records that changed between it and the next, by table.
    """

    before: int
    version: int
    items: int
    scalars: list[int]
    tables: list[Any]
    fields: list[Any]
    sizes: list[int]
    changed: list[dict[int, Any]]


def set_mark(run: HolderRun, before: int) -> Mark:
    """Make a mark of the present state; the next item's instant is *before* or later."""
    tables = _watched(run)
    if run.marks:
        run.marks[-1].changed = [table.changed() for table in tables]
    mark = Mark(
        before,
        run.version,
        run.events + run.commands,
        plain(run.scalars),
        [plain(getattr(run.memory, name)) for name in _COPIED],
        [getattr(run, name) for name in run.MARKED],
        [*map(len, tables), *map(len, run.mappings())],
        [{} for _ in tables],
    )
    _watch(tables, mark)
    run.marks.append(mark)
    run.mark_from = mark.items + run.marks_apart
    _thin_out(run.marks)
    return mark


def roll_back(run: HolderRun, mark: Mark) -> None:
    """Bring a state back to one of its marks; those behind it are forgotten."""
    tables = _watched(run)
    while True:
        last = run.marks[-1]
        for table, before, size in zip(tables, last.changed, mark.sizes, strict=False):
            table.restore(before, size)
        if last is mark:
            break
        run.marks.pop()
    mappings = run.mappings()
    for table, size in zip(tables, mark.sizes, strict=False):
        del table[size:]
    for known, size in zip(mappings, mark.sizes[len(tables) :], strict=True):
        while len(known) > size:
            known.popitem()
    fill(run.scalars, mark.scalars)
    for name, values in zip(_COPIED, mark.tables, strict=True):
        # What the state holds from now on changes, and the mark's own copy stays.
        setattr(run.memory, name, like(getattr(run.memory, name), plain(values)))
    for name, value in zip(run.MARKED, mark.fields, strict=True):
        setattr(run, name, value)
    run.version = mark.version
    run.mark_from = mark.items + run.marks_apart
    mark.changed = [{} for _ in tables]
    _watch(tables, mark)


def resume(run: HolderRun, marks: list[Mark]) -> None:
    """Give a state that was read back the marks that it had."""
    run.marks = marks
    if marks:
        run.mark_from = marks[-1].items + run.marks_apart
        _watch(_watched(run), marks[-1])


def _watched(run: HolderRun) -> list[Growing]:
    """Have the growing tables remember what changes, and give them."""
    memory = run.memory
    if not isinstance(memory.rows, Growing):
        for name in _GROWING:
            setattr(memory, name, Growing(getattr(memory, name)))
        memory.keys = [Growing(table) for table in memory.keys]
    return [*(getattr(memory, name) for name in _GROWING), *memory.keys]


def _watch(tables: list[Growing], mark: Mark) -> None:
    for table, size, before in zip(tables, mark.sizes, mark.changed, strict=False):
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
        if place:
            kept = marks[place - 1]
            kept.changed = [
                {at: values for at, values in later.items() if at < size} | earlier
                for earlier, later, size in zip(kept.changed, dropped.changed, kept.sizes, strict=False)
            ]
