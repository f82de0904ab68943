"""Holds: reserved points are captured or released, by command or clock, and what expired comes back as declared."""

from __future__ import annotations

import pytest

from loyalty import Engine, InsufficientPoints, LedgerError
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify

from .scenes import assert_settled, everything_in
from .wallets import ACME, PROGRAMME, deal, expiries, instant, moves, new_engine, refund, void, wallet

DAY = PROGRAMME.calendar.day_of(instant("2026-12-31"))


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine with two deals: 60 points usable through 4 March, 40 through 14 March."""
    engine = new_engine(store)
    engine.submit(deal("D-1", "2026-02-02", 60))
    engine.submit(deal("D-2", "2026-02-12", 40))
    return engine


HISTORY = [deal("D-1", "2026-02-02", 60), deal("D-2", "2026-02-12", 40)]


def test_a_hold_moves_the_soonest_expiry_to_held(engine: Engine) -> None:
    """Its lots go along; what is held is no longer available."""
    receipt = engine.hold(ACME, "points", 70, key="H", at="2026-02-20", note="an order")
    (entry,) = receipt.entries
    assert moves(entry) == [
        ("@hold", "partner:acme/available", "partner:acme/held", 60, "2026-03-04"),
        ("@hold", "partner:acme/available", "partner:acme/held", 10, "2026-03-14"),
    ]
    assert wallet(engine, "2026-02-20") == {"available": 30, "held": 70}
    with pytest.raises(InsufficientPoints, match=r"hold 31 points .* has 30 available"):
        engine.hold(ACME, "points", 31, key="H-2", at="2026-02-21")
    assert_settled(engine, HISTORY, DAY)


def test_a_capture_takes_the_soonest_and_a_release_the_latest(engine: Engine) -> None:
    """Whatever the order of the two, as much is redeemed of each lot as a redemption would have taken."""
    engine.hold(ACME, "points", 100, key="H", at="2026-02-20")
    released = engine.release("H", 30, key="R", at="2026-02-21")
    assert moves(released.entries[0]) == [("@release", "partner:acme/held", "partner:acme/available", 30, "2026-03-14")]
    captured = engine.capture("H", 65, key="C", at="2026-02-22")
    assert moves(captured.entries[0]) == [
        ("@capture", "partner:acme/held", "programme/redeemed", 60, "2026-03-04"),
        ("@capture", "partner:acme/held", "programme/redeemed", 5, "2026-03-14"),
    ]
    assert wallet(engine, "2026-02-22") == {"available": 30, "held": 5}
    assert_settled(engine, HISTORY, DAY)


def test_a_final_capture_releases_the_rest(engine: Engine) -> None:
    """Both stand in its entry; after it nothing of the hold is left."""
    engine.hold(ACME, "points", 100, key="H", at="2026-02-20")
    (entry,) = engine.capture("H", 60, key="C", final=True, at="2026-02-21").entries
    assert moves(entry) == [
        ("@capture", "partner:acme/held", "programme/redeemed", 60, "2026-03-04"),
        ("@release", "partner:acme/held", "partner:acme/available", 40, "2026-03-14"),
    ]
    assert wallet(engine, "2026-02-21") == {"available": 40}
    assert_settled(engine, HISTORY, DAY)


def test_a_final_capture_is_another_command_than_one_that_is_not(engine: Engine) -> None:
    """The same key with and without it is refused either way; the very same command gives its receipt again."""
    engine.hold(ACME, "points", 100, key="H", at="2026-02-20")
    first = engine.capture("H", 60, key="C", final=True, at="2026-02-21")
    assert engine.capture("H", 60, key="C", final=True, at="2026-02-21").entries == first.entries
    with pytest.raises(LedgerError, match="command C was given before"):
        engine.capture("H", 60, key="C", at="2026-02-21")
    engine.hold(ACME, "points", 30, key="H-2", at="2026-02-22")
    engine.capture("H-2", key="C-2", at="2026-02-22")
    with pytest.raises(LedgerError, match="command C-2 was given before"):
        engine.capture("H-2", key="C-2", final=True, at="2026-02-22")


def test_what_has_ended_cannot_end_again(engine: Engine) -> None:
    """Each attempt is refused with what is left, and changes nothing."""
    engine.hold(ACME, "points", 50, key="H", at="2026-02-20")
    before = everything_in(engine.store)
    with pytest.raises(LedgerError, match=r"50 points \(minor units\) of hold H are left, not 51; capture 50 or less"):
        engine.capture("H", 51, key="C", at="2026-02-21")
    with pytest.raises(LedgerError, match="hold NO, which is unknown"):
        engine.release("NO", key="C", at="2026-02-21")
    assert everything_in(engine.store) == before
    engine.capture("H", key="C", at="2026-02-21")
    for again in (engine.capture, engine.release):
        with pytest.raises(LedgerError, match="hold H has ended, and nothing of it is left to"):
            again("H", key="C-2", at="2026-02-22")
    with pytest.raises(LedgerError, match="key of a command of another kind: capture"):
        engine.release("C", key="C-2", at="2026-02-22")
    with engine.store.transaction() as book:
        assert book.find_grant("C").final


def test_a_hold_ends_at_the_start_of_its_day(engine: Engine) -> None:
    """Through the day before it can be captured; then the clock releases what is left, under a rule of its own."""
    engine.hold(ACME, "points", 70, key="H", until="2026-03-01", at="2026-02-20")
    engine.capture("H", 20, key="C", at="2026-02-28T23:59")
    assert wallet(engine, "2026-02-28") == {"available": 30, "held": 50}
    assert wallet(engine, "2026-03-01") == {"available": 80}
    with pytest.raises(LedgerError, match="hold H has ended"):
        engine.capture("H", key="C-2", at="2026-03-01")
    posted = engine.advance("2026-03-01")
    assert [move for entry in posted for move in moves(entry) if move[0] != "@allotment.monthly"] == [
        ("@release", "partner:acme/held", "partner:acme/available", 10, "2026-03-14"),
        ("@release", "partner:acme/held", "partner:acme/available", 40, "2026-03-04"),
    ]
    assert {entry.cause for entry in posted} == {None}
    assert_settled(engine, HISTORY, DAY)


@pytest.mark.parametrize("until", ["2026-02-20", "2026-02-19"])
def test_a_hold_ends_after_its_day(engine: Engine, until: str) -> None:
    """A hold that would end before it begins is refused."""
    with pytest.raises(LedgerError, match="would end before it begins"):
        engine.hold(ACME, "points", 1, key="H", until=until, at="2026-02-20")


@pytest.mark.parametrize(
    ("currency", "left"),
    [("points", {}), ("graced", {"2026-04-11": 40}), ("renewed", {"2026-05-01": 40})],
)
def test_what_expired_while_held_comes_back_as_declared(engine: Engine, currency: str, left: dict[str, int]) -> None:
    """Held points do not expire; after their day they expire at once, or get ten days, or the expiry of the day."""
    engine.hold(ACME, currency, 60, key="H", at="2026-02-20")
    assert wallet(engine, "2026-03-31", currency=currency) == {"held": 60}
    engine.capture("H", 20, key="C", at="2026-04-01")
    engine.release("H", key="R", at="2026-04-01")
    assert expiries(engine, "2026-04-01", currency=currency) == left
    explained = str(engine.why("R"))
    assert "last usable day was 2026-03-04" in explained
    assert_settled(engine, HISTORY, DAY)


def test_a_hold_that_ends_late_follows_the_same_policy_by_the_clock(engine: Engine) -> None:
    """The day of release is the one at whose start the hold ends."""
    engine.hold(ACME, "graced", 60, key="H", until="2026-04-01", at="2026-02-20")
    assert expiries(engine, "2026-04-01", currency="graced") == {"2026-04-11": 60}
    assert wallet(engine, "2026-04-12", currency="graced") == {}
    assert_settled(engine, HISTORY, DAY)


def test_several_holds_stand_beside_each_other(engine: Engine) -> None:
    """Each keeps its own lots, and ends by itself."""
    engine.hold(ACME, "points", 50, key="H-1", at="2026-02-20")
    engine.hold(ACME, "points", 50, key="H-2", until="2026-03-01", at="2026-02-20")
    engine.release("H-1", 10, key="R", at="2026-02-21")
    engine.capture("H-2", 30, key="C", at="2026-02-22")
    assert wallet(engine, "2026-02-22") == {"available": 10, "held": 60}
    assert wallet(engine, "2026-03-01") == {"available": 30, "held": 40}
    assert_settled(engine, HISTORY, DAY)


def test_a_hold_that_replay_finds_short_is_owed_when_it_is_captured(engine: Engine) -> None:
    """The first deal never happened: the hold keeps what there is, and the capture takes the rest or owes it."""
    engine.hold(ACME, "points", 90, key="H", at="2026-02-20")
    engine.capture("H", 30, key="C", at="2026-02-21")
    events = [*HISTORY, void("V", "2026-02-25", "D-1")]
    engine.submit(events[-1])
    assert wallet(engine, "2026-02-25") == {"held": 10}
    engine.capture("H", key="C-2", at="2026-02-26")
    assert wallet(engine, "2026-02-26") == {"arrears": -50}
    assert "were not there and are owed" in str(engine.why("C-2"))
    assert_settled(engine, events, DAY)


def test_a_release_of_what_was_lacking_gives_nothing(engine: Engine) -> None:
    """Only what was really held comes back."""
    engine.hold(ACME, "points", 100, key="H", at="2026-02-20")
    engine.submit(void("V", "2026-02-25", "D-1"))
    engine.release("H", 60, key="R", at="2026-02-26")
    assert wallet(engine, "2026-02-26") == {"held": 40}
    engine.release("H", key="R-2", at="2026-02-27")
    assert wallet(engine, "2026-02-27") == {"available": 40}
    assert_settled(engine, [*HISTORY, void("V", "2026-02-25", "D-1")], DAY)


def test_what_comes_back_repays_arrears_first(engine: Engine) -> None:
    """A refund does not reach what is held; what it leaves owed is repaid by the release."""
    engine.hold(ACME, "points", 100, key="H", at="2026-02-20")
    refunded = refund("R-1", "2026-02-22", "D-2")
    engine.submit(refunded)
    assert wallet(engine, "2026-02-22") == {"held": 100, "arrears": -40}
    engine.release("H", key="R", at="2026-02-23")
    assert expiries(engine, "2026-02-23") == {"2026-03-04": 60}
    assert_settled(engine, [*HISTORY, refunded], DAY)


def test_expired_points_repay_arrears_before_they_expire(engine: Engine) -> None:
    """Who owed the points that were held does not lose them twice."""
    engine.hold(ACME, "points", 60, key="H", at="2026-02-20")
    refunded = refund("R-1", "2026-03-20", "D-1")
    engine.submit(refunded)
    assert wallet(engine, "2026-03-20") == {"held": 60, "arrears": -60}
    engine.release("H", key="R", at="2026-03-21")
    assert wallet(engine, "2026-03-21") == {}
    assert_settled(engine, [*HISTORY, refunded], DAY)


def test_what_a_release_let_expire_is_reversed_against_what_expired(engine: Engine) -> None:
    """A refund of the deal finds its points expired, and the wallet stays as it is."""
    engine.hold(ACME, "points", 60, key="H", at="2026-02-20")
    engine.release("H", key="R", at="2026-03-10")
    refunded = refund("R-1", "2026-03-12", "D-1")
    engine.submit(refunded)
    assert wallet(engine, "2026-03-12") == {"available": 40}
    assert_settled(engine, [*HISTORY, refunded], DAY)


def test_a_late_deal_moves_the_lots_of_a_hold_and_of_its_capture(engine: Engine) -> None:
    """An earlier deal expires sooner, so that hold and capture would have taken it."""
    engine.hold(ACME, "points", 60, key="H", at="2026-02-20")
    engine.capture("H", 50, key="C", at="2026-02-21")
    late = deal("D-0", "2026-01-25", 30)
    engine.submit(late)
    assert expiries(engine, "2026-02-21") == {"2026-03-04": 30, "2026-03-14": 40}
    with engine.store.transaction() as book:
        assert verify(book) == []
    assert_settled(engine, [*HISTORY, late], DAY)


def test_the_same_command_again_gives_the_first_receipt(engine: Engine) -> None:
    """Another body under its key is refused, for each of the three."""
    hold = engine.hold(ACME, "points", 50, key="H", until="2026-03-01", at="2026-02-20")
    capture = engine.capture("H", 20, key="C", at="2026-02-21")
    release = engine.release("H", key="R", at="2026-02-22")
    before = everything_in(engine.store)
    assert engine.hold(ACME, "points", 50, key="H", until="2026-03-01", at="2026-02-25").entries == hold.entries
    assert engine.capture("H", 20, key="C").entries == capture.entries
    assert engine.release("H", key="R").entries == release.entries
    for other in (
        lambda: engine.hold(ACME, "points", 51, key="H", until="2026-03-01"),
        lambda: engine.hold(ACME, "points", 50, key="H", until="2026-03-02"),
        lambda: engine.capture("H", 21, key="C"),
        lambda: engine.capture("H", key="R"),
        lambda: engine.redeem(ACME, "points", 50, key="H"),
    ):
        with pytest.raises(LedgerError, match="was given before as another"):
            other()
    assert everything_in(engine.store) == before


def test_only_spendable_currencies_are_held(engine: Engine) -> None:
    """Status is measured alone."""
    with pytest.raises(LedgerError, match="'status' cannot be held; spendable currencies are"):
        engine.hold(ACME, "status", 1, key="H", at="2026-02-20")


def test_the_explanation_says_which_lots(engine: Engine) -> None:
    """The receipt tells what was asked and what moved, with the last usable day of each lot."""
    receipt = engine.hold(ACME, "points", 70, key="H", until="2026-03-01", at="2026-02-20", note="order 7")
    assert str(receipt.explain()) == "\n".join(
        [
            f"command H, revision {PROGRAMME.revision[:12]}",
            "  partner:acme",
            "    holds 70 points until 2026-03-01, because: order 7",
            "    hold",
            "      takes 60 points, last usable day 2026-03-04",
            "      takes 10 points, last usable day 2026-03-14",
        ]
    )


def test_a_hold_without_an_end_is_another_command(engine: Engine) -> None:
    """The same key with another end, or with none, is not the same command again."""
    engine.hold(ACME, "points", 10, key="H", until="2026-03-01", at="2026-02-20")
    for until in (None, "2026-03-02"):
        with pytest.raises(LedgerError, match="command H was given before"):
            engine.hold(ACME, "points", 10, key="H", until=until, at="2026-02-20")
    assert engine.hold(ACME, "points", 10, key="H", until="2026-03-01", at="2026-02-20").entries


def test_a_command_is_recorded_when_the_book_hears_of_it(store: Store) -> None:
    """Whatever instant it was decided for, its entry and the clock's before it say when the book came to know them."""
    now = instant("2026-02-25")
    engine = Engine(PROGRAMME, store, clock=lambda: now)
    engine.submit(deal("D-1", "2026-02-02", 60))
    receipts = [
        engine.redeem(ACME, "points", 5, key="R", at="2026-02-20"),
        engine.redeem(ACME, "points", 5, key="R-2", at="2026-03-01"),
    ]
    assert {entry.recorded_at for receipt in receipts for entry in receipt.entries} == {now}
