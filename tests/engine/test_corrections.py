"""Late events: what they change is posted as balanced entries that name them, effective when the corrected was."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loyalty import Engine, Event, Holder, MemoryStore, settle
from loyalty.ledger.entries import Entry, EntryKind
from loyalty.ledger.store import Store
from loyalty.testing import histories

from .scenes import ACME, ANN, PROGRAMME, deal, entries_in, happened, instant, refund, void
from .test_arrival import FULL


def balances_at(store: Store, holder: Holder, effective_at: int, recorded_at: int | None = None) -> dict[object, int]:
    """Give what the book says of an instant, as known at another."""
    with store.transaction() as book:
        return dict(book.balances_at(holder, effective_at=effective_at, recorded_at=recorded_at))


def assert_balanced(entry: Entry) -> None:
    """Sum the postings of each asset."""
    sums: Counter[str] = Counter()
    for leg in entry.postings:
        sums[leg.asset] += leg.amount
    assert not any(sums.values())


@given(events=histories(FULL), data=st.data())
def test_a_balance_as_of_any_instant_is_settlement_from_scratch(events: list[Event], data: st.DataObject) -> None:
    """What the book says now of an instant is what settling all effective entries up to it says, in any order."""
    assume(events)
    engine = Engine(FULL, MemoryStore())
    engine.submit_all(data.draw(st.permutations(events)))
    until = max(FULL.calendar.day_of(event.occurred_at) for event in events) + 40
    engine.advance(until)
    settled = settle(FULL, events, until_day=until)
    telling = sorted({entry.effective_at for entry in settled.entries} | {event.occurred_at for event in events})
    at = data.draw(st.sampled_from(telling)) + data.draw(st.sampled_from((-1, 0, 1)))
    for holder in {holder for holder, _, _ in settled.balances} | {Holder.partner("acme")}:
        expected: Counter[tuple[str, str]] = Counter()
        for entry in settled.entries:
            for leg in entry.postings:
                if entry.effective_at <= at and leg.account.owner == holder:
                    expected[leg.account.name, leg.asset] += leg.amount
        assert balances_at(engine.store, holder, at) == {key: amount for key, amount in expected.items() if amount}


def test_a_balance_as_of_an_instant_is_settlement_of_what_happened_by_then() -> None:
    """Where no later fact reaches back, the history cut at the instant settles to the same."""
    events = [
        deal("D-1", "2026-01-15", 90, person="ann"),
        deal("D-2", "2026-02-15", 300, person="ann"),
        refund("R-1", "2026-03-15", "D-2", 150),
        deal("D-3", "2026-09-01", 100),
    ]
    engine = Engine(PROGRAMME, MemoryStore())
    engine.submit_all(reversed(events))
    engine.advance("2026-09-01")
    for at in ("2026-01-15", "2026-02-14T23:59", "2026-02-15", "2026-03-15", "2026-07-16", "2026-08-16", "2026-09-01"):
        known = [event for event in events if event.occurred_at <= instant(at)]
        settled = settle(PROGRAMME, known, until_day=PROGRAMME.calendar.day_of(instant(at)))
        for holder in (ACME, ANN):
            expected = {(name, asset): n for (who, name, asset), n in settled.balances.items() if who == holder}
            assert balances_at(engine.store, holder, instant(at)) == expected


@given(events=histories(FULL), data=st.data())
def test_what_an_event_posts_names_it_and_balances(events: list[Event], data: st.DataObject) -> None:
    """A submission's entries name it or what waited for it as their cause, and its receipt is all that name it."""
    engine = Engine(FULL, MemoryStore())
    for event in data.draw(st.permutations(events)):
        before = len(entries_in(engine.store))
        receipt = engine.submit(event)
        posted = entries_in(engine.store)[before:]
        assert [entry for entry in posted if entry.cause == event.identity] == list(receipt.entries)
        for entry in posted:
            assert_balanced(entry)
            if entry.kind is EntryKind.TIMER:
                assert entry.cause is None
                continue
            assert entry.kind in (EntryKind.EVENT, EntryKind.CORRECTION)
            if entry.kind is EntryKind.EVENT:
                assert {leg.cause for leg in entry.postings} == {entry.cause}
            if entry.cause != event.identity:
                waited = next(other for other in events if other.identity == entry.cause)
                assert (entry.kind, waited.of is not None) == (EntryKind.EVENT, True)


