"""Reports in a real browser: at the widths of a desk and of a phone, by keyboard, on paper, in both languages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="charts need matplotlib")
pytest.importorskip("scipy", reason="forecasts need the extra [sim]")

from loyalty.ledger.entries import Entry
from loyalty.programme.model import Programme
from loyalty.simulation.collecting import collect
from loyalty.simulation.report import render_comparison, render_fit, render_forecast, render_report
from loyalty.simulation.report.texts import TEXTS
from tests.simulation.compared import comparison
from tests.simulation.predicted import forecast, goodness

Book = Callable[..., list[Entry]]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files",
    "--enable-logging=stderr", "--virtual-time-budget=5000",
)  # fmt: skip
WIDTHS = (390, 1280)
KINDS = ("run", "comparison", "forecast", "fit")

#: Measures a page in a frame of each width, and sorts a table by the keyboard's click and back.
PROBE = """
<script>
addEventListener("load", () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, view = frame.contentWindow, width = frame.clientWidth;
    const boxes = [...page.querySelectorAll("figure svg")].map((svg) => svg.getBoundingClientRect());
    const outside = [...page.querySelectorAll("figure .picture")].filter((picture) => {
      const edge = picture.getBoundingClientRect(), scrolls = view.getComputedStyle(picture).overflowX === "auto";
      return !scrolls && [...picture.querySelectorAll("text, g[id*=text] use")].some((text) => {
        const box = text.getBoundingClientRect();
        return box.left < edge.left - 12 || box.right > edge.right + 12;
      });
    }).length;
    const smallest = Math.min(...[...page.querySelectorAll("svg text")].map((text) => {
      const drawn = text.ownerSVGElement;
      return parseFloat(view.getComputedStyle(text).fontSize) * drawn.getBoundingClientRect().width /
        drawn.viewBox.baseVal.width;
    }));
    const heading = page.querySelector("th.n button");
    heading.focus();
    const focused = page.activeElement === heading, order = [];
    const place = heading.parentElement.cellIndex, body = heading.closest("table").tBodies[0];
    for (const press of [1, 2]) {
      heading.click();
      order.push(heading.parentElement.getAttribute("aria-sort"));
      order.push([...body.rows].map((row) => Number(row.cells[place].dataset.v)));
    }
    found[width] = {
      charts: boxes.filter((box) => box.width > 100 && box.height > 100).length, outside, smallest, focused, order,
      // A number that has no space is not cut into two lines.
      broken: [...page.querySelectorAll(".card .value")].filter((value) => !/\\s/.test(value.textContent.trim()) &&
        value.getBoundingClientRect().height > 1.5 * parseFloat(view.getComputedStyle(value).lineHeight)).length,
      fits: page.documentElement.scrollWidth <= width,
      named: [...page.querySelectorAll("svg")].every((svg) => svg.querySelector("title").textContent &&
        svg.querySelector("desc").textContent),
      cyrillic: [...page.querySelectorAll("svg text")].some((text) => /[\u0430-\u044f]/i.test(text.textContent)),
    };
  }
  document.body.textContent = JSON.stringify(found);
});
</script>"""


def _page(kind: str, code: str, programme: Programme, book: Book) -> str:
    if kind == "comparison":
        return render_comparison(comparison(programme), title="A or B", texts=TEXTS[code])
    if kind == "forecast":
        return render_forecast(forecast(programme), title="Ahead", texts=TEXTS[code])
    if kind == "fit":
        return render_fit(goodness(programme), title="Fitted", texts=TEXTS[code])
    return render_report(
        collect(book(6, 26), programme), programme=programme, title="Two years", texts=TEXTS[code],
        parameters={"seed": "7"}, assumptions=["August is quiet."],
    )  # fmt: skip


def _browse(*arguments: str, profile: Path) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    return subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _measured(page: str, folder: Path) -> dict[str, Any]:
    (folder / "report.html").write_text(page, encoding="utf-8")
    frames = "".join(f'<iframe src="report.html" style="width:{width}px;height:900px;border:0"></iframe>' for width in
                     WIDTHS)  # fmt: skip
    (folder / "frames.html").write_text(f"<!doctype html><body>{frames}{PROBE}</body>", encoding="utf-8")
    run = _browse("--dump-dom", (folder / "frames.html").as_uri(), profile=folder / "profile")
    assert not [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    body = re.search(r"<body>(.*)</body>", run.stdout, re.DOTALL)
    assert body is not None, run.stdout[-500:] + run.stderr[-2000:]
    found: dict[str, Any] = json.loads(body[1])
    return found


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")
@pytest.mark.parametrize("code", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_browser_shows_it_at_both_widths(
    kind: str, code: str, programme: Programme, book: Book, tmp_path: Path
) -> None:
    """Every chart is drawn and named, nothing is cut or too small to read, the policy is obeyed, no error is logged."""
    page = _page(kind, code, programme, book)
    # Millions to the cent are the longest number that a card has to show on a phone.
    page, cards = re.subn(r'(class="value">)[^<]*', r"\g<1>2,583,105.88", page)
    assert cards
    found = _measured(page, tmp_path)
    assert set(found) == {str(width) for width in WIDTHS}
    for width, seen in found.items():
        assert seen["charts"] == page.count("<svg") >= 3, width
        assert seen["fits"], width
        assert seen["broken"] == 0, width
        assert seen["outside"] == 0, width
        assert seen["smallest"] >= 9, width
        assert seen["named"]
        assert seen["cyrillic"] == (code == "ru")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")
def test_tables_sort_by_keyboard_both_ways(programme: Programme, book: Book, tmp_path: Path) -> None:
    """A heading takes the focus; pressing it sorts numbers from the greatest, and once more from the least."""
    for seen in _measured(_page("run", "en", programme, book), tmp_path).values():
        assert seen["focused"]
        first, descending, second, ascending = seen["order"]
        assert (first, second) == ("descending", "ascending")
        assert descending == sorted(descending, reverse=True)
        assert ascending == sorted(ascending)
        assert len(ascending) > 2


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")
def test_it_prints(programme: Programme, book: Book, tmp_path: Path) -> None:
    """Paper has the whole report: a document of several pages, in both languages."""
    for code in TEXTS:
        report = tmp_path / f"{code}.html"
        report.write_text(_page("run", code, programme, book), encoding="utf-8")
        paper = tmp_path / f"{code}.pdf"
        _browse(f"--print-to-pdf={paper}", "--no-pdf-header-footer", report.as_uri(), profile=tmp_path / "profile")
        assert len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes())) >= 4
