"""Small programmes of a few rules, for tests that show one thing, and what their partner has."""

from __future__ import annotations

from collections.abc import Callable

from loyalty import Engine, Event, Holder, Programme, loads

from .scenes import ACME

#: Gives an engine over an empty book that was told these events.
Told = Callable[..., Engine]

_HEAD = """\
language: 1
{revision}programme: {{id: small, starts: 2026-01-01, timezone: {zone}}}
currencies:
  points: {points}
  status: {{spendable: false}}
events:
  deal.won:
    amount: {{type: money, unit: EUR, max: 1000000.00}}
  deal.refunded:
    refunds: deal.won
    amount: {{type: money, unit: EUR, max: 1000000.00, optional: true}}
  visit: {{}}
metrics:
  year_status: {{earned: status, window: {window}}}
{metrics}earn:
"""

PER_EURO = "  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1 per 1 EUR}}}\n"

CAPPED = PER_EURO.replace("}}}", "}}, cap: {points: 100, per: month}}")

TIERS = """\
tiers:
  base: {multiplier: 1}
  ladder:
    - {tier: gold, multiplier: 2, needs: [year_status >= 100]}
  promote: at_once
"""

TIERED = """\
  - rule: base
    on: deal.won
    of: event.amount
    give: {partner: {points: 1 per 1 EUR, status: 1 per 1 EUR}}
    multiply: {points: tier.multiplier}
"""


def programme(
    rules: str = PER_EURO,
    more: str = "",
    *,
    points: str = "{}",
    zone: str = "Europe/Berlin",
    window: str = "calendar_year",
    metrics: str = "",
    before: Programme | None = None,
    begins: str = "",
) -> Programme:
    """Write a programme of these rules, or the revision of one that *begins* on a day and comes after *before*."""
    revision = f"revision: {{from: {begins}}}\n" if begins else ""
    head = _HEAD.format(points=points, zone=zone, window=window, metrics=metrics, revision=revision)
    return loads(head + rules + more, before=before)


def points(engine: Engine, at: str | int, holder: Holder = ACME, account: str = "available") -> int:
    """Give what is available, or in another account, at the end of a day or at an instant."""
    return engine.statement(holder, at).balances.get((account, "points"), 0)


def told_by(engine: Engine, *events: Event) -> Engine:
    """Tell an engine these events."""
    engine.submit_all(events)
    return engine
