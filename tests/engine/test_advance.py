"""The clock in batches: wherever it stops and whoever goes on, each thing falls due once, and the end is the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Engine, Event, MemoryStore, UsageError
from loyalty.core.calendar import NEVER, parse_day
from loyalty.engine.histories import Histories
from loyalty.engine.messages import Messages
from loyalty.engine.replaying import replay_book
from loyalty.ledger.entries import Entry
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify
from loyalty.testing import histories

from .conftest import OpenBook
from .scenes import ACME, PROGRAMME, assert_settled, deal, entries_in, happened, netted
from .test_arrival import FULL

LAST = "2027-06-30"

HISTORY = [
    *(deal(f"D-{number}", f"2026-01-{number:02}", 40 * number, partner=f"p{number % 6}") for number in range(1, 13)),
    *(
        deal(f"E-{number}", f"2026-02-{number:02}", 90, partner=f"p{number}", person=f"ann{number}")
        for number in (1, 2)
    ),
    happened("C-1", "certification.passed", "2026-02-05", partner="p3", person="ann1", track="a"),
]


class StopError(Exception):
    """Whoever lets time pass is gone."""


def stop_after(batches: int) -> Callable[[int], None]:
    """Give a progress that stops an advance behind so many batches."""
    calls: list[int] = []

    def progress(done: int) -> None:
        calls.append(done)
        if len(calls) >= batches:
            raise StopError

    return progress


def posted(entries: list[Entry]) -> dict[str, Any]:
    """Give what entries are, whatever order they were posted in."""
    return {entry.key: (entry.kind, entry.cause, entry.effective_at, set(entry.postings)) for entry in entries}


def open_engine(store: Store, **options: Any) -> Engine:
    """An engine whose clock stands still."""
    return Engine(PROGRAMME, store, clock=lambda: 1_800_000_000_000_000, **options)


@pytest.fixture(scope="module")
def at_once() -> dict[str, Any]:
    """The entries of a book that is advanced in one go."""
    engine = open_engine(MemoryStore())
    engine.submit_all(HISTORY)
    engine.advance(LAST)
    return posted(entries_in(engine.store))


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
def test_a_batch_is_as_large_as_one_likes(store: Store, at_once: dict[str, Any], batch: int) -> None:
    """The entries are those of one go, each holder is done once, and a second call finds nothing to do."""
    engine = open_engine(store)
    engine.submit_all(HISTORY)
    told: list[int] = []
    entries = engine.advance(LAST, batch=batch, progress=told.append)
    assert posted(entries_in(store)) == at_once
    assert {entry.key for entry in entries} == {key for key in at_once if key.startswith("clock:")}
    assert told == [*range(batch, 9, batch), 8] if batch < 8 else told == [8]
    assert engine.advance(LAST, batch=batch) == []
    assert_settled(engine, HISTORY, parse_day(LAST))


@pytest.mark.parametrize("step_days", [1, 30, 400])
@pytest.mark.parametrize("batch", [1, 5])
def test_often_or_once(at_once: dict[str, Any], step_days: int, batch: int) -> None:
    """Daily, monthly or once: the same keys and postings."""
    engine = open_engine(MemoryStore())
    engine.submit_all(HISTORY)
    day = date(2026, 2, 5)
    while day < date.fromisoformat(LAST):
        engine.advance(day, batch=batch)
        assert engine.advance(day, batch=batch) == []
        day += timedelta(days=step_days)
    engine.advance(LAST, batch=batch)
    assert posted(entries_in(engine.store)) == at_once


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_another_process_goes_on_where_one_stopped(open_book: OpenBook, at_once: dict[str, Any], batches: int) -> None:
    """Behind a batch the book's clock has not moved, that of holders who are done has; no expiry comes twice."""
    engine = open_engine(open_book())
    engine.submit_all(HISTORY)
    with pytest.raises(StopError):
        engine.advance(LAST, batch=2, progress=stop_after(batches))
    with open_book().transaction() as book:
        assert book.clock_day() is None
        assert set(book.clocks_ahead().values()) == {parse_day(LAST)}
        assert len(book.clocks_ahead()) == 2 * batches
        assert verify(book) == []
    assert replay_book(PROGRAMME, open_book()).findings == ()
    open_engine(open_book()).advance(LAST, batch=3)
    assert posted(entries_in(open_book())) == at_once
    with open_book().transaction() as book:
        assert book.clock_day() == parse_day(LAST)
        assert book.clocks_ahead() == {}


@pytest.mark.parametrize("at", ["2026-03-01", LAST, "2027-07-15"])
def test_events_come_between_batches(open_book: OpenBook, at: str) -> None:
    """To holders who are done and who are not, settled by a process that knew their states before and by one that did
    not; the end is that of one history."""
    ours, other = open_engine(open_book()), open_engine(open_book())
    ours.submit_all(HISTORY[::2])
    other.submit_all(HISTORY[1::2])
    with pytest.raises(StopError):
        ours.advance(LAST, batch=3, progress=stop_after(1))
    more = [deal(f"M-{number}", at, 70, partner=f"p{number}", person="ann1") for number in range(6)]
    other.submit_all(more[:2])
    open_engine(open_book()).submit_all(more[2:4])
    ours.submit_all(more[4:])
    other.advance("2027-03-01", batch=2)
    ours.advance(LAST, batch=2)
    assert_settled(other, [*HISTORY, *more], parse_day("2027-08-01"))


