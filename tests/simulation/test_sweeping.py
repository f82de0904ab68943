"""Each point of a sweep is what a single run gives, and a tuned value meets its target or says that none does."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest

from loyalty import loads
from loyalty.batch import running
from loyalty.batch.work import Work
from loyalty.errors import LoyaltyError
from loyalty.programme.changing import PathError, changed
from loyalty.simulation.comparison import Scheme
from loyalty.simulation.levers import LeverError, grid, read_lever
from loyalty.simulation.measuring import Measures
from loyalty.simulation.replicates import Replicate, Runner
from loyalty.simulation.sweeping import Sweep, sweep, sweep_tables
from loyalty.simulation.targets import TargetError, read_target
from loyalty.simulation.tuning import Tuning, require_target, tune
from tests.simulation.portal import PORTAL, PROGRAMME, UNTIL, quarter


def swept(*levers: str, cost: str = "cost", response: str = "revenue") -> Sweep:
    """Turn numbers of the portal's programme on its quarter."""
    read = [read_lever(PROGRAMME, lever) for lever in levers]
    return sweep(PROGRAMME, read, [quarter()], until_day=UNTIL, cost=cost, response=response)


def tuned(lever: str, target: str) -> Tuning:
    """Look for a value on the portal's quarter."""
    return tune(PROGRAMME, read_lever(PROGRAMME, lever), read_target(target), [quarter()], until_day=UNTIL)


def test_every_point_of_a_sweep_equals_a_single_run_of_the_changed_programme() -> None:
    """All figures of all combinations, and the base's are those of the programme as it is."""
    found = swept("tiers.gold.multiplier=1..3:0.5", "base.give.partner.mdf=0,2")
    assert len(found.points) == 10
    for point in found.points:
        scheme = Scheme(name="single", programme=changed(PROGRAMME, point.values))
        figures = Measures(Runner(until_day=UNTIL).run(scheme, quarter())).figures()
        assert {name: one.variant for name, one in point.estimates.items()} == {
            name: figure.value for name, figure in figures.items()
        }
    alone = Measures(Runner(until_day=UNTIL).run(Scheme(name="base", programme=PROGRAMME), quarter())).figures()
    assert found.base == alone
    assert all(one.base == alone[name].value for point in found.points for name, one in point.estimates.items())


def test_a_point_costs_what_is_computed_by_hand() -> None:
    """At gold's multiplier m acme's second deal gives 50 m points of 0.10 EUR: cost is 177.50 + 5 m."""
    found = swept("tiers.gold.multiplier=1..3:0.5")
    assert [
        (point.values["tiers.ladder.gold.multiplier"], point.estimates["cost"].variant) for point in found.points
    ] == [(Decimal(value), Fraction("177.5") + 5 * Fraction(value)) for value in ("1.0", "1.5", "2.0", "2.5", "3.0")]


def test_the_front_has_the_points_that_none_beats() -> None:
    """A lower threshold costs more and brings more gold; of equal ones the cheapest is best, or both."""
    found = swept("tiers.gold.needs=5,20,100,1000", "tiers.gold.multiplier=2,3", response="tiers.gold")
    table = {
        tuple(f"{value:f}" for value in point.values.values()): (
            point.estimates["cost"].variant, point.estimates["tiers.gold"].variant, point.is_best,
        )
        for point in found.points
    }  # fmt: skip
    for cost, gold, is_best in table.values():
        beaten = any(
            (other_cost <= cost and other_gold >= gold and (other_cost, other_gold) != (cost, gold))
            for other_cost, other_gold, _ in table.values()
        )
        assert is_best is not beaten
    assert [point.estimates["tiers.gold"].variant for point in found.front] == sorted(
        point.estimates["tiers.gold"].variant for point in found.front
    )
    assert table["1000", "2"][2]
    assert table["1000", "3"][2]
    assert not found.is_flat
    assert swept("tiers.gold.multiplier=1..3:1").is_flat


def test_a_point_that_the_language_refuses_is_kept_with_the_reason() -> None:
    """A multiplier below that of the base tier would lower what a promotion gives."""
    found = swept("tiers.gold.multiplier=0..2:1")
    first, *others = found.points
    assert first.refused.startswith("multiplier-falls at <text>:26:19: ")
    assert (first.estimates, first.is_best) == ({}, False)
    assert all(not point.refused and point.estimates for point in others)
    table, figures = sweep_tables(found)
    assert {row[0] for row in figures.rows} == {Decimal(1), Decimal(2)}
    assert [row[:2] for row in table.rows] == [(Decimal(0), 0), (Decimal(1), 1), (Decimal(2), 0)]
    assert all(len(row) == len(table.columns) for row in table.rows)


