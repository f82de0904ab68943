"""
Several clients at once, each a process with a connection of its own.

A client waits with its part arranged until all are told to begin; the time runs until the last one is through.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.ledger.sides import Side, Totals
from benchmarks.ledger.workload import Award

#: Asks a client for what was written.
_TOTALS = "totals"

#: How long a client may take for one part; past it something hangs.
_PATIENCE_SECONDS = 300


class Clients:
    """
    One side in several processes.

    Args:
        join: Opens the side in a client's process; it is sent there, so it is a function of a module or a part of one.
        count: How many clients there are.
    """

    def __init__(self, join: Callable[[], Side], count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(join, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self._wait()

    def prepare(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:
        """Have every client arrange its part, and give the call that lets all post at once."""
        size = -(-len(awards) // len(self._pipes))
        for number, pipe in enumerate(self._pipes):
            pipe.send((awards[number * size : (number + 1) * size], per_commit))
        self._wait()

        def post() -> None:
            for pipe in self._pipes:
                pipe.send(None)
            self._wait()

        return post

    def totals(self) -> Totals:
        """Say what was written by all together."""
        self._pipes[0].send(_TOTALS)
        totals: Totals = self._answer(self._pipes[0])
        return totals

    def close(self) -> None:
        """End the clients."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(_PATIENCE_SECONDS)

    def _wait(self) -> None:
        for pipe in self._pipes:
            self._answer(pipe)

    def _answer(self, pipe: Any) -> Any:
        if not pipe.poll(_PATIENCE_SECONDS):
            raise TimeoutError(f"a client was not through after {_PATIENCE_SECONDS} s")
        failure, answer = pipe.recv()
        if failure is not None:
            raise RuntimeError(f"a client failed: {failure}")
        return answer


def _serve(join: Callable[[], Side], pipe: Any) -> None:
    try:
        side = join()
        pipe.send((None, None))
        while True:
            try:
                asked = pipe.recv()
            except EOFError:
                break
            if asked == _TOTALS:
                pipe.send((None, side.totals()))
                continue
            post = side.prepare(*asked)
            gc.collect()
            gc.disable()
            pipe.send((None, None))
            pipe.recv()
            post()
            pipe.send((None, None))
            gc.enable()
        side.close()
    except Exception as error:
        pipe.send((f"{type(error).__name__}: {error}", None))
        raise
