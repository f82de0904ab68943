"""
The revisions of a programme: which is in force on a day, and what identifies them all.

A programme knows the revisions before it. An event settles under the one that was in force when it occurred.
"""

from __future__ import annotations

import hashlib

from loyalty.programme.model import Programme


def revisions_of(programme: Programme) -> tuple[Programme, ...]:
    """Give all revisions of a programme, the earliest first and the programme itself last."""
    return (*programme.earlier, programme)


def in_force(programme: Programme, day: int) -> Programme:
    """Give the revision that is in force on a day; before the second begins it is the first."""
    revisions = revisions_of(programme)
    return next((one for one in reversed(revisions[1:]) if one.from_day <= day), revisions[0])


def chain_of(programme: Programme) -> str:
    """
    Give the digest of a programme with all that came before it; the revision itself where nothing did.

    What is settled under it can be settled again with the same result; a checkpoint is kept under it.
    """
    if not programme.earlier:
        return programme.revision
    names = "\n".join(f"{one.from_day} {one.revision}" for one in revisions_of(programme))
    return hashlib.sha256(names.encode()).hexdigest()[:_DIGITS]


_DIGITS = 16
