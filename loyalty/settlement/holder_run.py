"""One holder's state, and moving it through its history item by item."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from loyalty.core.calendar import FIRST_DAY, NEVER
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.settlement.commands import MATURE, PENDING_NOTE, VERBS, Verb
from loyalty.settlement.drawing import ANY_LOT, left_of
from loyalty.settlement.generate import Steps
from loyalty.settlement.history import OrderKey, Placed, command_key
from loyalty.settlement.journal import ACCOUNT_NAMES, FIRST_OF_PROGRAMME, Movement
from loyalty.settlement.layout import CARRY_ITEM, CLOSE_ITEM, DRAW_ITEM, GIVE_BACK_ITEM, Key, Layout, Names
from loyalty.settlement.marks import Mark, set_mark
from loyalty.settlement.recording import recorded, view_on
from loyalty.settlement.state import Memory, item_fields, record, scalars
from loyalty.settlement.trace import STEP_CODE, Part, Record, Why, by_day, stored_trace


class HolderRun:
    """
    The state of one holder between two items of its history.

    Args:
        steps: The programme's generated steps.
        holder: Whose history is settled.
        marks_apart: How many items lie between two marks at least (see :mod:`loyalty.settlement.marks`); None for a
            state that never goes back.

    Attributes:
        MARKED: The fields that a mark keeps, beside the scalars and tables.
    """

    MARKED: ClassVar[tuple[str, ...]] = ("closed_by", "commands", "events", "last_key", "through_day")

    __slots__ = (
        "_has_revisions",
        "_names",
        "_paid_from",
        "_rows",
        "_slots",
        "_step",
        "_taken",
        "_view",
        "closed_by",
        "commands",
        "events",
        "holder",
        "item",
        "last_key",
        "mark_from",
        "marks",
        "marks_apart",
        "memory",
        "saved_items",
        "scalars",
        "through_day",
        "under",
        "version",
    )

    def __init__(self, steps: Steps, holder: Holder, marks_apart: int | None = None) -> None:
        self.holder = holder
        self._names: Names = steps.names
        self._step = steps.layers[holder.layer]
        layout = self._step.layout
        self._has_revisions = len(layout.views) > 1
        #: The revision under which the last event was settled.
        self._view = layout.views[0]
        self.scalars: Any = scalars(layout)
        self.memory = Memory(layout)
        self.events = 0
        self.commands = 0
        self.last_key: OrderKey = ()
        #: Everything due through this day has happened; what occurred before it comes late.
        self.through_day = FIRST_DAY
        #: The version that a store has of the history, and how many of its items the state had that was saved.
        self.version = 0
        self.saved_items = 0
        #: The mark of the holder under which the state is kept in memory (see ``Transaction.holder_mark``).
        self.under: tuple[int, int | None] = (0, None)
        self.marks: list[Mark] = []
        self.marks_apart = marks_apart or 0
        #: How many items are settled when the next mark is due.
        self.mark_from = NEVER if marks_apart is None else marks_apart
        self.item: Any = record("Item", item_fields(layout))()
        #: The closing of the holder, or None.
        self.closed_by: Grant | None = None
        self._rows: dict[str, int] = {}
        #: The rows of what commands took, and the accounts that others were paid in from, by key.
        self._taken: dict[str, int] = {}
        self._paid_from: dict[str, int] = {}
        self._slots: list[dict[Any, int]] = [{} for _ in layout.keys]

    def apply(self, placed: Placed, tier: int = 0, *, traced: bool = False) -> tuple[list[Movement], int]:
        """
        Settle one event.

        Args:
            placed: The event at its place; nothing after it was settled yet.
            tier: The partner's tier before its instant, for the layers after the partner's; a level in the ladder of
                the revision that is in force.
            traced: Whether :attr:`trace` is to say why.

        Returns:
            The movements, those of the clock up to the event's day first, and the tier before the event's instant.
        """
        if self.events + self.commands >= self.mark_from:
            self._mark(placed.instant)
        event, step, item = placed.event, self._step, self.item
        s, m = self.scalars, self.memory
        row = self._rows.get(event.origin, -1) if event.origin is not None else -1
        step.encoder.encode(item, placed, self._slots, m.keys, row, tier)
        if self._has_revisions:
            self._view = view_on(step.layout, item.day)
            item.tier = self._view.levels[tier]
        movements: list[Movement] = []
        rows = s.row_count
        if traced:
            m.trace.clear()
            if placed.is_moved:
                own_day = step.encoder.calendar.day_of(event.occurred_at)
                m.trace.append((STEP_CODE["from_now"], own_day, item.day))
            step.traced_step(item, s, m, movements)
        else:
            step.step(item, s, m, movements)
        if s.row_count != rows:
            self._rows[event.identity] = rows
        self.events += 1
        self.through_day = max(self.through_day, item.day)
        self.last_key = placed.key
        if self.holder.layer is Layer.PARTNER:
            tier = self._view.places[s.before] if self._has_revisions else s.before
        return movements, tier

    def grant(self, grant: Grant, *, traced: bool = False) -> list[Movement]:
        """Settle a decision as it was taken; grants come in order; *traced* as for :meth:`apply`."""
        if self.events + self.commands >= self.mark_from:
            self._mark(grant.at)
        verb = VERBS[grant.kind]
        step = self._step.traced_step if traced else self._step.step
        self.memory.trace.clear()
        movements: list[Movement] = []
        item = self.item
        item.day = self._step.encoder.calendar.day_of(grant.at)
        item.label = self._names.label_code[verb.label]
        item.kind = verb.item
        item.account = self._account(verb, grant)
        item.until = grant.until_day if grant.until_day is not None else NEVER
        row = self._taken.get(grant.of or "", -1) if verb.item in (CARRY_ITEM, GIVE_BACK_ITEM) else -1
        if verb.item == CLOSE_ITEM:
            self.closed_by = grant
            step(item, self.scalars, self.memory, movements)
        else:
            item.currency = self._names.assets.index(grant.currency)
            for lot, amount in [(lot.expires_day, lot.amount) for lot in grant.lots] or [(ANY_LOT, grant.amount)]:
                item.row, item.lot, item.amount = row, lot, amount
                step(item, self.scalars, self.memory, movements)
                # The lots that follow are pieces of the same command.
                row = self.scalars.command_count - 1 if verb.item == DRAW_ITEM else row
        if verb.item in (DRAW_ITEM, CARRY_ITEM):
            self._taken[grant.key] = self.scalars.command_count - 1
        elif verb.account is not None:
            self._paid_from[grant.key] = item.account
        if grant.final and verb.item == CARRY_ITEM:
            self._release_rest(grant, movements)
        self.last_key = command_key(grant.at, self.commands)
        self.commands += 1
        self.through_day = max(self.through_day, item.day)
        return movements

    def advance(self, day: int, *, traced: bool = False) -> list[Movement]:
        """Let everything due through *day* happen; *traced* as for :meth:`apply`."""
        movements: list[Movement] = []
        if day >= self.scalars.next_due:
            self.memory.trace.clear()
            boundary = self._step.traced_boundary if traced else self._step.boundary
            boundary(self.scalars, self.memory, movements, day)
        self.through_day = max(self.through_day, day)
        return movements

    def available(self, currency: int) -> int:
        """Give what is available of a currency, minor units."""
        return sum(self.memory.amounts[currency])

    def has_available(self) -> bool:
        """Tell whether anything is available of any currency."""
        return any(self.available(c) for c in self._step.layout.currency.values())

    def pending(self) -> dict[str, int]:
        """Give what is pending of each currency of which anything is, minor units."""
        layout = self._step.layout
        sums: dict[str, int] = {}
        for index, (c, _) in enumerate(layout.pending):
            amount = sum(self.memory.amounts[len(layout.currency) + index])
            if amount:
                sums[self._names.assets[c]] = sums.get(self._names.assets[c], 0) + amount
        return sums

    def slots(self, key: Key) -> dict[tuple[object, ...], int]:
        """Give the rows of a key table by the values of the key."""
        return self._slots[key.index]

    def left(self, key: str) -> int:
        """Give what is left of what a command took: not carried on and not given back, minor units."""
        row = self._taken.get(key, -1)
        return left_of(self.memory, row) if row >= 0 else 0

    def open_holds(self) -> list[str]:
        """Give the keys of the holds of which something is left."""
        held = ACCOUNT_NAMES.index("held")
        return [key for key, row in self._taken.items() if self.memory.commands[row].account == held and self.left(key)]

    @property
    def tier(self) -> int:
        """The level of the tier in force."""
        level: int = self.scalars.effective
        return level

    @property
    def programme(self) -> Programme:
        """The revision under which the last event was settled."""
        return self._view.programme if self._has_revisions else self._step.layout.programme

    @property
    def trace(self) -> list[tuple[Any, ...]]:
        """Why what was traced last was settled as it was, the clock before it included, as the step records it."""
        return list(self.memory.trace)

    def why(self, tier: int = 0) -> dict[int, Why]:
        """
        Give why what was traced last was settled as it was, in the numbering of the revision in force.

        Args:
            tier: The level of the partner's tier before the item, in the ladder of the revision in force.

        Returns:
            What gives what entries keep, by the day of the clock; that of the item itself under -1.
        """
        layout, view = self._step.layout, self._view
        level = view.levels[tier]
        return {
            day: partial(_part, layout, view if day < 0 else view_on(layout, day), records, level)
            for day, records in by_day(self.memory.trace).items()
        }

    def mappings(self) -> list[dict[Any, int]]:
        """Give the mappings that grow with the history; what has come in never changes there."""
        return [self._rows, self._taken, self._paid_from, *self._slots]

    def _mark(self, instant: int) -> None:
        """Make a mark before an item, where nothing of its instant was settled."""
        if instant > self.last_key[0]:
            set_mark(self, instant)

    def _account(self, verb: Verb, grant: Grant) -> int:
        """Give the code of the account on the other side of what a grant moves."""
        if verb.item == CLOSE_ITEM:
            return _AVAILABLE if grant.note.get(PENDING_NOTE) == MATURE else _FORFEITED
        if verb.account is None:
            return self._paid_from.get(grant.of or "", 0)
        if verb.account == "held":
            return ACCOUNT_NAMES.index(verb.account)
        return ACCOUNT_NAMES.index(verb.account, FIRST_OF_PROGRAMME)

    def _release_rest(self, grant: Grant, movements: list[Movement]) -> None:
        """Give back what a final capture leaves of its hold."""
        item = self.item
        item.kind = GIVE_BACK_ITEM
        item.label = self._names.label_code[VERBS["release"].label]
        item.amount = self.left(grant.of or "")
        self._step.step(item, self.scalars, self.memory, movements)


_AVAILABLE = ACCOUNT_NAMES.index("available")
_FORFEITED = ACCOUNT_NAMES.index("forfeited")


def _part(layout: Layout, view: Layout, records: Sequence[Record], level: int) -> Part:
    """
    Give records of the step in the numbering of a revision, as an entry keeps them.

    Args:
        level: The level of the partner's tier among those of all revisions, for which the view may have a lower one.
    """
    numbered = recorded(layout, view, records) if len(layout.views) > 1 else records
    return stored_trace(view.programme, numbered, view.places[level])
