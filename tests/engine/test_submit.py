"""Submitting events: receipts, identity, conflicts, and refusals that change nothing."""

from __future__ import annotations

import pytest
from attrs import evolve

from loyalty import Engine, Event, EventConflict, EventRejected, LoyaltyError, MemoryStore, loads
from loyalty.ledger.store import Store

from .conftest import OpenBook
from .scenes import ACME, ANN, PROGRAMME, SCENES, deal, everything_in, happened, instant, refund, void


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine on an empty book."""
    return Engine(PROGRAMME, store)


def test_a_receipt_carries_what_the_event_posted(engine: Engine) -> None:
    """The entry names its cause, the instant from which it counts, when it was recorded and the revision."""
    receipt = engine.submit(deal("D-1", "2026-02-03T10:00", person="ann"), recorded_at=5)
    (entry,) = receipt.entries
    assert (receipt.identity, receipt.waiting) == ("/D-1", False)
    assert (entry.cause, entry.effective_at, entry.recorded_at) == ("/D-1", instant("2026-02-03T10:00"), 5)
    assert entry.revision == PROGRAMME.revision
    paid = {(leg.account.path, leg.asset): leg.amount for leg in entry.postings if leg.rule == "deal-base"}
    assert paid["partner:acme/available", "points"] == 100
    assert {leg.account.owner for leg in entry.postings} == {None, ACME, ANN}


def test_an_event_that_earns_nothing_has_a_receipt_without_entries(engine: Engine) -> None:
    """Nothing is posted for nothing, and the event is known all the same."""
    receipt = engine.submit(deal("D-1", "2025-12-31T10:00"))
    assert receipt.entries == ()
    assert not receipt.waiting
    assert engine.submit(deal("D-1", "2025-12-31T10:00")).entries == ()


def test_the_same_event_again_changes_nothing(engine: Engine) -> None:
    """The second receipt is equal to the first, and the book stays as it was."""
    first = engine.submit(deal("D-1", "2026-02-03"))
    before = everything_in(engine.store)
    again = engine.submit(deal("D-1", "2026-02-03"))
    assert again.entries == first.entries
    assert everything_in(engine.store) == before


def test_the_same_event_after_others_gives_the_first_entries(engine: Engine) -> None:
    """Identity never lapses: later events, late ones and the clock do not change the answer."""
    first = engine.submit(deal("D-2", "2026-03-01"))
    engine.submit(deal("D-1", "2026-02-01", 500))
    engine.submit(refund("R-1", "2026-03-05", "D-2"))
    engine.submit(void("V-1", "2026-03-06", "D-1"))
    engine.advance("2026-12-01")
    before = everything_in(engine.store)
    assert engine.submit(deal("D-2", "2026-03-01")).entries == first.entries
    assert everything_in(engine.store) == before


def test_the_same_event_after_a_restart_gives_the_first_entries(open_book: OpenBook) -> None:
    """What was promised does not live in the process."""
    first = Engine(PROGRAMME, open_book()).submit(deal("D-1", "2026-02-03", person="ann"))
    again = Engine(PROGRAMME, open_book()).submit(deal("D-1", "2026-02-03", person="ann"))
    assert again.entries == first.entries
    assert again.explain() == first.explain()


def test_the_order_of_fields_is_no_part_of_the_body(engine: Engine) -> None:
    """Sources write the same fact in many ways."""
    event = deal("D-1", "2026-02-03", region="north", registered=True)
    first = engine.submit(event)
    turned = evolve(event, fields=dict(reversed(event.fields.items())))
    assert engine.submit(turned).entries == first.entries


def test_a_default_that_is_spelt_out_is_the_same_body(engine: Engine) -> None:
    """An event says the same with and without the default of a field."""
    bare = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=instant("2026-02-03"), fields={"amount": 100})
    first = engine.submit(bare)
    assert engine.submit(evolve(bare, fields={"amount": 100, "registered": False})).entries == first.entries


@pytest.mark.parametrize(
    "change",
    [
        {"partner": "birch"},
        {"person": "ann"},
        {"occurred_at": instant("2026-02-04")},
        {"fields": {"amount": 10_001, "registered": False}},
        {"fields": {"amount": 10_000, "registered": True}},
        {"kind": "lead.registered", "fields": {}},
    ],
)
def test_another_body_under_a_known_identity_is_a_conflict(engine: Engine, change: dict[str, object]) -> None:
    """The error names both bodies, and nothing is changed."""
    first = deal("D-1", "2026-02-03")
    engine.submit(first)
    before = everything_in(engine.store)
    other = evolve(first, **change)
    with pytest.raises(EventConflict) as caught:
        engine.submit(other)
    for body in (first, other):
        said = (f"kind={body.kind!r}", f"partner={body.partner!r}", f"person={body.person!r}", str(body.occurred_at))
        fields = (f"{name!r}: {value!r}" for name, value in body.fields.items())
        assert all(words in str(caught.value) for words in (*said, *fields))
    assert caught.value.identity == "/D-1"
    assert everything_in(engine.store) == before
    assert engine.submit(first).entries


def test_one_id_of_two_sources_are_two_events(engine: Engine) -> None:
    """Source and id together are the identity."""
    engine.submit(deal("D-1", "2026-02-03", source="crm"))
    engine.submit(deal("D-1", "2026-02-03", source="shop"))
    assert engine.statement(ACME, "2026-02-03").balances["available", "points"] == 207


@pytest.mark.parametrize(
    "event",
    [
        Event(id="X", kind="deal.lost", partner="acme", occurred_at=instant("2026-02-03")),
        Event(id="X", kind="deal.won", partner="acme", occurred_at=instant("2026-02-03")),
        Event(id="X", kind="deal.won", partner="acme", occurred_at=instant("2026-02-03"), fields={"amount": 10**9}),
        Event(id="X", kind="deal.won", partner="acme", occurred_at=instant("2026-02-03"), fields={"amount": 1.5}),
        Event(id="X", kind="deal.won", partner="", occurred_at=instant("2026-02-03"), fields={"amount": 1}),
        Event(id="", kind="deal.won", partner="acme", occurred_at=instant("2026-02-03"), fields={"amount": 1}),
        Event(id="X", kind="deal.won", partner="acme", occurred_at=10**17, fields={"amount": 1}),
        Event(id="X", kind="deal.won", partner="acme", occurred_at=instant("2026-02-03"), fields={"amount": 1, "x": 1}),
        Event(id="X", kind="deal.refunded", partner="acme", occurred_at=instant("2026-02-03")),
        Event(id="X", kind="deal.won", partner="acme", occurred_at=0, of="D-1", fields={"amount": 1}),
    ],
)
def test_a_refused_event_changes_nothing(engine: Engine, event: Event) -> None:
    """An unknown kind, a field that is missing, unknown or out of range: the book does not notice."""
    engine.submit(deal("D-1", "2026-02-03"))
    before = everything_in(engine.store)
    with pytest.raises(EventRejected) as caught:
        engine.submit(event)
    assert isinstance(caught.value, LoyaltyError)
    assert caught.value.reasons
    assert everything_in(engine.store) == before


def test_an_unknown_kind_is_answered_with_the_nearest(engine: Engine) -> None:
    """The message helps the one who mistyped."""
    with pytest.raises(EventRejected, match=r"deal\.won"):
        engine.submit(Event(id="X", kind="deal.wonn", partner="acme", occurred_at=0))


LIMITED = loads(SCENES.replace("currencies:", "limits: {events_per_holder: 2}\ncurrencies:"))


@pytest.mark.parametrize("at", ["2026-02-04", "2026-02-02", "2026-01-01"])
def test_an_event_too_many_is_refused_wherever_it_stands(store: Store, at: str) -> None:
    """Above the limit of a holder no event is taken, late or not; the refused event is the one that came."""
    engine = Engine(LIMITED, store)
    engine.submit(deal("D-1", "2026-02-01", programme=LIMITED))
    engine.submit(deal("D-3", "2026-02-03", programme=LIMITED))
    before = everything_in(store)
    with pytest.raises(EventRejected, match="2 events") as caught:
        engine.submit(deal("D-2", at, programme=LIMITED))
    assert caught.value.identity == "/D-2"
    assert everything_in(store) == before
    assert engine.submit(deal("D-2", at, programme=LIMITED, partner="birch")).entries


def test_a_persons_limit_counts_events_of_all_their_partners(store: Store) -> None:
    """A person who acts for two partners is one holder; the partner's side is undone with theirs."""
    engine = Engine(LIMITED, store)
    for number, partner in enumerate(("acme", "birch")):
        engine.submit(deal(f"D-{number}", "2026-02-01", programme=LIMITED, partner=partner, person="ann"))
    before = everything_in(store)
    with pytest.raises(EventRejected, match="person:ann"):
        engine.submit(deal("D-9", "2026-02-02", programme=LIMITED, partner="cedar", person="ann"))
    assert everything_in(store) == before


