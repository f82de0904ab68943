"""A small programme whose figures can be computed by hand, and a quarter of what happened under it."""

from __future__ import annotations

from loyalty import Event, Programme, loads, read_event
from loyalty.batch.tables import EventTable
from loyalty.core.calendar import parse_day
from loyalty.simulation.replicates import Replicate

PORTAL = """\
language: 1
programme: {id: portal, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {worth: 0.10 EUR, expires: {after: 1 year}}
  mdf: {unit: EUR}
  status: {spendable: false}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}}
  deal.refunded:
    refunds: deal.won
    amount: {type: money, unit: EUR, max: 1000000.00, optional: true}
metrics:
  year_status: {earned: status, window: calendar_year}
earn:
  - rule: base
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 100 EUR, status: 1 per 100 EUR, mdf: 1 %}
      person: {points: 1 per 1000 EUR}
    multiply: {points: tier.multiplier}
tiers:
  base: {multiplier: 1}
  ladder:
    - tier: gold
      multiplier: 2
      needs: [year_status >= 100]
  promote: at_once
  review: {every: calendar_year, grace: 30 days, landing: one_tier_down}
refunds:
  deal.refunded: {points: arrears, mdf: arrears, status: reverse}
"""

PROGRAMME = loads(PORTAL)
UNTIL = parse_day("2026-03-31")


def happened(programme: Programme = PROGRAMME) -> list[Event]:
    """
    Say what happened to three partners.

    acme: 10,000 EUR with ann, which is gold at once, then 5,000 EUR: 100 + 100 points, 150.00 EUR of funds; ann 10.
    birch: 2,000 EUR, of which 1,000 are refunded: 10 points, 10.00 EUR. cedar: 500 EUR: 5 points, 5.00 EUR.
    Worth: 20 + 150, 1 + 10, 0.50 + 5, and ann's 1: 187.50 EUR. Revenue: 15,000 + 1,000 + 500.
    """
    return [
        read_event(programme, {"id": id, "on": on, "at": at, "partner": partner, **said})
        for id, on, at, partner, said in (
            ("D-1", "deal.won", "2026-01-10", "acme", {"amount": "10000.00 EUR", "person": "ann"}),
            ("D-2", "deal.won", "2026-02-10", "acme", {"amount": "5000.00 EUR"}),
            ("D-3", "deal.won", "2026-02-11", "birch", {"amount": "2000.00 EUR"}),
            ("D-4", "deal.won", "2026-02-12", "cedar", {"amount": "500.00 EUR"}),
            ("R-3", "deal.refunded", "2026-03-01", "birch", {"of": "D-3", "amount": "1000.00 EUR"}),
        )
    ]


def quarter(programme: Programme = PROGRAMME) -> Replicate:
    """Give what happened as a replicate."""
    return Replicate(events=EventTable.from_events(programme, happened(programme)))
