"""
Writing events into buckets, one batch after the other: any number of rows in bounded memory.

The file is read twice, once to learn who belongs together and once to check and to write; once more where events speak
of others. What grows with the file is a few numbers for each partner, person, and event that another speaks of.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve

from loyalty.batch.belonging import Places
from loyalty.batch.buckets import Buckets
from loyalty.batch.encoding import Encoder
from loyalty.batch.findings import Findings
from loyalty.batch.streams import Stream, open_stream
from loyalty.batch.tables import Ints
from loyalty.errors import UsageError
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of

#: Called with how many rows are done and how many there are; a row counts when it is read and when it is written.
Progress = Callable[[int, int | None], None]

#: Rows that are read and written at a time: few, since each column is held several times on the way.
_BATCH_ROWS: Final = 3 << 16

#: A column whose dictionary is longer than this is written as plain text, of which the writer makes one of its own.
_LONG_DICTIONARY: Final = 1000


def write_buckets(
    programme: Programme,
    data: Any,
    folder: Path | str,
    *,
    buckets: int = 64,
    ignore: Collection[str] = (),
    progress: Progress | None = None,
) -> Buckets:
    """
    Check events and write them into buckets.

    Args:
        programme: What declares the kinds.
        data: As for :meth:`EventTable.from_arrow`, but something that can be read twice: a path, a dataset or a table.
        folder: Where to; what an interrupted run left there is written again.
        buckets: How many; so many that one of them is settled in the memory that there is.
        ignore: Columns that are left out.
        progress: See :data:`Progress`.

    Raises:
        SourceError: with everything that is wrong with the rows; an identity that comes twice is found in settling.
        UsageError: rows speak of each other by number, or the folder has other buckets.
    """
    if not 1 <= buckets <= 100_000:
        raise UsageError(f"got {buckets} buckets; take 1 to 100000")
    if isinstance(data, pa.RecordBatchReader):
        raise UsageError("a stream can be read once, and buckets need two readings; give a table, a path or a dataset")
    folder = Path(folder)
    if Buckets.at(folder) is not None:
        raise UsageError(f"{folder} has buckets already; settle them, or take another folder")
    stream = open_stream(data, _BATCH_ROWS)
    findings = Findings(stream.name)
    encoder = Encoder(programme, findings, ignore)
    columns = encoder.wanted(stream.schema)
    if encoder.numbered:
        raise UsageError("rows that speak of each other by number lose it in buckets; give the events ids")
    as_codes = encoder.coded(stream.schema)
    readings = 3 if "of" in columns else 2
    count = _Counted(stream.rows, readings, progress)
    places = Places(buckets)
    wanted = [name for name in columns if name in ("partner", "person", "source", "of")]
    for batch in count.over(stream.batches(wanted, [name for name in as_codes if name in wanted])):
        places.learn(batch)
    places.join()
    if readings == 3:
        wanted = [name for name in columns if name in ("partner", "source", "id", "of")]
        for batch in count.over(
            open_stream(data, _BATCH_ROWS).batches(wanted, [name for name in as_codes if name in wanted])
        ):
            places.learn_origins(batch)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = Buckets(
        folder=folder,
        revision=chain_of(programme),
        source=source_of(data, stream),
        rows=(0,) * buckets,
        last_at=programme.calendar.day_start_us(programme.first_day),
    )
    counts = np.zeros(buckets, np.int64)
    first_row = 0
    with ExitStack() as stack:
        writers: dict[int, pq.ParquetWriter] = {}
        for batch in count.over(open_stream(data, _BATCH_ROWS).batches(columns, as_codes)):
            encoder.encode(batch, first_row)
            encoder.forget(first_row)
            first_row += len(batch)
            if not findings:
                number = places.of(batch)
                counts += np.bincount(number, minlength=buckets)
                _append(made, batch, number, writers, stack)
    findings.raise_if_any()
    finished = evolve(made, rows=tuple(counts.tolist()), last_at=max(made.last_at, encoder.last_at))
    finished.save()
    return finished


def source_of(data: Any, stream: Stream) -> dict[str, Any]:
    """Give what tells a source from others: its name, how many rows and how many bytes it has."""
    found: dict[str, Any] = {"name": stream.name, "rows": stream.rows}
    if isinstance(data, str | Path):
        path = Path(data)
        found["name"] = path.name
        files = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
        found["bytes"] = sum(file.stat().st_size for file in files)
    return found


class _Counted:
    """Counts the rows of all readings."""

    def __init__(self, rows: int | None, readings: int, progress: Progress | None) -> None:
        self._total = None if rows is None else rows * readings
        self._progress = progress
        self._done = 0

    def over(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            self._done += len(batch)
            if self._progress is not None:
                self._progress(self._done, self._total)


def _append(
    made: Buckets, batch: pa.RecordBatch, number: Ints, writers: dict[int, pq.ParquetWriter], stack: ExitStack
) -> None:
    """Write the rows of a batch to the files of their buckets, in their order."""
    order = np.argsort(number, kind="stable")
    columns = [_short(column) for column in batch.columns]
    table = pa.table(columns, names=batch.schema.names).take(pa.array(order))
    ends = np.cumsum(np.bincount(number, minlength=len(made.rows)))
    for bucket in np.unique(number).tolist():
        start = int(ends[bucket - 1]) if bucket else 0
        part = table.slice(start, int(ends[bucket]) - start)
        if bucket not in writers:
            # A bucket is read whole; what is known of each of its parts would stay in memory until the end.
            writers[bucket] = stack.enter_context(
                pq.ParquetWriter(
                    made.file(bucket), part.schema, compression="zstd", compression_level=1, write_statistics=False
                )
            )
        writers[bucket].write_table(part.cast(writers[bucket].schema))


def _short(column: pa.Array) -> pa.Array:
    """Give a column without a long dictionary, which would be written again with every part."""
    is_long = pa.types.is_dictionary(column.type) and len(column.dictionary) > _LONG_DICTIONARY
    return column.dictionary_decode() if is_long else column
