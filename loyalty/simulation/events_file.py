"""
What a population did as one Parquet file, in the columns that are read again: what happened, and what was wished.

It is written part by part, so that a large population needs no more memory for it. What did not happen, as the response
to incentives had it, is left out, and the draws with it: settled without a response the file gives what the run gave.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from attrs import evolve

from loyalty.batch.joining import rows_of
from loyalty.batch.results import Batch
from loyalty.batch.tables import EventTable
from loyalty.batch.writing import write_table


class EventsFile:
    """
    Writes the parts of one population, one after the other.

    Args:
        path: Where; its folder is made where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        #: How many rows were written, wishes included.
        self.rows = 0
        self._writer: Any = None

    def __enter__(self) -> EventsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        if error is not None:
            # A part of the events passes for all of them.
            self.path.unlink(missing_ok=True)

    def add(self, events: EventTable, batch: Batch) -> None:
        """Write what happened in one run."""
        part = write_table(happened(events, batch), empty_columns=True)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, part.schema, compression="zstd")
        self._writer.write_table(part)
        self.rows += len(part)


def happened(events: EventTable, batch: Batch) -> EventTable:
    """Give the rows of a table that happened in a run over it, without their draws."""
    if batch.silent is not None and len(batch.silent):
        events = rows_of(events, np.delete(np.arange(len(events)), batch.silent))
    return evolve(events, chance=None)
