"""Transfers between wallets, and partners that are merged and closed."""

from __future__ import annotations

import pytest

from loyalty import Engine, EventRejected, InsufficientPoints, LedgerError, UsageError, loads
from loyalty.ledger.entries import EntryKind
from loyalty.ledger.store import Store

from . import scenes
from .scenes import assert_settled, entries_in, everything_in, grants_in
from .wallets import (
    ACME,
    ANN,
    BIRCH,
    BOB,
    CEDAR,
    PROGRAMME,
    deal,
    expiries,
    happened,
    instant,
    moves,
    new_engine,
    refund,
    void,
    wallet,
)

DAY = PROGRAMME.calendar.day_of(instant("2026-12-31"))
HISTORY = [deal("D-1", "2026-02-02", 60), deal("D-2", "2026-02-12", 40, person="ann")]


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine with two deals of acme: 60 points usable through 4 March, 40 through 14 March; ann has 5."""
    engine = new_engine(store)
    for event in HISTORY:
        engine.submit(event)
    return engine


def test_a_transfer_moves_lots_with_their_expiry(engine: Engine) -> None:
    """One entry has the legs of both; the grants name the lots, with when they were earned."""
    receipt = engine.transfer(ACME, ANN, "points", 70, key="T", at="2026-02-20", note="thanks")
    (entry,) = receipt.entries
    assert moves(entry) == [
        ("@transfer", "partner:acme/available", "programme/transferred", 60, "2026-03-04"),
        ("@transfer", "partner:acme/available", "programme/transferred", 10, "2026-03-14"),
        ("@transfer", "programme/transferred", "person:ann/available", 60, "2026-03-04"),
        ("@transfer", "programme/transferred", "person:ann/available", 10, "2026-03-14"),
    ]
    assert wallet(engine, "2026-02-20") == {"available": 30}
    assert expiries(engine, "2026-02-20", ANN) == {"2026-03-04": 60, "2026-03-14": 15}
    with engine.store.transaction() as book:
        lots = book.find_grant("T").lots
    assert [(lot.earned_at, lot.amount) for lot in lots] == [(instant("2026-02-02"), 60), (instant("2026-02-12"), 10)]
    explained = str(receipt.explain())
    assert "transfers 70 points to person:ann, because: thanks" in explained
    assert "receives 70 points from partner:acme" in explained
    assert engine.transfer(ACME, ANN, "points", 70, key="T", note="thanks").entries == receipt.entries
    with pytest.raises(LedgerError, match="was given before as another"):
        engine.transfer(ACME, BIRCH, "points", 70, key="T", note="thanks")
    assert_settled(engine, HISTORY, DAY)


def test_points_move_within_the_declared_group_alone(engine: Engine) -> None:
    """`people` is a partner and the persons of its events, `anyone` is anyone, and the others stay where they are."""
    engine.submit(deal("B-1", "2026-02-13", 10, partner="birch", person="bob"))
    engine.submit(deal("D-3", "2026-02-14", 10, person="cleo"))
    engine.transfer(ANN, "person:cleo", "points", 1, key="T-1", at="2026-02-20")
    engine.transfer(ANN, ACME, "points", 1, key="T-2", at="2026-02-20")
    engine.transfer(ACME, BIRCH, "graced", 1, key="T-3", at="2026-02-20")
    engine.transfer(ACME, CEDAR, "graced", 1, key="T-4", at="2026-02-20")
    before = everything_in(engine.store)
    for giver, taker, currency, why in (
        (ANN, BOB, "points", "are not of one group"),
        (ACME, BOB, "points", "are not of one group"),
        (ACME, BIRCH, "points", "are not of one group"),
        (ACME, ANN, "renewed", "cannot be transferred; declare"),
        (ACME, ANN, "status", "'status' cannot be transferred"),
        (ACME, ACME, "points", "to itself"),
    ):
        with pytest.raises(LedgerError, match=why):
            engine.transfer(giver, taker, currency, 1, key="X", at="2026-02-20")
    with pytest.raises(InsufficientPoints, match="asked to transfer 200 points"):
        engine.transfer(ACME, ANN, "points", 200, key="X", at="2026-02-20")
    assert everything_in(engine.store) == before


def test_the_taker_keeps_what_a_late_event_takes_from_the_giver(engine: Engine) -> None:
    """Replay never chooses the lots again: the giver takes what it lacks from others, and owes the rest."""
    engine.transfer(ACME, ANN, "points", 80, key="T", at="2026-02-20")
    voided = void("V", "2026-02-22", "D-1")
    engine.submit(voided)
    assert expiries(engine, "2026-02-22", ANN) == {"2026-03-04": 60, "2026-03-14": 25}
    assert wallet(engine, "2026-02-22") == {"arrears": -40}
    late = deal("D-0", "2026-01-25", 30)
    engine.submit(late)
    assert wallet(engine, "2026-02-22") == {"arrears": -10}
    assert "were not there and are owed" in str(engine.why("T"))
    assert_settled(engine, [*HISTORY, voided, late], DAY)


def test_a_transfer_is_reversed_in_one_entry(engine: Engine) -> None:
    """The taker gives it back from the lots that came, and the giver has it in those that it gave."""
    engine.transfer(ACME, ANN, "points", 70, key="T", at="2026-02-20")
    (entry,) = engine.reverse("T", 30, key="R", at="2026-02-21").entries
    assert entry.corrects == "command:T"
    assert sorted(moves(entry)) == sorted(
        [
            ("@reverse", "programme/transferred", "partner:acme/available", 10, "2026-03-14"),
            ("@reverse", "programme/transferred", "partner:acme/available", 20, "2026-03-04"),
            ("@transfer", "person:ann/available", "programme/transferred", 10, "2026-03-14"),
            ("@transfer", "person:ann/available", "programme/transferred", 20, "2026-03-04"),
        ]
    )
    engine.redeem(ANN, "points", 10, key="K", at="2026-02-21")
    with pytest.raises(InsufficientPoints, match="person:ann asked to give back 40 points"):
        engine.reverse("T", key="R-2", at="2026-02-22")
    engine.reverse("T", key="R-2", arrears=True, at="2026-02-22")
    assert wallet(engine, "2026-02-22") == {"available": 100}
    assert wallet(engine, "2026-02-22", ANN) == {"arrears": -5}
    for key in ("T@person:ann", "R@person:ann"):
        with pytest.raises(LedgerError, match="cannot be reversed"):
            engine.reverse(key, key="R-3", at="2026-02-22")
    assert_settled(engine, HISTORY, DAY)


def test_a_merge_moves_all_wallets_and_closes(engine: Engine) -> None:
    """Lots keep their days, arrears are owed by the other, and all of it stands in one entry."""
    lead = happened("L", "lead.registered", "2026-02-13")
    other = deal("B-1", "2026-02-14", 10, partner="birch")
    for event in (lead, other):
        engine.submit(event)
    engine.adjust(ACME, "capped", -130, key="A", reason="r", actor="a", arrears=True, at="2026-02-20")
    with pytest.raises(LedgerError, match=r"pass pending='mature' .* or pending='forfeit'"):
        engine.merge(ACME, BIRCH, key="M", at="2026-02-21")
    receipt = engine.merge(ACME, BIRCH, key="M", pending="mature", at="2026-02-21", note="acquired")
    (entry,) = receipt.entries
    assert ("@close", "partner:acme/pending", "partner:acme/available", 9, "2026-03-15") in moves(entry)
    assert ("@transfer", "partner:acme/available", "programme/transferred", 60, "2026-03-04") in moves(entry)
    assert ("@transfer", "programme/transferred", "partner:birch/available", 60, "2026-03-04") in moves(entry)
    for currency in PROGRAMME.currencies:
        assert wallet(engine, "2026-02-21", ACME, currency) == {}
    assert expiries(engine, "2026-02-21", BIRCH) == {
        "2026-03-04": 60,
        "2026-03-14": 40,
        "2026-03-15": 40,
        "2026-03-16": 10,
    }
    assert wallet(engine, "2026-02-21", BIRCH, "capped") == {"arrears": -20}
    assert "merges the holder into partner:birch and closes it, because: acquired" in str(receipt.explain())
    assert engine.merge(ACME, BIRCH, key="M", pending="mature", note="acquired").entries == receipt.entries
    with pytest.raises(LedgerError, match="was given before as another"):
        engine.merge(ACME, CEDAR, key="M", pending="mature", note="acquired")
    assert_settled(engine, [*HISTORY, lead, other], DAY)


def test_an_empty_wallet_that_is_merged_moves_nothing_of_the_others(store: Store) -> None:
    """Not its clock either: what fell due for it is posted once, though an event comes late before that."""
    engine = new_engine(store)
    events = [deal("D-1", "2026-01-01", 10), deal("D-2", "2026-01-20", 10)]
    engine.submit_all(events[:1])
    engine.merge(BIRCH, ACME, key="M", at="2026-03-20")
    assert [entry for entry in entries_in(store) if entry.kind is EntryKind.TIMER] == []
    engine.submit(events[1])
    assert_settled(engine, events, DAY)


def test_after_a_closing_nothing_happens_any_more(engine: Engine) -> None:
    """Events and commands are refused, and say by which command it was closed and who has the wallets."""
    engine.merge(ACME, BIRCH, key="M", at="2026-02-21")
    before = everything_in(engine.store)
    for event in (
        deal("D-3", "2026-02-22"),
        deal("D-3", "2026-02-21T00:00:01"),
        happened("O-1", "tier.override", "2026-02-22", tier="gold", until="2026-12-31"),
    ):
        with pytest.raises(
            EventRejected, match="partner:acme was closed into partner:birch on 2026-02-21 by command M"
        ):
            engine.submit(event)
    for command in (
        lambda: engine.redeem(ACME, "points", 1, key="X", at="2026-02-22"),
        lambda: engine.transfer(ANN, ACME, "points", 1, key="X", at="2026-02-22"),
        lambda: engine.adjust(ACME, "points", 1, key="X", reason="r", actor="a", at="2026-02-22"),
        lambda: engine.merge(BIRCH, ACME, key="X", at="2026-02-22"),
        lambda: engine.close(ACME, key="X", at="2026-02-22"),
    ):
        with pytest.raises(LedgerError, match="partner:acme was closed into partner:birch, which has its wallets now"):
            command()
    assert everything_in(engine.store) == before
    with pytest.raises(LedgerError, match="it is a close; adjust the wallets by hand"):
        engine.reverse("M", key="X", at="2026-02-22")
    with pytest.raises(LedgerError, match="part of a closing"):
        engine.reverse("M#1", key="X", at="2026-02-22")
    assert_settled(engine, HISTORY, DAY)


def test_a_closed_partner_gets_no_allotments(engine: Engine) -> None:
    """The other months had one each."""
    engine.merge(ACME, BIRCH, key="M", at="2026-04-21")
    assert wallet(engine, "2026-04-21", BIRCH, "status") == {"available": 102}
    assert wallet(engine, "2026-12-01", ACME, "status") == {}
    assert_settled(engine, HISTORY, DAY)


def test_a_refund_after_a_merge_is_owed_by_the_other(engine: Engine) -> None:
    """It is settled by the closed partner's own award, and what it leaves is moved on, as a decision of its own."""
    engine.merge(ACME, BIRCH, key="M", at="2026-02-21")
    refunded = refund("F", "2026-02-25", "D-1", 50)
    receipt = engine.submit(refunded)
    assert receipt.entries[0].cause == "/F"
    assert wallet(engine, "2026-12-01") == {}
    with engine.store.transaction() as book:
        moved = book.find_grant("M//F")
    assert (moved.holder, moved.kind, moved.note) == (ACME, "receive", {"closing": "M"})
    # Decided on 1 December, when birch has nothing left of what expired in March.
    assert wallet(engine, "2026-12-01", BIRCH, "points") == {"arrears": -50}
    with pytest.raises(LedgerError, match=r"part of a closing|cannot be reversed"):
        engine.reverse("M//F", key="X")
    assert_settled(engine, [*HISTORY, refunded], DAY)


