"""Spark moves events to their buckets by the documented hash, and ends with the digest of one process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loyalty import load
from loyalty.batch import EventTable, run
from loyalty.core.events import Event
from loyalty.errors import UsageError
from loyalty.programme.model import Programme
from tests.batch.columns import arrow_of

pytest.importorskip("pandas", reason="pandas is not installed, and pyspark needs it to move Arrow")
sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs a Java runtime, and there is none")

from loyalty.simulation.distributed.on_spark import settle_on_spark  # noqa: E402

START = 1_767_222_000_000_000
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def spark() -> Iterator[sql.SparkSession]:
    """A session on this machine alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        session = (
            sql.SparkSession.builder.master("local[2]")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.session.timeZone", "UTC")
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.fixture(scope="module")
def programme() -> Programme:
    """Ten easy rules."""
    return load(Path(__file__).parents[2] / "benchmarks" / "programmes" / "ten_rules.yaml")


def _events(person: str | None = None) -> list[Event]:
    return [
        Event(
            id=f"D-{number}",
            kind="deal.won",
            partner=f"p{number * 7 % 20}",
            person=person or f"m{number * 7 % 20}",
            occurred_at=START + number * DAY // 2,
            fields={"amount": 100_000 + 997 * number, "product": ("core", "cloud", "services")[number % 3]},
        )
        for number in range(300)
    ]


def test_spark_ends_with_the_digest_of_one_process(spark: sql.SparkSession, programme: Programme) -> None:
    """The same figures to the last integer."""
    events = _events()
    until_day = programme.calendar.day_of(events[-1].occurred_at) + 30
    frame = spark.createDataFrame(arrow_of(programme, events))
    batch = settle_on_spark(programme, frame, until_day=until_day, buckets=5)
    expected = run(programme, EventTable.from_events(programme, events), until_day=until_day)
    assert batch.digest() == expected.digest()


def test_a_person_of_two_partners_is_refused(spark: sql.SparkSession, programme: Programme) -> None:
    """Such a person would be torn into two holders."""
    frame = spark.createDataFrame(arrow_of(programme, _events("ann")))
    with pytest.raises(UsageError, match="person ann acts for"):
        settle_on_spark(programme, frame, until_day=programme.first_day + 400)
