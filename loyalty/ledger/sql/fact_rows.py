"""The tables of what a book was settled from: events, whom they reached, decisions and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from loyalty.ledger.sql.rows import Row, big, blob, text


class EventRow(Row):
    """
    An accepted fact: the columns that are searched, and the declared fields as canonical JSON.

    ``counts_from`` is the instant at which it counts where it came too late for its own; the digest covers it.
    """

    NAME = "event"
    UNIQUE = (("book_id", "identity"),)
    INDEXES = (("book_id", "origin"),)
    WHERE: ClassVar[Mapping[tuple[str, ...], str]] = {("book_id", "origin"): "origin IS NOT NULL"}
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    identity: str = text()
    source: str = text()
    kind: str = text()
    partner: str = text()
    person: str | None = text(default=None)
    occurred_at: int = big()
    recorded_at: int = big()
    origin: str | None = text(default=None)
    fields_json: str = text()
    body_hash: bytes = blob()
    counts_from: int | None = big(default=None)


class DeliveryRow(Row):
    """
    An event in a holder's history, with what it brings there from other layers as JSON.

    The key begins with the instant from which it counts there, so that what came after an instant lies together.
    """

    NAME = "delivery"
    UNIQUE = (("event_id", "holder_id"),)
    CLUSTERED = True

    holder_id: int = big(key=True)
    at: int = big(key=True)
    event_id: int = big(key=True)
    inputs: str = text()


class GrantRow(Row):
    """A decision that replay never takes again; ``final`` is 1 for the end of what it carries on, which is unique."""

    NAME = "grant"
    REFERS: ClassVar[Mapping[str, str]] = {"book_id": "book.id", "holder_id": "holder.id"}
    UNIQUE = (("book_id", "key"), ("book_id", "of_key", "final"))
    INDEXES = (("holder_id", "at"),)
    CHECKS: ClassVar[Mapping[str, str]] = {"amount": "amount > 0", "final": "final = 1"}
    APPEND_ONLY = True

    id: int = big(key=True)
    book_id: int = big()
    key: str = text()
    kind: str = text()
    holder_id: int = big()
    currency: str = text()
    amount: int = big()
    at: int = big()
    of_key: str | None = text(default=None)
    final: int | None = big(default=None)
    details: str = text()


class CheckpointRow(Row):
    """A holder's state under one revision, from which settling goes on; a cache that can be deleted at any time."""

    NAME = "checkpoint"
    REFERS: ClassVar[Mapping[str, str]] = {"holder_id": "holder.id"}
    CLUSTERED = True

    holder_id: int = big(key=True)
    revision: str = text(primary_key=True)
    holder_version: int = big()
    state: str = text()
