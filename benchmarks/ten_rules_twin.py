"""
The ten-rule programme written by hand: what somebody would write who needs this one programme, and fast.

One loop over a partner's items, the state in local variables, numbers in the code. It does what the generated step
does for ``programmes/ten_rules.yaml`` and gives the same movements; a test holds the two together. What it leaves out
is what the programme file leaves open: refunds, grace, manual tiers, other periods.
"""

# An if costs a fraction of a call of min().
# ruff: noqa: PLR1730

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Sequence

from benchmarks.ten_rules import Encoded, PartnerHistory
from loyalty.core.calendar import FIRST_DAY, NEVER, month_tables, parse_day
from loyalty.ledger.store import Grant
from loyalty.settlement.generate import Steps
from loyalty.settlement.journal import Movement
from loyalty.settlement.layout import ACTIVATION, EXPIRY, PROMOTION, REDEEM
from loyalty.settlement.runtime import (
    ARREARS,
    AVAILABLE,
    EXPIRED,
    ISSUED,
    PENDING,
    PROGRAMME_STANDING,
    REDEEMED,
    STANDING,
)

#: (kind, day, instant, then what the kind needs): a deal's amount, product, registered, new customer; a certificate's
#: key and level; an attended event's format; a redemption's amount.
Item = tuple[int, int, int, int, int, int, int]

#: The step numbers kinds in the order of their names.
CERTIFIED, DEAL, ATTENDED, REDEEMING = 0, 1, 2, -1
CLOUD, EXPERT, ON_SITE = 1, 1, 1
STARTS = parse_day("2025-01-01")
PENDING_DAYS = 30
#: The last usable day is 365 days after earning, so the lot goes on the day after it.
LOT_DAYS = 366
COOLDOWN_DAYS = 7
#: Points earned so far that each tier after base needs, and what each tier multiplies by.
TIER_NEEDS = (2_000, 10_000, 40_000, 2**63)
MULTIPLIERS = ((1, 1), (11, 10), (5, 4), (3, 2))


def twin_items(history: PartnerHistory, encoded: Encoded) -> list[Item]:
    """Give the items of the step as the tuples that the loop reads; certificates are interned here."""
    certificates: dict[tuple[object, ...], int] = {}
    items: list[Item] = []
    for what, e in zip(history.items(), encoded.items, strict=True):
        if isinstance(what, Grant):
            items.append((REDEEMING, e.day, e.instant, e.amount, 0, 0, 0))
        elif e.kind == DEAL:
            items.append((DEAL, e.day, e.instant, e.f_amount, e.f_product, int(e.f_registered), int(e.f_new_customer)))
        elif e.kind == CERTIFIED:
            fields = what.event.fields
            key = (what.event.person, fields["track"], fields["level"])
            number = certificates.setdefault(key, len(certificates))
            items.append((CERTIFIED, e.day, e.instant, number, e.f_level, 0, 0))
        else:
            items.append((ATTENDED, e.day, e.instant, e.f_format, 0, 0, 0))
    return items


