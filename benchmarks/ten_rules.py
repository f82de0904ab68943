"""
The ten-rule programme and a seeded history of it: two years, partners of lognormal sizes.

What is drawn looks like a partner business: a few large partners, deals of lognormal size, certificates passed again
now and then, some events of one instant (a batch from the CRM), redemptions of a part of what is then available.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from attrs import Factory, define

from loyalty.core.calendar import NEVER, parse_day
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.store import Grant
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.settlement.drawing import ANY_LOT
from loyalty.settlement.generate import Steps, steps_of
from loyalty.settlement.history import Placed, place_events
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import ACCOUNT_NAMES
from loyalty.settlement.layout import DRAW_ITEM, REDEEM
from loyalty.settlement.runtime import room
from loyalty.settlement.state import Memory, item_fields, record

PROGRAMME = Path(__file__).parent / "programmes" / "ten_rules.yaml"
_DAYS = 730
_HOUR_US = 3_600_000_000
_TRACKS = ("sales", "presales", "technical", "cloud", "security")


@define
class PartnerHistory:
    """
    One partner's events in settlement order, and the redemptions granted directly after some of them.

    Attributes:
        holder: The partner.
        placed: Its events at their places.
        redeemed: Redemptions by the position of the event that they follow.
    """

    holder: Holder
    placed: list[Placed]
    redeemed: dict[int, Grant] = Factory(dict)

    @property
    def item_count(self) -> int:
        """How many items the step settles."""
        return len(self.placed) + len(self.redeemed)

    def items(self) -> Iterator[Placed | Grant]:
        """Give events and redemptions in settlement order."""
        for position, placed in enumerate(self.placed):
            yield placed
            if position in self.redeemed:
                yield self.redeemed[position]


@define
class Encoded:
    """
    A partner's items as the step reads them.

    Attributes:
        holder: The partner.
        items: One record an event or redemption.
        key_counts: How many rows each key table of the partner's memory needs.
    """

    holder: Holder
    items: list[Any]
    key_counts: list[int]

    def fresh_state(self) -> tuple[Any, Memory]:
        """Give the scalars and the memory of a holder before its first event, with room for the keys of these items."""
        run = HolderRun(steps(), self.holder)
        for rows, count in zip(run.memory.keys, self.key_counts, strict=True):
            room(rows, count - 1)
        return run.scalars, run.memory


@cache
def programme() -> Programme:
    """Load the ten-rule programme."""
    return load(PROGRAMME)


def steps() -> Steps:
    """Generate its steps."""
    return steps_of(programme())


def histories(partners: int, events_each: int = 60, seed: int = 20260101) -> list[PartnerHistory]:
    """
    Draw the histories of some partners.

    Args:
        partners: How many.
        events_each: The mean number of events of a partner; the sizes are lognormal.
        seed: Each partner's stream is keyed by (seed, partner).
    """
    return [_history(f"P{number:05}", events_each, seed) for number in range(partners)]


def encode(history: PartnerHistory) -> Encoded:
    """Encode each item into a record of its own, with the keys interned."""
    step = steps().layers[Layer.PARTNER]
    layout = step.layout
    make = record("Item", item_fields(layout))
    slots: list[dict[Any, int]] = [{} for _ in layout.keys]
    tables = HolderRun(steps(), history.holder).memory.keys
    items = []
    for what in history.items():
        item: Any = make()
        if isinstance(what, Grant):
            item.kind = DRAW_ITEM
            item.label = steps().names.label_code[REDEEM]
            item.account = ACCOUNT_NAMES.index("redeemed")
            item.row, item.lot, item.until = -1, ANY_LOT, NEVER
            item.instant = what.at
            item.day = programme().calendar.day_of(what.at)
            item.currency = 0
            item.amount = what.amount
        else:
            step.encoder.encode(item, what, slots, tables, -1, 0)
        items.append(item)
    return Encoded(history.holder, items, [len(rows) for rows in tables])


def _history(partner: str, events_each: int, seed: int) -> PartnerHistory:
    draw = random.Random(f"{seed}/{partner}")
    size = draw.lognormvariate(-0.5, 1.0)
    count = max(1, round(events_each * size))
    first_us = programme().calendar.day_start_us(parse_day("2025-01-01"))
    instants = sorted(first_us + draw.randrange(_DAYS * 24) * _HOUR_US for _ in range(count))
    people = [f"{partner}-{number}" for number in range(1 + count // 20)]
    events = [
        _event(draw, partner, people, f"{partner}-{number:05}", instant, size)
        for number, instant in enumerate(instants)
    ]
    history = PartnerHistory(Holder.partner(partner), place_events(programme(), events))
    _redeem(draw, history)
    return history


def _event(draw: random.Random, partner: str, people: list[str], id: str, instant: int, size: float) -> Event:
    kind = draw.choices(("deal.won", "certification.passed", "event.attended"), (70, 12, 18))[0]
    fields: dict[str, int | str | bool]
    if kind == "deal.won":
        fields = {
            "amount": min(1_000_000_000, 1 + int(100 * draw.lognormvariate(9.0, 1.2) * (0.5 + size / 2))),
            "product": draw.choices(("core", "cloud", "services"), (50, 35, 15))[0],
            "registered": draw.random() < 0.4,
            "new_customer": draw.random() < 0.3,
        }
    elif kind == "certification.passed":
        fields = {"track": draw.choice(_TRACKS), "level": draw.choices(("associate", "expert"), (70, 30))[0]}
    else:
        fields = {"format": draw.choices(("online", "on_site"), (60, 40))[0]}
    person = draw.choice(people)
    return Event(id=id, kind=kind, partner=partner, person=person, occurred_at=instant, fields=fields)


def _redeem(draw: random.Random, history: PartnerHistory) -> None:
    """Grant a redemption after about one event in thirty, of a part of what is available then."""
    run = HolderRun(steps(), history.holder)
    for position, placed in enumerate(history.placed):
        run.apply(placed)
        following = history.placed[position + 1].instant if position + 1 < len(history.placed) else placed.instant + 1
        available = run.available(0)
        if draw.random() < 1 / 30 and available >= 100 and following > placed.instant:
            amount = available * draw.randint(20, 100) // 100
            grant = Grant(
                key=f"{placed.event.id}-R",
                kind="redeem",
                holder=history.holder,
                currency="points",
                amount=amount,
                at=placed.instant,
            )
            run.grant(grant)
            history.redeemed[position] = grant
