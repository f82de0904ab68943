"""
The auditor against numbers computed by hand, from which everything else is judged.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from loyalty.core.amounts import Rounding
from loyalty.core.calendar import NEVER, Duration, Period
from loyalty.core.events import Event
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.mdf.declaration import Allotment
from loyalty.programme.model import Clawback, EventKind, RefundPolicy, Role, TierOnRefund
from loyalty.rules.declaration import (
    BandMode,
    ByField,
    ByTier,
    Campaign,
    Cap,
    Cooldown,
    Fixed,
    Group,
    Multiplier,
    OnEnd,
    Pending,
    Rate,
    Roundings,
    Streak,
    Subject,
    Take,
    Validity,
)
from loyalty.rules.expressions import BOOL, INT, Interval, Symbol, compile_expression
from loyalty.tiers.declaration import Landing, Measure, Promote, Review, Window, WindowKind
from tests.auditor import audit
from tests.auditor.building import (
    ACME,
    ANNA,
    EUR,
    KINDS,
    badge,
    bands,
    day,
    event,
    expression,
    fixed,
    instant,
    ladder,
    metric,
    passed,
    points,
    programme,
    redeem,
    refunded,
    refunds,
    rule,
    won,
)
from tests.auditor.looking import available, tiers, wallet

CALENDAR_YEAR = Window(kind=WindowKind.CALENDAR, period=Period.YEAR)
YEAR_STATUS = metric("earned", Measure.EARNED, CALENDAR_YEAR, currency="status")
CERTIFIED = metric(
    "certified",
    Measure.DISTINCT,
    Window(kind=WindowKind.NOW),
    kind="certification.passed",
    by=Subject.PERSON,
    while_not_ended=True,
)
STATUS_RULE = rule("status", partner={"status": Rate(amount=1, per=100 * EUR)})


# Lots, expiry and pending


def test_a_lot_lasts_to_the_end_of_the_month_that_its_duration_ends_in():
    """31 December + 2 months is 28 February, so that the lot lives through February and is gone on 1 March."""
    terms = programme(rule(), currencies=points("2 months", Period.MONTH))
    result = audit(terms, [won("D", "2025-12-31", 1000)], until_day=day("2026-03-01"))
    assert available(result, "2025-12-30", "2025-12-31", "2026-02-28", "2026-03-01") == [0, 10, 10, 0]
    assert result.transfers[0].lot_day == day("2026-03-01")


def test_the_last_usable_day_is_the_date_plus_the_duration():
    """A lot of 30 days earned on 1 January can be used on 31 January and not on 1 February."""
    terms = programme(rule(), currencies=points("30 days"))
    result = audit(terms, [won("D", "2026-01-01", 1000)], until_day=day("2026-02-01"))
    assert available(result, "2026-01-31", "2026-02-01") == [10, 0]


def test_a_redemption_takes_the_soonest_expiry_first():
    """After 12 of 10 + 10 were spent, the second lot has 8 left and the first nothing that could expire."""
    terms = programme(rule(), currencies=points("30 days"))
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-10", 1000)]
    result = audit(terms, deals, [redeem("R", "2026-01-20", 12)], until_day=day("2026-02-10"))
    assert available(result, "2026-01-20", "2026-02-01", "2026-02-09", "2026-02-10") == [8, 8, 8, 0]
    assert result.balance(ACME, "redeemed", "points", day("2026-02-10")) == 12


def test_redemptions_of_one_instant_stand_in_the_order_of_recording():
    """Of 10 points the one recorded first takes 7, and the other owes the rest, whatever their keys."""
    grants = [redeem("Z", "2026-01-02", 7), redeem("A", "2026-01-02", 7)]
    result = audit(programme(rule()), [won("D", "2026-01-01", 1000)], grants, until_day=day("2026-01-02"))
    assert [(t.cause, t.frm, t.amount) for t in result.transfers if t.to == "redeemed"] == [
        ("command:Z", "available", 7),
        ("command:A", "available", 3),
        ("command:A", "arrears", 4),
    ]


def test_pending_points_mature_at_the_start_of_date_plus_duration():
    """Points of 3 February pending for 30 days are available on 5 March; expiry counts from earning."""
    terms = programme(
        rule(pending={"points": Pending(duration=Duration.parse("30 days"))}), currencies=points("60 days")
    )
    result = audit(terms, [won("D", "2026-02-03", 1000)], until_day=day("2026-04-05"))
    dates = ("2026-03-04", "2026-03-05", "2026-04-04", "2026-04-05")
    assert [wallet(result, at) for at in dates] == [(10, 0, 0), (0, 10, 0), (0, 10, 0), (0, 0, 0)]


@pytest.mark.parametrize("pending_for", ["30 days", "11 days"])
def test_what_is_pending_on_its_expiry_day_expires_from_pending(pending_for: str):
    """With 10 days to live it is gone on 12 January, before what matures on that day does, or would later."""
    terms = programme(
        rule(pending={"points": Pending(duration=Duration.parse(pending_for))}), currencies=points("10 days")
    )
    result = audit(terms, [won("D", "2026-01-01", 1000)], until_day=day("2026-02-01"))
    assert [(t.frm, t.to, t.rule) for t in result.transfers] == [
        ("issued", "pending", "deal-base"),
        ("pending", "expired", "@expiry"),
    ]
    assert [wallet(result, at) for at in ("2026-01-11", "2026-01-12")] == [(10, 0, 0), (0, 0, 0)]


def test_a_follow_matures_what_waits_for_it():
    """Two deals wait for their invoices; the invoice of one makes only its points available, on its own day."""
    waits = rule(pending={"points": Pending(until_kind="invoice.paid")})
    paid = event("invoice.paid", "I", "2026-03-01", of="A")
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-02", 500)]
    result = audit(programme(waits, currencies=points("90 days")), [*deals, paid], until_day=day("2026-04-03"))
    assert wallet(result, "2026-02-28") == (15, 0, 0)
    assert wallet(result, "2026-03-01") == (5, 10, 0)
    assert wallet(result, "2026-04-03") == (0, 0, 0), "what is pending expires on its day as well"
    assert {t.cause for t in result.transfers if t.frm == "pending" and t.to == "available"} == {"/I"}


# Awards


@pytest.mark.parametrize(("mode", "expected"), [(BandMode.WHOLE_SLAB, 30), (BandMode.MARGINAL, 20)])
def test_bands_pay_the_whole_at_one_rate_or_each_slice_at_its_own(mode: BandMode, expected: int):
    """1,500 EUR with 1 point per 100 EUR below 1,000 and 2 from there: 15 x 2, or 10 x 1 + 5 x 2."""
    terms = programme(rule(partner={"points": bands(mode, (0, 1), (1000, 2))}))
    assert (
        wallet(audit(terms, [won("D", "2026-01-01", 1500)], until_day=day("2026-01-01")), "2026-01-01")[1] == expected
    )


def test_each_rounding_is_the_named_one():
    """850 / 100 is 8.5: rounded up to 9, times 1.5 is 13.5, of which half to even makes 14."""
    terms = programme(
        rule(
            multiply={"points": (Multiplier(constant=Fraction(3, 2)),)},
            round=Roundings(rate=Rounding.UP, multiply=Rounding.HALF_EVEN),
        )
    )
    assert available(audit(terms, [won("D", "2026-01-01", 850)], until_day=day("2026-01-01")), "2026-01-01") == [14]


def test_a_rate_has_a_floor_and_a_ceiling_and_nothing_for_nothing():
    """At least 5 and at most 20 points, but 0 for a measure of 0."""
    terms = programme(rule(partner={"points": Rate(amount=1, per=100 * EUR, at_least=5, at_most=20)}))
    for euros, expected in ((100, 5), (1000, 10), (9000, 20), (0, 0)):
        result = audit(terms, [won("D", "2026-01-01", euros)], until_day=day("2026-01-01"))
        assert available(result, "2026-01-01") == [expected]


def test_a_tier_that_is_not_named_gets_the_next_lower_ones_award():
    """Gold is not named and gets silver's 7 points; base, below silver, gets nothing."""
    award = ByTier(awards={"silver": Fixed(amount=7)})
    terms = programme(
        rule(partner={"points": award}),
        metrics=[metric("deals", Measure.COUNT, kind="deal.won")],
        ladder=ladder(("silver", "deals >= 10"), ("gold", "deals >= 1")),
    )
    deals = [won("A", "2026-01-01", 1), won("B", "2026-01-02", 1)]
    assert available(audit(terms, deals, until_day=day("2026-01-02")), "2026-01-01", "2026-01-02") == [0, 7]


