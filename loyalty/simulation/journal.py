"""
The journal as one CSV file: every posting a row, byte for byte the same for the same entries.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.ledger.entries import Entry
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

JOURNAL_COLUMNS: Final = (
    "entry", "kind", "cause", "effective_at", "revision", "corrects", "leg", "account", "asset", "amount", "lot_day",
    "rule", "leg_cause",
)  # fmt: skip


class JournalWriter:
    """
    Writes every posting as one row of CSV, in the order in which entries are given.

    When something was recorded is the ledger's to say and is left out: a simulated book is recorded in one go.
    """

    def __init__(self, file: TextIO, programme: Programme) -> None:
        self._write = csv.writer(file, lineterminator="\n").writerow
        self._scales = {name: currency.scale for name, currency in currencies_of(programme).items()}
        self._write(JOURNAL_COLUMNS)

    def add(self, entry: Entry) -> None:
        """Write the postings of one entry."""
        effective = (_EPOCH + timedelta(microseconds=entry.effective_at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        head = (entry.key, entry.kind.value, entry.cause or "", effective, entry.revision, entry.corrects or "")
        for leg, posting in enumerate(entry.postings, start=1):
            amount_text = format_minor_units(posting.amount, self._scales.get(posting.asset, 0))
            lot_day = "" if posting.lot_day is None else format_day(posting.lot_day)
            self._write(
                (*head, leg, posting.account.path, posting.asset, amount_text, lot_day, posting.rule or "",
                 posting.cause or "")
            )  # fmt: skip


def write_journal(entries: Iterable[Entry], programme: Programme, path: Path | str) -> Path:
    """Write all postings to a CSV file."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = JournalWriter(file, programme)
        for entry in entries:
            writer.add(entry)
    return target
