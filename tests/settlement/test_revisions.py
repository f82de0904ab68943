"""Revisions by hand: what changes in mid-period, what carries over, and what stays as it was promised."""

from __future__ import annotations

import re
from random import Random

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Event, Holder, Programme, loads, read_event, settle
from loyalty.core.calendar import parse_day
from loyalty.ledger.entries import Entry
from loyalty.programme.revisions import in_force_at
from loyalty.settlement.settle import Settlement
from loyalty.settlement.trace import STEP_CODE
from loyalty.simulation.collecting import Collector
from loyalty.testing import chains, programmes
from tests.settlement.agreement import audited, settled
from tests.settlement.histories import history

ACME, ANN = Holder.partner("acme"), Holder.person("ann")

#: A deal of 1,000 EUR earns 10 points; a second revision begins on 1 July.
BASE = """\
language: 1
programme: {id: acme, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {}
  status: {spendable: false}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}, region: {type: text, optional: true}}
  deal.refunded: {refunds: deal.won, amount: {type: money, unit: EUR, max: 1000000.00, optional: true}}
  subscription.started: {}
  subscription.renewed: {follows: subscription.started}
metrics:
  ever: {earned: status, window: lifetime}
earn:
  - rule: deal
    on: deal.won
    of: event.amount
    give: {partner: {points: 1 per 100 EUR, status: 1}}
"""

LADDER = """\
tiers:
  base: {multiplier: 1}
  ladder:
    - {tier: silver, multiplier: 1.5, needs: ever >= 1}
    - {tier: gold, multiplier: 2, needs: ever >= 3}
"""


def chain(first: str, *changes: tuple[str, str], day: str = "2026-07-01", more: str = "") -> Programme:
    """Load a first revision, and a second one that is the same with texts replaced."""
    before = loads(first, file="first.yaml")
    second = first
    for old, new in changes:
        assert second.count(old) == 1, old
        second = second.replace(old, new)
    second = second.replace("currencies:\n", f"revision: {{from: {day}}}\ncurrencies:\n", 1) + more
    return loads(second, file="second.yaml", before=before)


def with_rule(*lines: str) -> str:
    """Give the base with more keys for its rule."""
    return BASE + "".join(f"    {line}\n" for line in lines)


def won(programme: Programme, id: str, at: str, euros: int = 1000, **said: str) -> Event:
    raw = {"on": "deal.won", "id": id, "partner": "acme", "at": at, "amount": f"{euros}.00 EUR", **said}
    return read_event(programme, raw)


def refunded(programme: Programme, of: str, at: str, euros: int | None = None) -> Event:
    part = {} if euros is None else {"amount": f"{euros}.00 EUR"}
    return read_event(programme, {"on": "deal.refunded", "id": f"R-{of}-{at}", "of": of, "at": at, **part})


def table(programme: Programme, events: list[Event], *days: str, of: str = "points") -> list[int]:
    """Give what is available at the end of each day."""
    at = [settle(programme, _until(programme, events, day), until_day=parse_day(day)) for day in days]
    return [one.balances.get((ACME, "available", of), 0) for one in at]


def tiers(programme: Programme, events: list[Event], *days: str) -> list[str]:
    """Give the tier at the end of each day."""
    return [settle(programme, _until(programme, events, day), until_day=parse_day(day)).tier(ACME) for day in days]


def _until(programme: Programme, events: list[Event], day: str) -> list[Event]:
    return [event for event in events if programme.calendar.day_of(event.occurred_at) <= parse_day(day)]


@pytest.mark.parametrize(("second", "august"), [(25, 0), (15, 0), (40, 10)])
def test_a_cap_that_changes_in_mid_year_counts_on_from_what_was_used(second: int, august: int) -> None:
    """Twenty of the year's points were used before July, by whatever amount the cap has now."""
    programme = chain(with_rule("cap: {points: 30, per: year}"), ("points: 30", f"points: {second}"))
    deals = [won(programme, "A", "2026-05-01", 2000), won(programme, "B", "2026-07-10", 1000)]
    deals.append(won(programme, "C", "2026-08-10", 1000))
    first = min(10, max(0, second - 20))
    assert table(programme, deals, "2026-05-01", "2026-07-10", "2026-08-10") == [20, 20 + first, 20 + first + august]


