"""The details that an implementer must get right: each row of the reference's table by its name, with what we do."""

from __future__ import annotations

import re
from datetime import date
from itertools import permutations
from pathlib import Path

import pytest
from attrs import evolve
from sqlalchemy import Engine as Database
from sqlalchemy import text

from loyalty import Engine, InsufficientPoints, MemoryStore
from loyalty.core.calendar import format_day, parse_day
from loyalty.errors import ProgrammeError
from loyalty.ledger.entries import Account, EntryKind
from loyalty.ledger.sql import SqlStore

from .scenes import ACME, deal, entries_in, happened, refund
from .small_programmes import CAPPED, PER_EURO, TIERED, TIERS, Told, points, programme
from .test_arrival import ROOT

REFERENCE = ROOT.parent / "shared" / "reference" / "loyalty-engines.md"


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"the reference is not kept here; it belongs at {REFERENCE}")
def test_each_row_of_the_reference_has_a_test() -> None:
    """A test begins with the name of each row of the table of details."""
    part = REFERENCE.read_text().partition("\n## 2.")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+?) \|", part, re.MULTILINE)[1:]
    names = re.findall(r"^def test_(\w+)", Path(__file__).read_text(), re.MULTILINE)
    assert len(rows) == 19
    assert [row for row in rows if not any(name.startswith(_slug(row)) for name in names)] == []


def _slug(row: str) -> str:
    return re.sub(r"\W+", "_", row.lower())


@pytest.mark.parametrize(
    ("earned", "last_usable"),
    [
        ("2026-01-31", "2026-02-28"),
        ("2026-02-28", "2026-03-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-07-06", "2026-08-06"),
    ],
)
def test_month_arithmetic_is_clamped(told: Told, earned: str, last_usable: str) -> None:
    """A month after 31 January is the end of February, and usable through that day."""
    declared = programme(points="{expires: {after: 1 month}}")
    engine = told(declared, deal("D-1", earned, 10, declared))
    assert points(engine, last_usable) == 10
    assert points(engine, format_day(parse_day(last_usable) + 1)) == 0
    assert [format_day(day - 1) for day, _ in engine.statement(ACME, earned).expiries["points"]] == [last_usable]


def test_month_arithmetic_counts_from_the_original_day(told: Told) -> None:
    """Two months after 31 January are 31 March, not 28 March: clamping does not add up."""
    declared = programme(points="{expires: {after: 2 months}}")
    assert points(told(declared, deal("D-1", "2026-01-31", 10, declared)), "2026-03-31") == 10


@pytest.mark.parametrize(
    ("rounding", "last_usable"),
    [("exact", "2026-02-28"), ("end_of_month", "2026-02-28"), ("end_of_quarter", "2026-03-31")],
)
def test_month_arithmetic_names_the_rounding_apart(told: Told, rounding: str, last_usable: str) -> None:
    """The length is added first, and then the end of the named period is the last usable day."""
    declared = programme(points=f"{{expires: {{after: 1 month, at: {rounding}}}}}")
    (expiry,) = told(declared, deal("D-1", "2026-01-31", 10, declared)).expiries(ACME, "2026-01-31")
    assert expiry.last_usable_day == date.fromisoformat(last_usable)


def test_29_february_anniversary_falls_on_28_and_returns(told: Told) -> None:
    """Years of a partner that began on a leap day end on 28 February, and on 29 in a leap year."""
    declared = programme(
        PER_EURO.replace("1 EUR}}}", "1 EUR, status: 1 per 1 EUR}}}")
        + "  - {rule: shown, on: visit, when: year_status >= 10, give: {partner: {points: 1}}}\n",
        window="anniversary_year",
    )
    for day, shown in (("2029-02-27", 1), ("2029-02-28", 0)):
        seen = happened("V-1", "visit", day, declared)
        assert points(told(declared, deal("D-1", "2028-02-29", 10, declared), seen), day) == 10 + shown
    first = deal("D-0", "2028-02-29", 1, declared)
    for day, shown in (("2032-02-28", 1), ("2032-02-29", 0)):
        seen = happened("V-1", "visit", day, declared)
        engine = told(declared, first, deal("D-1", "2031-02-28", 10, declared), seen)
        assert points(engine, day) == 11 + shown


