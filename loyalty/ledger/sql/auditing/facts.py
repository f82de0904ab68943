"""
What the book was settled from: events and decisions against their digests, histories against the holders' versions.

A holder's version is a sum over what its history holds, so that a delivery or a decision that was put in, taken out or
changed shows in it. From which instant an event counts in a history follows from the event, or for what speaks of
another from the chain of events behind it; which of them, the programme knows, and settling again looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import orjson
from sqlalchemy import Select, bindparam, literal_column, select

from loyalty.core.events import VOID
from loyalty.core.holders import Layer
from loyalty.ledger.sql import fact_statements as ask
from loyalty.ledger.sql.auditing.reading import PAGE, Findings, Reader, between, owner_name, shown_instant
from loyalty.ledger.sql.facts import to_grant
from loyalty.ledger.sql.statements import Compiler
from loyalty.ledger.store import VERSION_CYCLE, delivery_step, event_digest, version_step

#: The layers that holders can be of.
_LAYERS: Final = frozenset(map(int, Layer))


def audit_events(reader: Reader, after: int, until: int) -> Findings:
    """Compare the events whose ids are above *after* and at most *until* with their digests."""
    findings = Findings()
    for page in reader.pages(_events, after, until):
        for row in page:
            if row[1] != reader.book_id:
                continue
            try:
                is_whole = event_digest(sha256(_body(row)).digest(), row[12]) == row[11]
            except (ValueError, TypeError) as error:
                findings.add(f"event {row[2]} cannot be read: {error}")
                continue
            if not is_whole:
                findings.add(f"event {row[2]} is not what was accepted: its digest is another one's")
    return findings


def audit_histories(reader: Reader, after: int, until: int) -> Findings:
    """Compare the histories of the holders whose ids are above *after* and at most *until* with their versions."""
    findings = Findings()
    place = after
    for page in reader.pages(_holders, after, until):
        _audit_page(reader, findings, page, place, page[-1][0])
        place = page[-1][0]
    # What has the id of a holder behind the last one belongs to none.
    _audit_page(reader, findings, (), place, until)
    return findings


def _audit_page(reader: Reader, findings: Findings, holders: Sequence[Any], after: int, until: int) -> None:
    runner = reader.runner
    sums = {row[0]: 0 for row in holders}
    ours = {row[0]: owner_name(row[3], row[4]) for row in holders if row[1] == reader.book_id}
    for id, book_id, _, layer, _ in holders:
        if book_id == reader.book_id and layer not in _LAYERS:
            findings.add(f"the book has {ours[id]}")
    for rows in runner.stream(_deliveries, PAGE, after=after, until=until):
        for holder_id, at, event_id, inputs, identity, book_id, kind, occurred_at, origin, counts_from in rows:
            if holder_id in ours:
                if book_id != reader.book_id:
                    place = _between_events(reader, event_id)
                    findings.add(f"{ours[holder_id]} received an event that is missing {place}")
                    continue
                sums[holder_id] += delivery_step(identity, inputs, counts_from)
                own = occurred_at if counts_from is None else counts_from
                if (at != own or kind == VOID) and at not in (instants := _instants(reader, kind, own, origin)):
                    findings.add(
                        f"the history of {ours[holder_id]} has event {identity} count from {shown_instant(at)}, but "
                        f"it counts from {' or '.join(map(shown_instant, sorted(instants)))}"
                    )
            elif holder_id not in sums:
                findings.add(f"event {identity or event_id} is delivered to a holder {holder_id} that there is not")
            elif book_id == reader.book_id:
                findings.add(f"event {identity} is delivered to a holder {holder_id} of another book")
    for row in runner.rows(_grants, after=after, until=until):
        if (row.holder_id in ours) != (row.book_id == reader.book_id):
            findings.add(f"decision {row.key} is of another book than its holder")
        if row.holder_id in ours:
            sums[row.holder_id] += version_step(row.key)
            try:
                is_whole = orjson.loads(row.details)["hash"] == to_grant(row).body_hash().hex()
            except (ValueError, TypeError, KeyError) as error:
                findings.add(f"decision {row.key} cannot be read: {error}")
                continue
            if not is_whole:
                findings.add(f"decision {row.key} is not what was decided: its digest is another one's")
    for holder_id, _, version, *_ in holders:
        if holder_id in ours and (version - sums[holder_id]) % VERSION_CYCLE:
            findings.add(
                f"the history of {ours[holder_id]} is not what its version {version} says: "
                "a delivery or a decision was put in, taken out or changed"
            )


def _instants(reader: Reader, kind: str, own: int, origin: str | None) -> set[int]:
    """
    Give the instants from which an event may count that speaks of another, as the engine says of histories.

    A void counts from where what it takes out does. Everything else counts from its own instant, or where it waits for
    what it speaks of from the later of the two, and so on along the chain; whether it waits, its kind says.
    """
    at, instants, seen = own, set() if kind == VOID else {own}, set[str]()
    while origin is not None and origin not in seen:
        seen.add(origin)
        known = reader.runner.first(ask.find_event, book=reader.book_id, identity=origin)
        if known is None:
            break
        own = known.occurred_at if known.counts_from is None else known.counts_from
        at = own if kind == VOID else max(at, own)
        kind, origin = known.kind, known.origin
        if kind != VOID:
            instants.add(at)
    return instants or {at}


def _body(row: Sequence[Any]) -> bytes:
    """Write the body of an event's row, as :meth:`~loyalty.core.events.Event.body_hash` does."""
    _, _, identity, source, kind, partner, person, occurred_at, _, origin, fields, *_ = row
    behind = len(source) + 1
    start = f"{source}/"
    if not identity.startswith(start) or not (origin is None or origin.startswith(start)):
        raise ValueError(f"its source is {source!r}")
    of = None if origin is None else origin[behind:]
    # The declared fields are canonical JSON already.
    return orjson.dumps((source, identity[behind:], kind, partner, person, occurred_at, of, orjson.Fragment(fields)))


