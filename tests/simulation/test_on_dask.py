"""A cluster of two worker processes gives the digest of one process, also where one of them is killed in mid-run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from loyalty import load
from loyalty.batch import EventTable, run
from loyalty.batch.bucketed import settle_buckets
from loyalty.batch.bucketing import write_buckets
from loyalty.core.events import Event
from loyalty.errors import UsageError
from loyalty.programme.model import Programme
from tests.batch.columns import arrow_of
from tests.batch.watching import compiled_here, watch_compiling

distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")

from loyalty.simulation.distributed.on_dask import settle_on_dask  # noqa: E402

START = 1_767_222_000_000_000
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def programme() -> Programme:
    """Ten easy rules."""
    return load(Path(__file__).parents[2] / "benchmarks" / "programmes" / "ten_rules.yaml")


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Deals and certifications of sixty partners over a year and a half."""
    return [
        Event(
            id=f"D-{number}",
            kind="deal.won",
            partner=f"p{number * 7 % 60}",
            person=f"m{number * 7 % 60}",
            occurred_at=START + number * DAY // 5,
            fields={"amount": 100_000 + 997 * number, "product": ("core", "cloud", "services")[number % 3]},
        )
        for number in range(2_400)
    ]


@pytest.fixture
def cluster() -> Iterator[distributed.LocalCluster]:
    """Two worker processes on the loopback."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster


def test_workers_load_what_one_process_compiled(
    programme: Programme, events: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker of a cluster compiles a kernel that lies on the disk of its machine."""
    pytest.importorskip("numba", reason="needs the [sim] extra: pip install 'loyalty-engine[sim]'")
    monkeypatch.setenv("LOYALTY_CACHE", str(tmp_path / "kernels"))
    until_day = programme.first_day + 400
    buckets = write_buckets(programme, arrow_of(programme, events), tmp_path / "buckets", buckets=3)
    # This process may have compiled the same for another test, and would leave nothing in the folder.
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        settle_here = partial(settle_buckets, until_day=until_day, out=tmp_path / "here", kernel=True)
        here = apart.submit(settle_here, programme, buckets).result()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(watch_compiling)
        there = settle_on_dask(client, programme, buckets, until_day=until_day, out=tmp_path / "there", kernel=True)
        compiled = client.run(compiled_here)
    assert there.digest() == here.digest()
    assert len(compiled) == 2
    assert not any(compiled.values())


def test_a_worker_that_is_killed_in_mid_run_changes_nothing(
    cluster: distributed.LocalCluster, programme: Programme, events: list[Event], tmp_path: Path
) -> None:
    """The other does what it had not finished; the digest is that of one process, and a second run does nothing."""
    until_day = programme.calendar.day_of(events[-1].occurred_at) + 30
    expected = run(programme, EventTable.from_events(programme, events), until_day=until_day).digest()
    buckets = write_buckets(programme, arrow_of(programme, events), tmp_path / "buckets", buckets=24)
    killed: list[int] = []
    seen: list[int] = []
    with distributed.Client(cluster) as client:
        workers = client.run(os.getpid)

        def kill_one(done: int, total: int) -> None:
            seen.append(done)
            if not killed and done < total:
                killed.append(next(iter(workers.values())))
                os.kill(killed[0], signal.SIGKILL)

        batch = settle_on_dask(client, programme, buckets, until_day=until_day, out=tmp_path / "out", progress=kill_one)
        assert batch.digest() == expected
        assert killed
        assert seen[0] < len(events)
        assert seen[-1] == len(events)
        again: list[tuple[int, int]] = []
        batch = settle_on_dask(
            client,
            programme,
            buckets,
            until_day=until_day,
            out=tmp_path / "out",
            progress=lambda *done: again.append(done),
        )
    assert batch.digest() == expected
    assert not again
    assert settle_buckets(programme, buckets, until_day=until_day, out=tmp_path / "alone").digest() == expected


def test_what_is_wrong_in_a_bucket_is_raised_by_the_run(
    cluster: distributed.LocalCluster, programme: Programme, events: list[Event], tmp_path: Path
) -> None:
    """Results of another run are refused before any worker is asked."""
    buckets = write_buckets(programme, arrow_of(programme, events[:50]), tmp_path / "buckets", buckets=2)
    with distributed.Client(cluster) as client:
        settle_on_dask(client, programme, buckets, until_day=programme.first_day + 600, out=tmp_path / "out")
        with pytest.raises(UsageError, match="until was"):
            settle_on_dask(client, programme, buckets, until_day=programme.first_day + 700, out=tmp_path / "out")
        buckets.file(0).write_bytes(b"no Parquet")
        with pytest.raises(UsageError, match=r"remove the folder .* and write the buckets again"):
            settle_on_dask(client, programme, buckets, until_day=programme.first_day + 600, out=tmp_path / "new")
