"""
The refund matrix (27 to 32 and 48 to 53 of the semantics), row by row: one line for each policy and each situation.

A line is a policy, a history and what is there at its end. Histories are told in short: ``01-05 sold A 10000`` is an
order line A of 10,000 EUR on 5 January 2026, and ``returned A 4000`` takes 4,000 EUR of it back, without an amount all
that is left.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from loyalty import Engine, Event, Holder, MemoryStore, loads, read_event, settle
from loyalty.core.calendar import parse_day
from loyalty.engine.messages import Messages
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.settlement.settle import Settlement

ACME = Holder.partner("acme")

HEAD = """\
language: 1
programme: {id: matrix, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {expires: {after: 12 months}}
  status: {spendable: false}
  mdf: {unit: EUR, expires: {after: 1 year}}
events:
  line.sold: {amount: {type: money, unit: EUR, max: 100000.00}}
  line.returned: {refunds: line.sold, amount: {type: money, unit: EUR, max: 100000.00, optional: true}}
  exam.passed: {track: text}
  exam.revoked: {ends: exam.passed, by: [person, track]}
metrics:
  year_status: {earned: status, window: calendar_year}
  all_status: {earned: status, window: lifetime}
  lines: {count: line.sold, window: lifetime}
earn:
"""

#: 10,000 EUR are 1,000 points after 30 days, 100 status, and 300.00 EUR of funds.
SALE = """\
  - rule: sale
    on: line.sold
    of: event.amount
    give: {partner: {points: 1 per 10 EUR, status: 1 per 100 EUR, mdf: 3 %}}
    pending: {points: 30 days}
"""
CAPPED = SALE + "    cap: {points: 1500, per: month}\n"
EXAM = """\
  - {rule: exam, on: exam.passed, give: {partner: {status: 60}}, on_end: reverse}
"""
#: What gifts and badges give is told apart by its amounts: 40, 500 and 70 points, and 100.00 EUR.
STATUS = """\
  - {rule: status, on: line.sold, of: event.amount, give: {partner: {status: 1 per 100 EUR}}}
"""
TIERS = """\
tiers:
  ladder:
    - {tier: silver, needs: year_status >= 50, gift: {points: 40}}
    - {tier: gold, needs: year_status >= 100, gift: {points: 500, mdf: 100.00 EUR}}
"""
BADGES = """\
badges:
  - {badge: big, needs: all_status >= 100, give: {points: 70}}
  - {badge: two, needs: lines >= 2}
"""
FUND = """\
allotments:
  - {allot: fund, every: quarter, give: {mdf: {by_tier: {base: 10.00 EUR, gold: 50.00 EUR}}}}
"""


def told(programme: Programme, lines: Iterable[str]) -> tuple[list[Event], list[Grant]]:
    """Read a history as it is told in this module."""
    events, grants = [], []
    for number, line in enumerate(lines):
        day, what, name, *amount = line.split()
        day = day if len(day) == 10 else f"2026-{day}"
        if what == "spent":
            at = programme.calendar.day_start_us(parse_day(day)) + number
            minor = int(amount[0]) * 10 ** programme.currencies[name].scale
            grants.append(Grant(key=f"g{number}", kind="redeem", holder=ACME, currency=name, amount=minor, at=at))
            continue
        kind = {"sold": "line.sold", "returned": "line.returned", "passed": "exam.passed", "revoked": "exam.revoked"}
        raw = {"on": kind[what], "at": day, "partner": "acme", "id": f"{number}"}
        if what in ("passed", "revoked"):
            raw |= {"person": name, "track": "x"}
        elif what == "sold":
            raw |= {"id": name, "amount": f"{amount[0]} EUR"}
        else:
            raw |= {"of": name} | ({"amount": f"{amount[0]} EUR"} if amount else {})
        events.append(read_event(programme, raw))
    return events, grants


def lived(programme: Programme, lines: Iterable[str], until: str = "") -> Settlement:
    """Settle a history that is told."""
    events, grants = told(programme, lines)
    return settle(programme, events, grants, until_day=parse_day(until) if until else None)


def held(settlement: Settlement, asset: str) -> tuple[int, int, int]:
    """Give what acme has of something: pending, available, and owed."""
    accounts = ("pending", "available", "arrears")
    pending, available, arrears = (settlement.balances.get((ACME, account, asset), 0) for account in accounts)
    return pending, available, -arrears


def has_badge(settlement: Settlement, name: str) -> bool:
    """Say whether acme holds a badge at the end."""
    return settlement.balances.get((ACME, "standing", f"badge.{name}"), 0) == 1


EARLY, RIPE, LATE = "01-10", "02-10", "2027-01-10"
WHOLE, PART = "returned A", "returned A 4000"
SPENT = "02-06 spent points 800"

#: Of 1,000 points: the policy, what was spent, when how much is returned, and what is pending, available and owed.
POINTS = [
    # While they are pending.
    ("keep",           "",    EARLY, WHOLE, (1000, 0, 0)),
    ("keep",           "",    EARLY, PART,  (1000, 0, 0)),
    ("pending_only",   "",    EARLY, WHOLE, (0, 0, 0)),
    ("pending_only",   "",    EARLY, PART,  (600, 0, 0)),
    ("within_balance", "",    EARLY, WHOLE, (0, 0, 0)),
    ("within_balance", "",    EARLY, PART,  (600, 0, 0)),
    ("arrears",        "",    EARLY, WHOLE, (0, 0, 0)),
    ("arrears",        "",    EARLY, PART,  (600, 0, 0)),
    # When they have matured.
    ("keep",           "",    RIPE,  WHOLE, (0, 1000, 0)),
    ("pending_only",   "",    RIPE,  WHOLE, (0, 1000, 0)),
    ("pending_only",   "",    RIPE,  PART,  (0, 1000, 0)),
    ("within_balance", "",    RIPE,  WHOLE, (0, 0, 0)),
    ("within_balance", "",    RIPE,  PART,  (0, 600, 0)),
    ("arrears",        "",    RIPE,  WHOLE, (0, 0, 0)),
    ("arrears",        "",    RIPE,  PART,  (0, 600, 0)),
    # When 800 of them were spent.
    ("keep",           SPENT, RIPE,  WHOLE, (0, 200, 0)),
    ("pending_only",   SPENT, RIPE,  WHOLE, (0, 200, 0)),
    ("within_balance", SPENT, RIPE,  WHOLE, (0, 0, 0)),
    ("within_balance", SPENT, RIPE,  PART,  (0, 0, 0)),
    ("arrears",        SPENT, RIPE,  WHOLE, (0, 0, 800)),
    ("arrears",        SPENT, RIPE,  PART,  (0, 0, 200)),
    ("reverse",        SPENT, RIPE,  PART,  (0, 0, 200)),
    # When they have expired: what expired is not taken again, what was spent is.
    ("keep",           "",    LATE,  WHOLE, (0, 0, 0)),
    ("pending_only",   "",    LATE,  WHOLE, (0, 0, 0)),
    ("within_balance", SPENT, LATE,  WHOLE, (0, 0, 0)),
    ("arrears",        "",    LATE,  WHOLE, (0, 0, 0)),
    ("arrears",        SPENT, LATE,  WHOLE, (0, 0, 800)),
    ("arrears",        SPENT, LATE,  PART,  (0, 0, 200)),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "spent", "when", "returned", "left"), POINTS)
def test_points(policy: str, spent: str, when: str, returned: str, left: tuple[int, int, int]) -> None:
    """Each policy of points takes as far as it says: pending, what is in the wallet, or all of it."""
    programme = loads(f"{HEAD}{SALE}refunds: {{line.returned: {{points: {policy}}}}}\n")
    history = ["01-05 sold A 10000", *([spent] if spent else []), f"{when} {returned}"]
    assert held(lived(programme, history), "points") == left


#: Of 300.00 EUR of funds, available at once.
MONEY = [
    ("keep",           "",                  WHOLE, (0, 300_00, 0)),
    ("pending_only",   "",                  WHOLE, (0, 300_00, 0)),
    ("within_balance", "",                  PART,  (0, 180_00, 0)),
    ("within_balance", "01-06 spent mdf 250", WHOLE, (0, 0, 0)),
    ("arrears",        "",                  PART,  (0, 180_00, 0)),
    ("arrears",        "01-06 spent mdf 250", WHOLE, (0, 0, 250_00)),
    ("arrears",        "01-06 spent mdf 250", PART,  (0, 0, 70_00)),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "spent", "returned", "left"), MONEY)
def test_funds(policy: str, spent: str, returned: str, left: tuple[int, int, int]) -> None:
    """Money of a fund follows the same policies, to the cent."""
    programme = loads(f"{HEAD}{SALE}refunds: {{line.returned: {{mdf: {policy}}}}}\n")
    history = ["01-05 sold A 10000", *([spent] if spent else []), f"{RIPE} {returned}"]
    assert held(lived(programme, history), "mdf") == left


@pytest.mark.parametrize(
    ("policy", "returned", "status", "tier"),
    [
        ("reverse", WHOLE, 0, "base"),
        ("reverse", PART, 60, "silver"),
        ("keep", WHOLE, 100, "gold"),
        ("keep", PART, 100, "gold"),
    ],
)
def test_status(policy: str, returned: str, status: int, tier: str) -> None:
    """Status that is reversed leaves the metric too, on the line's own day; status that is kept keeps the tier."""
    programme = loads(f"{HEAD}{SALE}{TIERS}refunds: {{line.returned: {{status: {policy}, tier: re_evaluate}}}}\n")
    settlement = lived(programme, ["01-05 sold A 10000", f"{EARLY} {returned}"])
    assert held(settlement, "status") == (0, status, 0)
    assert settlement.tier(ACME) == tier


#: The policy of caps and of points, what happens after 1,000 of 1,500 points of January, and what line Z is then paid.
CAPS = [
    ("reverse", "arrears", ["01-20 returned A"],      "01-21", 1000),
    ("reverse", "arrears", ["01-20 returned A 4000"], "01-21", 900),
    ("reverse", "keep",    ["01-20 returned A"],      "01-21", 500),
    ("keep",    "arrears", ["01-20 returned A"],      "01-21", 500),
    ("keep",    "arrears", ["01-20 returned A 4000"], "01-21", 500),
    # B was cut to 500 points; half of B would earn as much, so that nothing is taken and no headroom returns.
    ("reverse", "arrears", ["01-06 sold B 10000", "01-20 returned B 5000"], "01-21", 0),
    ("reverse", "arrears", ["01-06 sold B 10000", "01-20 returned B"],      "01-21", 500),
    ("keep",    "arrears", ["01-06 sold B 10000", "01-20 returned B"],      "01-21", 0),
    # In the next period its own headroom counts, whatever became of January's.
    ("reverse", "arrears", ["02-05 returned A"], "02-06", 1000),
    ("keep",    "arrears", ["02-05 returned A"], "02-06", 1000),
]  # fmt: skip


@pytest.mark.parametrize(("caps", "points", "then", "day", "paid"), CAPS)
def test_caps(caps: str, points: str, then: list[str], day: str, paid: int) -> None:
    """Headroom returns to the period of the original, for what comes later, unless it is kept."""
    programme = loads(f"{HEAD}{CAPPED}refunds: {{line.returned: {{caps: {caps}, points: {points}}}}}\n")
    before = ["01-05 sold A 10000", *then]
    events, _ = told(programme, [*before, f"{day} sold Z 10000"])
    entries = settle(programme, events).entries
    posted = [p.amount for e in entries for p in e.postings if p.cause == "/Z" and p.account.path.endswith("pending")]
    assert sum(posted) == paid


#: The policy of the tier, what happens after the line that gives gold, the tier, and the points of gifts.
STANDING = [
    ("keep_to_period_end",         [f"{EARLY} {WHOLE}"], "gold",   540),
    ("re_evaluate",                [f"{EARLY} {WHOLE}"], "base",   540),
    ("re_evaluate",                [f"{EARLY} {PART}"],  "silver", 540),
    ("re_evaluate_and_take_back",  [f"{EARLY} {WHOLE}"], "base",   0),
    ("re_evaluate_and_take_back",  [f"{EARLY} {PART}"],  "silver", 40),
    # 99 status of A and 1 of B are still enough.
    ("re_evaluate_and_take_back",  ["01-06 sold B 100", f"{EARLY} returned A 99.99"], "gold", 540),
    # What is reached again comes again if it was taken back, and only then.
    ("re_evaluate",                [f"{EARLY} {WHOLE}", "01-11 sold B 10000"], "gold", 540),
    ("re_evaluate_and_take_back",  [f"{EARLY} {WHOLE}", "01-11 sold B 10000"], "gold", 540),
    ("re_evaluate_and_take_back",  [f"{EARLY} {PART}", "01-11 sold B 10000", "01-12 returned B"], "silver", 40),
    # In the next year the metric is that of the next year.
    ("keep_to_period_end",         [f"{LATE} {PART}"], "gold", 0),
    ("re_evaluate_and_take_back",  ["2027-01-02 returned A 4000"], "base", 0),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "then", "tier", "points"), STANDING)
