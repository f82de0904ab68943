"""
An engine lives through random days on every store at once, beside the slow auditor, and all agree after each step.

Events come in any order, twice, and with another body; points are redeemed, held, moved, adjusted and taken back; time
passes; the host takes back what was done; engines begin anew. On each database one engine opens its own transactions
and another one joins a host's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, ClassVar

import pytest
from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from loyalty import Engine, Event, EventConflict, Holder, LoyaltyError, MemoryStore, Receipt
from loyalty.core.calendar import format_day
from loyalty.ledger.entries import Account
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.ledger.store import Grant, Store
from loyalty.ledger.verify import verify
from tests.auditor import audit
from tests.engine.scenes import netted
from tests.engine.wallets import PROGRAMME

_CALENDAR = PROGRAMME.calendar
_FIRST_DAY = _CALENDAR.day_of(_CALENDAR.parse_instant_us("2026-01-05"))
_LAST_DAY = _CALENDAR.day_of(_CALENDAR.parse_instant_us("2026-09-30"))

_PARTNERS, _PERSONS = ("acme", "birch", "cedar"), ("ann", "bob")
_HOLDERS = tuple(map(Holder.partner, _PARTNERS)) + tuple(map(Holder.person, _PERSONS))
_SPENDABLE = ("points", "graced", "renewed", "capped")
_ACCOUNTS = ("pending", "available", "held", "arrears")

_holders, _currencies, _amounts = st.sampled_from(_HOLDERS), st.sampled_from(_SPENDABLE), st.integers(1, 60)

#: What is done to one engine.
Step = Callable[[Engine], Any]


class _Undone(Exception):
    """The host's own reason to take everything back."""


class _Side:
    """One store with its engine, and the host's session if it joins one."""

    def __init__(self, open_store: Callable[[], Store], now: Callable[[], int], host: Session | None = None) -> None:
        self._open_store, self._now, self._host = open_store, now, host
        self.begin_anew()

    def begin_anew(self) -> None:
        """Take another engine, as a process that was started again would."""
        self.engine = Engine(PROGRAMME, self._open_store(), clock=self._now)

    def do(self, step: Step) -> Any:
        """Take a step and keep it, and give what can be compared of what came of it."""
        try:
            return _seen(step(self.engine))
        except LoyaltyError as error:
            # How the first command is told differs in the order in which its notes are kept.
            return type(error), str(error).partition(" was given before as ")[0]
        finally:
            if self._host is not None:
                self._host.commit()

    def undo(self, step: Step) -> None:
        """Take a step and have the host take it back."""
        if self._host is not None:
            self.attempt(step)
            self._host.rollback()
            return
        with suppress(_Undone), self.engine.store.transaction():
            self.attempt(step)
            raise _Undone

    def attempt(self, step: Step) -> None:
        """Take a step, whatever comes of it."""
        with suppress(LoyaltyError):
            step(self.engine)


