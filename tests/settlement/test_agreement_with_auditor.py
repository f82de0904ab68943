"""Random histories of one programme for each family of features, settled by the library and by the auditor."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from loyalty import load
from tests.settlement.agreement import audited, disagree, settled, smallest
from tests.settlement.histories import history

PROGRAMMES = sorted((Path(__file__).parent / "programmes").glob("*.yaml"))
HISTORIES = 60


@pytest.mark.parametrize("file", PROGRAMMES, ids=lambda file: file.stem)
def test_the_library_posts_what_the_auditor_posts(file: Path):
    """On each of the seeds both post the same integers, and something at all; else the smallest history is shown."""
    programme = load(file)
    posted = 0
    for seed in range(HISTORIES):
        drawn = history(programme, Random(f"{file.stem}/{seed}"), size=20)
        if disagree(programme, drawn):
            least = smallest(programme, drawn)
            assert settled(programme, least) == audited(programme, least), f"seed {seed}: {least}"
        posted += len(audited(programme, drawn))
    assert posted > 5 * HISTORIES