class Twin:
    """The hand-written loop; *steps* gives the numbers under which movements name rules and tiers."""

    def __init__(self, steps: Steps) -> None:
        self._codes = steps.names.label_code
        self._base_tier = steps.names.tier_asset

    def settle(self, items: Sequence[Item]) -> list[Movement]:
        """Settle one partner's items from the start, and give its movements."""
        codes = self._codes
        attended, attended_on_site = codes["attended"], codes["attended-on-site"]
        certified, certified_expert = codes["certified"], codes["certified-expert"]
        deal_base, deal_registered = codes["deal-base"], codes["deal-registered"]
        deal_rhythm, deal_size = codes["deal-rhythm"], codes["deal-size"]
        push_cloud, push_new_customer = codes["push-cloud"], codes["push-new-customer"]
        expiry, activation, promotion, redeem = codes[EXPIRY], codes[ACTIVATION], codes[PROMOTION], codes[REDEEM]
        base_tier = self._base_tier
        month_of = month_tables()[0]

        moved: list[Movement] = []
        put = moved.append
        pending: deque[list[int]] = deque()  # [day of earning, points], in order.
        lots: dict[int, int] = {}  # Points by expiry day; the days stand sorted beside it.
        lot_days: list[int] = []
        next_due = NEVER
        arrears = earned_so_far = 0
        tier = tier_before = 0
        last_instant = -1
        # Points used of each monthly cap, in the month in which it was used last.
        base_month = registered_month = new_customer_month = expert_month = on_site_month = -1
        base_used = registered_used = new_customer_used = expert_used = on_site_used = 0
        streak_month = streak = 0
        certificates: set[int] = set()
        rested_day = 0

        def credit(label: int, source: int, points: int, lot_day: int, at: int) -> None:
            """Pay into available; arrears are repaid first."""
            nonlocal arrears
            put((label, 0, source, AVAILABLE, points, lot_day, at))
            if arrears:
                repaid = min(points, arrears)
                put((label, 0, AVAILABLE, ARREARS, repaid, lot_day, at))
                arrears -= repaid
                points -= repaid
                if not points:
                    return
            if lot_day in lots:
                lots[lot_day] += points
            else:
                lots[lot_day] = points
                insort(lot_days, lot_day)

        for kind, day, instant, a, b, c, d in items:
            while day >= next_due:
                due = next_due
                while lot_days and lot_days[0] <= due:
                    lot_day = lot_days.pop(0)
                    put((expiry, 0, AVAILABLE, EXPIRED, lots.pop(lot_day), lot_day, due))
                while pending and pending[0][0] + PENDING_DAYS <= due:
                    earned_day, points = pending.popleft()
                    credit(activation, PENDING, points, earned_day + LOT_DAYS, due)
                next_due = lot_days[0] if lot_days else NEVER
                if pending:
                    next_due = min(next_due, pending[0][0] + PENDING_DAYS)

            if kind == REDEEMING:
                left = a
                while left and lot_days:
                    lot_day = lot_days[0]
                    held = lots[lot_day]
                    if held > left:
                        lots[lot_day] = held - left
                        put((redeem, 0, AVAILABLE, REDEEMED, left, lot_day, -1))
                        left = 0
                    else:
                        put((redeem, 0, AVAILABLE, REDEEMED, held, lot_day, -1))
                        left -= held
                        del lots[lot_day], lot_days[0]
                if left:
                    arrears += left
                    put((redeem, 0, ARREARS, REDEEMED, left, NEVER, -1))
                continue

            # All events of one instant use the tier that stood before it.
            if instant != last_instant:
                last_instant = instant
                tier_before = tier
            if day < STARTS:
                continue
            month = month_of[day - FIRST_DAY]
            lot_day = day + LOT_DAYS
            earned = 0

            if kind == DEAL:
                waiting = 0
                if a >= 1_000_00:
                    by, per = MULTIPLIERS[tier_before]
                    points = a // 100_00 * by // per
                    if base_month != month:
                        base_month = month
                        base_used = 0
                    if points > 3_000 - base_used:
                        points = 3_000 - base_used
                    if points:
                        base_used += points
                        waiting = points
                        put((deal_base, 0, ISSUED, PENDING, points, lot_day, -1))
                if c:
                    points = a // 400_00
                    if registered_month != month:
                        registered_month = month
                        registered_used = 0
                    if points > 500 - registered_used:
                        points = 500 - registered_used
                    if points:
                        registered_used += points
                        earned += points
                        credit(deal_registered, ISSUED, points, lot_day, -1)
                if month != streak_month:
                    streak = streak + 1 if month == streak_month + 1 else 1
                    streak_month = month
                    if streak % 3 == 0:
                        earned += 150
                        credit(deal_rhythm, ISSUED, 150, lot_day, -1)
                if a >= 10_000_00:
                    points = 750 if a >= 100_000_00 else 300 if a >= 50_000_00 else 50
                    earned += points
                    credit(deal_size, ISSUED, points, lot_day, -1)
                # The better of the two pushes; the loser uses up nothing.
                points = a // 250_00 if b == CLOUD else 0
                if d:
                    if new_customer_month != month:
                        new_customer_month = month
                        new_customer_used = 0
                    other = min(a // 200_00, 400 - new_customer_used)
                    if other > points:
                        new_customer_used += other
                        waiting += other
                        put((push_new_customer, 0, ISSUED, PENDING, other, lot_day, -1))
                        points = 0
                if points:
                    waiting += points
                    put((push_cloud, 0, ISSUED, PENDING, points, lot_day, -1))
                if waiting:
                    earned += waiting
                    if pending and pending[-1][0] == day:
                        pending[-1][1] += waiting
                    else:
                        pending.append([day, waiting])
                        if day + PENDING_DAYS < next_due:
                            next_due = day + PENDING_DAYS

            elif kind == CERTIFIED:
                if a not in certificates:
                    certificates.add(a)
                    points = 300 if b == EXPERT else 100
                    earned = points
                    credit(certified, ISSUED, points, lot_day, -1)
                if b == EXPERT:
                    by, per = MULTIPLIERS[tier_before]
                    points = 200 * by // per
                    if expert_month != month:
                        expert_month = month
                        expert_used = 0
                    if points > 600 - expert_used:
                        points = 600 - expert_used
                    if points:
                        expert_used += points
                        earned += points
                        credit(certified_expert, ISSUED, points, lot_day, -1)

            else:
                if day >= rested_day:
                    rested_day = day + COOLDOWN_DAYS
                    earned = 25
                    credit(attended, ISSUED, 25, lot_day, -1)
                if a == ON_SITE:
                    if on_site_month != month:
                        on_site_month = month
                        on_site_used = 0
                    points = min(40, 120 - on_site_used)
                    if points:
                        on_site_used += points
                        earned += points
                        credit(attended_on_site, ISSUED, points, lot_day, -1)

            if earned:
                if lot_day < next_due:
                    next_due = lot_day
                earned_so_far += earned
                if earned_so_far >= TIER_NEEDS[tier]:
                    before = tier
                    while earned_so_far >= TIER_NEEDS[tier]:
                        tier += 1
                    if before:
                        put((promotion, base_tier + before, STANDING, PROGRAMME_STANDING, 1, NEVER, -1))
                    put((promotion, base_tier + tier, PROGRAMME_STANDING, STANDING, 1, NEVER, -1))
        return moved
