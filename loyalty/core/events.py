"""
Events are facts: what happened, to whom, when. They never change; later events end, refund or void them.

>>> deal = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_767_225_600_000_000,
...              fields={"amount": 100_000})
>>> deal.identity
'/D-1'
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import orjson
from attrs import field, frozen

#: What a declared field holds: money in minor units, a count, a text, or a yes or no.
FieldValue: TypeAlias = int | str | bool

#: The kind that makes it as if another event had never happened; every programme knows it.
VOID: str = "void"

#: The kind that sets a partner's tier by hand, from its instant through the field ``until``; every programme knows it.
TIER_OVERRIDE: str = "tier.override"


def _freeze(fields: Mapping[str, FieldValue]) -> MappingProxyType[str, FieldValue]:
    return MappingProxyType(dict(fields))


@frozen(kw_only=True)
class Event:
    """
    One fact.

    Args:
        id: Identifier, unique within *source*.
        source: The system that it comes from, for example ``crm``; "" is a source like any other.
        kind: A declared kind such as ``deal.won``, or one of the built-in ``void`` and ``tier.override``.
        partner: The partner's id.
        person: The id of the partner's member who acted, or None.
        occurred_at: UTC microseconds since 1970.
        fields: Declared fields; money is in minor units of its declared unit.
        of: The id (same source) of the event that this one refunds, settles or voids, or None.
    """

    id: str
    kind: str
    partner: str
    occurred_at: int
    source: str = ""
    person: str | None = None
    of: str | None = None
    fields: MappingProxyType[str, FieldValue] = field(factory=dict, converter=_freeze, hash=False)
    #: Source and id, the name under which the event is known for ever.
    identity: str = field(init=False, eq=False, repr=False)
    #: The identity of the event that this one speaks of, or None.
    origin: str | None = field(init=False, eq=False, repr=False)

    @identity.default
    def _write_identity(self) -> str:
        return f"{self.source}/{self.id}"

    @origin.default
    def _write_origin(self) -> str | None:
        return None if self.of is None else f"{self.source}/{self.of}"

    def __reduce__(self) -> tuple[Callable[[Mapping[str, Any]], Event], tuple[dict[str, Any]]]:
        # The read-only view of the fields cannot be pickled or copied itself, and so the event is built again.
        return from_record, (to_record(self),)

    @property
    def key(self) -> tuple[int, str, str]:
        """Where the event stands in settlement order."""
        return (self.occurred_at, self.source, self.id)

    def body_hash(self) -> bytes:
        """A digest of the whole body; equal bodies have equal digests whatever the order of their fields."""
        return self.written()[1]

    def written(self) -> tuple[str, bytes]:
        """Give the fields as canonical JSON, and the digest of the whole body, whose JSON ends with them."""
        # A read-only view gives its mapping's copy several times as fast as one is made of it.
        fields = canonical_bytes(self.fields.copy())
        names = canonical_bytes((self.source, self.id, self.kind, self.partner, self.person, self.occurred_at, self.of))
        return fields.decode(), hashlib.sha256(b"%b,%b]" % (names[:-1], fields)).digest()


def to_record(event: Event) -> dict[str, Any]:
    """Give the event as plain JSON types; :func:`from_record` is its inverse."""
    return {
        "id": event.id,
        "source": event.source,
        "kind": event.kind,
        "partner": event.partner,
        "person": event.person,
        "occurred_at": event.occurred_at,
        "of": event.of,
        "fields": dict(event.fields),
    }


def from_record(record: Mapping[str, Any]) -> Event:
    """Build the event again from what :func:`to_record` gave."""
    return Event(**record)


def canonical_json(value: Any) -> str:
    """Write JSON in one way only: sorted keys, no spaces, no escapes beyond the standard's."""
    try:
        return orjson.dumps(value, option=_CANONICAL).decode()
    except TypeError:
        # The fast writer knows whole numbers of 64 bits alone; the standard library's text is the same, and slower.
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_bytes(value: Any) -> bytes:
    """Write what :func:`canonical_json` does, in UTF-8."""
    try:
        return orjson.dumps(value, option=_CANONICAL)
    except TypeError:
        return canonical_json(value).encode()


_CANONICAL: Final = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
