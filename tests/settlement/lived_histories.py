"""
Histories that an engine has lived through: commands decided on what was there, and events that came too late for them.

Events come in order but for some, which come when all others are over; each that an engine refuses leaves nothing.
Commands fall where lots expire and holds end, and ask mostly for what the wallet shows.

>>> from random import Random  # live(programme, Random(1), size=12).history.grants
"""

from __future__ import annotations

from collections import Counter
from random import Random

from attrs import define, field

from loyalty import Engine, Event, EventRejected, Holder, LedgerError, MemoryStore, Programme, UsageError
from loyalty.ledger.store import Grant
from tests.auditor.book import Leg
from tests.auditor.days import day_of, expiry_day, start_us
from tests.auditor.judging import Verdict, judge
from tests.auditor.revisions import currency_on, revision_on
from tests.settlement.agreement import netted
from tests.settlement.histories import History, history


@define
class Life:
    """
    A book while it is lived.

    Args:
        now: What the engine's clock shows, UTC microseconds.
        events: What was accepted, in order of acceptance.
        counts_from: The instants from which those of them count that came too late, by identity.
        clock_day: The day that the clock of the book has reached, or None.
        refused: How many events and commands were not.
        too_late: How many events were refused since they came too late.
        favourite: The holder of most commands.
    """

    programme: Programme
    rng: Random
    engine: Engine = field(init=False)
    favourite: Holder = field(init=False)
    now: int = 0
    events: list[Event] = field(factory=list)
    counts_from: dict[str, int] = field(factory=dict)
    clock_day: int | None = None
    keys: list[str] = field(factory=list)
    refused: int = 0
    too_late: int = 0

    def __attrs_post_init__(self) -> None:
        self.engine = Engine(self.programme, MemoryStore(), clock=lambda: self.now)

    @property
    def history(self) -> History:
        """Give what was accepted and decided, through the day of the clock and as long again as lots may live."""
        return History(self.events, self.grants(), self.day(self.now) + 120, self.counts_from)

    def posted(self) -> Counter[Leg]:
        """Give what the book has after the last day of :attr:`history`, netted as the auditor nets it."""
        self.engine.advance(self.history.until_day)
        with self.engine.store.transaction() as book:
            return netted(book.entries())

    def grants(self) -> list[Grant]:
        """Give all decisions, those of each holder in the order of recording."""
        with self.engine.store.transaction() as book:
            return [grant for holder in book.holders() for grant in book.grants(holder)]

    def day(self, instant: int) -> int:
        """Give the local day of an instant."""
        return day_of(instant, self.programme.calendar.timezone)

    def go_through(self, events: list[Event]) -> None:
        """Let events happen, some of them late, and commands between them."""
        self.favourite = self.rng.choice([Holder.partner(event.partner) for event in events])
        late = [event for event in events if self.rng.random() < 0.3]
        in_time = sorted((event for event in events if event not in late), key=lambda event: event.key)
        self.now = min(event.occurred_at for event in events)
        for event in in_time:
            self.command_until(event.occurred_at)
            self.submit(event)
        self.command_until(self.now + 90 * 86_400_000_000)
        for event in late:
            self.now = max(self.now, event.occurred_at)
            self.submit(event)
            if self.rng.random() < 0.3:
                self.command_until(self.now + 20 * 86_400_000_000)

    def submit(self, event: Event) -> None:
        """Submit an event, which is refused once its holder is closed; the verdict on a late one is the auditor's."""
        verdict = judge(
            self.programme,
            event,
            self.now,
            events=self.events,
            grants=self.grants(),
            counts_from=self.counts_from,
            clock_day=self.clock_day,
        )
        reasons: tuple[str, ...] = ()
        try:
            counts_from = self.engine.submit(event).counts_from
        except EventRejected as error:
            reasons, counts_from = tuple(error.reasons), None
        was_late = any("accept_late" in reason for reason in reasons)
        if was_late or not reasons:
            found = Verdict.REFUSED if was_late else counts_from or Verdict.AS_IT_IS
            assert found == verdict, f"{event} at {self.now}: {found} and not {verdict}; {reasons}"
        self.refused += bool(reasons)
        self.too_late += was_late
        if not reasons:
            self.events.append(event)
        if counts_from is not None:
            self.counts_from[event.identity] = counts_from

    def command_until(self, end: int) -> None:
        """Give some commands at instants on the way to the next."""
        ways = [self.now, self.now, (self.now + end) // 2]
        for day in {self.day(self.now) + 1, *self.telling_days()}:
            ways += [start_us(day, self.programme.calendar.timezone) + self.rng.choice((0, -1))]
        telling = [instant for instant in ways if self.now <= instant <= end]
        for instant in sorted(self.rng.choice(telling or [self.now]) for _ in range(self.rng.randrange(12))):
            self.now = max(self.now, instant)
            if self.rng.random() < 0.1:
                self.engine.advance(self.day(self.now))
                self.clock_day = max(self.clock_day or 0, self.day(self.now))
            try:
                self.command()
            except (LedgerError, UsageError):
                self.refused += 1
        self.now = max(self.now, end)

    def telling_days(self) -> list[int]:
        """Give days on which holds end and lots expire."""
        found = [grant.until_day for grant in self.grants() if grant.until_day is not None]
        for event in self.events:
            day = self.day(event.occurred_at)
            terms = [currency.expires for currency in revision_on(self.programme, day).currencies.values()]
            found += [expiry_day(day, expires, self.programme.year_starts_month) for expires in terms if expires]
        return found

    def command(self) -> None:
        """Give one command of any kind."""
        rng, engine, key = self.rng, self.engine, f"K{len(self.keys)}"
        self.keys.append(key)
        holder, currency, amount = self.offer()
        day = self.day(self.now)
        until = rng.choice((None, day + 1, day + 10, *(other for other in self.telling_days() if other > day)))
        earlier = self.rng.choice(self.keys[-12:])
        kind = rng.choices(
            ("redeem", "hold", "capture", "release", "reverse", "add", "take", "open", "transfer", "merge", "close"),
            (8, 14, 12, 8, 12, 4, 4, 3, 8, 1, 1),
        )[0]
        if kind in ("redeem", "hold", "transfer") and not currency_on(self.programme, currency, day).spendable:
            kind = "add"
        if kind == "redeem":
            engine.redeem(holder, currency, amount, key=key)
        elif kind == "hold":
            engine.hold(holder, currency, amount, key=key, until=until)
        elif kind in ("capture", "release", "reverse"):
            self.carry_on(kind, earlier, key)
        elif kind == "add":
            engine.adjust(holder, currency, amount, key=key, reason="r", actor="a", expires=until)
        elif kind == "take":
            engine.adjust(holder, currency, -amount, key=key, reason="r", actor="a", arrears=rng.random() < 0.4)
        elif kind == "open":
            engine.open(holder, currency, [(until, None, amount), (day + 30, self.now - 1, 5)], key=key)
        elif kind == "transfer":
            engine.transfer(holder, self.holder(), currency, amount, key=key)
        elif kind == "merge":
            engine.merge(holder, self.holder(), key=key, pending=rng.choice((None, "mature", "forfeit")))
        else:
            engine.close(holder, key=key, forfeit=rng.random() < 0.7)

    def carry_on(self, kind: str, earlier: str, key: str) -> None:
        """Capture, release or reverse an earlier command, mostly one that can be."""
        grants = self.grants()
        over = {grant.of for grant in grants if grant.final} | {
            grant.key for grant in grants if grant.until_day is not None and grant.until_day <= self.day(self.now)
        }
        kinds = ("redeem", "capture", "debit", "send", "credit", "open") if kind == "reverse" else ("hold",)
        possible = [g.key for g in grants if g.key in self.keys and g.key not in over and g.kind in kinds]
        of = self.rng.choice(possible or [earlier])
        amount = self.rng.choice((None, None, 1, 5, self.rng.randint(1, 100)))
        if kind == "capture":
            self.engine.capture(of, amount, key=key, final=self.rng.random() < 0.3)
        elif kind == "release":
            self.engine.release(of, amount, key=key)
        else:
            self.engine.reverse(of, amount, key=key, arrears=self.rng.random() < 0.4)

    def holder(self) -> Holder:
        """Draw a holder: mostly the favourite, or one of the history, or one who is not in it."""
        known = [Holder.partner(event.partner) for event in self.events]
        known += [Holder.person(event.person) for event in self.events if event.person]
        chosen = self.rng.choice([*known, Holder.partner("cedar"), Holder.person("cy")])
        return self.favourite if self.rng.random() < 0.5 else chosen

    def offer(self) -> tuple[Holder, str, int]:
        """Draw a holder, a currency, and an amount, mostly of what is available."""
        holder = self.holder()
        with self.engine.store.transaction() as book:
            there = {asset: amount for (name, asset), amount in book.balances(holder).items() if name == "available"}
        declared = revision_on(self.programme, self.day(self.now)).currencies
        currency = self.rng.choice(list(there) or list(declared))
        amount = there.get(currency, 10)
        return holder, currency, self.rng.choice((amount, amount, max(amount // 2, 1), max(amount // 3, 1), 7))


def live(programme: Programme, rng: Random, size: int) -> Life:
    """Live through a random history of about so many events."""
    life = Life(programme, rng)
    life.go_through(history(programme, rng, size).events or history(programme, Random(0), size).events)
    return life
