"""
What is wrong with events in columns: rows of one fault stand together, with what was got first and what to write.

>>> import numpy as np
>>> findings = Findings("deals.parquet")
>>> findings.add("amount", np.array([3, 8]), lambda row: "amount: -5.00 EUR lies outside 0.00 to 9.00 EUR; mend it")
>>> print(findings.result()[0])
deals.parquet: bad-row: got amount in row 3 and 1 more (8)
  why: -5.00 EUR lies outside 0.00 to 9.00 EUR
  fix: mend it
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from attrs import define, field

from loyalty.batch.tables import Ints
from loyalty.errors import Finding, Place, SourceError
from loyalty.programme.texts import writable

#: So many further rows are named; who mends a file mends the cause.
_MOST_NAMED: Final = 9


@define
class _Fault:
    code: str
    column: str
    reason: str
    rows: list[int] = field(factory=list)
    count: int = 0


class Findings:
    """
    Collects what is wrong with one table; rows count from 0.

    Args:
        file: What the table is called in messages.
    """

    def __init__(self, file: str = "<arrow>") -> None:
        self._file = file
        self._faults: dict[Hashable, _Fault] = {}

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(
        self,
        column: str,
        rows: Ints,
        say: Callable[[int], str],
        *,
        first_row: int = 0,
        like: Hashable = None,
        code: str = "bad-row",
    ) -> None:
        """
        Note rows of one fault; none is no fault.

        Args:
            column: Where it is.
            rows: Counted from *first_row*, ascending.
            say: Gives the reason and, after a semicolon, what to write, of one of them.
            like: What tells this fault from others of the column.
        """
        if not len(rows):
            return
        key = (code, column, like)
        fault = self._faults.get(key)
        if fault is None:
            fault = self._faults[key] = _Fault(code, column, writable(say(int(rows[0]))))
        fault.count += len(rows)
        room = 1 + _MOST_NAMED - len(fault.rows)
        fault.rows += [first_row + int(row) for row in rows[:room]]

    def add_column(self, column: str, reason: str, *, code: str = "bad-column") -> None:
        """Note a fault of a column as a whole, once."""
        self._faults.setdefault((code, column, None), _Fault(code, column, writable(reason)))

    def result(self) -> tuple[Finding, ...]:
        """Give the findings in the order of the rows that they begin at, those of whole columns first."""
        faults = sorted(self._faults.values(), key=lambda fault: (fault.rows[:1], fault.column))
        return tuple(self._finding(fault) for fault in faults)

    def raise_if_any(self) -> None:
        """
        Stop where anything was found.

        Raises:
            SourceError: with every finding.
        """
        if self._faults:
            raise SourceError(self.result())

    def _finding(self, fault: _Fault) -> Finding:
        got = f"column `{fault.column}`"
        if fault.rows:
            first, *others = fault.rows
            got = f"{fault.column} in row {first}"
            if others:
                named = ", ".join(map(str, others)) + (", …" if fault.count > len(fault.rows) else "")
                got += f" and {fault.count - 1:,} more ({named})"
        reason = fault.reason.removeprefix(f"{fault.column}: ")
        why, _, fix = reason.partition("; ")
        return Finding(fault.code, Place(self._file), got, why, fix)


def said(reason: str, _: int) -> str:
    """Give a reason that is the same for every row."""
    return reason
