"""Several processes at work on one book: started together, waited for or killed, and what each reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL

_ROOT = Path(__file__).parents[2]


class Worker:
    """
    A process of :mod:`tests.faults.worker`.

    Args:
        folder: Where its files lie.
        url: The database.
        steps: What it does.
        options: More of the job.
    """

    def __init__(self, folder: Path, url: URL, steps: Sequence[dict[str, Any]], **options: Any) -> None:
        folder.mkdir(parents=True)
        self._outcomes = folder / "outcomes"
        self.log = folder / "log"
        job = {
            "url": url.render_as_string(hide_password=False),
            "steps": steps,
            "outcomes": str(self._outcomes),
            **options,
        }
        (folder / "job").write_text(json.dumps(job))
        self._errors = folder / "errors"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker", str(folder / "job")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=_ROOT,
                # A run of the tests from another folder has the library from there, and so have its processes.
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
            )

    def wait_until_ready(self) -> None:
        """Wait until it stands at the start."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self._errors.read_text()

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def finish(self, patience_s: float = 3000) -> list[dict[str, Any]]:
        """Wait for its end, and give what its steps came to."""
        self.process.communicate(timeout=patience_s)
        assert self.process.returncode == 0, self._errors.read_text()[-3000:]
        return self.outcomes()

    def kill(self) -> None:
        """Kill it, with no chance to clean up."""
        self.process.kill()
        self.process.communicate()

    def outcomes(self) -> list[dict[str, Any]]:
        """Give what was acknowledged so far."""
        if not self._outcomes.exists():
            return []
        return [json.loads(line) for line in self._outcomes.read_text().splitlines()]

    def said(self) -> list[str]:
        """Give the lines of its log."""
        return self.log.read_text().splitlines() if self.log.exists() else []


def race(folder: Path, url: URL, jobs: Sequence[Sequence[dict[str, Any]]], **options: Any) -> list[list[dict[str, Any]]]:
    """Have processes begin together, one a job, and give what each one's steps came to."""
    workers = [Worker(folder / f"worker-{number}", url, steps, **options) for number, steps in enumerate(jobs)]
    try:
        for worker in workers:
            worker.wait_until_ready()
        for worker in workers:
            worker.go()
        return [worker.finish() for worker in workers]
    finally:
        for worker in workers:
            if worker.process.poll() is None:
                worker.kill()
