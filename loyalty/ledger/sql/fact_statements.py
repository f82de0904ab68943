"""The statements that read and change facts: events, whom they reached, decisions, states, and the clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, Table, Text, Update, bindparam, literal_column, or_, select, update

from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler


def find_event(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    return select(event).where(event.c.book_id == bindparam("book"), event.c.identity == bindparam("identity"))


def find_events(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    listed = compiler.in_list(event.c.identity, "identities")
    return select(event).where(event.c.book_id == bindparam("book"), listed)


def events_about(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    return (
        select(event)
        .where(
            event.c.book_id == bindparam("book"),
            compiler.in_list(event.c.origin, "origins"),
            # The index holds those that have an origin alone, which a list of parameters would hide from the planner.
            event.c.origin.is_not(None),
        )
        .order_by(event.c.id)
    )


def received(compiler: Compiler) -> Select[Any]:
    event, delivery = compiler.schema.event, compiler.schema.delivery
    return (
        select(*event.c, delivery.c.inputs, delivery.c.at)
        .join(delivery, delivery.c.event_id == event.c.id)
        .where(delivery.c.holder_id == bindparam("holder"), delivery.c.at >= bindparam("since"))
        .order_by(delivery.c.event_id)
    )


def find_delivery(compiler: Compiler) -> Select[Any]:
    delivery = compiler.schema.delivery
    return select(delivery.c.inputs).where(
        delivery.c.holder_id == bindparam("holder"), delivery.c.event_id == bindparam("event")
    )


def set_inputs(compiler: Compiler) -> Update:
    delivery = compiler.schema.delivery
    key = (delivery.c.holder_id == bindparam("holder"), delivery.c.event_id == bindparam("event"))
    return update(delivery).where(*key).values(inputs=bindparam("brought"))


def recipients(compiler: Compiler) -> Select[Any]:
    event, delivery, holder = compiler.schema.event, compiler.schema.delivery, compiler.schema.holder
    return (
        select(holder.c.layer, holder.c.ref)
        .distinct()
        .join(delivery, delivery.c.holder_id == holder.c.id)
        .join(event, event.c.id == delivery.c.event_id)
        .where(event.c.book_id == bindparam("book"), compiler.in_list(event.c.identity, "identities"))
        .order_by(holder.c.layer, holder.c.ref)
    )


def reached(compiler: Compiler) -> Select[Any]:
    event, delivery, holder = compiler.schema.event, compiler.schema.delivery, compiler.schema.holder
    return (
        select(event.c.identity, holder.c.layer, holder.c.ref)
        .join(delivery, delivery.c.event_id == event.c.id)
        .join(holder, holder.c.id == delivery.c.holder_id)
        .where(event.c.book_id == bindparam("book"), compiler.in_list(event.c.identity, "identities"))
    )


def holder_version(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    return select(*_state(holder)).where(holder.c.id == bindparam("holder"))


def lock_holders(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    return (
        select(holder.c.id, *_state(holder))
        .where(compiler.in_list(holder.c.id, "holders"))
        # Partners come before persons in every transaction, since a partner's replay finds persons to lock.
        .order_by(holder.c.layer, holder.c.id)
        .with_for_update(key_share=True)
    )


def _state(holder: Table) -> list[Any]:
    return [holder.c.version, holder.c.clock_day, holder.c.due_day, holder.c.due_under]


def holders_due(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    day, revision = bindparam("day", type_=BIG), bindparam("revision", type_=Text)
    return (
        select(holder.c.layer, holder.c.ref)
        .where(
            # Adding 0 keeps the planner from an index of the book, for which it would look each holder up.
            holder.c.book_id + literal_column("0") == bindparam("book"),
            holder.c.version > literal_column("0"),
            or_(holder.c.due_day.is_(None), holder.c.due_under != revision, holder.c.due_day <= day),
            or_(holder.c.clock_day.is_(None), holder.c.clock_day < day),
        )
        .order_by(holder.c.id)
        .limit(bindparam("size"))
    )


def clocks_ahead(compiler: Compiler) -> Select[Any]:
    book, holder = compiler.schema.book, compiler.schema.holder
    return (
        select(holder.c.layer, holder.c.ref, holder.c.clock_day)
        .join(book, book.c.id == holder.c.book_id)
        .where(
            holder.c.book_id + literal_column("0") == bindparam("book"),
            or_(holder.c.clock_day > book.c.clock_day, book.c.clock_day.is_(None)),
            holder.c.clock_day.is_not(None),
        )
    )


def granted(compiler: Compiler) -> Select[Any]:
    grant, holder = compiler.schema.grant, compiler.schema.holder
    return select(*grant.c, holder.c.layer, holder.c.ref).join(holder, holder.c.id == grant.c.holder_id)


def find_grant(compiler: Compiler) -> Select[Any]:
    grant = compiler.schema.grant
    return granted(compiler).where(grant.c.book_id == bindparam("book"), grant.c.key == bindparam("key"))


def grants(compiler: Compiler) -> Select[Any]:
    grant = compiler.schema.grant
    return (
        granted(compiler)
        .where(grant.c.holder_id == bindparam("holder"), grant.c.at >= bindparam("since"))
        .order_by(grant.c.id)
    )


def grants_of(compiler: Compiler) -> Select[Any]:
    grant = compiler.schema.grant
    return (
        granted(compiler)
        .where(grant.c.book_id == bindparam("book"), grant.c.of_key == bindparam("key"))
        .order_by(grant.c.id)
    )


def holders(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    return select(holder.c.layer, holder.c.ref).where(holder.c.book_id == bindparam("book"), holder.c.version > 0)


def checkpoint(compiler: Compiler) -> Select[Any]:
    checkpoint = compiler.schema.checkpoint
    return select(checkpoint).where(
        checkpoint.c.holder_id == bindparam("holder"), checkpoint.c.revision == bindparam("revision")
    )


def book(compiler: Compiler) -> Select[Any]:
    book = compiler.schema.book
    return select(book.c.clock_day, book.c.locked_day, book.c.chain).where(book.c.id == bindparam("book"))


def set_book(compiler: Compiler) -> Update:
    book = compiler.schema.book
    return (
        update(book)
        .where(book.c.id == bindparam("book"))
        .values(clock_day=bindparam("clock"), locked_day=bindparam("locked"), chain=bindparam("digest"))
    )


def adoptions(compiler: Compiler) -> Select[Any]:
    adoption = compiler.schema.adoption
    return select(adoption).where(adoption.c.book_id == bindparam("book")).order_by(adoption.c.id)


def locks(compiler: Compiler) -> Select[Any]:
    lock = compiler.schema.book_lock
    return select(lock).where(lock.c.book_id == bindparam("book")).order_by(lock.c.id)
