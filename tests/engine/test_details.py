"""The questions that every points engine must answer, each with the answer of this one."""

from __future__ import annotations

from itertools import permutations

import pytest

from loyalty import Engine, Event, Holder, MemoryStore, Programme, load, loads, settle
from loyalty.core.calendar import format_day, parse_day
from loyalty.errors import ProgrammeError

from .scenes import ACME, deal, entries_in, happened, refund
from .test_arrival import ROOT

_HEAD = """\
language: 1
programme: {{id: details, starts: 2026-01-01, timezone: {zone}}}
currencies:
  points: {points}
  status: {{spendable: false}}
events:
  deal.won:
    amount: {{type: money, unit: EUR, max: 1000000.00}}
  deal.refunded:
    refunds: deal.won
    amount: {{type: money, unit: EUR, max: 1000000.00, optional: true}}
  visit: {{}}
metrics:
  year_status: {{earned: status, window: {window}}}
"""

_PER_EURO = "  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1 per 1 EUR}}}\n"


def programme(
    rules: str = _PER_EURO,
    more: str = "",
    *,
    points: str = "{}",
    zone: str = "Europe/Berlin",
    window: str = "calendar_year",
) -> Programme:
    """Write a programme of these rules."""
    return loads(_HEAD.format(points=points, zone=zone, window=window) + "earn:\n" + rules + more)


def engine_of(declared: Programme, *events: Event) -> Engine:
    """Give an engine that was told these events."""
    engine = Engine(declared, MemoryStore())
    engine.submit_all(events)
    return engine


def points(engine: Engine, at: str, holder: Holder = ACME) -> int:
    """Give what is available at the end of a day."""
    return engine.statement(holder, at).balances.get(("available", "points"), 0)


@pytest.mark.parametrize(
    ("earned", "last_usable"),
    [
        ("2026-01-31", "2026-02-28"),
        ("2026-02-28", "2026-03-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-07-06", "2026-08-06"),
    ],
)
def test_month_arithmetic_is_clamped(earned: str, last_usable: str) -> None:
    """A month after 31 January is the end of February, and usable through that day."""
    declared = programme(points="{expires: {after: 1 month}}")
    engine = engine_of(declared, deal("D-1", earned, 10, declared))
    assert points(engine, last_usable) == 10
    assert points(engine, format_day(parse_day(last_usable) + 1)) == 0
    assert [format_day(day - 1) for day, _ in engine.statement(ACME, earned).expiries["points"]] == [last_usable]


def test_months_are_counted_from_the_original_day() -> None:
    """Two months after 31 January are 31 March, not 28 March: clamping does not add up."""
    declared = programme(points="{expires: {after: 2 months}}")
    assert points(engine_of(declared, deal("D-1", "2026-01-31", 10, declared)), "2026-03-31") == 10


def test_a_29_february_anniversary_falls_on_28_and_returns() -> None:
    """Years of a partner that began on a leap day end on 28 February, and on 29 in a leap year."""
    declared = programme(
        _PER_EURO.replace("1 EUR}}}", "1 EUR, status: 1 per 1 EUR}}}")
        + "  - {rule: shown, on: visit, when: year_status >= 10, give: {partner: {points: 1}}}\n",
        window="anniversary_year",
    )
    for day, shown in (("2029-02-27", 1), ("2029-02-28", 0)):
        seen = happened("V-1", "visit", day, declared)
        assert points(engine_of(declared, deal("D-1", "2028-02-29", 10, declared), seen), day) == 10 + shown
    first = deal("D-0", "2028-02-29", 1, declared)
    for day, shown in (("2032-02-28", 1), ("2032-02-29", 0)):
        seen = happened("V-1", "visit", day, declared)
        engine = engine_of(declared, first, deal("D-1", "2031-02-28", 10, declared), seen)
        assert points(engine, day) == 11 + shown


