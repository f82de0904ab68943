"""
What ``import loyalty`` costs beside ``import attrs, cattrs, pendulum``, which any host of it has.

Each import runs in an interpreter of its own, which times it with its own processor time; the two alternate, and the
figure is the median of the ratios. ``import_cost`` is the package alone; ``import_names`` is what a host uses of it
at once, which loads the settlement and the loader of programme files as well.
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from benchmarks.harness import Figure, peak_mib

#: What a host imports anyway.
BASELINE = "import attrs, cattrs, pendulum"

#: Times the baseline that ``import loyalty`` may cost.
MOST_TIMES = 1.5

ROUNDS = 9

_TIMED = "import time; begun = time.process_time(); {}; print(time.process_time() - begun)"


def run() -> list[Figure]:
    """
    Take both figures.

    Raises:
        AssertionError: ``import loyalty`` costs more than it may.
    """
    package = _figure("import_cost", "import loyalty", least_ratio=1 / MOST_TIMES)
    assert package.ratio >= 1 / MOST_TIMES, f"import loyalty costs {1 / package.ratio:.2f} times {BASELINE}"
    return [package, _figure("import_names", "from loyalty import Engine, MemoryStore, load")]


def _figure(name: str, statement: str, least_ratio: float | None = None) -> Figure:
    _seconds(statement), _seconds(BASELINE)  # Both are compiled to bytecode and in the system's cache from here on.
    pairs = [(_seconds(statement), _seconds(BASELINE)) for _ in range(ROUNDS)]
    return Figure(
        name,
        ratio=median(baseline / own for own, baseline in pairs),
        rate=1 / median(own for own, _ in pairs),
        baseline_rate=1 / median(baseline for _, baseline in pairs),
        unit="imports/s",
        peak_mib=peak_mib(),
        of=statement,
        against=BASELINE,
        least_ratio=least_ratio,
    )


def _seconds(statement: str) -> float:
    """Give the processor time of one import in an interpreter of its own; never 0."""
    shown = subprocess.run([sys.executable, "-c", _TIMED.format(statement)], capture_output=True, check=True, text=True)
    return max(float(shown.stdout), 1e-6)
