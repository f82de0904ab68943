"""
Revisions, by hand: what carries over from one to the next, and which version of a rule pays.

Unless told otherwise a deal of 1,000 EUR earns 10 points in the first revision, and 20 from 1 July 2026.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from loyalty.core.calendar import Duration, Period
from loyalty.mdf.declaration import Allotment
from loyalty.programme.model import Clawback, Currency, FieldSpec, FieldType, Programme, TierOnRefund
from loyalty.rules.declaration import (
    Award,
    ByTier,
    Cap,
    Cooldown,
    Fixed,
    Grandfather,
    Group,
    Multiplier,
    Pending,
    Rate,
    Streak,
    Subject,
    Take,
)
from loyalty.rules.expressions import INT, Interval, Symbol
from loyalty.tiers.declaration import Landing, Measure, Review, Window, WindowKind
from tests.auditor import audit
from tests.auditor.building import (
    ANNA,
    EUR,
    KINDS,
    badge,
    day,
    event,
    expression,
    fixed,
    ladder,
    metric,
    points,
    programme,
    redeem,
    refunded,
    refunds,
    revised,
    rule,
    won,
)
from tests.auditor.looking import available, tiers, wallet
from tests.auditor.revisions import tier_order

RATE_1: dict[str, Award] = {"points": Rate(amount=1, per=100 * EUR)}
RATE_2: dict[str, Award] = {"points": Rate(amount=2, per=100 * EUR)}
EARNED = metric("earned", Measure.EARNED, currency="points")
DEALS = metric("deals", Measure.COUNT, kind="deal.won")


def in_july(first: Programme, second: Programme) -> Programme:
    """Put a second revision in force on 1 July 2026."""
    return revised(first, _2026_07_01=second)


def deal_rules(**said: Any) -> Programme:
    """Give both revisions of the one rule, with the same options."""
    return in_july(programme(rule(partner=RATE_1, **said)), programme(rule(partner=RATE_2, **said)))


def paid(id: str, at: str, of: str) -> Any:
    """Make an invoice of a deal."""
    return event("invoice.paid", id, at, of=of)


# Events and refunds


def test_an_event_settles_under_the_revision_of_its_day():
    """On 30 June a deal earns 10, on 1 July 20."""
    deals = [won("A", "2026-06-30T23:59", 1000), won("B", "2026-07-01T00:00", 1000)]
    result = audit(deal_rules(), deals, until_day=day("2026-07-01"))
    assert available(result, "2026-06-30", "2026-07-01") == [10, 30]


def test_a_refund_uses_the_rates_and_the_block_of_the_original():
    """Half of each deal is refunded in August: 5 of the first, kept as it declares; 10 of the second, taken."""
    keeping = programme(rule(partner=RATE_1), refunds=refunds(points=Clawback.KEEP))
    chain = in_july(keeping, programme(rule(partner=RATE_2)))
    deals = [won("A", "2026-06-01", 1000), won("B", "2026-07-01", 1000)]
    halves = [refunded("R", "2026-08-01", "A", 500), refunded("S", "2026-08-02", "B", 500)]
    result = audit(chain, [*deals, *halves], until_day=day("2026-08-02"))
    assert available(result, "2026-07-31", "2026-08-01", "2026-08-02") == [30, 30, 20]


def test_a_refund_whose_kind_the_original_did_not_know_follows_the_block_of_its_own_day():
    """Only the second revision says that refunds keep points: it is asked if the first does not know refunds at all."""
    without = {kind.name: kind for kind in KINDS if kind.name != "deal.refunded"}
    keeping = programme(rule(), refunds=refunds(points=Clawback.KEEP))
    events = [won("A", "2026-06-01", 1000), refunded("S", "2026-08-01", "A")]
    for first, left in ((programme(rule()), 0), (programme(rule(), events=without), 10)):
        result = audit(in_july(first, keeping), events, until_day=day("2026-08-01"))
        assert available(result, "2026-06-01", "2026-08-01") == [10, left]


def test_a_refund_in_a_later_revision_multiplies_as_the_original_did():
    """Silver multiplied by 1.25, and does by 3 now: of 12 points half go, not 30."""
    rich = ladder(("silver", "deals >= 1"))
    richer = evolve(rich, tiers=(rich.tiers[0], evolve(rich.tiers[1], multiplier=rich.tiers[1].multiplier + 2)))
    by_tier = {"points": (Multiplier(by_tier=True),)}
    first = programme(rule(multiply=by_tier), metrics=[DEALS], ladder=rich)
    second = programme(rule(multiply=by_tier), metrics=[DEALS], ladder=richer)
    events = [won("A", "2026-01-01", 1), won("B", "2026-06-01", 1000), refunded("R", "2026-07-02", "B", 500)]
    result = audit(in_july(first, second), events, until_day=day("2026-07-02"))
    assert available(result, "2026-06-01", "2026-07-02") == [12, 6]


def test_what_waits_for_a_follow_matures_as_the_original_declared():
    """The second revision pays at once, and the first one's points still wait for their invoice."""
    waiting = programme(rule(pending={"points": Pending(until_kind="invoice.paid")}))
    events = [won("A", "2026-06-01", 1000), won("B", "2026-07-01", 1000), paid("I", "2026-08-01", "A")]
    result = audit(in_july(waiting, programme(rule())), events, until_day=day("2026-08-01"))
    assert [wallet(result, at)[:2] for at in ("2026-06-30", "2026-07-31", "2026-08-01")] == [(10, 0), (10, 10), (0, 20)]


