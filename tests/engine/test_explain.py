"""Why: the steps of an explanation add up to what was posted, and name the rules that did not apply."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Engine, Event, MemoryStore, loads
from loyalty.core.holders import Holder
from loyalty.explaining.steps import Explanation
from loyalty.ledger.store import Store
from loyalty.simulation.defaults import default_scenario
from loyalty.simulation.population import population
from loyalty.testing import histories

from .conftest import OpenBook
from .scenes import ACME, PROGRAMME, deal, entries_in, happened, refund, void
from .test_arrival import FULL

REASONS = loads("""\
language: 1
programme: {id: reasons, starts: 2026-01-01, ends: 2026-12-31, timezone: Europe/Berlin}
currencies:
  points: {}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
campaigns:
  spring: {valid: {from: 2026-03-01, through: 2026-05-31}}
groups:
  push: {take: best, by: points}
earn:
  - {rule: always, on: deal.won, give: {partner: {points: 1}}}
  - {rule: dated, on: deal.won, give: {partner: {points: 2}}, valid: {from: 2026-06-01}}
  - {rule: in-spring, on: deal.won, give: {partner: {points: 3}}, campaign: spring}
  - {rule: large, on: deal.won, when: 'event.amount >= money("1000 EUR")', give: {partner: {points: 4}}}
  - {rule: first, on: deal.won, give: {partner: {points: 5}}, once_per: []}
  - {rule: weekly, on: deal.won, give: {partner: {points: 6}}, cooldown: 7 days}
  - {rule: monthly, on: deal.won, give: {partner: {points: 7}}, streak: {every: month, length: 3}}
  - {rule: strong, on: deal.won, give: {partner: {points: 9}}, group: push}
  - {rule: weak, on: deal.won, give: {partner: {points: 8}}, group: push}
""")


def refused(explanation: Explanation) -> dict[str, str]:
    """Give why each rule did not apply."""
    return {str(step.rule): str(step.numbers[0]) for step in explanation.steps if step.name == "skip"}


def issued(store: Store, identity: str) -> dict[tuple[str, str, str], int]:
    """Give what the book says that an event was paid, corrections included; reversals are below 0 and left out."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for entry in entries_in(store):
        for source, target in zip(entry.postings[::2], entry.postings[1::2], strict=True):
            by_rule = not str(source.rule).startswith("@")
            for one, other in ((source, target), (target, source)):
                if source.cause == identity and by_rule and one.account.path == "programme/issued":
                    sums[str(other.account.owner), str(one.rule), one.asset] -= one.amount
    return {key: amount for key, amount in sums.items() if amount > 0}


def test_the_chain_of_a_deal_whose_cap_binds_in_part(store: Store) -> None:
    """Rate, multiplier 1.25, cap and posting follow each other, each beginning where the one before ended."""
    engine = Engine(PROGRAMME, store)
    engine.submit(deal("D-1", "2026-02-01", 300))
    receipt = engine.submit(deal("D-2", "2026-02-02", 800))
    steps = [step for step in receipt.explain().steps if (step.rule, step.currency) == ("deal-base", "points")]
    assert [step.name for step in steps] == ["base", "multiply", "cap", "paid"]
    base, multiply, cap, paid = (step.numbers for step in steps)
    assert base == (80_000, 800)
    assert multiply == (5, 4, 800, 1000)
    assert cap[1:] == (1000, 300, 1000, 700)
    assert paid[0] == 700
    assert receipt.explain().paid()["partner:acme", "deal-base", "points"] == 700
    posted = {(leg.rule, leg.asset): leg.amount for leg in receipt.entries[0].postings if leg.account.owner == ACME}
    assert posted["deal-base", "points"] == 700
    told = str(receipt.explain())
    for words in (
        "800.00 EUR",
        "1.25",
        "tier gold",
        "800 points x 1.25 = 1,000 points",
        "headroom 700 points before, 0",
    ):
        assert words in told
    assert receipt.explain().revision == PROGRAMME.revision


@pytest.mark.parametrize(
    ("at", "reasons"),
    [
        (
            "2026-02-01",
            {"dated": "validity", "in-spring": "campaign", "large": "when", "monthly": "streak", "weak": "outbid"},
        ),
        ("2026-06-01", {"in-spring": "campaign", "large": "when", "monthly": "streak", "weak": "outbid"}),
        ("2026-03-01", {"dated": "validity", "large": "when", "monthly": "streak", "weak": "outbid"}),
    ],
)
def test_rules_that_did_not_apply_say_why(store: Store, at: str, reasons: dict[str, str]) -> None:
    """Dates, campaign, condition, streak and group each give their own reason."""
    engine = Engine(REASONS, store)
    explanation = engine.submit(deal("D-1", at, 10, REASONS)).explain()
    assert refused(explanation) == reasons
    assert all(rule in str(explanation) for rule in reasons)


def test_a_second_event_says_what_the_first_used_up(store: Store) -> None:
    """What is paid once, and what has to cool down, names the day or the key."""
    engine = Engine(REASONS, store)
    engine.submit(deal("D-1", "2026-03-01", 10, REASONS))
    explanation = engine.submit(deal("D-2", "2026-03-07", 1000, REASONS)).explain()
    assert refused(explanation) == {
        "dated": "validity", "first": "once_per", "weekly": "cooldown", "monthly": "streak", "weak": "outbid",
    }  # fmt: skip
    assert "it can pay again from 2026-03-08" in str(explanation)
    assert 'event.amount >= money("1000 EUR")' not in str(explanation)
    assert refused(engine.submit(deal("D-3", "2026-03-08", 10, REASONS)).explain()).get("weekly") is None


