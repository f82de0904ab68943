"""Several processes at work on one book: started together, waited for or killed, and what each reports."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from threading import Barrier
from typing import Any

from sqlalchemy import URL

from tests.faults import worker

# One process loads everything, opens nothing, and is copied for each worker, which so begins at once.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([worker.__name__, "pytest"])


class Worker:
    """
    A process of :mod:`tests.faults.worker`.

    Args:
        folder: Where its files lie.
        url: The database.
        steps: What it does.
        start: Where it waits for others.
        options: More of the job.
    """

    def __init__(
        self,
        folder: Path,
        url: URL,
        steps: Sequence[dict[str, Any]],
        start: Barrier | None = None,
        **options: Any,
    ) -> None:
        folder.mkdir(parents=True)
        self._files = {name: folder / name for name in ("outcomes", "errors", "log")}
        job = {
            "url": url.render_as_string(hide_password=False),
            "steps": list(steps),
            "outcomes": str(self._files["outcomes"]),
            "errors": str(self._files["errors"]),
            **options,
        }
        if options.pop("logged", False):
            job["log"] = str(self._files["log"])
        self.process = _CONTEXT.Process(target=worker.work, args=(job, start))
        self.process.start()

    def finish(self) -> list[dict[str, Any]]:
        """Wait for its end, and give what its steps came to."""
        self.process.join()
        assert self.process.exitcode == 0, "".join(self._lines("errors"))
        return self.outcomes()

    def kill(self) -> None:
        """Kill it, with no chance to clean up."""
        self.process.kill()
        self.process.join()

    def outcomes(self) -> list[dict[str, Any]]:
        """Give what was acknowledged so far."""
        return [json.loads(line) for line in self._lines("outcomes")]

    def said(self) -> list[str]:
        """Give the lines of its log."""
        return [line.strip() for line in self._lines("log")]

    def _lines(self, name: str) -> list[str]:
        file = self._files[name]
        return file.read_text().splitlines(keepends=True) if file.exists() else []


def race(folder: Path, url: URL, jobs: Sequence[Sequence[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """
    Have processes begin together, one a job, and give what each one's steps came to.

    All of them begin at the same moment, and so does each step that says "together", of which all have as many.
    """
    start = _CONTEXT.Barrier(len(jobs))
    workers = [Worker(folder / f"worker-{number}", url, steps, start) for number, steps in enumerate(jobs)]
    try:
        return [worker.finish() for worker in workers]
    finally:
        for one in workers:
            one.kill()
