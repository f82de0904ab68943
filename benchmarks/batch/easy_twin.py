"""
The ten easy rules for numba, by hand: what an engineer would write who needs this one programme, as fast as it goes.

It reads packed columns, partner after partner, keeps a partner's state in local variables and small sorted arrays, and
adds up the same totals as :class:`loyalty.batch.running.Batch`: balances and what moved by partner, what moved by
month, tiers by month, what each rule gave, what is outstanding by month of expiry, the numbers of events, entries and
postings. Numbers of the programme stand in the code. Ranges of partners run in threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numba import njit

from benchmarks.batch.packing import Holders, local_numbers, run_ranges, take
from benchmarks.batch.totals import Totals
from loyalty.core.calendar import FIRST_DAY, month_tables, parse_day
from loyalty.settlement.layout import ACTIVATION, EXPIRY, PROMOTION, REDEEM

KINDS = ("deal.won", "certification.passed", "event.attended")
DEAL, CERTIFIED, ATTENDED, REDEEMING = range(4)
CLOUD, EXPERT, ON_SITE = 1, 1, 1
STARTS = parse_day("2025-01-01")
PENDING_DAYS, LOT_DAYS, COOLDOWN_DAYS = 30, 366, 7
#: More days than lie between the first event and the last expiry.
SPAN_DAYS, SPAN_MONTHS = 2_000, 72
(BASE, REGISTERED, RHYTHM, SIZE, PUSH_CLOUD, PUSH_NEW, PASSED, PASSED_EXPERT, MET, MET_ON_SITE,
 EXPIRES, MATURES, PROMOTES, REDEEMS) = range(14)  # fmt: skip
#: The labels in the order of these numbers.
LABELS = (
    "deal-base", "deal-registered", "deal-rhythm", "deal-size", "push-cloud", "push-new-customer", "certified",
    "certified-expert", "attended", "attended-on-site", EXPIRY, ACTIVATION, PROMOTION, REDEEM,
)  # fmt: skip
ISSUED, ACTIVATED, EXPIRED, REDEEMED, REVERSED, AVAILABLE, PENDING, HELD, ARREARS = range(9)


@frozen(eq=False)
class Packed:
    """
    Events of one partner side by side, in the order of settlement.

    Attributes:
        starts: Where each partner's rows begin; the last is the number of all.
        key: Of a certificate, the partner's own number of (person, track, level).
        amount: Minor units of a deal; of a redemption millionths of what is available.
    """

    starts: Any
    kind: Any
    day: Any
    at: Any
    amount: Any
    a: Any
    registered: Any
    new_customer: Any
    key: Any
    keys_of_one: int

    @classmethod
    def of(cls, table: Any, days: Any) -> Packed:
        """Pack the columns of an event table; *days* are the local days of its rows."""
        names = {name: code for code, name in enumerate(table.programme.events)}
        own = np.full(256, -1, np.int8)
        for code, name in enumerate(KINDS):
            own[names[name]] = code
        own[-3] = REDEEMING
        holders = Holders.of(table.partner, len(table.partners))
        kind = own[take(table.kind, holders.rows)]
        values = {name: take(column, holders.rows) for name, column in table.values.items()}
        a = np.where(kind == DEAL, values["product"], np.where(kind == CERTIFIED, values["level"], values["format"]))
        tracks = max(1, len(table.texts["track"]))
        person = local_numbers(holders, take(table.person, holders.rows), len(table.persons))
        key = np.where(kind == CERTIFIED, (person * tracks + values["track"]) * 2 + values["level"], 0)
        amount = np.where(kind == REDEEMING, values["@share"], values["amount"])
        return cls(
            holders.starts,
            kind,
            take(days, holders.rows).astype(np.int32),
            take(table.at, holders.rows),
            amount,
            a.astype(np.int8),
            (values["registered"] == 1).astype(np.int8),
            (values["new_customer"] == 1).astype(np.int8),
            key.astype(np.int32),
            int(key.max(initial=0)) + 1,
        )


def settle(packed: Packed, first_month: int, months: int, until_day: int, threads: int) -> Totals:
    """Settle all partners, ranges of them in threads; months count from January of year 0."""
    partners = len(packed.starts) - 1
    cells = np.zeros((partners, 9), np.int64)
    tier = np.zeros(partners, np.int16)
    events, sums = np.zeros((partners, 3), np.int64), np.zeros((partners, 3), np.int64)
    month_of = np.array(month_tables()[0][STARTS - FIRST_DAY : STARTS - FIRST_DAY + SPAN_DAYS]) - first_month

    def part(first: int, last: int) -> tuple[Any, ...]:
        added = (
            np.zeros((months, 9), np.int64),
            np.zeros((months, 4, 4), np.int64),
            np.zeros((months, 5, 2), np.int64),
            np.zeros((14, 3), np.int64),
            np.zeros(SPAN_MONTHS, np.int64),
            np.zeros(2, np.int64),
        )
        _settle(
            first, last, packed.starts, packed.kind, packed.day, packed.at, packed.amount, packed.a,
            packed.registered, packed.new_customer, packed.key, packed.keys_of_one, month_of, until_day,
            cells, tier, events, sums, *added,
        )  # fmt: skip
        return added

    added = run_ranges(part, packed.starts, threads)
    flows, moves, funds, rules, outstanding, counts = (sum(parts) for parts in zip(*added, strict=True))
    # A Batch has an axis of currencies, of which there is one here.
    return Totals(
        took_part=np.diff(packed.starts) > 0,
        kinds=KINDS,
        labels=LABELS,
        cells=cells[:, None],
        tier=tier,
        events=events,
        sums=sums,
        flows=flows[:, None],
        tier_moves=moves,
        funds=funds[:, None],
        rules=rules[:, None],
        outstanding=outstanding[None],
        entries=int(counts[0]),
        postings=int(counts[1]),
    )


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _settle(
    first, last, starts, kinds, days, ats, amounts, fields, registereds, new_customers, keys, keys_of_one, month_of,
    until_day, cells, tiers, events, sums, flows, moves, funds, rules, outstanding, counts,
):  # fmt: skip
    # Lots by expiry day and what is pending by day of earning; the heads move on, the tails grow.
    lot_days = np.empty(2 * SPAN_DAYS, np.int32)
    lots = np.empty(2 * SPAN_DAYS, np.int64)
    pending_days = np.empty(SPAN_DAYS, np.int32)
    pendings = np.empty(SPAN_DAYS, np.int64)
    seen = np.zeros(keys_of_one, np.uint8)
    needs = (2_000, 10_000, 40_000, 1 << 62)
    by, per = (1, 11, 5, 3), (1, 10, 4, 2)
    entries = movements = 0
    for partner in range(first, last):
        lot_head = lot_tail = pending_head = pending_tail = 0
        available = waiting_all = arrears = 0
        issued = activated = expired = redeemed = 0
        deals = certificates = attended = sold = 0
        next_due = 1 << 30
        earned_so_far = 0
        tier = tier_before = 0
        last_at = -1
        base_month = registered_month = new_month = expert_month = on_site_month = -1
        base_used = registered_used = new_used = expert_used = on_site_used = 0
        streak_month = -2
        streak = 0
        rested_day = 0
        highest_key = -1
        end = starts[partner + 1]
        for row in range(starts[partner], end + 1):
            day = until_day if row == end else days[row]
            while day >= next_due:
                due = next_due
                month = month_of[due - STARTS]
                before = movements
                while lot_head < lot_tail and lot_days[lot_head] <= due:
                    points = lots[lot_head]
                    lot_head += 1
                    available -= points
                    expired += points
                    flows[month, AVAILABLE] -= points
                    flows[month, EXPIRED] += points
                    movements += 1
                while pending_head < pending_tail and pending_days[pending_head] + PENDING_DAYS <= due:
                    points = pendings[pending_head]
                    lot_day = pending_days[pending_head] + LOT_DAYS
                    pending_head += 1
                    waiting_all -= points
                    activated += points
                    flows[month, PENDING] -= points
                    flows[month, ACTIVATED] += points
                    movements += 1
                    if arrears > 0:
                        repaid = min(points, arrears)
                        arrears -= repaid
                        points -= repaid
                        flows[month, ARREARS] -= repaid
                        movements += 1
                    if points > 0:
                        available += points
                        flows[month, AVAILABLE] += points
                        at = lot_tail
                        while at > lot_head and lot_days[at - 1] > lot_day:
                            at -= 1
                        if at > lot_head and lot_days[at - 1] == lot_day:
                            lots[at - 1] += points
                        else:
                            for place in range(lot_tail, at, -1):
                                lot_days[place] = lot_days[place - 1]
                                lots[place] = lots[place - 1]
                            lot_days[at] = lot_day
                            lots[at] = points
                            lot_tail += 1
                if movements != before:
                    entries += 1
                next_due = lot_days[lot_head] if lot_head < lot_tail else 1 << 30
                if pending_head < pending_tail:
                    next_due = min(next_due, pending_days[pending_head] + PENDING_DAYS)
            if row == end:
                break
            month = month_of[day - STARTS]
            kind = kinds[row]
            before = movements

            if kind == REDEEMING:
                asked = available * amounts[row] // 1_000_000
                if asked > 0:
                    left = asked
                    while left > 0 and lot_head < lot_tail:
                        part = min(left, lots[lot_head])
                        lots[lot_head] -= part
                        left -= part
                        movements += 1
                        if lots[lot_head] == 0:
                            lot_head += 1
                    taken = asked - left
                    available -= taken
                    redeemed += asked
                    flows[month, AVAILABLE] -= taken
                    flows[month, REDEEMED] += asked
                    if left > 0:
                        arrears += left
                        flows[month, ARREARS] += left
                        movements += 1
                    entries += 1
                continue

            # All events of one instant use the tier that stood before it.
            if ats[row] != last_at:
                last_at = ats[row]
                tier_before = tier
            earned = waiting = 0
            if kind == DEAL:
                amount = amounts[row]
                deals += 1
                sold += amount
                if amount >= 1_000_00:
                    points = amount // 100_00 * by[tier_before] // per[tier_before]
                    if base_month != month:
                        base_month = month
                        base_used = 0
                    points = min(points, 3_000 - base_used)
                    if points > 0:
                        base_used += points
                        waiting += points
                        rules[BASE, 0] += 1
                        rules[BASE, 1] += points
                        movements += 1
                if registereds[row]:
                    points = amount // 400_00
                    if registered_month != month:
                        registered_month = month
                        registered_used = 0
                    points = min(points, 500 - registered_used)
                    if points > 0:
                        registered_used += points
                        earned += points
                        rules[REGISTERED, 0] += 1
                        rules[REGISTERED, 1] += points
                        movements += 2 if earned - points < arrears else 1
                if month != streak_month:
                    streak = streak + 1 if month == streak_month + 1 else 1
                    streak_month = month
                    if streak % 3 == 0:
                        rules[RHYTHM, 0] += 1
                        rules[RHYTHM, 1] += 150
                        movements += 2 if earned < arrears else 1
                        earned += 150
                if amount >= 10_000_00:
                    points = 750 if amount >= 100_000_00 else 300 if amount >= 50_000_00 else 50
                    rules[SIZE, 0] += 1
                    rules[SIZE, 1] += points
                    movements += 2 if earned < arrears else 1
                    earned += points
                # The better of the two pushes; the loser uses up nothing.
                points = amount // 250_00 if fields[row] == CLOUD else 0
                if new_customers[row]:
                    if new_month != month:
                        new_month = month
                        new_used = 0
                    other = min(amount // 200_00, 400 - new_used)
                    if other > points:
                        new_used += other
                        waiting += other
                        rules[PUSH_NEW, 0] += 1
                        rules[PUSH_NEW, 1] += other
                        movements += 1
                        points = 0
                if points > 0:
                    waiting += points
                    rules[PUSH_CLOUD, 0] += 1
                    rules[PUSH_CLOUD, 1] += points
                    movements += 1
            elif kind == CERTIFIED:
                certificates += 1
                expert = fields[row] == EXPERT
                key = keys[row]
                highest_key = max(highest_key, key)
                if not seen[key]:
                    seen[key] = 1
                    points = 300 if expert else 100
                    rules[PASSED, 0] += 1
                    rules[PASSED, 1] += points
                    movements += 2 if arrears > 0 else 1
                    earned += points
                if expert:
                    points = 200 * by[tier_before] // per[tier_before]
                    if expert_month != month:
                        expert_month = month
                        expert_used = 0
                    points = min(points, 600 - expert_used)
                    if points > 0:
                        expert_used += points
                        rules[PASSED_EXPERT, 0] += 1
                        rules[PASSED_EXPERT, 1] += points
                        movements += 2 if earned < arrears else 1
                        earned += points
            else:
                attended += 1
                if day >= rested_day:
                    rested_day = day + COOLDOWN_DAYS
                    rules[MET, 0] += 1
                    rules[MET, 1] += 25
                    movements += 2 if arrears > 0 else 1
                    earned += 25
                if fields[row] == ON_SITE:
                    if on_site_month != month:
                        on_site_month = month
                        on_site_used = 0
                    points = min(40, 120 - on_site_used)
                    if points > 0:
                        on_site_used += points
                        rules[MET_ON_SITE, 0] += 1
                        rules[MET_ON_SITE, 1] += points
                        movements += 2 if earned < arrears else 1
                        earned += points

            if waiting > 0:
                waiting_all += waiting
                flows[month, PENDING] += waiting
                if pending_head < pending_tail and pending_days[pending_tail - 1] == day:
                    pendings[pending_tail - 1] += waiting
                else:
                    pending_days[pending_tail] = day
                    pendings[pending_tail] = waiting
                    pending_tail += 1
                    next_due = min(next_due, day + PENDING_DAYS)
            if earned > 0:
                kept = earned
                if arrears > 0:
                    repaid = min(earned, arrears)
                    arrears -= repaid
                    kept -= repaid
                    flows[month, ARREARS] -= repaid
                if kept > 0:
                    # What is earned now expires last.
                    available += kept
                    flows[month, AVAILABLE] += kept
                    if lot_head < lot_tail and lot_days[lot_tail - 1] == day + LOT_DAYS:
                        lots[lot_tail - 1] += kept
                    else:
                        lot_days[lot_tail] = day + LOT_DAYS
                        lots[lot_tail] = kept
                        lot_tail += 1
                        next_due = min(next_due, day + LOT_DAYS)
            earned += waiting
            if earned > 0:
                issued += earned
                flows[month, ISSUED] += earned
                funds[month, tier, 0] += earned
                earned_so_far += earned
                if earned_so_far >= needs[tier]:
                    old = tier
                    while earned_so_far >= needs[tier]:
                        tier += 1
                    moves[month, old, tier] += 1
                    movements += 2 if old > 0 else 1
            if movements != before:
                entries += 1

        cells[partner, ISSUED] = issued
        cells[partner, ACTIVATED] = activated
        cells[partner, EXPIRED] = expired
        cells[partner, REDEEMED] = redeemed
        cells[partner, AVAILABLE] = available
        cells[partner, PENDING] = waiting_all
        cells[partner, ARREARS] = arrears
        tiers[partner] = tier
        events[partner, DEAL] = deals
        events[partner, CERTIFIED] = certificates
        events[partner, ATTENDED] = attended
        sums[partner, DEAL] = sold
        for place in range(lot_head, lot_tail):
            outstanding[month_of[lot_days[place] - STARTS]] += lots[place]
        for place in range(pending_head, pending_tail):
            outstanding[month_of[pending_days[place] + LOT_DAYS - STARTS]] += pendings[place]
        for key in range(highest_key + 1):
            seen[key] = 0
    counts[0] += entries
    counts[1] += 2 * movements