def test_an_expiry_is_that_of_the_event_and_of_the_day_of_earning():
    """30 days in June, 60 in July: gone on 2 July and on 30 August."""
    chain = in_july(programme(rule(), currencies=points("30 days")), programme(rule(), currencies=points("60 days")))
    deals = [won("A", "2026-06-01", 1000), won("B", "2026-07-01", 1000)]
    result = audit(chain, deals, until_day=day("2026-08-31"))
    dates = ("2026-07-01", "2026-07-02", "2026-08-30", "2026-08-31")
    assert available(result, *dates) == [20, 10, 10, 0]


# What carries over


def test_a_cap_counts_on_whatever_its_amount_is_now():
    """Of 15 a year 10 were used; the second revision's 25 leave 15, and a cap by quarter begins anew."""
    year = (Cap(currency="points", amount=15, per=(Period.YEAR,)),)
    more = (Cap(currency="points", amount=25, per=(Period.YEAR,)),)
    other = (Cap(currency="points", amount=25, per=(Period.QUARTER,)),)
    deals = [won("A", "2026-06-01", 1000), won("B", "2026-07-01", 10_000)]
    for caps, expected in ((more, 25), (other, 35)):
        chain = in_july(programme(rule(caps=year)), programme(rule(caps=caps)))
        assert available(audit(chain, deals, until_day=day("2026-07-01")), "2026-07-01") == [expected]


def test_a_cap_that_was_lowered_below_its_use_gives_nothing_and_headroom_comes_back_to_it():
    """10 of 15 were used when the cap fell to 8; after 5 are refunded there is room for 3."""
    before = Cap(currency="points", amount=15, per=(Period.YEAR, Subject.PERSON))
    after = Cap(currency="points", amount=8, per=(Subject.PERSON, Period.YEAR))
    chain = in_july(programme(rule(caps=(before,))), programme(rule(caps=(after,))))
    events = [
        won("A", "2026-06-01", 1000),
        won("B", "2026-07-01", 1000),
        refunded("R", "2026-07-02", "A", 500),
        won("C", "2026-07-03", 1000),
    ]
    result = audit(chain, events, until_day=day("2026-07-03"))
    assert available(result, "2026-06-01", "2026-07-01", "2026-07-02", "2026-07-03") == [10, 10, 5, 8]


@pytest.mark.parametrize(("parts", "expected"), [((Subject.PERSON,), 10), ((Subject.PARTNER,), 20), (None, 20)])
def test_once_per_carries_over_where_its_key_is_the_same(parts: Any, expected: int):
    """Paid once for the person in June; with another key, or none, July pays again."""
    chain = in_july(programme(rule(once_per=(Subject.PERSON,))), programme(rule(once_per=parts)))
    deals = [won("A", "2026-06-01", 1000, person="anna"), won("B", "2026-07-01", 1000, person="anna")]
    assert available(audit(chain, deals, until_day=day("2026-07-01")), "2026-07-01") == [expected]


def test_what_a_rule_without_a_cooldown_paid_is_not_remembered():
    """A cooldown that was there goes on; one that is new begins with what it pays itself."""
    month = Cooldown(length=Duration.parse("1 month"))
    deals = [won("A", "2026-06-20", 1000), won("B", "2026-07-01", 1000), won("C", "2026-07-21", 1000)]
    dates = ("2026-06-20", "2026-07-01", "2026-07-21")
    for before, expected in ((month, [10, 10, 20]), (None, [10, 20, 20])):
        chain = in_july(programme(rule(cooldown=before)), programme(rule(cooldown=month)))
        assert available(audit(chain, deals, until_day=day("2026-07-21")), *dates) == expected