def test_the_boundary_instant_belongs_to_the_next_day() -> None:
    """The last microsecond of the last day is usable; the first of the next is not."""
    declared = programme(points="{expires: {after: 1 month}}")
    engine = engine_of(declared, deal("D-1", "2026-01-10", 10, declared))
    midnight = declared.calendar.parse_instant_us("2026-02-11")
    held = [engine.statement(ACME, at).balances.get(("available", "points"), 0) for at in (midnight - 1, midnight)]
    assert held == [10, 0]


@pytest.mark.parametrize(("zone", "day"), [("Europe/Berlin", "2026-02-01"), ("America/New_York", "2026-01-31")])
def test_the_time_zone_is_the_programmes(zone: str, day: str) -> None:
    """One instant is of two days in two zones, and its lot ends with that day there."""
    declared = programme(points="{expires: {after: 1 day}}", zone=zone)
    engine = engine_of(declared, deal("D-1", "2026-02-01T00:30+01:00", 10, declared))
    (entry,) = entries_in(engine.store)
    assert format_day(declared.calendar.day_of(entry.effective_at)) == day
    assert [format_day(leg.lot_day - 2) for leg in entry.postings if leg.lot_day is not None] == [day]


def test_consumption_order_is_expiry_then_earning() -> None:
    """Lots of one expiry day go in the order in which they were earned, and each debit says which it took."""
    declared = programme(points="{expires: {after: 1 month, at: end_of_quarter}}")
    engine = engine_of(declared, *(deal(f"D-{n}", f"2026-01-{n:02}", 10, declared) for n in (20, 5, 12)))
    engine.redeem(ACME, "points", 15, key="K-1", at=declared.calendar.parse_instant_us("2026-02-01"))
    store = engine.store
    assert isinstance(store, MemoryStore)
    with store.transaction() as book:
        account = next(leg.account for entry in book.entries() for leg in entry.postings if leg.account.owner == ACME)
        taken = [(item.lot.entry_key, item.amount) for item in book.allocations(account, "points")]
    assert taken[-2:] == [("event:/D-5", 10), ("event:/D-12", 5)]


@pytest.mark.parametrize("parts", [(1, 1, 1), (3, 3, 4), (33, 33, 34), (99, 1)])
def test_several_partial_refunds_never_drift(parts: tuple[int, ...]) -> None:
    """However a deal is refunded in parts, what stays is the award of what is left; in the end nothing."""
    declared = programme("  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1 per 3 EUR}}}\n")
    engine = engine_of(declared, deal("D-1", "2026-02-01", 100, declared))
    left = 100
    for number, part in enumerate(parts):
        engine.submit(refund(f"R-{number}", "2026-02-02", "D-1", part, declared))
        left -= part
        assert points(engine, "2026-02-02") == left // 3
    engine.submit(refund("R-9", "2026-02-03", "D-1", None, declared))
    assert points(engine, "2026-02-03") == 0
    assert engine.submit(refund("R-10", "2026-02-04", "D-1", 50, declared)).entries == ()


_TIERS = """\
tiers:
  base: {multiplier: 1}
  ladder:
    - {tier: gold, multiplier: 2, needs: [year_status >= 100]}
  promote: at_once
"""
_TIERED = """\
  - rule: base
    on: deal.won
    of: event.amount
    give: {partner: {points: 1 per 1 EUR, status: 1 per 1 EUR}}
    multiply: {points: tier.multiplier}
"""


def test_the_rate_used_in_a_refund_is_the_originals() -> None:
    """What was earned at base is taken back at base, whatever the partner has become since."""
    declared = programme(_TIERED, _TIERS)
    engine = engine_of(
        declared,
        deal("D-1", "2026-02-01", 50, declared),
        deal("D-2", "2026-02-02", 100, declared),
        deal("D-3", "2026-02-03", 10, declared),
    )
    assert points(engine, "2026-02-03") == 50 + 100 + 20
    engine.submit(refund("R-1", "2026-02-04", "D-1", None, declared))
    assert points(engine, "2026-02-04") == 100 + 20
    engine.submit(refund("R-2", "2026-02-05", "D-3", 5, declared))
    assert points(engine, "2026-02-05") == 100 + 10


