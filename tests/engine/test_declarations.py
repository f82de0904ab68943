"""A book keeps the text of each declaration that it was settled under, and reads it again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from attrs import evolve

from loyalty import Engine, loads
from loyalty.engine.declarations import Declarations, check_declarations
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.store import Store

from .conftest import open_database
from .scenes import PROGRAMME, SCENES, deal


def test_a_book_keeps_the_declaration_of_its_first_entry(store: Store) -> None:
    """It is there with the first entry and not before, once, and reads as the programme that it came from."""
    engine = Engine(PROGRAMME, store, clock=lambda: 42)
    engine.submit(deal("D-0", "2025-01-01"))
    with store.transaction(read_only=True) as book:
        assert book.declarations() == ()
    engine.submit_all([deal("D-1", "2026-02-01"), deal("D-2", "2026-02-02")])
    with store.transaction(read_only=True) as book:
        (kept,) = book.declarations()
        assert (kept.digest, kept.text, kept.recorded_at) == (PROGRAMME.revision, SCENES, 42)
        assert Declarations().find(book, kept.digest).revision == PROGRAMME.revision
        assert list(check_declarations(book)) == []


def test_a_programme_without_a_text_keeps_nothing(store: Store) -> None:
    """What was built in code is settled all the same."""
    Engine(evolve(PROGRAMME, source=""), store).submit(deal("D-1", "2026-02-01"))
    with store.transaction(read_only=True) as book:
        assert book.declarations() == ()
        (finding,) = check_declarations(book)
    assert "there are entries from event:/D-1 on, is not in the book: it was taken out, or the programme was" in finding


LATER = SCENES.replace("1 per 1 EUR", "2 per 1 EUR").replace(
    "language: 1\n", "language: 1\nrevision: {after: before.yaml, from: 2026-07-01}\n"
)


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        (
            "DELETE FROM loyalty_revision WHERE after IS NULL",
            "is kept as following revision {first}, which is not",
        ),
        ("DELETE FROM loyalty_revision", "the text of revision {first}, under which there are entries from event:/D-1"),
        ("DELETE FROM loyalty_revision WHERE after IS NOT NULL", "of revision {later}, under which there are entries"),
        ("UPDATE loyalty_revision SET after = 'zzz'", "the text of revision {later} is kept as following revision zzz"),
        (
            "UPDATE loyalty_revision SET after = '{later}' WHERE after IS NULL",
            "the text of revision {first} is kept as following {later}, but by its chain none",
        ),
        ("UPDATE loyalty_revision SET first_day = 0", "{later} is kept as in force from day 0 on, and says day 20635"),
        (
            "UPDATE loyalty_adoption SET revisions = replace(revisions, '20635', '20636')",
            "is not that of its revisions {first}, {later}: they were changed",
        ),
    ],
)
def test_a_declaration_that_is_gone_or_moved_is_found(book_file: Path, statement: str, finding: str) -> None:
    """Whoever takes a text out, or has it follow another revision or begin on another day, is told by what names it."""
    store = SqlStore(open_database(book_file))
    programme = loads(LATER, before=PROGRAMME)
    engine = Engine(programme, store)
    engine.submit_all([deal("D-1", "2026-02-01"), deal("D-2", "2026-08-01")])
    with store.transaction(read_only=True) as book:
        assert list(check_declarations(book)) == []
    names = {"first": PROGRAMME.revision, "later": programme.revision}
    with sqlite3.connect(book_file) as connection:
        for trigger in ("revision_update", "revision_delete", "adoption_update"):
            connection.execute(f"DROP TRIGGER tr_loyalty_{trigger}")
        assert connection.execute(statement.format(**names)).rowcount
    with store.transaction(read_only=True) as book:
        found = list(check_declarations(book))
    assert any(finding.format(**names) in sentence for sentence in found), found


def test_a_declaration_that_was_changed_is_found(book_file: Path) -> None:
    """Somebody who can drop the trigger makes the rule pay twice as much; the name gives it away."""
    store = SqlStore(open_database(book_file))
    Engine(PROGRAMME, store).submit(deal("D-1", "2026-02-01"))
    with sqlite3.connect(book_file) as connection:
        connection.execute("DROP TRIGGER tr_loyalty_revision_update")
        connection.execute("UPDATE loyalty_revision SET text = replace(text, '1 per 1 EUR', '2 per 1 EUR')")
    other = loads(SCENES.replace("1 per 1 EUR", "2 per 1 EUR")).revision
    with store.transaction(read_only=True) as book:
        (finding,) = check_declarations(book)
    assert PROGRAMME.revision in finding
    assert other in finding