def test_tier(policy: str, then: list[str], tier: str, points: int) -> None:
    """A tier is kept or looked at, and with it the gifts of the tiers above are taken back and may come again."""
    programme = loads(f"{HEAD}{STATUS}{TIERS}refunds: {{line.returned: {{tier: {policy}}}}}\n")
    settlement = lived(programme, ["01-05 sold A 10000", *then])
    assert settlement.tier(ACME) == tier
    assert held(settlement, "points") == (0, points, 0)


def test_the_gift_of_each_tier_passed_comes_once_and_the_lowest_first() -> None:
    """Under the tier's own rule, directly after the change of standing; the points that were spent are owed back."""
    programme = loads(f"{HEAD}{STATUS}{TIERS}refunds: {{line.returned: {{tier: re_evaluate_and_take_back}}}}\n")
    up, _, down = lived(programme, ["01-05 sold A 10000", "01-06 spent points 510", "01-10 returned A"]).entries
    own = [(p.rule, p.asset, p.amount) for p in up.postings if p.account.owner == ACME]
    assert own == [
        ("status", "status", 100),
        ("@promotion", "tier.gold", 1),
        ("@tier.silver", "points", 40),
        ("@tier.gold", "mdf", 100_00),
        ("@tier.gold", "points", 500),
    ]
    own = [(p.rule, p.account.name, p.asset, p.amount) for p in down.postings if p.account.owner == ACME]
    assert own == [
        ("status", "available", "status", -100),
        ("@review", "standing", "tier.gold", -1),
        ("@tier.gold", "available", "mdf", -100_00),
        ("@tier.gold", "available", "points", -30),
        ("@tier.gold", "arrears", "points", -470),
        ("@tier.silver", "arrears", "points", -40),
    ]


