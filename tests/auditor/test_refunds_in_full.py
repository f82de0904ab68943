"""
Gifts of tiers, and what a refund or an end takes back of them, of badges, of allotments and of headroom: by hand.

A deal of 1,000 EUR earns 10 points; silver needs 10 points earned and gold 30.
"""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.core.calendar import Duration, Period
from loyalty.mdf.declaration import Allotment
from loyalty.programme.model import BadgesOnRefund, CapsOnRefund, Currency, Programme, TierOnRefund
from loyalty.rules.declaration import Cap, OnEnd, Pending
from loyalty.tiers.declaration import Landing, Measure, Promote, Review, Window, WindowKind
from tests.auditor import audit
from tests.auditor.building import (
    ACME,
    badge,
    day,
    decided,
    event,
    fixed,
    instant,
    ladder,
    metric,
    passed,
    points,
    programme,
    refunded,
    refunds,
    rule,
    won,
)
from tests.auditor.looking import available, tiers, wallet

STEPS = (("silver", "earned >= 10"), ("gold", "earned >= 30"))
GIFTS = {"silver": {"mdf": 5}, "gold": {"mdf": 50, "status": 2}}
EARNED = metric("earned", Measure.EARNED, currency="points")
QUARTERLY = Review(every=Period.QUARTER)
TAKES_BACK = refunds(tier=TierOnRefund.RE_EVALUATE_AND_TAKE_BACK)


def terms(*more: Any, **said: Any) -> Programme:
    """Give the programme of these tests; keyword arguments replace parts of it."""
    said = {"metrics": [EARNED], "ladder": ladder(*STEPS, gifts=GIFTS), "refunds": TAKES_BACK, **said}
    return programme(rule(), *more, **said)


def mdf(result: Any, *dates: str) -> list[int]:
    """Give what is available of mdf at the end of some days, less what is owed."""
    return [wallet(result, at, "mdf")[1] + wallet(result, at, "mdf")[2] for at in dates]


def test_a_rise_pays_the_gift_of_each_tier_that_it_passes_once():
    """One deal passes silver and gold; the fall of the review and the second rise pay nothing more."""
    year = metric("earned", Measure.EARNED, Window(kind=WindowKind.CALENDAR, period=Period.YEAR), currency="points")
    steps = ladder(*STEPS, gifts=GIFTS, review=Review(every=Period.YEAR))
    deals = [won("A", "2026-01-05", 3000), won("B", "2028-02-01", 3000)]
    result = audit(terms(metrics=[year], ladder=steps), deals, until_day=day("2028-02-01"))
    assert tiers(result, "2026-01-05", "2027-12-31", "2028-01-01", "2028-02-01") == ["gold", "gold", "base", "gold"]
    assert [(t.rule, t.asset, t.amount) for t in result.transfers if t.rule.startswith("@tier")] == [
        ("@tier.silver", "mdf", 5),
        ("@tier.gold", "mdf", 50),
        ("@tier.gold", "status", 2),
    ]
    assert {t.cause for t in result.transfers if t.rule.startswith("@tier")} == {"/A"}


def test_a_gift_of_a_review_is_the_clocks_and_lives_from_its_day_on():
    """Promoted at the review of 1 April, with 30 days to spend the gift: gone on 2 May."""
    steps = ladder(STEPS[0], gifts={"silver": {"points": 7}}, promote=Promote.AT_REVIEW, review=QUARTERLY)
    result = audit(
        terms(ladder=steps, currencies=points("30 days")), [won("A", "2026-03-31", 1000)], until_day=day("2026-05-02")
    )
    (gift,) = (t for t in result.transfers if t.rule == "@tier.silver")
    assert (gift.cause, gift.lot_day, gift.amount) == (None, day("2026-05-02"), 7)
    assert available(result, "2026-04-01", "2026-04-30", "2026-05-01", "2026-05-02") == [17, 17, 7, 0]


