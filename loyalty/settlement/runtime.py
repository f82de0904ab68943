"""
The hand-written part of the step: buckets, wallets, reversals, calendars.

Everything here is plain Python over whole numbers, written so that numba compiles the same functions: a table is a
list in the core and an array under numba, and only the primitives ``put``, ``room``, ``find``, ``insert_at`` and
``remove_at`` differ. Nothing here knows a programme; the generated step passes indexes.

A *bucket table* is two lists, ``m.days[b]`` ascending and ``m.amounts[b]`` beside it, closed by a day that never comes.
One mechanism serves the lots of a wallet (day = expiry), what is pending (day = the day of earning) and trailing
windows (day = the day that counts). The first tables are the wallets', one for each currency.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

from loyalty.core.calendar import FIRST_DAY, FIRST_YEAR, NEVER

# Accounts, in the order of their names in ``journal.ACCOUNT_NAMES``; from ISSUED on they are the programme's.
PENDING: Final = 0
AVAILABLE: Final = 1
ARREARS: Final = 2
STANDING: Final = 3
HELD: Final = 4
ISSUED: Final = 5
REDEEMED: Final = 6
EXPIRED: Final = 7
PROGRAMME_STANDING: Final = 8
ADJUSTED: Final = 9
TRANSFERRED: Final = 10
OPENING: Final = 11
FORFEITED: Final = 12
WRITTEN_OFF: Final = 13

# How far a reversal may reach.
KEEP: Final = 0
PENDING_ONLY: Final = 1
WITHIN_BALANCE: Final = 2
INTO_ARREARS: Final = 3

# What becomes of points that come back after their expiry day.
RETURN_EXPIRED: Final = 0
RETURN_GRACE: Final = 1
RETURN_REISSUE: Final = 2

#: The day that closes each bucket table; it lies after NEVER, which is the day of what does not expire.
END: Final = NEVER + 1

put = list.append
find = bisect_left
insert_at = list.insert
remove_at = list.pop


def room(rows: Any, count: int) -> None:
    """Make sure that a table has a row at index *count*; the numba twin refuses instead of growing."""
    while count >= len(rows):
        rows.append(rows[0].__class__())


def add_bucket(m: Any, b: int, day: int, amount: int) -> None:
    """Add *amount* to the row of *day* in bucket table *b*."""
    days = m.days[b]
    i = find(days, day)
    if days[i] == day:
        m.amounts[b][i] += amount
    else:
        insert_at(days, i, day)
        insert_at(m.amounts[b], i, amount)


def take_bucket(m: Any, b: int, day: int, amount: int) -> int:
    """Take up to *amount* from the row of *day*, and give what was taken; an unknown day gives 0."""
    days = m.days[b]
    i = find(days, day)
    if days[i] != day:
        return 0
    amounts = m.amounts[b]
    taken: int = min(amount, amounts[i])
    amounts[i] -= taken
    if amounts[i] == 0:
        remove_at(days, i)
        remove_at(amounts, i)
    return taken


def repay(m: Any, o: Any, label: int, c: int, amount: int, lot_day: int, at: int) -> int:
    """Repay arrears of currency *c* out of a credit of *amount*, and give what of the credit is left."""
    repaid: int = min(amount, m.arrears[c])
    m.arrears[c] -= repaid
    put(o, (label, c, AVAILABLE, ARREARS, repaid, lot_day, at))
    return amount - repaid


def earn_available(m: Any, o: Any, label: int, c: int, amount: int, lot_day: int, at: int, source: int) -> None:
    """Credit *amount* of currency *c* from account *source* to available; arrears are repaid out of it at once."""
    put(o, (label, c, source, AVAILABLE, amount, lot_day, at))
    kept = amount
    if m.arrears[c] > 0:
        kept = repay(m, o, label, c, amount, lot_day, at)
    if kept > 0:
        add_bucket(m, c, lot_day, kept)


def spend(m: Any, o: Any, label: int, c: int, amount: int, to: int, at: int) -> int:
    """Move up to *amount* from available to account *to*, soonest expiry first; give what was moved."""
    days = m.days[c]
    amounts = m.amounts[c]
    left = amount
    while left > 0 and days[0] < END:
        day = days[0]
        part = amounts[0]
        if part > left:
            part = left
            amounts[0] -= left
        else:
            remove_at(days, 0)
            remove_at(amounts, 0)
        left -= part
        put(o, (label, c, AVAILABLE, to, part, day, at))
    return amount - left


def owe(m: Any, o: Any, label: int, c: int, amount: int, to: int, at: int) -> None:
    """Book *amount* as arrears against account *to*."""
    if amount > 0:
        m.arrears[c] += amount
        put(o, (label, c, ARREARS, to, amount, NEVER, at))


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
    expired_bucket: int,
    limit: int,
) -> int:
    """
    Reverse *amount* of one award by its currency's policy, and give how much of it was written off.

    Arrears above *limit* are written off; below 0 it stands for no limit.

    ``pending_bucket`` is the bucket table in which the award is still pending, or -1 once it matured. What expired of
    the award's lot is reversed against what expired (``expired_bucket``): it passes through the wallet, so that the
    journal still says whose it was. What was spent before the lot expired is taken like any other.
    """
    if policy == KEEP or amount <= 0:
        return 0
    left = amount
    if lot_day <= today:
        if policy == PENDING_ONLY:
            return 0
        taken = take_bucket(m, expired_bucket, lot_day, left)
        if taken > 0:
            put(o, (label, c, EXPIRED, AVAILABLE, taken, lot_day, -1))
            put(o, (label, c, AVAILABLE, ISSUED, taken, lot_day, -1))
            left -= taken
    elif pending_bucket >= 0:
        taken = take_bucket(m, pending_bucket, earned_day, left)
        if taken > 0:
            put(o, (label, c, PENDING, ISSUED, taken, lot_day, -1))
            left -= taken
    if policy == PENDING_ONLY or left == 0:
        return 0
    taken = take_bucket(m, c, lot_day, left)
    if taken > 0:
        put(o, (label, c, AVAILABLE, ISSUED, taken, lot_day, -1))
        left -= taken
    left -= spend(m, o, label, c, left, ISSUED, -1)
    if policy != INTO_ARREARS or left == 0:
        return 0
    owe(m, o, label, c, left, ISSUED, -1)
    if limit < 0 or m.arrears[c] <= limit:
        return 0
    # What was owed before under a higher limit stays owed.
    forgiven: int = min(left, m.arrears[c] - limit)
    m.arrears[c] -= forgiven
    put(o, (label, c, WRITTEN_OFF, ARREARS, forgiven, NEVER, -1))
    return forgiven


def expire_available(m: Any, o: Any, label: int, c: int, expired_bucket: int, day: int) -> None:
    """Expire the lots of currency *c* whose expiry day is *day* or earlier, and remember what did, if need be."""
    days = m.days[c]
    amounts = m.amounts[c]
    while days[0] <= day:
        put(o, (label, c, AVAILABLE, EXPIRED, amounts[0], days[0], day))
        if expired_bucket >= 0:
            add_bucket(m, expired_bucket, days[0], amounts[0])
        remove_at(days, 0)
        remove_at(amounts, 0)


def expire_pending(m: Any, o: Any, label: int, c: int, b: int, expired_bucket: int, day: int) -> None:
    """Expire what is pending in bucket table *b* (rows by the day of earning) and reached its expiry day."""
    days = m.days[b]
    amounts = m.amounts[b]
    while days[0] < END and lot_day(m, c, days[0]) <= day:
        put(o, (label, c, PENDING, EXPIRED, amounts[0], lot_day(m, c, days[0]), day))
        if expired_bucket >= 0:
            add_bucket(m, expired_bucket, lot_day(m, c, days[0]), amounts[0])
        remove_at(days, 0)
        remove_at(amounts, 0)


def expire_scattered(m: Any, o: Any, label: int, c: int, b: int, expired_bucket: int, day: int) -> None:
    """Do as :func:`expire_pending` where a revision has shortened the expiry, so that a later row can expire first."""
    days = m.days[b]
    amounts = m.amounts[b]
    i = 0
    while days[i] < END:
        lot = lot_day(m, c, days[i])
        if lot > day:
            i += 1
            continue
        put(o, (label, c, PENDING, EXPIRED, amounts[i], lot, day))
        if expired_bucket >= 0:
            add_bucket(m, expired_bucket, lot, amounts[i])
        remove_at(days, i)
        remove_at(amounts, i)


def soonest_lot(m: Any, c: int, b: int) -> int:
    """Give the soonest expiry day of what is pending in bucket table *b*, in whatever order it expires."""
    days = m.days[b]
    soonest = NEVER
    i = 0
    while days[i] < END:
        soonest = min(soonest, lot_day(m, c, days[i]))
        i += 1
    return soonest


def lot_day(m: Any, c: int, day: int) -> int:
    """Give the expiry day of what is earned of currency *c* on *day*."""
    expiry: int = m.expiry[c][day - FIRST_DAY]
    return expiry


def maturity(m: Any, day: int, days: int, months: int) -> int:
    """Give the day at whose start an award of *day* matures."""
    return add_months(m, day, months) if months > 0 else day + days


def add_months(m: Any, day: int, months: int) -> int:
    """Give *day* moved by months, clamped to the month's length; after the tables it never comes."""
    first = FIRST_YEAR * 12
    month = m.month_of[day - FIRST_DAY]
    index = month + months - first
    if index + 1 >= len(m.month_first):
        return NEVER
    if index < 0:
        return FIRST_DAY - 1
    start = m.month_first[index]
    moved: int = start + min(day - m.month_first[month - first], m.month_first[index + 1] - start - 1)
    return moved


