"""A book under another chain of revisions: taken up where nothing changes, and otherwise planned and then posted."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty import Engine, Event, Holder, MemoryStore, StoreError, load, loads, settle
from loyalty.core.calendar import parse_day
from loyalty.engine.migrating import migrate, plan_migration
from loyalty.ledger.verify import verify
from loyalty.programme.model import Programme

ACME = Holder.partner("acme")
FIRST = """\
language: 1
programme: {id: acme, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {expires: {after: 12 months}}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
  deal.refunded: {refunds: deal.won}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 100 EUR}
    multiply: {points: tier.multiplier}
    cap: {points: 50, per: [quarter]}
metrics:
  deals: {count: deal.won, window: lifetime}
tiers:
  base: {multiplier: 1}
  ladder:
    - {tier: gold, multiplier: 2, needs: [deals >= 2]}
"""
LATER = FIRST.replace("language: 1", "language: 1\nrevision: {from: 2026-03-01, after: first.yaml}")
NOW = 1_800_000_000_000_000


@pytest.fixture
def chain(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Give what loads a chain: the first revision, and a second one of a text."""

    def of(second: str | None = None, first: str = FIRST) -> Programme:
        (tmp_path / "first.yaml").write_text(first)
        if second is None:
            return load(tmp_path / "first.yaml")
        (tmp_path / "second.yaml").write_text(second)
        return load(tmp_path / "second.yaml")

    return of


def deal(id: str, day: str, amount: int) -> Event:
    noon_us = parse_day(day) * 86_400_000_000 + 43_200_000_000
    return Event(id=id, kind="deal.won", partner="acme", occurred_at=noon_us, fields={"amount": amount * 100})


DEALS = (deal("D-1", "2026-01-10", 1000), deal("D-2", "2026-02-10", 1000), deal("D-3", "2026-03-10", 1000))


def book_of(programme: Programme, events: tuple[Event, ...]) -> MemoryStore:
    store = MemoryStore()
    Engine(programme, store, clock=lambda: NOW).submit_all(events)
    return store


def test_a_later_revision_is_taken_up_where_nothing_changes(chain) -> None:  # type: ignore[no-untyped-def]
    """A revision that begins behind everything in the book needs no migration; the one before it is then refused."""
    store = book_of(chain(), DEALS[:2])
    both = chain(LATER.replace("1 per 100 EUR", "3 per 100 EUR"))
    Engine(both, store, clock=lambda: NOW).submit(DEALS[2])
    with store.transaction(read_only=True) as book:
        assert [len(adoption.revisions) for adoption in book.adoptions()] == [1, 2]
        assert verify(book) == []
    with pytest.raises(StoreError, match=r"then .* from 2026-03-01"):
        Engine(chain(), store).submit(deal("D-4", "2026-03-11", 10))


def test_a_revision_that_has_not_begun_can_be_replaced(chain) -> None:  # type: ignore[no-untyped-def]
    """Nothing was settled under it, so another can stand in its place; but the chain grows no shorter."""
    store = book_of(chain(LATER.replace("1 per 100 EUR", "30 per 100 EUR")), DEALS[:2])
    Engine(chain(LATER), store, clock=lambda: NOW).submit(deal("D-2b", "2026-02-11", 100))
    with store.transaction(read_only=True) as book:
        assert [adoption.revisions[1][0] for adoption in book.adoptions()] == [parse_day("2026-03-01")] * 2
    with pytest.raises(StoreError, match="the book is settled under"):
        Engine(chain(), store).submit(deal("D-2c", "2026-02-12", 100))


def test_a_revision_that_comes_too_late_is_a_migration(chain) -> None:  # type: ignore[no-untyped-def]
    """It is refused with the day through which the book is settled, and a plan says what it would change."""
    store = book_of(chain(), DEALS)
    both = chain(LATER.replace("1 per 100 EUR", "3 per 100 EUR"))
    with pytest.raises(StoreError, match="comes too late for this book, which is settled through 2026-03-10"):
        Engine(both, store).submit(deal("D-4", "2026-03-11", 10))
    plan = plan_migration(both, store, clock=lambda: NOW)
    # The third deal, at gold: 10 x 2 before; 30 x 2, cut to what the quarter's cap leaves of 50 after 10 + 10.
    assert plan.changes == {ACME: {("available", "points"): 10}}
    assert {entry.effective_at for entry in plan.entries} == {DEALS[2].occurred_at}
    assert {entry.revision for entry in plan.entries} == {both.revision}


