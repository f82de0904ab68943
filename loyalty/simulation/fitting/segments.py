"""
Segments of a history: as they are given by name, or split by how much partners do.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from loyalty.errors import UsageError
from loyalty.simulation.distributions import Uniform
from loyalty.simulation.draws import Floats

#: What segments that are split by size are called.
_SIZES: Final = {1: ("all",), 2: ("small", "large"), 3: ("small", "medium", "large")}

#: A segment of fewer partners says little.
_FEWEST: Final = 30
_ROUNDS: Final = 100


@frozen(eq=False)
class Groups:
    """The segment of each partner, by place, and the names of segments."""

    of: NDArray[np.intp]
    names: tuple[str, ...]


def given_groups(partners: list[str], segments: Mapping[str, str]) -> Groups:
    """
    Give the segments that the user names.

    Raises:
        UsageError: a partner of the history has none.
    """
    without = [name for name in partners if name not in segments]
    if without:
        shown = ", ".join(without[:5])
        raise UsageError(f"{len(without)} partners of the history have no segment, such as {shown}; name theirs too")
    names = tuple(dict.fromkeys(segments[name] for name in partners))
    return Groups(np.array([names.index(segments[name]) for name in partners], dtype=np.intp), names)


def groups_by_size(size: Floats, number: int | None) -> Groups:
    """
    Split partners by the logarithm of their size, so that those of one segment are alike (the method of Lloyd).

    Args:
        number: How many segments; None for as many as have thirty partners each, three at most.
    """
    number = min(max(len(size) // _FEWEST, 1), 3) if number is None else min(number, len(size))
    logs = np.log(np.maximum(size, 1e-9))
    centres = np.quantile(logs, (np.arange(number) + 0.5) / number)
    of = np.zeros(len(size), dtype=np.intp)
    for _ in range(_ROUNDS):
        of = np.argmin(np.abs(logs[:, np.newaxis] - centres), axis=1)
        moved = np.array([logs[of == each].mean() if (of == each).any() else centres[each] for each in range(number)])
        if np.allclose(moved, centres):
            break
        centres = moved
    names = _SIZES.get(number, tuple(f"size-{each + 1}" for each in range(number)))
    kept = [each for each in range(number) if (of == each).any()]
    return Groups(np.searchsorted(kept, of), tuple(names[each] for each in kept))


def persons_range(seen: Floats) -> Uniform:
    """
    Give the even range of how many people partners have whose mean and variance are those of *seen*.

    Where they are spread otherwise, such a range may begin far below what anybody has: it begins where all but a
    twentieth of the partners have at least as many, and keeps the mean.

    >>> persons_range(np.array([1.0] * 30 + [2.0] * 30 + [12.0] * 20))
    Uniform(lowest=1, highest=7)
    >>> persons_range(np.array([1.0, 2.0, 3.0] * 20))
    Uniform(lowest=1, highest=3)
    """
    mean = float(seen.mean()) if len(seen) else 0.0
    reach = (sqrt(12 * float(seen.var()) + 1) - 1) / 2 if len(seen) else 0.0
    fewest = int(np.quantile(seen, 0.05)) if len(seen) else 0
    lowest = max(round(mean - reach), fewest)
    return Uniform(lowest, max(round(2 * mean) - lowest, lowest))