@pytest.mark.parametrize(
    ("policy", "tier", "gift"),
    [("keep_to_period_end", "gold", 25), ("re_evaluate", "base", 25), ("re_evaluate_and_take_back", "base", 0)],
)
def test_a_refund_after_a_promotion_follows_its_named_policy(policy: str, tier: str, gift: int) -> None:
    """The tier is kept, or looked at again at once, with or without what came with it; the file says which."""
    tiers = _TIERS.replace("multiplier: 2,", "multiplier: 2, gift: {points: 25},")
    declared = programme(
        _TIERED, f"{tiers}refunds:\n  deal.refunded: {{points: arrears, status: reverse, tier: {policy}}}\n"
    )
    engine = engine_of(
        declared, deal("D-1", "2026-02-01", 100, declared), refund("R-1", "2026-02-02", "D-1", None, declared)
    )
    assert engine.statement(ACME, "2026-02-02").tier == tier
    assert points(engine, "2026-02-02") == gift


_CAPPED = _PER_EURO.replace("}}}", "}}, cap: {points: 100, per: month}}")


def test_a_reversal_gives_headroom_back_in_the_originals_period() -> None:
    """A refund in March opens January's cap again for a deal of January that comes after, not March's."""
    declared = programme(_CAPPED)
    engine = engine_of(
        declared,
        deal("D-1", "2026-01-10", 100, declared),
        refund("R-1", "2026-01-20", "D-1", 40, declared),
        deal("D-2", "2026-01-21", 100, declared),
    )
    assert points(engine, "2026-01-21") == 100
    engine.submit_all([refund("R-2", "2026-03-01", "D-2", None, declared), deal("D-3", "2026-03-02", 500, declared)])
    assert points(engine, "2026-03-02") == 60 + 100


def test_a_cap_keeps_the_amount_and_not_a_flag() -> None:
    """A cap that bound in part still pays the rest of what is given back."""
    declared = programme(_CAPPED)
    engine = engine_of(declared, *(deal(f"D-{n}", f"2026-01-1{n}", 30, declared) for n in range(5)))
    assert points(engine, "2026-01-31") == 100
    engine.submit_all([refund("R-1", "2026-01-20", "D-0", None, declared), deal("D-9", "2026-01-21", 50, declared)])
    assert points(engine, "2026-01-31") == 100


def test_back_dated_events_count_in_the_period_in_which_they_happened() -> None:
    """A deal of January that becomes known in March takes January's headroom."""
    declared = programme(_CAPPED)
    engine = engine_of(declared, deal("D-2", "2026-01-20", 80, declared), deal("D-3", "2026-03-01", 80, declared))
    engine.submit(deal("D-1", "2026-01-31T23:59", 80, declared))
    assert points(engine, "2026-01-31") == 100
    assert points(engine, "2026-03-01") == 180


@pytest.mark.parametrize("order", list(permutations(("a", "b", "c"))))
def test_rule_order_is_phase_priority_and_name(order: tuple[str, ...]) -> None:
    """Where the rules stand in the file makes no difference to what a shared cap leaves each of them."""
    texts = {
        "a": "  - {rule: a, on: visit, give: {partner: {points: 60}}, campaign: all, phase: 2}\n",
        "b": "  - {rule: b, on: visit, give: {partner: {points: 50}}, campaign: all, phase: 1, priority: 2}\n",
        "c": "  - {rule: c, on: visit, give: {partner: {points: 30}}, campaign: all, phase: 1, priority: 1}\n",
    }
    campaign = "campaigns:\n  all: {valid: {from: 2026-01-01, through: 2026-12-31}, cap: {points: 100}}\n"
    declared = programme("".join(texts[name] for name in order), campaign)
    explanation = engine_of(declared, happened("V-1", "visit", "2026-02-01", declared)).explain("/V-1")
    paid = {rule: amount for (_, rule, _), amount in explanation.paid().items()}
    assert list(paid.items()) == [("c", 30), ("b", 50), ("a", 20)]


