"""Seals on PostgreSQL: what is sealed when, and how a chain goes on after a restore."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine

from loyalty.errors import StoreError
from loyalty.ledger.entries import Account
from loyalty.ledger.hashing import content_hash
from loyalty.ledger.sql import SqlStore, create_tables, seals, sqlite_engine

from .journals import ZOE, earn
from .tampering import copy_entry, fill, id_of, say, seal, shift_transactions, unguard

_FAR = 50_000_000


@pytest.fixture
def restored(postgresql_book: Engine) -> Engine:
    """A book, sealed in part, from a server whose transactions had much larger numbers."""
    store = SqlStore(postgresql_book)
    fill(store, lambda: seal(postgresql_book))
    with postgresql_book.begin() as connection:
        unguard(connection)
        shift_transactions(connection, _FAR)
    return postgresql_book


def test_a_seal_waits_for_transactions_that_may_come_before(postgresql_book: Engine) -> None:
    """An entry is sealed when no older transaction is open; until then it is counted, which is no finding."""
    store = SqlStore(postgresql_book)
    other = Account(ZOE, "available")
    with store.transaction() as book:
        book.post([earn("first", 1), earn("second", 1, to=other)])
    seal(postgresql_book)
    with postgresql_book.begin() as slow:
        with SqlStore(slow).transaction() as book:
            book.post([earn("slow", 1)])
        with store.transaction() as book:
            book.post([earn("quick", 1, to=other)])
        with store.transaction() as book:
            assert book.seal(1) == 0
        found = store.verify()
        assert (found.findings, found.sealed, found.unsealed) == ((), 2, 1)
        assert found.notes == ("1 entry is not sealed yet, from quick on; loyalty ledger seal seals them",)
    seal(postgresql_book)
    assert sealed_keys(store) == ["first", "second", "slow", "quick"]


def test_two_sealers_take_turns(postgresql_book: Engine) -> None:
    """Whoever seals at the same time waits, and goes on behind what the first one sealed."""
    store = SqlStore(postgresql_book)
    done: list[int] = []

    def seal_often() -> None:
        for _ in range(20):
            with SqlStore(postgresql_book).transaction() as book:
                done.append(book.seal(1))

    sealers = [threading.Thread(target=seal_often) for _ in range(2)]
    for sealer in sealers:
        sealer.start()
    for number in range(20):
        with store.transaction() as book:
            book.post([earn(f"e{number}", 1)])
    for sealer in sealers:
        sealer.join()
    seal(postgresql_book)
    found = store.verify()
    assert (found.findings, found.sealed) == ((), 20)
    assert len(done) == 40


def test_a_seal_has_at_most_so_many_leaves(postgresql_book: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many entries become several seals."""
    monkeypatch.setattr(seals, "SEAL_SIZE", 3)
    store = SqlStore(postgresql_book)
    with store.transaction() as book:
        book.post([earn(f"e{number}", 1) for number in range(8)])
    seal(postgresql_book)
    with store.transaction(read_only=True) as book:
        assert [len(made.leaves) // 32 for made in book.seals()] == [3, 3, 2]
    assert store.verify().findings == ()


def test_after_a_restore_the_sealer_asks_for_a_new_epoch(restored: Engine) -> None:
    """Entries that would come before what is sealed are not sealed silently, or never."""
    store = SqlStore(restored)
    assert store.verify().findings == ()
    with (
        pytest.raises(StoreError, match="restored from a dump; begin a new epoch with loyalty ledger seal --new-epoch"),
        store.transaction() as book,
    ):
        book.seal(9)


@pytest.mark.parametrize("posted_before", [0, 1, 5])
def test_a_new_epoch_takes_in_what_the_restore_left(
    restored: Engine, posted_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that were not sealed, those that were posted since the restore, and all later ones are in the chain."""
    monkeypatch.setattr("loyalty.ledger.sql.epochs.SEAL_SIZE", 3)
    store = SqlStore(restored)
    head = store.verify().head
    assert head is not None
    for number in range(posted_before):
        with store.transaction() as book:
            book.post([earn(f"early-{number}", 1)])
    with store.transaction() as book:
        assert book.seal(9, new_epoch=True) == 2 + posted_before
    assert whole(store, [head]) == (4 + posted_before, 0)
    with store.transaction() as book:
        book.post([earn("later", 1)])
    assert whole(store, [head]) == (4 + posted_before, 1)
    seal(restored)
    assert whole(store, [head]) == (5 + posted_before, 0)
    with store.transaction(read_only=True) as book:
        epochs = [made.epoch for made in book.seals()]
        assert epochs == sorted(epochs)
        assert set(epochs) == {1, 2}


def test_an_epoch_of_an_empty_book_and_one_after_another(postgresql_book: Engine) -> None:
    """Nothing need be left over, and a book may be restored more than once."""
    store = SqlStore(postgresql_book)
    for number in range(3):
        with store.transaction() as book:
            book.seal(number, new_epoch=True)
            book.post([earn(f"e{number}", 1)])
        seal(postgresql_book)
        assert whole(store, []) == (number + 1, 0)


def test_what_is_put_in_beside_a_new_epoch_is_found(restored: Engine) -> None:
    """Neither before nor behind the seam can an entry be slipped in, taken out, or changed."""
    store = SqlStore(restored)
    with store.transaction() as book:
        book.post([earn("early", 1)])
    with store.transaction() as book:
        book.seal(9, new_epoch=True)
    with store.transaction() as book:
        book.post([earn("later", 1)])
    seal(restored)
    with restored.begin() as connection:
        copy_entry(connection, "a", "forged", id=-2)
    assert (
        "entry forged is not in seal 3, in whose range it stands: it was put in, or moved there"
        in store.verify().findings
    )
    with restored.begin() as connection:
        say(connection, "DELETE FROM loyalty_entry WHERE key = 'forged'")
        say(connection, f"UPDATE loyalty_entry SET id = {id_of('later')} + 1000 WHERE key = 'early'")
    found = store.verify().findings
    assert any("is missing" in finding and "holds the digest" in finding for finding in found)


def test_a_straggler_behind_the_seam_is_found_and_taken_in_by_the_next_epoch(restored: Engine) -> None:
    """An entry whose id lies before the seam, but which was written behind it, is named until a new epoch takes it."""
    store = SqlStore(restored)
    with restored.begin() as connection:
        say(connection, f"SELECT setval('loyalty_ids', {10_000})")
    with store.transaction() as book:
        book.post([earn("later", 1)])
    with store.transaction() as book:
        book.seal(9, new_epoch=True)
    with restored.begin() as connection:
        say(connection, "SELECT setval('loyalty_ids', 5000)")
    with store.transaction() as book:
        book.post([earn("straggler", 1)])
    assert store.verify().findings == (
        "entry straggler is not in seal 3, in whose range it stands: it was put in, or moved there",
    )
    with store.transaction() as book:
        assert book.seal(10, new_epoch=True) == 1
    assert whole(store, []) == (6, 0)


def test_a_file_has_one_epoch(tmp_path: object) -> None:
    """A book on SQLite is copied with its order."""
    engine = sqlite_engine(f"{tmp_path}/book.db")
    create_tables(engine)
    with pytest.raises(StoreError, match="has one epoch"), SqlStore(engine).transaction() as book:
        book.seal(1, new_epoch=True)


def whole(store: SqlStore, heads: list[seals.Head]) -> tuple[int, int]:
    """See that nothing is wrong, and give how many entries are sealed and how many are not."""
    found = store.verify(heads)
    assert found.findings == ()
    return found.sealed, found.unsealed


def sealed_keys(store: SqlStore) -> list[str]:
    """Give the keys of the entries in the order of the chain."""
    with store.transaction(read_only=True) as book:
        by_hash = {content_hash(entry): entry.key for entry in book.entries()}
        leaves = b"".join(made.leaves for made in book.seals())
        return [by_hash[leaves[start : start + 32]] for start in range(0, len(leaves), 32)]
