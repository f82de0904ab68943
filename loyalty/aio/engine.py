"""
What a host of asyncio calls: the methods of :class:`loyalty.Engine`, awaited.

>>> import asyncio
>>> from sqlalchemy.ext.asyncio import create_async_engine
>>> from loyalty import Event, loads
>>> from loyalty.aio import AsyncSqlStore, create_tables
>>> from loyalty.settlement.settle import EXAMPLE
>>> deal = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
...              fields={"amount": 25_000})
>>> async def main():
...     database = create_async_engine("sqlite+aiosqlite://")
...     await create_tables(database)
...     engine = AsyncEngine(loads(EXAMPLE), AsyncSqlStore(database))
...     receipt = await engine.submit(deal)
...     await database.dispose()
...     return [(posting.account.path, posting.amount) for posting in receipt.entries[0].postings]
>>> asyncio.run(main())
[('programme/issued', -2), ('partner:acme/available', 2)]
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping
from functools import partial, wraps
from itertools import islice
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from loyalty.aio.store import AsyncSqlStore
from loyalty.core.events import Event
from loyalty.engine import Engine, Receipt
from loyalty.engine.messages import Messages
from loyalty.errors import EventRejected, UsageError
from loyalty.explaining.steps import Explanation
from loyalty.ledger.entries import Entry
from loyalty.ledger.sql import SqlStore
from loyalty.programme.model import Programme

#: How many calls are under way at once unless a host says otherwise; SQLAlchemy's pools hold as many connections.
_AT_ONCE: Final = 5

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class _WaitingEngine(Engine):
    """An engine that runs in a greenlet."""

    def why(self, asked: Entry | str) -> Explanation:
        if not in_greenlet():
            # A receipt's own question comes here when its entries do not have the answer.
            raise UsageError(f"the book has to be asked about {asked}; say: await engine.why({asked!r})")
        return super().why(asked)

    def _pause(self, seconds: float) -> None:
        await_only(asyncio.sleep(seconds))


def _awaited(
    method: Callable[Concatenate[Engine, _Arguments], _Result],
) -> Callable[Concatenate[AsyncEngine, _Arguments], Coroutine[Any, Any, _Result]]:
    """Give a method of an engine as one that is awaited."""

    @wraps(method)
    async def call(self: AsyncEngine, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        return await self.run_sync(lambda engine: method(engine, *args, **kwargs))

    return call


class AsyncEngine:
    """
    Settles events and commands of one programme against a book in a database, for asyncio.

    Its methods are those of :class:`loyalty.Engine`, with the same arguments, results and errors. What a receipt cannot
    explain by itself it has the book asked for: ``await engine.why(receipt.identity)``.

    Args:
        programme: A checked programme.
        store: Where facts and entries are kept; the host's transaction is joined where it gave one.
        clock: Gives the instant of recording, UTC microseconds; the system's by default.
        any_revision: Whether a book that is settled under another chain may be read, as for the engine.
        messages: What is put into the outbox for others, as for the engine.
        at_once: How many calls are under way at once, > 0; others wait for their turn. Each of them has a connection
            and states of holders in memory of its own.

    Raises:
        UsageError: *at_once* is not a whole number above 0.
    """

    def __init__(
        self,
        programme: Programme,
        store: AsyncSqlStore,
        *,
        clock: Callable[[], int] | None = None,
        any_revision: bool = False,
        messages: bool | Collection[str] | Messages = False,
        at_once: int = _AT_ONCE,
    ) -> None:
        if type(at_once) is not int or at_once <= 0:
            raise UsageError(f"got {at_once!r} for the calls at once; write how many share the database, such as 5")
        self.programme = programme
        self.store = store
        self._turns = asyncio.Semaphore(at_once)
        self._idle: list[Engine] = []
        self._options: dict[str, Any] = {"clock": clock, "any_revision": any_revision, "messages": messages}

    submit = _awaited(Engine.submit)
    submit_all = _awaited(Engine.submit_all)
    preview = _awaited(Engine.preview)
    preview_all = _awaited(Engine.preview_all)
    advance = _awaited(Engine.advance)
    lock = _awaited(Engine.lock)
    unlock = _awaited(Engine.unlock)
    locks = _awaited(Engine.locks)
    statement = _awaited(Engine.statement)
    balances = _awaited(Engine.balances)
    expiries = _awaited(Engine.expiries)
    expiries_of = _awaited(Engine.expiries_of)
    standing = _awaited(Engine.standing)
    tiers_over_time = _awaited(Engine.tiers_over_time)
    advise = _awaited(Engine.advise)
    lines = _awaited(Engine.lines)
    lines_between = _awaited(Engine.lines_between)
    why = _awaited(Engine.why)
    why_not = _awaited(Engine.why_not)
    redeem = _awaited(Engine.redeem)
    hold = _awaited(Engine.hold)
    capture = _awaited(Engine.capture)
    release = _awaited(Engine.release)
    adjust = _awaited(Engine.adjust)
    open = _awaited(Engine.open)
    reverse = _awaited(Engine.reverse)
    transfer = _awaited(Engine.transfer)
    merge = _awaited(Engine.merge)
    close = _awaited(Engine.close)

    async def submit_many(
        self,
        events: Iterable[Event] | AsyncIterable[Event],
        *,
        chunk: int = 1000,
        recorded_at: int | None = None,
        refused: Callable[[Event, EventRejected], None] | None = None,
    ) -> AsyncIterator[Receipt]:
        """
        Submit many events, a transaction for each chunk: ``async for receipt in engine.submit_many(events)``.

        Arguments and errors are those of :meth:`loyalty.Engine.submit_many`; the events can come asynchronously.
        """
        if type(chunk) is not int or chunk <= 0:
            raise UsageError(f"got {chunk!r} for a chunk; write how many events share a transaction, such as 1000")
        options: dict[str, Any] = {"chunk": chunk, "recorded_at": recorded_at, "refused": refused}
        async for part in _chunks(events, chunk):
            receipts = await self.run_sync(partial(_submit_part, part=part, options=options))
            for receipt in receipts:
                yield receipt

    async def run_sync(self, work: Callable[[Engine], _Result]) -> _Result:
        """
        Call a synchronous function with a synchronous engine; every statement in it is awaited.

        Args:
            work: What is done. What it gives back must not ask the database any more: make lists of what it reads.

        Raises:
            Exception: whatever *work* raises.
        """
        async with self._turns:
            # The one used last has the states that are needed most likely; each looks whether the book has moved on.
            engine = self._idle.pop() if self._idle else None

            def inside(store: SqlStore) -> _Result:
                nonlocal engine
                engine = engine or _WaitingEngine(self.programme, store, **self._options)
                return work(engine)

            try:
                return await self.store.run_sync(inside)
            finally:
                if engine is not None:
                    self._idle.append(engine)


def _submit_part(engine: Engine, part: list[Event], options: Mapping[str, Any]) -> list[Receipt]:
    return list(engine.submit_many(part, **options))


async def _chunks(events: Iterable[Event] | AsyncIterable[Event], size: int) -> AsyncIterator[list[Event]]:
    if isinstance(events, AsyncIterable):
        part = []
        async for event in events:
            part.append(event)
            if len(part) == size:
                yield part
                part = []
        if part:
            yield part
        return
    rest = iter(events)
    while part := list(islice(rest, size)):
        yield part
