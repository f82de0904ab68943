"""What processes do that are to load kernels; numba tells each compilation of a function as an event."""

from __future__ import annotations

from typing import Any

from loyalty import loads
from loyalty.batch import EventTable, run
from loyalty.core.events import Event
from loyalty.settlement.settle import EXAMPLE

_compiled: list[str] = []


def watch_compiling() -> None:
    """Note from now on which functions this process compiles."""
    from numba.core import event

    class Watching(event.Listener):
        def on_start(self, event: Any) -> None:
            _compiled.append(event.data["dispatcher"].py_func.__name__)

        def on_end(self, event: Any) -> None:
            """What matters is that it began."""

    event.register("numba:compile", Watching())


def compiled_here() -> list[str]:
    """Give the names of the functions that this process compiled since it was watched."""
    return list(_compiled)


def settled() -> tuple[str, list[str]]:
    """Settle one deal compiled; give the digest and what this process compiled for it."""
    watch_compiling()
    programme = loads(EXAMPLE.replace("id: example", "id: kept"))
    deal = Event(id="D", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000, fields={"amount": 25_000})
    table = EventTable.from_events(programme, [deal])
    return run(programme, table, until_day=20_600, kernel=True).digest(), compiled_here()


def made_ready(source: str, barrier: Any) -> tuple[int, list[str]]:
    """Call a small module when all others do, too."""
    from loyalty.batch.kept import module_of, ready

    watch_compiling()
    module = module_of(source)
    barrier.wait()
    ready(module.settle, 1)
    return module.settle(1), compiled_here()
