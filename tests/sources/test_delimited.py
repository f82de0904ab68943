"""CSV and TSV: lines, quotes, encodings, and columns that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loyalty.errors import SourceError
from loyalty.programme.model import Programme
from loyalty.sources import read_events, save_bad_rows

Write = Callable[[str, str | bytes], Path]

HEADER = "on,at,id,partner,person,amount,channel\n"


def deal(id: str, amount: str = "10.00", channel: str = "") -> str:
    return f"deal.won,2026-02-03,{id},acme,ada,{amount},{channel}\n"


def test_a_file_with_the_canonical_columns_needs_no_mapping(programme: Programme, write: Write) -> None:
    """Every part of the event arrives, and an empty cell is an absent field."""
    reading = read_events(write("a.csv", HEADER + deal("D-1", "1250.50 EUR")), programme)
    (event,) = reading.events
    assert (event.identity, event.kind, event.partner, event.person) == ("/D-1", "deal.won", "acme", "ada")
    assert event.occurred_at == programme.calendar.parse_instant_us("2026-02-03")
    assert event.fields["amount"] == 125_050
    assert "channel" not in event.fields
    assert (reading.rows_read, reading.rows_filtered, reading.bad) == (1, 0, [])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(programme: Programme, write: Write, mark: bytes) -> None:
    """UTF-8 with and without a mark read alike."""
    assert read_events(write("a.csv", mark + (HEADER + deal("D-1")).encode()), programme).events


def test_a_line_is_the_physical_one_after_quoted_line_breaks(programme: Programme, write: Write) -> None:
    """A text of three lines moves the rows after it, and blank lines count."""
    text = HEADER + deal("D-1", channel='"one\ntwo\nthree"') + "\n" + deal("D-2", "much")
    with pytest.raises(SourceError) as caught:
        read_events(write("a.csv", text), programme)
    (finding,) = caught.value.findings
    assert finding.place.line == 6
    assert "'much' is no number" in finding.why


def test_every_bad_row_is_found_with_every_reason(programme: Programme, write: Write) -> None:
    """Nothing stops at the first fault, neither of the file nor of a row."""
    text = (
        HEADER + deal("", "1,5") + deal("D-2") + "deal.lost,2026-02-03,D-3,acme,,,\n" + "deal.won,x,D-4,acme,,1.00,\n"
    )
    path = write("a.csv", text.replace("1,5", '"1,5"'))
    with pytest.raises(SourceError) as caught:
        read_events(path, programme)
    assert [finding.place.line for finding in caught.value.findings] == [2, 4, 5]
    assert "no number" in caught.value.findings[0].why
    assert "id" in caught.value.findings[0].why
    assert str(path) in str(caught.value)


def test_bad_rows_are_skipped_saved_and_read_again(programme: Programme, write: Write, tmp_path: Path) -> None:
    """What was saved has the reasons as comments, so that only the mended cell keeps it from being read."""
    path = write("a.csv", HEADER + deal("D-1") + deal("D-2", "12..0"))
    reading = read_events(path, programme, skip_bad_rows=True)
    assert [event.id for event in reading.events] == ["D-1"]
    assert [(bad.line, bad.raw["amount"]) for bad in reading.bad] == [(3, "12..0")]
    saved = tmp_path / "bad.csv"
    save_bad_rows(reading, saved)
    saved.write_text(saved.read_text().replace(",12..0", ",12.0"))
    assert [event.fields["amount"] for event in read_events(saved, programme).events] == [1200]


def test_the_same_event_twice_is_read_once(programme: Programme, write: Write) -> None:
    """A delivery that is repeated word for word changes nothing but the count."""
    reading = read_events(write("a.csv", HEADER + deal("D-1") + deal("D-2") + deal("D-1")), programme)
    assert [event.id for event in reading.events] == ["D-1", "D-2"]
    assert reading.rows_repeated == 1


def test_two_bodies_under_one_id_name_both_lines(programme: Programme, write: Write) -> None:
    """The later row is bad; which of the two is right nobody can know."""
    path = write("a.csv", HEADER + deal("D-1") + deal("D-2") + deal("D-1", "11.00"))
    with pytest.raises(SourceError, match="lines 2 and 4 with different bodies"):
        read_events(path, programme)
    reading = read_events(path, programme, skip_bad_rows=True)
    assert [event.fields["amount"] for event in reading.events] == [1000, 1000]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("deal.won,2026-02-03,D-1,acme\n", "4 cells and the header 7"),
        ("deal.won,2026-02-03,D-1,acme,ada,1,000.00,x\n", "8 cells and the header 7"),
        ('deal.won,2026-02-03,D-1,acme,"ada" b,10.00,\n', "quotes"),
        ('deal.won,2026-02-03,D-1,acme,"ada,10.00,\n', "quotes"),
        (deal("D-1", '"1,000.00"'), "thousands"),
        (deal("D-1", "1e3"), "no number"),
        (deal("D-1", "10.001"), "more than the 2 digits"),
        (deal("D-1", "10.00 GBP"), "GBP"),
        (deal("D-1", "-10.00"), "-10"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(programme: Programme, write: Write, row: str, reason: str) -> None:
    """Cut rows, stray delimiters and quotes, and amounts that nothing may guess at."""
    with pytest.raises(SourceError) as caught:
        read_events(write("a.csv", HEADER + row), programme)
    assert reason in caught.value.findings[0].why
    assert caught.value.findings[0].place.line == 2


def test_a_row_after_a_stray_quote_is_still_read(programme: Programme, write: Write) -> None:
    """One broken row does not hide the next one."""
    text = HEADER + 'deal.won,2026-02-03,D-1,acme,"ada" b,10.00,\n' + deal("D-2")
    assert [event.id for event in read_events(write("a.csv", text), programme, skip_bad_rows=True).events] == ["D-2"]


def test_bytes_of_another_encoding_make_their_row_bad(programme: Programme, write: Write) -> None:
    """A name in Windows' encoding among UTF-8 is found by its line, and is never read as something else."""
    text = HEADER.encode() + deal("D-1").encode() + deal("D-2", channel="Müller").encode("cp1252")
    reading = read_events(write("a.csv", text), programme, skip_bad_rows=True)
    assert [event.id for event in reading.events] == ["D-1"]
    assert "utf-8" in reading.bad[0].reasons[0]
    assert reading.bad[0].raw["channel"] == "M\\udcfcller"


