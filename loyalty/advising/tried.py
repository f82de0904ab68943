"""What was tried: actions that are settled until a day, and what was seen by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field, frozen

from loyalty.advising.conditions import Values, holds, singles_of, text_of, unmet
from loyalty.advising.future import Future, Seen
from loyalty.advising.moves import Move, Names, events_of
from loyalty.advising.schedules import Schedule
from loyalty.core.calendar import Calendar
from loyalty.core.events import Event
from loyalty.rules.expressions import Expression
from loyalty.tiers.declaration import Needs


@frozen
class Act:
    """A move once: the how-manieth time, its day, and its numbers where they are not the largest of use."""

    move: Move
    number: int
    day: int
    numbers: Mapping[tuple[int, str], int] = field(factory=dict, hash=False, eq=False)


@define(eq=False)
class Tried:
    """
    All that was tried.

    Args:
        calendar: Says when days begin.
        future: What settles actions.
        needs: The needs of the tier.
        names: What events are called that have not happened, and from when they can.
        today: The first day on which they can.
        refused: Why actions would not be taken.
        best: What the metrics of the needs came to at most, by name.
        held: The texts of conditions that held.
    """

    calendar: Calendar
    future: Future
    needs: Needs
    names: Names
    today: int
    refused: set[str] = field(factory=set)
    best: dict[str, int] = field(factory=dict)
    held: set[str] = field(factory=set)

    def see(self, times: Mapping[Move, int], schedule: Schedule) -> Seen:
        """Settle moves, each done so often."""
        return self.settle(self.acts(times, schedule), schedule)

    def acts(self, times: Mapping[Move, int], schedule: Schedule) -> list[Act]:
        """Give each move so often, on the days of a schedule in turn."""
        return [Act(move, n, schedule.day(n)) for move, count in times.items() for n in range(count)]

    def settle(self, acts: Sequence[Act], schedule: Schedule) -> Seen:
        """Settle actions, and keep what was seen."""
        seen = self.future.settle(self.events(acts), schedule.look)
        if seen.refused is not None:
            self.refused.add(seen.refused)
        else:
            self.note(seen.values)
        return seen

    def events(self, acts: Sequence[Act]) -> tuple[Event, ...]:
        """Give the events of actions, day by day; those of one day come one after the other."""
        events: list[Event] = []
        for act in sorted(acts, key=lambda act: act.day):
            starts = self.calendar.day_start_us(act.day)
            at = (self.names.since if act.day == self.today else starts) + len(events)
            events += events_of(act.move, act.number, names=self.names, at=at, first=len(events), numbers=act.numbers)
        return tuple(events)

    def holds(self, conditions: Sequence[Expression], acts: Sequence[Act], schedule: Schedule) -> bool:
        """Tell whether conditions hold with actions."""
        return not unmet(conditions, self.settle(acts, schedule).values)

    def note(self, values: Values) -> None:
        """Keep what the needs' metrics came to, and which conditions held."""
        for condition in singles_of(self.needs):
            for name in condition.names & set(values):
                self.best[name] = max(self.best.get(name, values[name]), values[name])
            if holds(condition, values):
                self.held.add(text_of(condition))
