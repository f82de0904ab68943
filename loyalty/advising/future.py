"""
What becomes of a partner: its state now, with actions that have not happened, settled on a copy until a day.

Work is counted in settled events, so that the same question has the same answer on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define, field, frozen

from loyalty.core.calendar import NEVER
from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.errors import EventRejected
from loyalty.ledger.store import Grant
from loyalty.settlement.generate import Steps
from loyalty.settlement.history import Placed, place_events
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.reading import metric_values
from loyalty.settlement.saving import load
from loyalty.settlement.settle import Item, apply_item


class EnoughError(Exception):
    """The bounds of the search are reached."""


@frozen
class Seen:
    """
    What settling some actions comes to.

    Attributes:
        reached: Whether the tier is there in the end.
        level: The level that is earned in the end.
        values: What metrics come to at the end of the day of looking.
        refused: Why an action would not be taken, or None.
    """

    reached: bool
    level: int
    values: Mapping[str, int]
    refused: str | None = None


@define(eq=False)
class Future:
    """
    One question about one partner.

    Args:
        steps: The programme's steps.
        holder: The partner.
        state: Its state now, as :func:`loyalty.settlement.saving.save` wrote it.
        rest: Items of its history that count from later.
        origins: Events of its history that actions may speak of.
        find_grant: Gives a recorded decision by its key.
        level: The level that is asked for, in the order of all revisions.
        by: The last day.
        budget: How many events may be settled.
    """

    steps: Steps
    holder: Holder
    state: str
    rest: Sequence[Item]
    origins: Sequence[Event]
    find_grant: Callable[[str], Grant | None]
    level: int
    by: int
    budget: int
    settled: int = 0
    _known: dict[tuple[tuple[Event, ...], int], Seen] = field(factory=dict)

    def run(self) -> HolderRun:
        """Give a copy of the state of now."""
        run = load(self.steps, self.holder, self.state, self.find_grant)
        if run is None:
            raise AssertionError("a state is read by the library that wrote it")
        return run

    def settle(self, events: Sequence[Event], look: int) -> Seen:
        """
        Settle actions, and let the clock run to the last day.

        Args:
            events: The actions; their ids are not those of the history.
            look: The day at whose end metrics are read.

        Raises:
            EnoughError: the budget is spent.
        """
        key = (tuple(events), look)
        if key not in self._known:
            self._known[key] = self._settle(events, look)
        return self._known[key]

    def _settle(self, events: Sequence[Event], look: int) -> Seen:
        cost = 1 + len(events) + len(self.rest)
        # What becomes of the partner without any action has to be known whatever the budget is.
        if events and self.settled + cost > self.budget:
            raise EnoughError
        self.settled += cost
        programme = self.steps.programme
        names = {event.identity for event in events}
        placed = place_events(programme, [*self.origins, *events]) if events else []
        items = [Item(place.key, place) for place in placed if place.event.identity in names and self._reaches(place)]
        run = self.run()
        values: Mapping[str, int] | None = None
        try:
            for item in sorted((*items, *self.rest), key=lambda item: item.key):
                if values is None and programme.calendar.day_of(item.key[0]) > look:
                    values = self._read(run, look)
                apply_item(self.steps, run, item, [])
        except EventRejected as error:
            return Seen(False, run.scalars.tier, values or self._read(run, look), "; ".join(error.reasons))
        if values is None:
            values = self._read(run, look)
        run.advance(self.by)
        if run.scalars.tier >= self.level and run.scalars.grace_end < NEVER:
            # A grace that runs on the last day was missed by then, and what it ends in is told by its end.
            run.advance(run.scalars.grace_end)
        return Seen(run.scalars.tier >= self.level, run.scalars.tier, values)

    def _reaches(self, place: Placed) -> bool:
        return self.holder in place.holders

    def _read(self, run: HolderRun, look: int) -> Mapping[str, int]:
        day = max(run.through_day, look)
        run.advance(day)
        layout = self.steps.layers[self.holder.layer].layout
        return {name: one.value for name, one in metric_values(layout, run, day).items()}