@pytest.mark.parametrize(
    ("lever", "values"),
    [
        ("tiers.gold.multiplier=1..3", ["1", "2", "3"]),
        ("tiers.gold.multiplier=1.8..2", ["1.8", "1.9", "2.0"]),
        ("tiers.gold.needs = 100 .. 1_000 : 300", ["100", "400", "700", "1000"]),
        ("tiers.gold.needs=100..450:200", ["100", "300"]),
        ("tiers.gold.multiplier=3, 1.5", ["3", "1.5"]),
    ],
)
def test_levers_are_read_as_they_are_written(lever: str, values: list[str]) -> None:
    """A range without a step goes by the last digit that is written."""
    read = read_lever(PROGRAMME, lever)
    assert [f"{value:f}" for value in read.values] == values
    assert len(read) == len(values)


@pytest.mark.parametrize(
    ("lever", "message"),
    [
        ("tiers.gold.multiplier", "write a path and values"),
        ("=1..2", "write a path and values"),
        ("tiers.gold.multiplier=", "write a path and values"),
        ("tiers.gold.multiplier=3..1", "the first number is the lower one"),
        ("tiers.gold.multiplier=1..2:0", "the step is above 0"),
        ("tiers.gold.multiplier=a..b", "write a range such as"),
        ("tiers.gold.multiplier=1,x", "got 'x'"),
        ("tiers.gold.multiplier=1,1", "names a value twice"),
        ("tiers.gold.multiplier=1.2.3..4", "write a number such as 1.5"),
    ],
)
def test_a_lever_that_cannot_be_read_says_how_to_write_it(lever: str, message: str) -> None:
    with pytest.raises(LeverError, match=message):
        read_lever(PROGRAMME, lever)


def test_a_lever_on_nothing_names_the_nearest_number() -> None:
    with pytest.raises(PathError, match=r"did you mean tiers\.ladder\.gold\.multiplier\?"):
        read_lever(PROGRAMME, "tiers.ladder.gold.multipler=1..2")


def test_a_grid_has_a_bound_and_turns_no_number_twice() -> None:
    wide = read_lever(PROGRAMME, "tiers.gold.needs=1..20000")
    with pytest.raises(LeverError, match=r"20,000 values are 20,000 points, above 10,000; write wider steps"):
        grid([wide])
    lever = read_lever(PROGRAMME, "tiers.gold.multiplier=1..3")
    with pytest.raises(LeverError, match="is turned twice"):
        grid([lever, lever])


def test_a_figure_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(LoyaltyError, match=r"there is no figure 'costs'; did you mean `cost`\?"):
        swept("tiers.gold.multiplier=1..3", cost="costs")