def test_a_refund_right_after_a_merge_takes_the_others_points(store: Store) -> None:
    """The other has them still, and owes nothing."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-02-25T12:00"))
    for event in HISTORY:
        engine.submit(event)
    engine.merge(ACME, BIRCH, key="M", at="2026-02-21")
    refunded = refund("F", "2026-02-25", "D-1", 50)
    engine.submit(refunded)
    assert expiries(engine, "2026-02-26", BIRCH) == {"2026-03-04": 10, "2026-03-14": 40}
    assert_settled(engine, [*HISTORY, refunded], DAY)


def test_a_deal_from_before_a_merge_that_comes_late_is_moved_on(store: Store) -> None:
    """Its points keep their days, also through a second merge, and a void takes them back from who has them."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-02-25T12:00"))
    for event in HISTORY:
        engine.submit(event)
    engine.merge(ACME, BIRCH, key="M-1", at="2026-02-21")
    engine.merge(BIRCH, CEDAR, key="M-2", at="2026-02-22")
    late = deal("D-0", "2026-02-20", 7)
    engine.submit(late)
    assert expiries(engine, "2026-02-26", CEDAR) == {"2026-03-04": 60, "2026-03-14": 40, "2026-03-22": 7}
    voided = void("V", "2026-02-25", "D-2")
    engine.submit(voided)
    assert expiries(engine, "2026-02-26", CEDAR) == {"2026-03-04": 20, "2026-03-14": 40, "2026-03-22": 7}
    assert wallet(engine, "2026-02-26", ACME) == wallet(engine, "2026-02-26", BIRCH) == {}
    assert_settled(engine, [*HISTORY, late, voided], DAY)


