"""The book rewinds exactly, digests tell entries apart, and the ledger's core knows no database."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from loyalty.core.amounts import MAX_AMOUNT
from loyalty.errors import LedgerError
from loyalty.ledger.book import Book
from loyalty.ledger.entries import Entry, EntryKind, Posting, sound_entry, sound_transfer
from loyalty.ledger.hashing import content_hash
from loyalty.ledger.sql import SqlStore, create_tables

from .journals import AVAILABLE, HELD, ISSUED, PENDING, REDEEMED, earn, entry, leg, move, redeem

_STEPS = st.lists(
    st.tuples(st.sampled_from("erph"), st.integers(1, 9), st.integers(100, 101), st.integers(0, 9)), max_size=12
)


def _picture(book: Book) -> object:
    return (
        [
            [(lot.sequence, lot.remaining) for lot in book.open_lots(account, "points")]
            for account in (PENDING, AVAILABLE)
        ],
        {
            (owner, *key): amount
            for owner, wallet in book.wallets.items()
            for key, amount in wallet.balances.items()
            if amount
        },
        [one.key for one in book.entries],
        {cause: list(entries) for cause, entries in book.by_cause.items() if entries},
        {owner: [one.key for one in wallet.entries] for owner, wallet in book.wallets.items() if wallet.entries},
        book.next_lot,
    )


def _apply(book: Book, steps: list[tuple[str, int, int, int]], prefix: str) -> None:
    for number, (what, amount, day, at) in enumerate(steps):
        key = f"{prefix}{number}"
        step = {
            "e": earn(key, amount, day, to=PENDING, at=at),
            "r": redeem(key, amount, day, at=at),
            "p": move(key, amount, day, of=PENDING, to=AVAILABLE, at=at),
            "h": move(key, amount, day, of=AVAILABLE, to=HELD, at=at),
        }[what]
        try:
            book.post([step])
        except LedgerError:
            continue


@settings(max_examples=100, deadline=None)
@given(before=_STEPS, after=_STEPS)
def test_a_rewound_book_is_the_book_before(
    before: list[tuple[str, int, int, int]], after: list[tuple[str, int, int, int]]
) -> None:
    """Whatever was posted since a mark is taken back, lots and their order included, and can be posted again."""
    book = Book()
    _apply(book, before, "b")
    mark, picture = book.mark(), _picture(book)
    _apply(book, after, "a")
    later = _picture(book)
    book.rewind(mark)
    assert _picture(book) == picture
    _apply(book, after, "a")
    assert _picture(book) == later


def test_every_field_changes_the_digest() -> None:
    """No part of an entry can change without its digest, nor can two fields share a border."""
    first = entry("a", leg(ISSUED, -5), leg(AVAILABLE, 5, 100, rule="x"), cause="bc")
    others = [
        evolve(first, key="ab", cause="c"),
        evolve(first, cause=None),
        evolve(first, cause=""),
        evolve(first, kind=EntryKind.TIMER),
        evolve(first, effective_at=1),
        evolve(first, recorded_at=1),
        evolve(first, revision="r2"),
        evolve(first, corrects="z"),
        evolve(first, explanation={"a": 1}),
        evolve(first, postings=first.postings[::-1]),
        evolve(first, postings=(leg(ISSUED, -5), leg(AVAILABLE, 5, 101, rule="x"))),
        evolve(first, postings=(leg(ISSUED, -5), leg(AVAILABLE, 5, 100, cause="x"))),
    ]
    assert len({content_hash(one) for one in [first, *others]}) == len(others) + 1
    assert content_hash(first) == content_hash(evolve(first))


def test_the_ledger_without_sql_imports_no_database() -> None:
    """A host that keeps its book in memory loads neither SQLAlchemy nor SQLModel."""
    code = (
        "import sys, loyalty.ledger, loyalty.ledger.memory, loyalty.ledger.verify, loyalty.ledger.hashing;"
        "assert not {'sqlalchemy', 'sqlmodel', 'pydantic'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize("shared", [True, False])
def test_writers_in_threads_never_break_a_floor(tmp_path: Path, shared: bool) -> None:
    """Four threads redeem from one wallet, through one store or one each; exactly what is there is taken."""
    engine = create_engine(f"sqlite:///{tmp_path / 'book.db'}")
    create_tables(engine)
    common = SqlStore(engine)
    with common.transaction() as book:
        book.post([earn("e", 30)])
    taken: list[str] = []

    def redeem_often(name: str) -> None:
        store = common if shared else SqlStore(engine)
        for number in range(10):
            try:
                with store.transaction() as book:
                    book.post([redeem(f"{name}{number}", 1)])
                taken.append(name)
            except LedgerError:
                continue

    threads = [threading.Thread(target=redeem_often, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with common.transaction() as book:
        assert (len(taken), book.balance(AVAILABLE, "points"), len(list(book.entries()))) == (30, 0, 31)
    engine.dispose()


def test_a_transfer_is_the_postings_that_the_constructor_gives() -> None:
    """What settling makes at speed is equal to what others make, as frozen, and never larger than a book can hold."""
    made = sound_transfer(PENDING, REDEEMED, "points", 7, 100, None, "r", "/D-1")
    assert made == (
        Posting(PENDING, "points", -7, 100, "r", "/D-1"),
        Posting(REDEEMED, "points", 7, None, "r", "/D-1"),
    )
    assert {type(one) for one in made} == {Posting}
    with pytest.raises(FrozenInstanceError):
        made[0].amount = 8  # type: ignore[misc]
    assert evolve(made[0], amount=-9).amount == -9
    for wrong in (0, MAX_AMOUNT + 1):
        with pytest.raises(LedgerError, match="write a whole number of minor units"):
            sound_transfer(PENDING, REDEEMED, "points", wrong, 100, None, "r", "/D-1")


def test_an_entry_of_transfers_is_the_entry_that_the_constructor_gives() -> None:
    """It is equal and has the same content hash."""
    postings = sound_transfer(PENDING, REDEEMED, "points", 7, 100, None, "r", "/D-1")
    made = sound_entry("k", EntryKind.EVENT, "/D-1", 1, 2, "r1", postings, None, {"v": 1})
    told = Entry(
        key="k", kind=EntryKind.EVENT, cause="/D-1", effective_at=1, recorded_at=2, revision="r1", postings=postings,
        explanation={"v": 1},
    )  # fmt: skip
    assert (made, type(made), content_hash(made)) == (told, Entry, content_hash(told))
