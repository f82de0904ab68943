"""
No refund gain: a history in which every earning event is taken back in full ends with worth <= 0.

What takes an event back, exactly:

1. An event of a kind that ``refunds`` its kind, for all that is left, at a day within the policy's horizon.
2. An event of a kind that ``ends`` its kind, when it can be done again: done, ended, done and ended again must not pay
   twice. What a certification keeps after it ran out (kinds named expired, lapsed, ended, finished, completed) is not
   taken back: it held for its time.
3. An event of a kind that ``follows`` it, or that stands beside it under the same first name (``lead.cancelled`` beside
   ``lead.registered``), and whose last name says that it was undone: cancelled, withdrawn, revoked, and the like.
4. An event that itself cannot be taken back, but begins a chain whose end can, is taken back with that end: the kind
   that follows it, or stands beside it under the same first name where its own says that it only announces
   (registered, submitted, opened). A bonus for registering that the cancellation of the deal leaves is a gain.

Events that nothing takes back are no part of such histories, nor are allotments. Worth counts what was redeemed, so a
policy that takes back no more than what is in the wallet is tried with a wallet that was emptied in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from attrs import evolve, frozen

from loyalty.core.events import Event, FieldValue
from loyalty.ledger.store import Grant
from loyalty.programme.model import EventKind, Programme, Role
from loyalty.testing import boundaries
from loyalty.testing.fairness.differences import rules_that_differ, write_value
from loyalty.testing.fairness.scenes import PARTNER, Scene, number_choices, scenes
from loyalty.testing.laws import Bench, Counterexample, Law, Lead
from loyalty.testing.outcomes import Effect, Outcome, value_of

UNDONE = {
    "cancelled", "canceled", "cancel", "cancellation", "withdrawn", "withdrawal", "revoked", "reversed", "refunded",
    "refund", "returned", "return", "voided", "annulled", "rescinded", "undone", "unregistered", "deregistered",
    "rejected", "invalidated", "retracted", "chargeback", "charged_back",
}  # fmt: skip
RAN_OUT = {"expired", "lapsed", "ended", "finished", "completed", "retired"}
ANNOUNCES = {"registered", "registration", "submitted", "opened", "created", "announced", "reported", "proposed"}


@frozen
class Undoing:
    """A way to take back an event of ``kind`` by an event of ``by``; ``through`` is the end of its chain, or None."""

    kind: EventKind
    by: EventKind
    through: EventKind | None = None


def undoings(programme: Programme) -> list[Undoing]:
    """Give every way in which the programme lets an earning event be taken back."""
    kinds = list(programme.events.values())
    ways = [
        Undoing(kind, by)
        for kind in kinds
        if kind.role in (Role.NONE, Role.FOLLOWS)
        for by in kinds
        if by is not kind and _takes_back(by, kind)
    ]
    # Whatever begins a chain is added after what it leads to, so that chains of any length are followed.
    known = len(ways) - 1
    while known < len(ways):
        known = len(ways)
        undone = {way.kind.name for way in ways}
        for kind in kinds:
            if kind.name not in undone and kind.role in (Role.NONE, Role.FOLLOWS):
                ways += [Undoing(kind, way.by, way.kind) for way in ways[:known] if _begins(kind, way.kind)]
    return ways


def _takes_back(by: EventKind, kind: EventKind) -> bool:
    stem, _, last = by.name.rpartition(".")
    if by.role is Role.REFUNDS:
        return by.origin_kind == kind.name
    if by.role is Role.ENDS:
        return by.origin_kind == kind.name and last not in RAN_OUT
    if last not in UNDONE or kind.name.rpartition(".")[2] in UNDONE:
        return False
    return (
        by.origin_kind == kind.name if by.role is Role.FOLLOWS else bool(stem) and stem == kind.name.rpartition(".")[0]
    )


def _begins(kind: EventKind, end: EventKind) -> bool:
    if end.role is Role.FOLLOWS and end.origin_kind == kind.name:
        return True
    stem, _, last = kind.name.rpartition(".")
    return last in ANNOUNCES and bool(stem) and stem == end.name.rpartition(".")[0] and end.name != kind.name


def taken_back(programme: Programme, events: Sequence[Event], gap_days: int) -> tuple[Event, ...] | None:
    """Take every event of a history back after so many days; None where the declared horizon does not allow it."""
    ways = undoings(programme)
    kept: list[Event] = []
    for event in events:
        way = next((way for way in ways if way.kind.name == event.kind and way.through is None), None)
        chained = [way for way in ways if way.kind.name == event.kind and way.through is not None]
        if way is not None:
            if not _within(programme, way.by, gap_days):
                return None
            kept += [event, _undo(programme, way.by, event, gap_days)]
        elif (
            any(other.kind == w.through.name for w in chained if w.through for other in events)
            or event.kind not in programme.events
        ):
            kept.append(event)
    return tuple(kept) if len(kept) > 1 else None


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
    for gap in boundaries.gaps(programme):
        history = taken_back(programme, doings, gap)
        if history is None:
            continue
        outcome = bench.settle(history)
        yield from _gains(bench, outcome)
        grants = _emptied(programme, bench.settle(doings, until_day=_day_before_undo(programme, doings, gap)), gap)
        if grants:
            yield from _gains(bench, bench.settle(history, grants))


def _gains(bench: Bench, outcome: Outcome) -> Iterator[Counterexample]:
    programme = bench.programme
    effects = [e for e in outcome.effects if e.rule != "@redeem" and not e.rule.startswith("@allotment")]
    effects = _less_what_ends_leave(bench, outcome, effects)
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
    """Do each thing that can be taken back, alone and as the start of its chain."""
    programme = bench.programme
    ways = undoings(programme)
    for scene in islice(scenes(programme), 80):
        for way in (way for way in ways if way.kind.name == scene.kind.name):
            for numbers in number_choices(programme, scene.kind, 6):
                event = scene.event(numbers)
                if way.through is None:
                    yield Lead((*scene.prefix, event))
                else:
                    yield Lead((*scene.prefix, event, _end_of_chain(programme, way.through, event, scene)))


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
