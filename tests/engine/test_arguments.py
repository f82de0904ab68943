"""What a host may give the engine, and what it is told where it gives something else."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from loyalty import (
    Engine,
    Event,
    Holder,
    LedgerError,
    LoyaltyError,
    MemoryStore,
    StoreError,
    UsageError,
    loads,
    migrate,
    plan_migration,
    read_event,
    settle,
)
from loyalty.programme.differences import differences
from loyalty.settlement.settle import EXAMPLE

ACME = Holder.partner("acme")
DEAL = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000, fields={"amount": 2_500_000})


def engine_with_a_deal() -> Engine:
    engine = Engine(loads(EXAMPLE), MemoryStore())
    engine.submit(DEAL)
    return engine


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.submit({"on": "deal.won"}),
        lambda engine: engine.preview_all(DEAL),
        lambda engine: engine.advise(ACME, "gold", actions=["deal.won"]),
        lambda _: settle(None, [DEAL]),
        lambda engine: settle(engine.programme, ["D-1"]),
        lambda engine: differences(engine.programme, None),
        lambda engine: engine.advance("soon"),
        lambda engine: engine.advance(10**9),
        lambda engine: engine.advance(3.5),
        lambda engine: engine.statement("acme"),
        lambda engine: engine.statement(ACME, "yesterday"),
        lambda engine: engine.redeem("acme", "points", 1, key="r"),
        lambda engine: engine.redeem("partner:", "points", 1, key="r"),
        lambda engine: engine.adjust("partner:a\x00", "points", 1, key="r", reason="fair", actor="kim"),
        lambda engine: engine.adjust(Holder.person("\ud800"), "points", 1, key="r", reason="fair", actor="kim"),
        lambda engine: engine.redeem(ACME, "points", 1, key="r", at="noon"),
        lambda engine: engine.redeem(ACME, "points", 1, key="r", at=datetime(2026, 3, 1)),
        lambda engine: engine.open(ACME, "points", None, key="r"),
        lambda engine: engine.open(ACME, "points", [("2027-01-01", 5)], key="r"),
        lambda engine: engine.submit(read_event(engine.programme, None)),
        lambda engine: engine.why([]),
        lambda engine: engine.why_not("/D-1", None),
        lambda engine: plan_migration(None, engine.store),
        lambda engine: migrate(None, engine.store, actor="kim", reason="rates"),
    ],
)
def test_an_argument_of_another_kind_is_told_in_words(call: object) -> None:
    """Each is a UsageError that repeats what was got and says what to write; nothing is changed."""
    engine = engine_with_a_deal()
    with pytest.raises(UsageError, match=r"write|outside|load one|make one"):
        call(engine)
    with engine.store.transaction() as tx:
        assert len(list(tx.entries())) == 1


@pytest.mark.parametrize("amount", [2**53 + 1, 10**30])
def test_an_amount_that_no_posting_moves_is_refused(amount: int) -> None:
    """It is refused in words before any store meets it."""
    engine = engine_with_a_deal()
    for call in (
        lambda: engine.open(ACME, "points", [(None, None, amount)], key="o"),
        lambda: engine.adjust(ACME, "points", -amount, key="a", reason="fair", actor="kim", arrears=True),
        lambda: engine.redeem(ACME, "points", amount, key="r"),
    ):
        with pytest.raises(LedgerError, match=r"at most 9007199254740992"):
            call()


def test_instants_days_and_holders_may_be_written_in_each_usual_way() -> None:
    """An ISO time, an aware datetime and microseconds name the same instant; a holder may be its text."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    statements = set()
    for given in ("2026-03-01T12:00:00+00:00", at, int(at.timestamp()) * 1_000_000):
        engine = engine_with_a_deal()
        engine.redeem("partner:acme", "points", 20, key="r", at=given)
        statements.add(tuple(engine.statement(ACME, date(2026, 3, 2)).balances.items()))
    assert statements == {((("available", "points"), 230),)}


def test_a_book_of_another_revision_is_refused() -> None:
    """Changed rules never settle an old book again unnoticed; what to do is said."""
    engine = engine_with_a_deal()
    doubled = loads(EXAMPLE.replace("1 per 100 EUR", "2 per 100 EUR"))
    later = Event(id="D-2", kind="deal.won", partner="acme", occurred_at=1_771_000_000_000_000, fields={"amount": 0})
    with pytest.raises(StoreError, match="loyalty ledger revise"):
        Engine(doubled, engine.store).submit(later)
    with pytest.raises(StoreError, match="loyalty ledger revise"):
        Engine(doubled, engine.store).statement(ACME, "2026-12-31")
    with engine.store.transaction() as tx:
        assert tx.find_event(later.identity) is None
    Engine(loads(EXAMPLE), engine.store).submit(later)
    reading = Engine(doubled, engine.store, any_revision=True)
    assert reading.statement(ACME, "2026-12-31").balances["available", "points"] == 250
    with pytest.raises(StoreError, match="loyalty ledger revise"):
        reading.redeem(ACME, "points", 1, key="r")


def test_all_errors_share_one_base() -> None:
    """A host can catch LoyaltyError alone; usage errors are ValueErrors too."""
    assert issubclass(UsageError, LoyaltyError)
    assert issubclass(UsageError, ValueError)
