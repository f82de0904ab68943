"""
The search for the smallest sets of actions that reach a tier, each of which is settled.

For each set of conditions that is enough, moves are chosen for those that do not hold; each is done until its condition
holds, then as seldom and with as little as still reaches the tier. What is left over by that is left out: a way without
any one of its actions misses the tier, and so it does with one unit less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Final

from attrs import define, evolve, field, frozen

from loyalty.advising.conditions import Values, branches_of, unmet
from loyalty.advising.future import EnoughError, Future, Seen
from loyalty.advising.moves import Move, Names, events_of, kinds_moving, moves_of
from loyalty.advising.schedules import Schedule
from loyalty.core.events import Event
from loyalty.programme.model import Programme
from loyalty.rules.expressions import Expression
from loyalty.tiers.declaration import Needs

#: A move is done so often at most, and so many choices of moves are tried for a set of conditions.
MOST_TIMES: Final = 64
_MOST_CHOICES: Final = 24

#: So many of the first moves of a kind that do anything are compared.
_COMPARED: Final = 4


@frozen
class Act:
    """A move once: the how-manieth time, its day, and its numbers where they are not the largest of use."""

    move: Move
    number: int
    day: int
    numbers: Mapping[tuple[int, str], int] = field(factory=dict, hash=False, eq=False)


@define(eq=False)
class Search:
    """
    A search for ways.

    Args:
        programme: The revision whose rules and needs are read.
        future: What settles them.
        needs: The needs of the tier.
        names: What events are called that have not happened, and from when they can.
        today: The first day on which they can.
        history: The events of the partner that happened.
        most: The kinds that may be used, each with how often; None for all.
        exhausted: Whether the bounds of the search were reached.
        refused: Why actions would not be taken.
        best: What metrics came to at most with some actions, by name.
        movable: Whether anything was found to move a condition, on whatever days, by its text.
    """

    programme: Programme
    future: Future
    needs: Needs
    names: Names
    today: int
    history: Sequence[Event]
    most: Mapping[str, int] | None
    exhausted: bool = False
    refused: set[str] = field(factory=set)
    best: dict[str, int] = field(factory=dict)
    movable: dict[str, bool] = field(factory=dict)
    _effects: dict[tuple[Schedule, str], list[Move]] = field(factory=dict)

    def ways(self, schedules: Sequence[Schedule]) -> list[tuple[Event, ...]]:
        """Give the ways that were found, each verified, in the order of the search."""
        found: list[tuple[Event, ...]] = []
        try:
            for branch in branches_of(self.needs):
                for schedule in schedules:
                    for events in self._ways_of(branch, schedule):
                        if events not in found:
                            found.append(events)
        except EnoughError:
            self.exhausted = True
        return found

    def _ways_of(self, branch: Sequence[Expression], schedule: Schedule) -> Iterator[tuple[Event, ...]]:
        base = self.future.settle((), schedule.look).values
        missing = unmet(branch, base)
        choices: list[list[tuple[Move, ...]]] = []
        for condition in missing:
            moves = self._moves(condition, schedule, base)
            text = " ".join(condition.source.split())
            self.movable[text] = self.movable.get(text, False) or bool(moves)
            if not moves:
                return
            choices.append([(move,) for move in moves] + ([tuple(moves)] if len(moves) > 1 else []))
        if not missing:
            # All conditions hold, and anything that happens may be what it takes for standing to be looked at.
            choices = [[(move,) for move in self._any_moves()]]
        for chosen in islice(product(*choices), _MOST_CHOICES):
            acts = self._enough(missing, chosen, schedule)
            if acts is not None:
                yield self._smallest(acts, schedule)

    def _moves(self, condition: Expression, schedule: Schedule, base: Values) -> list[Move]:
        """Give for each kind and rule the moves that bring a condition the farthest, the best first."""
        key = (schedule, condition.source)
        if key not in self._effects:
            best: list[tuple[int, Move]] = []
            programme = self.programme
            for name in sorted(condition.names & set(base)):
                metric = programme.metrics[name]
                for kind, rule in kinds_moving(programme, metric):
                    if self.most is not None and not self.most.get(kind.name):
                        continue
                    best += self._best(moves_of(programme, kind, rule, metric, self.history), name, schedule, base)
            self._effects[key] = [move for _, move in sorted(best, key=lambda pair: (-pair[0], len(pair[1].steps)))]
        return self._effects[key]

    def _best(self, moves: Iterable[Move], name: str, schedule: Schedule, base: Values) -> list[tuple[int, Move]]:
        """Give of each shape of moves the one that adds most to a metric, with what it adds."""
        compared: dict[tuple[bool, int], list[tuple[int, Move]]] = {}
        for move in moves:
            same = compared.setdefault((bool(move.origins), len(move.steps)), [])
            gain = self._gain(move, name, schedule, base) if len(same) < _COMPARED else 0
            if gain > 0:
                same.append((gain, move))
        return [max(same, key=lambda pair: pair[0]) for same in compared.values() if same]

    def _any_moves(self) -> list[Move]:
        programme = self.programme
        found = []
        for metric in programme.metrics.values():
            for kind, rule in kinds_moving(programme, metric):
                if self.most is None or self.most.get(kind.name):
                    found += list(islice(moves_of(programme, kind, rule, metric, self.history), 1))
        return found[:_COMPARED]

    def _gain(self, move: Move, name: str, schedule: Schedule, base: Values) -> int:
        """Give what a move adds to a metric; for a streak, or values in turn, it is done as often as that takes."""
        for times in sorted({1, *self._patience(move, schedule)}):
            count = min(times, self._limit(move))
            seen = self._settle([Act(move, n, schedule.day(n)) for n in range(count)], schedule)
            if seen.values.get(name, 0) > base[name]:
                return seen.values[name] - base[name]
        return 0

    def _patience(self, move: Move, schedule: Schedule) -> set[int]:
        """Give how often a move may have to be done before it does anything."""
        kinds = {step.kind.name for step in move.steps}
        lengths = {rule.streak.length for rule in self.programme.rules if rule.streak and rule.on in kinds}
        turns = {len(values) for step in move.steps for values in step.turns.values()}
        return turns | {length for length in lengths if len(schedule.days) >= length}

    def _enough(
        self, missing: Sequence[Expression], chosen: Sequence[tuple[Move, ...]], schedule: Schedule
    ) -> list[Act] | None:
        """Do moves until each condition holds, or they do no more; None where the tier is not reached then."""
        times: dict[Move, int] = {}
        for condition, moves in zip(missing, chosen, strict=False):
            for move in moves:
                if self._holds(condition, times, schedule):
                    break
                times[move] = self._times(condition, move, times, schedule)
        if not missing:
            times = {chosen[0][0]: 1}
        if not self._see(times, schedule).reached:
            return None
        for move in sorted(times, key=lambda move: -times[move]):
            times = {**times, move: self._fewest(move, times, schedule)}
        return self._sooner(self._acts(times, schedule), schedule)

    def _sooner(self, acts: list[Act], schedule: Schedule) -> list[Act]:
        """Have each action happen on the first day where that reaches the tier as well."""
        for n, act in enumerate(acts):
            if act.day != schedule.days[0]:
                tried = [*acts[:n], evolve(act, day=schedule.days[0]), *acts[n + 1 :]]
                acts = tried if self._settle(tried, schedule).reached else acts
        return acts

    def _times(self, condition: Expression, move: Move, times: Mapping[Move, int], schedule: Schedule) -> int:
        """Give how often a move is done until a condition holds, or until doing it more often does nothing."""
        limit = min(MOST_TIMES, self._limit(move))
        patience = max(len(schedule.days), *self._patience(move, schedule), 1)
        count, before = 0, self._progress(condition, {**times, move: 0}, schedule)
        while count < limit:
            count = min(max(1, 2 * count), limit)
            tried = {**times, move: count}
            if self._holds(condition, tried, schedule):
                break
            now = self._progress(condition, tried, schedule)
            if now <= before and count >= patience:
                break
            before = max(now, before)
        return count

    def _fewest(self, move: Move, times: Mapping[Move, int], schedule: Schedule) -> int:
        """Give how seldom a move can be done with the tier still reached."""
        low, high = -1, times[move]
        while high - low > 1:
            middle = (low + high) // 2
            reached = self._see({**times, move: middle}, schedule).reached
            low, high = (low, middle) if reached else (middle, high)
        return high

    def _smallest(self, acts: list[Act], schedule: Schedule) -> tuple[Event, ...]:
        """Make the numbers of each action as small as reaches the tier, and leave out what is not needed then."""
        for move in dict.fromkeys(act.move for act in acts):
            for place, step in enumerate(move.steps):
                for name in step.numbers:
                    together = [n for n, act in enumerate(acts) if act.move is move]
                    acts = self._lowered(acts, together, (place, name), schedule)
        for n in range(len(acts)):
            for place, step in enumerate(acts[n].move.steps):
                for name in step.numbers:
                    acts = self._lowered(acts, [n], (place, name), schedule)
        events = self._events(acts)
        return self._without_needless(events, schedule)

    def _lowered(self, acts: list[Act], which: Sequence[int], key: tuple[int, str], schedule: Schedule) -> list[Act]:
        """Lower a number of some actions together as far as the tier is still reached."""
        step = acts[which[0]].move.steps[key[0]]
        spec = step.kind.fields[key[1]]

        def with_number(value: int) -> list[Act]:
            return [
                evolve(act, numbers={**act.numbers, key: value}) if n in which else act for n, act in enumerate(acts)
            ]

        high = acts[which[0]].numbers.get(key, step.numbers[key[1]])
        if high > spec.lowest and not self._settle(with_number(high - 1), schedule).reached:
            return acts
        low = spec.lowest - 1
        while high - low > 1:
            middle = (low + high) // 2
            reached = self._settle(with_number(middle), schedule).reached
            low, high = (low, middle) if reached else (middle, high)
        return with_number(high)

    def _without_needless(self, events: tuple[Event, ...], schedule: Schedule) -> tuple[Event, ...]:
        for event in events:
            fewer = tuple(other for other in events if other is not event)
            if self.future.settle(fewer, schedule.look).reached:
                return self._without_needless(fewer, schedule)
        return events

    def _limit(self, move: Move) -> int:
        limits = [MOST_TIMES if move.most is None else move.most]
        if self.most is not None:
            limits += [self.most.get(step.kind.name, 0) for step in move.steps]
        return min(limits)

    def _holds(self, condition: Expression, times: Mapping[Move, int], schedule: Schedule) -> bool:
        return not unmet([condition], self._see(times, schedule).values)

    def _progress(self, condition: Expression, times: Mapping[Move, int], schedule: Schedule) -> int:
        values = self._see(times, schedule).values
        read = {name: values[name] for name in condition.names & set(values)}
        for name, value in read.items():
            self.best[name] = max(self.best.get(name, value), value)
        return sum(read.values())

    def _see(self, times: Mapping[Move, int], schedule: Schedule) -> Seen:
        return self._settle(self._acts(times, schedule), schedule)

    def _acts(self, times: Mapping[Move, int], schedule: Schedule) -> list[Act]:
        return [Act(move, n, schedule.day(n)) for move, count in times.items() for n in range(count)]

    def _settle(self, acts: Sequence[Act], schedule: Schedule) -> Seen:
        seen = self.future.settle(self._events(acts), schedule.look)
        if seen.refused is not None:
            self.refused.add(seen.refused)
        return seen

    def _events(self, acts: Sequence[Act]) -> tuple[Event, ...]:
        """Give the events of actions, day by day; those of one day come one after the other."""
        events: list[Event] = []
        for act in sorted(acts, key=lambda act: act.day):
            starts = self.programme.calendar.day_start_us(act.day)
            at = (self.names.since if act.day == self.today else starts) + len(events)
            events += events_of(act.move, act.number, names=self.names, at=at, first=len(events), numbers=act.numbers)
        return tuple(events)