def test_an_award_and_a_multiplier_go_by_a_fields_value():
    """An expert gets 20 x 1.5, an associate the award of values that are not named."""
    award = ByField(field="level", awards={"expert": Fixed(amount=20)}, otherwise=Fixed(amount=4))
    factor = Multiplier(field="level", table={"expert": Fraction(3, 2)})
    terms = programme(rule("cert", "certification.passed", partner={"points": award}, multiply={"points": (factor,)}))
    result = audit(
        terms,
        [passed("A", "2026-01-01", "anna", "expert"), passed("B", "2026-01-02", "bo")],
        until_day=day("2026-01-02"),
    )
    assert available(result, "2026-01-01", "2026-01-02") == [30, 34]


# Bounds and stacking


def test_a_cap_binds_in_part_and_begins_anew_with_the_quarter():
    """Of 10 + 10 a cap of 15 leaves 15; the first deal of the next quarter has its full 10."""
    terms = programme(rule(caps=(Cap(currency="points", amount=15, per=(Period.QUARTER,)),)))
    deals = [won("A", "2026-03-30", 1000), won("B", "2026-03-31", 1000), won("C", "2026-04-01", 1000)]
    result = audit(terms, deals, until_day=day("2026-04-01"))
    assert available(result, "2026-03-30", "2026-03-31", "2026-04-01") == [10, 15, 25]


def test_a_year_can_start_in_any_month():
    """With years from July, a yearly cap begins anew on 1 July and a quarterly one on 1 October."""
    deals = [won(str(i), at, 1000) for i, at in enumerate(("2026-06-30", "2026-07-01", "2026-09-30", "2026-10-01"))]
    for period, expected in ((Period.YEAR, 20), (Period.QUARTER, 30)):
        terms = programme(rule(caps=(Cap(currency="points", amount=10, per=(period,)),)), year_starts_month=7)
        assert available(audit(terms, deals, until_day=day("2026-10-01")), "2026-10-01") == [expected]


def test_a_refund_returns_headroom_to_the_original_period_for_later_events():
    """With a cap of 15, the refund of the first 10 lets the third deal have 10; the second stays cut at 5."""
    terms = programme(rule(caps=(Cap(currency="points", amount=15, per=(Period.YEAR,)),)))
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-02", 1000), won("C", "2026-01-04", 2000)]
    result = audit(terms, [*deals, refunded("R", "2026-01-03", "A")], until_day=day("2026-01-04"))
    assert available(result, "2026-01-02", "2026-01-03", "2026-01-04") == [15, 5, 15]


def test_once_per_pays_each_key_once():
    """Each person and level pays once; the same again does not, another person does."""
    once = rule("cert", "certification.passed", partner=fixed(points=500), once_per=(Subject.PERSON, "level"))
    events = [
        passed("A", "2026-01-01", "anna"),
        passed("B", "2026-01-02", "anna"),
        passed("C", "2026-01-03", "anna", "expert"),
        passed("D", "2026-01-04", "bo"),
    ]
    result = audit(programme(once), events, until_day=day("2026-01-04"))
    assert available(result, "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04") == [500, 500, 1000, 1500]


