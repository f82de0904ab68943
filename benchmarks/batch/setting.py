"""One benchmark's file, its columns packed for both sides, and the two ways to settle them."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from attrs import define

from benchmarks.batch.data import EVENTS, PROGRAMMES, default_folder, made, programme
from benchmarks.batch.totals import Totals, differences
from loyalty.batch.results import Batch
from loyalty.batch.running import run
from loyalty.batch.tables import EventTable
from loyalty.core.calendar import FIRST_DAY, parse_day
from loyalty.programme.loading import loads
from loyalty.programme.model import Programme

FIRST_MONTH, MONTHS = 2025 * 12, 24
UNTIL_DAY = parse_day("2026-12-31")


def missing(*modules: str) -> str:
    """Give why figures that need these modules are skipped, or ""."""
    absent = [module for module in modules if not importlib.util.find_spec(module)]
    return f"{absent[0]} is not installed; pip install 'loyalty-engine[sim,bench]'" if absent else ""


def file_of(name: str, folder: Path | None, events: int | None) -> Path:
    """Give the file of a benchmark, made at the first time."""
    return made(name, folder or default_folder(), events or EVENTS)


@define(eq=False)
class Setting:
    """
    A programme, the columns of its file, and the same packed for the twin.

    Attributes:
        file: Where its events are.
        threads: How many run at once, on both sides.
    """

    name: str
    file: Path
    programme: Programme
    table: EventTable
    threads: int
    _packed: Any

    @classmethod
    def of(cls, name: str, folder: Path | None = None, events: int | None = None) -> Setting:
        """Read the file of a benchmark, and pack it for the twin."""
        own = programme(name)
        file = file_of(name, folder, events)
        table = EventTable.from_arrow(own, file)
        return cls(name, file, own, table, os.cpu_count() or 1, _packed_by_hand(name, table))

    def settle(self, own: Programme | None = None) -> Batch:
        """Settle by the library; what was packed for the table before is used again."""
        return run(own or self.programme, self.table, until_day=UNTIL_DAY, threads=self.threads)

    def settle_alone(self, own: Programme) -> Batch:
        """Settle by the library a table that nothing was packed for."""
        return run(own, _again(self.table), until_day=UNTIL_DAY, threads=self.threads)

    def settle_by_hand(self) -> tuple[Totals, ...]:
        """Settle by the twin."""
        if self.name == "easy":
            from benchmarks.batch import easy_twin

            return (easy_twin.settle(self._packed, FIRST_MONTH, MONTHS, UNTIL_DAY, self.threads),)
        from benchmarks.batch import hard_twin

        partners, people = self._packed
        return hard_twin.settle(partners, people, MONTHS, UNTIL_DAY, self.threads)

    def require_agreement(self) -> None:
        """See that both give the same totals; nothing is timed before."""
        different = differences(self.settle(), self.settle_by_hand())
        if different:
            raise AssertionError(f"the kernel and its hand-written twin differ in {', '.join(different)}")


def variant(name: str, number: int) -> Programme:
    """Give the programme of a benchmark with one rate changed, a different one for each number."""
    text = PROGRAMMES[name].read_text(encoding="utf-8")
    return loads(text.replace("1 per 100 EUR", f"1 per {101 + number} EUR"))


def _packed_by_hand(name: str, table: EventTable) -> Any:
    import numpy as np

    starts = np.array(table.programme.calendar.starts_us)
    days = np.searchsorted(starts, table.at, side="right") - 1 + FIRST_DAY
    if name == "easy":
        from benchmarks.batch import easy_twin

        return easy_twin.Packed.of(table, days)
    from benchmarks.batch import hard_twin

    return hard_twin.Packed.of_table(table, days)


def _again(table: EventTable) -> EventTable:
    from attrs import evolve

    return evolve(table)
