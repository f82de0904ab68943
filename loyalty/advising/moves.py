"""
What a partner can do about a metric, read off the declaration: which kinds of event move it, with which values.

A move is an event, or one after those that it follows. Who did it and whatever else only has to be another than before
gets a stand-in of its own each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from attrs import evolve, field, frozen

from loyalty.core.events import Event, FieldValue
from loyalty.core.holders import Layer
from loyalty.programme import boundaries
from loyalty.programme.model import EventKind, FieldType, Programme, Role
from loyalty.rules.declaration import KeyPart, Rule, Subject
from loyalty.tiers.declaration import Measure, Metric, Needs

#: So many combinations of values are tried for a move, and so many of numbers.
_COMBINATIONS: Final = 8
_NUMBERS: Final = 6

#: The source that actions come from, and what stand-ins begin with.
SOURCE: Final = "advice"
STAND_IN: Final = "new-"
_STAND_IN: Final = re.compile(rf"{STAND_IN}(\d{{1,18}})")


@frozen
class Step:
    """
    One event of a move.

    Attributes:
        kind: What happens.
        fields: Values that are the same each time.
        numbers: Values of the numbers that matter, as large as they are of use.
        fresh: Text fields that get a stand-in.
        turns: Fields whose values are taken in turn.
        personal: Whether it matters who did it; each time it is somebody else.
    """

    kind: EventKind
    fields: Mapping[str, FieldValue] = field(hash=False)
    numbers: Mapping[str, int] = field(hash=False)
    fresh: tuple[str, ...] = ()
    turns: Mapping[str, Sequence[FieldValue]] = field(factory=dict, hash=False)
    personal: bool = False


@frozen(eq=False)
class Move:
    """
    Something that can be done again and again.

    Attributes:
        steps: The events, each of which follows the one before; what they are called first is what is counted.
        origins: Ids of events of the history, of which each can be followed once, where the first step follows one.
        most: How often it can be done, or None.
    """

    steps: tuple[Step, ...]
    origins: tuple[Event, ...] = ()
    most: int | None = None

    @property
    def kind(self) -> str:
        """The kind of its last event."""
        return self.steps[-1].kind.name

    def with_number(self, place: int, name: str, value: int) -> Move:
        """Give the same with another value of a number in one of its steps."""
        step = self.steps[place]
        changed = evolve(step, numbers={**step.numbers, name: value})
        return evolve(self, steps=(*self.steps[:place], changed, *self.steps[place + 1 :]))


def kinds_moving(programme: Programme, metric: Metric) -> list[tuple[EventKind, Rule | None]]:
    """Give the kinds that a partner can do something about a metric with, each with the rule that pays for it."""
    found = {
        (kind.name, rule and rule.name): (kind, rule) for kind, rule in _kinds_moving(programme, metric, deep=True)
    }
    return list(found.values())


def _kinds_moving(programme: Programme, metric: Metric, *, deep: bool) -> Iterator[tuple[EventKind, Rule | None]]:
    if metric.kind is not None:
        kind = programme.events.get(metric.kind)
        if kind is not None and kind.role in (Role.NONE, Role.FOLLOWS):
            yield kind, None
        return
    for rule in programme.rules:
        kind = programme.events[rule.on]
        if metric.currency in rule.give.get(Layer.PARTNER, {}) and kind.role in (Role.NONE, Role.FOLLOWS):
            yield kind, rule
    # What badges bring counts as earned too.
    for badge in programme.badges if deep else ():
        if badge.layer is Layer.PARTNER and metric.currency in badge.give:
            for name in sorted(_names(badge.needs)):
                yield from _kinds_moving(programme, programme.metrics[name], deep=False)


def moves_of(
    programme: Programme, kind: EventKind, rule: Rule | None, metric: Metric, history: Sequence[Event]
) -> Iterator[Move]:
    """
    Give the moves that end in an event of a kind, those that the rule or the metric asks for first.

    Args:
        rule: The rule that is to pay, or None.
        metric: What is to be moved.
        history: What happened already.
    """
    for last in _steps(programme, kind, rule, metric):
        if kind.role is not Role.FOLLOWS or kind.origin_kind is None:
            yield Move((last,))
            continue
        followed = {event.origin for event in history if event.kind == kind.name}
        open_ = [event for event in history if event.kind == kind.origin_kind and event.identity not in followed]
        if open_:
            yield Move((last,), tuple(reversed(open_)), len(open_))
        origin = programme.events[kind.origin_kind]
        if origin.role is Role.NONE:
            for first in islice(_steps(programme, origin, None, metric), 2):
                yield Move((first, last))


def any_move(programme: Programme) -> Move | None:
    """Give something that can be done without anything before it, or None where nothing can."""
    kinds = (kind for kind in programme.events.values() if kind.role is Role.NONE)
    return next((Move((step,)) for kind in kinds for step in _steps(programme, kind, None, None)), None)


@frozen
class Names:
    """
    What events that have not happened are called, and stand-ins in them, so that neither is in a partner's history.

    Attributes:
        partner: The partner's id.
        since: UTC microseconds: the first instant at which anything can happen.
        first: The number of the first stand-in.
    """

    partner: str
    since: int
    first: int

    @classmethod
    def of(cls, partner: str, since: int, history: Sequence[Event]) -> Names:
        """Look at what the history has of stand-ins."""
        texts = (text for event in history for text in (event.person, *event.fields.values()) if isinstance(text, str))
        numbers = [int(found[1]) for text in texts if (found := _STAND_IN.fullmatch(text))]
        return cls(partner, since, 1 + max(numbers, default=0))

    def event(self, number: int) -> str:
        """Give an id."""
        return f"{self.partner}-{self.since}-{number}"

    def stand_in(self, number: int) -> str:
        """Give a person or a text that is another for each number."""
        return f"{STAND_IN}{self.first + number}"


def events_of(
    move: Move, number: int, *, names: Names, at: int, first: int, numbers: Mapping[tuple[int, str], int]
) -> list[Event]:
    """
    Give the events of a move.

    Args:
        number: How often it was done before.
        at: UTC microseconds; each event comes one later.
        first: The number of the first event among those of all moves.
        numbers: Values of numbers by step and field, in place of the largest of use.
    """
    events: list[Event] = []
    stand_in = names.stand_in(number)
    for place, step in enumerate(move.steps):
        turns = {name: values[number % len(values)] for name, values in step.turns.items()}
        fresh = dict.fromkeys(step.fresh, stand_in)
        chosen = {name: numbers.get((place, name), value) for name, value in step.numbers.items()}
        of = events[-1].id if events else move.origins[number].id if move.origins else None
        source = move.origins[number].source if move.origins else SOURCE
        events.append(
            Event(
                id=names.event(first + place + 1), source=source, kind=step.kind.name, partner=names.partner,
                person=stand_in if step.personal else None, of=of, occurred_at=at + place,
                fields={**step.fields, **turns, **fresh, **chosen},
            )
        )  # fmt: skip
    return events


def stand_ins_of(programme: Programme, kind: EventKind) -> frozenset[str]:
    """Give what gets a stand-in in events of a kind: ``person``, and names of fields."""
    return frozenset((*_fresh(programme, kind), *(("person",) if _asks_who(programme, kind) else ())))


def numbers_that_matter(programme: Programme, kind: EventKind) -> set[str]:
    """Give the numeric fields that a rule or a metric reads."""
    read: set[str] = set()
    for rule in programme.rules:
        if rule.on == kind.name:
            read |= {name for expression in (rule.when, rule.of) if expression for name in expression.names}
    for metric in programme.metrics.values():
        if metric.kind == kind.name:
            read |= {name for expression in (metric.when, metric.of) if expression for name in expression.names}
    return {spec.name for spec in boundaries.numeric_fields(kind) if f"event.{spec.name}" in read}


def _steps(programme: Programme, kind: EventKind, rule: Rule | None, metric: Metric | None) -> Iterator[Step]:
    matter = numbers_that_matter(programme, kind)
    idle = {
        spec.name: spec.lowest
        for spec in boundaries.numeric_fields(kind)
        if spec.name not in matter and spec.required and spec.default is None
    }
    combinations = list(boundaries.category_combinations(programme, kind, _COMBINATIONS, rule))
    more = boundaries.category_combinations(programme, kind, _COMBINATIONS // 2 if rule else 1)
    combinations += [one for one in more if one not in combinations]
    fresh, personal = _fresh(programme, kind), _asks_who(programme, kind)
    turns = {} if metric is None else _turns(programme, kind, metric)
    choices = _number_choices(programme, kind, matter)
    if metric is None or metric.measure in (Measure.COUNT, Measure.DISTINCT):
        # Where it is counted how often, small things are as good, and do not reach the tier in another way besides.
        choices = [
            {spec.name: spec.lowest for spec in boundaries.numeric_fields(kind) if spec.name in matter},
            *choices,
        ]
    for numbers in choices:
        for fields in combinations:
            yield Step(
                kind, {**idle, **{name: value for name, value in fields.items() if name not in fresh}}, numbers,
                tuple(name for name in fields if name in fresh), turns, personal,
            )  # fmt: skip


def _number_choices(programme: Programme, kind: EventKind, matter: set[str]) -> list[dict[str, int]]:
    """Give values for the numbers that matter: the largest, then those around which conditions change."""
    specs = [spec for spec in boundaries.numeric_fields(kind) if spec.name in matter]
    largest = {spec.name: spec.highest for spec in specs}
    found = [largest]
    for spec in specs:
        telling = [n for n in boundaries.edges(programme, kind, spec) if n < spec.highest]
        found += [{**largest, spec.name: n} for n in telling[: -_NUMBERS - 1 : -1]]
    return found


def _fresh(programme: Programme, kind: EventKind) -> set[str]:
    """Give the text fields whose values are compared with nothing, and only tell one thing from another."""
    compared: set[str] = set()
    for rule in programme.rules:
        if rule.on == kind.name and rule.when is not None:
            compared |= rule.when.names
    for metric in programme.metrics.values():
        if metric.kind == kind.name and metric.when is not None:
            compared |= metric.when.names
    texts = (spec for spec in kind.fields.values() if spec.type is FieldType.TEXT)
    return {spec.name for spec in texts if f"event.{spec.name}" not in compared}


def _asks_who(programme: Programme, kind: EventKind) -> bool:
    """Tell whether a rule, a metric or an end tells events of a kind by their persons."""
    keys: list[object] = [part for rule in programme.rules if rule.on == kind.name for part in _keys(rule)]
    keys += [metric.by for metric in programme.metrics.values() if metric.kind == kind.name]
    keys += [part for other in programme.events.values() if other.origin_kind == kind.name for part in other.by]
    read = {name for rule in programme.rules if rule.on == kind.name and rule.when for name in rule.when.names}
    return Subject.PERSON in keys or "event.person" in read


def _keys(rule: Rule) -> Iterator[KeyPart]:
    yield from rule.once_per or ()
    yield from rule.cooldown.per if rule.cooldown else ()
    for cap in rule.caps:
        yield from cap.per


def _turns(programme: Programme, kind: EventKind, metric: Metric) -> dict[str, list[FieldValue]]:
    """Give the fields of few values whose different values the metric counts."""
    if metric.measure is not Measure.DISTINCT or metric.kind != kind.name or isinstance(metric.by, Subject):
        return {}
    spec = kind.fields.get(str(metric.by))
    if spec is None or spec.type in (FieldType.TEXT, *boundaries.NUMBERS):
        return {}
    return {spec.name: boundaries.choices(programme, kind, spec)}


def _names(needs: Needs) -> set[str]:
    names: set[str] = set()
    for part in needs.parts:
        names |= _names(part) if isinstance(part, Needs) else part.names
    return names
