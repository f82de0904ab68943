"""
What a late event changes: its holders are settled again from a mark before it, and the difference becomes entries.

Each holder is settled twice from there, without the late event and with it: what it moved without it is what the book
has, entry for entry, and settling is quicker than reading. The difference is one of transfers, so that each movement
that is left keeps its rule, its cause, its lot and the instant from which it counts. What lies before the mark is
neither read nor settled, however much it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from loyalty.core.calendar import FIRST_DAY, NEVER
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.engine.histories import Histories
from loyalty.engine.received import Later, delivered_at, in_order, later_of
from loyalty.ledger.entries import Entry, EntryKind, Posting
from loyalty.ledger.store import Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import in_force_at
from loyalty.settlement.history import Placed
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Movement, Transfer, transfer_postings, transfers_in
from loyalty.settlement.marks import Mark, roll_back
from loyalty.settlement.settle import Outcome, advance_run, apply_item, entries_of
from loyalty.settlement.trace import CorrectedParts, Part, corrected_parts, parts_of, stored, stored_correction


def replay(
    histories: Histories, tx: Transaction, holders: set[Holder], joining: Sequence[Event], recorded_at: int
) -> list[Entry]:
    """
    Settle what the holders' histories hold since the event again, and give the book the difference as entries.

    Args:
        holders: Those in whose histories the event is, or was; persons to whom their partner's tier is news join them.
        joining: The event that came late, or voids another; then those that waited for it.
        recorded_at: When the book came to know it, UTC microseconds.

    Returns:
        An entry for each joining event, and corrections of earlier ones for each instant that they count from.
    """
    work = _Replay(histories, tx, joining)
    try:
        for layer in Layer:
            work.settle_layer(layer, holders)
    except BaseException:
        work.give_up()
        raise
    work.keep()
    return _entries(histories.programme, work, joining[0].identity, recorded_at)


def resettle(
    histories: Histories, tx: Transaction, holders: Collection[Holder], name: str, recorded_at: int
) -> list[Entry]:
    """
    Settle holders' whole histories again under another programme, and give what differs from the book as corrections.

    Args:
        histories: States of their own under that programme.
        holders: All holders of the book.
        name: What the corrections name as their cause.
        recorded_at: UTC microseconds.
    """
    work = _Replay(histories, tx, (), whole=True)
    for layer in Layer:
        work.settle_layer(layer, set(holders))
    work.keep()
    return _entries(histories.programme, work, name, recorded_at)


class _Replay:
    """
    Holders that are settled again because of events that join their histories, or of another programme.

    Args:
        joining: The events.
        whole: Whether what the histories moved before is known from the book alone, and they are settled whole.

    Attributes:
        difference: What moves with these events and does not move without them.
        traces: Why each of them was settled as it was, by holder.
        corrected: Why what moves otherwise now was settled as it was before, and why it is as it is now; by the
            instant from which it counts and its cause ("" is the clock), each by holder.
    """

    def __init__(self, histories: Histories, tx: Transaction, joining: Sequence[Event], *, whole: bool = False) -> None:
        self.difference: Counter[Transfer] = Counter()
        self.traces: dict[str, dict[str, Part]] = {event.identity: {} for event in joining}
        self.corrected: dict[tuple[int, str], CorrectedParts] = defaultdict(CorrectedParts)
        self._histories = histories
        self._steps = histories.steps
        self._tx = tx
        self._whole = whole
        self._since = min((delivered_at(histories.programme, tx.find_event, event) for event in joining), default=0)
        self._moved: list[tuple[HolderRun, Mark | None]] = []
        #: By person what tier its partner has now, and by event the one that it had: from which instant, and which.
        self._news: dict[Holder, dict[str, tuple[int, int]]] = defaultdict(dict)

    def settle_layer(self, layer: Layer, holders: set[Holder]) -> None:
        """Settle the holders of one layer, and of persons those whose partner's tier is another now."""
        concerned = sorted(holder for holder in holders | self._news.keys() if holder.layer is layer)
        if layer is Layer.PERSON and concerned:
            # Persons that the partner's new tier reaches are not those of the late event alone, and are not locked yet.
            self._tx.expect(holders=concerned)
        for holder in concerned:
            instants = [at for at, _ in self._news[holder].values()] if holder in self._news else []
            since = min([*instants, self._since]) if holder in holders else min(instants)
            if self._whole:
                self._settle_whole(holder)
            else:
                self._settle_since(holder, since)

    def keep(self) -> None:
        """Keep the states that this led to."""
        for run, _ in self._moved:
            self._histories.keep(self._tx, run)

    def give_up(self) -> None:
        """Bring the states back to what was before any of this; what came after that is caught up when it is needed."""
        for run, mark in self._moved:
            marks = [other for other in run.marks if mark is not None and other.before <= mark.before]
            if marks:
                roll_back(run, marks[-1])
                self._histories.shelve(run)

    def _settle_since(self, holder: Holder, since: int) -> None:
        """Settle what counts since an instant without the events that join, and with them."""
        run, later = self._histories.rewind(self._tx, holder, since)
        mark = run.marks[-1] if run.marks else None
        self._moved.append((run, mark))
        known = [item for item in later.received if item.recorded.event.identity not in self.traces]
        tiers: dict[str, int] = {}
        # This pass goes nowhere, and needs no marks.
        run.mark_from = NEVER
        before = self._pass(run, evolve(later, received=known), FIRST_DAY, tiers)
        reached = run.through_day
        if mark is None:
            run = self._histories.new_run(holder)
            self._moved[-1] = (run, None)
        else:
            roll_back(run, mark)
        after = self._pass(run, self._told(holder, later), reached, tiers, is_new=True)
        same = _same(before, after)
        self._add(holder, [outcome for outcome in after if outcome.key not in same], 1)
        self._add(holder, [outcome for outcome in before if outcome.key not in same], -1)

    def _settle_whole(self, holder: Holder) -> None:
        """Settle the whole history, where what it moved before is known from the book alone."""
        run = self._histories.new_run(holder)
        self._moved.append((run, None))
        later = self._told(holder, later_of(self._tx, holder))
        self._add(holder, self._pass(run, later, FIRST_DAY, {}, is_new=True), 1)
        for entry in self._tx.entries(holder=holder):
            self.difference.subtract(dict(_summed(transfers_in(entry, holder))))
            self._keep_why(holder, entry)

    def _keep_why(self, holder: Holder, entry: Entry) -> None:
        """Keep what an entry of the book says of why as what was; of several entries the last one says it."""
        known = {cause: parts.now for cause, parts in corrected_parts(entry.explanation).items()}
        if not known and entry.kind in (EntryKind.EVENT, EntryKind.TIMER):
            known = {entry.cause or "": dict(parts_of(entry.explanation))}
        for cause, parts in known.items():
            if str(holder) in parts:
                at = (entry.effective_at, cause)
                kept = evolve(self.corrected[at], revision=entry.revision)
                kept.before[str(holder)] = parts[str(holder)]
                self.corrected[at] = kept

    def _told(self, holder: Holder, later: Later) -> Later:
        """Have the events bring the holder what is news, and give what it received so."""
        if holder not in self._news:
            return later
        received = list(later.received)
        for place, item in enumerate(received):
            identity = item.recorded.event.identity
            if identity in self._news[holder] and item.inputs != {"tier": self._news[holder][identity][1]}:
                received[place] = evolve(item, inputs={"tier": self._news[holder][identity][1]})
                self._tx.deliver(identity, holder, received[place].inputs)
        return evolve(later, received=received)

    def _pass(
        self, run: HolderRun, later: Later, through_day: int, tiers: dict[str, int], *, is_new: bool = False
    ) -> list[Outcome]:
        """
        Settle what came later, through the day that the holder's clock had reached.

        Args:
            through_day: The least that this day is.
            tiers: Gets the tier that each event brings to its persons; of what *is_new* differs from it, they are told.
        """
        programme = self._histories.programme
        outcomes: list[Outcome] = []
        items = in_order(programme, self._tx, later.received, later.grants, first_command=run.commands)
        for item in later.with_versions(run, items):
            placed = item.what if isinstance(item.what, Placed) else None
            identity = placed.event.identity if placed is not None else ""
            tier = apply_item(self._steps, run, item, outcomes, traced=True)
            if identity in self.traces and outcomes[-1].why is not None:
                self.traces[identity][str(run.holder)] = outcomes[-1].why()
            if placed is None or run.holder.layer is not Layer.PARTNER:
                continue
            if not is_new:
                tiers[identity] = tier
            elif tiers.get(identity) != tier:
                for person in placed.holders[1:]:
                    self._news[person][identity] = (item.key[0], tier)
        day = max(through_day, self._histories.passed_day(self._tx, run, later))
        outcomes.extend(advance_run(self._steps, run, day, traced=True))
        return outcomes

    def _add(self, holder: Holder, outcomes: Sequence[Outcome], sign: int) -> None:
        """Add what outcomes move to the difference, with why, or take it off."""
        for outcome in outcomes:
            if outcome.why is not None:
                kept = self.corrected[outcome.effective_at, outcome.cause or ""]
                (kept.now if sign > 0 else kept.before)[str(holder)] = outcome.why()
        for entry in entries_of(self._steps, outcomes):
            sums = _summed(transfers_in(entry, holder))
            self.difference.update({transfer: sign * amount for transfer, amount in sums.items()})