@given(events=histories(FULL), data=st.data())
def test_any_clock_ends_in_the_same_book(events: list[Event], data: st.DataObject) -> None:
    """Batches of any size, stopped anywhere, between events in any order: the postings of settlement from scratch."""
    store = MemoryStore()
    engines = [Engine(FULL, store, clock=lambda: 9) for _ in range(2)]
    last = max([FULL.calendar.day_of(event.occurred_at) for event in events], default=parse_day("2026-06-01"))
    for event in data.draw(st.permutations(events)):
        data.draw(st.sampled_from(engines)).submit(event)
        if data.draw(st.integers(0, 3)) == 0:
            engine, day = data.draw(st.sampled_from(engines)), last - data.draw(st.integers(-30, 400))
            try:
                engine.advance(
                    day, batch=data.draw(st.integers(1, 3)), progress=stop_after(data.draw(st.integers(1, 4)))
                )
            except StopError:
                assert replay_book(FULL, store).findings == ()
    assert_settled(data.draw(st.sampled_from(engines)), events, last + 60)


def test_nobody_is_asked_who_has_nothing_due(open_book: OpenBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """An advance settles the holders of the day alone; those that it leaves out are no slower afterwards."""
    engine = open_engine(open_book())
    engine.submit_all(HISTORY)
    engine.advance("2026-02-06")
    asked: list[str] = []
    run = Histories.run
    monkeypatch.setattr(Histories, "run", lambda self, tx, holder: asked.append(str(holder)) or run(self, tx, holder))
    for process in (engine, open_engine(open_book())):
        asked.clear()
        assert process.advance("2026-03-06") == []
        assert asked == []
    # The certificate's points are no longer pending.
    assert {entry.key for entry in engine.advance("2026-03-07")} == {
        "clock:partner:p3:2026-03-07",
        "clock:person:ann1:2026-03-07",
    }
    assert asked == ["partner:p3", "person:ann1"]


def test_a_host_keeps_all_of_it_or_nothing(store: Store, at_once: dict[str, Any]) -> None:
    """In a transaction that is open already every batch belongs to it."""
    engine = open_engine(store)
    engine.submit_all(HISTORY)
    before = entries_in(store)
    with pytest.raises(StopError), store.transaction():
        engine.advance(LAST, batch=2, progress=stop_after(3))
    assert entries_in(store) == before
    with store.transaction() as book:
        assert (book.clock_day(), book.clocks_ahead()) == (None, {})
    with store.transaction():
        engine.advance(LAST, batch=2)
    assert posted(entries_in(store)) == at_once


@pytest.mark.parametrize("stops", [(), (1,), (2, 1)])
def test_what_is_told_does_not_depend_on_batches(store: Store, stops: tuple[int, ...]) -> None:
    """Each message comes once, notices of expiry too, and those about one holder are in their order."""
    told = []
    for book, batches in ((MemoryStore(), (None,)), (store, stops)):
        engine = open_engine(book, messages=Messages(expiring_days=20))
        engine.submit_all(HISTORY)
        for stop in batches:
            if stop is not None:
                with pytest.raises(StopError):
                    engine.advance("2026-07-20", batch=2, progress=stop_after(stop))
        engine.advance("2026-07-20", batch=3 if batches != (None,) else 1000)
        engine.advance("2026-08-20", batch=3)
        by_holder = defaultdict(list)
        with book.transaction() as tx:
            for message in tx.messages(10_000):
                event = orjson.loads(message.body)
                by_holder[event["subject"]].append((event["id"], event["data"]))
        told.append(by_holder)
    assert told[0] == told[1]
    assert any(id.startswith("expiring:") for messages in told[0].values() for id, _ in messages)


@pytest.mark.parametrize("batch", [0, -1, 1.5, "2", None, True])
def test_a_batch_is_a_whole_number(batch: Any) -> None:
    """Anything else is said before anything is posted."""
    with pytest.raises(UsageError, match="for a batch; write how many holders"):
        open_engine(MemoryStore()).advance(LAST, batch=batch)


def test_what_is_due_is_forgotten_with_a_change(store: Store) -> None:
    """Whoever writes to a history and says nothing of the clock leaves a holder that is looked at."""
    engine = open_engine(store)
    engine.submit(deal("D-1", "2026-01-10", 100))
    with store.transaction() as book:
        (due,) = book.holders_due(parse_day("2026-07-11"), engine.programme.revision, 9)
        assert due == ACME
        assert book.holders_due(parse_day("2026-07-10"), engine.programme.revision, 9) == ()
        assert book.holders_due(parse_day("2026-07-10"), "another revision", 9) == (ACME,)
        book.add_event(deal("D-2", "2026-01-11", 100), recorded_at=1)
        book.deliver("/D-2", ACME, {})
        assert book.holders_due(parse_day("2026-01-01"), engine.programme.revision, 9) == (ACME,)
        book.keep_due(ACME, NEVER, engine.programme.revision)
        assert book.holders_due(parse_day("2030-01-01"), engine.programme.revision, 9) == ()
    assert netted(entries_in(store)) != {}
