"""
What a late event changes: its holders are settled again, and the difference becomes entries that name it.

The difference is one of transfers, so that what stands in both the book and the replay cancels, and each movement that
is left keeps its rule, its cause, its lot and the instant from which it counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.engine.histories import Histories, last_sequence
from loyalty.ledger.entries import Entry, EntryKind, Posting
from loyalty.ledger.store import Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import in_force_at
from loyalty.settlement.history import Placed
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Transfer, transfer_postings, transfers_in
from loyalty.settlement.settle import Outcome, apply_item, clock_outcomes, entries_of
from loyalty.settlement.trace import Part, stored


def replay(
    histories: Histories, tx: Transaction, holders: set[Holder], joining: Sequence[Event], recorded_at: int
) -> list[Entry]:
    """
    Settle the holders' histories again, and give the difference to the book as entries that name the late event.

    Args:
        holders: Those in whose histories the event is, or was; persons to whom their partner's tier is news join them.
        joining: The event that came late, or voids another; then those that waited for it.
        recorded_at: When the book came to know it, UTC microseconds.

    Returns:
        An entry for each joining event, and corrections of earlier ones for each instant that they count from.
    """
    steps = histories.steps
    new = {event.identity for event in joining}
    traces: dict[str, dict[str, Part]] = {identity: {} for identity in new}
    difference: Counter[Transfer] = Counter()
    told: dict[Holder, dict[str, Mapping[str, int]]] = {}
    news: list[tuple[str, Holder, int]] = []
    for layer in Layer:
        holders = holders | {person for _, person, _ in news}
        concerned = sorted(holder for holder in holders if holder.layer is layer)
        if layer is Layer.PERSON and concerned:
            # Persons that the partner's new tier reaches are not those of the late event alone, and are not locked yet.
            tx.expect(holders=concerned)
            for identity, person, tier in news:
                tx.deliver(identity, person, {"tier": tier})
        for holder in concerned:
            outcomes: list[Outcome] = []
            run = HolderRun(steps, holder)
            for item in histories.items(tx, holder):
                identity = item.what.event.identity if isinstance(item.what, Placed) else ""
                tier = apply_item(steps, run, item, outcomes, traced=identity in new)
                if identity in new:
                    last = outcomes[-1] if outcomes else None
                    if last is not None and last.cause == identity and last.why is not None:
                        traces[identity][str(holder)] = last.why
                if layer is Layer.PARTNER and isinstance(item.what, Placed):
                    news += _news(tx, item.what, tier, told)
            outcomes.extend(clock_outcomes(steps, holder, run.advance(histories.passed_day(tx, holder))))
            run.sequence = last_sequence(tx.received(holder))
            histories.keep(tx, run)
            for entry in entries_of(steps, outcomes, recorded_at=recorded_at):
                difference.update(dict(_summed(transfers_in(entry, holder))))
            for entry in tx.entries(holder=holder):
                difference.subtract(dict(_summed(transfers_in(entry, holder))))
    late = joining[0].identity
    return _entries(steps.programme, difference, late, traces, recorded_at)


def _news(
    tx: Transaction, placed: Placed, tier: int, told: dict[Holder, dict[str, Mapping[str, int]]]
) -> list[tuple[str, Holder, int]]:
    """Give the event's persons to whom the partner's tier is news, with it; *told* is what they knew."""
    identity, found = placed.event.identity, []
    for person in placed.holders[1:]:
        if person not in told:
            told[person] = {item.recorded.event.identity: item.inputs for item in tx.received(person)}
        if told[person].get(identity) != {"tier": tier}:
            found.append((identity, person, tier))
    return found


def _entries(
    programme: Programme,
    difference: Counter[Transfer],
    late: str,
    traces: Mapping[str, Mapping[str, Part]],
    recorded_at: int,
) -> list[Entry]:
    """Make the entries of the events that are new, and corrections that name the late one of all else."""
    postings: dict[tuple[int, str], list[Posting]] = {}
    for transfer, amount in difference.items():
        if amount:
            cause = transfer.cause if transfer.cause in traces else ""
            postings.setdefault((transfer.effective_at, cause or ""), []).extend(transfer_postings(transfer, amount))
    return [
        Entry(
            key=f"event:{cause}" if cause else f"correction:{late}:{effective_at}",
            kind=EntryKind.EVENT if cause else EntryKind.CORRECTION,
            cause=cause or late,
            effective_at=effective_at,
            recorded_at=recorded_at,
            revision=in_force_at(programme, effective_at).revision,
            postings=tuple(legs),
            explanation=stored(traces.get(cause, {})),
        )
        for (effective_at, cause), legs in sorted(postings.items(), key=lambda pair: pair[0])
    ]


def _summed(transfers: Iterable[tuple[Transfer, int]]) -> Mapping[Transfer, int]:
    sums: Counter[Transfer] = Counter()
    for transfer, amount in transfers:
        sums[transfer] += amount
    return sums
