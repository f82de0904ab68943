"""What tests of the batch room share."""

from __future__ import annotations

import pytest

from loyalty import loads
from loyalty.programme.model import Programme
from loyalty.settlement.settle import EXAMPLE


@pytest.fixture(scope="session")
def example() -> Programme:
    """The smallest programme."""
    return loads(EXAMPLE)
