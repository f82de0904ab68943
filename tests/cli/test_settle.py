"""``loyalty settle``: a Parquet file at once and by buckets, stopped in between, gives the same tables."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from loyalty.batch import bucketed
from loyalty.cli.main import main
from loyalty.core.events import Event
from tests.batch.columns import arrow_of

PROGRAMME = Path(__file__).parents[2] / "benchmarks" / "programmes" / "ten_rules.yaml"
START = 1_767_222_000_000_000
DAY = 86_400_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Deals of twenty partners over half a year."""
    from loyalty import load

    events = [
        Event(
            id=f"D-{number}",
            kind="deal.won",
            partner=f"p{number * 7 % 20}",
            occurred_at=START + number * DAY // 2,
            fields={"amount": 100_000 + 997 * number, "product": ("core", "cloud", "services")[number % 3]},
        )
        for number in range(300)
    ]
    path = tmp_path / "deals.parquet"
    pq.write_table(arrow_of(load(PROGRAMME), events, decimals=True), path)
    return path


def settle(file: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["settle", str(PROGRAMME), str(file), "--out", str(out), "--json", *options])


def test_buckets_leave_the_tables_of_one_run(file: Path, tmp_path: Path) -> None:
    """Also where the run was stopped after two buckets and called again."""
    whole = settle(file, tmp_path / "whole")
    assert whole.exit_code == 0, whole.output
    parts = settle(file, tmp_path / "parts", "--buckets", "6")
    assert parts.exit_code == 0, parts.output
    assert json.loads(whole.output)["currencies"] == json.loads(parts.output)["currencies"]
    tables = sorted(path.name for path in (tmp_path / "whole").glob("*.csv"))
    assert tables
    for name in tables:
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_after_ctrl_c_the_same_command_goes_on(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many buckets are kept, and settles only the others."""
    settled: list[Path] = []
    original = bucketed.settle_bucket

    def stopped(programme: object, events: Path, **options: object) -> pa.Table:
        if len(settled) == 2:
            raise KeyboardInterrupt
        settled.append(events)
        return original(programme, events, **options)

    with monkeypatch.context() as patch:
        patch.setattr(bucketed, "settle_bucket", stopped)
        result = settle(file, tmp_path / "out", "--buckets", "6")
    assert result.exit_code == 130
    assert "Stopped; 2 buckets of 6 are settled" in " ".join(result.stderr.split())
    result = settle(file, tmp_path / "out", "--buckets", "6")
    assert result.exit_code == 0, result.output
    refused = settle(file, tmp_path / "out", "--buckets", "7")
    assert refused.exit_code == 2
    assert "buckets was 6 and is 7" in json.loads(refused.output)["error"]["message"]


def test_what_is_wrong_is_said_with_its_rows(file: Path, tmp_path: Path) -> None:
    """Every fault of the file at once; nothing is settled."""
    table = pq.read_table(file)
    place = table.schema.names.index("kind")
    bad = table.set_column(place, "kind", pa.array(["deal.win", *table["kind"].to_pylist()[1:]]))
    pq.write_table(bad.drop_columns("product"), file)
    result = settle(file, tmp_path / "out")
    assert result.exit_code == 1
    findings = json.loads(result.output)["findings"]
    assert [finding["got"].split(" and ")[0] for finding in findings] == ["kind in row 0", "product in row 1"]
    assert "did you mean `deal.won`?" in findings[0]["fix"]
