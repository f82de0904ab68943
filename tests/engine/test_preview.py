"""Previews: what submitting an event would do is what submitting it does, and looking leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from loyalty import Engine, Event, EventRejected, MemoryStore, loads
from loyalty.core.calendar import Duration
from loyalty.engine.previewing import Verdict
from loyalty.ledger.entries import EntryKind
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.store import Store
from loyalty.programme.model import AcceptLate, TooLate
from loyalty.testing import histories

from .conftest import OpenBook
from .scenes import ACME, ANN, PROGRAMME, SCENES, deal, entries_in, everything_in, instant, refund, void
from .test_arrival import FULL

WINDOWS = loads(SCENES + "accept_late: {within: 30 days, else: from_now}\naccept_early: {within: 2 days}\n")
NOW = instant("2026-06-02T10:00")


def open_engine(store: Store) -> Engine:
    """An engine whose clock stands still, so that what it records is the same twice."""
    return Engine(WINDOWS, store, clock=lambda: NOW)


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine that knows three deals."""
    engine = open_engine(store)
    engine.submit_all([deal("D-1", "2026-04-10", 600), deal("D-2", "2026-05-20", 500, person="ann")])
    engine.submit(deal("D-3", "2026-06-01", 100, partner="birch"))
    return engine


@given(events=histories(FULL), data=st.data())
def test_submitting_posts_what_the_preview_says(events: list[Event], data: st.DataObject) -> None:
    """Of any event in any order: the same entries and nothing else, and the preview itself changes nothing."""
    late = AcceptLate(within=Duration.parse("2 months"), otherwise=data.draw(st.sampled_from(TooLate)))
    programme = evolve(FULL, accept_late=data.draw(st.sampled_from([None, late])))
    engine = Engine(programme, MemoryStore(), clock=lambda: 1_800_000_000_000_000)
    for event in data.draw(st.permutations(events)):
        before = everything_in(engine.store)
        preview = engine.preview(event)
        assert everything_in(engine.store) == before
        known = len(entries_in(engine.store))
        if preview.verdict is Verdict.REJECTED:
            with pytest.raises(EventRejected) as refused:
                engine.submit(event)
            assert (preview.reasons, preview.entries) == (refused.value.reasons, ())
            continue
        receipt = engine.submit(event)
        assert tuple(entries_in(engine.store)[known:]) == preview.entries
        assert (preview.verdict is Verdict.WAITS, preview.counts_from) == (receipt.waiting, receipt.counts_from)
        assert engine.why(event.identity) == preview.explanation
        for change in preview.holders:
            with engine.store.transaction() as book:
                balances = book.balances(change.holder)
            assert {key: balances.get(key, 0) for key in change.balances} == {
                key: after for key, (_, after) in change.balances.items()
            }


def test_an_event_in_its_place(engine: Engine) -> None:
    """Balances, caps, tier and badges before and after, with the clock's entries that come before it."""
    preview = engine.preview(deal("D-4", "2026-06-02", 300, person="ann"))
    assert (preview.verdict, preview.late_days, preview.counts_from) == (Verdict.IN_PLACE, 0, None)
    assert [(entry.key, entry.kind) for entry in preview.entries] == [("event:/D-4", EntryKind.EVENT)]
    acme, ann = preview.holders
    assert (acme.holder, ann.holder) == (ACME, ANN)
    assert acme.balances == {("available", "status"): (110, 140)}
    assert ann.balances == {("available", "points"): (25, 50)}
    assert (acme.tier, acme.gained, acme.lost, acme.caps) == (("gold", "gold"), (), (), ())
    assert preview.explanation is not None
    assert "cuts 375 points to 0 points" in str(preview.explanation)


def test_an_event_that_lifts_a_partner(store: Store) -> None:
    """The first deal of a partner nobody knew."""
    preview = open_engine(store).preview(deal("D-1", "2026-06-01", 300))
    (acme,) = preview.holders
    assert (acme.tier, acme.gained) == (("base", "gold"), ("starter",))
    assert acme.balances == {("available", "points"): (0, 307), ("available", "status"): (0, 30)}
    (cap,) = acme.caps
    assert (cap.room.rule, cap.used_before, cap.used_after, cap.room.cap.amount) == ("deal-base", 0, 300, 1000)
    assert str(cap.room.first_day) == "2026-04-01"
    with store.transaction() as book:
        assert list(book.holders()) == []


