"""A book settled under another programme: nothing differs under its own, and every posting that differs is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from loyalty import Engine, MemoryStore, Programme, load, loads, settle
from loyalty.core.calendar import parse_day
from loyalty.core.holders import Layer
from loyalty.errors import LoyaltyError, ProgrammeError
from loyalty.ledger.kept import moves_of
from loyalty.ledger.store import Store
from loyalty.programme.changing import changed, numbers_of
from loyalty.simulation.resettling import Differing, Resettled, resettle
from tests.engine.scenes import ACME, BIRCH, PROGRAMME, deal, happened, instant, refund, void
from tests.laws.worlds import World, worlds
from tests.settlement.lived_histories import Life, live

PROGRAMMES = Path(__file__).parents[1] / "settlement" / "programmes"
LIVED = ("certifications", "closings", "commands", "holds", "matrix", "owing", "revised_3", "taking_back")


def listed(programme: Programme, store: Store) -> tuple[Resettled, list[Differing]]:
    """Settle a book under a programme, and give what it came to and what differs."""
    found: list[Differing] = []
    return resettle(programme, store, found.append), found


@pytest.mark.parametrize("name", LIVED)
def test_under_its_own_programme_no_posting_of_a_lived_book_differs(name: str) -> None:
    """Late events, corrections and every command included; what stands in each account is what the book has."""
    programme = load(PROGRAMMES / f"{name}.yaml")
    transfers = 0
    for seed in range(4):
        store = live(programme, Random(f"{name}/{seed}"), size=14).engine.store
        came_to, found = listed(programme, store)
        assert (came_to.differing, came_to.holders_differing, came_to.sums, found) == (0, 0, (), [])
        assert came_to.left_out == {}
        with store.transaction() as book:
            stands: Counter[tuple[Layer, str, str]] = Counter()
            for holder in book.holders():
                for (account, asset), amount in book.balances(holder).items():
                    stands[holder.layer, asset, account] += amount
        assert {key: before for key, (before, _) in came_to.balances.items() if before} == {
            key: amount for key, amount in stands.items() if amount
        }
        assert all(before == after for before, after in came_to.balances.values())
        transfers += came_to.transfers
    assert transfers > 50


@pytest.mark.parametrize("name", ["certifications", "matrix", "owing"])
def test_under_another_programme_the_listed_differences_are_those_from_settling_its_history_anew(name: str) -> None:
    """What the book has, with the listed differences, is what settle makes of its facts under the other programme."""
    programme = load(PROGRAMMES / f"{name}.yaml")
    differing = 0
    for seed in range(3):
        rng = Random(f"{name}/{seed}")
        life = live(programme, rng, size=14)
        for other in _changes(programme, rng):
            came_to, found = listed(other, life.engine.store)
            assert came_to.differing == len(found)
            assert _settled_anew(other, life) == _with_differences(life, found)
            differing += len(found)
    assert differing > 5


def _changes(programme: Programme, rng: Random) -> Iterator[Programme]:
    """Change a number that can change postings, four times."""
    numbers = [
        number for number in numbers_of(programme) if number.path.split(".")[0] in ("earn", "tiers", "currencies")
    ]
    for number in rng.sample(numbers, 4):
        try:
            yield changed(programme, {number.path: number.value * 2 + 1})
        except ProgrammeError:
            continue


def _settled_anew(programme: Programme, life: Life) -> Counter[tuple[Any, ...]]:
    grants, until_day = life.grants(), life.clock_day
    moved: Counter[tuple[Any, ...]] = Counter()
    settlement = settle(programme, life.events, grants, counts_from=life.counts_from, until_day=until_day)
    holders = {p.account.owner for entry in settlement.entries for p in entry.postings if p.account.owner is not None}
    for holder in holders:
        for move, amount in moves_of(settlement.entries, holder):
            moved[(str(holder), *move[1:])] += amount
    return Counter({move: amount for move, amount in moved.items() if amount})


def _with_differences(life: Life, found: list[Differing]) -> Counter[tuple[Any, ...]]:
    moved: Counter[tuple[Any, ...]] = Counter()
    with life.engine.store.transaction() as book:
        for holder in book.holders():
            for move, amount in moves_of(book.entries(holder=holder), holder):
                moved[(str(holder), *move[1:])] += amount
    for one in found:
        ends = [one.source, one.target]
        first, second = sorted(ends, key=lambda name: (name.startswith("programme/"), name))
        sign = 1 if (first, second) == (one.source, one.target) else -1
        key = (str(one.holder), one.cause, one.rule, first, second, one.asset, one.expires_day, one.effective_at)
        moved[key] += sign * (one.settled - one.posted)
    return Counter({move: amount for move, amount in moved.items() if amount})


def small_book(store: Store) -> Engine:
    """Live through a spring: two deals of acme, one with a person, a refund, a redemption; a deal of birch."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-06-01"))
    for event in (
        deal("D-1", "2026-01-10", 300, person="ann"),
        deal("D-2", "2026-02-01", 200),
        deal("D-3", "2026-02-02", 100, partner="birch"),
        happened("C-1", "certification.passed", "2026-02-03", track="sales", person="ann"),
        refund("R-1", "2026-04-05", "D-1", 50),
    ):
        engine.submit(event)
    engine.redeem(ACME, "points", 40, key="gift", at="2026-04-10")
    return engine


