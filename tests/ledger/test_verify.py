"""What was changed behind the library's back is found and named."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text

from loyalty.core.events import Event
from loyalty.errors import LedgerError
from loyalty.ledger.entries import Posting
from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.sealing import Head
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from loyalty.ledger.sql.auditing import book as auditing
from loyalty.ledger.sql.auditing import processes
from loyalty.ledger.sql.auditing.runs import Runs, Secret
from loyalty.ledger.verify import inspect, verify

from .journals import ACME, AVAILABLE, ISSUED, earn, entry, redeem
from .tampering import copy_entry, delete_entry, fill, hash_again, id_of, lots_of, say, seal, seal_again, unguard


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database with a small book, sealed, and no triggers to hold whoever tampers."""
    if request.param == "sqlite":
        made = create_engine("sqlite://")
        create_tables(made)
    else:
        made = request.getfixturevalue("postgresql_book")
    fill(SqlStore(made), lambda: seal(made))
    seal(made)
    with made.begin() as connection:
        unguard(connection)
    yield made
    made.dispose()


def findings(engine: Engine, *heads: Head) -> list[str]:
    """Verify the book and see that both ways to do it say the same."""
    store = SqlStore(engine)
    with store.transaction(read_only=True) as book:
        found = verify(book, heads)
    assert tuple(found) == store.verify(heads).findings
    return found


