"""
The batch kernel against the same programmes written by hand.

``kernel`` settles ten million events of the ten easy rules, ``kernel_hard`` those of the hard programme: packed columns
in, all totals of a :class:`~loyalty.batch.results.Batch` out, in threads on both sides. ``sweep`` settles twenty
variants of numbers on the same events, against twenty single runs. ``core`` is the generated step as plain Python
against one hand-written loop. The twins must give the same totals before anything is timed; see
:mod:`benchmarks.batch`.

Threads run at once, so that time here is that of the wall. The peak is that of a process of its own, which goes from
the file to the results by the library alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from benchmarks.batch.setting import Setting, missing, variant
from benchmarks.harness import Figure, chosen, compare, skipped

FIGURES = ("kernel", "kernel_hard", "core", "sweep")
MOST_MIB = 1.2 * 1024
ROUNDS = 3


def run(only: Sequence[str] = (), events: int | None = None, data: str | None = None) -> Iterator[Figure]:
    """
    Take the figures one by one.

    Args:
        only: The names of those to take; all of them by default.
        events: How many rows the files have.
        data: The folder that keeps the files; one under the user's cache by default.
    """
    return _figures(chosen("kernel", FIGURES, only), events, Path(data) if data else None)


def _figures(wanted: Iterable[str], events: int | None, folder: Path | None) -> Iterator[Figure]:
    lacking = missing("numba", "pyarrow")
    settings: dict[str, Setting] = {}
    for name in wanted:
        if name == "core":
            yield _core()
            continue
        if lacking:
            yield skipped(name, lacking)
            continue
        kind = "hard" if name == "kernel_hard" else "easy"
        if kind not in settings:
            settings = {kind: Setting.of(kind, folder, events)}
        yield _sweep(settings[kind]) if name == "sweep" else _kernel(settings[kind])


def _kernel(setting: Setting) -> Figure:
    from benchmarks.batch.apart import take_apart
    from loyalty.batch.once import found_once

    hard = setting.name == "hard"
    # Both sides begin with packed columns: ours are kept from the run that is compared with the twin.
    with found_once(setting.table):
        setting.require_agreement()
        figure = compare(
            "kernel_hard" if hard else "kernel",
            len(setting.table),
            lambda: setting.settle,
            lambda: setting.settle_by_hand,
            rounds=ROUNDS,
            clock=time.perf_counter,
            of=f"{len(setting.table):,} events of the {setting.name} programme, packed columns to totals",
            against="a kernel written by hand for this one programme",
            least_ratio=0.75,
            least_rate=3_000_000 if hard else 20_000_000,
            most_mib=MOST_MIB,
        )
    # Here are the file's columns, both sides' packed ones, and the twin's results; ours alone is what a user needs.
    return evolve(figure, peak_mib=take_apart("whole", setting.file).peak_mib)


def _sweep(setting: Setting) -> Figure:
    from benchmarks.batch.apart import VARIANTS, take_apart
    from loyalty.batch.once import found_once

    variants = [variant(setting.name, number) for number in range(VARIANTS)]

    def together() -> Any:
        with found_once(setting.table):
            return [setting.settle(programme) for programme in variants]

    def each_alone() -> Any:
        return [setting.settle_alone(programme) for programme in variants]

    figure = compare(
        "sweep",
        VARIANTS * len(setting.table),
        lambda: together,
        lambda: each_alone,
        rounds=1,
        clock=time.perf_counter,
        of=f"{VARIANTS} variants of numbers, one after the other on the same events; the target is 10 s for all",
        against="the same as single runs, each with events of its own to pack",
        least_rate=20_000_000,
        most_mib=MOST_MIB,
    )
    return evolve(figure, peak_mib=take_apart("swept", setting.file).peak_mib)


def _core() -> Figure:
    from benchmarks.step import LEAST_RATIO, PARTNERS, Workload

    workload = Workload.of(PARTNERS)
    if workload.by_step()() != workload.by_twin()():
        raise AssertionError("the step and its hand-written twin must give the same movements")
    return compare(
        "core",
        workload.item_count,
        workload.by_step,
        workload.by_twin,
        of="the generated step as plain Python, one encoded event at a time",
        against="the programme written by hand as one loop of Python",
        least_ratio=LEAST_RATIO,
    )
