"""The README's programme and its Python are run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Call


def block(language: str) -> str:
    """Give the README's first block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_programme_and_the_engine(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The programme passes the check, and the ten lines print what they say."""
    monkeypatch.chdir(tmp_path)
    Path("programme.yaml").write_text(block("yaml"), encoding="utf-8")
    assert call("check", "programme.yaml").exit_code == 0
    exec(compile(block("python"), "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "1 point per 100.00 EUR of 2,500.00 EUR = 25 points" in printed
    assert printed.endswith("\n25\n")


def test_the_printed_explanation_is_what_the_command_prints(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of the example stands in the output."""
    monkeypatch.chdir(ROOT)
    command, *lines = block("text").splitlines()
    printed = call(*command.removeprefix("$ loyalty ").split()).stdout.splitlines()
    assert [line for line in lines if line.strip() not in ("", "…") and line not in printed] == []


def test_every_link_leads_somewhere() -> None:
    """The pages that the README names are there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []
