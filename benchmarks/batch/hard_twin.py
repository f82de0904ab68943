"""
The hard programme for numba, by hand: ``benchmarks/programmes/hard.yaml`` as an engineer would write it for speed.

Two kernels, the partners' and then the persons'. Points expire with months and funds with quarters, so that lots are
small arrays by month and quarter; what is pending and what the trailing metric counts are queues by day. A deal's
row keeps what a refund of it needs. The totals are those of :class:`loyalty.batch.running.Batch`, of both layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numba import njit

from benchmarks.batch.packing import Holders, local_numbers, run_ranges, take
from benchmarks.batch.totals import Totals
from loyalty.core.calendar import FIRST_DAY, FIRST_YEAR, month_tables, parse_day
from loyalty.settlement.layout import ACTIVATION, EXPIRY, GRACE, PROMOTION, REDEEM, REVIEW

KINDS = ("deal.won", "deal.refunded", "certification.passed", "certification.expired", "event.attended")
DEAL, REFUND, PASSED, ENDED, ATTENDED, REDEEMING = range(6)
#: Where persons stand in what is counted by tier.
PERSONS = 4
STARTS = parse_day("2025-01-01")
FIRST_MONTH = 2025 * 12
SPAN_MONTHS = 60
PENDING_DAYS, COOLDOWN_DAYS, GRACE_DAYS, PRODUCT_DAYS = 30, 7, 60, 90
LABELS = (
    "deal-base", "deal-fund", "certified", "expert", "attended", EXPIRY, ACTIVATION, REVIEW, GRACE, PROMOTION, REDEEM,
)  # fmt: skip
BASE, FUND, CERTIFIED, EXPERT, MET = range(5)
CURRENCIES = ("mdf", "points", "status")
MDF, POINTS, STATUS = range(3)
ISSUED, ACTIVATED, EXPIRED, REDEEMED, REVERSED, AVAILABLE, PENDING, HELD, ARREARS = range(9)
NEVER = 1 << 30


@frozen(eq=False)
class Packed:
    """
    Events of one holder side by side, in the order of settlement; in *people* those of persons.

    Attributes:
        of: Where among the holder's rows a refund's deal stands, or -1.
        amount: Minor units, -1 for none; of a redemption millionths of what is available.
        a: The product of a deal.
        key: Of a certificate, the holder's number of (person, track, level).
        person: The partner's number of the person from 1, 0 for none.
        row: The row of the table.
    """

    starts: Any
    row: Any
    kind: Any
    day: Any
    at: Any
    of: Any
    amount: Any
    a: Any
    registered: Any
    key: Any
    person: Any
    keys_of_one: int
    persons_of_one: int

    @classmethod
    def of_table(cls, table: Any, days: Any) -> tuple[Packed, Packed]:
        """Pack the columns of an event table for partners and for persons; *days* are the local days of its rows."""
        of = np.asarray(table.of)
        names = {name: code for code, name in enumerate(table.programme.events)}
        own = np.full(256, -1, np.int8)
        for code, name in enumerate(KINDS):
            own[names[name]] = code
        own[-3] = REDEEMING
        kind = own[table.kind]
        refund = (kind == REFUND) & (of >= 0)
        person = np.where(refund, table.person[np.maximum(of, 0)], table.person)
        person = np.where(kind == REDEEMING, -1, person)
        partners = Holders.of(table.partner, len(table.partners))
        people = Holders.of(person, len(table.persons))
        place = np.empty(len(kind), np.int32)

        def packed(holders: Holders, codes: Any) -> Packed:
            rows = holders.rows
            place[rows] = np.arange(len(rows), dtype=np.int32)
            first = holders.starts[codes[rows]].astype(np.int32)
            origin = of[rows]
            kinds = kind[rows]
            values = {name: take(column, rows) for name, column in table.values.items()}
            number = local_numbers(holders, person[rows], len(table.persons)) + 1
            certificate = (kinds == PASSED) | (kinds == ENDED)
            key = np.where(certificate, (number * 3 + values["track"]) * 2 + values["level"], 0).astype(np.int32)
            amount = np.where(kinds == REDEEMING, values["@share"], np.maximum(values["amount"], -1))
            return cls(
                holders.starts,
                rows,
                kinds,
                take(days, rows).astype(np.int32),
                take(table.at, rows),
                np.where(origin >= 0, place[np.maximum(origin, 0)] - first, -1).astype(np.int32),
                amount,
                np.where(kinds == DEAL, values["product"], 0).astype(np.int8),
                (values["registered"] == 1).astype(np.int8),
                key,
                number,
                int(key.max(initial=0)) + 1,
                int(number.max(initial=0)) + 1,
            )

        return packed(partners, table.partner), packed(people, person)


def settle(partners: Packed, people: Packed, months: int, until_day: int, threads: int) -> tuple[Totals, Totals]:
    """Settle the partners and then the persons, ranges of them in threads; months count from January 2025."""
    month_of = np.array(month_tables()[0][STARTS - FIRST_DAY : STARTS - FIRST_DAY + 31 * SPAN_MONTHS]) - FIRST_MONTH
    first = FIRST_MONTH - FIRST_YEAR * 12
    month_start = np.array(month_tables()[1][first : first + SPAN_MONTHS])
    # The first day of the trailing twelve months of each day.
    year_ago = np.array(month_tables()[1])[month_of - 12 + first]
    month_end = np.array(month_tables()[1])[month_of - 11 + first] - 1
    days = np.arange(len(month_of)) + STARTS
    window = np.minimum(year_ago + days - month_start[month_of.clip(0, SPAN_MONTHS - 1)], month_end) + 1
    calendar = (month_of, month_start)
    # What the partners' kernel leaves for the persons': the tier before each event, and whether it moved anything.
    left = (np.zeros(len(partners.row), np.int8), np.zeros(len(partners.row), np.int8))
    columns = (partners.a, partners.at, partners.registered, partners.person)
    bounds = (partners.keys_of_one, partners.persons_of_one, until_day)
    first_pass = _layer(_settle_partners, partners, months, threads, (*columns, *bounds, window, *calendar, *left))
    return first_pass, _layer(_settle_people, people, months, threads, (until_day, *calendar, *left))


def _layer(kernel: Any, packed: Packed, months: int, threads: int, more: tuple[Any, ...]) -> Totals:
    """Settle the holders of one layer, ranges of them in threads."""
    holders = len(packed.starts) - 1
    cells, tier = np.zeros((holders, 3, 9), np.int64), np.zeros(holders, np.int16)
    events, sums = np.zeros((holders, 5), np.int64), np.zeros((holders, 5), np.int64)
    longest = int(np.diff(packed.starts).max(initial=0))
    columns = (packed.row, packed.kind, packed.day, packed.of, packed.amount, packed.key)

    def part(low: int, high: int) -> tuple[Any, ...]:
        added = (
            np.zeros((months, 3, 9), np.int64),
            np.zeros((months, 4, 4), np.int64),
            np.zeros((months, 3, 5, 2), np.int64),
            np.zeros((len(LABELS), 3, 3), np.int64),
            np.zeros((3, SPAN_MONTHS), np.int64),
            np.zeros(2, np.int64),
        )
        kernel(low, high, packed.starts, *columns, longest, *more, cells, tier, events, sums, *added)
        return added

    added = run_ranges(part, packed.starts, threads)
    flows, moves, funds, rules, outstanding, counts = (sum(parts) for parts in zip(*added, strict=True))
    return Totals(
        took_part=np.diff(packed.starts) > 0,
        kinds=KINDS,
        labels=LABELS,
        cells=cells,
        tier=tier,
        events=events,
        sums=sums,
        flows=flows,
        tier_moves=moves,
        funds=funds,
        rules=rules,
        outstanding=outstanding,
        entries=int(counts[0]),
        postings=int(counts[1]),
    )


@njit(nogil=True, cache=True)
def _credit(cells, flow, lots, lot, points):
    """Pay points into available, arrears first; give how many movements that is."""
    moved = 1
    if cells[ARREARS] > 0:
        repaid = min(points, cells[ARREARS])
        cells[ARREARS] -= repaid
        flow[ARREARS] -= repaid
        points -= repaid
        moved = 2
    if points > 0:
        cells[AVAILABLE] += points
        flow[AVAILABLE] += points
        lots[lot] += points
    return moved


@njit(nogil=True, cache=True)
def _draw(cells, flow, lots, first, points, to):
    """Take points from available, soonest expiry first, and what lacks as arrears; give how many movements."""
    moved = 0
    left = points
    lot = first
    while left > 0 and lot < len(lots):
        if lots[lot] > 0:
            part = min(left, lots[lot])
            lots[lot] -= part
            left -= part
            moved += 1
        lot += 1
    cells[AVAILABLE] -= points - left
    flow[AVAILABLE] -= points - left
    cells[to] += points
    flow[to] += points
    if left > 0:
        cells[ARREARS] += left
        flow[ARREARS] += left
        moved += 1
    return moved


@njit(nogil=True, cache=True)
def _take_back(cells, flow, lots, pool, lot, lives, first, points):
    """Reverse points of a lot that are not pending; give how many movements that is."""
    moved = 0
    left = points
    if not lives:
        part = min(left, pool[lot])
        if part > 0:
            pool[lot] -= part
            cells[EXPIRED] -= part
            flow[EXPIRED] -= part
            moved += 2
            left -= part
    else:
        part = min(left, lots[lot])
        if part > 0:
            lots[lot] -= part
            cells[AVAILABLE] -= part
            flow[AVAILABLE] -= part
            moved += 1
            left -= part
    taken = points - left
    cells[REVERSED] += taken
    flow[REVERSED] += taken
    if left > 0:
        moved += _draw(cells, flow, lots, first, left, REVERSED)
    return moved


@njit(nogil=True, cache=True)
def _find(days, head, tail, day):
    """Give where a day stands in a queue, or -1."""
    low, high = head, tail
    while low < high:
        middle = (low + high) >> 1
        if days[middle] < day:
            low = middle + 1
        else:
            high = middle
    return low if low < tail and days[low] == day else -1


@njit(nogil=True, cache=True, error_model="numpy")
def _settle_partners(
    first, last, starts, rows, kinds, days, ofs, amounts, keys, longest, products, ats, registereds, persons,
    keys_of_one, persons_of_one, until_day, window, month_of, month_start, tier_before, row_moved,
    cells, tiers, events, sums, flows, moves, funds, rules, outstanding, counts,
):  # fmt: skip
    by, per = (1, 11, 5, 3), (1, 10, 4, 2)
    lots, pool = np.zeros(SPAN_MONTHS, np.int64), np.zeros(SPAN_MONTHS, np.int64)
    fund_lots, fund_pool = np.zeros(SPAN_MONTHS // 3, np.int64), np.zeros(SPAN_MONTHS // 3, np.int64)
    pending_days, pendings = np.empty(longest + 1, np.int32), np.empty(longest + 1, np.int64)
    status_days, statuses = np.empty(longest + 1, np.int32), np.empty(longest + 1, np.int64)
    # Of each deal of a partner, what a refund of it needs.
    deal_tier, refunded, whole = np.empty(longest, np.int8), np.empty(longest, np.int64), np.empty(longest, np.int8)
    base_paid, base_back = np.empty(longest, np.int64), np.empty(longest, np.int64)
    status_paid, status_back = np.empty(longest, np.int64), np.empty(longest, np.int64)
    fund_paid, fund_back = np.empty(longest, np.int64), np.empty(longest, np.int64)
    # Of each certificate whether it was paid, whether it is in force, and the newest of its experts' awards.
    paid, in_force = np.zeros(keys_of_one, np.int8), np.zeros(keys_of_one, np.int8)
    newest = np.full(keys_of_one, -1, np.int32)
    older = np.empty(longest, np.int32)
    held = np.zeros(persons_of_one, np.int32)
    rested = np.zeros(persons_of_one, np.int32)
    product_days = np.zeros(3, np.int64)
    entries = movements = 0

    for partner in range(first, last):
        start, end = starts[partner], starts[partner + 1]
        if start == end:
            continue
        own = cells[partner]
        lots[:], pool[:], fund_lots[:], fund_pool[:] = 0, 0, 0, 0
        product_days[:] = 0
        pending_head = pending_tail = status_head = status_tail = 0
        year_status = certified = 0
        next_lot = next_fund = SPAN_MONTHS - 1
        tier = before = 0
        last_at = -1
        grace_end = NEVER
        base_quarter = fund_half = -1
        base_used = fund_used = 0
        highest_key = highest_person = -1
        next_review = month_start[(month_of[days[start] - STARTS] // 6 + 1) * 6]
        next_due = next_review

        for row in range(start, end + 1):
            day = until_day if row == end else days[row]
            while day >= next_due:
                due = next_due
                month = month_of[due - STARTS]
                flow = flows[month]
                moved = movements
                if grace_end <= due or next_review <= due:
                    since = window[due - 1 - STARTS]
                    while status_head < status_tail and status_days[status_head] < since:
                        year_status -= statuses[status_head]
                        status_head += 1
                    sold = 0
                    for product in range(3):
                        if product_days[product] > due - 1 - PRODUCT_DAYS:
                            sold += 1
                    if year_status >= 2500 and certified >= 4 and sold >= 3:
                        level = 3
                    elif year_status >= 1000 and certified >= 2:
                        level = 2
                    elif year_status >= 300:
                        level = 1
                    else:
                        level = 0
                    if grace_end <= due:
                        grace_end = NEVER
                        if level < tier:
                            moves[month, tier, tier - 1] += 1
                            movements += 2 if tier > 1 else 1
                            tier -= 1
                    if next_review <= due:
                        next_review = month_start[(month // 6 + 1) * 6]
                        if level >= tier:
                            grace_end = NEVER
                            if level > tier:
                                moves[month, tier, level] += 1
                                movements += 2 if tier > 0 else 1
                                tier = level
                        elif grace_end == NEVER:
                            grace_end = due + GRACE_DAYS
                while month_start[next_fund * 3 if next_fund * 3 < SPAN_MONTHS else SPAN_MONTHS - 1] <= due:
                    points = fund_lots[next_fund]
                    if points > 0:
                        fund_lots[next_fund] = 0
                        fund_pool[next_fund] += points
                        own[MDF, AVAILABLE] -= points
                        own[MDF, EXPIRED] += points
                        flow[MDF, AVAILABLE] -= points
                        flow[MDF, EXPIRED] += points
                        movements += 1
                    next_fund += 1
                    while next_fund < len(fund_lots) and fund_lots[next_fund] == 0:
                        next_fund += 1
                    if next_fund == len(fund_lots):
                        next_fund = SPAN_MONTHS - 1
                while month_start[next_lot] <= due:
                    points = lots[next_lot]
                    if points > 0:
                        lots[next_lot] = 0
                        pool[next_lot] += points
                        own[POINTS, AVAILABLE] -= points
                        own[POINTS, EXPIRED] += points
                        flow[POINTS, AVAILABLE] -= points
                        flow[POINTS, EXPIRED] += points
                        movements += 1
                    next_lot += 1
                    while next_lot < SPAN_MONTHS - 1 and lots[next_lot] == 0:
                        next_lot += 1
                while pending_head < pending_tail and pending_days[pending_head] + PENDING_DAYS <= due:
                    points = pendings[pending_head]
                    lot = month_of[pending_days[pending_head] - STARTS] + 13
                    pending_head += 1
                    if points > 0:
                        own[POINTS, PENDING] -= points
                        own[POINTS, ACTIVATED] += points
                        flow[POINTS, PENDING] -= points
                        flow[POINTS, ACTIVATED] += points
                        movements += _credit(own[POINTS], flow[POINTS], lots, lot, points)
                        next_lot = min(next_lot, lot)
                if movements != moved:
                    entries += 1
                next_due = min(grace_end, next_review)
                if next_fund < len(fund_lots):
                    next_due = min(next_due, month_start[next_fund * 3])
                if next_lot < SPAN_MONTHS - 1:
                    next_due = min(next_due, month_start[next_lot])
                if pending_head < pending_tail:
                    next_due = min(next_due, pending_days[pending_head] + PENDING_DAYS)
            if row == end:
                break

            month = month_of[day - STARTS]
            flow = flows[month]
            kind = kinds[row]
            moved = movements
            if kind == REDEEMING:
                asked = own[POINTS, AVAILABLE] * amounts[row] // 1_000_000
                if asked > 0:
                    movements += _draw(own[POINTS], flow[POINTS], lots, month + 1, asked, REDEEMED)
                    entries += 1
                continue
            # All events of one instant use the tier that stood before it.
            if ats[row] != last_at:
                last_at = ats[row]
                before = tier
            tier_before[rows[row]] = before
            events[partner, kind] += 1
            here = row - start
            points = status = 0

            if kind == DEAL:
                amount = amounts[row]
                sums[partner, DEAL] += amount
                deal_tier[here] = before
                refunded[here] = whole[here] = 0
                base_paid[here] = base_back[here] = status_paid[here] = status_back[here] = 0
                fund_paid[here] = fund_back[here] = 0
                if amount >= 1_000_00:
                    points = amount // 100_00 * by[before] // per[before]
                    if base_quarter != month // 3:
                        base_quarter = month // 3
                        base_used = 0
                    points = max(0, min(points, 5_000 - base_used))
                    if points > 0:
                        base_used += points
                        base_paid[here] = points
                        own[POINTS, ISSUED] += points
                        own[POINTS, PENDING] += points
                        flow[POINTS, ISSUED] += points
                        flow[POINTS, PENDING] += points
                        rules[BASE, POINTS, 0] += 1
                        rules[BASE, POINTS, 1] += points
                        funds[month, POINTS, tier, 0] += points
                        movements += 1
                        if pending_head < pending_tail and pending_days[pending_tail - 1] == day:
                            pendings[pending_tail - 1] += points
                        else:
                            pending_days[pending_tail] = day
                            pendings[pending_tail] = points
                            pending_tail += 1
                            next_due = min(next_due, day + PENDING_DAYS)
                    status = amount // 1_000_00
                    if status > 0:
                        status_paid[here] = status
                        rules[BASE, STATUS, 0] += 1
                        rules[BASE, STATUS, 1] += status
                        funds[month, STATUS, tier, 0] += status
                if registereds[row]:
                    fund = amount * (before + 1) // 100
                    if fund_half != month // 6:
                        fund_half = month // 6
                        fund_used = 0
                    fund = max(0, min(fund, 10_000_00 - fund_used))
                    if fund > 0:
                        fund_used += fund
                        fund_paid[here] = fund
                        own[MDF, ISSUED] += fund
                        flow[MDF, ISSUED] += fund
                        rules[FUND, MDF, 0] += 1
                        rules[FUND, MDF, 1] += fund
                        funds[month, MDF, tier, 0] += fund
                        lot = (month + 12) // 3 + 1
                        movements += _credit(own[MDF], flow[MDF], fund_lots, lot, fund)
                        if lot < next_fund:
                            next_fund = lot
                            next_due = min(next_due, month_start[lot * 3])
                product_days[products[row]] = day

            elif kind == REFUND:
                deal = ofs[row]
                if deal < 0:
                    continue
                left = amounts[start + deal] - refunded[deal]
                back = min(left, amounts[row]) if amounts[row] >= 0 else left
                if whole[deal] or (back <= 0 and left > 0):
                    continue
                refunded[deal] += back
                sums[partner, REFUND] += back
                left -= back
                if left == 0:
                    whole[deal] = 1
                day_then = days[start + deal]
                month_then = month_of[day_then - STARTS]
                then = deal_tier[deal]
                target = min(left // 100_00 * by[then] // per[then], base_paid[deal])
                undo = base_paid[deal] - target - base_back[deal]
                if undo > 0:
                    base_back[deal] += undo
                    rules[BASE, POINTS, 2] += undo
                    funds[month, POINTS, tier, 1] += undo
                    rest = undo
                    if day_then + PENDING_DAYS > day:
                        at = _find(pending_days, pending_head, pending_tail, day_then)
                        if at >= 0 and pendings[at] > 0:
                            part = min(rest, pendings[at])
                            pendings[at] -= part
                            rest -= part
                            own[POINTS, PENDING] -= part
                            own[POINTS, REVERSED] += part
                            flow[POINTS, PENDING] -= part
                            flow[POINTS, REVERSED] += part
                            movements += 1
                    if rest > 0:
                        lot = month_then + 13
                        movements += _take_back(
                            own[POINTS], flow[POINTS], lots, pool, lot, lot > month, month + 1, rest
                        )  # fmt: skip
                    if base_quarter == month_then // 3:
                        base_used -= undo
                undo = status_paid[deal] - min(left // 1_000_00, status_paid[deal]) - status_back[deal]
                if undo > 0:
                    status_back[deal] += undo
                    rules[BASE, STATUS, 2] += undo
                    funds[month, STATUS, tier, 1] += undo
                    own[STATUS, AVAILABLE] -= undo
                    own[STATUS, REVERSED] += undo
                    flow[STATUS, AVAILABLE] -= undo
                    flow[STATUS, REVERSED] += undo
                    movements += 1
                    at = _find(status_days, status_head, status_tail, day_then)
                    if at >= 0:
                        statuses[at] -= undo
                        year_status -= undo
                undo = fund_paid[deal] - min(left * (then + 1) // 100, fund_paid[deal]) - fund_back[deal]
                if undo > 0:
                    fund_back[deal] += undo
                    rules[FUND, MDF, 2] += undo
                    funds[month, MDF, tier, 1] += undo
                    lot = (month_then + 12) // 3 + 1
                    movements += _take_back(
                        own[MDF], flow[MDF], fund_lots, fund_pool, lot, lot * 3 > month, month // 3 + 1, undo
                    )  # fmt: skip
                    if fund_half == month_then // 6:
                        fund_used -= undo
                if movements != moved:
                    entries += 1
                    row_moved[rows[row]] = 1
                continue

            elif kind == PASSED:
                key, person = keys[row], persons[row]
                highest_key, highest_person = max(highest_key, key), max(highest_person, person)
                lot = month + 13
                if not paid[key]:
                    paid[key] = 1
                    points = 300 if key & 1 else 100
                    status = 5
                    own[POINTS, ISSUED] += points
                    flow[POINTS, ISSUED] += points
                    rules[CERTIFIED, POINTS, 0] += 1
                    rules[CERTIFIED, POINTS, 1] += points
                    rules[CERTIFIED, STATUS, 0] += 1
                    rules[CERTIFIED, STATUS, 1] += status
                    funds[month, POINTS, tier, 0] += points
                    funds[month, STATUS, tier, 0] += status
                    movements += _credit(own[POINTS], flow[POINTS], lots, lot, points)
                if key & 1:
                    own[POINTS, ISSUED] += 150
                    flow[POINTS, ISSUED] += 150
                    rules[EXPERT, POINTS, 0] += 1
                    rules[EXPERT, POINTS, 1] += 150
                    funds[month, POINTS, tier, 0] += 150
                    movements += _credit(own[POINTS], flow[POINTS], lots, lot, 150)
                    older[here] = newest[key]
                    newest[key] = here
                if lot < next_lot:
                    next_lot = lot
                    next_due = min(next_due, month_start[lot])
                if not in_force[key]:
                    in_force[key] = 1
                    held[person] += 1
                    if held[person] == 1:
                        certified += 1

            elif kind == ENDED:
                key, person = keys[row], persons[row]
                highest_key, highest_person = max(highest_key, key), max(highest_person, person)
                if in_force[key]:
                    in_force[key] = 0
                    held[person] -= 1
                    if held[person] == 0:
                        certified -= 1
                # Awards are taken back in the order they were paid, so the chain is turned round first.
                newer = -1
                at = newest[key]
                newest[key] = -1
                while at >= 0:
                    before_it = older[at]
                    older[at] = newer
                    newer = at
                    at = before_it
                while newer >= 0:
                    lot = month_of[days[start + newer] - STARTS] + 13
                    rules[EXPERT, POINTS, 2] += 150
                    funds[month, POINTS, tier, 1] += 150
                    movements += _take_back(own[POINTS], flow[POINTS], lots, pool, lot, lot > month, month + 1, 150)
                    newer = older[newer]

            else:
                person = persons[row]
                highest_person = max(highest_person, person)
                if day >= rested[person]:
                    rested[person] = day + COOLDOWN_DAYS
                    lot = month + 13
                    own[POINTS, ISSUED] += 25
                    flow[POINTS, ISSUED] += 25
                    rules[MET, POINTS, 0] += 1
                    rules[MET, POINTS, 1] += 25
                    funds[month, POINTS, tier, 0] += 25
                    movements += _credit(own[POINTS], flow[POINTS], lots, lot, 25)
                    if lot < next_lot:
                        next_lot = lot
                        next_due = min(next_due, month_start[lot])

            if status > 0:
                own[STATUS, ISSUED] += status
                own[STATUS, AVAILABLE] += status
                flow[STATUS, ISSUED] += status
                flow[STATUS, AVAILABLE] += status
                movements += 1
                year_status += status
                if status_head < status_tail and status_days[status_tail - 1] == day:
                    statuses[status_tail - 1] += status
                else:
                    status_days[status_tail] = day
                    statuses[status_tail] = status
                    status_tail += 1
            if tier < 3:
                since = window[day - STARTS]
                while status_head < status_tail and status_days[status_head] < since:
                    year_status -= statuses[status_head]
                    status_head += 1
                level = 0
                if year_status >= 300:
                    level = 1
                    if year_status >= 1000 and certified >= 2:
                        level = 2
                        if year_status >= 2500 and certified >= 4:
                            sold = 0
                            for product in range(3):
                                if product_days[product] > day - PRODUCT_DAYS:
                                    sold += 1
                            if sold >= 3:
                                level = 3
                if level > tier:
                    moves[month, tier, level] += 1
                    movements += 2 if tier > 0 else 1
                    tier = level
                    grace_end = NEVER
            if movements != moved:
                entries += 1
                row_moved[rows[row]] = 1

        tiers[partner] = tier
        for key in range(highest_key + 1):
            paid[key] = in_force[key] = 0
            newest[key] = -1
        for person in range(highest_person + 1):
            held[person] = rested[person] = 0
        for lot in range(SPAN_MONTHS):
            outstanding[POINTS, lot] += lots[lot]
        for place in range(pending_head, pending_tail):
            outstanding[POINTS, month_of[pending_days[place] - STARTS] + 13] += pendings[place]
        for lot in range(len(fund_lots)):
            outstanding[MDF, lot * 3] += fund_lots[lot]
        outstanding[STATUS, SPAN_MONTHS - 1] += own[STATUS, AVAILABLE]
    counts[0] += entries
    counts[1] += 2 * movements


@njit(nogil=True, cache=True, error_model="numpy")
def _settle_people(
    first, last, starts, rows, kinds, days, ofs, amounts, keys, longest, until_day, month_of, month_start,
    tier_before, row_moved, cells, _tiers, events, sums, flows, _moves, funds, rules, outstanding, counts,
):  # fmt: skip
    by, per = (1, 11, 5, 3), (1, 10, 4, 2)
    lots, pool = np.zeros(SPAN_MONTHS, np.int64), np.zeros(SPAN_MONTHS, np.int64)
    pending_days, pendings = np.empty(longest + 1, np.int32), np.empty(longest + 1, np.int64)
    deal_tier, refunded, whole = np.empty(longest, np.int8), np.empty(longest, np.int64), np.empty(longest, np.int8)
    base_paid, base_back = np.empty(longest, np.int64), np.empty(longest, np.int64)
    paid = np.zeros(6, np.int8)
    entries = movements = 0

    for person in range(first, last):
        start, end = starts[person], starts[person + 1]
        if start == end:
            continue
        own = cells[person, POINTS]
        lots[:], pool[:], paid[:] = 0, 0, 0
        pending_head = pending_tail = 0
        next_lot = SPAN_MONTHS - 1
        base_quarter = -1
        base_used = rested = 0
        next_due = NEVER
        for row in range(start, end + 1):
            day = until_day if row == end else days[row]
            while day >= next_due:
                due = next_due
                flow = flows[month_of[due - STARTS], POINTS]
                moved = movements
                while month_start[next_lot] <= due:
                    points = lots[next_lot]
                    if points > 0:
                        lots[next_lot] = 0
                        pool[next_lot] += points
                        own[AVAILABLE] -= points
                        own[EXPIRED] += points
                        flow[AVAILABLE] -= points
                        flow[EXPIRED] += points
                        movements += 1
                    next_lot += 1
                    while next_lot < SPAN_MONTHS - 1 and lots[next_lot] == 0:
                        next_lot += 1
                while pending_head < pending_tail and pending_days[pending_head] + PENDING_DAYS <= due:
                    points = pendings[pending_head]
                    lot = month_of[pending_days[pending_head] - STARTS] + 13
                    pending_head += 1
                    if points > 0:
                        own[PENDING] -= points
                        own[ACTIVATED] += points
                        flow[PENDING] -= points
                        flow[ACTIVATED] += points
                        movements += _credit(own, flow, lots, lot, points)
                        next_lot = min(next_lot, lot)
                if movements != moved:
                    entries += 1
                next_due = month_start[next_lot] if next_lot < SPAN_MONTHS - 1 else NEVER
                if pending_head < pending_tail:
                    next_due = min(next_due, pending_days[pending_head] + PENDING_DAYS)
            if row == end:
                break

            month = month_of[day - STARTS]
            flow = flows[month, POINTS]
            kind = kinds[row]
            moved = movements
            events[person, kind] += 1
            here = row - start
            if kind == DEAL:
                amount = amounts[row]
                sums[person, DEAL] += amount
                tier = tier_before[rows[row]]
                deal_tier[here] = tier
                refunded[here] = whole[here] = base_paid[here] = base_back[here] = 0
                if amount >= 1_000_00:
                    points = amount // 500_00 * by[tier] // per[tier]
                    if base_quarter != month // 3:
                        base_quarter = month // 3
                        base_used = 0
                    points = max(0, min(points, 5_000 - base_used))
                    if points > 0:
                        base_used += points
                        base_paid[here] = points
                        own[ISSUED] += points
                        own[PENDING] += points
                        flow[ISSUED] += points
                        flow[PENDING] += points
                        rules[BASE, POINTS, 0] += 1
                        rules[BASE, POINTS, 1] += points
                        funds[month, POINTS, PERSONS, 0] += points
                        movements += 1
                        if pending_head < pending_tail and pending_days[pending_tail - 1] == day:
                            pendings[pending_tail - 1] += points
                        else:
                            pending_days[pending_tail] = day
                            pendings[pending_tail] = points
                            pending_tail += 1
                            next_due = min(next_due, day + PENDING_DAYS)
            elif kind == REFUND:
                deal = ofs[row]
                left = amounts[start + deal] - refunded[deal]
                back = min(left, amounts[row]) if amounts[row] >= 0 else left
                if not whole[deal] and (back > 0 or left == 0):
                    refunded[deal] += back
                    sums[person, REFUND] += back
                    left -= back
                    if left == 0:
                        whole[deal] = 1
                    day_then = days[start + deal]
                    month_then = month_of[day_then - STARTS]
                    then = deal_tier[deal]
                    target = min(left // 500_00 * by[then] // per[then], base_paid[deal])
                    undo = base_paid[deal] - target - base_back[deal]
                    if undo > 0:
                        base_back[deal] += undo
                        rules[BASE, POINTS, 2] += undo
                        funds[month, POINTS, PERSONS, 1] += undo
                        rest = undo
                        if day_then + PENDING_DAYS > day:
                            at = _find(pending_days, pending_head, pending_tail, day_then)
                            if at >= 0 and pendings[at] > 0:
                                part = min(rest, pendings[at])
                                pendings[at] -= part
                                rest -= part
                                own[PENDING] -= part
                                own[REVERSED] += part
                                flow[PENDING] -= part
                                flow[REVERSED] += part
                                movements += 1
                        if rest > 0:
                            lot = month_then + 13
                            movements += _take_back(own, flow, lots, pool, lot, lot > month, month + 1, rest)
                        if base_quarter == month_then // 3:
                            base_used -= undo
            elif kind != ENDED:
                if kind == PASSED:
                    certificate = keys[row] % 6
                    label = CERTIFIED
                    points = 0
                    if not paid[certificate]:
                        paid[certificate] = 1
                        points = 600 if certificate & 1 else 200
                else:
                    label = MET
                    points = 0
                    if day >= rested:
                        rested = day + COOLDOWN_DAYS
                        points = 50
                if points > 0:
                    lot = month + 13
                    own[ISSUED] += points
                    flow[ISSUED] += points
                    rules[label, POINTS, 0] += 1
                    rules[label, POINTS, 1] += points
                    funds[month, POINTS, PERSONS, 0] += points
                    movements += _credit(own, flow, lots, lot, points)
                    if lot < next_lot:
                        next_lot = lot
                        next_due = min(next_due, month_start[lot])
            if movements != moved and not row_moved[rows[row]]:
                entries += 1
        for lot in range(SPAN_MONTHS):
            outstanding[POINTS, lot] += lots[lot]
        for place in range(pending_head, pending_tail):
            outstanding[POINTS, month_of[pending_days[place] - STARTS] + 13] += pendings[place]
    counts[0] += entries
    counts[1] += 2 * movements
