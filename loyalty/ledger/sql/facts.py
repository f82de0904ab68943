"""
Events, whom they reached, and decisions, in tables.

What a transaction records waits in memory to be written with all else; what it was told to expect, it has read at
once. Whatever else is asked has the waiting rows written first, so that the database answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from attrs import Factory, define, frozen

from loyalty.core.amounts import INT64_MAX
from loyalty.core.events import Event, canonical_json
from loyalty.core.holders import Holder, Layer
from loyalty.errors import LedgerError
from loyalty.ledger.outbox import Message
from loyalty.ledger.sql import fact_statements as ask
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.locks import lock_clock, lock_events
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.part import Part
from loyalty.ledger.sql.statements import Record, Runner
from loyalty.ledger.store import (
    Checkpoint,
    Grant,
    GrantedLot,
    Received,
    RecordedEvent,
    delivery_step,
    event_digest,
    replacing_step,
    version_step,
)


@frozen
class Book:
    """A book's own row: through which days it was advanced and is locked, and the chain that it is settled under."""

    clock_day: int | None = None
    locked_day: int | None = None
    chain: str | None = None


@define(eq=False)
class OfHolder:
    """
    What the transaction knows of a holder, with its own changes: as of :class:`HolderClock`, and the version.

    Attributes:
        version: That of the holder's history.
        reached_day: How far its own clock has run, or None.
        due_day: The day on which something falls due next, or None.
        revision: Under which that is so.
    """

    version: int = 0
    reached_day: int | None = None
    due_day: int | None = None
    revision: str | None = None


@define(eq=False)
class Waiting:
    """
    What a transaction knows of facts, and what it has to write.

    Attributes:
        events: What is known of identities; None where there is no such event.
        about: The events about an identity, where all of them are known.
        reached: The holders that an event of this transaction reached, with what it brings.
        recorded: The identities, and the causes of commands, that this transaction recorded.
        event_rows: To be written.
        delivery_rows: To be written: by holder and event, the instant and what is brought.
        holders: The holders that are known.
        changed: Those of which something has to be written.
        books: The book's own row, where it is known.
        messages: To be written.
    """

    events: dict[str, RecordedEvent | None] = Factory(dict)
    about: dict[str, list[RecordedEvent]] = Factory(dict)
    reached: dict[str, dict[Holder, str]] = Factory(dict)
    recorded: set[str] = Factory(set)
    event_rows: list[tuple[Any, ...]] = Factory(list)
    delivery_rows: dict[tuple[int, int], tuple[int, str]] = Factory(dict)
    checkpoint_rows: dict[Holder, tuple[str, Checkpoint]] = Factory(dict)
    holders: dict[Holder, OfHolder] = Factory(dict)
    changed: set[Holder] = Factory(set)
    books: list[Book] = Factory(list)
    event_ids: list[int] = Factory(list)
    messages: list[Message] = Factory(list)


