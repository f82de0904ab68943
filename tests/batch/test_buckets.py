"""Events in buckets settle like events in one table, however many there are and however often a run stops."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import load
from loyalty.batch import EventTable, run
from loyalty.batch.bucketed import settle_bucket, settle_buckets
from loyalty.batch.bucketing import write_buckets
from loyalty.batch.buckets import Buckets, bucket_of
from loyalty.core.events import Event
from loyalty.errors import SourceError, UsageError
from loyalty.programme.model import Programme
from loyalty.testing import histories, programmes
from tests.batch.columns import arrow_of

START = 1_767_222_000_000_000
DAY = 86_400_000_000


def deals(count: int, partners: int = 12) -> list[Event]:
    """Give deals of some partners, some of which share a person."""
    return [
        Event(
            id=f"D-{number}",
            kind="deal.won",
            partner=f"p{number * 7 % partners}",
            person="ann" if number in (0, 5) else f"m{number * 7 % partners}",
            occurred_at=START + number * DAY // 7,
            fields={"amount": 100 * number},
        )
        for number in range(count)
    ]


@given(st.data())
def test_any_number_of_buckets_gives_the_digest_of_one_table(data: st.DataObject) -> None:
    """Persons of two partners, refunds that name no partner and voids stay with what they belong to."""
    programme = data.draw(programmes())
    events = data.draw(histories(programme, max_events=12, partners=4))
    if not events:
        return
    arrow = arrow_of(programme, events, coded=data.draw(st.booleans()))
    until_day = max(programme.calendar.day_of(event.occurred_at) for event in events) + 400
    until_day = max(until_day, programme.first_day)
    expected = run(programme, EventTable.from_arrow(programme, arrow), until_day=until_day).digest()
    with TemporaryDirectory() as folder:
        buckets = write_buckets(programme, arrow, Path(folder, "buckets"), buckets=data.draw(st.integers(1, 5)))
        assert sum(buckets.rows) == len(events)
        batch = settle_buckets(programme, buckets, until_day=until_day, out=Path(folder, "out"))
    assert batch.digest() == expected


def test_the_bucket_of_a_partner_never_changes() -> None:
    """Others compute it too: the first eight hexadecimal digits of the SHA-256."""
    assert [bucket_of(name, 64) for name in ("acme", "birch", "Zürich")] == [45, 17, 30]


def test_partners_who_share_a_person_are_in_one_bucket(example: Programme, tmp_path: Path) -> None:
    """A person is one holder, for whomever it acts."""
    buckets = write_buckets(example, arrow_of(example, deals(60)), tmp_path / "buckets", buckets=16)
    with_ann = {
        number
        for number, rows in enumerate(buckets.rows)
        if rows and "ann" in pq.read_table(buckets.file(number))["person"].to_pylist()
    }
    assert len(with_ann) == 1


def test_a_run_that_is_stopped_goes_on_with_the_next_bucket(
    example: Programme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is finished stays, and is not settled again."""
    buckets = write_buckets(example, arrow_of(example, deals(60)), tmp_path / "buckets", buckets=8)
    settled: list[Path] = []

    def stop_after_two(programme: Programme, events: Path, **options: object) -> pa.Table:
        if len(settled) == 2:
            raise KeyboardInterrupt
        settled.append(events)
        return settle_bucket(programme, events, **options)

    until_day = example.first_day + 90
    monkeypatch.setattr("loyalty.batch.bucketed.settle_bucket", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        settle_buckets(example, buckets, until_day=until_day, out=tmp_path / "out")
    first = list(settled)
    settled.clear()
    monkeypatch.setattr(
        "loyalty.batch.bucketed.settle_bucket",
        lambda programme, events, **options: settled.append(events) or settle_bucket(programme, events, **options),
    )
    progress: list[tuple[int, int]] = []
    batch = settle_buckets(
        example, buckets, until_day=until_day, out=tmp_path / "out", progress=lambda *done: progress.append(done)
    )
    assert not set(first) & set(settled)
    assert len(first) + len(settled) == sum(rows > 0 for rows in buckets.rows)
    assert progress[-1] == (60, 60)
    table = EventTable.from_events(example, deals(60))
    assert batch.digest() == run(example, table, until_day=until_day).digest()


def test_results_of_another_run_are_refused_by_name(example: Programme, tmp_path: Path) -> None:
    """Neither another day nor another programme is mixed in."""
    buckets = write_buckets(example, arrow_of(example, deals(10)), tmp_path / "buckets", buckets=2)
    day = example.first_day + 30
    settle_buckets(example, buckets, until_day=day, out=tmp_path / "out")
    with pytest.raises(UsageError, match="until was '2026-01-31' and is '2026-02-01'"):
        settle_buckets(example, buckets, until_day=day + 1, out=tmp_path / "out")
    other = load(Path(__file__).parents[2] / "benchmarks" / "programmes" / "ten_rules.yaml")
    with pytest.raises(UsageError, match="programme was"):
        settle_buckets(other, buckets, until_day=day, out=tmp_path / "out")


def test_buckets_are_whole_or_not_there(example: Programme, tmp_path: Path) -> None:
    """Rows that are wrong are said with the numbers that they have in the file, and nothing is left to be settled."""
    bad = arrow_of(example, [*deals(5), Event(id="x", kind="deal.won", partner="p", occurred_at=START, fields={})])
    path = tmp_path / "deals.parquet"
    pq.write_table(bad, path)
    with pytest.raises(SourceError, match="amount in row 5"):
        write_buckets(example, path, tmp_path / "buckets", buckets=2)
    with pytest.raises(UsageError, match="holds no whole buckets"):
        Buckets.of(tmp_path / "buckets")
    assert write_buckets(example, bad.slice(0, 5), tmp_path / "buckets", buckets=2) == Buckets.of(tmp_path / "buckets")