def test_a_late_event_with_its_corrections(engine: Engine) -> None:
    """What an earlier deal takes from a cap is corrected in a later one's entry, which the preview has too."""
    preview = engine.preview(deal("D-0", "2026-05-01", 200))
    assert (preview.verdict, preview.late_days) == (Verdict.REPLAYED, 19)
    assert [entry.kind for entry in preview.entries] == [EntryKind.EVENT, EntryKind.CORRECTION]
    (acme,) = preview.holders
    assert acme.balances == {("available", "status"): (110, 130)}
    assert [(cap.used_before, cap.used_after) for cap in acme.caps] == [(600, 850)]


def test_every_other_verdict(engine: Engine) -> None:
    """From now, waiting, known, in conflict, too early and plainly wrong; the book stays as it was."""
    before = everything_in(engine.store)
    from_now = engine.preview(deal("D-0", "2026-01-20", 100))
    assert (from_now.verdict, from_now.late_days, from_now.counts_from) == (Verdict.FROM_NOW, 120, NOW)
    waits = engine.preview(refund("R-1", "2026-05-30", "D-9"))
    assert (waits.verdict, waits.entries, waits.holders) == (Verdict.WAITS, (), ())
    assert "waits for /D-9" in str(waits.explanation)
    known = engine.preview(deal("D-1", "2026-04-10", 600))
    assert (known.verdict, known.entries, known.explanation) == (Verdict.KNOWN, (), None)
    rejected = {
        "it was accepted before with another body": deal("D-1", "2026-04-10", 601),
        "mend the date": deal("D-9", "2036-04-10", 601),
        "the event that it takes out counts from 2026-04-10": void("V-1", "2026-06-02", "D-1"),
        "events of deal.won need it": Event(id="D-8", kind="deal.won", partner="acme", occurred_at=NOW),
    }
    for reason, event in rejected.items():
        preview = engine.preview(event)
        assert preview.verdict is Verdict.REJECTED
        assert reason in " ".join(preview.reasons)
    undone = engine.preview(void("V-2", "2026-06-02", "D-2"))
    assert (undone.verdict, undone.late_days) == (Verdict.REPLAYED, 0)
    assert everything_in(engine.store) == before


def test_several_events_are_looked_at_one_after_the_other(engine: Engine) -> None:
    """Each as if those before it had been submitted; together they post what they say."""
    before = everything_in(engine.store)
    asked = [
        deal("D-4", "2026-06-02", 100, partner="birch"),
        refund("R-1", "2026-06-02T12:00", "D-4", 100),
        deal("D-4", "2026-06-02", 100, partner="birch"),
    ]
    previews = engine.preview_all(asked)
    assert everything_in(engine.store) == before
    assert [preview.verdict for preview in previews] == [Verdict.IN_PLACE, Verdict.IN_PLACE, Verdict.KNOWN]
    count = len(entries_in(engine.store))
    engine.submit_all(asked)
    assert entries_in(engine.store)[count:] == [entry for preview in previews for entry in preview.entries]


def test_a_hosts_transaction_is_untouched(book_file: Any) -> None:
    """In the host's transaction it is a savepoint that is rolled back; the host's own rows stay, and can be kept."""
    from .conftest import open_database

    database = open_database(book_file)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id TEXT)"))
    with database.begin() as connection:
        engine = open_engine(SqlStore(connection))
        engine.submit(deal("D-1", "2026-06-01", 100))
        connection.execute(text("INSERT INTO orders VALUES ('O-1')"))
        preview = engine.preview(deal("D-2", "2026-06-02", 100))
        engine.submit(deal("D-3", "2026-06-03", 100))
    store = SqlStore(database)
    assert preview.verdict is Verdict.IN_PLACE
    assert [entry.key for entry in entries_in(store)] == ["event:/D-1", "event:/D-3"]
    with database.connect() as connection:
        assert connection.execute(text("SELECT id FROM orders")).scalars().all() == ["O-1"]
    assert store.verify().findings == ()


def test_a_preview_by_another_process_is_the_same(open_book: OpenBook) -> None:
    """It is told from what the book has, whatever is in memory."""
    engine = open_engine(open_book())
    engine.submit_all([deal(f"D-{number}", f"2026-05-{number:02}", 10) for number in range(1, 29)])
    asked = deal("D-99", "2026-05-14", 990, person="ann")
    assert engine.preview(asked).entries == open_engine(open_book()).preview(asked).entries
    assert PROGRAMME.revision == WINDOWS.revision
