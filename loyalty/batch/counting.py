"""
What movements add up to: one function that takes a movement in, the same for the core and for numba.

``o`` has flat rows of whole numbers (lists in the core, arrays under numba) and ``o.now``, which says whose movements
come and when. :func:`functions_for` gives the functions of a programme, in which the counts of its names are constants.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, Final

import numpy as np

from loyalty.batch.tables import Ints
from loyalty.core.calendar import FIRST_DAY, LAST_DAY
from loyalty.settlement.journal import ACCOUNT_NAMES
from loyalty.settlement.layout import Names
from loyalty.settlement.runtime import (
    ADJUSTED,
    ARREARS,
    AVAILABLE,
    END,
    EXPIRED,
    FORFEITED,
    HELD,
    ISSUED,
    OPENING,
    PENDING,
    STANDING,
    WRITTEN_OFF,
    lot_day,
)

#: From how many accounts points move, to as many.
ACCOUNTS: Final = len(ACCOUNT_NAMES)

#: How many figures a row has: issued, activated, expired, redeemed, reversed; available, pending, held, arrears.
FIGURES: Final = 9

#: What ``o.now`` says: the months before the first, the present one, the layer, the holder and the tier in force; how
#: many movements and entries of the clock there were, the clock's day, whether the item moved anything, the tier that
#: the item lost last, with the number of that movement, and the item; the rest is the kernel's own.
NOW: Final = (
    "first_month", "month", "layer", "holder", "tier", "moved", "clock_entries", "clock_day", "posted", "lost",
    "lost_at", "lost_label", "lost_day", "item", "widest", "entries", "closed", "since", "until_day", "journal_room",
    "noted", "state_room", "state_words", "money", "role", "months",
)  # fmt: skip

#: The figures that say what stands in an account; what is owed counts positive.
_BALANCES: Final = {AVAILABLE: (5, 1), PENDING: (6, 1), HELD: (7, 1), ARREARS: (8, -1)}

# The constants of a programme, which functions_for sets.
CURRENCIES: Any = 0
TIERS: Any = 0
BADGES: Any = 0


def count(o: Any, label: int, asset: int, source: int, target: int, amount: int, at: int) -> None:
    """Take one movement in; *at* is the clock's day or -1."""
    now = o.now
    now.moved += 1
    month = now.month
    if at < 0:
        now.posted = 1
    else:
        month = max(o.month_of[at - FIRST_DAY] - now.first_month, 0)
        if at != now.clock_day:
            now.clock_day = at
            now.clock_entries += 1
    if asset < CURRENCIES:
        move(o.cells, (now.holder * CURRENCIES + asset) * 9, source, target, amount)
        way = (asset * ACCOUNTS + source) * ACCOUNTS + target
        o.ways[(way * now.months + month) * (TIERS + 1) + now.tier] += amount
        if source >= ISSUED or target >= ISSUED:
            rule = ((label * 2 + now.layer) * CURRENCIES + asset) * 3
            if brings(source):
                o.rules[rule] += 1
                o.rules[rule + 1] += amount
            elif source == WRITTEN_OFF:
                o.rules[rule + 2] -= amount
            if brings(target) or target == WRITTEN_OFF:
                o.rules[rule + 2] += amount
    elif asset < CURRENCIES + TIERS:
        stand(o, month, label, asset - CURRENCIES, target == STANDING, at)


def move(row: Any, i: int, source: int, target: int, amount: int) -> None:
    """Add a movement to the figures of what moved that begin at *i*."""
    if source == PENDING:
        if target == AVAILABLE:
            row[i + 1] += amount
    elif source == AVAILABLE:
        if target == PENDING:
            row[i + 1] -= amount
    elif brings(source):
        row[i] += amount
    elif lapses(source):
        row[i + 2] -= amount
    elif source == WRITTEN_OFF:
        row[i + 4] -= amount
    elif source > ISSUED:
        row[i + 3] -= amount
    if target >= ISSUED:
        if brings(target) or target == WRITTEN_OFF:
            row[i + 4] += amount
        elif lapses(target):
            row[i + 2] += amount
        else:
            row[i + 3] += amount


def brings(account: int) -> bool:
    """Whether what comes from an account of the programme is issued, and what goes there is taken back."""
    return account == ISSUED or account == ADJUSTED or account == OPENING  # noqa: PLR1714 (numba folds this one)


