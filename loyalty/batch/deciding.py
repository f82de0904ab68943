"""
The items of a compiled kernel that are no events: parts of grants that were taken, and wishes to redeem.

These functions are not run from here, see :mod:`loyalty.batch.driver`.
"""

# The names that the generated module has, and comparisons that numba folds.
# ruff: noqa: F821, PLR1714
# mypy: disable-error-code="name-defined, no-any-return"

from __future__ import annotations

from typing import Any


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
