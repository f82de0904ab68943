"""
The hand-written part of the step: buckets, wallets, reversals, calendars.

Everything here is plain Python over whole numbers, written so that numba compiles the same functions: a table is a
list of records in the core and a structured array under numba, and ``put`` and ``room`` are the only two primitives
that differ. Nothing here knows a programme; the generated step passes indexes.

A *bucket table* is a list of (day, amount) rows sorted by day, of which ``spans`` holds the part in use. One mechanism
serves the lots of a wallet (day = expiry), what is pending (day = the day of earning) and trailing windows.
"""

from __future__ import annotations

from typing import Any, Final

from loyalty.core.calendar import FIRST_DAY, FIRST_YEAR, NEVER

# Accounts, in the order of their names in ``journal.ACCOUNT_NAMES``; from ISSUED on they are the programme's.
PENDING: Final = 0
AVAILABLE: Final = 1
ARREARS: Final = 2
STANDING: Final = 3
ISSUED: Final = 4
REDEEMED: Final = 5
EXPIRED: Final = 6
PROGRAMME_STANDING: Final = 7

# How far a reversal may reach.
KEEP: Final = 0
PENDING_ONLY: Final = 1
WITHIN_BALANCE: Final = 2
INTO_ARREARS: Final = 3

#: Rows of a bucket table in front of the part in use that are worth moving the rest down for.
SLACK: Final = 32

put = list.append


def room(rows: Any, count: int) -> None:
    """Make sure that a table has a row at index *count*; the numba twin refuses instead of growing."""
    while count >= len(rows):
        rows.append(rows[0].__class__())


def add_bucket(m: Any, b: int, day: int, amount: int) -> None:
    """Add *amount* to the row of *day* in bucket table *b*; days mostly come in order."""
    span = m.spans[b]
    rows = m.buckets[b]
    i = span.hi - 1
    while i >= span.lo and rows[i].day > day:
        i -= 1
    if i >= span.lo and rows[i].day == day:
        rows[i].amount += amount
        return
    if span.lo > SLACK:
        for j in range(span.lo, span.hi):
            rows[j - span.lo].day = rows[j].day
            rows[j - span.lo].amount = rows[j].amount
        span.hi -= span.lo
        i -= span.lo
        span.lo = 0
    j = span.hi
    room(rows, j)
    span.hi = j + 1
    while j > i + 1:
        rows[j].day = rows[j - 1].day
        rows[j].amount = rows[j - 1].amount
        j -= 1
    rows[j].day = day
    rows[j].amount = amount


def take_bucket(m: Any, b: int, day: int, amount: int) -> int:
    """Take up to *amount* from the row of *day*, and give what was taken; an unknown day gives 0."""
    span = m.spans[b]
    rows = m.buckets[b]
    i = span.hi - 1
    while i >= span.lo and rows[i].day > day:
        i -= 1
    if i < span.lo or rows[i].day != day:
        return 0
    row = rows[i]
    taken = min(amount, row.amount)
    row.amount -= taken
    return taken


def earn_available(m: Any, o: Any, label: int, c: int, amount: int, lot_day: int, at: int, source: int) -> None:
    """Credit *amount* of currency *c* from account *source* to available; arrears are repaid out of it at once."""
    wallet = m.wallets[c]
    put(o, (label, c, source, AVAILABLE, amount, lot_day, at))
    kept = amount
    if wallet.arrears > 0:
        repaid = min(amount, wallet.arrears)
        wallet.arrears -= repaid
        kept = amount - repaid
        put(o, (label, c, AVAILABLE, ARREARS, repaid, lot_day, at))
    if kept > 0:
        wallet.available += kept
        add_bucket(m, c, lot_day, kept)


