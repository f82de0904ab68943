"""Redemptions: decided once, never back-dated, and never decided again when history changes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from loyalty import Engine, InsufficientPoints, LedgerError
from loyalty.core.calendar import format_day
from loyalty.ledger.store import Store

from .conftest import OpenBook
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
    lots_in,
    void,
)


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine on an empty book, whose clock stands at the first of April."""
    return Engine(PROGRAMME, store, clock=lambda: instant("2026-04-01T12:00"))


def points(engine: Engine, at: str) -> Mapping[str, int]:
    """Give the points in each of acme's accounts."""
    balances = engine.statement(ACME, at).balances
    return {account: amount for (account, asset), amount in balances.items() if asset == "points"}


def test_a_redemption_is_posted_from_available_to_redeemed(engine: Engine) -> None:
    """The receipt carries its entry, the grant its amount, instant and note."""
    engine.submit(deal("D-1", "2026-02-01", 90))
    receipt = engine.redeem(ACME, "points", 40, key="K-1", note="a mug")
    (entry,) = receipt.entries
    assert [(leg.account.path, leg.amount, leg.rule, leg.cause) for leg in entry.postings] == [
        ("partner:acme/available", -40, "@redeem", "command:K-1"),
        ("programme/redeemed", 40, "@redeem", "command:K-1"),
    ]
    assert entry.effective_at == instant("2026-04-01T12:00")
    assert points(engine, "2026-04-01") == {"available": 57}
    with engine.store.transaction() as book:
        grant = book.find_grant("K-1")
    assert grant is not None
    assert (grant.holder, grant.amount, grant.note) == (ACME, 40, {"note": "a mug"})


@pytest.mark.parametrize("amount", [98, 1_000_000])
def test_more_than_is_available_is_refused(engine: Engine, amount: int) -> None:
    """The error says how much there is, nothing is changed, and the key stays usable."""
    engine.submit(deal("D-1", "2026-02-01", 90))
    before = everything_in(engine.store)
    with pytest.raises(InsufficientPoints) as caught:
        engine.redeem(ACME, "points", amount, key="K-1")
    assert (caught.value.wanted, caught.value.available) == (amount, 97)
    assert everything_in(engine.store) == before
    engine.redeem(ACME, "points", 97, key="K-1")
    assert points(engine, "2026-04-01") == {}


def test_what_expires_by_then_cannot_be_redeemed(engine: Engine) -> None:
    """The day's boundary comes before its commands; a refusal posts none of it."""
    engine.submit(deal("D-1", "2026-02-01", 90))
    before = everything_in(engine.store)
    with pytest.raises(InsufficientPoints, match="has 0 available"):
        engine.redeem(ACME, "points", 1, key="K-1", at=instant("2026-08-02"))
    assert everything_in(engine.store) == before
    engine.redeem(ACME, "points", 1, key="K-1", at=instant("2026-08-02") - 1)


def test_the_same_command_again_changes_nothing(open_book: OpenBook) -> None:
    """Its key is its identity: at another instant, after a restart, after other events."""
    engine = Engine(PROGRAMME, open_book())
    engine.submit(deal("D-1", "2026-02-01", 90))
    first = engine.redeem(ACME, "points", 40, key="K-1", at=instant("2026-03-01"))
    engine.submit(deal("D-2", "2026-03-05", 90))
    again = Engine(PROGRAMME, open_book())
    before = everything_in(again.store)
    assert again.redeem(ACME, "points", 40, key="K-1", at=instant("2026-03-07")).entries == first.entries
    assert again.redeem(ACME, "points", 40, key="K-1", at=instant("2026-01-07")).entries == first.entries
    assert everything_in(again.store) == before


@pytest.mark.parametrize("holder", [ACME, ANN])
@pytest.mark.parametrize("amount", [40, 41])
def test_another_command_under_a_known_key_is_refused(engine: Engine, holder: object, amount: int) -> None:
    """The message shows the first one."""
    engine.submit(deal("D-1", "2026-02-01", 900, person="ann"))
    engine.redeem(ACME, "points", 40, key="K-1")
    before = everything_in(engine.store)
    if (holder, amount) == (ACME, 40):
        return
    with pytest.raises(LedgerError, match=r"K-1 was given before.*redeem of 40 points for partner:acme"):
        engine.redeem(holder, "points", amount, key="K-1")  # type: ignore[arg-type]
    assert everything_in(engine.store) == before