def test_a_gift_that_has_expired_is_not_taken_from_what_is_left() -> None:
    """It is reversed against what expired, and the wallet stays; only what was spent of it is owed."""
    tiers = TIERS.replace("year_status", "all_status")
    programme = loads(f"{HEAD}{STATUS}{tiers}refunds: {{line.returned: {{tier: re_evaluate_and_take_back}}}}\n")
    history = ["01-05 sold A 10000", "01-06 spent points 140", "2027-02-01 returned A"]
    assert held(lived(programme, history), "points") == (0, 0, 140)


def test_a_gift_of_status_counts_and_stops_counting() -> None:
    """It counts for what comes after it, and is taken off again at its own day."""
    tiers = TIERS.replace("gift: {points: 40}", "gift: {status: 45}")
    programme = loads(f"{HEAD}{STATUS}{tiers}refunds: {{line.returned: {{tier: re_evaluate_and_take_back}}}}\n")
    history = ["01-05 sold A 5000", "01-06 sold B 500", "01-07 returned A"]
    assert lived(programme, history[:1]).tier(ACME) == "silver"
    assert lived(programme, history[:2]).tier(ACME) == "gold"
    settlement = lived(programme, history)
    # 5 of B and 45 of the gift make 50: silver stays, and so does its gift.
    assert (settlement.tier(ACME), held(settlement, "status")) == ("silver", (0, 50, 0))
    settlement = lived(programme, [*history, "01-08 returned B"])
    assert (settlement.tier(ACME), held(settlement, "status")) == ("base", (0, 0, 0))