def test_what_a_late_deal_left_in_a_closed_wallet_and_is_gone_by_now_moves_no_clock(store: Store) -> None:
    """There is nothing to move on by then, so nothing is decided; another process lets it expire in its time."""

    def opened() -> Engine:
        return Engine(POINTS_ALONE, store, clock=lambda: instant("2026-12-01"))

    engine = opened()
    engine.close(ACME, key="Z", forfeit=True, at="2026-02-21")
    late = scenes.deal("D-0", "2026-02-20", 7, POINTS_ALONE)
    engine.submit(late)
    assert [entry.key for entry in entries_in(store)] == ["event:/D-0"]
    expired = opened().advance(PROGRAMME.calendar.day_of(instant("2026-03-23")))
    assert [(entry.key, moves(entry)) for entry in expired] == [
        ("clock:partner:acme:2026-03-23", [("@expiry", "partner:acme/available", "programme/expired", 7, "2026-03-22")])
    ]
    assert_settled(engine, [late], DAY)


POINTS_ALONE = loads("""\
language: 1
programme: {id: alone, starts: 2026-01-01, timezone: Europe/Berlin}
currencies: {points: {expires: {after: 30 days}}}
events: {deal.won: {amount: {type: money, unit: EUR, max: 1000.00}}}
earn: [{rule: deal, on: deal.won, give: {partner: {points: 7}}}]
""")