def anniversary(m: Any, anchor: int, day: int) -> int:
    """Give how many anniversaries of *anchor* had come by *day*, that day included."""
    years: int = (m.month_of[day - FIRST_DAY] - m.month_of[anchor - FIRST_DAY]) // 12
    if add_months(m, anchor, 12 * (years + 1)) <= day:
        return years + 1
    if add_months(m, anchor, 12 * years) > day:
        return years - 1
    return years


def month_start(m: Any, month: int) -> int:
    """Give the first day of a month (counted since year 0); beyond the tables it never comes."""
    index = month - FIRST_YEAR * 12
    start: int = m.month_first[index] if index < len(m.month_first) else NEVER
    return start


def roll_window(m: Any, b: int, start: int) -> int:
    """Let the days before *start* leave bucket table *b*, and give what they counted."""
    days = m.days[b]
    amounts = m.amounts[b]
    left = 0
    while days[0] < start:
        left += amounts[0]
        remove_at(days, 0)
        remove_at(amounts, 0)
    return left


def adjust_bucket(m: Any, b: int, day: int, amount: int) -> int:
    """Add *amount* to what *day* counts in bucket table *b*, and give it; 0 for a day that left the window."""
    days = m.days[b]
    i = find(days, day)
    if days[i] != day:
        return 0
    m.amounts[b][i] += amount
    return amount


def half_even(numerator: int, denominator: int) -> int:
    """Divide (both >= 0, denominator > 0) and round a half to the even neighbour."""
    quotient = numerator // denominator
    rest = 2 * (numerator - quotient * denominator)
    if rest > denominator or (rest == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


#: What differs between the two runtimes.
PRIMITIVES: Final[dict[str, Any]] = {
    "put": put,
    "room": room,
    "find": find,
    "insert_at": insert_at,
    "remove_at": remove_at,
}

#: What the generated step may call.
FUNCTIONS: Final = {
    function.__name__: function
    for function in (
        add_bucket, take_bucket, repay, earn_available, spend, owe, take_back, expire_available,
        expire_pending, expire_scattered, soonest_lot, lot_day, maturity, add_months, anniversary, month_start,
        roll_window, adjust_bucket, half_even,
    )
}  # fmt: skip

#: The constants that the step names.
CONSTANTS: Final = {name: value for name, value in globals().items() if name.isupper() and isinstance(value, int)}
