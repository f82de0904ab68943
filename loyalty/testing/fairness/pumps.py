"""
No refund gain: a history in which every earning event is taken back in full ends with worth <= 0.

What takes an event back, exactly:

1. An event of a kind that ``refunds`` its kind, for all that is left, at a day within the policy's horizon.
2. An event of a kind that ``ends`` its kind, when it can be done again: done, ended, done and ended again must not pay
   twice. What a certification keeps after it ran out (kinds named expired, lapsed, ended, finished, completed) is not
   taken back: it held for its time.
3. An event of a kind that ``follows`` it, or that speaks of the same thing (``lead.cancelled`` or ``lead_cancelled``
   beside ``lead.registered``, and ``registration.cancelled`` too), and whose name says that it was undone: cancelled,
   withdrawn, revoked, and the like. Beside a kind that can be refunded or ended, only what follows it is one.
4. An event that itself cannot be taken back, but begins a chain whose end can, is taken back with that end: the kind
   that follows it, or speaks of the same thing where its own name says that it only announces (registered, submitted,
   opened). A bonus for registering that the cancellation of the deal leaves is a gain.
5. An event that itself cannot be taken back, but says that one was paid or delivered that can, goes with it: a bonus
   for a payment that was given back is a gain.

What waits for a kind of event is no gain where 3 takes it back: until that has come it cannot be used, and afterwards
it was earned.

Events that nothing takes back are no part of such histories, nor are allotments. Worth counts what was redeemed, so a
policy that takes back no more than what is in the wallet is tried with a wallet that was emptied in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from attrs import evolve, frozen

from loyalty.core.events import VOID, Event, FieldValue
from loyalty.ledger.store import Grant
from loyalty.programme.model import EventKind, FieldType, Programme, Role
from loyalty.testing import boundaries
from loyalty.testing.fairness.differences import rules_that_differ, write_value
from loyalty.testing.fairness.scenes import PARTNER, Scene, later, number_choices, scenes
from loyalty.testing.laws import Bench, Counterexample, Law, Lead
from loyalty.testing.outcomes import Effect, Outcome, value_of

#: How words begin that say that something was undone.
UNDONE = (
    "cancel", "withdr", "revok", "revoc", "revers", "refund", "return", "void", "annul", "anul", "rescind", "undo",
    "unregist", "deregist", "reject", "invalid", "retract", "charge", "abort", "abandon", "dropp", "delet", "remov",
    "terminat", "storn", "widerruf", "resil",
)  # fmt: skip
RAN_OUT = {"expired", "lapsed", "ended", "finished", "completed", "retired"}
ANNOUNCES = {"registered", "registration", "submitted", "opened", "created", "announced", "reported", "proposed"}
CONFIRMS = {"paid", "payment", "settled", "collected", "invoiced", "delivered", "activated", "confirmed", "received"}


@frozen
class Undoing:
    """A way to take back an event of ``kind`` by an event of ``by``; ``through`` is the end of its chain, or None."""

    kind: EventKind
    by: EventKind
    through: EventKind | None = None


def undoings(programme: Programme) -> list[Undoing]:
    """Give every way in which the programme lets an earning event be taken back."""
    kinds = list(programme.events.values())
    ways: list[Undoing] = []
    for kind in (kind for kind in kinds if kind.role in (Role.NONE, Role.FOLLOWS)):
        own = [Undoing(kind, by) for by in kinds if by is not kind and _takes_back(by, kind)]
        declared = any(way.by.role in (Role.REFUNDS, Role.ENDS) for way in own)
        ways += [way for way in own if not declared or way.by.role is not Role.NONE]
    # Whatever begins a chain is added after what it leads to, so that chains of any length are followed.
    known = len(ways) - 1
    while known < len(ways):
        known = len(ways)
        undone = {way.kind.name for way in ways}
        for kind in kinds:
            if kind.name not in undone and kind.role in (Role.NONE, Role.FOLLOWS):
                ways += [
                    Undoing(kind, way.by, way.kind)
                    for way in ways[:known]
                    if _begins(kind, way.kind) or _goes_with(kind, way.kind)
                ]
    return ways


def _takes_back(by: EventKind, kind: EventKind) -> bool:
    if by.role is Role.REFUNDS:
        return by.origin_kind == kind.name
    if by.role is Role.ENDS:
        return by.origin_kind == kind.name and by.name.rpartition(".")[2] not in RAN_OUT
    if not _is_undone(by) or _is_undone(kind):
        return False
    return by.origin_kind == kind.name if by.role is Role.FOLLOWS else _same_thing(by, kind)


def _is_undone(kind: EventKind) -> bool:
    return any(word.startswith(UNDONE) for word in boundaries.words_of(kind.name))


def _same_thing(one: EventKind, other: EventKind) -> bool:
    """Say whether two names speak of one thing: a word of both, or one of the same beginning."""
    first, second = (
        [word for word in boundaries.words_of(kind.name) if not word.startswith(UNDONE)] for kind in (one, other)
    )
    return any(a == b or (len(a) >= 6 and a[:6] == b[:6]) for a in first for b in second)


def _begins(kind: EventKind, end: EventKind) -> bool:
    if end.role is Role.FOLLOWS and end.origin_kind == kind.name:
        return True
    announces = not ANNOUNCES.isdisjoint(boundaries.words_of(kind.name))
    return announces and end is not kind and _same_thing(kind, end)


def _goes_with(kind: EventKind, origin: EventKind) -> bool:
    """Say whether an event that follows another only says that it came true."""
    follows = kind.role is Role.FOLLOWS and kind.origin_kind == origin.name
    return follows and boundaries.words_of(kind.name)[-1] in CONFIRMS


def taken_back(
    programme: Programme, events: Sequence[Event], gap_days: int, choice: int = 0
) -> tuple[Event, ...] | None:
    """
    Take every event of a history back after so many days.

    Returns:
        None where the declared horizon does not allow it, or no event has as many ways to be taken back as ``choice``.
    """
    if any(event.kind == VOID for event in events):
        return None
    ways = undoings(programme)
    present = {event.kind for event in events}
    earning = {rule.on for rule in programme.rules}
    declared = {way.kind.name for way in ways if way.by.role in (Role.REFUNDS, Role.ENDS)}
    by_a_fact = {event.identity for event in events if event.kind not in declared}
    kept: list[Event] = []
    chosen = choice == 0
    for event in events:
        direct = [way for way in ways if way.kind.name == event.kind and way.through is None]
        chained = [way for way in ways if way.kind.name == event.kind and way.through is not None]
        if direct:
            chosen = chosen or choice < len(direct)
            way = direct[min(choice, len(direct) - 1)]
            if not _within(programme, way.by, gap_days):
                return None
            kept += [event, _undo(programme, way.by, event, gap_days)]
        elif any(w.through.name in present for w in chained if w.through) or (
            event.kind not in earning and event.origin not in by_a_fact
        ):
            kept.append(event)
    return tuple(kept) if len(kept) > 1 and chosen and any(event not in events for event in kept) else None


def _undo(programme: Programme, by: EventKind, event: Event, gap_days: int) -> Event:
    calendar = programme.calendar
    at = event.occurred_at if not gap_days else calendar.day_start_us(calendar.day_of(event.occurred_at) + gap_days)
    fields: dict[str, FieldValue] = {}
    for spec in by.fields.values():
        if spec.name == by.part:
            continue
        if spec.name in event.fields:
            fields[spec.name] = event.fields[spec.name]
        elif spec.required:
            fields[spec.name] = (
                spec.lowest if spec.type in boundaries.NUMBERS else boundaries.choices(programme, by, spec)[0]
            )
    speaks = by.role in (Role.REFUNDS, Role.FOLLOWS)
    return Event(
        id=f"{event.id}-undo", kind=by.name, partner=event.partner, person=event.person, source=event.source,
        occurred_at=at, of=event.id if speaks else None, fields=fields,
    )  # fmt: skip


def probe(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Take back all that can be taken back, at several times, with and without a redemption in between."""
    programme = bench.programme
    doings = tuple(event for event in lead.events if _is_doing(programme, event))
    choices = len({way.by.name for way in undoings(programme) if way.through is None})
    for gap, choice in product(_gaps(programme), range(choices)):
        history = taken_back(programme, doings, gap, choice)
        if history is None:
            continue
        outcome = bench.settle(history)
        yield from _gains(bench, outcome)
        grants = _emptied(programme, bench.settle(doings, until_day=_day_before_undo(programme, doings, gap)), gap)
        if grants:
            yield from _gains(bench, bench.settle(history, grants))


