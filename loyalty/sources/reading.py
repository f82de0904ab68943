"""
From a file to events: every row is an event, is filtered, or is bad with the reasons; none is lost silently.

All bad rows are collected. They end the reading with an error that lists them, unless they are to be skipped; then
they are kept in the reading, to be counted and saved (:func:`save_bad_rows`), mended and read again.

The same event twice in a file is read once. Two events of one identity with different bodies make the later row bad.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from loyalty.core.events import Event
from loyalty.errors import EventRejected, Finding, Place, SourceError
from loyalty.programme.admission import read_event
from loyalty.programme.model import Programme
from loyalty.sources.conversion import NumberSigns, field_value
from loyalty.sources.mapping import SourceMapping
from loyalty.sources.tables import FileFormat, Row, Table, open_table, plain_text

#: Columns of a file that needs no mapping, beside those of the fields; one that begins with ``#`` is a comment.
CANONICAL_COLUMNS: Final = ("on", "at", "id", "source", "partner", "person", "of")

_PROGRESS_EVERY_ROWS: Final = 1_000


@frozen(kw_only=True)
class BadRow:
    """
    A row that could not be read.

    Args:
        file: The file's path, as it was given.
        line: The physical line, or the row's number in a workbook or a Parquet file.
        reasons: Why; one for each thing that is wrong with it.
        raw: Its cells as text, by column.
    """

    file: str
    line: int
    reasons: tuple[str, ...]
    raw: Mapping[str, str] = field(factory=dict)

    def finding(self) -> Finding:
        """Give it as a finding, for people."""
        got = ", ".join(f"{name}: {text}" for name, text in self.raw.items()) or "nothing"
        return Finding("bad-row", Place(self.file, self.line, 1), got, "; ".join(self.reasons))


@frozen(kw_only=True)
class Reading:
    """
    What a file gave.

    Args:
        events: In the order of the file; an event that comes twice is in it once.
        bad: The rows that were skipped.
        rows_read: All rows with something in them, the header not counted.
        rows_filtered: Rows that matched no entry of the mapping.
        rows_repeated: Events that repeated an earlier one of the file, word for word.
    """

    events: list[Event]
    bad: list[BadRow]
    rows_read: int
    rows_filtered: int
    rows_repeated: int = 0


def read_events(
    path: str | Path,
    programme: Programme,
    mapping: SourceMapping | None = None,
    *,
    skip_bad_rows: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Reading:
    """
    Read the events of a CSV, TSV, XLSX, JSON Lines or Parquet file.

    Args:
        path: The file; its ending says its format.
        programme: What the events are checked against.
        mapping: How its rows become events; None: its columns are :data:`CANONICAL_COLUMNS` and declared fields.
        skip_bad_rows: Keep bad rows in the reading instead of raising.
        progress: Called with the number of rows read so far, every thousand rows and at the end.

    Raises:
        SourceError: a row is bad and *skip_bad_rows* is False (with a finding for each bad row); or the file as a
            whole is not what the mapping describes, whatever *skip_bad_rows*.
    """
    path = Path(path)
    table = open_table(path, mapping.format if mapping else FileFormat())
    reader = _Reader(path, programme, mapping)
    if table.columns is not None:
        reader.check_columns(table.columns)
    reader.read(table, progress)
    if table.columns is None:
        reader.check_seen_columns()
    if reader.bad and not skip_bad_rows:
        raise SourceError(row.finding() for row in reader.bad)
    return Reading(
        events=[event for event, _ in reader.events.values()],
        bad=reader.bad,
        rows_read=reader.rows_read,
        rows_filtered=reader.rows_filtered,
        rows_repeated=reader.rows_repeated,
    )


def save_bad_rows(reading: Reading, path: str | Path) -> None:
    """Write the bad rows as CSV, with ``#file``, ``#line`` and ``#reasons`` before their own columns."""
    columns = list(dict.fromkeys(name for row in reading.bad for name in row.raw))
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["#file", "#line", "#reasons", *columns])
        for row in reading.bad:
            writer.writerow([row.file, row.line, "; ".join(row.reasons), *(row.raw.get(name, "") for name in columns)])


