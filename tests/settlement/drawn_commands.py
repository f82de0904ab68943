"""
Random decisions on commands of every kind, for holders of a history, as a book could have recorded them.

Nobody looked whether the points were there: what lacks is what replays find after a late event took it away. What a
decision names is respected: no more comes of a hold, a draw or a payment than is left of it, nothing of a hold after
its time, and nothing but parts of the closing and reversals once a holder is closed.

>>> from random import Random  # drawn_commands(programme, events, Random(1), instants)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from attrs import define, evolve, field

from loyalty.core.calendar import NEVER
from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant, GrantedLot
from loyalty.programme.model import Programme, Role
from tests.auditor.days import add, day_of, expiry_day
from tests.auditor.history import happenings
from tests.auditor.revisions import currency_on, revision_on

DRAWN = ("redeem", "capture", "debit", "send")
PAID_IN = ("credit", "open")


def drawn_commands(programme: Programme, events: list[Event], rng: Random, instants: list[int]) -> list[Grant]:
    """Draw a command at each of these instants, in the order of recording; some are made of several grants."""
    favourite = rng.choice([Holder.partner(event.partner) for event in events])
    commands = Commands(programme, events, rng, favourite, rng.choice(list(programme.currencies)))
    for instant in sorted(instants):
        commands.draw_one(instant)
    return commands.grants


def without_refused(
    programme: Programme, events: list[Event], grants: list[Grant], counts_from: Mapping[str, int] | None = None
) -> list[Event]:
    """Leave out what would not be accepted: events that reach a holder after its closing, but for refunds."""
    closed = {grant.holder: grant.at for grant in grants if grant.kind == "close"}
    refused = {
        happening.event.identity
        for happening in happenings(programme, events, counts_from)
        if happening.kind is None or happening.kind.role is not Role.REFUNDS
        if any(closed.get(holder, happening.at) < happening.at for holder in happening.holders)
    }
    return [event for event in events if event.identity not in refused]


def without(grants: list[Grant], grant: Grant) -> list[Grant]:
    """Leave out a decision, and all that names it."""
    gone = {grant.key}
    kept = []
    for other in grants:
        if other.key in gone or other.of in gone:
            gone.add(other.key)
        else:
            kept.append(other)
    return kept


@define
class Commands:
    """
    Commands as they are drawn.

    Args:
        favourite, spent: The holder and the currency of more than half of the commands, so that they meet.
        left: What can still come of a hold, a draw or a payment, by key.
    """

    programme: Programme
    events: list[Event]
    rng: Random
    favourite: Holder
    spent: str
    grants: list[Grant] = field(factory=list)
    left: dict[str, int] = field(factory=dict)
    closed: set[Holder] = field(factory=set)
    at: int = 0

    @property
    def day(self) -> int:
        """The day of the present instant."""
        return day_of(self.at, self.programme.calendar.timezone)

    def draw_one(self, at: int) -> None:
        """Draw one command; what cannot be is left out."""
        self.at = at
        kinds: dict[Callable[[], None], int] = {
            self.take: 4,
            self.hold: 4,
            self.carry_on: 6,
            self.pay_in: 4,
            self.transfer: 3,
            self.reverse: 5,
            self.close: 1,
        }
        self.rng.choices(list(kinds), list(kinds.values()))[0]()

    def take(self) -> None:
        """Redeem or debit."""
        kind = self.rng.choice(("redeem", "redeem", "debit"))
        currency, amount = self.currency(spendable=kind == "redeem"), self.amount()
        if currency:
            # No command names lots of these, but a grant may, and the page says what it means.
            named = self.lots_of_past(currency, amount) if self.rng.random() < 0.05 else ()
            self.record(kind, self.holder(), currency, amount, lots=named)

    def hold(self) -> None:
        """Hold, mostly with an end at which lots expire."""
        currency = self.currency(spendable=True)
        if currency:
            ends = [None, self.day + 1, *(day + self.rng.choice((-1, 0, 1)) for day in self.expiry_days(currency))]
            until = self.rng.choice([day for day in ends if day is None or self.day < day < NEVER - 1])
            self.record("hold", self.holder(), currency, self.amount(), until_day=until)

    def carry_on(self) -> None:
        """Capture or release of a hold that is open."""
        holds = self.open_holds()
        if holds:
            hold, kind = self.rng.choice(holds), self.rng.choice(("capture", "release"))
            final = kind == "capture" and self.rng.random() < 0.3
            amount = self.part_of(hold)
            self.record(kind, hold.holder, hold.currency, amount, of=hold.key, final=final)
            self.left[hold.key] -= self.left[hold.key] if final else amount

    def pay_in(self) -> None:
        """Credit, or open with several lots."""
        kind, currency = self.rng.choice(PAID_IN), self.currency()
        lots = tuple(self.lot(currency, self.amount()) for _ in range(self.rng.choice((1, 1, 2, 3))))
        self.record(kind, self.holder(), currency, sum(lot.amount for lot in lots), lots=lots)

    def transfer(self) -> None:
        """Send from one to another."""
        giver, taker, currency = self.holder(), self.holder(), self.currency(spendable=True)
        if giver != taker and currency:
            self.send(giver, taker, currency, self.amount())

    def send(self, giver: Holder, taker: Holder, currency: str, amount: int, of: str | None = None) -> None:
        """Send named lots, and receive the same; both are parts of the command *of* where it is given."""
        lots = self.lots_ahead(currency, amount)
        sent = self.record("send", giver, currency, amount, lots=lots, peer=taker, of=of)
        self.record("receive", taker, currency, amount, lots=lots, peer=giver, of=of or sent.key)

    def reverse(self) -> None:
        """Restore what drew, or revoke what was paid in, in part or whole."""
        past = [
            grant
            for grant in self.grants
            if grant.kind in (*DRAWN, *PAID_IN) and self.left[grant.key]
            if grant.kind == "capture" or grant.of is None
        ]  # fmt: skip
        if not past:
            return
        earlier = self.rng.choice(past)
        amount = self.part_of(earlier)
        self.left[earlier.key] -= amount
        if earlier.kind in PAID_IN:
            named = self.lots_of_past(earlier.currency, amount, earlier)
            self.record("revoke", earlier.holder, earlier.currency, amount, of=earlier.key, lots=named)
            return
        restored = self.record("restore", earlier.holder, earlier.currency, amount, of=earlier.key)
        if earlier.peer is not None:
            named = self.lots_of_past(earlier.currency, amount, earlier)
            giver, taker = earlier.holder, earlier.peer
            self.record("send", taker, earlier.currency, amount, of=restored.key, lots=named, peer=giver)

    def close(self) -> None:
        """Close a holder without open holds, and move or forfeit and write off what might be there."""
        holder, other = self.holder(), self.holder()
        if any(grant.holder == holder for grant in self.open_holds()):
            return
        note = self.rng.choice(({}, {"pending": "mature"}, {"pending": "forfeit"}))
        closing = self.record("close", holder, next(iter(self.programme.currencies)), 1, note=note)
        self.closed.add(holder)
        for currency in self.programme.currencies:
            chance, amount, owed = self.rng.random(), self.amount(), self.amount()
            repaid = (GrantedLot(NEVER, self.at, owed),)
            if chance < 0.3:
                lots = self.lots_of_past(currency, amount)
                self.record("forfeit", holder, currency, amount, of=closing.key, lots=lots)
                self.record("write_off", holder, currency, owed, of=closing.key, lots=repaid)
            elif chance < 0.6 and other != holder:
                self.send(holder, other, currency, amount, of=closing.key)
                self.record("send", other, currency, owed, of=closing.key, peer=holder)
                self.record("receive", holder, currency, owed, of=closing.key, peer=other, lots=repaid)

    def record(self, kind: str, holder: Holder, currency: str, amount: int, **said: Any) -> Grant:
        """Record a grant at the present instant."""
        key = f"{self.rng.choice('abz')}{len(self.grants)}"
        grant = Grant(key=key, kind=kind, holder=holder, currency=currency, amount=amount, at=self.at, **said)
        self.grants.append(grant)
        self.left[grant.key] = amount
        return grant

    def open_holds(self) -> list[Grant]:
        """Give the holds of which something is left."""
        holds = [grant for grant in self.grants if grant.kind == "hold" and self.left[grant.key]]
        return [hold for hold in holds if hold.until_day is None or self.day < hold.until_day]

    def part_of(self, earlier: Grant) -> int:
        """Draw a part of what is left of an earlier grant, mostly all of it."""
        left = self.left[earlier.key]
        return self.rng.choice((left, left, max(left // 2, 1), 1, self.rng.randint(1, left)))

    def holder(self) -> Holder:
        """Draw a holder that is not closed: mostly one of the history, else one that has no events."""
        known = {Holder.partner(event.partner) for event in self.events}
        known |= {Holder.person(event.person) for event in self.events if event.person}
        strangers = {Holder.partner("cedar"), Holder.person("cy"), Holder.partner(f"new-{len(self.grants)}")}
        is_stranger = self.rng.random() < 0.1 or known <= self.closed
        drawn = self.rng.choice(sorted((strangers if is_stranger else known) - self.closed))
        return self.favourite if self.favourite not in self.closed and self.rng.random() < 0.6 else drawn

    def currency(self, spendable: bool = False) -> str:
        """Draw a currency, or nothing where none can be spent."""
        now = revision_on(self.programme, self.day)
        known = [c.name for c in now.currencies.values() if c.spendable or not spendable]
        if self.rng.random() < 0.6 and self.spent in known:
            return self.spent
        return self.rng.choice(known) if known else ""

    def amount(self) -> int:
        """Draw an amount."""
        return self.rng.choice(
            (1, 7, 30, 100, self.rng.randint(1, 60), self.rng.randint(1, 300), self.rng.randint(1, 2000))
        )

    def expiry_days(self, currency: str) -> list[int]:
        """Give days on which lots of a currency expire: of what the history earns, of today, of what was paid in."""
        declared, year_starts = currency_on(self.programme, currency, self.day), self.programme.year_starts_month
        days = [day_of(event.occurred_at, self.programme.calendar.timezone) for event in self.events]
        found = [expiry_day(day, declared.expires, year_starts) for day in [*days, self.day]]
        found += [lot.expires_day for grant in self.grants if grant.currency == currency for lot in grant.lots]
        return found + ([add(self.day, declared.returns_grace) + 1] if declared.returns_grace else [])

    def lot(self, currency: str, amount: int, past: bool = False) -> GrantedLot:
        """Draw a lot that expires after today, or also on a day that has come where that may be."""
        days = [self.day + 1, self.day + 40, NEVER, *self.expiry_days(currency) * 2]
        return GrantedLot(self.rng.choice([day for day in days if past or day > self.day]), self.at, amount)

    def lots_ahead(self, currency: str, amount: int) -> tuple[GrantedLot, ...]:
        """Cut an amount into one lot or two that expire after today."""
        cut = self.rng.choice((0, 0, amount // 2, amount // 3))
        return tuple(self.lot(currency, part) for part in (cut, amount - cut) if part)

    def lots_of_past(self, currency: str, amount: int, earlier: Grant | None = None) -> tuple[GrantedLot, ...]:
        """Cut an amount into lots, from the end of an earlier grant's where it named some."""
        named: list[GrantedLot] = []
        for lot in reversed(earlier.lots if earlier else ()):
            part = min(lot.amount, amount)
            amount -= part
            if part:
                named.append(evolve(lot, amount=part))
        return (*named, self.lot(currency, amount, past=True)) if amount else tuple(named)
