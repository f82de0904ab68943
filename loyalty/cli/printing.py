"""
What commands print for people: lines, findings and tables. Colours go to terminals only, and heed ``NO_COLOR``.

Nothing is cut where the output is not a terminal: paths and excerpts are read by people and copied by scripts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loyalty.errors import Finding

#: How wide tables may be where nobody says how wide the output is.
_WIDE = 140


def stdout() -> Console:
    """Give the console of standard output as it is now."""
    return _console(is_error=False)


def stderr() -> Console:
    """Give the console of standard error as it is now."""
    return _console(is_error=True)


def print_line(console: Console, text: str = "", style: str = "") -> None:
    """Print one line that is never wrapped by us; what is in it is text, not markup."""
    console.print(Text(text, style=style), soft_wrap=True)


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print every finding with its excerpt, and how many there are."""
    for finding in findings:
        console.print(_as_text(finding), soft_wrap=True)
    print_line(console, "1 finding" if len(findings) == 1 else f"{len(findings)} findings", style="bold red")


def print_table(console: Console, columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> None:
    """
    Print a table.

    Args:
        columns: The heading of each column, and whether it holds numbers.
        rows: Cells as text.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(heading for heading, _ in columns))
    for heading, is_number in columns:
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold", no_wrap=is_number)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def count_words(count: int, noun: str, plural: str = "") -> str:
    """
    Write a count with its noun.

    >>> count_words(1, "event"), count_words(1200, "entry", "entries")
    ('1 event', '1,200 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def _console(*, is_error: bool) -> Console:
    console = Console(stderr=is_error, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console


def _as_text(finding: Finding) -> Text:
    text = Text.assemble((str(finding.place), "bold"), ": ", (finding.code, "bold red"), f": got {finding.got}\n")
    for line in finding.excerpt.splitlines():
        is_carets = not line.replace("^", "").strip() and "^" in line
        text.append(f"    {line}\n", style="red" if is_carets else "cyan")
    text.append(f"  why: {finding.why}\n")
    if finding.fix:
        text.append("  fix: ").append(f"{finding.fix}\n", style="green")
    return text