def test_a_review_gives_the_gift_too_and_a_tier_by_hand_none() -> None:
    """Whoever is promoted at the review gets it there; whoever is lifted by hand does not."""
    tiers = TIERS.replace("year_status", "all_status") + "  promote: at_review\n  review: {every: calendar_quarter}\n"
    programme = loads(f"{HEAD}{STATUS}{tiers}")
    assert held(lived(programme, ["01-05 sold A 10000"], "2026-03-31"), "points") == (0, 0, 0)
    settlement = lived(programme, ["01-05 sold A 10000"], "2026-04-01")
    assert held(settlement, "points") == (0, 540, 0)
    (review,) = [entry for entry in settlement.entries if any(p.rule == "@tier.gold" for p in entry.postings)]
    assert {p.cause for p in review.postings} == {None}
    by_hand = {"on": "tier.override", "id": "o", "at": "2026-01-02", "partner": "acme", "tier": "gold"}
    lifted = settle(programme, [read_event(programme, {**by_hand, "until": "2026-12-31"})])
    assert lifted.tier(ACME) == "gold"
    assert held(lifted, "points") == (0, 0, 0)


#: When the line that gives gold is returned, and what is there of the fund afterwards; it is 50.00 EUR a quarter.
ALLOTTED = [
    ("keep_to_period_end",        "04-10 returned A",      150_00),
    ("re_evaluate",               "04-10 returned A",      150_00),
    ("re_evaluate_and_take_back", "04-10 returned A",      10_00),
    # Silver gets what base gets.
    ("re_evaluate_and_take_back", "04-10 returned A 4000", 10_00),
    # The quarter before is over: its payment stays.
    ("re_evaluate_and_take_back", "07-02 returned A",      60_00),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "returned", "left"), ALLOTTED)
