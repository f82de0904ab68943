"""Workbooks: dates and numbers as cells, sheets, and what formulas leave."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from loyalty.errors import SourceError
from loyalty.programme.model import Programme
from loyalty.sources import loads_mapping, read_events

HEADER = ["on", "at", "id", "partner", "amount", "seats", "registered", "channel"]


def save(path: Path, *rows: list[Any], sheet: str = "Deals", first: str | None = None) -> Path:
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    if first is not None:
        workbook.active.title = first
        workbook.create_sheet(sheet)
    else:
        workbook.active.title = sheet
    for row in rows:
        workbook[sheet].append(row)
    workbook.save(path)
    return path


def test_cells_are_read_by_what_they_hold(programme: Programme, tmp_path: Path) -> None:
    """A date cell is a local date, a number is exact, a whole number can be an id, and an empty cell is absent."""
    row = ["deal.won", datetime(2026, 2, 3), 1054, "acme", 1054.35, 12.0, True, None]
    (event,) = read_events(save(tmp_path / "a.xlsx", HEADER, row), programme).events
    assert event.id == "1054"
    assert event.occurred_at == programme.calendar.parse_instant_us("2026-02-03")
    assert dict(event.fields) == {"amount": 105_435, "line": "core", "seats": 12, "registered": True}


def test_a_date_with_a_time_is_local(programme: Programme, tmp_path: Path) -> None:
    """A workbook knows no zone, so that the programme's is meant."""
    row = ["deal.won", datetime(2026, 7, 1, 14, 30), "D-1", "acme", 1]
    (event,) = read_events(save(tmp_path / "a.xlsx", HEADER, row), programme).events
    assert event.occurred_at == programme.calendar.parse_instant_us("2026-07-01T14:30")


def test_a_binary_remainder_is_refused_as_an_amount(programme: Programme, tmp_path: Path) -> None:
    """0.1 + 0.2 is not 0.30, and nothing rounds it silently."""
    typed = save(tmp_path / "typed.xlsx", HEADER, ["deal.won", date(2026, 2, 3), "D-1", "acme", 0.3])
    computed = tmp_path / "computed.xlsx"
    with zipfile.ZipFile(typed) as source, zipfile.ZipFile(computed, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b"<v>0.3</v>", b"<v>0.30000000000000004</v>"))
    assert read_events(typed, programme).events[0].fields["amount"] == 30
    with pytest.raises(SourceError, match=r"0\.30000000000000004"):
        read_events(computed, programme)


def test_rows_are_counted_as_the_sheet_shows_them(programme: Programme, tmp_path: Path) -> None:
    """An empty row between is no row, and still moves the ones below."""
    good = ["deal.won", date(2026, 2, 3), "D-1", "acme", 1]
    bad = ["deal.won", "soon", "D-2", "acme", 1]
    reading = read_events(save(tmp_path / "a.xlsx", HEADER, good, [None], bad), programme, skip_bad_rows=True)
    assert [row.line for row in reading.bad] == [4]
    assert reading.rows_read == 2


def test_the_errors_of_formulas_are_bad(programme: Programme, tmp_path: Path) -> None:
    """#REF! in any cell makes its row bad."""
    row = ["deal.won", date(2026, 2, 3), "D-1", "acme", 1, None, None, "#REF!"]
    with pytest.raises(SourceError, match="#REF!"):
        read_events(save(tmp_path / "a.xlsx", HEADER, row), programme)


def test_a_cell_beyond_the_header_is_bad(programme: Programme, tmp_path: Path) -> None:
    """A value without a column is not dropped."""
    row = ["deal.won", date(2026, 2, 3), "D-1", "acme", 1, 1, True, "x", "stray"]
    with pytest.raises(SourceError, match="I2 stands right of the header"):
        read_events(save(tmp_path / "a.xlsx", HEADER, row), programme)


def test_the_mapping_names_the_sheet(programme: Programme, tmp_path: Path) -> None:
    """The first sheet is read unless another is named; one that is not there lists those that are."""
    mapping = """\
source: crm
format: {sheet: SHEET}
rows:
  - {on: lead.registered, id: "{id}", at: {column: at}, partner: {column: partner}}
"""
    path = save(tmp_path / "a.xlsx", HEADER, [None, date(2026, 2, 3), 7, "acme"], sheet="Leads", first="Cover")
    reading = read_events(path, programme, loads_mapping(mapping.replace("SHEET", "Leads"), programme))
    assert [event.identity for event in reading.events] == ["crm/7"]
    with pytest.raises(SourceError, match="Cover, Leads"):
        read_events(path, programme, loads_mapping(mapping.replace("SHEET", "Deals"), programme))


def test_what_is_no_workbook_is_refused(programme: Programme, tmp_path: Path) -> None:
    """A file that was only renamed."""
    path = tmp_path / "a.xlsx"
    path.write_text("on,at\n")
    with pytest.raises(SourceError, match="no workbook"):
        read_events(path, programme)
