"""How a partner can reach a tier, or keep it, by a day: a pure function of its state and the programme."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from loyalty.advising.advice import Action, Advice, Way
from loyalty.advising.conditions import Values, branches_of, conditions_of, holds, singles_of, text_of, unmet
from loyalty.advising.future import Future
from loyalty.advising.moves import STAND_IN, Names, any_move, events_of, stand_ins_of
from loyalty.advising.schedules import Schedule, schedules
from loyalty.advising.search import MOST_TIMES, Search
from loyalty.advising.tried import Tried
from loyalty.core.calendar import NEVER, date_of, format_day
from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.errors import UsageError
from loyalty.explaining.words import unit_words
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme, Role
from loyalty.programme.notes import join_words
from loyalty.programme.revisions import in_force, tiers_of
from loyalty.rules.expressions import Expression
from loyalty.settlement.generate import Steps
from loyalty.settlement.history import Placed, place_events
from loyalty.settlement.reading import metric_unit, metric_values
from loyalty.settlement.settle import Item, apply_item
from loyalty.tiers.declaration import Needs, Promote, Tier

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
        search = Search(ruling, Tried(programme.calendar, future, tier.needs, names, today), history, asked.actions)
        tried = schedules(
            programme, ruling, today=today, by=future.by, looks=looks, at_once=at_once, month=run.memory
        )  # fmt: skip
        found = search.ways(tried)
        ways = tuple(_way(programme, events, found[events]) for events in _smallest_of(found)[:_MOST_WAYS])
        exhausted = search.exhausted
        if not ways:
            certain = tuple(_certain(ruling, search, tried, future.by, next_look))
            exhausted = not certain
            blocked = (*certain, *_observed(ruling, search), *(() if certain else (_unsure(search),)))
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


def _smallest_of(found: Iterable[tuple[Event, ...]]) -> list[tuple[Event, ...]]:
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


def _way(programme: Programme, events: Sequence[Event], level: int) -> Way:
    actions = []
    for event in events:
        day = programme.calendar.day_of(event.occurred_at)
        ruling = in_force(programme, day)
        actions.append(Action(event, date_of(day), stand_ins_of(ruling, ruling.events[event.kind])))
    return Way(tuple(actions), tiers_of(programme)[level])


def _certain(programme: Programme, search: Search, tried: Sequence[Schedule], by: int, next_look: int) -> Iterator[str]:
    """Say what is in the way whatever is done."""
    if not tried:
        yield (
            f"standing is looked at next on {format_day(next_look)}; ask for that day or a later one"
            if next_look < NEVER
            else "tiers are given at reviews, and there are none"
        )
    if programme.last_day is not None and programme.last_day < search.tried.today:
        yield f"the programme ended on {format_day(programme.last_day)}, and nothing earns or counts after it"
    if programme.first_day > by:
        yield f"the programme begins on {format_day(programme.first_day)}, and nothing earns or counts before it"
    if not _possible(search.tried.needs):
        never = (text_of(one) for one in singles_of(search.tried.needs) if not _possible(one))
        yield from (f"`{text}` does not hold whatever happens" for text in dict.fromkeys(never))


def _possible(needs: Needs | Expression) -> bool:
    """Tell whether conditions could hold if every one that reads a metric did."""
    if isinstance(needs, Needs):
        return (all if needs.every else any)(map(_possible, needs.parts))
    return bool(needs.names) or holds(needs, {})


def _observed(programme: Programme, search: Search) -> Iterator[str]:
    """Say what was seen in what was tried."""
    yield from sorted(search.tried.refused)
    only = " of those that may be used" if search.most is not None else ""
    apart = True
    for text, names in {
        text_of(one): one.names & set(search.tried.best) for one in singles_of(search.tried.needs)
    }.items():
        if text in search.tried.held or not names:
            continue
        apart = False
        if not search.movable.get(text, True):
            yield f"no kind of event{only} was found to move `{text}`"
        elif text in search.movable:
            most = (
                f"{name} came to {_amount(programme, name, search.tried.best[name])} at most" for name in sorted(names)
            )
            yield (
                f"`{text}` did not hold in anything that was tried, with up to {MOST_TIMES} actions of a sort: "
                f"{join_words(most, 'and')}"
            )
    if apart and search.tried.held:
        yield "each condition held in something that was tried, but never all that it takes when standing is looked at"


def _unsure(search: Search) -> str:
    """Say why there may be a way although none was found."""
    if search.exhausted:
        return "the search ended at its bounds; give it a larger budget, or name the actions that can be done"
    return "not every set of actions was tried, so that there may be a way that was not found"


def _amount(programme: Programme, name: str, value: int) -> str:
    return unit_words(programme, metric_unit(programme.metrics[name]), value)
