"""
A page of the documentation as something that runs.

What a fenced block says after its language decides what becomes of it:

- ``yaml file=programme.yaml`` is written into the reader's directory; a second block of the same YAML file replaces
  the sections that it contains and adds the new ones.
- ``python`` runs, in one namespace for the whole page; ``>>>`` lines are compared with what they show.
- ``console`` has commands after ``$``, each with its output; ``...`` stands for anything.
- ``yaml sketch`` is a look ahead: it is read as YAML and no more.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SECTION = re.compile(r"^(?=[a-z_]+:)", re.MULTILINE)


@frozen
class Block:
    """One fenced block: its language, the words after it, the text, and the line on which the text begins."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The name of the file that the reader is told to write."""
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)


def blocks_of(page: Path) -> Iterator[Block]:
    """Give the fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Block(match[1], tuple(match[2].split()), match[3], text.count("\n", 0, match.start(3)) + 1)


def run_page(page: Path) -> int:
    """
    Do what a reader of the page does, in the present directory.

    Returns:
        How many blocks were run.

    Raises:
        AssertionError: something did not come out as shown.
    """
    namespace: dict[str, Any] = {"__name__": "page"}
    done = 0
    for block in blocks_of(page):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.file is not None:
            _write(Path(block.file), block)
        elif block.language == "python" and ">>>" in block.text:
            _compare(block, namespace, where)
        elif block.language == "python":
            exec(compile(block.text, where, "exec"), namespace)
        elif block.language == "console":
            _command(block, where)
        else:
            continue
        done += 1
    return done


def _write(path: Path, block: Block) -> None:
    text = block.text
    if block.language == "yaml" and path.exists():
        text = _merged(path.read_text(encoding="utf-8"), text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _merged(old: str, new: str) -> str:
    """Replace and add top-level sections, as a reader does who is shown those that change."""
    sections: dict[str, str] = {}
    for part in [*_SECTION.split(old), *_SECTION.split(new)]:
        if part.strip():
            sections[part.split(":", 1)[0]] = part.rstrip() + "\n"
    return "\n".join(sections.values())


def _compare(block: Block, namespace: dict[str, Any], where: str) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, {}, where, where, block.line - 1)
    test.globs = namespace
    said: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append, clear_globs=False)
    assert not said, "".join(said)


def _command(block: Block, where: str) -> None:
    for call in re.split(r"^\$ ", block.text, flags=re.MULTILINE):
        if call.strip():
            command, _, expected = call.partition("\n")
            while command.endswith("\\"):
                more, _, expected = expected.partition("\n")
                command = command[:-1] + more
            got = _output(shlex.split(command, comments=True))
            same = doctest.OutputChecker().check_output(expected.strip() + "\n", got.strip() + "\n", OPTIONS)
            assert same, f"{where}: {command}\nexpected:\n{expected}\ngot:\n{got}"


def _output(words: list[str]) -> str:
    if words[0] == "loyalty":
        from click.testing import CliRunner

        from loyalty.cli.main import main

        result = CliRunner().invoke(main, words[1:], env={"COLUMNS": "120"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.output
    assert words[:3] == ["python", "-m", "pytest"], f"pages run loyalty and pytest, not {words[0]}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, *words[1:], "-p", "no:cacheprovider"], capture_output=True, text=True, env=environment,
        check=False,
    )  # fmt: skip
    return run.stdout + run.stderr
