"""A programme whose points come back in every way, and short ways to read wallets."""

from __future__ import annotations

from loyalty import Engine, Event, Holder, MemoryStore, loads
from loyalty.core.calendar import NEVER, format_day
from loyalty.ledger.entries import Entry
from loyalty.ledger.store import Store

from . import scenes

WALLETS = """\
language: 1
programme: {id: wallets, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {expires: {after: 30 days}, transfer: people}
  graced: {expires: {after: 30 days}, returns: {grace: 10 days}, transfer: anyone}
  renewed: {expires: {after: 30 days}, returns: reissue}
  status: {spendable: false}
  capped: {arrears: {limit: {base: 5, gold: 30}}}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}}
  deal.refunded:
    refunds: deal.won
    amount: {type: money, unit: EUR, max: 1000000.00, optional: true}
  lead.registered: {}
  lead.qualified: {follows: lead.registered}
metrics:
  year_status: {earned: status, window: calendar_year}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give:
      partner:
        {points: 1 per 1 EUR, graced: 1 per 1 EUR, renewed: 1 per 1 EUR, capped: 1 per 1 EUR, status: 1 per 1 EUR}
      person: {points: 5}
  - rule: lead
    on: lead.registered
    give: {partner: {points: 40}}
    pending: {points: {until: lead.qualified}}
  - rule: lead-later
    on: lead.registered
    give: {partner: {graced: 9}}
    pending: {graced: 20 days}
allotments:
  - {allot: monthly, every: month, give: {status: 1}}
tiers:
  base: {}
  ladder:
    - {tier: gold, needs: year_status >= 200}
  promote: at_once
"""

PROGRAMME = loads(WALLETS)
ACME, BIRCH, CEDAR = Holder.partner("acme"), Holder.partner("birch"), Holder.partner("cedar")
ANN, BOB = Holder.person("ann"), Holder.person("bob")

#: The rule and what it moved: (rule, from, to, amount, last usable day or "").
Moves = list[tuple[str, str, str, int, str]]


def new_engine(store: Store | None = None) -> Engine:
    """An engine on an empty book; commands are given their instants."""
    return Engine(PROGRAMME, store or MemoryStore(), clock=lambda: instant("2026-12-01"))


def deal(id: str, at: str, euros: int = 100, **said: object) -> Event:
    """Say that a deal was won."""
    return scenes.deal(id, at, euros, PROGRAMME, **said)


def refund(id: str, at: str, of: str, euros: int | None = None) -> Event:
    """Say that a deal was refunded."""
    return scenes.refund(id, at, of, euros, PROGRAMME)


def happened(id: str, on: str, at: str, **said: object) -> Event:
    """Say what happened, mostly to acme."""
    return scenes.happened(id, on, at, PROGRAMME, **said)


def void(id: str, at: str, of: str) -> Event:
    """Say that an event never happened."""
    return scenes.void(id, at, of, PROGRAMME)


def instant(at: str) -> int:
    """Give a local time as UTC microseconds."""
    return PROGRAMME.calendar.parse_instant_us(at)


def wallet(engine: Engine, at: str, holder: Holder = ACME, currency: str = "points") -> dict[str, int]:
    """Give what stands in each account of one wallet at the end of a day."""
    balances = engine.statement(holder, at).balances
    return {account: amount for (account, asset), amount in balances.items() if asset == currency}


def expiries(engine: Engine, at: str, holder: Holder = ACME, currency: str = "points") -> dict[str, int]:
    """Give what is available by its last usable day, at the end of a day."""
    lots = engine.statement(holder, at).expiries[currency]
    return {format_day(day - 1) if day < NEVER else "never": amount for day, amount in lots}


def moves(entry: Entry) -> Moves:
    """Give an entry's transfers."""
    moved = []
    for source, target in zip(entry.postings[::2], entry.postings[1::2], strict=True):
        lots = [leg.lot_day for leg in (source, target) if leg.lot_day is not None]
        last = format_day(lots[0] - 1) if lots and lots[0] < NEVER else ""
        moved.append((str(source.rule), source.account.path, target.account.path, target.amount, last))
    return moved
