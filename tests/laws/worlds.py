"""Programmes that nobody wrote, with histories that a book could have recorded, and how such a book is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from attrs import field, frozen
from hypothesis import strategies as st
from sqlalchemy import Engine as Database

from loyalty import Event, MemoryStore, loads
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.store import Grant, Store
from loyalty.programme.model import Programme
from loyalty.testing import grants, histories, programme_texts
from tests.settlement.lived_histories import live

#: Gives an empty book.
OpenBook = Callable[[], Store]


@frozen
class World:
    """
    A programme, and what was accepted and decided under it.

    Args:
        text: The programme's file, which is what is printed where a law is broken.
        grants: In the order of recording.
    """

    text: str
    programme: Programme = field(repr=False)
    events: tuple[Event, ...]
    grants: tuple[Grant, ...]

    @property
    def instants(self) -> list[int]:
        """When anything happened or was decided."""
        return sorted({event.occurred_at for event in self.events} | {grant.at for grant in self.grants})

    @property
    def until_day(self) -> int:
        """A day on which what began is mostly over, and after which no clock of an arrival runs."""
        last = max([self.programme.first_day, *map(self.programme.calendar.day_of, self.instants)])
        return last + 450


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """
    Draw a world.

    In one half a history is drawn event by event and shrinks well; in the other a seed says what an engine lived
    through, whose decisions are those that it took on what was there, closings and all.
    """
    text = draw(programme_texts())
    programme = loads(text)
    if draw(st.booleans()):
        events = draw(histories(programme))
        return World(text, programme, tuple(events), tuple(draw(grants(programme, events))))
    lived = live(programme, Random(draw(st.integers(0, 2**32))), size=10).history
    return World(text, programme, tuple(lived.events), tuple(lived.grants))


def books_in_memory() -> OpenBook:
    """Give books that live as long as their test."""
    return MemoryStore


def books_in(database: Database) -> OpenBook:
    """Give books of one database, which takes a new one in no time."""
    names: Iterator[int] = count()
    return lambda: SqlStore(database, book=f"law {next(names)}")
