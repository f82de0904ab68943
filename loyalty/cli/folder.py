"""
The folder of a run's results: its report, which names the files beside it, so that no later run leaves them behind.

A folder may be used again. What the run before it wrote and this one does not, such as tables of another format, would
be taken for the new run's own beside its report, and is removed; nothing that a run did not write is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape, unescape
from pathlib import Path
from typing import Final

REPORT: Final = "report.html"

_HEAD: Final = "<head>\n"
_FILES: Final = re.compile(r'<meta name="loyalty:files" content="([^"]*)">')


def write_page(text: str, folder: Path | str, files: Iterable[Path] = ()) -> Path:
    """
    Write a report into a folder, which is made where it does not exist, and remove what the run before it left.

    Args:
        files: What the run wrote beside it.
    """
    path = Path(folder) / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [file.name for file in files if file.parent == path.parent]
    for name in _files_of(path) - {*names}:
        (path.parent / name).unlink(missing_ok=True)
    listed = f'<meta name="loyalty:files" content="{escape(json.dumps(names))}">\n'
    path.write_text(text.replace(_HEAD, _HEAD + listed, 1), encoding="utf-8", newline="\n")
    return path


def _files_of(report: Path) -> set[str]:
    """Give the files that a report names as its run's: plain names in its own folder."""
    try:
        found = _FILES.search(report.read_text(encoding="utf-8"))
        names = json.loads(unescape(found[1])) if found else []
    except (OSError, ValueError):
        return set()
    listed = names if isinstance(names, list) else []
    return {name for name in listed if isinstance(name, str) and Path(name).name == name}
