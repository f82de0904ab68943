"""
The hand-written part of the step for commands: points are drawn, paid in, carried on and given back.

Five things cover every command. A draw remembers the pieces that it took, lot by lot, and what it lacked, so that a
capture can carry them on and a release or a reversal can give them back. Each piece is two numbers in one table, its
expiry day and what is left of it. It is written as the runtime is: plain Python
over whole numbers, the same for numba.
"""

from __future__ import annotations

from typing import Any, Final

from loyalty.core.calendar import NEVER
from loyalty.settlement.runtime import (
    AVAILABLE,
    END,
    EXPIRED,
    HELD,
    REDEEMED,
    RETURN_EXPIRED,
    RETURN_GRACE,
    add_bucket,
    earn_available,
    lot_day,
    maturity,
    owe,
    put,
    remove_at,
    repay,
    room,
    take_bucket,
)

#: The lot of a draw that takes the soonest expiry first.
ANY_LOT: Final = -1


def draw(e: Any, s: Any, m: Any, o: Any) -> None:
    """
    Take the item's amount from available into its account.

    Its lot is taken first, where it names one, then the soonest expiry. What lacks becomes arrears; a hold only
    remembers it. A row below 0 stands for a new command, else the item goes on with that one.
    """
    row = e.row
    if row < 0:
        row = open_command(s, m, e.currency, e.account, e.until)
    left = e.amount
    if e.lot != ANY_LOT:
        left -= take_piece(s, m, o, row, e.label, e.lot, left)
    draw_soonest(s, m, o, row, e.label, left)


def draw_soonest(s: Any, m: Any, o: Any, row: int, label: int, amount: int) -> None:
    """Take *amount* for a command from available, the soonest expiry first; what lacks is owed, or remembered."""
    g = m.commands[row]
    c = g.currency
    account = g.account
    days = m.days[c]
    amounts = m.amounts[c]
    pieces = m.pieces
    piece = s.piece_count
    left = amount
    while left > 0 and days[0] < END:
        lot = days[0]
        part = amounts[0]
        if part > left:
            part = left
            amounts[0] -= left
        else:
            remove_at(days, 0)
            remove_at(amounts, 0)
        left -= part
        put(o, (label, c, AVAILABLE, account, part, lot, -1))
        room(pieces, 2 * piece + 1)
        pieces[2 * piece] = lot
        pieces[2 * piece + 1] = part
        piece += 1
    s.piece_count = piece
    g.end_piece = piece
    if left > 0:
        g.lacked += left
        if account != HELD:
            owe(m, o, label, c, left, account, -1)


def take_piece(s: Any, m: Any, o: Any, row: int, label: int, lot: int, amount: int) -> int:
    """Take up to *amount* of one expiry day from available for a command, and give what was taken."""
    g = m.commands[row]
    taken = take_bucket(m, g.currency, lot, amount)
    if taken > 0:
        put(o, (label, g.currency, AVAILABLE, g.account, taken, lot, -1))
        keep_piece(s, m, row, lot, taken)
    return taken


def open_command(s: Any, m: Any, c: int, account: int, until: int) -> int:
    """Begin to remember what a command takes, and give its row; the pieces of the newest command lie together."""
    row: int = s.command_count
    room(m.commands, row)
    s.command_count = row + 1
    g = m.commands[row]
    g.first_piece = s.piece_count
    g.end_piece = s.piece_count
    g.lacked = 0
    g.currency = c
    g.account = account
    g.until = until
    if until < s.hold_end:
        s.hold_end = until
        s.next_due = min(s.next_due, until)
    return row


def keep_piece(s: Any, m: Any, row: int, lot: int, amount: int) -> None:
    """Remember that the newest command took *amount* of an expiry day."""
    room(m.pieces, 2 * s.piece_count + 1)
    m.pieces[2 * s.piece_count] = lot
    m.pieces[2 * s.piece_count + 1] = amount
    s.piece_count += 1
    m.commands[row].end_piece = s.piece_count