def test_a_cooldown_in_days_counts_dates_and_one_in_hours_counts_instants():
    """Seven days after a payment late in the evening the next may come early; 24 hours are 24 hours."""
    deals = [won("A", "2026-01-01T23:00", 1000), won("B", "2026-01-02T22:59", 1000), won("C", "2026-01-08T00:00", 1000)]
    for length, expected in (("7 days", [10, 10, 20]), ("24 hours", [10, 10, 20]), ("23 hours", [10, 20, 30])):
        terms = programme(rule(cooldown=Cooldown(length=Duration.parse(length))))
        result = audit(terms, deals, until_day=day("2026-01-08"))
        assert available(result, "2026-01-01", "2026-01-02", "2026-01-08") == expected


@pytest.mark.parametrize(("repeat", "sixth_month"), [(False, 0), (True, 9)])
def test_a_streak_pays_at_the_event_that_completes_it(repeat: bool, sixth_month: int):
    """Three months in a row pay 9, and the sixth pays again if it repeats; after a gap of a month it begins anew."""
    streak = Streak(every=Period.MONTH, length=3, repeat=repeat)
    terms = programme(rule(partner=fixed(points=9), streak=streak))
    first = ["2026-01-05", "2026-01-20", "2026-02-01", "2026-03-30", "2026-03-31", "2026-04-01", "2026-05-01"]
    later = ["2026-06-01", "2026-08-01", "2026-09-01", "2026-10-01"]
    result = audit(terms, [won(at, at, 1000) for at in [*first, *later]], until_day=day("2026-10-01"))
    assert available(result, *first) == [0, 0, 0, 9, 9, 9, 9]
    assert available(result, *later) == [9 + sixth_month, 9 + sixth_month, 9 + sixth_month, 18 + sixth_month]


def test_the_losers_of_a_group_consume_nothing():
    """The better rule's cap lets it win once; then the other wins, whose cap is untouched until then."""
    best = rule("a-big", partner=fixed(points=50), group="g", caps=(Cap(currency="points", amount=60),))
    other = rule("b-small", partner=fixed(points=20), group="g", caps=(Cap(currency="points", amount=20),))
    terms = programme(best, other, groups=[Group(name="g", take=Take.BEST, by="points")])
    deals = [won("A", "2026-01-01", 1), won("B", "2026-01-02", 1), won("C", "2026-01-03", 1)]
    result = audit(terms, deals, until_day=day("2026-01-03"))
    assert available(result, "2026-01-01", "2026-01-02", "2026-01-03") == [50, 70, 80]
    assert [t.rule for t in result.transfers] == ["a-big", "b-small", "a-big"]


def test_the_first_of_a_group_is_the_first_that_would_pay():
    """The first by priority pays until its cap is reached; then the second does."""
    first = rule("z", partner=fixed(points=5), group="g", priority=1, caps=(Cap(currency="points", amount=5),))
    second = rule("a", partner=fixed(points=7), group="g", priority=2)
    terms = programme(first, second, groups=[Group(name="g", take=Take.FIRST)])
    deals = [won("A", "2026-01-01", 1), won("B", "2026-01-02", 1)]
    assert available(audit(terms, deals, until_day=day("2026-01-02")), "2026-01-01", "2026-01-02") == [5, 12]


def test_a_campaign_has_its_own_dates_and_a_cap_that_its_rules_share():
    """Two rules of 10 each share 15 on the campaign's only day."""
    only = Validity(first_day=day("2026-01-02"), last_day=day("2026-01-02"))
    campaign = Campaign(name="c", valid=only, caps=(Cap(currency="points", amount=15),))
    terms = programme(rule("a", campaign="c"), rule("b", campaign="c"), campaigns=[campaign])
    deals = [won(at, at, 1000) for at in ("2026-01-01", "2026-01-02", "2026-01-03")]
    result = audit(terms, deals, until_day=day("2026-01-03"))
    assert available(result, "2026-01-01", "2026-01-02", "2026-01-03") == [0, 15, 15]


# Refunds, ends and voids


def test_three_partial_refunds_do_not_drift():
    """100 EUR at 1 per 7 EUR times 1.5 are 21; 67 EUR are 13, 34 EUR are 6; what exceeds the rest is cut."""
    terms = programme(
        rule(
            partner={"points": Rate(amount=1, per=7 * EUR)}, multiply={"points": (Multiplier(constant=Fraction(3, 2)),)}
        )
    )
    parts = [refunded("R1", "2026-01-02", "D", 33), refunded("R2", "2026-01-03", "D", 33)]
    last = refunded("R3", "2026-01-04", "D", 50)
    result = audit(terms, [won("D", "2026-01-01", 100), *parts, last], until_day=day("2026-01-04"))
    assert available(result, "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04") == [21, 13, 6, 0]


def test_what_a_refund_cannot_take_is_owed_and_repaid_by_the_next_credit():
    """10 were spent, so that the refund is owed; of the next 25 points 10 repay it."""
    deals = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-03", "A"), won("B", "2026-01-04", 2500)]
    result = audit(programme(rule()), deals, [redeem("K", "2026-01-02", 10)], until_day=day("2026-01-04"))
    assert wallet(result, "2026-01-03") == (0, 0, -10)
    assert wallet(result, "2026-01-04") == (0, 15, 0)
    repaid = [t for t in result.transfers if t.to == "arrears"]
    assert [(t.frm, t.amount, t.cause, t.rule) for t in repaid] == [("available", 10, "/B", "deal-base")]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Clawback.KEEP, (0, 6, 0)),
        (Clawback.PENDING_ONLY, (0, 6, 0)),
        (Clawback.WITHIN_BALANCE, (0, 0, 0)),
        (Clawback.ARREARS, (0, 0, -4)),
    ],
)
def test_a_policy_says_how_far_a_refund_reaches(policy: Clawback, expected: tuple[int, int, int]):
    """10 were earned and 4 of them spent before the whole is refunded."""
    terms = programme(rule(), refunds=refunds(points=policy))
    events = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-03", "A")]
    result = audit(terms, events, [redeem("K", "2026-01-02", 4)], until_day=day("2026-01-03"))
    assert wallet(result, "2026-01-03") == expected


