"""
Monotonicity: one more qualifying action never lowers lifetime awards or the tier at any instant.

A qualifying action is an event of a kind that neither refunds nor ends another, and that no event of the history speaks
of. Without it and with it, the sum of awards so far is compared for each holder at every instant, in value, and the
partner's tier on every day until nothing is under way any more. Redemptions play no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from loyalty.core.calendar import format_day
from loyalty.core.holders import Holder
from loyalty.programme import boundaries
from loyalty.programme.model import Programme, Role
from loyalty.testing.fairness.differences import losses, rules_that_differ, write_value
from loyalty.testing.fairness.scenes import before_large, later, telling_events
from loyalty.testing.laws import Bench, Counterexample, Law, Lead
from loyalty.testing.outcomes import Outcome, value_of


def probe(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Leave out each qualifying action in turn."""
    programme = bench.programme
    spoken_of = {event.origin for event in lead.events}
    horizon = horizon_day(programme, lead)
    for place, event in enumerate(lead.events):
        kind = programme.events.get(event.kind)
        if kind is None or kind.role not in (Role.NONE, Role.FOLLOWS) or event.identity in spoken_of:
            continue
        fewer = (*lead.events[:place], *lead.events[place + 1 :])
        if not fewer:
            continue
        without, with_it = bench.settle(fewer, until_day=horizon), bench.settle(lead.events, until_day=horizon)
        said = _awards_lost(programme, without, with_it) or _tier_lost(programme, without, with_it)
        if said:
            yield Counterexample(
                law="monotonicity", claim=f"one action more, {event.id}, {said}", first=fewer, second=lead.events,
                first_label="without it", second_label="with it",
                rules=rules_that_differ(programme, without.awards, with_it.awards),
            )  # fmt: skip


def horizon_day(programme: Programme, lead: Lead) -> int | None:
    """Give the day through which a history is looked at: its last, or until no review follows from it any more."""
    if not lead.events:
        return None
    last = programme.calendar.day_of(max(event.occurred_at for event in lead.events))
    return last + (boundaries.longest_memory_days(programme) if programme.ladder.review else 0)


def _awards_lost(programme: Programme, without: Outcome, with_it: Outcome) -> str | None:
    instants = sorted({effect.effective_at for effect in (*without.awards, *with_it.awards)})
    for instant in instants:
        was, now = (
            value_of(programme, [effect for effect in outcome.awards if effect.effective_at <= instant])
            for outcome in (without, with_it)
        )
        for (holder, unit), before, after in losses(was, now):
            day = format_day(programme.calendar.day_of(instant))
            return (
                f"lowers what {holder} has been given by {day} from {write_value(before, unit)}"
                f" to {write_value(after, unit)}"
            )
    return None


def _tier_lost(programme: Programme, without: Outcome, with_it: Outcome) -> str | None:
    tiers = programme.ladder.tiers
    for partner in sorted({event.partner for event in with_it.events}):
        holder = Holder.partner(partner)
        before, after = dict(without.tier_steps(holder)), dict(with_it.tier_steps(holder))
        was = now = 0
        for day in sorted({*before, *after}):
            was, now = before.get(day, was), after.get(day, now)
            if now < was:
                return f"lowers the tier of {holder} on {format_day(day)} from {tiers[was].name} to {tiers[now].name}"
    return None


def leads(bench: Bench) -> Iterator[Lead]:
    """Reach a tier before the largest thing; put telling events before and after each other, at telling gaps."""
    yield from before_large(bench)
    telling = telling_events(bench, limit=8)
    gaps = boundaries.gaps(bench.programme)
    for gap in gaps[:: max(1, len(gaps) // 10)]:
        for first in telling:
            for second in telling:
                yield Lead((*first.events, *later(bench.programme, second, gap, "e-9").events))
    for first, second in islice(((a, b) for a in telling for b in telling), 16):
        for gap in gaps[1 :: max(1, len(gaps) // 4)]:
            then = later(bench.programme, second, gap, "e-8").events
            last = later(bench.programme, second, 2 * gap, "e-9").events
            yield Lead((*first.events, *then, *last[-1:]))


LAW = Law(
    name="monotonicity",
    statement="One more qualifying action never lowers lifetime awards or the tier at any instant.",
    probe=probe,
    leads=leads,
)
