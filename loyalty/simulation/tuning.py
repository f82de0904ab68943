"""
Finding the value of a number that meets a target, such as ``cost = 2 % of revenue``.

What the language accepts of the range is found first, by loading alone, and only that is run. Each accepted stretch is
tried at five places. Where the figure crosses the target between two of them,
bisection closes in on it, step by step of the range; where it does not, golden section looks for the nearest that there
is between the neighbours of the best (J. Kiefer, "Sequential minimax search for a maximum", 1953). A figure need not
rise or fall throughout: what was seen of that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Final

from attrs import frozen

from loyalty.batch.once import found_once
from loyalty.errors import LoyaltyError
from loyalty.explaining.said import Value
from loyalty.programme.model import Programme
from loyalty.simulation.comparison import Figure, Interval
from loyalty.simulation.intervals import mean_interval
from loyalty.simulation.levers import Lever, Steps
from loyalty.simulation.measuring import figures_of_nothing
from loyalty.simulation.replicates import Replicate, Runner
from loyalty.simulation.sweeping import Trial, require_figure
from loyalty.simulation.targets import Target, TargetError

#: At so many places, ends included, an accepted stretch is tried first.
_PLACES: Final = 5

#: At so many places a range is loaded to see what the language accepts; between two that differ the border is bisected.
_LOADED: Final = 101


@frozen(kw_only=True)
class Tried:
    """
    One value that was tried; means over the replicates.

    Args:
        figure, wanted: What the figure was, and what the target asks for.
        interval: Of their difference.
        refused: Why the language does not allow the value, or "".
    """

    value: Decimal
    figure: Fraction = Fraction(0)
    wanted: Fraction = Fraction(0)
    interval: Interval | None = None
    refused: str = ""

    @property
    def gap(self) -> Fraction:
        """By how much the figure is above what is wanted."""
        return self.figure - self.wanted


@frozen(kw_only=True)
class Tuning:
    """
    What came of looking for a value.

    Args:
        tried: In the order of values.
        is_whole: Whether there is no part of a unit.
        accepted: How many values of the range the language accepts.
        best: The value that comes nearest on the side that the target allows; None where there is none.
        is_met: Whether the target is met: by the next step of the range at the latest for ``=``.
        notes: What a reader must know, such as a figure that does not rise or fall throughout.
    """

    programme: Programme
    lever: Lever
    target: Target
    unit: str
    tried: tuple[Tried, ...]
    best: Tried | None
    is_met: bool
    is_whole: bool = False
    accepted: int = 0
    seeds: tuple[int, ...] = ()
    notes: tuple[Value, ...] = ()


def tune(
    programme: Programme,
    lever: Lever,
    target: Target,
    replicates: Sequence[Replicate],
    *,
    until_day: int,
    progress: Callable[[int], None] | None = None,
) -> Tuning:
    """
    Look for the value of a number that meets a target.

    Args:
        lever: The number, with a range of values.
        replicates: The events; they are kept, since each value is tried on all.
        progress: Called with how many values were tried.

    Raises:
        TargetError: a figure that the target names does not exist, or is not in its unit.
        LoyaltyError: the lever lists values and has no range, or the language refuses all of them.
    """
    if lever.steps is None:
        raise LoyaltyError(f"{lever.path} is tuned within a range; write {lever.path}=LOW..HIGH")
    runner = Runner(until_day=until_day, runs=_PLACES * len(replicates))
    search = _Search(programme, lever.path, lever.steps, target, replicates, runner, progress)
    with ExitStack() as kept:
        for replicate in replicates:
            kept.enter_context(found_once(replicate.events))
        search.look()
    return search.result(lever)


def require_target(programme: Programme, target: Target) -> Figure:
    """
    See, before anything is drawn, that a programme has the figures of a target in units that can be compared.

    Returns:
        The target's figure, of nothing yet.

    Raises:
        TargetError: it has not.
    """
    figures = figures_of_nothing(programme)
    try:
        for name in (target.figure, target.share_of):
            if name is not None:
                require_figure(figures, name)
    except LoyaltyError as error:
        raise TargetError(f"{target.text!r}: {error}") from None
    if target.share_of == target.figure:
        raise TargetError(
            f"{target.text!r}: a share of {target.figure} itself says nothing; name another figure, such as revenue"
        )
    unit = figures[target.figure].unit
    if target.unit and target.unit != unit:
        raise TargetError(
            f"{target.text!r}: {target.figure} is in {unit}, not in {target.unit}; write {unit} or nothing"
        )
    if target.share_of is not None and figures[target.share_of].unit != unit:
        other = figures[target.share_of].unit
        raise TargetError(
            f"{target.text!r}: {target.figure} is in {unit} and {target.share_of} in {other}; take one unit"
        )
    return figures[target.figure]


class _Search:
    """Tries values by their places in the range; each once."""

    def __init__(
        self, programme: Programme, path: str, steps: Steps, target: Target, replicates: Sequence[Replicate],
        runner: Runner, progress: Callable[[int], None] | None,
    ) -> None:  # fmt: skip
        self._programme = programme
        self._path = path
        self._steps = steps
        self._target = target
        self._replicates = replicates
        self._runner = runner
        self._progress = progress
        self._figure = require_target(programme, target)
        self._refusals: dict[int, str] = {}
        self._spans: list[tuple[int, int]] = []
        self._found: dict[int, Tried] = {}

    def look(self) -> None:
        """Try what leads to the target, within what the language accepts."""
        self._spans = self._accepted()
        for first, last in self._spans:
            for place in sorted({first + (last - first) * part // (_PLACES - 1) for part in range(_PLACES)}):
                self._try(place)
            for low, high in pairwise(self._known(first, last)):
                if self._sign(low) != self._sign(high):
                    self._bisect(low, high)
        if not self._crossings():
            for first, last in self._spans:
                self._narrow(first, last)

    def _accepted(self) -> list[tuple[int, int]]:
        """Give the first and last place of each stretch that the language accepts."""
        last = len(self._steps) - 1
        parts = min(last, _LOADED - 1) or 1
        places = sorted({last * part // parts for part in range(parts + 1)})
        for low, high in pairwise(places):
            self._find_border(low, high)
        for place in places:
            self._refusal(place)
        return [(places[0], places[-1]) for places in self._runs() if not self._refusals[places[0]]]

    def _find_border(self, low: int, high: int) -> None:
        """Load what lies between an accepted place and a refused one until they are neighbours."""
        while high - low > 1 and bool(self._refusal(low)) != bool(self._refusal(high)):
            middle = (low + high) // 2
            if bool(self._refusal(middle)) == bool(self._refusal(low)):
                low = middle
            else:
                high = middle

    def _runs(self) -> list[list[int]]:
        """Give the places that were loaded in order, those side by side that are all accepted or all refused as one."""
        places = sorted(self._refusals)
        return [list(group) for _, group in groupby(places, key=lambda place: bool(self._refusals[place]))]

    def _refusal(self, place: int) -> str:
        """Say why the language refuses a value, or nothing; nothing is run."""
        if place not in self._refusals:
            self._refusals[place] = Trial.of(self._programme, {self._path: self._steps[place]}).refused
        return self._refusals[place]

    def result(self, lever: Lever) -> Tuning:
        """Give what was found."""
        known = self._known()
        if not known:
            first = next(filter(None, self._refusals.values()))
            raise LoyaltyError(f"the language refuses every value of {self._path} that was tried: {first}")
        allowed = [place for place in known if self._is_allowed(place)]
        best = min(allowed, key=lambda place: (abs(self._found[place].gap), place), default=None)
        # A range has steps: between two neighbours on either side of the target nothing can be chosen.
        is_met = best is not None and (self._target.sign != "=" or bool(self._crossings()))
        return Tuning(
            programme=self._programme,
            lever=lever,
            target=self._target,
            unit=self._figure.unit,
            is_whole=self._figure.is_whole,
            tried=tuple(self._found[place] for place in sorted(self._found)),
            accepted=sum(last - first + 1 for first, last in self._spans),
            best=None if best is None else self._found[best],
            is_met=is_met,
            seeds=tuple(each.seed for each in self._replicates if each.seed is not None),
            notes=(*self._runner.notes, *self._notes()),
        )

    def _known(self, first: int = 0, last: int | None = None) -> list[int]:
        """Give the places that were run, in order; those of a stretch alone where one is given."""
        return sorted(
            place
            for place, tried in self._found.items()
            if not tried.refused and place >= first and (last is None or place <= last)
        )

    def _sign(self, place: int) -> int:
        gap = self._found[place].gap
        return (gap > 0) - (gap < 0)

    def _is_allowed(self, place: int) -> bool:
        gap = self._found[place].gap
        return {"=": True, "<=": gap <= 0, ">=": gap >= 0}[self._target.sign]

    def _crossings(self) -> list[tuple[int, int]]:
        """Give the neighbours among what was tried between which the target lies, or on which it is met."""
        known = self._known()
        met = [(place, place) for place in known if not self._sign(place)]
        return met + [
            (low, high) for low, high in pairwise(known) if high == low + 1 and self._sign(low) * self._sign(high) < 0
        ]

    def _bisect(self, low: int, high: int) -> None:
        while high - low > 1 and self._sign(low) * self._sign(high) < 0:
            middle = (low + high) // 2
            if self._try(middle).refused:
                return
            if self._sign(middle) == self._sign(low):
                low = middle
            else:
                high = middle

    def _narrow(self, first: int, last: int) -> None:
        """Look in a stretch between the neighbours of the nearest for a nearer one."""
        known = self._known(first, last)
        if not known:
            return
        at = min(range(len(known)), key=lambda index: abs(self._found[known[index]].gap))
        low, high = known[max(at - 1, 0)], known[min(at + 1, len(known) - 1)]
        while high - low > 2:
            third = max((high - low) * 382 // 1000, 1)
            left, right = low + third, high - third
            if left >= right:
                left, right = (low + high) // 2, (low + high) // 2 + 1
            one, other = self._try(left), self._try(right)
            if one.refused or other.refused:
                return
            if abs(one.gap) <= abs(other.gap):
                high = right
            else:
                low = left
        for place in range(low, high + 1):
            self._try(place)

    def _try(self, place: int) -> Tried:
        if place not in self._found:
            self._found[place] = tried = self._run(self._steps[place])
            # Between places that were loaded and accepted there may be one that is not.
            self._refusals[place] = tried.refused
            if self._progress is not None:
                self._progress(len(self._found))
        return self._found[place]

    def _run(self, value: Decimal) -> Tried:
        trial = Trial.of(self._programme, {self._path: value})
        for replicate in self._replicates:
            trial.run(self._runner, replicate)
        if trial.refused:
            return Tried(value=value, refused=trial.refused)
        target = self._target
        gaps = [float(figures[target.figure].value - self._wanted(figures)) for figures in trial.figures]
        wanted = sum((self._wanted(figures) for figures in trial.figures), Fraction(0)) / len(trial.figures)
        return Tried(value=value, figure=trial.mean(target.figure), wanted=wanted, interval=mean_interval(gaps))

    def _wanted(self, figures: Mapping[str, Figure]) -> Fraction:
        whole = self._target.share_of
        return self._target.amount * (1 if whole is None else figures[whole].value)

    def _notes(self) -> list[str]:
        known = [self._found[place] for place in self._known()]
        moves = [(one, other) for one, other in pairwise(known) if one.figure != other.figure]
        rises = [other.figure > one.figure for one, other in moves]
        notes = []
        if len(set(rises)) > 1:
            turn = next(index for index, rise in enumerate(rises) if rise != rises[0])
            one, other = moves[turn]
            way = "rise" if rises[0] else "fall"
            notes.append(
                f"{self._target.figure} does not {way} throughout: between {one.value:f} and {other.value:f} it moves "
                "the other way, so other values may meet the target as well"
            )
        if len(self._crossings()) > 1:
            places = [self._steps[high] for _, high in self._crossings()]
            notes.append(f"the target is crossed {len(places)} times, at {', '.join(f'{place:f}' for place in places)}")
        for stretch in self._runs():
            if why := self._refusals[stretch[0]]:
                first, last = self._steps[stretch[0]], self._steps[stretch[-1]]
                values = f"{first:f}" if first == last else f"{first:f} to {last:f}"
                notes.append(f"the language refuses {values}: {why}")
        return notes
