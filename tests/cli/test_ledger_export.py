"""``loyalty ledger export``, ``trial-balance`` and ``liability`` on a book in a database file."""

from __future__ import annotations

import csv
import json
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import DBAPIError

from loyalty.cli.ledger.database import open_engine, open_store
from loyalty.core.calendar import parse_day
from loyalty.errors import StoreError
from loyalty.exports import Format, export_file, liability
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from tests.cli.conftest import ACME, Call
from tests.exports.books import acme, simulated
from tests.exports.tools import bean_check, hledger_check, needs_beancount, needs_hledger

PROGRAMME = ACME / "programme.yaml"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a part of the simulated demo in the book ``main``, and an entry in another book."""
    path = tmp_path_factory.mktemp("database") / "portal.db"
    engine = sqlite_engine(path)
    create_tables(engine)
    with SqlStore(engine).transaction() as book:
        book.post(simulated()[:600])
        book.set_clock_day(parse_day("2026-06-30"))
    with SqlStore(engine, book="other").transaction() as book:
        book.post(simulated()[:1])
    engine.dispose()
    return path


@pytest.mark.parametrize("format", list(Format), ids=lambda format: format.value)
def test_a_book_is_exported_as_it_would_be_from_memory(
    call: Call, database: Path, tmp_path: Path, format: Format
) -> None:
    """The file has the bytes of the entries that were posted, and the summary counts them."""
    if format is Format.PARQUET:
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, of the extra [sim]")
    out = tmp_path / "out" / "book"
    result = call("ledger", "export", PROGRAMME, "--db", database, "--format", format.value, "--out", out)
    assert result.exit_code == 0, result.output
    entries = simulated()[:600]
    export_file(entries, acme(), format, tmp_path / "expected")
    assert out.read_bytes() == (tmp_path / "expected").read_bytes()
    postings = sum(len(entry.postings) for entry in entries)
    assert result.stdout == f"600 entries, {postings:,} postings of book main for {format.value}: {out}\n"


@needs_hledger
@needs_beancount
def test_the_real_tools_take_what_the_command_writes(call: Call, database: Path, tmp_path: Path) -> None:
    """With and without tiers and badges."""
    for name, options in (("all", ()), ("some", ("--without-standing",))):
        arguments = ("ledger", "export", PROGRAMME, "--db", f"sqlite:///{database}", *options)
        assert call(*arguments, "--format", "hledger", "--out", tmp_path / f"{name}.journal").exit_code == 0
        assert call(*arguments, "--format", "beancount", "--out", tmp_path / f"{name}.beancount").exit_code == 0
        assert hledger_check(tmp_path / f"{name}.journal").returncode == 0
        assert bean_check(tmp_path / f"{name}.beancount").returncode == 0
    assert "TIER." in (tmp_path / "all.journal").read_text()
    assert "TIER." not in (tmp_path / "some.journal").read_text()


def test_a_book_on_postgresql(call: Call, postgresql_url: URL, tmp_path: Path) -> None:
    """In a schema and under a prefix of the host's: the same bytes, by a connection that could not write."""
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA partners"))
    create_tables(engine, prefix="p_", schema="partners")
    with SqlStore(engine, book="eu", prefix="p_", schema="partners").transaction() as book:
        book.post(simulated()[:600])
    engine.dispose()
    place = ("--book", "eu", "--prefix", "p_", "--schema", "partners")
    # A host's URL often names no driver, or that of its own asynchronous engine.
    for drivername in ("postgresql+psycopg", "postgresql", "postgresql+asyncpg"):
        url = postgresql_url.set(drivername=drivername).render_as_string(hide_password=False)
        result = call("ledger", "export", PROGRAMME, "--db", url, *place, "--format", "csv", "--out", tmp_path / "got")
        assert result.exit_code == 0, result.output
        export_file(simulated()[:600], acme(), Format.CSV, tmp_path / "expected")
        assert (tmp_path / "got").read_bytes() == (tmp_path / "expected").read_bytes()
    reader = open_engine(url)
    with reader.connect() as connection, pytest.raises(DBAPIError, match="read-only transaction"):
        connection.execute(text("CREATE TABLE partners.mine (id int)"))
    store = open_store(url, book="eu", prefix="p_", schema="partners")
    with pytest.raises(StoreError), store.transaction() as book:
        book.post(simulated()[600:601])


