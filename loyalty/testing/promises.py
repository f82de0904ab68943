"""
What the engine promises of every programme, as laws, and the one call that writes them all as tests.

Books, replay, idempotency, arrival and explanation hold by construction of the library; a programme of yours is one
more witness. In a test module of your own::

    from loyalty.testing import check_programme_laws

    check_programme_laws(load("acme.yaml"))

gives ``test_books``, ``test_arrival``, ``test_no_cliff`` and so on, one for each law.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.core.events import Event
from loyalty.engine import Engine
from loyalty.ledger.entries import HOLDER_ACCOUNTS, LOT_ACCOUNTS, Account, EntryKind
from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.store import Store
from loyalty.programme.model import Programme, Role
from loyalty.testing.arrivals import Leg, arrive, differences, netted, settled
from loyalty.testing.fairness import FAIRNESS_LAWS
from loyalty.testing.fairness.search import DIRECTED
from loyalty.testing.laws import Bench, Counterexample, EnoughError, Law, Lead
from loyalty.testing.outcomes import WALLET
from loyalty.testing.stories import tell
from loyalty.testing.strategies import arrivals, grants, histories


def run(programme: Programme, events: Iterable[Event], *, until_day: int | None = None, twice: bool = False) -> Engine:
    """Submit events in the order given, each twice if asked, and advance at the end."""
    engine = Engine(programme, MemoryStore())
    for event in events:
        engine.submit(event)
        if twice:
            engine.submit(event)
    if until_day is not None:
        engine.advance(until_day)
    return engine


def _until(programme: Programme, lead: Lead) -> int:
    return programme.calendar.day_of(max(event.occurred_at for event in lead.events)) + 400


def probe_books(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Submit a history and look at every balance and lot."""
    if not lead.events:
        return
    engine = run(bench.programme, lead.events, until_day=_until(bench.programme, lead))
    with engine.store.transaction() as book:
        totals: Counter[str] = Counter()
        for (_, asset), amount in book.trial_balance().items():
            totals[asset] += amount
        wrong = [f"{asset} is out of balance by {total}" for asset, total in totals.items() if total]
        for holder in book.holders():
            for (name, asset), amount in book.balances(holder).items():
                if amount * HOLDER_ACCOUNTS[name] < 0:
                    wrong.append(f"{holder}/{name} has {amount} {asset}")
                lots = sum(lot.remaining for lot in book.lots(Account(holder, name), asset))
                if name in LOT_ACCOUNTS and lots != amount:
                    wrong.append(f"the lots of {holder}/{name} sum to {lots} {asset}, the balance is {amount}")
    if wrong:
        yield Counterexample(law="books", claim="; ".join(wrong), second=lead.events)