def test_a_streak_goes_on_where_its_period_is_the_same():
    """May and June, then July: three in a row; counted by week it begins anew."""
    streak, weeks = Streak(every=Period.MONTH, length=3), Streak(every=Period.WEEK, length=3)
    deals = [won("A", "2026-05-20", 1000), won("B", "2026-06-20", 1000), won("C", "2026-07-01", 1000)]
    for later, expected in ((streak, 10), (weeks, 0)):
        chain = in_july(programme(rule(streak=streak)), programme(rule(streak=later)))
        assert available(audit(chain, deals, until_day=day("2026-07-01")), "2026-07-01") == [expected]


def test_a_metric_is_what_its_present_declaration_says_of_the_whole_history():
    """Turnover counted deals of 2,000 EUR and more, and counts all from July on: the next event makes gold."""
    big = metric("turnover", Measure.SUM, kind="deal.won", of=expression("event.amount"),
                 when=expression('event.amount >= money("2000 EUR")'))  # fmt: skip
    steps = ladder(("gold", "turnover >= 150000"))
    chain = in_july(programme(metrics=[big], ladder=steps), programme(metrics=[evolve(big, when=None)], ladder=steps))
    deals = [won("A", "2026-06-01", 1000), won("B", "2026-06-02", 1000), won("C", "2026-07-02", 1)]
    result = audit(chain, deals, until_day=day("2026-07-02"))
    assert tiers(result, "2026-06-30", "2026-07-01", "2026-07-02") == ["base", "base", "gold"]


def test_an_event_without_a_field_reads_as_its_default():
    """Seats came with the second revision, 3 where nothing is said: two deals of before have 6."""
    seats = FieldSpec(name="seats", type=FieldType.INT, highest=100, required=False, default=3)
    kinds = {kind.name: kind for kind in KINDS}
    richer = {**kinds, "deal.won": evolve(kinds["deal.won"], fields={**kinds["deal.won"].fields, "seats": seats})}
    of = expression("event.seats", {"event.seats": Symbol(INT, Interval(0, 100))})
    sold = metric("turnover", Measure.SUM, kind="deal.won", of=of)
    second = programme(metrics=[sold], ladder=ladder(("gold", "turnover >= 7")), events=richer)
    deals = [won("A", "2026-06-01", 1), won("B", "2026-06-02", 1), won("C", "2026-07-02", 1, seats=1)]
    result = audit(in_july(programme(), second), deals, until_day=day("2026-07-02"))
    assert tiers(result, "2026-07-01", "2026-07-02") == ["base", "gold"]


def test_a_badge_is_held_by_name_and_a_gift_was_paid_by_name():
    """The badge of June is not given again in July, whatever comes with it now; a gift that is new is."""
    first = programme(rule(), metrics=[EARNED], badges=(badge("ten", "earned >= 10", mdf=1),))
    second = programme(
        rule(), metrics=[EARNED], badges=(badge("new", "earned >= 10", mdf=3), badge("ten", "earned >= 1", mdf=7))
    )
    deals = [won("A", "2026-06-01", 1000), won("B", "2026-07-01", 1)]
    result = audit(in_july(first, second), deals, until_day=day("2026-07-01"))
    assert [wallet(result, at, "mdf")[1] for at in ("2026-06-01", "2026-07-01")] == [1, 4]


def test_a_tier_that_had_no_gift_gives_the_one_it_has_when_it_is_passed_again():
    """Silver is won without a gift, lost at a refund, and won again when there is one; nothing comes by itself."""
    steps = ("silver", "earned >= 10")
    policy = refunds(tier=TierOnRefund.RE_EVALUATE)
    first = programme(rule(), metrics=[EARNED], ladder=ladder(steps), refunds=policy)
    second = programme(rule(), metrics=[EARNED], ladder=ladder(steps, gifts={"silver": {"mdf": 5}}), refunds=policy)
    events = [
        won("A", "2026-06-01", 1000),
        won("B", "2026-07-01", 100),
        refunded("R", "2026-07-02", "A"),
        won("C", "2026-07-03", 1000),
    ]
    result = audit(in_july(first, second), events, until_day=day("2026-07-03"))
    dates = ("2026-06-01", "2026-07-01", "2026-07-02", "2026-07-03")
    assert tiers(result, *dates) == ["silver", "silver", "base", "silver"]
    assert [wallet(result, at, "mdf")[1] for at in dates] == [0, 0, 0, 5]


