"""
A book in a database: beside the host's own tables, in the host's own transactions where there are any.

>>> from sqlalchemy import create_engine
>>> from loyalty.ledger.sql.versions import create_tables
>>> engine = create_engine("sqlite://")
>>> create_tables(engine)
>>> store = SqlStore(engine)
>>> with store.transaction() as book:
...     book.set_clock_day(20_000)
>>> with store.transaction() as book:
...     book.clock_day()
20000
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar
from weakref import WeakSet

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from loyalty.errors import UsageError
from loyalty.ledger.sealing import Head
from loyalty.ledger.sql.auditing.processes import Address, share, verify_store
from loyalty.ledger.sql.connections import begin_own, join_host
from loyalty.ledger.sql.faults import FAULTS, to_store_error
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.listening import channel_of, listen, ring
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.outbox import take_turn
from loyalty.ledger.sql.schema import DEFAULT_PREFIX, Schema
from loyalty.ledger.sql.statements import Compiler, Runner
from loyalty.ledger.sql.transaction import SqlTransaction
from loyalty.ledger.sql.versions import require_version_once
from loyalty.ledger.verify import Verification

#: The transactions that are open, by store, each with its thread. Threads have contexts of their own, and so have the
#: tasks of asyncio, many of which share a thread.
_OPEN: ContextVar[Mapping[SqlStore, tuple[int, SqlTransaction]]] = ContextVar("loyalty_open_transactions")


_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

#: Keeps of a connection which stores have used it since it was made.
_SEEN_BY: Final = "loyalty.seen_by"


class SqlStore:
    """
    A book in the tables that :func:`~loyalty.ledger.sql.create_tables` made.

    With an Engine the store opens, commits and rolls back its own transactions; on SQLite they take the writer's lock
    at once. With a Connection or a Session it joins the host's transaction and never commits: each
    :meth:`transaction` is a savepoint there, and it is the host who commits. A transaction inside another one of the
    same thread, or task of asyncio, is a savepoint in it.

    Args:
        bind: The host's Engine, Connection or Session.
        book: The name of the book; several live in one database.
        prefix: What the names of the tables begin with.
        schema: The schema of a PostgreSQL database that they stand in; the connection's own by default.
        clock: Gives the instant of sealing, UTC microseconds; the system's by default.

    Raises:
        UsageError: the database is given as something else.
        StoreError: the prefix or the schema cannot be a name.
    """

    def __init__(
        self,
        bind: Engine | Connection | Session,
        *,
        book: str = "main",
        prefix: str = DEFAULT_PREFIX,
        schema: str | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        if not isinstance(bind, Engine | Connection | Session):
            raise UsageError(
                f"got {bind!r} for a database; give an Engine, a Connection or a Session of SQLAlchemy, such as "
                "create_engine(URL)"
            )
        self._bind = bind
        self._book = book
        dialect = bind.get_bind().dialect if isinstance(bind, Session) else bind.dialect
        self._compiler = Compiler(Schema.of(prefix, schema), dialect)
        self._names = Names(book, Ids())
        self._clock = clock or (lambda: time.time_ns() // 1000)

    @property
    def opens_transactions(self) -> bool:
        """Whether transactions are the store's own; a host's, and what is inside one of ours, is not tried again."""
        return isinstance(self._bind, Engine) and self._outer() is None

    def transaction(self, read_only: bool = False) -> AbstractContextManager[SqlTransaction]:
        """
        Open a transaction or join the one that is open; an error inside leaves nothing behind.

        Every failure of the database inside it, in reading as in writing, is a StoreError whose cause is the driver's.

        Args:
            read_only: Take no lock and change nothing, not even to start the book; writing inside raises StoreError,
                also in a transaction that is opened inside this one. A file that can only be read will do.

        Raises:
            StoreError: the tables are missing or of another version, or the database cannot be locked.
        """
        bind = self._bind
        return self._own(bind, read_only) if isinstance(bind, Engine) else self._joined(bind, read_only)

    @property
    def address(self) -> Address | None:
        """Where other processes find the book; None where the store was given the host's connection."""
        if not isinstance(self._bind, Engine) or self._bind.url.database in (None, "", ":memory:"):
            return None
        if self._compiler.on_sqlite and "mode=memory" in str(self._bind.url):
            return None
        schema = self._compiler.schema
        return Address(
            self._bind.url.render_as_string(hide_password=False), self._book, schema.prefix, schema.metadata.schema
        )

    def snapshot(self) -> AbstractContextManager[SqlTransaction]:
        """Open a transaction that only reads, and sees one state of the book for as long as it is open."""
        bind = self._bind
        if isinstance(bind, Engine) and not self._compiler.on_sqlite:
            bind = bind.execution_options(isolation_level="REPEATABLE READ")
        return self._own(bind, True) if isinstance(bind, Engine) else self._joined(bind, True)

    def verify(self, heads: Sequence[Head] = (), jobs: int = 1) -> Verification:
        """
        Look for what is wrong with the book, as :func:`loyalty.ledger.verify.inspect` says, in one state of it.

        Args:
            heads: What was kept outside of the book's chain.
            jobs: How many processes share the work of a large book. Each opens the engine's URL anew, and begins by
                importing the program's main module, which must not do anything by being imported.
        """
        return verify_store(self, heads, jobs)

    def share(
        self,
        transaction: SqlTransaction,
        given: Any,
        tasks: Sequence[_Task],
        work: Callable[[Any, Any, _Task], _Result],
        jobs: int,
    ) -> list[_Result] | None:
        """Have processes do tasks in one state of the book, as :class:`loyalty.ledger.kept.SharesWork` says."""
        return share(self, transaction, given, tasks, work, jobs)

    @contextmanager
    def relaying(self) -> Iterator[bool]:
        """
        Take the turn of telling the book's messages until the block ends, and give whether it was free.

        On PostgreSQL one relay at a time has it, for which an engine's connection is kept; with a host's connection
        it lasts until the host's transaction ends. On SQLite it is always free.

        Raises:
            StoreError: the database failed.
        """
        bind = self._bind
        if self._compiler.on_sqlite:
            # Nobody can hold a lock there while others write; two relays tell everything twice, each in order.
            yield True
        elif isinstance(bind, Engine):
            with begin_own(bind, read_only=True) as connection:
                yield take_turn(connection, self._book)
        else:
            yield take_turn(bind.connection() if isinstance(bind, Session) else bind, self._book)

    @contextmanager
    def listening(self) -> Iterator[Callable[[float], None]]:
        """
        Give what waits for new messages, at most so many seconds, as long as the block lasts.

        It is woken at once by stores on an engine of PostgreSQL, with the driver psycopg, and sleeps otherwise.

        Raises:
            StoreError: the connection that listens was lost.
        """
        if isinstance(self._bind, Engine):
            with listen(self._bind, channel_of(self._compiler.schema, self._book)) as wait:
                yield wait
        else:
            yield time.sleep

    @contextmanager
    def _own(self, engine: Engine, read_only: bool) -> Iterator[SqlTransaction]:
        outer = self._outer()
        if outer is not None:
            with outer.inside(read_only):
                yield outer
            return
        wrote: list[SqlTransaction] = []
        with begin_own(engine, read_only=read_only, afterwards=lambda own: self._wake(own, wrote)) as connection:
            # Ids that a rolled back transaction learnt may not exist, so only a committed one hands on what it knows.
            ids = Ids()
            names = Names(self._book, ids, self._committed_names(connection))
            with self._opened(connection, names, ids, read_only) as tx:
                wrote.append(tx)
                yield tx
        names.publish()

    def _committed_names(self, connection: Connection) -> Names:
        """Give what is known of ids; where the connection was made anew, a restored database may stand there."""
        kept = connection.info
        stores = kept.get(_SEEN_BY)
        if stores is None:
            stores = kept[_SEEN_BY] = WeakSet()
        if self not in stores:
            self._require_version(connection)
            stores.add(self)
            self._names = Names(self._book, Ids())
        return self._names

    def _require_version(self, connection: Connection) -> None:
        schema = self._compiler.schema
        require_version_once(connection, schema.prefix, schema.metadata.schema)

    @contextmanager
    def _joined(self, host: Connection | Session, read_only: bool) -> Iterator[SqlTransaction]:
        outer = self._outer()
        if outer is not None:
            with outer.inside(read_only):
                yield outer
            return
        try:
            connection = host.connection() if isinstance(host, Session) else host
        except FAULTS as fault:
            raise to_store_error(fault) from fault
        ids = Ids()
        names = Names(self._book, ids)
        with join_host(connection, read_only=read_only):
            self._require_version(connection)
            with self._opened(connection, names, ids, read_only) as tx:
                yield tx

    def _wake(self, connection: Connection, committed: Sequence[SqlTransaction]) -> None:
        if any(transaction.has_told for transaction in committed):
            ring(connection, channel_of(self._compiler.schema, self._book))

    @contextmanager
    def _opened(self, connection: Connection, names: Names, ids: Ids, read_only: bool) -> Iterator[SqlTransaction]:
        runner = Runner(connection, self._compiler, read_only)
        names.open_book(runner)
        transaction = SqlTransaction(runner, names, ids)
        others = _OPEN.get({})
        _OPEN.set({**others, self: (threading.get_ident(), transaction)})
        try:
            yield transaction
            transaction.end(self._clock())
        finally:
            _OPEN.set(others)

    def _outer(self) -> SqlTransaction | None:
        """Give the transaction that this thread or task has open; a thread that was handed a context has none."""
        thread, transaction = _OPEN.get({}).get(self, (0, None))
        return transaction if thread == threading.get_ident() else None