@pytest.mark.parametrize("at", ["2025-12-31T23:59", "2027-01-01"])
def test_an_event_outside_the_dates_says_so(store: Store, at: str) -> None:
    """Nothing is paid, no rule is looked at, and the reason is told."""
    explanation = Engine(REASONS, store).submit(deal("D-1", at, 10, REASONS)).explain()
    assert [step.name for step in explanation.steps] == ["outside"]
    assert explanation.paid() == {}
    assert "outside the programme's dates" in str(explanation)


def test_a_refund_tells_what_it_takes_back_and_from_which_rule(store: Store) -> None:
    """Its steps compute what is left at the original's multiplier, and reverse the rest."""
    engine = Engine(PROGRAMME, store)
    engine.submit_all([deal("D-1", "2026-01-15", 300), deal("D-2", "2026-02-01", 100)])
    receipt = engine.submit(refund("R-1", "2026-02-10", "D-2", 30))
    explanation = receipt.explain()
    reverse = next(step for step in explanation.steps if (step.name, step.currency) == ("reverse", "points"))
    assert reverse.rule == "deal-base"
    assert reverse.numbers[0] == 125 - 87
    assert explanation.paid() == {}
    assert "refunds 30.00 EUR of the original; 70.00 EUR left" in str(explanation)
    taken = -sum(
        leg.amount for leg in receipt.entries[0].postings if (leg.account.owner, leg.asset) == (ACME, "points")
    )
    assert taken == reverse.numbers[0]
    nothing = engine.submit(refund("R-2", "2026-02-11", "D-2", 0)).explain()
    assert [step.name for step in nothing.steps if step.name in ("refund", "reverse")] == []


def test_an_event_that_waits_or_moved_nothing_can_be_explained(store: Store) -> None:
    """There is an answer for every accepted event, and it pays nothing."""
    engine = Engine(PROGRAMME, store)
    for event in (refund("R-1", "2026-02-01", "D-9"), void("V-1", "2026-02-01", "D-9"), deal("D-1", "2025-02-01")):
        assert engine.submit(event).explain().paid() == {}
        assert engine.why(event.identity).identity == event.identity


def test_an_unknown_event_has_no_explanation(store: Store) -> None:
    """A KeyError names the identity that was asked for."""
    with pytest.raises(KeyError, match="/D-9"):
        Engine(PROGRAMME, store).why("/D-9")


def test_an_explanation_after_a_restart_is_the_same(open_book: OpenBook) -> None:
    """It is stored with the entry, and read back by an engine that never saw the event."""
    engine = Engine(PROGRAMME, open_book())
    events = [
        deal("D-1", "2026-02-01", 300, person="ann"),
        deal("D-2", "2026-02-02", 800, person="ann"),
        refund("R-1", "2026-02-03", "D-1", 100),
        happened("C-1", "certification.passed", "2026-02-04", person="ann", track="a"),
        happened("C-2", "certification.passed", "2026-02-05", person="ann", track="a"),
    ]
    told = {event.identity: engine.submit(event).explain() for event in events}
    again = Engine(PROGRAMME, open_book())
    assert {identity: again.why(identity) for identity in told} == told
    assert all(str(again.why(identity)) == str(explanation) for identity, explanation in told.items())


def test_the_explanation_of_a_corrected_event_adds_up_to_what_stands(store: Store) -> None:
    """A late deal that takes the cap's headroom changes the story of the later one as well."""
    engine = Engine(PROGRAMME, store)
    receipt = engine.submit(deal("D-2", "2026-02-10", 900))
    assert receipt.explain().paid()["partner:acme", "deal-base", "points"] == 900
    engine.submit(deal("D-1", "2026-02-05", 400))
    assert engine.why("/D-2").paid() == issued(store, "/D-2")
    assert engine.why("/D-2").paid()["partner:acme", "deal-base", "points"] == 600
    engine.submit(void("V-1", "2026-03-05", "D-2"))
    assert engine.why("/D-2").paid() == issued(store, "/D-2") == {}


@given(events=histories(FULL), data=st.data())
def test_explanations_pay_what_was_issued(events: list[Event], data: st.DataObject) -> None:
    """For every event of any history in any order; reversals are the refunds' and have their own steps."""
    engine = Engine(FULL, MemoryStore())
    engine.submit_all(data.draw(st.permutations(events)))
    for event in events:
        assert engine.why(event.identity).paid() == issued(engine.store, event.identity)


def test_explanations_of_a_population_pay_what_was_issued() -> None:
    """The same for partners that behave like partners, a year of a programme with every feature."""
    events = population(FULL, default_scenario(FULL), 4, 12, 11, FULL.first_day, ids=True).to_events()
    assert len(events) > 30
    engine = Engine(FULL, MemoryStore())
    for event in sorted(events, key=lambda event: event.key):
        receipt = engine.submit(event)
        explained = receipt.explain()
        paid: Counter[tuple[str, str, str]] = Counter()
        for entry in receipt.entries:
            for source, target in zip(entry.postings[::2], entry.postings[1::2], strict=True):
                if source.account.path == "programme/issued" and not str(source.rule).startswith("@"):
                    paid[str(target.account.owner), str(source.rule), source.asset] += target.amount
        assert explained.paid() == dict(paid)
        assert {Holder.parse(step.holder) for step in explained.steps} <= {
            leg.account.owner for entry in entries_in(engine.store) for leg in entry.postings
        } | {Holder.partner(event.partner), Holder.person(event.person or "")}