def tamper(engine: Engine, *statements: str) -> None:
    """Run statements, each of which touches one row, and none of which a constraint between tables stops."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount == 1, statement


_LEG_A = f"entry_id = {id_of('a')} AND seq = 1"
_LEG_B = f"entry_id = {id_of('b')} AND seq = 1"

_TAMPERINGS = [
    (f"UPDATE loyalty_posting SET amount = 11 WHERE {_LEG_A}", "entry a is out of balance by 1 points"),
    (f"DELETE FROM loyalty_posting WHERE {_LEG_A}", "entry a is out of balance by -10 points"),
    (f"DELETE FROM loyalty_posting WHERE entry_id = {id_of('a')} AND seq = 0", "entry a has no posting 0, but one 1"),
    (f"UPDATE loyalty_posting SET amount = 0 WHERE {_LEG_A}", "entry a is out of balance by -10 points"),
    (f"UPDATE loyalty_posting SET rule = 'forged' WHERE {_LEG_B}", "entry b is not what was posted"),
    (f"UPDATE loyalty_posting SET cause = 'forged' WHERE {_LEG_B}", "entry b is not what was posted"),
    (f"UPDATE loyalty_posting SET lot_day = 9 WHERE {_LEG_B}", "entry b is not what was posted"),
    (f"UPDATE loyalty_posting SET account_id = 9999 WHERE {_LEG_B}", "posting 1 of entry b is to an account 9999 that"),
    (
        "UPDATE loyalty_posting SET version = 9, account_id = "
        f"(SELECT id FROM loyalty_account WHERE path = 'partner:acme/pending') WHERE {_LEG_B}",
        "entry b is not what was posted",
    ),
    (
        "INSERT INTO loyalty_posting (entry_id, seq, account_id, asset_id, amount) SELECT 5000, 0, account_id, "
        f"asset_id, 3 FROM loyalty_posting WHERE {_LEG_B}",
        "a posting of 3 points to partner:acme/available belongs to no entry: one is missing after entry r",
    ),
    (
        "INSERT INTO loyalty_posting (entry_id, seq, account_id, asset_id, amount) SELECT entry_id, 2, account_id, "
        f"asset_id, 3 FROM loyalty_posting WHERE {_LEG_B}",
        "entry b is out of balance by 3 points",
    ),
    (
        f"UPDATE loyalty_posting SET balance_after = 999 WHERE {_LEG_B}",
        "posting 1 of entry b says that partner:acme/available stood at 999 points (version 1), but its postings "
        "run to 5 (version 1)",
    ),
    (f"UPDATE loyalty_posting SET version = 9 WHERE {_LEG_B}", "posting 1 of entry b says"),
    (f"UPDATE loyalty_posting SET version = NULL WHERE {_LEG_B}", "posting 1 of entry b says"),
    (
        f"UPDATE loyalty_posting SET version = 1 WHERE entry_id = {id_of('b')} AND seq = 0",
        "posting 0 of entry b says that programme/issued stood at None points, but no balance of the programme's",
    ),
    (
        "UPDATE loyalty_balance SET posted = 5 WHERE posted = 9",
        "available is kept at 5 points, but its postings sum to 9",
    ),
    ("DELETE FROM loyalty_balance WHERE posted = 9", "available is kept at 0 points, but its postings sum to 9"),
    ("UPDATE loyalty_balance SET version = 9 WHERE posted = 9", "available is kept in version 9 of points, but has 3"),
    ("UPDATE loyalty_balance SET floor = -50 WHERE posted = 9", "available is kept with floor -50"),
    ("UPDATE loyalty_balance SET posted = -1 WHERE posted = 9", "available is kept at -1 points, beyond its bound"),
    (
        "INSERT INTO loyalty_balance (account_id, asset_id, posted, version) SELECT id, 5555, 7, 1 "
        "FROM loyalty_account WHERE path = 'programme/issued'",
        "programme/issued is kept at 7",
    ),
    (
        "INSERT INTO loyalty_balance (account_id, asset_id, posted, version, floor) SELECT a.id, s.id, 7, 1, 0 "
        "FROM loyalty_account a, loyalty_asset s WHERE path = 'partner:acme/pending' AND s.name = 'miles'",
        "partner:acme/pending is kept at 7 miles, but its postings sum to 0",
    ),
    (
        "UPDATE loyalty_account SET path = 'x' WHERE path = 'partner:acme/pending'",
        "account x is stored as 'pending' of",
    ),
    (f"UPDATE loyalty_lot SET remaining = 5 WHERE {lots_of('a')}", "has 5 of 10 points left, but debits took 6 of it"),
    (f"UPDATE loyalty_lot SET remaining = 3 WHERE {lots_of('a')}", "has 3 of 10 points left, but debits took 6 of it"),
    (f"UPDATE loyalty_lot SET remaining = 7 WHERE {lots_of('b')}", "from entry b has 7 of 5 points left"),
    (f"UPDATE loyalty_lot SET remaining = -1 WHERE {lots_of('b')}", "from entry b has -1 of 5 points left"),
    (
        f"UPDATE loyalty_lot SET expires_day = 102 WHERE {lots_of('b')}",
        "lot 0 of entry b, of 5 that expire on 1970-04-13",
    ),
    (f"UPDATE loyalty_lot SET seq = 0 WHERE {lots_of('b')}", "says that posting 0 made it, which does not credit that"),
    (
        f"UPDATE loyalty_lot SET earned_at = 1 WHERE {lots_of('b')}",
        "from entry b says that it was earned at an instant",
    ),
    (f"UPDATE loyalty_lot SET amount = 6, remaining = 6 WHERE {lots_of('b')}", "the lots of posting 1 of entry b to"),
    (
        f"DELETE FROM loyalty_lot WHERE {lots_of('b')}",
        "the lots of posting 1 of entry b to partner:acme/available sum to 0",
    ),
    (
        f"UPDATE loyalty_lot SET id = (FAR) + 1 WHERE {lots_of('b')}",
        "a lot of 5 points of partner:acme/available belongs to no entry: one is missing after entry r",
    ),
    (
        "DELETE FROM loyalty_lot_allocation WHERE amount = 2",
        "the lot of partner:acme/available from entry m has 4 of 6 points left, but debits took 0 of it",
    ),
    ("DELETE FROM loyalty_lot_allocation WHERE amount = 2", "the allocations of posting 0 of entry r to"),
    ("UPDATE loyalty_lot_allocation SET amount = 7 WHERE amount = 6", "from entry a has 4 of 10 points left, but"),
    ("UPDATE loyalty_lot_allocation SET lot_id = 77 WHERE amount = 6", "of entry m takes 6 of a lot that there is not"),
    ("UPDATE loyalty_lot_allocation SET seq = 1 WHERE amount = 6", "for posting 1, which does not debit that"),
    (
        "UPDATE loyalty_lot_allocation SET entry_id = 5000 WHERE amount = 6",
        "an allocation of 6 belongs to no entry: one is missing after entry r",
    ),
    ("UPDATE loyalty_entry SET kind = 'gift' WHERE key = 'a'", "entry a is stored as of a kind 'gift'"),
    ("UPDATE loyalty_entry SET explanation = '5' WHERE key = 'a'", "entry a is not what was posted"),
    ("UPDATE loyalty_entry SET effective_at = 9 WHERE key = 'a'", "entry a is not what was posted"),
    ("UPDATE loyalty_entry SET recorded_at = 9 WHERE key = 'a'", "entry a is not what was posted"),
    ("UPDATE loyalty_entry SET cause = '/forged' WHERE key = 'm'", "entry m is not what was posted"),
    ("UPDATE loyalty_entry SET corrects = 'a' WHERE key = 'm'", "entry m is not what was posted"),
    ("UPDATE loyalty_entry SET revision = 'r2' WHERE key = 'm'", "entry m is not what was posted"),
    ("UPDATE loyalty_entry SET key = 'z' WHERE key = 'm'", "entry z is not what was posted"),
    ("UPDATE loyalty_entry SET explanation = '{\"a\":1}' WHERE key = 'b'", "entry b is not what was posted"),
    ("UPDATE loyalty_entry SET content_hash = ZERO WHERE key = 'b'", "entry b is not what was posted"),
    ("UPDATE loyalty_entry SET hash_version = 7 WHERE key = 'b'", "entry b has a digest of encoding 7"),
    ("UPDATE loyalty_entry SET id = 6000 WHERE key = 'm'", "entry m has no postings"),
    ("DELETE FROM loyalty_entry WHERE key = 'm'", "belongs to no entry: one is missing between entries b and r"),
    (
        "DELETE FROM loyalty_entry WHERE key = 'm'",
        "1 entry is missing between entries b and r: seal 2 holds the digest",
    ),
    ("DELETE FROM loyalty_entry WHERE key = 'a'", "1 entry is missing before entry b: seal 1 holds the digest"),
    ("DELETE FROM loyalty_entry WHERE key = 'r'", "1 entry is missing after entry m: seal 2 holds the digest"),
    ("UPDATE loyalty_seal SET sealed_at = 1 WHERE number = 1", "seal 1 is not what begins the chain"),
    ("UPDATE loyalty_seal SET epoch = 2 WHERE number = 2", "seal 2 is not what follows seal 1"),
    ("UPDATE loyalty_seal SET leaves = ZERO WHERE number = 2", "seal 2 is not what follows seal 1"),
    ("UPDATE loyalty_seal SET root_hash = ZERO WHERE number = 1", "seal 1 is not what begins the chain"),
    (
        "UPDATE loyalty_seal SET last_entry_id = last_entry_id - 1 WHERE number = 1",
        "seal 1 is not what begins the chain",
    ),
    ("UPDATE loyalty_seal SET number = 5 WHERE number = 2", "seals 2 to 4 are missing: after seal 1 comes seal 5"),
    ("DELETE FROM loyalty_seal WHERE number = 1", "seal 1 is missing: after seal 0 comes seal 2"),
    ("DELETE FROM loyalty_seal WHERE number = 1", "2 entries from a to b can be in no seal but the missing one"),
    (
        "UPDATE loyalty_event SET fields_json = '{\"amount\":99}' WHERE identity = 'crm/D-1'",
        "event crm/D-1 is not what",
    ),
    ("UPDATE loyalty_event SET fields_json = '5' WHERE identity = 'crm/D-1'", "event crm/D-1 is not what was accepted"),
    ("UPDATE loyalty_event SET fields_json = '{' WHERE identity = 'crm/D-1'", "event crm/D-1 is not what was accepted"),
    ("UPDATE loyalty_event SET occurred_at = 9 WHERE identity = 'crm/D-1'", "event crm/D-1 is not what was accepted"),
    ("UPDATE loyalty_event SET person = NULL WHERE identity = 'crm/D-1'", "event crm/D-1 is not what was accepted"),
    ("UPDATE loyalty_event SET partner = 'x' WHERE identity = 'crm/D-1'", "event crm/D-1 is not what was accepted"),
    ("UPDATE loyalty_event SET kind = 'x' WHERE identity = 'crm/D-1'", "event crm/D-1 is not what was accepted"),
    ("UPDATE loyalty_event SET source = 'x' WHERE identity = 'crm/D-1'", "event crm/D-1 cannot be read: its source is"),
    ("UPDATE loyalty_event SET identity = 'xxx/D-1' WHERE identity = 'crm/D-1'", "event xxx/D-1 cannot be read"),
    (
        "UPDATE loyalty_event SET identity = 'crm/D-9' WHERE identity = 'crm/D-1'",
        "event crm/D-9 is not what was accepted",
    ),
    (
        "UPDATE loyalty_event SET origin = 'crm/D-9' WHERE identity = 'crm/R-1'",
        "event crm/R-1 is not what was accepted",
    ),
    ("UPDATE loyalty_event SET body_hash = ZERO WHERE identity = 'crm/R-1'", "event crm/R-1 is not what was accepted"),
    (
        "DELETE FROM loyalty_event WHERE identity = 'crm/D-2'",
        "partner:acme received an event that is missing between events crm/D-1 and crm/R-1",
    ),
    (
        "DELETE FROM loyalty_delivery WHERE inputs <> '{}'",
        "the history of person:zoe is not what its version",
    ),
    ("UPDATE loyalty_delivery SET inputs = '{\"tier\":2}' WHERE inputs <> '{}'", "the history of person:zoe is not"),
    (
        "INSERT INTO loyalty_delivery SELECT h.id, e.occurred_at, e.id, '{}' FROM loyalty_holder h, loyalty_event e "
        "WHERE h.ref = 'zoe' AND e.identity = 'crm/D-2'",
        "the history of person:zoe is not what its version",
    ),
    (
        "INSERT INTO loyalty_delivery SELECT 7777, occurred_at, id, '{}' FROM loyalty_event WHERE identity = 'crm/D-2'",
        "event crm/D-2 is delivered to a holder 7777 that there is not",
    ),
    (
        "UPDATE loyalty_delivery SET at = 86400000000 WHERE event_id = (SELECT id FROM loyalty_event WHERE "
        "identity = 'crm/D-2')",
        "the history of partner:acme has event crm/D-2 count from 1970-01-02T00:00:00Z, but it counts from "
        "1970-01-01T00:00:00Z",
    ),
    (
        "UPDATE loyalty_delivery SET at = -9223372036854775807 WHERE inputs <> '{}'",
        "the history of person:zoe has event crm/D-1 count from instant -9223372036854775807, but",
    ),
    (f"UPDATE loyalty_posting SET amount = HUGE WHERE {_LEG_A}", "entry a is out of balance by 9223372036854775797"),
    (
        f"UPDATE loyalty_posting SET amount = HUGE WHERE {_LEG_B}",
        "partner:acme/available is kept at 9 points, but its postings sum to 9223372036854775",
    ),
    ("UPDATE loyalty_lot_allocation SET amount = HUGE WHERE amount = 6", "but debits took 9223372036854775807 of it"),
    (f"UPDATE loyalty_lot SET remaining = HUGE WHERE {lots_of('b')}", "has 9223372036854775807 of 5 points left"),
    (f"UPDATE loyalty_lot SET remaining = -HUGE WHERE {lots_of('b')}", "has -9223372036854775807 of 5 points left"),
    ("UPDATE loyalty_balance SET posted = HUGE WHERE posted = 9", "available is kept at 9223372036854775807 points"),
    (
        "UPDATE loyalty_holder SET layer = 7 WHERE ref = 'acme'",
        "account partner:acme/available is stored as 'available' of a holder 'acme' of a layer 7 that there is not",
    ),
    (
        "INSERT INTO loyalty_holder (id, book_id, layer, ref, version) SELECT 9999, id, 5, 'ghost', 0 FROM "
        "loyalty_book",
        "the book has a holder 'ghost' of a layer 5 that there is not",
    ),
    ("UPDATE loyalty_book SET locked_day = -HUGE", "the book is kept as locked through day -9223372036854775807"),
    ("UPDATE loyalty_holder SET version = version + 1 WHERE ref = 'zoe'", "the history of person:zoe is not"),
    ("UPDATE loyalty_grant SET amount = 3", "decision gift is not what was decided"),
    ("UPDATE loyalty_grant SET at = 3", "decision gift is not what was decided"),
    ("UPDATE loyalty_grant SET kind = 'hold'", "decision gift is not what was decided"),
    ("UPDATE loyalty_grant SET details = replace(details, 'person:zoe', 'person:bob')", "decision gift is not what"),
    ("UPDATE loyalty_grant SET details = '{}'", "decision gift cannot be read"),
    ("UPDATE loyalty_grant SET key = 'loot'", "decision loot is not what was decided"),
    ("DELETE FROM loyalty_grant", "the history of partner:acme is not what its version"),
    (
        "UPDATE loyalty_book SET locked_day = 20545",
        "the book is kept as locked through 2026-04-02, but by the last lock",
    ),
    (
        "UPDATE loyalty_book SET chain = 'forged'",
        "the book is kept as settled under the revisions forged, but the last",
    ),
    (
        "INSERT INTO loyalty_balance (account_id, asset_id, posted, version, floor) SELECT 9999, asset_id, 7, 1, 0 "
        "FROM loyalty_balance WHERE posted = 9",
        "the row of loyalty_balance with account_id 9999, asset_id ",
    ),
    ("DELETE FROM loyalty_book", "belongs to a book "),
    ("DELETE FROM loyalty_book", "that there is not: 4, a the first of them, stand in the database"),
    ("UPDATE loyalty_entry SET book_id = 77 WHERE key = 'b'", "entries of a book 77 that there is not: 1, b the first"),
    ("UPDATE loyalty_event SET book_id = 77 WHERE identity = 'crm/D-2'", "events of a book 77 that there is not: 1"),
    ("UPDATE loyalty_seal SET book_id = 77 WHERE number = 2", "belongs to a book 77 that there is not"),
    ("UPDATE loyalty_grant SET book_id = 77", "the row of loyalty_grant with id "),
    (
        "UPDATE loyalty_grant SET holder_id = (SELECT id FROM loyalty_holder WHERE ref = 'zoe')",
        "the history of partner:acme is not what its version",
    ),
]


#: What is written otherwise for PostgreSQL.
_ON_SERVERS = {"ZERO": "'\\x00'::bytea", "FAR": "1::bigint << 40"}


@pytest.mark.parametrize(("tampering", "finding"), _TAMPERINGS)
def test_tampering_with_a_database_is_found(engine: Engine, tampering: str, finding: str) -> None:
    """Each statement that goes round the library leaves a finding that says where."""
    on_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        say(connection, "INSERT INTO loyalty_asset (id, book_id, name) SELECT 5555, id, 'miles' FROM loyalty_book")
    assert findings(engine) == []
    tampering = tampering.replace("HUGE", str(2**63 - 1))
    for here, there in {"ZERO": "x'00'", "FAR": "1 << 40"}.items():
        tampering = tampering.replace(here, there if on_sqlite else _ON_SERVERS[here])
    tamper(engine, tampering)
    assert any(finding in sentence for sentence in findings(engine)), findings(engine)


def test_an_entry_whose_digest_was_made_anew_is_found_in_its_seal(engine: Engine) -> None:
    """Whoever changes an entry and hashes it again is told by the leaf that the seal kept."""
    with engine.begin() as connection:
        say(connection, "UPDATE loyalty_entry SET cause = '/forged' WHERE key = 'b'")
        hash_again(connection, "b")
    assert findings(engine) == ["entry b is not what seal 1 holds at its place"]


def test_leaves_that_were_made_anew_are_found_by_their_root(engine: Engine) -> None:
    """Whoever changes the entry, its digest and the leaves is told by the root over them."""
    with engine.begin() as connection:
        say(connection, "UPDATE loyalty_entry SET cause = '/forged' WHERE key = 'b'")
        hash_again(connection, "b")
        seal_again(connection, roots=False)
    assert findings(engine) == ["seal 1 is not what begins the chain: its root is not that of what it holds"]


def test_a_chain_that_was_made_anew_is_found_by_a_head_kept_outside(engine: Engine) -> None:
    """Whoever makes every seal anew is told by the head alone, of whichever seal it is."""
    heads = kept_heads(engine)
    assert findings(engine, *heads) == []
    with engine.begin() as connection:
        say(connection, "UPDATE loyalty_entry SET cause = '/forged' WHERE key = 'b'")
        hash_again(connection, "b")
        seal_again(connection)
    assert findings(engine) == []
    (of_first,) = findings(engine, heads[0])
    assert of_first.startswith("the root of seal 1 is ")
    assert of_first.endswith("was kept outside: the chain was made anew, up to that seal or before it")
    (of_last,) = findings(engine, heads[1])
    assert of_last.startswith("the root of seal 2 is ")


def test_a_chain_that_was_cut_short_is_found_by_a_head_kept_outside(engine: Engine) -> None:
    """Whoever takes the newest entries out with their seal, and mends what depends on them, is told by the head."""
    first, last = kept_heads(engine)
    with engine.begin() as connection:
        for key in ("m", "r"):
            delete_entry(connection, key)
        say(connection, "DELETE FROM loyalty_seal WHERE number = 2")
        say(connection, f"UPDATE loyalty_lot SET remaining = 10 WHERE {lots_of('a')}")
        for path, posted, version in (("pending", 10, 1), ("available", 5, 1)):
            say(
                connection,
                "UPDATE loyalty_balance SET posted = :posted, version = :version WHERE account_id = "
                f"(SELECT id FROM loyalty_account WHERE path = 'partner:acme/{path}')",
                posted=posted, version=version,
            )  # fmt: skip
    assert findings(engine) == []
    assert findings(engine, first) == []
    assert findings(engine, last) == [
        "the chain ends at seal 1, but seal 2 was kept outside: what was sealed after that was taken out"
    ]


def test_an_entry_that_was_taken_out_whole_is_missing_in_its_seal(engine: Engine) -> None:
    """Its seal says between which entries it stood."""
    with engine.begin() as connection:
        delete_entry(connection, "b")
    assert "1 entry is missing after entry a: seal 1 holds the digest" in findings(engine)


def test_an_entry_that_was_put_in_is_in_no_seal(engine: Engine) -> None:
    """A forged entry within what is sealed is named, and so is one behind it that no transaction sealed."""
    with engine.begin() as connection:
        copy_entry(connection, "b", "forged", id=1001)
    found = findings(engine)
    assert "entry forged has no postings" in found
    if engine.dialect.name == "sqlite":
        assert any("1 entry is behind the last seal, from forged on" in sentence for sentence in found)
    else:
        assert "entry forged is not in seal 2, in whose range it stands: it was put in, or moved there" in found


def test_two_entries_that_changed_places_are_found(engine: Engine) -> None:
    """The order of the chain is part of it."""
    with engine.begin() as connection:
        for column in ("key", "cause"):
            say(connection, f"UPDATE loyalty_entry SET {column} = {column} || '?' WHERE key IN ('a', 'b')")
            say(connection, f"UPDATE loyalty_entry SET {column} = 'b' WHERE {column} = 'a?'")
            say(connection, f"UPDATE loyalty_entry SET {column} = 'a' WHERE {column} = 'b?'")
        for key in ("a", "b"):
            hash_again(connection, key)
    assert "entry b is not what seal 1 holds at its place" in findings(engine)


def test_everything_forged_at_once_is_named(engine: Engine) -> None:
    """Whoever changes entries, postings, an event and allocations together is found out in each of them."""
    with engine.begin() as connection:
        for forgery in (
            "UPDATE loyalty_entry SET effective_at = effective_at + 9, explanation = '{}', cause = '/forged'",
            "UPDATE loyalty_posting SET rule = 'forged', balance_after = 999 WHERE amount > 0",
            "UPDATE loyalty_event SET fields_json = '{\"amount\":99}'",
            "DELETE FROM loyalty_lot_allocation",
        ):
            connection.exec_driver_sql(forgery)
    sentences = "\n".join(findings(engine))
    for named in ("entry a is", "entry b is", "entry m is", "entry r is", "event crm/D-1 is", "event crm/R-1 is"):
        assert f"{named} not what was" in sentences
    for named in ("lot of partner:acme/pending from entry a has", "lot of partner:acme/available from entry m has"):
        assert named in sentences
    assert "posting 1 of entry a says that partner:acme/pending stood at 999" in sentences
    assert sentences.startswith("entry a is not what was posted")


def test_a_book_beside_a_forged_one_is_clean(engine: Engine) -> None:
    """Findings are those of the book that was asked for."""
    with engine.connect() as connection:
        last = connection.execute(text("SELECT max(id) FROM loyalty_entry")).scalar_one()
    other = SqlStore(engine, book="other")
    fill(other)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE loyalty_entry SET cause = '/forged' WHERE id <= {last}")
        connection.exec_driver_sql(f"DELETE FROM loyalty_lot_allocation WHERE entry_id <= {last}")
        connection.exec_driver_sql(f"DELETE FROM loyalty_posting WHERE entry_id <= {last} AND seq = 1")
        connection.exec_driver_sql(f"UPDATE loyalty_lot SET seq = 7 WHERE (id >> 20) <= {last}")
        connection.exec_driver_sql("DELETE FROM loyalty_event WHERE id = (SELECT min(id) FROM loyalty_event)")
    with other.transaction(read_only=True) as book:
        assert verify(book) == []
    assert len(findings(engine)) > 10


def test_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A book that is divided between two processes gives the same entries, chain and findings, in the same order."""
    monkeypatch.setattr(processes, "LEAST_TASKS", 2)
    monkeypatch.setattr(auditing, "_TASK_IDS", {"entries": 2, "events": 1, "histories": 1})
    engine = sqlite_engine(tmp_path / "book.db")
    create_tables(engine)
    fill(SqlStore(engine))
    assert SqlStore(engine).verify(jobs=2) == SqlStore(engine).verify() == inspect_all(engine)
    with engine.begin() as connection:
        unguard(connection)
        say(connection, f"UPDATE loyalty_posting SET amount = amount * 2 WHERE entry_id = {id_of('m')}")
        say(connection, f"UPDATE loyalty_posting SET balance_after = 4 WHERE {_LEG_A}")
    apart = SqlStore(engine).verify(jobs=2)
    assert apart == SqlStore(engine).verify()
    assert apart.entries == apart.sealed == 4
    assert apart.findings[0] == "entry m is not what was posted: its digest is another one's"


