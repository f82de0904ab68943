"""Programmes on identical events: figures by hand, and no difference at all of a programme with itself."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty import Programme, load, loads, read_event
from loyalty.batch.running import run
from loyalty.batch.tables import EventTable
from loyalty.cli.compare import _cells, _signed
from loyalty.core.calendar import parse_day
from loyalty.errors import LoyaltyError, UsageError
from loyalty.explaining.differences import LANGUAGES
from loyalty.programme.changing import changed
from loyalty.settlement.settle import settle
from loyalty.simulation.comparing import compare
from loyalty.simulation.comparison import Comparison, Estimate, Interval, Scheme
from loyalty.simulation.comparison_tables import comparison_tables, write_partners
from loyalty.simulation.concentration import Concentration
from loyalty.simulation.evenness import gini, reversals
from loyalty.simulation.intervals import OVER_PARTNERS, OVER_REPLICATES, mean_interval, sum_interval
from loyalty.simulation.measuring import Measures
from loyalty.simulation.replicates import Replicate, Runner
from loyalty.sources import read_events
from tests.simulation.portal import PORTAL, PROGRAMME, UNTIL, happened, quarter

ACME = Path(__file__).resolve().parents[2] / "examples" / "acme"


def against(*programmes: Programme, replicates: int = 1) -> Comparison:
    """Compare the portal's programme with others on its quarter."""
    variants = [Scheme(name=f"variant {place}", programme=one) for place, one in enumerate(programmes, start=1)]
    return compare(
        Scheme(name="base", programme=PROGRAMME), variants, [quarter() for _ in range(replicates)], until_day=UNTIL
    )


def test_the_figures_of_a_run_are_those_that_are_computed_by_hand() -> None:
    """Cost is 170 + 11 + 5.50 of the partners and 1 of ann; see the portal's story."""
    figures = Measures(Runner(until_day=UNTIL).run(Scheme(name="base", programme=PROGRAMME), quarter())).figures()
    values = {name: figure.value for name, figure in figures.items()}
    expected = {
        "cost": Fraction("187.5"), "revenue": 16_500, "cost_per_revenue": Fraction("187.5") / 16_500,
        "liability": Fraction("187.5"), "breakage": 0, "partners": 3, "events": 5, "tiers.base": 2, "tiers.gold": 1,
        "tiers.above_base": 1, "points.issued": 235, "points.reversed": 10, "points.outstanding": 225,
        "mdf.issued": 175, "mdf.reversed": 10, "status.issued": 175,
    }  # fmt: skip
    assert {name: values[name] for name in expected} == expected
    # Worth 5.50, 11 and 170: (-2 x 5.5 + 2 x 170) / (3 x 186.5).
    assert values["gini"] == Fraction("329") / Fraction("559.5")
    assert figures["mdf.issued"].unit == figures["cost"].unit == "EUR"


def test_a_variant_is_measured_against_the_base_partner_by_partner() -> None:
    """A multiplier of 4 at gold gives acme's second deal 200 points in place of 100: 10 EUR, and nothing else moves."""
    found = against(changed(PROGRAMME, {"tiers.gold.multiplier": Decimal(4)}))
    [variant] = found.variants
    moved = {one.name: one.difference for one in variant.estimates if one.difference}
    assert moved["cost"] == moved["liability"] == 10
    assert moved["points.issued"] == moved["points.outstanding"] == 100
    assert {name.partition(".")[0] for name in moved} == {"cost", "cost_per_revenue", "liability", "gini", "points"}
    shifts = variant.shifts
    assert (shifts.winners, shifts.losers, shifts.unchanged, shifts.gained, shifts.lost) == (1, 0, 2, 10, 0)
    [change] = shifts.most
    assert (change.partner, change.base, change.variant, change.revenue) == ("acme", 170, 180, 15_000)
    assert (change.base_tier, change.variant_tier) == ("gold", "gold")
    assert sum(count for _, _, count in shifts.bins) == 1
    assert [LANGUAGES["en"].tell(one.text) for one in variant.told] == ["multiplier: 2 → 4"]
    assert (found.partners, found.events, found.unit, found.seeds) == (3, 5, "EUR", ())


def test_who_changes_tiers_is_a_matrix_for_each_quarter_and_the_end() -> None:
    """With 1,000 for gold acme stays below; at the end it stands in the base's gold and the variant's base."""
    found = against(changed(PROGRAMME, {"tiers.gold.needs": Decimal(1000)}))
    migration = found.variants[0].migration
    assert migration.final == ((2, 0), (1, 0))
    assert list(migration.matrices) == [2026 * 12 + 2]
    assert migration.base_moves[0] == (1, 0)
    assert migration.variant_moves[0] == (0, 0)
    assert migration.base[-1] == (2, 1)
    longer = compare(
        Scheme(name="base", programme=PROGRAMME), found.variants[0:1] and [found.variants[0].scheme], [quarter()],
        until_day=UNTIL + 200,
    ).variants[0].migration  # fmt: skip
    assert [month - 2026 * 12 for month in longer.matrices] == [2, 5, 8, 9]
    assert set(longer.matrices.values()) == {((2, 0), (1, 0))}


