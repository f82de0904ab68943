"""Events, whom they reached, and decisions, in tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Update, bindparam, func, select, update

from loyalty.core.events import Event, canonical_json
from loyalty.core.holders import Holder, Layer
from loyalty.errors import LedgerError
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.statements import Compiler, Record, Runner
from loyalty.ledger.store import Grant, Received, RecordedEvent, version_step


class Facts:
    """The part of a transaction that keeps what the book was settled from."""

    runner: Runner
    names: Names

    def find_event(self, identity: str) -> RecordedEvent | None:
        """Give the accepted event of this identity, or None."""
        row = self.runner.first(_find_event, book=self.names.book_id, identity=identity)
        return to_recorded(row) if row is not None else None

    def add_event(self, event: Event, *, recorded_at: int) -> RecordedEvent:
        """
        Record an accepted event.

        Raises:
            LedgerError: its identity is known.
        """
        self.runner.require_writable()
        if self.find_event(event.identity) is not None:
            raise LedgerError(f"event {event.identity} is recorded already; an identity is used once in a book")
        sequence = self.runner.number(_last_sequence, book=self.names.book_id) + 1
        row = (
            self.runner.last_id(self.runner.schema.event) + 1,
            self.names.book_id,
            sequence,
            event.identity,
            event.source,
            event.kind,
            event.partner,
            event.person,
            event.occurred_at,
            recorded_at,
            event.origin,
            canonical_json(dict(event.fields)),
            event.body_hash(),
        )
        self.runner.insert(self.runner.schema.event, [row])
        return RecordedEvent(event, sequence, recorded_at)

    def deliver(self, identity: str, holder: Holder, inputs: Mapping[str, int]) -> None:
        """
        Make the event part of the holder's history, or replace the inputs that it brings there.

        Raises:
            LedgerError: the event is not recorded.
        """
        self.runner.require_writable()
        found = self.runner.first(_find_event, book=self.names.book_id, identity=identity)
        if found is None:
            raise LedgerError(f"event {identity} is not recorded; add it before it is delivered to {holder}")
        self.names.add_holders(self.runner, [holder])
        key = {"holder": self.names.holders[holder], "event": found.id}
        brought = canonical_json(dict(inputs))
        old = self.runner.first(_find_delivery, **key)
        if old is None:
            self.runner.insert(self.runner.schema.delivery, [(key["holder"], key["event"], brought)])
        elif old.inputs == brought:
            return
        else:
            self.runner.write(_set_inputs, [key | {"brought": brought}])
        self._changed(holder, identity, brought)

    def events_about(self, identity: str) -> Sequence[RecordedEvent]:
        """Give the accepted events whose origin is *identity*, in order of acceptance."""
        rows = self.runner.rows(_events_about, book=self.names.book_id, origin=identity)
        return tuple(to_recorded(row) for row in rows)

    def received(self, holder: Holder) -> Sequence[Received]:
        """Give the holder's events, in order of acceptance."""
        rows = self.runner.rows(_received, holder=self.names.find_holder(self.runner, holder))
        return tuple(Received(to_recorded(row), json.loads(row.inputs)) for row in rows)

    def recipients(self, identity: str) -> Sequence[Holder]:
        """Give the holders in whose history the event is, in order of layer and id."""
        rows = self.runner.rows(_recipients, book=self.names.book_id, identity=identity)
        return tuple(Holder(Layer(layer), ref) for layer, ref in rows)

    def holder_version(self, holder: Holder) -> int:
        """Give a number that grows with each change of the holder's history or grants (0 where there is none)."""
        return self.runner.number(_holder_version, holder=self.names.find_holder(self.runner, holder))

    def add_grant(self, grant: Grant) -> None:
        """
        Record a decision.

        Raises:
            LedgerError: its key is known.
        """
        self.runner.require_writable()
        if self.find_grant(grant.key) is not None:
            raise LedgerError(f"grant {grant.key} is recorded already; a key is used once in a book")
        self.names.add_holders(self.runner, [grant.holder])
        row = (
            self.runner.last_id(self.runner.schema.grant) + 1,
            self.names.book_id,
            grant.key,
            grant.kind,
            self.names.holders[grant.holder],
            grant.currency,
            grant.amount,
            grant.at,
            canonical_json(dict(grant.note)),
        )
        self.runner.insert(self.runner.schema.grant, [row])
        self._changed(grant.holder, grant.key)

    def find_grant(self, key: str) -> Grant | None:
        """Give the decision of this key, or None."""
        row = self.runner.first(_find_grant, book=self.names.book_id, key=key)
        return _to_grant(row) if row is not None else None

    def grants(self, holder: Holder) -> Sequence[Grant]:
        """Give the holder's decisions, in order of recording."""
        rows = self.runner.rows(_grants, holder=self.names.find_holder(self.runner, holder))
        return tuple(_to_grant(row) for row in rows)

    def holders(self) -> Iterator[Holder]:
        """Give every holder that has a history or a grant, in order of layer and id."""
        rows = self.runner.rows(_holders, book=self.names.book_id)
        return iter([Holder(Layer(layer), ref) for layer, ref in rows])

    def clock_day(self) -> int | None:
        """Give the day through which the book was advanced, or None."""
        row = self.runner.first(_clock, book=self.names.book_id)
        return None if row is None else row.clock_day

    def set_clock_day(self, day: int) -> None:
        """Record that everything due through *day* was posted."""
        self.runner.require_writable()
        self.runner.write(_set_clock, [{"book": self.names.book_id, "day": day}])

    def _changed(self, holder: Holder, *changed: str) -> None:
        step = version_step(*changed)
        self.runner.write(_raise_version, [{"holder": self.names.holders[holder], "step": step}])


