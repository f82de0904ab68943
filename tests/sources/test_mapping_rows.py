"""What a mapping makes of rows: conditions, templates, tables, units, dates, and what is absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loyalty.errors import SourceError
from loyalty.programme.model import Programme
from loyalty.sources import Reading, loads_mapping, read_events
from loyalty.sources.conversion import NumberSigns, date_text, number_of

Write = Callable[[str, str | bytes], Path]

LEAD = 'on: lead.registered, id: "{id}", at: {column: at}, partner: {column: who}'


def read(programme: Programme, write: Write, mapping: str, text: str, *, skip: bool = False) -> Reading:
    return read_events(write("a.csv", text), programme, loads_mapping(mapping, programme), skip_bad_rows=skip)


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("Won", "1"),
        ("[Won, Lost]", "12"),
        ("{not: Won}", "234"),
        ("{not: [Won, Lost]}", "34"),
        ("present", "124"),
        ("absent", "3"),
        ("{not: absent}", "124"),
        ('"present"', "4"),
        ("[present]", "4"),
    ],
)
def test_conditions_choose_rows(programme: Programme, write: Write, condition: str, ids: str) -> None:
    """An absent cell equals no text; the words present and absent are asked for unless quoted or listed."""
    mapping = f"source: s\nrows:\n  - {{{LEAD}, where: {{stage: {condition}}}}}\n"
    rows = "".join(f"{n},2026-02-03,acme,{stage}\n" for n, stage in enumerate(["Won", "Lost", "", "present"], 1))
    reading = read(programme, write, mapping, "id,at,who,stage\n" + rows)
    assert "".join(event.id for event in reading.events) == ids
    assert reading.rows_filtered == 4 - len(ids)


def test_one_row_can_make_several_events(programme: Programme, write: Write) -> None:
    """Each entry has ids of its own; one bad event makes the row bad and gives none."""
    mapping = (
        f"source: s\nrows:\n  - {{{LEAD}}}\n"
        '  - {on: deal.won, where: {sum: present}, id: "d{id}", at: {column: at}, partner: {column: who},\n'
        "     fields: {amount: {column: sum}}}\n"
    )
    text = "id,at,who,sum\n1,2026-02-03,acme,5\n2,2026-02-03,acme,\n3,2026-02-03,acme,x\n"
    reading = read(programme, write, mapping, text, skip=True)
    assert [event.id for event in reading.events] == ["1", "d1", "2"]
    assert reading.bad[0].reasons[0].startswith("deal.won d3: amount (from sum): 'x' is no number")


def test_rows_without_an_entry_can_be_refused(programme: Programme, write: Write) -> None:
    """`otherwise: refuse` makes them bad instead of filtered."""
    mapping = f"source: s\nrows:\n  - {{{LEAD}, where: {{stage: Won}}}}\notherwise: refuse\n"
    reading = read(programme, write, mapping, "id,at,who,stage\n1,2026-02-03,acme,Wonn\n", skip=True)
    assert (reading.rows_filtered, len(reading.bad)) == (0, 1)


def test_a_column_that_the_file_lacks_is_named_with_its_nearest(programme: Programme, write: Write) -> None:
    """The place is that of the entry in the mapping."""
    with pytest.raises(SourceError, match="write 'partner'") as caught:
        read(programme, write, f"source: s\nrows:\n  - {{{LEAD}}}\n".replace("who", "partnr"), "id,at,partner\n")
    assert caught.value.findings[0].place.line == 3


DEAL = (
    "source: s\nformat: {decimal: ',', thousands: '.'}\nvalues:\n  lines: {Cloud Suite: cloud}\nrows:\n"
    '  - {on: deal.won, id: "{id}", at: {column: at}, partner: {column: who}, fields: {\n'
    "      amount: {column: sum, unit: {column: unit, default: EUR}},\n"
    "      line: {column: line, table: lines, unlisted: refuse, default: core},\n"
    "      seats: {column: seats}, registered: {constant: true}}}\n"
)


@pytest.mark.parametrize(
    ("cells", "fields"),
    [
        ('"1.250,50",EUR,Cloud Suite,"1.200"', {"amount": 125_050, "line": "cloud", "seats": 1_200}),
        ("1250,,,", {"amount": 125_000, "line": "core"}),
        ('"100,5",USD,,0', {"amount": 8_040, "line": "core", "seats": 0}),
    ],
)
def test_fields_are_built_from_columns(
    programme: Programme, write: Write, cells: str, fields: dict[str, object]
) -> None:
    """Signs of numbers, tables, defaults, constants, and units from a column, converted where that is declared."""
    reading = read(programme, write, DEAL, f"id,at,who,sum,unit,line,seats\n1,2026-02-03,acme,{cells}\n")
    assert dict(reading.events[0].fields) == {**fields, "registered": True}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("12.50,EUR,,", "three digits"),
        ('"1.250,50 USD",EUR,,', "in USD where the mapping says EUR"),
        ("5,GBP,,", "GBP"),
        ("5,EUR,Clowd Suite,", "not in the table"),
        ('5,EUR,,"1,5"', "no whole number"),
        (",EUR,,", "amount"),
    ],
)
def test_what_does_not_fit_is_never_guessed(programme: Programme, write: Write, cells: str, reason: str) -> None:
    """12.50 is no twelve hundred and fifty, and an amount keeps its own unit."""
    with pytest.raises(SourceError, match=reason):
        read(programme, write, DEAL, f"id,at,who,sum,unit,line,seats\n1,2026-02-03,acme,{cells}\n")


@pytest.mark.parametrize(
    ("cell", "format", "timezone", "expected"),
    [
        ("3/1/2017", "%m/%d/%Y", None, "2017-03-01"),
        ("01.03.2017 14:05", "%d.%m.%Y %H:%M", None, "2017-03-01T14:05:00"),
        ("01.03.2017 14:05", "%d.%m.%Y %H:%M", "UTC", "2017-03-01T14:05:00+00:00"),
        ("2017-03-01", None, None, "2017-03-01"),
        ("2017-07-01 14:05", None, "America/New_York", "2017-07-01T14:05:00-04:00"),
        ("1488377100", "unix_seconds", None, "2017-03-01T14:05:00+00:00"),
        ("1488377100123", "unix_milliseconds", None, "2017-03-01T14:05:00.123000+00:00"),
    ],
)
def test_dates_become_iso_text(cell: str, format: str | None, timezone: str | None, expected: str) -> None:
    """A date stays a date; a time gets the zone that the mapping names, or stays local."""
    assert date_text(cell, format, timezone) == expected


@pytest.mark.parametrize("text", ["1,2,3", "1.23.456", "1.2345", "1..000", ",5", "5,", "", "１２", "1 000", "0x1"])
def test_numbers_have_their_signs_or_are_refused(text: str) -> None:
    """Groups have three digits, and a fraction stands between digits."""
    with pytest.raises(ValueError, match="no number"):
        number_of(text, NumberSigns(decimal=",", thousands="."))
