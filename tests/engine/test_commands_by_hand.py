"""Adjustments, opening balances and reversals: by whom and why, into which lots, and never more than there was."""

from __future__ import annotations

from random import Random

import pytest

from loyalty import Engine, InsufficientPoints, LedgerError
from loyalty.core.calendar import NEVER
from loyalty.ledger.store import Store

from .scenes import assert_settled, entries_in, everything_in
from .wallets import ACME, ANN, BIRCH, PROGRAMME, deal, expiries, instant, moves, new_engine, refund, void, wallet

DAY = PROGRAMME.calendar.day_of(instant("2026-12-31"))
HISTORY = [deal("D-1", "2026-02-02", 60), deal("D-2", "2026-02-12", 40, person="ann")]


@pytest.fixture
def engine(store: Store) -> Engine:
    """An engine with two deals: 60 points usable through 4 March, 40 through 14 March."""
    engine = new_engine(store)
    for event in HISTORY:
        engine.submit(event)
    return engine


def test_an_adjustment_keeps_its_reason_and_its_actor(engine: Engine) -> None:
    """Both stand in the grant, and in what it answers."""
    receipt = engine.adjust(ACME, "points", 25, key="A", reason="fair booth", actor="ann@example.com", at="2026-02-20")
    assert moves(receipt.entries[0]) == [("@adjust", "programme/adjusted", "partner:acme/available", 25, "2026-03-22")]
    with engine.store.transaction() as book:
        assert book.find_grant("A").note == {"reason": "fair booth", "actor": "ann@example.com"}
    assert "adds 25 points by hand, because: fair booth (by ann@example.com)" in str(receipt.explain())
    assert_settled(engine, HISTORY, DAY)


def test_an_adjustment_can_name_its_expiry(engine: Engine) -> None:
    """The day is the one at whose start the points are gone; a day that has come is refused."""
    engine.adjust(ACME, "points", 25, key="A", reason="r", actor="a", expires="2026-06-01", at="2026-02-20")
    assert expiries(engine, "2026-05-31") == {"2026-05-31": 25}
    assert wallet(engine, "2026-06-01") == {}
    with pytest.raises(LedgerError, match="points that expire on 2026-02-20 are gone on 2026-02-20 already"):
        engine.adjust(ACME, "points", 1, key="B", reason="r", actor="a", expires="2026-02-20", at="2026-02-20")
    assert_settled(engine, HISTORY, DAY)


def test_an_expiry_holds_in_a_currency_whose_points_never_expire(engine: Engine) -> None:
    """What was promised by hand ends on its day."""
    engine.adjust(ACME, "status", 25, key="A", reason="r", actor="a", expires="2026-06-01", at="2026-02-20")
    assert expiries(engine, "2026-05-31", currency="status")["2026-05-31"] == 25
    assert "2026-05-31" not in expiries(engine, "2026-06-01", currency="status")
    assert_settled(engine, HISTORY, DAY)


def test_an_adjustment_below_zero_takes_the_soonest_expiry(engine: Engine) -> None:
    """What is not there is refused, unless it may be owed."""
    receipt = engine.adjust(ACME, "points", -70, key="A", reason="r", actor="a", at="2026-02-20")
    assert [(amount, last) for _, _, _, amount, last in moves(receipt.entries[0])] == [
        (60, "2026-03-04"),
        (10, "2026-03-14"),
    ]
    with pytest.raises(InsufficientPoints, match="asked to take 31 points"):
        engine.adjust(ACME, "points", -31, key="B", reason="r", actor="a", at="2026-02-20")
    engine.adjust(ACME, "points", -31, key="B", reason="r", actor="a", arrears=True, at="2026-02-20")
    assert wallet(engine, "2026-02-20") == {"arrears": -1}
    assert_settled(engine, HISTORY, DAY)


@pytest.mark.parametrize(
    ("amount", "said"), [(0, {}), (True, {}), (1.5, {}), (-1, {"expires": "2026-09-01"}), (1, {"reason": ""})]
)
def test_an_adjustment_that_says_too_little_is_refused(engine: Engine, amount: int, said: dict[str, str]) -> None:
    """A whole number other than 0, a reason, and an expiry only of what is added."""
    before = everything_in(engine.store)
    with pytest.raises((LedgerError, ValueError)):
        engine.adjust(ACME, "points", amount, key="A", at="2026-02-20", **{"reason": "r", "actor": "a", **said})
    assert everything_in(engine.store) == before


