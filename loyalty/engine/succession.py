"""
Whether a book can be gone on with under a programme: what was settled in it must stay as it is.

A revision that begins after everything that was settled changes nothing, so it may be added, and one that was added
may be replaced. Everything else would settle days again that are over.
"""

from __future__ import annotations

from loyalty.core.calendar import FIRST_DAY, format_day
from loyalty.ledger.kept import KeepsInBulk
from loyalty.ledger.store import Declaration, Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import in_force_at, revisions_of


def objection(programme: Programme, tx: Transaction) -> str | None:
    """
    Give why the book cannot be gone on with under the programme and its earlier revisions; None where it can.

    >>> from loyalty.ledger.memory import MemoryStore
    >>> from loyalty.programme.loading import loads
    >>> from loyalty.settlement.settle import EXAMPLE
    >>> with MemoryStore().transaction() as tx:
    ...     print(objection(loads(EXAMPLE), tx))
    None
    """
    first = next(iter(tx.entries()), None)
    if first is None:
        return None
    revisions = revisions_of(programme)
    known = {one.revision for one in revisions}
    declared = {one.digest: one for one in tx.declarations()}
    used = {*declared, first.revision}
    expected = in_force_at(programme, first.effective_at)
    if first.revision != expected.revision:
        return _other(first.revision, expected)
    if used == known:
        return None
    front = _front(programme, tx)
    for one in (declared[digest] for digest in sorted(used - known)):
        if one.first_day <= front and (_has_entries(tx, one) or not _is_replaced(one, declared, known)):
            return _other(one.digest, programme)
    for revision in revisions[1:]:
        if revision.revision not in used and revision.from_day <= front and revision.source:
            begins = format_day(revision.from_day)
            return (
                f"revision {revision.revision} of {revision.file} is in force from {begins}, and the book was "
                f"settled through {format_day(front)} without it; let it begin later"
            )
    return None


def _front(programme: Programme, tx: Transaction) -> int:
    """Give the last day of which anything was settled: an event, a decision, what fell due, or the clock."""
    at, clock_day = tx.front(), tx.clock_day()
    return max(
        FIRST_DAY if at is None else programme.calendar.day_of(at), FIRST_DAY if clock_day is None else clock_day
    )


def _is_replaced(one: Declaration, declared: dict[str, Declaration], known: set[str]) -> bool:
    """Tell whether another revision, which the book knows too, stands in its place."""
    return any(other.after == one.after and other.digest in known for other in declared.values())


def _has_entries(tx: Transaction, one: Declaration) -> bool:
    if isinstance(tx, KeepsInBulk):
        return one.digest in tx.revisions()
    return any(entry.revision == one.digest for entry in tx.entries())


def _other(revision: str, programme: Programme) -> str:
    return (
        f"the book was settled under revision {revision}, and {programme.file} is revision {programme.revision} of "
        f"{programme.id}; load the file that it was settled under"
    )
