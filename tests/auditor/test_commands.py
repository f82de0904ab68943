"""The auditor against stories of commands that were computed by hand."""

from __future__ import annotations

import pytest

from loyalty import loads
from loyalty.core.calendar import Duration
from loyalty.rules.declaration import Pending
from tests.auditor import audit
from tests.auditor.building import ACME, day, decided, points, programme, redeem, rule, won
from tests.auditor.command_stories import BIRCH, STORIES, Story


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_of_commands(story: Story) -> None:
    """Balances, lots and the programme's accounts are those that were computed by hand."""
    result = audit(story.terms, story.events, story.grants, until_day=day(story.seen[-1].at))
    assert story.wrong(result.netted()) == []


def test_a_holder_of_grants_alone_is_reviewed_from_the_day_after_its_first_event() -> None:
    """The month's review on the anchor's own day finds 100 points and does not look; that of March does."""
    terms = loads(REVIEWED)
    grants = [decided("open", "O", "2026-01-15", 0, ("never", 100))]
    result = audit(terms, [won("A", "2026-02-01", 1)], grants, until_day=day("2026-03-01"))
    assert [result.tier(ACME, day(at)) for at in ("2026-02-01", "2026-02-28", "2026-03-01")] == ["base", "base", "rich"]


REVIEWED = """\
language: 1
programme: {id: reviewed, starts: 2020-01-01, timezone: Europe/Berlin}
currencies: {points: {}}
events: {deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}}}
metrics: {there: {balance: points}}
earn: [{rule: deal, on: deal.won, give: {partner: {points: 1}}}]
tiers:
  ladder: [{tier: rich, needs: there >= 50}]
  promote: at_review
  review: {every: calendar_month}
"""


def test_each_kind_has_its_rule_and_parts_stand_in_the_command_that_they_name() -> None:
    """Rules and causes of the transfers of each kind, the clock's release included."""
    birch = {"holder": BIRCH}
    grants = [
        decided("open", "O", "2026-01-02", 0, ("never", 100)),
        decided("credit", "C", "2026-01-02", 0, ("never", 9)),
        decided("debit", "D", "2026-01-02", 1),
        decided("hold", "H", "2026-01-02", 8, until="2026-01-05"),
        decided("capture", "P", "2026-01-02", 2, of="H"),
        decided("release", "L", "2026-01-02", 1, of="H"),
        decided("hold", "I", "2026-01-02", 3),
        decided("capture", "F", "2026-01-02", 2, of="I", final=True),
        decided("send", "T", "2026-01-02", 0, ("never", 4)),
        decided("receive", "T2", "2026-01-02", 0, ("never", 4), of="T", **birch),
        decided("restore", "S", "2026-01-02", 4, of="T"),
        decided("send", "S2", "2026-01-02", 0, ("never", 4), of="S", **birch),
        decided("revoke", "V", "2026-01-02", 0, ("never", 9), of="C"),
        redeem("X", "2026-01-02", 1),
        decided("close", "Z", "2026-01-06", 1),
        decided("forfeit", "Z1", "2026-01-06", 1, of="Z"),
        decided("write_off", "Z2", "2026-01-06", 0, ("never", 1), of="Z"),
    ]
    result = audit(programme(rule()), [], grants, until_day=day("2026-01-06"))
    assert [(t.cause, t.rule, t.frm, t.to, t.amount) for t in result.transfers] == [
        ("command:O", "@open", "opening", "available", 100),
        ("command:C", "@adjust", "adjusted", "available", 9),
        ("command:D", "@adjust", "available", "adjusted", 1),
        ("command:H", "@hold", "available", "held", 8),
        ("command:P", "@capture", "held", "redeemed", 2),
        ("command:L", "@release", "held", "available", 1),
        ("command:I", "@hold", "available", "held", 3),
        ("command:F", "@capture", "held", "redeemed", 2),
        ("command:F", "@release", "held", "available", 1),
        ("command:T", "@transfer", "available", "transferred", 4),
        ("command:T", "@transfer", "transferred", "available", 4),
        ("command:S", "@reverse", "transferred", "available", 4),
        ("command:S", "@transfer", "available", "transferred", 4),
        ("command:V", "@reverse", "available", "adjusted", 9),
        ("command:X", "@redeem", "available", "redeemed", 1),
        (None, "@release", "held", "available", 5),
        ("command:Z", "@close", "available", "forfeited", 1),
        ("command:Z", "@close", "written_off", "available", 1),
    ]


def test_a_late_event_before_a_closing_is_forfeited_with_what_was_pending() -> None:
    """The closing stands where it was decided: what a late deal left pending by then goes with it."""
    slow = rule(pending={"points": Pending(duration=Duration.parse("30 days"))})
    closing = decided("close", "Z", "2026-01-20", 1)
    result = audit(
        programme(slow, currencies=points("90 days")),
        [won("late", "2026-01-19", 1000)],
        [closing],
        until_day=day("2026-06-01"),
    )
    assert [(t.cause, t.frm, t.to, t.amount) for t in result.transfers] == [
        ("/late", "issued", "pending", 10),
        ("command:Z", "pending", "forfeited", 10),
    ]
