"""What tables keep of many holders, read span by span: :class:`loyalty.ledger.kept.KeepsInBulk` on a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from sqlalchemy import Select, and_, bindparam, func, literal_column, or_, select

from loyalty.core.calendar import NEVER
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.kept import Kept
from loyalty.ledger.sql.facts import to_grant, to_recorded
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.part import Part
from loyalty.ledger.sql.statements import Compiler, Runner
from loyalty.ledger.store import Received, RecordedEvent

#: A book with fewer events is settled again by one process sooner than others have begun.
_SMALL: Final = 20_000

#: How many ids of holders make a span at most.
_SPAN: Final = 2_000

#: How many ids are read at first, and how many events and movements are meant to be read at a time.
_AT_FIRST: Final = 16
_AT_ONCE: Final = 10_000


class Keeping(Part):
    """The part of a transaction that gives holders in bulk."""

    runner: Runner
    names: Names

    def spans(self) -> list[tuple[int, int]]:
        """Divide the holders' ids into spans that :meth:`kept` takes."""
        last = self.runner.last_id(self.runner.schema.holder)
        if self.runner.last_id(self.runner.schema.event) < _SMALL:
            return [(0, last)]
        size = max(1, min(_SPAN, last // 16))
        return [(after, after + size) for after in range(0, last, size)]

    def kept(self, span: tuple[int, int]) -> Iterator[Kept]:
        """Give what is kept of each holder whose id is above the first number of a span and at most the second."""
        self.write()
        after, end = span
        size = _AT_FIRST
        while after < end:
            until = min(after + size, end)
            rows = 0
            for kept in self._kept(after, until):
                rows += len(kept.received) + len(kept.moved)
                yield kept
            after = until
            # Holders have few events or many; what is held in memory at a time follows them.
            size = size * 2 if rows < _AT_ONCE // 2 else max(1, size // 2) if rows > _AT_ONCE else size

    def unreached(self) -> Iterator[Received]:
        """Give the events that are in nobody's history."""
        self.write()
        for row in self.runner.rows(_unreached, book=self.names.book_id):
            yield Received(to_recorded(row))

    def count_programme_legs(self) -> int:
        """Give how many postings the programme's accounts have."""
        self.write()
        return self.runner.number(_programme_legs, book=self.names.book_id)

    def keys_without_holder(self) -> Iterator[str]:
        """Give the keys of entries with two consecutive postings that are both the programme's, or with one alone."""
        for (key,) in self.runner.plain(_without_holder, book=self.names.book_id):
            yield key

    def _asset_names(self) -> dict[int, str]:
        return dict(self.runner.plain(_assets, book=self.names.book_id))

    def _programme_accounts(self) -> dict[int, str]:
        rows = self.runner.plain(_programme_accounts, book=self.names.book_id)
        return {id: f"programme/{name}" for id, name in rows}

    def _kept(self, after: int, until: int) -> Iterator[Kept]:
        runner, span = self.runner, {"book": self.names.book_id, "after": after, "until": until}
        holders, clocks = {}, {}
        for id, layer, ref, clock_day in runner.plain(_holders, **span):
            holders[id], clocks[id] = Holder(Layer(layer), ref), clock_day
        received: dict[int, list[Received]] = defaultdict(list)
        events: dict[int, RecordedEvent] = {}
        inputs: dict[str, Mapping[str, int]] = {}
        for holder_id, brought, at, id, *facts in runner.plain(_received, **span):
            recorded = events.get(id)
            if recorded is None:
                recorded = events[id] = _to_recorded(id, *facts)
            given = inputs.get(brought)
            if given is None:
                given = inputs[brought] = orjson.loads(brought)
            received[holder_id].append(Received(recorded, given, at))
        grants = defaultdict(list)
        for row in runner.rows(_grants, **span):
            grants[row.holder_id].append(to_grant(row))
        told: dict[int, dict[str, list[tuple[Holder, Mapping[str, int]]]]] = defaultdict(dict)
        # Whoever speaks of an event of a person's has received that event too.
        names_person = any(recorded.event.person is not None for recorded in events.values())
        for holder_id, event_id, layer, ref, brought in runner.plain(_told, **span) if names_person else ():
            reached = told[holder_id].setdefault(events[event_id].event.identity, [])
            reached.append((Holder(Layer(layer), ref), orjson.loads(brought)))
        moved: dict[int, dict[tuple[Any, ...], int]] = defaultdict(dict)
        corrected: set[int] = set()
        latest: dict[int, int] = {}
        legs: dict[int, int] = defaultdict(int)
        assets, programmes = self._asset_names(), self._programme_accounts()
        accounts = dict(runner.plain(_accounts, **span))
        for row in runner.plain(_moved, **span):
            holder_id, account_id, others_id, asset_id, amount, lot_day, others_day, rule, cause, key, kind, at = row
            name, second, change = accounts[account_id], programmes.get(others_id), -amount
            if second is not None:
                legs[holder_id] += 1
            else:
                second = accounts.get(others_id, "another holder's")
                if second < name:
                    name, second, change = second, name, amount
            day = lot_day if lot_day is not None else others_day if others_day is not None else NEVER
            move = (key, cause, rule or "", name, second, assets[asset_id], day, at)
            of_holder = moved[holder_id]
            of_holder[move] = of_holder.get(move, 0) + change
            if kind == "correction":
                corrected.add(holder_id)
            if at > latest.get(holder_id, at - 1):
                latest[holder_id] = at
        for id, holder in holders.items():
            if id in received or id in grants or id in moved:
                yield Kept(
                    holder=holder,
                    received=received.get(id, ()),
                    grants=grants.get(id, ()),
                    told=told.get(id, {}),
                    moved={move: amount for move, amount in moved.get(id, {}).items() if amount},
                    is_corrected=id in corrected,
                    last_effective_at=latest.get(id),
                    programme_legs=legs.get(id, 0),
                    clock_day=clocks[id],
                )


def _to_recorded(
    id: int,
    identity: str,
    source: str,
    kind: str,
    partner: str,
    person: str | None,
    occurred_at: int,
    recorded_at: int,
    origin: str | None,
    fields: str,
    counts_from: int | None,
) -> RecordedEvent:
    behind = len(source) + 1
    of = None if origin is None else origin[behind:]
    event = Event(id=identity[behind:], source=source, kind=kind, partner=partner, person=person,
                  occurred_at=occurred_at, of=of, fields=orjson.loads(fields))  # fmt: skip
    return RecordedEvent(event, id, recorded_at, counts_from)


def _in_span(compiler: Compiler, column: Any) -> Any:
    holder = compiler.schema.holder
    # Adding 0 keeps the planner from an index of the book, which it would go through for every span.
    in_book = holder.c.book_id + literal_column("0") == bindparam("book")
    return and_(in_book, column > bindparam("after"), column <= bindparam("until"))


def _assets(compiler: Compiler) -> Select[Any]:
    asset = compiler.schema.asset
    return select(asset.c.id, asset.c.name).where(asset.c.book_id == bindparam("book"))


def _holders(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    return (
        select(holder.c.id, holder.c.layer, holder.c.ref, holder.c.clock_day)
        .where(_in_span(compiler, holder.c.id))
        .order_by(holder.c.id)
    )


def _received(compiler: Compiler) -> Select[Any]:
    delivery, event, holder = compiler.schema.delivery, compiler.schema.event, compiler.schema.holder
    return (
        select(
            delivery.c.holder_id, delivery.c.inputs, delivery.c.at, event.c.id, event.c.identity, event.c.source,
            event.c.kind, event.c.partner, event.c.person, event.c.occurred_at, event.c.recorded_at, event.c.origin,
            event.c.fields_json, event.c.counts_from,
        )
        .select_from(delivery)
        .join(holder, holder.c.id == delivery.c.holder_id)
        .join(event, event.c.id == delivery.c.event_id)
        .where(_in_span(compiler, delivery.c.holder_id))
        .order_by(delivery.c.holder_id, delivery.c.event_id)
    )  # fmt: skip


def _told(compiler: Compiler) -> Select[Any]:
    delivery, holder = compiler.schema.delivery, compiler.schema.holder
    other, person = delivery.alias("other"), holder.alias("person")
    return (
        select(delivery.c.holder_id, delivery.c.event_id, person.c.layer, person.c.ref, other.c.inputs)
        .select_from(delivery)
        .join(holder, holder.c.id == delivery.c.holder_id)
        .join(other, other.c.event_id == delivery.c.event_id)
        .join(person, person.c.id == other.c.holder_id)
        .where(
            _in_span(compiler, delivery.c.holder_id),
            holder.c.layer == literal_column(str(int(Layer.PARTNER))),
            person.c.layer != literal_column(str(int(Layer.PARTNER))),
        )
    )


def _grants(compiler: Compiler) -> Select[Any]:
    grant, holder = compiler.schema.grant, compiler.schema.holder
    return (
        select(*grant.c, holder.c.layer, holder.c.ref)
        .join(holder, holder.c.id == grant.c.holder_id)
        .where(_in_span(compiler, grant.c.holder_id))
        .order_by(grant.c.holder_id, grant.c.id)
    )


def _accounts(compiler: Compiler) -> Select[Any]:
    account, holder = compiler.schema.account, compiler.schema.holder
    return (
        select(account.c.id, account.c.name)
        .join(holder, holder.c.id == account.c.holder_id)
        .where(_in_span(compiler, account.c.holder_id))
    )


def _programme_accounts(compiler: Compiler) -> Select[Any]:
    account = compiler.schema.account
    return select(account.c.id, account.c.name).where(
        account.c.book_id == bindparam("book"), account.c.holder_id.is_(None)
    )


def _moved(compiler: Compiler) -> Select[Any]:
    account, entry, posting = compiler.schema.account, compiler.schema.entry, compiler.schema.posting
    other = posting.alias("other")
    is_even = posting.c.seq % literal_column("2") == literal_column("0")
    return (
        select(
            account.c.holder_id, posting.c.account_id, other.c.account_id, posting.c.asset_id, posting.c.amount,
            posting.c.lot_day, other.c.lot_day, posting.c.rule, posting.c.cause, entry.c.key, entry.c.kind,
            entry.c.effective_at,
        )
        .select_from(account)
        .join(posting, and_(posting.c.account_id == account.c.id, posting.c.version.is_not(None)))
        .join(other, and_(other.c.entry_id == posting.c.entry_id, other.c.seq == _beside(posting.c.seq)))
        .join(entry, entry.c.id == posting.c.entry_id)
        .where(
            account.c.book_id + literal_column("0") == bindparam("book"),
            account.c.holder_id > bindparam("after"),
            account.c.holder_id <= bindparam("until"),
            # A movement between two accounts of a holder is taken from its first posting alone.
            or_(is_even, other.c.version.is_(None)),
        )
    )  # fmt: skip


def _beside(seq: Any) -> Any:
    """Write the place of the posting that makes a movement together with the one at *seq*."""
    return seq + literal_column("1") - literal_column("2") * (seq % literal_column("2"))


def _unreached(compiler: Compiler) -> Select[Any]:
    delivery, event = compiler.schema.delivery, compiler.schema.event
    return (
        select(event)
        .outerjoin(delivery, delivery.c.event_id == event.c.id)
        .where(event.c.book_id == bindparam("book"), delivery.c.event_id.is_(None))
        .order_by(event.c.id)
    )


def _programme_legs(compiler: Compiler) -> Select[Any]:
    account, posting = compiler.schema.account, compiler.schema.posting
    return (
        select(func.count())
        .select_from(posting)
        .join(account, account.c.id == posting.c.account_id)
        .where(account.c.book_id == bindparam("book"), account.c.holder_id.is_(None))
    )


def _without_holder(compiler: Compiler) -> Select[Any]:
    account, entry, posting = compiler.schema.account, compiler.schema.entry, compiler.schema.posting
    other, others_account = posting.alias("other"), account.alias("others_account")
    return (
        select(entry.c.key)
        .distinct()
        .select_from(posting)
        .join(account, and_(account.c.id == posting.c.account_id, account.c.holder_id.is_(None)))
        .join(entry, entry.c.id == posting.c.entry_id)
        .outerjoin(other, and_(other.c.entry_id == posting.c.entry_id, other.c.seq == _beside(posting.c.seq)))
        .outerjoin(others_account, others_account.c.id == other.c.account_id)
        .where(entry.c.book_id == bindparam("book"), others_account.c.holder_id.is_(None))
        .order_by(entry.c.key)
    )