def test_adjustments_count_in_no_metric(engine: Engine) -> None:
    """A thousand status points by hand promote nobody."""
    engine.adjust(ACME, "status", 1000, key="A", reason="r", actor="a", at="2026-02-20")
    engine.submit(deal("D-3", "2026-02-21", 1))
    assert engine.statement(ACME, "2026-02-21").tier == "base"


def test_the_same_adjustment_and_opening_again_change_nothing(engine: Engine) -> None:
    """Also long after, when the points of the first time have expired; another body is refused."""
    said = {"key": "A", "reason": "r", "actor": "a", "expires": "2026-03-01"}
    first = engine.adjust(ACME, "points", 5, at="2026-02-20", **said)
    lots = [("2026-04-01", "2025-12-01", 3), (None, None, 4)]
    opened = engine.open(BIRCH, "points", lots, key="O", at="2026-02-20")
    before = everything_in(engine.store)
    assert engine.adjust(ACME, "points", 5, at="2026-08-01", **said).entries == first.entries
    assert engine.open(BIRCH, "points", lots, key="O", at="2026-08-01").entries == opened.entries
    for other in (
        lambda: engine.adjust(ACME, "points", -5, key="A", reason="r", actor="a"),
        lambda: engine.adjust(ACME, "points", 5, **{**said, "reason": "other"}),
        lambda: engine.adjust(ACME, "points", 5, **{**said, "expires": "2026-09-01"}),
        lambda: engine.open(BIRCH, "points", lots[:1], key="O"),
        lambda: engine.open(BIRCH, "points", [("2026-04-01", "2025-12-02", 3), (None, None, 4)], key="O"),
    ):
        with pytest.raises(LedgerError, match="was given before as another"):
            other()
    assert everything_in(engine.store) == before


def test_an_opening_balance_brings_its_lots(engine: Engine) -> None:
    """Each expires on its own day; the grant keeps when it was earned; earnings go on beside it."""
    lots = [("2026-03-01", "2025-09-01", 30), (None, "2025-06-01", 20), ("2026-05-01", "2025-11-01T10:00", 50)]
    engine.open(BIRCH, "points", lots, key="O", at="2026-01-01T12:00", note="from the old system")
    assert expiries(engine, "2026-01-02", BIRCH) == {"2026-02-28": 30, "2026-04-30": 50, "never": 20}
    assert wallet(engine, "2026-03-01", BIRCH) == {"available": 70}
    with engine.store.transaction() as book:
        grant = book.find_grant("O")
    assert [(lot.earned_at, lot.amount) for lot in grant.lots] == [
        (instant("2025-09-01"), 30),
        (instant("2025-06-01"), 20),
        (instant("2025-11-01T10:00"), 50),
    ]
    own = deal("B-1", "2026-01-05", 10, partner="birch")
    engine.submit(own)
    engine.redeem(BIRCH, "points", 85, key="R", at="2026-01-06")
    assert expiries(engine, "2026-01-06", BIRCH) == {"2026-04-30": 5, "never": 20}
    assert_settled(engine, [*HISTORY, own], DAY)


@pytest.mark.parametrize(
    ("lots", "why"),
    [
        ([], "opens nothing"),
        ([("2026-01-01", "2025-09-01", 30)], "are gone on 2026-01-01 already"),
        ([(None, "2026-01-02", 30)], "opened before that"),
        ([(None, "2025-01-02", 0)], "a lot of an opening balance of 0"),
    ],
)
def test_an_opening_that_cannot_be_is_refused(engine: Engine, lots: list[tuple[str, str, int]], why: str) -> None:
    """No lots, lots that are gone or not earned yet, and amounts of nothing."""
    with pytest.raises(LedgerError, match=why):
        engine.open(BIRCH, "points", lots, key="O", at="2026-01-01")