def test_a_rate_that_is_doubled_lists_each_deal_and_each_refund_with_both_amounts() -> None:
    """
    By hand, at 1 and at 2 points per EUR: 300 EUR, then 200 EUR times 1.25 at gold, of which the quarter's cap of 1,000
    leaves 400 where they would be 500; 100 EUR; and 50 EUR taken back of the first.
    """
    engine = small_book(MemoryStore())
    other = changed(PROGRAMME, {"deal-base.give.partner.points": Decimal(2)})
    came_to, found = listed(other, engine.store)
    assert [
        (one.entry, one.rule, str(one.holder), one.source, one.target, one.posted, one.settled) for one in found
    ] == [
        ("event:/D-1", "deal-base", "partner:acme", "programme/issued", "available", 300, 600),
        ("event:/D-2", "deal-base", "partner:acme", "programme/issued", "available", 250, 400),
        ("event:/R-1", "deal-base", "partner:acme", "available", "programme/issued", 50, 100),
        ("event:/D-3", "deal-base", "partner:birch", "programme/issued", "available", 100, 200),
    ]
    assert came_to.balances[Layer.PARTNER, "points", "available"] == (
        300 + 250 + 50 + 2 * 7 - 50 - 40 + 100,
        600 + 400 + 50 + 2 * 7 - 100 - 40 + 200,
    )
    assert (came_to.holders, came_to.holders_differing) == (3, 2)
    assert [(row.rule, row.source, row.transfers, row.posted, row.settled) for row in came_to.sums] == [
        ("deal-base", "available", 1, 50, 100),
        ("deal-base", "programme/issued", 3, 650, 1200),
    ]


def test_a_person_earns_by_the_tier_that_the_other_programme_gives_the_partner() -> None:
    """In the book the second deal finds gold and pays ann 25; where gold is far it pays her 10."""
    engine = Engine(PROGRAMME, MemoryStore(), clock=lambda: instant("2026-06-01"))
    engine.submit(deal("D-1", "2026-01-10", 300, person="ann"))
    engine.submit(deal("D-2", "2026-02-01", 200, person="ann"))
    other = changed(PROGRAMME, {"tiers.gold.needs": Decimal(2000)})
    _, found = listed(other, engine.store)
    assert [(one.entry, one.asset, one.posted, one.settled) for one in found if one.holder.layer is Layer.PERSON] == [
        ("event:/D-2", "points", 25, 10)
    ]


def test_what_the_other_programme_cannot_take_is_left_out_and_counted() -> None:
    """A certification that is declared no longer is one event, though it reaches a partner and a person."""
    engine = small_book(MemoryStore())
    text = PROGRAMME.source
    start, end = text.index("  - rule: certified"), text.index("  - rule: lead")
    text = (text[:start] + text[end:]).replace("  certification.passed: {track: text}\n", "")
    other = loads(text, "without.yaml")
    came_to, found = listed(other, engine.store)
    [(reason, count)] = came_to.left_out.items()
    assert reason.startswith("certification.passed: ")
    assert count == 1
    assert {(one.rule, one.settled) for one in found} == {("certified", 0), ("@activation", 0)}


def test_a_decision_in_a_currency_that_is_gone_says_what_to_declare() -> None:
    """A redemption is replayed; without its currency that cannot be."""
    engine = small_book(MemoryStore())
    other = loads(PROGRAMME.source.replace("points", "coins"), "coins.yaml")
    with pytest.raises(
        LoyaltyError, match=r"partner:acme has decisions in points, and coins\.yaml has no such currency"
    ):
        listed(other, engine.store)


def test_a_void_and_the_clock_are_settled_as_in_the_book() -> None:
    """Expiry after six months differs by its amount where the rate does (7 are a badge's), a voided deal nowhere."""
    engine = Engine(PROGRAMME, MemoryStore(), clock=lambda: instant("2026-09-01"))
    for event in (deal("D-1", "2026-01-10", 300), deal("D-2", "2026-02-01", 200, partner="birch")):
        engine.submit(event)
    engine.submit(void("V-1", "2026-03-01", "D-2"))
    engine.advance("2026-08-15")
    assert BIRCH is not None
    assert listed(PROGRAMME, engine.store)[1] == []
    _, found = listed(changed(PROGRAMME, {"deal-base.give.partner.points": Decimal(3)}), engine.store)
    expired = [one for one in found if one.target == "programme/expired"]
    assert [(one.posted, one.settled, one.cause) for one in expired] == [(300 + 7, 900 + 7, None)]
    assert expired[0].effective_at == PROGRAMME.calendar.day_start_us(parse_day("2026-07-11"))
    assert {str(one.holder) for one in found} == {"partner:acme"}


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_no_posting_differs_under_its_own_programme_whatever_that_is(world: World) -> None:
    """Programmes and histories that nobody wrote, recorded in a book as an engine records them."""
    store = MemoryStore()
    engine = Engine(world.programme, store)
    for event in sorted(world.events, key=lambda event: event.occurred_at):
        with suppress(LoyaltyError):
            engine.submit(event)
    engine.advance(world.until_day)
    came_to, found = listed(world.programme, store)
    assert (came_to.differing, found, came_to.left_out) == (0, [], {})
    with store.transaction() as book:
        stands = {key for holder in book.holders() for key in book.balances(holder)}
    assert {(account, asset) for (_, asset, account), (here, _) in came_to.balances.items() if here} <= stands
