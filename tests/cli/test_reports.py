"""Every command that settles for a reader leaves one report, in the language that was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="simulations need the extra [sim]")

from loyalty.cli.running import LANGUAGES
from tests.cli.conftest import ACME, Call

PROGRAMME, HISTORY, SCENARIO = ACME / "programme.yaml", ACME / "history.jsonl", ACME / "scenario.yaml"
DRAWN = ("--scenario", SCENARIO, "--partners", 12, "--months", 4)
COMMANDS = {
    "simulate": (PROGRAMME, *DRAWN, "--seed", 3),
    "backtest": (PROGRAMME, HISTORY),
    "compare": (PROGRAMME, "variant.yaml", *DRAWN, "--replicates", 2),
    "sweep": (PROGRAMME, "tiers.gold.multiplier=1.2,1.3", *DRAWN, "--replicates", 2),
    "tune": (PROGRAMME, "tiers.gold.multiplier=1.1..1.5:0.1", "--target", "cost <= 90 % of revenue", *DRAWN,
             "--replicates", 2),
    "forecast": (PROGRAMME, HISTORY, "--today", "2026-12-31", "--scenario", SCENARIO, "--months", 2, "--replicates", 2),
}  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_report_is_in_the_language_that_was_asked_for(
    call: Call, command: str, lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named at the end of what is printed, says its own language, and has sentences of no other."""
    monkeypatch.chdir(tmp_path)
    text = PROGRAMME.read_text(encoding="utf-8").replace("multiplier: 1.25", "multiplier: 1.4")
    Path("variant.yaml").write_text(text, encoding="utf-8")
    said = call(command, *COMMANDS[command], "--lang", lang, "--out", "out")
    assert said.exit_code == 0, said.output
    assert said.stdout.rstrip().endswith("Report: out/report.html")
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert f'<html lang="{lang}">' in page
    words = re.sub(r"<(script|style|pre).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert bool(re.search(r"Assumptions and parameters", words)) == (lang == "en")
    assert bool(re.search(r"Допущения и параметры", words)) == (lang == "ru")
    assert not re.search(r"\{\w+\}", words)