def test_a_cap_with_another_key_or_period_begins_anew() -> None:
    """What was used of a cap per year says nothing about one per quarter, or one for each region."""
    first = with_rule("cap: {points: 10, per: year}")
    for other in ("per: quarter", "per: [year, event.region]"):
        programme = chain(first, ("per: year", other))
        deals = [won(programme, "A", "2026-07-01"), won(programme, "B", "2026-07-02")]
        deals.insert(0, won(programme, "Z", "2026-06-30", 3000))
        assert table(programme, deals, "2026-06-30", "2026-07-01", "2026-07-02") == [10, 20, 20]


def test_a_refund_uses_the_rates_and_the_multiplier_of_its_original() -> None:
    """Half of a deal of June at silver: 15 points become 7 by June's rate and factor, whatever July's are."""
    first = BASE + "    multiply: {points: tier.multiplier}\n" + LADDER
    programme = chain(first, ("1 per 100 EUR", "3 per 100 EUR"), ("multiplier: 1.5", "multiplier: 1.75"))
    events = [won(programme, "A", "2026-06-01"), won(programme, "B", "2026-06-02"), won(programme, "C", "2026-07-02")]
    days = ("2026-06-01", "2026-06-02", "2026-07-02", "2026-07-10", "2026-07-11")
    events += [refunded(programme, "B", "2026-07-10", 500), refunded(programme, "C", "2026-07-11", 500)]
    # 10, then 10 * 1.5; then 30 * 1.75, of which half is 15 * 1.75 = 26.
    assert table(programme, events, *days) == [10, 25, 77, 69, 43]


def test_the_refund_block_is_that_of_the_original() -> None:
    """June keeps points and July does not; where June knew no refunds, the block of the refund's day says it."""
    keeping = "refunds: {deal.refunded: {points: keep}}\n"
    kind = "  deal.refunded: {refunds: deal.won, amount: {type: money, unit: EUR, max: 1000000.00, optional: true}}\n"
    without = BASE.replace(kind, "")
    chains_and_left = (
        (chain(BASE + keeping, ("points: keep", "points: arrears")), [20, 20, 10]),
        (chain(BASE, more=keeping), [20, 10, 10]),
        (
            chain(without, ("  subscription.started: {}", f"{kind}  subscription.started: {{}}"), more=keeping),
            [20, 20, 20],
        ),
    )
    for programme, left in chains_and_left:
        events = [won(programme, "A", "2026-06-01"), won(programme, "B", "2026-07-01")]
        events += [refunded(programme, "A", "2026-07-10"), refunded(programme, "B", "2026-07-11")]
        assert table(programme, events, "2026-07-01", "2026-07-10", "2026-07-11") == left


def test_points_keep_the_expiry_that_they_were_earned_with() -> None:
    """Sixty days before July, a year from then on; what waits keeps the day of its earning too."""
    first = with_rule("pending: {points: 20 days}").replace("points: {}", "points: {expires: {after: 60 days}}")
    programme = chain(first, ("after: 60 days", "after: 1 year"))
    deals = [won(programme, "A", "2026-06-25"), won(programme, "B", "2026-07-01")]
    days = ("2026-07-15", "2026-07-21", "2026-08-24", "2026-08-25", "2027-07-01", "2027-07-02")
    assert table(programme, deals, *days) == [10, 20, 20, 10, 10, 0]


def test_a_tier_that_goes_lets_its_holders_fall_on_the_first_day() -> None:
    """Silver is gone: base from 1 July, under the rule of the revision; gold stays, and silver's events are its own."""
    programme = chain(BASE + LADDER, ("    - {tier: silver, multiplier: 1.5, needs: ever >= 1}\n", ""))
    deals = [won(programme, "A", "2026-06-01")]
    assert tiers(programme, deals, "2026-06-30", "2026-07-01") == ["silver", "base"]
    result = settle(programme, deals, until_day=parse_day("2026-07-01"))
    assert [posting.rule for posting in result.entries[-1].postings] == ["@revision", "@revision"]
    more = [*deals, won(programme, "B", "2026-06-02"), won(programme, "C", "2026-06-03")]
    assert tiers(programme, more, "2026-06-30", "2026-07-01") == ["gold", "gold"]