class _Reader:
    """The state of one reading."""

    def __init__(self, path: Path, programme: Programme, mapping: SourceMapping | None) -> None:
        self.path = path
        self.programme = programme
        self.mapping = mapping
        self.signs = NumberSigns(mapping.format.decimal, mapping.format.thousands) if mapping else NumberSigns()
        self.events: dict[str, tuple[Event, int]] = {}
        self.bad: list[BadRow] = []
        self.seen_columns: set[str] = set()
        self.rows_read = 0
        self.rows_filtered = 0
        self.rows_repeated = 0

    def check_columns(self, header: Iterable[str]) -> None:
        """Compare the header with what will be read from it; a column by another name is no bad row but a bad file."""
        header = [name for name in header if not name.startswith("#")]
        if self.mapping is not None:
            findings = [
                _column_finding(place, column, header, f"{self.path} has no column of this name")
                for column, place in self.mapping.columns.items()
                if column not in header
            ]
        else:
            declared = {name for kind in self.programme.events.values() for name in kind.fields}
            known = [*CANONICAL_COLUMNS, *sorted(declared), "tier", "until"]
            why = "without a mapping a column is one of an event's own or a declared field"
            place = Place(str(self.path), 1, 1)
            findings = [_column_finding(place, name, known, why) for name in header if name not in known]
            findings += [
                Finding("missing-column", place, f"no column {name!r}", "every event has it", "add it, or map the file")
                for name in ("on", "at", "id", "partner")
                if name not in header
            ]
        if findings:
            raise SourceError(findings)

    def check_seen_columns(self) -> None:
        """Compare the keys of a file without a header with those that rows are chosen by."""
        if self.mapping is None or not self.rows_read:
            return
        why = f"no row of {self.path} has this key, so that the condition chooses nothing"
        findings = [
            _column_finding(entry.place, condition.column, sorted(self.seen_columns), why)
            for entry in self.mapping.rows
            for condition in entry.where
            if condition.column not in self.seen_columns and not condition.is_negated
        ]
        if findings:
            raise SourceError(findings)

    def read(self, table: Table, progress: Callable[[int], None] | None) -> None:
        for row in table.rows:
            self.rows_read += 1
            self.seen_columns.update(row.cells)
            if row.problem:
                self.refuse(row, [row.problem])
            else:
                self.take(row)
            if progress is not None and self.rows_read % _PROGRESS_EVERY_ROWS == 0:
                progress(self.rows_read)
        if progress is not None:
            progress(self.rows_read)

    def take(self, row: Row) -> None:
        """Read all events of a row; a row of which one event is bad gives none."""
        events: list[Event] = []
        reasons: list[str] = []
        try:
            drafts = self.drafts(row)
        except ValueError as error:
            self.refuse(row, [str(error)])
            return
        if not drafts:
            if self.mapping and self.mapping.refuses_others:
                self.refuse(row, ["no entry of the mapping's `rows` matches it, and `otherwise` is `refuse`"])
            else:
                self.rows_filtered += 1
            return
        for raw, faults in drafts:
            found = list(faults.values())
            try:
                event = read_event(self.programme, raw)
                if not found:
                    events.append(event)
            except EventRejected as error:
                # A part that could not be read is not missing as well.
                found += [reason for reason in error.reasons if reason.split(":", 1)[0] not in faults]
            except OverflowError:
                found.append(f"at: {raw.get('at')!r} lies outside the years that a date can have")
            label = f"{raw['on']} {raw.get('id', '')}".strip() + ": " if len(drafts) > 1 else ""
            reasons += [label + reason for reason in found]
        reasons += self.conflicts(events, row.line)
        if reasons:
            self.refuse(row, reasons)
            return
        for event in events:
            self.rows_repeated += event.identity in self.events
            self.events.setdefault(event.identity, (event, row.line))

    def drafts(self, row: Row) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """Give what each event of a row is read from, with the faults found so far by the part's name."""
        if self.mapping is None:
            return [self.canonical(row)]
        drafts = []
        for entry in self.mapping.rows:
            if entry.matches(row.cells):
                raw, faults = entry.raw_event(row.cells, self.signs)
                drafts.append(({"source": self.mapping.source, **raw}, faults))
        return drafts

    def canonical(self, row: Row) -> tuple[dict[str, Any], dict[str, str]]:
        raw: dict[str, Any] = {}
        faults: dict[str, str] = {}
        kind = self.programme.events.get(str(row.cells.get("on")))
        for name, cell in row.cells.items():
            if name.startswith("#"):
                continue
            spec = kind.fields.get(name) if kind and name not in CANONICAL_COLUMNS else None
            try:
                raw[name] = field_value(cell, spec, self.signs)
            except ValueError as error:
                faults[name] = f"{name}: {error}"
        return raw, faults

    def conflicts(self, events: Iterable[Event], line: int) -> list[str]:
        """Say which events are known with another body, and from which line."""
        reasons = []
        own: dict[str, tuple[Event, int]] = {}
        for event in events:
            known, known_line = self.events.get(event.identity) or own.setdefault(event.identity, (event, line))
            if known != event:
                reasons.append(
                    f"event {event.identity} stands on lines {known_line} and {line} with different bodies; "
                    "give one of them another id, or keep the one that is right"
                )
        return reasons

    def refuse(self, row: Row, reasons: list[str]) -> None:
        raw = {name: _as_text(cell) for name, cell in row.cells.items() if not name.startswith("#")}
        self.bad.append(BadRow(file=str(self.path), line=row.line, reasons=tuple(reasons), raw=raw))


def _column_finding(place: Place, column: str, known: Iterable[str], why: str) -> Finding:
    nearest = difflib.get_close_matches(column, list(known), n=1)
    fix = f"write {nearest[0]!r}" if nearest else f"write one of: {', '.join(known)}"
    return Finding("unknown-column", place, f"column {column!r}", why, fix)


def _as_text(cell: Any) -> str:
    try:
        return plain_text(cell)
    except ValueError:
        return cell.isoformat() if isinstance(cell, date) else str(cell)