def _gaps(programme: Programme) -> list[int]:
    """Give days until things are taken back: at once, when they have matured, when they are gone."""
    pending = {p.duration for rule in programme.rules for p in rule.pending.values() if p.duration}
    expiry = {currency.expires.after for currency in programme.currencies.values() if currency.expires}
    within = {policy.within for policy in programme.refunds.values() if policy.within}
    found = {0, 1, 31}
    for duration in pending | expiry | within:
        days = duration.days or duration.months * 31
        found |= {days, days + 1} if duration in pending | expiry else {days, duration.months * 28}
    return sorted(gap for gap in found if gap < 4000)


def _gains(bench: Bench, outcome: Outcome) -> Iterator[Counterexample]:
    programme = bench.programme
    effects = [e for e in outcome.effects if e.rule != "@redeem" and not e.rule.startswith("@allotment")]
    effects = _less_what_waits(programme, outcome, _less_what_ends_leave(bench, outcome, effects))
    for (holder, unit), worth in value_of(programme, effects).items():
        if worth > 0:
            kept = [effect for effect in effects if effect.holder == holder]
            yield Counterexample(
                law="no_refund_gain",
                claim=f"all of it is taken back, and {holder} is left with {write_value(worth, unit)}",
                second=outcome.events, grants=outcome.grants, second_label="after",
                rules=rules_that_differ(programme, [], kept),
            )  # fmt: skip


