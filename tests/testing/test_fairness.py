"""What `check_fairness` finds, in whose programmes, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty.programme.loading import load, loads
from loyalty.testing import FAIRNESS_LAWS, Verdict, check_fairness
from loyalty.testing.fairness import search
from tests.testing.fairness_variants import VARIANTS, Variant

_PROGRAMMES = Path(__file__).parent / "programmes"
_LAWS = {law.name: law for law in FAIRNESS_LAWS}
_BROKEN = [variant for variant in VARIANTS if variant.law]
_SOUND = [variant for variant in VARIANTS if not variant.law]


@pytest.mark.parametrize(
    ("name", "law"), [("cliff", "no_cliff"), ("split", "no_split_gain"), ("pump", "no_refund_gain")]
)
def test_a_planted_fault_is_found_as_a_short_story(name: str, law: str) -> None:
    """Each planted programme is refused with at most four events and the rule that causes it."""
    results = {result.name: result for result in check_fairness(load(_PROGRAMMES / f"{name}.yaml"), budget_seconds=60)}
    found = results[law]
    assert found.verdict is Verdict.VIOLATED
    assert found.counterexample is not None
    assert len(found.counterexample.events) <= 4
    assert "because of rule" in found.story


@pytest.mark.parametrize("name", ["cliff_sound", "split_sound", "pump_sound"])
def test_a_sound_twin_passes(name: str) -> None:
    """The sound twins break no law; what they opt out of carries their reason."""
    for result in check_fairness(load(_PROGRAMMES / f"{name}.yaml"), budget_seconds=60):
        assert result.verdict in (Verdict.HOLDS, Verdict.OPTED_OUT), str(result)
        assert result.reason or result.verdict is Verdict.HOLDS


@pytest.mark.parametrize("variant", _BROKEN, ids=[variant.name for variant in _BROKEN])
def test_a_variant_is_found(variant: Variant) -> None:
    """Whatever shape the fault has, the declaration leads to it, in at most four events."""
    (result,) = search.check_fairness(loads(variant.text), laws=(_LAWS[variant.law],), budget_seconds=60)
    assert result.verdict is Verdict.VIOLATED, variant.text
    assert result.counterexample is not None
    assert len(result.counterexample.events) + len(result.counterexample.grants) <= 4


@pytest.mark.parametrize("variant", _SOUND, ids=[variant.name for variant in _SOUND])
def test_a_sound_variant_is_left_alone(variant: Variant) -> None:
    """No false alarm: a law that is told to be broken is broken."""
    results = check_fairness(loads(variant.text), budget_seconds=60)
    broken = [str(result) for result in results if result.verdict not in (Verdict.HOLDS, Verdict.OPTED_OUT)]
    assert not broken, "\n".join(broken)


def test_amounts_are_told_in_the_digits_of_their_unit() -> None:
    """A story writes yen without decimals, and names a badge with its place."""
    text = next(variant.text for variant in VARIANTS if variant.name == "a badge's gift stays")
    yen = text.replace("unit: EUR, max: 1000000.00", "unit: JPY, max: 1000000").replace(
        "1 per 100 EUR", "1 per 100 JPY"
    )
    (result,) = search.check_fairness(loads(yen), laws=(_LAWS["no_refund_gain"],), budget_seconds=60)
    assert result.verdict is Verdict.VIOLATED
    assert ".00 JPY" not in result.story
    assert " JPY" in result.story
    assert "badge first at " in result.story


def test_time_that_ends_in_drawn_histories_leaves_what_was_found() -> None:
    """A law whose directed search was finished holds, and one whose was not says so."""
    programme = load(_PROGRAMMES / "split_sound.yaml")
    results = check_fairness(programme, budget_seconds=0.0)
    assert {result.verdict for result in results if result.name == "no_cliff"} == {Verdict.UNFINISHED}


def test_the_search_gives_the_same_twice() -> None:
    """The search is counted in histories and drawn from a seed, so that it does not depend on luck or speed."""
    programme = load(_PROGRAMMES / "split.yaml")
    first, second = (check_fairness(programme, budget_seconds=60) for _ in range(2))
    assert [str(result) for result in first] == [str(result) for result in second]