def test_a_plan_changes_nothing_and_a_migration_does_what_it_says(chain) -> None:  # type: ignore[no-untyped-def]
    """Afterwards the book equals one that was settled under the new chain from the start, and goes on under it."""
    store = book_of(chain(), DEALS)
    with store.transaction(read_only=True) as book:
        before = list(book.entries())
    both = chain(LATER.replace("1 per 100 EUR", "3 per 100 EUR"))
    plan = plan_migration(both, store, clock=lambda: NOW)
    with store.transaction(read_only=True) as book:
        assert list(book.entries()) == before
    done = migrate(plan, store, actor="u-17", reason="the spring rates were announced in May", clock=lambda: NOW)
    assert done.digest == plan.digest
    engine = Engine(both, store, clock=lambda: NOW)
    # A correction says what it was before, by the revision of then, and what it is now.
    told = engine.why(plan.entries[0]).text()
    assert "the book was put under other revisions" in told
    assert told.index("1 point per 100.00 EUR") < told.index("3 points per 100.00 EUR")
    engine.submit(deal("D-4", "2026-05-01", 500))
    with store.transaction(read_only=True) as book:
        adoption = book.adoptions()[-1]
        assert (adoption.actor, adoption.reason) == ("u-17", "the spring rates were announced in May")
        assert verify(book) == []
    events = [*DEALS, deal("D-4", "2026-05-01", 500)]
    until_day = parse_day("2026-06-30")
    expected = settle(both, events, until_day=until_day).balances
    engine.advance(until_day)
    assert engine.statement(ACME, "2026-06-30").balances == {
        (account, asset): amount for (holder, account, asset), amount in expected.items() if holder == ACME and amount
    }


def test_a_faulty_revision_that_was_published_is_corrected(chain) -> None:  # type: ignore[no-untyped-def]
    """The mended revision takes its place; only what it settles differently is corrected, and it can be taken back."""
    faulty = chain(LATER.replace("1 per 100 EUR", "30 per 100 EUR"))
    store = book_of(faulty, DEALS)
    mended = chain(LATER)
    with pytest.raises(StoreError, match="the book is settled under"):
        Engine(mended, store).submit(deal("D-4", "2026-03-11", 10))
    plan = plan_migration(mended, store, clock=lambda: NOW)
    # The third deal at gold: 300 x 2, cut to the 30 that the quarter's cap left, where it should have been 10 x 2.
    assert plan.totals == {("available", "points"): -10}
    migrate(plan, store, actor="u-17", reason="30 was a slip of the pen", clock=lambda: NOW)
    back = plan_migration(faulty, store, clock=lambda: NOW)
    assert back.totals == {key: -amount for key, amount in plan.totals.items()}
    migrate(back, store, actor="u-18", reason="it was no slip after all", clock=lambda: NOW)
    with store.transaction(read_only=True) as book:
        assert verify(book) == []
        assert len(book.adoptions()) == 3


def test_a_plan_that_is_out_of_date_is_refused(chain) -> None:  # type: ignore[no-untyped-def]
    """What was posted since the plan was looked at would be migrated unseen."""
    first = chain()
    store = book_of(first, DEALS)
    plan = plan_migration(chain(LATER.replace("1 per 100 EUR", "3 per 100 EUR")), store, clock=lambda: NOW)
    Engine(first, store, clock=lambda: NOW).submit(deal("D-4", "2026-04-11", 1000))
    with pytest.raises(StoreError, match="has changed since the migration was planned"):
        migrate(plan, store, actor="u-17", reason="rates", clock=lambda: NOW)


def test_events_that_the_new_chain_cannot_take_are_all_named(chain) -> None:  # type: ignore[no-untyped-def]
    """Nothing can be migrated while there are any; each is named with its reasons."""
    store = book_of(chain(), DEALS)
    smaller = loads(FIRST.replace("max: 1000000.00", "max: 999.00"))
    plan = plan_migration(smaller, store, clock=lambda: NOW)
    assert list(plan.refused) == ["/D-1", "/D-2", "/D-3"]
    assert "amount" in plan.refused["/D-1"][0]
    with pytest.raises(StoreError, match="cannot take 3 recorded events, such as /D-1"):
        migrate(plan, store, actor="u-17", reason="rates", clock=lambda: NOW)