def test_processes_share_a_servers_snapshot(postgresql_book: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on PostgreSQL, where the processes see what the first one sees."""
    monkeypatch.setattr(processes, "LEAST_TASKS", 2)
    monkeypatch.setattr(auditing, "_TASK_IDS", {"entries": 2, "events": 1, "histories": 1})
    fill(SqlStore(postgresql_book))
    assert SqlStore(postgresql_book).verify(jobs=2) == SqlStore(postgresql_book).verify()
    with postgresql_book.begin() as connection:
        unguard(connection)
        say(connection, "DELETE FROM loyalty_lot_allocation WHERE amount = 2")
    apart = SqlStore(postgresql_book).verify(jobs=2)
    assert apart == SqlStore(postgresql_book).verify()
    assert len(apart.findings) == 2


def inspect_all(engine: Engine) -> object:
    """Verify within a transaction."""
    with SqlStore(engine).transaction(read_only=True) as book:
        return inspect(book)


def kept_heads(engine: Engine) -> list[Head]:
    """Give the heads that were to be had after each seal."""
    with SqlStore(engine).transaction(read_only=True) as book:
        heads = [seal.head for seal in book.seals()]
        assert heads[-1] == book.head()
    return [Head.parse(str(head)) for head in heads]


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_TEXTS, _TEXTS, _TEXTS, st.integers(1, 2**53)), max_size=5, unique_by=lambda item: item[0]))
def test_what_is_hashed_from_rows_is_what_was_hashed_from_entries(items: list[tuple[str, str, str, int]]) -> None:
    """Whatever texts and amounts an entry or an event has, its rows give the digest that the writer gave."""
    made = create_engine("sqlite://")
    create_tables(made)
    with SqlStore(made).transaction() as book:
        book.post(
            [
                entry(
                    key,
                    Posting(ISSUED, "points", -amount, rule=rule, cause=cause),
                    Posting(AVAILABLE, "points", amount, lot_day=100, rule=rule, cause=cause),
                    cause=cause,
                    explanation={rule: [cause, amount]},
                )
                for key, rule, cause, amount in items
            ]
        )
        for key, rule, cause, amount in items:
            event = Event(
                id=key, kind=rule, partner=cause, occurred_at=amount, fields={rule: amount, cause: True}, of=rule
            )
            book.add_event(event, recorded_at=1)
            book.deliver(event.identity, ACME, {"tier": amount})
    with SqlStore(made).transaction(read_only=True) as book:
        assert verify(book) == []
    made.dispose()


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(-9, 9)), min_size=1), st.data())
def test_running_balances_are_whole_until_one_number_changes(
    steps: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """Steps in any order make whole runs; any other amount, balance or version, or a step too few, does not."""
    balances: dict[tuple[int, int], list[int]] = {}
    rows = []
    for account, asset, amount in steps:
        balance = balances.setdefault((account, asset), [0, 0])
        balance[0] += amount
        balance[1] += 1
        rows.append([account, asset, amount, balance[0], balance[1]])
    rows = data.draw(st.permutations(rows))
    assert _are_whole(rows, balances)
    changed = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, 4))
    without = rows[:changed] + rows[changed + 1 :]
    assert not _are_whole(without, balances)
    other = [list(row) for row in rows]
    other[changed][column] += data.draw(st.integers(1, 9))
    assert not _are_whole(other, balances)


def _are_whole(rows: list[list[int]], balances: dict[tuple[int, int], list[int]]) -> bool:
    secret = Secret.draw()
    runs, rest = Runs(secret), Runs(secret)
    for number, row in enumerate(rows):
        (runs if number % 2 else rest).add(*row)
    for (account, asset), (posted, version) in balances.items():
        rest.end(account, asset, posted, version)
    runs.join(rest)
    return runs.are_whole


def test_tampering_with_memory_is_found() -> None:
    """The same questions are put to a book in memory."""
    store = MemoryStore()
    fill(store)
    with store.transaction() as book:
        assert verify(book) == []
        assert inspect(book).entries == 4
        book.book.wallets[ACME].balances["available", "points"] = -3
        object.__setattr__(book.book.entries[0].postings[1], "amount", 12)
        sentences = "\n".join(verify(book))
    assert "entry a is out of balance by 2 points" in sentences
    assert "available is kept at -3 points, but its postings sum to 9" in sentences
    assert "the trial balance of points is -12, not 0" in sentences


def test_a_head_needs_a_chain() -> None:
    """A book in memory keeps none, and a head is a number and a root."""
    with MemoryStore().transaction() as book, pytest.raises(LedgerError, match="keeps no chain"):
        verify(book, [Head(1, bytes(32))])
    for wrong in ("", "1", "0:" + "0" * 64, "1:" + "0" * 63, "1:" + "G" * 64, "-1:" + "0" * 64):
        with pytest.raises(LedgerError, match="for a head; write the number of the seal"):
            Head.parse(wrong)


def test_a_lot_in_memory_that_no_debit_took_from_is_named() -> None:
    """What is left of a lot is compared with the allocations in memory too."""
    store = MemoryStore()
    fill(store)
    with store.transaction() as book:
        next(book.book.open_lots(AVAILABLE, "points")).remaining = 3
        assert any("from entry m has 3 of 6 points left, but debits took 2" in finding for finding in verify(book))


def test_a_broken_floor_is_found() -> None:
    """A wallet whose postings sum to less than nothing is named, whatever is kept elsewhere."""
    store = MemoryStore()
    fill(store)
    with store.transaction() as book:
        object.__setattr__(book.book.by_key["r"].postings[0], "amount", -20)
        assert any("available stands at -9 points, beyond its floor" in sentence for sentence in verify(book))


def test_a_transaction_that_looks_at_itself_is_whole(engine: Engine) -> None:
    """What it posted is sealed when it ends, which is no finding before."""
    with SqlStore(engine).transaction() as book:
        book.post([earn("late", 3)])
        assert verify(book) == []
    assert findings(engine) == []


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_book_that_is_written_to_is_seen_in_one_state(
    where: str, jobs: int, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever posts meanwhile neither waits nor is taken for a forger."""
    monkeypatch.setattr(processes, "LEAST_TASKS", 2)
    monkeypatch.setattr(auditing, "_TASK_IDS", {"entries": 50, "events": 50, "histories": 50})
    if where == "sqlite":
        made = sqlite_engine(tmp_path / "book.db")
        create_tables(made)
    else:
        made = request.getfixturevalue("postgresql_book")
    fill(SqlStore(made))
    ended = threading.Event()
    posted: list[str] = []

    def post() -> None:
        while not ended.is_set():
            with SqlStore(made).transaction() as book:
                key = f"more-{len(posted)}"
                book.post([earn(key, 3, 200), redeem(f"spent-{key}", 1, 200)])
                book.seal(1)
            posted.append(key)

    writer = threading.Thread(target=post)
    writer.start()
    try:
        while writer.is_alive() and len(posted) < 60:
            time.sleep(0.01)
        for _ in range(2):
            before = len(posted)
            found = SqlStore(made).verify(jobs=jobs)
            assert found.findings == ()
            assert found.entries >= 4 + 2 * before
    finally:
        ended.set()
        writer.join()
    assert SqlStore(made).verify().findings == ()
