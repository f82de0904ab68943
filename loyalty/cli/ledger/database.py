"""
Opening a book in a database for a command: where it is, what it is called, and what may be wrong with either.

Every command of ``loyalty ledger`` takes the same options, and finds the book by :func:`open_store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loyalty.cli.options import DAY
from loyalty.cli.progress import Meter
from loyalty.cli.running import WrongUseError
from loyalty.core.holders import Holder
from loyalty.engine.adopting import require_going_on
from loyalty.errors import LedgerError, StoreError
from loyalty.ledger.entries import Entry
from loyalty.ledger.store import Transaction
from loyalty.programme.model import Programme

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.engine import Engine

    from loyalty.ledger.sql import SqlStore

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: What the tables are called where nothing else is said, as :data:`loyalty.ledger.sql.DEFAULT_PREFIX`, which is not
#: imported here since the help of a command does not wait for a database.
_PREFIX: Final = "loyalty_"

#: URLs that name no driver, or one of an application that does not wait, and the driver that is used here instead.
_DRIVERS: Final = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+asyncpg": "postgresql+psycopg",
    "sqlite+aiosqlite": "sqlite",
}


def database_options(function: _Function) -> _Function:
    """Add ``--db``, ``--book``, ``--prefix`` and ``--schema``, which :func:`open_store` takes."""
    book = click.option("--book", default="main", show_default=True, metavar="NAME", help="Which book in it.")
    return tables_options(book(function))


def tables_options(function: _Function) -> _Function:
    """Add ``--db``, ``--prefix`` and ``--schema``, for commands on the tables that all books share."""
    text = "The database: an SQLAlchemy URL, or the path of an SQLite file."
    return click.option("--db", required=True, metavar="URL", help=text)(names_options(function))


def names_options(function: _Function) -> _Function:
    """Add ``--prefix`` and ``--schema``, which say what the tables are called."""
    options = (
        click.option("--prefix", default=_PREFIX, show_default=True, metavar="P",
                     help="What the names of the tables begin with."),
        click.option("--schema", default=None, metavar="S", help="The database schema that the tables are in."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def any_revision_option(function: _Function) -> _Function:
    """Add ``--any-revision``."""
    text = "Read the book although its first entry was settled under another revision of PROGRAMME."
    return click.option("--any-revision", is_flag=True, help=text)(function)


def as_of_options(function: _Function) -> _Function:
    """Add ``--until`` and ``--recorded-until``, which :func:`end_of_day_us` and :func:`recorded_us` read."""
    options = (
        click.option("--until", "until_day", metavar="DATE", type=DAY, help="The last day that counts."),
        click.option("--recorded-until", metavar="TIME",
                     help="Only what the book knew by then: a date and time, or a date for the start of that day."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def end_of_day_us(programme: Programme, day: int | None) -> int | None:
    """Give the last instant of a day in the programme's zone, or None."""
    return None if day is None else programme.calendar.day_start_us(day + 1) - 1


def recorded_us(programme: Programme, text: str | None) -> int | None:
    """
    Give the instant of ``--recorded-until``, or None.

    Raises:
        WrongUseError: it is no date or time.
    """
    try:
        return None if text is None else programme.calendar.parse_instant_us(text)
    except ValueError as error:
        raise WrongUseError(f"--recorded-until: {error}") from None


def open_store(
    db: str, *, book: str = "main", prefix: str = _PREFIX, schema: str | None = None, read_only: bool = True
) -> SqlStore:
    """
    Give the store of a book in a database.

    Args:
        db: An SQLAlchemy URL, or the path of an SQLite file, which must exist.
        read_only: Whether the database itself is to refuse every write of this process.

    Raises:
        WrongUseError: there is no such file, or the URL cannot be used.
        StoreError: no table can be named so.
    """
    from loyalty.ledger.sql import SqlStore

    return SqlStore(open_engine(db, read_only=read_only), book=book, prefix=prefix, schema=schema)


def open_engine(db: str, *, read_only: bool = True, must_exist: bool = True) -> Engine:
    """
    Give an engine for a database; nothing is connected yet.

    Args:
        db: An SQLAlchemy URL, or the path of an SQLite file.
        read_only: Whether the database itself is to refuse every write of this process.
        must_exist: Whether an SQLite file must be there; otherwise it is made.

    Raises:
        WrongUseError: there is no such file, or the URL cannot be used.
    """
    from sqlalchemy import NullPool, create_engine, event
    from sqlalchemy.exc import ArgumentError

    url = _url(db)
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite_engine(url, read_only, must_exist)
        if not read_only:
            return create_engine(url)
        # A long reading sees one state of the book, whatever is posted meanwhile.
        engine = create_engine(url, isolation_level="REPEATABLE READ", poolclass=NullPool)
    except ModuleNotFoundError as error:
        extra = "; run pip install 'loyalty-engine[postgres]'" if error.name == "psycopg" else ""
        raise WrongUseError(f"--db {_shown(url)} needs {error.name}, which is not installed{extra}") from None
    except ArgumentError as error:
        raise WrongUseError(f"--db {_shown(url)} cannot be used: {error}") from None
    if url.get_backend_name() == "postgresql":
        event.listen(engine, "connect", _refuse_writes)
    return engine


