"""
The hand-written part of the compiled kernel: one holder after the other, item by item.

These functions are not run from here. Their source goes into the generated module of a programme's layer, beside the
step and the runtime that it calls, where the names that are not defined here are: ``step``, ``boundary``, ``fill``,
``stood``, ``progress``, ``take_stock``, the intern functions of keys, and the constants of the layer.
"""

# The names that the generated module has, and comparisons that numba folds.
# ruff: noqa: F821, PLR1714
# mypy: disable-error-code="name-defined, no-any-return"

from __future__ import annotations

from collections import namedtuple
from typing import Any

#: What is given: the layer's items, holder after holder, numbers of the declaration, the calendar, codes of texts.
Given = namedtuple(
    "Given",
    "packed offsets codes code_starts p expiry returns month_of month_first roles elasticity chance silent "
    "decisions state_starts state_words first_scalars",
)

#: The memory of one thread, for one holder at a time.
Space = namedtuple(
    "Space",
    "scalars item now days amounts arrears commands pieces legs rows cells key_index key_values key_places key_counts "
    "by_item worth row_numbers flag capacity",
)

#: What is found: rows of holders, which threads share, and totals and buffers of one thread.
Found = namedtuple(
    "Found",
    "cells badges tiers events sums first_months flows rules funds tier_moves outstanding before posted taken "
    "paid_from journal state_starts state_words sizes",
)

#: What of these is read and written an item at a time, as pointers, and how long some are.
Ground = namedtuple(
    "Ground",
    "packed offsets roles elasticity chance silent decisions state_starts state_words first_scalars events sums "
    "first_months before posted taken paid_from next_starts next_words draws silents befores posts",
)

#: The tables of a holder as the step names them.
Memory = namedtuple(
    "Memory",
    "amounts arrears commands days expiry keys legs month_first month_of p pieces returns rows",
)

#: Where keys are found again, and what else is kept of a holder's items.
Keeping = namedtuple(
    "Keeping", "codes code_starts key_index key_values key_places key_counts sizes by_item worth row_numbers"
)

#: What movements are counted into.
Counters = namedtuple("Counters", "now month_of cells flows rules funds tier_moves outstanding badges tiers journal")

#: Items that are no step's: a wish to redeem, and the release of what a final capture leaves.
WISH_ITEM, RELEASE_REST_ITEM = -20, -21

#: Marks an item that did not happen.
SILENT = -2


def find(days: Any, day: int) -> int:
    """Give the place of the first row of a bucket table whose day is *day* or later."""
    last = days[-1] - 2
    if last < 0:
        return 0
    newest = days[last]
    if newest < day:
        return last + 1
    if newest == day:
        return last
    low = 0
    high = last
    while low < high:
        middle = (low + high) >> 1
        if days[middle] < day:
            low = middle + 1
        else:
            high = middle
    return low


def insert_at(values: Any, index: int, value: int) -> None:
    """Put a number in before *index*; a table that is full is left as it is, and says so."""
    length = values[-1]
    if length >= values[-2]:
        values[-3] = 1
        return
    place = length
    while place > index:
        values[place] = values[place - 1]
        place -= 1
    values[index] = value
    values[-1] = length + 1


def remove_at(values: Any, index: int) -> None:
    """Take the number at *index* out."""
    length = values[-1] - 1
    place = index
    while place < length:
        values[place] = values[place + 1]
        place += 1
    values[-1] = length


def sum(values: Any) -> int:
    """Add all numbers of a row up."""
    total = 0
    for place in range(values[-1]):
        total += values[place]
    return total


def put(o: Any, movement: Any) -> None:
    """Count a movement, and keep it where a journal is asked for."""
    count(o, movement[0], movement[1], movement[2], movement[3], movement[4], movement[6])
    if o.now.journal_room >= 0:
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


def settle(given: Any, space: Any, found: Any, first: int, last: int) -> int:
    """Settle the holders from *first* to before *last*; give 0, or 1 where a table was too small."""
    flag = flat(space.flag)
    m = Memory(
        table(space.amounts),
        flat(space.arrears),
        rows(space.commands, space.capacity[0], flag),
        table(space.days),
        table(given.expiry),
        keys(space.cells),
        rows(space.legs, space.capacity[1], flag),
        headed(given.month_first),
        flat(given.month_of),
        flat(given.p),
        headed(space.pieces),
        table(given.returns),
        rows(space.rows, space.capacity[2], flag),
    )
    w = Keeping(
        flat(given.codes),
        flat(given.code_starts),
        table(space.key_index),
        table(space.key_values),
        table(space.key_places),
        flat(space.key_counts),
        flat(space.capacity),
        flat(space.by_item),
        flat(space.worth),
        flat(space.row_numbers),
    )
    now = rows(space.now, 1, flag)[0]
    o = Counters(
        now,
        flat(given.month_of),
        flat(found.cells),
        flat(found.flows),
        flat(found.rules),
        flat(found.funds),
        flat(found.tier_moves),
        flat(found.outstanding),
        flat(found.badges),
        flat(found.tiers),
        flat(found.journal),
    )
    g = Ground(
        rows(given.packed, 0, flag),
        flat(given.offsets),
        flat(given.roles),
        flat(given.elasticity),
        flat(given.chance),
        flat(given.silent),
        flat(given.decisions),
        flat(given.state_starts),
        flat(given.state_words),
        flat(given.first_scalars),
        flat(found.events),
        flat(found.sums),
        flat(found.first_months),
        flat(found.before),
        flat(found.posted),
        flat(found.taken),
        flat(found.paid_from),
        flat(found.state_starts),
        flat(found.state_words),
        len(given.chance),
        len(given.silent),
        len(found.before),
        len(found.posted),
    )
    s = rows(space.scalars, 1, flag)[0]
    e = rows(space.item, 1, flag)[0]
    for holder in range(first, last):
        if g.offsets[holder] == g.offsets[holder + 1] and g.state_starts[holder] < 0:
            continue
        settle_holder(g, e, s, m, o, w, holder)
        if flag[0] != 0 or too_small(m):
            return 1
    found.sizes[0] = now.noted
    found.sizes[1] = now.state_words
    return 0


