"""
A whole history from a file to results, against what only reads it, and against the same by hand in data frames.

``backtest_vs_scan`` takes the ten easy rules from Parquet to the table of results; Polars scans the same file and sums
by partner meanwhile. ``bucketed`` settles 64 buckets of partners one by one, against all at once. ``vs_polars`` and
``vs_duckdb`` are what a user would write otherwise, for the parts that windows can express
(:mod:`benchmarks.batch.frames` says which). Peak memory is that of a process of its own.

All sides run in threads, so that time here is that of the wall.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from attrs import evolve

from benchmarks.batch.setting import file_of, missing
from benchmarks.harness import Figure, chosen, compare, skipped

FIGURES = ("backtest_vs_scan", "bucketed", "vs_polars", "vs_duckdb")
#: MiB that a run may hold at most, in memory and by buckets.
MOST_MIB, MOST_MIB_BY_BUCKETS = 1.2 * 1024, 400.0
ROUNDS = 3
_NAMES = {"vs_polars": "Polars", "vs_duckdb": "DuckDB"}


def run(only: Sequence[str] = (), events: int | None = None, data: str | None = None) -> Iterator[Figure]:
    """
    Take the figures one by one.

    Args:
        only: The names of those to take; all of them by default.
        events: How many rows the file has.
        data: The folder that keeps the file; one under the user's cache by default.
    """
    return _figures(chosen("backtest", FIGURES, only), events, Path(data) if data else None)


def _figures(wanted: Iterable[str], events: int | None, folder: Path | None) -> Iterator[Figure]:
    needs = {
        "backtest_vs_scan": ("numba", "polars"),
        "vs_polars": ("numba", "polars"),
        "vs_duckdb": ("numba", "duckdb"),
    }
    for name in wanted:
        lacking = missing(*needs.get(name, ("numba",)), "pyarrow")
        yield skipped(name, lacking) if lacking else _TAKERS[name](file_of("easy", folder, events))


def _vs_scan(file: Path) -> Figure:
    from benchmarks.batch.apart import take_apart, whole
    from benchmarks.batch.frames import scan

    figure = compare(
        "backtest_vs_scan",
        _rows(file),
        lambda: lambda: whole(file),
        lambda: lambda: scan(file),
        rounds=ROUNDS,
        clock=time.perf_counter,
        of=f"{_rows(file):,} events of the ten easy rules, from Parquet to the table of results",
        against="Polars scanning that file and summing by partner",
        least_ratio=1 / 3,
        most_mib=MOST_MIB,
    )
    return evolve(figure, peak_mib=take_apart("whole", file).peak_mib)


def _bucketed(file: Path) -> Figure:
    from benchmarks.batch.apart import bucketed, buckets_of, take_apart, whole

    buckets_of(file)
    if bucketed(file).digest() != whole(file).digest():
        raise AssertionError("buckets must give the digest of all at once")
    figure = compare(
        "bucketed",
        _rows(file),
        lambda: lambda: bucketed(file),
        lambda: lambda: whole(file),
        rounds=1,
        clock=time.perf_counter,
        of="the same by 64 buckets that were written before, one after the other",
        against="all events in memory at once",
        most_mib=MOST_MIB_BY_BUCKETS,
    )
    return evolve(figure, peak_mib=take_apart("bucketed", file).peak_mib)


def _vs_frames(name: str, file: Path) -> Figure:
    from benchmarks.batch import frames
    from benchmarks.batch.apart import whole

    by_hand = {"vs_polars": frames.by_polars, "vs_duckdb": frames.by_duckdb}[name]
    return compare(
        name,
        _rows(file),
        lambda: lambda: whole(file),
        lambda: lambda: by_hand(file),
        rounds=1,
        clock=time.perf_counter,
        of="all ten rules, from Parquet to the table of results",
        against=f"what windows of {_NAMES[name]} can express of them, without tiers and lots",
    )


def _rows(file: Path) -> int:
    import pyarrow.parquet as pq

    rows: int = pq.read_metadata(file).num_rows
    return rows


_TAKERS: Final[Mapping[str, Callable[[Path], Figure]]] = {
    "backtest_vs_scan": _vs_scan,
    "bucketed": _bucketed,
    "vs_polars": partial(_vs_frames, "vs_polars"),
    "vs_duckdb": partial(_vs_frames, "vs_duckdb"),
}
