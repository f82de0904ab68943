"""The collector of cycles is still while much is built, and whatever it was before it is again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from loyalty import Engine, MemoryStore
from loyalty.core.collecting import uncollected
from tests.engine.scenes import PROGRAMME, deal


@pytest.fixture(autouse=True)
def _collecting() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was_enabled else gc.disable)()


def test_it_is_still_inside_and_works_again_after_an_error() -> None:
    """Blocks may stand in each other, and an error ends them like any other end."""
    with suppress(ValueError), uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError("inside")
    assert gc.isenabled()


def test_who_stilled_it_keeps_it_still() -> None:
    """A host that collects when it likes is not overruled."""
    gc.disable()
    with uncollected():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_it_works_while_receipts_are_handed_out() -> None:
    """Whoever stops in the middle of many events has a collector that works."""
    receipts = Engine(PROGRAMME, MemoryStore()).submit_many([deal("D-1", "2026-02-01"), deal("D-2", "2026-02-02")])
    next(receipts)
    assert gc.isenabled()
