"""The clock and statements: letting time pass posts what is due once; a reading posts nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from loyalty import Engine, Holder, MemoryStore
from loyalty.core.calendar import format_day, parse_day
from loyalty.ledger.store import Store

from .scenes import (
    ACME,
    ANN,
    PROGRAMME,
    assert_settled,
    deal,
    entries_in,
    everything_in,
    happened,
    instant,
    netted,
    refund,
)

HISTORY = [
    happened("C-1", "certification.passed", "2026-01-31", person="ann", track="a"),
    deal("D-1", "2026-02-01", 250, person="ann"),
    deal("D-2", "2026-02-28", 80),
    refund("R-1", "2026-03-28", "D-1", 30),
]
LAST = "2027-06-30"


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine that knows the history and has not let time pass."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-04-01"))
    engine.submit_all(HISTORY)
    return engine


@pytest.mark.parametrize("step_days", [1, 7, 30, 365])
def test_how_often_the_clock_is_called_makes_no_difference(step_days: int) -> None:
    """Daily or yearly: the entries are the same, each effective on the day on which it fell due."""
    once = Engine(PROGRAMME, MemoryStore(), clock=lambda: 1)
    often = Engine(PROGRAMME, MemoryStore(), clock=lambda: 1)
    for engine in (once, often):
        engine.submit_all(HISTORY)
    day = date(2026, 3, 28)
    while day < date.fromisoformat(LAST):
        often.advance(day)
        # A second and a third call on the same day, as from an hourly job, do nothing.
        assert often.advance(day) == often.advance(day - timedelta(days=1)) == []
        day += timedelta(days=step_days)
    often.advance(LAST)
    once.advance(LAST)
    assert netted(entries_in(often.store)) == netted(entries_in(once.store))
    assert {entry.key for entry in entries_in(often.store)} == {entry.key for entry in entries_in(once.store)}


def test_a_day_is_given_in_three_ways(engine: Engine) -> None:
    """A number, an ISO date or a date; a datetime is its date."""
    engine.advance(parse_day("2026-04-01"))
    engine.advance("2026-04-02")
    engine.advance(date(2026, 4, 3))
    engine.advance(datetime(2026, 4, 4, 23, 59))
    with engine.store.transaction() as book:
        assert format_day(book.clock_day() or 0) == "2026-04-04"


@pytest.mark.parametrize("until", ["soon", "", "2026-02-30", "2150-01-01", 10**6, -1, "20260401"])
def test_what_is_no_day_does_not_move_the_clock(engine: Engine, until: int | str) -> None:
    """A day beyond the calendar would make all that follows late."""
    with pytest.raises(ValueError, match=r"is no date|outside the"):
        engine.advance(until)
    with engine.store.transaction() as book:
        assert book.clock_day() is None


def test_the_clock_runs_before_anybody_has_a_history(store: Store) -> None:
    """An empty book can be advanced; nothing is posted."""
    assert Engine(PROGRAMME, store).advance("2026-06-01") == []
    assert entries_in(store) == []


def test_the_clock_never_goes_back(engine: Engine) -> None:
    """An earlier day has passed already."""
    engine.advance("2026-12-01")
    before = everything_in(engine.store)
    assert engine.advance("2026-11-30") == []
    assert everything_in(engine.store) == before


def test_every_day_has_one_entry_for_each_holder(engine: Engine) -> None:
    """Entries of the clock begin with their day in the programme's zone and have no cause."""
    entries = engine.advance(LAST)
    assert len({entry.key for entry in entries}) == len(entries)
    for entry in entries:
        day = PROGRAMME.calendar.day_of(entry.effective_at)
        assert entry.effective_at == PROGRAMME.calendar.day_start_us(day)
        assert (entry.cause, entry.recorded_at) == (None, instant("2026-04-01"))
        assert len({leg.account.owner for leg in entry.postings} - {None}) == 1


@pytest.mark.parametrize("holder", [ACME, ANN])
def test_statements_before_and_after_the_clock_are_equal(engine: Engine, holder: Holder) -> None:
    """A statement of a future day shows what falls due by then, and posts nothing of it."""
    days = ["2026-03-01", "2026-03-02", "2026-07-31", "2026-08-01", "2026-08-02", "2027-01-01", "2027-01-31", LAST]
    before = everything_in(engine.store)
    foreseen = [engine.statement(holder, day) for day in days]
    assert everything_in(engine.store) == before
    for day, statement in zip(days, foreseen, strict=True):
        engine.advance(day)
        assert engine.statement(holder, day) == statement
    # Later the past still reads as it did.
    assert [engine.statement(holder, day).balances for day in days] == [each.balances for each in foreseen]
    assert [engine.statement(holder, day).tier for day in days] == [each.tier for each in foreseen]
    assert_settled(engine, HISTORY, parse_day(LAST))


def test_a_statement_of_the_past_leaves_out_what_came_later(engine: Engine) -> None:
    """Instants count to the microsecond; a day means its end."""
    at = instant("2026-02-28")
    assert engine.statement(ACME, at - 1) == engine.statement(ACME, at - 1)
    assert engine.statement(ACME, at - 1).balances["available", "points"] == 257
    assert engine.statement(ACME, at).balances["available", "points"] == 357
    assert engine.statement(ACME, "2026-02-28").balances == engine.statement(ACME, at).balances
    assert engine.statement(ACME, "2026-01-30").balances == {}
    assert (engine.statement(ACME, "2026-01-31").tier, engine.statement(ACME, "2026-02-01").tier) == ("base", "gold")


def test_a_statement_without_an_instant_is_of_now(engine: Engine) -> None:
    """Now is what the engine's clock says."""
    assert engine.statement(ACME) == engine.statement(ACME, instant("2026-04-01"))


def test_upcoming_expiries_are_all_listed_soonest_first(engine: Engine) -> None:
    """Not only the next one; the day given is the first on which the points are gone."""
    statement = engine.statement(ACME, "2026-04-01")
    listed = [(format_day(day - 1), amount) for day, amount in statement.expiries["points"]]
    assert listed == [("2026-07-31", 50), ("2026-08-01", 227), ("2026-08-28", 100)]
    assert sum(amount for _, amount in listed) == statement.balances["available", "points"]
    for last_usable, amount in listed:
        day = parse_day(last_usable)
        left = [
            engine.statement(ACME, each).balances.get(("available", "points"), 0)
            for each in (last_usable, format_day(day + 1))
        ]
        assert left[0] - left[1] == amount


def test_the_statement_of_a_stranger_is_empty(engine: Engine) -> None:
    """Asking does not make a holder."""
    statement = engine.statement(Holder.partner("nobody"), "2026-04-01")
    assert (statement.balances, statement.tier, statement.badges) == ({}, "base", ())
    with engine.store.transaction() as book:
        assert Holder.partner("nobody") not in list(book.holders())


def test_a_statement_names_tier_and_badges(engine: Engine) -> None:
    """Persons hold no tier of their own."""
    statement = engine.statement(ACME, "2026-04-01")
    assert (statement.tier, statement.badges) == ("gold", ("starter",))
    assert engine.statement(ANN, "2026-04-01").tier == "base"