def left_of(m: Any, row: int) -> int:
    """Give how much of what a command took, or lacked, was neither carried on nor given back."""
    g = m.commands[row]
    left: int = g.lacked
    for i in range(g.first_piece, g.end_piece):
        left += m.pieces[2 * i + 1]
    return left


def pay_in(e: Any, s: Any, m: Any, o: Any) -> None:
    """Credit the item's amount under its lot to available; arrears are repaid out of it first."""
    earn_available(m, o, e.label, e.currency, e.amount, e.lot, -1, e.account)
    s.next_due = min(s.next_due, e.lot)


def carry(e: Any, s: Any, m: Any, o: Any) -> None:
    """Redeem the item's amount of what a hold keeps, in the order of taking; what the hold lacks comes last."""
    hold = m.commands[e.row]
    row = open_command(s, m, hold.currency, REDEEMED, NEVER)
    left = e.amount
    for i in range(hold.first_piece, hold.end_piece):
        part = min(left, m.pieces[2 * i + 1])
        if part > 0:
            m.pieces[2 * i + 1] -= part
            left -= part
            lot = m.pieces[2 * i]
            put(o, (e.label, hold.currency, HELD, REDEEMED, part, lot, -1))
            keep_piece(s, m, row, lot, part)
    m.commands[e.row].lacked -= left
    draw_soonest(s, m, o, row, e.label, left)


def give_back(s: Any, m: Any, o: Any, row: int, label: int, amount: int, day: int, at: int) -> None:
    """Give back *amount* of what a command took: what it lacked first, then its pieces, the last taken first."""
    g = m.commands[row]
    c = g.currency
    part = min(amount, g.lacked)
    g.lacked -= part
    left = amount - part
    if part > 0 and g.account != HELD:
        lot = lot_day(m, c, day)
        earn_available(m, o, label, c, part, lot, at, g.account)
        s.next_due = min(s.next_due, lot)
    i = g.end_piece
    while left > 0 and i > g.first_piece:
        i -= 1
        part = min(left, m.pieces[2 * i + 1])
        if part > 0:
            m.pieces[2 * i + 1] -= part
            left -= part
            put_back(s, m, o, g.account, label, c, part, m.pieces[2 * i], day, at)


def put_back(
    s: Any, m: Any, o: Any, account: int, label: int, c: int, amount: int, lot: int, day: int, at: int
) -> None:
    """Credit what comes back under its own expiry day; where that has come, the currency's policy follows."""
    put(o, (label, c, account, AVAILABLE, amount, lot, at))
    kept = amount
    if m.arrears[c] > 0:
        kept = repay(m, o, label, c, amount, lot, at)
    if kept == 0:
        return
    if lot <= day:
        put(o, (label, c, AVAILABLE, EXPIRED, kept, lot, at))
        row = c
        while day >= m.returns[row][4]:
            row = m.returns[row][5]
        policy = m.returns[row][0]
        if policy == RETURN_EXPIRED:
            if m.returns[row][3] >= 0:
                add_bucket(m, m.returns[row][3], lot, kept)
            return
        if policy == RETURN_GRACE:
            lot = min(maturity(m, day, m.returns[row][1], m.returns[row][2]) + 1, NEVER)
        else:
            lot = lot_day(m, c, day)
        put(o, (label, c, EXPIRED, AVAILABLE, kept, lot, at))
    add_bucket(m, c, lot, kept)
    s.next_due = min(s.next_due, lot)


def end_holds(s: Any, m: Any, o: Any, label: int, day: int) -> None:
    """Give back what is left of the holds whose time is over, in the order of recording."""
    following = NEVER
    for row in range(s.command_count):
        g = m.commands[row]
        if g.until <= day:
            g.until = NEVER
            give_back(s, m, o, row, label, left_of(m, row), day, day)
        elif g.until < following:
            following = g.until
    s.hold_end = following


#: What the generated step may call.
FUNCTIONS: Final = {
    function.__name__: function
    for function in (
        draw, draw_soonest, take_piece, open_command, keep_piece, left_of, pay_in, carry, give_back, put_back,
        end_holds,
    )
}  # fmt: skip

#: The constants that these functions name beside the runtime's.
CONSTANTS: Final = {"ANY_LOT": ANY_LOT}