def test_boundary_instant_belongs_to_the_next_day(told: Told) -> None:
    """The last microsecond of the last day is usable, the first of the next is not; both are told."""
    declared = programme(points="{expires: {after: 1 month}}")
    engine = told(declared, deal("D-1", "2026-01-10", 10, declared))
    midnight = declared.calendar.parse_instant_us("2026-02-11")
    assert [points(engine, at) for at in (midnight - 1, midnight)] == [10, 0]
    (expiry,) = engine.expiries(ACME, "2026-01-10")
    assert (expiry.last_usable_day, expiry.expires_at) == (date(2026, 2, 10), midnight)
    engine.redeem(ACME, "points", 4, key="K-1", at=midnight - 1)
    with pytest.raises(InsufficientPoints):
        engine.redeem(ACME, "points", 1, key="K-2", at=midnight)


@pytest.mark.parametrize(("zone", "day"), [("Europe/Berlin", "2026-02-01"), ("America/New_York", "2026-01-31")])
def test_time_zone_is_the_programmes(told: Told, zone: str, day: str) -> None:
    """One instant is of two days in two zones, and its lot ends with that day there."""
    declared = programme(points="{expires: {after: 1 day}}", zone=zone)
    engine = told(declared, deal("D-1", "2026-02-01T00:30+01:00", 10, declared))
    (entry,) = entries_in(engine.store)
    assert format_day(declared.calendar.day_of(entry.effective_at)) == day
    assert [format_day(leg.lot_day - 2) for leg in entry.postings if leg.lot_day is not None] == [day]


@pytest.mark.parametrize(("shift", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-02-01", 24)])
def test_time_zone_days_are_as_long_as_they_are(told: Told, shift: str, hours: int) -> None:
    """On a day of 23 or 25 hours a daily cap, a pending time and an expiry all end at its local midnight."""
    declared = programme(
        PER_EURO.replace("}}}", "}}, cap: {points: 100, per: day}, pending: {points: 1 day}}"),
        points="{expires: {after: 2 days}}",
    )
    start = declared.calendar.parse_instant_us(shift)
    end = start + hours * 3_600_000_000
    assert declared.calendar.parse_instant_us(format_day(parse_day(shift) + 1)) == end
    engine = told(declared)
    for number, at in enumerate((start - 1, start, end - 1, end)):
        engine.submit(evolve(deal(f"D-{number}", shift, 80, declared), occurred_at=at))
    assert [points(engine, at, account="pending") for at in (start - 1, start, end - 1, end)] == [80, 80, 100, 80]
    assert [points(engine, at) for at in (start - 1, start, end - 1, end)] == [0, 80, 80, 180]
    gone = declared.calendar.parse_instant_us(format_day(parse_day(shift) + 2))
    assert engine.expiries(ACME, end)[0].expires_at == gone
    assert engine.expiries(ACME, gone)[0].expires_at > gone


def test_time_zone_cuts_the_lines_of_a_day(told: Told) -> None:
    """The lines of a day are those of the local day, from its midnight to the next."""
    declared = programme(zone="Asia/Tokyo")
    times = ("2026-01-31T23:59", "2026-02-01T00:00", "2026-02-01T23:59", "2026-02-02T00:00")
    engine = told(declared, *(deal(f"D-{n}", at, 1 + n, declared) for n, at in enumerate(times)))
    page = engine.lines_between(ACME, "points", "2026-02-01", "2026-02-01")
    assert [line.amount for line in page.lines] == [2, 3]


def test_consumption_order_is_expiry_then_earning_then_sequence(told: Told) -> None:
    """The soonest expiry goes first, of one expiry what was earned first, then what was posted first; all is stored."""
    declared = programme(points="{expires: {after: 1 month, at: end_of_quarter}}")
    days = {"D-1": "2026-03-05", "D-2": "2026-01-20", "D-3": "2026-01-05", "D-4": "2026-01-12", "D-5": "2026-01-12"}
    engine = told(declared, *(deal(id, day, 10, declared) for id, day in days.items()))
    for number, amount in enumerate((15, 10, 20), start=1):
        engine.redeem(ACME, "points", amount, key=f"K-{number}", at="2026-03-10")
    assert sorted(_allocations(engine)) == [
        ("command:K-1", "event:/D-3", 10),
        ("command:K-1", "event:/D-4", 5),
        ("command:K-2", "event:/D-4", 5),
        ("command:K-2", "event:/D-5", 5),
        ("command:K-3", "event:/D-1", 5),
        ("command:K-3", "event:/D-2", 10),
        ("command:K-3", "event:/D-5", 5),
    ]


def _allocations(engine: Engine) -> list[tuple[str, str, int]]:
    """Give which entry took how much of which entry's lot, as the store keeps it."""
    store = engine.store
    if isinstance(store, MemoryStore):
        with store.transaction() as book:
            taken = book.allocations(Account(ACME, "available"), "points")
        return [(item.entry_key, item.lot.entry_key, item.amount) for item in taken]
    assert isinstance(store, SqlStore)
    database = store._bind
    assert isinstance(database, Database)
    with database.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT taker.key, maker.key, taken.amount FROM loyalty_lot_allocation taken"
                " JOIN loyalty_entry taker ON taker.id = taken.entry_id"
                " JOIN loyalty_entry maker ON maker.id = taken.lot_id / 1048576"
                " WHERE taker.kind = 'command' ORDER BY taken.entry_id, taken.seq, taken.lot_id"
            )
        )
        return [(taker, maker, amount) for taker, maker, amount in rows]


