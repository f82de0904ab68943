"""
The sentences on what does not count, one for each reason: every command tells it in the same words.

>>> from loyalty.simulation.report.texts import ENGLISH
>>> [ENGLISH.tell(one) for one in left_out({"wishes": 2, "voided": 0, "outside": 0})]
['2 rows are wishes to redeem, decided when their turn came.']
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from loyalty.explaining.said import Noun, Said, said
from loyalty.simulation.report.texts import counted

if TYPE_CHECKING:
    from loyalty.batch.tables import EventTable

#: What is a row of a table and no event.
_ROWS: Final = ("wishes", "overrides", "voids", "repeated")

#: What was meant to count; that a row is no event is told where rows are counted.
_MEANT: Final = ("voided", "waiting", "answered", "outside")


def left_out(counts: Mapping[str, int]) -> tuple[Said, ...]:
    """Say how many rows or events do not count, by reason; the reasons are those of ``batch/uncounted.py``."""
    return tuple(_told(why, count) for why, count in counts.items() if count)


def events_left_out(table: EventTable, until_us: int) -> tuple[Said, ...]:
    """Say how many events of a table, of those before an instant, do not count though they were meant to."""
    from loyalty.batch.uncounted import uncounted

    found = uncounted(table, until_us)
    return left_out({why: found[why] for why in _MEANT})


def _told(why: str, count: int) -> Said:
    what = "row" if why in _ROWS else "event"
    return said("run.left_out", events=counted(what, count), why=Noun(f"left_out.{why}", count))