class Facts(Part):
    """The part of a transaction that keeps what the book was settled from."""

    runner: Runner
    names: Names
    ids: Ids
    waiting: Waiting

    def write_facts(self) -> None:
        """Write what waits to be written."""
        waiting, schema = self.waiting, self.runner.schema
        if not (waiting.event_rows or waiting.delivery_rows or waiting.changed or waiting.checkpoint_rows):
            return
        holders = self.names.holders
        with self.runner.together(len(waiting.event_rows) + len(waiting.delivery_rows)):
            self.runner.insert(schema.event, waiting.event_rows)
            deliveries = [
                (holder, at, event, inputs) for (holder, event), (at, inputs) in waiting.delivery_rows.items()
            ]
            self.runner.insert(schema.delivery, deliveries)
            states = []
            for holder in waiting.changed:
                known = waiting.holders[holder]
                states.append((holders[holder], known.version, known.reached_day, known.due_day, known.revision))
            states.sort()
            self.runner.update(schema.holder, ("version", "clock_day", "due_day", "due_under"), states)
            if waiting.checkpoint_rows:
                self._write_checkpoints(waiting.checkpoint_rows)
        waiting.event_rows, waiting.delivery_rows = [], {}
        waiting.checkpoint_rows = {}
        waiting.changed.clear()
        waiting.reached.clear()

    def find_event(self, identity: str) -> RecordedEvent | None:
        """Give the accepted event of this identity, or None."""
        known = self.waiting.events
        found = known.get(identity)
        if found is None and identity not in known:
            row = self.runner.first(ask.find_event, book=self.names.book_id, identity=identity)
            found = known[identity] = to_recorded(row) if row is not None else None
        return found

    def add_event(
        self,
        event: Event,
        *,
        recorded_at: int,
        counts_from: int | None = None,
        reaches: Sequence[tuple[Holder, Mapping[str, int]]] = (),
        at: int | None = None,
    ) -> RecordedEvent:
        """
        Record an accepted event.

        Args:
            counts_from: UTC microseconds: the instant at which it counts, where that is not its own.
            reaches: To whom it is delivered at once, each with what it brings.
            at: As for :meth:`deliver`.

        Raises:
            LedgerError: its identity is known.
        """
        self.runner.require_writable()
        waiting, identity, origin = self.waiting, event.identity, event.origin
        if self.find_event(identity) is not None:
            raise LedgerError(f"event {identity} is recorded already; an identity is used once in a book")
        if waiting.event_ids:
            event_id = waiting.event_ids.pop()
        else:
            (event_id,) = self.ids.take(self.runner, self.runner.schema.event, 1)
        recorded = RecordedEvent(event, event_id, recorded_at, counts_from)
        fields, digest = event.written()
        waiting.event_rows.append(
            (
                event_id, self.names.book_id, identity, event.source, event.kind, event.partner, event.person,
                event.occurred_at, recorded_at, origin, fields, event_digest(digest, counts_from), counts_from,
            )
        )  # fmt: skip
        waiting.events[identity] = recorded
        waiting.reached[identity] = reached = {}
        waiting.recorded.add(identity)
        if origin is not None and origin in waiting.about:
            waiting.about[origin].append(recorded)
        instant = event.occurred_at if at is None else at
        for holder, inputs in reaches:
            reached[holder] = brought = _json_of_inputs(inputs)
            waiting.delivery_rows[self._holder_id(holder), event_id] = (instant, brought)
            self._changed(holder, delivery_step(identity, brought, counts_from))
        return recorded

    def deliver(self, identity: str, holder: Holder, inputs: Mapping[str, int], *, at: int | None = None) -> None:
        """
        Make the event part of the holder's history, or replace the inputs that it brings there.

        Raises:
            LedgerError: the event is not recorded.
        """
        self.runner.require_writable()
        waiting = self.waiting
        found = waiting.events.get(identity) or self.find_event(identity)
        if found is None:
            raise LedgerError(f"event {identity} is not recorded; add it before it is delivered to {holder}")
        brought = _json_of_inputs(inputs)
        key = (self._holder_id(holder), found.sequence)
        instant = found.event.occurred_at if at is None else at
        reached = waiting.reached.get(identity)
        if reached is not None:
            # An event that this transaction recorded has reached nobody but whom this transaction told.
            before = reached.get(holder)
            if before == brought:
                return
            reached[holder] = brought
            if before is not None and key in waiting.delivery_rows:
                instant = waiting.delivery_rows[key][0]
            waiting.delivery_rows[key] = (instant, brought)
        else:
            self.write()
            old = self.runner.first(ask.find_delivery, holder=key[0], event=key[1])
            before = None if old is None else old.inputs
            if before is None:
                waiting.delivery_rows[key] = (instant, brought)
            elif before == brought:
                return
            else:
                self.runner.write(ask.set_inputs, [{"holder": key[0], "event": key[1], "brought": brought}])
        at = found.counts_from
        step = delivery_step(identity, brought, at) if before is None else replacing_step(identity, brought, before, at)
        self._changed(holder, step)

    def events_about(self, identity: str) -> Sequence[RecordedEvent]:
        """Give the accepted events whose origin is *identity*, in order of acceptance."""
        about = self.waiting.about
        if identity not in about:
            self.write()
            rows = self.runner.rows(ask.events_about, book=self.names.book_id, origins=self._listed([identity]))
            about[identity] = [to_recorded(row) for row in rows]
        return tuple(about[identity])

    def received(self, holder: Holder, *, since: int | None = None) -> Sequence[Received]:
        """Give the holder's events, all or those that count from an instant on, in order of acceptance."""
        if not self.holder_version(holder):
            return ()
        self._write_changes_of(holder)
        first = -INT64_MAX if since is None else since
        rows = self.runner.rows(ask.received, holder=self.names.holders[holder], since=first)
        if since is not None:
            # What these speak of may count before them, and is asked for next.
            self._find_together({row.origin for row in rows}.difference(row.identity for row in rows))
        return tuple(Received(to_recorded(row), orjson.loads(row.inputs), row.at) for row in rows)

    def recipients(self, identity: str) -> Sequence[Holder]:
        """Give the holders in whose history the event is, in order of layer and id."""
        reached = self.waiting.reached.get(identity)
        if reached is not None:
            return tuple(sorted(reached))
        rows = self.runner.rows(ask.recipients, book=self.names.book_id, identities=self._listed([identity]))
        return tuple(Holder(Layer(layer), ref) for layer, ref in rows)

    def holder_version(self, holder: Holder) -> int:
        """Give a number that grows with each change of the holder's history or grants (0 where there is none)."""
        return self.of_holder(holder).version

    def of_holder(self, holder: Holder) -> OfHolder:
        """Give what is known of a holder; its fields are set as it changes."""
        known = self.waiting.holders.get(holder)
        if known is None:
            id = self.names.find_holder(self.runner, holder)
            row = None if id is None else self.runner.first(ask.holder_version, holder=id)
            known = OfHolder() if row is None else OfHolder(*row)
            self.waiting.holders[holder] = known
        return known

    def add_grant(self, grant: Grant) -> None:
        """
        Record a decision.

        Raises:
            LedgerError: its key is known, or it ends what was ended before.
        """
        self.runner.require_writable()
        if self.find_grant(grant.key) is not None:
            raise LedgerError(f"grant {grant.key} is recorded already; a key is used once in a book")
        ended = grant.final and next((other for other in self.grants_of(grant.of or "") if other.final), None)
        if ended:
            raise LedgerError(f"grant {grant.key} cannot end {grant.of}, which {ended.key} ended before")
        self.names.add_holders(self.runner, [grant.holder])
        (grant_id,) = self.ids.take(self.runner, self.runner.schema.grant, 1)
        details = {
            "until_day": grant.until_day,
            "lots": [[lot.expires_day, lot.earned_at, lot.amount] for lot in grant.lots],
            "peer": None if grant.peer is None else str(grant.peer),
            "note": dict(grant.note),
            "hash": grant.body_hash().hex(),
        }
        row = (
            grant_id, self.names.book_id, grant.key, grant.kind, self.names.holders[grant.holder], grant.currency,
            grant.amount, grant.at, grant.of, 1 if grant.final else None, canonical_json(details),
        )  # fmt: skip
        self.runner.insert(self.runner.schema.grant, [row])
        self.waiting.recorded.add(f"command:{grant.key}")
        self._changed(grant.holder, version_step(grant.key))

    def find_grant(self, key: str) -> Grant | None:
        """Give the decision of this key, or None."""
        row = self.runner.first(ask.find_grant, book=self.names.book_id, key=key)
        return to_grant(row) if row is not None else None

    def grants(self, holder: Holder, *, since: int | None = None) -> Sequence[Grant]:
        """Give the holder's decisions, all or those from an instant on, in order of recording."""
        if not self.holder_version(holder):
            return ()
        first = -INT64_MAX if since is None else since
        rows = self.runner.rows(ask.grants, holder=self.names.holders[holder], since=first)
        return tuple(to_grant(row) for row in rows)

    def grants_of(self, key: str) -> Sequence[Grant]:
        """Give the decisions that carry on the one of this key, in order of recording."""
        rows = self.runner.rows(ask.grants_of, book=self.names.book_id, key=key)
        return tuple(to_grant(row) for row in rows)

    def holders(self) -> Iterator[Holder]:
        """Give every holder that has a history or a grant, in order of layer and id."""
        self.write()
        rows = self.runner.rows(ask.holders, book=self.names.book_id)
        return iter(sorted(Holder(Layer(layer), ref) for layer, ref in rows))

    def checkpoint(self, holder: Holder, revision: str) -> Checkpoint | None:
        """Give the state that was kept last for a holder under a revision, or None."""
        if not self.holder_version(holder):
            return None
        self._write_changes_of(holder)
        row = self.runner.first(ask.checkpoint, holder=self.names.holders[holder], revision=revision)
        return None if row is None else Checkpoint(row.holder_version, row.state)

    def keep_checkpoint(self, holder: Holder, revision: str, checkpoint: Checkpoint) -> None:
        """Keep a holder's state under a revision in place of the one before."""
        self.runner.require_writable()
        self.waiting.checkpoint_rows[holder] = (revision, checkpoint)

    def expect_facts(self, events: Sequence[Event], holders: Collection[Holder]) -> set[Holder]:
        """
        Lock the holders that events and commands concern, and read what is known of the events at once.

        Returns:
            The holders, those of the events' origins included.
        """
        waiting = self.waiting
        origins = {event.origin for event in events if event.origin is not None}
        identities = {event.identity for event in events}
        # What speaks of another event names no partner of its own.
        concerned = {Holder.partner(event.partner) for event in events if event.partner} | set(holders)
        concerned |= {Holder.person(event.person) for event in events if event.person is not None}
        concerned |= self._lock_events(identities, origins)
        self._lock_holders(concerned)
        if events:
            self._find_all(identities | origins)
            new = sum(1 for identity in identities if waiting.events[identity] is None)
            if new:
                waiting.event_ids = list(reversed(self.ids.take(self.runner, self.runner.schema.event, new)))
        return concerned

    def _find_together(self, identities: set[str | None]) -> None:
        """Read what is known of events, and about them, at once; what is known already stays."""
        waiting = self.waiting
        left = {one for one in identities if one is not None and not (one in waiting.events and one in waiting.about)}
        if left:
            self.write()
            self._find_all(left)

    def _find_all(self, identities: set[str]) -> None:
        """Read events and what is about them."""
        waiting, book, listed = self.waiting, self.names.book_id, self._listed(identities)
        waiting.events |= dict.fromkeys(identities)
        waiting.events |= {
            row.identity: to_recorded(row) for row in self.runner.rows(ask.find_events, book=book, identities=listed)
        }
        waiting.about |= {identity: [] for identity in identities}
        for row in self.runner.rows(ask.events_about, book=book, origins=listed):
            waiting.about[row.origin].append(to_recorded(row))

    def lock_clock(self) -> None:
        """Keep other transactions from events and commands until this one has moved the book's clock."""
        lock_clock(self.runner, self.names)
        self.waiting.books.clear()

    def _lock_events(self, identities: set[str], origins: set[str]) -> set[Holder]:
        """Keep others from the events that these are, or speak of, and give the holders in whose history those are."""
        reached, unsettled = self._look_up(origins)
        alone = unsettled - identities
        lock_events(self.runner, self.names, identities, alone)
        # What was not settled may have been while this waited for it, or may speak of something else that is not.
        while alone and not self.runner.compiler.on_sqlite:
            reached, unsettled = self._look_up(origins)
            more = unsettled - identities - alone
            if not more:
                break
            alone |= more
            lock_events(self.runner, self.names, (), more)
        self.waiting.books.clear()
        return reached

    def _look_up(self, origins: set[str]) -> tuple[set[Holder], set[str]]:
        """
        Give the holders whom events reached, and the identities of what has reached nobody yet.

        These are events that are not there or wait, what they speak of, and so on to the first.
        """
        reached: set[Holder] = set()
        unsettled: set[str] = set()
        book, left = self.names.book_id, origins
        if left:
            rows = self.runner.rows(ask.reached, book=book, identities=self._listed(left))
            reached = {Holder(Layer(row.layer), row.ref) for row in rows}
            left = left.difference(row.identity for row in rows)
        while left:
            unsettled |= left
            rows = self.runner.rows(ask.find_events, book=book, identities=self._listed(left))
            left = {row.origin for row in rows if row.origin is not None} - unsettled
        return reached, unsettled

    def _lock_holders(self, holders: Iterable[Holder]) -> None:
        self.names.add_holders(self.runner, holders)
        ids = self.names.holders
        by_id = {ids[holder]: holder for holder in holders}
        known = self.waiting.holders
        for id, version, *clock in self.runner.plain(ask.lock_holders, holders=self._listed(by_id)):
            known[by_id[id]] = OfHolder(version, *clock)

    def _write_checkpoints(self, kept: Mapping[Holder, tuple[str, Checkpoint]]) -> None:
        rows = [
            (self.names.holders[holder], revision, checkpoint.holder_version, checkpoint.state)
            for holder, (revision, checkpoint) in kept.items()
        ]
        rows.sort()
        checkpoint = self.runner.schema.checkpoint
        self.runner.insert(checkpoint, rows, new=False)
        self.runner.update(checkpoint, ("holder_version", "state"), rows)

    def _listed(self, values: Iterable[str | int]) -> Any:
        return self.runner.compiler.listed(values)

    def _write_changes_of(self, holder: Holder) -> None:
        """Write what waits, if any of it is the holder's."""
        if holder in self.waiting.changed or holder in self.waiting.checkpoint_rows:
            self.write()

    def _holder_id(self, holder: Holder) -> int:
        found = self.names.holders.get(holder)
        if found is None:
            self.names.add_holders(self.runner, [holder])
            found = self.names.holders[holder]
        return found

    def _changed(self, holder: Holder, step: int) -> None:
        known = self.waiting.holders.get(holder) or self.of_holder(holder)
        known.version += step
        # When something falls due next is to be said anew.
        known.due_day = known.revision = None
        self.waiting.changed.add(holder)


_NO_INPUTS = "{}"


def _json_of_inputs(inputs: Mapping[str, int]) -> str:
    return canonical_json(dict(inputs)) if inputs else _NO_INPUTS


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
        fields=orjson.loads(row.fields_json),
    )
    return RecordedEvent(event, row.id, row.recorded_at, row.counts_from)


def to_grant(row: Record) -> Grant:
    """Build the decision of a row."""
    details = orjson.loads(row.details)
    return Grant(
        key=row.key,
        kind=row.kind,
        holder=Holder(Layer(row.layer), row.ref),
        currency=row.currency,
        amount=row.amount,
        at=row.at,
        of=row.of_key,
        final=row.final is not None,
        until_day=details["until_day"],
        lots=tuple(GrantedLot(*lot) for lot in details["lots"]),
        peer=None if details["peer"] is None else Holder.parse(details["peer"]),
        note=details["note"],
    )
