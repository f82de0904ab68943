"""
Journals that must never change: no upgrade of ours, of a library or of the zone database alters an old posting.

Each folder holds a programme, a history and the journal that they gave. A difference here is a change of the language's
semantics, which needs a new ``language:`` number, not a new journal.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loyalty import Event, load, settle
from loyalty.core.calendar import format_day, parse_day
from loyalty.core.events import from_record

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/programme.yaml"))
UNTIL = "2029-06-30"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_journal_is_what_it_was(folder: Path) -> None:
    """Settling the kept history gives the kept journal, byte by byte."""
    assert journal(folder) == (folder / "journal.txt").read_text(encoding="utf-8")


def journal(folder: Path) -> str:
    """Settle the folder's history, and write each posting on a line, without what names the build."""
    programme = load(folder / "programme.yaml")
    settlement = settle(programme, history(folder), until_day=parse_day(UNTIL))
    lines = []
    for entry in settlement.entries:
        lines.append(f"{entry.key} {entry.effective_at}")
        for posting in entry.postings:
            lot = "" if posting.lot_day is None else f" @{format_day(posting.lot_day)}"
            lines.append(f"  {posting.account.path} {posting.amount} {posting.asset}{lot} {posting.rule}")
    return "\n".join(lines) + "\n"


def history(folder: Path) -> list[Event]:
    """Read the folder's events."""
    return [from_record(json.loads(line)) for line in (folder / "history.jsonl").read_text("utf-8").splitlines()]
