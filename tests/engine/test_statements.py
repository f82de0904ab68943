"""Statements say what is there and how it came about, at one instant and by what was known at another."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from loyalty import Engine, Holder, MemoryStore, UsageError, load, settle
from loyalty.core.events import VOID
from loyalty.engine.receipts import Page
from loyalty.ledger.store import Store
from tests.settlement.histories import history

from .conftest import OpenBook
from .scenes import ACME, PROGRAMME, deal, entries_in, happened, instant, refund

ROOT = Path(__file__).parents[2]
PROGRAMMES = [PROGRAMME, load(ROOT / "tests" / "settlement" / "programmes" / "commands.yaml")]


def engine_at(store: Store, *instants: str) -> Engine:
    """An engine whose clock shows one instant after the other, and then stays at the last; its book has begun."""
    times = [instant(at) for at in instants[:1] + instants]
    return Engine(PROGRAMME, store, clock=lambda: times.pop(0) if len(times) > 1 else times[0])


def told(page: Page) -> list[tuple[str, str | None, str, int, int]]:
    """Give what is printed of lines: entry, rule, account, amount and balance."""
    return [(line.entry_key, line.rule, line.account, line.amount, line.balance) for line in page.lines]


def test_lines_come_in_the_order_of_posting(store: Store) -> None:
    """What comes late stands last, with the balance that was there then; the newest can come first."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-04-01"))
    engine.submit(deal("D-2", "2026-02-10", 40))
    engine.redeem("partner:acme", "points", 10, key="o", at=instant("2026-02-11"))
    engine.submit(deal("D-1", "2026-02-01", 3))
    page = engine.lines("partner:acme", "points")
    assert told(page) == [
        ("event:/D-2", "deal-base", "available", 40, 40),
        ("command:o", "@redeem", "available", -10, 30),
        ("event:/D-1", "deal-base", "available", 3, 33),
        # The redemption takes now what expires sooner, and gives back what it took before.
        ("correction:/D-1:1770764400000000", "@redeem", "available", -3, 30),
        ("correction:/D-1:1770764400000000", "@redeem", "available", 3, 33),
    ]
    assert (page.opening, page.closing, page.next) == ({}, {"available": 33}, None)
    assert engine.balances(ACME)["available", "points"] == 33
    newest = engine.lines(ACME, "points", limit=2, newest_first=True)
    assert told(newest) == told(page)[:-3:-1]
    rest = engine.lines(ACME, "points", limit=3, newest_first=True, after=newest.next)
    assert (rest.closing, told(rest)) == (newest.opening, told(page)[2::-1])