def test_allotments(policy: str, returned: str, left: int) -> None:
    """The payment of the running period is lowered to what the lower tier gets; the gift of 100.00 EUR goes too."""
    programme = loads(f"{HEAD}{STATUS}{TIERS}{FUND}refunds: {{line.returned: {{tier: {policy}}}}}\n")
    assert held(lived(programme, ["01-05 sold A 10000", returned]), "mdf") == (0, left, 0)


def test_an_allotment_of_a_tier_by_hand_is_not_lowered() -> None:
    """What the tier in force gets is what counts, and a tier by hand is in force."""
    programme = loads(f"{HEAD}{STATUS}{TIERS}{FUND}refunds: {{line.returned: {{tier: re_evaluate_and_take_back}}}}\n")
    by_hand = {"on": "tier.override", "id": "o", "at": "2026-01-06", "partner": "acme", "tier": "gold"}
    events, _ = told(programme, ["01-05 sold A 10000", "04-10 returned A"])
    settlement = settle(programme, [*events, read_event(programme, {**by_hand, "until": "2026-12-31"})])
    assert (settlement.tier(ACME), held(settlement, "mdf")) == ("gold", (0, 50_00, 0))


#: The policy of badges, what happens after the line that gives the badge, whether it is held, and its 70 points.
BADGE = [
    ("keep",                      [f"{EARLY} {WHOLE}"], True,  70),
    ("re_evaluate",               [f"{EARLY} {WHOLE}"], False, 70),
    ("re_evaluate",               [f"{EARLY} {PART}"],  False, 70),
    ("re_evaluate_and_take_back", [f"{EARLY} {WHOLE}"], False, 0),
    ("re_evaluate_and_take_back", [f"{EARLY} {PART}"],  False, 0),
    ("re_evaluate_and_take_back", ["01-06 sold B 4000", f"{EARLY} {PART}"], True, 70),
    # It is earned again, and what came with it comes again if it was taken back.
    ("re_evaluate",               [f"{EARLY} {WHOLE}", "01-11 sold B 10000"], True, 70),
    ("re_evaluate_and_take_back", [f"{EARLY} {WHOLE}", "01-11 sold B 10000"], True, 70),
    # In the next year too, since its metric has no period.
    ("re_evaluate_and_take_back", ["01-06 spent points 70", "2027-02-01 returned A"], False, -70),
    ("re_evaluate_and_take_back", ["2027-02-01 returned A"], False, 0),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "then", "has", "points"), BADGE)
def test_badges(policy: str, then: list[str], has: bool, points: int) -> None:
    """A badge is kept, or revoked when its needs are not met any more, with or without what came with it."""
    programme = loads(f"{HEAD}{STATUS}{BADGES}refunds: {{line.returned: {{badges: {policy}}}}}\n")
    settlement = lived(programme, ["01-05 sold A 10000", *then])
    assert has_badge(settlement, "big") is has
    pending, available, owed = held(settlement, "points")
    assert (pending, available - owed) == (0, points)


def test_two_policies_of_one_badge() -> None:
    """What the first revocation left is taken by the second, which finds the badge earned again without it."""
    events = "  line.lost: {refunds: line.sold}\n"
    text = f"{HEAD.replace('  exam.passed', events + '  exam.passed')}{STATUS}{BADGES}"
    programme = loads(
        f"{text}refunds:\n  line.returned: {{badges: re_evaluate}}\n"
        "  line.lost: {badges: re_evaluate_and_take_back}\n"
    )
    events, _ = told(programme, ["01-05 sold A 10000", "01-06 returned A", "01-07 sold B 10000"])
    assert held(settle(programme, events), "points") == (0, 70, 0)
    lost = read_event(programme, {"on": "line.lost", "id": "l", "at": "2026-01-08", "partner": "acme", "of": "B"})
    settlement = settle(programme, [*events, lost])
    assert (has_badge(settlement, "big"), held(settlement, "points")) == (False, (0, 0, 0))


