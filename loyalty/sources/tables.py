"""
A table is rows of named cells, whatever the file; every row knows the line on which it begins.

Each format has its reader (:mod:`~loyalty.sources.delimited`, :mod:`~loyalty.sources.workbook`,
:mod:`~loyalty.sources.json_lines`, :mod:`~loyalty.sources.parquet`). They agree on this: an empty cell is absent,
text is trimmed, and no number passes through binary floating point without being read back from its shortest decimal.

>>> plain_text(exact(1054.5)), plain_text(exact(12.0)), plain_text(True)
('1054.5', '12', 'true')
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from loyalty.errors import Finding, Place, SourceError

_MOST_DIGITS: Final = 100

#: What a cell holds; an absent cell is not in the row.
Cell = str | bool | int | Decimal | date | datetime


@frozen(kw_only=True)
class FileFormat:
    """
    How a file is written, where that is not what its format takes for granted.

    Args:
        encoding: Of CSV and JSON Lines; a byte order mark is skipped.
        delimiter: Of CSV; None is the comma, or the tab in a ``.tsv``.
        decimal: The sign before the fraction, in numbers that are text.
        thousands: The sign between groups of three digits, or None where there is none.
        sheet: Of a workbook, or None for its first sheet.
    """

    encoding: str = "utf-8-sig"
    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    sheet: str | None = None


@frozen(kw_only=True)
class Row:
    """
    One row of a file.

    Args:
        line: The physical line on which it begins, from 1; in a workbook and in Parquet the row's number.
        cells: What is there, by column; absent cells are left out.
        problem: Why the row could not be read at all, or "".
    """

    line: int
    cells: Mapping[str, Any] = field(factory=dict)
    problem: str = ""


@frozen(kw_only=True)
class Table:
    """A file as rows; ``columns`` is its header, or None where each row names its own."""

    columns: tuple[str, ...] | None
    rows: Iterator[Row]


def open_table(path: Path, file_format: FileFormat) -> Table:
    """
    Open a file by what its name ends in.

    Raises:
        SourceError: the file cannot be opened, is of another format, or has no usable header.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise refusal(
            path,
            "unknown-format",
            f"a file that ends in {path.suffix!r}",
            "its format is taken from its name, and this one is not known",
            f"name it so that it ends in {', '.join(_READERS)}",
        )
    if not path.is_file():
        raise refusal(path, "no-file", "no file", "there is nothing at this path", "check the path")
    return reader(path, file_format)


def refusal(path: Path, code: str, got: str, why: str, fix: str, line: int = 0) -> SourceError:
    """Make the error for a file that cannot be read as a whole."""
    return SourceError([Finding(code, Place(str(path), line, 1 if line else 0), got, why, fix)])


def check_header(path: Path, names: list[str], line: int = 1) -> tuple[str, ...]:
    """
    Take a header: nameless columns are allowed at its end only, and no name may come twice.

    Raises:
        SourceError: no names, a gap, or a name that comes twice.
    """
    header = [name.strip() for name in names]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise refusal(path, "no-header", "an empty first row", "the first row names the columns", "add a header", line)
    if "" in header:
        position = header.index("") + 1
        why = f"column {position} has no name, and the columns after it have"
        raise refusal(path, "nameless-column", "an empty name in the header", why, "name the column", line)
    for name in header:
        if header.count(name) > 1:
            why = "two columns of this name could not be told apart"
            raise refusal(path, "duplicate-column", f"two columns {name!r}", why, "rename one of them", line)
    return tuple(header)


def clean(value: Any) -> Any:
    """Trim text, and read a binary number back from its shortest decimal; empty text is None."""
    if isinstance(value, str):
        return value.strip() or None
    return exact(value) if isinstance(value, float) else value


def exact(value: float) -> Decimal:
    """
    Give the shortest decimal that stands for a binary number: what a person typed, if it had 15 digits or fewer.

    A number that is infinite or none at all stays as it is, and is refused where it is used.

    >>> exact(0.1), exact(0.1 + 0.2)
    (Decimal('0.1'), Decimal('0.30000000000000004'))
    """
    return Decimal(repr(float(value))) if math.isfinite(value) else Decimal(str(value))


def plain_text(cell: Any) -> str:
    """
    Write a cell as text: numbers plainly, without an exponent or a fraction of zeros; dates in ISO form.

    Raises:
        ValueError: the cell is a list, a time of day, or something else that has no one text.
    """
    match cell:
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case int():
            return str(cell)
        case Decimal() if cell.is_finite() and is_writable(cell):
            text = f"{cell:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case date():  # A datetime is one too.
            return cell.isoformat()
    raise ValueError(f"{cell!r} ({type(cell).__name__}) is no text, number, date, or yes or no")


def is_writable(number: Decimal) -> bool:
    """Whether a number has few enough digits to be written out; an exponent can stand for a billion of them."""
    _, digits, exponent = number.as_tuple()
    return isinstance(exponent, int) and len(digits) + abs(exponent) <= _MOST_DIGITS


def flatten(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """
    Name what is nested with dots, and leave out what is absent.

    >>> flatten({"id": "D-1", "amount": {"value": "12.50", "unit": "EUR"}, "person": None})
    {'id': 'D-1', 'amount.value': '12.50', 'amount.unit': 'EUR'}
    """
    cells: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            cells.update(flatten(value, f"{prefix}{name}."))
        elif (cleaned := clean(value)) is not None:
            cells[f"{prefix}{name}"] = cleaned
    return cells


def _delimited(path: Path, file_format: FileFormat) -> Table:
    from loyalty.sources.delimited import open_delimited

    return open_delimited(path, file_format)


def _json_lines(path: Path, file_format: FileFormat) -> Table:
    from loyalty.sources.json_lines import open_json_lines

    return open_json_lines(path, file_format)


def _workbook(path: Path, file_format: FileFormat) -> Table:
    from loyalty.sources.workbook import open_workbook

    return open_workbook(path, file_format)


def _parquet(path: Path, file_format: FileFormat) -> Table:  # noqa: ARG001 (a Parquet file says all of it itself)
    from loyalty.sources.parquet import open_parquet

    return open_parquet(path)


_READERS: Final[dict[str, Callable[[Path, FileFormat], Table]]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".xlsx": _workbook,
    ".parquet": _parquet,
}
