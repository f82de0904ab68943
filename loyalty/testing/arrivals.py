"""
The law of arrival: the same events and decisions end in the same state, however they come to a book.

An :class:`Arrival` is one way: an order that need not be that of time, events that come twice, several of them in a
transaction, days on which the clock runs ahead between them, and processes that begin anew. Decisions come as they were
taken, in an order of their own too, and are not taken again.

>>> from loyalty import loads
>>> from loyalty.ledger.memory import MemoryStore
>>> from loyalty.settlement.settle import EXAMPLE
>>> programme = loads(EXAMPLE)
>>> deals = [Event(id=f"D-{n}", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000 + n,
...                fields={"amount": 25_000}) for n in range(3)]
>>> arrival = Arrival((Batch((deals[2], deals[0], deals[2])), Clock(20_500), Batch((deals[1],))))
>>> arrive(programme, MemoryStore(), arrival, 20_600) == settled(programme, deals, (), 20_600)
True
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import evolve, frozen

from loyalty.core.calendar import format_day
from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder
from loyalty.engine import Engine, settle
from loyalty.engine.accepting import Accepting
from loyalty.engine.corrections import resettle
from loyalty.engine.histories import Histories
from loyalty.engine.receipts import Receipt
from loyalty.engine.telling import Telling
from loyalty.ledger.entries import LOT_ACCOUNTS, Account, Entry
from loyalty.ledger.store import Grant, Store, Transaction
from loyalty.programme.model import Programme
from loyalty.settlement.commands import command_of
from loyalty.settlement.history import place_events

#: A posting without the entry that it came in: what two ways of arrival must agree on.
Leg: TypeAlias = tuple[str | None, str | None, str, str, int | None, int]

#: What a book comes to, by what it is (postings, balances, lots, tiers, badges), each by what names it there.
State: TypeAlias = Mapping[str, Mapping[Any, Any]]

#: The decisions of one command, which a book records together.
Command: TypeAlias = tuple[Grant, ...]


@frozen
class Batch:
    """Events that are submitted together, *chunk* of them in a transaction; one by one where it is 0."""

    events: tuple[Event, ...]
    chunk: int = 0


@frozen
class Clock:
    """The book's clock runs to the end of a day."""

    day: int


@frozen
class Anew:
    """Another process takes the book up."""


@frozen
class Arrival:
    """One way in which a history comes to a book."""

    steps: tuple[Batch | Command | Clock | Anew, ...]

    def __str__(self) -> str:
        return "; ".join(map(_step_words, self.steps))


def commands_of(grants: Iterable[Grant]) -> list[Command]:
    """Put the decisions of one command together, each command after those that its holders gave before it."""
    parts: dict[str, list[Grant]] = {}
    given: dict[Holder, dict[str, None]] = {}
    for grant in grants:
        command = command_of(grant)
        parts.setdefault(command, []).append(grant)
        given.setdefault(grant.holder, {})[command] = None
    ordered: list[Command] = []
    while parts:
        # One command of two holders is the first that is left of both.
        command = next(key for key in parts if all(key == next(iter(given[one.holder])) for one in parts[key]))
        ordered.append(tuple(parts.pop(command)))
        for holder in {grant.holder for grant in ordered[-1]}:
            del given[holder][command]
    return ordered


def arrive(
    programme: Programme,
    store: Store,
    arrival: Arrival,
    until_day: int,
    counts_from: Mapping[str, int] | None = None,
) -> State:
    """
    Let a history come to an empty book, and give the state once everything due through a day has happened.

    Args:
        programme: What it is settled under.
        store: An empty book.
        arrival: The way in which it comes.
        until_day: The day, not before that of any fact or clock of the arrival.
        counts_from: UTC microseconds by identity: where events count from that had come too late for their own instant.
    """
    engine = play(programme, store, arrival, counts_from)
    engine.advance(until_day)
    return state_of(engine, until_day)


def play(programme: Programme, store: Store, arrival: Arrival, counts_from: Mapping[str, int] | None = None) -> Engine:
    """Let a history come to an empty book as :func:`arrive` does, and give the last engine over it."""
    engine = _Recorder(programme, store, counts_from or {})
    for step in arrival.steps:
        match step:
            case Batch(events, 0):
                engine.submit_all(events)
            case Batch(events, chunk):
                list(engine.submit_many(events, chunk=chunk))
            case Clock(day):
                engine.advance(day)
            case Anew():
                engine = _Recorder(programme, store, counts_from or {})
            case _:
                engine.record(step)
    return engine


def state_of(engine: Engine, day: int) -> State:
    """Give what a book comes to, whose clock has run through a day."""
    end = engine.programme.calendar.day_start_us(day + 1) - 1
    lots: Counter[tuple[str, str, int]] = Counter()
    with engine.store.transaction(read_only=True) as book:
        holders = list(book.holders())
        balances = {(str(holder), *key): left for holder in holders for key, left in book.balances(holder).items()}
        for holder in holders:
            for name, asset in book.balances(holder):
                for lot in book.lots(Account(holder, name), asset) if name in LOT_ACCOUNTS else ():
                    lots[lot.account.path, asset, lot.expires_day] += lot.remaining
        postings = netted(book.entries())
    statements = [engine.statement(holder, end) for holder in holders]
    return {
        "postings": postings,
        "balances": balances,
        "lots": +lots,
        "tiers": _but_base(engine.programme, {str(one.holder): one.tier for one in statements}),
        "badges": {str(one.holder): one.badges for one in statements if one.badges},
    }