def test_json_says_what_was_written(call: Call, database: Path, tmp_path: Path) -> None:
    """Another book of the same file, for machines."""
    out = tmp_path / "book.csv"
    result = call("ledger", "export", PROGRAMME, "--db", database, "--book", "other", "--format", "csv", "--out", out,
                  "--json")  # fmt: skip
    postings = len(simulated()[0].postings)
    document = {"ok": True, "format": "csv", "entries": 1, "postings": postings, "file": str(out)}
    assert json.loads(result.stdout) == document


def test_the_database_is_only_read(call: Call, database: Path, tmp_path: Path) -> None:
    """Its bytes stay as they were, and a file that can only be read will do."""
    copy = tmp_path / "copy.db"
    copy.write_bytes(database.read_bytes())
    copy.chmod(stat.S_IRUSR)
    before = copy.read_bytes()
    for arguments in (
        ("export", "--format", "csv", "--out", tmp_path / "book.csv"),
        ("trial-balance",),
        ("liability",),
    ):
        result = call("ledger", arguments[0], PROGRAMME, "--db", copy, *arguments[1:])
        assert result.exit_code == 0, result.output
    assert copy.read_bytes() == before


EXPORT = ("--format", "csv")


def test_what_is_not_there_is_told(call: Call, database: Path, tmp_path: Path) -> None:
    """A missing file is not made; a folder, a file that is no database, missing tables and an empty book are named."""
    missing = tmp_path / "none.db"
    notes = tmp_path / "notes.txt"
    notes.write_text("this is a text, and long enough to be taken for the head of a database file " * 5)
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).execute("CREATE TABLE host (id INTEGER)").connection.close()
    cases = [
        (2, f"--db {missing} does not exist", ("--db", missing)),
        (2, f"--db {tmp_path} is no file", ("--db", tmp_path)),
        (1, "file is not a database", ("--db", notes)),
        (1, "loyalty_", ("--db", empty)),
        (1, "mine_", ("--db", database, "--prefix", "mine_")),
        (1, "prefix", ("--db", database, "--prefix", "1 or 1")),
        (2, "has no entries of a book 'mian'", ("--db", database, "--book", "mian")),
        (2, "no URL of a database", ("--db", "nonsense://host/name")),
    ]
    for exit_code, words, arguments in cases:
        for command, options in (("export", (*EXPORT, "--out", tmp_path / "out.csv")), ("liability", ())):
            result = call("ledger", command, PROGRAMME, *arguments, *options)
            assert (result.exit_code, words in result.stderr) == (exit_code, True), (arguments, result.output)
    assert not missing.exists()
    assert not (tmp_path / "out.csv").exists()


def test_a_password_is_never_shown(call: Call) -> None:
    """Neither where the server is not there, nor where the driver or the URL is wrong."""
    for url in (
        "postgresql://me:secret@127.0.0.1:1/x",
        "nosuch+driver://me:secret@host/x",
        "post gres://me:secret@x:y",
    ):
        result = call("ledger", "trial-balance", PROGRAMME, "--db", url)
        assert result.exit_code in (1, 2)
        assert result.stderr.startswith("Error: ")
        assert "secret" not in result.output


def test_another_revision_is_refused_unless_it_is_wanted(call: Call, database: Path, tmp_path: Path) -> None:
    """The rules of the file are not those that the book was settled under; its currencies may be the same."""
    other = tmp_path / "programme.yaml"
    other.write_text(PROGRAMME.read_text().replace("1 per 400 EUR", "1 per 300 EUR"))
    arguments = ("ledger", "export", other, "--db", database, *EXPORT, "--out", tmp_path / "book.csv")
    refused = call(*arguments)
    assert refused.exit_code == 2
    assert f"settled under revision {acme().revision}" in refused.stderr
    assert call(*arguments, "--any-revision").exit_code == 0