def test_nobody_rises_by_a_new_ladder_alone() -> None:
    """Gold asks for less, and platinum comes: the next event promotes, not the first day."""
    programme = chain(
        BASE + LADDER, ("ever >= 3", "ever >= 2"), more="    - {tier: platinum, multiplier: 3, needs: ever >= 3}\n"
    )
    deals = [won(programme, "A", "2026-06-01"), won(programme, "B", "2026-06-02")]
    assert tiers(programme, deals, "2026-06-30", "2026-07-01") == ["silver", "silver"]
    deals.append(won(programme, "C", "2026-07-05"))
    assert tiers(programme, deals, "2026-07-05") == ["platinum"]


def test_a_tier_by_hand_that_goes_ends() -> None:
    """Silver by hand until the end of the year is base from 1 July; gold by hand goes on."""
    programme = chain(BASE + LADDER, ("    - {tier: silver, multiplier: 1.5, needs: ever >= 1}\n", ""))
    for tier, after in (("silver", "base"), ("gold", "gold")):
        raw = {
            "on": "tier.override",
            "id": "O",
            "partner": "acme",
            "at": "2026-05-01",
            "tier": tier,
            "until": "2026-12-31",
        }
        assert tiers(programme, [read_event(programme, raw)], "2026-06-30", "2026-07-01") == [tier, after]


REVIEWED = (BASE + LADDER).replace("window: lifetime", "window: calendar_quarter") + (
    "  review: {every: calendar_quarter, grace: 40 days, landing: one_tier_down}\n"
)


def test_a_new_calendar_of_reviews_holds_from_the_first_day_and_a_grace_runs_on() -> None:
    """Missed on 1 July, in grace through 9 August; from 15 July reviews are yearly and landing is by score."""
    yearly = "every: calendar_year, landing: by_score"
    programme = chain(
        REVIEWED, ("every: calendar_quarter, grace: 40 days, landing: one_tier_down", yearly), day="2026-07-15"
    )
    deals = [won(programme, str(number), "2026-02-01") for number in range(3)]
    days = ("2026-07-15", "2026-08-09", "2026-08-10", "2026-10-01")
    assert tiers(programme, deals, *days) == ["gold", "gold", "base", "base"]
    by_step = chain(REVIEWED, ("grace: 40 days", "grace: 5 days"), day="2026-07-15")
    days = ("2026-08-09", "2026-08-10", "2026-10-05", "2026-10-06")
    assert tiers(by_step, deals, *days) == ["gold", "silver", "silver", "base"]


def test_a_grace_that_runs_into_a_revision_without_reviews_ends_without_loss() -> None:
    """Nothing is reviewed from 15 July on, so that nothing is lost."""
    programme = chain(
        REVIEWED,
        ("  review: {every: calendar_quarter, grace: 40 days, landing: one_tier_down}\n", ""),
        day="2026-07-15",
    )
    deals = [won(programme, str(number), "2026-02-01") for number in range(3)]
    assert tiers(programme, deals, "2026-08-10", "2027-12-31") == ["gold", "gold"]


def test_the_first_day_is_itself_a_review_where_a_period_starts_on_it() -> None:
    """Reviews come with the second revision on 1 July, the start of a quarter."""
    lifetime = (BASE + LADDER).replace("window: lifetime", "window: calendar_quarter")
    for day, after in (("2026-07-01", "base"), ("2026-07-02", "gold")):
        programme = chain(lifetime, day=day, more="  review: {every: calendar_quarter}\n")
        deals = [won(programme, str(number), "2026-02-01") for number in range(3)]
        assert tiers(programme, deals, "2026-06-30", "2026-07-15", "2026-10-01") == ["gold", after, "base"]