def lapses(account: int) -> bool:
    """Whether what goes to an account of the programme is lost unused."""
    return account == EXPIRED or account == FORFEITED  # noqa: PLR1714 (numba folds this one)


def stand(o: Any, month: int, label: int, tier: int, gained: bool, at: int) -> None:
    """Take a change of tier in: the old one out, and directly after it the new one, where it is not the base."""
    now = o.now
    if not gained:
        now.lost = tier
        now.lost_at = now.moved
        now.lost_label = label
        now.lost_day = at
        now.tier = 0
        o.tier_moves[(month * TIERS + tier) * TIERS] += 1
        return
    before = 0
    if now.lost_at + 1 == now.moved and now.lost_label == label and now.lost_day == at:
        before = now.lost
        o.tier_moves[(month * TIERS + before) * TIERS] -= 1
    o.tier_moves[(month * TIERS + before) * TIERS + tier] += 1
    now.tier = tier


def stock(m: Any, o: Any, c: int, b: int, pending: bool) -> int:
    """Give what a bucket table holds of currency *c* at the end, and note by the month of expiry when it goes."""
    days = m.days[b]
    amounts = m.amounts[b]
    total = 0
    i = 0
    while days[i] < END:
        lot = lot_day(m, c, days[i]) if pending else days[i]
        expect(m, o, c, lot, amounts[i])
        total += amounts[i]
        i += 1
    return total


def stock_held(s: Any, m: Any, o: Any, c: int) -> int:
    """Give what is held of currency *c* at the end, as :func:`stock` does."""
    total = 0
    for row in range(s.command_count):
        g = m.commands[row]
        if g.account == HELD and g.currency == c:
            for i in range(g.first_piece, g.end_piece):
                expect(m, o, c, m.pieces[2 * i], m.pieces[2 * i + 1])
                total += m.pieces[2 * i + 1]
    return total


def expect(m: Any, o: Any, c: int, lot: int, amount: int) -> None:
    """
    Note that *amount* of currency *c* expires on a day; the last column is for what never does.

    What is held does not expire: where its day has come, it goes with the last month that the run has seen.
    """
    width = o.now.widest
    column = width - 1
    if lot < LAST_DAY:
        column = m.month_of[max(lot, o.now.until_day) - FIRST_DAY] - o.now.first_month
    o.outstanding[c * width + column] += amount


_FUNCTIONS: Final = (count, move, brings, lapses, stand, stock, stock_held, expect, lot_day)


def functions_for(names: Names) -> dict[str, Any]:
    """Give the functions, plain Python, with the counts of a programme's names as their constants."""
    scope = dict(globals())
    scope["CURRENCIES"] = names.tier_asset
    scope["TIERS"] = names.badge_asset - names.tier_asset
    scope["BADGES"] = len(names.assets) - names.badge_asset
    for function in _FUNCTIONS:
        scope[function.__name__] = FunctionType(function.__code__, scope, function.__name__)
    return {
        name: scope[name] for name in (*(function.__name__ for function in _FUNCTIONS), "CURRENCIES", "TIERS", "BADGES")
    }


def flows_and_funds(ways: Ints, months: int, names: Names) -> tuple[Ints, Ints]:
    """
    Give what moved and what changed by month and currency, and what was issued and reversed by the tier then as well.

    Args:
        ways: What moved by currency, from which account to which, month, and tier (persons last).
    """
    currencies, tiers = names.tier_asset, names.badge_asset - names.tier_asset
    ways = ways.reshape(currencies, ACCOUNTS, ACCOUNTS, months, tiers + 1).transpose(3, 4, 0, 1, 2)
    figures = np.zeros((ACCOUNTS, ACCOUNTS, FIGURES), np.int64)
    for source in range(ACCOUNTS):
        for target in range(ACCOUNTS):
            move(figures[source, target], 0, source, target, 1)
            for account, sign in ((source, -1), (target, 1)):
                if account in _BALANCES:
                    place, owed = _BALANCES[account]
                    figures[source, target, place] += sign * owed
    flows = np.tensordot(ways.sum(axis=1), figures, 2)
    funds = np.tensordot(ways, figures[..., [0, 4]], 2)
    return flows, funds.transpose(0, 2, 1, 3)
