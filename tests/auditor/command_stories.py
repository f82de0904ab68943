"""
Stories of commands with numbers computed by hand, for the auditor and for whatever else settles.

Unless told otherwise a deal of 1,000 EUR earns acme 10 points, which are usable for 30 days more: those of 1 January
are gone on 1 February, those of 10 January on 10 February.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from loyalty import loads
from loyalty.core.calendar import NEVER
from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.testing.programmes import write_yaml
from tests.auditor.book import Leg
from tests.auditor.building import ACME, ANNA, day, decided, event, redeem, refunded, won
from tests.auditor.days import date_of, start_us

BIRCH = Holder.partner("birch")
DEALS = (won("A", "2026-01-01", 1000), won("B", "2026-01-10", 1000))


@frozen
class Seen:
    """What a wallet has of points when a day ends; *lots* are those available, by the date on which they are gone."""

    at: str
    available: int = 0
    held: int = 0
    owed: int = 0
    pending: int = 0
    holder: Holder = ACME
    lots: dict[str, int] | None = None


@frozen
class Story:
    """A history, and what must be seen."""

    name: str
    terms: Programme
    events: Sequence[Event]
    grants: Sequence[Grant]
    seen: Sequence[Seen]
    programmes: dict[str, int]  # What its accounts have in the end, of points.

    def wrong(self, netted: Counter[Leg]) -> list[str]:
        """Say what is not as it must be in a book that was settled through the last day seen."""
        said = []
        for seen in self.seen:
            found = look(netted, seen)
            if found != seen:
                said.append(f"{self.name}: {found}, and not {seen}")
        totals = {name: balance(netted, f"programme/{name}", self.seen[-1].at)[0] for name in self.programmes}
        return said if totals == self.programmes else [*said, f"{self.name}: {totals}, and not {self.programmes}"]


def look(netted: Counter[Leg], seen: Seen) -> Seen:
    """Give what is seen instead."""
    parts = {
        name: balance(netted, f"{seen.holder}/{name}", seen.at) for name in ("available", "held", "arrears", "pending")
    }
    lots = None if seen.lots is None else parts["available"][1]
    return Seen(
        at=seen.at,
        available=parts["available"][0],
        held=parts["held"][0],
        owed=-parts["arrears"][0],
        pending=parts["pending"][0],
        holder=seen.holder,
        lots=lots,
    )


def balance(netted: Counter[Leg], path: str, at: str) -> tuple[int, dict[str, int]]:
    """Add up what is on an account when a day ends, whole and by the date on which lots are gone."""
    before_us = start_us(day(at) + 1, "Europe/Berlin")
    by_lot: Counter[int | None] = Counter()
    for (_, _, account, asset, lot_day, effective_at), amount in netted.items():
        if account == path and asset == "points" and effective_at < before_us:
            by_lot[lot_day] += amount
    lots = sorted((lot_day, amount) for lot_day, amount in by_lot.items() if lot_day is not None and amount)
    named = {"never" if lot_day == NEVER else date_of(lot_day).isoformat(): amount for lot_day, amount in lots}
    return sum(by_lot.values()), named


def points(**said: Any) -> dict[str, Any]:
    """Declare points that are usable for 30 days more, and what else is said of them."""
    return {"currencies": {"points": {"expires": {"after": "30 days"}, **said}, "status": {}}}


def story(
    name: str,
    events: Sequence[Event],
    grants: Sequence[Grant],
    *seen: Seen,
    programmes: dict[str, int] | None = None,
    **sections: Any,
) -> Story:
    """Tell a story; keyword arguments replace sections of the programme's file."""
    file = {
        "language": 1,
        "programme": {"id": "stories", "starts": "2020-01-01", "timezone": "Europe/Berlin"},
        **points(),
        "events": {
            "deal.won": {"amount": {"type": "money", "unit": "EUR", "max": "1000000.00"}},
            "deal.refunded": {"refunds": "deal.won"},
        },
        **earning(),
        **sections,
    }
    return Story(name, loads(write_yaml(file)), events, grants, seen, programmes or {})


def earning(**said: Any) -> dict[str, Any]:
    """Pay a point per 100 EUR."""
    base = {
        "rule": "deal-base",
        "on": "deal.won",
        "of": "event.amount",
        "give": {"partner": {"points": "1 per 100 EUR"}},
    }
    return {"earn": [{**base, **said}]}


