"""
Seals: digests over ranges of entries, each tied to the one before, so that no entry is changed or taken out unseen.

A seal keeps the content hashes of its entries, in order, as leaves, which name the entry that differs; its root is over
the leaves, its place and the root before it. Whoever changes an entry and its hash breaks the leaves; whoever changes
those breaks every later root; and a head that was kept outside shows even a chain that was made anew.

>>> first = seal_after(None, epoch=1, last=(0, 2), leaves=b"a" * 32 + b"b" * 32, sealed_at=0)
>>> first.number, str(first.head)[:18]
(1, '1:cf1890962b053856')
"""

from __future__ import annotations

import hashlib
import re
import struct
from typing import Final

from attrs import frozen

from loyalty.errors import LedgerError

#: The length of a leaf, and of a root.
HASH_SIZE: Final = 32

#: What stands before the first root of a book.
NO_ROOT: Final = bytes(HASH_SIZE)

_NUMBERS: Final = struct.Struct(">5q")


@frozen
class Head:
    """
    The newest link of a chain as it is kept outside: which one, and its root.

    >>> str(Head.parse(f"3:{'0f' * 32}"))[:10]
    '3:0f0f0f0f'
    """

    number: int
    root_hash: bytes

    @classmethod
    def parse(cls, text: str) -> Head:
        """
        Read what ``str`` wrote.

        Raises:
            LedgerError: it is none.
        """
        found = re.fullmatch(r"([1-9][0-9]*):([0-9a-f]{64})", text.strip())
        if found is None:
            raise LedgerError(
                f"got {text!r} for a head; write the number of the seal, a colon and its root in 64 hexadecimal digits"
            )
        return cls(int(found[1]), bytes.fromhex(found[2]))

    def __str__(self) -> str:
        return f"{self.number}:{self.root_hash.hex()}"


@frozen(kw_only=True)
class Seal:
    """
    One link of a book's chain.

    Attributes:
        number: Counts the seals of the book from 1.
        epoch: Counts the restores of the book from 1; ranges are compared within one epoch.
        last: The (transaction number, entry id) up to which, and with which, the range goes.
        leaves: The content hashes of its entries in order of (transaction number, entry id), 32 bytes each.
        sealed_at: UTC microseconds.
        root_hash: The digest over all of it and the root before.
    """

    number: int
    epoch: int
    last: tuple[int, int]
    leaves: bytes
    sealed_at: int
    root_hash: bytes

    @property
    def head(self) -> Head:
        """What is kept outside of it."""
        return Head(self.number, self.root_hash)


def root_of(previous: bytes, number: int, epoch: int, last: tuple[int, int], leaves: bytes, sealed_at: int) -> bytes:
    """Give the digest of a seal: SHA-256 over the root before, five numbers of 8 bytes each, and the leaves."""
    numbers = _NUMBERS.pack(number, epoch, *last, sealed_at)
    return hashlib.sha256(previous + numbers + leaves).digest()


def seal_after(previous: Head | None, *, epoch: int, last: tuple[int, int], leaves: bytes, sealed_at: int) -> Seal:
    """Make the seal that follows *previous*, or the first one."""
    number = 1 if previous is None else previous.number + 1
    before = NO_ROOT if previous is None else previous.root_hash
    root = root_of(before, number, epoch, last, leaves, sealed_at)
    return Seal(number=number, epoch=epoch, last=last, leaves=leaves, sealed_at=sealed_at, root_hash=root)
