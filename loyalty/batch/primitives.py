"""
What the compiled step calls in place of the core's primitives: bucket tables, quotients, and movements put out.

These functions are not run from here, see :mod:`loyalty.batch.driver`.
"""

# The names that the generated module has, and comparisons that numba folds.
# ruff: noqa: F821
# mypy: disable-error-code="name-defined, no-any-return"

from __future__ import annotations

from typing import Any


def find(days: Any, day: int) -> int:
    """Give the place of the first row of a bucket table whose day is *day* or later; the newest are asked for most."""
    last = days.length - 1
    if last == 0 or days[last - 1] < day:
        return last
    if days[last - 1] == day:
        return last - 1
    return seek(days, day)


def seek(days: Any, day: int) -> int:
    """
    Do as :func:`find` for a day before the newest.

    What matures comes in the order of its days, so that its place is most often a little behind the one that was looked
    for last. These are tried first, for the processor guesses wrongly at every other step of a search by halves.
    """
    place = days.sought - days.head
    low = 0
    high = days.length - 1
    if 0 < place < high and days[place - 1] < day:
        for _ in range(4):
            place += days[place] < day
        if days[place] >= day:
            high = place
        low = place
    while low < high:
        middle = (low + high) >> 1
        if days[middle] < day:
            low = middle + 1
        else:
            high = middle
    days.sought = days.head + low
    return low


def insert_at(values: Any, index: int, value: int) -> None:
    """Put a row's day in before *index*, or its amount there: where the day came in, both have a place already."""
    if are_days(values):
        length = values.length
        if index == length - 1 and values.head + length < values.capacity:
            move_pair(values, index, length)
            values.length = length + 1
        else:
            open_place(values, index)
    values[index] = value


def open_place(days: Any, index: int) -> None:
    """Make a place for a row; in a table that is full the last row is lost, and the table says so."""
    length = days.length
    if days.head + length >= days.capacity:
        head = days.head
        for place in range(length):
            move_pair(days, place, place - head)
        days.head = 0
        if length >= days.capacity:
            days.is_full = 1
            return
    place = length
    while place > index:
        move_pair(days, place - 1, place)
        place -= 1
    days.length = length + 1


def remove_at(values: Any, index: int) -> None:
    """Take the row at *index* out, where its day is; the first costs nothing. The amount goes with it."""
    if are_days(values):
        length = values.length - 1
        values.length = length
        if index == 0:
            values.head += 1
        else:
            for place in range(index, length):
                move_pair(values, place + 1, place)


def quotient(m: Any, numerator: int, place: int) -> int:
    """Divide a number >= 0 by the parameter at a place, by a product: a division waits four times as long."""
    reciprocals = m.reciprocals
    return divided(numerator, reciprocals[2 * place], reciprocals[2 * place + 1])


def sum(values: Any) -> int:
    """Add all numbers of a row up."""
    total = 0
    for place in range(values.length):
        total += values[place]
    return total


def put(o: Any, movement: Any) -> None:
    """Count a movement, and keep it where a journal is asked for."""
    count(o, movement[0], movement[1], movement[2], movement[3], movement[4], movement[6])
    if rarely(o.now.journal_room >= 0):
        note(o, movement[0], movement[1], movement[2], movement[3], movement[4], movement[5], movement[6])


def note(o: Any, label: int, asset: int, source: int, target: int, amount: int, lot: int, at: int) -> None:
    """Write a movement into the journal; what has no room there is only counted."""
    now = o.now
    place = now.noted * 11
    now.noted += 1
    if now.noted > now.journal_room:
        return
    own = at < 0
    o.journal[place] = now.layer
    o.journal[place + 1] = now.holder
    o.journal[place + 2] = now.item if own and now.item >= 0 else -1
    o.journal[place + 3] = -2 - now.item if own and now.item <= -2 else -1
    o.journal[place + 4] = at
    o.journal[place + 5] = label
    o.journal[place + 6] = asset
    o.journal[place + 7] = source
    o.journal[place + 8] = target
    o.journal[place + 9] = amount
    o.journal[place + 10] = lot
