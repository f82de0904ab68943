"""
What numbers names, compiled: a table of hashes that stays as it is from batch to batch.

These functions are not run from here; :mod:`loyalty.batch.naming` makes a module of their text. Names lie one after the
other as bytes, as Arrow has them. An entry of the table holds the upper half of a name's hash and its number counted
from 1; it stands at the place that the lower bits say, or at the next one that was free.
"""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any


def hash_of(data: Any, first: int, last: int) -> int:
    """Give a number of 64 bits of a name; upper and lower bits depend on every byte."""
    hashed = last - first
    for place in range(first, last):
        hashed = (hashed ^ data[place]) * -7046029254386353131
        hashed ^= (hashed >> 32) & 0xFFFFFFFF
    return hashed


def is_same(data: Any, first: int, last: int, known: Any, start: int, end: int) -> int:
    """Tell whether two names have the same bytes."""
    if end - start != last - first:
        return 0
    for place in range(last - first):
        if data[first + place] != known[start + place]:
            return 0
    return 1


def learn(
    data: Any, offsets: Any, hashes: Any, entries: Any, table: Any, known: Any, ends: Any, numbers: Any, count: int
) -> int:
    """
    Give each name its number, new ones the next, and give how many there are then.

    What stands at the first place of each is read first, and compared then: no name waits there for another, so that a
    processor reads many places of the table at once. There must be room for all to be new.

    Args:
        data, offsets: The names.
        hashes, entries: Room for a number of each.
        table: As many entries as a power of two, some of them empty.
        known: The bytes of the names that have numbers, one after the other.
        ends: Where each of these ends, after a 0.
        numbers: Where the numbers go.
        count: How many names have one.
    """
    mask = len(table) - 1
    for name in range(len(numbers)):
        hashed = hash_of(data, offsets[name], offsets[name + 1])
        hashes[name] = hashed
        entries[name] = table[hashed & mask]
    for name in range(len(numbers)):
        entry = entries[name]
        number = (entry & 0xFFFFFFFF) - 1
        numbers[name] = -1
        if number < 0 or entry >> 32 != hashes[name] >> 32:
            continue
        if is_same(data, offsets[name], offsets[name + 1], known, ends[number], ends[number + 1]):
            numbers[name] = number
    for name in range(len(numbers)):
        if numbers[name] < 0:
            first, last, hashed = offsets[name], offsets[name + 1], hashes[name]
            place = hashed & mask
            number = -1
            while number < 0 and table[place] != 0:
                entry = table[place]
                other = (entry & 0xFFFFFFFF) - 1
                if entry >> 32 == hashed >> 32 and is_same(data, first, last, known, ends[other], ends[other + 1]):
                    number = other
                place = (place + 1) & mask
            if number < 0:
                number = count
                count += 1
                table[place] = (hashed >> 32 << 32) | count
                end = ends[number]
                for at in range(last - first):
                    known[end + at] = data[first + at]
                ends[count] = end + last - first
            numbers[name] = number
    return count


def enter_again(table: Any, known: Any, ends: Any, count: int) -> None:
    """Enter all names into a table that is empty."""
    mask = len(table) - 1
    for number in range(count):
        hashed = hash_of(known, ends[number], ends[number + 1])
        place = hashed & mask
        while table[place] != 0:
            place = (place + 1) & mask
        table[place] = (hashed >> 32 << 32) | (number + 1)
