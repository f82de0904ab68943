"""
The hand-written part of the compiled kernel: one holder after the other, item by item.

These functions are not run from here. Their source goes into the generated module of a programme's layer, beside the
step and the runtime that it calls, where the names that are not defined here are: ``step``, ``boundary``, ``fill``,
``stood``, ``progress``, ``take_stock``, the intern functions of keys, and the constants of the layer.
"""

# The names that the generated module has, and comparisons that numba folds.
# ruff: noqa: F821
# mypy: disable-error-code="name-defined, no-any-return"

from __future__ import annotations

from collections import namedtuple
from typing import Any

#: What is given: the layer's items, holder after holder, numbers of the declaration, the calendar, codes of texts.
Given = namedtuple(
    "Given",
    "packed offsets codes code_starts p reciprocals expiry returns month_of month_first roles elasticity chance silent "
    "decisions state_starts state_words first_scalars",
)

#: The memory of one thread, for one holder at a time.
Space = namedtuple(
    "Space",
    "scalars item now buckets arrears commands pieces legs rows cells key_index key_values key_places key_counts "
    "by_item worth row_numbers flag capacity",
)

#: What is found: rows of holders, which threads share, and totals and buffers of one thread.
Found = namedtuple(
    "Found",
    "cells badges tiers events sums first_months ways rules tier_moves outstanding before posted taken "
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
    "amounts arrears commands days expiry keys legs month_first month_of p pieces reciprocals returns rows",
)

#: Where keys are found again, and what else is kept of a holder's items.
Keeping = namedtuple(
    "Keeping", "codes code_starts key_index key_values key_places key_counts sizes by_item worth row_numbers"
)

#: What movements are counted into.
Counters = namedtuple("Counters", "now month_of cells ways rules tier_moves outstanding badges tiers journal")

#: Items that are no step's: a wish to redeem, and the release of what a final capture leaves.
WISH_ITEM, RELEASE_REST_ITEM = -20, -21

#: Marks an item that did not happen.
SILENT = -2


def settle(given: Any, space: Any, found: Any, first: int, last: int) -> int:
    """Settle the holders from *first* to before *last*; give 0, or 1 where a table was too small."""
    flag = flat(space.flag)
    m = gathered(
        Memory(
            bucket_amounts(space.buckets),
            flat(space.arrears),
            rows(space.commands, space.capacity[0], flag),
            bucket_days(space.buckets),
            fixed_table(given.expiry),
            keys(space.cells),
            rows(space.legs, space.capacity[1], flag),
            fixed_headed(given.month_first),
            fixed(given.month_of),
            fixed(given.p),
            headed(space.pieces),
            fixed(given.reciprocals),
            fixed_table(given.returns),
            rows(space.rows, space.capacity[2], flag),
        )
    )
    w = gathered(
        Keeping(
            fixed(given.codes),
            fixed(given.code_starts),
            table(space.key_index),
            table(space.key_values),
            table(space.key_places),
            flat(space.key_counts),
            flat(space.capacity),
            flat(space.by_item),
            flat(space.worth),
            flat(space.row_numbers),
        )
    )
    now = rows(space.now, 1, flag)[0]
    o = gathered(
        Counters(
            now,
            fixed(given.month_of),
            flat(found.cells),
            flat(found.ways),
            flat(found.rules),
            flat(found.tier_moves),
            flat(found.outstanding),
            flat(found.badges),
            flat(found.tiers),
            flat(found.journal),
        )
    )
    g = gathered(
        Ground(
            fixed_rows(given.packed),
            fixed(given.offsets),
            fixed(given.roles),
            fixed(given.elasticity),
            fixed(given.chance),
            fixed(given.silent),
            fixed(given.decisions),
            fixed(given.state_starts),
            fixed(given.state_words),
            fixed(given.first_scalars),
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
        if m.days[b].is_full != 0:
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
        day = x.day + MIDDLE_DAY
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
    if SPEAKS:
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
    if not SPEAKS or now.role == 0:
        g.sums[cell] += now.money
    elif e.row >= 0:
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


def tally(order: Any, codes: Any, counts: Any, first: int, last: int) -> None:
    """Count the rows of each holder in a part of the order; those of nobody are none of the layer's."""
    for rank in range(first, last):
        code = codes[order[rank]]
        if code >= 0:
            counts[code] += 1


def own_rows(order: Any, codes: Any, turns: Any, following: Any, found: Any, first: int, last: int) -> None:
    """Put each row of a part of the order behind those of the same turn, which is its holder's."""
    for rank in range(first, last):
        row = order[rank]
        code = codes[row]
        if code >= 0:
            turn = turns[code]
            found[following[turn]] = row
            following[turn] += 1


def places(order: Any, codes: Any, following: Any, found: Any, first: int, last: int) -> None:
    """Give each row of a part of the order its place among the items of its holder."""
    for rank in range(first, last):
        row = order[rank]
        code = codes[row]
        found[row] = following[code]
        following[code] += 1
