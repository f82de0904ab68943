"""
The lock of a book: through a day, after which nothing more is booked under that day or one before it.

It changes no balance and no settlement. An entry that is recorded later and counts from a locked day gets a booked day,
the first that is not locked, under which exports hand it to other accounting systems.

>>> from loyalty.engine.engine import Engine
>>> from loyalty.ledger.memory import MemoryStore
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> engine = Engine(loads(EXAMPLE), MemoryStore())
>>> engine.lock(through="2026-03-31", actor="u-17", reason="the quarter is closed").through_day
20543
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from loyalty.core.calendar import format_day
from loyalty.engine.arguments import day_of, text_of
from loyalty.engine.working import Working
from loyalty.errors import LedgerError
from loyalty.ledger.store import BookLock, Transaction


class Locking(Working):
    """The part of an engine that locks the book."""

    def lock(self, through: int | str | date, *, actor: str, reason: str) -> BookLock:
        """
        Lock the book through a day: what is recorded from now on is booked on a later one.

        Args:
            through: The last locked day; as for ``advance``. The same day again changes nothing.
            actor: Who does it; kept with the book.
            reason: Why; likewise.

        Raises:
            LedgerError: it is locked through a later day, which :meth:`unlock` alone can take back.
            UsageError: an argument is of another kind.
        """
        day = day_of(through, self.programme.calendar)
        lock = self._lock_of(day, actor, reason)

        def work(tx: Transaction) -> BookLock:
            present = tx.locked_day()
            if present is not None and day < present:
                raise LedgerError(
                    f"the book is locked through {format_day(present)} already, and {format_day(day)} is before that; "
                    "open days again with unlock, which asks for a reason"
                )
            if day == present:
                return tx.locks()[-1]
            tx.add_lock(lock)
            return lock

        locked: BookLock = self._change(work, clock=True)
        return locked

    def unlock(self, through: int | str | date | None = None, *, actor: str, reason: str) -> BookLock:
        """
        Open locked days again; what was booked behind the lock stays where it is.

        Args:
            through: The last day that stays locked; None for none.
            actor: Who does it; kept with the book.
            reason: Why; likewise.

        Raises:
            LedgerError: it is not locked through a later day.
            UsageError: an argument is of another kind.
        """
        day = None if through is None else day_of(through, self.programme.calendar)
        lock = self._lock_of(day, actor, reason)

        def work(tx: Transaction) -> BookLock:
            present = tx.locked_day()
            if present is None or (day is not None and day >= present):
                state = "not locked" if present is None else f"locked through {format_day(present)}"
                raise LedgerError(f"the book is {state}; give an earlier day to unlock it to, or lock it")
            tx.add_lock(lock)
            return lock

        unlocked: BookLock = self._change(work, clock=True)
        return unlocked

    def locks(self) -> Sequence[BookLock]:
        """Give when the book was locked and unlocked, by whom and why, in order; the last one holds."""
        with self._transaction(read_only=True) as tx:
            found: Sequence[BookLock] = tx.locks()
            return found

    def _lock_of(self, day: int | None, actor: str, reason: str) -> BookLock:
        who, why = text_of(actor, "who locks a book"), text_of(reason, "why a book is locked")
        return BookLock(through_day=day, recorded_at=self._clock(), actor=who, reason=why)
