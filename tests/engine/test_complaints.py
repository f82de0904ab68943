"""What users of other engines complain about: each complaint of the reference as a test that it is none here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attrs import evolve

from loyalty import Engine, EventConflict, Holder, InsufficientPoints, load, settle
from loyalty.core.calendar import format_day, parse_day
from loyalty.ledger.verify import verify

from .scenes import ACME, deal, entries_in, everything_in, happened, refund, void
from .small_programmes import CAPPED, PER_EURO, Told, points, programme
from .test_arrival import ROOT
from .test_details import REFERENCE


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"the reference is not kept here; it belongs at {REFERENCE}")
def test_each_complaint_of_the_reference_has_a_test() -> None:
    """The issues that the reference names in brackets stand so, with their product, in the docstring of one test."""
    part = REFERENCE.read_text().partition("\n## 3.")[2].partition("\n## ")[0]
    complaints = list(_issues(part))
    docstrings = re.findall(r'\n    """(.*?)"""', Path(__file__).read_text(), re.DOTALL)
    shown = [issues for docstring in docstrings for issues in _issues(docstring)]
    assert len(complaints) == 18
    assert [issues for issues in complaints if shown.count(issues) != 1] == []


def _issues(text: str) -> Iterator[set[tuple[str, str]]]:
    """Give the issues (product, number) of each bracket; where no product stands it is the one before."""
    product = ""
    for bracket in re.findall(r"\(([^()]*(?:#|idea )\d[^()]*)\)", text):
        issues = set()
        for one in bracket.split(", "):
            named, _, number = re.sub("idea ", "#", one).rpartition("#")
            product = named.strip() or product
            issues.add((product, number))
        yield issues


def test_returns_give_negative_points(told: Told) -> None:
    """A refund takes back what its deal gave, from what is left, and leaves the rest owed (ERPNext #32951)."""
    declared = programme()
    engine = told(declared, deal("D-1", "2026-02-01", 100, declared), deal("D-2", "2026-02-02", 30, declared))
    engine.redeem(ACME, "points", 20, key="K-1", at="2026-02-02")
    (entry,) = engine.submit(refund("R-1", "2026-02-03", "D-1", None, declared)).entries
    moved = {leg.account.path: leg.amount for leg in entry.postings if leg.account.name == "available"}
    assert moved == {"partner:acme/available": -100}
    assert points(engine, "2026-02-03") == 10
    engine.submit(refund("R-2", "2026-02-04", "D-2", None, declared))
    assert engine.balances(ACME, "2026-02-04") == {("arrears", "points"): -20}


def test_nobody_earns_refunds_and_keeps_the_points(told: Told) -> None:
    """Ten rounds of a deal and its refund leave nothing but a debt of what was spent in between (Odoo #257854)."""
    declared = programme()
    engine = told(declared)
    for number in range(10):
        day = f"2026-02-{number + 1:02}"
        engine.submit(deal(f"D-{number}", f"{day}T10:00", 50, declared))
        available = points(engine, day)
        if available:
            engine.redeem(ACME, "points", available, key=f"K-{number}", at=f"{day}T11:00")
        engine.submit(refund(f"R-{number}", f"{day}T12:00", f"D-{number}", None, declared))
    with engine.store.transaction() as book:
        redeemed = sum(grant.amount for grant in book.grants(ACME))
    assert (redeemed, engine.balances(ACME, "2026-03-01")) == (50, {("arrears", "points"): -50})


def test_expiry_after_spending_does_not_collapse_the_balance(told: Told) -> None:
    """Only what is left of a lot expires; spends went out of it and are no debt (FloCafe #78, Drupal #885174)."""
    declared = programme(points="{expires: {after: 1 month}}")
    engine = told(declared, deal("D-1", "2026-02-01", 100, declared), deal("D-2", "2026-02-20", 100, declared))
    engine.redeem(ACME, "points", 80, key="K-1", at="2026-02-25")
    engine.advance("2026-04-30")
    days = ("2026-02-25", "2026-03-01", "2026-03-02", "2026-03-20", "2026-03-21")
    assert [points(engine, day) for day in days] == [120, 120, 100, 100, 0]
    expired = [leg for entry in entries_in(engine.store) for leg in entry.postings if leg.account.name == "expired"]
    assert [leg.amount for leg in expired] == [20, 100]


def test_the_right_tier_is_chosen_at_and_around_each_threshold(told: Told) -> None:
    """The highest whose needs are met, in whatever order they are reached (ERPNext #14930, #22167, #45450)."""
    ladder = """\
tiers:
  ladder:
    - {tier: silver, needs: [year_status >= 100]}
    - {tier: gold, needs: [year_status >= 1000]}
    - {tier: platinum, needs: [year_status >= 10000]}
  promote: at_once
"""
    declared = programme(PER_EURO.replace("points: 1", "status: 1"), ladder)
    expected = {99: "base", 100: "silver", 999: "silver", 1000: "gold", 9999: "gold", 10000: "platinum"}
    for euros, tier in expected.items():
        engine = told(declared, deal("D-1", "2026-02-01", euros, declared))
        assert engine.statement(ACME, "2026-02-01").tier == tier
        by_steps = told(declared, *(deal(f"D-{n}", f"2026-02-0{n}", euros // 3, declared) for n in (1, 2, 3)))
        by_steps.submit(deal("D-4", "2026-02-04", euros % 3 or 0, declared))
        assert by_steps.statement(ACME, "2026-02-04").tier == tier


def test_levels_count_what_was_earned_and_not_what_is_left(told: Told) -> None:
    """Spending and expiring do not lower a tier (open-loyalty #131)."""
    tiers = """\
tiers:
  ladder:
    - {tier: gold, needs: [earned_points >= 100]}
  promote: at_once
  review: {every: calendar_quarter, landing: by_score}
"""
    declared = programme(
        PER_EURO,
        tiers,
        points="{expires: {after: 1 month}}",
        metrics="  earned_points: {earned: points, window: lifetime}\n",
    )
    engine = told(declared, deal("D-1", "2026-02-01", 60, declared))
    engine.redeem(ACME, "points", 60, key="K-1", at="2026-02-02")
    engine.submit(deal("D-2", "2026-02-03", 40, declared))
    engine.advance("2026-12-31")
    assert [engine.statement(ACME, day).tier for day in ("2026-02-02", "2026-02-03", "2026-12-31")] == [
        "base",
        "gold",
        "gold",
    ]
    assert points(engine, "2026-12-31") == 0


def test_history_is_authoritative(told: Told) -> None:
    """
    Balances are the sums of postings, in every account, and settling the history again gives them (Odoo #206048).

    What is stored beside the postings cannot say anything else: the audit compares all of it.
    """
    declared = load(ROOT / "tests" / "programme" / "full.yaml")
    events = [
        deal("D-1", "2026-02-03", 5000, declared, registered=True),
        happened("R-1", "deal.refunded", "2026-02-10", declared, of="D-1", reason="returned"),
        deal("D-2", "2026-02-20", 7000, declared, registered=True),
    ]
    engine = told(declared, *events)
    engine.advance("2027-01-01")
    sums: dict[tuple[str, str], int] = {}
    for entry in entries_in(engine.store):
        for leg in entry.postings:
            if leg.account.owner == ACME:
                sums[leg.account.name, leg.asset] = sums.get((leg.account.name, leg.asset), 0) + leg.amount
    shown = engine.balances(ACME, "2027-01-01")
    assert {key: amount for key, amount in sums.items() if amount} == shown
    settled = settle(declared, events, until_day=parse_day("2027-01-01"))
    assert {key[1:]: amount for key, amount in settled.balances.items() if key[0] == ACME} == shown
    with engine.store.transaction() as book:
        assert verify(book) == []


def test_racing_writes_lose_nothing_and_spend_nothing_twice(told: Told) -> None:
    """Of threads that earn and redeem at once each event counts, and each point is spent once (liberu #1056)."""
    declared = programme()
    engine = told(declared, deal("D-0", "2026-02-01", 95, declared))
    at = declared.calendar.parse_instant_us("2026-02-02")

    def write(number: int) -> bool:
        own = Engine(declared, engine.store)
        own.submit(deal(f"D-{number}", "2026-02-01T12:00", 1, declared))
        try:
            own.redeem(ACME, "points", 10, key=f"K-{number}", at=at)
        except InsufficientPoints:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        spent = sum(threads.map(write, range(1, 21)))
    # The last of the twenty may find what nineteen others left; nobody finds more than there is.
    assert points(engine, "2026-02-02") == 95 + 20 - 10 * spent
    assert points(engine, "2026-02-02") < 20
    assert engine.balances(ACME, "2026-02-02").get(("arrears", "points"), 0) == 0
    with engine.store.transaction() as book:
        assert verify(book) == []


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "America/Sao_Paulo"])
def test_expiry_is_the_local_midnight_in_every_zone(told: Told, zone: str) -> None:
    """The last usable day ends when it ends where the programme is, wherever the server is (Kademi #4759)."""
    declared = programme(points="{expires: {after: 1 month}}", zone=zone)
    engine = told(declared, deal("D-1", "2026-01-31T23:59", 10, declared), deal("D-2", "2026-02-01T00:00", 5, declared))
    engine.advance("2026-04-01")
    shown = ("2026-02-28T23:59:59", "2026-03-01T00:00", "2026-03-01T23:59:59", "2026-03-02T00:00")
    assert [points(engine, declared.calendar.parse_instant_us(at)) for at in shown] == [15, 5, 5, 0]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Pacific/Auckland"])
@pytest.mark.parametrize("moment", ["T00:00", "T01:30", "T23:59:59"])
def test_a_shift_of_the_clock_never_breaks_a_streak(zone: str, moment: str) -> None:
    """One event on each local day of a year is one streak, and each tenth day pays once (Habitica #6103)."""
    declared = programme(_DAILY, zone=zone)
    days = [format_day(parse_day("2026-01-01") + n) for n in range(360)]
    events = [happened(f"V-{day}", "visit", day + moment, declared) for day in days]
    assert settle(declared, events).balances[ACME, "available", "points"] == 36


_DAILY = "  - {rule: daily, on: visit, streak: {every: day, length: 10, repeat: true}, give: {partner: {points: 1}}}\n"


def test_a_shift_of_the_clock_in_a_book(told: Told) -> None:
    """The same in each store, around both shifts, with the clock run at every midnight."""
    declared = programme(_DAILY)
    engine = told(declared)
    for first in ("2026-03-24", "2026-10-20"):
        for number in range(10):
            day = format_day(parse_day(first) + number)
            engine.advance(day)
            engine.submit(happened(f"V-{day}", "visit", f"{day}T02:30", declared))
    assert points(engine, "2026-10-31") == 2


def test_a_raised_cap_tops_up_whoever_was_at_the_old_one(told: Told) -> None:
    """
    Raised in mid-period, a cap pays what is between the old and the new, to everyone, and says so (Civitai #4637).

    What was used is an amount, not a flag that the cap was met; each step keeps the room before and after it.
    """
    first = programme(CAPPED)
    raised = programme(CAPPED.replace("points: 100", "points: 150"), before=first, begins="2026-01-16")
    users = [Holder.partner(f"user-{n}") for n in range(10)]
    engine = told(raised)
    for at in ("2026-01-10", "2026-01-20"):
        for user in users:
            engine.submit(deal(f"{user.id}-{at}", at, 120, raised, partner=user.id))
    assert [points(engine, "2026-01-19", user) for user in users] == [100] * 10
    assert [points(engine, "2026-01-31", user) for user in users] == [150] * 10
    told_why = str(engine.why(f"/{users[0].id}-2026-01-20"))
    assert "120" in told_why
    assert "50" in told_why


def test_a_new_badge_looks_at_the_whole_history(told: Told) -> None:
    """What was done before a badge was declared counts for it, also what comes late (merit #155)."""
    first = programme(PER_EURO, metrics="  deals: {count: deal.won, window: lifetime}\n")
    second = programme(
        PER_EURO,
        "badges:\n  - {badge: regular, needs: [deals >= 4]}\n",
        metrics="  deals: {count: deal.won, window: lifetime}\n",
        before=first,
        begins="2026-03-01",
    )
    engine = told(second, *(deal(f"D-{n}", f"2026-02-0{n}", 10, second) for n in (1, 2, 3)))
    engine.submit(happened("V-1", "visit", "2026-03-02", second))
    assert engine.statement(ACME, "2026-03-02").badges == ()
    engine.submit(deal("D-4", "2026-02-04", 10, second))
    assert [engine.statement(ACME, day).badges for day in ("2026-03-01", "2026-03-02")] == [(), ("regular",)]


def test_a_badge_is_revoked_when_its_needs_are_not_met_any_more(told: Told) -> None:
    """Refunded deals take the badge that they brought, where the programme says so (merit #104, #201)."""
    for policy, held in (("keep", 1), ("re_evaluate", 0)):
        declared = programme(
            PER_EURO.replace("points: 1", "status: 1"),
            "badges:\n  - {badge: hundred, needs: [year_status >= 100]}\n"
            f"refunds:\n  deal.refunded: {{badges: {policy}}}\n",
        )
        engine = told(declared, deal("D-1", "2026-02-01", 100, declared))
        assert engine.statement(ACME, "2026-02-01").badges == ("hundred",)
        engine.submit(refund("R-1", "2026-02-02", "D-1", 1, declared))
        assert engine.statement(ACME, "2026-02-02").badges == ("hundred",) * held


def test_editing_never_awards_again(told: Told) -> None:
    """What is known is known: an edited event is a conflict, a corrected one pays the difference (merit #318)."""
    declared = programme(PER_EURO.replace("base, on", "base, once_per: [partner], on"))
    posted = deal("D-1", "2026-02-01", 10, declared)
    engine = told(declared, posted)
    before = everything_in(engine.store)
    assert len(engine.submit(posted).entries) == 1
    with pytest.raises(EventConflict):
        engine.submit(evolve(posted, fields={"amount": 5000}))
    assert everything_in(engine.store) == before
    engine.submit(deal("D-2", "2026-02-02", 10, declared))
    assert points(engine, "2026-02-28") == 10
    engine.submit(void("V-1", "2026-02-03", "D-1", declared))
    engine.submit(deal("D-1-corrected", "2026-02-01", 50, declared))
    assert points(engine, "2026-02-28") == 50


def test_a_daily_cap_holds(told: Told) -> None:
    """What lies above it is not paid, and the next day begins anew (merit #25)."""
    declared = programme(CAPPED.replace("per: month", "per: day"))
    events = [deal(f"D-{n}", f"2026-02-0{1 + n // 3}T1{n}:00", 60, declared) for n in range(6)]
    engine = told(declared, *reversed(events))
    assert [points(engine, day) for day in ("2026-02-01", "2026-02-02")] == [100, 200]


def test_points_are_locked_until_the_return_window_ends(told: Told) -> None:
    """What is refunded while its points are pending never showed them as available (nopCommerce #576)."""
    declared = programme(PER_EURO.replace("}}}", "}}, pending: {points: 14 days}}"))
    engine = told(declared, deal("D-1", "2026-02-01", 100, declared), deal("D-2", "2026-02-01", 10, declared))
    with pytest.raises(InsufficientPoints):
        engine.redeem(ACME, "points", 1, key="K-1", at="2026-02-14")
    engine.submit(refund("R-1", "2026-02-14", "D-1", None, declared))
    engine.advance("2026-03-01")
    shown = [engine.balances(ACME, day) for day in ("2026-02-01", "2026-02-14", "2026-02-15")]
    assert shown == [{("pending", "points"): 110}, {("pending", "points"): 10}, {("available", "points"): 10}]


def test_every_expiry_is_shown(told: Told) -> None:
    """Not the earliest alone: each amount with its last usable day (FloCafe #62)."""
    declared = programme(points="{expires: {after: 1 month}}")
    engine = told(declared, *(deal(f"D-{n}", f"2026-02-{n:02}", n, declared) for n in (3, 1, 2, 10)))
    engine.redeem(ACME, "points", 2, key="K-1", at="2026-02-11")
    shown = [(one.amount, one.last_usable_day.isoformat()) for one in engine.expiries(ACME, "2026-02-11")]
    assert shown == [(1, "2026-03-02"), (3, "2026-03-03"), (10, "2026-03-10")]


def test_simulating_real_customers_uses_up_nobodys_cap(told: Told) -> None:
    """
    Settling, previewing and foreseeing leave the book as it is (Adobe Journey Optimizer idea 619062).

    What is submitted afterwards has all the room that there was.
    """
    declared = programme(CAPPED)
    engine = told(declared, deal("D-1", "2026-01-10", 60, declared))
    before = everything_in(engine.store)
    for number in range(3):
        tried = deal(f"D-{number + 2}", "2026-01-11", 60, declared)
        assert engine.preview(tried).entries
        settle(declared, [deal("D-1", "2026-01-10", 60, declared), tried])
        engine.statement(ACME, "2026-12-31")
        engine.standing(ACME, "2026-12-31")
    assert everything_in(engine.store) == before
    engine.submit(deal("D-2", "2026-01-12", 60, declared))
    assert points(engine, "2026-01-12") == 100


def test_every_award_names_the_revision_that_gave_it(told: Told) -> None:
    """The revision is the digest of the rules of its day, and stands in every entry and answer (recoupable #2112)."""
    first = programme()
    second = programme(PER_EURO.replace("1 per 1 EUR", "2 per 1 EUR"), before=first, begins="2026-03-01")
    assert first.revision != second.revision
    engine = told(second, deal("D-1", "2026-02-01", 10, second), deal("D-2", "2026-03-01", 10, second))
    assert [entry.revision for entry in entries_in(engine.store)] == [first.revision, second.revision]
    assert [engine.why(identity).revision for identity in ("/D-1", "/D-2")] == [first.revision, second.revision]
    engine.submit(deal("D-0", "2026-01-31", 10, second))
    assert entries_in(engine.store)[-1].revision == first.revision
    assert points(engine, "2026-03-01") == 10 + 10 + 20
