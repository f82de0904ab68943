"""Parquet: typed columns, instants with and without a zone, and the extra that it needs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from loyalty.errors import SourceError
from loyalty.programme.model import Programme
from loyalty.sources import read_events


def test_typed_columns_are_read_exactly(programme: Programme, tmp_path: Path) -> None:
    """Decimals, dictionaries, absent values, an instant, and the shortest decimal of a binary number."""
    pa = pytest.importorskip("pyarrow", reason="the extra sim is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "on": pa.array(["deal.won", "deal.won"]).dictionary_encode(),
            "at": pa.array([datetime(2026, 2, 3, 12, tzinfo=UTC)] * 2, pa.timestamp("ns", "UTC")),
            "id": [1, 2],
            "partner": ["acme", "acme"],
            "amount": pa.array([Decimal("1250.50"), None], pa.decimal128(12, 2)),
            "registered": [True, None],
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    reading = read_events(path, programme, skip_bad_rows=True)
    (event,) = reading.events
    assert (event.id, event.fields["amount"], event.fields["registered"]) == ("1", 125_050, True)
    assert event.occurred_at == 1_770_120_000_000_000
    assert [bad.line for bad in reading.bad] == [2]
    assert "amount" in reading.bad[0].reasons[0]


def test_finer_instants_than_microseconds_are_refused(programme: Programme, tmp_path: Path) -> None:
    """A digit that would be lost could change the order of two events."""
    pa = pytest.importorskip("pyarrow", reason="the extra sim is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    at = pa.array([1_770_120_000_000_000_001], pa.timestamp("ns"))
    pq.write_table(pa.table({"on": ["lead.registered"], "at": at, "id": ["L"], "partner": ["acme"]}), path)
    with pytest.raises(SourceError, match="microseconds"):
        read_events(path, programme)


def test_without_pyarrow_the_extra_is_named(
    programme: Programme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to install, and what else would do."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"loyalty-engine\[sim\]"):
        read_events(path, programme)
