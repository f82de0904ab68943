"""
Any commands between any events: the book ends as settlement of all facts and decisions says, and worth is not created.

The commands are drawn from what the engine's own statements show, so most of them are granted; those that are refused
must leave no trace. Events come late, twice and after restarts, and the clock runs ahead in between.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Engine, Event, EventRejected, Holder, LedgerError, MemoryStore, Programme, load
from loyalty.ledger.entries import Account
from loyalty.ledger.store import Store
from loyalty.settlement.commands import VERBS
from loyalty.testing import histories
from tests.settlement.histories import history

from .conftest import OpenBook
from .scenes import assert_settled, balances_in, entries_in, everything_in, grants_in

ROOT = Path(__file__).parents[2]
PROGRAMMES = [
    load(ROOT / "tests" / "settlement" / "programmes" / "commands.yaml"),
    load(ROOT / "tests" / "programme" / "full.yaml"),
]
DAY_US = 86_400_000_000
HOLDERS = (Holder.partner("p1"), Holder.partner("p2"), Holder.person("ann"), Holder.person("bob"))

#: Accounts whose points come from outside or leave for good, other than by being redeemed or by expiring.
OUTSIDE = ("issued", "adjusted", "opening", "forfeited", "written_off")


@define
class Host:
    """Whoever calls the engine: it knows the time, the keys that it gave, and which events were taken."""

    programme: Programme
    store: Store
    rng: Random
    engine: Engine = field(init=False)
    now: int = field(init=False)
    events: list[Event] = field(factory=list)
    keys: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.now = self.programme.calendar.day_start_us(self.programme.first_day)
        self.restart()

    def restart(self) -> None:
        """Go on with an engine that knows nothing."""
        self.engine = Engine(self.programme, self.store, clock=lambda: self.now)

    def submit(self, event: Event) -> None:
        """Submit an event; one that comes after a closing is refused and leaves nothing."""
        self.now = max(self.now, event.occurred_at)
        try:
            self.engine.submit(event)
        except EventRejected:
            return
        self.events.append(event)

    def pass_time(self) -> None:
        """Let time go on, mostly to where something ends, and now and then the clock of the book with it."""
        self.now += self.rng.choice((0, 1, DAY_US, 9 * DAY_US, 31 * DAY_US, 200 * DAY_US))
        if self.rng.random() < 0.3:
            self.engine.advance(self.programme.calendar.day_of(self.now))

    def command(self) -> None:
        """Give one command; a refusal must leave the book as it was."""
        known, keys = len(grants_in(self.store)), len(self.keys)
        before = everything_in(self.store) if self.rng.random() < 0.1 else None
        try:
            self.rng.choice((self.spend, self.spend, self.carry_on, self.carry_on, self.by_hand, self.move))()
        except LedgerError:
            assert len(grants_in(self.store)) == known
            del self.keys[keys:]
            assert before is None or everything_in(self.store) == before

    def key(self) -> str:
        """Give a key; commands may be named by it later."""
        self.keys.append(f"K-{len(self.keys)}")
        return self.keys[-1]

    def offer(self, least: int = 1) -> tuple[Holder, str, int]:
        """Choose a holder, a currency, and an amount, mostly of what is available."""
        holder = self.rng.choice([*HOLDERS, *(Holder.partner(event.partner) for event in self.events)])
        wallet = self.engine.statement(holder, self.now).balances
        offers = [(currency, amount) for (account, currency), amount in wallet.items() if account == "available"]
        offers = [(currency, amount) for currency, amount in offers if currency in self.programme.currencies]
        if not offers:
            return holder, self.rng.choice(list(self.programme.currencies)), 10
        currency, amount = self.rng.choice(offers)
        return holder, currency, max(least, self.rng.choice((amount, amount // 2, amount // 3, amount + 1)))

    def spend(self) -> None:
        """Redeem, or hold for a while."""
        holder, currency, amount = self.offer()
        if self.rng.random() < 0.4:
            self.engine.redeem(holder, currency, amount, key=self.key())
            return
        days = self.rng.choice((None, 1, 10, 40, 300))
        until = None if days is None else self.programme.calendar.day_of(self.now) + days
        self.engine.hold(holder, currency, amount, key=self.key(), until=until)

    def carry_on(self) -> None:
        """Capture, release or reverse an earlier command."""
        if not self.keys:
            return
        of, rng = rng_choice(self.rng, self.keys), self.rng
        amount = rng.choice((None, None, 1, 7, 50))
        grant = next((grant for grant in grants_in(self.store) if grant.key == of), None)
        if grant is not None and grant.kind == "hold":
            if rng.random() < 0.5:
                self.engine.capture(of, amount, key=self.key(), final=rng.random() < 0.3)
            else:
                self.engine.release(of, amount, key=self.key())
        else:
            self.engine.reverse(of, amount, key=self.key(), arrears=rng.random() < 0.3)

    def by_hand(self) -> None:
        """Adjust either way, or open a balance."""
        holder, currency, amount = self.offer()
        today = self.programme.calendar.day_of(self.now)
        if self.rng.random() < 0.4:
            expires = self.rng.choice((None, today + 1, today + 60))
            self.engine.adjust(holder, currency, amount, key=self.key(), reason="r", actor="a", expires=expires)
        elif self.rng.random() < 0.5:
            owed = self.rng.random() < 0.5
            self.engine.adjust(holder, currency, -amount, key=self.key(), reason="r", actor="a", arrears=owed)
        else:
            lots = [(today + self.rng.choice((1, 20, 400)), None, amount), (None, self.now - DAY_US, 3)]
            self.engine.open(holder, currency, lots, key=self.key())

    def move(self) -> None:
        """Transfer, and now and then merge or close."""
        giver, currency, amount = self.offer()
        taker = self.rng.choice(HOLDERS)
        chance = self.rng.random()
        if chance < 0.94:
            self.engine.transfer(giver, taker, currency, amount, key=self.key())
        elif chance < 0.98 and giver.layer is taker.layer and giver != taker:
            self.engine.merge(giver, taker, key=self.key(), pending=self.rng.choice(("mature", "forfeit")))
        else:
            self.engine.close(giver, key=self.key(), forfeit=self.rng.random() < 0.5)


def rng_choice(rng: Random, keys: list[str]) -> str:
    """Choose a key, the newer ones more often."""
    return keys[-1 - min(rng.choice((0, 0, 1, 2, 4, 8, 16)), len(keys) - 1)]


def live(host: Host, events: list[Event]) -> None:
    """Let events and commands come, in any order."""
    rng = host.rng
    for event in rng.sample(events, len(events)):
        host.submit(event)
        if rng.random() < 0.2:
            host.submit(event)
            host.events = list(dict.fromkeys(host.events))
        for _ in range(rng.randrange(4)):
            host.pass_time()
            host.command()
        if rng.random() < 0.2:
            host.restart()


def assert_whole(host: Host) -> None:
    """Compare the book with settlement of everything, and look at what must never be."""
    until = host.programme.calendar.day_of(host.now) + host.rng.choice((0, 1, 35, 500))
    assert_settled(host.engine, host.events, until)
    assert all(
        amount >= 0 for (_, account, _), amount in balances_in(host.store).items() if account in ("held", "available")
    )
    assert_nothing_is_created(host)


def assert_nothing_is_created(host: Host) -> None:
    """Commands that spend, hold, give back or move leave all accounts of issuing alone; reversals never exceed."""
    moved: Counter[tuple[str, str, str]] = Counter()
    taken: Counter[tuple[str, str]] = Counter()
    grants = {f"command:{grant.key}": grant for grant in grants_in(host.store)}
    for entry in entries_in(host.store):
        for leg in entry.postings:
            if leg.account.owner is None and leg.rule is not None:
                moved[leg.rule, leg.account.name, leg.asset] += leg.amount
                grant = grants.get(leg.cause or "")
                if grant is not None:
                    original = grant.of if grant.kind in ("restore", "revoke") else grant.key
                    taken[str(original), leg.account.name] += leg.amount
    for (rule, account, _), amount in moved.items():
        if rule in ("@redeem", "@hold", "@capture", "@release", "@transfer"):
            assert amount == 0 or account not in OUTSIDE, (rule, account)
    with host.store.transaction() as book:
        for asset in host.programme.currencies:
            assert book.balance(Account(None, "transferred"), asset) == 0
            assert book.balance(Account(None, "redeemed"), asset) >= 0
    for (key, account), amount in taken.items():
        kind = grants[f"command:{key}"].kind
        if kind in ("redeem", "capture", "debit") and account in ("redeemed", "adjusted"):
            assert 0 <= amount <= grants[f"command:{key}"].amount, key
        if kind in ("credit", "open") and account in ("adjusted", "opening"):
            assert -grants[f"command:{key}"].amount <= amount <= 0, key


@pytest.mark.parametrize("index", range(len(PROGRAMMES)))
@given(data=st.data())
def test_any_commands_between_any_events(index: int, data: st.DataObject) -> None:
    """In memory, whatever comes late, twice, or after a restart."""
    events = data.draw(histories(PROGRAMMES[index]))
    rng = data.draw(st.randoms(use_true_random=False))
    host = Host(PROGRAMMES[index], MemoryStore(), rng)
    live(host, events)
    assert_whole(host)


def test_long_lives_with_many_commands() -> None:
    """Long enough for holds to end, lots to expire, and holders to be closed and refunded; most kinds are granted."""
    kinds: Counter[str] = Counter()
    for seed in range(40):
        rng = Random(f"long/{seed}")
        host = Host(PROGRAMMES[seed % 2], MemoryStore(), rng)
        live(host, [event for number in range(2) for event in _drawn(host.programme, rng, number)])
        assert_whole(host)
        kinds.update(grant.kind for grant in grants_in(host.store))
    assert set(VERBS) - set(kinds) <= {"write_off"}
    assert kinds.total() > 250


@pytest.mark.parametrize("seed", range(3))
def test_in_every_store(open_book: OpenBook, seed: int) -> None:
    """A file and a server keep what memory keeps."""
    rng = Random(f"stores/{seed}")
    host = Host(PROGRAMMES[0], open_book(), rng)
    live(host, _drawn(PROGRAMMES[0], rng, seed))
    assert_whole(host)


def _drawn(programme: Programme, rng: Random, number: int) -> list[Event]:
    """Draw some events, with ids of their own."""
    partners = {"acme": "p1", "birch": "p2"}
    return [
        evolve(
            event, id=f"{number}-{event.id}", partner=partners[event.partner], of=event.of and f"{number}-{event.of}"
        )
        for event in history(programme, rng, size=12).events
    ]
