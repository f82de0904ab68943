"""
Reading one state of a book with several processes.

Each process has a connection and a transaction of its own. On PostgreSQL they share the snapshot of the first; SQLite
has nothing like it, so all begin at once, and what each found newest is compared when all is done: a book that was
written to in between is read again by one process.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import frozen
from sqlalchemy import create_engine

from loyalty.ledger.sealing import Head
from loyalty.ledger.sql.auditing.book import Result, Task, conclude, do_task, list_tasks
from loyalty.ledger.sql.auditing.reading import Reader
from loyalty.ledger.sql.statements import Runner
from loyalty.ledger.verify import Verification

if TYPE_CHECKING:
    from loyalty.ledger.sql.store import SqlStore
    from loyalty.ledger.sql.transaction import SqlTransaction

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

#: A book of fewer tasks over entries is read by one process sooner than others have begun.
LEAST_TASKS: Final = 4

#: How long a process waits for the others to begin.
_PATIENCE_SECONDS: Final = 120


@frozen
class Address:
    """Where a process finds a book by itself."""

    url: str
    book: str
    prefix: str
    schema: str | None


def usable_cores() -> int:
    """Give how many processes can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def verify_store(store: SqlStore, heads: Sequence[Head] = (), jobs: int = 1) -> Verification:
    """
    Verify a book, with several processes where it is a large one and they can reach it.

    Args:
        jobs: How many processes at most.
    """
    with store.snapshot() as transaction:
        reader = Reader(transaction.runner, transaction.names)
        tasks = list_tasks(reader, heads)
        entry_tasks = sum(1 for task in tasks if task.what == "entries")
        results = None
        if jobs > 1 and entry_tasks >= LEAST_TASKS:
            results = share(store, transaction, None, tasks, _audit, jobs)
        if results is None:
            results = [do_task(reader, task) for task in tasks]
        return conclude(reader, results)


def share(
    store: SqlStore,
    transaction: SqlTransaction,
    given: Any,
    tasks: Sequence[_Task],
    work: Callable[[Any, Any, _Task], _Result],
    jobs: int,
) -> list[_Result] | None:
    """Do tasks in several processes, as :class:`loyalty.ledger.kept.SharesWork` says."""
    address = store.address
    jobs = min(jobs, len(tasks))
    if address is None or jobs < 2:
        return None
    context = get_context("spawn")
    snapshot = _export_snapshot(transaction.runner)
    begin = (address, snapshot, given, context.Barrier(jobs))
    try:
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=begin) as pool:
            done = list(pool.map(_do, [(work, task) for task in tasks]))
    except BrokenProcessPool:
        # A program that cannot be imported again, or a database that the URL alone does not open.
        return None
    newest = {mark for mark, _ in done} | {_newest(transaction.runner)}
    if snapshot is None and len(newest) > 1:
        return None
    return [result for _, result in done]


def _audit(transaction: SqlTransaction, _given: None, task: Task) -> Result:
    return do_task(_reader_of(transaction), task)


#: What a process keeps from one task to the next: its transaction, and the reader with the names it learnt.
_kept: dict[str, Any] = {}


def _begin(address: Address, snapshot: str | None, given: Any, all_here: Any) -> None:
    """Open the process's own transaction, at the same moment as the others."""
    from loyalty.ledger.sql.store import SqlStore

    # What is read here refers to itself nowhere, and looking for what does takes a sixth of the time.
    gc.set_threshold(1_000_000)
    engine = create_engine(address.url)
    stack = _kept["stack"] = ExitStack()
    all_here.wait(_PATIENCE_SECONDS)
    connection = stack.enter_context(engine.connect())
    if snapshot is not None:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
    store = SqlStore(connection, book=address.book, prefix=address.prefix, schema=address.schema)
    transaction = _kept["transaction"] = stack.enter_context(store.transaction(read_only=True))
    _kept["mark"] = _newest(transaction.runner)
    _kept["given"] = given


def _do(item: tuple[Callable[[Any, Any, Any], Any], Any]) -> tuple[tuple[int, ...], Any]:
    work, task = item
    return _kept["mark"], work(_kept["transaction"], _kept["given"], task)


def _reader_of(transaction: SqlTransaction) -> Reader:
    reader = _kept.get("reader")
    if reader is None:
        reader = _kept["reader"] = Reader(transaction.runner, transaction.names)
    return reader


def _export_snapshot(runner: Runner) -> str | None:
    if runner.compiler.on_sqlite:
        return None
    ((name,),) = runner.connection.exec_driver_sql("SELECT pg_export_snapshot()").all()
    return str(name)


def _newest(runner: Runner) -> tuple[int, ...]:
    schema = runner.schema
    return tuple(runner.last_id(table) for table in (schema.entry, schema.seal, schema.event, schema.grant))
