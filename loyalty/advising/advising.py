"""How a partner can reach a tier, or keep it, by a day: a pure function of its state and the programme."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from loyalty.advising.advice import Action, Advice, Way
from loyalty.advising.conditions import Values, branches_of, conditions_of, unmet
from loyalty.advising.future import Future
from loyalty.advising.moves import STAND_IN, Names, any_move, events_of, stand_ins_of
from loyalty.advising.schedules import Schedule, schedules
from loyalty.advising.search import MOST_TIMES, Search
from loyalty.core.calendar import NEVER, date_of, format_day
from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.errors import UsageError
from loyalty.explaining.words import unit_words
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme, Role
from loyalty.programme.notes import join_words
from loyalty.programme.revisions import in_force, tiers_of
from loyalty.settlement.generate import Steps
from loyalty.settlement.history import Placed, place_events
from loyalty.settlement.reading import metric_unit, metric_values
from loyalty.settlement.settle import Item, apply_item
from loyalty.tiers.declaration import Promote, Tier

#: How many events a search may settle, unless a host says otherwise.
BUDGET: Final = 20_000

#: So many ways are given.
_MOST_WAYS: Final = 5


@frozen
class Asked:
    """
    What is asked.

    Attributes:
        tier: The tier's name.
        by: The last day, or None for the next look at a standing that is to be kept.
        actions: The kinds that may be used, each with how often at most; None for all.
        budget: How many events may be settled.
    """

    tier: str
    by: int | None
    actions: Mapping[str, int] | None
    budget: int = BUDGET


@frozen
class Present:
    """
    What is known of the partner.

    Attributes:
        holder: The partner.
        state: Its state now, as :func:`loyalty.settlement.saving.save` wrote it.
        history: Its items, those that count from later included, in settlement order.
        now: UTC microseconds.
        find_grant: Gives a recorded decision by its key.
    """

    holder: Holder
    state: str
    history: Sequence[Item]
    now: int
    find_grant: Callable[[str], Grant | None]


def advise(steps: Steps, present: Present, asked: Asked) -> Advice:
    """
    Say how a partner can reach a tier, or keep it, by a day.

    Raises:
        UsageError: the tier or a kind of action is unknown, or the day has passed or has to be given.
    """
    programme = steps.programme
    history = [item.what.event for item in present.history if isinstance(item.what, Placed)]
    names = Names.of(present.holder.id, present.now + 1, history)
    today = programme.calendar.day_of(names.since)
    level = _level(programme, asked.tier)
    future = Future(
        steps, present.holder, present.state, [item for item in present.history if item.key[0] > present.now],
        history, present.find_grant, level, today, asked.budget,
    )  # fmt: skip
    run = future.run()
    keeps = run.scalars.tier >= level
    future.by = _last_day(run.scalars, asked, today, keeps=keeps)
    ruling = in_force(programme, future.by)
    _require_kinds(ruling, asked.actions or {})
    tier = next((one for one in ruling.ladder.tiers if one.name == asked.tier), None)
    if tier is None:
        raise UsageError(f"the revision that is in force on {format_day(future.by)} has no tier {asked.tier!r}")
    at_once = not keeps and ruling.ladder.promote is Promote.AT_ONCE
    looks, next_look = _looks(future, ruling, names)
    look = future.by if at_once else _first_missed(future, tier, looks)
    met = future.settle((), look).reached
    layout = steps.layers[present.holder.layer].layout
    now: Values = {name: one.value for name, one in metric_values(layout, run, run.through_day).items()}
    then = future.settle((), look).values
    needs = None if tier.needs is None else conditions_of(tier.needs, ruling.metrics, now, then)
    ways: tuple[Way, ...] = ()
    blocked: tuple[str, ...] = ()
    exhausted = False
    if not met and tier.needs is not None:
        search = Search(ruling, future, tier.needs, names, today, history, asked.actions)
        tried = schedules(
            ruling, today=today, by=future.by, looks=looks, at_once=at_once, month=run.memory
        )  # fmt: skip
        found = _smallest_of(search.ways(tried))[:_MOST_WAYS]
        ways = tuple(_way(ruling, future, events, tried) for events in found)
        exhausted = search.exhausted
        if not ways:
            blocked = tuple(_blocked(ruling, search, tried, future.by, next_look))
    return Advice(
        holder=present.holder, tier=tier.name, by=date_of(future.by), keeps=keeps,
        held=tiers_of(programme)[run.scalars.tier], met=met, looked_at=date_of(look), needs=needs, ways=ways,
        blocked=blocked, exhausted=exhausted, settled=future.settled,
    )  # fmt: skip


def _level(programme: Programme, name: str) -> int:
    tiers = tiers_of(programme)
    if name not in tiers[1:]:
        known = ", ".join(tiers[1:]) or "none"
        raise UsageError(f"got {name!r} for a tier to reach; the programme's tiers above the base are {known}")
    return tiers.index(name)


def _require_kinds(programme: Programme, actions: Mapping[str, int]) -> None:
    for kind, count in actions.items():
        declared = programme.events.get(kind)
        if declared is None or declared.role not in (Role.NONE, Role.FOLLOWS):
            usable = (one.name for one in programme.events.values() if one.role in (Role.NONE, Role.FOLLOWS))
            raise UsageError(f"got {kind!r} for a kind of action; write {join_words(usable, 'or')}")
        if type(count) is not int or count < 0:
            raise UsageError(f"got {count!r} of {kind}; write how often it may be done, such as 3")


def _last_day(standing: Any, asked: Asked, today: int, *, keeps: bool) -> int:
    """Give the last day that is asked about: for a tier to keep, by default, the next day on which it can be lost."""
    if asked.by is not None:
        if asked.by < today:
            raise UsageError(f"{format_day(asked.by)} has passed; write a day from {format_day(today)} on")
        return asked.by
    next_look: int = min(standing.next_review, standing.grace_end)
    if not keeps or next_look >= NEVER:
        why = "nothing is reviewed" if keeps else f"{asked.tier} is not held yet"
        raise UsageError(f"say by when: {why}, so there is no day on which it would be lost")
    return next_look


def _looks(future: Future, programme: Programme, names: Names) -> tuple[list[int], int]:
    """
    Give the days through the last on which standing is looked at if nothing happens, and the next such day.

    The end of a grace that runs on the last day is one of them.

    Whoever has never taken part is looked at from the first time on, which is supposed to be now.
    """
    run = future.run()
    s = run.scalars
    move = any_move(programme) if s.anchor < 0 else None
    if move is not None:
        events = events_of(move, 0, names=names, at=names.since, first=0, numbers={})
        for placed in place_events(future.steps.programme, events):
            apply_item(future.steps, run, Item(placed.key, placed), [])
    looks: list[int] = []
    while min(s.next_review, s.grace_end) <= future.by:
        looks.append(min(s.next_review, s.grace_end))
        run.advance(looks[-1])
    return [*looks, s.grace_end] if s.grace_end < NEVER else looks, min(s.next_review, s.grace_end)


def _first_missed(future: Future, tier: Tier, looks: Sequence[int]) -> int:
    """Give the day before the first look at which the tier is missed, or before the last, or the last day."""
    for look in looks:
        values = future.settle((), look - 1).values
        if tier.needs is not None and not any(not unmet(branch, values) for branch in branches_of(tier.needs)):
            return look - 1
    return looks[-1] - 1 if looks else future.by


def _smallest_of(found: Sequence[tuple[Event, ...]]) -> list[tuple[Event, ...]]:
    """Sort ways, the fewest actions first and then the smallest numbers, and leave out those that contain another."""
    kept: list[tuple[Event, ...]] = []
    for events in sorted(found, key=lambda events: (len(events), sum(map(_size, events)))):
        if not any(_contains(events, other) for other in kept):
            kept.append(events)
    return kept


def _size(event: Event) -> int:
    return sum(value for value in event.fields.values() if type(value) is int)


def _contains(events: Sequence[Event], others: Sequence[Event]) -> bool:
    """Tell whether each of some actions has one of its own here that is the same and no smaller, on whatever day."""
    left = list(events)
    for other in sorted(others, key=_size, reverse=True):
        match = next((event for event in left if _covers(event, other)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _covers(event: Event, other: Event) -> bool:
    if event.kind != other.kind or event.fields.keys() != other.fields.keys():
        return False
    pairs = [(event.fields[name], other.fields[name]) for name in event.fields]
    return all(
        one >= two if type(one) is int and type(two) is int else one == two or str(one).startswith(STAND_IN)
        for one, two in pairs
    )


def _way(programme: Programme, future: Future, events: Sequence[Event], tried: Sequence[Schedule]) -> Way:
    day_of = programme.calendar.day_of
    actions = tuple(
        Action(event, date_of(day_of(event.occurred_at)), stand_ins_of(programme, programme.events[event.kind]))
        for event in events
    )
    level = future.settle(events, tried[0].look).level
    return Way(actions, tiers_of(future.steps.programme)[level])


def _blocked(programme: Programme, search: Search, tried: Sequence[Schedule], by: int, next_look: int) -> Iterator[str]:
    """Say what is in the way of a tier that nothing was found to reach."""
    if not tried:
        yield (
            f"standing is looked at next on {format_day(next_look)}; ask for that day or a later one"
            if next_look < NEVER
            else "tiers are given at reviews, and there are none"
        )
    if programme.last_day is not None and programme.last_day < search.today:
        yield f"the programme ended on {format_day(programme.last_day)}, and nothing earns or counts after it"
    if programme.first_day > by:
        yield f"the programme begins on {format_day(programme.first_day)}, and nothing earns or counts before it"
    yield from sorted(search.refused)
    for condition in sorted(text for text, moves in search.movable.items() if not moves):
        only = " of those that may be used" if search.most is not None else ""
        yield f"no kind of event{only} was found to move `{condition}`"
    for name, value in sorted(search.best.items()):
        metric = programme.metrics[name]
        amount = unit_words(programme, metric_unit(metric), value)
        yield f"{name} came to {amount} at most, with up to {MOST_TIMES} actions of a sort; caps and cooldowns hold"
    if search.exhausted:
        yield "the search ended at its bounds; give it a larger budget, or name the actions that can be done"
