"""One holder's state, and moving it through its history item by item."""

from __future__ import annotations

from typing import Any

from loyalty.core.calendar import FIRST_DAY
from loyalty.core.holders import Holder, Layer
from loyalty.settlement.generate import Steps
from loyalty.settlement.history import OrderKey, Placed, command_key
from loyalty.settlement.layout import REDEEM_ITEM
from loyalty.settlement.state import Memory, item_fields, record, scalars

#: One movement as the step puts it out: (label, asset, from, to, amount, lot day, day); day -1 is the item's instant.
Movement = tuple[int, int, int, int, int, int, int]


class HolderRun:
    """
    The state of one holder between two items of its history.

    Args:
        steps: The programme's generated steps.
        holder: Whose history is settled.
    """

    __slots__ = (
        "_rows",
        "_slots",
        "_step",
        "commands",
        "events",
        "holder",
        "item",
        "last_key",
        "memory",
        "scalars",
        "through_day",
    )

    def __init__(self, steps: Steps, holder: Holder) -> None:
        self.holder = holder
        self._step = steps.layers[holder.layer]
        layout = self._step.layout
        self.scalars: Any = scalars(layout)
        self.memory = Memory(layout)
        self.events = 0
        self.commands = 0
        self.last_key: OrderKey = ()
        #: Everything due through this day has happened; what occurred before it comes late.
        self.through_day = FIRST_DAY
        self.item: Any = record("Item", item_fields(layout))()
        self._rows: dict[str, int] = {}
        self._slots: list[dict[Any, int]] = [{} for _ in layout.keys]

    def apply(self, placed: Placed, tier: int = 0, *, traced: bool = False) -> tuple[list[Movement], int]:
        """
        Settle one event.

        Args:
            placed: The event at its place; nothing after it was settled yet.
            tier: The partner's tier before its instant, for the layers after the partner's.
            traced: Whether :attr:`trace` is to say why.

        Returns:
            The movements, those of the clock up to the event's day first, and the tier before the event's instant.
        """
        event = placed.event
        s, m = self.scalars, self.memory
        row = self._rows.get(event.origin, -1) if event.origin is not None else -1
        self._step.encoder.encode(self.item, placed, self._slots, m.keys, row=row, tier=tier)
        movements: list[Movement] = []
        rows = s.row_count
        if traced:
            m.trace.clear()
            self._step.traced_step(self.item, s, m, movements)
        else:
            self._step.step(self.item, s, m, movements)
        if s.row_count != rows:
            self._rows[event.identity] = rows
        self.events += 1
        self.through_day = max(self.through_day, self.item.day)
        self.last_key = placed.key
        return movements, s.before if self.holder.layer is Layer.PARTNER else tier

    def redeem(self, currency: int, amount: int, at: int) -> list[Movement]:
        """Settle a granted redemption of *amount* minor units at UTC microseconds *at*; grants come in order."""
        item = self.item
        item.kind = REDEEM_ITEM
        item.day = self._step.encoder.calendar.day_of(at)
        item.currency = currency
        item.amount = amount
        movements: list[Movement] = []
        self._step.step(item, self.scalars, self.memory, movements)
        self.last_key = command_key(at, self.commands)
        self.commands += 1
        self.through_day = max(self.through_day, item.day)
        return movements

    def advance(self, day: int) -> list[Movement]:
        """Let everything due through *day* happen."""
        movements: list[Movement] = []
        if day >= self.scalars.next_due:
            self._step.boundary(self.scalars, self.memory, movements, day)
        self.through_day = max(self.through_day, day)
        return movements

    def available(self, currency: int) -> int:
        """Give what is available of a currency, minor units."""
        return sum(self.memory.amounts[currency])

    @property
    def tier(self) -> int:
        """The level of the tier in force."""
        level: int = self.scalars.effective
        return level

    @property
    def trace(self) -> list[tuple[Any, ...]]:
        """Why the last traced event was settled as it was."""
        return list(self.memory.trace)
