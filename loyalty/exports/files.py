"""
One file of a whole book, in a format of the reader's choice.

The file appears when it is whole: until then it is written under another name beside it, so that a lost connection or a
full disk leaves what was there before.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from loyalty.exports.beancount import BeancountDialect
from loyalty.exports.flat import write_csv, write_parquet
from loyalty.exports.hledger import HledgerDialect
from loyalty.exports.journals import Exported, write_journal
from loyalty.ledger.entries import Entry
from loyalty.programme.model import Programme


class Format(Enum):
    """Who is to read the file."""

    HLEDGER = "hledger"
    BEANCOUNT = "beancount"
    CSV = "csv"
    PARQUET = "parquet"


def export_file(
    entries: Iterable[Entry], programme: Programme, format: Format, path: Path | str, *, standing: bool = True
) -> Exported:
    """
    Write all entries of a book to a file; the same book gives the same bytes.

    Args:
        entries: The book's, in order of posting; they are read once, and never all in memory.
        programme: What the book was settled under: its zone dates entries, its currencies say how many digits amounts
            have.
        format: Who is to read it.
        path: Replaced where it exists; its folder is made where it does not.
        standing: Whether tiers and badges are written too, as units of ``tier.NAME`` and ``badge.NAME``.

    Raises:
        UsageError: there is an amount of a currency that the programme does not declare, or Parquet is asked for and
            pyarrow is not installed.
        LedgerError: an entry is effective in a year that no calendar here has.

    >>> import loyalty, tempfile
    >>> from loyalty.settlement.settle import EXAMPLE
    >>> programme = loyalty.loads(EXAMPLE)
    >>> deal = loyalty.read_event(programme, {
    ...     "on": "deal.won", "id": "D-1", "at": "2026-02-03", "partner": "acme", "amount": "250.00 EUR"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "acme.journal"
    ...     exported = export_file(loyalty.settle(programme, [deal]).entries, programme, Format.HLEDGER, path)
    ...     "Assets:Available:Partner-acme  2" in path.read_text(encoding="utf-8")
    True
    """
    with _whole(Path(path)) as partial:
        if format is Format.PARQUET:
            return write_parquet(entries, programme, partial, standing=standing)
        with partial.open("w", encoding="utf-8", newline="") as file:
            if format is Format.CSV:
                return write_csv(entries, programme, file, standing=standing)
            dialect = HledgerDialect() if format is Format.HLEDGER else BeancountDialect()
            return write_journal(entries, programme, file, dialect, standing=standing)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a file beside *path*, which takes its place at the end, or goes where something failed."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        # A device or a pipe cannot be replaced; what is written there is gone at once.
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
