"""
The law of explanation: the steps of whatever is posted add up to what is posted, late events included.

Of each entry, every transfer is in exactly one step; of each chain, a number is that of the line before; and of a
correction, the steps now less the steps before are what it posts.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from loyalty import Engine, Event, MemoryStore, Programme
from loyalty.core.calendar import format_day
from loyalty.core.holders import Holder
from loyalty.errors import EventRejected, LedgerError
from loyalty.explaining.languages import LANGUAGES
from loyalty.explaining.steps import Explanation, Step
from loyalty.ledger.entries import Entry, EntryKind, Posting
from loyalty.programme.model import Clawback
from loyalty.testing import histories, programmes

from .scenes import entries_in
from .test_arrival import FULL

Sums = Mapping[tuple[str, str], int]

#: Policies that may find less to take than the step names.
_LESS = (Clawback.PENDING_ONLY.value, Clawback.WITHIN_BALANCE.value)


def sums_of(legs: Iterable[Posting]) -> Sums:
    """Sum postings by account and asset."""
    sums: Counter[tuple[str, str]] = Counter()
    for leg in legs:
        sums[leg.account.path, leg.asset] += leg.amount
    return {key: amount for key, amount in sums.items() if amount}


def assert_adds_up(engine: Engine, events: Iterable[Event]) -> None:
    """Ask for every entry and every event."""
    entries = entries_in(engine.store)
    for entry in entries:
        explanation = engine.why(entry)
        assert explanation.moved() == sums_of(entry.postings), entry.key
        assert engine.why(entry.key).moved() in (explanation.moved(), standing_of(entries, entry.cause))
        if entry.kind is EntryKind.CORRECTION:
            assert_corrected(explanation, entry)
        elif entry.kind is EntryKind.EVENT:
            assert_chained(explanation.steps)
            assert_paid(explanation.steps)
        for code in LANGUAGES:
            assert explanation.text(code)
            assert explanation.to_json(code)["steps"] is not None
    for event in events:
        explanation = engine.why(event.identity)
        assert explanation.moved() == standing_of(entries, event.identity), event.identity
        assert_chained(explanation.steps)
        assert_paid(explanation.steps)


def standing_of(entries: Iterable[Entry], cause: str | None) -> Sums:
    """Give what stands for a cause, in all entries."""
    return sums_of(leg for entry in entries for leg in entry.postings if leg.cause == cause)


def assert_chained(steps: Iterable[Step]) -> None:
    """Rate, multiplier, cap, posting: each number is that of the line before."""
    reached: dict[tuple[str, str | None, str | None], int] = {}
    for step in steps:
        key = (step.holder, step.rule, step.currency)
        if step.name == "base":
            reached[key] = step.numbers[1]
        elif step.name == "multiply":
            assert step.numbers[2] == reached[key]
            reached[key] = step.numbers[3]
        elif step.name == "cap":
            place, limit, used, before, after = step.numbers
            assert before == reached[key]
            assert after == max(0, min(before, limit - used)), place
            reached[key] = after
        elif step.name == "paid":
            assert step.numbers[0] == reached[key]
        elif step.name == "nothing":
            assert reached[key] <= 0


def assert_paid(steps: Iterable[Step]) -> None:
    """What a step says that it pays is what it moved; what a reversal takes is what its lots were."""
    steps = list(steps)
    for step in steps:
        if step.name in ("paid", "matured"):
            assert sum(moved.amount for moved in step.moved) == step.numbers[0]
    taken: Counter[tuple[str, str | None, str | None]] = Counter()
    slack: Counter[tuple[str, str | None, str | None]] = Counter()
    for step in steps:
        key = (step.holder, step.rule, step.currency)
        if step.name == "reverse":
            undo, _, _, policy = step.numbers
            taken[key] += undo if policy != Clawback.KEEP.value else 0
            slack[key] += undo if policy in _LESS else 0
    for step in steps:
        if step.name in ("paid", "tier_gift", "badge_gift") or (step.rule or "@").startswith("@"):
            continue
        for moved in step.moved:
            if moved.target == "programme/issued":
                taken[step.holder, step.rule, step.currency] -= moved.amount
    assert all(0 <= left <= slack[key] for key, left in taken.items())


def assert_corrected(explanation: Explanation, entry: Entry) -> None:
    """By cause and rule, what is issued now less what was issued before is what the correction posts."""
    posted: Counter[tuple[str, str, str, str]] = Counter()
    for source, target in zip(entry.postings[::2], entry.postings[1::2], strict=True):
        for one, other in ((source, target), (target, source)):
            if one.account.path == "programme/issued" and not str(one.rule).startswith("@") and one.cause:
                posted[one.cause, str(other.account.owner), str(one.rule), one.asset] -= one.amount
    explained: Counter[tuple[str, str, str, str]] = Counter()
    slack: Counter[tuple[str, str, str, str]] = Counter()
    for corrected in explanation.corrected:
        for side, sign in ((corrected.before, -1), (corrected.now, 1)):
            for step in side.steps:
                key = (side.identity, step.holder, str(step.rule), str(step.currency))
                if step.name == "paid":
                    explained[key] += sign * step.numbers[0]
                elif step.name == "reverse":
                    undo, _, _, policy = step.numbers
                    explained[key] -= sign * undo if policy != Clawback.KEEP.value else 0
                    slack[key] += undo if policy in _LESS else 0
    for key in posted.keys() | explained.keys():
        assert abs(posted[key] - explained[key]) <= slack[key], (entry.key, key)


def live(engine: Engine, events: list[Event], data: st.DataObject) -> None:
    """Submit events in any order, give commands and let time pass between them."""
    programme = engine.programme
    spendable = [name for name, currency in programme.currencies.items() if currency.spendable]
    last = programme.first_day
    for number, event in enumerate(data.draw(st.permutations(events))):
        with contextlib.suppress(EventRejected):
            engine.submit(event)
        last = max(last, programme.calendar.day_of(event.occurred_at))
        does = data.draw(st.sampled_from(["nothing", "nothing", "advance", "redeem", "hold", "adjust"]))
        if does == "advance":
            engine.advance(format_day(last + data.draw(st.integers(0, 400))))
        elif does != "nothing" and spendable:
            holder, currency = Holder.partner(event.partner), data.draw(st.sampled_from(spendable))
            with engine.store.transaction(read_only=True) as book:
                day = max(last, book.clock_day() or 0)
            at = programme.calendar.day_start_us(day + 1)
            with contextlib.suppress(LedgerError):
                if does == "redeem":
                    engine.redeem(holder, currency, data.draw(st.integers(1, 50)), key=f"k{number}", at=at)
                elif does == "hold":
                    engine.hold(holder, currency, data.draw(st.integers(1, 50)), key=f"k{number}", at=at)
                else:
                    engine.adjust(holder, currency, data.draw(st.integers(1, 50)), key=f"k{number}", reason="r",
                                  actor="a", at=at)  # fmt: skip
    engine.advance(format_day(last + data.draw(st.integers(0, 900))))


@given(events=histories(FULL), data=st.data())
def test_every_entry_of_the_full_programme_is_explained(events: list[Event], data: st.DataObject) -> None:
    """Events in any order, commands and time between them: whatever is posted is explained to the unit."""
    engine = Engine(FULL, MemoryStore())
    live(engine, events, data)
    assert_adds_up(engine, events)


@given(programme=programmes(), data=st.data())
def test_every_entry_of_any_programme_is_explained(programme: Programme, data: st.DataObject) -> None:
    """The same for programmes that were drawn as well."""
    engine = Engine(programme, MemoryStore())
    events = data.draw(histories(programme))
    live(engine, events, data)
    with engine.store.transaction(read_only=True) as book:
        accepted = [event for event in events if book.find_event(event.identity) is not None]
    assert_adds_up(engine, accepted)