def test_a_redemption_goes_back_to_its_lots(engine: Engine) -> None:
    """In part, the latest expiry first: what stays redeemed is what a smaller redemption would have taken."""
    engine.redeem(ACME, "points", 100, key="K", at="2026-02-20")
    receipt = engine.reverse("K", 50, key="R", at="2026-02-25", note="returned")
    (entry,) = receipt.entries
    assert moves(entry) == [
        ("@reverse", "programme/redeemed", "partner:acme/available", 40, "2026-03-14"),
        ("@reverse", "programme/redeemed", "partner:acme/available", 10, "2026-03-04"),
    ]
    assert entry.corrects == "command:K"
    assert wallet(engine, "2026-02-25") == {"available": 50}
    assert "takes back 50 points of K, because: returned" in str(receipt.explain())
    assert_settled(engine, HISTORY, DAY)


def test_reversals_never_come_to_more_than_the_whole(engine: Engine) -> None:
    """Cut in any parts they sum to what was redeemed, lot by lot, and then it is over."""
    engine.redeem(ACME, "points", 97, key="K", at="2026-02-20")
    rng, left = Random(1), 97
    while left:
        part = min(left, rng.randint(1, 20))
        engine.reverse("K", part, key=f"R-{left}", at="2026-02-21")
        left -= part
        with pytest.raises(LedgerError, match=f"{left} points .* of K can still be reversed, not"):
            engine.reverse("K", left + 1, key="X", at="2026-02-21")
    assert expiries(engine, "2026-02-21") == {"2026-03-04": 60, "2026-03-14": 40}
    with pytest.raises(LedgerError, match=r"0 points .* of K can still be reversed, not more"):
        engine.reverse("K", key="X", at="2026-02-21")
    assert_settled(engine, HISTORY, DAY)


@pytest.mark.parametrize(
    ("currency", "left"), [("points", {}), ("graced", {"2026-04-11": 100}), ("renewed", {"2026-05-01": 100})]
)
def test_a_redemption_that_is_reversed_late_follows_the_policy(
    engine: Engine, currency: str, left: dict[str, int]
) -> None:
    """Its lots expired meanwhile: they are gone, or have ten days, or the expiry of the day."""
    engine.redeem(ACME, currency, 100, key="K", at="2026-02-20")
    engine.reverse("K", key="R", at="2026-04-01")
    assert expiries(engine, "2026-04-01", currency=currency) == left
    assert_settled(engine, HISTORY, DAY)


def test_only_what_expired_meanwhile_follows_the_policy(engine: Engine) -> None:
    """On 10 March the first lot is gone and the second is usable as before."""
    engine.redeem(ACME, "graced", 100, key="K", at="2026-02-20")
    engine.reverse("K", key="R", at="2026-03-10")
    assert expiries(engine, "2026-03-10", currency="graced") == {"2026-03-14": 40, "2026-03-20": 60}
    assert_settled(engine, HISTORY, DAY)


def test_a_capture_can_be_reversed_too(engine: Engine) -> None:
    """It goes to available, not back into the hold."""
    engine.hold(ACME, "points", 80, key="H", at="2026-02-20")
    engine.capture("H", 70, key="C", at="2026-02-21")
    engine.reverse("C", 15, key="R", at="2026-02-22")
    assert wallet(engine, "2026-02-22") == {"available": 35, "held": 10}
    assert expiries(engine, "2026-02-22") == {"2026-03-04": 5, "2026-03-14": 30}
    assert_settled(engine, HISTORY, DAY)


def test_what_a_redemption_owed_comes_back_first(engine: Engine) -> None:
    """A late void left it short; the reversal cancels the debt before it gives points back."""
    engine.redeem(ACME, "points", 100, key="K", at="2026-02-20")
    voided = void("V", "2026-02-22", "D-1")
    engine.submit(voided)
    assert wallet(engine, "2026-02-22") == {"arrears": -60}
    engine.reverse("K", 60, key="R", at="2026-02-23")
    assert wallet(engine, "2026-02-23") == {}
    engine.reverse("K", key="R-2", at="2026-02-24")
    assert expiries(engine, "2026-02-24") == {"2026-03-14": 40}
    assert_settled(engine, [*HISTORY, voided], DAY)


def test_a_late_deal_moves_the_lots_of_a_redemption_and_of_its_reversal(engine: Engine) -> None:
    """Replay chooses the lots again, and gives back those that it chose."""
    engine.redeem(ACME, "points", 70, key="K", at="2026-02-20")
    engine.reverse("K", 20, key="R", at="2026-02-21")
    late = deal("D-0", "2026-01-25", 30)
    engine.submit(late)
    assert expiries(engine, "2026-02-21") == {"2026-03-04": 40, "2026-03-14": 40}
    assert_settled(engine, [*HISTORY, late], DAY)


