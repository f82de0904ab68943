"""Books to export: the demo in order, the demo with everything late, and the CRM's history."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from loyalty import Engine, Event, MemoryStore, Programme, load, loads, read_event, settle
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
def simulated(partners: int = 20, months: int = 30) -> tuple[Entry, ...]:
    """The demo's scenario, with redemptions, settled in order: lots are earned, used, clawed back and expire."""
    programme = acme()
    scenario = load_scenario(ACME / "scenario.yaml", programme)
    events = population(programme, scenario, partners, months, 7, programme.first_day, ids=True)
    until_day = month_starts(programme.first_day, months)[-1] - 1
    grants = redemptions(events, until_day)
    return tuple(settle(programme, events.to_events(), grants, until_day=until_day).entries)


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
def locked_entries() -> tuple[Entry, ...]:
    """The entries of a book that was locked twice while late events and the clock went on."""
    store = MemoryStore()
    engine = Engine(commanded()[0], store, clock=lambda: 1_800_000_000_000_000)

    def deal(id: str, at: str) -> None:
        raw = {"on": "deal.won", "id": id, "at": at, "partner": "acme", "amount": "100.00 EUR"}
        engine.submit(read_event(commanded()[0], raw))

    deal("D-1", "2026-01-10")
    deal("D-2", "2026-02-10")
    engine.lock("2026-03-31", actor="u-1", reason="first quarter")
    deal("D-3", "2026-01-05")
    deal("D-4", "2026-04-02")
    engine.advance("2026-07-02")
    engine.lock("2026-06-30", actor="u-1", reason="second quarter")
    deal("D-5", "2026-03-01")
    engine.advance("2026-09-01")
    with store.transaction(read_only=True) as transaction:
        return tuple(transaction.entries())


COMMANDS = """
language: 1
programme: {id: northwind, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {worth: 0.01 EUR, expires: {after: 6 months}, transfer: anyone, returns: {grace: 30 days}}
  miles: {scale: 1, expires: {after: 2 months}, returns: reissue, arrears: {limit: 3}}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 100000.00}}
  deal.refunded: {refunds: deal.won}
earn:
  - rule: base
    on: deal.won
    of: event.amount
    give: {partner: {points: 1 per 10 EUR, miles: 1 per 100 EUR}}
refunds:
  deal.refunded: {points: arrears, miles: arrears}
"""


@cache
def commanded() -> tuple[Programme, MemoryStore]:
    """A book of every command: holds, reversals, adjustments, transfers, opening balances, a merging, a closing."""
    programme, store = loads(COMMANDS), MemoryStore()
    engine = Engine(programme, store, clock=lambda: 1_800_000_000_000_000)

    def deal(id: str, at: str, amount: str, partner: str, **more: str) -> None:
        fields = {"on": "deal.won", "id": id, "at": at, "partner": partner, "amount": amount}
        engine.submit(read_event(programme, fields | more))

    engine.open("partner:acme", "points", [("2026-04-01", "2025-10-05", 30), ("2026-05-01", "2025-11-20", 40)],
                key="open", at="2026-01-01T09:00")  # fmt: skip
    for number, (at, partner) in enumerate((("2026-01-10", "acme"), ("2026-02-10", "beta"), ("2026-02-12", "gamma"))):
        deal(f"D-{number}", at, "1000.00 EUR", partner)
    engine.adjust("partner:acme", "points", 25, key="gift", reason="a fair", actor="ann", at="2026-02-15")
    engine.adjust("partner:beta", "points", -10, key="fine", reason="a lost card", actor="ann", at="2026-02-15")
    engine.reverse("fine", 4, key="mercy", at="2026-02-16")
    engine.redeem("partner:acme", "points", 60, key="shop", at="2026-03-01")
    engine.reverse("shop", 45, key="returned", at="2026-05-10")
    engine.hold("partner:gamma", "points", 50, key="held", until="2026-09-15", at="2026-03-02")
    engine.capture("held", 20, key="taken", at="2026-03-03")
    engine.hold("partner:gamma", "miles", 7, key="flight", at="2026-03-03")
    engine.release("flight", key="cancelled", at="2026-07-01")
    engine.transfer("partner:beta", "partner:acme", "points", 40, key="sent", at="2026-05-11")
    engine.reverse("sent", 15, key="sent-back", at="2026-05-12")
    engine.submit(read_event(programme, {"on": "deal.refunded", "id": "R-1", "at": "2026-06-01", "of": "D-1",
                                         "partner": "beta"}))  # fmt: skip
    engine.merge("partner:beta", "partner:acme", key="merged", at="2026-06-10", pending="mature")
    deal("D-9", "2026-06-20", "500.00 EUR", "delta")
    engine.close("partner:delta", key="closed", forfeit=True, at="2026-07-01")
    engine.advance("2026-10-31")
    return programme, store


def commanded_entries() -> tuple[Entry, ...]:
    """The entries of :func:`commanded`."""
    with commanded()[1].transaction(read_only=True) as transaction:
        return tuple(transaction.entries())


@cache
def crm() -> tuple[Programme, tuple[Entry, ...]]:
    """The CRM's pipeline, settled."""
    programme = load(CRM / "programme.yaml")
    events = read_events(PIPELINE, programme, load_mapping(CRM / "mapping.yaml", programme)).events
    return programme, tuple(settle(programme, events, until_day=parse_day("2017-12-31")).entries)
