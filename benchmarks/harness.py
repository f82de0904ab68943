"""
Two things timed in turn: what a figure is, and how it is taken.

Absolute rates move by half from one machine or minute to the next, ratios much less. So each figure is the median,
over several rounds, of the ratio of two rates that were measured directly after one another; who goes first
alternates. Time is the process's own processor time, so that other programs on the machine hardly count; where a
database does the work, or a disk is waited for, it is the time on the wall. The collector of cyclic garbage rests while
the clock runs.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from statistics import median
from typing import Any

from attrs import frozen

#: Bytes in a unit of ``ru_maxrss``, which counts KiB on Linux and bytes on macOS.
_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class UnknownFigureError(Exception):
    """A benchmark was asked for a figure that it does not take."""


def chosen(benchmark: str, figures: Collection[str], only: Collection[str] | None) -> list[str]:
    """
    Give the names of the figures to take, in the order in which the benchmark has them.

    Args:
        benchmark: Its name.
        figures: All that it has.
        only: Those that are asked for; all of them where it is None or empty.

    Raises:
        UnknownFigureError: there is no figure of a name.
    """
    unknown = [name for name in only or () if name not in figures]
    if unknown:
        raise UnknownFigureError(f"there is no figure {unknown[0]!r} of {benchmark}; write one of {', '.join(figures)}")
    return [name for name in figures if not only or name in only]


@frozen
class Figure:
    """
    One ratio, with the rates on both sides of it.

    Attributes:
        name: Under which it is known.
        ratio: The rate over the baseline's rate, the median over the rounds.
        rate: What was measured, units a second, the median.
        baseline_rate: What it is compared with, units a second, the median.
        unit: What is counted, for example ``events/s``.
        peak_mib: The most memory that the process held by then, MiB.
        of: What was measured, in words.
        against: What it is compared with, in words.
        least_ratio: The ratio to reach, or None where the figure only informs.
        least_rate: The rate to reach, or None.
        most_mib: The peak to stay below, MiB, or None.
        skipped: Why nothing was measured, or ""; the numbers mean nothing then.
    """

    name: str
    ratio: float
    rate: float
    baseline_rate: float
    unit: str
    peak_mib: float
    of: str = ""
    against: str = ""
    least_ratio: float | None = None
    least_rate: float | None = None
    most_mib: float | None = None
    skipped: str = ""

    @property
    def met(self) -> bool | None:
        """Tell whether the targets are met; None where there is none, or nothing was measured."""
        if self.skipped or (self.least_ratio, self.least_rate, self.most_mib) == (None, None, None):
            return None
        fast = self.ratio >= (self.least_ratio or 0) and self.rate >= (self.least_rate or 0)
        return fast and (self.most_mib is None or self.peak_mib <= self.most_mib)

    def record(self) -> dict[str, Any]:
        """Give what ``--json`` prints."""
        if self.skipped:
            return {"name": self.name, "skipped": self.skipped}
        return {
            "name": self.name,
            "ratio": round(self.ratio, 3),
            "rate": round(self.rate, 1),
            "baseline_rate": round(self.baseline_rate, 1),
            "unit": self.unit,
            "peak_mib": round(self.peak_mib, 1),
        }

    def line(self) -> str:
        """Give the figure as one line of JSON."""
        return json.dumps(self.record())


def compare(
    name: str,
    count: int,
    measured: Callable[[], Callable[[], object]],
    baseline: Callable[[], Callable[[], object]],
    *,
    unit: str = "events/s",
    rounds: int = 9,
    clock: Callable[[], float] = time.process_time,
    of: str = "",
    against: str = "",
    least_ratio: float | None = None,
    least_rate: float | None = None,
    most_mib: float | None = None,
) -> Figure:
    """
    Time two things in turn.

    Args:
        name: The figure's name.
        count: How many units one call settles; the same on both sides.
        measured: Prepares one call and gives it; only the call it gives is timed.
        baseline: The same for what it is compared with.
        unit: What is counted.
        rounds: How often both are timed, after one round that is not counted.
        clock: Gives seconds: this process's own, or those of the wall where others do the work.
        of: What is measured, in words.
        against: What it is compared with, in words.
        least_ratio: The ratio to reach.
        least_rate: The rate to reach.
        most_mib: The peak to stay below, MiB.
    """
    pairs = []
    for number in range(rounds + 1):
        if number % 2:
            seconds, baseline_seconds = _seconds(measured, clock), _seconds(baseline, clock)
        else:
            baseline_seconds, seconds = _seconds(baseline, clock), _seconds(measured, clock)
        if number:
            pairs.append((seconds, baseline_seconds))
    return Figure(
        name=name,
        ratio=median(baseline_seconds / seconds for seconds, baseline_seconds in pairs),
        rate=median(count / seconds for seconds, _ in pairs),
        baseline_rate=median(count / baseline_seconds for _, baseline_seconds in pairs),
        unit=unit,
        peak_mib=peak_mib(),
        of=of,
        against=against,
        least_ratio=least_ratio,
        least_rate=least_rate,
        most_mib=most_mib,
    )


def skipped(name: str, reason: str) -> Figure:
    """Give a figure that was not measured, with the reason; it never stands for a number."""
    return Figure(name, ratio=0, rate=0, baseline_rate=0, unit="", peak_mib=0, skipped=reason)


def peak_mib() -> float:
    """Give the most memory that this process has held so far, MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts into ru_maxrss what the process held that this one was started from.
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT_BYTES / 2**20


def _seconds(prepare: Callable[[], Callable[[], object]], clock: Callable[[], float]) -> float:
    call = prepare()
    gc.collect()
    gc.disable()
    try:
        start = clock()
        kept = call()
        seconds = clock() - start
    finally:
        gc.enable()
    # What the call made lives until the clock has stopped: freeing it is no part of the work.
    del kept
    return seconds
