"""
Workbooks (XLSX): the first row names the columns; dates are date cells, numbers are number cells.

A number cell is binary inside the file. It is read as the shortest decimal that stands for it, which is what was typed
up to 15 digits: 1054.5 is 1054.50 USD exactly. What a formula computed may carry a binary remainder
(0.30000000000000004); it has more digits than its unit and is refused like any other amount that has.

Source: ECMA-376, read by openpyxl, which is imported when the first workbook is opened.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Any

from loyalty.sources.tables import FileFormat, Row, Table, check_header, clean, plain_text, refusal


def open_workbook(path: Path, file_format: FileFormat) -> Table:
    """
    Open one sheet of a workbook, read row by row.

    Raises:
        SourceError: it is no workbook, the sheet is not in it, or it has no usable header.
    """
    import openpyxl

    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError) as error:
        fix = "save it as .xlsx again, or export it as CSV"
        raise refusal(path, "workbook", "a file that is no workbook", str(error), fix) from error
    names = [sheet.title for sheet in workbook.worksheets]
    wanted = file_format.sheet or next(iter(names), None)
    if wanted not in names:
        fix = f"write one of its sheets: {', '.join(names) or 'it has none'}"
        raise refusal(path, "unknown-sheet", f"sheet {wanted!r}", "the workbook has no sheet of this name", fix)
    sheet = workbook[wanted]
    # Some writers state a size that is wrong; without it the rows themselves say where they end.
    sheet.reset_dimensions()
    records = enumerate(sheet.iter_rows(), 1)
    first = next((cells for _, cells in records), ())
    header = check_header(path, ["" if cell.value is None else _name(cell.value) for cell in first])
    return Table(columns=header, rows=_rows(header, records, workbook))


def _rows(header: tuple[str, ...], records: Iterator[tuple[int, tuple[Any, ...]]], workbook: Any) -> Iterator[Row]:
    try:
        for line, record in records:
            cells: dict[str, Any] = {}
            problem = ""
            for position, cell in enumerate(record):
                value = _value(cell)
                if value is None:
                    continue
                if position >= len(header):
                    problem = problem or f"cell {cell.coordinate} stands right of the header's last column"
                    continue
                cells[header[position]] = value
                if cell.data_type == "e":
                    problem = problem or f"cell {cell.coordinate} ({header[position]}) is the error {value}"
            if cells or problem:
                yield Row(line=line, cells=cells, problem=problem)
    finally:
        workbook.close()


def _value(cell: Any) -> Any:
    value = clean(cell.value)
    # A cell that shows a date alone is a date: 00:00 of its day, whatever the zone.
    if isinstance(value, datetime) and value.time() == time():
        return value.date()
    return value


def _name(value: Any) -> str:
    try:
        return plain_text(clean(value))
    except ValueError:
        return str(value)
