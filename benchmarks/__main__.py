"""
``python -m benchmarks [NAME] [--json]``: take one benchmark's figures, or all.

Without a name each benchmark runs in a process of its own, so that its peak memory is its own. Targets only inform:
the exit code is 0 whether they are met or not, and 2 for wrong use. A figure that lacks what it needs says so in place
of numbers.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Figure, UnknownFigureError

#: Benchmarks by name, in the order in which all of them run; each module offers ``run()``, which gives its figures.
BENCHMARKS = {
    "step": "benchmarks.step",
    "engine": "benchmarks.engine",
    "settle": "benchmarks.settle",
    "import_cost": "benchmarks.import_cost",
    "ledger": "benchmarks.ledger",
    "late": "benchmarks.late",
    "kernel": "benchmarks.kernel",
    "backtest": "benchmarks.backtest",
}

#: Options, and the benchmarks that have them.
_OPTIONS = {
    "only": ("ledger", "kernel", "backtest"),
    "pgledger": ("ledger",),
    "events": ("late", "kernel", "backtest"),
    "plot": ("late",),
    "data": ("kernel", "backtest"),
}

_WRONG_USE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, and give the exit code."""
    known = {name: module for name, module in BENCHMARKS.items() if importlib.util.find_spec(module)}
    parser = argparse.ArgumentParser("python -m benchmarks", description="Ratios of two things timed in one run.")
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of {', '.join(known)}; all by default")
    parser.add_argument("--json", action="store_true", help="print one line of JSON a figure")
    parser.add_argument(
        "--only", action="append", metavar="FIGURE", help=f"{_of('only')}: this figure; may be repeated"
    )
    parser.add_argument("--pgledger", metavar="FOLDER", help=f"{_of('pgledger')}: a checkout of pgledger, or its file")
    parser.add_argument("--events", type=int, metavar="N", help=f"{_of('events')}: how many events there are")
    parser.add_argument("--plot", metavar="FILE", help=f"{_of('plot')}: draw the figures into this file, SVG")
    parser.add_argument("--data", metavar="FOLDER", help=f"{_of('data')}: where the files of events are kept")
    asked = parser.parse_args(arguments)
    options = {name: value for name in _OPTIONS if (value := getattr(asked, name)) is not None}
    for name in options:
        if asked.name not in _OPTIONS[name]:
            print(f"--{name} is an option {_of(name)}; write the benchmark's name too", file=sys.stderr)
            return _WRONG_USE
    if asked.name is None:
        return max(_run_apart(name, as_json=asked.json) for name in known)
    if asked.name not in known:
        print(f"there is no benchmark {asked.name!r}; write one of {', '.join(known)}", file=sys.stderr)
        return _WRONG_USE
    try:
        figures: Iterable[Figure] = importlib.import_module(known[asked.name]).run(**options)
    except UnknownFigureError as error:
        print(error, file=sys.stderr)
        return _WRONG_USE
    if asked.json:
        for figure in figures:
            print(figure.line(), flush=True)
    else:
        figures = list(figures)
        console = Console()
        console.print(table_of(figures))
        for figure in figures:
            if figure.skipped:
                # What a reason names, say [bench], is no markup.
                console.print(f"{figure.name}: skipped, {figure.skipped}.", markup=False)
            elif figure.of:
                console.print(f"{figure.name}: {figure.of}, against {figure.against}.", markup=False)
    return 0


def _of(option: str) -> str:
    """Give the benchmarks that have an option, in words."""
    *others, last = _OPTIONS[option]
    return f"of {', '.join(others)} and {last}" if others else f"of {last}"


def table_of(figures: Sequence[Figure]) -> Table:
    """Give the figures as a table, with the targets and whether they were met."""
    table = Table("name", "ratio", "rate", "baseline rate", "peak", "target", "met")
    for figure in figures:
        if figure.skipped:
            table.add_row(figure.name, "skipped")
            continue
        target = [f"ratio >= {figure.least_ratio:g}"] if figure.least_ratio is not None else []
        target += [f"rate >= {figure.least_rate:,.0f}"] if figure.least_rate is not None else []
        target += [f"peak <= {figure.most_mib:,.0f} MiB"] if figure.most_mib is not None else []
        table.add_row(
            figure.name,
            f"{figure.ratio:.3f}",
            f"{figure.rate:,.0f} {figure.unit}",
            f"{figure.baseline_rate:,.0f}",
            f"{figure.peak_mib:.0f} MiB",
            "\n".join(target),
            {None: "", True: "yes", False: "no"}[figure.met],
        )
    return table


def _run_apart(name: str, *, as_json: bool) -> int:
    flags = ["--json"] if as_json else []
    return subprocess.run([sys.executable, "-m", "benchmarks", name, *flags], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
