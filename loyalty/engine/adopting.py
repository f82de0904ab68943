"""
The chain of revisions that a book is settled under.

A book takes up a later revision by itself where nothing that was settled can change by it. Everything else is a
migration, which is planned first; a change of rules never re-settles a book unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable

from loyalty.core.calendar import FIRST_DAY, format_day
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
    objection = objection_to(programme, tx)
    if objection is not None:
        raise StoreError(
            f"{objection}; see what a migration would change with `loyalty ledger revise`, or load the file that the "
            "book is settled under"
        )


def objection_to(programme: Programme, tx: Transaction) -> str | None:
    """Give why the book cannot be gone on with under this programme, or None where it can."""
    if tx.chain() == chain_of(programme):
        return None
    settled, ours = _settled_under(programme, tx), chain_parts(programme)
    if not settled or settled == ours:
        return None
    place = next(
        (place for place, (before, now) in enumerate(zip(settled, ours, strict=False)) if before != now),
        min(len(settled), len(ours)),
    )
    front = _front(programme, tx)
    goes_on = 0 < place < len(ours)
    if goes_on and all(day > front for day, _ in (*settled[place:], *ours[place:])):
        # What begins later than anything that is settled can still be added, or another put in its place.
        return None
    what = f"{programme.file} is {_words(ours)} of {programme.id}"
    if goes_on and place == len(settled):
        return (
            f"the revision of {format_day(ours[place][0])} comes too late for this book, which is settled through "
            f"{format_day(front)} without it: {what}"
        )
    return f"the book is settled under {_words(settled)}, and {what}"


def _front(programme: Programme, tx: Transaction) -> int:
    """Give the last day of which anything was settled: an event, a decision, what fell due, or the clock."""
    at, clock_day = tx.front(), tx.clock_day()
    # An advance that has not come to its end took some holders further than the book.
    days = (None if at is None else programme.calendar.day_of(at), clock_day, *tx.clocks_ahead().values())
    return max((day for day in days if day is not None), default=FIRST_DAY)


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
