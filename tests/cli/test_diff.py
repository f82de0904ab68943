"""``loyalty diff``: what changed between two programme files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ACME, Call


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The demo's programme with another cap and another threshold."""
    text = (ACME / "programme.yaml").read_text(encoding="utf-8")
    for old, new in (("year_status >= 1000", "year_status >= 1200"), ("5000, per: quarter", "6000, per: quarter")):
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "changed.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_changed_is_told_by_section(call: Call, changed: Path) -> None:
    """Rules and tiers stand under their headings, and the exit code says that postings change."""
    result = call("diff", ACME / "programme.yaml", changed)
    assert result.exit_code == 1, result.output
    assert "Changes what is posted\n  Earning rules\n" in result.stdout
    assert "cap: 5,000 points per quarter → 6,000 points per quarter" in result.stdout
    assert "needs: year_status >= 1000 → year_status >= 1200" in result.stdout
    russian = call("diff", ACME / "programme.yaml", changed, "--lang", "ru").stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert "лимит: 5 000 баллов в квартал → 6 000 баллов в квартал" in russian


def test_words_alone_change_no_posting(call: Call, tmp_path: Path) -> None:
    """Where the revision stays the same the exit code is 0, and what else differs is told."""
    path = tmp_path / "titled.yaml"
    text = (ACME / "programme.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("worth: 0.01 EUR", "worth: 0.02 EUR", 1), encoding="utf-8")
    result = call("diff", ACME / "programme.yaml", path)
    assert result.exit_code == 0, result.output
    assert "Nothing that changes a posting" in result.stdout
    assert "declared worth of one: 0.01 → 0.02" in result.stdout
    same = call("diff", path, path)
    assert (same.exit_code, "Changes" in same.stdout) == (0, False)


def test_one_document_for_machines(call: Call, changed: Path) -> None:
    """Each difference has its section, path, option, plain values before and after, and words."""
    document = json.loads(call("diff", ACME / "programme.yaml", changed, "--json").stdout)
    assert document["changes_postings"] is True
    cap = next(one for one in document["differences"] if one["option"] == "caps")
    assert (cap["section"], cap["change"], cap["changes_postings"]) == ("rules", "changed", True)
    assert (cap["before"]["amount"], cap["after"]["amount"]) == (5000, 6000)
    missing = call("diff", changed, "nothing.yaml")
    assert missing.exit_code == 2