def test_a_statement_of_a_period(store: Store) -> None:
    """A month has its lines in the order in which they count, an opening and a closing balance."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-12-01"))
    engine.submit(deal("D-1", "2026-01-10", 100))
    engine.submit(deal("D-3", "2026-02-20T18:00", 40))
    engine.redeem(ACME, "points", 30, key="o", at=instant("2026-03-02"))
    engine.submit(deal("D-2", "2026-02-03", 60))
    page = engine.lines_between(ACME, "points", "2026-02-01", "2026-02-28")
    assert told(page) == [
        ("event:/D-2", "deal-base", "available", 60, 167),
        ("event:/D-3", "deal-base", "available", 40, 207),
    ]
    # The badge's gift came with the first deal.
    assert page.opening == {"available": 107}
    assert page.closing == {"available": 207}
    assert engine.lines_between(ACME, "points", "2026-03-01").opening == page.closing


def test_what_was_known_then(store: Store) -> None:
    """A balance at one instant by what was known at another, and the lines that it came from."""
    engine = engine_at(store, "2026-02-04T10:00", "2026-03-05T10:00", "2026-06-01T10:00")
    engine.submit(deal("D-1", "2026-02-03", 100))
    engine.submit(deal("D-0", "2026-01-20", 50))
    key = ("available", "points")
    assert engine.statement(ACME, "2026-02-28", known_at="2026-02-28").balances[key] == 107
    assert engine.statement(ACME, "2026-02-28", known_at="2026-03-05").balances[key] == 157
    assert engine.balances(ACME, "2026-01-31", known_at="2026-02-28") == {}
    assert engine.balances(ACME, "2026-01-31")[key] == 57
    before = engine.lines_between(ACME, "points", until="2026-02-28", known_at="2026-02-28")
    assert told(before) == [
        ("event:/D-1", "deal-base", "available", 100, 100),
        ("event:/D-1", "@badge.starter", "available", 7, 107),
    ]
    after = engine.lines_between(ACME, "points", until="2026-02-28")
    assert [(line.entry_key, line.amount, line.balance) for line in after.lines][:2] == [
        ("event:/D-0", 50, 50), ("event:/D-0", 7, 57)]  # fmt: skip
    assert after.closing == {"available": 157}
    known = engine.statement(ACME, "2026-02-28", known_at="2026-02-28").expiries["points"]
    assert sum(amount for _, amount in known) == 107


def test_all_expiries_with_their_last_day_and_instant(store: Store) -> None:
    """Every bucket is told, soonest first, with the day through which it can be used and the instant it is gone."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-04-01"))
    engine.submit(deal("D-1", "2026-02-03", 100))
    engine.submit(deal("D-2", "2026-03-31", 40))
    engine.redeem(ACME, "points", 30, key="o", at=instant("2026-04-01"))
    found = engine.expiries("partner:acme")
    assert [(one.currency, one.amount, one.last_usable_day) for one in found] == [
        ("points", 77, date(2026, 8, 3)), ("points", 40, date(2026, 9, 30))]  # fmt: skip
    gone = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found[0].expires_at)
    assert gone == datetime(2026, 8, 3, 22, 0, tzinfo=UTC)
    assert engine.statement(ACME, found[0].expires_at - 1).balances["available", "points"] == 117
    assert engine.statement(ACME, found[0].expires_at).balances["available", "points"] == 40
    assert [one.amount for one in engine.expiries(ACME, "2026-08-04")] == [40]


def test_what_is_due_is_in_a_statement_and_has_no_line(store: Store) -> None:
    """Before the clock has run, a statement shows what matured; by what was known it does not, and no line says it."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-03-20"))
    engine.submit(happened("C-1", "certification.passed", "2026-02-03", person="ann", track="a"))
    assert engine.balances(ACME, "2026-02-20") == {("pending", "points"): 50}
    assert engine.balances(ACME) == {("available", "points"): 50}
    assert engine.balances(ACME, known_at="2026-03-20") == {("pending", "points"): 50}
    assert [line.account for line in engine.lines(ACME, "points").lines] == ["pending"]
    engine.advance("2026-03-20")
    assert engine.balances(ACME, known_at="2026-03-20") == engine.balances(ACME)
    assert [(line.account, line.kind.value) for line in engine.lines(ACME, "points").lines] == [
        ("pending", "event"), ("pending", "timer"), ("available", "timer")]  # fmt: skip


def test_reading_changes_nothing(open_book: OpenBook) -> None:
    """Statements of the future leave the engine's state where it was, in this process and in the next."""
    store = open_book()
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-03-01"))
    engine.submit(deal("D-1", "2026-02-03", 300))
    before = entries_in(store)
    far = engine.statement(ACME, "2029-01-01")
    assert far.balances == {("standing", "badge.starter"): 1, ("available", "status"): 30}
    assert (far.tier, far.expiries["points"]) == ("base", ())
    assert engine.statement(ACME, "2026-03-01").tier == "gold"
    assert Engine(PROGRAMME, open_book()).statement(ACME, "2029-01-01") == far
    engine.submit(deal("D-2", "2026-03-01", 100))
    assert entries_in(store)[: len(before)] == before
    assert engine.balances(ACME)["available", "points"] == 300 + 7 + 125


