"""``loyalty settle``: a Parquet file at once and by buckets, stopped in between, gives the same tables."""

from __future__ import annotations

import json
import shutil
import socket
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from loyalty.batch import bucketed, bucketing, running
from loyalty.cli.main import main
from loyalty.core.calendar import format_day
from loyalty.core.events import Event
from loyalty.errors import UsageError
from loyalty.programme.loading import load
from loyalty.simulation import simulating
from tests.batch.columns import arrow_of

PROGRAMME = Path(__file__).parents[2] / "benchmarks" / "programmes" / "ten_rules.yaml"
START = 1_767_222_000_000_000
DAY = 86_400_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Deals of twenty partners over half a year."""
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
    assert "Stopped. 2 buckets of 6 are settled" in " ".join(result.stderr.split())
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


def test_a_damaged_result_is_settled_again(file: Path, tmp_path: Path) -> None:
    """A result that cannot be read whole is none; the others are kept."""
    first = settle(file, tmp_path / "out", "--buckets", "6")
    kept = sorted((tmp_path / "out" / "results").glob("*.parquet"))
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    other = kept[1].stat().st_mtime_ns
    again = settle(file, tmp_path / "out", "--buckets", "6")
    assert again.exit_code == 0, again.output
    assert json.loads(again.output) == json.loads(first.output)
    assert kept[1].stat().st_mtime_ns == other


def test_a_damaged_bucket_is_not_blamed_on_the_events(file: Path, tmp_path: Path) -> None:
    """It says which of our own folders to remove, after which the same command writes it again."""
    out = tmp_path / "out"
    first = settle(file, out, "--buckets", "6")
    for result in (out / "results").glob("*.parquet"):
        result.unlink()
    bucket = min((out / "buckets").glob("*.parquet"))
    bucket.write_bytes(bucket.read_bytes()[:100])
    refused = settle(file, out, "--buckets", "6")
    assert refused.exit_code == 2
    assert f"remove the folder {out / 'buckets'}" in json.loads(refused.output)["error"]["message"]
    shutil.rmtree(out / "buckets")
    assert json.loads(settle(file, out, "--buckets", "6").output) == json.loads(first.output)


@pytest.mark.parametrize("options", [(), ("--buckets", "6")])
def test_ctrl_c_before_anything_is_kept_is_told(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """While buckets are written, and while all is settled at once; both begin anew."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bucketing, "write_buckets", stopped)
        patch.setattr(running, "run", stopped)
        result = settle(file, tmp_path / "out", *options)
    assert result.exit_code == 130
    told = "writes them from the beginning" if options else "the same command begins anew"
    assert told in " ".join(result.stderr.split())
    assert settle(file, tmp_path / "out", *options).exit_code == 0


@pytest.mark.parametrize("options", [(), ("--buckets", "6")])
def test_other_formats_are_for_another_command(tmp_path: Path, options: tuple[str, ...]) -> None:
    lines = tmp_path / "events.jsonl"
    lines.write_text("{}\n" * 20, encoding="utf-8")
    result = settle(lines, tmp_path / "out", *options)
    assert result.exit_code == 1
    [finding] = json.loads(result.output)["findings"]
    assert finding["got"] == "a file that is no Parquet"
    assert "`loyalty backtest` reads CSV, JSON Lines" in finding["fix"]


def test_a_dask_scheduler_that_is_not_there_is_told_soon() -> None:
    """Nothing listens on the port."""
    on_dask = pytest.importorskip("loyalty.simulation.distributed.on_dask")
    pytest.importorskip("distributed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(UsageError, match="no Dask scheduler answers at"):
        on_dask.connected(address)
    assert time.monotonic() - began < 15
    with pytest.raises(UsageError, match="no Dask scheduler answers at"):
        on_dask.connected("nonsense://nowhere")


def test_fit_reads_what_is_no_parquet_with_the_words_of_the_others(tmp_path: Path) -> None:
    """Random bytes under the name of a Parquet file."""
    path = tmp_path / "random.parquet"
    path.write_bytes(bytes(range(1, 200)))
    told = [
        CliRunner().invoke(main, [*command, "--out", str(tmp_path / "out"), "--json"])
        for command in (
            ["fit", str(path), "--programme", str(PROGRAMME)],
            ["backtest", str(PROGRAMME), str(path)],
        )
    ]
    assert [each.exit_code for each in told] == [1, 1]
    assert json.loads(told[0].output) == json.loads(told[1].output)


def test_ctrl_c_in_a_simulation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulating, "simulate", stopped)
    result = CliRunner().invoke(main, ["simulate", str(PROGRAMME), "--out", str(tmp_path)])
    assert result.exit_code == 130
    assert "Stopped. No table and no report was written" in " ".join(result.stderr.split())