def _less_what_ends_leave(bench: Bench, outcome: Outcome, effects: list[Effect]) -> list[Effect]:
    """Of events that were ended, count only what doing them once more pays again."""
    programme = bench.programme
    ended = {k.origin_kind for k in programme.events.values() if k.role is Role.ENDS}
    refunded = boundaries.cancelled_kinds(programme)
    doubtful = [e for e in outcome.events if e.kind in ended and e.kind not in refunded]
    if not doubtful:
        return effects
    calendar = programme.calendar
    last = max(calendar.day_of(event.occurred_at) for event in outcome.events)
    first = min(calendar.day_of(event.occurred_at) for event in outcome.events)
    shift = calendar.day_start_us(last + 1) - calendar.day_start_us(first)
    again = tuple(
        evolve(e, id=f"{e.id}-again", of=f"{e.of}-again" if e.of else None, occurred_at=e.occurred_at + shift)
        for e in outcome.events if e.kind in programme.events
    )  # fmt: skip
    twice = bench.settle((*outcome.events, *again), outcome.grants)
    pays_again = {
        (effect.rule, effect.holder)
        for event in again
        for effect in twice.awarded_by(event.identity)
        if effect.amount > 0
    }
    causes = {event.identity for event in doubtful}
    return [e for e in effects if e.cause not in causes or (e.rule, e.holder) in pays_again]


def _less_what_waits(programme: Programme, outcome: Outcome, effects: list[Effect]) -> list[Effect]:
    """Leave out what pends until an event that has not come, of events that a mere fact has taken back."""
    waits = {
        (rule.name, currency): pending.until_kind
        for rule in programme.rules
        for currency, pending in rule.pending.items()
        if pending.until_kind
    }
    if not waits:
        return effects
    came = {(event.kind, event.origin) for event in outcome.events if event.origin}
    declared = {k.origin_kind for k in programme.events.values() if k.role in (Role.REFUNDS, Role.ENDS)}
    by_a_fact = {
        event.identity for event in outcome.events if event.kind not in declared and _is_doing(programme, event)
    }
    return [
        effect
        for effect in effects
        if effect.cause not in by_a_fact
        or (effect.rule, effect.currency) not in waits
        or (waits[effect.rule, effect.currency], effect.cause) in came
    ]


