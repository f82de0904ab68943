"""Whole simulations: the same however many partners are taken at a time, with a journal that adds up."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest
from attrs import evolve

from loyalty.batch.results import Batch
from loyalty.batch.running import run
from loyalty.batch.tables import EventTable
from loyalty.core.holders import Layer
from loyalty.engine import settle
from loyalty.errors import UsageError
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.simulation import extras
from loyalty.simulation.behaviour import Incentive, Scenario, Wish
from loyalty.simulation.events_file import EventsFile
from loyalty.simulation.months import month_starts
from loyalty.simulation.movements import MOVEMENT_COLUMNS, MovementsFile
from loyalty.simulation.population import population
from loyalty.simulation.redemptions import redemptions
from loyalty.simulation.scenario import load_scenario
from loyalty.simulation.simulating import simulate
from loyalty.simulation.tallying import tally

FOLDER = Path(__file__).parents[2] / "examples" / "acme"
MONTHS, PARTNERS = 8, 12


@pytest.fixture(scope="module")
def acme() -> Programme:
    """The demo's programme."""
    return load(FOLDER / "programme.yaml")


@pytest.fixture(scope="module")
def scenario(acme: Programme) -> Scenario:
    """The demo's scenario."""
    return load_scenario(FOLDER / "scenario.yaml", acme)


@pytest.mark.parametrize("size", [1, 5])
def test_the_number_taken_at_a_time_changes_nothing(acme: Programme, scenario: Scenario, size: int) -> None:
    """Partners settled in parts, with their response to incentives, have the digest of all together."""
    drawn = (acme, scenario, PARTNERS, MONTHS, 7, acme.first_day)
    assert simulate(*drawn, size=size, kernel=False).digest() == simulate(*drawn, kernel=False).digest()


def test_people_spend_from_their_own_wallets(acme: Programme, scenario: Scenario) -> None:
    """A wish that names a person takes from the person's points alone, compiled as on the core, and as settled."""
    wish = Wish(currency="points", share=Fraction(1, 3), per=Layer.PERSON, chance=Fraction(1, 2))
    own = evolve(scenario, wishes=(wish,), response={})
    batch = simulate(acme, own, PARTNERS, MONTHS, 7, acme.first_day, kernel=False)
    partners, people = (int(batch.layers[layer].cells[:, :, 3].sum()) for layer in (Layer.PARTNER, Layer.PERSON))
    assert partners == 0 < people
    until_day = month_starts(acme.first_day, MONTHS)[-1] - 1
    table = population(acme, own, PARTNERS, MONTHS, 7, acme.first_day, ids=True)
    grants = redemptions(table, until_day)
    assert {grant.holder.layer for grant in grants} == {Layer.PERSON}
    settled = settle(acme, table.to_events(), grants, until_day=until_day)
    redeemed = sum(p.amount for e in settled.entries for p in e.postings if p.account.path == "programme/redeemed")
    assert redeemed == people
    if find_spec("numba") is not None:
        compiled = simulate(acme, own, PARTNERS, MONTHS, 7, acme.first_day, kernel=True)
        assert compiled.digest() == batch.digest()