def settled(
    programme: Programme,
    events: Iterable[Event],
    grants: Sequence[Grant],
    until_day: int,
    counts_from: Mapping[str, int] | None = None,
) -> State:
    """Give what a history comes to when it is settled from scratch."""
    settlement = settle(programme, events, grants, counts_from=counts_from, until_day=until_day)
    lots: Counter[tuple[str, str, int]] = Counter()
    for entry in settlement.entries:
        for leg in entry.postings:
            if leg.lot_day is not None:
                lots[leg.account.path, leg.asset, leg.lot_day] += leg.amount
    badges: dict[str, tuple[str, ...]] = {}
    for holder, account, asset in sorted(settlement.balances):
        if account == "standing" and asset.startswith("badge."):
            badges[str(holder)] = (*badges.get(str(holder), ()), asset.removeprefix("badge."))
    holders = {holder for holder, _, _ in settlement.balances}
    return {
        "postings": netted(settlement.entries),
        "balances": {(str(holder), *key): amount for (holder, *key), amount in settlement.balances.items()},
        "lots": {key: left for key, left in lots.items() if left},
        "tiers": _but_base(programme, {str(holder): settlement.tier(holder) for holder in holders}),
        "badges": badges,
    }


def through(
    programme: Programme,
    events: Iterable[Event],
    grants: Iterable[Grant],
    instant: int,
    counts_from: Mapping[str, int] | None = None,
) -> tuple[list[Event], list[Grant]]:
    """
    Give the part of a history that counts from an instant or before, by all that is known of it now.

    An event that stands behind the one that it speaks of counts from that one's instant; a void counts from ever.
    """
    known = list(events)
    counted = {
        item.event.identity for item in place_events(programme, known, counts_from or {}) if item.instant <= instant
    }
    return (
        [event for event in known if event.kind == VOID or event.identity in counted],
        [grant for grant in grants if grant.at <= instant],
    )


def differences(expected: State, got: State) -> list[str]:
    """Say in what a state differs from the one that was expected."""
    return [
        f"{what} {key}: {got[what].get(key)} instead of {expected[what].get(key)}"
        for what in expected
        for key in sorted({**expected[what], **got[what]}, key=str)
        if expected[what].get(key) != got[what].get(key)
    ]


def netted(entries: Iterable[Entry]) -> dict[Leg, int]:
    """Net postings by cause, rule, account, asset, lot and effective instant; what nets to 0 is left out."""
    legs: Counter[Leg] = Counter()
    for entry in entries:
        for leg in entry.postings:
            key = (leg.cause, leg.rule, leg.account.path, leg.asset, leg.lot_day, entry.effective_at)
            legs[key] += leg.amount
    return {key: amount for key, amount in legs.items() if amount}


def unasked(programme: Programme) -> Programme:
    """Give a programme that does not ask how late or how early an event comes: what is submitted counts as accepted."""
    earlier = tuple(evolve(one, accept_late=None, accept_early=None) for one in programme.earlier)
    return evolve(programme, accept_late=None, accept_early=None, earlier=earlier)


class _Recorder(Engine):
    """
    An engine that takes facts which another one accepted and decided: it settles them and decides nothing.

    Args:
        counts_from: The verdicts on events that came too late, as they were recorded.
    """

    def __init__(self, programme: Programme, store: Store, counts_from: Mapping[str, int]) -> None:
        super().__init__(programme, store)
        self._counts_from = counts_from
        self._unasked = unasked(programme)

    def record(self, grants: Sequence[Grant]) -> None:
        """Record the decisions of one command, at whatever time it comes."""
        holders = sorted({grant.holder for grant in grants})

        def work(tx: Transaction) -> None:
            for grant in grants:
                tx.add_grant(grant)
            # What a decision moves is known from the whole book alone, for no event brought it.
            telling = Telling(self.programme, None)
            histories = Histories(self._steps, telling)
            telling.post(tx, resettle(histories, tx, holders, command_of(grants[0]), self._clock()))

        self._change(work, holders=holders)

    def _accepting(self, tx: Transaction) -> Accepting:
        return Accepting(self._unasked, self._histories, tx, self.store.transaction)

    def _take(self, accepting: Accepting, event: Event, recorded_at: int | None) -> Receipt:
        if accepting.tx.find_event(event.identity) is None:
            at = self._clock() if recorded_at is None else recorded_at
            accepting.accept(event, at, counts_from=self._counts_from.get(event.identity))
            # What it posted for a closed holder was moved on by decisions that are among those recorded.
            self._histories.take_closed()
        return super()._take(accepting, event, recorded_at)


def _step_words(step: Batch | Command | Clock | Anew) -> str:
    match step:
        case Batch(events, chunk):
            together = f" ({chunk} to a transaction)" if chunk else ""
            return ", ".join(event.id for event in events) + together
        case Clock(day):
            return f"the clock to {format_day(day)}"
        case Anew():
            return "another process"
        case _:
            return f"command {command_of(step[0])}"


def _but_base(programme: Programme, tiers: Mapping[str, str]) -> dict[str, str]:
    base = programme.ladder.tiers[0].name
    return {holder: tier for holder, tier in tiers.items() if tier != base}
