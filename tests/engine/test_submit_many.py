"""Many events a transaction: the receipts and the book are those of one by one, whatever a chunk holds."""

from __future__ import annotations

import random

import pytest
from attrs import evolve

from loyalty import Engine, Event, EventConflict, EventRejected, UsageError, loads
from loyalty.engine.histories import Histories
from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify

from .conftest import OpenBook
from .scenes import PROGRAMME, SCENES, deal, everything_in, refund, void

#: A history with refunds, voids, late events, an event of another kind that waits, and one that comes twice.
HISTORY = [
    *(deal(f"D-{number}", f"2026-02-{1 + number % 27:02}T10:00", 300 + number, person="ann") for number in range(60)),
    refund("R-1", "2026-03-05", "D-7"),
    refund("R-2", "2026-03-06", "D-unknown"),
    void("V-1", "2026-03-07", "D-9"),
    deal("D-unknown", "2026-03-01"),
    deal("D-7", "2026-02-08T10:00", 307, person="ann"),
]


def one_by_one(events: list[Event]) -> Engine:
    """Submit each event alone to a book in memory."""
    engine = Engine(PROGRAMME, MemoryStore(), clock=lambda: 1)
    engine.submit_all(events)
    return engine


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_receipts_and_book_are_those_of_one_by_one(store: Store, chunk: int) -> None:
    """However many events share a transaction, each receipt has the same entries and the book is the same."""
    alone = Engine(PROGRAMME, MemoryStore(), clock=lambda: 1)
    expected = [alone.submit(event) for event in HISTORY]
    engine = Engine(PROGRAMME, store, clock=lambda: 1)
    receipts = list(engine.submit_many(HISTORY, chunk=chunk))
    assert [(one.identity, one.entries, one.waiting) for one in receipts] == [
        (one.identity, one.entries, one.waiting) for one in expected
    ]
    with store.transaction(read_only=True) as book, alone.store.transaction(read_only=True) as other:
        assert book.trial_balance() == other.trial_balance()
        assert verify(book) == []
    assert [str(one.explain()) for one in receipts[:3]] == [str(one.explain()) for one in expected[:3]]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_in_chunks_ends_in_the_same_balances(store: Store, seed: int) -> None:
    """Shuffled and cut anywhere, with the engine opened anew in between, the balances are the same."""
    shuffled = random.Random(seed).sample(HISTORY, len(HISTORY))
    for part in (shuffled[:25], shuffled[25:]):
        list(Engine(PROGRAMME, store).submit_many(part, chunk=10))
    expected = one_by_one(HISTORY)
    with store.transaction(read_only=True) as book, expected.store.transaction(read_only=True) as other:
        assert book.trial_balance() == other.trial_balance()
        assert verify(book) == []


def test_nothing_happens_before_receipts_are_asked_for(store: Store) -> None:
    """What was not asked for was not submitted, and what a chunk's receipts came of is kept."""
    engine = Engine(PROGRAMME, store)
    receipts = engine.submit_many(HISTORY[:20], chunk=5)
    with store.transaction(read_only=True) as book:
        assert book.find_event("/D-0") is None
    next(receipts)
    with store.transaction(read_only=True) as book:
        assert book.find_event("/D-4") is not None
        assert book.find_event("/D-5") is None


def test_a_refusal_keeps_nothing_of_its_chunk(store: Store) -> None:
    """Earlier chunks stand, the refused event's chunk does not, and everything can be submitted again."""
    engine = Engine(PROGRAMME, store)
    bad = evolve(HISTORY[7], id="X", kind="deal.unheard-of")
    with pytest.raises(EventRejected, match=r"deal\.unheard-of"):
        list(engine.submit_many([*HISTORY[:7], bad, *HISTORY[8:20]], chunk=5))
    with store.transaction(read_only=True) as book:
        assert book.find_event("/D-4") is not None
        assert book.find_event("/D-5") is None
    list(engine.submit_many(HISTORY))
    expected = one_by_one(HISTORY)
    with store.transaction(read_only=True) as book, expected.store.transaction(read_only=True) as other:
        assert book.trial_balance() == other.trial_balance()


def test_refused_events_are_told_and_left_out(store: Store) -> None:
    """Whoever asks to be told gets each refused event with its reasons, once, and all others are taken."""
    unknown = evolve(HISTORY[0], id="X", kind="deal.unheard-of")
    other_body = deal("D-3", "2026-02-04T10:00", 999, person="ann")
    told: list[tuple[str, type[EventRejected]]] = []
    receipts = Engine(PROGRAMME, store).submit_many(
        [*HISTORY[:5], unknown, other_body, *HISTORY[5:]],
        refused=lambda event, error: told.append((event.id, type(error))),
    )
    assert [one.identity for one in receipts] == [event.identity for event in HISTORY]
    assert told == [("X", EventRejected), ("D-3", EventConflict)]


@pytest.mark.parametrize("chunk", [0, -1, True, 2.0, "5"])
def test_a_chunk_is_a_number_of_events(store: Store, chunk: object) -> None:
    """Anything else is refused before anything is submitted."""
    with pytest.raises(UsageError, match="how many events share a transaction"):
        list(Engine(PROGRAMME, store).submit_many(HISTORY, chunk=chunk))  # type: ignore[arg-type]


def test_a_late_event_too_many_leaves_no_trace_in_its_chunk(store: Store) -> None:
    """An event that its holder has no room for, found only in the replay, is undone alone."""
    few = loads(SCENES.replace("language: 1\n", "language: 1\nlimits: {events_per_holder: 3}\n", 1))
    events = [deal(f"D-{number}", f"2026-02-1{number}", 500) for number in range(3)]
    late = deal("D-late", "2026-02-01", 500)
    other = evolve(deal("D-other", "2026-02-20", 500), partner="bolt")
    told: list[str] = []
    engine = Engine(few, store)
    list(engine.submit_many([*events, late, other], refused=lambda event, _error: told.append(event.id)))
    assert told == ["D-late"]
    expected = Engine(few, MemoryStore())
    expected.submit_all([*events, other])
    with store.transaction(read_only=True) as book, expected.store.transaction(read_only=True) as also:
        assert book.trial_balance() == also.trial_balance()
        assert book.find_event("/D-late") is None
        assert verify(book) == []


def test_a_state_that_a_store_kept_is_taken_up(open_book: OpenBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that opens the book goes on from the saved state and what came after it, and settles nothing again."""
    many = [deal(f"D-{number:03}", f"2026-03-{1 + number // 10:02}T{number % 10:02}:00", 250) for number in range(90)]
    expected = one_by_one(many)
    store = open_book()
    list(Engine(PROGRAMME, store).submit_many(many[:75], chunk=20))
    if not isinstance(store, MemoryStore):
        # Only what has to be settled from the beginning asks for this.
        monkeypatch.setattr(Histories, "fresh_run", lambda *_: pytest.fail("a history was settled again"))
    list(Engine(PROGRAMME, open_book()).submit_many(many[75:], chunk=7))
    with open_book().transaction(read_only=True) as book:
        assert book.trial_balance() == everything_in(expected.store)[3]