def test_a_column_of_another_name_is_a_fault_of_the_file(programme: Programme, write: Write) -> None:
    """It is refused even where bad rows are skipped, with the nearest name."""
    text = (HEADER + deal("D-1")).replace("channel", "chanel")
    with pytest.raises(SourceError, match="write 'channel'"):
        read_events(write("a.csv", text), programme, skip_bad_rows=True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "no-header"),
        ("on,at,,id\n", "nameless-column"),
        ("on,at,id,partner,at\n", "duplicate-column"),
        ("on,at,partner\n", "missing-column"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(programme: Programme, write: Write, text: str, code: str) -> None:
    """Empty, with a gap, with one name twice, or without a part that every event has."""
    with pytest.raises(SourceError) as caught:
        read_events(write("a.csv", text), programme)
    assert caught.value.findings[0].code == code


def test_tabs_separate_a_tsv(programme: Programme, write: Write) -> None:
    """The ending says the delimiter."""
    text = (HEADER + deal("D-1")).replace(",", "\t")
    assert read_events(write("a.tsv", text), programme).events[0].id == "D-1"


def test_an_unknown_ending_and_a_missing_file_are_named(programme: Programme, write: Write, tmp_path: Path) -> None:
    """Neither is taken for an empty file."""
    with pytest.raises(SourceError, match=r"\.csv"):
        read_events(write("a.xls", b"x"), programme)
    with pytest.raises(SourceError, match="no-file"):
        read_events(tmp_path / "none.csv", programme)


def test_progress_is_told_every_thousand_rows_and_at_the_end(programme: Programme, write: Write) -> None:
    """A host can draw a bar from it."""
    told: list[int] = []
    text = HEADER + "".join(deal(f"D-{number}") for number in range(2_500))
    read_events(write("a.csv", text), programme, progress=told.append)
    assert told == [1_000, 2_000, 2_500]
