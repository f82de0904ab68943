"""An engine on asyncio: the methods and the book of the other one, in tasks that run at once, in the host's session."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine as AsyncDatabase
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import await_only

from loyalty import Engine, Event, EventConflict, EventRejected, InsufficientPoints, UsageError
from loyalty.aio import AsyncEngine, AsyncSqlStore
from loyalty.ledger.entries import Account
from loyalty.ledger.sql import SqlTransaction
from loyalty.ledger.verify import verify
from tests.engine.scenes import ACME, assert_settled, deal, entries_in, everything_in, instant, refund
from tests.faults.history import UNTIL_DAY, history, read_all
from tests.faults.programme import PROGRAMME

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def engine(database: AsyncDatabase) -> AsyncEngine:
    """An engine that opens its own transactions."""
    return AsyncEngine(PROGRAMME, AsyncSqlStore(database))


async def duration_s(engine: AsyncEngine, event: Event) -> float:
    """Submit an event and give how long that took here, so that moments within it can be chosen on any machine."""
    began = time.perf_counter()
    await engine.submit(event)
    return time.perf_counter() - began


async def settled(engine: AsyncEngine, events: list[Event]) -> None:
    """Compare the book with settlement of the history from scratch."""
    await engine.run_sync(lambda inner: assert_settled(inner, events, UNTIL_DAY))


def test_every_method_of_an_engine_is_there() -> None:
    """What is added to the engine is added here; documentation and arguments are the same."""
    methods = {name: method for name, method in inspect.getmembers(Engine, inspect.isfunction) if name[0] != "_"}
    assert len(methods) > 10
    for name, method in methods.items():
        awaited = getattr(AsyncEngine, name)
        assert inspect.iscoroutinefunction(awaited) or inspect.isasyncgenfunction(awaited), name
        assert list(inspect.signature(awaited).parameters) == list(inspect.signature(method).parameters), name


def test_tasks_at_once_leave_the_book_of_one(engine: AsyncEngine, run: Run) -> None:
    """Many tasks submit a history in any order, each event twice; balances, tiers and lots are those of one."""
    events = read_all(history(5, size=60, partners=4))

    async def main() -> list[Any]:
        tasks = [engine.submit(event) for event in events * 2]
        Random(5).shuffle(tasks)
        receipts = await asyncio.gather(*tasks)
        await settled(engine, events)
        return receipts

    receipts = run(main())
    assert sorted(receipt.identity for receipt in receipts) == sorted(event.identity for event in events * 2)


def test_commands_and_questions_are_awaited(engine: AsyncEngine, run: Run) -> None:
    """A day of an engine: events, a redemption, one too many, the clock, a statement, an explanation, a conflict."""

    async def main() -> None:
        await engine.submit_all([deal("D-1", "2026-02-01", 100, programme=PROGRAMME)])
        receipt = await engine.redeem(ACME, "points", 7, key="K-1", at=instant("2026-02-02"))
        assert receipt.explain().identity == "K-1"
        with pytest.raises(InsufficientPoints):
            await engine.redeem(ACME, "points", 7_000, key="K-2", at=instant("2026-02-02"))
        await engine.hold(ACME, "points", 20, key="H-1", at=instant("2026-02-03"))
        await engine.capture("H-1", 5, key="C-1", at=instant("2026-02-04"))
        await engine.release("H-1", key="R-1", at=instant("2026-02-05"))
        with pytest.raises(EventConflict):
            await engine.submit(deal("D-1", "2026-02-01", 101, programme=PROGRAMME))
        assert (await engine.why("/D-1")).steps
        # A deal of 100 EUR earns 100 points and a badge of 7.
        statement = await engine.statement(ACME, instant("2026-02-06"))
        assert statement.balances["available", "points"] == 107 - 7 - 5
        standing = await engine.standing(ACME, instant("2026-02-06"))
        assert standing.badges == {"starter": instant("2026-02-01")}
        assert await engine.tiers_over_time(ACME) == ()
        assert (await engine.advise(ACME, "gold", "2098-12-31")).held == "base"
        assert await engine.advance("2027-02-01")
        await settled(engine, [deal("D-1", "2026-02-01", 100, programme=PROGRAMME)])

    run(main())


def test_many_events_come_from_an_asynchronous_source(engine: AsyncEngine, run: Run) -> None:
    """Receipts come chunk by chunk; what cannot be taken is told and left out, and a wrong chunk is refused."""
    events = read_all(history(6, size=25, partners=3))
    wrong = Event(id="W-1", kind="deal.lost", partner="acme", occurred_at=events[0].occurred_at)
    refused: list[str] = []

    async def source() -> AsyncIterator[Event]:
        for event in [*events[:10], wrong, *events[10:]]:
            await asyncio.sleep(0)
            yield event

    def refuse(event: Event, _error: EventRejected) -> None:
        refused.append(event.identity)

    async def main() -> None:
        told = [receipt.identity async for receipt in engine.submit_many(source(), chunk=7, refused=refuse)]
        assert (told, refused) == ([event.identity for event in events], ["/W-1"])
        again = [receipt.identity async for receipt in engine.submit_many(events, chunk=11)]
        assert again == told
        await settled(engine, events)
        with pytest.raises(UsageError, match="got 0 for a chunk"):
            await anext(engine.submit_many(events, chunk=0))

    run(main())


def test_the_hosts_session_is_joined(database: AsyncDatabase, run: Run) -> None:
    """What the host rolls back is gone with its own row, and what it commits stays, through the same engine."""
    kept = deal("D-2", "2026-02-02", 90, programme=PROGRAMME)

    async def main() -> None:
        async with database.begin() as connection:
            await connection.execute(text("CREATE TABLE host_order (id INTEGER PRIMARY KEY)"))
        async with AsyncSession(database) as session:
            engine = AsyncEngine(PROGRAMME, AsyncSqlStore(session))
            for event, end in (
                (deal("D-1", "2026-02-01", 90, programme=PROGRAMME), session.rollback),
                (kept, session.commit),
            ):
                await session.execute(text("INSERT INTO host_order VALUES (1)"))
                await engine.submit(event)
                await end()
            assert len((await session.execute(text("SELECT id FROM host_order"))).all()) == 1
            await session.rollback()
        await settled(AsyncEngine(PROGRAMME, AsyncSqlStore(database)), [kept])

    run(main())


def test_tasks_take_turns_on_one_session(database: AsyncDatabase, run: Run) -> None:
    """Whoever sends several tasks to one session at once gets them one after the other, in one transaction."""
    events = [deal(f"D-{number}", "2026-02-01", 10 + number, programme=PROGRAMME) for number in range(8)]

    async def main() -> None:
        async with AsyncSession(database) as session:
            engine = AsyncEngine(PROGRAMME, AsyncSqlStore(session))
            await asyncio.gather(*(engine.submit(event) for event in events))
            await session.commit()
        await settled(AsyncEngine(PROGRAMME, AsyncSqlStore(database)), events)

    run(main())


def test_tasks_of_one_thread_have_transactions_of_their_own(database: AsyncDatabase, run: Run) -> None:
    """A task that opens a transaction while another one's is open neither joins it nor sees what it did."""
    store = AsyncSqlStore(database)

    async def main() -> tuple[list[str], int]:
        posted, looked = asyncio.Event(), asyncio.Event()
        order: list[str] = []

        def write(book: SqlTransaction) -> None:
            book.set_clock_day(20_000)
            book.write()
            posted.set()
            await_only(looked.wait())
            order.append("written")

        async def look() -> int | None:
            await posted.wait()
            try:
                return await store.transact(lambda book: book.clock_day(), read_only=True)
            finally:
                order.append("looked")
                looked.set()

        await store.transact(lambda book: book.set_clock_day(10_000))
        _, seen = await asyncio.gather(store.transact(write), look())
        return order, seen

    assert run(main()) == (["looked", "written"], 10_000)