def test_an_adjustment_is_reversed_from_its_own_lots(engine: Engine) -> None:
    """What was added is taken from its lot first, what was taken goes back where it came from."""
    engine.adjust(ACME, "points", 50, key="A", reason="r", actor="a", expires="2026-09-01", at="2026-02-20")
    (entry,) = engine.reverse("A", 20, key="R", at="2026-02-21").entries
    assert moves(entry) == [("@reverse", "partner:acme/available", "programme/adjusted", 20, "2026-08-31")]
    assert entry.corrects == "command:A"
    engine.adjust(ACME, "points", -30, key="B", reason="r", actor="a", at="2026-02-22")
    (entry,) = engine.reverse("B", key="R-2", at="2026-02-23").entries
    assert moves(entry) == [("@reverse", "programme/adjusted", "partner:acme/available", 30, "2026-03-04")]
    assert expiries(engine, "2026-02-23") == {"2026-03-04": 60, "2026-03-14": 40, "2026-08-31": 30}
    with pytest.raises(LedgerError, match=r"30 points .* of A can still be reversed, not 31"):
        engine.reverse("A", 31, key="R-3", at="2026-02-23")
    assert_settled(engine, HISTORY, DAY)


def test_what_was_added_and_spent_is_not_taken_without_leave(engine: Engine) -> None:
    """With `arrears` the rest is owed."""
    engine.adjust(BIRCH, "points", 50, key="A", reason="r", actor="a", at="2026-02-20")
    engine.redeem(BIRCH, "points", 45, key="K", at="2026-02-20")
    with pytest.raises(InsufficientPoints, match="asked to give back 50 points"):
        engine.reverse("A", key="R", at="2026-02-21")
    engine.reverse("A", key="R", arrears=True, at="2026-02-21")
    assert wallet(engine, "2026-02-21", BIRCH) == {"arrears": -45}
    assert_settled(engine, HISTORY, DAY)


def test_an_opening_is_reversed_from_its_last_lots_on(engine: Engine) -> None:
    """In parts that never overlap."""
    engine.open(BIRCH, "points", [("2026-04-01", None, 30), ("2026-05-01", None, 30)], key="O", at="2026-02-20")
    engine.reverse("O", 40, key="R", at="2026-02-21")
    assert expiries(engine, "2026-02-21", BIRCH) == {"2026-03-31": 20}
    engine.reverse("O", key="R-2", at="2026-02-21")
    assert wallet(engine, "2026-02-21", BIRCH) == {}
    assert_settled(engine, HISTORY, DAY)


def test_what_cannot_be_reversed_says_what_to_do_instead(engine: Engine) -> None:
    """Events are voided, holds released, and the clock follows from the declaration."""
    engine.hold(ACME, "points", 50, key="H", until="2026-02-25", at="2026-02-20")
    engine.release("H", 10, key="L", at="2026-02-21")
    engine.redeem(ACME, "points", 10, key="K", at="2026-02-21")
    engine.reverse("K", key="R", at="2026-02-21")
    engine.advance("2026-04-01")
    clock = next(entry.key for entry in entries_in(engine.store) if entry.key.startswith("clock:"))
    for key, instead in {
        "/D-1": "send a void of it, or a refund",
        "event:/D-1": "send a void of it, or a refund",
        clock: "follows from the declaration and the history",
        "H": "release it",
        "L": "hold the points again",
        "R": "give the command again under a key of its own",
        "nothing": "no command has this key",
    }.items():
        with pytest.raises(LedgerError, match=instead):
            engine.reverse(key, key="X", at="2026-04-02")


def test_a_command_can_be_named_by_its_entry(engine: Engine) -> None:
    """The key of its entry is as good as its own."""
    engine.redeem(ACME, "points", 10, key="K", at="2026-02-21")
    (entry,) = engine.reverse("command:K", key="R", at="2026-02-21").entries
    assert entry.corrects == "command:K"
    assert engine.reverse("command:K", key="R").entries == (entry,)


