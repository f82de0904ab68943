"""A book that goes on under a longer chain of revisions, and one that must not."""

from __future__ import annotations

import pytest

from loyalty import Engine, Event, Holder, Programme, loads, read_event, settle
from loyalty.core.calendar import parse_day
from loyalty.engine.replaying import replay_book
from loyalty.errors import StoreError
from loyalty.ledger.store import Store
from loyalty.programme.revisions import in_force_at

ACME = Holder.partner("acme")

FIRST = """\
language: 1
programme: {id: acme, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {expires: {after: 6 months}}
  status: {spendable: false}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}}
  deal.refunded: {refunds: deal.won}
metrics:
  status_ever: {earned: status, window: lifetime}
earn:
  - rule: deal
    on: deal.won
    of: event.amount
    give: {partner: {points: 1 per 1 EUR, status: 1}, person: {points: {by_tier: {base: 1, silver: 2, gold: 3}}}}
    cap: {points: 1000, per: quarter}
tiers:
  ladder:
    - {tier: silver, needs: status_ever >= 1}
    - {tier: gold, needs: status_ever >= 3}
"""

SECOND = (
    FIRST.replace("currencies:", "revision: {from: 2026-07-01}\ncurrencies:")
    .replace("1 per 1 EUR", "2 per 1 EUR")
    .replace("points: 1000", "points: 600")
    .replace("    - {tier: silver, needs: status_ever >= 1}\n", "    - {tier: bronze, needs: status_ever >= 2}\n")
    .replace("base: 1, silver: 2, gold: 3", "base: 1, bronze: 5, gold: 9")
)

ONE = loads(FIRST, file="first.yaml")
TWO = loads(SECOND, file="second.yaml", before=ONE)


def deal(id: str, at: str, euros: int = 100, programme: Programme = TWO) -> Event:
    raw = {"on": "deal.won", "id": id, "partner": "acme", "person": "ann", "at": at, "amount": f"{euros}.00 EUR"}
    return read_event(programme, raw)


DEALS = [deal("A", "2026-05-10"), deal("B", "2026-06-20"), deal("C", "2026-07-05"), deal("D", "2026-08-01", 700)]


def available(store: Store) -> int:
    with store.transaction(read_only=True) as tx:
        return tx.balances(ACME).get(("available", "points"), 0)


def test_a_revision_is_added_while_nothing_of_its_days_was_settled(store: Store) -> None:
    """The same book goes on under the longer chain, and ends as settlement of the whole history does."""
    Engine(ONE, store).submit_all(DEALS[:2])
    engine = Engine(TWO, store)
    engine.submit_all(DEALS[2:])
    engine.advance("2026-12-31")
    settled = settle(TWO, DEALS, until_day=parse_day("2026-12-31"))
    with store.transaction(read_only=True) as tx:
        assert tx.balances(ACME) == {
            (account, asset): n for (who, account, asset), n in settled.balances.items() if who == ACME
        }
        names = {entry.revision for entry in tx.entries()}
        assert names == {ONE.revision, TWO.revision}
        assert all(entry.revision == in_force_at(TWO, entry.effective_at).revision for entry in tx.entries())
    assert replay_book(TWO, store).findings == ()


def test_a_revision_may_be_replaced_before_its_days_come(store: Store) -> None:
    """It was announced and never in force, so another one may stand in its place."""
    Engine(ONE, store).submit_all(DEALS[:1])
    Engine(TWO, store).submit_all(DEALS[1:2])
    other = loads(SECOND.replace("2 per 1 EUR", "3 per 1 EUR"), before=ONE)
    Engine(other, store).submit_all(DEALS[2:3])
    assert available(store) == 100 + 100 + 300


@pytest.mark.parametrize("reached", ["event", "clock"])
def test_a_revision_that_begins_in_settled_days_is_refused(store: Store, reached: str) -> None:
    """Whether an event came from after its first day or the clock passed it; nothing is changed."""
    engine = Engine(ONE, store)
    engine.submit_all(DEALS[:2])
    if reached == "event":
        engine.submit(deal("C", "2026-07-05", programme=ONE))
    else:
        engine.advance("2026-07-01")
    before = available(store)
    with pytest.raises(StoreError, match="the revision of 2026-07-01 comes too late for this book"):
        Engine(TWO, store).submit(DEALS[3])
    assert available(store) == before


