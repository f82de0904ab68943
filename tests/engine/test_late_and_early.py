"""Events that come too late or too early: refused with what to do, or counted from when they came, for good."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Engine, Event, MemoryStore, Programme, loads, settle
from loyalty.core.calendar import Duration, format_day, later_day, parse_day
from loyalty.engine.replaying import replay_book
from loyalty.errors import EventRejected
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify
from loyalty.programme.model import AcceptLate, TooLate
from loyalty.testing import histories

from .conftest import OpenBook
from .scenes import (
    ACME,
    PROGRAMME,
    SCENES,
    balances_in,
    deal,
    entries_in,
    everything_in,
    happened,
    instant,
    netted,
    refund,
    void,
)
from .test_arrival import FULL

REJECTING = loads(SCENES + "accept_late: {within: 30 days}\naccept_early: {within: 2 days}\n")
FROM_NOW = loads(SCENES + "accept_late: {within: 30 days, else: from_now}\n")


def counts_from(store: Store) -> dict[str, int]:
    """Give the recorded instants of events that came too late for their own."""
    with store.transaction() as book:
        received = [item.recorded for holder in book.holders() for item in book.received(holder)]
    return {one.event.identity: one.counts_from for one in received if one.counts_from is not None}


def assert_whole(engine: Engine, events: list[Event], until: int) -> None:
    """Compare the book with settlement of its events by its recorded verdicts, and look it over."""
    engine.advance(until)
    settled = settle(engine.programme, events, counts_from=counts_from(engine.store), until_day=until)
    assert netted(entries_in(engine.store)) == netted(settled.entries)
    assert balances_in(engine.store) == settled.balances
    with engine.store.transaction() as book:
        assert verify(book) == []
    assert replay_book(engine.programme, engine.store).findings == ()


def test_how_late_events_may_come_is_no_part_of_the_revision() -> None:
    """A window can be opened and closed over a book, since what was accepted settles to the same."""
    assert REJECTING.revision == FROM_NOW.revision == PROGRAMME.revision
    assert REJECTING.accept_late == AcceptLate(within=Duration.parse("30 days"), otherwise=TooLate.REJECT)


def test_an_event_is_late_by_the_days_that_have_happened_since(store: Store) -> None:
    """On the last day of the window it is replayed, a day later it is refused with what to do, changing nothing."""
    engine = Engine(REJECTING, store)
    engine.submit(deal("D-1", "2026-03-31", 100))
    assert engine.submit(deal("D-2", "2026-03-01", 100)).counts_from is None
    before = everything_in(store)
    with pytest.raises(EventRejected) as refused:
        engine.submit(deal("D-3", "2026-02-28T23:59", 100))
    assert everything_in(store) == before
    assert refused.value.reasons == (
        "at: 2026-02-28, and everything through 2026-03-31 has happened to partner:acme, which is 31 days later; "
        "`accept_late` takes events up to 30 days late: give what it is worth by the command `adjust`, or declare "
        "`else: from_now`",
    )


def test_the_clock_of_the_book_counts_too(store: Store) -> None:
    """A partner of whom nothing is known is as far as the book's clock."""
    engine = Engine(REJECTING, store)
    engine.submit(deal("D-1", "2026-02-01", 100))
    engine.advance("2026-04-01")
    with pytest.raises(EventRejected, match="everything through 2026-04-01 has happened to partner:birch"):
        engine.submit(deal("D-2", "2026-03-01", 100, partner="birch"))
    engine.submit(deal("D-3", "2026-03-02", 100, partner="birch"))


def test_the_latest_front_of_all_holders_decides(store: Store) -> None:
    """A person who moved on with another partner makes an event late."""
    engine = Engine(REJECTING, store)
    engine.submit(deal("D-1", "2026-05-01", 100, person="ann"))
    with pytest.raises(EventRejected, match="has happened to person:ann"):
        engine.submit(deal("D-2", "2026-02-01", 100, partner="birch", person="ann"))


