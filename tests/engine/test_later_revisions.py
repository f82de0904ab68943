"""A book goes on under a later revision: it is taken up, settled again, and refused where its past is another."""

from __future__ import annotations

import pytest

from loyalty import Engine, StoreError
from loyalty.engine.replaying import replay_book
from loyalty.ledger.store import Store

from .conftest import OpenBook
from .scenes import ACME, deal, entries_in
from .small_programmes import PER_EURO, points, programme

FIRST = programme()
SECOND = programme(PER_EURO.replace("1 per 1 EUR", "2 per 1 EUR"), before=FIRST, begins="2026-03-01")
THIRD = programme(PER_EURO.replace("1 per 1 EUR", "3 per 1 EUR"), before=SECOND, begins="2026-04-01")
OTHER = programme(PER_EURO.replace("1 per 1 EUR", "5 per 1 EUR"))


def test_a_book_goes_on_under_a_later_revision(open_book: OpenBook) -> None:
    """What was settled stays as it was, what is late settles by its day, and all of it can be settled again."""
    Engine(FIRST, open_book()).submit(deal("D-1", "2026-02-01", 10, FIRST))
    Engine(SECOND, open_book()).submit(deal("D-2", "2026-03-02", 10, SECOND))
    engine = Engine(THIRD, open_book())
    engine.submit(deal("D-3", "2026-04-02", 10, THIRD))
    engine.submit(deal("D-0", "2026-02-28", 10, THIRD))
    assert [points(engine, day) for day in ("2026-02-28", "2026-03-02", "2026-04-02")] == [20, 40, 70]
    assert replay_book(THIRD, open_book()).findings == ()
    revisions = [entry.revision for entry in entries_in(open_book())]
    assert revisions == [FIRST.revision, SECOND.revision, THIRD.revision, FIRST.revision]


def test_why_is_answered_for_each_revision(open_book: OpenBook) -> None:
    """Whichever file is at hand later, each entry is explained by the revision that it was settled under."""
    engine = Engine(THIRD, open_book())
    for number, month in enumerate((2, 3, 4), start=1):
        engine.submit(deal(f"D-{number}", f"2026-0{month}-02", 10, THIRD))
    told = [str(engine.why(entry)) for entry in entries_in(open_book())]
    later = programme(PER_EURO.replace("1 per 1 EUR", "4 per 1 EUR"), before=THIRD, begins="2026-05-01")
    assert [str(Engine(later, open_book()).why(entry)) for entry in entries_in(open_book())] == told
    assert [engine.why(entry).revision for entry in entries_in(open_book())] == [
        FIRST.revision,
        SECOND.revision,
        THIRD.revision,
    ]


def test_a_book_of_another_past_is_refused(store: Store) -> None:
    """A later revision of other rules than those that the book was settled under does not take it up."""
    Engine(FIRST, store).submit(deal("D-1", "2026-02-01", 10, FIRST))
    strange = programme(PER_EURO, before=OTHER, begins="2026-03-01")
    with pytest.raises(
        StoreError, match=f"settled under revision {FIRST.revision}, and .* is revision {OTHER.revision}"
    ):
        Engine(strange, store).statement(ACME, "2026-02-01")