def test_a_refund_takes_its_own_lot_before_those_that_expire_sooner():
    """The refund of the later deal leaves the earlier lot to expire on its day."""
    terms = programme(rule(), currencies=points("30 days"))
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-10", 1000), refunded("R", "2026-01-11", "B", 400)]
    result = audit(terms, deals, until_day=day("2026-02-10"))
    assert available(result, "2026-01-11", "2026-02-01", "2026-02-10") == [16, 6, 0]


def test_a_refund_of_an_expired_lot_leaves_the_wallet():
    """The deal's points expired, so that they come back from what has expired; the other lot stays."""
    terms = programme(rule(), currencies=points("30 days"))
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-20", 500), refunded("R", "2026-02-01", "A")]
    result = audit(terms, deals, until_day=day("2026-02-01"))
    assert wallet(result, "2026-02-01") == (0, 5, 0)
    assert result.balance(ACME, "expired", "points", day("2026-02-01")) == 0


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Clawback.PENDING_ONLY, ((0, 5, 0), -6)),
        (Clawback.WITHIN_BALANCE, ((0, 1, 0), 0)),
        (Clawback.ARREARS, ((0, 1, 0), 0)),
    ],
)
def test_what_was_spent_before_its_lot_expired_is_taken_from_other_lots(
    policy: Clawback, expected: tuple[tuple[int, int, int], int]
):
    """Of 10 points 4 were spent and 6 expired: the refund takes the 6 from what expired, and 4 of the other 5."""
    terms = programme(rule(), currencies=points("30 days"), refunds=refunds(points=policy))
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-20", 500), refunded("R", "2026-02-01", "A")]
    result = audit(terms, deals, [redeem("K", "2026-01-02", 4)], until_day=day("2026-02-01"))
    assert wallet(result, "2026-02-01") == expected[0]
    assert -result.balance(ACME, "expired", "points", day("2026-02-01")) == expected[1]


def test_what_expired_on_one_day_is_one_pool():
    """20 expired but for 15 that were spent: two refunds of 10 take the 5 once, and the rest is owed."""
    terms = programme(rule(), currencies=points("30 days"))
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-01", 1000)]
    backs = [refunded("R", "2026-02-01", "A"), refunded("S", "2026-02-02", "B")]
    result = audit(terms, [*deals, *backs], [redeem("K", "2026-01-02", 15)], until_day=day("2026-02-02"))
    assert [wallet(result, at)[2] for at in ("2026-01-31", "2026-02-01", "2026-02-02")] == [0, -5, -15]


def test_a_refund_takes_its_own_pending_points():
    """4 of 10 pending points are taken back, and 6 mature."""
    terms = programme(rule(pending={"points": Pending(duration=Duration.parse("30 days"))}))
    result = audit(
        terms, [won("A", "2026-01-01", 1000), refunded("R", "2026-01-02", "A", 400)], until_day=day("2026-01-31")
    )
    assert wallet(result, "2026-01-02") == (6, 0, 0)
    assert wallet(result, "2026-01-31") == (0, 6, 0)


def test_a_refund_after_its_horizon_does_nothing():
    """Within 30 days means through the date + 30."""
    terms = programme(rule(), refunds=refunds(within="30 days"))
    for at, expected in (("2026-01-31", 0), ("2026-02-01", 10)):
        result = audit(terms, [won("A", "2026-01-01", 1000), refunded("R", at, "A")], until_day=day(at))
        assert available(result, at) == [expected]


def test_a_refund_that_comes_before_its_deal_waits_for_it():
    """It counts as happening at the deal's instant; one whose deal never comes does nothing."""
    early, lost = refunded("R", "2026-01-01", "A", 400), refunded("S", "2026-01-01", "none")
    result = audit(programme(rule()), [early, lost, won("A", "2026-01-05", 1000)], until_day=day("2026-01-05"))
    assert available(result, "2026-01-04", "2026-01-05") == [0, 6]
    assert {t.effective_at for t in result.transfers} == {instant("2026-01-05")}


def test_a_void_makes_it_never_happened():
    """Whatever its own time, the voided deal and its refund are gone, and the books equal those without them."""
    others = [won("B", "2026-01-02", 700), won("C", "2026-01-04", 2000)]
    gone = [
        won("A", "2026-01-01", 1000),
        refunded("R", "2026-01-03", "A", 300),
        event("void", "V", "2025-06-01", of="A"),
    ]
    terms = programme(rule(caps=(Cap(currency="points", amount=15),)))
    result = audit(terms, [*others, *gone], until_day=day("2026-01-04"))
    assert result.netted() == audit(terms, others, until_day=day("2026-01-04")).netted()


def test_a_certification_counts_while_it_is_in_force():
    """Two passes of one key are one; after its end it counts no more, and passing again counts again."""
    events = [
        passed("A", "2026-01-01", "anna"),
        passed("B", "2026-01-02", "anna"),
        passed("C", "2026-01-03", "bo"),
        passed("X", "2026-02-01", "anna", kind="certification.expired"),
        passed("D", "2026-03-01", "anna"),
    ]
    two = Review(every=Period.MONTH)
    terms = programme(metrics=[CERTIFIED], ladder=ladder(("gold", "certified >= 2"), review=two))
    result = audit(terms, events, until_day=day("2026-03-02"))
    assert tiers(result, "2026-01-02", "2026-01-03", "2026-02-28", "2026-03-01") == ["base", "gold", "gold", "gold"]
    assert [(t.asset, t.rule) for t in result.transfers] == [
        ("tier.gold", "@promotion"),
        ("tier.gold", "@review"),
        ("tier.gold", "@promotion"),
    ]