def test_the_front_never_goes_back(store: Store) -> None:
    """What was voided since, and what found no origin in what it speaks of, has moved it all the same."""
    engine = Engine(REJECTING, store)
    engine.submit_all([deal("D-1", "2026-03-31"), void("V-1", "2026-03-31", "D-1")])
    with pytest.raises(EventRejected, match="everything through 2026-03-31 has happened to partner:acme"):
        engine.submit(deal("D-2", "2026-02-28"))
    engine.submit(deal("D-3", "2026-03-01"))
    engine.submit(happened("F-1", "lead.qualified", "2026-04-05", of="D-3"))
    with pytest.raises(EventRejected, match="everything through 2026-04-05 has happened to partner:acme"):
        engine.submit(deal("D-4", "2026-03-05"))


def test_a_mistyped_year_is_refused(store: Store) -> None:
    """An event of the year 2036 would run its holder's clock for good."""
    engine = Engine(REJECTING, store)
    recorded_at = instant("2026-03-01T12:00")
    engine.submit(deal("D-1", "2026-03-03T23:59", 100), recorded_at=recorded_at)
    before = everything_in(store)
    with pytest.raises(EventRejected) as refused:
        engine.submit(deal("D-2", "2036-03-01", 100), recorded_at=recorded_at)
    assert everything_in(store) == before
    assert refused.value.reasons == (
        "at: 2036-03-01 lies 3,653 days ahead of 2026-03-01, when it came; `accept_early` takes events dated up to "
        "2 days ahead, which is 2026-03-03: mend the date",
    )
    with pytest.raises(EventRejected, match="dated up to 2 days ahead"):
        engine.submit(refund("R-1", "2036-03-01", "D-9"), recorded_at=recorded_at)


def test_no_day_at_all_may_lie_between(store: Store) -> None:
    """With 0 days either way only events of the day on which they come are taken."""
    strict = loads(SCENES + "accept_late: {within: 0 days}\naccept_early: {within: 0 days}\n")
    engine = Engine(strict, store)
    recorded_at = instant("2026-03-02T12:00")
    engine.submit(deal("D-1", "2026-03-02T23:59", 100), recorded_at=recorded_at)
    engine.submit(deal("D-2", "2026-03-02T00:00", 100), recorded_at=recorded_at)
    for id, day in (("D-3", "2026-03-01"), ("D-4", "2026-03-03")):
        with pytest.raises(EventRejected, match="0 days"):
            engine.submit(deal(id, day, 100), recorded_at=recorded_at)


def test_many_at_once_are_told_which_were_refused(store: Store) -> None:
    """The rest of a chunk is kept."""
    engine = Engine(REJECTING, store)
    told: list[tuple[str, str]] = []
    events = [
        deal("D-1", "2026-06-01"),
        deal("D-2", "2026-01-02"),
        deal("D-3", "2026-06-02"),
        deal("D-4", "2036-01-01"),
    ]
    receipts = engine.submit_many(
        events,
        recorded_at=instant("2026-06-02"),
        refused=lambda event, error: told.append((event.id, error.reasons[0][:14])),
    )
    assert [receipt.identity for receipt in receipts] == ["/D-1", "/D-3"]
    assert told == [("D-2", "at: 2026-01-02"), ("D-4", "at: 2036-01-01")]


def test_the_same_event_again_is_no_later_than_the_first_time(store: Store) -> None:
    """What is known is known, whatever the window says today."""
    engine = Engine(REJECTING, store)
    first = engine.submit(deal("D-1", "2026-01-05"))
    engine.advance("2027-01-05")
    assert engine.submit(deal("D-1", "2026-01-05")).entries == first.entries


def test_a_void_is_as_late_as_what_it_takes_out(store: Store) -> None:
    """Its own time is nothing; too late it is refused, also where other events count from now."""
    engine = Engine(FROM_NOW, store)
    engine.submit_all([deal("D-1", "2026-02-01"), deal("D-2", "2026-03-20"), deal("D-3", "2026-04-01")])
    with pytest.raises(EventRejected) as refused:
        engine.submit(void("V-1", "2026-04-01", "D-1"))
    assert refused.value.reasons == (
        "the event that it takes out counts from 2026-02-01, and everything through 2026-04-01 has happened to "
        "partner:acme, which is 59 days later; `accept_late` takes events up to 30 days late: take back what it "
        "earned by a refund, or by the command `adjust`",
    )
    engine.submit(void("V-2", "2026-01-01", "D-2"))
    assert balances_in(store)[ACME, "available", "status"] == 20