_RETURNS = {"expired": [], "{grace: 10 days}": [(70, "2026-03-30")], "reissue": [(70, "2026-04-20")]}


@pytest.mark.parametrize(("returns", "back"), list(_RETURNS.items()))
def test_refunded_redemption_goes_back_into_its_lots(told: Told, returns: str, back: list[tuple[int, str]]) -> None:
    """What comes back in time has the expiry that it had; what has expired meanwhile follows the named policy."""
    declared = programme(points=f"{{expires: {{after: 1 month}}, returns: {returns}}}")
    engine = told(declared, deal("D-1", "2026-02-01", 40, declared), deal("D-2", "2026-02-10", 60, declared))
    engine.redeem(ACME, "points", 70, key="K-1", at="2026-02-20")
    engine.reverse("K-1", 25, key="R-1", at="2026-02-21")
    assert _usable(engine, "2026-02-21") == [(55, "2026-03-10")]
    engine.reverse("K-1", 10, key="R-2", at="2026-02-22")
    assert _usable(engine, "2026-02-22") == [(5, "2026-03-01"), (60, "2026-03-10")]

    later = told(declared, deal("D-1", "2026-02-01", 70, declared))
    later.redeem(ACME, "points", 70, key="K-1", at="2026-02-20")
    later.reverse("K-1", key="R-1", at="2026-03-20")
    assert _usable(later, "2026-03-20") == back


@pytest.mark.parametrize(("returns", "back"), list(_RETURNS.items()))
def test_expiry_under_a_hold_waits_for_the_release(told: Told, returns: str, back: list[tuple[int, str]]) -> None:
    """Held points do not expire and can be captured long after; what is released then follows the named policy."""
    declared = programme(points=f"{{expires: {{after: 1 month}}, returns: {returns}}}")
    engine = told(declared, deal("D-1", "2026-02-01", 100, declared))
    engine.hold(ACME, "points", 100, key="H-1", at="2026-02-20")
    engine.advance("2026-03-19")
    assert points(engine, "2026-03-19", account="held") == 100
    engine.capture("H-1", 30, key="C-1", at="2026-03-20")
    engine.release("H-1", key="R-1", at="2026-03-20")
    assert points(engine, "2026-03-20", account="held") == 0
    assert _usable(engine, "2026-03-20") == back


def _usable(engine: Engine, at: str) -> list[tuple[int, str]]:
    """Give what is available with its last usable days."""
    return [(expiry.amount, expiry.last_usable_day.isoformat()) for expiry in engine.expiries(ACME, at)]


@pytest.mark.parametrize("parts", [(1, 1, 1), (3, 3, 4), (33, 33, 34), (99, 1)])
def test_several_partial_refunds_never_drift(told: Told, parts: tuple[int, ...]) -> None:
    """However a deal is refunded in parts, what stays is the award of what is left; in the end nothing."""
    declared = programme("  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1 per 3 EUR}}}\n")
    engine = told(declared, deal("D-1", "2026-02-01", 100, declared))
    left = 100
    for number, part in enumerate(parts):
        engine.submit(refund(f"R-{number}", "2026-02-02", "D-1", part, declared))
        left -= part
        assert points(engine, "2026-02-02") == left // 3
    engine.submit(refund("R-9", "2026-02-03", "D-1", None, declared))
    assert points(engine, "2026-02-03") == 0
    assert engine.submit(refund("R-10", "2026-02-04", "D-1", 50, declared)).entries == ()