def too_small(m: Any) -> bool:
    """Tell whether any of the holder's tables of numbers was too small."""
    if m.pieces[-3] != 0:
        return True
    for b in range(BUCKETS):  # noqa: SIM110 (numba has no generators)
        if m.days[b][-3] != 0 or m.amounts[b][-3] != 0:
            return True
    return False


def settle_holder(g: Any, e: Any, s: Any, m: Any, o: Any, w: Any, holder: int) -> None:
    """Settle one holder from its state, or from the start, through the last day."""
    now = o.now
    start = g.offsets[holder]
    end = g.offsets[holder + 1]
    w.sizes[3] = 16
    while w.sizes[3] < 2 * (end - start):
        w.sizes[3] *= 2
    w.sizes[3] -= 1
    scalars = words(s)
    for place in range(SCALARS):
        scalars[place] = g.first_scalars[place]
    now.holder = holder
    now.clock_day = -1
    now.closed = 0
    now.since = -1
    if g.state_starts[holder] >= 0:
        load(g.state_words, g.state_starts[holder], s, m, o, w)
        g.first_months[holder] = now.since
    now.tier = s.effective if PARTNERS else TIERS
    for place in range(start, end):
        x = g.packed[place]
        at = x.at
        day = x.day
        month = m.month_of[day - FIRST_DAY]
        now.month = month - now.first_month
        now.item = x.row
        now.lost_at = -1
        now.posted = 0
        e.day = day
        e.instant = at
        is_event = x.kind >= OVERRIDE_ITEM
        if is_event:
            ready = prepare_event(g, x, e, s, m, o, w, place - start, day)
        else:
            ready = prepare_decision(g, x, e, s, m, o, day)
        # An event that does not happen begins nothing.
        if now.since < 0 and (ready or not is_event):
            now.since = month
            g.first_months[holder] = month
        if ready:
            tracked = s.row_count
            before = 0
            if SPEAKS and now.role > 0 and e.row >= 0:
                before = m.rows[e.row].refunded if now.role == 1 else m.rows[e.row].whole
            step(e, s, m, o)
            if is_event:
                finish_event(g, x, e, s, m, o, w, place - start, day, tracked, before)
            else:
                finish_decision(g, x, e, s, o)
            if m.rows.flag[0] != 0:
                return
    now.lost_at = -1
    if now.until_day >= s.next_due:
        boundary(s, m, o, now.until_day)
    take_stock(s, m, o)
    if now.state_room >= 0:
        g.next_starts[holder] = now.state_words
        save(g.next_words, s, m, o, w)
    forget(m, w)


def prepare_event(g: Any, x: Any, e: Any, s: Any, m: Any, o: Any, w: Any, place: int, day: int) -> bool:
    """Make an event ready for the step: what it speaks of, and whether it happens."""
    kind = x.kind
    origin = -1
    if SPEAKS:
        w.by_item[place] = -1
        if x.of >= 0:
            origin = w.by_item[x.of]
        elif x.of < -1:
            origin = earlier_row(g, s, w, -2 - x.of)
    tier = 0
    if PARTNERS:
        happens = origin != SILENT
        if happens and kind >= 0 and g.draws > 0:
            chance = g.chance[x.row]
            elasticity = g.elasticity[kind]
            if chance >= 0 and elasticity != 0:
                if day >= s.next_due:
                    boundary(s, m, o, day)
                near = progress(s, m, day)
                happens = chance * (1_000_000 + elasticity) < 1_000_000_000_000 + elasticity * near
        if not happens:
            if SPEAKS:
                w.by_item[place] = SILENT
            if g.befores > 0:
                g.before[x.row] = -1
            return False
    else:
        tier = g.before[x.row]
        if tier < 0:
            return False
    if origin == SILENT:
        origin = -1
    o.now.money = fill(e, x, m, w, day, o.now.holder)
    e.row = origin
    e.tier = tier
    o.now.role = g.roles[kind] if kind >= 0 else 0
    return True