#: The block of the ending kind, and the tier after one certificate of two is revoked; each is 60 status.
ENDS = [
    ("", "gold", 500),
    ("exam.revoked: {tier: re_evaluate}", "silver", 500),
    ("exam.revoked: {tier: re_evaluate_and_take_back}", "silver", 0),
]


@pytest.mark.parametrize(("block", "tier", "points"), ENDS)
def test_a_certificate_that_is_revoked(block: str, tier: str, points: int) -> None:
    """It reverses what it earned, on its own day; with a block for the ending kind the tier is looked at at once."""
    tiers = TIERS.replace("gift: {points: 40}", "gift: {points: 0}") + "  review: {every: calendar_year}\n"
    programme = loads(f"{HEAD}{EXAM}{tiers}" + (f"refunds: {{{block}}}\n" if block else ""))
    history = ["01-05 passed ann", "01-06 passed bo", "02-01 revoked ann"]
    settlement = lived(programme, history)
    assert held(settlement, "status") == (0, 60, 0)
    assert (settlement.tier(ACME), held(settlement, "points")) == (tier, (0, points, 0))


def test_a_badge_is_looked_at_when_a_certificate_is_revoked() -> None:
    """And only where a block for the ending kind says so."""
    refunds = "refunds: {exam.revoked: {badges: re_evaluate_and_take_back}}\n"
    for text, has in ((refunds, False), ("", True)):
        programme = loads(f"{HEAD}{EXAM}{BADGES}{text}")
        settlement = lived(programme, ["01-05 passed ann", "01-06 passed bo", "02-01 revoked ann"])
        assert (has_badge(settlement, "big"), held(settlement, "points")[1]) == (has, 70 if has else 0)


def test_refunds_of_the_lines_of_an_order_never_drift() -> None:
    """
    Three refunds of two lines, at a rate that rounds: after each the points are those of what is left.

    A line is an event of its own and is refunded by naming it; the other line keeps what it earned.
    """
    rule = "  - {rule: r, on: line.sold, of: event.amount, give: {partner: {points: 7 per 30 EUR}}}\n"
    programme = loads(HEAD + rule)

    def points(first: int, second: int) -> int:
        return first * 7 // 3000 + second * 7 // 3000

    history = ["01-05 sold A-1 100", "01-05 sold A-2 55.55"]
    left = {"A-1": 100_00, "A-2": 55_55}
    for day, (line, part) in enumerate([("A-1", 33_33), ("A-2", 10_01), ("A-1", 33_33)], start=10):
        history.append(f"01-{day} returned {line} {part // 100}.{part % 100:02}")
        left[line] -= part
        assert held(lived(programme, history), "points") == (0, points(*left.values()), 0)
    for day, line in enumerate(left, start=20):
        history.append(f"01-{day} returned {line}")
    assert held(lived(programme, history), "points") == (0, 0, 0)
    assert points(100_00, 55_55) == 35


def test_what_was_refunded_before_changes_no_tier_and_no_badge() -> None:
    """A refund of nothing does nothing, whatever the tier would now be."""
    text = f"{HEAD}{STATUS}{TIERS}{BADGES}"
    programme = loads(f"{text}refunds: {{line.returned: {{status: keep, tier: re_evaluate, badges: re_evaluate}}}}\n")
    history = ["01-05 sold A 10000", "01-06 returned A", "2027-01-05 returned A"]
    assert lived(programme, history).tier(ACME) == "gold"


def test_what_the_refund_itself_earns_comes_last() -> None:
    """A rule on the refunding kind pays after the tier was looked at, and no refund promotes."""
    rule = "  - {rule: patience, on: line.returned, give: {partner: {status: 200}}}\n"
    programme = loads(f"{HEAD}{STATUS}{rule}{TIERS}refunds: {{line.returned: {{tier: re_evaluate_and_take_back}}}}\n")
    settlement = lived(programme, ["01-05 sold A 10000", "01-06 returned A"])
    assert (settlement.tier(ACME), held(settlement, "status"), held(settlement, "points")) == (
        "base", (0, 200, 0), (0, 0, 0),
    )  # fmt: skip