def test_several_partial_refunds_are_per_line(told: Told) -> None:
    """The lines of an order are deals of one instant; each is refunded by itself, whatever was done to the other."""
    declared = programme("  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1 per 3 EUR}}}\n")
    lines = [deal(f"O-1/{line}", "2026-02-01", 100, declared) for line in ("a", "b")]
    engine = told(declared, *lines)
    engine.submit(refund("R-1", "2026-02-02", "O-1/a", 50, declared))
    assert points(engine, "2026-02-02") == 50 // 3 + 33
    engine.submit(refund("R-2", "2026-02-03", "O-1/b", None, declared))
    assert points(engine, "2026-02-03") == 50 // 3
    engine.submit(refund("R-3", "2026-02-04", "O-1/a", 80, declared))
    assert points(engine, "2026-02-04") == 0


def test_rate_used_in_a_refund_is_that_of_the_revision_that_paid(told: Told) -> None:
    """A deal of the old rate is refunded at the old rate, in parts too, however much the new one pays."""
    first = programme(PER_EURO.replace("1 per 1 EUR", "3 per 1 EUR"))
    second = programme(PER_EURO.replace("1 per 1 EUR", "1 per 10 EUR"), before=first, begins="2026-03-01")
    engine = told(second, deal("D-1", "2026-02-01", 100, second), deal("D-2", "2026-03-01", 100, second))
    assert points(engine, "2026-03-01") == 300 + 10
    engine.submit(refund("R-1", "2026-03-02", "D-1", 40, second))
    assert points(engine, "2026-03-02") == 180 + 10
    engine.submit(refund("R-2", "2026-03-03", "D-2", 50, second))
    assert points(engine, "2026-03-03") == 180 + 5
    engine.submit(refund("R-3", "2026-03-04", "D-1", None, second))
    assert points(engine, "2026-03-04") == 5