def test_groups_are_deciles_labels_and_tiers_and_each_sums_to_the_whole() -> None:
    """Every grouping has each partner once, with its revenue, its cost and its currencies."""
    replicate = quarter()
    labels = {"segment": {"acme": "large", "birch": "small", "cedar": "small"}, "region": {"acme": "north"}}
    replicate = Replicate(events=replicate.events, labels=labels)
    other = changed(PROGRAMME, {"tiers.gold.needs": Decimal(1000)})
    [variant] = compare(
        Scheme(name="base", programme=PROGRAMME), [Scheme(name="v", programme=other)], [replicate], until_day=UNTIL
    ).variants
    groups = {(group.grouping, group.name): group for group in variant.groups}
    for grouping in ("decile", "segment", "tier"):
        chosen = [group for group in variant.groups if group.grouping == grouping]
        assert sum(group.partners for group in chosen) == 3
        assert sum(group.revenue for group in chosen) == 16_500
        assert sum(group.base_cost for group in chosen) == Fraction("186.5")
        assert sum(group.base["points"].issued for group in chosen) == 225
    small = groups["segment", "small"]
    assert (small.partners, small.revenue, small.base_cost, small.winners, small.losers) == (
        2,
        1_500,
        Fraction("16.5"),
        0,
        0,
    )
    large = groups["segment", "large"]
    assert (large.losers, large.down, large.base_cost - large.variant_cost) == (1, 1, 5)
    assert groups["region", "north"].partners == 1
    assert groups["tier", "gold"].partners == 1


def test_all_numbers_are_means_over_replicates_and_add_up_to_the_figures() -> None:
    """Beside the quarter stands one in which cedar alone sells for 500 EUR: half a winner, half the costs."""
    deal = read_event(
        PROGRAMME, {"id": "D-9", "on": "deal.won", "at": "2026-02-01", "partner": "cedar", "amount": "500.00 EUR"}
    )
    labels = {"segment": {"acme": "large", "birch": "small", "cedar": "small"}}
    replicates = [
        Replicate(events=quarter().events, labels=labels),
        Replicate(events=EventTable.from_events(PROGRAMME, [deal]), labels=labels),
    ]
    other = changed(PROGRAMME, {"tiers.gold.multiplier": Decimal(4)})
    found = compare(
        Scheme(name="base", programme=PROGRAMME), [Scheme(name="v", programme=other)], replicates, until_day=UNTIL
    )
    [variant] = found.variants
    cost, shifts = variant.estimate("cost"), variant.shifts
    assert (cost.base, cost.variant) == (Fraction("96.5"), Fraction("101.5"))
    assert (found.replicates, variant.persons) == (2, (Fraction(1, 2), Fraction(1, 2)))
    for grouping in ("decile", "segment", "tier"):
        chosen = [group for group in variant.groups if group.grouping == grouping]
        assert sum(group.base_cost for group in chosen) + variant.persons[0] == cost.base
        assert sum(group.variant_cost for group in chosen) + variant.persons[1] == cost.variant
        assert sum(group.partners for group in chosen) == 2
        assert sum(group.winners for group in chosen) == shifts.winners == Fraction(1, 2)
    assert (shifts.gained - shifts.lost, shifts.unchanged) == (cost.difference, Fraction(3, 2))
    assert sum(number for _, _, number in shifts.bins) == Fraction(1, 2)
    migration = variant.migration
    assert migration.final == ((Fraction(3, 2), 0), (0, Fraction(1, 2)))
    assert sum(migration.base[-1]) == 2
    assert migration.months == (2026 * 12, 2026 * 12 + 1, 2026 * 12 + 2)
    assert found.base_fairness.gini["worth"] == variant.estimate("gini").base
    tables = {table.name: table for table in comparison_tables(found)}
    assert ("v", "2026-03", "gold", "gold", Decimal("0.5")) in tables["migration"].rows
    issued = [row for row in tables["groups_by_currency"].rows if row[1:4] == ("segment", "small", "points")]
    # 20 and 5 points, and 5 again.
    assert issued[0][4] == Decimal(15)


def test_a_programme_differs_from_itself_in_nothing() -> None:
    """Figures, groups, partners and tiers of the demo's history, and intervals that hold 0."""
    programme = load(ACME / "programme.yaml")
    events = read_events(ACME / "history.jsonl", programme).events
    same = loads(programme.source + "\n# with a comment\n")
    found = compare(
        Scheme(name="base", programme=programme), [Scheme(name="same", programme=same)],
        [Replicate(events=EventTable.from_events(programme, events))], until_day=UNTIL + 300,
    )  # fmt: skip
    _assert_the_same(found)
    assert found.events == len(events)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 999), st.integers(0, 80)), min_size=1, max_size=25))
