"""
What auditing a large book costs, alone and with every event settled again.

Both have a rate to reach. They are shown beside what the driver alone takes to read the same rows.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.harness import Figure, peak_mib
from benchmarks.ledger.databases import Databases, Missing
from benchmarks.ledger.event_book import PROGRAMME
from benchmarks.ledger.many import large_book
from benchmarks.ledger.our_book import file_engine
from loyalty.cli.ledger import COMMANDS
from loyalty.ledger.sql import DEFAULT_PREFIX, SqlStore
from loyalty.ledger.sql.auditing.processes import usable_cores

VERIFY_ROUNDS = 3
REPLAY_ROUNDS = 1
VERIFY_RATE = 100_000
REPLAY_RATE = 40_000


def verify(databases: Databases) -> Figure:
    """Take the audit of a million entries: chain, balances, lots."""
    path, _ = large_book(databases)
    store = SqlStore(file_engine(path, synchronous="FULL"))

    def audit() -> None:
        found = store.verify(jobs=usable_cores())
        if found.findings:
            raise AssertionError(f"the book of the benchmark is not sound: {found.findings[0]}")

    of = "verify: chain, balances, lots, on all cores"
    return _against_reading("verify", path, audit, of=of, least_rate=VERIFY_RATE, rounds=VERIFY_ROUNDS)


def verify_replay(databases: Databases) -> Figure:
    """Take the command that settles a million events again and compares every posting, on all cores."""
    if "verify" not in COMMANDS:
        raise Missing("this version of loyalty has no command ledger verify")
    path, _ = large_book(databases)
    # What a user runs: the start of the processes is in the time.
    command = [sys.executable, "-m", "loyalty", "ledger", "verify", str(PROGRAMME), "--db", str(path), "--replay"]

    def replay() -> None:
        shown = subprocess.run(command, capture_output=True, check=False, text=True)
        if shown.returncode:
            raise AssertionError(f"{' '.join(command)} failed: {shown.stdout[-2000:]}{shown.stderr[-2000:]}")

    of = "loyalty ledger verify --replay"
    return _against_reading("verify_replay", path, replay, of=of, least_rate=REPLAY_RATE, rounds=REPLAY_ROUNDS)


def _against_reading(
    name: str, path: Path, audit: Callable[[], None], *, of: str, least_rate: float, rounds: int
) -> Figure:
    entries = _read(path)
    pairs = [(_seconds(audit), _seconds(lambda: _read(path))) for _ in range(rounds)]
    return Figure(
        name=name,
        ratio=median(reading / own for own, reading in pairs),
        rate=entries / median(own for own, _ in pairs),
        baseline_rate=entries / median(reading for _, reading in pairs),
        unit="entries/s",
        peak_mib=peak_mib(),
        of=f"{of}, of {entries:,} entries",
        against="reading every entry and posting through the driver",
        least_rate=least_rate,
    )


def _read(path: Path) -> int:
    """Read every row of the journal as the driver gives it, and give how many entries there are."""
    connection = sqlite3.connect(path)
    count = sum(1 for _ in connection.execute(f"SELECT * FROM {DEFAULT_PREFIX}entry ORDER BY id"))
    for _ in connection.execute(f"SELECT * FROM {DEFAULT_PREFIX}posting ORDER BY entry_id, seq"):
        pass
    connection.close()
    return count


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
