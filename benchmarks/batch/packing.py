"""Rows by holder for the twins: a counting sort, numbers of a holder's own, and ranges of holders in threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from attrs import frozen
from numba import njit


@frozen(eq=False)
class Holders:
    """The rows of each holder side by side: ``rows[starts[holder]:starts[holder + 1]]``, in their order."""

    rows: Any
    starts: Any

    @classmethod
    def of(cls, codes: Any, count: int) -> Holders:
        """Sort rows by the holder's code; rows with a code below 0 are left out."""
        starts = np.zeros(count + 1, np.int64)
        rows = np.empty(len(codes), np.int32)
        placed = _sort(codes, starts, rows)
        return cls(rows[:placed], starts)


def take(column: Any, rows: Any) -> Any:
    """Give a column in the order of rows."""
    return np.asarray(column)[rows]


def local_numbers(holders: Holders, codes: Any, count: int) -> Any:
    """Number the values that each holder's rows have from 0, in the order in which they come; -1 where none is."""
    numbers = np.empty(len(codes), np.int32)
    _number(holders.starts, codes, np.full(count + 1, -1, np.int32), np.zeros(count + 1, np.int32), numbers)
    return numbers


def run_ranges(part: Callable[[int, int], Any], starts: Any, threads: int) -> list[Any]:
    """Call *part* for ranges of holders with about as many rows each, several a thread, and give what each gave."""
    pieces = min(len(starts) - 1, 1 if threads == 1 else 8 * threads)
    cuts = np.searchsorted(starts, np.linspace(0, starts[-1], pieces + 1)[1:-1])
    cuts = np.unique([0, *cuts, len(starts) - 1])
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(part, cuts[:-1].tolist(), cuts[1:].tolist()))


@njit(nogil=True, cache=True)
def _sort(codes, starts, rows):
    for code in codes:
        if code >= 0:
            starts[code + 1] += 1
    for code in range(len(starts) - 1):
        starts[code + 1] += starts[code]
    placed = starts[-1]
    following = starts[:-1].copy()
    for row in range(len(codes)):
        code = codes[row]
        if code >= 0:
            rows[following[code]] = row
            following[code] += 1
    return placed


@njit(nogil=True, cache=True)
def _number(starts, codes, owners, known, numbers):
    for holder in range(len(starts) - 1):
        count = 0
        for row in range(starts[holder], starts[holder + 1]):
            code = codes[row]
            if code < 0:
                numbers[row] = -1
                continue
            if owners[code] != holder:
                owners[code] = holder
                known[code] = count
                count += 1
            numbers[row] = known[code]
