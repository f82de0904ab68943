"""A progress bar that appears where something takes more than a second, and only on a terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from loyalty.cli.printing import stderr

_PATIENCE_SECONDS = 1.0

#: Where a run says that its kernel is compiled first.
_BATCH_LOG = logging.getLogger("loyalty.batch")


class Meter:
    """
    Shows how far several stages are, one after the other, and says what the library tells of them.

    Args:
        console: Where to; standard error by default.
        patience_seconds: How long nothing is shown.
    """

    def __init__(self, console: Console | None = None, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._console = console or stderr()
        self._shows_from = monotonic() + patience_seconds
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._told = _Told(self._console)

    def __enter__(self) -> Meter:
        _BATCH_LOG.setLevel(logging.INFO)
        _BATCH_LOG.addHandler(self._told)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _BATCH_LOG.removeHandler(self._told)
        if self._progress is not None:
            self._progress.stop()

    def stage(self, label: str, total: int | None = None) -> Callable[[int], None]:
        """Begin a stage, and give what is called with how much of it is done."""
        self._task = None

        def report(done: int) -> None:
            if not self._console.is_terminal or monotonic() < self._shows_from:
                return
            if self._progress is None:
                columns = (
                    TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
                )  # fmt: skip
                self._progress = Progress(*columns, console=self._console, transient=True)
                self._progress.start()
            if self._task is None:
                self._task = self._progress.add_task(label, total=total)
            self._progress.update(self._task, completed=done)

        return report


class _Told(logging.Handler):
    """Prints what is told while a meter is shown."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(record.getMessage(), style="dim", markup=False, highlight=False)


class _Rate(ProgressColumn):
    """How many a second, of late."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s", style="progress.data.speed")
