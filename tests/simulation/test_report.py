"""The report: one harmless, self-contained file with charts and tables, in any install."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from loyalty.ledger.entries import Entry
from loyalty.programme.model import Programme
from loyalty.simulation.collecting import collect
from loyalty.simulation.report import render_report
from loyalty.simulation.report.summary import sentences

Book = Callable[..., list[Entry]]
HOSTILE = "<script>alert(1)</script>\"'&"


def _report(programme: Programme, entries: list[Entry], **more: object) -> str:
    arguments: dict[str, object] = {"title": "Two years of Acme", "parameters": {"Seed": "7", "Partners": "5"}}
    return render_report(collect(entries, programme), programme=programme, **(arguments | more))  # type: ignore[arg-type]


class _Elements(HTMLParser):
    """Counts elements, and finds whatever would load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "data") and not (value or "").startswith("#"):
                self.loads.append(f"{tag} {name}={value}")
            if name.startswith("on"):
                self.handlers.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_says_what_was_run_and_what_came_out(programme: Programme, book: Book) -> None:
    """Title, programme, revision, seed, headline figures, notes, charts and tables are there."""
    pytest.importorskip("matplotlib", reason="charts need matplotlib")
    page = _report(programme, book(), notes=["3 rows were skipped."])
    found = _Elements(page)
    words = " ".join(found.text)
    told = ("Two years of Acme", "acme-partners", programme.revision, "Seed", "3 rows were skipped.",
            "These rules never paid: asleep.", "Points issued", "MDF accrued, EUR", "Partners above base")  # fmt: skip
    assert all(expected in words for expected in told)
    assert found.names.count("svg") == 8
    assert found.names.count("table") >= 6


def test_the_report_needs_nothing_else(programme: Programme, book: Book) -> None:
    """Nothing is loaded from anywhere, and a policy forbids it."""
    page = _report(programme, book())
    found = _Elements(page)
    assert not found.loads
    assert not found.handlers
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\((?!#)", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_the_same_results_give_the_same_bytes(programme: Programme, book: Book) -> None:
    """No dates, no random ids: a report can be compared."""
    assert _report(programme, book()) == _report(programme, book())


def test_no_id_is_used_twice(programme: Programme, book: Book) -> None:
    """Charts on one page do not refer into each other, and every reference finds its target."""
    page = _report(programme, book())
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', page)) <= set(ids)


def test_names_from_outside_are_harmless(programme: Programme, book: Book) -> None:
    """A partner, a note, a parameter or a title that looks like markup is shown, not obeyed."""
    page = _report(
        programme, book(1, 3, names=[HOSTILE]), title=HOSTILE, notes=[HOSTILE], parameters={HOSTILE: HOSTILE}
    )
    found = _Elements(page)
    assert "<script>alert" not in page
    assert found.names.count("script") == 1
    assert not found.handlers
    assert " ".join(found.text).count("alert(1)") >= 5


def test_without_matplotlib_the_report_has_its_tables_and_says_how_to_get_charts(
    programme: Programme, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core install writes the report as well."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = _report(programme, book())
    assert "<svg" not in page
    assert "pip install &#x27;loyalty-engine[sim]&#x27;" in page
    assert _Elements(page).names.count("table") >= 6


def test_a_report_of_nothing_says_so(programme: Programme) -> None:
    """An empty history is a finding, not an error."""
    assert "Nothing was posted" in _report(programme, [])


def test_the_report_stays_small(programme: Programme, book: Book) -> None:
    """Three years of two hundred partners are well below a megabyte."""
    assert len(_report(programme, book(200, 36))) < 500_000


def test_arrears_are_taken_off_and_what_partners_cost_is_told_as_cost(programme: Programme, book: Book) -> None:
    """What expires is of what stands in wallets; who was given what expired is not said to have got nothing."""
    results = collect(book(), programme)
    told = " ".join(sentences(results))
    arrears = results.totals("points").arrears
    assert arrears > 0
    assert re.search(r"stands in wallets, and [\d.,]+ EUR in arrears is taken off. Of what stands in wallets", told)
    assert "of what all partners cost" in told
    assert "got nothing" not in told
    paid = [entry for entry in book() if not any(posting.account.name == "arrears" for posting in entry.postings)]
    assert "the liability at the end. " in " ".join(sentences(collect(paid, programme)))