def test_a_gift_counts_for_the_badges_of_its_event_but_not_for_its_promotion():
    """10 points and 25 of silver make the badge at 30 at once, and gold with the next event alone."""
    steps = ladder(*STEPS, gifts={"silver": {"points": 25}})
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-02", 1)]
    result = audit(terms(ladder=steps, badges=(badge("thirty", "earned >= 30"),)), deals, until_day=day("2026-01-02"))
    assert tiers(result, "2026-01-01", "2026-01-02") == ["silver", "gold"]
    assert [t.cause for t in result.transfers if t.asset == "badge.thirty"] == ["/A"]


def test_a_tier_by_hand_gives_nothing_and_a_rise_beneath_it_does():
    """Gold by hand pays no gift; silver, reached beneath it, pays its own."""
    by_hand = event("tier.override", "O", "2026-01-10", tier="gold", until=day("2026-01-31"))
    result = audit(terms(), [by_hand, won("A", "2026-01-11", 1000)], until_day=day("2026-02-01"))
    assert mdf(result, "2026-01-10", "2026-01-11") == [0, 5]
    assert tiers(result, "2026-01-11", "2026-02-01") == ["gold", "silver"]


def test_after_a_closing_no_tier_gives_anything():
    """Closed in March, promoted by the review of 1 April all the same, and without the gift."""
    steps = ladder(STEPS[0], gifts=GIFTS, promote=Promote.AT_REVIEW, review=QUARTERLY)
    result = audit(
        terms(ladder=steps), [won("A", "2026-03-01", 1000)], [decided("close", "Z", "2026-03-02", 1)],
        until_day=day("2026-04-01"),
    )  # fmt: skip
    assert tiers(result, "2026-03-31", "2026-04-01") == ["base", "silver"]
    assert mdf(result, "2026-04-01") == [0]


def test_a_refund_takes_back_the_gifts_of_the_tiers_above_the_new_standing():
    """
    Gold falls to silver: gold's 50 and 2 go, silver's 5 stay; 40 were spent, and 35 are owed.

    There were 55. After 40 were spent the 15 that are left are taken, silver's 5 among them, and 35 are owed. Gold
    reached again pays its 50 again, which repay them first; silver's were never taken back.
    """
    deals = [won("A", "2026-01-01", 1000), won("B", "2026-01-02", 2000)]
    spent = decided("redeem", "K", "2026-01-03", 40, currency="mdf")
    again = [refunded("R", "2026-01-04", "B"), won("C", "2026-01-05", 2000)]
    result = audit(terms(), [*deals, *again], [spent], until_day=day("2026-01-05"))
    assert mdf(result, "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05") == [55, 15, -35, 15]
    assert [wallet(result, at, "status")[1] for at in ("2026-01-03", "2026-01-04", "2026-01-05")] == [2, 0, 2]
    assert {(t.cause, t.rule) for t in result.transfers if t.to == "issued"} == {
        *(("/R", "deal-base"), ("/R", "@tier.gold")),
    }


def test_gifts_are_taken_back_highest_tier_first():
    """Both tiers fall; the 30 that are left are gold's, silver's 5 are owed."""
    deals = [won("A", "2026-01-01", 3000), refunded("R", "2026-01-04", "A")]
    spent = decided("redeem", "K", "2026-01-03", 25, currency="mdf")
    result = audit(terms(), deals, [spent], until_day=day("2026-01-04"))
    legs = [(t.rule, t.frm, t.amount) for t in result.transfers if t.cause == "/R" and t.asset == "mdf"]
    assert legs == [
        ("@tier.gold", "available", 30),
        ("@tier.gold", "arrears", 20),
        ("@tier.silver", "arrears", 5),
    ]


