"""A programme built by hand, and books of made-up entries: these tests need neither a file nor the engine."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

import pytest

from loyalty.core.calendar import Calendar, Duration, Period, Unit, parse_day
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.entries import Account, Entry, EntryKind, Posting
from loyalty.programme.model import Currency, EventKind, Expiry, FieldSpec, FieldType, Programme, Role
from loyalty.rules.declaration import Fixed, Rule, Subject
from loyalty.simulation.months import month_starts
from loyalty.tiers.declaration import Ladder, Tier

Book = Callable[..., list[Entry]]
HOUR_US = 3_600_000_000


def _fields(*specs: FieldSpec) -> dict[str, FieldSpec]:
    return {spec.name: spec for spec in specs}


def _amount(required: bool = True) -> FieldSpec:
    return FieldSpec(
        name="amount", type=FieldType.MONEY, unit="EUR", lowest=0, highest=5_000_000_000, required=required
    )


_TRACK = FieldSpec(name="track", type=FieldType.ONE_OF, values=("cloud", "data", "security"))
_EVENTS = (
    EventKind(name="deal.won", fields=_fields(_amount(), FieldSpec(name="registered", type=FieldType.BOOL))),
    EventKind(name="deal.refunded", fields=_fields(_amount(required=False)), role=Role.REFUNDS,
              origin_kind="deal.won", part="amount"),
    EventKind(name="certification.passed", fields=_fields(_TRACK)),
    EventKind(name="certification.expired", fields=_fields(_TRACK), role=Role.ENDS,
              origin_kind="certification.passed", by=(Subject.PERSON, "track")),
    EventKind(name="event.attended", fields=_fields(
        FieldSpec(name="seats", type=FieldType.INT, lowest=1, highest=40),
        FieldSpec(name="topic", type=FieldType.TEXT))),
)  # fmt: skip


@pytest.fixture(scope="session")
def programme() -> Programme:
    """A programme with points, status points and money, a ladder of three tiers, and kinds of every role but one."""
    expiry = Expiry(after=Duration(24, Unit.MONTHS), at_end_of=Period.MONTH)
    rules = tuple(
        Rule(name=name, on=kind, give={Layer.PARTNER: {"points": Fixed(amount=10)}})
        for name, kind in (("deal-base", "deal.won"), ("certified", "certification.passed"), ("asleep", "deal.won"))
    )
    return Programme(
        id="acme-partners",
        title="Acme partner programme",
        language=1,
        revision="5f3a" * 16,
        calendar=Calendar.of("Europe/Berlin"),
        first_day=parse_day("2026-01-01"),
        currencies={
            "points": Currency(name="points", worth=Fraction(1, 100), worth_unit="EUR", expires=expiry),
            "status": Currency(name="status", spendable=False),
            "mdf": Currency(name="mdf", scale=2, unit="EUR", expires=expiry),
        },
        events={kind.name: kind for kind in _EVENTS},
        rules=rules,
        metrics={},
        ladder=Ladder(
            tiers=(
                Tier(name="base", multiplier=Fraction(1), needs=None),
                Tier(name="silver", multiplier=Fraction(11, 10), needs=None),
                Tier(name="gold", multiplier=Fraction(5, 4), needs=None),
            )
        ),
    )


class _Maker:
    """Makes entries by transfers."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def post(self, at: int, *moves: tuple[Account, Account, str, int, str]) -> None:
        legs = []
        for debit, credit, asset, amount, rule in moves:
            for account, signed in ((debit, -amount), (credit, amount)):
                lot = 25_000 if account.owner and account.name in ("pending", "available") else None
                legs.append(Posting(account, asset, signed, lot_day=lot, rule=rule, cause="/E"))
        key = f"event:/{len(self.entries)}"
        self.entries.append(
            Entry(key=key, kind=EntryKind.EVENT, cause="/E", effective_at=at, recorded_at=at, revision="r",
                  postings=tuple(legs))
        )  # fmt: skip


@pytest.fixture(scope="session")
def book(programme: Programme) -> Book:
    """Give a function that makes entries of so many partners over so many months; names can be given."""

    def make(partners: int = 5, months: int = 6, names: list[str] | None = None) -> list[Entry]:
        maker = _Maker()
        starts = month_starts(programme.first_day, months)
        for number in range(partners):
            _history(maker, programme, names[number] if names else f"P-{number + 1:03}", starts)
        return maker.entries

    return make


def _history(maker: _Maker, programme: Programme, name: str, starts: list[int]) -> None:
    drawn = Random(f"3 {name}")
    holder = Holder.partner(name)
    wallet = {account: Account(holder, account) for account in ("pending", "available", "arrears", "standing")}
    person = Account(Holder.person(f"{name}-1"), "available")
    issued, redeemed, expired, standing = (
        Account(None, account) for account in ("issued", "redeemed", "expired", "standing")
    )
    size = drawn.lognormvariate(0, 1)
    tiers = ["silver", "gold"] if size > 1.6 else ["silver"] if size > 0.9 else []
    pending = available = 0
    for index, first in enumerate(starts[:-1]):
        at = programme.calendar.day_start_us(first) + 10 * HOUR_US
        if pending:
            maker.post(at, (wallet["pending"], wallet["available"], "points", pending, "deal-base"))
            available, pending = available + pending, 0
        points = int(400 * size * drawn.lognormvariate(0, 0.6)) + 1
        maker.post(at + HOUR_US, (issued, wallet["pending"], "points", points, "deal-base"),
                   (issued, wallet["available"], "status", points, "deal-base"),
                   (issued, wallet["available"], "mdf", points * 30 + 5, "deal-base"),
                   (issued, person, "points", 50, "certified"))  # fmt: skip
        pending = points
        if tiers and index % 3 == 1:
            tier = tiers.pop(0)
            maker.post(at + 2 * HOUR_US, (standing, wallet["standing"], f"tier.{tier}", 1, "@promotion"))
            if tier == "gold":
                maker.post(at + 3 * HOUR_US, (wallet["standing"], standing, "tier.silver", 1, "@promotion"))
            maker.post(at + 4 * HOUR_US, (standing, wallet["standing"], f"badge.{tier}-club", 1, "@badge"))
        if available > 50 and index % 3 == 2:
            maker.post(at + 5 * HOUR_US, (wallet["available"], redeemed, "points", available // 2, "@redeem"))
            maker.post(at + 6 * HOUR_US, (wallet["available"], expired, "points", available // 10 + 1, "@expiry"))
            available -= available // 2 + available // 10 + 1
    if size < 0.7:
        last = programme.calendar.day_start_us(starts[-1] - 1)
        maker.post(last, (wallet["arrears"], issued, "points", 7, "deal-base"))