def test_whether_compiling_pays_is_asked_for_all_points_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five events are few; five events on forty points and the programme as it is are compiled for, if 200 are many."""
    asked: list[tuple[bool, int]] = []
    original = running._is_worth_compiling

    def noted(work: Work, from_state: object, runs: int) -> bool:
        asked.append((original(work, from_state, runs), len(work.table) * runs))
        return False

    monkeypatch.setattr(running, "_MANY", 200)
    monkeypatch.setattr(running, "_is_worth_compiling", noted)
    swept("tiers.gold.multiplier=1..3:1")
    assert {pays for pays, _ in asked if _ < 200} == {False}
    asked.clear()
    swept("tiers.gold.multiplier=1..5:0.1")
    assert set(asked) == {(True, 42 * len(quarter().events))}


def test_a_figure_that_does_not_exist_is_said_before_anything_is_drawn() -> None:
    """A population is drawn when it is asked for, and nobody asks."""

    def never() -> Iterator[Replicate]:
        pytest.fail("a population was drawn")
        yield

    lever = read_lever(PROGRAMME, "tiers.gold.multiplier=1..3")
    with pytest.raises(LoyaltyError, match="there is no figure 'revenues'"):
        sweep(PROGRAMME, [lever], never(), until_day=UNTIL, response="revenues")


def test_each_figure_of_a_point_has_the_interval_of_its_difference() -> None:
    """By paired differences: of two equal replicates it is a point, and of one there is none."""
    lever = read_lever(PROGRAMME, "tiers.gold.multiplier=1..3:2")
    _, alone = sweep_tables(swept("tiers.gold.multiplier=1..3:2"))
    twice = sweep(PROGRAMME, [lever], [quarter(), quarter()], until_day=UNTIL)
    _, paired = sweep_tables(twice)
    names = [column.name for column in paired.columns]
    rows = [dict(zip(names, row, strict=True)) for row in paired.rows if row[1] == "cost"]
    assert [row[lever.path] for row in rows] == [Decimal(1), Decimal(3)]
    for row in rows:
        assert row["difference"] == row["value"] - row["now"] == row["low"] == row["high"]
    assert {row[-1] for row in alone.rows} == {None}


@pytest.mark.parametrize(
    ("target", "best"),
    [
        ("cost = 190 EUR", "2.5"),
        ("cost = 191", "2.7"),
        ("cost <= 191.3", "2.7"),
        ("cost >= 191.3", "2.8"),
        ("cost = 1.15 % of revenue", "2.4"),
        ("points.issued = 300", "3.3"),
    ],
)
def test_a_target_is_met_by_the_value_that_is_computed_by_hand(target: str, best: str) -> None:
    """Cost is 177.50 + 5 m and points are 135 + 50 m; 1.15 % of 16,500 are 189.75."""
    found = tuned("tiers.gold.multiplier=1..9:0.1", target)
    assert found.is_met
    assert found.best is not None
    assert f"{found.best.value:f}" == best
    assert found.unit == ("points" if target.startswith("points") else "EUR")
    assert len(found.tried) < 16
    assert found.notes == ()


def test_a_target_out_of_reach_gives_the_nearest_value_and_is_not_met() -> None:
    """At most 9 the cost is 222.50."""
    found = tuned("tiers.gold.multiplier=1..9:0.1", "cost = 500")
    assert not found.is_met
    assert found.best is not None
    assert (f"{found.best.value:f}", found.best.gap) == ("9.0", Fraction("-277.5"))
    below = tuned("tiers.gold.multiplier=1..9:0.1", "cost <= 100")
    assert (below.best, below.is_met) == (None, False)


def test_a_figure_that_turns_around_is_said_to_and_its_places_are_told() -> None:
    """The threshold from which deals pay first leaves out small partners, which is less even, then acme's deals too."""
    programme = loads(
        PORTAL.replace("    of: event.amount\n", '    when: event.amount >= money("1 EUR")\n    of: event.amount\n')
    )
    lever = read_lever(programme, "earn.base.when=1..16001:1000")
    found = tune(programme, lever, read_target("gini = 45 %"), [quarter()], until_day=UNTIL)
    assert any("does not rise throughout" in note for note in found.notes)
    best = found.best
    assert best is not None
    # No value that was tried comes nearer.
    assert all(abs(best.gap) <= abs(one.gap) for one in found.tried)


def test_values_that_the_language_refuses_are_told_and_passed_over() -> None:
    """Below 1 a promotion would lower what is earned."""
    found = tuned("tiers.gold.multiplier=0..4:0.5", "cost = 190")
    assert found.is_met
    assert found.best is not None
    assert f"{found.best.value:f}" == "2.5"
    assert any(note.startswith("the language refuses 0.0") for note in found.notes)
    with pytest.raises(LoyaltyError, match="the language refuses every value of"):
        tuned("tiers.gold.multiplier=0.1..0.4", "cost = 190")


def test_a_narrow_stretch_that_the_language_accepts_is_searched() -> None:
    """Gold may stand between base's 1 and platinum's 1.5; above that all is refused, and cost is 177.50 + 5 m."""
    ladder = "    - tier: platinum\n      multiplier: 1.5\n      needs: [year_status >= 1000]\n  promote"
    programme = loads(PORTAL.replace("multiplier: 2\n", "multiplier: 1.5\n").replace("  promote", ladder))
    lever = read_lever(programme, "tiers.gold.multiplier=1..9:0.05")
    found = tune(programme, lever, read_target("cost <= 183.3"), [quarter(programme)], until_day=UNTIL)
    assert found.is_met
    assert found.best is not None
    assert (found.best.value, found.accepted) == (Decimal("1.15"), 11)
    assert [note.partition(":")[0] for note in found.notes] == ["the language refuses 1.55 to 9.00"]


def test_a_figure_that_does_not_exist_is_said_before_anything_is_run() -> None:
    with pytest.raises(TargetError, match="there is no figure 'kost'"):
        require_target(PROGRAMME, read_target("kost = 2"))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cost", "write a figure, =, <= or >="),
        ("cost = much", "write a figure, =, <= or >="),
        ("cost = 2 EUR of revenue", "a share of revenue has no unit"),
        ("costs = 2", "there is no figure 'costs'"),
        ("cost = 2 % of turnover", "there is no figure 'turnover'"),
        ("cost = 2 USD", "cost is in EUR, not in USD"),
        ("points.issued = 2 % of revenue", "points.issued is in points and revenue in EUR"),
    ],
)
def test_a_target_that_means_nothing_says_why(target: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        tuned("tiers.gold.multiplier=1..3", target)


def test_a_list_of_values_is_no_range_to_tune_in() -> None:
    with pytest.raises(LoyaltyError, match="is tuned within a range"):
        tuned("tiers.gold.multiplier=1,2", "cost = 190")
