"""Programmes that nobody wrote, with histories that a book could have recorded, and how such a book is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from random import Random

from attrs import evolve, field, frozen
from hypothesis import strategies as st
from sqlalchemy import Engine as Database

from loyalty import Event, MemoryStore
from loyalty.core.calendar import Duration
from loyalty.core.events import VOID
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.store import Grant, Store
from loyalty.programme.model import AcceptLate, Programme, TooLate
from loyalty.programme.revisions import revisions_of
from loyalty.testing import chains, grants, histories, programmes
from tests.settlement.histories import History
from tests.settlement.lived_histories import live

#: Gives an empty book.
OpenBook = Callable[[], Store]


@frozen
class World:
    """
    A programme, and what was accepted and decided under it.

    Args:
        texts: The files of its revisions, which are what is printed where a law is broken.
        grants: In the order of recording.
        counts_from: Where events count from that came too late for their own instants, by identity.
    """

    texts: tuple[str, ...]
    programme: Programme = field(repr=False)
    events: tuple[Event, ...]
    grants: tuple[Grant, ...]
    counts_from: Mapping[str, int] = field(factory=dict)

    @property
    def instants(self) -> list[int]:
        """When anything happened or was decided."""
        happened = {event.occurred_at for event in self.events} | {grant.at for grant in self.grants}
        return sorted(happened | set(self.counts_from.values()))

    @property
    def until_day(self) -> int:
        """A day on which what began is mostly over, and after which no clock of an arrival runs."""
        last = max([self.programme.first_day, *map(self.programme.calendar.day_of, self.instants)])
        return last + 450


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """
    Draw a world of one revision, or of up to three.

    In one half a history is drawn event by event and shrinks well; in the other a seed says what an engine lived
    through, whose decisions are those that it took on what was there: commands, closings, and the verdicts on events
    that came late.
    """
    programme = draw(st.one_of(programmes(), programmes(), chains(), chains(3)))
    texts = tuple(one.source for one in revisions_of(programme))
    if draw(st.booleans()):
        events = draw(histories(programme))
        return World(texts, programme, tuple(events), tuple(draw(grants(programme, events))))
    programme = evolve(programme, accept_late=draw(_WINDOWS))
    lived = live(programme, Random(draw(st.integers(0, 2**32))), size=10).history
    return World(texts, programme, tuple(_in_any_order(lived)), tuple(lived.grants), lived.counts_from)


def _in_any_order(lived: History) -> Iterator[Event]:
    """
    Leave out what could be accepted in some orders alone.

    An event that a void was there for is taken even where a closed holder takes no more, since it does nothing; before
    its void it would have been refused.
    """
    voided = {event.origin for event in lived.events if event.kind == VOID}
    closed_from = min((grant.at for grant in lived.grants if grant.kind == "close"), default=None)
    for event in lived.events:
        at = lived.counts_from.get(event.identity, event.occurred_at)
        if closed_from is None or at <= closed_from or event.identity not in voided:
            yield event


_WINDOWS = st.one_of(
    st.none(),
    st.builds(
        AcceptLate,
        within=st.sampled_from(("1 day", "20 days", "6 months")).map(Duration.parse),
        otherwise=st.sampled_from((TooLate.FROM_NOW, TooLate.FROM_NOW, TooLate.REJECT)),
    ),
)


def books_in_memory() -> OpenBook:
    """Give books that live as long as their test."""
    return MemoryStore


def books_in(database: Database) -> OpenBook:
    """Give books of one database, which takes a new one in no time."""
    names: Iterator[int] = count()
    return lambda: SqlStore(database, book=f"law {next(names)}")