def test_rate_used_in_a_refund_is_the_originals_whatever_the_tier_is_now(told: Told) -> None:
    """What was earned at base is taken back at base, whatever the partner has become since."""
    declared = programme(TIERED, TIERS)
    engine = told(
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
def test_refund_after_a_promotion_follows_its_named_policy(told: Told, policy: str, tier: str, gift: int) -> None:
    """The tier is kept, or looked at again at once, with or without what came with it; the file says which."""
    tiers = TIERS.replace("multiplier: 2,", "multiplier: 2, gift: {points: 25},")
    declared = programme(
        TIERED, f"{tiers}refunds:\n  deal.refunded: {{points: arrears, status: reverse, tier: {policy}}}\n"
    )
    engine = told(
        declared, deal("D-1", "2026-02-01", 100, declared), refund("R-1", "2026-02-02", "D-1", None, declared)
    )
    assert engine.statement(ACME, "2026-02-02").tier == tier
    assert points(engine, "2026-02-02") == gift


def test_caps_and_reversal_headroom_comes_back_in_the_originals_period(told: Told) -> None:
    """A refund in March opens January's cap again for a deal of January that comes after, not March's."""
    declared = programme(CAPPED)
    engine = told(
        declared,
        deal("D-1", "2026-01-10", 100, declared),
        refund("R-1", "2026-01-20", "D-1", 40, declared),
        deal("D-2", "2026-01-21", 100, declared),
    )
    assert points(engine, "2026-01-21") == 100
    engine.submit_all([refund("R-2", "2026-03-01", "D-2", None, declared), deal("D-3", "2026-03-02", 500, declared)])
    assert points(engine, "2026-03-02") == 60 + 100


def test_a_cap_keeps_the_amount_and_not_a_flag(told: Told) -> None:
    """A cap that bound in part still pays the rest of what is given back."""
    declared = programme(CAPPED)
    engine = told(declared, *(deal(f"D-{n}", f"2026-01-1{n}", 30, declared) for n in range(5)))
    assert points(engine, "2026-01-31") == 100
    engine.submit_all([refund("R-1", "2026-01-20", "D-0", None, declared), deal("D-9", "2026-01-21", 50, declared)])
    assert points(engine, "2026-01-31") == 100


@pytest.mark.parametrize(("cap", "more"), [(150, 50), (100, 0), (70, 0), (300, 120)])
def test_cap_change_in_mid_period_keeps_the_amount_consumed(told: Told, cap: int, more: int) -> None:
    """What was used of the old cap counts in the new one, whose room is what is left; the next period has all of it."""
    first = programme(CAPPED)
    second = programme(CAPPED.replace("100", str(cap)), before=first, begins="2026-01-16")
    engine = told(second, deal("D-1", "2026-01-10", 500, second), deal("D-2", "2026-01-16", 120, second))
    assert points(engine, "2026-01-31") == 100 + more
    engine.submit(refund("R-1", "2026-01-20", "D-1", 450, second))
    assert points(engine, "2026-01-20") == 50 + more
    engine.submit(deal("D-3", "2026-01-21", 500, second))
    assert points(engine, "2026-01-21") == max(cap, 50 + more)
    engine.submit(deal("D-4", "2026-02-01", 500, second))
    assert points(engine, "2026-02-01") == max(cap, 50 + more) + cap


def test_back_dated_events_count_in_the_period_in_which_they_happened(told: Told) -> None:
    """A deal of January that is known in March takes January's headroom; what was believed before is still known."""
    declared = programme(CAPPED)
    engine = told(declared)
    known = [declared.calendar.parse_instant_us(at) for at in ("2026-01-20", "2026-02-15", "2026-03-01")]
    engine.submit(deal("D-2", "2026-01-20", 80, declared), recorded_at=known[0])
    posted = entries_in(engine.store)
    receipt = engine.submit(deal("D-1", "2026-01-15T23:59", 50, declared), recorded_at=known[2])
    assert points(engine, "2026-01-31") == 100
    assert engine.balances(ACME, "2026-01-31", known_at=known[1]) == {("available", "points"): 80}
    assert engine.balances(ACME, "2026-01-31", known_at=known[2]) == {("available", "points"): 100}
    assert entries_in(engine.store)[: len(posted)] == posted
    late, corrected = receipt.entries
    assert (late.kind, late.cause, late.recorded_at) == (EntryKind.EVENT, "/D-1", known[2])
    assert (corrected.kind, corrected.cause, corrected.recorded_at) == (EntryKind.CORRECTION, "/D-1", known[2])
    assert corrected.effective_at == posted[0].effective_at
    assert {leg.account.path: leg.amount for leg in corrected.postings} == {
        "partner:acme/available": -30,
        "programme/issued": 30,
    }


@pytest.mark.parametrize("order", list(permutations(("a", "b", "c"))))
def test_rule_order_is_phase_priority_and_name(told: Told, order: tuple[str, ...]) -> None:
    """Where the rules stand in the file makes no difference to what a shared cap leaves each of them."""
    texts = {
        "a": "  - {rule: a, on: visit, give: {partner: {points: 60}}, campaign: all, phase: 2}\n",
        "b": "  - {rule: b, on: visit, give: {partner: {points: 50}}, campaign: all, phase: 1, priority: 2}\n",
        "c": "  - {rule: c, on: visit, give: {partner: {points: 30}}, campaign: all, phase: 1, priority: 1}\n",
    }
    campaign = "campaigns:\n  all: {valid: {from: 2026-01-01, through: 2026-12-31}, cap: {points: 100}}\n"
    declared = programme("".join(texts[name] for name in order), campaign)
    explanation = told(declared, happened("V-1", "visit", "2026-02-01", declared)).why("/V-1")
    paid = {rule: amount for (_, rule, _), amount in explanation.paid().items()}
    assert list(paid.items()) == [("c", 30), ("b", 50), ("a", 20)]


def test_upgrade_and_downgrade_at_once_and_at_the_end_of_the_grace(told: Told) -> None:
    """An event uses the tier before it and its next one the new; a missed year falls due at its end plus the grace."""
    review = "  review: {every: calendar_year, grace: 30 days, landing: one_tier_down}\n"
    declared = programme(TIERED, TIERS + review)
    engine = told(
        declared, deal("D-1", "2026-02-01T10:00", 100, declared), deal("D-2", "2026-02-01T10:01", 10, declared)
    )
    assert points(engine, "2026-02-01") == 100 + 20
    engine.advance("2028-12-31")
    moments = ("2026-01-31", "2026-02-01", "2027-12-31", "2028-01-30", "2028-01-31")
    assert [engine.statement(ACME, day).tier for day in moments] == ["base", "gold", "gold", "gold", "base"]


def test_order_within_an_instant_the_clock_comes_before_the_events(told: Told) -> None:
    """Expiry and activation of a day are over when its first event happens."""
    declared = programme(
        PER_EURO.replace("}}}", "}}, pending: {points: 10 days}}"),
        points="{expires: {after: 11 days}}",
    )
    engine = told(declared, deal("D-1", "2026-02-01T23:59", 50, declared))
    midnight = declared.calendar.parse_instant_us("2026-02-11")
    assert engine.redeem(ACME, "points", 20, key="K-1", at=midnight).entries
    assert points(engine, "2026-02-11") == 30
    assert points(engine, "2026-02-12") == 30
    assert points(engine, "2026-02-13") == 0


def test_order_within_an_instant_is_activate_events_tier_and_at_the_days_end_expire_and_reset(told: Told) -> None:
    """On one day: what matures is there, the event earns, the tier follows it; expiry and new headroom come after."""
    declared = programme(
        TIERED + "    cap: {points: 100, per: month}\n    pending: {points: 5 days}\n"
        "  - {rule: seen, on: visit, give: {partner: {points: 7}}}\n",
        TIERS + "  review: {every: calendar_month, landing: by_score}\n",
        points="{expires: {after: 10 days}}",
        window="calendar_month",
    )
    midnight, noon, end = (
        declared.calendar.parse_instant_us(at) for at in ("2026-01-31", "2026-01-31T12:00", "2026-02-01")
    )
    engine = told(declared, happened("V-1", "visit", "2026-01-21", declared), deal("D-1", "2026-01-26", 60, declared))
    assert points(engine, midnight - 1) == 7
    assert points(engine, midnight) == 7 + 60
    engine.submit(deal("D-2", "2026-01-31T12:00", 60, declared))
    after_it = engine.statement(ACME, noon)
    assert (after_it.tier, points(engine, noon, account="pending")) == ("gold", 40)
    engine.redeem(ACME, "points", 5, key="K-1", at=end - 1)
    assert points(engine, end - 1) == 2 + 60
    assert points(engine, end) == 60
    engine.submit(deal("D-3", "2026-02-01", 60, declared))
    assert points(engine, end, account="pending") == 40 + 100
    assert [engine.statement(ACME, day).tier for day in ("2026-02-28", "2026-03-01")] == ["gold", "base"]


def test_numbers_are_whole_and_rates_exact(told: Told) -> None:
    """Ten times a tenth is one; each award is rounded once, as declared; a float never comes in."""
    declared = programme(
        "  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 0.1 per 0.01 EUR}}}\n"
    )
    events = [happened(f"D-{n}", "deal.won", "2026-02-01", declared, amount="0.10 EUR") for n in range(10)]
    assert points(told(declared, *events), "2026-02-01") == 10
    for rounding, paid in (("down", 0), ("up", 10), ("half_up", 10), ("half_even", 0)):
        halves = programme(
            "  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1 per 2 EUR}}, "
            f"round: {rounding}}}\n"
        )
        engine = told(halves, *(deal(f"D-{n}", "2026-02-01", 1, halves) for n in range(10)))
        assert points(engine, "2026-02-01") == paid
    for entry in entries_in(told(declared, *events).store):
        assert {type(leg.amount) for leg in entry.postings} == {int}
    with pytest.raises(ProgrammeError):
        programme("  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1e0 per 1 EUR}}}\n")


@pytest.mark.parametrize(("meaning", "paid"), [("whole_slab", 300), ("marginal", 200)])
def test_threshold_meaning_is_named(told: Told, meaning: str, paid: int) -> None:
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
    assert points(told(declared, deal("D-1", "2026-02-01", 150, declared)), "2026-02-01") == paid
    assert points(told(declared, deal("D-1", "2026-02-01", 99, declared)), "2026-02-01") == 99


def test_clawback_after_spending_becomes_arrears_and_is_repaid_first(told: Told) -> None:
    """The balance never goes below nothing; what is owed has an account of its own."""
    declared = programme()
    engine = told(declared, deal("D-1", "2026-02-01", 100, declared))
    engine.redeem(ACME, "points", 70, key="K-1", at=declared.calendar.parse_instant_us("2026-02-02"))
    engine.submit(refund("R-1", "2026-02-03", "D-1", None, declared))
    balances = engine.statement(ACME, "2026-02-03").balances
    assert balances == {("arrears", "points"): -70}
    engine.submit(deal("D-2", "2026-02-04", 100, declared))
    assert engine.statement(ACME, "2026-02-04").balances == {("available", "points"): 30}