def test_what_came_with_a_tier_lost_before_is_taken_back_too():
    """Gold ends at a review and keeps its gift; the refund that takes silver takes gold's 50 as well."""
    year = metric("earned", Measure.EARNED, Window(kind=WindowKind.CALENDAR, period=Period.YEAR), currency="points")
    review = Review(every=Period.YEAR, landing=Landing.ONE_TIER_DOWN)
    steps = ladder(*STEPS, gifts=GIFTS, review=review)
    events = [won("A", "2026-01-05", 3000), won("B", "2028-01-02", 100), refunded("R", "2028-01-03", "B")]
    result = audit(terms(metrics=[year], ladder=steps), events, until_day=day("2028-01-03"))
    assert tiers(result, "2027-12-31", "2028-01-02", "2028-01-03") == ["gold", "silver", "base"]
    assert mdf(result, "2028-01-02", "2028-01-03") == [55, 0]


def test_an_expired_gift_is_taken_back_from_what_expired():
    """Silver's gift is gone on 1 February; the refund of 2 February leaves the wallet, and the base alone is left."""
    currencies = {**points("1 year"), "mdf": Currency(name="mdf", expires=points("30 days")["points"].expires)}
    events = [won("A", "2026-01-01", 1000), refunded("R", "2026-02-02", "A")]
    result = audit(terms(currencies=currencies), events, until_day=day("2026-02-02"))
    legs = [(t.frm, t.to, t.amount) for t in result.transfers if t.rule == "@tier.silver"]
    assert legs == [("issued", "available", 5), ("expired", "available", 5), ("available", "issued", 5)]


def test_what_is_taken_back_lowers_earned_metrics_at_its_day():
    """Silver's gift of 25 made gold with the next deal; when all is refunded nothing counts of it, and gold waits."""
    steps = ladder(*STEPS, gifts={"silver": {"points": 25}})
    events = [
        won("A", "2026-01-01", 1000),
        refunded("R", "2026-01-02", "A"),
        won("B", "2026-01-03", 500),
        won("C", "2026-01-04", 500),
        won("D", "2026-01-05", 1),
    ]
    result = audit(terms(ladder=steps), events, until_day=day("2026-01-05"))
    dates = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05")
    # The gift of the first day counts still when the refund is judged, and then no more.
    assert tiers(result, *dates) == ["silver", "silver", "gold", "gold", "gold"]
    alone = {"silver": {"mdf": 25}}
    again = audit(terms(ladder=ladder(*STEPS, gifts=alone)), events, until_day=day("2026-01-05"))
    assert tiers(again, *dates) == ["silver", "base", "base", "silver", "silver"]
    assert mdf(again, *dates) == [25, 0, 0, 25, 25]


def test_without_take_back_a_gift_stays_and_is_not_paid_again():
    """Silver is lost at the refund and won back; its 5 come once."""
    only = refunds(tier=TierOnRefund.RE_EVALUATE)
    events = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-02", "A"), won("B", "2026-01-03", 1000)]
    result = audit(terms(refunds=only), events, until_day=day("2026-01-03"))
    assert tiers(result, "2026-01-01", "2026-01-02", "2026-01-03") == ["silver", "base", "silver"]
    assert mdf(result, "2026-01-01", "2026-01-02", "2026-01-03") == [5, 5, 5]


MONTHLY = Allotment(name="fund", every=Period.MONTH, currency="mdf", amounts={"base": 10, "silver": 100, "gold": 300})


@pytest.mark.parametrize(("refund_on", "lowered"), [("2026-02-28", 90), ("2026-03-01", 90), ("2026-02-01", 90)])
def test_the_allotment_of_the_running_period_is_lowered_to_what_the_new_tier_gets(refund_on: str, lowered: int):
    """Of the 100 of this month's silver 90 go; what was allotted for earlier months stays."""
    steps = ladder(*STEPS)
    events = [won("A", "2026-01-01", 1000), refunded("R", refund_on, "A")]
    result = audit(terms(ladder=steps, allotments=(MONTHLY,)), events, until_day=day(refund_on))
    legs = [(t.frm, t.to, t.amount) for t in result.transfers if t.rule == "@allotment.fund" and t.cause == "/R"]
    assert legs == [("available", "issued", lowered)]


