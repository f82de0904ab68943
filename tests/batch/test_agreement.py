"""
The law of agreement: whatever the programme, the compiled kernel posts what the core posts, movement by movement.

Each shape of programme is compiled once and settles many histories at once, the partners and persons of each named
apart. Cut by threads, by time, by holders or by buckets, it ends with the same digest. Compiling takes ten seconds and
more a shape, so that the quick profile has few shapes.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from loyalty.testing import chains, programmes
from tests.batch.agreeing import assert_agreement

pytest.importorskip("numba", reason="needs the [sim] extra: pip install 'loyalty-engine[sim]'")

SHAPES, HISTORIES = {"quick": (1, 60), "laws": (200, 500)}[os.environ.get("LOYALTY_HYPOTHESIS_PROFILE", "quick")]


@settings(
    max_examples=SHAPES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
@given(st.data())
def test_every_shape_of_programme_agrees(data: st.DataObject) -> None:
    """Hundreds of histories of one drawn programme post the same, whichever way they are cut."""
    programme = data.draw(programmes() | chains())
    seed = data.draw(st.integers(0, 2**32))
    note(programme.source)
    # A process never gives back what was compiled in it, some 70 MiB a shape.
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        apart.submit(assert_agreement, programme, seed, HISTORIES).result()