def test_a_programme_differs_from_itself_in_nothing_on_drawn_histories(deals: list[tuple[str, int, int]]) -> None:
    """Whoever sells what and when."""
    events = [
        read_event(PROGRAMME, {"id": f"D-{n}", "on": "deal.won", "at": f"2026-{1 + day // 28:02}-{1 + day % 28:02}",
                               "partner": partner, "amount": f"{hundreds * 100}.00 EUR"})
        for n, (partner, hundreds, day) in enumerate(deals)
    ]  # fmt: skip
    replicate = Replicate(events=EventTable.from_events(PROGRAMME, events))
    scheme = Scheme(name="base", programme=PROGRAMME)
    found = compare(scheme, [Scheme(name="same", programme=PROGRAMME)], [replicate], until_day=UNTIL)
    _assert_the_same(found)
    # What the figures add up to is what the core settles.
    balances = settle(PROGRAMME, events, until_day=UNTIL).balances
    outstanding = found.variants[0].estimate("points.outstanding").base
    assert outstanding == sum(amount for (_, _, asset), amount in balances.items() if asset == "points")


def _assert_the_same(found: Comparison) -> None:
    [variant] = found.variants
    assert variant.told == ()
    assert all(one.base == one.variant and one.difference == 0 for one in variant.estimates)
    assert all(one.interval is None or (one.interval.low, one.interval.high) == (0, 0) for one in variant.estimates)
    assert (variant.shifts.winners, variant.shifts.losers, variant.shifts.bins) == (0, 0, ())
    assert variant.fairness == found.base_fairness
    assert all(group.base == group.variant and group.base_cost == group.variant_cost for group in variant.groups)
    assert all((group.up, group.down, group.winners, group.losers) == (0, 0, 0, 0) for group in variant.groups)
    matrix = variant.migration.final
    assert all(count == 0 for row, counts in enumerate(matrix) for column, count in enumerate(counts) if row != column)
    assert variant.migration.base == variant.migration.variant


def test_a_variant_that_declares_its_events_otherwise_meets_the_same_events() -> None:
    """A field more, with a default, and another order of kinds: the table is laid out anew, and nothing differs."""
    text = PORTAL.replace(
        "  deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}}\n",
        "  lead.registered: {}\n  deal.won:\n    registered: {type: bool, default: false}\n"
        "    amount: {type: money, unit: EUR, max: 2000000.00}\n",
    )
    found = against(loads(text))
    assert all(one.difference == 0 for one in found.variants[0].estimates)


def test_a_variant_that_cannot_take_the_events_says_which_and_why() -> None:
    """One that needs a field that nobody gave."""
    text = PORTAL.replace("deal.won: {amount:", "deal.won: {region: text, amount:")
    with pytest.raises(LoyaltyError, match=r"variant 1 cannot take what happened under the base: event /D-1: .*region"):
        against(loads(text))


def test_what_comes_after_the_last_day_is_no_event_of_the_comparison() -> None:
    """Of the quarter's five events one is of January."""
    until = parse_day("2026-01-31")
    found = compare(Scheme(name="base", programme=PROGRAMME), [Scheme(name="same", programme=PROGRAMME)], [quarter()],
                    until_day=until)  # fmt: skip
    assert found.events == found.variants[0].estimate("events").base == 1


