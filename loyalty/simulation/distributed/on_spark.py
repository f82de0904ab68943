"""
Buckets on Spark, for events that live in a lakehouse: ``groupBy(bucket).applyInArrow``.

Spark moves the events to where they are settled, so nothing has to be written into buckets before. It needs the extra
``spark`` and a Java runtime.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from loyalty.batch.bucketed import merged, settle_bucket
from loyalty.batch.response import Response
from loyalty.batch.results import Batch
from loyalty.errors import UsageError
from loyalty.programme.model import Programme

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

#: The column that says the bucket while events travel.
_BUCKET: Final = "@bucket"

#: A packet in the words of Spark.
_SCHEMA: Final = "name string, shape array<bigint>, numbers array<bigint>, texts array<string>, bucket int"


def settle_on_spark(
    programme: Programme,
    events: DataFrame,
    *,
    until_day: int,
    buckets: int = 64,
    response: Response | None = None,
    kernel: bool | None = None,
) -> Batch:
    """
    Settle a Spark DataFrame of events.

    Args:
        programme: A checked programme.
        events: The columns of ``docs/reference/arrow-events.md``. Every event names its partner, what speaks of another
            names that of the other, and no person acts for two partners: Spark asks nobody who belongs together.
        until_day: The day through which everything happens.
        buckets: Into how many parts the partners are put; one of them has to fit in a worker's memory.
        response: How events with a draw respond to incentives.
        kernel: As for :func:`~loyalty.batch.running.run`.

    Raises:
        UsageError: an event names no partner, or a person acts for two.
    """
    from pyspark.sql import functions as f

    if events.filter(f.col("partner").isNull() | (f.col("partner") == "")).limit(1).count():
        raise UsageError(
            "an event names no partner, and Spark would put it anywhere; fill in that of what it speaks of"
        )
    if "person" in events.columns:
        employers = events.groupBy("person").agg(f.min("partner").alias("one"), f.max("partner").alias("other"))
        torn = employers.filter(f.col("person").isNotNull() & (f.col("one") != f.col("other"))).limit(1).collect()
        if torn:
            raise UsageError(
                f"person {torn[0]['person']} acts for {torn[0]['one']} and {torn[0]['other']}, and is one holder; "
                "write the events into buckets with write_buckets, which keeps them together"
            )
    # The documented hash: the first eight hexadecimal digits of the SHA-256.
    digits = f.conv(f.substring(f.sha2(f.encode(f.col("partner"), "UTF-8"), 256), 1, 8), 16, 10)
    placed = events.withColumn(_BUCKET, (digits.cast("bigint") % buckets).cast("int"))
    settled = placed.groupBy(_BUCKET).applyInArrow(
        _settler(programme, {"until_day": until_day, "response": response, "kernel": kernel}), _SCHEMA
    )
    table = settled.toArrow()
    numbers = sorted(set(table["bucket"].to_pylist()))
    parts = [table.filter(pa.compute.equal(table["bucket"], number)).drop_columns("bucket") for number in numbers]
    return merged(programme, parts)


def _settler(programme: Programme, options: dict[str, Any]) -> Callable[[Any, pa.Table], pa.Table]:
    """Give what a worker does with the events of a bucket."""

    def settle(key: Any, table: pa.Table) -> pa.Table:
        packet = settle_bucket(programme, table.drop_columns(_BUCKET), threads=1, **options)
        bucket = pa.array([key[0].as_py()] * len(packet), pa.int32())
        columns = [packet["name"], *(_narrow(packet[name]) for name in ("shape", "numbers", "texts")), bucket]
        return pa.table(columns, names=["name", "shape", "numbers", "texts", "bucket"])

    return settle


def _narrow(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give lists with offsets of 32 bits, which is what Spark takes."""
    return lists.cast(pa.list_(lists.type.value_type))