def test_a_correction_is_effective_when_the_corrected_was_and_recorded_now(store: Store) -> None:
    """An earlier deal takes the cap's headroom from a later one; what was believed before can still be asked."""
    engine = Engine(PROGRAMME, store)
    engine.submit(deal("D-2", "2026-02-10", 900), recorded_at=10)
    receipt = engine.submit(deal("D-1", "2026-02-05", 400), recorded_at=20)
    correction = next(entry for entry in receipt.entries if entry.effective_at == instant("2026-02-10"))
    assert (correction.kind, correction.cause, correction.recorded_at) == (EntryKind.CORRECTION, "/D-1", 20)
    assert {leg.cause for leg in correction.postings} == {"/D-2"}
    assert {leg.rule for leg in correction.postings} >= {"deal-base"}
    assert balances_at(store, ACME, instant("2026-02-10"), 19)["available", "points"] == 907
    assert balances_at(store, ACME, instant("2026-02-10"), 20)["available", "points"] == 1007
    assert balances_at(store, ACME, instant("2026-02-09"), 20)["available", "points"] == 407
    assert balances_at(store, ACME, instant("2026-02-09"), 19) == {}


def test_nothing_is_posted_where_nothing_changes(store: Store) -> None:
    """Late events that earn nothing, voids of such, and what speaks of nothing leave the journal alone."""
    engine = Engine(PROGRAMME, store)
    engine.submit(happened("C-1", "certification.passed", "2026-02-01", person="ann", track="a"))
    engine.advance("2026-04-01")
    before = entries_in(store)
    for event in (
        happened("C-2", "certification.passed", "2026-02-02", person="ann", track="a"),
        deal("D-0", "2025-12-31", 500, partner="birch"),
        void("V-1", "2026-02-03", "C-2"),
        void("V-2", "2026-02-03", "X-9"),
        refund("R-1", "2026-02-03", "C-1"),
        happened("Q-1", "lead.qualified", "2026-02-03", of="L-9"),
    ):
        assert engine.submit(event).entries == ()
    assert entries_in(store) == before


def test_a_correction_of_the_clock_has_no_cause_of_its_own(store: Store) -> None:
    """An expiry that must be corrected stays the clock's, in an entry that names the late event."""
    engine = Engine(PROGRAMME, store)
    engine.submit(deal("D-1", "2026-02-01", 100))
    engine.advance("2026-12-01")
    receipt = engine.submit(refund("R-1", "2026-03-01", "D-1", 40))
    moved = [
        (leg.rule, leg.cause, leg.amount)
        for entry in receipt.entries
        for leg in entry.postings
        if leg.account.path == "partner:acme/available" and entry.effective_at > instant("2026-03-01")
    ]
    assert moved == [("@expiry", None, 40)]


@pytest.mark.parametrize("arrival", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_late_promotion_reaches_the_persons_awards(store: Store, arrival: tuple[int, ...]) -> None:
    """The tier that a person's award depends on is passed on anew, for this partner alone."""
    events = [
        deal("D-1", "2026-02-01", 250),
        deal("D-2", "2026-02-02", 10, person="ann"),
        deal("D-3", "2026-02-02", 10, person="ann", partner="birch"),
    ]
    engine = Engine(PROGRAMME, store)
    engine.submit_all(events[place] for place in arrival)
    assert engine.statement(ANN, "2026-02-02").balances == {("available", "points"): 35}
    engine.submit(void("V-1", "2026-05-01", "D-1"))
    assert engine.statement(ANN, "2026-02-02").balances == {("available", "points"): 20}