def recorded_facts(engine: Engine, book: str, prefix: str, schema: str | None) -> tuple[dict[str, bytes], int]:
    """Give the events that a book holds, identity to the digest of the body, and how many commands it holds."""
    from sqlalchemy import func, select

    from loyalty.ledger.sql import Schema
    from loyalty.ledger.sql.faults import told

    tables = Schema.of(prefix, schema)
    books, event, grant = tables.book, tables.event, tables.grant
    events = select(event.c.identity, event.c.body_hash).join_from(event, books, books.c.id == event.c.book_id)
    commands = select(func.count()).join_from(grant, books, books.c.id == grant.c.book_id)
    with told(engine.connect) as connection:
        recorded = {row.identity: row.body_hash for row in connection.execute(events.where(books.c.name == book))}
        return recorded, connection.scalar(commands.where(books.c.name == book)) or 0


def require_entries(transaction: Transaction, programme: Programme, *, db: str, book: str, any_revision: bool) -> None:
    """
    See that the book is there and was settled under the programme.

    Raises:
        WrongUseError: it has no entries, or is settled under another chain of revisions.
    """
    if next(iter(transaction.entries()), None) is None:
        raise WrongUseError(
            f"{_shown(_url(db))} has no entries of a book {book!r}; name the right one with --book, "
            "and where its tables are with --prefix and --schema"
        )
    if not any_revision:
        try:
            require_going_on(programme, transaction)
        except StoreError as error:
            raise WrongUseError(
                f"book {book!r}: {error}; or read it with --any-revision, by this file's currencies and time zone"
            ) from None


def require_holder(transaction: Transaction, holder: Holder, *, book: str) -> None:
    """
    See that the book has heard of a holder.

    Raises:
        LedgerError: it has neither an event nor a decision nor an entry of that holder.
    """
    if not transaction.holder_version(holder) and next(iter(transaction.entries(holder=holder)), None) is None:
        raise LedgerError(f"book {book!r} knows no {holder}: no event and no command ever named that holder")


def counted(entries: Iterable[Entry], meter: Meter) -> Iterator[Entry]:
    """Give entries, and show how many were read where somebody waits for them."""
    report = meter.stage("reading entries")
    for number, entry in enumerate(entries, start=1):
        if number % 1000 == 0:
            report(number)
        yield entry


def _url(db: str) -> URL:
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    if not db.strip():
        raise WrongUseError("--db is empty; write the path of an SQLite file, or a database's URL")
    if "://" not in db:
        return URL.create("sqlite", database=db)
    try:
        url = make_url(db)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        url.get_dialect()
    except ModuleNotFoundError:
        return url
    except ArgumentError as error:
        # What is wrong may be the password's, so that nothing of it is repeated.
        raise WrongUseError(
            f"--db is no URL of a database ({type(error).__name__}); write the path of an SQLite file, or for example "
            "postgresql+psycopg://user:password@host/name"
        ) from None
    return url


def _sqlite_engine(url: URL, read_only: bool, must_exist: bool) -> Engine:
    from sqlalchemy import NullPool, create_engine

    from loyalty.ledger.sql import sqlite_engine

    name = url.database or ":memory:"
    if name.startswith("file:"):
        # A host who writes the URI has said how it is to be opened.
        return create_engine(url)
    path = Path(name)
    if not path.is_file() and (must_exist or path.exists()):
        what = "is no file" if path.exists() else "does not exist"
        raise WrongUseError(f"--db {name} {what}; give the SQLite file that holds the book, or a database's URL")
    if not read_only:
        return sqlite_engine(path)
    uri = url.set(database=path.resolve().as_uri()).update_query_dict({"mode": "ro", "uri": "true"})
    return create_engine(uri, poolclass=NullPool)


def _refuse_writes(connection: Any, _record: Any) -> None:
    before, connection.autocommit = connection.autocommit, True
    connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    connection.autocommit = before


def shown_database(db: str) -> str:
    """Write a database as the user named it, without its password."""
    return _shown(_url(db))


def _shown(url: URL) -> str:
    return url.database or "" if url.drivername == "sqlite" else url.render_as_string(hide_password=True)
