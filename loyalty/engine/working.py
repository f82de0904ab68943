"""
How an engine works on its book: in a transaction of its own, or in that of the host.

Every part of an engine is written on this one base.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.engine.adopting import require_going_on, take_up
from loyalty.engine.answers import Answers
from loyalty.engine.declarations import Declarations
from loyalty.engine.histories import Histories
from loyalty.engine.messages import Messages
from loyalty.engine.telling import Telling
from loyalty.engine.undo import Undo
from loyalty.errors import RetryableConflict
from loyalty.explaining.reading import finding
from loyalty.ledger.store import Store, Transaction
from loyalty.programme.model import Programme
from loyalty.settlement.generate import steps_of

#: How often a transaction of our own is tried where other writers are in the way, how long it waits at most before the
#: next attempt, and after how long none is begun any more: each may itself have waited for a lock.
_ATTEMPTS: Final = 8
_LONGEST_WAIT_S: Final = 0.2
_PATIENCE_S: Final = 20.0

_Result = TypeVar("_Result")


class Working:
    """One programme against one store; :class:`~loyalty.engine.engine.Engine` says what its arguments are."""

    def __init__(
        self,
        programme: Programme,
        store: Store,
        *,
        clock: Callable[[], int] | None = None,
        any_revision: bool = False,
        messages: bool | Collection[str] | Messages = False,
    ) -> None:
        self.programme = programme
        self.store = store
        self._clock = clock or (lambda: time.time_ns() // 1000)
        self._steps = steps_of(programme)
        self._histories = Histories(self._steps, Telling(programme, Messages.of(messages)))
        self._declarations = Declarations(programme)
        self._answers = Answers(self._declarations, self._histories)
        #: Finds the declarations at hand, for receipts that are explained long after.
        self._find = finding(programme)
        self._any_revision = any_revision

    def _change(
        self,
        work: Callable[[Transaction], _Result],
        *,
        events: Sequence[Event] = (),
        holders: Sequence[Holder] = (),
        clock: bool = False,
    ) -> _Result:
        """
        Do work in a transaction of its own, again where another writer was in the way, or in that of the host.

        Args:
            work: What is done; it can be done several times.
            events: What it accepts.
            holders: Whose commands it decides.
            clock: Whether it moves the clock of the book.
        """

        def once() -> _Result:
            with self._transaction() as tx:
                self._histories.begin()
                tx.expect(events, holders, clock=clock)
                take_up(self.programme, tx, self._clock)
                result = work(tx)
                self._histories.save(tx)
            return result

        return self._again(once)

    def _undone(self, work: Callable[[Transaction], _Result], events: Sequence[Event]) -> _Result:
        """Do work in a transaction, take back what it did, and give what it came to."""

        def once() -> _Result:
            results: list[_Result] = []
            with suppress(Undo), self._transaction() as tx:
                tx.expect(events)
                require_going_on(self.programme, tx)
                results.append(work(tx))
                raise Undo
            return results[0]

        return self._again(once)

    def _again(self, once: Callable[[], _Result]) -> _Result:
        """Do what opens a transaction of its own, and again where another writer was in the way."""
        attempts = _ATTEMPTS if self.store.opens_transactions else 1
        give_up_at = time.monotonic() + _PATIENCE_S
        for attempt in range(1, attempts + 1):
            try:
                return once()
            except RetryableConflict:
                if attempt == attempts or time.monotonic() > give_up_at:
                    raise
                # Those who met wait for different times, so that they do not meet again.
                self._pause(random.uniform(0, _LONGEST_WAIT_S * attempt / attempts))
        raise AssertionError("unreachable")

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)

    @contextmanager
    def _transaction(self, *, read_only: bool = False) -> Iterator[Transaction]:
        with self.store.transaction(read_only=read_only) as tx:
            if read_only and not self._any_revision:
                require_going_on(self.programme, tx)
            yield tx