def test_what_waits_is_not_late(store: Store) -> None:
    """A refund, or a void, of what is not known reaches nobody; what it waits for is late or not by itself."""
    engine = Engine(FROM_NOW, store)
    engine.submit(deal("D-0", "2026-05-01", 10))
    assert engine.submit(refund("R-1", "2026-01-20", "D-1", 40)).waiting
    assert engine.submit(void("V-1", "2026-01-20", "D-2")).waiting
    receipt = engine.submit(deal("D-1", "2026-01-10", 100), recorded_at=instant("2026-05-02T10:00"))
    assert receipt.counts_from == instant("2026-05-02T10:00")
    day = PROGRAMME.calendar.day_of(instant("2026-06-01"))
    events = [deal("D-0", "2026-05-01", 10), refund("R-1", "2026-01-20", "D-1", 40), deal("D-1", "2026-01-10", 100)]
    assert_whole(engine, [*events, void("V-1", "2026-01-20", "D-2")], day)
    assert balances_in(store)[ACME, "available", "points"] == 10 + 60 + 7


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("2026-08-15T10:00", "2026-08-15T10:00"),
        ("2026-07-01", "2026-08-01"),
    ],
    ids=["when it was recorded", "the start of the front's day"],
)
def test_a_late_event_counts_from_now(store: Store, recorded: str, expected: str) -> None:
    """It counts in the periods of that instant, and the clock that ran stays as it was."""
    engine = Engine(FROM_NOW, store)
    engine.submit(deal("D-1", "2026-01-10", 300))
    clock = engine.advance("2026-08-01")
    receipt = engine.submit(deal("D-2", "2026-01-11", 400), recorded_at=instant(recorded))
    assert receipt.counts_from == instant(expected)
    (entry,) = receipt.entries
    assert entry.effective_at == instant(expected)
    assert not {one.key for one in clock} & {one.key for one in receipt.entries}
    # By then the status of January has not expired, and what a deal of August earns lasts until February.
    days = {leg.lot_day for leg in entry.postings if leg.asset == "points" and leg.lot_day}
    assert {format_day(day) for day in days} == {"2027-02-16" if recorded.startswith("2026-08") else "2027-02-02"}
    assert_whole(engine, [deal("D-1", "2026-01-10", 300), deal("D-2", "2026-01-11", 400)], parse_day("2026-12-01"))


def test_a_late_event_counts_behind_the_last_item(store: Store) -> None:
    """Where more happened to a holder than was recorded by now, it counts a microsecond after the last."""
    engine = Engine(FROM_NOW, store)
    engine.submit(deal("D-1", "2026-06-01T12:00"))
    engine.redeem(ACME, "points", 5, key="R-1", at="2026-06-01T13:00")
    receipt = engine.submit(deal("D-2", "2026-01-11"), recorded_at=instant("2026-02-01"))
    assert receipt.counts_from == instant("2026-06-01T13:00") + 1


def test_an_explanation_says_that_it_counts_from_now(open_book: OpenBook) -> None:
    """Each holder's steps begin with it, also when another process is asked, and after a late event's correction."""
    engine = Engine(FROM_NOW, open_book())
    engine.submit(deal("D-1", "2026-06-01", 100, person="ann"))
    receipt = engine.submit(deal("D-2", "2026-01-11", 950, person="ann"), recorded_at=instant("2026-06-05T10:00"))
    said = "happened on 2026-01-11 and came too late to count from then; it counts from 2026-06-05"
    assert [step.text for step in receipt.explain().steps if step.name == "from_now"] == [said, said]
    other = Engine(FROM_NOW, open_book())
    other.submit(deal("D-3", "2026-06-02", 100))
    explained = other.why("/D-2")
    assert [step.text for step in explained.steps if step.name == "from_now"] == [said, said]
    assert explained.paid()["partner:acme", "deal-base", "points"] == 800


