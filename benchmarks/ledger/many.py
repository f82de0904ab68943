"""
A million events into one file: whether memory stays flat, and the book that the audits are timed on.

The events go in through ``submit_many`` from a generator, in a process of its own whose peak of memory is read at its
end. Partners are as many in the small run as in the large one, since their states stay in memory up to a bound.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from benchmarks.harness import Figure, peak_mib
from benchmarks.ledger.databases import Databases, Missing
from benchmarks.ledger.event_book import event_of, programme, submit
from benchmarks.ledger.our_book import file_engine
from benchmarks.ledger.workload import BATCH, draw
from loyalty.core.events import Event
from loyalty.engine import Engine
from loyalty.ledger.sql import SqlStore, create_tables

SMALL = 10_000
LARGE = 1_000_000
PARTNERS = 1_000

#: The peak of the small run over that of the large one.
LEAST_RATIO = 0.9

#: Exit code of a child that lacks what it needs.
_LACKS = 3

#: How many events are drawn at a time.
_DRAWN = 10_000


@frozen
class Run:
    """
    What one process did.

    Attributes:
        seconds: How long the events took.
        peak_mib: The most memory that the process held.
    """

    seconds: float
    peak_mib: float


def submit_many_memory(databases: Databases) -> Figure:
    """Take the peak of memory of ten thousand events over that of a million."""
    small = run_apart(databases.file(), SMALL)
    _, large = large_book(databases)
    return Figure(
        name="submit_many_memory",
        ratio=small.peak_mib / large.peak_mib,
        rate=LARGE / large.seconds,
        baseline_rate=SMALL / small.seconds,
        unit="events/s",
        peak_mib=large.peak_mib,
        of=f"peak memory of submit_many over {LARGE:,} events",
        against=f"that over {SMALL:,}, {small.peak_mib:.0f} MiB, for {PARTNERS:,} partners in both",
        least_ratio=LEAST_RATIO,
    )


def large_book(databases: Databases) -> tuple[Path, Run]:
    """Give the file of a million events and how it was made; it is made once in a run."""
    kept = databases.kept.get("large_book")
    if kept is None:
        path = databases.file()
        kept = databases.kept["large_book"] = (path, run_apart(path, LARGE))
    path, run = kept
    return path, run


def run_apart(path: Path, count: int) -> Run:
    """
    Submit events into a new file, in a process of its own.

    Raises:
        Missing: the library has no ``submit_many``.
    """
    command = [sys.executable, "-m", "benchmarks.ledger.many", str(path), str(count)]
    shown = subprocess.run(command, capture_output=True, check=False, text=True)
    if shown.returncode == _LACKS:
        raise Missing(shown.stderr.strip())
    if shown.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {shown.stderr}")
    return Run(**json.loads(shown.stdout))


def _events(count: int) -> Iterator[Event]:
    for first in range(1, count + 1, _DRAWN):
        for award in draw(first, min(_DRAWN, count + 1 - first), accounts=PARTNERS):
            yield event_of(award)


def _main(path: str, count: str) -> int:
    engine = file_engine(Path(path), synchronous="FULL")
    create_tables(engine)
    begun = time.perf_counter()
    try:
        submit(Engine(programme(), SqlStore(engine)), _events(int(count)), BATCH)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return _LACKS
    print(json.dumps({"seconds": time.perf_counter() - begun, "peak_mib": _own_peak_mib()}))
    return 0


def _own_peak_mib() -> float:
    """Give the most memory that this program held; Linux counts that of its parent too, except here."""
    status = Path("/proc/self/status")
    if not status.exists():
        return peak_mib()
    (kib,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(kib) / 1024


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
