"""
Parquet: typed columns. Decimals and whole numbers are exact; binary numbers are read as in a workbook.

A timestamp with a zone is an instant, one without is local to the programme. It needs pyarrow (the extra ``sim``),
which is imported when the first file is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loyalty.sources.tables import Row, Table, check_header, flatten, refusal

_BATCH_ROWS = 10_000


def open_parquet(path: Path) -> Table:
    """
    Open a Parquet file, read batch by batch.

    Raises:
        SourceError: pyarrow is not installed, it is no Parquet file, or a column cannot be read.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        fix = 'pip install "loyalty-engine[sim]", or export the file as CSV or JSON Lines'
        raise refusal(path, "missing-extra", "a Parquet file", "reading it needs pyarrow", fix) from error
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise refusal(path, "parquet", "a file that is no Parquet", str(error), "write it again") from error
    schema = file.schema_arrow
    check_header(path, list(schema.names), line=0)
    nested = any(pa.types.is_nested(column.type) for column in schema)
    return Table(columns=None if nested else tuple(schema.names), rows=_rows(path, file, pa))


def _rows(path: Path, file: Any, pa: Any) -> Iterator[Row]:
    line = 0
    with file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            try:
                records = _microseconds(batch, pa).to_pylist()
            except (pa.ArrowInvalid, ValueError, OverflowError) as error:
                fix = "write timestamps in microseconds, and dates in the years 1 to 9999"
                raise refusal(path, "parquet", "a value that cannot be read", str(error), fix) from error
            for record in records:
                line += 1
                if cells := flatten(record):
                    yield Row(line=line, cells=cells)


def _microseconds(batch: Any, pa: Any) -> Any:
    """Give timestamps in the unit of instants; one that would lose digits fails."""
    columns = []
    for column in batch.columns:
        is_finer = pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        columns.append(column.cast(pa.timestamp("us", column.type.tz)) if is_finer else column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
