"""Rows lose nothing: the entries of a book can be rebuilt from its CSV, and Parquet says the same."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pytest

from loyalty.core.amounts import to_minor_units
from loyalty.core.calendar import NEVER, instant_us, parse_day
from loyalty.core.events import canonical_json
from loyalty.errors import UsageError
from loyalty.exports import Exported, Format, export_file
from loyalty.exports.flat import FLAT_COLUMNS
from loyalty.exports.names import scale_of
from loyalty.ledger.entries import Account, Entry, EntryKind, Posting
from tests.exports.books import acme, late_entries, simulated


def read_rows(path: Path) -> list[dict[str, str]]:
    """Give the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rebuilt(rows: list[dict[str, str]]) -> list[Entry]:
    """Make entries of rows."""

    def instant(text: str) -> int:
        return instant_us(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC))

    def lot_day(text: str) -> int | None:
        return (NEVER if text == "never" else parse_day(text)) if text else None

    entries = []
    for _, group in groupby(rows, key=lambda row: row["number"]):
        legs = list(group)
        first = legs[0]
        postings = [
            Posting(
                Account.parse(row["account"]),
                row["asset"],
                to_minor_units(row["amount"], scale_of(acme(), row["asset"])),
                lot_day=lot_day(row["lot_day"]),
                rule=row["rule"] or None,
                cause=row["leg_cause"] or None,
            )
            for row in legs
        ]
        entries.append(
            Entry(
                key=first["entry"],
                kind=EntryKind(first["kind"]),
                cause=first["cause"] or None,
                effective_at=instant(first["effective_at"]),
                recorded_at=instant(first["recorded_at"]),
                revision=first["revision"],
                corrects=first["corrects"] or None,
                explanation=json.loads(first["explanation"] or "{}"),
                postings=tuple(postings),
            )
        )
    return entries


def test_entries_can_be_rebuilt_from_csv(tmp_path: Path) -> None:
    """In the order of posting, explanations and instants of recording included."""
    entries = late_entries()
    exported = export_file(entries, acme(), Format.CSV, tmp_path / "book.csv")
    rows = read_rows(tmp_path / "book.csv")
    again = rebuilt(rows)
    assert again == list(entries)
    said = [canonical_json(entry.explanation) for entry in entries]
    assert [canonical_json(entry.explanation) for entry in again] == said
    assert any(text != "{}" for text in said)
    assert exported == Exported(len(entries), len(rows))


def test_days_are_those_of_the_programmes_zone(tmp_path: Path) -> None:
    """What happens at midnight in Berlin is dated on that day, though UTC has the day before."""
    export_file(simulated(), acme(), Format.CSV, tmp_path / "book.csv")
    rows = [row for row in read_rows(tmp_path / "book.csv") if row["kind"] == "timer"]
    assert rows
    assert all(row["entry"].endswith(row["day"]) and row["effective_at"][:10] < row["day"] for row in rows)


def test_parquet_has_the_same_rows(tmp_path: Path) -> None:
    """Instants, days and amounts are typed there, and equal what CSV says as text."""
    pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow, of the extra [sim]")
    export_file(late_entries(), acme(), Format.CSV, tmp_path / "book.csv")
    exported = export_file(late_entries(), acme(), Format.PARQUET, tmp_path / "book.parquet")
    table = pq.read_table(tmp_path / "book.parquet")
    assert tuple(table.column_names) == FLAT_COLUMNS
    assert exported.postings == table.num_rows
    for typed, text in zip(table.to_pylist(), read_rows(tmp_path / "book.csv"), strict=True):
        digits = scale_of(acme(), text["asset"])
        shown = {name: "" if value is None else str(value) for name, value in typed.items()}
        shown |= {name: f"{typed[name]:%Y-%m-%dT%H:%M:%S.%fZ}" for name in ("effective_at", "recorded_at")}
        shown["amount"] = f"{typed['amount']:.{digits}f}"
        assert shown == text


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra, and nothing is left behind."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'loyalty-engine\[sim\]', or export csv"):
        export_file(simulated(), acme(), Format.PARQUET, tmp_path / "book.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", [Format.HLEDGER, Format.BEANCOUNT, Format.CSV])
def test_a_failed_export_leaves_what_was_there(format: Format, tmp_path: Path) -> None:
    """A file is replaced by a whole one or not at all."""
    path = tmp_path / "book"
    path.write_text("of last month")
    stars = Posting(Account(None, "issued"), "stars", -1), Posting(Account(None, "expired"), "stars", 1)
    unknown = Entry(key="k", kind=EntryKind.EVENT, cause="c", effective_at=simulated()[-1].effective_at, recorded_at=0,
                    revision="r", postings=stars)  # fmt: skip
    with pytest.raises(UsageError, match="stars"):
        export_file((*simulated(), unknown), acme(), format, path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("book", "of last month")]


def test_a_device_is_written_to_and_not_replaced() -> None:
    """What goes to a pipe or to /dev/null is not renamed over it."""
    null = Path("/dev/null")
    if not null.exists():
        pytest.skip("there is no /dev/null here")
    export_file(simulated(), acme(), Format.CSV, null)
    assert null.is_char_device()
