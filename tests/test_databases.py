"""The server that the tests run on: every test has a database of its own, and nothing outlives the run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.exc import OperationalError

from tests.databases import Server

ROOT = Path(__file__).parents[1]

_KILLED = """
import os, signal
from pathlib import Path

def test_that_never_ends(postgresql):
    data = Path(os.environ["LOYALTY_TEST_PG_FOLDER"], "data")
    print((data / "postmaster.pid").read_text().split()[0], data.parent, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_databases_are_apart_and_go_when_they_are_dropped(postgresql: Server, postgresql_engine: Engine) -> None:
    """What one database holds is not in another one, and a dropped one cannot be reached, not even by who was in it."""
    url = postgresql.create()
    other = create_engine(url)
    with other.connect() as connected:
        connected.exec_driver_sql("CREATE TABLE orders (id integer)")
        connected.commit()
        assert (inspect(other).get_table_names(), inspect(postgresql_engine).get_table_names()) == (["orders"], [])
        postgresql.drop(url)
        with pytest.raises(OperationalError):
            connected.exec_driver_sql("SELECT 1")
    with pytest.raises(OperationalError, match="does not exist"):
        create_engine(url).connect()


def test_the_server_goes_with_a_run_that_is_killed(tmp_path: Path) -> None:
    """A run that could not clean up leaves neither a server nor files."""
    (tmp_path / "test_killed.py").write_text(_KILLED)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "tests.databases", str(tmp_path)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "LOYALTY_TEST_PG_URL"},
        text=True,
    )
    server, folder = run.stdout.split()[-2:]
    assert run.returncode == -9
    assert server.isdigit()
    end = time.monotonic() + 30
    while Path(folder).exists() or psutil.pid_exists(int(server)):
        assert time.monotonic() < end
        time.sleep(0.05)
