"""Clocks in tables: the book's, those of holders that an advance has taken further, and when something is due next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from loyalty.core.holders import Holder, Layer
from loyalty.ledger.sql import fact_statements as ask
from loyalty.ledger.sql.facts import Facts
from loyalty.ledger.sql.own_row import OwnRow
from loyalty.ledger.store import later_clock


class Clocks(Facts, OwnRow):
    """The part of a transaction that keeps how far time has passed, for the book and for each holder."""

    def clock_day(self, holder: Holder | None = None) -> int | None:
        """Give the day through which the book was advanced, or the holder's own clock, or None."""
        of_book = self._book().clock_day
        return of_book if holder is None else later_clock(of_book, self.of_holder(holder).reached_day)

    def holder_mark(self, holder: Holder) -> tuple[int, int | None]:
        """Give what tells whether a state of a holder is the present one: its version and the day of its clock."""
        known = self.waiting.holders.get(holder) or self.of_holder(holder)
        book = self.waiting.books
        of_book = book[0].clock_day if book else self._book().clock_day
        return known.version, of_book if known.reached_day is None else later_clock(of_book, known.reached_day)

    def set_clock_day(self, day: int, holder: Holder | None = None) -> None:
        """Record that everything due through *day* was posted, to one holder or to all."""
        if holder is None:
            self._set(evolve(self._book(), clock_day=day))
            return
        self.runner.require_writable()
        self.of_holder(holder).reached_day = day
        self.waiting.changed.add(holder)

    def clocks_ahead(self) -> Mapping[Holder, int]:
        """Give the days that clocks of holders have reached which are ahead of the book's."""
        self.write()
        rows = self.runner.rows(ask.clocks_ahead, book=self.names.book_id)
        return {Holder(Layer(layer), ref): day for layer, ref, day in rows}

    def keep_due(self, holder: Holder, day: int, revision: str) -> None:
        """Note when something falls due next; a change of the holder's history forgets it."""
        known = self.of_holder(holder)
        if (known.due_day != day or known.revision != revision) and holder in self.names.holders:
            self.runner.require_writable()
            known.due_day, known.revision = day, revision
            self.waiting.changed.add(holder)

    def holders_due(self, day: int, revision: str, limit: int) -> Sequence[Holder]:
        """Give holders to whom something may fall due through a day that their clocks have not reached."""
        self.write()
        asked = {"book": self.names.book_id, "day": day, "revision": revision, "size": limit}
        return tuple(Holder(Layer(layer), ref) for layer, ref in self.runner.rows(ask.holders_due, **asked))
