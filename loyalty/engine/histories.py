"""
Histories of holders as a store keeps them, and the states that settling them leaves.

A state in memory is used only while the store has the version of the holder that it was settled from, so that a
rollback of the host cannot leave a state of events that did not happen.
"""

from __future__ import annotations

from collections import OrderedDict

from loyalty.core.calendar import FIRST_DAY
from loyalty.core.holders import Holder
from loyalty.ledger.store import Transaction
from loyalty.settlement.generate import Steps
from loyalty.settlement.history import place_events
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.settle import Item, apply_item

#: States of holders that stay in memory; others are settled again from their recorded history when they are needed.
_KEPT_RUNS = 10_000


class Histories:
    """
    The holders' states, the most recently used of them in memory.

    Args:
        steps: The programme's generated steps.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.programme = steps.programme
        self._runs: OrderedDict[Holder, tuple[tuple[int, int | None], HolderRun]] = OrderedDict()

    def items(self, tx: Transaction, holder: Holder) -> list[Item]:
        """Give the holder's history in settlement order."""
        received = tx.received(holder)
        tiers = {item.recorded.event.identity: item.inputs.get("tier", 0) for item in received}
        placed = place_events(self.steps.programme, [item.recorded.event for item in received])
        items = [Item(place.key, place, tiers[place.event.identity]) for place in placed]
        items.extend(Item.of_grant(grant, number) for number, grant in enumerate(tx.grants(holder)))
        return sorted(items, key=lambda item: item.key)

    def run(self, tx: Transaction, holder: Holder) -> HolderRun:
        """
        Give the holder's state as recorded: the one kept in memory, or settled again.

        It is taken out of memory, so that no one else meets it while it moves, and an attempt that fails leaves
        nothing behind; :meth:`keep` puts it back.
        """
        kept = self._runs.pop(holder, None)
        if kept is not None and kept[0] == (tx.holder_version(holder), tx.clock_day()):
            return kept[1]
        return self.fresh_run(tx, holder)

    def fresh_run(self, tx: Transaction, holder: Holder) -> HolderRun:
        """Settle the holder's recorded history again, through the day that its clock has reached."""
        run = HolderRun(self.steps, holder)
        for item in self.items(tx, holder):
            apply_item(self.steps, run, item, [])
        run.advance(self.passed_day(tx, holder))
        return run

    def passed_day(self, tx: Transaction, holder: Holder) -> int:
        """Give the day through which the holder's clock has run: the book's, or that of what was posted."""
        days = [FIRST_DAY]
        clock_day, last = tx.clock_day(), tx.last_effective_at(holder)
        if clock_day is not None:
            days.append(clock_day)
        if last is not None:
            days.append(self.steps.programme.calendar.day_of(last))
        return max(days)

    def keep(self, tx: Transaction, run: HolderRun) -> None:
        """Keep a state in memory under the version that the store has of its holder."""
        self._runs[run.holder] = ((tx.holder_version(run.holder), tx.clock_day()), run)
        self._runs.move_to_end(run.holder)
        if len(self._runs) > _KEPT_RUNS:
            self._runs.popitem(last=False)
