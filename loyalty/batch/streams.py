"""
Where Arrow comes from: frames of any library, Parquet files and folders, datasets; all are read batch by batch.

A batch is decoded while the one before it is encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from attrs import frozen

from loyalty.errors import Finding, Place, SourceError, UsageError

#: The code of a finding about a file that cannot be read.
UNREADABLE: Final = "parquet"

#: What such a finding got that never was Parquet.
NO_PARQUET: Final = "a file that is no Parquet"

#: Rows that are decoded at a time, where the caller does not say how many.
_BATCH_ROWS: Final = 1 << 20


@frozen(eq=False)
class Stream:
    """
    Batches of rows of one schema.

    Attributes:
        name: What it is called in messages.
        rows: How many rows come, or None where nobody knows.
        batches: Gives the batches with these columns alone; those of the second list as codes where they are text.
    """

    name: str
    schema: pa.Schema
    rows: int | None
    batches: Callable[[Sequence[str], Sequence[str]], Iterator[pa.RecordBatch]]


def open_stream(data: Any, batch_rows: int = _BATCH_ROWS) -> Stream:
    """
    Open whatever holds Arrow.

    Args:
        data: See :func:`loyalty.batch.tables.EventTable.from_arrow`.
        batch_rows: So many rows of a Parquet file are decoded at a time.

    Raises:
        SourceError: a path with nothing at it, or with something that is no Parquet.
        UsageError: *data* is nothing of the kind.
    """
    if isinstance(data, str | Path):
        return open_parquet(parquet_files(Path(data)), str(data), batch_rows)
    if isinstance(data, ds.Dataset):
        return Stream(
            "<dataset>", data.schema, None, lambda columns, _: iter(data.scanner(columns=list(columns)).to_reader())
        )
    if hasattr(data, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(data)
        return Stream("<arrow>", reader.schema, None, lambda columns, _: _selected(reader, columns))
    raise UsageError(
        f"got {type(data).__name__} for a table of events; give something with __arrow_c_stream__ (a frame of pyarrow, "
        "Polars, pandas or DuckDB), the path of a Parquet file or folder, or a pyarrow dataset"
    )


def parquet_files(path: Path) -> list[Path]:
    """
    Give the Parquet files at a path, in the order of their names; a folder is searched with all below it.

    Raises:
        SourceError: there are none.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.parquet") if not file.name.startswith(("_", ".")))
    else:
        files = [path] if path.is_file() else []
    if not files:
        why = "the folder has no file that ends in .parquet" if path.is_dir() else "there is nothing at this path"
        raise SourceError([Finding("no-file", Place(str(path)), "no file", why, "check the path")])
    return files


def open_parquet(files: Sequence[Path], name: str, batch_rows: int = _BATCH_ROWS) -> Stream:
    """
    Open Parquet files of one schema as one stream.

    Raises:
        SourceError: a file is no Parquet, or has other columns than the first.
    """
    schemas, rows = [], 0
    for file in files:
        try:
            with pq.ParquetFile(file) as opened:
                schemas.append(opened.schema_arrow)
                rows += opened.metadata.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(file, NO_PARQUET, error) from error
        if set(schemas[-1].names) != set(schemas[0].names):
            other = ", ".join(sorted(set(schemas[-1].names) ^ set(schemas[0].names)))
            why = f"{files[0].name} and this file differ in the columns {other}"
            raise SourceError([Finding("parquet", Place(str(file)), "other columns", why, "give each file the same")])

    def batches(columns: Sequence[str], coded: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return _ahead(_decoded(files, columns, coded, batch_rows))

    return Stream(name, schemas[0], rows, batches)


def _decoded(
    files: Sequence[Path], columns: Sequence[str], coded: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    for file in files:
        try:
            # What is read ahead of a file on a disk is kept until its end, so that the whole file would be held.
            with pq.ParquetFile(file, read_dictionary=list(coded), pre_buffer=False) as opened:
                for batch in opened.iter_batches(batch_size=batch_rows, columns=list(columns)):
                    yield batch.select(list(columns))
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(file, "a Parquet file that is damaged", error) from error


def _unreadable(file: Path, got: str, error: Exception) -> SourceError:
    return SourceError([Finding(UNREADABLE, Place(str(file)), got, str(error), "write it again")])


def _selected(reader: pa.RecordBatchReader, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        yield batch.select(list(columns))


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give the batches while another thread decodes the next."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
