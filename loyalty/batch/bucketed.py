"""
Settling bucket by bucket: as little memory as one bucket takes, and a run that goes on where it was stopped.

>>> from loyalty.batch.packets import SCHEMA
>>> SCHEMA.names
['name', 'shape', 'numbers', 'texts']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve

from loyalty.batch.buckets import FORM, Buckets, read_manifest, write_manifest
from loyalty.batch.packets import batch_of, packet_of
from loyalty.batch.response import Response
from loyalty.batch.results import Batch, together
from loyalty.batch.running import run
from loyalty.batch.streams import UNREADABLE
from loyalty.batch.tables import EventTable
from loyalty.batch.uncounted import uncounted
from loyalty.core.calendar import format_day
from loyalty.errors import SourceError, UsageError
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of

_MANIFEST: Final = "results.json"


def settle_bucket(
    programme: Programme,
    events: Any,
    *,
    until_day: int,
    response: Response | None = None,
    kernel: bool | None = None,
    threads: int | None = None,
) -> pa.Table:
    """
    Settle whole histories of some partners: Arrow in, Arrow out, and nothing else.

    Args:
        programme: A checked programme.
        events: What :meth:`EventTable.from_arrow` reads: all events of these partners, and of none of their persons
            in other buckets.
        until_day: The day through which everything happens.
        response: How events with a draw respond to incentives.
        kernel: As for :func:`~loyalty.batch.running.run`.
        threads: As for :func:`~loyalty.batch.running.run`.

    Returns:
        The totals in the schema :data:`loyalty.batch.packets.SCHEMA`; :func:`merged` puts those of buckets together.

    Raises:
        SourceError: with everything that is wrong with the events.
    """
    table = EventTable.from_arrow(programme, events)
    batch = run(programme, table, until_day=until_day, response=response, kernel=kernel, threads=threads)
    return packet_of(evolve(batch, uncounted=uncounted(table)))


def merged(programme: Programme, packets: Iterable[pa.Table]) -> Batch:
    """Put the results of buckets together, as one run over all events gives them, in whatever order they come."""
    return together([batch_of(programme, packet) for packet in packets])


def settle_buckets(
    programme: Programme,
    buckets: Buckets,
    *,
    until_day: int,
    out: Path | str,
    response: Response | None = None,
    kernel: bool | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Batch:
    """
    Settle buckets one after the other, and keep each result: what is stopped goes on with the next bucket.

    Args:
        programme: The one under which the buckets were written, or one of other rules for the same events.
        buckets: Where the events are.
        until_day: The day through which everything happens.
        out: The folder of the results.
        response: How events with a draw respond to incentives.
        kernel: As for :func:`~loyalty.batch.running.run`.
        threads: As for :func:`~loyalty.batch.running.run`.
        progress: Called with how many rows are settled and how many there are.

    Raises:
        UsageError: the folder has results of another run (the message says what differs), or a bucket is damaged.
    """
    results = Results(Path(out), programme, buckets, until_day, response)
    results.open()
    done = 0
    for number, rows in enumerate(buckets.rows):
        if rows and not results.has(number):
            results.keep(
                number,
                settle_file(
                    programme,
                    buckets,
                    number,
                    until_day=until_day,
                    response=response,
                    kernel=kernel,
                    threads=threads,
                ),
            )
        done += rows
        if progress is not None:
            progress(done, sum(buckets.rows))
    return merged(programme, results.packets())


def settle_file(programme: Programme, buckets: Buckets, number: int, **options: Any) -> pa.Table:
    """
    Settle one bucket from its file, as :func:`settle_bucket` does.

    Raises:
        SourceError: with everything that is wrong with the events.
        UsageError: the file is damaged or gone, which is not to be mended in the events.
    """
    try:
        return settle_bucket(programme, buckets.file(number), **options)
    except SourceError as error:
        if {finding.code for finding in error.findings} <= {UNREADABLE, "no-file"}:
            raise UsageError(
                f"the bucket {buckets.file(number)} cannot be read: {error.findings[0].why}; remove the folder "
                f"{buckets.folder} and write the buckets again; results that are kept stay as they are"
            ) from error
        raise


class Results:
    """
    The results of buckets in a folder, and what they are results of.

    Args:
        folder: Made where it does not exist.
        programme: Under which the buckets are settled.
        buckets: What is settled.
        until_day: Through which day.
        response: How events respond to incentives.
    """

    def __init__(
        self, folder: Path, programme: Programme, buckets: Buckets, until_day: int, response: Response | None = None
    ) -> None:
        self._folder, self._buckets = folder, buckets
        self._run = {
            "form": FORM,
            "programme": chain_of(programme),
            "until": format_day(until_day),
            "buckets": len(buckets.rows),
            "events": {**buckets.source, "revision": buckets.revision},
            "response": [] if response is None else response.elasticity.tolist(),
        }

    def open(self) -> None:
        """
        Begin, or go on with what was begun.

        Raises:
            UsageError: the folder has results of another run.
        """
        path = self._folder / _MANIFEST
        kept = read_manifest(path)
        if kept is not None:
            for name, value in self._run.items():
                if kept.get(name) != value:
                    raise UsageError(
                        f"{self._folder} has results of another run: {name} was {kept.get(name)!r} and is {value!r}; "
                        "take another folder, or remove this one"
                    )
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        write_manifest(path, self._run)

    def has(self, number: int) -> bool:
        """Whether a bucket is settled; a result that cannot be read whole is none."""
        try:
            pq.read_table(self._file(number))
        except (pa.ArrowInvalid, OSError):
            return False
        return True

    def keep(self, number: int, packet: pa.Table) -> None:
        """Keep the result of a bucket, whole or not at all."""
        half = self._file(number).with_suffix(".half")
        pq.write_table(packet, half, compression="zstd")
        half.replace(self._file(number))

    def open_buckets(self) -> list[int]:
        """Give the buckets that are still to be settled; those without a row are not."""
        return [number for number, rows in enumerate(self._buckets.rows) if rows and not self.has(number)]

    def packets(self) -> Iterator[pa.Table]:
        """Give the results that are kept."""
        for number, rows in enumerate(self._buckets.rows):
            if rows:
                yield pq.read_table(self._file(number))

    def _file(self, number: int) -> Path:
        return self._folder / f"result-{number:05}.parquet"
