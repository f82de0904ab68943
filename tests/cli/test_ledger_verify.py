"""``loyalty ledger verify`` and ``seal``: findings, heads that are kept outside, and settling again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database

from loyalty import Engine, load
from loyalty.ledger.sealing import Head
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from loyalty.sources import read_events
from tests.cli.conftest import ACME, Call
from tests.ledger.tampering import hash_again, say, seal_again, shift_transactions, unguard

PROGRAMME = ACME / "programme.yaml"


def fill(database: Database) -> None:
    """Settle the demo's first events."""
    programme = load(PROGRAMME)
    engine = Engine(programme, SqlStore(database))
    assert len(list(engine.submit_many(read_events(ACME / "history.jsonl", programme).events[:40]))) == 40


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A file with a book."""
    engine = sqlite_engine(tmp_path / "book.db")
    create_tables(engine)
    fill(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def file(database: Database) -> str:
    """Its path."""
    return str(database.url.database)


def forge(database: Database, statement: str, *, all_of_it: bool = False) -> None:
    """Change rows without the triggers; also every digest and seal."""
    with database.begin() as connection:
        unguard(connection)
        assert connection.exec_driver_sql(statement).rowcount
        if all_of_it:
            for (key,) in connection.exec_driver_sql("SELECT key FROM loyalty_entry").all():
                hash_again(connection, key)
            seal_again(connection)


def test_a_whole_book_is_verified_and_settled_again(call: Call, file: str) -> None:
    """What was looked at, how fast, and that nothing is wrong; 0 for scripts."""
    result = call("ledger", "verify", "--db", file)
    assert result.exit_code == 0
    first, second, chain, last = result.output.splitlines()
    assert first.startswith(f"Verified book main in {file}: ")
    assert first.endswith(" entries/s")
    assert second.startswith("digests, balances, running balances, lots, events, decisions, histories and declarations")
    assert chain.startswith("chain: ")
    assert " not yet; head 1:" in chain
    assert last == "Nothing is wrong."
    result = call("ledger", "verify", PROGRAMME, "--db", file, "--replay", "--jobs", 1)
    assert result.exit_code == 0
    assert "settled again: " in result.output
    document = json.loads(call("ledger", "verify", PROGRAMME, "--db", file, "--replay", "--json").output)
    assert (document["ok"], document["findings"], document["notes"]) == (True, [], [])
    assert document["entries"] == document["sealed"] > 40
    assert document["replayed"]["holders"] > 1
    assert Head.parse(document["head"]).number == 1


def test_findings_are_sentences_and_an_exit_code(call: Call, database: Database, file: str) -> None:
    """Each stands on a line, and the command says 1."""
    forge(database, "UPDATE loyalty_entry SET recorded_at = recorded_at + 1 WHERE id IN (3, 5)")
    result = call("ledger", "verify", "--db", file)
    assert result.exit_code == 1
    findings = [line for line in result.output.splitlines() if "is not what was posted" in line]
    assert len(findings) == 2
    assert result.output.splitlines()[-1] == "2 findings"
    document = json.loads(call("ledger", "verify", "--db", file, "--json").output)
    assert (document["ok"], document["findings"]) == (False, findings)


def test_a_head_that_was_kept_shows_a_chain_made_anew(
    call: Call, database: Database, file: str, tmp_path: Path
) -> None:
    """The head goes to a file, one after the other, and comes back by it or by its text."""
    heads = tmp_path / "heads.txt"
    assert call("ledger", "seal", "--db", file, "--head-out", heads).exit_code == 0
    with SqlStore(database).transaction() as book:
        book.set_clock_day(20_600)
    fill_more(database)
    document = json.loads(call("ledger", "seal", "--db", file, "--head-out", heads, "--json").output)
    assert (document["sealed"], document["new_epoch"]) == (0, False)
    comment, first, _, second = heads.read_text().splitlines()
    assert comment.startswith(f"# {file}, book main, ")
    assert (Head.parse(first).number, second) == (1, document["head"])
    result = call("ledger", "verify", "--db", file, "--head", heads)
    assert (result.exit_code, "kept outside: 2 heads, compared with the chain" in result.output) == (0, True)
    forge(database, "UPDATE loyalty_posting SET rule = 'gift' WHERE entry_id = 3", all_of_it=True)
    assert call("ledger", "verify", "--db", file).exit_code == 0
    result = call("ledger", "verify", "--db", file, "--head", second)
    assert result.exit_code == 1
    assert "was kept outside: the chain was made anew" in result.output
    assert call("ledger", "verify", "--db", file, "--head", heads).output.count("was kept outside: the chain") == 2
    result = call("ledger", "verify", PROGRAMME, "--db", file, "--replay")
    assert result.exit_code == 1
    assert "settled again it moves" in result.output


def fill_more(database: Database) -> None:
    """Settle the next events."""
    programme = load(PROGRAMME)
    engine = Engine(programme, SqlStore(database))
    list(engine.submit_many(read_events(ACME / "history.jsonl", programme).events[40:60]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--replay"], "--replay settles again by the programme's rules; give the file"),
        (["--head", "nowhere.txt"], "--head: there is no such file, and got 'nowhere.txt' for a head"),
        (["--head", str(PROGRAMME)], f"--head {PROGRAMME}: got "),
        (["--book", "other"], "has no entries of a book 'other'"),
    ],
)
def test_wrong_use_of_verify(call: Call, file: str, arguments: list[str], said: str) -> None:
    """A call that cannot be meant so is told, and exits with 2."""
    result = call("ledger", "verify", "--db", file, *arguments)
    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_an_empty_file_of_heads_is_no_comparison(call: Call, file: str, tmp_path: Path) -> None:
    """It would look as if something had been compared."""
    empty = tmp_path / "heads.txt"
    empty.write_text("# nothing\n\n")
    result = call("ledger", "verify", "--db", file, "--head", empty)
    assert (result.exit_code, "there is no head in it" in result.output) == (2, True)


def test_a_book_of_another_revision_is_not_settled_again(call: Call, file: str) -> None:
    """The file of other rules is refused by name."""
    other = ACME.parent / "crm_sales" / "programme.yaml"
    result = call("ledger", "verify", other, "--db", file, "--replay")
    assert result.exit_code == 1
    assert "the book is settled under revision " in result.output
    assert "Nothing is wrong" not in result.output


def test_a_book_that_is_not_there_cannot_be_sealed(call: Call, file: str) -> None:
    """A mistyped name makes no book."""
    result = call("ledger", "seal", "--db", file, "--book", "mian")
    assert (result.exit_code, "has no entries of a book 'mian'" in result.output) == (2, True)
    result = call("ledger", "seal", "--db", file, "--new-epoch")
    assert (result.exit_code, "a book on SQLite has one epoch" in result.output) == (1, True)


def test_a_server_is_sealed_and_begins_a_new_epoch(call: Call, postgresql_book: Database) -> None:
    """What is not sealed yet is a note; after a restore the command says what to do, and does it."""
    fill(postgresql_book)
    url = postgresql_book.url.render_as_string(hide_password=False)
    result = call("ledger", "verify", "--db", url)
    assert result.exit_code == 0
    assert "chain: nothing is sealed yet" in result.output
    assert "entries are not sealed yet, from " in result.output
    for _ in range(200):
        assert call("ledger", "seal", "--db", url).exit_code == 0
        verified = json.loads(call("ledger", "verify", "--db", url, "--json").output)
        if not verified["unsealed"]:
            break
    assert verified["sealed"] == verified["entries"]
    with postgresql_book.begin() as connection:
        unguard(connection)
        shift_transactions(connection, 10_000_000)
        say(connection, "UPDATE loyalty_book SET clock_day = clock_day")
    result = call("ledger", "seal", "--db", url)
    assert result.exit_code == 1
    assert "the book was restored from a dump; begin a new epoch with loyalty ledger seal --new-epoch" in result.output
    result = call("ledger", "seal", "--db", url, "--new-epoch")
    assert result.exit_code == 0
    assert "Sealed 0 entries of book main and began a new epoch" in result.output
    result = call(
        "ledger",
        "verify",
        PROGRAMME,
        "--db",
        url,
        "--replay",
        "--head",
        verified["head"].split(":")[0] + ":" + "0" * 64,
    )
    assert result.exit_code == 1
    assert "was kept outside" in result.output
