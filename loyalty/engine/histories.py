"""
Histories of holders as a store keeps them, and the states that settling them leaves.

A state, in memory or kept by the store, is used only while the store has the version of the holder that it was settled
from, so that neither another process nor a rollback of the host can leave a state of events that did not happen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from loyalty.core.calendar import FIRST_DAY
from loyalty.core.holders import Holder
from loyalty.engine.received import Facts, Later, in_order, later_of
from loyalty.engine.telling import Telling
from loyalty.ledger.store import VERSION_CYCLE, Checkpoint, Transaction
from loyalty.programme.revisions import chain_of
from loyalty.settlement.generate import Steps
from loyalty.settlement.history import OrderKey
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Movement
from loyalty.settlement.marks import ITEMS_APART, roll_back, set_mark
from loyalty.settlement.saving import load, save
from loyalty.settlement.settle import Item, apply_item

#: States of holders that stay in memory; others are taken from the store when they are needed.
_KEPT_RUNS = 10_000

#: A state is saved after so many items, and where it is large when it has grown by this part: the whole of it is
#: written each time, and so what is written in all stays in proportion to the history.
_SAVE_AFTER_ITEMS, _SAVE_AFTER_PART = 32, 8

#: The mark that no holder has.
_STALE: tuple[int, int | None] = (-1, None)


class Histories:
    """
    The holders' states, the most recently used of them in memory.

    Args:
        steps: The programme's generated steps.
        telling: What posts their entries.
    """

    def __init__(self, steps: Steps, telling: Telling) -> None:
        self.steps = steps
        self.telling = telling
        self._marks_apart = ITEMS_APART
        self.programme = steps.programme
        self._chain = chain_of(steps.programme)
        self._runs: OrderedDict[Holder, HolderRun] = OrderedDict()
        self._moved: dict[Holder, HolderRun] = {}
        self._closed: set[Holder] = set()

    def items(self, tx: Facts, holder: Holder) -> list[Item]:
        """Give the holder's history in settlement order."""
        return in_order(self.programme, tx, tx.received(holder), tx.grants(holder))

    def run(self, tx: Transaction, holder: Holder) -> HolderRun:
        """
        Give the holder's state as recorded: the one in memory, the one that the store keeps, or settled again.

        It is taken out of memory, so that no one else meets it while it moves, and an attempt that fails leaves
        nothing behind; :meth:`keep` puts it back.
        """
        stale = self._runs.pop(holder, None)
        if stale is not None:
            mark = tx.holder_mark(holder)
            if stale.under == mark:
                return stale
            (version, clock_day), (present, reached) = stale.under, mark
            if version == present and reached is not None and (clock_day is None or clock_day < reached):
                # What has fallen due since was posted by whoever let the time pass.
                stale.advance(reached)
                return stale
        return self._caught_up(tx, stale) or self._caught_up(tx, self._loaded(tx, holder)) or self.fresh_run(tx, holder)

    def due(self, tx: Transaction, holder: Holder, at: int) -> list[Movement] | None:
        """
        Give what falls due from what was settled last until UTC microseconds *at*; nothing of it happens.

        Returns:
            The movements, or None where something was settled that counts later, or nothing at all.
        """
        found = self.state_at(tx, holder, at)
        return None if found is None else found[1]

    def state_at(self, tx: Transaction, holder: Holder, at: int) -> tuple[HolderRun, list[Movement]] | None:
        """
        Give the holder's state at UTC microseconds *at*, to be read only, and what fell due since it was settled.

        Returns:
            None where something was settled that counts later, or nothing at all.
        """
        day = self.programme.calendar.day_of(at)
        run = self._runs.get(holder)
        if run is None or run.under != tx.holder_mark(holder):
            run = self._caught_up(tx, self._loaded(tx, holder)) or self.fresh_run(tx, holder)
        elif day >= run.scalars.next_due:
            # The state that is kept stays where it is, and a copy of it moves.
            run = load(self.steps, holder, save(run), tx.find_grant) or self.fresh_run(tx, holder)
        if not run.last_key or run.last_key[0] > at or run.through_day > day:
            return None
        return run, run.advance(day) if day >= run.scalars.next_due else []

    def fresh_run(self, tx: Transaction, holder: Holder) -> HolderRun:
        """Settle the holder's recorded history again, through the day that its clock has reached."""
        run = self.new_run(holder)
        self._catch_up(tx, run, later_of(tx, holder))
        return run

    def new_run(self, holder: Holder) -> HolderRun:
        """Give the state of a holder to whom nothing has happened yet."""
        return HolderRun(self.steps, holder, self._marks_apart)

    def rewind(self, tx: Transaction, holder: Holder, before: int) -> tuple[HolderRun, Later]:
        """
        Give the holder's state at a mark before an instant, and what the store has of what came after it.

        The state is taken out of memory as :meth:`run` does; :meth:`keep` puts it back when it has moved on, and
        :meth:`shelve` when that failed.

        Returns:
            The state, without a mark where it is the beginning.
        """
        run = self._runs.pop(holder, None)
        found = None
        if run is not None:
            found = self._at_mark(tx, run, before)
        if found is None and (run := self._loaded(tx, holder)) is not None:
            found = self._at_mark(tx, run, before)
        if found is None:
            return self.new_run(holder), later_of(tx, holder)
        run = found[0]
        items = run.events + run.commands
        if not run.marks or run.marks[-1].items != items:
            set_mark(run, run.last_key[0] + 1)
        run.saved_items = min(run.saved_items, items)
        return found

    def shelve(self, run: HolderRun) -> None:
        """Keep a state of which only the marks are worth anything any more; it is caught up before it is used."""
        if run.marks:
            self._put(run, _STALE)

    def passed_day(self, tx: Transaction, run: HolderRun, later: Later) -> int:
        """
        Give the day through which the holder's clock has run: the book's, or that of what was received last.

        What was voided since had moved the clock too.

        Args:
            run: The state behind the last item that counts.
            later: What was received at last.
        """
        clock_day, day_of = tx.clock_day(run.holder), self.programme.calendar.day_of
        day = max([run.through_day, *(day_of(item.at) for item in later.received)])
        return day if clock_day is None else max(day, clock_day)

    def keep(self, tx: Transaction, run: HolderRun) -> None:
        """Keep a state in memory under the version that the store has of its holder."""
        mark = tx.holder_mark(run.holder)
        run.version = mark[0]
        self._put(run, mark)
        self._moved[run.holder] = run
        if run.closed_by is not None:
            self._closed.add(run.holder)

    def put_back(self, tx: Transaction, runs: Iterable[HolderRun]) -> None:
        """Keep states in memory that were looked at and did not move."""
        for run in runs:
            self._put(run, tx.holder_mark(run.holder))

    def due_by(self, tx: Transaction, day: int, limit: int) -> list[Holder]:
        """Give at most so many holders to whom something may fall due through a day, in order of layer and id."""
        return sorted(tx.holders_due(day, self._chain, limit))

    @property
    def has_closed(self) -> bool:
        """Whether states of closed holders moved since :meth:`take_closed` was asked last."""
        return bool(self._closed)

    def begin(self) -> None:
        """Forget what moved in a transaction that failed."""
        self._moved.clear()
        self._closed.clear()

    def take_closed(self) -> list[Holder]:
        """Give the closed holders whose states moved since this was asked last."""
        if not self._closed:
            return []
        closed = sorted(self._closed)
        self._closed.clear()
        return closed

    def save(self, tx: Transaction) -> None:
        """Have the store keep when something falls due next to whom something happened, and states that moved far."""
        for holder, run in self._moved.items():
            version = tx.holder_version(holder)
            if self._runs.get(holder) is not run or run.under[0] != version:
                # A part of the transaction was undone, and the state is one that was never reached.
                continue
            tx.keep_due(holder, run.scalars.next_due, self._chain)
            items = run.events + run.commands
            if items - run.saved_items >= max(_SAVE_AFTER_ITEMS, run.saved_items // _SAVE_AFTER_PART):
                run.saved_items = items
                tx.keep_checkpoint(holder, self._chain, Checkpoint(version, save(run)))
        self._moved.clear()

    def _put(self, run: HolderRun, under: tuple[int, int | None]) -> None:
        run.under = under
        self._runs[run.holder] = run
        self._runs.move_to_end(run.holder)
        if len(self._runs) > _KEPT_RUNS:
            self._runs.popitem(last=False)

    def _loaded(self, tx: Transaction, holder: Holder) -> HolderRun | None:
        """Give the state that the store keeps; what was added to the history since may come before its end."""
        kept = tx.checkpoint(holder, self._chain)
        run = kept and load(self.steps, holder, kept.state, tx.find_grant, self._marks_apart)
        if kept and run:
            run.version = kept.holder_version
        return run or None

    def _caught_up(self, tx: Transaction, run: HolderRun | None) -> HolderRun | None:
        """Bring a state to what the store has, from where it stands or from one of its marks; None if it cannot be."""
        found = run and self._at_mark(tx, run)
        if not found:
            return None
        run, later = found
        run.saved_items = min(run.saved_items, run.events + run.commands)
        self._catch_up(tx, run, later)
        return run

    def _at_mark(self, tx: Transaction, run: HolderRun, before: int | None = None) -> tuple[HolderRun, Later] | None:
        """
        Roll a state back to where the store's history goes on from, and give what goes on there.

        A history goes on from a mark if the version there and what came after add up to the holder's version.

        Args:
            before: The instant before which it is to stand; as late as can be where it is None.
        """
        if run.last_key and (before is None or run.last_key[0] < before):
            later = self._goes_on(tx, run, run.last_key[0] + 1, run.version, run.last_key, run.through_day)
            if later is not None:
                return run, later
        marks = [mark for mark in run.marks if before is None or mark.before <= before]
        stride = 1
        while marks:
            mark = marks[-1]
            was = dict(zip(run.MARKED, mark.rest.fields, strict=True))
            later = self._goes_on(tx, run, mark.before, mark.version, was["last_key"], was["through_day"])
            if later is not None:
                roll_back(run, mark)
                return run, later
            # What one mark does not know of, the next one before it seldom knows of; the first is tried last.
            stride *= 2
            marks = marks[: max(1, len(marks) - stride)] if len(marks) > 1 else []
        return None

    def _goes_on(
        self, tx: Transaction, run: HolderRun, at: int, version: int, last_key: OrderKey, through_day: int
    ) -> Later | None:
        """Give what came from an instant on, if the store's history goes on there from what a state was then."""
        later = later_of(tx, run.holder, at)
        if (version + later.step - tx.holder_version(run.holder)) % VERSION_CYCLE:
            return None
        day_of, clock_day = self.programme.calendar.day_of, tx.clock_day(run.holder)
        if later.steps and day_of(later.steps[0][0]) < through_day:
            return None
        reached = max(day_of(last_key[0]), FIRST_DAY if clock_day is None else clock_day)
        # Whoever undid a transaction took back how far the clock ran in it, and no version tells of that.
        return later if later.steps or through_day <= reached else None

    def _catch_up(self, tx: Transaction, run: HolderRun, later: Later) -> None:
        """Settle what came later, through the day that the holder's clock has reached."""
        items = in_order(self.programme, tx, later.received, later.grants, first_command=run.commands)
        for item in later.with_versions(run, items):
            apply_item(self.steps, run, item, [])
        run.advance(self.passed_day(tx, run, later))
