"""
What is measured in a process of its own: peak memory, and what a first and a later call cost.

``python -m benchmarks.batch.apart WHAT FILE`` prints seconds, the most memory held, MiB, and the digest as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import frozen

from benchmarks.batch.data import programme
from benchmarks.batch.setting import UNTIL_DAY, variant
from benchmarks.harness import peak_mib

#: How many variants of numbers a sweep has.
VARIANTS = 20


@frozen
class Apart:
    """What a process of its own took."""

    seconds: float
    peak_mib: float
    digest: str


def take_apart(what: str, file: Path, environment: Mapping[str, str] | None = None) -> Apart:
    """Do something in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.batch.apart", what, str(file)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    return Apart(**json.loads(done.stdout.splitlines()[-1]))


def whole(file: Path) -> Any:
    """From the file to the table of results, all in memory."""
    from loyalty.batch.running import run
    from loyalty.batch.tables import EventTable

    own = programme(_name(file))
    return run(own, EventTable.from_arrow(own, file), until_day=UNTIL_DAY)


def swept(file: Path) -> Any:
    """From the file to the results of some variants of numbers, each let go of for the next; the last is given."""
    from loyalty.batch.once import found_once
    from loyalty.batch.running import run
    from loyalty.batch.tables import EventTable

    name = _name(file)
    table = EventTable.from_arrow(programme(name), file)
    with found_once(table):
        for number in range(VARIANTS):
            batch = run(variant(name, number), table, until_day=UNTIL_DAY)
    return batch


def buckets_of(file: Path, count: int = 64) -> Path:
    """Give the folder of the file's events in buckets of partners, written at the first time."""
    from loyalty.batch.bucketing import write_buckets
    from loyalty.batch.buckets import Buckets

    folder = file.with_suffix(".buckets")
    if Buckets.at(folder) is None:
        write_buckets(programme(_name(file)), file, folder, buckets=count)
    return folder


def bucketed(file: Path) -> Any:
    """Settle the file's buckets one after the other, in the memory of one, to the same results."""
    from loyalty.batch.bucketed import settle_buckets
    from loyalty.batch.buckets import Buckets

    buckets = Buckets.of(buckets_of(file))
    with TemporaryDirectory() as folder:
        own = programme(_name(file))
        return settle_buckets(own, buckets, until_day=UNTIL_DAY, out=Path(folder, "out"), kernel=True)


def _name(file: Path) -> str:
    return file.name.partition("-")[0]


WAYS: Mapping[str, Callable[[Path], Any]] = {"whole": whole, "swept": swept, "bucketed": bucketed}


def main() -> None:
    """Do what the arguments say, and print what it took."""
    what, file = sys.argv[1:]
    start = time.perf_counter()
    batch = WAYS[what](Path(file))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib(), "digest": batch.digest()}))


if __name__ == "__main__":
    main()