def finish_event(
    g: Any, x: Any, e: Any, s: Any, m: Any, o: Any, w: Any, place: int, day: int, tracked: int, before: int
) -> None:
    """Count an event that was settled; *before* is what was refunded of the one that it speaks of."""
    now = o.now
    kind = x.kind
    if SPEAKS and s.row_count != tracked:
        w.by_item[place] = tracked
        w.worth[tracked] = now.money
        w.row_numbers[tracked] = x.row
    if PARTNERS and g.befores > 0:
        g.before[x.row] = stood(s, day)
    if now.posted != 0:
        if g.posts > 0:
            g.posted[x.row] = 1
        else:
            now.entries += 1
    if kind < 0:
        return
    cell = now.holder * KINDS + kind
    g.events[cell] += 1
    if now.role == 0:
        g.sums[cell] += now.money
    elif SPEAKS and e.row >= 0:
        if now.role == 1:
            g.sums[cell] += m.rows[e.row].refunded - before
        elif m.rows[e.row].whole != before:
            g.sums[cell] += w.worth[e.row]


def earlier_row(g: Any, s: Any, w: Any, number: int) -> int:
    """Give the row that an event of an earlier run left, by its number; the newest comes first."""
    low = 0
    high = g.silents
    while low < high:
        middle = (low + high) >> 1
        if g.silent[middle] < number:
            low = middle + 1
        else:
            high = middle
    if low < g.silents and g.silent[low] == number:
        return SILENT
    row: int = s.row_count - 1
    while row >= 0 and w.row_numbers[row] != number:
        row -= 1
    return row


def prepare_decision(g: Any, x: Any, e: Any, s: Any, m: Any, o: Any, day: int) -> bool:
    """Make a part of a grant ready for the step, or a wish to redeem where what it asks is there."""
    now = o.now
    now.role = 0
    e.row = -1
    if x.kind == WISH_ITEM:
        if day >= s.next_due:
            boundary(s, m, o, day)
        c = wished_currency(x)
        amount = wished_amount(x)
        available = sum(m.amounts[c])
        if amount < 0:
            amount = available * (-1 - amount) // 1_000_000
        e.kind = DRAW_ITEM
        e.label = REDEEM_LABEL
        e.account = REDEEMED
        e.until = NEVER
        e.currency = c
        e.lot = ANY_LOT
        e.amount = amount
        return now.closed == 0 and amount > 0 and amount <= available
    # What a grant is made of: label, account, until, currency, lot, amount, the grant that it carries on, which of
    # its parts it is.
    part = g.decisions
    at = x.of * 11
    of = part[at + 6]
    e.kind = x.kind
    e.label = part[at]
    e.account = part[at + 1]
    e.until = part[at + 2]
    e.currency = part[at + 3]
    e.lot = part[at + 4]
    e.amount = part[at + 5]
    if e.account < 0:
        e.account = g.paid_from[of] if of >= 0 else 0
    if x.kind == CARRY_ITEM or x.kind == GIVE_BACK_ITEM or x.kind == RELEASE_REST_ITEM:
        e.row = g.taken[of] if of >= 0 else -1
        if x.kind == RELEASE_REST_ITEM:
            e.kind = GIVE_BACK_ITEM
            e.amount = left_of(m, e.row) if e.row >= 0 else 0
    elif x.kind == DRAW_ITEM and part[at + 7] > 0:
        e.row = s.command_count - 1
    return True


def finish_decision(g: Any, x: Any, e: Any, s: Any, o: Any) -> None:
    """Note what a decision took and whether it moved anything."""
    now = o.now
    if x.kind == WISH_ITEM:
        if g.posts > 0:
            g.posted[x.row] = 1
        else:
            now.entries += 1
        return
    number = -2 - x.row
    if x.kind == DRAW_ITEM or x.kind == CARRY_ITEM:
        g.taken[number] = s.command_count - 1
    elif x.kind == PAY_IN_ITEM:
        g.paid_from[number] = e.account
    elif x.kind == CLOSE_ITEM:
        now.closed = 1
    if now.posted != 0:
        g.posted[g.posts - 1 - number] = 1


def forget(m: Any, w: Any) -> None:
    """Empty the tables that the next holder finds; records are emptied where they are used."""
    for b in range(BUCKETS):
        m.days[b][0] = END
        m.days[b][-1] = 1
        m.amounts[b][0] = 0
        m.amounts[b][-1] = 1
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
        length = m.days[b][-1]
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
        if length > m.days[b][-2]:
            m.days[b][-3] = 1
            m.rows.flag[0] = 1
            return
        m.days[b][-1] = length
        m.amounts[b][-1] = length
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


def places(codes: Any, following: Any, found: Any, first: int, last: int) -> None:
    """Give each item of a part of the order its place among those of its holder."""
    for rank in range(first, last):
        code = codes[rank]
        found[rank] = following[code]
        following[code] += 1