def spend(m: Any, o: Any, label: int, c: int, amount: int, to: int, at: int) -> int:
    """Move up to *amount* from available to account *to*, soonest expiry first; give what was moved."""
    span = m.spans[c]
    rows = m.buckets[c]
    left = amount
    while left > 0 and span.lo < span.hi:
        row = rows[span.lo]
        part = min(left, row.amount)
        if part > 0:
            row.amount -= part
            left -= part
            put(o, (label, c, AVAILABLE, to, part, row.day, at))
        if row.amount == 0:
            span.lo += 1
    moved = amount - left
    m.wallets[c].available -= moved
    return moved


def owe(m: Any, o: Any, label: int, c: int, amount: int, to: int, at: int) -> None:
    """Book *amount* as arrears against account *to*."""
    if amount > 0:
        m.wallets[c].arrears += amount
        put(o, (label, c, ARREARS, to, amount, NEVER, at))


def redeem(m: Any, o: Any, label: int, c: int, amount: int) -> None:
    """Spend a granted redemption; what replay no longer finds becomes arrears."""
    moved = spend(m, o, label, c, amount, REDEEMED, -1)
    owe(m, o, label, c, amount - moved, REDEEMED, -1)


def take_back(
    m: Any,
    o: Any,
    label: int,
    c: int,
    amount: int,
    lot_day: int,
    pending_bucket: int,
    earned_day: int,
    today: int,
    policy: int,
) -> None:
    """
    Reverse *amount* of one award by its currency's policy.

    ``pending_bucket`` is the bucket table in which the award is still pending, or -1 once it matured. An expired award
    is reversed against what expired: it passes through the wallet, so that the journal still says whose it was.
    """
    wallet = m.wallets[c]
    if policy == KEEP or amount <= 0:
        return
    if lot_day <= today:
        if policy != PENDING_ONLY:
            put(o, (label, c, EXPIRED, AVAILABLE, amount, lot_day, -1))
            put(o, (label, c, AVAILABLE, ISSUED, amount, lot_day, -1))
        return
    left = amount
    if pending_bucket >= 0:
        taken = take_bucket(m, pending_bucket, earned_day, left)
        if taken > 0:
            wallet.pending -= taken
            put(o, (label, c, PENDING, ISSUED, taken, lot_day, -1))
            left -= taken
    if policy == PENDING_ONLY or left == 0:
        return
    taken = take_bucket(m, c, lot_day, left)
    if taken > 0:
        wallet.available -= taken
        put(o, (label, c, AVAILABLE, ISSUED, taken, lot_day, -1))
        left -= taken
    left -= spend(m, o, label, c, left, ISSUED, -1)
    if policy == INTO_ARREARS:
        owe(m, o, label, c, left, ISSUED, -1)


def expire_available(m: Any, o: Any, label: int, c: int, day: int) -> None:
    """Expire the lots of currency *c* whose expiry day is *day* or earlier."""
    span = m.spans[c]
    rows = m.buckets[c]
    while span.lo < span.hi and rows[span.lo].day <= day:
        row = rows[span.lo]
        if row.amount > 0:
            m.wallets[c].available -= row.amount
            put(o, (label, c, AVAILABLE, EXPIRED, row.amount, row.day, day))
            row.amount = 0
        span.lo += 1


def expire_pending(m: Any, o: Any, label: int, c: int, b: int, day: int) -> None:
    """Expire what is pending in bucket table *b* (rows by the day of earning) and reached its expiry day."""
    span = m.spans[b]
    rows = m.buckets[b]
    while span.lo < span.hi and m.expiry[c][rows[span.lo].day - FIRST_DAY] <= day:
        row = rows[span.lo]
        if row.amount > 0:
            m.wallets[c].pending -= row.amount
            put(o, (label, c, PENDING, EXPIRED, row.amount, m.expiry[c][row.day - FIRST_DAY], day))
            row.amount = 0
        span.lo += 1


