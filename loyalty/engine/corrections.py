"""
What a late event changes: its holders are settled again, and the difference becomes entries that name it.

The difference is one of transfers, so that what stands in both the book and the replay cancels, and each movement that
is left keeps its rule, its cause, its lot and the instant from which it counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.engine.histories import Histories
from loyalty.ledger.entries import Entry, EntryKind, Posting
from loyalty.ledger.store import Transaction
from loyalty.settlement.history import Placed
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Transfer, transfer_postings, transfers_in
from loyalty.settlement.settle import Outcome, apply_item, clock_outcomes, entries_of
from loyalty.settlement.trace import stored_trace


def replay(histories: Histories, tx: Transaction, holders: set[Holder], late: Event, recorded_at: int) -> list[Entry]:
    """
    Settle the holders' histories again, and give the difference to the book as entries that name the late event.

    Args:
        holders: Those in whose histories the event is, or was; persons to whom their partner's tier is news join them.
        late: The event that came late, or voids another.
        recorded_at: When the book came to know it, UTC microseconds.
    """
    steps = histories.steps
    traces: dict[str, object] = {}
    difference: Counter[Transfer] = Counter()
    told: dict[Holder, dict[str, Mapping[str, int]]] = {}
    for layer in Layer:
        for holder in sorted(holder for holder in holders if holder.layer is layer):
            outcomes: list[Outcome] = []
            run = HolderRun(steps, holder)
            for item in histories.items(tx, holder):
                own = isinstance(item.what, Placed) and item.what.event.identity == late.identity
                tier = apply_item(steps, run, item, outcomes, traced=own)
                if own:
                    traces[str(holder)] = stored_trace(run.trace, tier)
                if layer is Layer.PARTNER and isinstance(item.what, Placed):
                    holders = holders | _pass_on(tx, item.what, tier, told)
            outcomes.extend(clock_outcomes(steps, holder, run.advance(histories.passed_day(tx, holder))))
            histories.keep(tx, run)
            for entry in entries_of(steps, outcomes, recorded_at=recorded_at):
                difference.update(dict(_summed(transfers_in(entry, holder))))
            for entry in tx.entries(holder=holder):
                difference.subtract(dict(_summed(transfers_in(entry, holder))))
    return _corrections(steps.programme.revision, difference, late, recorded_at, traces)


def _pass_on(
    tx: Transaction, placed: Placed, tier: int, told: dict[Holder, dict[str, Mapping[str, int]]]
) -> set[Holder]:
    """Tell the event's persons the partner's tier, and give those to whom it is news; *told* is what they knew."""
    changed = set()
    for person in placed.holders[1:]:
        if person not in told:
            told[person] = {item.recorded.event.identity: item.inputs for item in tx.received(person)}
        if told[person].get(placed.event.identity) != {"tier": tier}:
            tx.deliver(placed.event.identity, person, {"tier": tier})
            changed.add(person)
    return changed


def _corrections(
    revision: str, difference: Counter[Transfer], late: Event, recorded_at: int, traces: Mapping[str, object]
) -> list[Entry]:
    postings: dict[tuple[bool, int], list[Posting]] = {}
    for transfer, amount in difference.items():
        if amount:
            own = transfer.cause == late.identity
            postings.setdefault((own, transfer.effective_at), []).extend(transfer_postings(transfer, amount))
    entries = []
    for (own, effective_at), legs in sorted(postings.items(), key=lambda pair: (pair[0][1], pair[0][0])):
        entries.append(
            Entry(
                key=f"event:{late.identity}" if own else f"correction:{late.identity}:{effective_at}",
                kind=EntryKind.EVENT if own else EntryKind.CORRECTION,
                cause=late.identity,
                effective_at=effective_at,
                recorded_at=recorded_at,
                revision=revision,
                postings=tuple(legs),
                explanation=traces if own else {},
            )
        )
    return entries


def _summed(transfers: Iterable[tuple[Transfer, int]]) -> Mapping[Transfer, int]:
    sums: Counter[Transfer] = Counter()
    for transfer, amount in transfers:
        sums[transfer] += amount
    return sums