def test_a_metric_counts_the_whole_history_as_it_is_declared_now() -> None:
    """Gold asked for three deals, and asks for 2,000 EUR now: those of before count. A new metric counts them too."""
    first = BASE + LADDER
    euros = "\n  euros: {sum: event.amount, of: deal.won, window: lifetime}\nearn:"
    programme = chain(first, ("\nearn:", euros), ("needs: ever >= 3", 'needs: euros >= money("2000 EUR")'))
    deals = [won(programme, "A", "2026-02-01", 1500), won(programme, "B", "2026-07-01", 500)]
    assert tiers(programme, deals, "2026-06-30", "2026-07-01") == ["silver", "gold"]
    changed = chain(first, ("ever: {earned: status, window: lifetime}", "ever: {earned: points, window: lifetime}"))
    assert tiers(changed, deals, "2026-06-30", "2026-07-01") == ["silver", "gold"]


def test_a_new_badge_looks_at_the_whole_history_at_the_next_event() -> None:
    """Two deals of before and one of now make three; one of before that lost its badge keeps it."""
    programme = chain(BASE, more="badges:\n  - {badge: third, needs: ever >= 3, give: {points: 50}}\n")
    deals = [won(programme, "A", "2026-05-01"), won(programme, "B", "2026-05-02"), won(programme, "C", "2026-07-05")]
    assert table(programme, deals, "2026-05-02", "2026-07-01", "2026-07-05") == [20, 20, 80]


def test_rules_come_go_and_are_other_rules_under_another_name() -> None:
    """A rule that is renamed forgets its cap; one that is gone pays nothing, and its refunds go on."""
    renamed = chain(with_rule("cap: {points: 10}"), ("rule: deal", "rule: deals"))
    deals = [won(renamed, "A", "2026-05-01"), won(renamed, "B", "2026-07-01"), won(renamed, "C", "2026-07-02")]
    assert table(renamed, deals, "2026-05-01", "2026-07-01", "2026-07-02") == [10, 20, 20]
    rule = BASE[BASE.index("  - rule: deal") :]
    gone = chain(
        BASE, (rule, "  - {rule: renewal, on: subscription.renewed, give: {partner: {points: 5, status: 1}}}\n")
    )
    events = [won(gone, "A", "2026-05-01"), won(gone, "B", "2026-07-01"), refunded(gone, "A", "2026-07-02", 500)]
    assert table(gone, events, "2026-07-01", "2026-07-02") == [10, 5]


RENEWALS = (
    BASE
    + """\
  - rule: renewal
    on: subscription.renewed
    give: {partner: {points: 30}}
"""
)


def subscribed(programme: Programme, id: str, began: str, *renewed: str) -> list[Event]:
    events = [read_event(programme, {"on": "subscription.started", "id": id, "partner": "acme", "at": began})]
    raw = {"on": "subscription.renewed", "of": id}
    return events + [read_event(programme, {**raw, "id": f"{id}-{at}", "at": at}) for at in renewed]


@pytest.mark.parametrize("who", ["first", "second", "both"])
def test_renewals_keep_the_rate_of_their_subscription(who: str) -> None:
    """By origin, whichever of the two revisions says so: 30 for what began before July, 10 for what began then."""
    keep = "    grandfather: origin\n"
    first = RENEWALS + (keep if who != "second" else "")
    change = ("points: 30", "points: 10")
    programme = chain(first, change, more=keep if who == "second" else "")
    events = subscribed(programme, "S", "2026-03-01", "2026-06-01", "2026-09-01")
    events += subscribed(programme, "T", "2026-07-01", "2026-10-01")
    assert table(programme, events, "2026-06-01", "2026-09-01", "2026-10-01") == [30, 60, 70]


def test_a_rule_that_is_new_by_origin_pays_nothing_for_what_began_before_it() -> None:
    """Subscriptions of before July have no version of the rule, so that none pays."""
    rule = RENEWALS[len(BASE) :] + "    grandfather: origin\n"
    programme = chain(BASE, more=rule)
    events = subscribed(programme, "S", "2026-03-01", "2026-09-01") + subscribed(
        programme, "T", "2026-07-01", "2026-10-01"
    )
    assert table(programme, events, "2026-09-01", "2026-10-01") == [0, 30]


