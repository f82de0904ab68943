"""The law of arrival: what a book comes to depends on what happened and what was decided, and not on how it came."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty import Engine, Holder, MemoryStore
from loyalty.engine import histories
from loyalty.engine.replaying import replay_book
from loyalty.ledger.entries import Account
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify
from loyalty.programme.model import Programme
from loyalty.testing.arrivals import Arrival, Batch, State, commands_of, differences, play, settled, state_of, through
from loyalty.testing.strategies import arrivals

from .worlds import OpenBook, World, worlds

#: How many ways of arrival each world is given beside that of time, and of how many instants its past is asked.
WAYS, PASTS = 2, 2


@pytest.fixture(autouse=True)
def _kept_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have states saved and marked after few items: drawn histories are short, and processes begin anew in them."""
    monkeypatch.setattr(histories, "_SAVE_AFTER_ITEMS", 2)
    monkeypatch.setattr(histories, "ITEMS_APART", 1)


def test_any_arrival_ends_in_the_same_state(
    open_book: OpenBook, examples: int, record_property: Callable[[str, object], None]
) -> None:
    """
    Postings, balances, lots, tiers, badges and holds are those of settling from scratch, now and at any instant.

    Recorded decisions are put in among the events and not taken again.
    """
    checked = 0

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worlds(), st.data())
    def check(world: World, data: st.DataObject) -> None:
        nonlocal checked
        until = world.until_day
        expected = settled(world.programme, world.events, world.grants, until, world.counts_from)
        in_time = _live(world, MemoryStore(), _in_time(world), until)
        _require(expected, state_of(in_time, until))
        for _ in range(WAYS):
            arrival = data.draw(arrivals(world.programme, world.events, world.grants))
            engine = _live(world, open_book(), arrival, until)
            _require(expected, state_of(engine, until))
            assert _holds_in(engine) == _holds_in(in_time)
            with engine.store.transaction(read_only=True) as book:
                assert verify(book) == []
            assert replay_book(world.programme, engine.store).findings == ()
            for _ in range(PASTS):
                _require_past(world, engine, data.draw(_moments(world)))
        checked += 1

    try:
        check()
    finally:
        record_property("examples", checked)


def _live(world: World, store: Store, arrival: Arrival, until: int) -> Engine:
    engine = play(world.programme, store, arrival, world.counts_from)
    engine.advance(until)
    return engine


def _in_time(world: World) -> Arrival:
    """Give everything as it happened; of what falls on one instant the events come first."""
    events = [(event.key, Batch((event,))) for event in world.events]
    commands = [((command[0].at, "~"), command) for command in commands_of(world.grants)]
    return Arrival(tuple(step for _, step in sorted([*events, *commands], key=itemgetter(0))))


def _moments(world: World) -> st.SearchStrategy[int]:
    """Draw instants: of what happened, just before it, and when a day begins some time after it."""
    calendar = world.programme.calendar
    telling = world.instants or [calendar.day_start_us(world.programme.first_day)]
    drawn = st.sampled_from(telling)
    later = st.tuples(drawn.map(calendar.day_of), st.sampled_from((1, 2, 31, 100))).map(sum)
    return st.one_of(drawn, drawn.map(lambda at: at - 1), later.map(calendar.day_start_us))


def _require(expected: State, got: State) -> None:
    assert differences(expected, got) == []


def _require_past(world: World, engine: Engine, instant: int) -> None:
    """See that what stood at an instant, by what is known now, is what settling all that counts until then gives."""
    programme = world.programme
    events, decided = through(programme, world.events, world.grants, instant, world.counts_from)
    then = settled(programme, events, decided, programme.calendar.day_of(instant), world.counts_from)
    for holder in {Holder.parse(name) for name, _, _ in then["balances"]} | set(_holders_in(engine)):
        statement = engine.statement(holder, instant)
        assert statement.balances == {
            (account, asset): left for (name, account, asset), left in then["balances"].items() if name == str(holder)
        }
        assert statement.expiries == _available_lots(programme, holder, then)
        assert statement.tier == then["tiers"].get(str(holder), programme.ladder.tiers[0].name)
        assert statement.badges == then["badges"].get(str(holder), ())


def _available_lots(programme: Programme, holder: Holder, state: State) -> dict[str, tuple[tuple[int, int], ...]]:
    path = Account(holder, "available").path
    return {
        currency: tuple(
            (day, left)
            for (account, asset, day), left in sorted(state["lots"].items())
            if (account, asset) == (path, currency)
        )
        for currency in programme.currencies
    }


def _holders_in(engine: Engine) -> list[Holder]:
    with engine.store.transaction(read_only=True) as book:
        return list(book.holders())


def _holds_in(engine: Engine) -> dict[str, int]:
    """Give what is left of each hold, as the state that the engine goes on from says it."""
    left: dict[str, int] = {}
    with engine.store.transaction(read_only=True) as book:
        for holder in book.holders():
            run = engine._histories.run(book, holder)
            left |= {grant.key: run.left(grant.key) for grant in book.grants(holder) if grant.kind == "hold"}
    return left
