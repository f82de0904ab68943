"""``python -m benchmarks ledger``: one figure or all, and what lacks something says so in place of a number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as entry
from benchmarks import ledger
from benchmarks.harness import UnknownFigureError, skipped
from benchmarks.ledger import databases, posting
from benchmarks.ledger.databases import Databases, Missing, require
from benchmarks.ledger.pgledger_book import VARIABLE, sources
from benchmarks.ledger.posting import Size

ROOT = Path(__file__).parents[2]


def test_each_figure_has_a_function_of_its_name() -> None:
    for name, module in ledger.FIGURES.items():
        found = __import__(f"benchmarks.ledger.{module}", fromlist=[name])
        assert callable(getattr(found, name))


def test_one_figure_is_taken_by_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(posting, "SQLITE_BATCH", Size(200, 1))
    assert entry.main(["ledger", "--json", "--only", "sqlite_batch"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    figure = json.loads(line)
    assert figure["name"] == "sqlite_batch"
    assert figure["ratio"] > 0
    assert figure["unit"] == "entries/s"


def test_an_unknown_figure_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownFigureError, match="sqlite_batch"):
        ledger.run(only=["sqlite_bath"])
    assert entry.main(["ledger", "--only", "sqlite_bath"]) == 2
    assert "there is no figure 'sqlite_bath'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--only", "step"], ["step", "--only", "step"], ["step", "--pgledger", "x"]])
def test_options_of_the_ledger_without_it_are_wrong_use(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(arguments) == 2
    assert "ledger" in capsys.readouterr().err


def test_without_a_path_to_pgledger_its_figure_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert entry.main(["ledger", "--json", "--only", "vs_pgledger"]) == 0
    figure = json.loads(capsys.readouterr().out)
    assert set(figure) == {"name", "skipped"}
    assert "--pgledger" in figure["skipped"]


def test_a_figure_that_was_not_taken_shows_no_number_and_meets_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = skipped("vs_hordak", "hordak is not installed")
    assert figure.met is None
    monkeypatch.setattr(ledger, "run", lambda: [figure])
    assert entry.main(["ledger"]) == 0
    shown = capsys.readouterr().out
    assert "vs_hordak: skipped, hordak is not installed." in shown
    assert "0.000" not in shown


def test_what_is_not_installed_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(Missing, match=r"no_such_ledger is not installed; pip install 'loyalty-engine\[bench\]'"):
        require("json", "no_such_ledger")


def test_the_path_to_pgledger_may_be_a_checkout_or_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendored = tmp_path / "vendor" / "scoville-pgsql-ulid"
    vendored.mkdir(parents=True)
    (vendored / "ulid.sql").write_text("first")
    (tmp_path / "pgledger.sql").write_text("second")
    assert sources(str(tmp_path)) == sources(str(tmp_path / "pgledger.sql")) == ["first", "second"]
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert sources(None) == ["first", "second"]
    with pytest.raises(Missing, match="no file"):
        sources(str(tmp_path / "elsewhere"))


def test_files_and_folder_of_a_run_are_gone_at_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(databases.tempfile, "mkdtemp", lambda prefix: str(_made(tmp_path / prefix)))
    with Databases() as made:
        file = made.file()
        file.write_text("")
        assert made.file() != file
    assert not file.parent.exists()


def test_a_run_that_is_told_to_end_leaves_no_file_behind(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from benchmarks.ledger.databases import Databases\n"
        "with Databases() as made:\n"
        "    made.file().write_text('')\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", program], check=False, env=environment, cwd=ROOT)
    assert ended.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
