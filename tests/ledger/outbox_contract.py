"""What the outbox of every store must do; a backend's test derives the class and gives the ``store`` fixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest

from loyalty.errors import StoreError
from loyalty.ledger.outbox import Message, TakesTurns
from loyalty.ledger.store import Store, Transaction

from .journals import ACME, earn


class Surprise(Exception):
    """An error of the host."""


def fail_after(store: Store, work: Callable[[Transaction], object]) -> NoReturn:
    """Do something in a transaction that fails in the end."""
    with store.transaction() as book:
        work(book)
        raise Surprise


def told(*names: str) -> list[Message]:
    """Give a message for each name."""
    return [Message("points.earned", f'{{"id":"{name}"}}') for name in names]


def waiting(store: Store, limit: int = 100) -> list[str]:
    """Give the names of the messages that wait."""
    with store.transaction(read_only=True) as book:
        return [message.event["id"] for message in book.messages(limit)]


class OutboxContract:
    """Messages come and go with their transaction, and keep their order."""

    def test_messages_are_read_in_order_and_dropped_one_by_one(self, store: Store) -> None:
        """What was dropped is gone, what was not stays at its place, and what comes later stands behind it."""
        with store.transaction() as book:
            book.add_messages(told("a", "b", "c"))
        with store.transaction() as book:
            first = book.messages(2)
            assert [(message.topic, message.event["id"]) for message in first] == [
                ("points.earned", "a"), ("points.earned", "b")]  # fmt: skip
            book.drop_messages([first[0]])
            book.add_messages(told("d"))
            assert [message.event["id"] for message in book.messages(9)] == ["b", "c", "d"]
        assert waiting(store) == ["b", "c", "d"]
        assert waiting(store, 1) == ["b"]

    def test_messages_come_with_the_entries_of_their_transaction(self, store: Store) -> None:
        """Entry and message are kept together or not at all."""

        def post(book: Transaction) -> None:
            book.expect(holders=[ACME])
            book.post([earn("a", 5)])
            book.add_messages(told("a"))

        with pytest.raises(Surprise):
            fail_after(store, post)
        with store.transaction() as book:
            assert (list(book.entries()), list(book.messages(9))) == ([], [])
            book.post([earn("b", 5)])
            book.add_messages(told("b"))
        with store.transaction() as book:
            assert [entry.key for entry in book.entries()] == ["b"]
        assert waiting(store) == ["b"]

    def test_an_inner_transaction_takes_its_messages_back(self, store: Store) -> None:
        """A savepoint that fails undoes what it added and dropped, each message at its place again."""

        def change(book: Transaction) -> None:
            book.add_messages(told("d"))
            book.drop_messages(book.messages(9)[:2])

        with store.transaction() as book:
            book.add_messages(told("a", "b", "c"))
            with pytest.raises(Surprise):
                fail_after(store, change)
            assert [message.event["id"] for message in book.messages(9)] == ["a", "b", "c"]
        assert waiting(store) == ["a", "b", "c"]

    def test_a_message_that_took_the_place_of_another_is_not_dropped_for_it(self, store: Store) -> None:
        """Two relays that told the same message drop it once, whatever was written in between."""
        with store.transaction() as book:
            book.add_messages(told("a"))
        with store.transaction() as book:
            both = book.messages(9)
            book.drop_messages(both)
        with store.transaction() as book:
            book.add_messages(told("b"))
        with store.transaction() as book:
            book.drop_messages(both)
        assert waiting(store) == ["b"]

    def test_a_reader_writes_no_messages(self, store: Store) -> None:
        """Where only reading is allowed, messages are read and that is all."""
        with store.transaction() as book:
            book.add_messages(told("a"))
        with store.transaction(read_only=True) as book:
            with pytest.raises(StoreError):
                book.add_messages(told("b"))
            with pytest.raises(StoreError):
                book.drop_messages(book.messages(9))
        assert waiting(store) == ["a"]

    def test_a_store_says_whose_turn_it_is(self, store: Store) -> None:
        """A relay that is alone has the turn, and again after it gave it back."""
        assert isinstance(store, TakesTurns)
        for _ in range(2):
            with store.relaying() as is_ours:
                assert is_ours
                assert waiting(store) == []
