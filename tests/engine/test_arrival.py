"""The law of arrival: whatever order events come in, and however the clock runs between, the book ends the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Engine, Event, Holder, MemoryStore, Programme, load, settle
from loyalty.explaining.steps import Explanation
from loyalty.ledger.store import Store
from loyalty.sources import read_events
from loyalty.testing import histories

from .conftest import OpenBook
from .scenes import (
    ACME,
    ANN,
    BIRCH,
    PROGRAMME,
    assert_settled,
    deal,
    entries_in,
    happened,
    instant,
    lots_in,
    netted,
    refund,
    void,
)

ROOT = Path(__file__).parents[2]
FULL = load(ROOT / "tests" / "programme" / "full.yaml")
ACME_PROGRAMME = load(ROOT / "examples" / "acme" / "programme.yaml")
ACME_HISTORY = read_events(ROOT / "examples" / "acme" / "history.jsonl", ACME_PROGRAMME).events


def until_of(programme: Programme, events: Sequence[Event], days: int = 120) -> int:
    """Give a day some time after the last event."""
    return max(programme.calendar.day_of(event.occurred_at) for event in events) + days


def in_order(events: list[Event], _rng: Random) -> list[Event]:
    """As they happened."""
    return sorted(events, key=lambda event: event.key)


def nearly_in_order(events: list[Event], rng: Random) -> list[Event]:
    """Each at most some places off."""
    order = sorted(events, key=lambda event: event.key)
    for place in range(len(order) - 5):
        other = place + rng.randrange(5)
        order[place], order[other] = order[other], order[place]
    return order


def shuffled(events: list[Event], rng: Random) -> list[Event]:
    """In any order."""
    return rng.sample(events, len(events))


def reversed_(events: list[Event], _rng: Random) -> list[Event]:
    """The last first."""
    return sorted(events, key=lambda event: event.key, reverse=True)


ORDERS = (in_order, nearly_in_order, shuffled, reversed_)


@pytest.mark.parametrize("order", ORDERS)
def test_the_demos_history_in_any_order(order: Callable[[list[Event], Random], list[Event]]) -> None:
    """All postings, balances, lots and tiers of the demo are those of settlement from scratch."""
    rng = Random(7)
    # Replays cost a history each; what comes in order does not need them.
    events = ACME_HISTORY if order in (in_order, nearly_in_order) else ACME_HISTORY[:170]
    engine = Engine(ACME_PROGRAMME, MemoryStore())
    for number, event in enumerate(order(events, rng)):
        engine.submit(event)
        if number % 40 == 20:
            engine.advance(ACME_PROGRAMME.calendar.day_of(event.occurred_at) + rng.randrange(40))
    with engine.store.transaction() as book:
        reached = book.clock_day() or 0
    assert_settled(engine, events, max(reached, until_of(ACME_PROGRAMME, events)))


@pytest.mark.parametrize("order", ORDERS)
def test_the_demos_first_events_in_any_order_and_store(
    open_book: OpenBook, order: Callable[[list[Event], Random], list[Event]]
) -> None:
    """A book that is opened anew every few events, by an engine that knows nothing, ends the same."""
    rng = Random(3)
    events = ACME_HISTORY[:40]
    engine = Engine(ACME_PROGRAMME, open_book())
    for number, event in enumerate(order(events, rng)):
        if number % 10 == 5:
            engine = Engine(ACME_PROGRAMME, open_book())
        engine.submit(event)
        if number == 25:
            engine.advance(ACME_PROGRAMME.calendar.day_of(event.occurred_at))
    assert_settled(engine, events, until_of(ACME_PROGRAMME, events))


@given(events=histories(FULL), rng=st.randoms(use_true_random=False))
def test_any_history_in_any_order_with_any_advances(events: list[Event], rng: Random) -> None:
    """Duplicates, restarts and the clock make no difference, for a programme with every feature."""
    store = MemoryStore()
    engine = Engine(FULL, store)
    until = max([FULL.first_day, *(FULL.calendar.day_of(event.occurred_at) for event in events)])
    for event in shuffled(events, rng):
        if rng.random() < 0.2:
            engine = Engine(FULL, store)
        engine.submit(event)
        if rng.random() < 0.3:
            engine.submit(event)
        if rng.random() < 0.3:
            day = FULL.calendar.day_of(event.occurred_at) + rng.choice((0, 1, 31, 400))
            engine.advance(day)
            until = max(until, day)
    assert_settled(engine, events, until)


@given(events=histories(FULL), rng=st.randoms(use_true_random=False))
def test_any_history_with_redemptions_between(events: list[Event], rng: Random) -> None:
    """A decision is never taken again: late events before it move its lots, and what it lacks becomes arrears."""
    engine = Engine(FULL, MemoryStore())
    latest = FULL.calendar.day_start_us(FULL.first_day)
    for number, event in enumerate(shuffled(events, rng)):
        engine.submit(event)
        latest = max(latest, event.occurred_at)
        holder = Holder.person("ann") if rng.random() < 0.3 else Holder.partner(event.partner)
        wallet = engine.statement(holder, latest).balances
        offers = [(name, amount) for (account, name), amount in wallet.items() if account == "available"]
        for currency, amount in offers:
            if FULL.currencies[currency].spendable and rng.random() < 0.6:
                # What a statement shows as available can be redeemed at that instant.
                engine.redeem(holder, currency, rng.randint(1, amount), key=f"K-{number}-{currency}", at=latest)
    assert_settled(engine, events, FULL.calendar.day_of(latest) + rng.choice((0, 90, 900)))


def test_two_engines_on_one_book_do_not_race(open_book: OpenBook) -> None:
    """What one engine keeps in memory is never older than what another one wrote."""
    first, second = Engine(PROGRAMME, open_book()), Engine(PROGRAMME, open_book())
    events = [deal(f"D-{n}", f"2026-02-{n + 1:02}", 90, person="ann") for n in range(12)]
    for number, event in enumerate(events):
        (first, second)[number % 2].submit(event)
        if number == 6:
            second.advance("2026-02-05")
        if number == 8:
            first.redeem(ACME, "points", 50, key="K-1", at=instant("2026-02-09T23:00"))
    assert_settled(first, events, until_of(PROGRAMME, events))


STORIES = {
    "refund that is dated before its deal": [refund("R-1", "2026-02-01", "D-1", 40), deal("D-1", "2026-02-03")],
    "refund of a refunded deal": [
        deal("D-1", "2026-02-03"),
        refund("R-1", "2026-02-10", "D-1", 60),
        refund("R-2", "2026-02-11", "D-1", 60),
    ],
    "void that is dated before its event": [
        void("V-1", "2026-02-01", "D-1"),
        deal("D-1", "2026-02-03"),
        deal("D-2", "2026-02-04", 30),
    ],
    "void of a refund": [
        deal("D-1", "2026-02-03"),
        refund("R-1", "2026-02-10", "D-1"),
        void("V-1", "2026-02-11", "R-1"),
    ],
    "void of a deal that was refunded": [
        deal("D-1", "2026-02-03"),
        refund("R-1", "2026-02-10", "D-1"),
        void("V-1", "2026-02-11", "D-1"),
    ],
    "void of a void": [deal("D-1", "2026-02-03"), void("V-1", "2026-02-04", "D-1"), void("V-2", "2026-02-05", "V-1")],
    "void of the first event, then another": [
        deal("D-1", "2026-02-03", 300),
        void("V-1", "2026-02-04", "D-1"),
        deal("D-2", "2026-03-01", 90),
    ],
    "follow-up of a voided origin": [
        happened("L-1", "lead.registered", "2026-02-03"),
        happened("Q-1", "lead.qualified", "2026-02-10", of="L-1"),
        void("V-1", "2026-02-11", "L-1"),
    ],
    "follow-up that is dated before its origin": [
        happened("Q-1", "lead.qualified", "2026-02-01", of="L-1"),
        happened("L-1", "lead.registered", "2026-02-03"),
        deal("D-1", "2026-02-03"),
    ],
    "one instant": [
        deal("D-1", "2026-02-03T10:00", 150),
        deal("D-2", "2026-02-03T10:00", 150, person="ann"),
        deal("D-2", "2026-02-03T10:00", 150, source="a"),
    ],
    "one instant, with a refund": [
        deal("D-1", "2026-02-03T10:00", 250),
        refund("A-1", "2026-02-03T10:00", "D-1", 100),
        refund("Z-1", "2026-02-03T10:00", "D-1", 100),
    ],
    "tier that came through an event before a persons": [
        deal("D-1", "2026-02-03", 250),
        deal("D-2", "2026-02-04", 10, person="ann"),
        deal("D-3", "2026-02-05", 10, partner="birch", person="ann"),
    ],
    "manual tier": [
        happened("O-1", "tier.override", "2026-02-03", tier="gold", until="2026-02-20"),
        deal("D-1", "2026-02-10", 100, person="ann"),
        deal("D-2", "2026-02-21", 100, person="ann"),
    ],
    "certificates that mature": [
        happened("C-1", "certification.passed", "2026-01-31", person="ann", track="a"),
        happened("C-2", "certification.passed", "2026-02-28", person="ann", track="a"),
        happened("C-3", "certification.passed", "2026-02-28", person="bo", track="a"),
    ],
    "event of another kind than what speaks of it": [
        happened("L-1", "lead.registered", "2026-02-03"),
        refund("R-1", "2026-02-04", "L-1"),
        deal("D-1", "2026-02-05"),
    ],
    "void of an unknown event": [void("V-1", "2026-02-04", "D-9"), deal("D-1", "2026-02-05")],
    "quarter's cap": [
        deal("D-1", "2026-02-03", 700),
        deal("D-2", "2026-03-31", 700),
        deal("D-3", "2026-04-01", 700),
    ],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_story_in_every_order(story: list[Event]) -> None:
    """Three events in each order, with and without the clock running past them between."""
    until = until_of(PROGRAMME, story)
    for arrival in permutations(story):
        for advances in (False, True):
            engine = Engine(PROGRAMME, MemoryStore())
            for event in arrival:
                engine.submit(event)
                if advances:
                    engine.advance(PROGRAMME.calendar.day_of(event.occurred_at) + 5)
            assert_settled(engine, story, until)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_story_backwards_in_every_store(open_book: OpenBook, story: list[Event]) -> None:
    """The last first, an engine of its own for each."""
    for event in reversed(story):
        Engine(PROGRAMME, open_book()).submit(event)
    assert_settled(Engine(PROGRAMME, open_book()), story, until_of(PROGRAMME, story))


def test_arrival_in_order_posts_the_same_entries(store: Store) -> None:
    """Entry by entry, not only after netting; the clock of another holder may be posted later, and nothing else."""
    events = [
        deal("D-1", "2026-02-03", 250, person="ann"),
        refund("R-1", "2026-05-10", "D-1", 50),
        deal("D-2", "2026-09-01"),
    ]
    engine = Engine(PROGRAMME, store)
    engine.submit_all(events)
    engine.advance("2027-06-01")
    settled = settle(PROGRAMME, events, until_day=PROGRAMME.calendar.day_of(instant("2027-06-01")))

    for holder in (ACME, ANN):
        posted, expected = (
            [
                (entry.key, entry.kind, entry.cause, entry.effective_at, entry.postings)
                for entry in entries
                if any(leg.account.owner == holder for leg in entry.postings)
            ]
            for entries in (entries_in(store), settled.entries)
        )
        assert posted == expected


def test_an_event_older_than_everything_moves_the_anchor(store: Store) -> None:
    """Reviews, quarters and expiries of what is known are settled again from the new beginning."""
    events = [deal("D-2", "2026-06-01", 900), deal("D-1", "2025-06-01", 900), deal("D-0", "2026-01-01", 900)]
    engine = Engine(PROGRAMME, store)
    for event in events:
        engine.submit(event)
        engine.advance("2026-07-01")
    assert_settled(engine, events, until_of(PROGRAMME, events, 400))


def test_the_first_event_of_a_holder_may_come_behind_the_clock(store: Store) -> None:
    """The clock has passed for everyone: what fell due since the late event is posted with it."""
    engine = Engine(PROGRAMME, store)
    engine.submit(deal("D-1", "2026-02-01"))
    engine.advance("2026-09-30")
    late = happened("C-1", "certification.passed", "2026-02-03", partner="birch", person="ann", track="a")
    engine.submit(late)
    statement = engine.statement(BIRCH, "2026-09-30")
    assert statement.balances == {}
    assert [leg.rule for entry in entries_in(store) for leg in entry.postings if leg.account.owner == BIRCH] == [
        "certified",
        "@activation",
        "@activation",
        "@expiry",
    ]
    assert_settled(engine, [deal("D-1", "2026-02-01"), late], until_of(PROGRAMME, [late], 400))


def test_an_event_on_the_clocks_day_is_not_late(store: Store) -> None:
    """`advance` fires what is due up to and including a day; events of that day come after."""
    engine = Engine(PROGRAMME, store)
    engine.submit(deal("D-1", "2026-02-01"))
    engine.advance("2026-02-10")
    receipt = engine.submit(deal("D-2", "2026-02-10T00:00"))
    assert [entry.kind.value for entry in receipt.entries] == ["event"]


def test_voids_restore_everything_but_the_journal(store: Store) -> None:
    """Balances, lots and tiers are as if the event had never come; what was posted stays and is answered."""
    engine = Engine(PROGRAMME, store)
    engine.submit(deal("D-1", "2026-02-01", 90, person="ann"))
    engine.advance("2026-03-01")
    before, lots = netted(entries_in(store)), lots_in(store)
    posted = len(entries_in(store))
    engine.submit(deal("D-2", "2026-02-20", 900, person="ann"))
    engine.submit(void("V-1", "2026-02-25", "D-2"))
    assert netted(entries_in(store)) == before
    assert {key: left for key, left in lots_in(store).items() if left} == lots
    assert len(entries_in(store)) > posted
    assert engine.statement(ANN, "2026-03-01").balances == {("available", "points"): 10}


def test_an_explanation_survives_the_order_of_arrival() -> None:
    """Whatever came first, what is told of an event at the end is the same."""
    events = [
        deal("D-1", "2026-02-01", 700),
        deal("D-2", "2026-02-02", 700, person="ann"),
        refund("R-1", "2026-02-03", "D-1"),
    ]
    told: list[list[Explanation]] = []
    for arrival in permutations(events):
        engine = Engine(PROGRAMME, MemoryStore())
        engine.submit_all(arrival)
        told.append([engine.why(event.identity) for event in events])
    assert all(explanations == told[0] for explanations in told)
