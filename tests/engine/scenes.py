"""A small programme that moves everything an engine can move, and ways to say what happened and to read a book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loyalty import Engine, Event, Holder, Programme, loads, read_event, settle
from loyalty.engine.replaying import replay_book
from loyalty.ledger.entries import LOT_ACCOUNTS, Account, Entry
from loyalty.ledger.store import Grant, Store
from loyalty.ledger.verify import verify

SCENES = """\
language: 1
programme: {id: scenes, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {expires: {after: 6 months}}
  status: {spendable: false}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
    region: {type: text, optional: true}
    registered: {type: bool, default: false}
  deal.refunded:
    refunds: deal.won
    amount: {type: money, unit: EUR, max: 1000000.00, optional: true}
  certification.passed: {track: text}
  lead.registered: {}
  lead.qualified: {follows: lead.registered}
metrics:
  year_status: {earned: status, window: calendar_year}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 1 EUR, status: 1 per 10 EUR}
    multiply: {points: tier.multiplier}
    cap: {points: 1000, per: quarter}
  - rule: deal-person
    on: deal.won
    give:
      person: {points: {by_tier: {base: 10, gold: 25}}}
  - rule: certified
    on: certification.passed
    once_per: [person, event.track]
    give:
      person: {points: 100}
      partner: {points: 50}
    pending: {points: 30 days}
  - rule: lead
    on: lead.registered
    give:
      partner: {points: 40}
    pending: {points: {until: lead.qualified}}
tiers:
  base: {multiplier: 1}
  ladder:
    - tier: gold
      multiplier: 1.25
      needs: [year_status >= 20]
  promote: at_once
  review: {every: calendar_year, grace: 30 days, landing: one_tier_down}
badges:
  - badge: starter
    needs: year_status >= 5
    give: {points: 7}
"""

PROGRAMME = loads(SCENES)
ACME, BIRCH = Holder.partner("acme"), Holder.partner("birch")
ANN = Holder.person("ann")

#: What postings come to: amounts by (cause, rule, account, asset, expiry day, effective instant).
Netted = dict[tuple[str | None, str | None, str, str, int | None, int], int]


def happened(id: str, on: str, at: str, programme: Programme = PROGRAMME, **said: object) -> Event:
    """Say what happened, mostly to acme."""
    return read_event(programme, {"id": id, "on": on, "at": at, "partner": "acme", **said})


def deal(id: str, at: str, euros: int = 100, programme: Programme = PROGRAMME, **said: object) -> Event:
    """Say that a deal was won."""
    return happened(id, "deal.won", at, programme, amount=f"{euros}.00 EUR", **said)


def refund(id: str, at: str, of: str, euros: int | None = None, programme: Programme = PROGRAMME) -> Event:
    """Say that a deal was refunded, wholly where no amount is given."""
    part = {} if euros is None else {"amount": f"{euros}.00 EUR"}
    return happened(id, "deal.refunded", at, programme, of=of, **part)


def void(id: str, at: str, of: str, programme: Programme = PROGRAMME) -> Event:
    """Say that an event never happened."""
    return happened(id, "void", at, programme, of=of)


def instant(at: str, programme: Programme = PROGRAMME) -> int:
    """Give a local time as UTC microseconds."""
    return programme.calendar.parse_instant_us(at)


def netted(entries: Iterable[Entry]) -> Netted:
    """Sum postings by everything but the entry that they stand in."""
    sums: Netted = Counter()
    for entry in entries:
        for leg in entry.postings:
            sums[leg.cause, leg.rule, leg.account.path, leg.asset, leg.lot_day, entry.effective_at] += leg.amount
    return {key: amount for key, amount in sums.items() if amount}


def entries_in(store: Store) -> list[Entry]:
    """Give everything that was posted."""
    with store.transaction() as book:
        return list(book.entries())


def grants_in(store: Store) -> list[Grant]:
    """Give every decision that was recorded."""
    with store.transaction() as book:
        return [grant for holder in book.holders() for grant in book.grants(holder)]


def balances_in(store: Store) -> dict[tuple[Holder, str, str], int]:
    """Give every holder's present balances."""
    with store.transaction() as book:
        return {(holder, *key): amount for holder in book.holders() for key, amount in book.balances(holder).items()}


def lots_in(store: Store) -> Counter[tuple[str, str, int]]:
    """Give what is left in the lots of each account, asset and expiry day."""
    left: Counter[tuple[str, str, int]] = Counter()
    with store.transaction() as book:
        for holder, account, asset in balances_in(store):
            if account in LOT_ACCOUNTS:
                for lot in book.lots(Account(holder, account), asset):
                    left[lot.account.path, asset, lot.expires_day] += lot.remaining
    return left


def everything_in(store: Store) -> tuple[object, ...]:
    """Give all that a refused event must leave as it was."""
    with store.transaction() as book:
        holders = list(book.holders())
        facts = [
            (holder, book.received(holder), book.grants(holder), book.holder_version(holder)) for holder in holders
        ]
        return (facts, list(book.entries()), book.clock_day(), dict(book.trial_balance()), lots_in(store))


def assert_settled(engine: Engine, events: Iterable[Event], until: int) -> None:
    """Compare the engine's book, advanced to a day, with settlement of the history from scratch."""
    engine.advance(until)
    settled = settle(engine.programme, events, grants_in(engine.store), until_day=until)
    with engine.store.transaction() as book:
        assert verify(book) == []
    assert replay_book(engine.programme, engine.store).findings == ()
    assert netted(entries_in(engine.store)) == netted(settled.entries)
    assert balances_in(engine.store) == settled.balances
    expected: Counter[tuple[str, str, int]] = Counter()
    for entry in settled.entries:
        for leg in entry.postings:
            if leg.lot_day is not None:
                expected[leg.account.path, leg.asset, leg.lot_day] += leg.amount
    assert {key: left for key, left in lots_in(engine.store).items() if left} == {
        key: left for key, left in expected.items() if left
    }
    for holder in {holder for holder, _, _ in settled.balances}:
        statement = engine.statement(holder, engine.programme.calendar.day_start_us(until + 1) - 1)
        assert statement.tier == settled.tier(holder)