def test_a_currency_that_was_given_up_lives_on_as_last_declared():
    """Extra points of June are spent in July, clawed back from, and expire."""
    extra = {"extra": Currency(name="extra", expires=points("60 days")["points"].expires)}
    first = programme(rule(partner={"extra": Rate(amount=1, per=100 * EUR)}))
    first = evolve(first, currencies={**first.currencies, **extra})
    chain = in_july(first, programme(rule()))
    events = [won("A", "2026-06-01", 1000), refunded("R", "2026-07-10", "A", 200)]
    spent = evolve(redeem("K", "2026-07-05", 3), currency="extra")
    result = audit(chain, events, [spent], until_day=day("2026-08-01"))
    dates = ("2026-07-04", "2026-07-05", "2026-07-10", "2026-07-31", "2026-08-01")
    assert [wallet(result, at, "extra")[1] for at in dates] == [10, 7, 5, 5, 0]


# Grandfathering


def invoice(amount: int, **said: Any) -> Any:
    """Give a rule that pays a fixed amount for an invoice."""
    return rule("invoice", "invoice.paid", partner=fixed(points=amount), **said)


ORIGIN, JOINED = Grandfather.ORIGIN, Grandfather.JOINED


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([invoice(1, grandfather=ORIGIN)], [invoice(5, grandfather=ORIGIN)], [1, 6]),
        ([invoice(1)], [invoice(5, grandfather=ORIGIN)], [1, 6]),
        ([invoice(1, grandfather=ORIGIN)], [invoice(5)], [1, 6]),
        ([invoice(1)], [invoice(5)], [5, 10]),
        ([invoice(1, grandfather=ORIGIN)], [], [1, 1]),
        ([invoice(1)], [], [0, 0]),
        ([], [invoice(5, grandfather=ORIGIN)], [0, 5]),
        ([], [invoice(5)], [5, 10]),
        ([invoice(1, grandfather=JOINED)], [invoice(5)], [1, 2]),
        ([], [invoice(5, grandfather=JOINED)], [0, 0]),
        ([invoice(1, grandfather=JOINED)], [invoice(5, grandfather=ORIGIN)], [1, 6]),
    ],
)  # fmt: skip
def test_the_version_of_the_origins_day_or_of_the_holders_first_pays(before: Any, after: Any, expected: list[int]):
    """Invoices of July for a deal of June and for one of July, of a partner who joined in June."""
    deals = [won("A", "2026-06-01", 1), won("B", "2026-07-01", 1)]
    events = [*deals, paid("I", "2026-07-02", "A"), paid("J", "2026-07-03", "B")]
    result = audit(in_july(programme(*before), programme(*after)), events, until_day=day("2026-07-03"))
    assert available(result, "2026-07-02", "2026-07-03") == expected


def test_a_partner_and_a_person_who_joined_at_different_times_get_different_versions():
    """Acme joined in June and keeps 1; Anna joined in July and gets 5."""
    rules = [
        rule("r", partner=fixed(points=amount), person=fixed(points=amount), of=None, grandfather=JOINED)
        for amount in (1, 5)
    ]
    chain = in_july(programme(rules[0]), programme(rules[1]))
    deals = [won("A", "2026-06-01", 1), won("B", "2026-07-01", 1, person="anna")]
    result = audit(chain, deals, until_day=day("2026-07-01"))
    assert available(result, "2026-07-01") == [2]
    assert wallet(result, "2026-07-01", holder=ANNA) == (0, 5, 0)


def test_the_first_of_a_chain_decides():
    """A settlement of July for an invoice of July for a deal of June pays the version of June."""
    kinds = {kind.name: kind for kind in KINDS}
    settled = evolve(kinds["invoice.paid"], name="invoice.settled", origin_kind="invoice.paid")
    kinds[settled.name] = settled
    versions = [
        programme(rule("s", settled.name, partner=fixed(points=amount), grandfather=ORIGIN), events=kinds)
        for amount in (1, 5)
    ]
    events = [won("A", "2026-06-01", 1), paid("I", "2026-07-02", "A"), event(settled.name, "S", "2026-07-03", of="I")]
    result = audit(in_july(*versions), events, until_day=day("2026-07-03"))
    assert available(result, "2026-07-03") == [1]


