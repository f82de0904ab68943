"""
The states of holders as words, which a compiled kernel writes at the end of a run and reads when one goes on.

These functions are not run from here, see :mod:`loyalty.batch.driver`.
"""

# The names that the generated module has, and comparisons that numba folds.
# ruff: noqa: F821
# mypy: disable-error-code="name-defined, no-any-return"

from __future__ import annotations

from typing import Any


def forget(m: Any, w: Any) -> None:
    """Empty the tables that the next holder finds; records are emptied where they are used."""
    for b in range(BUCKETS):
        days = m.days[b]
        days.head = 0
        days.length = 1
        days[0] = END
        m.amounts[b][0] = 0
    for c in range(CURRENCIES):
        m.arrears[c] = 0
    for k in range(KEY_TABLES):
        index = w.key_index[k]
        places = w.key_places[k]
        for slot in range(w.key_counts[k]):
            index[places[slot]] = 0
        w.key_counts[k] = 0


def keep(where: Any, o: Any, value: int) -> None:
    """Write one word of a state; what has no room there is only counted."""
    place = o.now.state_words
    o.now.state_words = place + 1
    if place < o.now.state_room:
        where[place] = value


def keep_all(where: Any, o: Any, values: Any, length: int) -> None:
    """Write so many words."""
    for place in range(length):
        keep(where, o, values[place])


def save(where: Any, s: Any, m: Any, o: Any, w: Any) -> None:
    """Write the holder's state: everything that a later item can ask for."""
    keep_all(where, o, words(s), SCALARS)
    keep(where, o, o.now.since)
    keep(where, o, o.now.closed)
    keep_all(where, o, m.arrears, CURRENCIES)
    for b in range(BUCKETS):
        length = m.days[b].length
        keep(where, o, length)
        keep_all(where, o, m.days[b], length)
        keep_all(where, o, m.amounts[b], length)
    for row in range(s.row_count):
        keep_all(where, o, words(m.rows[row]), ROW_WORDS)
        if SPEAKS:
            keep(where, o, w.worth[row])
            keep(where, o, w.row_numbers[row])
    for row in range(s.leg_count):
        keep_all(where, o, words(m.legs[row]), LEG_WORDS)
    for row in range(s.command_count):
        keep_all(where, o, words(m.commands[row]), COMMAND_WORDS)
    keep_all(where, o, m.pieces, 2 * s.piece_count)
    for k in range(KEY_TABLES):
        length = w.key_counts[k]
        keep(where, o, length)
        keep_all(where, o, w.key_values[k], length * KEY_PARTS)
        for slot in range(length):
            keep_all(where, o, words(m.keys[k][slot]), 2)


def load_all(where: Any, place: int, values: Any, length: int) -> int:
    """Read so many words, and give the place behind them."""
    for i in range(length):
        values[i] = where[place + i]
    return place + length


def load(where: Any, place: int, s: Any, m: Any, o: Any, w: Any) -> None:
    """Read a state that :func:`save` wrote."""
    place = load_all(where, place, words(s), SCALARS)
    o.now.since = where[place]
    o.now.closed = where[place + 1]
    place = load_all(where, place + 2, m.arrears, CURRENCIES)
    for b in range(BUCKETS):
        length = where[place]
        if length > m.days[b].capacity:
            m.days[b].is_full = 1
            m.rows.flag[0] = 1
            return
        m.days[b].length = length
        place = load_all(where, place + 1, m.days[b], length)
        place = load_all(where, place, m.amounts[b], length)
    if (
        s.row_count > m.rows.capacity
        or s.leg_count > m.legs.capacity
        or s.command_count > m.commands.capacity
        or 2 * s.piece_count > m.pieces[-2]
    ):
        m.rows.flag[0] = 1
        return
    for row in range(s.row_count):
        place = load_all(where, place, words(m.rows[row]), ROW_WORDS)
        if SPEAKS:
            w.worth[row] = where[place]
            w.row_numbers[row] = where[place + 1]
            place += 2
    for row in range(s.leg_count):
        place = load_all(where, place, words(m.legs[row]), LEG_WORDS)
    for row in range(s.command_count):
        place = load_all(where, place, words(m.commands[row]), COMMAND_WORDS)
    place = load_all(where, place, m.pieces, 2 * s.piece_count)
    sizes = 0
    after = place
    for _ in range(KEY_TABLES):
        length = where[after]
        sizes = max(sizes, length)
        after += 1 + length * (KEY_PARTS + 2)
    w.sizes[3] += 1
    while w.sizes[3] < 4 * sizes:
        w.sizes[3] *= 2
    w.sizes[3] -= 1
    if sizes > w.sizes[4]:
        m.rows.flag[0] = 1
        return
    for k in range(KEY_TABLES):
        length = where[place]
        place = load_all(where, place + 1, w.key_values[k], length * KEY_PARTS)
        for slot in range(length):
            place = load_all(where, place, words(m.keys[k][slot]), 2)
            known_again(w, k, slot)
        w.key_counts[k] = length


def known_again(w: Any, k: int, slot: int) -> None:
    """Let a key that was read from a state be found."""
    values = w.key_values[k]
    index = w.key_index[k]
    hashed = 0
    for part in range(KEY_PARTS):
        hashed = (hashed ^ values[slot * KEY_PARTS + part]) * -7046029254386353131
        hashed ^= hashed >> 32
    place = hashed & w.sizes[3]
    while index[place] != 0:
        place = (place + 1) & w.sizes[3]
    index[place] = slot + 1
    w.key_places[k][slot] = place