@pytest.mark.parametrize("seed", range(12))
def test_statements_agree_with_settlement_at_any_day(seed: int) -> None:
    """The statement of each day is what settlement of the facts up to it says, and so are the sums of lines."""
    rng, programme = Random(seed), PROGRAMMES[seed % 2]
    drawn = history(programme, rng, size=12)
    engine = Engine(programme, MemoryStore(), clock=lambda: instant("2040-01-01"))
    for event in drawn.events:
        engine.submit(event)
    days = {programme.calendar.day_of(event.occurred_at) + later for event in drawn.events for later in (0, 20)}
    for day in sorted(days | {drawn.until_day}):
        until = programme.calendar.day_start_us(day + 1)
        facts = [event for event in drawn.events if event.kind == VOID or event.occurred_at < until]
        expected: dict[Holder, dict[tuple[str, str], int]] = {}
        for (owner, account, asset), amount in settle(programme, facts, until_day=day).balances.items():
            expected.setdefault(owner, {})[account, asset] = amount
        for holder in {Holder.partner(event.partner) for event in drawn.events}:
            assert dict(engine.statement(holder, day_text(day)).balances) == expected.get(holder, {})
            for currency in programme.currencies:
                between = engine.lines_between(holder, currency, until=day_text(day), limit=10_000)
                sums: Counter[str] = Counter()
                for line in between.lines:
                    sums[line.account] += line.amount
                assert {name: amount for name, amount in sums.items() if amount} == between.closing


@pytest.mark.parametrize("seed", range(6))
def test_pages_join_to_the_whole(store: Store, seed: int) -> None:
    """Three lines at a time are the same lines, with the same balances at the end, in either order."""
    drawn = history(PROGRAMME, Random(100 + seed), size=20)
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2040-01-01"))
    list(engine.submit_many(drawn.events, chunk=8))
    for reading in (engine.lines, engine.lines_between):
        whole = reading(ACME, "points", limit=10_000)
        assert whole.next is None
        pages = [reading(ACME, "points", limit=3)]
        while pages[-1].next is not None:
            pages.append(reading(ACME, "points", limit=3, after=pages[-1].next))
            assert pages[-1].opening == pages[-2].closing
        assert [line for page in pages for line in page.lines] == list(whole.lines)
        assert pages[-1].closing == whole.closing


def day_text(day: int) -> str:
    """Write a day."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def test_a_place_belongs_to_its_reading(store: Store) -> None:
    """A place of another order, another text and a wrong limit are refused with what to give."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-12-01"))
    for number in range(5):
        engine.submit(deal(f"D-{number}", f"2026-02-0{number + 1}", 1))
    place = engine.lines(ACME, "points", limit=2).next
    assert place == "posted/available=2"
    with pytest.raises(UsageError, match="the same method"):
        engine.lines(ACME, "points", limit=2, after=place, newest_first=True)
    with pytest.raises(UsageError, match="the same method"):
        engine.lines_between(ACME, "points", limit=2, after="effective/at=x")
    with pytest.raises(UsageError, match="1 to 10000"):
        engine.lines(ACME, "points", limit=0)
    with pytest.raises(UsageError, match="the programme has points, status"):
        engine.lines(ACME, "miles")


def test_a_page_ignores_what_is_posted_meanwhile(store: Store) -> None:
    """Whoever leafs back from the newest line sees the same lines, whatever comes in between."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-12-01"))
    for number in range(6):
        engine.submit(deal(f"D-{number}", f"2026-02-0{number + 1}", 1))
    engine.submit(refund("R-1", "2026-03-01", "D-1"))
    expected = [line.entry_key for line in engine.lines(ACME, "points").lines][::-1]
    first = engine.lines(ACME, "points", limit=3, newest_first=True)
    engine.submit(deal("D-9", "2026-03-05", 1))
    second = engine.lines(ACME, "points", limit=100, newest_first=True, after=first.next)
    assert [line.entry_key for page in (first, second) for line in page.lines] == expected
