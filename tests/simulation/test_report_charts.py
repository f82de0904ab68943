"""What the pictures of a report are drawn from: bins, ribbons between tiers, months that are shown."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.core.calendar import parse_day
from loyalty.programme.model import Programme
from loyalty.simulation.collecting import collect
from loyalty.simulation.report.drawing import month_axis
from loyalty.simulation.report.spread import bins, median
from loyalty.simulation.report.texts import TEXTS
from loyalty.simulation.report.tiers import moved_between, ribbons, rises_and_falls, shown_months
from tests.simulation.test_results import _life


@pytest.mark.parametrize("code", TEXTS)
@pytest.mark.parametrize("first_month", [0, 1, 5, 10])
def test_no_label_of_a_month_runs_into_that_of_what_never_expires(code: str, first_month: int) -> None:
    """Whatever the span, labels of an axis lie beside each other, and the last is that behind the months."""
    figures = pytest.importorskip("matplotlib.figure")
    backend = pytest.importorskip("matplotlib.backends.backend_agg")
    texts = TEXTS[code]
    for count in (0, 1, 2, 5, 8, 9, 13, 14, 24, 27, 60):
        figure = figures.Figure(figsize=(5.0, 3.0))
        backend.FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.bar(range(count + 1), [1] * (count + 1))
        start = 2028 * 12 + first_month
        month_axis(axes, range(start, start + count), texts, last=texts.say("never"))
        figure.canvas.draw()
        labels = axes.get_xticklabels()
        assert labels[-1].get_text() == texts.say("never")
        assert len(labels) > 1 or count < 2
        boxes = [label.get_window_extent() for label in labels]
        assert all(before.x1 < after.x0 for before, after in pairwise(boxes)), (count, first_month)


@given(st.lists(st.integers(-5, 10**9), min_size=1, max_size=200), st.sampled_from([1, 100, 3]))
def test_every_amount_above_0_is_in_one_bin(amounts: list[int], denominator: int) -> None:
    """The bins hold all of them, the edges ascend, and the greatest lies below the last edge."""
    if not any(amount > 0 for amount in amounts):
        return
    edges, counts = bins(amounts, denominator)
    assert sum(counts) == sum(amount > 0 for amount in amounts)
    assert len(edges) == len(counts) + 1 <= 17
    assert edges == sorted(set(edges))
    assert edges[-2] * denominator <= max(amounts) < edges[-1] * denominator


def test_a_long_thin_tail_is_counted_in_the_first_bin() -> None:
    """One partner of a thousand who got a cent does not stretch the picture over five powers of ten."""
    edges, counts = bins([1, *[100_000] * 999], 100)
    assert (edges[0], sum(counts), len(counts)) == (Fraction(500), 1000, 2)


def test_the_middle_of_an_even_number_is_between_the_two() -> None:
    """As the median is defined."""
    assert (median([1, 5]), median([9, 1, 5])) == (3, 5)


@given(st.lists(st.integers(0, 50), min_size=3, max_size=3), st.integers(0, 20), st.randoms())
def test_ribbons_account_for_every_partner_once(before: list[int], new: int, random: object) -> None:
    """What leaves a tier is what it had, what arrives is what it has, and ribbons of a tier do not overlap."""
    moves: dict[tuple[int, int], int] = {}
    after = [*before]
    for source in range(3):
        for target in range(3):
            if source != target:
                moved = random.randint(0, before[source] // 3)  # type: ignore[attr-defined]
                moves[source, target] = moved
                after[source] -= moved
                after[target] += moved
    after[0] += new
    bottoms = [0.0, 100.0, 200.0]
    laid = ribbons(before, after, moves, bottoms, bottoms)
    for tier in range(3):
        arriving = sorted((ribbon.arrives, ribbon.count) for ribbon in laid if ribbon.target == tier)
        leaving = sorted((ribbon.leaves, ribbon.count) for ribbon in laid if ribbon.source == tier)
        for found, whole in ((arriving, after[tier]), (leaving, before[tier])):
            at = bottoms[tier]
            for begins, count in found:
                assert begins == at
                at += count
            assert at == bottoms[tier] + whole


def test_moves_are_added_up_between_the_months_that_are_shown(programme: Programme) -> None:
    """A rise in February and a fall in May, seen from January to June."""
    results = collect(_life(programme), programme, until_day=parse_day("2026-06-30"))
    assert rises_and_falls(results) == (1, 1)
    assert dict(moved_between(results, results.months[0], results.months[-1])) == {(0, 1): 1, (1, 0): 1}
    assert dict(moved_between(results, results.months[2], results.months[3])) == {}


def test_many_months_are_shown_up_to_the_last() -> None:
    """Never more than 25 columns, and the last month is among them."""
    for count in (1, 24, 25, 26, 49, 120, 1200):
        months = list(range(24_000, 24_000 + count))
        shown = shown_months(months)
        assert len(shown) <= 25
        assert shown[-1] == months[-1]
