"""
No refund gain: a history in which every earning event is taken back in full ends with worth <= 0.

What takes an event back, by what the programme declares; names come second:

1. An event of a kind that ``refunds`` its kind, for all that is left, at a day within the policy's horizon. Where there
   are several such kinds, each is tried.
2. An event of a kind that ``ends`` its kind, when it can be done again: done, ended, done and ended again must not pay
   twice. What a certification keeps after it ran out (kinds named expired, lapsed, ended, finished, completed) is not
   taken back: it held for its time.
3. An event of a kind that ``follows`` its kind and that the programme uses for nothing (no rule, metric or pending
   award reads it, nothing speaks of it), where its kind can be neither refunded nor ended: whatever it is called, the
   programme only lets it happen after what was paid. Not so where its name says that things went on (qualified,
   approved, paid, delivered), or that what held ran out.
4. By name: a kind that ``follows`` it, or that speaks of the same thing (``lead.cancelled`` or ``lead_cancelled``
   beside ``lead.registered``, and ``registration.cancelled`` too), and whose name says that it was undone: cancelled,
   withdrawn, revoked, and the like; beside what only announces (registered, submitted, opened), also lost, failed,
   declined or expired. Beside a kind that can be refunded or ended, only what follows it is one.
5. An event that itself cannot be taken back, but begins a chain whose end can, is taken back with that end: the kind
   that follows it, or speaks of the same thing where its own name says that it only announces. A bonus for registering
   that the cancellation of the deal leaves is a gain.
6. An event that itself cannot be taken back, but says that one was paid or delivered that can, goes with it: a bonus
   for a payment that was given back is a gain.

What waits for a kind of event is no gain where 3 or 4 takes it back: until that has come it cannot be used, and
afterwards it was earned.

Events that nothing takes back are no part of such histories. Allotments for a tier count where nothing ever looks at
the tier again: refunds keep it to the end of the period, and no review is declared. Otherwise they are outside the law,
since a tier that is kept to a declared day is meant to be used until then. Gifts of tiers and badges count like what
rules pay; a gift is looked at after a review too, which takes the tier and leaves the gift. Worth counts what was
redeemed, so a policy that takes back no more than what is in the wallet is tried with a wallet that was emptied in
between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from attrs import evolve, frozen

from loyalty.core.calendar import PERIOD_MONTHS
from loyalty.core.events import VOID, Event, FieldValue
from loyalty.ledger.store import Grant
from loyalty.programme import boundaries
from loyalty.programme.model import EventKind, Programme, Role
from loyalty.testing.fairness.differences import rules_that_differ, write_value
from loyalty.testing.fairness.scenes import PARTNER, Scene, again, number_choices, promotions, scenes
from loyalty.testing.laws import Bench, Counterexample, Law, Lead
from loyalty.testing.outcomes import Effect, Outcome, value_of

#: How words begin that say that something was undone.
UNDONE = (
    "cancel", "withdr", "revok", "revoc", "revers", "refund", "return", "void", "annul", "anul", "rescind", "undo",
    "unregist", "deregist", "reject", "invalid", "retract", "charge", "abort", "abandon", "dropp", "delet", "remov",
    "terminat", "storn", "widerruf", "resil", "otmen",
)  # fmt: skip
#: The same, where what they are said of had only been announced.
FELL_THROUGH = ("lost", "lose", "losing", "fail", "declin", "denied", "expir", "laps", "verlor", "abgelehnt")
RAN_OUT = {"expired", "lapsed", "ended", "finished", "completed", "retired"}
ANNOUNCES = {"registered", "registration", "submitted", "opened", "created", "announced", "reported", "proposed"}
#: That things went on: what follows an event and is called so does not undo it.
ONWARD = boundaries.SALES | {
    "qualified", "approved", "accepted", "granted", "verified", "validated", "completed", "finished", "done", "met",
    "started", "scheduled", "contacted", "assigned", "updated", "changed", "extended", "upgraded", "progressed",
    "converted", "quoted", "offered", "demonstrated", "piloted", "installed", "deployed", "implemented", "launched",
    "attended", "passed", "reviewed", "rated", "noted", "note", "commented", "published", "acknowledged", "reminded",
    "sent", "visited", "used", "consumed", "survey", "feedback", "review", "report", "meeting", "call", "demo",
}  # fmt: skip
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
        own = [Undoing(kind, by) for by in kinds if by is not kind and _takes_back(programme, by, kind)]
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


def _takes_back(programme: Programme, by: EventKind, kind: EventKind) -> bool:
    if by.role is Role.REFUNDS:
        return by.origin_kind == kind.name
    if by.role is Role.ENDS:
        return by.origin_kind == kind.name and by.name.rpartition(".")[2] not in RAN_OUT
    if by.role is Role.FOLLOWS and by.origin_kind == kind.name and _leads_nowhere(programme, by, kind):
        return True
    fell_through = _announces(kind) and _says(by, FELL_THROUGH)
    if not (_is_undone(by) or fell_through) or _is_undone(kind):
        return False
    return by.origin_kind == kind.name if by.role is Role.FOLLOWS else _same_thing(by, kind)


def _leads_nowhere(programme: Programme, by: EventKind, kind: EventKind) -> bool:
    """Say whether the programme uses a kind that follows another for nothing but to say that it was the end of it."""
    words = set(boundaries.words_of(by.name.rpartition(".")[2])) - set(boundaries.words_of(kind.name))
    went_on = words & (ONWARD | CONFIRMS | ANNOUNCES) and not _says(by, FELL_THROUGH)
    if went_on or (words & RAN_OUT and not _announces(kind)):
        return False
    used = {rule.on for rule in programme.rules} | {metric.kind for metric in programme.metrics.values()}
    used |= {pending.until_kind for rule in programme.rules for pending in rule.pending.values()}
    used |= {other.origin_kind for other in programme.events.values()}
    takers = {k.origin_kind for k in programme.events.values() if k.role in (Role.REFUNDS, Role.ENDS)}
    return by.name not in used and kind.name not in takers


def _announces(kind: EventKind) -> bool:
    return not ANNOUNCES.isdisjoint(boundaries.words_of(kind.name))


def _says(kind: EventKind, beginnings: tuple[str, ...]) -> bool:
    return any(word.startswith(beginnings) for word in boundaries.words_of(kind.name))


def _is_undone(kind: EventKind) -> bool:
    return _says(kind, UNDONE)


def _same_thing(one: EventKind, other: EventKind) -> bool:
    """Say whether two names speak of one thing: a word of both, or one of the same beginning."""
    first, second = (
        [word for word in boundaries.words_of(kind.name) if not word.startswith(UNDONE + FELL_THROUGH)]
        for kind in (one, other)
    )
    return any(a == b or (len(a) >= 6 and a[:6] == b[:6]) for a in first for b in second)


def _begins(kind: EventKind, end: EventKind) -> bool:
    if end.role is Role.FOLLOWS and end.origin_kind == kind.name:
        return True
    return _announces(kind) and end is not kind and _same_thing(kind, end)


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
        yield from _allotted_for_good(bench, outcome)
        grants = _emptied(programme, bench.settle(doings, until_day=_day_before_undo(programme, doings, gap)), gap)
        if grants:
            yield from _gains(bench, bench.settle(history, grants))


def _gaps(programme: Programme) -> list[int]:
    """Give days until things are taken back: at once, when they have matured, when they are gone, after reviews."""
    pending = {p.duration for rule in programme.rules for p in rule.pending.values() if p.duration}
    expiry = {currency.expires.after for currency in programme.currencies.values() if currency.expires}
    within = {policy.within for policy in programme.refunds.values() if policy.within}
    found = {0, 1, 31}
    for duration in pending | expiry | within:
        days = duration.days or duration.months * 31
        found |= {days, days + 1} if duration in pending | expiry else {days, duration.months * 28}
    return sorted(gap for gap in found | _after_reviews(programme) if gap < 4000)


def _after_reviews(programme: Programme) -> set[int]:
    """Give a time after which a review has taken a tier: the refund then lowers none, and a gift stays."""
    review = programme.ladder.review
    if review is None or not any(tier.gift for tier in programme.ladder.tiers):
        return set()
    grace = review.grace.days or review.grace.months * 31 if review.grace else 0
    # The first review may still find in its window what a refund will take.
    return {2 * 31 * (PERIOD_MONTHS[review.every] if review.every else 12) + grace}


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


def _allotted_for_good(bench: Bench, outcome: Outcome) -> Iterator[Counterexample]:
    """Look a year on whether the tier of a history that was refunded whole still brings more than the base does."""
    programme = bench.programme
    if not _keeps_tiers_for_good(programme):
        return
    refunds = {kind.name for kind in programme.events.values() if kind.role is Role.REFUNDS}
    refunded = {event.origin for event in outcome.events if event.kind in refunds}
    if any(event.kind not in refunds and event.identity not in refunded for event in outcome.events):
        return
    last = max(event.occurred_at for event in outcome.events)
    in_a_year = bench.settle(outcome.events, until_day=programme.calendar.day_of(last) + 370)
    base = programme.ladder.tiers[0].name
    usual = {f"@allotment.{one.name}": one.amounts[base] for one in programme.allotments}
    more = [
        evolve(effect, amount=effect.amount - usual[effect.rule])
        for effect in in_a_year.effects
        if effect.rule in usual and effect.effective_at > last and effect.amount > usual[effect.rule]
    ]
    for (holder, unit), worth in value_of(programme, more).items():
        if worth > 0:
            yield Counterexample(
                law="no_refund_gain",
                claim=f"all of it is taken back, the tier stays for good, and within a year brings {holder}"
                      f" {write_value(worth, unit)}",
                second=outcome.events, second_label="after",
                rules=rules_that_differ(programme, [], [effect for effect in more if effect.holder == holder]),
            )  # fmt: skip


def _keeps_tiers_for_good(programme: Programme) -> bool:
    return bool(programme.allotments) and programme.ladder.review is None


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
    once_more = tuple(
        evolve(e, id=f"{e.id}-again", of=f"{e.of}-again" if e.of else None, occurred_at=e.occurred_at + shift)
        for e in outcome.events if e.kind in programme.events
    )  # fmt: skip
    twice = bench.settle((*outcome.events, *once_more), outcome.grants)
    pays_again = {
        (effect.rule, effect.holder)
        for event in once_more
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
    if _keeps_tiers_for_good(programme):
        yield from promotions(bench)
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
                more = (again(programme, first, days * number, number) for number in range(1, times))
                yield Lead((*first.events, *(event for lead in more for event in lead.events)))


def _awaited(programme: Programme, kind: EventKind) -> list[EventKind]:
    """Give the kinds until which awards of a kind's events are pending."""
    awaited = {p.until_kind for rule in programme.rules if rule.on == kind.name for p in rule.pending.values()}
    return [programme.events[name] for name in sorted(name for name in awaited if name)]


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
