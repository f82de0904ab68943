"""From the demo's scenario to results: drawn, settled with redemptions, and cut anywhere without a difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty.batch.running import run
from loyalty.batch.tables import REDEEM, EventTable
from loyalty.core.calendar import format_day, parse_day
from loyalty.engine import settle
from loyalty.ledger.entries import EntryKind
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.collecting import collect
from loyalty.simulation.partners import partner_names
from loyalty.simulation.population import population
from loyalty.simulation.redemptions import redemptions
from loyalty.simulation.scenario import default_scenario, load_scenario

FOLDER = Path(__file__).parents[2] / "examples" / "acme"
START, MONTHS, PARTNERS = parse_day("2025-01-01"), 14, 12
LAST = parse_day("2026-02-28")


@pytest.fixture(scope="module")
def acme() -> Programme:
    """The demo's programme."""
    return load(FOLDER / "programme.yaml")


@pytest.fixture(scope="module")
def scenario(acme: Programme) -> Scenario:
    """The demo's scenario."""
    return load_scenario(FOLDER / "scenario.yaml", acme)


@pytest.fixture(scope="module")
def events(acme: Programme, scenario: Scenario) -> EventTable:
    """What happens to twelve partners in fourteen months."""
    return population(acme, scenario, PARTNERS, MONTHS, 11, START, ids=True)


def test_redemptions_are_the_declared_share_of_what_was_available(acme: Programme, events: EventTable) -> None:
    """A fifth of the points and half of the funds, rounded down; settlement pays every grant in full."""
    grants = redemptions(events, LAST)
    settled = settle(acme, events.to_events(), grants, until_day=LAST)
    assert grants
    for grant in grants[:40]:
        path = f"{grant.holder}/available"
        before = sum(
            posting.amount for entry in settled.entries for posting in entry.postings
            if posting.account.path == path and posting.asset == grant.currency
            and (entry.effective_at, entry.key) < (grant.at, f"command:{grant.key}")
        )  # fmt: skip
        part = {"points": 5, "mdf": 2}[grant.currency]
        assert grant.amount == before // part, format_day(acme.calendar.day_of(grant.at))
    redeemed = sum(p.amount for e in settled.entries for p in e.postings if p.account.path == "programme/redeemed")
    assert redeemed == sum(grant.amount for grant in grants)
    assert sum(entry.kind is EntryKind.COMMAND for entry in settled.entries) == len(grants)


def test_a_population_settled_in_parts_has_the_same_entries(
    acme: Programme, scenario: Scenario, events: EventTable
) -> None:
    """Partners drawn, redeemed and settled in two parts are those of the whole."""
    whole = settle(acme, events.to_events(), redemptions(events, LAST), until_day=LAST)
    names = list(partner_names(PARTNERS))
    entries = []
    for part in (names[7:], names[:7]):
        drawn = population(acme, scenario, part, MONTHS, 11, START, ids=True)
        entries += settle(acme, drawn.to_events(), redemptions(drawn, LAST), until_day=LAST).entries
    assert sorted(entries, key=lambda entry: entry.key) == sorted(whole.entries, key=lambda entry: entry.key)
    assert collect(entries, acme) == collect(whole.entries, acme)


def test_results_agree_with_the_settlement(acme: Programme, events: EventTable) -> None:
    """Balances and tiers counted from the postings are those that the settlement ends with."""
    settled = settle(acme, events.to_events(), redemptions(events, LAST), until_day=LAST)
    results = collect(settled.entries, acme, until_day=LAST)
    for row in results.holders:
        for name, flows in row.currencies.items():
            for account, amount in (("available", flows.available), ("pending", flows.pending),
                                    ("arrears", -flows.arrears)):  # fmt: skip
                assert settled.balances.get((row.holder, account, name), 0) == amount
        if row.tier is not None:
            assert row.tier == settled.tier(row.holder)


def test_a_run_over_the_table_moves_what_settlement_moves(acme: Programme, events: EventTable) -> None:
    """Wishes decided in the run are the grants that settlement replays: the same flows, balances and tiers."""
    batch = run(acme, events, until_day=LAST)
    settled = settle(acme, events.to_events(), redemptions(events, LAST), until_day=LAST)
    results = collect(settled.entries, acme, until_day=LAST)
    names = batch.names.assets
    for month in range(batch.months):
        for place, row in enumerate(batch.flows[month]):
            if names[place] in results.currencies:
                flows = results.flows[batch.first_month + month, names[place]]
                assert row[:5].tolist() == [
                    flows.issued, flows.activated, flows.expired, flows.redeemed, flows.reversed
                ]  # fmt: skip
    assert batch.entries == len(settled.entries)


def test_without_wishes_nothing_is_redeemed(acme: Programme) -> None:
    """The default scenario wishes nothing, and its events settle."""
    drawn = population(acme, default_scenario(acme), 3, 4, 1, START, ids=True)
    assert not (drawn.kind == REDEEM).any()
    assert redemptions(drawn, LAST) == []
    assert settle(acme, drawn.to_events()).entries