def test_open_holds_end_before_a_closing(engine: Engine) -> None:
    """They are named; when they have ended by the clock it can be."""
    engine.hold(ACME, "points", 10, key="H-1", at="2026-02-20")
    engine.hold(ACME, "points", 10, key="H-2", until="2026-02-22", at="2026-02-20")
    with pytest.raises(LedgerError, match="has open holds: H-1, H-2; capture or release them first"):
        engine.merge(ACME, BIRCH, key="M", at="2026-02-21")
    engine.capture("H-1", key="C", at="2026-02-21")
    engine.merge(ACME, BIRCH, key="M", at="2026-02-22")
    assert wallet(engine, "2026-02-22", BIRCH) == {"available": 90}
    assert_settled(engine, HISTORY, DAY)


def test_a_closing_forfeits_what_it_is_told_to(engine: Engine) -> None:
    """Points and pending points are forfeited, debts written off; without leave it says what there is."""
    lead = happened("L", "lead.registered", "2026-02-13")
    engine.submit(lead)
    engine.adjust(ACME, "capped", -130, key="A", reason="r", actor="a", arrears=True, at="2026-02-20")
    with pytest.raises(LedgerError, match=r"still has 100 points available, 40 points pending, .* 30 capped owed"):
        engine.close(ACME, key="X", at="2026-02-21")
    receipt = engine.close(ACME, key="X", forfeit=True, at="2026-02-21")
    moved = moves(receipt.entries[0])
    assert ("@close", "partner:acme/pending", "programme/forfeited", 40, "2026-03-15") in moved
    assert ("@close", "partner:acme/available", "programme/forfeited", 60, "2026-03-04") in moved
    assert ("@close", "partner:acme/available", "partner:acme/arrears", 30, "") in moved
    for currency in PROGRAMME.currencies:
        assert wallet(engine, "2026-02-21", ACME, currency) == {}
    assert engine.close(ACME, key="X", forfeit=True).entries == receipt.entries
    refunded = refund("F", "2026-02-25", "D-1")
    engine.submit(refunded)
    assert wallet(engine, "2026-12-31") == {}
    assert wallet(engine, "2026-12-31", currency="capped") == {}
    assert_settled(engine, [*HISTORY, lead, refunded], DAY)


def test_an_empty_holder_closes_without_leave(engine: Engine) -> None:
    """There is nothing to forfeit, and nothing is posted; the grant alone says it."""
    receipt = engine.close(CEDAR, key="X", at="2026-02-21")
    assert receipt.entries == ()
    with pytest.raises(EventRejected, match="partner:cedar was closed on 2026-02-21 by command X"):
        engine.submit(deal("C-1", "2026-02-22", partner="cedar"))
    assert [grant.kind for grant in grants_in(engine.store)] == ["close"]


def test_a_persons_closing_leaves_its_partner_open(engine: Engine) -> None:
    """Events that name the person are refused, others are not."""
    engine.close(ANN, key="X", forfeit=True, at="2026-02-21")
    with pytest.raises(EventRejected, match="person:ann was closed"):
        engine.submit(deal("D-3", "2026-02-22", person="ann"))
    more = deal("D-3", "2026-02-22")
    engine.submit(more)
    assert_settled(engine, [*HISTORY, more], DAY)


@pytest.mark.parametrize(("one", "other"), [(ACME, ACME), (ACME, ANN), (ANN, ACME)])
def test_only_two_of_a_kind_can_be_merged(engine: Engine, one: object, other: object) -> None:
    """Two partners, or two persons."""
    with pytest.raises(UsageError, match="name two partners, or two persons"):
        engine.merge(one, other, key="M", at="2026-02-21")


def test_a_word_that_is_none_is_refused(engine: Engine) -> None:
    """What is pending matures or is forfeited."""
    with pytest.raises(UsageError, match="write 'mature' or 'forfeit'"):
        engine.merge(ACME, BIRCH, key="M", pending="keep", at="2026-02-21")
