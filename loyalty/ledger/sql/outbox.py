"""
Messages in a table, and whose turn it is to tell them.

No cursor runs over the messages: whoever told some deletes just those, so that a row of a slow transaction is found
when it comes, whatever was told meanwhile. What must keep its order are the messages about one holder, and their ids
do: a writer takes them while it keeps all others from that holder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Delete, Select, bindparam, delete, func, select
from sqlalchemy.engine import Connection

from loyalty.ledger.outbox import Message
from loyalty.ledger.sql.facts import Waiting
from loyalty.ledger.sql.faults import FAULTS, to_store_error
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.locks import lock_number
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.part import Part
from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler, Runner


class Outbox(Part):
    """The part of a transaction that keeps what is to be told."""

    runner: Runner
    names: Names
    ids: Ids
    waiting: Waiting

    def write_messages(self) -> None:
        """Write the messages that wait to be written."""
        waiting = self.waiting.messages
        if waiting:
            outbox, book_id = self.runner.schema.outbox, self.names.book_id
            ids = self.ids.take(self.runner, outbox, len(waiting))
            rows = [(id, book_id, message.topic, message.body) for id, message in zip(ids, waiting, strict=True)]
            self.runner.insert(outbox, rows)
            waiting.clear()

    def add_messages(self, messages: Sequence[Message]) -> None:
        """Put messages into the outbox, behind those that are there about the same holders."""
        self.runner.require_writable()
        self.waiting.messages += messages

    def messages(self, limit: int) -> Sequence[Message]:
        """Give the first *limit* messages of the outbox, those about one holder in the order of posting."""
        self.write()
        rows = self.runner.rows(_first, book=self.names.book_id, size=limit)
        return tuple(Message(row.topic, row.body, row.id) for row in rows)

    def drop_messages(self, messages: Sequence[Message]) -> None:
        """Take messages, as :meth:`messages` gave them, out of the outbox; those that are out already stay out."""
        self.runner.require_writable()
        self.write()
        book = self.names.book_id
        self.runner.write(
            _drop, ({"book": book, "message": message.number, "told": message.body} for message in messages)
        )


def take_turn(connection: Connection, book: str) -> bool:
    """
    Take the turn of telling a book's messages until the transaction ends, and give whether it was free (PostgreSQL).

    Raises:
        StoreError: the database failed.
    """
    number = bindparam("number", lock_number(book, "relay"), type_=BIG)
    try:
        return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(number))))
    except FAULTS as fault:
        raise to_store_error(fault) from fault


def _first(compiler: Compiler) -> Select[Any]:
    outbox = compiler.schema.outbox
    return (
        select(outbox.c.id, outbox.c.topic, outbox.c.body)
        .where(outbox.c.book_id == bindparam("book"))
        .order_by(outbox.c.id)
        .limit(bindparam("size"))
    )


def _drop(compiler: Compiler) -> Delete:
    outbox = compiler.schema.outbox
    # SQLite gives the id of a deleted row again; the body tells a message from one that came after it.
    same = (outbox.c.id == bindparam("message"), outbox.c.body == bindparam("told"))
    return delete(outbox).where(outbox.c.book_id == bindparam("book"), *same)