def test_an_end_can_take_the_award_back():
    """With on_end reverse, both passes of the ended key lose their 500, and the other person's stays."""
    reversing = rule("cert", "certification.passed", partner=fixed(points=500), on_end=OnEnd.REVERSE)
    events = [
        passed("A", "2026-01-01", "anna"),
        passed("B", "2026-01-02", "anna"),
        passed("C", "2026-01-03", "bo"),
        passed("X", "2026-02-01", "anna", kind="certification.expired"),
    ]
    result = audit(programme(reversing), events, until_day=day("2026-02-01"))
    assert available(result, "2026-01-31", "2026-02-01") == [1500, 500]


# Tiers


def test_a_missed_tier_is_kept_through_the_grace_and_lands_one_tier_down():
    """Gold of 2026 is missed in 2027: reviewed on 1 January 2028, kept for 90 days, silver from 31 March 2028."""
    review = Review(every=Period.YEAR, grace=Duration.parse("90 days"), landing=Landing.ONE_TIER_DOWN, floor="silver")
    steps = ladder(("silver", "earned >= 50"), ("gold", "earned >= 100"), review=review)
    terms = programme(STATUS_RULE, metrics=[YEAR_STATUS], ladder=steps)
    result = audit(terms, [won("A", "2026-06-01", 10_000)], until_day=day("2030-12-31"))
    assert tiers(result, "2026-05-31", "2026-06-01", "2027-12-31", "2028-03-30", "2028-03-31") == [
        *("base", "gold", "gold", "gold", "silver"),
    ]
    assert tiers(result, "2030-12-31") == ["silver"], "the floor"


def test_what_is_earned_in_the_grace_saves_the_tier():
    """The 100 of 2028 come before the grace of the missed 2027 ends, so that nothing is lost."""
    review = Review(every=Period.YEAR, grace=Duration.parse("90 days"))
    terms = programme(STATUS_RULE, metrics=[YEAR_STATUS], ladder=ladder(("gold", "earned >= 100"), review=review))
    deals = [won("A", "2026-06-01", 10_000), won("B", "2028-03-30", 10_000)]
    result = audit(terms, deals, until_day=day("2028-12-31"))
    assert len([t for t in result.transfers if t.asset == "tier.gold"]) == 1


def test_without_grace_one_lands_by_score_at_the_review():
    """Gold falls through silver to base, since 2027 had nothing."""
    steps = ladder(("silver", "earned >= 50"), ("gold", "earned >= 100"), review=Review(every=Period.YEAR))
    terms = programme(STATUS_RULE, metrics=[YEAR_STATUS], ladder=steps)
    result = audit(terms, [won("A", "2026-06-01", 10_000)], until_day=day("2028-01-01"))
    assert tiers(result, "2027-12-31", "2028-01-01") == ["gold", "base"]


def test_promotion_can_wait_for_the_review():
    """The 100 of March give gold on 1 April, the next quarter's review, since the year's sum still holds."""
    review = Review(every=Period.QUARTER)
    steps = ladder(("gold", "earned >= 100"), review=review, promote=Promote.AT_REVIEW)
    terms = programme(STATUS_RULE, metrics=[YEAR_STATUS], ladder=steps)
    result = audit(terms, [won("A", "2026-03-05", 10_000)], until_day=day("2026-04-01"))
    assert tiers(result, "2026-03-31", "2026-04-01") == ["base", "gold"]


def test_an_event_uses_the_tier_that_stood_before_it():
    """The deal that makes gold earns 100; the next has gold's 1.25, and so has its person's award."""
    by_tier = {"points": (Multiplier(by_tier=True),)}
    award = {"points": Rate(amount=1, per=100 * EUR)}
    terms = programme(
        rule(person=award, multiply=by_tier),
        metrics=[metric("earned", Measure.EARNED, currency="points")],
        ladder=ladder(("gold", "earned >= 100")),
    )
    deals = [won("A", "2026-01-01", 10_000, person="anna"), won("B", "2026-01-02", 10_000, person="anna")]
    result = audit(terms, deals, until_day=day("2026-01-02"))
    assert available(result, "2026-01-01", "2026-01-02") == [100, 225]
    assert wallet(result, "2026-01-02", holder=ANNA) == (0, 225, 0)


def test_a_manual_tier_holds_through_its_last_day():
    """Gold by hand from 10 January through 31 January; the standing, base, is back on 1 February."""
    by_hand = event("tier.override", "O", "2026-01-10", tier="gold", until=day("2026-01-31"))
    terms = programme(ladder=ladder(("gold", "deals >= 9")), metrics=[metric("deals", Measure.COUNT, kind="deal.won")])
    result = audit(terms, [by_hand], until_day=day("2026-02-01"))
    assert tiers(result, "2026-01-09", "2026-01-10", "2026-01-31", "2026-02-01") == ["base", "gold", "gold", "base"]


def test_a_refund_that_re_evaluates_takes_the_tier_at_once():
    """Gold needs a turnover of 1,000 EUR; after 1 EUR is refunded it is gone, or kept, as declared."""
    turnover = metric("turnover", Measure.SUM, kind="deal.won", of=expression("event.amount"))
    for policy, expected in ((TierOnRefund.RE_EVALUATE, "base"), (TierOnRefund.KEEP_TO_PERIOD_END, "gold")):
        terms = programme(
            metrics=[turnover], ladder=ladder(("gold", "turnover >= 100000")), refunds=refunds(tier=policy)
        )
        deals = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-02", "A", 1)]
        assert tiers(audit(terms, deals, until_day=day("2026-01-02")), "2026-01-01", "2026-01-02") == ["gold", expected]


