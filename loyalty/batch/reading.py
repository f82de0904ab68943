"""
Tables of events from Arrow, whatever holds them.

What is read is encoded batch by batch, so that memory is what the columns of whole numbers take and one batch more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loyalty.batch.encoding import Encoder
from loyalty.batch.findings import Findings
from loyalty.batch.joining import joined
from loyalty.batch.memory import give_back
from loyalty.batch.streams import Stream, open_stream
from loyalty.batch.tables import EventTable
from loyalty.programme.model import Programme


def read_table(
    programme: Programme,
    data: Any,
    *,
    ignore: Collection[str] = (),
    progress: Callable[[int], None] | None = None,
) -> EventTable:
    """
    Read events as :meth:`~loyalty.batch.tables.EventTable.from_arrow` says.

    Args:
        progress: Called with the number of rows that are read.
    """
    stream = open_stream(data)
    findings = Findings(stream.name)
    encoder = Encoder(programme, findings, ignore, stream.rows)
    _encode(stream, encoder, progress)
    give_back()
    table = joined(programme, encoder, findings)
    del encoder
    give_back()
    return table


def _encode(stream: Stream, encoder: Encoder, progress: Callable[[int], None] | None) -> None:
    """Encode all batches, of which none is held afterwards."""
    columns = encoder.wanted(stream.schema)
    for batch in stream.batches(columns, encoder.coded(stream.schema)):
        encoder.encode(batch, encoder.rows)
        if progress is not None:
            progress(encoder.rows)


def has_event_columns(path: str) -> bool:
    """
    Tell whether a file is Parquet in the columns that :func:`read_table` reads, and not in those that are read by row.

    A file that is no Parquet is not, and whoever reads it row by row says so.
    """
    if not path.endswith(".parquet"):
        return False
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowInvalid, OSError):
        return False
    return "occurred_at" in names