def test_incentives_make_more_happen_and_only_where_a_tier_is_near(acme: Programme, scenario: Scenario) -> None:
    """With an elasticity there are more deals than without, and fewer than if all were on the point of a tier."""

    def deals(elasticity: Fraction, rate: Fraction) -> int:
        faster = evolve(
            scenario,
            activities=tuple(
                evolve(each, rate=each.rate * rate) if each.kind == "deal.won" else each for each in scenario.activities
            ),
            response={"deal.won": Incentive(elasticity=elasticity, because="")} if elasticity else {},
        )  # fmt: skip
        batch = simulate(acme, faster, 60, MONTHS, 7, acme.first_day, kernel=False)
        return int(batch.layers[Layer.PARTNER].events[:, 0].sum())

    assert deals(Fraction(0), Fraction(1)) < deals(Fraction(1), Fraction(1)) < deals(Fraction(0), Fraction(2))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_journal_has_every_movement(acme: Programme, scenario: Scenario, tmp_path: Path, kind: str) -> None:
    """Read back, what was issued and what came to be available is what the results say."""
    with MovementsFile(tmp_path / f"journal.{kind}", acme) as file:
        batch = simulate(
            acme, scenario, PARTNERS, MONTHS, 7, acme.first_day, size=5, kernel=False, take=file.add, journal=True
        )  # fmt: skip
    if kind == "csv":
        assert file.path.read_text(encoding="utf-8") == _rewritten(file.path), "quoted as the tables beside it"
    reader = pyarrow.csv.read_csv if kind == "csv" else pyarrow.parquet.read_table
    journal = reader(file.path)
    assert tuple(journal.column_names) == MOVEMENT_COLUMNS
    assert 2 * len(journal) == batch.postings
    results = tally(batch)
    for name in ("points", "mdf"):
        rows = journal.filter(pc.equal(journal["asset"], name))
        step = 10 ** acme.currencies[name].scale
        totals = results.totals(name)
        assert _sum(rows, "source", "programme/issued") * step == totals.issued
        available = _sum(rows, "target", "available") - _sum(rows, "source", "available")
        assert available * step == totals.available
    # Both sides have an account of this name; which of them gives says whether a tier was gained or lost.
    standing = dict.fromkeys(results.ladder[1:], 0)
    for row in journal.filter(pc.starts_with(journal["asset"], "tier.")).to_pylist():
        assert {row["source"], row["target"]} == {"standing", "programme/standing"}
        standing[row["asset"].removeprefix("tier.")] += 1 if row["target"] == "standing" else -1
    in_the_end = results.tiers[results.months[-1]]
    assert standing == {name: in_the_end[name] for name in standing}
    assert any(standing.values())
    kinds = [each or None for each in journal["kind"].to_pylist()]
    assert {*kinds} >= {"deal.won", "redeem", None}
    # What no event moved, the clock did.
    assert [each is None for each in kinds] == [day is not None for day in journal["day"].to_pylist()]


@pytest.mark.parametrize("kernel", [False, True])
def test_what_happened_is_written_and_settles_to_the_same(
    acme: Programme, scenario: Scenario, tmp_path: Path, kernel: bool
) -> None:
    """What no response let happen is left out; the rest, read from the file, gives the run's digest both ways."""
    if kernel and find_spec("numba") is None:
        pytest.skip("needs numba")
    silent: list[int] = []
    drawn = (acme, scenario, PARTNERS, MONTHS, 7, acme.first_day)
    with EventsFile(tmp_path / "made" / "events.parquet") as file:

        def take(events: EventTable, part: Batch) -> None:
            assert part.silent is not None
            silent.extend(part.silent.tolist())
            file.add(events, part)

        batch = simulate(*drawn, size=5, kernel=kernel, take=take, ids=True)
    assert silent
    table = EventTable.from_arrow(acme, file.path)
    assert len(table) == file.rows
    assert len(table) + len(silent) == len(population(*drawn))
    assert table.chance is None
    assert table.identity(0).startswith("simulation/P-0000")
    until_day = month_starts(acme.first_day, MONTHS)[-1] - 1
    assert run(acme, table, until_day=until_day, kernel=kernel).digest() == batch.digest()


def test_a_run_that_fails_leaves_no_half_of_its_events(acme: Programme, scenario: Scenario, tmp_path: Path) -> None:
    """A part of the events would pass for all of them."""
    file = EventsFile(tmp_path / "events.parquet")
    with pytest.raises(KeyboardInterrupt), file:  # noqa: PT012 - the file is left by the error
        simulate(acme, scenario, 3, 2, 7, acme.first_day, kernel=False, take=file.add, ids=True)
        raise KeyboardInterrupt
    assert not file.path.exists()


def _rewritten(path: Path) -> str:
    """Read a CSV and write it as the tables are written, row by row."""
    text = io.StringIO()
    with path.open(encoding="utf-8", newline="") as file:
        csv.writer(text, lineterminator="\n").writerows(csv.reader(file))
    return text.getvalue()


def _sum(rows: pa.Table, column: str, account: str) -> Decimal:
    part = rows.filter(pc.equal(rows[column], account))["amount"]
    return sum((Decimal(str(each)) for each in part.to_pylist()), Decimal(0))


def test_without_arrays_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that has not installed the extra is told its name."""
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "pyarrow" else True)
    with pytest.raises(UsageError, match=r"pyarrow is not installed; run pip install 'loyalty-engine\[sim\]'"):
        extras.require_arrays("loyalty simulate")
