"""
Seals: digests over ranges of entries, each tied to the one before, so that no entry is changed or taken out unseen.

A seal keeps the content hashes of its entries, in order, as leaves, which name the entry that differs; its root is over
the leaves, its place and the root before it. Whoever changes an entry and its hash breaks the leaves; whoever changes
those breaks every later root; and a head that was kept outside shows even a chain that was made anew.

>>> first = seal_after(None, epoch=1, last=(0, 2), leaves=b"a" * 32 + b"b" * 32)
>>> first.number, first.root_hash.hex()[:16]
(1, 'b37d577a5b187d61')
"""

from __future__ import annotations

import hashlib
from typing import Final

from attrs import frozen

#: The length of a leaf, and of a root.
HASH_SIZE: Final = 32

#: What stands before the first root of a book.
NO_ROOT: Final = bytes(HASH_SIZE)


@frozen(kw_only=True)
class Seal:
    """
    One link of a book's chain.

    Attributes:
        number: Counts the seals of the book from 1.
        epoch: Counts the restores of the book from 1; ranges are compared within one epoch.
        last: The (transaction number, entry id) up to which, and with which, the range goes.
        leaves: The content hashes of its entries in order of (transaction number, entry id), 32 bytes each.
        root_hash: The digest over all of it and the root before.
    """

    number: int
    epoch: int
    last: tuple[int, int]
    leaves: bytes
    root_hash: bytes


@frozen
class Head:
    """The newest link of a chain as it is kept outside: which one, and its root."""

    number: int
    root_hash: bytes


def root_of(previous: bytes, number: int, epoch: int, last: tuple[int, int], leaves: bytes) -> bytes:
    """Give the digest of a seal: SHA-256 over the root before, four numbers of 8 bytes each, and the leaves."""
    numbers = b"".join(value.to_bytes(8, "big") for value in (number, epoch, *last))
    return hashlib.sha256(previous + numbers + leaves).digest()


def seal_after(previous: Seal | Head | None, *, epoch: int, last: tuple[int, int], leaves: bytes) -> Seal:
    """Make the seal that follows *previous*, or the first one."""
    number = 1 if previous is None else previous.number + 1
    before = NO_ROOT if previous is None else previous.root_hash
    return Seal(number=number, epoch=epoch, last=last, leaves=leaves,
                root_hash=root_of(before, number, epoch, last, leaves))  # fmt: skip
