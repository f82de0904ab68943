"""What a table of events packs to is kept only where somebody asks, and changes no result."""

from __future__ import annotations

from decimal import Decimal

import pytest

from loyalty.batch import packing, work
from loyalty.batch.once import found_once, once
from loyalty.batch.running import run
from loyalty.programme.changing import changed
from tests.simulation.portal import PROGRAMME, UNTIL, quarter


def test_programmes_of_one_kernel_share_what_a_table_packs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three programmes that differ in a number are packed once for each layer, and give what they give alone."""
    table = quarter().events
    programmes = [changed(PROGRAMME, {"tiers.gold.multiplier": Decimal(value)}) for value in ("2", "3", "3.5")]
    alone = [run(one, table, until_day=UNTIL, kernel=True).digest() for one in programmes]
    assert len(set(alone)) == 3
    assert alone == [run(one, table, until_day=UNTIL, kernel=False).digest() for one in programmes]
    packed, placed = [], []
    made, place = packing.Packed, work.place
    monkeypatch.setattr(packing, "Packed", lambda *given: packed.append(given) or made(*given))
    monkeypatch.setattr(work, "place", lambda given: placed.append(given) or place(given))
    with found_once(table):
        assert [run(one, table, until_day=UNTIL, kernel=True).digest() for one in programmes] == alone
        assert (len(packed), len(placed)) == (2, 1)
        # Another last day has other rows.
        assert run(programmes[0], table, until_day=UNTIL - 40, kernel=True).digest() not in alone
        assert len(packed) == 4
    run(programmes[0], table, until_day=UNTIL, kernel=True)
    assert (len(packed), len(placed)) == (6, 2)


def test_nothing_is_kept_once_the_last_block_ends() -> None:
    """Blocks may lie within each other, and a table that nobody keeps is looked at each time."""
    table, looked = object(), []

    def look() -> int:
        looked.append(None)
        return len(looked)

    assert [once(table, "a", look), once(table, "a", look)] == [1, 2]
    with found_once(table), found_once(table):
        assert [once(table, "a", look), once(table, "a", look), once(table, "b", look)] == [3, 3, 4]
    assert once(table, "a", look) == 5