def to_recorded(row: Record) -> RecordedEvent:
    """Build the event of a row."""
    # Identity and origin are "source/id", and the source is known.
    behind = len(row.source) + 1
    event = Event(
        id=row.identity[behind:],
        source=row.source,
        kind=row.kind,
        partner=row.partner,
        person=row.person,
        occurred_at=row.occurred_at,
        of=None if row.origin is None else row.origin[behind:],
        fields=json.loads(row.fields_json),
    )
    return RecordedEvent(event, row.sequence, row.recorded_at)


def _to_grant(row: Record) -> Grant:
    return Grant(
        key=row.key,
        kind=row.kind,
        holder=Holder(Layer(row.layer), row.ref),
        currency=row.currency,
        amount=row.amount,
        at=row.at,
        note=json.loads(row.note),
    )


def _find_event(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    return select(event).where(event.c.book_id == bindparam("book"), event.c.identity == bindparam("identity"))


def _last_sequence(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    return select(func.max(event.c.sequence)).where(event.c.book_id == bindparam("book"))


def _events_about(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    return (
        select(event)
        .where(event.c.book_id == bindparam("book"), event.c.origin == bindparam("origin"))
        .order_by(event.c.id)
    )


def _received(compiler: Compiler) -> Select[Any]:
    event, delivery = compiler.schema.event, compiler.schema.delivery
    return (
        select(*event.c, delivery.c.inputs)
        .join(delivery, delivery.c.event_id == event.c.id)
        .where(delivery.c.holder_id == bindparam("holder"))
        .order_by(delivery.c.event_id)
    )


def _find_delivery(compiler: Compiler) -> Select[Any]:
    delivery = compiler.schema.delivery
    return select(delivery.c.inputs).where(
        delivery.c.holder_id == bindparam("holder"), delivery.c.event_id == bindparam("event")
    )


def _set_inputs(compiler: Compiler) -> Update:
    delivery = compiler.schema.delivery
    key = (delivery.c.holder_id == bindparam("holder"), delivery.c.event_id == bindparam("event"))
    return update(delivery).where(*key).values(inputs=bindparam("brought"))


def _recipients(compiler: Compiler) -> Select[Any]:
    event, delivery, holder = compiler.schema.event, compiler.schema.delivery, compiler.schema.holder
    return (
        select(holder.c.layer, holder.c.ref)
        .join(delivery, delivery.c.holder_id == holder.c.id)
        .join(event, event.c.id == delivery.c.event_id)
        .where(event.c.book_id == bindparam("book"), event.c.identity == bindparam("identity"))
        .order_by(holder.c.layer, holder.c.ref)
    )


def _holder_version(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    return select(holder.c.version).where(holder.c.id == bindparam("holder"))


def _raise_version(compiler: Compiler) -> Update:
    holder = compiler.schema.holder
    return update(holder).where(holder.c.id == bindparam("holder")).values(version=holder.c.version + bindparam("step"))


def _granted(compiler: Compiler) -> Select[Any]:
    grant, holder = compiler.schema.grant, compiler.schema.holder
    return select(*grant.c, holder.c.layer, holder.c.ref).join(holder, holder.c.id == grant.c.holder_id)


def _find_grant(compiler: Compiler) -> Select[Any]:
    grant = compiler.schema.grant
    return _granted(compiler).where(grant.c.book_id == bindparam("book"), grant.c.key == bindparam("key"))


def _grants(compiler: Compiler) -> Select[Any]:
    grant = compiler.schema.grant
    return _granted(compiler).where(grant.c.holder_id == bindparam("holder")).order_by(grant.c.id)


def _holders(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    return (
        select(holder.c.layer, holder.c.ref)
        .where(holder.c.book_id == bindparam("book"), holder.c.version > 0)
        .order_by(holder.c.layer, holder.c.ref)
    )


def _clock(compiler: Compiler) -> Select[Any]:
    book = compiler.schema.book
    return select(book.c.clock_day).where(book.c.id == bindparam("book"))


def _set_clock(compiler: Compiler) -> Update:
    book = compiler.schema.book
    return update(book).where(book.c.id == bindparam("book")).values(clock_day=bindparam("day"))