def test_the_verdict_is_not_given_again(open_book: OpenBook) -> None:
    """A process that starts anew, a replay, and a programme with another window settle by what was recorded."""
    events = [
        deal("D-1", "2026-06-01", 100),
        deal("D-2", "2026-01-11", 500, person="ann"),
        refund("R-1", "2026-06-20", "D-2", 250),
        deal("D-3", "2026-05-25", 800),
    ]
    for event in events:
        Engine(FROM_NOW, open_book()).submit(event, recorded_at=instant("2026-06-10T10:00"))
    assert counts_from(open_book()) == {"/D-2": instant("2026-06-10T10:00")}
    assert_whole(Engine(REJECTING, open_book()), events, parse_day("2027-06-01"))


def test_a_rolled_back_verdict_is_forgotten(open_book: OpenBook) -> None:
    """The same event accepted again from another instant is another history, and no state of the first is used."""
    store = open_book()
    engine = Engine(FROM_NOW, store)
    engine.submit(deal("D-1", "2026-06-01", 100))
    late = deal("D-2", "2026-01-11", 500)
    with suppress(RuntimeError), store.transaction():
        engine.submit(late, recorded_at=instant("2026-06-10"))
        raise RuntimeError
    Engine(FROM_NOW, open_book()).submit(late, recorded_at=instant("2026-07-10"))
    engine.submit(deal("D-3", "2026-07-11", 100))
    events = [deal("D-1", "2026-06-01", 100), late, deal("D-3", "2026-07-11", 100)]
    assert_whole(engine, events, parse_day("2027-06-01"))


@given(data=st.data(), events=histories(FULL))
def test_the_book_is_settlement_by_the_recorded_verdicts(data: st.DataObject, events: list[Event]) -> None:
    """Whatever comes in whatever order with whatever clock, the verdicts are all that arrival leaves behind."""
    otherwise = data.draw(st.sampled_from(TooLate))
    within = Duration.parse(data.draw(st.sampled_from(["1 day", "20 days", "3 months"])))
    programme: Programme = evolve(FULL, accept_late=AcceptLate(within=within, otherwise=otherwise))
    engine = Engine(programme, MemoryStore())
    taken: list[Event] = []
    refused: list[Event] = []
    last = max((FULL.calendar.day_of(event.occurred_at) for event in events), default=parse_day("2026-01-01"))
    for event in data.draw(st.permutations(events)):
        if data.draw(st.integers(0, 9)) == 0:
            engine.advance(last - data.draw(st.integers(0, 400)))
        try:
            engine.submit(event, recorded_at=event.occurred_at)
        except EventRejected:
            refused.append(event)
        else:
            taken.append(event)
    assert otherwise is TooLate.REJECT or {event.kind for event in refused} <= {"void"}
    moved = counts_from(engine.store)
    assert otherwise is TooLate.FROM_NOW or not moved
    day = max([last, *(FULL.calendar.day_of(at) for at in moved.values())]) + 40
    assert_whole(engine, taken, day)


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        ("2026-01-31", "1 month", "2026-02-28"),
        ("2028-02-29", "1 year", "2029-02-28"),
        ("2026-03-01", "30 days", "2026-03-31"),
        ("2026-03-01", "2 weeks", "2026-03-15"),
        ("2099-12-01", "2 months", "never"),
    ],
)
def test_a_length_after_a_day(start: str, length: str, expected: str) -> None:
    """Months keep the day of the month where there is one."""
    assert format_day(later_day(parse_day(start), Duration.parse(length))) == expected


def test_a_changed_verdict_is_found(open_book: OpenBook) -> None:
    """Whoever changes the instant in the table is found by the event's digest and by the holders' versions."""
    store: Any = open_book()
    if isinstance(store, MemoryStore):
        pytest.skip("nobody changes rows in memory")
    engine = Engine(FROM_NOW, store)
    engine.submit(deal("D-1", "2026-06-01", 100))
    engine.submit(deal("D-2", "2026-01-11", 500), recorded_at=instant("2026-06-10"))
    with store._bind.begin() as connection:
        on_sqlite = connection.dialect.name == "sqlite"
        drop = "DROP TRIGGER tr_loyalty_event_update" + ("" if on_sqlite else " ON loyalty_event")
        connection.exec_driver_sql(drop)
        connection.exec_driver_sql("UPDATE loyalty_event SET counts_from = counts_from + 1 WHERE counts_from > 0")
    findings = " ".join(store.verify().findings)
    assert "event /D-2 is not what was accepted" in findings
    assert "the history of partner:acme is not what its version" in findings