def test_a_cancelled_task_leaves_whole_transactions(engine: AsyncEngine, run: Run) -> None:
    """Tasks that are cancelled at any moment: what was acknowledged is there, and everything can be sent again."""
    events = read_all(history(9, size=60, partners=3))
    told: set[str] = set()

    async def submit(part: list[Event]) -> None:
        async for receipt in engine.submit_many(part, chunk=2):
            told.add(receipt.identity)

    async def main() -> None:
        rng = Random(9)
        cancelled = 0
        took_s = min([await duration_s(engine, event) for event in events[:3]])
        for start in range(3, len(events), 4):
            task = asyncio.create_task(submit(events[start : start + 4]))
            await asyncio.sleep(rng.uniform(0, took_s * 3))
            task.cancel()
            await asyncio.wait([task])
            cancelled += task.cancelled()
            found = await engine.store.transact(
                lambda book: (verify(book), {one.identity for one in events if book.find_event(one.identity)})
            )
            assert found[0] == []
            assert told <= found[1]
        assert cancelled > 3
        assert len([receipt async for receipt in engine.submit_many(events)]) == len(events)
        await settled(engine, events)

    run(main())


def test_a_cancelled_task_says_that_it_was_cancelled(engine: AsyncEngine, run: Run) -> None:
    """At whatever moment a late event is cancelled, inside a savepoint too, nothing else is raised in its place."""
    on_time = deal("D-0", "2026-03-20", 100, programme=PROGRAMME)
    late = [deal(f"D-{number}", "2026-03-10", 100, programme=PROGRAMME) for number in range(1, 63)]

    async def main() -> None:
        await engine.submit(on_time)
        took_s = min([await duration_s(engine, event) for event in late[:3]])
        ended = Counter[str]()
        for number, event in enumerate(late[3:]):
            task = asyncio.create_task(engine.submit(event))
            await asyncio.sleep(took_s * (number % 30) / 30)
            task.cancel()
            await asyncio.wait([task])
            ended["cancelled" if task.cancelled() else type(task.exception()).__name__] += 1
        assert set(ended) <= {"cancelled", "NoneType"}, ended
        assert ended["cancelled"] > 10
        for event in late:
            await engine.submit(event)
        await settled(engine, [on_time, *late])

    run(main())