def activate(m: Any, o: Any, label: int, c: int, b: int, days: int, months: int, day: int) -> None:
    """Make available what is pending in bucket table *b* and whose days (or months) are over."""
    span = m.spans[b]
    rows = m.buckets[b]
    while span.lo < span.hi and maturity(m, rows[span.lo].day, days, months) <= day:
        row = rows[span.lo]
        if row.amount > 0:
            m.wallets[c].pending -= row.amount
            earn_available(m, o, label, c, row.amount, m.expiry[c][row.day - FIRST_DAY], day, PENDING)
            row.amount = 0
        span.lo += 1


def first_day(m: Any, b: int) -> int:
    """Give the first day in use of bucket table *b*, or NEVER."""
    span = m.spans[b]
    return m.buckets[b][span.lo].day if span.lo < span.hi else NEVER


def lot_day(m: Any, c: int, day: int) -> int:
    """Give the expiry day of what is earned of currency *c* on *day*."""
    return m.expiry[c][day - FIRST_DAY]


def maturity(m: Any, day: int, days: int, months: int) -> int:
    """Give the day at whose start an award of *day* matures."""
    return add_months(m, day, months) if months > 0 else day + days


def add_months(m: Any, day: int, months: int) -> int:
    """Give *day* moved by months, clamped to the month's length; beyond the tables it never comes."""
    first = FIRST_YEAR * 12
    month = m.month_of[day - FIRST_DAY]
    index = month + months - first
    if index + 1 >= len(m.month_first):
        return NEVER
    if index < 0:
        return FIRST_DAY
    start = m.month_first[index]
    return start + min(day - m.month_first[month - first], m.month_first[index + 1] - start - 1)


def anniversary(m: Any, anchor: int, day: int) -> int:
    """Give how many anniversaries of *anchor* had come by *day*, that day included."""
    years = (m.month_of[day - FIRST_DAY] - m.month_of[anchor - FIRST_DAY]) // 12
    if add_months(m, anchor, 12 * (years + 1)) <= day:
        return years + 1
    if add_months(m, anchor, 12 * years) > day:
        return years - 1
    return years


def month_start(m: Any, month: int) -> int:
    """Give the first day of a month (counted since year 0); beyond the tables it never comes."""
    index = month - FIRST_YEAR * 12
    return m.month_first[index] if index < len(m.month_first) else NEVER


def roll_window(m: Any, metric: int, b: int, start: int) -> None:
    """Let the days before *start* leave a trailing metric."""
    span = m.spans[b]
    rows = m.buckets[b]
    while span.lo < span.hi and rows[span.lo].day < start:
        m.metrics[metric].total -= rows[span.lo].amount
        span.lo += 1


def add_trailing(m: Any, metric: int, b: int, day: int, amount: int) -> None:
    """Count *amount* on *day* in a trailing metric."""
    m.metrics[metric].total += amount
    add_bucket(m, b, day, amount)


def adjust_trailing(m: Any, metric: int, b: int, day: int, amount: int) -> None:
    """Change what a past *day* counts in a trailing metric; a day that left the window no longer matters."""
    span = m.spans[b]
    rows = m.buckets[b]
    i = span.hi - 1
    while i >= span.lo and rows[i].day > day:
        i -= 1
    if i >= span.lo and rows[i].day == day:
        rows[i].amount += amount
        m.metrics[metric].total += amount


def half_even(numerator: int, denominator: int) -> int:
    """Divide (both >= 0, denominator > 0) and round a half to the even neighbour."""
    quotient = numerator // denominator
    rest = 2 * (numerator - quotient * denominator)
    if rest > denominator or (rest == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


#: What the generated step may call.
FUNCTIONS: Final = {
    function.__name__: function
    for function in (
        add_bucket, take_bucket, earn_available, spend, owe, redeem, take_back, expire_available, expire_pending,
        activate, first_day, lot_day, maturity, add_months, anniversary, month_start, roll_window, add_trailing,
        adjust_trailing, half_even,
    )
}  # fmt: skip

#: The constants that the step names.
CONSTANTS: Final = {
    name: value
    for name, value in globals().items()
    if name.isupper() and isinstance(value, int)
}