def test_a_promotion_comes_at_once_and_a_downgrade_after_the_grace() -> None:
    """An event uses the tier before it; a missed year is answered when the grace ends, at the start of a day."""
    review = "  review: {every: calendar_year, grace: 30 days, landing: one_tier_down}\n"
    declared = programme(_TIERED, _TIERS + review)
    engine = engine_of(
        declared, deal("D-1", "2026-02-01T10:00", 100, declared), deal("D-2", "2026-02-01T10:01", 10, declared)
    )
    assert points(engine, "2026-02-01") == 100 + 20
    assert [engine.statement(ACME, day).tier for day in ("2027-01-01", "2028-01-30", "2028-01-31")] == [
        "gold",
        "gold",
        "base",
    ]


def test_within_a_day_the_clock_comes_before_the_events() -> None:
    """Expiry and activation of a day are over when its first event happens."""
    declared = programme(
        _PER_EURO.replace("}}}", "}}, pending: {points: 10 days}}"),
        points="{expires: {after: 11 days}}",
    )
    engine = engine_of(declared, deal("D-1", "2026-02-01T23:59", 50, declared))
    midnight = declared.calendar.parse_instant_us("2026-02-11")
    assert engine.redeem(ACME, "points", 20, key="K-1", at=midnight).entries
    assert points(engine, "2026-02-11") == 30
    assert points(engine, "2026-02-12") == 30
    assert points(engine, "2026-02-13") == 0


def test_numbers_are_whole_and_rates_exact() -> None:
    """Ten times a tenth is one; a float never comes in."""
    declared = programme(
        "  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 0.1 per 0.01 EUR}}}\n"
    )
    events = [happened(f"D-{n}", "deal.won", "2026-02-01", declared, amount="0.10 EUR") for n in range(10)]
    assert points(engine_of(declared, *events), "2026-02-01") == 10
    with pytest.raises(ProgrammeError):
        programme("  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1e0 per 1 EUR}}}\n")


@pytest.mark.parametrize(("meaning", "paid"), [("whole_slab", 300), ("marginal", 200)])
def test_the_meaning_of_a_threshold_is_named(meaning: str, paid: int) -> None:
    """Above 100 EUR twice as much: on the whole amount, or on what lies above."""
    declared = programme(
        f"""\
  - rule: base
    on: deal.won
    of: event.amount
    give:
      partner:
        points:
          bands: {meaning}
          steps:
            - {{from: 0 EUR, give: 1 per 1 EUR}}
            - {{from: 100 EUR, give: 2 per 1 EUR}}
"""
    )
    assert points(engine_of(declared, deal("D-1", "2026-02-01", 150, declared)), "2026-02-01") == paid
    assert points(engine_of(declared, deal("D-1", "2026-02-01", 99, declared)), "2026-02-01") == 99


def test_a_clawback_after_spending_becomes_arrears_and_is_repaid_first() -> None:
    """The balance never goes below nothing; what is owed has an account of its own."""
    declared = programme()
    engine = engine_of(declared, deal("D-1", "2026-02-01", 100, declared))
    engine.redeem(ACME, "points", 70, key="K-1", at=declared.calendar.parse_instant_us("2026-02-02"))
    engine.submit(refund("R-1", "2026-02-03", "D-1", None, declared))
    balances = engine.statement(ACME, "2026-02-03").balances
    assert balances == {("arrears", "points"): -70}
    engine.submit(deal("D-2", "2026-02-04", 100, declared))
    assert engine.statement(ACME, "2026-02-04").balances == {("available", "points"): 30}


# What users of other engines complain about, each as a test.


def test_returns_give_negative_points() -> None:
    """A refund takes back what its deal gave, from whatever is left in the wallet."""
    declared = programme()
    engine = engine_of(declared, deal("D-1", "2026-02-01", 100, declared), deal("D-2", "2026-02-02", 30, declared))
    engine.submit(refund("R-1", "2026-02-03", "D-1", None, declared))
    assert points(engine, "2026-02-03") == 30