def test_who_joined_before_keeps_the_rule_of_that_day() -> None:
    """By the day of the first event, of whatever kind; a late one of before July changes which version pays."""
    programme = chain(with_rule("grandfather: joined"), ("1 per 100 EUR", "3 per 100 EUR"))
    deal = won(programme, "A", "2026-08-01")
    assert table(programme, [deal], "2026-08-01") == [30]
    assert table(programme, [deal, *subscribed(programme, "S", "2026-06-30")], "2026-08-01") == [10]


def test_a_cooldown_lasts_as_long_as_the_rule_says_now() -> None:
    """Paid on 20 June with 30 days; from July ten are enough, and the last payment still counts."""
    for length, paid in (("10 days", 20), ("60 days", 10), ("12 hours", 20)):
        programme = chain(with_rule("cooldown: 30 days"), ("cooldown: 30 days", f"cooldown: {length}"))
        deals = [won(programme, "A", "2026-06-20"), won(programme, "B", "2026-07-01")]
        assert table(programme, deals, "2026-07-01") == [paid]


def test_once_and_streaks_carry_over() -> None:
    """Once per region was paid before; a streak of three months goes over the turn of the revision."""
    once = chain(with_rule("once_per: [event.region]"), ("1 per 100 EUR", "2 per 100 EUR"))
    deals = [won(once, "A", "2026-06-01", region="north"), won(once, "B", "2026-07-01", region="north")]
    deals.append(won(once, "C", "2026-07-02", region="south"))
    assert table(once, deals, "2026-06-01", "2026-07-01", "2026-07-02") == [10, 10, 30]
    streak = chain(with_rule("streak: {every: month, length: 3}"), ("1 per 100 EUR", "2 per 100 EUR"))
    deals = [won(streak, month, f"2026-{month}-10") for month in ("05", "06", "07")]
    assert table(streak, deals, "2026-06-10", "2026-07-10") == [0, 20]


def test_a_currency_that_goes_lives_on_for_what_is_held_of_it() -> None:
    """Its points expire as it said, and a refund takes them back."""
    first = BASE.replace("points: {}", "points: {}\n  stars: {expires: {after: 60 days}}").replace(
        "status: 1}}", "status: 1, stars: 7}}"
    )
    programme = chain(first, ("\n  stars: {expires: {after: 60 days}}", ""), (", stars: 7", ""))
    events = [
        won(programme, "A", "2026-06-01"),
        won(programme, "B", "2026-06-20"),
        refunded(programme, "B", "2026-07-05"),
    ]
    days = ("2026-06-20", "2026-07-05", "2026-07-31", "2026-08-01")
    assert table(programme, events, *days, of="stars") == [14, 7, 7, 0]


def test_the_persons_layer_meets_the_tier_of_its_own_revision() -> None:
    """Ann is paid by her partner's tier: silver in June, and base once silver is gone."""
    first = (
        BASE.replace("status: 1}}", "status: 1}, person: {points: {by_tier: {base: 1, silver: 2, gold: 3}}}}") + LADDER
    )
    programme = chain(first, ("    - {tier: silver, multiplier: 1.5, needs: ever >= 1}\n", ""), ("silver: 2, ", ""))
    deals = [
        won(programme, str(n), at, person="ann") for n, at in enumerate(("2026-06-01", "2026-06-02", "2026-07-01"))
    ]
    result = settle(programme, deals)
    assert result.balances[ANN, "available", "points"] == 1 + 2 + 1


def _same(entries: list[Entry]) -> list[Entry]:
    """Give entries without the names of their revisions, and without why, which names rules by them."""
    return [evolve(entry, revision="", explanation={}) for entry in entries]