def test_rows_that_do_not_count_are_told(file: Path, tmp_path: Path) -> None:
    """Each reason stands in a note with its rows, by buckets too, and the title is not that of a backtest."""
    table = pq.read_table(file)
    columns = {name: table[name].to_pylist() for name in table.schema.names}
    first = next(row for row, at in enumerate(columns["occurred_at"]) if at == min(columns["occurred_at"]))
    void = dict.fromkeys(table.schema.names) | {
        "kind": "void", "id": "V-1", "of": columns["id"][first], "occurred_at": max(columns["occurred_at"]),
    }  # fmt: skip
    wish = dict.fromkeys(table.schema.names) | {
        "kind": "@redeem", "id": "R-1", "partner": "p1", "occurred_at": max(columns["occurred_at"]),
        "@currency": "points", "@share": 500_000,
    }  # fmt: skip
    early = {name: columns[name][first + 1] for name in columns} | {
        "id": "early", "occurred_at": columns["occurred_at"][first].replace(year=2020),
    }  # fmt: skip
    wider = table if "of" in table.schema.names else table.append_column("of", pa.nulls(300, pa.string()))
    for name, kind in (("@currency", pa.string()), ("@share", pa.int32())):
        wider = wider.append_column(name, pa.nulls(300, kind))
    again = wider.slice(first + 2, 1)
    more = pa.Table.from_pylist([void, wish, early], schema=wider.schema)
    pq.write_table(pa.concat_tables([wider, more, again, again]), file)
    result = json.loads(settle(file, tmp_path / "out").output)
    assert result["notes"][:6] == [
        "305 rows gave 300 events.",
        "1 row is a wish to redeem, decided when its turn came.",
        "1 row voids another.",
        "1 event was voided and does not count.",
        "1 event lies outside the programme's dates and earns nothing.",
        "2 rows repeat others and count once.",
    ]
    by_bucket = json.loads(settle(file, tmp_path / "buckets", "--buckets", "5").output)
    assert (by_bucket["notes"], by_bucket["digest"]) == (result["notes"], result["digest"])
    assert "settled history" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_simulation_before_the_programme_is_refused(tmp_path: Path) -> None:
    """Where only a part lies before it, a note tells the programme's first day."""

    def simulated(start: str) -> Result:
        command = ["simulate", str(PROGRAMME), "--partners", "3", "--start", start, "--out", str(tmp_path), "--json"]
        return CliRunner().invoke(main, [*command, "--months", "6"])

    first = format_day(load(PROGRAMME).first_day)
    year = int(first[:4])
    refused = simulated(f"{year - 2}-01-01")
    assert refused.exit_code == 2
    assert f"before the programme's first day, {first}" in json.loads(refused.output)["error"]["message"]
    told = json.loads(simulated(f"{year - 1}-10-01").output)["notes"]
    assert any(note.endswith("nothing before that day counts.") for note in told)


def test_a_folder_that_is_used_again_keeps_no_table_of_the_earlier_run(file: Path, tmp_path: Path) -> None:
    """Tables of another format go; what no run wrote stays, even under the name of what runs write."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "journal.csv").write_text("mine", encoding="utf-8")
    assert settle(file, out).exit_code == 0
    assert (out / "journal.csv").read_text(encoding="utf-8") == "mine"
    (out / "notes.csv").write_text("mine", encoding="utf-8")
    result = settle(file, out, "--format", "parquet")
    assert result.exit_code == 0
    written = {Path(path).name for path in json.loads(result.output)["files"]}
    assert {path.name for path in out.iterdir()} == written | {"journal.csv", "notes.csv"}