def test_the_loop_goes_on_while_a_conflict_is_waited_for(engine: AsyncEngine, run: Run) -> None:
    """The pause before the next attempt is the event loop's, and other tasks run in it."""

    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        await engine.run_sync(lambda inner: inner._pause(0.2))
        ticking.cancel()
        return ticks

    assert run(main()) > 3


def test_a_receipt_says_how_the_book_is_asked(engine: AsyncEngine, run: Run) -> None:
    """What a receipt has recorded it explains by itself; for anything else it says what to await."""

    async def main() -> tuple[Any, Any]:
        paid = await engine.submit(deal("D-1", "2026-02-01", 90, programme=PROGRAMME))
        waits = await engine.submit(refund("R-1", "2026-02-02", "D-9", programme=PROGRAMME))
        return paid, waits

    paid, waits = run(main())
    assert paid.explain().steps
    with pytest.raises(UsageError, match=r"await engine\.why\('/R-1'\)"):
        waits.explain()


def test_a_refused_event_leaves_nothing(engine: AsyncEngine, run: Run) -> None:
    """An error inside a task undoes what that task did, and the next one goes on."""

    async def main() -> None:
        await engine.submit(deal("D-1", "2026-02-01", 90, programme=PROGRAMME))
        before = await engine.store.run_sync(everything_in)

        def fail(book: SqlTransaction) -> None:
            book.set_clock_day(30_000)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await engine.store.transact(fail)
        assert await engine.store.run_sync(everything_in) == before
        entries = await engine.store.run_sync(entries_in)
        assert {posting.account for entry in entries for posting in entry.postings} >= {Account(ACME, "available")}

    run(main())


@pytest.mark.parametrize("at_once", [0, -1, True, 1.5])
def test_a_number_of_calls_that_cannot_be_is_refused(database: AsyncDatabase, at_once: Any) -> None:
    """At least one call has to be under way."""
    with pytest.raises(UsageError, match="for the calls at once"):
        AsyncEngine(PROGRAMME, AsyncSqlStore(database), at_once=at_once)


def test_looking_ahead_and_locking_are_awaited(engine: AsyncEngine, run: Run) -> None:
    """A preview leaves nothing, the clock goes in batches, and a lock is kept."""

    async def main() -> None:
        deals = [deal(f"D-{number}", "2026-01-10", partner=f"p{number}") for number in range(5)]
        preview = await engine.preview(deals[0])
        assert [entry.key for entry in preview.entries] == ["event:/D-0"]
        assert (await engine.submit_all(deals))[0].entries[0].postings == preview.entries[0].postings
        done: list[int] = []
        entries = await engine.advance("2026-12-31", batch=2, progress=done.append)
        assert (len({entry.key for entry in entries}), done) == (5, [2, 4, 5])
        lock = await engine.lock("2026-03-31", actor="u-1", reason="closed")
        assert await engine.locks() == (lock,)
        assert (await engine.unlock(actor="u-1", reason="opened")).through_day is None

    run(main())
