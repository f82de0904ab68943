"""``loyalty ledger backtest`` says whether a programme changes a book, and lists each transfer that it does change."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import ACME, Call


@pytest.fixture
def folder(call: Call, tmp_path: Path) -> Path:
    """Give a folder with the demo's book and a programme that differs in one number."""
    database = ("--db", tmp_path / "book.db")
    assert call("ledger", "init", *database).exit_code == 0
    backtest = call("backtest", ACME / "programme.yaml", ACME / "history.jsonl", "--out", tmp_path / "out", *database)
    assert backtest.exit_code == 0
    text = (ACME / "programme.yaml").read_text(encoding="utf-8")
    (tmp_path / "other.yaml").write_text(text.replace("multiplier: 1.25", "multiplier: 1.4"), encoding="utf-8")
    return tmp_path


def test_the_books_own_programme_reproduces_every_posting(call: Call, folder: Path) -> None:
    """The words say so, the document counts none, and the file has no row."""
    arguments = ("ledger", "backtest", ACME / "programme.yaml", "--db", folder / "book.db", "--out", folder / "same")
    said = call(*arguments)
    assert (said.exit_code, "Every posting is the same." in said.stdout) == (0, True)
    document = json.loads(call(*arguments, "--json").stdout)
    assert (document["differing"], document["by_rule"]) == (0, [])
    assert document["transfers"] > 1000
    assert all(row["book"] == row["settled"] for row in document["balances"])
    assert len((folder / "same" / "differences.csv").read_text().splitlines()) == 1


def test_each_transfer_that_differs_is_a_row_and_the_sums_are_those_of_the_rows(call: Call, folder: Path) -> None:
    """CSV and Parquet have the same rows; by rule and in all they add up to what is said."""
    arguments = ("ledger", "backtest", folder / "other.yaml", "--db", folder / "book.db", "--out", folder / "new")
    document = json.loads(call(*arguments, "--json").stdout)
    assert json.loads(call(*arguments, "--format", "parquet", "--json").stdout) == {
        **document, "file": str(folder / "new" / "differences.parquet"),
    }  # fmt: skip
    with (folder / "new" / "differences.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parquet = pq.read_table(folder / "new" / "differences.parquet").to_pylist()
    assert [(row["entry"], Decimal(row["settled"])) for row in rows] == [
        (row["entry"], row["settled"]) for row in parquet
    ]
    assert len(rows) == document["differing"] == sum(row["transfers"] for row in document["by_rule"]) > 100
    assert sum(Decimal(row["posted"]) for row in rows) == sum(Decimal(row["posted"]) for row in document["by_rule"])
    assert {row["rule"] for row in rows} == {"deal-base", "@activation"}
    assert all(Decimal(row["difference"]) == Decimal(row["settled"]) - Decimal(row["posted"]) for row in rows)
    said = call(*arguments).stdout
    assert f"{len(rows)} transfers of" in said
    assert "deal-base" in said
    most = max(Decimal(row["posted"]) for row in document["by_rule"])
    assert most > 1000
    assert f"{most:,}" in said


def test_a_book_that_is_not_there_is_wrong_use(call: Call, folder: Path) -> None:
    """The name is told, and where it was looked for."""
    arguments = ("ledger", "backtest", ACME / "programme.yaml", "--db", folder / "book.db", "--out", folder / "none")
    said = call(*arguments, "--book", "mian")
    assert said.exit_code == 2
    assert "has no entries of a book 'mian'" in said.stderr
