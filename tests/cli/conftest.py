"""Calling the command line in this process, and the files that it is called with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loyalty.cli.main import main

ROOT = Path(__file__).parents[2]
ACME = ROOT / "examples" / "acme"

Call = Callable[..., Result]


@pytest.fixture
def call() -> Call:
    """Give a function that calls ``loyalty`` with arguments; what is not raised on purpose fails the test."""

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], env={"COLUMNS": None})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def starter(call: Call, tmp_path: Path) -> Path:
    """The folder that ``loyalty init`` wrote."""
    folder = tmp_path / "starter"
    assert call("init", folder).exit_code == 0
    return folder