def test_an_anniversary_of_29_february_falls_on_28_and_returns():
    """
    Years from 29 February 2024 start on 28 February, and on 29 February 2028.

    The year from 28 February 2025 is empty. The deal of 28 February 2028 is still in the fourth year, and keeps gold
    at the review of the 29th; the fifth year is empty again.
    """
    year = Window(kind=WindowKind.ANNIVERSARY)
    terms = programme(
        STATUS_RULE,
        metrics=[metric("earned", Measure.EARNED, year, currency="status")],
        ladder=ladder(("gold", "earned >= 100"), review=Review(every=None)),
    )
    deals = [won("A", "2024-02-29", 10_000), won("B", "2026-02-28", 10_000), won("C", "2028-02-28", 10_000)]
    result = audit(terms, deals, until_day=day("2029-03-01"))
    falls = [t.effective_at for t in result.transfers if t.rule == "@review"]
    assert falls == [instant("2026-02-28T00:00"), instant("2029-02-28T00:00")]
    assert tiers(result, "2026-02-27", "2026-02-28", "2028-12-31", "2029-02-28") == ["gold", "gold", "gold", "base"]


@pytest.mark.parametrize(("length", "fell"), [("30 days", "2026-02-01"), ("1 month", "2026-02-02")])
def test_a_trailing_window_ends_with_the_day_that_is_looked_at(length: str, fell: str):
    """1 January lies in the 30 days through the 30th and the month through the 31st; a review reads yesterday."""
    window = Window(kind=WindowKind.TRAILING, length=Duration.parse(length))
    terms = programme(
        metrics=[metric("deals", Measure.COUNT, window, kind="deal.won")],
        ladder=ladder(("gold", "deals >= 1"), review=Review(every=Period.DAY)),
    )
    result = audit(terms, [won("A", "2026-01-01", 1)], until_day=day("2026-02-10"))
    assert [t.effective_at for t in result.transfers if t.rule == "@review"] == [instant(f"{fell}T00:00")]


# Badges, allotments, days and books


def test_a_badge_comes_once_and_its_gift_counts_for_what_comes_after():
    """The second deal brings the badge and 40 points, which make gold at the third deal only."""
    terms = programme(
        rule(),
        metrics=[
            metric("deals", Measure.COUNT, kind="deal.won"),
            metric("earned", Measure.EARNED, currency="points"),
        ],
        badges=(badge("pair", "deals >= 2", points=40),),
        ladder=ladder(("gold", "earned >= 50")),
    )
    deals = [won(at, at, 500) for at in ("2026-01-01", "2026-01-02", "2026-01-03")]
    result = audit(terms, deals, until_day=day("2026-01-03"))
    assert available(result, "2026-01-01", "2026-01-02", "2026-01-03") == [5, 50, 55]
    assert tiers(result, "2026-01-02", "2026-01-03") == ["base", "gold"]
    assert result.balance(ACME, "standing", "badge.pair", day("2026-01-03")) == 1


def test_allotments_come_by_tier_at_the_start_of_periods_after_the_first_event():
    """Base gets 100 each quarter, gold 300; the quarter of the first event brings nothing."""
    quarterly = Allotment(name="mdf", every=Period.QUARTER, currency="mdf", amounts={"base": 100, "gold": 300})
    terms = programme(
        metrics=[metric("deals", Measure.COUNT, kind="deal.won")],
        ladder=ladder(("gold", "deals >= 2")),
        allotments=(quarterly,),
    )
    deals = [won("A", "2026-01-01", 1), won("B", "2026-04-01", 1)]
    result = audit(terms, deals, until_day=day("2026-07-01"))
    dates = ("2026-03-31", "2026-04-01", "2026-06-30", "2026-07-01")
    assert [wallet(result, at, "mdf")[1] for at in dates] == [0, 100, 100, 400]


def test_a_day_of_23_hours_is_a_day_like_any_other():
    """On 29 March 2026 Berlin skips an hour: the local date decides, and the next day starts at 22:00 UTC."""
    terms = programme(rule(pending={"points": Pending(duration=Duration.parse("1 day"))}))
    first, last = "2026-03-28T23:00:00+00:00", "2026-03-29T21:59:59+00:00"
    result = audit(terms, [won("A", first, 1000), won("B", last, 500)], until_day=day("2026-03-30"))
    assert wallet(result, "2026-03-29") == (15, 0, 0)
    matured = {t.effective_at for t in result.transfers if t.rule == "@activation"}
    assert matured == {int(datetime(2026, 3, 29, 22, tzinfo=UTC).timestamp()) * 1_000_000}


def test_events_outside_the_programmes_dates_earn_nothing_but_set_the_anchor():
    """The deal before the start earns nothing; the anniversary review is counted from it all the same."""
    terms = programme(
        STATUS_RULE,
        first_day=day("2026-01-01"),
        last_day=day("2026-12-31"),
        metrics=[YEAR_STATUS],
        ladder=ladder(("gold", "earned >= 100"), review=Review(every=None)),
    )
    deals = [won("A", "2025-06-01", 10_000), won("B", "2026-01-01", 10_000), won("C", "2027-01-01", 10_000)]
    result = audit(terms, deals, until_day=day("2027-12-31"))
    assert tiers(result, "2025-12-31", "2026-01-01", "2027-05-31", "2027-06-01") == ["base", "gold", "gold", "base"]
    assert wallet(result, "2027-12-31", "status") == (0, 100, 0)


def test_netting_adds_up_legs_and_drops_what_cancels_out():
    """A repayment moves the credit on at once: what stays on available is the rest; every cause balances."""
    deals = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-03", "A"), won("B", "2026-01-04", 1000)]
    result = audit(programme(rule()), deals, [redeem("K", "2026-01-02", 10)], until_day=day("2026-01-04"))
    at = instant("2026-01-04")
    assert {leg: amount for leg, amount in result.netted().items() if leg[0] == "/B"} == {
        ("/B", "deal-base", "programme/issued", "points", None, at): -10,
        ("/B", "deal-base", "partner:acme/arrears", "points", None, at): 10,
    }
    assert ("/A", "deal-base", "partner:acme/available", "points", NEVER, instant("2026-01-01")) in result.netted()
    sums: Counter[tuple[str | None, str]] = Counter()
    for (cause, _, _, asset, _, _), amount in result.netted().items():
        sums[cause, asset] += amount
    assert not any(sums.values())


