"""The book's own row against the rows that say how it came to what it holds: locks, and chains of revisions."""

from __future__ import annotations

from collections.abc import Iterator

from loyalty.ledger.sql import fact_statements as ask
from loyalty.ledger.sql.auditing.reading import Reader, shown_day


def audit_own_row(reader: Reader) -> Iterator[str]:
    """Give what the book's row holds otherwise than the last lock and the last chain that it took up."""
    row = reader.runner.first(ask.book, book=reader.book_id)
    locked_day, chain = (None, None) if row is None else (row.locked_day, row.chain)
    locks = reader.runner.rows(ask.locks, book=reader.book_id)
    last_day = locks[-1].through_day if locks else None
    if locked_day != last_day:
        yield f"the book is kept as {_locked(locked_day)}, but by the last lock it is {_locked(last_day)}"
    adoptions = reader.runner.rows(ask.adoptions, book=reader.book_id)
    last_chain = adoptions[-1].chain if adoptions else None
    if chain != last_chain:
        yield (
            f"the book is kept as settled under the revisions {chain or 'none'}, but the last that it took up are "
            f"{last_chain or 'none'}"
        )


def _locked(day: int | None) -> str:
    return "open" if day is None else f"locked through {shown_day(day)}"
