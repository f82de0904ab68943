"""The report of a comparison: what differs in words, winners and losers, tiers, groups and intervals."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from attrs import evolve

from loyalty.programme.model import Programme
from loyalty.simulation.comparison import Estimate, Interval
from loyalty.simulation.report import render_comparison
from loyalty.simulation.report.figures import estimate_table
from loyalty.simulation.report.parts import Shown
from loyalty.simulation.report.texts import ENGLISH, RUSSIAN, TEXTS, Texts
from tests.simulation.compared import comparison

HOSTILE = "<script>alert(1)</script>\"'&"


def _words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_it_says_what_the_variant_costs_and_how_sure_that_is(programme: Programme) -> None:
    """Each sentence has base, variant, difference and interval; one that holds 0 is said to do so."""
    words = _words(render_comparison(comparison(programme), title="A or B", texts=ENGLISH))
    assert "It costs 112,500 EUR instead of 100,000 EUR: +12,500 EUR (+12.5 %)" in words
    assert "from +10,000 EUR to +15,000 EUR, excludes 0" in words
    assert "from −20.00 EUR to +220.00 EUR, holds 0: chance may have made it" in words
    assert "Winners: 40 partners, who gain 13,000 EUR together. Losers: 10 partners, who lose 500.00 EUR" in words
    assert "In a higher tier at the end: 10 partners; in a lower one: 0 partners." in words


def test_it_shows_figures_groups_tiers_and_partners(programme: Programme) -> None:
    """A row for each figure, group and listed partner, and the matrix of tiers."""
    page = render_comparison(comparison(programme), title="A or B")
    words = _words(page)
    for told in ("Cost per revenue 2.00 % 2.25 % +0.25 percentage points", "Gini coefficient of worth 0.70 0.68",
                 "Partners in gold 3.3 4 +0.7 +20.0 %", "Points: issued", "By segment", "By region",
                 "P-001 small base silver 12,345 EUR 100.00 EUR 150.00 EUR +50.00 EUR", "P-009"):  # fmt: skip
        assert told in words, told
    assert page.count('class="n same"') == 3
    assert 'style="--shade:0%"' in page


def test_it_draws_winners_groups_and_tiers(programme: Programme) -> None:
    """Six pictures of each variant, and no id twice where there are two of them."""
    pytest.importorskip("matplotlib", reason="charts need matplotlib")
    page = render_comparison(comparison(programme, names=("generous", "mean")), title="A, B or C")
    assert page.count("<svg") == 12
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS.keys())
def test_names_from_outside_are_harmless(programme: Programme, texts: Texts) -> None:
    """Partners and variants that look like markup are shown, not obeyed."""
    page = render_comparison(comparison(programme, names=(HOSTILE,), partner=HOSTILE), title=HOSTILE, texts=texts)
    assert "<script>alert" not in page
    assert page.count("<script>") == 1


def test_it_speaks_russian(programme: Programme) -> None:
    """Headings, sentences and numbers; names of the programme stay as they are."""
    words = _words(render_comparison(comparison(programme), title="А или Б", texts=RUSSIAN))
    for told in ("Чем отличаются", "Стоимость 112\xa0500\xa0EUR вместо 100\xa0000\xa0EUR", "Кто выигрывает больше всех",
                 "По децилям выручки", "Зёрна случайности"):  # fmt: skip
        assert told.replace("\xa0", " ") in words, told
    assert not re.search(r"\b(Winners|Cost|Partners|Tier|Figure)\b", words)


def test_it_says_that_numbers_are_means_and_whose_partners_are_listed(programme: Programme) -> None:
    """Counts of one column have the same digits; a single replicate is not called a mean."""
    found = comparison(programme)
    [variant] = found.variants
    half = evolve(variant.groups[0], winners=Fraction(9, 2))
    shifts = evolve(variant.shifts, winners=Fraction(79, 2))
    found = evolve(found, variants=(evolve(variant, groups=(half, *variant.groups[1:]), shifts=shifts),))
    words = _words(render_comparison(found, title="A or B"))
    assert "Numbers are means over 3 populations." in words
    assert "Who gains most: 1 partner, of the first of 3 populations" in words
    assert "Winners: 39.5 partners, who gain" in words
    assert "+2.00 EUR 4.5 1 1 0" in words
    assert "+4.00 EUR 4.0 1 1 0" in words
    russian = _words(render_comparison(found, title="A or B", texts=RUSSIAN)).replace("\xa0", " ")
    assert "Выигрывают: 39,5 партнёра" in russian
    assert "1 партнёр; первая из разыгранных популяций, всего их 3" in russian
    alone = _words(render_comparison(evolve(found, replicates=1, seeds=(7,)), title="A or B"))
    assert "populations" not in alone


def test_it_says_what_persons_cost_whom_no_group_has(programme: Programme) -> None:
    """In the words at the top and beside the tables, in both languages; not a word where they cost nothing."""
    found = comparison(programme)
    told = evolve(found, variants=(evolve(found.variants[0], persons=(Fraction(10), Fraction("16.39"))),))
    words = _words(render_comparison(told, title="A or B"))
    assert words.count("Persons cost 16.39 EUR instead of 10.00 EUR (+6.39 EUR). They are of no partner") == 2
    russian = _words(render_comparison(told, title="A or B", texts=RUSSIAN)).replace("\xa0", " ")
    assert russian.count("Люди стоят 16,39 EUR вместо 10,00 EUR (+6,39 EUR)") == 2
    assert "Persons cost" not in _words(render_comparison(found, title="A or B"))


def test_points_without_parts_are_whole_in_every_row_of_a_mean() -> None:
    """Money keeps its cents beside them."""
    points = Estimate(name="points.issued", unit="points", base=Fraction(10_807), variant=Fraction(4163, 3),
                      interval=Interval(low=-9_500.25, high=-9_300.5), is_whole=True)  # fmt: skip
    funds = Estimate(name="mdf.issued", unit="EUR", base=Fraction(1), variant=Fraction(2))
    table = estimate_table([points, funds], ENGLISH)
    cells = [[cell.text if isinstance(cell, Shown) else cell for cell in row] for row in table.rows]
    assert [cell.replace("\xa0", " ") for cell in map(str, cells[0][1:4])] == [
        "10,807 points", "1,388 points", "−9,419 points",
    ]  # fmt: skip
    assert str(cells[0][5]).replace("\xa0", " ") == "from −9,500 points to −9,300 points"
    assert str(cells[1][1]).replace("\xa0", " ") == "1.00 EUR"
