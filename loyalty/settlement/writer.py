"""Writing Python source line by line, with the trace of explanations left out where none is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import Factory, define

from loyalty.settlement.trace import STEP_CODE


@define
class Writer:
    """
    Lines of generated source.

    Args:
        traced: Whether lines that record why are written too.
    """

    traced: bool
    lines: list[str] = Factory(list)
    _depth: int = 0

    def line(self, text: str) -> None:
        """Write one line at the present depth."""
        self.lines.append("    " * self._depth + text)

    def trace(self, name: str, *numbers: object) -> None:
        """Record a step of the explanation by its name; the numbers are Python source."""
        if self.traced:
            self.line(f"m.trace.append(({''.join(f'{part}, ' for part in (STEP_CODE[name], *numbers))}))")

    def open(self, head: str) -> None:
        """Write ``head:`` and indent what follows, until :meth:`close`."""
        self.line(f"{head}:")
        self._depth += 1

    def close(self) -> None:
        """End the innermost block; one in which nothing was written gets ``pass``."""
        if self.lines[-1].endswith(":") and not self.lines[-1].startswith("    " * self._depth):
            self.line("pass")
        self._depth -= 1

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write ``head:`` and indent what follows."""
        self.open(head)
        yield
        self.close()

    @contextmanager
    def when(self, condition: str | None) -> Iterator[None]:
        """Indent what follows under a condition, or not at all where it always holds."""
        if condition is None:
            yield
        else:
            with self.block(f"if {condition}"):
                yield

    @contextmanager
    def hoisting(self, name: str, source: str) -> Iterator[None]:
        """Write ``name = source`` before what follows, if that reads the name at all."""
        start = len(self.lines)
        yield
        if any(re.search(rf"\b{name}\b", line) for line in self.lines[start:]):
            self.lines.insert(start, "    " * self._depth + f"{name} = {source}")

    @property
    def text(self) -> str:
        """All lines as one source."""
        return "\n".join(self.lines) + "\n"