@pytest.mark.parametrize("currency", ["status", "pionts", ""])
def test_only_spendable_currencies_are_redeemed(engine: Engine, currency: str) -> None:
    """Status is measured and not spent; the message names what can be spent."""
    engine.submit(deal("D-1", "2026-02-01", 900))
    with pytest.raises(LedgerError, match="spendable currencies are points"):
        engine.redeem(ACME, currency, 1, key="K-1")


@pytest.mark.parametrize("amount", [0, -1, 1.0, True, "1"])
def test_an_amount_is_a_whole_number_above_nothing(engine: Engine, amount: object) -> None:
    """Minor units, and neither floats nor texts."""
    engine.submit(deal("D-1", "2026-02-01", 900))
    with pytest.raises(LedgerError, match="whole number"):
        engine.redeem(ACME, "points", amount, key="K-1")  # type: ignore[arg-type]


def test_a_command_is_never_back_dated(engine: Engine) -> None:
    """Not before the last event, not before the clock; on the clock's day it may come."""
    engine.submit(deal("D-1", "2026-02-01T10:00", 90))
    with pytest.raises(LedgerError, match="never back-dated"):
        engine.redeem(ACME, "points", 1, key="K-1", at=instant("2026-02-01T09:59"))
    engine.advance("2026-03-01")
    before = everything_in(engine.store)
    with pytest.raises(LedgerError, match="never back-dated"):
        engine.redeem(ACME, "points", 1, key="K-1", at=instant("2026-03-01") - 1)
    assert everything_in(engine.store) == before
    engine.redeem(ACME, "points", 1, key="K-1", at=instant("2026-03-01"))


def test_a_redemption_at_the_instant_of_a_deal_comes_after_it(engine: Engine) -> None:
    """What an event earned can be spent at once, and an event of that instant that comes later is replayed."""
    engine.submit(deal("D-1", "2026-02-01T10:00", 90))
    engine.redeem(ACME, "points", 97, key="K-1", at=instant("2026-02-01T10:00"))
    events = [deal("D-1", "2026-02-01T10:00", 90), deal("D-2", "2026-02-01T10:00", 10)]
    engine.submit(events[1])
    assert_settled(engine, events, PROGRAMME.calendar.day_of(instant("2026-09-01")))


def test_the_soonest_expiry_is_spent_first(engine: Engine) -> None:
    """Lots go in the order of their expiry, whatever the order in which they came."""
    engine.submit_all([deal("D-1", "2026-02-01", 50), deal("D-3", "2026-03-10", 50), deal("D-2", "2026-02-20", 50)])
    engine.redeem(ACME, "points", 120, key="K-1")
    left = {format_day(day): amount for (_, asset, day), amount in lots_in(engine.store).items() if asset == "points"}
    assert {day: amount for day, amount in left.items() if amount} == {"2026-09-11": 37}
    (entry,) = (entry for entry in entries_in(engine.store) if entry.key == "command:K-1")
    assert [(format_day(leg.lot_day), leg.amount) for leg in entry.postings if leg.lot_day is not None] == [
        ("2026-08-02", -57),
        ("2026-08-21", -50),
        ("2026-09-11", -13),
    ]


def test_what_a_late_void_takes_from_a_redemption_becomes_arrears(engine: Engine) -> None:
    """The decision stands; what it lacks now is owed, and what is earned later repays it first."""
    events = [deal("D-1", "2026-02-01", 40), deal("D-2", "2026-02-02", 40)]
    engine.submit_all(events)
    engine.redeem(ACME, "points", 80, key="K-1", at=instant("2026-03-01"))
    events.append(void("V-1", "2026-03-05", "D-1"))
    engine.submit(events[-1])
    assert points(engine, "2026-03-05") == {"arrears": -40}
    events.append(deal("D-3", "2026-03-10", 15))
    engine.submit(events[-1])
    assert points(engine, "2026-03-10") == {"arrears": -18}
    events.append(deal("D-4", "2026-03-11", 30))
    engine.submit(events[-1])
    assert points(engine, "2026-03-11") == {"available": 12}
    assert_settled(engine, events, PROGRAMME.calendar.day_of(instant("2026-12-01")))