class LivingEngine(RuleBasedStateMachine):
    """The steps of a host, and what must be so after each."""

    #: Where every example has books of its own.
    postgresql: ClassVar[Database]
    books: ClassVar[Iterator[int]] = count()

    @initialize()
    def start(self) -> None:
        """Open a book on each side."""
        self.day, self.numbers, self.has_ended = _FIRST_DAY, count(1), False
        self.events: dict[str, Event] = {}
        self.commands: list[tuple[str, str]] = []
        self.databases = [create_engine("sqlite://"), create_engine("sqlite://")]
        for database in self.databases:
            create_tables(database)
        own, joined = self.databases
        book = f"example {next(self.books)}"
        self.hosts = [Session(joined), Session(self.postgresql)]
        memory = MemoryStore()
        self.sides = [
            _Side(lambda: memory, self.now),
            _Side(lambda: SqlStore(own), self.now),
            _Side(lambda: SqlStore(self.postgresql, book=book), self.now),
            *(_Side(lambda host=host: SqlStore(host, book=f"{book} joined"), self.now, host) for host in self.hosts),  # type: ignore[misc]
        ]

    def teardown(self) -> None:
        """Compare every posting with the auditor's, once all has happened that was due, and close the books."""
        if not hasattr(self, "sides"):
            return
        self.all_do(lambda engine: engine.advance(_LAST_DAY))
        with self.sides[0].engine.store.transaction(read_only=True) as book:
            posted = netted(book.entries())
        assert posted == self.audited().netted()
        for host in self.hosts:
            host.close()
        for database in self.databases:
            database.dispose()

    # What is done.

    @rule(days=st.sampled_from([0, 1, 1, 7, 31]))
    def tick(self, days: int) -> None:
        """Let days pass."""
        self.day = min(self.day + days, _LAST_DAY - 1)

    @rule(data=st.data(), late=st.sampled_from([0, 0, 0, 1, 20]))
    def submit(self, data: st.DataObject, late: int) -> None:
        """Submit something new."""
        event = self.draw_event(data, late)
        assert type(self.all_do(lambda engine: engine.submit(event))) is dict
        self.events[event.identity] = event

    @precondition(lambda self: self.events)
    @rule(data=st.data(), changed=st.booleans())
    def submit_again(self, data: st.DataObject, changed: bool) -> None:
        """Submit something known, as it was or with another body."""
        event = data.draw(st.sampled_from(list(self.events.values())))
        if changed:
            event = evolve(event, occurred_at=event.occurred_at + 1)
        outcome = self.all_do(lambda engine: engine.submit(event))
        assert outcome[0] is EventConflict if changed else outcome["identity"] == event.identity

    @rule(data=st.data(), size=st.integers(1, 6), chunk=st.integers(1, 4))
    def submit_many(self, data: st.DataObject, size: int, chunk: int) -> None:
        """Submit several, a transaction for some of them; among them are a known one and one with another body."""
        events = [self.draw_event(data, late) for late in [0, 9, 0, 40, 0, 0][:size]]
        events += [events[0], evolve(events[0], occurred_at=events[0].occurred_at + 1)]
        events += list(self.events.values())[:1]

        def step(engine: Engine) -> Any:
            refused: list[str] = []
            told = engine.submit_many(events, chunk=chunk, refused=lambda event, _error: refused.append(event.identity))
            return [*told], refused

        receipts, refused = self.all_do(step)
        assert refused == [events[0].identity]
        assert [receipt["identity"] for receipt in receipts] == [
            event.identity for place, event in enumerate(events) if place != size + 1
        ]
        self.events |= {event.identity: event for event in events[:size]}

    @rule(kind=st.sampled_from(["redeem", "hold"]), holder=_holders, currency=_currencies, amount=_amounts)
    def spend(self, kind: str, holder: Holder, currency: str, amount: int) -> None:
        """Redeem or hold: it is given if so much is available at the end of the day, and refused otherwise."""
        available = self.audited().balance(holder, "available", currency, self.day)
        until = format_day(self.day + 9) if kind == "hold" else None
        options: dict[str, Any] = {"until": until} if until and amount % 2 else {}
        outcome = self.command(kind, holder, currency, amount, **options)
        if not self.is_closed(holder):
            assert ("identity" in outcome) == (amount <= available), (available, outcome)

    @precondition(lambda self: self.commands)
    @rule(
        data=st.data(),
        name=st.sampled_from(["capture", "release", "reverse"]),
        amount=st.none() | st.integers(1, 30),
        option=st.booleans(),
    )
    def carry_on(self, data: st.DataObject, name: str, amount: int | None, option: bool) -> None:
        """Go on with an earlier command, whether it allows that or not."""
        kinds = ("hold",) if name != "reverse" else ("redeem", "capture", "adjust", "transfer", "open")
        known = [key for key, kind in self.commands if kind in kinds] or [self.commands[0][0]]
        options = {"capture": {"final": option}, "reverse": {"arrears": option}}.get(name, {})
        self.command(name, data.draw(st.sampled_from(known)), amount, **options)

    @rule(holder=_holders, currency=_currencies, amount=_amounts, taken=st.booleans(), arrears=st.booleans())
    def adjust(self, holder: Holder, currency: str, amount: int, taken: bool, arrears: bool) -> None:
        """Add or take by hand."""
        signed = -amount if taken else amount
        self.command("adjust", holder, currency, signed, reason="by hand", actor="clerk", arrears=arrears)

    @rule(giver=_holders, taker=_holders, currency=st.sampled_from(["points", "graced"]), amount=_amounts)
    def transfer(self, giver: Holder, taker: Holder, currency: str, amount: int) -> None:
        """Move points, within a group or to anyone."""
        self.command("transfer", giver, taker, currency, amount)

    @rule(holder=_holders, currency=_currencies, amounts=st.lists(_amounts, min_size=1, max_size=3))
    def open(self, holder: Holder, currency: str, amounts: list[int]) -> None:
        """Import an opening balance."""
        lots = [(format_day(self.day + 5 * place), None, amount) for place, amount in enumerate(amounts, start=1)]
        self.command("open", holder, currency, lots)

    @precondition(
        lambda self: len(self.events) > 3 and not any(kind in ("merge", "close") for _, kind in self.commands)
    )
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """Merge a holder into another one, or close it; once, for a book of closed holders has little to tell."""
        self.has_ended = True
        one, other = data.draw(st.sampled_from([(_HOLDERS[1], _HOLDERS[0]), (_HOLDERS[4], _HOLDERS[3])]))
        if data.draw(st.booleans()):
            self.command("merge", one, other)
        else:
            self.command("close", one)

    @precondition(lambda self: self.commands)
    @rule(data=st.data(), holder=_holders)
    def reuse_a_key(self, data: st.DataObject, holder: Holder) -> None:
        """Give another command under a key that is known."""
        key, _ = data.draw(st.sampled_from(self.commands))
        before = self.decisions()
        self.all_do(lambda engine: engine.redeem(holder, "points", 61, key=key, at=self.now()))
        assert self.decisions() == before

    @rule()
    def advance(self) -> None:
        """Have everything posted that is due."""
        self.all_do(lambda engine: engine.advance(self.day))

    @rule(data=st.data(), what=st.sampled_from(["submit", "redeem", "advance", "adjust"]), holder=_holders)
    def undo(self, data: st.DataObject, what: str, holder: Holder) -> None:
        """Do something that the host takes back."""
        event, key = self.draw_event(data, 3), f"U-{next(self.numbers)}"
        steps: dict[str, Step] = {
            "submit": lambda engine: engine.submit(event),
            "redeem": lambda engine: engine.redeem(holder, "points", 3, key=key, at=self.now()),
            "advance": lambda engine: engine.advance(self.day),
            "adjust": lambda engine: engine.adjust(
                holder, "points", 50, key=key, reason="by hand", actor="clerk", at=self.now()
            ),
        }
        for side in self.sides:
            side.undo(steps[what])

    @rule()
    def begin_anew(self) -> None:
        """Start every process again."""
        for side in self.sides:
            side.begin_anew()

    # What must be so.

    @invariant()
    def stores_agree(self) -> None:
        """Every store verifies, and has the same entries, lots, decisions and histories."""
        if not hasattr(self, "sides"):
            return
        pictures = []
        for side in self.sides:
            with side.engine.store.transaction(read_only=True) as book:
                assert verify(book) == []
                holders = list(book.holders())
                pictures.append(
                    {
                        "entries": list(book.entries()),
                        "trial": dict(book.trial_balance()),
                        "clock": book.clock_day(),
                        "grants": {holder: list(book.grants(holder)) for holder in holders},
                        "events": {
                            holder: [(item.recorded.event, dict(item.inputs)) for item in book.received(holder)]
                            for holder in holders
                        },
                        "lots": {
                            (holder, *key): list(book.lots(Account(holder, key[0]), key[1]))
                            for holder in holders
                            for key in book.balances(holder)
                        },
                    }
                )
        for picture in pictures[1:]:
            assert picture == pictures[0]

    @invariant()
    def the_auditor_agrees(self) -> None:
        """Wallets and tiers are, today and when everything is over, what the auditor makes of the same facts."""
        if not hasattr(self, "sides"):
            return
        audited = self.audited()
        engine = self.sides[0].engine
        for holder in _HOLDERS:
            for day in (self.day, _LAST_DAY):
                statement = engine.statement(holder, format_day(day))
                assets = [currency.name for currency in PROGRAMME.currencies.values()]
                expected = {
                    (account, asset): amount
                    for account in _ACCOUNTS
                    for asset in assets
                    if (amount := audited.balance(holder, account, asset, day))
                }
                assert {key: left for key, left in statement.balances.items() if key[0] in _ACCOUNTS} == expected
                assert statement.tier == audited.tier(holder, day)

    # How it is done.

    def now(self) -> int:
        """Give the end of the present day."""
        return _CALENDAR.day_start_us(self.day + 1) - 1

    def all_do(self, step: Step) -> Any:
        """Take a step on every side; the same comes of it."""
        first, *others = [side.do(step) for side in self.sides]
        for outcome in others:
            assert outcome == first
        return first

    def command(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Give a command on every side."""
        key, at = f"K-{next(self.numbers)}", self.now()
        outcome = self.all_do(lambda engine: getattr(engine, name)(*arguments, key=key, at=at, **options))
        if "identity" in outcome:
            self.commands.append((key, name))
            # The same command again gives the same receipt.
            assert self.all_do(lambda engine: getattr(engine, name)(*arguments, key=key, at=at, **options)) == outcome
        return outcome

    def draw_event(self, data: st.DataObject, late_days: int) -> Event:
        """Draw what happened today or some days ago."""
        number = next(self.numbers)
        kind = data.draw(st.sampled_from(_KINDS))
        day = max(_FIRST_DAY, self.day - late_days)
        facts: dict[str, Any] = {
            "id": f"E-{number}",
            "kind": kind,
            "partner": data.draw(st.sampled_from(_PARTNERS)),
            "occurred_at": _CALENDAR.day_start_us(day) + number * 60_000_000,
        }
        if kind in _SPEAKS_OF:
            known = [event for event in self.events.values() if event.kind in _SPEAKS_OF[kind]]
            # Now and then it speaks of what is not there yet.
            facts["of"] = data.draw(st.sampled_from([*(event.id for event in known), f"E-{number + 2}"]))
            if kind == "deal.refunded" and data.draw(st.booleans()):
                facts["fields"] = {"amount": data.draw(st.integers(1, 30)) * 100}
        elif kind == "deal.won":
            facts["fields"] = {"amount": data.draw(st.integers(1, 120)) * 100}
            facts["person"] = data.draw(st.none() | st.sampled_from(_PERSONS))
        return Event(**facts)

    def decisions(self) -> list[Grant]:
        """Give what was decided, as the first store has it."""
        with self.sides[0].engine.store.transaction(read_only=True) as book:
            return [grant for holder in book.holders() for grant in book.grants(holder)]

    def is_closed(self, holder: Holder) -> bool:
        """Tell whether a holder was closed."""
        return any(grant.kind == "close" and grant.holder == holder for grant in self.decisions())

    def audited(self) -> Any:
        """Have the auditor settle what was accepted, with what was decided."""
        return audit(PROGRAMME, self.events.values(), self.decisions(), until_day=_LAST_DAY)


_KINDS = ("deal.won", "deal.won", "deal.won", "deal.refunded", "lead.registered", "lead.qualified", "void")
_SPEAKS_OF: dict[str, Sequence[str]] = {
    "deal.refunded": ("deal.won",),
    "lead.qualified": ("lead.registered",),
    "void": _KINDS,
}


def _seen(result: Any) -> Any:
    """Give what can be compared of a result."""
    if isinstance(result, Receipt):
        return {"identity": result.identity, "entries": result.entries, "waiting": result.waiting}
    if isinstance(result, list | tuple):
        return [_seen(item) for item in result]
    return result


TestLivingEngine = LivingEngine.TestCase
TestLivingEngine.settings = settings(max_examples=settings().max_examples // 5, stateful_step_count=14, deadline=None)


@pytest.fixture(autouse=True, scope="module")
def _postgresql(postgresql: Any) -> Iterator[None]:
    url = postgresql.create(with_tables=True)
    LivingEngine.postgresql = create_engine(url)
    yield
    LivingEngine.postgresql.dispose()
    postgresql.drop(url)
