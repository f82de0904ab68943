"""
A process of its own that works on a book as a job says, to be raced and killed by the tests.

Each step's outcome becomes a line of a file, written when the step has returned: whoever kills the process knows from
it what was acknowledged. With "log" the process says besides, a line each, when a transaction was opened, when it is
about to be committed and when it has ended. With "stop_at" it stops before the statement of that number in an open
transaction, as if it hung there, until somebody ends it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.orm import Session

from loyalty import Engine, LoyaltyError, Receipt, read_event
from loyalty.errors import EventRejected
from loyalty.ledger.sql import SqlStore, SqlTransaction, sqlite_engine
from loyalty.settlement.generate import steps_of
from tests.faults.programme import PROGRAMME

# The processes are copies of one that has generated the steps already.
steps_of(PROGRAMME)

#: Writes a line.
Say = Callable[[str], None]


def open_database(url: str, *, journal: str = "wal") -> Database:
    """Open a database as a host would; a file with a rollback journal is one that the host opened by itself."""
    if not url.startswith("sqlite"):
        return create_engine(url, connect_args={"application_name": f"worker-{os.getpid()}"})
    return sqlite_engine(str(make_url(url).database)) if journal == "wal" else create_engine(url)


class Watched:
    """A store that says when its outermost transactions open and when they are kept."""

    def __init__(self, store: SqlStore, say: Say) -> None:
        self._store, self._say, self._depth = store, say, 0

    @property
    def opens_transactions(self) -> bool:
        """As the store says."""
        return self._store.opens_transactions

    @contextmanager
    def transaction(self, read_only: bool = False) -> Iterator[SqlTransaction]:
        """Open a transaction of the store."""
        try:
            with self._store.transaction(read_only) as book:
                self._depth += 1
                if self._depth == 1:
                    self._say("open")
                yield book
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._say("closed")


def watch(database: Database, before_statement: Callable[[str], None]) -> None:
    """Have a function called before each statement that reaches the driver."""

    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *rest: Any) -> Any:
            before_statement(statement)
            return super().execute(statement, *rest)

        def executemany(self, statement: str, *rest: Any) -> Any:
            before_statement(statement)
            return super().executemany(statement, *rest)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    class ServerCursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *rest: Any, **options: Any) -> Any:
            before_statement(str(query))
            return super().execute(query, *rest, **options)

        def executemany(self, query: Any, *rest: Any, **options: Any) -> None:
            before_statement(str(query))
            super().executemany(query, *rest, **options)

        def copy(self, statement: Any, *rest: Any, **options: Any) -> Any:
            before_statement(str(statement))
            return super().copy(statement, *rest, **options)

    @event.listens_for(database, "do_connect")
    def _connect(dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        if dialect.name == "sqlite":
            options["factory"] = Connection
        else:
            options["cursor_factory"] = ServerCursor


class Work:
    """The steps of a job, on one engine."""

    def __init__(
        self, database: Database, engine: Engine, steps: list[dict[str, Any]], start: Barrier | None, say: Say
    ) -> None:
        self._database, self._engine, self._steps, self._start, self._say = database, engine, steps, start, say

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """Take the steps, and tell of each what it came to."""
        if self._start:
            self._start.wait()
        for step in self._steps:
            if self._start and step.get("together"):
                self._start.wait()
            try:
                yield from getattr(self, "_" + step["do"])(step)
            except LoyaltyError as error:
                yield {"step": step, "error": error.code, "words": str(error), "cause": repr(error.__cause__)}

    def _submit(self, step: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield _told(self._engine.submit(read_event(PROGRAMME, step["event"])))

    def _submit_many(self, step: dict[str, Any]) -> Iterator[dict[str, Any]]:
        refused: list[str] = []

        def refuse(event: Any, _error: EventRejected) -> None:
            refused.append(event.identity)

        events = [read_event(PROGRAMME, payload) for payload in step["events"]]
        yield from map(_told, self._engine.submit_many(events, chunk=step["chunk"], refused=refuse))
        yield from ({"refused": identity} for identity in refused)

    def _advance(self, step: dict[str, Any]) -> Iterator[dict[str, Any]]:
        batches = 0

        def progress(_done: int) -> None:
            nonlocal batches
            batches += 1
            if batches == step.get("pause_after"):
                self._say(f"stopped behind batch {batches}")
                signal.pause()

        entries = self._engine.advance(step["until"], batch=step.get("batch", 1000), progress=progress)
        yield {"advanced": step["until"], "entries": [entry.key for entry in entries]}

    def _command(self, step: dict[str, Any]) -> Iterator[dict[str, Any]]:
        command = getattr(self._engine, step["name"])
        yield _told(command(*step["arguments"], **step["options"])) | {"command": True}

    def _host(self, step: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Write a row of the host's and submit an event, in the host's transaction and in the order that is said."""
        with Session(self._database) as session:
            engine = Engine(PROGRAMME, SqlStore(session))

            def ours() -> None:
                engine.submit(read_event(PROGRAMME, step["event"]))

            def theirs() -> None:
                session.execute(text("INSERT INTO host_order VALUES (:id)"), {"id": step["event"]["id"]})

            for write in (theirs, ours) if step["host_first"] else (ours, theirs):
                write()
                self._say("open")
            session.commit()
            self._say("closed")
        yield {"both": step["event"]["id"]}


def _told(receipt: Receipt) -> dict[str, Any]:
    return {
        "receipt": receipt.identity,
        "waiting": receipt.waiting,
        "entries": [entry.key for entry in receipt.entries],
    }


def _append_to(path: str) -> Say:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    # One call writes one line, whole, and what the kernel has taken outlives the process.
    return lambda line: void(os.write(file, f"{line}\n".encode()))


def void(_result: object) -> None:
    """Give nothing."""


def work(job: dict[str, Any], start: Barrier | None = None) -> None:
    """Do what a job says; what it fails with is written beside its outcomes."""
    try:
        _work(job, start)
    except BaseException:
        Path(job["errors"]).write_text(traceback.format_exc())
        raise


def _work(job: dict[str, Any], start: Barrier | None) -> None:
    database = open_database(job["url"], journal=job.get("journal", "wal"))
    write = _append_to(job["log"]) if "log" in job else void
    count = 0
    is_open = False

    def say(line: str) -> None:
        nonlocal is_open
        is_open = line == "open"
        write(line)

    def before_statement(statement: str) -> None:
        nonlocal count
        count += is_open
        if count == job["stop_at"]:
            say(f"stopped before {' '.join(statement.split())[:60]}")
            signal.pause()

    if "log" in job:
        event.listen(database, "commit", lambda _connection: say("committing"))
    if "stop_at" in job:
        watch(database, before_statement)
    store = SqlStore(database)
    engine = Engine(PROGRAMME, Watched(store, say) if "log" in job else store)
    report = _append_to(job["outcomes"])
    for outcome in Work(database, engine, job["steps"], start, say).outcomes():
        report(json.dumps(outcome))
