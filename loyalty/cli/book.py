"""
The book of a run in a database: posted by the engine, many events a transaction, as an application would post it.

A book that holds some of the events already, and nothing else, is gone on with; so a run that was broken off is simply
started again. Any other book is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click
from attrs import frozen
from click.core import ParameterSource

from loyalty.cli.ledger.database import names_options, open_engine, recorded_facts, shown_database
from loyalty.cli.printing import count_words
from loyalty.cli.running import WrongUseError
from loyalty.core.calendar import format_day
from loyalty.core.events import Event
from loyalty.engine import Engine
from loyalty.engine.adopting import objection_to
from loyalty.errors import LedgerError
from loyalty.programme.model import Programme
from loyalty.settlement.history import place_events
from loyalty.settlement.settle import Settlement

if TYPE_CHECKING:
    from loyalty.ledger.sql import SqlStore

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: How many events share a transaction.
_CHUNK: Final = 1000


@frozen(kw_only=True)
class Place:
    """Where a book is to stand: a database, as the user named it, the book's name, and what the tables are called."""

    db: str
    book: str
    prefix: str
    schema: str | None

    def __str__(self) -> str:
        return f"{self.book!r} in {shown_database(self.db)}"


@frozen(kw_only=True)
class Written:
    """
    What became of a book.

    Attributes:
        events: How many events it holds, which are those of the run.
        known: How many of them it held before.
        until_day: The day through which it was advanced.
    """

    place: Place
    events: int
    known: int
    until_day: int

    def sentence(self) -> str:
        """Say it in a line."""
        until = format_day(self.until_day)
        if self.known == self.events and self.events:
            return f"Book {self.place} held all {count_words(self.events, 'event')} already; advanced through {until}."
        before = f", {self.known:,} of which it held already" if self.known else ""
        return f"Book {self.place}: {count_words(self.events, 'event')}{before}; advanced through {until}."

    def document(self) -> dict[str, Any]:
        """Give it as plain JSON types."""
        place = {"db": shown_database(self.place.db), "name": self.place.book}
        return {**place, "events": self.events, "known_before": self.known, "until": format_day(self.until_day)}


def book_options(function: _Function) -> _Function:
    """Add ``--db``, ``--book``, ``--prefix`` and ``--schema``, which :func:`place_of` takes."""
    book = click.option("--book", default="main", show_default=True, metavar="NAME", help="The name of that book.")
    text = "Write the book here too: an SQLAlchemy URL, or the path of an SQLite file; tables are made where none are."
    return click.option("--db", default=None, metavar="URL", help=text)(book(names_options(function)))


def place_of(ctx: click.Context, db: str | None, book: str, prefix: str, schema: str | None) -> Place | None:
    """
    Give where the book is to stand, or None where none is wanted.

    Raises:
        WrongUseError: a place in a database is named, and no database.
    """
    if db is not None:
        return Place(db=db, book=book, prefix=prefix, schema=schema)
    for name in ("book", "prefix", "schema"):
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise WrongUseError(f"--{name} says where in a database the book is; name the database with --db")
    return None


class Target:
    """
    A book that a run is to be written to.

    Args:
        place: Where it stands.
        programme: What it is settled under.
    """

    def __init__(self, place: Place, programme: Programme) -> None:
        from loyalty.ledger.sql import Schema

        Schema.of(place.prefix, place.schema)  # Refuses a name that is none before anything is settled.
        self._place = place
        self._programme = programme
        self._engine = open_engine(place.db, read_only=False, must_exist=False)
        self._known = 0

    def prepare(self, events: Sequence[Event], until_day: int) -> None:
        """
        Make the tables where there are none, and see that the book may be written.

        Raises:
            WrongUseError: the book holds something else than some of the events, or goes on behind the last day.
            StoreError: the database or its tables cannot be used.
        """
        from loyalty.ledger.sql import create_tables

        place = self._place
        create_tables(self._engine, prefix=place.prefix, schema=place.schema)
        with self._store().transaction(read_only=True) as transaction:
            first = next(iter(transaction.entries()), None)
            reached = transaction.clock_day()
            objection = objection_to(self._programme, transaction)
        if objection is not None:
            self._refuse(f"cannot be gone on with: {objection}")
        if reached is not None and reached > until_day:
            self._refuse(f"was advanced through {format_day(reached)} already, and this run ends before")
        recorded, decisions = recorded_facts(self._engine, place.book, place.prefix, place.schema)
        if decisions:
            self._refuse(f"holds {count_words(decisions, 'command')}, and a file of events none")
        if recorded:
            self._compare({event.identity: event for event in events}, recorded)
        elif first is not None:
            self._refuse("holds entries without events")
        self._known = len(recorded)

    def write(self, events: Sequence[Event], settlement: Settlement, report: Callable[[int], None]) -> Written:
        """
        Submit the events, let the clock run, and see that the book came to what was settled.

        Args:
            report: Called now and then with how many events are written.

        Raises:
            LedgerError: a balance is not the one that was settled.
            StoreError: the database failed; what is written is whole, and the same run again goes on from there.
        """
        until_day = settlement.until_day
        assert until_day is not None
        store = self._store()
        engine = Engine(self._programme, store)
        ordered = _in_order(self._programme, events)
        for number, _ in enumerate(engine.submit_many(ordered, chunk=_CHUNK), start=1):
            if number % _CHUNK == 0:
                report(number)
        engine.advance(until_day)
        report(len(ordered))
        with store.transaction(read_only=True) as transaction:
            self._require_equal(transaction.trial_balance(), settlement)
        self._engine.dispose()
        return Written(place=self._place, events=len(ordered), known=self._known, until_day=until_day)

    def _store(self) -> SqlStore:
        from loyalty.ledger.sql import SqlStore

        place = self._place
        return SqlStore(self._engine, book=place.book, prefix=place.prefix, schema=place.schema)

    def _compare(self, events: Mapping[str, Event], recorded: Mapping[str, bytes]) -> None:
        for identity, digest in recorded.items():
            event = events.get(identity)
            if event is None:
                self._refuse(f"holds event {identity}, which is not in the file")
            elif event.body_hash() != digest:
                self._refuse(f"holds event {identity} with another body than the file")

    def _refuse(self, why: str) -> NoReturn:
        raise WrongUseError(f"book {self._place} {why}; give the new book a name of its own with --book")

    def _require_equal(self, balances: Mapping[tuple[str, str], int], settlement: Settlement) -> None:
        expected: Counter[tuple[str, str]] = Counter()
        for entry in settlement.entries:
            for posting in entry.postings:
                expected[posting.account.path, posting.asset] += posting.amount
        for path, asset in sorted(expected.keys() | balances.keys()):
            kept, settled = balances.get((path, asset), 0), expected[path, asset]
            if kept != settled:
                raise LedgerError(
                    f"book {self._place} came to {kept} {asset} in {path}, where the settlement came to {settled}; "
                    "both are of the same events, so that this is a fault of the library: report it"
                )


def _in_order(programme: Programme, events: Sequence[Event]) -> list[Event]:
    """Put events in the order of settlement, in which none has to be settled again for one that comes late."""
    places = {placed.event.identity: placed.key for placed in place_events(programme, events)}

    def key(event: Event) -> tuple[Any, ...]:
        # What does not count, or waits for ever, disturbs nobody wherever it comes.
        return places.get(event.identity, (event.occurred_at, 0, event.source, event.id))

    return sorted(events, key=key)