def _between_events(reader: Reader, id: int) -> str:
    before = reader.runner.first(_event_before, book=reader.book_id, id=id)
    behind = reader.runner.first(_event_behind, book=reader.book_id, id=id)
    return between(before, behind, "event")


def _events(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    columns = (
        event.c.id, event.c.book_id, event.c.identity, event.c.source, event.c.kind, event.c.partner, event.c.person,
        event.c.occurred_at, event.c.recorded_at, event.c.origin, event.c.fields_json, event.c.body_hash,
        event.c.counts_from,
    )  # fmt: skip
    return (
        select(*columns)
        .where(event.c.id > bindparam("after"), event.c.id <= bindparam("until"))
        .order_by(event.c.id)
        .limit(bindparam("size"))
    )


def _event_before(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    return _identity(compiler).where(event.c.id < bindparam("id")).order_by(event.c.id.desc())


def _event_behind(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    return _identity(compiler).where(event.c.id > bindparam("id")).order_by(event.c.id)


def _identity(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    in_book = event.c.book_id + literal_column("0") == bindparam("book")
    return select(event.c.identity).where(in_book).limit(literal_column("1"))


def _holders(compiler: Compiler) -> Select[Any]:
    holder = compiler.schema.holder
    return (
        select(holder.c.id, holder.c.book_id, holder.c.version, holder.c.layer, holder.c.ref)
        .where(holder.c.id > bindparam("after"), holder.c.id <= bindparam("until"))
        .order_by(holder.c.id)
        .limit(bindparam("size"))
    )


def _deliveries(compiler: Compiler) -> Select[Any]:
    delivery, event = compiler.schema.delivery, compiler.schema.event
    return (
        select(
            delivery.c.holder_id, delivery.c.at, delivery.c.event_id, delivery.c.inputs,
            event.c.identity, event.c.book_id, event.c.kind, event.c.occurred_at, event.c.origin, event.c.counts_from,
        )
        .select_from(delivery)
        .outerjoin(event, event.c.id == delivery.c.event_id)
        .where(delivery.c.holder_id > bindparam("after"), delivery.c.holder_id <= bindparam("until"))
        .order_by(delivery.c.holder_id, delivery.c.event_id)
    )  # fmt: skip


def _grants(compiler: Compiler) -> Select[Any]:
    grant, holder = compiler.schema.grant, compiler.schema.holder
    return (
        select(*grant.c, holder.c.layer, holder.c.ref)
        .join(holder, holder.c.id == grant.c.holder_id)
        .where(grant.c.holder_id > bindparam("after"), grant.c.holder_id <= bindparam("until"))
        .order_by(grant.c.holder_id, grant.c.id)
    )