def test_nobody_earns_refunds_and_keeps_the_points() -> None:
    """A hundred rounds of deal and refund leave nothing, spent in between or not."""
    declared = programme()
    engine = Engine(declared, MemoryStore())
    for number in range(10):
        day = f"2026-02-{number + 1:02}"
        engine.submit(deal(f"D-{number}", f"{day}T10:00", 50, declared))
        available = points(engine, day)
        if available:
            engine.redeem(
                ACME, "points", available, key=f"K-{number}", at=declared.calendar.parse_instant_us(f"{day}T11:00")
            )
        engine.submit(refund(f"R-{number}", f"{day}T12:00", f"D-{number}", None, declared))
    with engine.store.transaction() as book:
        redeemed = sum(grant.amount for grant in book.grants(ACME))
    assert (redeemed, engine.statement(ACME, "2026-03-01").balances) == (50, {("arrears", "points"): -50})


def test_expiry_after_spending_does_not_collapse_the_balance() -> None:
    """Only what is left of a lot expires: spends went out of it, and do not stay behind as a debt."""
    declared = programme(points="{expires: {after: 1 month}}")
    engine = engine_of(declared, deal("D-1", "2026-02-01", 100, declared), deal("D-2", "2026-02-20", 100, declared))
    engine.redeem(ACME, "points", 80, key="K-1", at=declared.calendar.parse_instant_us("2026-02-25"))
    assert [points(engine, day) for day in ("2026-03-01", "2026-03-02", "2026-03-20", "2026-03-21")] == [
        120,
        100,
        100,
        0,
    ]


def test_the_right_tier_is_chosen_at_and_around_each_threshold() -> None:
    """The highest whose needs are met, however the tiers' numbers relate to each other."""
    ladder = """\
tiers:
  ladder:
    - {tier: silver, needs: [year_status >= 100]}
    - {tier: gold, needs: [year_status >= 1000]}
    - {tier: platinum, needs: [year_status >= 10000]}
  promote: at_once
"""
    declared = programme(
        "  - {rule: base, on: deal.won, of: event.amount, give: {partner: {status: 1 per 1 EUR}}}\n", ladder
    )
    expected = {99: "base", 100: "silver", 999: "silver", 1000: "gold", 9999: "gold", 10000: "platinum"}
    for euros, tier in expected.items():
        engine = engine_of(declared, deal("D-1", "2026-02-01", euros, declared))
        assert engine.statement(ACME, "2026-02-01").tier == tier


def test_levels_count_what_was_earned_and_not_what_is_left() -> None:
    """Spending and expiring do not lower a tier."""
    tiers = """\
tiers:
  ladder:
    - {tier: gold, needs: [earned_points >= 100]}
  promote: at_once
  review: {every: calendar_quarter, landing: by_score}
"""
    text = _HEAD.format(points="{expires: {after: 1 month}}", zone="Europe/Berlin", window="calendar_year")
    declared = loads(f"{text}  earned_points: {{earned: points, window: lifetime}}\nearn:\n{_PER_EURO}{tiers}")
    engine = engine_of(declared, deal("D-1", "2026-02-01", 100, declared))
    engine.redeem(ACME, "points", 100, key="K-1", at=declared.calendar.parse_instant_us("2026-02-02"))
    assert engine.statement(ACME, "2026-12-31").tier == "gold"
    assert points(engine, "2026-12-31") == 0


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Pacific/Auckland"])
@pytest.mark.parametrize("moment", ["T00:00", "T01:30", "T23:59:59"])
def test_a_shift_of_the_clock_never_breaks_a_streak(zone: str, moment: str) -> None:
    """One event on each local day of a year is one streak, and each tenth day pays once."""
    declared = programme(
        "  - {rule: daily, on: visit, streak: {every: day, length: 10, repeat: true}, give: {partner: {points: 1}}}\n",
        zone=zone,
    )
    first = parse_day("2026-01-01")
    days = [format_day(first + n) for n in range(360)]
    events = [happened(f"V-{day}", "visit", day + moment, declared) for day in days]
    assert settle(declared, events).balances[ACME, "available", "points"] == 36


