"""
The search for the smallest sets of actions that reach a tier, each of which is settled.

For each set of conditions that is enough, moves are chosen for those that do not hold, and each is done until its
condition holds. Where that breaks another condition, it is done with as little as is enough, and moves are chosen for
what is broken still. What reaches the tier is then cut down to as few and as little as still reach it, what takes the
fewest actions first. A way without any one of its actions misses the tier, and so it does with one unit less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Final

from attrs import define, evolve, field, frozen

from loyalty.advising.conditions import Values, branches_of, text_of, unmet
from loyalty.advising.future import EnoughError
from loyalty.advising.moves import Move, kinds_moving, moves_of
from loyalty.advising.schedules import Schedule
from loyalty.advising.tried import Act, Tried
from loyalty.core.events import Event
from loyalty.programme.model import Programme
from loyalty.rules.expressions import Expression

#: A move is done so often at most, and so many choices of moves are tried for a set of conditions.
MOST_TIMES: Final = 64
_MOST_CHOICES: Final = 24

#: So often is what actions break mended by others.
_MOST_MENDINGS: Final = 3

#: So many of the first moves of a kind that do anything are compared.
_COMPARED: Final = 4


@frozen
class Rough:
    """What reaches the tier without being the least that does: how often each move is done, and when."""

    times: Mapping[Move, int]
    schedule: Schedule


@define(eq=False)
class Search:
    """
    A search for ways.

    Args:
        programme: The revision whose rules and needs are read.
        tried: What settles them.
        history: The events of the partner that happened.
        most: The kinds that may be used, each with how often; None for all.
        exhausted: Whether the budget was spent.
        movable: Whether anything was found to move a condition, on whatever days, by its text.
    """

    programme: Programme
    tried: Tried
    history: Sequence[Event]
    most: Mapping[str, int] | None
    exhausted: bool = False
    movable: dict[str, bool] = field(factory=dict)
    _effects: dict[tuple[Schedule, str], list[Move]] = field(factory=dict)

    def ways(self, schedules: Sequence[Schedule]) -> dict[tuple[Event, ...], int]:
        """Give the ways that were found, each verified, with the level that it reaches."""
        found: dict[tuple[Event, ...], int] = {}
        try:
            for rough in sorted(self._gathered(schedules), key=lambda rough: sum(rough.times.values())):
                events = self._smallest(self._fewest(rough), rough.schedule)
                if self._allowed(events):
                    found[events] = self.tried.future.settle(events, rough.schedule.look).level
        except EnoughError:
            self.exhausted = True
        return found

    def _gathered(self, schedules: Sequence[Schedule]) -> list[Rough]:
        """Give what reaches the tier; half of the budget is kept for cutting it down."""
        found: list[Rough] = []
        future = self.tried.future
        whole, future.budget = future.budget, (future.settled + future.budget) // 2
        try:
            for branch in branches_of(self.tried.needs):
                for schedule in schedules:
                    found += self._rough(branch, schedule)
        except EnoughError:
            self.exhausted = True
        finally:
            future.budget = whole
        return found

    def _rough(self, branch: Sequence[Expression], schedule: Schedule) -> Iterator[Rough]:
        base = self.tried.future.settle((), schedule.look).values
        self.tried.note(base)
        missing = unmet(branch, base)
        choices: list[list[tuple[Move, ...]]] = []
        for condition in missing:
            moves = self._moves(condition, schedule, base)
            text = text_of(condition)
            self.movable[text] = self.movable.get(text, False) or bool(moves)
            if not moves:
                return
            choices.append([(move,) for move in moves] + ([tuple(moves)] if len(moves) > 1 else []))
        if not missing:
            # All conditions hold, and anything that happens may be what it takes for standing to be looked at.
            choices = [[(move,) for move in self._any_moves()]]
        for chosen in islice(product(*choices), _MOST_CHOICES):
            times = self._enough(missing, chosen, schedule)
            if not self.tried.see(times, schedule).reached:
                times = self._mended(branch, missing, times, schedule, base)
            if self.tried.see(times, schedule).reached:
                yield Rough(times, schedule)

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
            seen = self.tried.settle([Act(move, n, schedule.day(n)) for n in range(count)], schedule)
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
    ) -> dict[Move, int]:
        """Do moves until each condition holds, or they do no more."""
        times: dict[Move, int] = {}
        for condition, moves in zip(missing, chosen, strict=False):
            for move in moves:
                if self.tried.holds([condition], self.tried.acts(times, schedule), schedule):
                    break
                times[move] = self._times(condition, move, times, schedule)
        return times if missing else {chosen[0][0]: 1}

    def _mended(
        self, branch: Sequence[Expression], missing: Sequence[Expression], times: dict[Move, int],
        schedule: Schedule, base: Values,
    ) -> dict[Move, int]:  # fmt: skip
        """Do as little as is enough for what was missing, and then something for each condition that it breaks."""
        if not self.tried.holds(missing, self.tried.acts(times, schedule), schedule):
            return times
        times = self._modest(missing, times, schedule)
        for _ in range(_MOST_MENDINGS):
            seen = self.tried.see(times, schedule)
            if seen.reached:
                break
            for condition in unmet(branch, seen.values):
                for move in self._moves(condition, schedule, base):
                    tried = {**times, move: self._times(condition, move, times, schedule)}
                    if self.tried.holds([condition], self.tried.acts(tried, schedule), schedule):
                        times = tried
                        break
        return times

    def _modest(self, conditions: Sequence[Expression], times: dict[Move, int], schedule: Schedule) -> dict[Move, int]:
        """Give moves with numbers that are as small as is enough for conditions, in place of the largest of use."""
        for move in list(times):
            modest = move
            for place, step in enumerate(move.steps):
                for name in step.numbers:
                    acts = self.tried.acts(times, schedule)
                    together = [n for n, act in enumerate(acts) if act.move is modest]
                    if not together:
                        continue
                    acts = self._lowered(
                        acts, together, (place, name), lambda acts: self.tried.holds(conditions, acts, schedule)
                    )  # fmt: skip
                    number = acts[together[0]].numbers[place, name]
                    changed = modest.with_number(place, name, number)
                    times = {changed if one is modest else one: count for one, count in times.items()}
                    modest = changed
        return times

    def _fewest(self, rough: Rough) -> list[Act]:
        """Do each move as seldom as still reaches the tier, and each action as soon."""
        times, schedule = rough.times, rough.schedule
        for move in sorted(times, key=lambda move: -times[move]):
            low, high = -1, times[move]
            while high - low > 1:
                middle = (low + high) // 2
                reached = self.tried.see({**times, move: middle}, schedule).reached
                low, high = (low, middle) if reached else (middle, high)
            times = {**times, move: high}
        return self._sooner(self.tried.acts(times, schedule), schedule)

    def _sooner(self, acts: list[Act], schedule: Schedule) -> list[Act]:
        """Have each action happen on the first day where that reaches the tier as well."""
        for n, act in enumerate(acts):
            if act.day != schedule.days[0]:
                tried = [*acts[:n], evolve(act, day=schedule.days[0]), *acts[n + 1 :]]
                acts = tried if self.tried.settle(tried, schedule).reached else acts
        return acts

    def _times(self, condition: Expression, move: Move, times: Mapping[Move, int], schedule: Schedule) -> int:
        """Give how often a move is done until a condition holds, or until doing it more often does nothing."""
        limit = min(MOST_TIMES, self._limit(move))
        patience = max(len(schedule.days), *self._patience(move, schedule), 1)
        count = times.get(move, 0)
        before = self._progress(condition, times, schedule)
        while count < limit:
            count = min(max(1, 2 * count), limit)
            tried = {**times, move: count}
            if self.tried.holds([condition], self.tried.acts(tried, schedule), schedule):
                break
            now = self._progress(condition, tried, schedule)
            if now <= before and count >= patience:
                break
            before = max(now, before)
        return count

    def _smallest(self, acts: list[Act], schedule: Schedule) -> tuple[Event, ...]:
        """Make the numbers of each action as small as reaches the tier, and leave out what is not needed then."""

        def enough(acts: Sequence[Act]) -> bool:
            return self.tried.settle(acts, schedule).reached

        for move in dict.fromkeys(act.move for act in acts):
            together = [n for n, act in enumerate(acts) if act.move is move]
            for key in _numbers_of(move):
                acts = self._lowered(acts, together, key, enough)
        before: list[Act] | None = None
        while before is None or any(one.numbers != two.numbers for one, two in zip(acts, before, strict=True)):
            # Where less of one thing leaves room for less of another, once is not enough.
            before = acts
            for n in range(len(acts)):
                for key in _numbers_of(acts[n].move):
                    acts = self._lowered(acts, [n], key, enough)
        return self._without_needless(self.tried.events(acts), schedule)

    def _lowered(
        self, acts: list[Act], which: Sequence[int], key: tuple[int, str], enough: Callable[[Sequence[Act]], bool]
    ) -> list[Act]:
        """Lower a number of some actions together as far as they are still enough."""
        step = acts[which[0]].move.steps[key[0]]
        spec = step.kind.fields[key[1]]

        def with_number(value: int) -> list[Act]:
            return [
                evolve(act, numbers={**act.numbers, key: value}) if n in which else act for n, act in enumerate(acts)
            ]

        high = acts[which[0]].numbers.get(key, step.numbers[key[1]])
        low = spec.lowest - 1
        if high > spec.lowest and not enough(with_number(high - 1)):
            low = high - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(with_number(middle)) else (middle, high)
        return with_number(high)

    def _without_needless(self, events: tuple[Event, ...], schedule: Schedule) -> tuple[Event, ...]:
        for event in events:
            fewer = tuple(other for other in events if other is not event)
            if self.tried.future.settle(fewer, schedule.look).reached:
                return self._without_needless(fewer, schedule)
        return events

    def _limit(self, move: Move) -> int:
        limits = [MOST_TIMES if move.most is None else move.most]
        if self.most is not None:
            limits += [self.most.get(step.kind.name, 0) for step in move.steps]
        return min(limits)

    def _allowed(self, events: Sequence[Event]) -> bool:
        """Tell whether each kind is done as often as it may be, whatever moves it is part of."""
        most, counts = self.most, Counter(event.kind for event in events)
        return most is None or all(count <= most.get(kind, 0) for kind, count in counts.items())

    def _progress(self, condition: Expression, times: Mapping[Move, int], schedule: Schedule) -> int:
        values = self.tried.see(times, schedule).values
        return sum(values[name] for name in condition.names & set(values))


def _numbers_of(move: Move) -> list[tuple[int, str]]:
    return [(place, name) for place, step in enumerate(move.steps) for name in step.numbers]