def test_a_kernel_is_asked_for_by_all_replicates_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether compiling pays is decided by how often a programme is run, not by one population alone."""
    asked = []

    def spied(*arguments: Any, **options: Any) -> Any:
        asked.append(options["runs"])
        return run(*arguments, **options)

    monkeypatch.setattr("loyalty.simulation.replicates.run", spied)
    same = Scheme(name="same", programme=PROGRAMME)
    compare(Scheme(name="base", programme=PROGRAMME), [same], [quarter()] * 3, until_day=UNTIL, runs=3)
    assert asked == [3] * 6


def test_nothing_to_compare_on_is_refused() -> None:
    """Without a replicate there is no figure."""
    with pytest.raises(UsageError, match="give one replicate at least"):
        against(PROGRAMME, replicates=0)


def test_intervals_are_students_by_hand() -> None:
    """Of 9, 10 and 11: 10 +- 4.3027 x 1 / sqrt(3); of their sum: 30 +- 4.3027 x sqrt(3)."""
    assert mean_interval([9.0, 10.0, 11.0]) == Interval(low=7.515862288, high=12.484137712)
    found = sum_interval([np.array([9.0, 10.0, 11.0])])
    assert found is not None
    assert (round(found.low, 3), round(found.high, 3)) == (22.548, 37.452)
    assert not Interval(low=0.0, high=0.0).excludes_zero
    assert Interval(low=0.1, high=2).excludes_zero


def test_means_that_come_out_even_may_differ_somewhere() -> None:
    """One gold more in one replicate and one less in another is an even mean with an interval that is told."""
    one = Estimate(
        name="tiers.gold", unit="partners", base=Fraction(5), variant=Fraction(5), interval=Interval(low=-1, high=1)
    )
    assert not one.difference
    assert one.differs_somewhere
    assert [*_cells(one)] == ["5", "5", "0", "-1 … 1"]
    same = evolve(one, interval=Interval(low=0, high=0))
    assert not same.differs_somewhere
    assert [*_cells(same)][-1] == ""
    assert [_signed(Fraction(change)) for change in ("1/2", "-3", "0")] == ["+0.50", "-3", "0"]


def test_one_history_has_intervals_over_its_partners_and_several_replicates_over_these() -> None:
    """Which it is stands in the comparison; equal replicates leave no doubt."""
    other = changed(PROGRAMME, {"tiers.gold.multiplier": Decimal(4)})
    once = against(other)
    assert once.method == OVER_PARTNERS
    interval = once.variants[0].estimate("cost").interval
    assert interval is not None
    # 10, 0 and 0 EUR: the sum is 10 +- 4.3027 x sqrt(3) x 5.7735.
    assert (round(interval.low, 2), round(interval.high, 2)) == (-33.03, 53.03)
    assert once.variants[0].estimate("gini").interval is None
    twice = against(other, replicates=3)
    assert twice.method == OVER_REPLICATES
    assert twice.variants[0].estimate("cost").interval == Interval(low=10.0, high=10.0)


@given(st.lists(st.integers(-5, 60), max_size=30))
def test_the_gini_coefficient_is_that_of_the_report(amounts: list[int]) -> None:
    """The exact fraction, amounts below 0 counted as 0; and amounts of 40 digits in sum."""
    assert gini(np.array(amounts, np.int64)) == Concentration.of(amounts).gini
    large = [amount << 50 for amount in amounts if amount > 0]
    assert gini(np.array(large, np.int64)) == Concentration.of(large).gini


def test_known_gini_coefficients() -> None:
    """Even is 0, one of four with all is 3/4, 1 to 4 is 1/4."""
    known = {(1, 1, 1): Fraction(0), (0, 0, 0, 100): Fraction(3, 4), (1, 2, 3, 4): Fraction(1, 4)}
    assert {amounts: gini(np.array(amounts)) for amounts in known} == known


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 6)), max_size=20))
def test_reversals_are_the_pairs_that_are_counted_one_by_one(partners: list[tuple[int, int]]) -> None:
    """Pairs that are equal in one of both do not count."""
    pairs = [(a, b) for n, a in enumerate(partners) for b in partners[:n] if a[0] != b[0] and a[1] != b[1]]
    wrong = sum((a[0] < b[0]) != (a[1] < b[1]) for a, b in pairs)
    revenue, worth = (np.array([each[side] for each in partners], np.int64) for side in (0, 1))
    assert reversals(revenue, worth) == (Fraction(wrong, len(pairs)) if pairs else 0)


def test_tables_say_what_the_comparison_says(tmp_path: Path) -> None:
    """Every table has its columns in every row, and all partners are a file with exact amounts."""
    other = changed(PROGRAMME, {"tiers.gold.multiplier": Decimal(4)})
    written: list[Path] = []

    def write(scheme: Scheme, base: Measures, variant: Measures) -> None:
        written.extend(write_partners(scheme, base, variant, tmp_path / f"all.{kind}") for kind in ("csv", "parquet"))

    found = compare(
        Scheme(name="base", programme=PROGRAMME), [Scheme(name="v", programme=other)], [quarter()], until_day=UNTIL,
        each=write,
    )  # fmt: skip
    tables = {table.name: table for table in comparison_tables(found)}
    assert all(len(row) == len(table.columns) for table in tables.values() for row in table.rows)
    assert ("v", "cost", "EUR", Decimal("187.5"), Decimal("197.5"), Decimal(10)) in [
        row[:6] for row in tables["figures"].rows
    ]
    assert tables["differences"].rows == (("v", "Tiers", "tier gold", "multiplier: 2 → 4"),)
    assert ("v", "2026-03", "gold", "gold", 1) in tables["migration"].rows
    rows = pq.read_table(written[1]).to_pylist()
    assert {row["partner"]: row["difference"] for row in rows} == {"acme": 10, "birch": 0, "cedar": 0}
    assert [row["variant"] for row in rows] == [Decimal("180"), Decimal("11"), Decimal("5.5")]
    assert pa_csv.read_csv(written[0]).num_rows == 3
    assert len(happened()) == found.events