def test_a_badge_is_revoked_when_its_needs_are_not_met_any_more() -> None:
    """Refunded deals take the badge that they brought, where the programme says so; merit kept badges for ever."""
    for policy, held in (("keep", 1), ("re_evaluate", 0)):
        declared = programme(
            _PER_EURO.replace("points: 1", "status: 1"),
            "badges:\n  - {badge: hundred, needs: [year_status >= 100]}\n"
            f"refunds:\n  deal.refunded: {{badges: {policy}}}\n",
        )
        engine = engine_of(declared, deal("D-1", "2026-02-01", 100, declared))
        assert engine.statement(ACME, "2026-02-01").badges == ("hundred",)
        engine.submit(refund("R-1", "2026-02-02", "D-1", 1, declared))
        assert engine.statement(ACME, "2026-02-02").badges == ("hundred",) * held


def test_history_is_authoritative() -> None:
    """Balances are the sums of postings, at every instant and for every account."""
    declared = load(ROOT / "tests" / "programme" / "full.yaml")
    events = [
        deal("D-1", "2026-02-03", 5000, declared, registered=True),
        happened("R-1", "deal.refunded", "2026-02-10", declared, of="D-1", reason="returned"),
    ]
    engine = engine_of(declared, *events)
    engine.advance("2027-01-01")
    sums: dict[tuple[str, str], int] = {}
    for entry in entries_in(engine.store):
        for leg in entry.postings:
            if leg.account.owner == ACME:
                sums[leg.account.name, leg.asset] = sums.get((leg.account.name, leg.asset), 0) + leg.amount
    assert {key: amount for key, amount in sums.items() if amount} == engine.statement(ACME, "2027-01-01").balances


def test_points_are_locked_until_the_return_window_ends() -> None:
    """A deal that is refunded while its points are pending never showed them as available."""
    declared = programme(_PER_EURO.replace("}}}", "}}, pending: {points: 14 days}}"))
    engine = engine_of(declared, deal("D-1", "2026-02-01", 100, declared), deal("D-2", "2026-02-01", 10, declared))
    engine.submit(refund("R-1", "2026-02-14", "D-1", None, declared))
    engine.advance("2026-03-01")
    shown = [engine.statement(ACME, day).balances for day in ("2026-02-01", "2026-02-14", "2026-02-15")]
    assert shown == [{("pending", "points"): 110}, {("pending", "points"): 10}, {("available", "points"): 10}]


def test_a_daily_cap_holds() -> None:
    """What lies above it is not paid, and the next day begins anew."""
    declared = programme(_CAPPED.replace("per: month", "per: day"))
    events = [deal(f"D-{n}", f"2026-02-0{1 + n // 3}T1{n}:00", 60, declared) for n in range(6)]
    assert points(engine_of(declared, *events), "2026-02-28") == 200


def test_a_simulated_year_uses_up_nobodys_cap() -> None:
    """Settling and foreseeing are pure: the book is read, never written."""
    declared = programme(_CAPPED)
    engine = engine_of(declared, deal("D-1", "2026-01-10", 60, declared))
    for _ in range(3):
        settle(declared, [deal("D-1", "2026-01-10", 60, declared), deal("D-2", "2026-01-11", 60, declared)])
        engine.statement(ACME, "2026-12-31")
    engine.submit(deal("D-2", "2026-01-12", 40, declared))
    assert points(engine, "2026-01-12") == 100


def test_every_award_names_the_revision_that_gave_it() -> None:
    """The revision is the digest of the rules, and stands in every entry."""
    first, second = programme(), programme(_PER_EURO.replace("1 per 1 EUR", "2 per 1 EUR"))
    assert first.revision != second.revision
    for declared in (first, second):
        engine = engine_of(declared, deal("D-1", "2026-02-01", 10, declared))
        engine.advance("2027-01-01")
        assert {entry.revision for entry in entries_in(engine.store)} == {declared.revision}
