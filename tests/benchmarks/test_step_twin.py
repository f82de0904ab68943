"""The benchmark of the step compares like with like: the hand-written twin moves what the generated step moves."""

from __future__ import annotations

import pytest

from benchmarks.step import Workload
from benchmarks.ten_rules import histories, programme, steps
from benchmarks.ten_rules_twin import twin_items
from loyalty.ledger.store import Grant
from loyalty.settlement.layout import DRAW_ITEM
from loyalty.settlement.runtime import ARREARS


@pytest.fixture(scope="module")
def workload() -> Workload:
    return Workload.of(40)


def test_the_twin_gives_the_movements_of_the_step(workload: Workload) -> None:
    assert workload.by_step()() == workload.by_twin()()


def test_applying_events_gives_the_movements_of_the_step(workload: Workload) -> None:
    by_event = workload.by_apply()()
    assert [[movement for moved in partner for movement in moved] for partner in by_event] == workload.by_step()()


def test_every_rule_and_everything_timed_pays_in_the_data(workload: Workload) -> None:
    moved = {movement[0] for movements in workload.by_step()() for movement in movements}
    names = {steps().names.labels[label] for label in moved}
    rules = {rule.name for rule in programme().rules}
    assert len(rules) == 10
    assert names == {*rules, "@expiry", "@activation", "@promotion", "@redeem"}


def test_the_same_seed_draws_the_same_partner_whatever_their_number() -> None:
    assert histories(3)[2] == histories(5)[2]


def test_what_is_drawn_redeems_no_more_than_is_available(workload: Workload) -> None:
    grants = [what for history in workload.histories for what in history.items() if isinstance(what, Grant)]
    assert grants
    into_arrears = [moved for movements in workload.by_step()() for moved in movements if moved[2] == ARREARS]
    assert not into_arrears


def test_a_redemption_that_lacks_points_is_owed_by_both() -> None:
    workload = Workload.of(40)
    for one in workload.encoded:
        for item in one.items:
            if item.kind == DRAW_ITEM:
                item.amount *= 3
    again = Workload(
        workload.histories,
        workload.encoded,
        [twin_items(*pair) for pair in zip(workload.histories, workload.encoded, strict=True)],
    )
    movements = again.by_step()()
    assert any(source == ARREARS for moved in movements for _, _, source, *_ in moved), "nothing is owed"
    assert movements == again.by_twin()()