def test_a_kept_version_reads_metrics_and_tiers_as_it_declared_them():
    """
    The version of June pays by its own tiers and counts deals by its own metric, which the second revision changed.

    Bronze is new and counts there as base, which pays 1; all three deals count, and not only those of 2 EUR and more.
    """
    three = expression("deals >= 3 && tier.level == 0")
    by_tier = {"points": ByTier(awards={"base": Fixed(amount=1), "gold": Fixed(amount=9)})}
    kept = rule("invoice", "invoice.paid", partner=by_tier, when=three, grandfather=ORIGIN)
    steps = ladder(("gold", "deals >= 9"))
    first = programme(kept, metrics=[DEALS], ladder=steps)
    big = evolve(DEALS, when=expression('event.amount >= money("2 EUR")'))
    second = programme(metrics=[big], ladder=ladder(("bronze", "deals >= 1"), ("gold", "deals >= 9")))
    deals = [won("A", "2026-06-01", 1), won("B", "2026-06-02", 2), won("C", "2026-07-01", 3)]
    result = audit(in_july(first, second), [*deals, paid("I", "2026-07-02", "A")], until_day=day("2026-07-02"))
    assert tiers(result, "2026-07-01") == ["bronze"]
    assert available(result, "2026-07-02") == [1]


def test_versions_of_two_revisions_meet_in_the_group_of_the_day():
    """The kept version of one rule pays 3, the other's 4: the best of the day's group is the latter, alone."""
    group = Group(name="one", take=Take.BEST, by="points")
    kept = invoice(3, grandfather=ORIGIN, group="one")
    other = rule("other", "invoice.paid", partner=fixed(points=4), group="one")
    first = programme(kept, groups=[evolve(group, take=Take.ALL)])
    second = programme(other, groups=[group])
    events = [won("A", "2026-06-01", 1), paid("I", "2026-07-02", "A")]
    result = audit(in_july(first, second), events, until_day=day("2026-07-02"))
    assert available(result, "2026-07-02") == [4]


def test_a_refund_of_what_a_kept_version_paid_uses_that_version():
    """Half of a licence's 10 by the old rate goes, 5, though July pays 20."""
    kinds = {kind.name: kind for kind in KINDS}
    amount = kinds["deal.won"].fields
    kinds["licence.sold"] = evolve(kinds["invoice.paid"], name="licence.sold", fields=amount)
    kinds["licence.back"] = evolve(kinds["deal.refunded"], name="licence.back", origin_kind="licence.sold")
    of = expression("event.amount")
    first, second = (
        programme(rule("l", "licence.sold", partner=rate, of=of, grandfather=ORIGIN), events=kinds)
        for rate in (RATE_1, RATE_2)
    )
    events = [
        won("A", "2026-06-01", 1),
        event("licence.sold", "L", "2026-07-02", of="A", amount=1000 * EUR),
        event("licence.back", "R", "2026-07-03", of="L", amount=500 * EUR),
    ]
    result = audit(in_july(first, second), events, until_day=day("2026-07-03"))
    assert available(result, "2026-07-02", "2026-07-03") == [10, 5]


# Tiers and the clock


def test_an_added_tier_stands_directly_below_the_next_one_that_is_known():
    """Bronze and iron are put under gold, above silver; diamond on top."""
    steps = [
        ladder(("silver", "deals >= 1"), ("gold", "deals >= 2")),
        ladder(("iron", "deals >= 1"), ("bronze", "deals >= 2"), ("gold", "deals >= 3"), ("diamond", "deals >= 4")),
    ]
    chain = in_july(*(programme(metrics=[DEALS], ladder=each) for each in steps))
    assert tier_order(chain) == ["base", "silver", "iron", "bronze", "gold", "diamond"]


def test_a_standing_falls_to_the_nearest_lower_tier_that_there_is():
    """Silver is gone on 1 July and falls to base, gold stays; nobody rises before an event, though all would."""
    first = programme(metrics=[DEALS], ladder=ladder(("silver", "deals >= 1"), ("gold", "deals >= 2")))
    second = programme(metrics=[DEALS], ladder=ladder(("gold", "deals >= 1")))
    chain = in_july(first, second)
    one, two = won("A", "2026-06-01", 1), won("B", "2026-06-02", 1)
    result = audit(chain, [one], until_day=day("2026-07-02"))
    assert tiers(result, "2026-06-30", "2026-07-01") == ["silver", "base"]
    assert [(t.rule, t.cause, t.asset) for t in result.transfers][1:] == [("@revision", None, "tier.silver")]
    assert tiers(audit(chain, [one, two], until_day=day("2026-07-02")), "2026-07-01") == ["gold"]
    later = audit(chain, [one, won("B", "2026-07-02", 1)], until_day=day("2026-07-02"))
    assert tiers(later, "2026-07-01", "2026-07-02") == ["base", "gold"]