def test_a_late_deal_pays_what_a_redemption_lacked(engine: Engine) -> None:
    """A deal that comes back after its void makes the decision whole again, from its own lot."""
    events = [deal("D-1", "2026-02-01", 40), deal("D-2", "2026-02-02", 40), void("V-1", "2026-02-03", "D-1")]
    engine.submit_all(events[:2])
    engine.redeem(ACME, "points", 80, key="K-1", at=instant("2026-03-01"))
    engine.submit(events[2])
    events.append(deal("D-3", "2026-01-20", 60))
    engine.submit(events[3])
    assert points(engine, "2026-03-05") == {"available": 27}
    assert_settled(engine, events, PROGRAMME.calendar.day_of(instant("2026-12-01")))


def test_a_person_redeems_from_a_wallet_of_their_own(engine: Engine) -> None:
    """The partner's points are not theirs, and late events of the partner replay the person's decision."""
    events = [deal("D-1", "2026-02-01", 50, person="ann"), deal("D-2", "2026-02-02", 50, person="ann")]
    engine.submit_all(events)
    with pytest.raises(InsufficientPoints):
        engine.redeem(ANN, "points", 21, key="K-1")
    engine.redeem(ANN, "points", 20, key="K-1", at=instant("2026-02-10"))
    assert engine.statement(ANN, "2026-02-10").balances == {}
    events.append(deal("D-0", "2026-01-15", 250))
    engine.submit(events[-1])
    assert engine.statement(ANN, "2026-02-10").balances == {("available", "points"): 30}
    events.append(void("V-1", "2026-02-11", "D-2"))
    engine.submit(events[-1])
    assert engine.statement(ANN, "2026-02-10").balances == {("available", "points"): 5}
    assert_settled(engine, events, PROGRAMME.calendar.day_of(instant("2026-12-01")))


def test_a_holder_without_a_history_has_nothing_to_redeem(engine: Engine) -> None:
    """The refusal leaves no holder behind."""
    with pytest.raises(InsufficientPoints, match="partner:acme"):
        engine.redeem(ACME, "points", 1, key="K-1")
    with engine.store.transaction() as book:
        assert list(book.holders()) == []


def test_racing_redemptions_never_spend_a_point_twice(open_book: OpenBook) -> None:
    """Two engines that both saw the balance: the second is refused."""
    first, second = Engine(PROGRAMME, open_book()), Engine(PROGRAMME, open_book())
    first.submit(deal("D-1", "2026-02-01", 40))
    second.advance("2026-02-02")
    first.redeem(ACME, "points", 30, key="K-1", at=instant("2026-02-03"))
    with pytest.raises(InsufficientPoints, match="has 10 available"):
        second.redeem(ACME, "points", 30, key="K-2", at=instant("2026-02-03"))
    second.redeem(ACME, "points", 10, key="K-3", at=instant("2026-02-03"))
    assert_settled(first, [deal("D-1", "2026-02-01", 40)], PROGRAMME.calendar.day_of(instant("2026-12-01")))


def test_two_redemptions_at_one_instant_are_both_taken(engine: Engine) -> None:
    """A host whose clock counts seconds is not refused by the spelling of its keys; they stand as recorded."""
    events = [deal("D-1", "2026-02-01", 50), deal("D-2", "2026-02-20", 50)]
    engine.submit_all(events)
    at = instant("2026-03-01")
    first = engine.redeem(ACME, "points", 50, key="Z-1", at=at)
    second = engine.redeem(ACME, "points", 50, key="A-1", at=at)
    assert [len(receipt.entries[0].postings) for receipt in (first, second)] == [2, 4]
    # A late event must not deal the lots out in another order.
    events.append(happened("L-1", "lead.registered", "2026-02-10"))
    assert [entry.cause for entry in engine.submit(events[-1]).entries] == ["/L-1"]
    assert len(engine.submit(events[-1]).entries) == 1
    assert_settled(engine, events, PROGRAMME.calendar.day_of(instant("2026-12-01")))