def test_several_events_are_submitted_one_by_one(engine: Engine) -> None:
    """What came before a refused one stays."""
    with pytest.raises(EventRejected):
        engine.submit_all([deal("D-1", "2026-02-01"), Event(id="X", kind="?", partner="a", occurred_at=0)])
    assert engine.statement(ACME, "2026-02-01").balances["available", "points"] == 107


def test_what_speaks_of_something_unknown_waits(engine: Engine) -> None:
    """A refund, a follow-up and a void of what is not known do nothing, and their receipts say so."""
    for event in (
        refund("R-1", "2026-02-05", "D-1"),
        happened("Q-1", "lead.qualified", "2026-02-05", of="L-1"),
        void("V-1", "2026-02-05", "D-2"),
    ):
        receipt = engine.submit(event)
        assert receipt.waiting
        assert receipt.entries == ()
        assert str(receipt.explain())
    engine.submit(deal("D-1", "2026-02-01"))
    assert not engine.submit(refund("R-1", "2026-02-05", "D-1")).waiting


def test_a_refund_of_a_refund_finds_no_origin(engine: Engine) -> None:
    """However long the chain, what speaks of another kind than its own does nothing."""
    engine.submit(deal("D-0", "2026-02-01"))
    before = engine.statement(ACME, "2026-03-01").balances
    engine.submit(refund("D-1", "2026-02-02", "D-0", 0))
    for number in range(2, 40):
        engine.submit(refund(f"D-{number}", "2026-02-02", f"D-{number - 1}"))
    assert engine.statement(ACME, "2026-03-01").balances == before


def test_a_long_chain_waits_for_its_first_event() -> None:
    """A thousand events that each speak of the next need no stack of their own."""
    engine = Engine(PROGRAMME, MemoryStore())
    for number in range(1200, 0, -1):
        engine.submit(refund(f"D-{number}", "2026-02-02", f"D-{number - 1}"))
    engine.submit(deal("D-0", "2026-02-01"))
    assert engine.statement(ACME, "2026-02-03").balances.get(("available", "points"), 0) == 7
