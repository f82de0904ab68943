"""
Scenes: the situations from which a directed search starts, drawn from the declaration.

A scene is a short history that leads up to one event (a manual tier, an origin that the event follows), a day on which
the rules for it are in force, and the values of its fields that are no numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, zip_longest

from attrs import evolve, frozen

from loyalty.core.calendar import FIRST_DAY, LAST_DAY, format_day
from loyalty.core.events import TIER_OVERRIDE, Event, FieldValue
from loyalty.core.holders import Holder, Layer
from loyalty.programme import boundaries
from loyalty.programme.model import EventKind, FieldType, Programme, Role
from loyalty.rules.declaration import Rule, Subject
from loyalty.rules.expressions import evaluate
from loyalty.testing.laws import Bench, History, Lead
from loyalty.tiers.declaration import Measure, Metric

PARTNER, PERSON = "acme", "ann"

#: How many combinations of values a kind's fields are tried in.
COMBINATIONS = 32

#: How many histories are settled, at most, to see which tiers they reach.
PROMOTIONS = 200


@frozen
class Scene:
    """Where one event of a kind is about to happen."""

    prefix: History
    kind: EventKind
    at: int
    fields: Mapping[str, FieldValue]
    of: str | None = None
    person: str | None = None

    def event(self, numbers: Mapping[str, FieldValue], id: str = "e-1", at: int | None = None) -> Event:
        """Make the event, with these numbers in its fields."""
        return Event(
            id=id, kind=self.kind.name, partner=PARTNER, person=self.person, of=self.of,
            occurred_at=self.at if at is None else at, fields={**self.fields, **numbers},
        )  # fmt: skip


def scenes(programme: Programme) -> Iterator[Scene]:
    """Give every scene: each kind, day, tier and past with one combination of values, then with the next."""
    ladder = programme.ladder.tiers
    kinds = [(kind, days_in_force(programme, kind)) for kind in acting_kinds(programme)]
    usual = [_scenes_of(programme, kind, day, None) for kind, days in kinds for day in days]
    usual += [
        _scenes_of(programme, kind, day, None, asked)
        for kind, days in kinds
        for asked in boundaries.asked_metrics(programme, kind)
        for day in days
    ]
    higher = [
        _scenes_of(programme, kind, day, tier.name)
        for tier in reversed(ladder[1:])
        for kind, days in kinds
        if boundaries.depends_on_tier(programme, kind)
        for day in days
    ]
    aimed = [
        _scenes_of(programme, programme.events[rule.on], day, tier.name, aim=rule)
        for tier in reversed(ladder[1:])
        for rule in programme.rules
        if boundaries.asks_for_tier(rule) and programme.events[rule.on].role in (Role.NONE, Role.FOLLOWS)
        for day in days_in_force(programme, programme.events[rule.on])
    ]
    # What a rule asks for matters more often than the tier by itself.
    in_turn, by_tier = zip_longest(*usual), zip_longest(*higher)
    at_tier = (scene for row in zip_longest(*aimed) for scene in row if scene is not None)
    for place, row in enumerate(in_turn):
        yield from (scene for scene in (*row, *(next(by_tier, ()) if place % 3 == 0 else ())) if scene is not None)
        yield from islice(at_tier, 3)
    yield from at_tier
    yield from (scene for row in by_tier for scene in row if scene is not None)


def acting_kinds(programme: Programme) -> list[EventKind]:
    """Give the kinds by which somebody does something that a rule, a metric or a badge may look at."""
    earning = {rule.on for rule in programme.rules}
    counted = {metric.kind for metric in programme.metrics.values()}
    kinds = [k for k in programme.events.values() if k.role in (Role.NONE, Role.FOLLOWS)]
    return sorted((kind for kind in kinds if kind.name in earning | counted), key=lambda kind: kind.name not in earning)


def days_in_force(programme: Programme, kind: EventKind) -> list[int]:
    """Give few days on which, between them, each rule on the kind is in force."""
    usual = min(programme.first_day + 14, programme.last_day or LAST_DAY)
    days = [usual]
    for rule in programme.rules:
        if rule.on == kind.name:
            first, last = _validity(programme, rule)
            if not any(first <= day <= last for day in days):
                days.append(max(first, programme.first_day))
    return days[:4]


def telling_events(bench: Bench, *, limit: int = 14) -> list[Lead]:
    """
    Give one small and one large event for each set of rules that can pay together, each with what leads up to it.

    They are found by settling single events, so that conditions are met whatever they look like.
    """
    known = bench.notes.get("telling events")
    if known is None:
        by_rules: dict[tuple[str, frozenset[str]], list[Lead]] = {}
        for scene in islice(scenes(bench.programme), 120):
            for numbers in number_choices(bench.programme, scene.kind, 10):
                event = scene.event(numbers)
                lead = Lead((*scene.prefix, event))
                paid = frozenset(effect.rule for effect in bench.settle(lead.events).awarded_by(event.identity))
                by_rules.setdefault((scene.kind.name, paid), []).append(lead)
        known = []
        for leads in sorted(by_rules.values(), key=lambda leads: len(leads[0].events)):
            known += [leads[0]] if len(leads) == 1 else [leads[0], leads[-1]]
        bench.notes["telling events"] = known
    return list(known[:limit])


def promotions(bench: Bench) -> list[Lead]:
    """
    Give for each tier the shortest and least history of one thing, done once or again, that reaches it.

    They are found by settling, so that it does not matter what the tier asks for.
    """
    programme = bench.programme
    known = bench.notes.get("promotions")
    if known is None:
        reached: dict[int, Lead] = {}
        for lead in islice(_advances(programme), PROMOTIONS if programme.ladder.tiers[1:] else 0):
            if len(reached) == len(programme.ladder.tiers) - 1:
                break
            steps = bench.settle(lead.events).tier_steps(Holder.partner(PARTNER))
            place = max((place for _, place in steps), default=0)
            if place:
                reached.setdefault(place, lead)
        known = bench.notes["promotions"] = list(reached.values())
    return list(known)


def number_choices(programme: Programme, kind: EventKind, limit: int) -> list[dict[str, FieldValue]]:
    """Give values of the numeric fields: usual ones, and each field through its telling values."""
    usual = boundaries.usual_numbers(programme, kind)
    found = [usual]
    for spec in boundaries.numeric_fields(kind):
        values = boundaries.numbers(programme, kind, spec)
        step = max(1, len(values) // limit)
        found += [{**usual, spec.name: value} for value in values[::step]]
    return found


def _advances(programme: Programme) -> Iterator[Lead]:
    own = [scene for scene in islice(scenes(programme), 40) if not is_by_hand(scene.prefix)]
    first_of_kind = {scene.kind.name: scene for scene in reversed(own)}
    for scene in first_of_kind.values():
        for numbers in number_choices(programme, scene.kind, 40):
            yield Lead((*scene.prefix, scene.event(numbers)))
    for scene in own[:12]:
        first = Lead((*scene.prefix, scene.event(boundaries.usual_numbers(programme, scene.kind))))
        for times, days in boundaries.rhythms(programme):
            more = (again(programme, first, days * number, number) for number in range(1, times))
            yield Lead((*first.events, *(event for lead in more for event in lead.events)))


def before_large(bench: Bench, fewer: int = 0) -> Iterator[Lead]:
    """Reach a tier, or stop so many events short of it, and then do the largest thing whose pay depends on the tier."""
    programme = bench.programme
    tiered = {kind.name for kind in acting_kinds(programme) if boundaries.depends_on_tier(programme, kind)}
    large: list[Lead] = []
    for scene in islice(scenes(programme), 40) if tiered else ():
        if scene.kind.name in tiered and not is_by_hand(scene.prefix) and len(large) < 8:
            usual = boundaries.usual_numbers(programme, scene.kind)
            highest = {spec.name: spec.highest for spec in boundaries.numeric_fields(scene.kind)}
            large += [Lead((*scene.prefix, scene.event(numbers))) for numbers in (usual, highest)]
    calendar = programme.calendar
    for promotion in promotions(bench) if large else ():
        events = promotion.events[: len(promotion.events) - fewer]
        for lead in large if events else ():
            days = calendar.day_of(events[-1].occurred_at) - calendar.day_of(lead.events[-1].occurred_at)
            yield Lead((*events, *later(programme, lead, max(days, 0) + 1, "e-9").events))


def again(programme: Programme, lead: Lead, days: int, number: int) -> Lead:
    """Do the same for another person and another customer, where texts say whom it is about."""
    *before, last = later(programme, lead, days, f"e-{1 + number}").events
    kind = programme.events[last.kind]
    texts = [spec.name for spec in kind.fields.values() if spec.type is FieldType.TEXT and spec.name in last.fields]
    other = {name: f"{last.fields[name]}{1 + number}" for name in texts if last.fields[name] in boundaries.TEXTS}
    origins = before[-1:] if last.of else []
    return Lead((*origins, evolve(last, fields={**last.fields, **other})))


def is_by_hand(events: History) -> bool:
    """Say whether a history sets a tier by hand."""
    return any(event.kind == TIER_OVERRIDE for event in events)


def later(programme: Programme, lead: Lead, days: int, id: str) -> Lead:
    """Give the lead moved so many days on, its last event under another id."""
    calendar = programme.calendar

    def moved(event: Event) -> Event:
        day = calendar.day_of(event.occurred_at)
        target = min(day + days, LAST_DAY - 4000)
        return evolve(event, occurred_at=event.occurred_at - calendar.day_start_us(day) + calendar.day_start_us(target))

    *before, last = (moved(event) for event in lead.events) if days else lead.events
    origins = {event.id: f"{event.id}-{id}" for event in before}
    renamed = [evolve(e, id=origins.get(e.id, e.id)) for e in before]
    return Lead((*renamed, evolve(last, id=id, of=origins.get(last.of or "", last.of))))


def _scenes_of(
    programme: Programme,
    kind: EventKind,
    day: int,
    tier: str | None,
    past: tuple[Metric, int] | None = None,
    aim: Rule | None = None,
) -> Iterator[Scene]:
    start = programme.calendar.day_start_us(day)
    noon = start + 43_200_000_000
    person = PERSON if _reads_person(programme) else None
    prefix: History = ()
    of = None
    if tier is not None:
        prefix = (override(tier, start, min(day + 1500, LAST_DAY - 1)),)
    if past is not None:
        prefix = _past(programme, *past, start)
    for origin in _origins(programme, kind, start, person):
        prefix, of = (*prefix, origin), origin.id
    for fields in boundaries.category_combinations(programme, kind, 6 if aim else COMBINATIONS, aim):
        yield Scene(prefix, kind, noon, fields, of, person)


def _past(programme: Programme, metric: Metric, times: int, at: int) -> History:
    """Give events that raise a metric as far as a rule asks for."""
    kinds = [metric.kind] if metric.kind else [
        rule.on for rule in programme.rules if any(metric.currency in given for given in rule.give.values())
    ]  # fmt: skip
    kind = next((programme.events[name] for name in kinds if programme.events[name].role is Role.NONE), None)
    if kind is None:
        return ()
    combination = next(
        (one for one in boundaries.category_combinations(programme, kind, COMBINATIONS) if _counts(metric, kind, one)),
        next(boundaries.category_combinations(programme, kind, 1)),
    )
    read = metric.when.names if metric.when else frozenset[str]()
    texts = [s.name for s in kind.fields.values() if s.type is FieldType.TEXT and f"event.{s.name}" not in read]
    by = kind.fields.get(metric.by) if isinstance(metric.by, str) else None
    values = boundaries.choices(programme, kind, by) if by and by.type is FieldType.ONE_OF else []
    if metric.measure not in (Measure.COUNT, Measure.DISTINCT):
        times = 1
    return tuple(
        Event(
            id=f"e-past{number}", kind=kind.name, partner=PARTNER, occurred_at=at + number * 1_000_000,
            person=f"{PERSON}{number or ''}" if metric.by is Subject.PERSON or _reads_person(programme) else None,
            fields={
                **combination, **boundaries.usual_numbers(programme, kind),
                **{name: f"{combination.get(name, 'a')}{number or ''}" for name in texts},
                **({by.name: values[number % len(values)]} if by and values else {}),
            },
        )
        for number in range(times)
    )  # fmt: skip


def _counts(metric: Metric, kind: EventKind, fields: Mapping[str, FieldValue]) -> bool:
    """Say whether the metric's condition may hold for an event with these values."""
    if metric.when is None:
        return True
    numbers = {spec.name: spec.highest for spec in boundaries.numeric_fields(kind)}
    try:
        return bool(evaluate(metric.when, {f"event.{name}": value for name, value in {**numbers, **fields}.items()}))
    except (KeyError, TypeError):
        return False