def test_an_allotment_is_lowered_in_steps_and_only_while_a_tier_falls():
    """Gold's 300 become silver's 100 with the first refund and base's 10 with the second; the next month gives 10."""
    events = [
        won("A", "2026-01-01", 1000),
        won("B", "2026-01-02", 2000),
        refunded("R", "2026-02-03", "B"),
        refunded("S", "2026-02-04", "A"),
    ]
    result = audit(terms(ladder=ladder(*STEPS), allotments=(MONTHLY,)), events, until_day=day("2026-03-01"))
    assert mdf(result, "2026-02-01", "2026-02-03", "2026-02-04", "2026-03-01") == [300, 100, 10, 20]


def test_an_allotment_goes_by_the_tier_in_force():
    """Gold by hand got 300 and is still in force when silver falls beneath it: nothing is lowered."""
    by_hand = event("tier.override", "O", "2026-01-10", tier="gold", until=day("2026-02-20"))
    events = [won("A", "2026-01-01", 1000), by_hand, refunded("R", "2026-02-03", "A")]
    result = audit(terms(ladder=ladder(*STEPS), allotments=(MONTHLY,)), events, until_day=day("2026-02-21"))
    assert mdf(result, "2026-02-01", "2026-02-03") == [300, 300]
    assert tiers(result, "2026-02-20", "2026-02-21") == ["gold", "base"]


@pytest.mark.parametrize(("caps", "third"), [(CapsOnRefund.REVERSE, 10), (CapsOnRefund.KEEP, 5)])
def test_headroom_comes_back_or_not(caps: CapsOnRefund, third: int):
    """Of 15 in all the first deal used 10; after its refund the second finds 15 again, or 5."""
    capped = programme(rule(caps=(Cap(currency="points", amount=15),)), refunds=refunds(caps=caps))
    events = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-02", "A"), won("B", "2026-01-03", 1000)]
    assert available(audit(capped, events, until_day=day("2026-01-03")), "2026-01-03") == [third]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (BadgesOnRefund.KEEP, [(1, 4), (1, 4), (1, 4)]),
        (BadgesOnRefund.RE_EVALUATE, [(1, 4), (0, 4), (1, 4)]),
        (BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK, [(1, 4), (0, 0), (1, 4)]),
    ],
)
def test_a_badge_is_kept_or_revoked_and_what_came_with_it_too(policy: BadgesOnRefund, expected: list[tuple[int, int]]):
    """A deal gives the badge and 4 of mdf; its refund revokes it, and the next deal gives it again."""
    judged = terms(ladder=ladder(), badges=(badge("ten", "earned >= 10", mdf=4),), refunds=refunds(badges=policy))
    events = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-02", "A"), won("B", "2026-01-03", 1000)]
    result = audit(judged, events, until_day=day("2026-01-03"))
    dates = ("2026-01-01", "2026-01-02", "2026-01-03")
    held = [result.balance(ACME, "standing", "badge.ten", day(at)) for at in dates]
    assert list(zip(held, mdf(result, *dates), strict=True)) == expected


def test_needs_of_all_badges_are_read_before_any_is_revoked():
    """The gift of the first badge holds the second one's need still when both are judged."""
    judged = terms(
        ladder=ladder(),
        badges=(badge("ten", "earned >= 10", points=20), badge("twenty", "earned >= 20")),
        refunds=refunds(badges=BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK),
        metrics=[EARNED, metric("deals", Measure.COUNT, kind="deal.won")],
    )
    events = [won("A", "2026-01-01", 1000), won("B", "2026-01-02", 1), refunded("R", "2026-01-03", "A")]
    result = audit(judged, events, until_day=day("2026-01-03"))
    # 20 points of the badge are left, so that both needs are met.
    assert [t.asset for t in result.transfers if t.cause == "/R"] == ["points"]