def void(id: str, at: str, of: str) -> Event:
    """Take an event of acme out of history."""
    return event(VOID, id, at, of=of)


HOLD = decided("hold", "H", "2026-01-20", 12, until="2026-02-05")
SEEN_WHILE_HELD = (Seen("2026-01-20", available=8, held=12), Seen("2026-02-04", available=8, held=12))
SLOW = earning(pending={"points": "24 days"})
QUARTERLY = {"allotments": [{"allot": "fund", "every": "quarter", "give": {"points": 100}}]}
GRACE = points(returns={"grace": "10 days"})

STORIES = [
    story(
        "what was held does not expire, and what comes back late expires at once",
        DEALS,
        [HOLD],
        *SEEN_WHILE_HELD,
        Seen("2026-02-05", available=10, lots={"2026-02-10": 10}),
        programmes={"expired": 10},
    ),
    story(
        "what comes back late has a grace of 10 days",
        DEALS,
        [HOLD],
        *SEEN_WHILE_HELD,
        Seen("2026-02-05", available=20, lots={"2026-02-10": 10, "2026-02-16": 10}),
        Seen("2026-02-15", available=10),
        Seen("2026-02-16"),
        programmes={"expired": 20},
        **GRACE,
    ),
    story(
        "what comes back late lives as what is earned on that day",
        DEALS,
        [HOLD],
        *SEEN_WHILE_HELD,
        Seen("2026-02-05", available=20, lots={"2026-02-10": 10, "2026-03-08": 10}),
        Seen("2026-03-07", available=10),
        Seen("2026-03-08"),
        **points(returns="reissue"),
    ),
    story(
        "a capture takes the first pieces, a release the last, and a final capture leaves nothing held",
        DEALS,
        [
            decided("hold", "H", "2026-01-20", 12),
            decided("capture", "C", "2026-01-21", 5, of="H"),
            decided("release", "R", "2026-01-22", 4, of="H"),
            decided("capture", "F", "2026-01-23", 1, of="H", final=True),
        ],
        Seen("2026-01-21", available=8, held=7, lots={"2026-02-10": 8}),
        Seen("2026-01-22", available=12, held=3, lots={"2026-02-01": 2, "2026-02-10": 10}),
        Seen("2026-01-23", available=14, lots={"2026-02-01": 4, "2026-02-10": 10}),
        programmes={"redeemed": 6},
    ),
    story(
        "a hold that lacks is captured from what it has, then from what came since; it comes back the last first",
        [*DEALS, void("V", "2026-01-30", "B"), won("C", "2026-01-21", 500)],
        [
            decided("hold", "H", "2026-01-20", 12),
            decided("capture", "C", "2026-01-22", 11, of="H"),
            decided("release", "R", "2026-01-23", 1, of="H"),
            decided("restore", "S", "2026-01-24", 3, of="C"),
        ],
        Seen("2026-01-20", held=10),
        Seen("2026-01-22", available=4),
        Seen("2026-01-23", available=4, lots={"2026-02-21": 4}),
        Seen("2026-01-24", available=7, lots={"2026-02-01": 2, "2026-02-21": 5}),
        programmes={"redeemed": 8},
    ),
    story(
        "what a capture could not take is owed; it comes back first, and pays what is owed",
        [*DEALS, void("V", "2026-01-30", "B")],
        [
            decided("hold", "H", "2026-01-20", 12),
            decided("capture", "C", "2026-01-22", 12, of="H"),
            decided("restore", "S", "2026-01-24", 5, of="C"),
        ],
        Seen("2026-01-22", owed=2),
        Seen("2026-01-24", available=3, lots={"2026-02-01": 3}),
        programmes={"redeemed": 7},
    ),
    story(
        "what was lacked and paid since comes back as what is earned on that day",
        [*DEALS, void("V", "2026-01-30", "B"), won("C", "2026-01-23", 200)],
        [redeem("X", "2026-01-20", 12), decided("restore", "S", "2026-01-24", 5, of="X")],
        Seen("2026-01-20", owed=2),
        Seen("2026-01-23"),
        Seen("2026-01-24", available=5, lots={"2026-02-01": 3, "2026-02-24": 2}),
    ),
    story(
        "two holds end on one day in the order of recording, and the first pays what is owed",
        DEALS,
        [
            decided("hold", "Z", "2026-01-20", 10, until="2026-01-25"),
            decided("hold", "A", "2026-01-20", 10, until="2026-01-25"),
            decided("debit", "D", "2026-01-21", 4),
        ],
        Seen("2026-01-24", held=20, owed=4),
        Seen("2026-01-25", available=16, lots={"2026-02-01": 6, "2026-02-10": 10}),
        programmes={"adjusted": 4},
    ),
    story(
        "a hold ends before what is pending matures, and pays what is owed",
        [won("A", "2026-01-01", 1000)],
        [
            decided("open", "O", "2026-01-02", 0, ("never", 5)),
            decided("hold", "H", "2026-01-03", 5, until="2026-01-25"),
            decided("debit", "D", "2026-01-04", 3),
        ],
        Seen("2026-01-24", held=5, owed=3, pending=10),
        Seen("2026-01-25", available=12, lots={"2026-02-01": 10, "never": 2}),
        **SLOW,
        programmes={"opening": -5, "adjusted": 3},
    ),
    story(
        "what came back late and expired is reversed against what expired",
        [*DEALS, refunded("R", "2026-02-06", "A")],
        [decided("hold", "H", "2026-01-20", 10, until="2026-02-05")],
        Seen("2026-02-05", available=10),
        Seen("2026-02-06", available=10, lots={"2026-02-10": 10}),
        programmes={"expired": 0, "issued": -10},
    ),
    story(
        "what came back late and lives on did not expire, so that a refund takes the soonest expiry",
        [*DEALS, refunded("R", "2026-02-06", "A")],
        [decided("hold", "H", "2026-01-20", 10, until="2026-02-05")],
        Seen("2026-02-05", available=20),
        Seen("2026-02-06", available=10, lots={"2026-02-16": 10}),
        programmes={"expired": 0, "issued": -10},
        **GRACE,
    ),
    story(
        "what is held is not clawed back",
        [*DEALS, refunded("R", "2026-01-21", "A")],
        [decided("hold", "H", "2026-01-20", 15), decided("release", "L", "2026-01-22", 15, of="H")],
        Seen("2026-01-21", held=15, owed=5),
        Seen("2026-01-22", available=10, lots={"2026-02-01": 10}),
    ),
    story(
        "lots are drawn as they are listed, each from its own day first, and come back the last first",
        DEALS,
        [
            decided("debit", "D", "2026-01-20", 0, ("2026-02-10", 12), ("2026-02-01", 2)),
            decided("restore", "R", "2026-01-21", 5, of="D"),
        ],
        Seen("2026-01-20", available=6, lots={"2026-02-01": 6}),
        Seen("2026-01-21", available=11, lots={"2026-02-01": 10, "2026-02-10": 1}),
        programmes={"adjusted": 9},
    ),
    story(
        "what is paid in pays what is owed in the order of its lots, and is revoked from its own lots first",
        DEALS,
        [
            redeem("X", "2026-01-20", 23),
            decided("credit", "C", "2026-01-21", 0, ("2026-03-02", 5), ("2026-02-16", 5)),
            decided("open", "O", "2026-01-22", 0, ("2026-02-16", 4)),
            decided("revoke", "R", "2026-01-23", 0, ("2026-03-02", 3), of="C"),
        ],
        Seen("2026-01-20", owed=3),
        Seen("2026-01-21", available=7, lots={"2026-02-16": 5, "2026-03-02": 2}),
        Seen("2026-01-23", available=8, lots={"2026-02-16": 8}),
        programmes={"adjusted": -7, "opening": -4, "redeemed": 23},
    ),
    story(
        "a transfer keeps its lots; what it gives back late expires, and what the taker lost is owed",
        DEALS,
        [
            decided("send", "T", "2026-01-20", 0, ("2026-02-01", 10), ("2026-02-10", 2), peer=BIRCH),
            decided(
                "receive", "T2", "2026-01-20", 0, ("2026-02-01", 10), ("2026-02-10", 2), of="T", peer=ACME, holder=BIRCH
            ),
            decided("restore", "R", "2026-02-03", 12, of="T"),
            decided("send", "R2", "2026-02-03", 0, ("2026-02-10", 2), ("2026-02-01", 10), of="R", holder=BIRCH),
        ],
        Seen("2026-01-20", available=12, holder=BIRCH, lots={"2026-02-01": 10, "2026-02-10": 2}),
        Seen("2026-02-01", available=2, holder=BIRCH),
        Seen("2026-02-03", owed=10, holder=BIRCH),
        Seen("2026-02-03", available=10, lots={"2026-02-10": 10}),
        programmes={"transferred": 0, "expired": 20},
    ),
    story(
        "a closing makes what is pending available by day of earning, pays what is owed, and ends allotments",
        DEALS,
        [
            decided("debit", "D", "2026-01-20", 4),
            decided("close", "C", "2026-01-21", 1, note={"pending": "mature"}),
            decided("send", "C1", "2026-01-21", 0, ("2026-02-01", 6), of="C", peer=BIRCH),
            decided("receive", "C2", "2026-01-21", 0, ("2026-02-01", 6), of="C", peer=ACME, holder=BIRCH),
        ],
        Seen("2026-01-20", owed=4, pending=20),
        Seen("2026-01-21", available=10, lots={"2026-02-10": 10}),
        Seen("2026-01-21", available=6, holder=BIRCH, lots={"2026-02-01": 6}),
        Seen("2026-04-01"),
        Seen("2026-04-01", holder=BIRCH),
        **SLOW,
        **QUARTERLY,
        programmes={"forfeited": 0, "transferred": 0, "expired": 16, "adjusted": 4},
    ),
    story(
        "a closing forfeits what is pending, and its parts forfeit what is there and write off what is owed",
        DEALS,
        [
            decided("debit", "D", "2026-01-20", 4),
            decided("close", "C", "2026-01-21", 1),
            decided("write_off", "C1", "2026-01-21", 0, ("never", 4), of="C"),
            decided("forfeit", "C2", "2026-01-21", 3, of="C"),
        ],
        Seen("2026-01-20", owed=4, pending=20),
        Seen("2026-01-21", owed=3),
        **SLOW,
        programmes={"forfeited": 23, "written_off": -4, "adjusted": 4},
    ),
    story(
        "a refund leaves no more owed than the limit, and the rest is written off",
        [won("A", "2026-01-01", 1000), refunded("R", "2026-01-03", "A")],
        [redeem("X", "2026-01-02", 10)],
        Seen("2026-01-03", owed=3),
        **points(arrears={"limit": 3}),
        programmes={"written_off": -7, "redeemed": 10, "issued": 0},
    ),
    story(
        "a limit writes off no more than the refund left owed",
        [won("A", "2026-01-01", 200), refunded("R", "2026-01-03", "A")],
        [redeem("X", "2026-01-02", 7)],
        Seen("2026-01-02", owed=5),
        Seen("2026-01-03", owed=5),
        **points(arrears={"limit": 3}),
        programmes={"written_off": -2},
    ),
    story(
        "the limit is that of the partner's tier before the refund's instant, for its person too",
        [
            won("A", "2026-01-01", 1000, person="anna"),
            won("B", "2026-01-03", 1),
            refunded("R", "2026-01-03", "A"),
        ],
        [redeem("X", "2026-01-02", 10), evolve(redeem("Y", "2026-01-02", 20), holder=ANNA)],
        Seen("2026-01-03", owed=8),
        Seen("2026-01-03", owed=8, holder=ANNA),
        **earning(give={"partner": {"points": "1 per 100 EUR"}, "person": {"points": 20}}),
        **points(arrears={"limit": {"base": 3, "silver": 8, "gold": 100}}),
        metrics={"deals": {"count": "deal.won", "window": "lifetime"}},
        tiers={"ladder": [{"tier": "silver", "needs": "deals >= 1"}, {"tier": "gold", "needs": "deals >= 2"}]},
    ),
    story(
        "points of grants alone have a clock, and allotments only the days after the first event",
        [won("A", "2026-04-02", 1000)],
        [
            decided("open", "O", "2026-01-02", 0, ("2026-02-01", 5), ("never", 3)),
            decided("hold", "H", "2026-01-03", 4, until="2026-01-08"),
        ],
        Seen("2026-01-07", available=4, held=4),
        Seen("2026-01-08", available=8),
        Seen("2026-02-01", available=3, lots={"never": 3}),
        Seen("2026-04-01", available=3),
        Seen("2026-07-01", available=103),
        **QUARTERLY,
        programmes={"expired": 15, "opening": -8},
    ),
    story(
        "a hold of the deal's instant takes what the deal earned, whatever came first",
        [won("A", "2026-01-01", 1000)],
        [decided("hold", "H", "2026-01-01", 4, until="2026-02-01")],
        Seen("2026-01-01", available=6, held=4),
        Seen("2026-01-31", available=6, held=4),
        Seen("2026-02-01"),
        programmes={"expired": 10, "redeemed": 0},
    ),
]
