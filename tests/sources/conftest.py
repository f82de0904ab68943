"""A small programme, and a way to write files for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loyalty.programme.loading import loads
from loyalty.programme.model import Programme

PROGRAMME = """\
language: 1
programme: {id: shop, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {}
exchange:
  USD: {from: 2026-01-01, rate: 0.80 EUR}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
    line: {one_of: [core, cloud], default: core}
    channel: {type: text, optional: true}
    seats: {type: int, max: 100000, optional: true}
    registered: {type: bool, default: false}
  deal.refunded: {refunds: deal.won}
  lead.registered: {}
earn:
  - rule: deal
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 10 EUR}
"""


@pytest.fixture(scope="session")
def programme() -> Programme:
    return loads(PROGRAMME)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file into a directory of the test's own."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