def test_the_order_of_arrival_is_of_no_account():
    """The same events backwards post the same."""
    terms = programme(
        rule(person={"points": Fixed(amount=1)}, caps=(Cap(currency="points", amount=15),)),
        currencies=points("30 days"),
    )
    events = [
        won("A", "2026-01-01", 1000, person="anna"),
        won("B", "2026-01-02", 1000),
        refunded("R", "2026-01-09", "A"),
    ]
    forwards, backwards = (audit(terms, history, until_day=day("2026-03-01")) for history in (events, events[::-1]))
    assert forwards.transfers == backwards.transfers
    assert {t.holder.layer for t in forwards.transfers} == {Layer.PARTNER, Layer.PERSON}


def test_a_follow_counts_earns_and_reaches_whom_its_origin_reached():
    """The invoice names nobody; its own rule pays the deal's partner and person, and a refund reaches both."""
    bonus = rule("paid-bonus", "invoice.paid", partner=fixed(points=3), person=fixed(points=2))
    deal = won("D", "2026-01-01", 1000, person="anna")
    paid = Event(id="I", kind="invoice.paid", partner="", of="D", occurred_at=instant("2026-01-05"))
    base = rule(person={"points": Rate(amount=2, per=100 * EUR)})
    events = [deal, paid, refunded("R", "2026-01-06", "D", 500)]
    result = audit(programme(base, bonus), events, until_day=day("2026-01-06"))
    assert available(result, "2026-01-01", "2026-01-05", "2026-01-06") == [10, 13, 8]
    assert wallet(result, "2026-01-06", holder=ANNA) == (0, 12, 0)


def test_a_refund_lowers_metrics_at_the_originals_date():
    """The deal of 2026 is refunded in 2027: the review of 1 January 2028 sees 2027's own 100 untouched."""
    review = Review(every=Period.YEAR)
    terms = programme(STATUS_RULE, metrics=[YEAR_STATUS], ladder=ladder(("gold", "earned >= 100"), review=review))
    deals = [won("A", "2026-06-01", 10_000), won("B", "2027-02-01", 10_000), refunded("R", "2027-03-01", "A")]
    result = audit(terms, deals, until_day=day("2028-01-01"))
    assert tiers(result, "2027-12-31", "2028-01-01") == ["gold", "gold"]
    early = [won("A", "2026-06-01", 10_000), refunded("R", "2026-12-01", "A")]
    assert tiers(audit(terms, early, until_day=day("2027-01-01")), "2026-12-31", "2027-01-01") == ["gold", "base"]


def test_a_whole_refund_takes_the_event_out_of_a_count():
    """Two deals make gold; one refunded in part still counts, one refunded as a whole does not."""
    terms = programme(
        metrics=[metric("deals", Measure.COUNT, kind="deal.won")],
        ladder=ladder(("gold", "deals >= 2")),
        refunds=refunds(tier=TierOnRefund.RE_EVALUATE),
    )
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-02", 1000)]
    parts = [refunded("R", "2026-01-03", "B", 999), refunded("S", "2026-01-04", "B", 1)]
    result = audit(terms, [*deals, *parts], until_day=day("2026-01-04"))
    assert tiers(result, "2026-01-02", "2026-01-03", "2026-01-04") == ["gold", "gold", "base"]


def test_a_refund_uses_the_multiplier_of_the_original():
    """The deal earned 100 at base; half of it is 50, though the tier is gold by then."""
    terms = programme(
        rule(multiply={"points": (Multiplier(by_tier=True),)}),
        metrics=[metric("earned", Measure.EARNED, currency="points")],
        ladder=ladder(("gold", "earned >= 100")),
    )
    deals = [won("A", "2026-01-01", 10_000), refunded("R", "2026-01-02", "A", 5000)]
    assert available(audit(terms, deals, until_day=day("2026-01-02")), "2026-01-02") == [50]


def test_a_condition_reads_metrics_and_the_tier_before_the_event():
    """The rule from the second deal on pays at the second, when the first is counted."""
    second = rule("loyal", partner=fixed(points=7), when=expression("deals >= 1 && tier.level == 0"))
    terms = programme(second, metrics=[metric("deals", Measure.COUNT, kind="deal.won")])
    deals = [won("A", "2026-01-01", 1), won("B", "2026-01-02", 1)]
    assert available(audit(terms, deals, until_day=day("2026-01-02")), "2026-01-01", "2026-01-02") == [0, 7]


def test_all_events_of_one_instant_use_the_tier_before_it():
    """Two halves of a deal at one instant earn base's 100 each, as the whole would; a minute later gold has 125."""
    terms = programme(
        rule(person={"points": Rate(amount=1, per=100 * EUR)}, multiply={"points": (Multiplier(by_tier=True),)}),
        metrics=[metric("earned", Measure.EARNED, currency="points")],
        ladder=ladder(("gold", "earned >= 100")),
    )
    times = ("2026-01-01T10:00", "2026-01-01T10:00", "2026-01-01T10:01")
    deals = [won(str(i), at, 10_000, person="anna") for i, at in enumerate(times)]
    result = audit(terms, deals, until_day=day("2026-01-01"))
    assert available(result, "2026-01-01") == [325]


