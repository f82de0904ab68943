"""
The content hash of an entry: a digest over an encoding that can be read in one way only.

The encoding is a JSON array in UTF-8 without spaces, behind one byte for its version. Changing the encoding means a new
version beside the old one, never a new meaning of an old digest.

>>> from loyalty.ledger.entries import Account, EntryKind, Posting
>>> entry = Entry(key="a", kind=EntryKind.EVENT, cause=None, effective_at=0, recorded_at=0, revision="r1", postings=(
...     Posting(Account(None, "issued"), "points", -1), Posting(Account(None, "redeemed"), "points", 1)))
>>> encode(entry)[1:61]
b'["a","event",null,0,0,"r1",null,"{}","programme/issued","poi'
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import orjson

from loyalty.core.events import canonical_json
from loyalty.errors import LedgerError
from loyalty.ledger.entries import Entry

#: The version of the encoding that entries are hashed with which are booked on their own day, and on another one.
HASH_VERSION: Final = 1
BOOKED_HASH_VERSION: Final = 2

#: Those that stored digests may have.
HASH_VERSIONS: Final = frozenset({HASH_VERSION, BOOKED_HASH_VERSION})


def version_for(booked_day: int | None) -> int:
    """Give the version of the encoding for entries that are booked on that day, or on their own where it is None."""
    return HASH_VERSION if booked_day is None else BOOKED_HASH_VERSION


def content_hash(entry: Entry, version: int | None = None, *, explanation: str | None = None) -> bytes:
    """
    Give the SHA-256 of the entry's encoding, postings and explanation included.

    Args:
        version: Of the encoding; the one for its booked day by default.
        explanation: The explanation as canonical JSON, where the caller has it already.

    Raises:
        LedgerError: no encoding has this version.
    """
    return sha256(encode(entry, version, explanation=explanation)).digest()


def encode(entry: Entry, version: int | None = None, *, explanation: str | None = None) -> bytes:
    """
    Write the entry as bytes: the version, then its fields and those of its postings, one after the other, as JSON.

    Raises:
        LedgerError: no encoding has this version, or it is not the one for the entry's booked day.
    """
    expected = version_for(entry.booked_day)
    version = expected if version is None else version
    if version not in HASH_VERSIONS:
        raise LedgerError(f"entry {entry.key} is hashed by encoding {version}; known is {sorted(HASH_VERSIONS)}")
    if version != expected:
        raise LedgerError(f"entry {entry.key} is hashed by encoding {expected}, as its booked day says, not {version}")
    fields: list[Any] = [
        entry.key, entry.kind.value, entry.cause, entry.effective_at, entry.recorded_at, entry.revision,
        entry.corrects, canonical_json(dict(entry.explanation)) if explanation is None else explanation,
    ]  # fmt: skip
    for posting in entry.postings:
        fields += (
            posting.account.path, posting.asset, posting.amount, posting.lot_day, posting.rule, posting.cause,
        )  # fmt: skip
    return encode_fields(fields, entry.booked_day)


def hash_fields(fields: Sequence[str | int | None], booked_day: int | None = None) -> bytes:
    """Give the content hash of an entry whose fields, and then those of its postings, are at hand."""
    if booked_day is None:
        return sha256(_VERSION_1 + orjson.dumps(fields)).digest()
    return sha256(encode_fields(fields, booked_day)).digest()


def encode_fields(fields: Sequence[str | int | None], booked_day: int | None = None) -> bytes:
    """
    Write the fields of an entry, and then of each of its postings, as :func:`encode` does; a booked day comes first.

    Each posting has six fields and an entry eight, so that none can be taken for another's.
    """
    if booked_day is None:
        return _VERSION_1 + orjson.dumps(fields)
    return _VERSION_2 + orjson.dumps([booked_day, *fields])


_VERSION_1: Final = bytes((HASH_VERSION,))
_VERSION_2: Final = bytes((BOOKED_HASH_VERSION,))
