"""The benchmarks of the batch compare like with like: what is written by hand gives the totals of a Batch."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("numba", reason="needs the [sim] extra: pip install 'loyalty-engine[sim]'")
pytest.importorskip("pyarrow", reason="needs the [sim] extra: pip install 'loyalty-engine[sim]'")

from attrs import evolve

from benchmarks.batch.data import draw, made, write
from benchmarks.batch.frames import EXACT, by_duckdb, by_polars, scan
from benchmarks.batch.setting import FIRST_MONTH, Setting
from benchmarks.batch.totals import differences
from loyalty.batch.running import run
from loyalty.batch.tables import REDEEM
from loyalty.core.holders import Layer

EVENTS = 4_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="module", params=["easy", "hard"])
def setting(request: pytest.FixtureRequest, folder: Path) -> Setting:
    return Setting.of(request.param, folder, EVENTS)


def test_a_twin_gives_the_totals_of_the_library(setting: Setting) -> None:
    """Every table: by holder, month, tier, rule and month of expiry, the numbers of entries and postings."""
    batch = setting.settle()
    assert (batch.first_month, batch.months) == (FIRST_MONTH, 24)
    assert differences(batch, setting.settle_by_hand()) == []


def test_a_difference_is_named(setting: Setting) -> None:
    totals = setting.settle_by_hand()
    wrong = [evolve(totals[0], postings=totals[0].postings + 2, tier=totals[0].tier + 1), *totals[1:]]
    assert differences(setting.settle(), wrong) == ["tier of partners", "postings"]


def test_every_rule_pays_and_everything_happens_in_the_data(setting: Setting) -> None:
    """So that no part of a twin agrees because nothing reaches it."""
    batch = setting.settle()
    totals = setting.settle_by_hand()
    given = sum(one.rules for one in totals)
    rules = {rule.name for rule in setting.programme.rules}
    assert all(given[totals[0].labels.index(rule), :, 1].any() for rule in rules)
    flows = batch.flows.sum(axis=0)
    points = batch.names.assets.index("points")
    issued, activated, expired, redeemed, reversed_ = flows[points][:5].tolist()
    assert min(issued, activated, expired, redeemed) > 0
    assert batch.tier_moves.sum(axis=0).any()
    if setting.name == "hard":
        assert reversed_ > 0
        assert batch.flows[:, points, 8].any(), "nothing is ever owed"
        assert sum(batch.tier_moves[:, tier, tier - 1].sum() for tier in (1, 2, 3)) > 0, "nobody lands"
        assert batch.layers[Layer.PERSON].cells[:, points, 4].any(), "nothing is taken back from persons"
        certified = totals[0].kinds.index("certification.expired")
        assert totals[0].events[:, certified].any()
        assert given[totals[0].labels.index("expert"), points, 2] > 0


def test_the_same_seed_draws_the_same_rows(tmp_path: Path, folder: Path) -> None:
    write(draw("hard", EVENTS, EVENTS // 100), tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == made("hard", folder, EVENTS).read_bytes()


def test_rows_stand_by_time_and_not_by_holder(setting: Setting) -> None:
    """Redemptions stand behind the events of their instant."""
    table = setting.table
    assert len(table) == EVENTS
    assert (table.at[1:] >= table.at[:-1]).all()
    assert (table.partner[1:] != table.partner[:-1]).sum() > EVENTS / 2
    same = table.at[1:] == table.at[:-1]
    assert not (same & (table.kind[:-1] == REDEEM) & (table.kind[1:] != REDEEM)).any()


@pytest.mark.parametrize("module", ["polars", "duckdb"])
def test_data_frames_give_what_no_tier_touches(module: str, folder: Path) -> None:
    """The rules that windows can express exactly give the same awards and points as the library."""
    pytest.importorskip(module, reason=f"{module} is not installed: pip install 'loyalty-engine[bench]'")
    setting = Setting.of("easy", folder, EVENTS)
    batch = run(setting.programme, setting.table, until_day=20_818)
    given = (by_polars if module == "polars" else by_duckdb)(made("easy", folder, EVENTS))
    ours = {rule: tuple(batch.rules[batch.names.label_code[rule], 0, 0, :2].tolist()) for rule in EXACT}
    assert {rule: given[rule] for rule in EXACT} == ours
    if module == "polars":
        assert scan(made("easy", folder, EVENTS)) == len(batch.layers[Layer.PARTNER].holders)