def test_a_closed_holder_gets_no_gift() -> None:
    """Reviews go on after a closing, and promote; nothing is paid into the closed wallet."""
    tiers = TIERS.replace("year_status", "all_status") + "  promote: at_review\n  review: {every: calendar_quarter}\n"
    programme = loads(f"{HEAD}{STATUS}{tiers}")
    events, _ = told(programme, ["01-05 sold A 10000"])
    at = programme.calendar.day_start_us(parse_day("2026-02-01"))
    close = Grant(key="c", kind="close", holder=ACME, currency="", amount=1, at=at, note={"pending": "forfeit"})
    settlement = settle(programme, events, [close], until_day=parse_day("2026-05-01"))
    assert (settlement.tier(ACME), held(settlement, "points")) == ("gold", (0, 0, 0))


def test_each_row_says_why_in_both_languages() -> None:
    """Gifts, what is taken back, what is written off and headroom that is kept are steps of the explanation."""
    head = HEAD.replace("12 months}}", "12 months}, arrears: {limit: 300}}")
    programme = loads(
        f"{head}{CAPPED}{TIERS}{BADGES}{FUND}refunds:\n  line.returned:\n"
        "    {tier: re_evaluate_and_take_back, badges: re_evaluate_and_take_back, caps: keep}\n"
    )
    engine = Engine(programme, MemoryStore())
    events, _ = told(programme, ["04-01 sold A 10000", "07-01 returned A"])
    up = engine.submit(events[0]).explain()
    own = {"tier_gift", "badge", "badge_gift"}
    assert [step.text for step in up.steps if step.name in own] == [
        "tier silver comes with 40 points, available at once, last usable day 2027-04-01",
        "tier gold comes with 100.00 EUR, available at once, last usable day 2027-04-01",
        "tier gold comes with 500 points, available at once, last usable day 2027-04-01",
        "badge big",
        "badge big comes with 70 points, available at once, last usable day 2027-04-01",
    ]
    engine.redeem(ACME, "points", 1610, key="all", at="2026-06-30")
    down = engine.submit(events[1]).explain()
    own = {"headroom_kept", "tier_gift_back", "gift_written_off", "allotment_back", "badge_revoked", "badge_gift_back"}
    assert [step.text for step in down.steps if step.name in own] == [
        "the caps stay used by 1,000 points, by the policy keep",
        "takes back 100.00 EUR that came with tier gold",
        "takes back 500 points that came with tier gold",
        "writes 500 points of it off: at this tier at most 300 points may be owed",
        "takes back 40 points that came with tier silver",
        "writes 40 points of it off: at this tier at most 300 points may be owed",
        "takes back 40.00 EUR of allotment fund: this tier gets 10.00 EUR for the period",
        "badge big is revoked: its needs are not met any more",
        "takes back 70 points that came with badge big",
        "writes 70 points of it off: at this tier at most 300 points may be owed",
    ]
    assert "значок big отозван: его условия больше не выполнены" in down.text("ru")
    assert "сторно подарка за уровень gold" in down.text("ru")


def test_others_are_told_of_gifts_and_of_a_badge_that_is_revoked() -> None:
    """A gift is earned and reversed like points of a rule, and names its tier or badge; a badge is lost."""
    programme = loads(
        f"{HEAD}{STATUS}{TIERS}{BADGES}refunds:\n  line.returned:\n"
        "    {tier: re_evaluate_and_take_back, badges: re_evaluate_and_take_back}\n"
    )
    engine = Engine(programme, MemoryStore(), messages=Messages(topics=("points", "badge", "tier")))
    for event in told(programme, ["01-05 sold A 10000", "01-10 returned A"])[0]:
        engine.submit(event)
    with engine.store.transaction() as book:
        said = [(message.topic, message.event["data"]["rule"]) for message in book.messages(100)]
    assert said == [
        ("points.earned", "status"),
        ("tier.changed", "@promotion"),
        ("points.earned", "@tier.silver"),
        ("points.earned", "@tier.gold"),
        ("badge.earned", "@badge.big"),
        ("points.earned", "@badge.big"),
        ("points.reversed", "status"),
        ("tier.changed", "@review"),
        ("points.reversed", "@tier.gold"),
        ("points.reversed", "@tier.silver"),
        ("badge.lost", "@badge.big"),
        ("points.reversed", "@badge.big"),
    ]