@pytest.mark.parametrize("badges", [BadgesOnRefund.KEEP, BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK])
def test_an_ending_kind_has_a_block_of_tier_and_badges(badges: BadgesOnRefund):
    """The expiry of a certification takes its 40 points, then gold with its gift, and the badge as declared."""
    certified = rule("cert", "certification.passed", partner=fixed(points=40), on_end=OnEnd.REVERSE)
    block = refunds(kind="certification.expired", tier=TierOnRefund.RE_EVALUATE_AND_TAKE_BACK, badges=badges)
    judged = terms(certified, badges=(badge("forty", "earned >= 40"),), refunds=block)
    events = [passed("A", "2026-01-01", "anna"), passed("X", "2026-01-02", "anna", kind="certification.expired")]
    result = audit(judged, events, until_day=day("2026-01-02"))
    assert mdf(result, "2026-01-01", "2026-01-02") == [55, 0]
    order = dict.fromkeys((t.rule, t.asset) for t in result.transfers if t.cause == "/X")
    assert list(order) == [
        ("cert", "points"),
        ("@review", "tier.gold"),
        ("@tier.gold", "mdf"),
        ("@tier.gold", "status"),
        ("@tier.silver", "mdf"),
        *([("@badge.forty", "badge.forty")] if badges is not BadgesOnRefund.KEEP else []),
    ]


def test_the_rules_on_a_refunding_kind_come_after_tier_and_badges():
    """What the refund itself earns, 10 points, would have kept silver; it comes too late for that."""
    consolation = rule("consolation", "deal.refunded", partner=fixed(points=10))
    events = [won("A", "2026-01-01", 1000), refunded("R", "2026-01-02", "A")]
    result = audit(terms(consolation), events, until_day=day("2026-01-02"))
    assert tiers(result, "2026-01-01", "2026-01-02") == ["silver", "base"]
    assert available(result, "2026-01-02") == [10]


def test_pending_awards_come_back_before_the_tier_is_looked_at():
    """The order at a refund: awards, metrics, tier, gifts, allotments, badges."""
    pending = rule(pending={"points": Pending(duration=Duration.parse("90 days"))})
    judged = programme(
        pending,
        metrics=[EARNED],
        ladder=ladder(*STEPS, gifts=GIFTS),
        allotments=(MONTHLY,),
        badges=(badge("ten", "earned >= 10", status=1),),
        refunds=refunds(tier=TierOnRefund.RE_EVALUATE_AND_TAKE_BACK, badges=BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK),
    )
    result = audit(
        judged, [won("A", "2026-01-20", 1000), refunded("R", "2026-02-03", "A")], until_day=day("2026-02-03")
    )
    assert [(t.rule, t.frm, t.amount) for t in result.transfers if t.cause == "/R"] == [
        ("deal-base", "pending", 10),
        ("@review", "standing", 1),
        ("@tier.silver", "available", 5),
        ("@allotment.fund", "available", 90),
        ("@badge.ten", "standing", 1),
        ("@badge.ten", "available", 1),
    ]


def test_an_event_counts_from_the_instant_of_its_verdict():
    """
    A deal of January counts from 1 March: it earns then, lives from then on, and makes the tier then.

    The first deal is gone on 4 March. A refund within 10 days of what it counts from takes half of the second back,
    and one that counts from a later day itself does nothing.
    """
    judged = terms(currencies=points("30 days"), refunds=refunds(within="10 days"))
    verdicts = {"/A": instant("2026-03-01"), "/S": instant("2026-03-20")}
    events = [won("A", "2026-01-01", 1000), won("B", "2026-02-01", 100), refunded("R", "2026-03-05", "A", 500)]
    result = audit(judged, events, until_day=day("2026-04-01"), counts_from=verdicts)
    dates = ("2026-01-31", "2026-02-01", "2026-03-01", "2026-03-05", "2026-03-31", "2026-04-01")
    assert available(result, *dates) == [0, 1, 11, 5, 5, 0]
    assert tiers(result, "2026-02-28", "2026-03-01") == ["base", "silver"]
    late = [*events, refunded("S", "2026-03-06", "A")]
    assert available(audit(judged, late, until_day=day("2026-03-30"), counts_from=verdicts), "2026-03-30") == [5]
