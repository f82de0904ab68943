"""``loyalty compare``, ``sweep`` and ``tune``: what they print, what they write, and what they refuse."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loyalty import load
from loyalty.batch.reading import has_event_columns
from loyalty.batch.tables import EventTable
from loyalty.cli.folder import write_page
from loyalty.sources import read_events
from tests.cli.conftest import ACME, Call

SMALL = ("--partners", 30, "--months", 6, "--replicates", 2)


@pytest.fixture
def generous(tmp_path: Path) -> Path:
    """Give a variant of the demo in which gold is nearer and gives more."""
    text = (ACME / "programme.yaml").read_text(encoding="utf-8")
    path = tmp_path / "generous.yaml"
    path.write_text(
        text.replace("multiplier: 1.25", "multiplier: 1.4").replace("year_status >= 1000", "year_status >= 700"),
        encoding="utf-8",
    )
    return path


def test_a_comparison_says_what_is_declared_otherwise_who_wins_and_where_the_tables_are(
    call: Call, generous: Path, tmp_path: Path
) -> None:
    """The words at the top, figures with intervals, tiers, deciles, and a row for each partner."""
    out = tmp_path / "out"
    said = call(
        "compare", ACME / "programme.yaml", generous, "--scenario", ACME / "scenario.yaml", *SMALL, "--out", out
    )
    assert said.exit_code == 0
    for words in (
        "programme against generous", "seeds 1 to 2", "tier gold: multiplier: 1.25 → 1.4",
        "tier gold: needs: year_status >= 1000 → year_status >= 700", "Student's t over replicates, paired",
        "Tiers in the end: programme down, generous across", "decile 10", "segment large", "Assumed, not measured:",
        "partners gain", "0 lose 0",
    ):  # fmt: skip
        assert words in said.stdout, words
    names = {path.stem for path in out.iterdir()}
    assert names == {
        "differences", "figures", "groups", "groups_by_currency", "winners_and_losers", "migration", "tiers",
        "fairness", "partners-generous", "report",
    }  # fmt: skip
    assert "Acme partner programme: comparison of programmes" in (out / "report.html").read_text(encoding="utf-8")
    with (out / "partners-generous.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) <= 30


def test_the_document_has_every_table_and_recorded_events_have_one_replicate(call: Call, generous: Path) -> None:
    """The demo's history: no seed, intervals over its partners."""
    said = call("compare", ACME / "programme.yaml", generous, "--events", ACME / "history.jsonl", "--json")
    document = json.loads(said.stdout)
    assert (document["ok"], document["seeds"], document["until"]) == (True, [], "2026-12-31")
    assert document["method"].startswith("Student's t over partners")
    figures = {row["figure"]: row for row in document["tables"]["figures"]}
    assert float(figures["cost"]["difference"]) > 0
    assert float(figures["cost"]["low"]) < float(figures["cost"]["difference"]) < float(figures["cost"]["high"])
    assert figures["revenue"]["difference"] == "0"
    assert document["shifts"]["generous"]["losers"] == 0


def test_a_parquet_file_of_columns_gives_what_the_same_events_give_row_by_row(
    call: Call, generous: Path, tmp_path: Path
) -> None:
    """The file is read as columns; every table is the same, and a file that is no Parquet is told."""
    programme = load(ACME / "programme.yaml")
    events = read_events(ACME / "history.jsonl", programme).events
    path = tmp_path / "events.parquet"
    pq.write_table(EventTable.from_events(programme, events).to_arrow(), path)
    assert has_event_columns(str(path))
    arguments = ("compare", ACME / "programme.yaml", generous, "--json", "--events")
    by_columns = json.loads(call(*arguments, path).stdout)
    by_rows = json.loads(call(*arguments, ACME / "history.jsonl").stdout)
    assert by_columns["tables"] == by_rows["tables"]
    (tmp_path / "broken.parquet").write_bytes(b"no such thing")
    said = call("compare", ACME / "programme.yaml", generous, "--events", tmp_path / "broken.parquet")
    assert said.exit_code == 1
    assert "broken.parquet" in said.stderr


