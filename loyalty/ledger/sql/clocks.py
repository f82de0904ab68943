"""Clocks in tables: the book's, those of holders that an advance has taken further, and when something is due next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from loyalty.core.holders import Holder, Layer
from loyalty.ledger.sql import fact_statements as ask
from loyalty.ledger.sql.facts import Facts
from loyalty.ledger.sql.own_row import OwnRow
from loyalty.ledger.store import HolderClock, later_clock


class Clocks(Facts, OwnRow):
    """The part of a transaction that keeps how far time has passed, for the book and for each holder."""

    def clock_day(self, holder: Holder | None = None) -> int | None:
        """Give the day through which the book was advanced, or the holder's own clock, or None."""
        of_book = self._book().clock_day
        return of_book if holder is None else later_clock(of_book, self._clock_of(holder).reached_day)

    def set_clock_day(self, day: int, holder: Holder | None = None) -> None:
        """Record that everything due through *day* was posted, to one holder or to all."""
        if holder is None:
            self._set(evolve(self._book(), clock_day=day))
            return
        clock = self._clock_of(holder)
        self._set_clock(holder, HolderClock(day, clock.due_day, clock.revision))

    def clocks_ahead(self) -> Mapping[Holder, int]:
        """Give the days that clocks of holders have reached which are ahead of the book's."""
        self.write()
        rows = self.runner.rows(ask.clocks_ahead, book=self.names.book_id)
        return {Holder(Layer(layer), ref): day for layer, ref, day in rows}

    def keep_due(self, holder: Holder, day: int, revision: str) -> None:
        """Note when something falls due next; a change of the holder's history forgets it."""
        clock = self._clock_of(holder)
        if (clock.due_day != day or clock.revision != revision) and holder in self.names.holders:
            self._set_clock(holder, HolderClock(clock.reached_day, day, revision))

    def holders_due(self, day: int, revision: str, limit: int) -> Sequence[Holder]:
        """Give holders to whom something may fall due through a day that their clocks have not reached."""
        self.write()
        asked = {"book": self.names.book_id, "day": day, "revision": revision, "size": limit}
        return tuple(Holder(Layer(layer), ref) for layer, ref in self.runner.rows(ask.holders_due, **asked))

    def _clock_of(self, holder: Holder) -> HolderClock:
        clock = self.waiting.clocks.get(holder)
        if clock is None:
            self.holder_version(holder)
            clock = self.waiting.clocks[holder]
        return clock

    def _set_clock(self, holder: Holder, clock: HolderClock) -> None:
        self.runner.require_writable()
        self.waiting.clocks[holder] = clock
        self.waiting.changed.add(holder)
