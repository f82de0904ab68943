"""``loyalty backtest --db``: the book of a run in a database, and which books are left alone."""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine

from loyalty import Engine as Loyalty
from loyalty import Holder, load
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.sources import read_events
from tests.cli.conftest import ACME, Call
from tests.cli.test_backtest import CRM, PIPELINE, contents

PROGRAMME = ACME / "programme.yaml"
HISTORY = ACME / "history.jsonl"
RUN = ("backtest", PROGRAMME, HISTORY)


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, as a user names it; the file does not exist yet."""
    if request.param == "sqlite":
        return str(tmp_path / "portal.db")
    url: URL = request.getfixturevalue("postgresql_url")
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def engine_of(db: str) -> Engine:
    """Connect to a database as a host does."""
    return create_engine(f"sqlite:///{db}" if "://" not in db else db.replace("postgresql:", "postgresql+psycopg:"))


def rows_of(db: str, prefix: str = "loyalty_") -> dict[str, list[Any]]:
    """Give every row of the tables that a book is in."""
    tables = ("book", "event", "delivery", "entry", "posting", "balance", "lot", "lot_allocation", "seal", "holder")
    engine = engine_of(db)
    with engine.connect() as connection:
        found = {
            name: sorted(map(tuple, connection.exec_driver_sql(f"SELECT * FROM {prefix}{name}")), key=repr)
            for name in tables
        }
    engine.dispose()
    return found


def journal_balances(folder: Path) -> dict[tuple[str, str], Decimal]:
    """Sum the journal that a run wrote, by account and asset."""
    sums: Counter[tuple[str, str]] = Counter()
    with (folder / "journal.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sums[row["account"], row["asset"]] += Decimal(row["amount"])  # type: ignore[assignment]
    return {key: Decimal(amount) for key, amount in sums.items() if amount}


def book_balances(call: Call, db: str, programme: Path, *options: object) -> dict[tuple[str, str], Decimal]:
    """Sum the book in the database, by account and asset."""
    result = call("ledger", "trial-balance", programme, "--db", db, "--by-holder", "--json", *options)
    document = json.loads(result.stdout)
    assert document["ok"] is True
    sums = {(row["account"], row["asset"]): Decimal(row["balance"]) for row in document["rows"]}
    return {key: amount for key, amount in sums.items() if amount}


def seal_all(call: Call, db: str) -> None:
    """Seal until nothing is left; on a server that others work on, entries wait for older transactions."""
    for _ in range(100):
        assert call("ledger", "seal", "--db", db).exit_code == 0
        if json.loads(call("ledger", "verify", "--db", db, "--jobs", 1, "--json").stdout)["unsealed"] == 0:
            return
        time.sleep(0.1)


def test_the_book_is_that_of_the_report(call: Call, db: str, tmp_path: Path) -> None:
    """Tables, journal and report are those without a database; the book's balances are the journal's; it is whole."""
    plain, kept = tmp_path / "plain", tmp_path / "kept"
    assert call(*RUN, "--out", plain).exit_code == 0
    result = call(*RUN, "--out", kept, "--db", db)
    assert (result.exit_code, result.stderr) == (0, "")
    told = result.stdout.replace("\n", "")
    assert "Book 'main' in " in told
    assert db.rsplit("/", 1)[-1] + ": 511 events; advanced through 2026-12-31." in told
    assert contents(kept) == contents(plain)
    assert book_balances(call, db, PROGRAMME) == journal_balances(kept)
    seal_all(call, db)
    document = json.loads(call("ledger", "verify", PROGRAMME, "--db", db, "--replay", "--jobs", 1, "--json").stdout)
    assert (document["ok"], document["findings"], document["unsealed"]) == (True, [], 0)
    assert document["entries"] == document["sealed"] > 511
    assert document["replayed"]["items"] > 511


def test_the_same_again_changes_nothing(call: Call, db: str, tmp_path: Path) -> None:
    """Not a row of the book differs after a second run, which says so and writes the same files."""
    assert call(*RUN, "--out", tmp_path / "one", "--db", db).exit_code == 0
    before = rows_of(db)
    again = call(*RUN, "--out", tmp_path / "two", "--db", db)
    assert (again.exit_code, again.stderr) == (0, "")
    assert "held all 511 events already; advanced through 2026-12-31." in again.stdout.replace("\n", "")
    assert rows_of(db) == before
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_run_that_was_broken_off_goes_on(call: Call, db: str, tmp_path: Path) -> None:
    """A book with the first 200 events takes the others, and ends as one that was written at once."""
    programme = load(str(PROGRAMME))
    engine = engine_of(db)
    create_tables(engine)
    events = sorted(read_events(HISTORY, programme).events, key=lambda event: event.occurred_at)
    assert len(list(Loyalty(programme, SqlStore(engine)).submit_many(events[:200], chunk=100))) == 200
    engine.dispose()
    result = call(*RUN, "--out", tmp_path / "out", "--db", db, "--json")
    document = json.loads(result.stdout)
    assert (document["book"]["events"], document["book"]["known_before"]) == (511, 200)
    assert book_balances(call, db, PROGRAMME) == journal_balances(tmp_path / "out")


def test_books_stand_beside_each_other(call: Call, starter: Path) -> None:
    """A second book in the same tables, a third under another prefix: each has all, and none minds the others."""
    db, out, programme = starter / "portal.db", starter / "out", starter / "programme.yaml"
    for options in ((), ("--book", "other"), ("--prefix", "p_", "--until", "2028-03-31")):
        result = call("backtest", programme, starter / "events.csv", "--out", out, "--db", db, *options)
        assert result.exit_code == 0
    main = book_balances(call, str(db), programme)
    assert main == book_balances(call, str(db), programme, "--book", "other")
    assert book_balances(call, str(db), programme, "--prefix", "p_") == journal_balances(out) != main


def test_a_later_day_lets_the_clock_of_the_book_run_on(call: Call, starter: Path) -> None:
    """The same events with a later ``--until`` advance the book; with an earlier one it is left alone."""
    db, out, programme = starter / "portal.db", starter / "out", starter / "programme.yaml"
    run = ("backtest", programme, starter / "events.csv", "--out", out, "--db", db)
    assert call(*run).exit_code == 0
    later = call(*run, "--until", "2028-03-31")
    assert " already; advanced through 2028-03-31." in later.stdout.replace("\n", "")
    assert book_balances(call, str(db), programme) == journal_balances(out)
    earlier = call(*run)
    assert earlier.exit_code == 2
    assert "was advanced through 2028-03-31 already, and this run ends before; give" in earlier.stderr


def changed(tmp_path: Path, number: int, old: str, new: str) -> Path:
    """Write the history with something else in one of its lines."""
    lines = HISTORY.read_text(encoding="utf-8").splitlines()
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new)
    path = tmp_path / "changed.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_book_of_something_else_is_left_alone(call: Call, tmp_path: Path) -> None:
    """Other events, other bodies, other rules and commands are each refused with what is there, before any settling."""
    db, out = tmp_path / "portal.db", tmp_path / "out"
    call(*RUN, "--out", out, "--db", db)
    lines = [json.loads(line) for line in HISTORY.read_text(encoding="utf-8").splitlines()]
    number, line = next((n, one) for n, one in enumerate(lines) if one["on"] == "deal.won")
    other = tmp_path / "programme.yaml"
    other.write_text(PROGRAMME.read_text().replace("1 per 400 EUR", "1 per 300 EUR"))
    identity = f"{line['source']}/{line['id']}"
    amount = line["amount"]
    before = rows_of(str(db))
    for why, programme, events in (
        (f"holds event {identity}, which is not in the file",
         PROGRAMME, lambda: changed(tmp_path, number, f'"{line["id"]}"', '"X-1"')),
        (f"holds event {identity} with another body than the file",
         PROGRAMME, lambda: changed(tmp_path, number, amount, "1" + amount)),
        ("is settled under revision", other, lambda: HISTORY),
    ):  # fmt: skip
        result = call("backtest", programme, events(), "--out", tmp_path / "none", "--db", db, "--until", "2026-12-31")
        assert result.exit_code == 2, result.output
        assert why in result.stderr
        assert "give the new book a name of its own with --book" in result.stderr
        assert not (tmp_path / "none").exists()
    assert rows_of(str(db)) == before

    programme = load(str(PROGRAMME))
    engine = engine_of(str(db))
    store = SqlStore(engine)
    with store.transaction(read_only=True) as book:
        holder, amount = next(
            (Holder.parse(path.split("/")[0]), amount)
            for (path, asset), amount in book.trial_balance().items()
            if path.endswith("/available") and asset == "points" and path.startswith("partner:")
        )
    Loyalty(programme, store).redeem(holder, "points", amount, key="shop-1", at="2026-12-31T12:00")
    engine.dispose()
    result = call(*RUN, "--out", tmp_path / "none", "--db", db)
    assert result.exit_code == 2
    assert "holds 1 command, and a file of events none; give the new book" in result.stderr


def test_wrong_calls_make_no_file(call: Call, tmp_path: Path) -> None:
    """A place without a database, a prefix that is no name, a folder, a URL that is none: told, and nothing is made."""
    db, out = tmp_path / "portal.db", tmp_path / "out"
    cases = [
        (2, "--book says where in a database the book is; name the database with --db", ("--book", "x")),
        (2, "--prefix says where", ("--prefix", "x_")),
        (2, "--schema says where", ("--schema", "x")),
        (1, "cannot begin a table's name", ("--db", db, "--prefix", "no-name")),
        (2, "is no file", ("--db", tmp_path)),
        (2, "no URL of a database", ("--db", "nonsense://host/name")),
        (1, "refused", ("--db", "postgresql://someone:secret@127.0.0.1:1/portal")),
    ]
    for exit_code, words, options in cases:
        result = call(*RUN, "--out", out, *options)
        assert (result.exit_code, words in result.stderr) == (exit_code, True), result.output
        assert "secret" not in result.output
    assert not db.exists()
    assert not out.exists()


@pytest.mark.skipif(not PIPELINE.is_file(), reason="the CRM's pipeline is not beside the repository")
def test_the_crm_pipeline_as_a_book(call: Call, tmp_path: Path) -> None:
    """4,238 won deals are posted; the book is whole, and its sums are those of the journal."""
    db, out = tmp_path / "crm.db", tmp_path / "out"
    arguments = (CRM / "programme.yaml", PIPELINE, "--map", CRM / "mapping.yaml", "--out", out)
    result = call("backtest", *arguments, "--db", db, "--json")
    assert json.loads(result.stdout)["book"]["events"] == 4238
    assert book_balances(call, str(db), CRM / "programme.yaml") == journal_balances(out)
    verified = call("ledger", "verify", CRM / "programme.yaml", "--db", db, "--replay", "--jobs", 1)
    assert (verified.exit_code, "Nothing is wrong." in verified.stdout) == (0, True), verified.output
