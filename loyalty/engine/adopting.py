"""
The chain of revisions that a book is settled under.

A book takes up a later revision by itself where nothing that was settled can change by it. Everything else is a
migration, which is planned first; a change of rules never re-settles a book unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from loyalty.core.calendar import format_day
from loyalty.errors import StoreError
from loyalty.ledger.store import Adoption, Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of, in_force_at, revisions_of

#: The first day and the digest of each revision, the earliest first.
Chain = tuple[tuple[int, str], ...]


def chain_parts(programme: Programme) -> Chain:
    """Give the first day and the digest of each revision of a programme; the first one's day means nothing."""
    first, *later = revisions_of(programme)
    return ((0, first.revision), *((one.from_day, one.revision) for one in later))


def take_up(programme: Programme, tx: Transaction, clock: Callable[[], int]) -> None:
    """
    See that the book is settled under this programme, and have it take up a chain that only goes on.

    Args:
        clock: Gives the instant of recording, UTC microseconds.

    Raises:
        StoreError: what is settled in the book would change.
    """
    chain = chain_of(programme)
    if tx.chain() == chain:
        return
    # Who takes up a chain is alone with the book, and looks once more.
    tx.expect(clock=True)
    if tx.chain() != chain:
        require_going_on(programme, tx)
        parts = chain_parts(programme)
        tx.adopt(Adoption(chain=chain, revisions=parts, recorded_at=clock(), reason="the chain goes on"))


def require_going_on(programme: Programme, tx: Transaction) -> None:
    """
    See that nothing that is settled in the book changes under this programme.

    Raises:
        StoreError: it does; what differs is said, and what to do.
    """
    if tx.chain() == chain_of(programme):
        return
    settled, ours = _settled_under(programme, tx), chain_parts(programme)
    if not settled or settled == ours:
        return
    what = f"{programme.file} is {_words(ours)} of {programme.id}"
    way_out = (
        "see what a migration would change with `loyalty ledger revise`, or load the file that the book was settled "
        "under"
    )
    before, now = next(pair for pair in zip_longest(settled, ours) if pair[0] != pair[1])
    if before is not None:
        raise StoreError(f"the book is settled under {_words(settled)}, and {what}; {way_out}")
    latest_at = tx.latest_at()
    clock_day = tx.clock_day()
    days = [] if latest_at is None else [programme.calendar.day_of(latest_at)]
    front = max([*days, *([] if clock_day is None else [clock_day])], default=None)
    assert now is not None
    if front is not None and now[0] <= front:
        raise StoreError(
            f"the revision of {format_day(now[0])} comes too late for this book, which is settled through "
            f"{format_day(front)} without it: {what}; {way_out}"
        )


def _settled_under(programme: Programme, tx: Transaction) -> Chain:
    """Give the chain that the book is settled under; of a book that never took one up, what its first entry says."""
    adoptions = tx.adoptions()
    if adoptions:
        return adoptions[-1].revisions
    first = next(iter(tx.entries()), None)
    if first is None or first.revision == in_force_at(programme, first.effective_at).revision:
        return ()
    return ((0, first.revision),)


def _words(chain: Chain) -> str:
    (_, first), *later = chain
    return ", then ".join([f"revision {first}", *(f"{digest} from {format_day(day)}" for day, digest in later)])