def probe_replay(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Settle again what the store recorded."""
    if not lead.events:
        return
    until = _until(bench.programme, lead)
    engine = run(bench.programme, lead.events, until_day=until)
    with engine.store.transaction() as book:
        recorded = {r.recorded.event.identity: r.recorded.event for h in book.holders() for r in book.received(h)}
        recorded |= {e.identity: e for e in lead.events if book.find_event(e.identity)}
        posted = netted(book.entries())
    replayed = netted(bench.settle(tuple(recorded.values()), until_day=until).settlement.entries)
    yield from _unequal("replay", lead, replayed, posted)


def probe_idempotency(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Submit each event twice, at once and again at the end."""
    once = run(bench.programme, lead.events)
    twice = run(bench.programme, lead.events, twice=True)
    for event in lead.events:
        twice.submit(event)
    with once.store.transaction() as first, twice.store.transaction() as second:
        yield from _unequal("idempotency", lead, netted(first.entries()), netted(second.entries()))


def probe_arrival(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Submit in the order of the history, which need not be that of time, with the clock running on in between."""
    if not lead.events:
        return
    until = _until(bench.programme, lead)
    expected = netted(bench.settle(lead.events, until_day=until).settlement.entries)
    for order in (lead.events, tuple(reversed(lead.events))):
        engine = Engine(bench.programme, MemoryStore())
        for place, event in enumerate(order):
            engine.submit(event)
            if place == len(order) // 2:
                engine.advance(bench.programme.calendar.day_of(event.occurred_at) + 40)
        engine.advance(until)
        with engine.store.transaction() as book:
            yield from _unequal("arrival", Lead(order), expected, netted(book.entries()))


def probe_explanation(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Add up what each explanation says was paid, for each holder, rule and currency, and compare it with the entry."""
    programme = bench.programme
    engine = Engine(programme, MemoryStore())
    for event in sorted(lead.events, key=lambda event: event.key):
        receipt = engine.submit(event)
        kind = programme.events.get(event.kind)
        if kind is None or kind.role not in (Role.NONE, Role.FOLLOWS):
            continue
        said = {key: amount for key, amount in receipt.explain().paid().items() if amount}
        posted: Counter[tuple[str, str, str]] = Counter()
        for entry in receipt.entries:
            for posting in entry.postings if entry.kind is EntryKind.EVENT else ():
                owner, rule = posting.account.owner, posting.rule or "@"
                if owner is not None and posting.account.name in WALLET and not rule.startswith("@"):
                    posted[str(owner), rule, posting.asset] += posting.amount
        for key in sorted({**said, **posted}):
            if said.get(key, 0) != posted[key]:
                yield Counterexample(
                    law="explanation",
                    claim=f"{event.id}, {' '.join(key)}: {said.get(key, 0)} explained, {posted[key]} posted",
                    second=lead.events,
                )


def _unequal(law: str, lead: Lead, expected: dict[Leg, int], got: dict[Leg, int]) -> Iterator[Counterexample]:
    wrong = [leg for leg in {**expected, **got} if expected.get(leg, 0) != got.get(leg, 0)]
    if wrong:
        told = "; ".join(f"{leg}: {got.get(leg, 0)} instead of {expected.get(leg, 0)}" for leg in wrong[:4])
        yield Counterexample(law=law, claim=told, second=lead.events)


#: The laws that hold for every programme, by construction of the library.
ENGINE_LAWS: tuple[Law, ...] = (
    Law(
        name="books", statement="Every asset balances, no balance breaks its bound, lots sum to it.", probe=probe_books
    ),
    Law(name="replay", statement="Settling what was recorded gives what was posted.", probe=probe_replay),
    Law(name="idempotency", statement="An event that comes twice counts once.", probe=probe_idempotency),
    Law(name="arrival", statement="The order of arrival changes nothing in the end.", probe=probe_arrival),
    Law(
        name="explanation", statement="The steps of an explanation add up to what was posted.", probe=probe_explanation
    ),
)


def check_programme_laws(
    programme: Programme,
    *,
    max_examples: int = 25,
    stores: Mapping[str, Callable[[], Store]] | None = None,
    namespace: MutableMapping[str, Any] | None = None,
) -> None:
    """
    Write one test for each law into a test module.

    A law that the programme opts out of becomes a test that is skipped with the reason.

    Args:
        programme: The checked programme.
        max_examples: How many random histories each law looks at, after the directed ones.
        stores: Where arrival is to hold besides memory: by name what gives an empty book each time that it is called.
            Each becomes a test ``test_arrival_on_NAME``, with decisions, transactions and processes that begin anew.
        namespace: Where to put the tests; the caller's module unless given.
    """
    target = sys._getframe(1).f_globals if namespace is None else namespace
    for law in (*ENGINE_LAWS, *FAIRNESS_LAWS):
        target[f"test_{law.name}"] = _as_test(law, programme, max_examples)
    for name, open_book in (stores or {}).items():
        target[f"test_arrival_on_{name}"] = _arrival_test(programme, name, open_book, max_examples)


def _arrival_test(
    programme: Programme, name: str, open_book: Callable[[], Store], max_examples: int
) -> Callable[[], None]:
    @settings(max_examples=max_examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def drawn(data: st.DataObject) -> None:
        history = data.draw(histories(programme, max_events=6))
        decided = data.draw(grants(programme, history))
        arrival = data.draw(arrivals(programme, history, decided))
        instants = [event.occurred_at for event in history] + [grant.at for grant in decided]
        until = max([programme.first_day, *map(programme.calendar.day_of, instants)]) + 450
        wrong = differences(settled(programme, history, decided, until), arrive(programme, open_book(), arrival, until))
        if wrong:
            found = Counterexample(
                law="arrival", claim="; ".join(wrong[:4]), second=tuple(history), grants=tuple(decided)
            )
            raise AssertionError(f"arrival on {name}, as {arrival}:\n{tell(programme, found)}")

    def test() -> None:
        drawn()

    test.__name__ = test.__qualname__ = f"test_arrival_on_{name}"
    test.__doc__ = "The order of arrival changes nothing in the end."
    return test


def _as_test(law: Law, programme: Programme, max_examples: int) -> Callable[[], None]:
    def look(bench: Bench, lead: Lead) -> None:
        found = law.check(bench, lead)
        if found is not None:
            raise AssertionError(f"{law.name}: {law.statement}\n{tell(programme, found)}")

    def test() -> None:
        import pytest

        if law.name in programme.fairness:
            pytest.skip(f"opted out: {programme.fairness[law.name]}")
        bench = Bench(programme, allowance=DIRECTED)
        with suppress(EnoughError):
            for lead in law.leads(bench):
                look(bench, lead)
        bench.allowance = None

        @settings(max_examples=max_examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(histories(programme, max_events=6))
        def drawn(history: list[Event]) -> None:
            look(bench, Lead(tuple(history)))

        drawn()

    test.__name__ = test.__qualname__ = f"test_{law.name}"
    test.__doc__ = law.statement
    return test