def _emptied(programme: Programme, outcome: Outcome, gap: int) -> tuple[Grant, ...]:
    if not outcome.events:
        return ()
    calendar = programme.calendar
    last = outcome.events[-1].occurred_at
    at = calendar.day_start_us(calendar.day_of(last) + gap) - 1 if gap else last
    return tuple(
        Grant(key=f"redeem-{asset}", kind="redeem", holder=holder, currency=asset, amount=amount, at=at)
        for (holder, account, asset), amount in sorted(outcome.balances().items())
        if account == "available" and asset in programme.currencies and programme.currencies[asset].spendable
    ) if gap else ()  # fmt: skip


def _day_before_undo(programme: Programme, doings: Sequence[Event], gap: int) -> int | None:
    days = [programme.calendar.day_of(event.occurred_at) for event in doings]
    return max(days) + max(gap - 1, 0) if days else None


def _is_doing(programme: Programme, event: Event) -> bool:
    kind = programme.events.get(event.kind)
    undoing = {way.by.name for way in undoings(programme)}
    return kind is None or (kind.name not in undoing and kind.role in (Role.NONE, Role.FOLLOWS))


def _within(programme: Programme, by: EventKind, gap_days: int) -> bool:
    policy = programme.refunds.get(by.name)
    if policy is None or policy.within is None:
        return True
    return gap_days <= (policy.within.days or policy.within.months * 28)


def leads(bench: Bench) -> Iterator[Lead]:
    """Do each thing that can be taken back, alone and as the start of its chain; then again and again."""
    programme = bench.programme
    ways = undoings(programme)
    undone = {way.kind.name for way in ways}
    found = list(islice((scene for scene in scenes(programme) if scene.kind.name in undone), 60))
    for limit in (1, 6):
        for scene in found:
            for way in (way for way in ways if way.kind.name == scene.kind.name):
                for numbers in number_choices(programme, scene.kind, limit)[:: 1 if limit > 1 else 2]:
                    event = scene.event(numbers)
                    if way.through is None or _goes_with(scene.kind, way.through):
                        yield Lead((*scene.prefix, event))
                    else:
                        yield Lead((*scene.prefix, event, _end_of_chain(programme, way.through, event, scene)))
                    for awaited in _awaited(programme, scene.kind) if way.by.role is Role.REFUNDS else ():
                        yield Lead((*scene.prefix, event, _end_of_chain(programme, awaited, event, scene)))
        for scene in found[:16]:
            for times, days in boundaries.rhythms(programme):
                first = Lead((*scene.prefix, scene.event(boundaries.usual_numbers(programme, scene.kind))))
                again = (_again(programme, first, days * number, number) for number in range(1, times))
                yield Lead((*first.events, *(event for lead in again for event in lead.events)))


def _awaited(programme: Programme, kind: EventKind) -> list[EventKind]:
    """Give the kinds until which awards of a kind's events are pending."""
    awaited = {p.until_kind for rule in programme.rules if rule.on == kind.name for p in rule.pending.values()}
    return [programme.events[name] for name in sorted(name for name in awaited if name)]


def _again(programme: Programme, lead: Lead, days: int, number: int) -> Lead:
    """Do the same for another person and another customer, where texts say whom it is about."""
    *before, last = later(programme, lead, days, f"e-{1 + number}").events
    kind = programme.events[last.kind]
    texts = [spec.name for spec in kind.fields.values() if spec.type is FieldType.TEXT and spec.name in last.fields]
    other = {name: f"{last.fields[name]}{1 + number}" for name in texts if last.fields[name] in boundaries.TEXTS}
    origins = before[-1:] if last.of else []
    return Lead((*origins, evolve(last, fields={**last.fields, **other})))


def _end_of_chain(programme: Programme, end: EventKind, event: Event, scene: Scene) -> Event:
    fields = {**next(boundaries.category_combinations(programme, end, 1)), **boundaries.usual_numbers(programme, end)}
    fields = {name: event.fields.get(name, value) for name, value in fields.items()}
    return Event(
        id="e-2", kind=end.name, partner=PARTNER, person=scene.person, occurred_at=event.occurred_at + 1_000_000,
        of=event.id if end.role is Role.FOLLOWS else None, fields=fields,
    )  # fmt: skip


LAW = Law(
    name="no_refund_gain",
    statement="A history in which every earning event is taken back in full ends with worth of 0 or less.",
    probe=probe,
    leads=leads,
    uses_grants=True,
)