@given(programmes(), st.integers(0, 900), st.randoms(use_true_random=False))
def test_a_revision_that_changes_nothing_changes_nothing(programme: Programme, shift: int, rng: Random) -> None:
    """Two revisions with the same declarations settle as the one programme does, but for the names of revisions."""
    text = re.sub(r"(?m)^(?=currencies:)", "revision: {from: 2024-03-01}\n", programme.source, count=1)
    twice = evolve(loads(text, before=programme), from_day=programme.first_day + shift)
    drawn = history(programme, rng, 20)
    one, two = (
        settle(which, drawn.events, drawn.grants, until_day=drawn.until_day, counts_from=drawn.counts_from)
        for which in (programme, twice)
    )
    assert _same(two.entries) == _same(one.entries)
    assert all(entry.revision == in_force_at(twice, entry.effective_at).revision for entry in two.entries)


@pytest.mark.parametrize("layer", ["partner", "person"])
def test_what_a_follow_up_finds_is_told_as_without_the_second_revision(layer: str) -> None:
    """Only from July on something waits for renewals; in May a renewal finds nothing, and both say so."""
    start = f"  - {{rule: start, on: subscription.started, give: {{{layer}: {{points: 1}}}}}}\n"
    renewed = "  - {rule: renewed, on: subscription.renewed, give: {partner: {points: 2}, person: {points: 2}}}\n"
    waits = f"give: {{{layer}: {{points: 1}}}}, pending: {{points: {{until: subscription.renewed}}}}}}"
    programme = chain(BASE + start + renewed, (f"give: {{{layer}: {{points: 1}}}}}}", waits))
    said = {"partner": "acme", "person": "ann"}
    events = [
        read_event(programme, {"on": "subscription.started", "id": "S", "at": "2026-05-01", **said}),
        read_event(programme, {"on": "subscription.renewed", "id": "R", "at": "2026-05-02", "of": "S", **said}),
    ]
    (first,) = programme.earlier
    one, two = (_settle(which, events, [], programme.from_day - 1) for which in (first, programme))
    assert two.entries == one.entries
    [told] = [entry.explanation["why"] for entry in one.entries if entry.cause == events[1].identity]
    assert [steps[0] for _, steps in told.values()] == [[STEP_CODE["nothing_waits"]]] * 2


@given(chains(), st.randoms(use_true_random=False))
def test_nothing_before_the_second_revision_depends_on_it(programme: Programme, rng: Random) -> None:
    """Settling what happened before its first day gives, to the entry, what the first revision alone gives."""
    (first,) = programme.earlier
    drawn = history(first, rng, 20)
    begins = programme.calendar.day_start_us(programme.from_day)
    events = [event for event in drawn.events if event.occurred_at < begins]
    grants = [grant for grant in drawn.grants if grant.at < begins]
    one, two = (_settle(which, events, grants, programme.from_day - 1) for which in (first, programme))
    assert two.entries == one.entries


def _settle(programme: Programme, events: list[Event], grants: list[object], until_day: int) -> Settlement:
    return settle(programme, events, grants, until_day=until_day, traced=True)


@given(chains(3), st.randoms(use_true_random=False))
def test_the_auditor_posts_the_same_for_three_revisions(programme: Programme, rng: Random) -> None:
    """Written apart from the same page, it has no step, no numbering and no merging."""
    drawn = history(programme, rng, 20)
    assert settled(programme, drawn) == audited(programme, drawn)


def test_what_caps_took_is_told_by_the_rules_of_each_revision() -> None:
    """The report reads each entry by its own revision, which numbers rules and currencies as it declares them."""
    first = with_rule("cap: {points: 15, per: year}")
    other = "earn:\n  - {rule: a-deal, on: deal.won, give: {partner: {status: 1}}}"
    programme = chain(first, ("earn:", other), ("points: 15", "points: 18"), ("  points: {}", "  a: {}\n  points: {}"))
    deals = [won(programme, str(n), at) for n, at in enumerate(("2026-05-01", "2026-05-02", "2026-07-01"))]
    collector = Collector(programme)
    for entry in settle(programme, deals, traced=True).entries:
        collector.add(entry)
    found = {(row.rule, row.currency): row.cut for row in collector.results().rules if row.cut}
    assert found == {("deal", "points"): 5 + 7}