def _same(before: Iterable[Outcome], after: Iterable[Outcome]) -> set[str]:
    """Give the keys under which both move the same."""
    earlier, later = (_moved(outcomes) for outcomes in (before, after))
    return {key for key, moved in later.items() if earlier.get(key) == moved}


def _moved(outcomes: Iterable[Outcome]) -> dict[str, list[tuple[int, Sequence[Movement]]]]:
    moved: dict[str, list[tuple[int, Sequence[Movement]]]] = {}
    for outcome in outcomes:
        moved.setdefault(outcome.key, []).append((outcome.effective_at, outcome.movements))
    return moved


def _entries(
    programme: Programme,
    work: _Replay,
    late: str,
    recorded_at: int,
) -> list[Entry]:
    """Make the entries of the events that are new, and corrections that name the late one of all else."""
    postings: dict[tuple[int, str], list[Posting]] = {}
    for transfer, amount in work.difference.items():
        if amount:
            cause = transfer.cause if transfer.cause in work.traces else ""
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
            explanation=stored(work.traces[cause]) if cause else _corrected(work, effective_at, legs),
        )
        for (effective_at, cause), legs in sorted(postings.items(), key=lambda pair: pair[0])
    ]


def _corrected(work: _Replay, effective_at: int, legs: Iterable[Posting]) -> Mapping[str, Any]:
    """Give what a correction keeps of why: of each cause that it moves something for, the steps before and now."""
    causes = dict.fromkeys(leg.cause or "" for leg in legs)
    kept = {cause: work.corrected[effective_at, cause] for cause in causes if (effective_at, cause) in work.corrected}
    return stored_correction(kept) if kept else {}


def _summed(transfers: Iterable[tuple[Transfer, int]]) -> Mapping[Transfer, int]:
    sums: Counter[Transfer] = Counter()
    for transfer, amount in transfers:
        sums[transfer] += amount
    return sums
