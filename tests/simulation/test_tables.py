"""Tables as files: exact amounts, fixed bytes, and a clear word where a library is missing."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from attrs import evolve

from loyalty.errors import LoyaltyError
from loyalty.ledger.entries import Entry
from loyalty.programme.model import Programme
from loyalty.simulation.collecting import collect
from loyalty.simulation.flows import worth_of
from loyalty.simulation.holder_files import write_holders_csv
from loyalty.simulation.journal import write_journal
from loyalty.simulation.tables import holder_table, tables, write_csv, write_tables

Book = Callable[..., list[Entry]]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_amounts_in_major_units_with_every_digit(programme: Programme, book: Book, tmp_path: Path) -> None:
    """Funds have two digits, points none, and the sums are those of the results."""
    results = collect(book(), programme)
    paths = write_tables(results, tmp_path / "out")
    assert [path.name for path in paths] == [
        "by_month.csv", "tiers.csv", "tier_moves.csv", "expiring.csv", "mdf.csv", "by_rule.csv", "concentration.csv",
        "by_holder.csv",
    ]  # fmt: skip
    months = _rows(paths[0])
    issued = [row["issued"] for row in months if row["currency"] == "mdf"]
    assert all(len(text.partition(".")[2]) == 2 for text in issued)
    assert sum(map(Decimal, issued)) * 100 == results.totals("mdf").issued
    assert all("." not in row["issued"] for row in months if row["currency"] == "points")
    holders = _rows(paths[-1])
    assert {row["holder"].partition(":")[0] for row in holders} == {"partner", "person"}
    assert all(Decimal(row["cost_EUR"]) >= 0 for row in holders)
    money = [name for name, currency in results.currencies.items() if worth_of(currency)[0] == "EUR"]
    totals = {name: results.totals(name) for name in money}
    cost = sum(
        worth_of(results.currencies[name])[1] * (each.outstanding + each.redeemed) for name, each in totals.items()
    )
    assert sum(Fraction(row["cost_EUR"]) for row in holders) == cost > 0
    assert len({row["currency"] for row in holders if Decimal(row["cost_EUR"])}) == 2


def test_the_host_s_decimal_context_changes_nothing(programme: Programme, book: Book) -> None:
    """A host that computes with three digits still gets every digit of its amounts."""
    results = collect(book(), programme)
    with localcontext() as context:
        context.prec = 3
        narrow = tables(results)
    assert narrow == tables(results)


def test_two_runs_give_the_same_bytes(programme: Programme, book: Book, tmp_path: Path) -> None:
    """Tables and the journal depend on nothing but the entries."""
    written = []
    for run in ("one", "two"):
        entries = book()
        write_tables(collect(entries, programme), tmp_path / run)
        write_journal(entries, programme, tmp_path / run / "journal.csv")
        written.append({path.name: path.read_bytes() for path in (tmp_path / run).iterdir()})
    assert written[0] == written[1]
    assert len(written[0]) == 9


def test_the_journal_has_every_posting(programme: Programme, book: Book, tmp_path: Path) -> None:
    """One row a leg, in order, and each entry's amounts of an asset sum to 0."""
    entries = book()
    rows = _rows(write_journal(entries, programme, tmp_path / "journal.csv"))
    assert len(rows) == sum(len(entry.postings) for entry in entries)
    assert rows[0]["effective_at"] == "2026-01-01T10:00:00.000000Z"
    sums: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        key = row["entry"], row["asset"]
        sums[key] = sums.get(key, Decimal(0)) + Decimal(row["amount"])
    assert set(sums.values()) == {Decimal(0)}


def test_names_with_commas_quotes_and_line_breaks_come_back(programme: Programme, book: Book, tmp_path: Path) -> None:
    """CSV quotes what would break a row."""
    name = 'Müller, "North"\nand Sons'
    results = collect(book(1, 2, names=[name]), programme)
    holders = _rows(write_tables(results, tmp_path)[-1])
    assert f"partner:{name}" in {row["holder"] for row in holders}


@pytest.mark.parametrize("worth", [Fraction(1, 100), Fraction(1, 3), Fraction(10**17 + 1, 10**18), Fraction(0)])
def test_the_table_of_holders_written_by_columns_has_the_bytes_of_its_rows(
    programme: Programme, book: Book, tmp_path: Path, worth: Fraction
) -> None:
    """Amounts of any sign and size, names that need quotes, badges, persons, and partners who only took part."""
    pytest.importorskip("pyarrow", reason="columns are written by pyarrow")
    points = evolve(programme.currencies["points"], worth=worth, worth_unit="EUR" if worth else None)
    valued = evolve(programme, currencies={**programme.currencies, "points": points})
    names = ['Müller, "North"', "line\nbreak", "plain", "über", "тест"]
    active = {"quiet": programme.first_day, "a, b": programme.first_day}
    results = collect(book(5, 9, names=names), valued, active=active)
    assert any(any(results.holders.column("points", figure)) for figure in ("arrears", "reversed"))
    by_columns, by_rows = tmp_path / "columns.csv", tmp_path / "rows.csv"
    write_holders_csv(results.holders, by_columns)
    write_csv(holder_table(results), by_rows)
    assert by_columns.read_bytes() == by_rows.read_bytes()


def test_without_pyarrow_the_same_files_are_written(
    programme: Programme, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core install writes every table as CSV, byte for byte as the full one."""
    results = collect(book(4, 5), programme)
    full = {path.name: path.read_bytes() for path in write_tables(results, tmp_path / "full")}
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert {path.name: path.read_bytes() for path in write_tables(results, tmp_path / "core")} == full


def test_parquet_keeps_amounts_exact(programme: Programme, book: Book, tmp_path: Path) -> None:
    """Amounts are decimals, counts are 64-bit integers, and both equal those of CSV."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    results = collect(book(), programme)
    for table, path in zip(tables(results), write_tables(results, tmp_path, "parquet"), strict=True):
        read = parquet.read_table(path)
        assert read.column_names == [column.name for column in table.columns]
        assert [tuple(row.values()) for row in read.to_pylist()] == [tuple(row) for row in table.rows]
    assert str(parquet.read_table(tmp_path / "by_month.parquet").schema.field("issued").type) == "decimal128(38, 2)"
    assert str(parquet.read_table(tmp_path / "tiers.parquet").schema.field("gold").type) == "int64"


def test_parquet_of_no_results_is_written(programme: Programme, tmp_path: Path) -> None:
    """Empty tables keep their columns."""
    pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    assert all(path.exists() for path in write_tables(collect([], programme), tmp_path, "parquet"))


def test_parquet_without_pyarrow_says_what_to_install(
    programme: Programme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core install has no pyarrow; the error names the extra, and nothing is written."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LoyaltyError, match=r"pip install 'loyalty-engine\[sim\]'"):
        write_tables(collect([], programme), tmp_path / "out", "parquet")
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_refused(programme: Programme, tmp_path: Path) -> None:
    """The error says which formats there are."""
    with pytest.raises(LoyaltyError, match="csv or parquet"):
        write_tables(collect([], programme), tmp_path, "xlsx")