def test_refunds_and_follows_after_the_programmes_end_still_work():
    """After the end an invoice matures its deal's points and a refund takes half, but its own rule is over."""
    waits = rule(pending={"points": Pending(until_kind="invoice.paid")})
    bonus = rule("paid-bonus", "invoice.paid", partner=fixed(points=3))
    terms = programme(waits, bonus, last_day=day("2026-12-31"))
    later = [event("invoice.paid", "I", "2027-01-05", of="D"), refunded("R", "2027-01-06", "D", 500)]
    result = audit(terms, [won("D", "2026-12-31", 1000), *later], until_day=day("2027-01-06"))
    assert [wallet(result, at) for at in ("2026-12-31", "2027-01-05", "2027-01-06")] == [
        *((10, 0, 0), (0, 10, 0), (0, 5, 0)),
    ]


def test_outside_the_programmes_dates_badges_and_promotion_go_on_and_allotments_do_not():
    """Two deals count; what the second's badge gives makes gold, and a badge, at the deal after the end."""
    terms = programme(
        metrics=[metric("deals", Measure.COUNT, kind="deal.won"), YEAR_STATUS],
        badges=(badge("pair", "deals >= 2", status=40), badge("late", "earned >= 40")),
        ladder=ladder(("gold", "earned >= 40")),
        allotments=(Allotment(name="mdf", every=Period.QUARTER, currency="mdf", amounts={"base": 100}),),
        first_day=day("2026-02-01"),
        last_day=day("2026-10-01"),
    )
    days = ("2025-12-01", "2026-02-01", "2026-10-01", "2026-10-02", "2026-10-03")
    result = audit(terms, [won(at, at, 1) for at in days], until_day=day("2027-12-31"))
    allotted = [t.effective_at for t in result.transfers if t.rule.startswith("@allotment")]
    assert allotted == [instant(f"2026-{month}-01T00:00") for month in ("04", "07", "10")]
    assert [t.cause for t in result.transfers if t.rule == "@badge.pair"] == ["/2026-10-01"] * 2
    assert [t.cause for t in result.transfers if t.rule == "@badge.late"] == ["/2026-10-02"]
    assert [t.cause for t in result.transfers if t.rule == "@promotion"] == ["/2026-10-02"]


@pytest.mark.parametrize("euros", [None, 500, 0])
def test_a_refund_of_nothing_does_nothing_at_all(euros: int | None):
    """Gold's month has run dry: a refund of a part re-evaluates, one of nothing (or of what is gone) does not."""
    month = Window(kind=WindowKind.TRAILING, length=Duration.parse("1 month"))
    terms = programme(
        metrics=[metric("deals", Measure.COUNT, month, kind="deal.won")],
        ladder=ladder(("gold", "deals >= 1")),
        refunds=refunds(tier=TierOnRefund.RE_EVALUATE),
    )
    old = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-02", "A")]
    events = [*old, won("B", "2026-02-01", 1), refunded("S", "2026-06-01", "A", euros)]
    assert tiers(audit(terms, events, until_day=day("2026-06-01")), "2026-06-01") == ["gold"]
    some = refunded("T", "2026-06-02", "B", 1)
    assert tiers(audit(terms, [*events, some], until_day=day("2026-06-02")), "2026-06-02") == ["base"]


def test_what_is_in_force_does_not_change_by_refunds():
    """The refunded certification is in force until it ends, for the count of keys as for that of persons."""
    back = EventKind(name="certification.refunded", fields={}, role=Role.REFUNDS, origin_kind="certification.passed")
    keys = metric(
        "deals", Measure.COUNT, Window(kind=WindowKind.NOW), kind="certification.passed", while_not_ended=True
    )
    terms = programme(
        rule("cert", "certification.passed", partner=fixed(points=5)),
        events={kind.name: kind for kind in (*KINDS, back)},
        metrics=[CERTIFIED, keys],
        ladder=ladder(("silver", "certified >= 1"), ("gold", "deals >= 1")),
        refunds={back.name: RefundPolicy(kind=back.name, clawback={}, tier=TierOnRefund.RE_EVALUATE)},
    )
    events = [passed("A", "2026-01-01", "anna"), event(back.name, "R", "2026-01-02", of="A")]
    result = audit(terms, events, until_day=day("2026-01-02"))
    assert tiers(result, "2026-01-01", "2026-01-02") == ["gold", "gold"]
    assert available(result, "2026-01-01", "2026-01-02") == [5, 0]


def test_a_follow_reads_metrics_after_its_origins_awards_have_matured():
    """The invoice makes 10 points available, and its own rule asks for as many."""
    scope = {"held": Symbol(INT, Interval(0, 10**10))}
    when = compile_expression("held >= 10", scope, expects=BOOL, place=Place(), scales={})
    terms = programme(
        rule(pending={"points": Pending(until_kind="invoice.paid")}),
        rule("paid-bonus", "invoice.paid", partner=fixed(status=3), when=when),
        metrics=[metric("held", Measure.BALANCE, Window(kind=WindowKind.NOW), currency="points")],
    )
    events = [won("D", "2026-01-01", 1000), event("invoice.paid", "I", "2026-01-02", of="D")]
    assert wallet(audit(terms, events, until_day=day("2026-01-02")), "2026-01-02", "status") == (0, 3, 0)


def test_events_that_wait_for_one_origin_stand_by_their_own_order():
    """Z came first and takes its 700 of 1,000 EUR; A finds 300 left; the grant of that instant comes after both."""
    early = [refunded("A", "2026-01-02", "D", 700), refunded("Z", "2026-01-01", "D", 700)]
    result = audit(programme(rule()), [*early, won("D", "2026-01-05", 1000)], until_day=day("2026-01-05"))
    taken = [(t.cause, t.amount) for t in result.transfers if t.to == "issued"]
    assert taken == [("/Z", 7), ("/A", 3)]
    spent = audit(
        programme(rule()),
        [refunded("E", "2026-01-01", "D", 400), won("D", "2026-01-05", 1000)],
        [redeem("K", "2026-01-05", 6)],
        until_day=day("2026-01-05"),
    )
    assert wallet(spent, "2026-01-05") == (0, 0, 0)
    assert not [t for t in spent.transfers if "arrears" in (t.frm, t.to)]