def test_a_book_that_follows_a_revision_is_not_read_without_it(store: Store) -> None:
    """Neither by the first file alone, nor by another second one, once something of its days was settled."""
    Engine(TWO, store).submit_all(DEALS[:3])
    for other in (ONE, loads(SECOND.replace("2 per 1 EUR", "3 per 1 EUR"), before=ONE)):
        with pytest.raises(StoreError, match=f"{TWO.revision} from 2026-07-01, and"):
            Engine(other, store).submit(DEALS[3])
    Engine(TWO, store).submit(DEALS[3])


def test_an_event_that_moves_nothing_holds_its_revision_too(store: Store) -> None:
    """A deal of nothing in July earns nothing under either revision; still its day is over."""
    quiet = FIRST.replace("    of: event.amount\n", '    when: event.amount > money("1 EUR")\n    of: event.amount\n')
    first = loads(quiet)
    Engine(first, store).submit_all(DEALS[:1])
    Engine(first, store).submit(deal("N", "2026-07-02", 0, programme=ONE))
    second = loads(SECOND, before=first)
    with pytest.raises(StoreError, match="the revision of 2026-07-01 comes too late for this book"):
        Engine(second, store).submit(DEALS[3])


def test_an_event_late_into_the_earlier_revision_settles_under_it(store: Store) -> None:
    """A deal of June that comes in August earns by June's rate, and June's cap; later entries are corrected."""
    engine = Engine(TWO, store)
    engine.submit_all([DEALS[0], DEALS[2], DEALS[3]])
    receipt = engine.submit(DEALS[1])
    assert [entry.revision for entry in receipt.entries if entry.key == "event:/B"] == [ONE.revision]
    settled = settle(TWO, DEALS)
    with store.transaction(read_only=True) as tx:
        for holder in (ACME, Holder.person("ann")):
            held = {(account, asset): n for (who, account, asset), n in settled.balances.items() if who == holder}
            assert tx.balances(holder) == held
    assert replay_book(TWO, store).findings == ()


def test_why_is_read_by_the_revision_of_each_entry(store: Store) -> None:
    """The same question about a deal of each revision names its own rate, also when a third revision has come."""
    Engine(TWO, store).submit_all(DEALS)
    third = (
        SECOND.replace("2026-07-01", "2027-01-01").replace("rule: deal\n", "rule: deals\n").replace("2 per", "7 per")
    )
    engine = Engine(loads(third, before=TWO), store)
    assert "1 point per 1.00 EUR" in str(engine.why("/A"))
    assert "2 points per 1.00 EUR" in str(engine.why("/C"))
    met = {
        id: next(f"at tier {t}" for t in ("base", "silver", "gold") if f"at tier {t}" in str(engine.why(f"/{id}")))
        for id in "ABCD"
    }
    assert met == {"A": "at tier base", "B": "at tier silver", "C": "at tier base", "D": "at tier gold"}


def test_a_refund_in_the_later_revision_says_whose_rule_it_reverses(store: Store) -> None:
    """Its steps are those of the first revision's rate, named by it, and add up to what is taken back."""
    engine = Engine(TWO, store)
    engine.submit_all(DEALS[:2])
    engine.submit(read_event(TWO, {"on": "deal.refunded", "id": "R", "of": "A", "at": "2026-07-10"}))
    explanation = engine.why("/R")
    left = [step.text for step in explanation.steps if step.name == "base"]
    assert all(text.endswith("by the rule of the revision in force from 2026-01-01") for text in left)
    taken = [step for step in explanation.steps if step.name == "reverse" and step.currency == "points"]
    assert [(step.rule, step.numbers[0]) for step in taken] == [("deal", 100), ("deal", 1)]