def _origins(programme: Programme, kind: EventKind, at: int, person: str | None) -> History:
    """Give the events that an event of the kind follows, the first of the chain first."""
    if kind.role is not Role.FOLLOWS or kind.origin_kind is None:
        return ()
    origin_kind = programme.events[kind.origin_kind]
    before = _origins(programme, origin_kind, at, person)
    first = next(boundaries.category_combinations(programme, origin_kind, 1))
    fields = {**first, **boundaries.usual_numbers(programme, origin_kind)}
    origin = Event(
        id=f"e-0{len(before) or ''}", kind=origin_kind.name, partner=PARTNER, person=person, occurred_at=at,
        of=before[-1].id if before else None, fields=fields,
    )  # fmt: skip
    return (*before, origin)


def override(tier: str, at: int, until_day: int) -> Event:
    """Make the event that sets the partner's tier by hand."""
    fields = {"tier": tier, "until": format_day(until_day)}
    return Event(id="tier", kind=TIER_OVERRIDE, partner=PARTNER, occurred_at=at, fields=fields)


def _reads_person(programme: Programme) -> bool:
    rules = any(Layer.PERSON in rule.give or Subject.PERSON in (rule.once_per or ()) for rule in programme.rules)
    return rules or any(metric.by is Subject.PERSON for metric in programme.metrics.values())


def _validity(programme: Programme, rule: Rule) -> tuple[int, int]:
    campaign = programme.campaigns.get(rule.campaign or "")
    spans = [rule.valid, *([campaign.valid] if campaign else [])]
    first = max((span.first_day for span in spans if span.first_day is not None), default=FIRST_DAY)
    return first, min((span.last_day for span in spans if span.last_day is not None), default=LAST_DAY)
