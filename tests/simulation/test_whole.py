"""From the demo's scenario to results: drawn, settled with redemptions, and cut anywhere without a difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty.core.calendar import format_day, parse_day
from loyalty.core.events import Event
from loyalty.engine import settle
from loyalty.ledger.entries import EntryKind
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.collecting import collect
from loyalty.simulation.population import partner_names, population
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
def events(acme: Programme, scenario: Scenario) -> list[Event]:
    """What happens to twelve partners in fourteen months."""
    return list(population(acme, scenario, PARTNERS, MONTHS, 11, START))


def test_redemptions_are_the_declared_share_of_what_was_available(
    acme: Programme, scenario: Scenario, events: list[Event]
) -> None:
    """At each month's end a fifth is redeemed, rounded down, and settlement pays every grant in full."""
    grants = redemptions(acme, scenario, events, MONTHS, START)
    settled = settle(acme, events, grants, until_day=LAST)
    assert grants
    for grant in grants[:40]:
        path = f"{grant.holder}/available"
        before = sum(
            posting.amount for entry in settled.entries for posting in entry.postings
            if posting.account.path == path and posting.asset == grant.currency
            and (entry.effective_at, entry.key) < (grant.at, f"command:{grant.key}")
        )  # fmt: skip
        assert grant.amount == before // 5, format_day(acme.calendar.day_of(grant.at))
    redeemed = sum(p.amount for e in settled.entries for p in e.postings if p.account.path == "programme/redeemed")
    assert redeemed == sum(grant.amount for grant in grants)
    assert sum(entry.kind is EntryKind.COMMAND for entry in settled.entries) == len(grants)


def test_a_population_settled_in_parts_has_the_same_entries(
    acme: Programme, scenario: Scenario, events: list[Event]
) -> None:
    """Partners drawn, redeemed and settled in two parts are those of the whole."""
    whole = settle(acme, events, redemptions(acme, scenario, events, MONTHS, START), until_day=LAST)
    names = list(partner_names(PARTNERS))
    entries = []
    for part in (names[7:], names[:7]):
        drawn = list(population(acme, scenario, part, MONTHS, 11, START))
        entries += settle(acme, drawn, redemptions(acme, scenario, drawn, MONTHS, START), until_day=LAST).entries
    assert sorted(entries, key=lambda entry: entry.key) == sorted(whole.entries, key=lambda entry: entry.key)
    assert collect(entries, acme) == collect(whole.entries, acme)


def test_results_agree_with_the_settlement(acme: Programme, scenario: Scenario, events: list[Event]) -> None:
    """Balances and tiers counted from the postings are those that the settlement ends with."""
    settled = settle(acme, events, redemptions(acme, scenario, events, MONTHS, START), until_day=LAST)
    results = collect(settled.entries, acme, until_day=LAST)
    for row in results.holders:
        for name, flows in row.currencies.items():
            for account, amount in (("available", flows.available), ("pending", flows.pending),
                                    ("arrears", -flows.arrears)):  # fmt: skip
                assert settled.balances.get((row.holder, account, name), 0) == amount
        if row.tier is not None:
            assert row.tier == settled.tier(row.holder)


def test_without_redemptions_nothing_is_settled_for_them(acme: Programme, events: list[Event]) -> None:
    """The default scenario redeems nothing, and its events settle."""
    default = default_scenario(acme)
    assert redemptions(acme, default, events, MONTHS, START) == []
    drawn = list(population(acme, default, 3, 4, 1, START))
    assert settle(acme, drawn).entries