def test_a_refund_of_a_reissued_lot_takes_what_is_there(engine: Engine) -> None:
    """Points that came back with another expiry are no longer in the award's own lot, and are taken all the same."""
    engine.redeem(ACME, "renewed", 100, key="K", at="2026-02-20")
    engine.reverse("K", key="R", at="2026-04-01")
    refunded = refund("F", "2026-04-02", "D-1")
    engine.submit(refunded)
    assert wallet(engine, "2026-04-02", currency="renewed") == {"available": 40}
    assert_settled(engine, [*HISTORY, refunded], DAY)


def test_clawbacks_leave_at_most_the_limit_owed(engine: Engine) -> None:
    """At base 5 may be owed; the rest of the refund is written off to the programme, and the receipt says so."""
    engine.redeem(ACME, "capped", 100, key="K", at="2026-02-20")
    refunded = refund("F", "2026-02-21", "D-1", 50)
    receipt = engine.submit(refunded)
    capped = [move for move in moves(receipt.entries[0]) if move[0] == "deal-base" and "arrears" in move[1] + move[2]]
    assert capped == [
        ("deal-base", "partner:acme/arrears", "programme/issued", 50, ""),
        ("deal-base", "programme/written_off", "partner:acme/arrears", 45, ""),
    ]
    assert wallet(engine, "2026-02-21", currency="capped") == {"arrears": -5}
    assert "writes 45 capped of it off: at this tier at most 5 capped may be owed" in str(receipt.explain())
    more = refund("F-2", "2026-02-22", "D-2")
    engine.submit(more)
    assert wallet(engine, "2026-02-22", currency="capped") == {"arrears": -5}
    assert_settled(engine, [*HISTORY, refunded, more], DAY)


def test_the_limit_is_that_of_the_tier_before_the_refund(engine: Engine) -> None:
    """At gold 30 may be owed; what is owed is repaid by the next credit."""
    more = [deal("D-3", "2026-02-15", 200), refund("F", "2026-02-21", "D-3")]
    engine.submit(more[0])
    engine.redeem(ACME, "capped", 300, key="K", at="2026-02-20")
    engine.submit(more[1])
    assert wallet(engine, "2026-02-21", currency="capped") == {"arrears": -30}
    more.append(deal("D-4", "2026-02-22", 100))
    engine.submit(more[2])
    assert wallet(engine, "2026-02-22", currency="capped") == {"available": 70}
    assert_settled(engine, [*HISTORY, *more], DAY)


def test_nobody_owes_more_than_before_by_a_lower_limit(engine: Engine) -> None:
    """What grants left owed has no limit, and a clawback writes off no more than its own rest."""
    engine.adjust(ACME, "capped", -150, key="A", reason="r", actor="a", arrears=True, at="2026-02-20")
    assert wallet(engine, "2026-02-20", currency="capped") == {"arrears": -50}
    refunded = refund("F", "2026-02-21", "D-1", 10)
    engine.submit(refunded)
    assert wallet(engine, "2026-02-21", currency="capped") == {"arrears": -50}
    assert_settled(engine, [*HISTORY, refunded], DAY)


def test_a_person_has_wallets_of_its_own(engine: Engine) -> None:
    """All of it works for persons too."""
    engine.adjust(ANN, "points", 10, key="A", reason="r", actor="a", at="2026-02-20")
    engine.hold(ANN, "points", 12, key="H", until="2026-02-22", at="2026-02-20")
    engine.capture("H", 4, key="C", at="2026-02-21")
    engine.reverse("C", key="R", at="2026-02-21")
    assert wallet(engine, "2026-02-22", ANN) == {"available": 15}
    assert_settled(engine, HISTORY, DAY)


def test_never_is_a_day_like_another() -> None:
    """The day of what does not expire can be given back as a statement shows it."""
    engine = new_engine()
    engine.open(ACME, "points", [(NEVER, None, 5)], key="O", at="2026-01-01")
    ((day, amount),) = engine.statement(ACME, "2026-01-01").expiries["points"]
    assert (day, amount) == (NEVER, 5)
    engine.open(BIRCH, "points", [(day, None, amount)], key="O-2", at="2026-01-01")
    assert engine.statement(BIRCH, "2026-01-01").expiries["points"] == ((NEVER, 5),)
