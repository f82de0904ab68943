"""
Explaining one event of a history, without settling more than the explanation needs.

The event's partner is settled up to it; its person as well, with every partner that the person acted for, because
the person's awards know the tier that those had. What comes out is what settling the whole history posts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeAlias

from attrs import frozen

from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder, Layer
from loyalty.explaining.entries import explain_entry, explain_parts
from loyalty.explaining.steps import Explanation
from loyalty.ledger.entries import Entry
from loyalty.ledger.transfers import transfers
from loyalty.programme.model import Clawback, Programme
from loyalty.settlement.generate import steps_of
from loyalty.settlement.history import Placed, place_events
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.settle import Item, Outcome, apply_item, entries_of
from loyalty.settlement.trace import Part

_Key: TypeAlias = tuple[str, str, str]


class Fate(Enum):
    """Whether an event counts in the history that it stands in."""

    COUNTS = "counts"
    VOIDED = "voided"
    WAITING = "waiting"


@frozen
class Explained:
    """
    Why one event was settled as it was.

    Args:
        event: What is explained; of a void, the event that it takes out.
        fate: Whether it counts; the steps of a voided event are those that it would have had.
        voids: The voids that name it.
        explanation: The steps; none where it waits for another.
        entry: What it posts, or None where it moves nothing.
        tiers: The partner's tier just before, by holder.
    """

    event: Event
    fate: Fate
    voids: tuple[Event, ...]
    explanation: Explanation
    entry: Entry | None
    tiers: Mapping[str, str]

    def differences(self) -> dict[_Key, int]:
        """
        Give where the steps do not add up to the postings, by (holder, rule, currency): posted less explained.

        It is empty; whoever prints an explanation checks it.
        """
        found: Counter[_Key] = Counter()
        slack: Counter[_Key] = Counter()
        for step in self.explanation.steps:
            key = (step.holder, str(step.rule), str(step.currency))
            if step.name == "paid":
                found[key] -= step.numbers[0]
            elif step.name == "reverse":
                undo, _, _, policy = step.numbers
                found[key] += undo if policy != Clawback.KEEP.value else 0
                # These policies may find less than that to take.
                slack[key] += undo if policy in (Clawback.PENDING_ONLY.value, Clawback.WITHIN_BALANCE.value) else 0
        for debit, credit, amount in transfers(self.entry.postings if self.entry else ()):
            for own, other, signed in ((credit, debit, amount), (debit, credit, -amount)):
                # What a badge gives is posted under a label that no rule can have.
                if other.account.path == "programme/issued" and not (own.rule or "@").startswith("@"):
                    found[str(own.account.owner), str(own.rule), own.asset] += signed
        return {key: amount for key, amount in found.items() if not 0 <= amount <= slack[key]}


def explain_event(programme: Programme, events: Iterable[Event], identity: str) -> Explained:
    """
    Explain one event of a history.

    Args:
        programme: A checked programme.
        events: The whole history, each identity once, in any order; admitted.
        identity: Source and id of the event.

    Raises:
        KeyError: the history has no such event.
    """
    known = {event.identity: event for event in events}
    event = known[identity]
    if event.kind == VOID and event.origin in known:
        event = known[event.origin]
    voids = tuple(other for other in known.values() if other.kind == VOID and other.origin == event.identity)
    kept = [other for other in known.values() if other not in voids]
    placed = place_events(programme, kept)
    target = next((place for place in placed if place.event is event), None)
    if target is None:
        nothing = Explanation(event.identity, programme.revision, ())
        return Explained(event, Fate.WAITING, voids, nothing, None, {})
    traces, outcomes = _settle_up_to(programme, placed, target)
    entries = entries_of(steps_of(programme), outcomes)
    return Explained(
        event,
        Fate.VOIDED if voids else Fate.COUNTS,
        voids,
        explain_entry(programme, entries[0])
        if entries
        else explain_parts(programme, event.identity, programme.revision, traces),
        entries[0] if entries else None,
        {holder: part[0] for holder, part in traces.items()},
    )


def _settle_up_to(programme: Programme, placed: list[Placed], target: Placed) -> tuple[dict[str, Part], list[Outcome]]:
    """Settle the target's holders up to it, and give its traces and what it alone moved."""
    steps = steps_of(programme)
    traces: dict[str, Part] = {}
    outcomes: list[Outcome] = []
    persons = [holder for holder in target.holders if holder.layer is Layer.PERSON]
    partners = {place.holders[0] for place in placed if any(person in place.holders for person in persons)}
    items: dict[Holder, list[Item]] = {holder: [] for holder in (target.holders[0], *sorted(partners), *persons)}
    for place in placed:
        if place.key <= target.key and place.holders[0] in items:
            items[place.holders[0]].append(Item(place.key, place))
    for holder, own in items.items():
        run = HolderRun(steps, holder)
        for item in sorted(own, key=lambda item: item.key):
            is_target = item.what is target and holder in target.holders
            moved: list[Outcome] = []
            tier = apply_item(steps, run, item, moved, traced=is_target)
            if is_target:
                of_target = [outcome for outcome in moved if outcome.cause == target.event.identity]
                traces |= {str(holder): outcome.why() for outcome in of_target if outcome.why is not None}
                outcomes += of_target
            if holder.layer is Layer.PARTNER and isinstance(item.what, Placed):
                for person in item.what.holders[1:]:
                    if person in items:
                        items[person].append(Item(item.key, item.what, tier))
    return traces, outcomes
