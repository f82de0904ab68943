"""
The content hash of an entry: a digest over an encoding that can be read in one way only.

Each field is preceded by its length, so no two entries share an encoding, and the version of the encoding is its
first byte. Changing the encoding means a new version beside the old one, never a new meaning of an old digest.

>>> from loyalty.ledger.entries import Account, EntryKind, Posting
>>> entry = Entry(key="a", kind=EntryKind.EVENT, cause=None, effective_at=0, recorded_at=0, revision="r1", postings=(
...     Posting(Account(None, "issued"), "points", -1), Posting(Account(None, "redeemed"), "points", 1)))
>>> content_hash(entry).hex()[:16]
'bd79c4d2576ef578'
"""

from __future__ import annotations

import hashlib
from typing import Final

from loyalty.core.events import canonical_json
from loyalty.errors import LedgerError
from loyalty.ledger.entries import Entry

#: The version of the encoding that new entries are hashed with.
HASH_VERSION: Final = 1

#: Those that stored digests may have.
HASH_VERSIONS: Final = frozenset({1})


def content_hash(entry: Entry, version: int = HASH_VERSION) -> bytes:
    """
    Give the SHA-256 of the entry's encoding, postings and explanation included.

    Raises:
        LedgerError: no encoding has this version.
    """
    return hashlib.sha256(encode(entry, version)).digest()


def encode(entry: Entry, version: int = HASH_VERSION) -> bytes:
    """
    Write the entry as bytes: the version, then every field with its length before it, then every posting.

    Raises:
        LedgerError: no encoding has this version.
    """
    if version not in HASH_VERSIONS:
        raise LedgerError(f"entry {entry.key} is hashed by encoding {version}; known is {sorted(HASH_VERSIONS)}")
    parts = [bytes((version,))]
    fields: list[str | int | None] = [
        entry.key,
        entry.kind.value,
        entry.cause,
        entry.effective_at,
        entry.recorded_at,
        entry.revision,
        entry.corrects,
        canonical_json(dict(entry.explanation)),
        len(entry.postings),
    ]
    for posting in entry.postings:
        fields += (
            posting.account.path,
            posting.asset,
            posting.amount,
            posting.lot_day,
            posting.rule,
            posting.cause,
        )
    for value in fields:
        if value is None:
            parts.append(_ABSENT)
        else:
            text = str(value).encode()
            parts += (len(text).to_bytes(4, "big"), text)
    return b"".join(parts)


#: A length that no field has stands for None, which is not the same as an empty text.
_ABSENT: Final = b"\xff\xff\xff\xff"
