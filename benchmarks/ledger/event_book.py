"""
Our side as a host meets it: events go in, and receipts, posted entries and saved states come out.

The programme has one rule, so that an event becomes what the floor writes: an entry of two postings. Everything else is
the engine's own work: admitting, recording, settling, explaining, posting, and the state of the partner.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy import Engine as Database

from benchmarks.ledger.databases import Missing
from benchmarks.ledger.our_book import OurBook, file_engine, server_engine
from benchmarks.ledger.sides import Totals
from benchmarks.ledger.workload import BATCH, Award
from loyalty.core.events import Event
from loyalty.engine import Engine
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.programme.loading import load
from loyalty.programme.model import Programme

PROGRAMME = Path(__file__).parents[1] / "programmes" / "one_rule.yaml"

_CENTS = 100


@cache
def programme() -> Programme:
    """Load the programme of one rule."""
    return load(PROGRAMME)


def event_of(award: Award) -> Event:
    """Write the deal that earns an award."""
    return Event(
        id=f"D-{award.number}",
        kind="deal.won",
        partner=f"P{award.account:05}",
        occurred_at=award.at,
        fields={"amount": award.amount * _CENTS},
    )


def submit(engine: Engine, events: Iterable[Event], per_commit: int) -> None:
    """
    Submit events, many to a commit, and keep no receipt.

    Raises:
        Missing: the engine knows one event at a time.
    """
    submit_many = getattr(engine, "submit_many", None)
    if submit_many is None:
        raise Missing("this version of loyalty has no Engine.submit_many")
    # Receipts may come as they are asked for.
    deque(submit_many(events, chunk=per_commit), maxlen=0)


class EventBook:
    """
    An engine over a store in a database.

    Args:
        database: An empty one, where the tables are made.
    """

    def __init__(self, database: Database) -> None:
        create_tables(database)
        self._engine = Engine(programme(), SqlStore(database))
        self._book = OurBook(database)

    @classmethod
    def in_file(cls, path: Path, *, synchronous: str) -> EventBook:
        """Make a book in a file of its own."""
        return cls(file_engine(path, synchronous=synchronous))

    @classmethod
    def on_server(cls, url: URL) -> EventBook:
        """Make a book in an empty database."""
        return cls(server_engine(url))

    def prepare(self, awards: Sequence[Award], per_commit: int = BATCH) -> Callable[[], None]:
        """Write the events of some awards, and give the call that submits them."""
        events = [event_of(award) for award in awards]
        return lambda: submit(self._engine, events, per_commit)

    def totals(self) -> Totals:
        """Say what was written."""
        return self._book.totals()

    def close(self) -> None:
        """Give the connections back."""
        self._book.close()
