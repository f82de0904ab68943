"""
The hand-written part of the compiled kernel: one holder after the other, item by item.

These functions are not run from here. Their source goes into the generated module of a programme's layer, beside the
step and the runtime that it calls, where the names that are not defined here are: ``step``, ``boundary``, ``fill``,
``stood``, ``progress``, ``take_stock``, the intern functions of keys, and the constants of the layer.
"""

# The names that the generated module has, and comparisons that numba folds.
# ruff: noqa: F821, PLR1714, PLR1730
# mypy: disable-error-code="name-defined, no-any-return"

from __future__ import annotations

from collections import namedtuple
from typing import Any

#: What is given: the layer's items, holder after holder, numbers of the declaration, the calendar, codes of texts.
Given = namedtuple(
    "Given",
    "packed offsets codes code_starts p expiry returns month_of month_first starts roles elasticity chance silent "
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


def day_of(starts: Any, at: int) -> int:
    """Give the local day that an instant lies in; the guess is off by a day at most."""
    place = at // 86_400_000_000 - FIRST_DAY
    if place < 0:
        place = 0
    while starts[place] > at:
        place -= 1
    while starts[place + 1] <= at:
        place += 1
    return place + FIRST_DAY


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
    s = rows(space.scalars, 1, flag)[0]
    e = rows(space.item, 1, flag)[0]
    packed = rows(given.packed, 0, flag)
    for holder in range(first, last):
        state = given.state_starts[holder]
        if given.offsets[holder] == given.offsets[holder + 1] and state < 0:
            continue
        settle_holder(given, found, packed, e, s, m, o, w, holder, state)
        if flag[0] != 0 or too_small(m):
            return 1
    found.sizes[0] = now.noted
    found.sizes[1] = now.state_words
    return 0


def too_small(m: Any) -> bool:
    """Tell whether any of the holder's tables of numbers was too small."""
    if m.pieces[-3] != 0:
        return True
    for b in range(BUCKETS):  # noqa: SIM110
        if m.days[b][-3] != 0 or m.amounts[b][-3] != 0:
            return True
    return False


def settle_holder(
    given: Any, found: Any, packed: Any, e: Any, s: Any, m: Any, o: Any, w: Any, holder: int, state: int
) -> None:
    """Settle one holder from its state, or from the start, through the last day."""
    now = o.now
    start = given.offsets[holder]
    end = given.offsets[holder + 1]
    w.sizes[3] = 16
    while w.sizes[3] < 2 * (end - start):
        w.sizes[3] *= 2
    w.sizes[3] -= 1
    first = flat(given.first_scalars)
    scalars = words(s)
    for place in range(SCALARS):
        scalars[place] = first[place]
    now.holder = holder
    now.clock_day = -1
    now.lost_at = -1
    now.closed = 0
    now.since = -1
    if state >= 0:
        load(flat(given.state_words), state, s, m, o, w)
        found.first_months[holder] = now.since
    now.tier = s.effective if PARTNERS else TIERS
    starts = flat(given.starts)
    for place in range(start, end):
        x = packed[place]
        day = day_of(starts, x.at)
        month = m.month_of[day - FIRST_DAY]
        now.month = month - now.first_month
        now.item = x.row
        now.lost_at = -1
        now.posted = 0
        if now.since < 0:
            now.since = month
            found.first_months[holder] = month
        if x.kind >= OVERRIDE_ITEM:
            settle_event(given, found, x, e, s, m, o, w, holder, place - start, day)
        else:
            settle_decision(given, found, x, e, s, m, o, day)
        if m.rows.flag[0] != 0:
            return
    now.lost_at = -1
    if now.until_day >= s.next_due:
        boundary(s, m, o, now.until_day)
    take_stock(s, m, o)
    if now.state_room >= 0:
        found.state_starts[holder] = now.state_words
        save(flat(found.state_words), s, m, o, w)
    forget(m, w)


def settle_event(
    given: Any, found: Any, x: Any, e: Any, s: Any, m: Any, o: Any, w: Any, holder: int, place: int, day: int
) -> None:
    """Settle one event: what it speaks of, whether it happens, the step, and what is counted of it."""
    kind = x.kind
    origin = -1
    if SPEAKS:
        w.by_item[place] = -1
        if x.of >= 0:
            origin = w.by_item[x.of]
        elif x.of < -1:
            origin = earlier_row(given, s, w, -2 - x.of)
    tier = 0
    if PARTNERS:
        happens = origin != SILENT
        if happens and kind >= 0 and len(given.chance) > 0:
            chance = given.chance[x.row]
            elasticity = given.elasticity[kind]
            if chance >= 0 and elasticity != 0:
                if day >= s.next_due:
                    boundary(s, m, o, day)
                near = progress(s, m, day)
                happens = chance * (1_000_000 + elasticity) < 1_000_000_000_000 + elasticity * near
        if not happens:
            if SPEAKS:
                w.by_item[place] = SILENT
            if len(found.before) > 0:
                found.before[x.row] = -1
            return
    else:
        tier = found.before[x.row]
        if tier < 0:
            return
    if origin == SILENT:
        origin = -1
    money = fill(e, x, m, w, day, holder)
    e.day = day
    e.instant = x.at
    e.row = origin
    e.tier = tier
    tracked = s.row_count
    role = 0
    if kind >= 0:
        role = given.roles[kind]
    refunded = 0
    whole = 0
    if role > 0 and origin >= 0:
        refunded = m.rows[origin].refunded
        whole = m.rows[origin].whole
    step(e, s, m, o)
    if SPEAKS and s.row_count != tracked:
        w.by_item[place] = tracked
        w.worth[tracked] = money
        w.row_numbers[tracked] = x.row
    if PARTNERS and len(found.before) > 0:
        found.before[x.row] = stood(s, day)
    if now_posted(o):
        if len(found.posted) > 0:
            found.posted[x.row] = 1
        else:
            o.now.entries += 1
    if kind < 0:
        return
    found.events[holder, kind] += 1
    if role == 0:
        found.sums[holder, kind] += money
    elif origin >= 0:
        if role == 1:
            found.sums[holder, kind] += m.rows[origin].refunded - refunded
        elif m.rows[origin].whole != whole:
            found.sums[holder, kind] += w.worth[origin]


def now_posted(o: Any) -> bool:
    """Tell whether the item moved anything."""
    posted: bool = o.now.posted != 0
    return posted


def earlier_row(given: Any, s: Any, w: Any, number: int) -> int:
    """Give the row that an event of an earlier run left, by its number; the newest comes first."""
    low = 0
    high = len(given.silent)
    while low < high:
        middle = (low + high) >> 1
        if given.silent[middle] < number:
            low = middle + 1
        else:
            high = middle
    if low < len(given.silent) and given.silent[low] == number:
        return SILENT
    row: int = s.row_count - 1
    while row >= 0 and w.row_numbers[row] != number:
        row -= 1
    return row


def settle_decision(given: Any, found: Any, x: Any, e: Any, s: Any, m: Any, o: Any, day: int) -> None:
    """Settle a part of a grant, or a wish to redeem."""
    now = o.now
    e.day = day
    e.instant = x.at
    if x.kind == WISH_ITEM:
        if day >= s.next_due:
            boundary(s, m, o, day)
        if now.closed != 0:
            return
        c = wished_currency(x)
        amount = wished_amount(x)
        available = sum(m.amounts[c])
        if amount < 0:
            amount = available * (-1 - amount) // 1_000_000
        if amount <= 0 or amount > available:
            return
        e.kind = DRAW_ITEM
        e.label = REDEEM_LABEL
        e.account = REDEEMED
        e.until = NEVER
        e.currency = c
        e.row = -1
        e.lot = ANY_LOT
        e.amount = amount
        step(e, s, m, o)
        if len(found.posted) > 0:
            found.posted[x.row] = 1
        else:
            now.entries += 1
        return
    # What a grant is made of: label, account, until, currency, lot, amount, the grant that it carries on, which of
    # its parts it is.
    part = flat(given.decisions)
    at = x.of * 11
    number = -2 - x.row
    of = part[at + 6]
    e.kind = x.kind
    e.label = part[at]
    e.account = part[at + 1]
    e.until = part[at + 2]
    e.currency = part[at + 3]
    e.lot = part[at + 4]
    e.amount = part[at + 5]
    if e.account < 0:
        e.account = found.paid_from[of] if of >= 0 else 0
    e.row = -1
    if x.kind == CARRY_ITEM or x.kind == GIVE_BACK_ITEM or x.kind == RELEASE_REST_ITEM:
        e.row = found.taken[of] if of >= 0 else -1
        if x.kind == RELEASE_REST_ITEM:
            e.kind = GIVE_BACK_ITEM
            e.amount = left_of(m, e.row) if e.row >= 0 else 0
    elif x.kind == DRAW_ITEM and part[at + 7] > 0:
        e.row = s.command_count - 1
    step(e, s, m, o)
    if x.kind == DRAW_ITEM or x.kind == CARRY_ITEM:
        found.taken[number] = s.command_count - 1
    elif x.kind == PAY_IN_ITEM:
        found.paid_from[number] = e.account
    elif x.kind == CLOSE_ITEM:
        now.closed = 1
    if now.posted != 0:
        found.posted[len(found.posted) - 1 - number] = 1


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