def test_a_tier_by_hand_that_there_is_no_more_ends():
    """Silver by hand ends on 1 July beneath which gold stands; gold by hand goes on."""
    first = programme(metrics=[DEALS], ladder=ladder(("silver", "deals >= 3"), ("gold", "deals >= 1")))
    second = programme(metrics=[DEALS], ladder=ladder(("gold", "deals >= 1")))
    for tier, expected in (("silver", ["silver", "gold", "gold"]), ("base", ["base", "base", "gold"])):
        by_hand = event("tier.override", "O", "2026-06-10", tier=tier, until=day("2026-08-01"))
        result = audit(in_july(first, second), [won("A", "2026-06-01", 1), by_hand], until_day=day("2026-08-02"))
        assert tiers(result, "2026-06-30", "2026-07-01", "2026-08-02") == expected


YEAR = metric("earned", Measure.EARNED, Window(kind=WindowKind.CALENDAR, period=Period.YEAR), currency="points")


def graced(review: Review | None, *steps: tuple[str, str]) -> Programme:
    """Give a programme whose tiers are kept by the points of a year."""
    return programme(rule(), metrics=[YEAR], ladder=ladder(*steps, review=review))


def test_a_running_grace_lands_as_the_revision_of_its_end_says():
    """Gold is missed on 1 January 2027 with a grace of 90 days; from February on one lands one tier down, or never."""
    steps = (("silver", "earned >= 10"), ("gold", "earned >= 30"))
    before = graced(Review(every=Period.YEAR, grace=Duration.parse("90 days")), *steps)
    deals = [won("A", "2026-01-01", 3000), won("B", "2027-01-02", 1)]
    down = Review(every=Period.YEAR, landing=Landing.ONE_TIER_DOWN)
    for review, expected in ((before.ladder.review, "base"), (down, "silver"), (None, "gold")):
        chain = revised(before, _2028_02_01=graced(review, *steps))
        result = audit(chain, deals, until_day=day("2028-06-01"))
        assert tiers(result, "2027-12-31", "2028-03-30") == ["gold", "gold"]
        assert tiers(result, "2028-03-31") == [expected]


def test_a_grace_ends_with_the_tier_that_there_is_no_more():
    """Gold was missed and kept; without gold it is silver at once, and nothing lands at the end of the grace."""
    before = graced(
        Review(every=Period.YEAR, grace=Duration.parse("90 days")), ("silver", "earned >= 10"), ("gold", "earned >= 30")
    )
    after = graced(Review(every=Period.YEAR, grace=Duration.parse("90 days")), ("silver", "earned >= 10"))
    result = audit(revised(before, _2028_02_01=after), [won("A", "2026-01-01", 3000)], until_day=day("2029-03-31"))
    dates = ("2028-01-31", "2028-02-01", "2028-12-31", "2029-03-30")
    assert tiers(result, *dates) == ["gold", "silver", "silver", "silver"]
    assert tiers(result, "2029-04-01") == ["silver"]


def test_reviews_and_allotments_are_those_of_the_revision_and_its_first_day_counts():
    """From 1 July there is a monthly allotment of 7 and a review every month: both fall on 1 July itself."""
    monthly = Allotment(name="fund", every=Period.MONTH, currency="mdf", amounts={"base": 7})
    yearly = Allotment(name="fund", every=Period.YEAR, currency="mdf", amounts={"base": 100})
    month = Window(kind=WindowKind.CALENDAR, period=Period.MONTH)
    steps = (("gold", "earned >= 10"),)
    first = programme(rule(), metrics=[YEAR], ladder=ladder(*steps), allotments=(yearly,))
    second = programme(
        rule(),
        metrics=[evolve(YEAR, window=month)],
        ladder=ladder(*steps, review=Review(every=Period.MONTH)),
        allotments=(monthly,),
    )
    result = audit(in_july(first, second), [won("A", "2026-05-05", 1000)], until_day=day("2027-01-01"))
    assert tiers(result, "2026-06-30", "2026-07-01") == ["gold", "base"]
    dates = ("2026-06-30", "2026-07-01", "2026-08-01", "2026-12-31", "2027-01-01")
    assert [wallet(result, at, "mdf")[1] for at in dates] == [0, 7, 14, 42, 49]
