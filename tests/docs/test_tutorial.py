"""Every page does what it says: its files are written, its code runs, its commands print what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks_of, run_page

PAGES = sorted(
    page for page in DOCS.rglob("*.md") if any(block.language in ("python", "console") for block in blocks_of(page))
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_runs_as_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page(page) > 0


def test_tutorial_is_among_the_pages() -> None:
    assert DOCS / "tutorial" / "first-programme.md" in PAGES