def test_a_folder_that_is_a_file_is_wrong_use(call: Call, database: Path, tmp_path: Path) -> None:
    """The system's words, without a traceback."""
    (tmp_path / "file").write_text("")
    result = call("ledger", "export", PROGRAMME, "--db", database, *EXPORT, "--out", tmp_path / "file" / "book.csv")
    assert result.exit_code == 2
    assert str(tmp_path / "file") in result.stderr


def test_trial_balance_sums_the_book(call: Call, database: Path) -> None:
    """Rows by kind or by holder, through a day; debits and credits agree."""
    document = json.loads(call("ledger", "trial-balance", PROGRAMME, "--db", database, "--json").stdout)
    assert document["ok"] is True
    assert all(total["debit"] == total["credit"] for total in document["totals"].values())
    accounts = {row["account"] for row in document["rows"]}
    assert {"programme/issued", "partner/available", "person/available", "partner/pending"} <= accounts
    issued = sum(posting.amount for entry in simulated()[:600] for posting in entry.postings
                 if (posting.account.path, posting.asset) == ("programme/issued", "mdf"))  # fmt: skip
    row = next(row for row in document["rows"] if (row["account"], row["asset"]) == ("programme/issued", "mdf"))
    assert (row["debit"], row["credit"], row["balance"]) == (f"{-issued / 100:.2f}", "0.00", f"{issued / 100:.2f}")
    said = call("ledger", "trial-balance", PROGRAMME, "--db", database, "--by-holder", "--until", "2025-02-28").stdout
    assert "through 2025-02-28" in said
    assert "partner:P-000001/available" in said
    assert "Debits and credits agree in every asset." in said
    nothing = call("ledger", "trial-balance", PROGRAMME, "--db", database, "--json", "--recorded-until", "2024-01-01")
    assert json.loads(nothing.stdout)["rows"] == []
    assert call("ledger", "trial-balance", PROGRAMME, "--db", database, "--recorded-until", "soon").exit_code == 2


def test_liability_lists_cohorts(call: Call, database: Path, tmp_path: Path) -> None:
    """The figures of the function, in major units, with shares and worths rounded as it is said."""
    out = tmp_path / "liability.csv"
    result = call("ledger", "liability", PROGRAMME, "--db", database, "--out", out, "--json")
    document = json.loads(result.stdout)
    found = liability(simulated()[:600], acme(), until_day=parse_day("2026-06-30"))
    assert (document["until"], document["rounding"]) == ("2026-06-30", "half_even")
    assert len(document["cohorts"]) == len(found.cohorts) > 10
    for record, cohort in zip(document["cohorts"], found.cohorts, strict=True):
        digits = cohort.currency.scale
        assert record["granted"] == f"{cohort.granted / 10**digits:.{digits}f}"
        assert record["open"] == f"{cohort.open / 10**digits:.{digits}f}"
        assert record["breakage"] == ("" if cohort.breakage is None else f"{float(cohort.breakage):.6f}")
        assert record["worth"] == ("" if cohort.worth is None else f"{float(cohort.worth):.2f}")
    with out.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == document["cohorts"]
    said = call("ledger", "liability", PROGRAMME, "--db", database, "--until", "2026-09-30").stdout
    assert "liability at the end of 2026-09-30" in said
    assert "rounded half to even" in said
    assert "The book was advanced through 2026-06-30" in said


def test_help_lists_the_commands_and_each_has_an_example(call: Call) -> None:
    """One line each, and an example that begins with the command itself."""
    listed = call("ledger", "--help").stdout
    for name in ("export", "trial-balance", "liability"):
        assert f"  {name} " in listed
        assert f"Example:\n    loyalty ledger {name} " in call("ledger", name, "--help").stdout
