"""
A history as arrays by partner and month, from which rates, seasons and sizes are estimated.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from loyalty.batch.encoding import CHANCE
from loyalty.batch.tables import REDEEM, EventTable, kinds_of, missing_of
from loyalty.core.calendar import FIRST_DAY, format_day, month_tables
from loyalty.errors import UsageError
from loyalty.simulation.draws import Floats, Integers
from loyalty.simulation.months import month_of, month_starts


class History:
    """
    The events of a table between two days.

    Args:
        events: In any order. What speaks of another event may leave its partner to that.
        first_day, last_day: Both included; what lies outside is left out.

    Raises:
        UsageError: no event lies between them, or of some of them nobody knows whether they happened.
    """

    def __init__(self, events: EventTable, first_day: int | None = None, last_day: int | None = None) -> None:
        _refuse_draws(events)
        self.events = events
        self.programme = events.programme
        starts = np.array(self.programme.calendar.starts_us, dtype=np.int64)
        day = np.searchsorted(starts, events.at, side="right") - 1 + FIRST_DAY
        first_day = (int(day.min()) if len(day) else 0) if first_day is None else first_day
        last_day = (int(day.max()) if len(day) else 0) if last_day is None else last_day
        self.rows = np.flatnonzero((day >= first_day) & (day <= last_day) & (self._partners_of(events) >= 0))
        if not len(day):
            raise UsageError("there are no events, so that no scenario can be fitted to them")
        if not len(self.rows):
            asked, there = (
                f"{format_day(int(first))} through {format_day(int(last))}"
                for first, last in ((first_day, last_day), (day.min(), day.max()))
            )
            raise UsageError(
                f"no event lies within {asked}, from which a scenario is to be fitted; they are of {there}, take those "
                "days"
            )
        self.day: Integers = day
        self.first_day, self.last_day = first_day, last_day
        self.first_month = month_of(first_day)
        self.months = month_of(last_day) - self.first_month + 1
        self.month: Integers = np.array(month_tables()[0])[day - FIRST_DAY] - self.first_month
        known, self.place = np.unique(self._partners_of(events)[self.rows], return_inverse=True)
        #: The partners that did anything, by their place.
        self.names: list[str] = events.partners.take(known).to_pylist()
        self.kinds = kinds_of(self.programme)

    @cached_property
    def coverage(self) -> Floats:
        """Which part of each month the history covers."""
        starts = np.array(month_starts(self.first_day, self.months))
        begins, ends = np.maximum(starts[:-1], self.first_day), np.minimum(starts[1:], self.last_day + 1)
        covered: Floats = (ends - begins) / np.diff(starts)
        return covered

    @property
    def happened(self) -> int:
        """How many events there are; wishes to redeem are none."""
        return int((self.events.kind[self.rows] != REDEEM).sum())

    def of_kind(self, kind: str) -> Integers:
        """Give the places among ``rows`` of the events of one kind."""
        return np.flatnonzero(self.events.kind[self.rows] == self.kinds.index(kind))

    def counts(self, kind: str) -> Floats:
        """Give how often a kind happened, by partner and month."""
        places = self.of_kind(kind)
        cell = self.place[places] * self.months + self.month[self.rows[places]]
        counted = np.bincount(cell, minlength=len(self.names) * self.months)
        return counted.reshape(len(self.names), self.months).astype(np.float64)

    def values(self, kind: str, field: str) -> tuple[Integers, NDArray[np.intp]]:
        """Give what a field holds in the events of a kind that give it, and their places among ``rows``."""
        places = self.of_kind(kind)
        column = self.events.values.get(field)
        if column is None:
            return np.zeros(0, dtype=np.int64), places[:0]
        values = column[self.rows[places]]
        given = values != missing_of(column)
        return values[given].astype(np.int64), places[given]

    def persons_seen(self) -> tuple[Integers, float]:
        """
        Give how many people of each partner did anything, and how many there likely are for each that did.

        Of people who act by chance some are not seen. How many is estimated from those seen once and twice (Chao,
        "Nonparametric estimation of the number of classes in a population", 1984).
        """
        person = self.events.person[self.rows]
        acted = np.flatnonzero(person >= 0)
        pairs = self.place[acted] * (int(person.max(initial=0)) + 1) + person[acted]
        known, times = np.unique(pairs, return_counts=True)
        owner = known // (int(person.max(initial=0)) + 1)
        seen = np.bincount(owner, minlength=len(self.names))
        once, twice = (times == 1).sum(), (times == 2).sum()
        unseen = once * (once - 1) / (2 * (twice + 1))
        return seen, 1.0 + float(unseen) / max(len(known), 1)

    def _partners_of(self, events: EventTable) -> Integers:
        """Give the partner of each row; what leaves it out has that of the event that it speaks of."""
        partner = events.partner.astype(np.int64)
        if events.of is None:
            return partner
        for _ in range(2):
            follows = (partner < 0) & (events.of >= 0)
            partner = np.where(follows, partner[np.maximum(events.of, 0)], partner)
        return partner


def _refuse_draws(events: EventTable) -> None:
    """
    Refuse rows that have yet to be decided: their draw alone does not say whether they happened.

    A scenario with a response draws more rows than happen, and which of them do is known only once they are settled.
    """
    if events.chance is None:
        return
    drawn = np.flatnonzero(events.chance >= 0)
    if len(drawn):
        kind = kinds_of(events.programme)[int(events.kind[drawn[0]])]
        raise UsageError(
            f"{len(drawn):,} of {len(events):,} events have a draw in the column {CHANCE} (the first is row "
            f"{drawn[0]}, {kind}): they are candidates, of which those happen that a response to incentives lets "
            "happen, and a rate that counts them all would be too high. Fit what happened: `loyalty simulate "
            "--events-out FILE` writes the events of a run without those that did not, or take the column out if all "
            "of them did"
        )