def test_a_book_gives_what_its_file_gives_with_its_decisions(call: Call, generous: Path, tmp_path: Path) -> None:
    """The demo's book has no decisions, so that it is compared as its file; a population does not go with it."""
    database = ("--db", tmp_path / "book.db")
    programme, history = ACME / "programme.yaml", ACME / "history.jsonl"
    assert call("ledger", "init", *database).exit_code == 0
    assert call("backtest", programme, history, "--out", tmp_path / "first", *database).exit_code == 0
    of_book = json.loads(call("compare", programme, generous, *database, "--json").stdout)
    of_file = json.loads(call("compare", programme, generous, "--events", history, "--json").stdout)
    assert of_book["tables"] == of_file["tables"]
    assert "0 decisions of book main" in of_book["on"]
    refused = call("compare", programme, generous, *database, "--partners", 3)
    assert (refused.exit_code, "--partners does not go with --db" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--events", ACME / "history.jsonl", "--partners", 3), "--partners says how a population is drawn"),
        (("--until", "2026-01-01"), "--until belongs to a file of events; name it with --events"),
        (("--map", ACME / "scenario.yaml"), "--map belongs to a file of events"),
        (("--months", 1199), "end after"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_use(
    call: Call, generous: Path, arguments: tuple[object, ...], message: str
) -> None:
    said = call("compare", ACME / "programme.yaml", generous, *arguments)
    assert (said.exit_code, message in said.stderr) == (2, True)


def test_a_programme_is_not_compared_with_the_same_file(call: Call) -> None:
    said = call("compare", ACME / "programme.yaml", ACME / "programme.yaml", *SMALL)
    assert (said.exit_code, "is given twice" in said.stderr) == (2, True)


def test_a_sweep_shows_every_point_and_marks_the_front(call: Call, tmp_path: Path) -> None:
    """Levers are read by short paths and told by their whole ones; the table has all figures."""
    arguments = (
        "sweep", ACME / "programme.yaml", "tiers.gold.multiplier=1.1..1.5:0.2", "deal-base.cap.points=3000,5000",
        "--scenario", ACME / "scenario.yaml", *SMALL,
    )  # fmt: skip
    said = call(*arguments, "--response", "tiers.above_base", "--out", tmp_path)
    assert said.exit_code == 0
    assert "A = tiers.ladder.gold.multiplier" in said.stdout
    assert "now" in said.stdout
    with (tmp_path / "points.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert {row["best"] for row in rows} == {"0", "1"}
    document = json.loads(call(*arguments, "--json").stdout)
    assert (len(document["points"]), document["responds"]) == (6, False)
    assert "lay cost against another figure with --response" in call(*arguments).stdout


def test_a_tuned_programme_is_written_and_an_unmet_target_has_exit_code_1(call: Call, tmp_path: Path) -> None:
    """What was written is the programme with the value, and another number of it stays as it is."""
    ground = ("--scenario", ACME / "scenario.yaml", *SMALL)
    path = tmp_path / "tuned.yaml"
    arguments = ("tune", ACME / "programme.yaml", "deal-fund.by_tier.silver=0..10:0.5")
    said = call(*arguments, "--target", "mdf.issued = 2 % of revenue", *ground, "--write", path)
    assert said.exit_code == 0
    assert f"Programme: {path}" in said.stdout
    document = json.loads(call(*arguments, "--target", "mdf.issued = 2 % of revenue", *ground, "--json").stdout)
    best = document["best"]
    assert f"silver: {best['value']} %" in path.read_text(encoding="utf-8")
    near = [abs(one["figure"] - one["wanted"]) for one in document["tried"] if one["refused"] is None]
    assert abs(best["figure"] - best["wanted"]) == min(near)
    unmet = call(*arguments, "--target", "mdf.issued = 90 % of revenue", *ground)
    assert unmet.exit_code == 1
    assert "No value that meets the target was found; the nearest is" in unmet.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", ACME / "programme.yaml", "tiers.gld.multiplier=1..2"), "did you mean tiers.ladder.gold.multiplier?"),
        (("sweep", ACME / "programme.yaml", "tiers.gold.multiplier"), "write a path and values"),
        (
            ("tune", ACME / "programme.yaml", "tiers.gold.multiplier=1..2", "--target", "costs = 2"),
            "did you mean `cost`?",
        ),
        (("tune", ACME / "programme.yaml", "tiers.gold.multiplier=1,2", "--target", "cost = 2"), "within a range"),
        (
            ("sweep", ACME / "programme.yaml", "tiers.gold.multiplier=1..2", "--response", "revenues"),
            "--response: there is no figure 'revenues'; did you mean `revenue`?",
        ),
    ],
)
def test_what_cannot_be_turned_is_wrong_use(call: Call, arguments: tuple[object, ...], message: str) -> None:
    said = call(*arguments, "--partners", 5, "--months", 1, "--replicates", 1)
    assert (said.exit_code, message in said.stderr) == (2, True)


def test_the_deciles_of_two_replicates_and_what_persons_cost_add_up_to_the_cost(call: Call, generous: Path) -> None:
    """On a population of each seed; the console says whose numbers are means; a Gini coefficient is no percentage."""
    arguments = ("compare", ACME / "programme.yaml", generous, "--scenario", ACME / "scenario.yaml", *SMALL)
    document = json.loads(call(*arguments, "--json").stdout)
    [cost] = [row for row in document["tables"]["figures"] if row["figure"] == "cost"]
    deciles = [row for row in document["tables"]["groups"] if row["grouping"] == "decile"]
    for side, column in (("base", "base_cost"), ("with_variant", "variant_cost")):
        persons = Fraction(document["persons"]["generous"][side])
        assert abs(sum(Fraction(row[column]) for row in deciles) + persons - Fraction(cost[side])) < Fraction(1, 10**4)
    assert document["replicates"] == 2
    words = call(*arguments).stdout
    assert "(means over 2 populations)" in words
    assert "of the first of 2 populations:" in words
    assert "in no group and among no winners" in words
    [gini] = [line for line in words.splitlines() if line.strip().startswith("gini")]
    assert "%" not in gini
    assert "0." in gini
    points = [line for line in words.splitlines() if line.strip().startswith("points.")]
    assert points
    assert not any("." in line.replace("points.", "") for line in points)


def test_a_sweep_tells_the_interval_of_each_difference(call: Call, tmp_path: Path) -> None:
    """On the console, in a table of its own and in the JSON; of one replicate there is none."""
    arguments = ("sweep", ACME / "programme.yaml", "tiers.gold.multiplier=1.1,1.4", "--scenario",
                 ACME / "scenario.yaml", "--partners", 30, "--months", 12)  # fmt: skip
    words = " ".join(call(*arguments, "--replicates", 2, "--out", tmp_path).stdout.split())
    assert "Differences to now, with their intervals: 95 % confidence" in words
    document = json.loads(call(*arguments, "--replicates", 2, "--json").stdout)
    costs = [row for row in document["figures"] if row["figure"] == "cost"]
    assert len(costs) == 2
    for row in costs:
        assert float(row["low"]) < float(row["difference"]) < float(row["high"])
    with (tmp_path / "point_figures.csv").open(encoding="utf-8", newline="") as file:
        assert {row["low"] for row in csv.DictReader(file) if row["figure"] == "cost"} == {row["low"] for row in costs}
    assert "with their intervals" not in call(*arguments, "--replicates", 1).stdout


def test_a_used_folder_keeps_nothing_of_the_earlier_run(call: Call, generous: Path, tmp_path: Path) -> None:
    """Whatever commands wrote there and in which format; what no run wrote stays."""
    programme = ACME / "programme.yaml"
    out = tmp_path / "out"
    out.mkdir()
    (out / "groups.csv").write_text("mine", encoding="utf-8")
    small = (*SMALL, "--out", out)
    ahead = ("--scenario", ACME / "scenario.yaml", "--months", 2, "--replicates", 2, "--out", out)
    for arguments in (
        ("sweep", programme, "tiers.gold.multiplier=1.1,1.4", *small),
        ("sweep", programme, "tiers.gold.multiplier=1.1,1.4", *small, "--format", "parquet"),
        ("forecast", programme, ACME / "history.jsonl", *ahead),
        ("compare", programme, generous, *small, "--format", "parquet"),
        ("simulate", programme, "--partners", 3, "--months", 2, "--journal", "--out", out),
        ("tune", programme, "tiers.gold.multiplier=1..1.5", "--target", "cost >= 0", *small),
    ):
        written = json.loads(call(*arguments, "--json").stdout).get("files", [out / "report.html"])
        assert {path.name for path in out.iterdir()} == {Path(path).name for path in written} | {"groups.csv"}
    assert (out / "groups.csv").read_text(encoding="utf-8") == "mine"


def test_a_report_of_others_names_no_file_to_remove(tmp_path: Path) -> None:
    """Paths elsewhere and what is no list are passed over."""
    kept = tmp_path / "kept.csv"
    kept.write_text("mine", encoding="utf-8")
    (tmp_path / "out").mkdir()
    for content in ("[&quot;../kept.csv&quot;, 3]", "{", "7"):
        (tmp_path / "out" / "report.html").write_text(f'<meta name="loyalty:files" content="{content}">')
        write_page("<head>\n</head>", tmp_path / "out")
        assert kept.exists()


def test_a_sweep_of_which_the_language_refuses_everything_says_so(call: Call) -> None:
    """No point is called best, and the exit code is that of findings."""
    said = call("sweep", ACME / "programme.yaml", "tiers.gold.multiplier=0..0.2:0.1", "--partners", 3, "--months", 1)
    assert said.exit_code == 1
    assert "No value is left to compare" in said.stdout
    assert "* no other point" not in said.stdout
    assert "The language refuses 3 points (A = 0.0; A = 0.1; A = 0.2): " in said.stdout


def test_a_figure_is_not_wanted_as_a_share_of_itself(call: Call) -> None:
    """Nothing can be found for it, so that nothing is run."""
    said = call("tune", ACME / "programme.yaml", "tiers.gold.multiplier=1.3..1.5:0.1", "--target", "cost = 2 % of cost")
    assert (said.exit_code, "a share of cost itself says nothing" in said.stderr) == (2, True)


def test_a_sweep_of_many_points_says_first_how_many_runs_it_begins(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each point and the programme as it is, on each replicate; of few points nothing is said."""
    arguments = ("sweep", ACME / "programme.yaml", "tiers.gold.multiplier=1.1..1.5:0.2",
                 "--partners", 5, "--months", 1, "--replicates", 2)  # fmt: skip
    assert "runs in all" not in call(*arguments).stderr
    monkeypatch.setattr("loyalty.cli.sweep._MANY_POINTS", 2)
    assert "3 points and the programme as it is, 8 runs in all" in call(*arguments).stderr
