"""
Buckets on a Dask cluster: one task a bucket, each of which any worker can do again.

A worker reads its bucket and writes its result where all of them can: a shared folder. What a worker that dies has
finished is kept; what it had not is given to another. It needs the extra ``dask``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loyalty.batch.bucketed import Results, merged, settle_file
from loyalty.batch.buckets import Buckets
from loyalty.batch.response import Response
from loyalty.batch.results import Batch
from loyalty.errors import UsageError
from loyalty.programme.model import Programme

if TYPE_CHECKING:
    from distributed import Client

#: So long a scheduler is waited for.
_PATIENCE_SECONDS: Final = 5


def settle_on_dask(
    client: Client,
    programme: Programme,
    buckets: Buckets,
    *,
    until_day: int,
    out: Path | str,
    response: Response | None = None,
    kernel: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Batch:
    """
    Settle buckets on the workers of a cluster.

    Args:
        client: A client of the cluster, whose workers have this library installed and see the folders.
        programme: A checked programme.
        buckets: Where the events are.
        until_day: The day through which everything happens.
        out: The folder of the results; a run that was stopped goes on there, on whatever machine.
        response: How events with a draw respond to incentives.
        kernel: As for :func:`~loyalty.batch.running.run`.
        progress: Called with how many rows are settled and how many there are.

    Raises:
        SourceError: with everything that is wrong with the events of a bucket.
        UsageError: dask is not installed, or the folder has results of another run.
    """
    cluster = _distributed()
    results = Results(Path(out), programme, buckets, until_day, response)
    results.open()
    task = _Task(programme, buckets, results, {"until_day": until_day, "response": response, "kernel": kernel})
    open_buckets = results.open_buckets()
    done = sum(buckets.rows) - sum(buckets.rows[number] for number in open_buckets)
    # The programme travels once to each worker, and not with each bucket.
    # Dask has no types of its own.
    dask: Any = client
    shared = dask.scatter(task, broadcast=True, hash=False)
    futures = {
        dask.submit(_settle, shared, number, key=f"settle-{id(task)}-{number}", pure=False): number
        for number in sorted(open_buckets, key=lambda number: -buckets.rows[number])
    }
    try:
        for future in cluster.as_completed(list(futures)):
            # What went wrong in a bucket is raised here.
            future.result()
            done += buckets.rows[futures[future]]
            if progress is not None:
                progress(done, sum(buckets.rows))
    except BaseException:
        dask.cancel(list(futures))
        raise
    return merged(programme, results.packets())


def connected(address: str) -> Client:
    """
    Give a client of the cluster whose scheduler is at an address.

    Raises:
        UsageError: dask is not installed, or no scheduler answers there.
    """
    try:
        client: Client = _distributed().Client(address, timeout=_PATIENCE_SECONDS)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address!r} within {_PATIENCE_SECONDS} seconds; check the address, such as "
            "tcp://host:8786, and that `dask scheduler` runs there"
        ) from error
    return client


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UsageError("settling on Dask needs distributed; run pip install 'loyalty-engine[dask]'") from error
    return distributed


class _Task:
    """What all buckets have in common."""

    def __init__(self, programme: Programme, buckets: Buckets, results: Results, options: dict[str, Any]) -> None:
        self.programme, self.buckets, self.results, self.options = programme, buckets, results, options


def _settle(task: _Task, number: int) -> int:
    """Settle one bucket on a worker: on one thread, since a worker has a task for each."""
    if not task.results.has(number):
        packet = settle_file(task.programme, task.buckets, number, threads=1, **task.options)
        task.results.keep(number, packet)
    return number
