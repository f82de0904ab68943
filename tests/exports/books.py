"""Books to export: the demo in order, the demo with everything late, and the CRM's history."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from loyalty import Engine, Event, MemoryStore, Programme, load, settle
from loyalty.core.calendar import parse_day
from loyalty.ledger.entries import Entry
from loyalty.simulation.months import month_starts
from loyalty.simulation.population import population
from loyalty.simulation.redemptions import redemptions
from loyalty.simulation.scenario import load_scenario
from loyalty.sources import load_mapping, read_events

ROOT = Path(__file__).parents[2]
ACME = ROOT / "examples" / "acme"
CRM = ROOT / "examples" / "crm_sales"
PIPELINE = ROOT.parent / "shared" / "data" / "crm-sales" / "sales_pipeline.csv"


@cache
def acme() -> Programme:
    """The demo's programme."""
    return load(ACME / "programme.yaml")


@cache
def simulated(partners: int = 12, months: int = 30) -> tuple[Entry, ...]:
    """The demo's scenario, with redemptions, settled in order: lots are earned, used, clawed back and expire."""
    programme = acme()
    scenario = load_scenario(ACME / "scenario.yaml", programme)
    events = list(population(programme, scenario, partners, months, 7, programme.first_day))
    grants = redemptions(programme, scenario, events, months, programme.first_day)
    until_day = month_starts(programme.first_day, months)[-1] - 1
    return tuple(settle(programme, events, grants, until_day=until_day).entries)


def history() -> list[Event]:
    """The demo's history."""
    return read_events(ACME / "history.jsonl", acme()).events


@cache
def late() -> MemoryStore:
    """
    A book of the demo's history, submitted in an order of chance while the clock moves on.

    The entries of its corrections count from long before they were posted.
    """
    store = MemoryStore()
    engine = Engine(acme(), store, clock=lambda: 1_800_000_000_000_000)
    events = history()[:200]
    random.Random(3).shuffle(events)
    days = [parse_day(text) for text in ("2025-06-30", "2026-03-31", "2027-12-31")]
    for number, event in enumerate(events, start=1):
        engine.submit(event)
        if number % 70 == 0:
            engine.advance(days[number // 70 - 1])
    engine.advance(days[-1])
    return store


def late_entries() -> tuple[Entry, ...]:
    """The entries of :func:`late`, in the order in which they were posted."""
    with late().transaction(read_only=True) as transaction:
        return tuple(transaction.entries())


@cache
def crm() -> tuple[Programme, tuple[Entry, ...]]:
    """The CRM's pipeline, settled."""
    programme = load(CRM / "programme.yaml")
    events = read_events(PIPELINE, programme, load_mapping(CRM / "mapping.yaml", programme)).events
    return programme, tuple(settle(programme, events, until_day=parse_day("2017-12-31")).entries)
