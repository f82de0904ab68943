"""Short ways to write entries and events for the tests of the ledger."""

from __future__ import annotations

from typing import Any

from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.ledger.entries import Account, Entry, EntryKind, Posting

ACME = Holder.partner("acme")
ZOE = Holder.person("zoe")
ISSUED = Account(None, "issued")
REDEEMED = Account(None, "redeemed")
PENDING, AVAILABLE, HELD, ARREARS = (Account(ACME, name) for name in ("pending", "available", "held", "arrears"))


def leg(account: Account, amount: int, day: int | None = None, asset: str = "points", **why: str) -> Posting:
    """Write a posting."""
    return Posting(account, asset, amount, lot_day=day, **why)


def entry(key: str, *postings: Posting, at: int = 0, **options: Any) -> Entry:
    """Write an entry that is effective and recorded at *at* and caused by what its key says."""
    facts = {"kind": EntryKind.EVENT, "cause": key, "recorded_at": at, "revision": "r1"} | options
    return Entry(key=key, effective_at=at, postings=postings, **facts)


def earn(key: str, amount: int, day: int = 100, *, to: Account = AVAILABLE, at: int = 0) -> Entry:
    """Issue points that expire on *day*."""
    return entry(key, leg(ISSUED, -amount), leg(to, amount, day), at=at)


def redeem(key: str, amount: int, day: int = 100, *, of: Account = AVAILABLE, at: int = 0) -> Entry:
    """Take points that expire on *day*."""
    return entry(key, leg(of, -amount, day), leg(REDEEMED, amount), at=at)


def move(key: str, amount: int, day: int = 100, *, of: Account, to: Account, at: int = 0) -> Entry:
    """Move points that expire on *day* between two accounts of a holder."""
    return entry(key, leg(of, -amount, day), leg(to, amount, day), at=at)


def deal(id: str, *, at: int = 0, **options: Any) -> Event:
    """Write an event of the partner acme."""
    facts = {"kind": "deal.won", "partner": "acme", "source": "crm", "fields": {"amount": 100_00}} | options
    return Event(id=id, occurred_at=at, **facts)
