"""Drawn replicates: one for each seed, labelled, and answered by partners where the scenario says that they respond."""

from __future__ import annotations

from decimal import Decimal

from loyalty import loads
from loyalty.programme.changing import changed
from loyalty.simulation.comparing import compare
from loyalty.simulation.comparison import Scheme
from loyalty.simulation.drawn import drawn
from loyalty.simulation.intervals import OVER_REPLICATES
from loyalty.simulation.months import month_starts
from loyalty.simulation.scenario import read_scenario
from tests.simulation.portal import PORTAL, PROGRAMME

SCENARIO = """\
scenario: Two segments
segments:
  - {segment: small, share: 70 %, size: {median: 0.5, sigma: 0.5}}
  - {segment: large, share: 30 %, size: {median: 2, sigma: 0.3}}
events:
  deal.won:
    rate: 1
    fields: {amount: {median: 3000.00 EUR, sigma: 0.8}}
    then:
      deal.refunded: {chance: 10 %, after: 5..30 days}
"""

RESPONSE = """\
response:
  deal.won: {elasticity: 50 %, because: A guess.}
"""

UNTIL = month_starts(PROGRAMME.first_day, 6)[-1] - 1


def test_each_seed_is_a_replicate_whose_partners_have_segments() -> None:
    """Other seeds draw other events; a segment is known of everybody."""
    scenario = read_scenario(SCENARIO, PROGRAMME)
    found = list(drawn(PROGRAMME, scenario, 40, 6, PROGRAMME.first_day, [3, 4]))
    assert [replicate.seed for replicate in found] == [3, 4]
    assert len(found[0].events) != len(found[1].events)
    assert all(set(each.labels["segment"].values()) == {"small", "large"} for each in found)
    assert all(len(each.labels["segment"]) == 40 for each in found)
    # Tables have segments in the order in which the scenario declares them, whoever is drawn first.
    many = drawn(PROGRAMME, scenario, 40, 6, PROGRAMME.first_day, range(1, 9))
    assert all([*dict.fromkeys(each.labels["segment"].values())] == ["small", "large"] for each in many)
    assert not found[0].response
    again = next(drawn(PROGRAMME, scenario, 40, 6, PROGRAMME.first_day, [3]))
    assert again.events.at.tolist() == found[0].events.at.tolist()


def test_what_is_drawn_meets_a_variant_that_declares_its_events_otherwise() -> None:
    """With redemptions, refunds and draws of a response: a currency, a tier and a bound more change no figure."""
    scenario = read_scenario(SCENARIO + RESPONSE + "redeem: {points: {share: 50 %, chance: 60 %}}\n", PROGRAMME)
    text = PORTAL.replace("max: 1000000.00}}\n", "max: 2000000.00}}\n  lead.registered: {}\n", 1)
    text = text.replace("currencies:\n", "currencies:\n  gems: {}\n")
    text = text.replace("  promote:", "    - {tier: onyx, multiplier: 3, needs: false}\n  promote:")
    other = loads(text.replace("earn:\n", "earn:\n  - {rule: lead, on: lead.registered, give: {partner: {gems: 1}}}\n"))
    found = compare(
        Scheme(name="base", programme=PROGRAMME), [Scheme(name="v", programme=other)],
        drawn(PROGRAMME, scenario, 40, 6, PROGRAMME.first_day, [1, 2]), until_day=UNTIL,
    )  # fmt: skip
    [variant] = found.variants
    assert variant.estimate("points.redeemed").base > 0
    assert all(one.difference == 0 and not one.differs_somewhere for one in variant.estimates)
    assert variant.shifts.winners == variant.shifts.losers == 0
    # What is wished is no event, and what the response does not let happen is none either.
    first = next(drawn(PROGRAMME, scenario, 40, 6, PROGRAMME.first_day, [1]))
    assert 0 < found.events < (first.events.kind >= 0).sum() < len(first.events)


def test_a_comparison_over_seeds_pairs_them() -> None:
    """Revenue is the same under both in each replicate, and so its interval is a point; segments sum to all."""
    scenario = read_scenario(SCENARIO, PROGRAMME)
    other = changed(PROGRAMME, {"tiers.gold.multiplier": Decimal(4)})
    found = compare(
        Scheme(name="base", programme=PROGRAMME), [Scheme(name="v", programme=other)],
        drawn(PROGRAMME, scenario, 40, 6, PROGRAMME.first_day, [1, 2, 3]), until_day=UNTIL,
    )  # fmt: skip
    [variant] = found.variants
    revenue, cost = variant.estimate("revenue"), variant.estimate("cost")
    assert (found.seeds, found.method) == ((1, 2, 3), OVER_REPLICATES)
    assert revenue.difference == 0
    assert revenue.interval is not None
    assert (revenue.interval.low, revenue.interval.high) == (0, 0)
    assert cost.interval is not None
    assert cost.difference > 0
    assert cost.interval.low < float(cost.difference) < cost.interval.high
    segments = [group for group in variant.groups if group.grouping == "segment"]
    assert sum(group.partners for group in segments) == found.partners
    assert {group.name for group in segments} == {"small", "large"}


def test_partners_who_respond_bring_other_revenue_under_another_programme() -> None:
    """A tier that nobody comes near moves nobody; against itself a programme still differs in nothing."""
    responding = read_scenario(SCENARIO + RESPONSE, PROGRAMME)
    other = changed(PROGRAMME, {"tiers.gold.needs": Decimal(900_000)})
    schemes = (Scheme(name="base", programme=PROGRAMME), [Scheme(name="out of reach", programme=other)])
    replicates = drawn(PROGRAMME, responding, 60, 6, PROGRAMME.first_day, [1, 2])
    found = compare(schemes[0], schemes[1], replicates, until_day=UNTIL)
    assert found.variants[0].estimate("revenue").difference < 0
    assert found.variants[0].estimate("events").difference < 0
    itself = compare(
        schemes[0], [Scheme(name="same", programme=PROGRAMME)],
        drawn(PROGRAMME, responding, 60, 6, PROGRAMME.first_day, [1, 2]), until_day=UNTIL,
    )  # fmt: skip
    assert all(one.difference == 0 for one in itself.variants[0].estimates)
