"""
What is settled, by the library, by an engine over a book, and by the auditor: all three post the same integers.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from attrs import evolve
from hypothesis import given, note
from hypothesis import strategies as st

from loyalty import load, loads, settle
from loyalty.core.calendar import Duration
from loyalty.programme.model import AcceptLate, Programme, TooLate
from loyalty.programme.revisions import revisions_of
from loyalty.testing import chains, programme_texts
from tests.auditor.building import day
from tests.auditor.command_stories import STORIES, Story
from tests.settlement.agreement import audited, disagree, netted, settled, smallest
from tests.settlement.histories import History, history
from tests.settlement.lived_histories import live

PROGRAMMES = sorted((Path(__file__).parent / "programmes").glob("*.yaml"))
LIVED = [
    file
    for file in PROGRAMMES
    if file.stem in {
        *("certifications", "closings", "commands", "holds", "matrix", "owing", "revised_2", "revised_3"),
        "taking_back",
    }
]  # fmt: skip
HISTORIES = 40
LIVES = 15


def assert_agreed(programme: Programme, drawn: History, seed: int) -> None:
    """Show the smallest history on which the library and the auditor differ."""
    if disagree(programme, drawn):
        least = smallest(programme, drawn)
        assert settled(programme, least) == audited(programme, least), f"seed {seed}: {least}"


@pytest.mark.parametrize("file", PROGRAMMES, ids=lambda file: file.stem)
def test_the_library_posts_what_the_auditor_posts(file: Path) -> None:
    """On each of the seeds both post the same integers, and something at all; else the smallest history is shown."""
    programme = load(file)
    posted = 0
    for seed in range(HISTORIES):
        drawn = history(programme, Random(f"{file.stem}/{seed}"), size=20)
        assert_agreed(programme, drawn, seed)
        posted += len(audited(programme, drawn))
    assert posted > 5 * HISTORIES


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_library_tells_each_story_of_commands(story: Story) -> None:
    """The numbers that were computed by hand for the auditor are those of the library."""
    settlement = settle(story.terms, story.events, story.grants, until_day=day(story.seen[-1].at))
    assert story.wrong(netted(settlement.entries)) == []


@pytest.mark.parametrize("file", LIVED, ids=lambda file: file.stem)
def test_an_engine_that_lived_it_posts_what_the_auditor_posts(file: Path) -> None:
    """Commands were decided as time went on and events came late: the book is that of settling all at once."""
    programme = load(file)
    kinds: set[str] = set()
    for seed in range(LIVES):
        life = live(programme, Random(f"life/{file.stem}/{seed}"), size=12)
        posted, lived = life.posted(), life.history
        assert_agreed(programme, lived, seed)
        assert posted == audited(programme, lived), f"seed {seed}: {lived}"
        kinds |= {grant.kind for grant in lived.grants}
    assert len(kinds) >= 9


@pytest.mark.parametrize("otherwise", TooLate)
@pytest.mark.parametrize("file", LIVED, ids=lambda file: file.stem)
def test_an_engine_judges_late_events_as_the_auditor_does(file: Path, otherwise: TooLate) -> None:
    """What comes more than 20 days late is refused, or counts from the instant that the page says and settles there."""
    programme = evolve(load(file), accept_late=AcceptLate(within=Duration.parse("20 days"), otherwise=otherwise))
    refused = moved = 0
    for seed in range(LIVES):
        life = live(programme, Random(f"late/{file.stem}/{seed}"), size=12)  # Each verdict is compared there.
        posted, lived = life.posted(), life.history
        assert_agreed(programme, lived, seed)
        assert posted == audited(programme, lived), f"seed {seed}: {lived}"
        refused, moved = refused + life.too_late, moved + len(lived.counts_from)
    assert (moved if otherwise is TooLate.FROM_NOW else refused) >= LIVES // 2


@given(programme_texts(), st.randoms(use_true_random=False))
def test_any_programme_and_any_commands(text: str, rng: Random) -> None:
    """Commands that nobody decided on what was there: replays find that points lack."""
    programme = loads(text)
    drawn = history(programme, rng, size=8)
    assert settled(programme, drawn) == audited(programme, drawn)


@given(programme_texts(), st.randoms(use_true_random=False))
def test_any_programme_and_any_life(text: str, rng: Random) -> None:
    """Engine, settlement from scratch and the auditor agree on programmes and commands that nobody thought of."""
    programme = loads(text)
    life = live(programme, rng, size=6)
    posted, lived = life.posted(), life.history
    expected = audited(programme, lived)
    assert settled(programme, lived) == expected
    assert posted == expected


@given(chains(), st.randoms(use_true_random=False))
def test_any_revisions_and_any_commands(programme: Programme, rng: Random) -> None:
    """What carries over from one revision to the next, and what pays under which, is the same for both."""
    drawn = history(programme, rng, size=8)
    note(told_in(programme))
    assert settled(programme, drawn) == audited(programme, drawn)


@given(chains(3), st.randoms(use_true_random=False))
def test_any_revisions_and_any_life(programme: Programme, rng: Random) -> None:
    """Engine, settlement from scratch and the auditor agree also where a programme changes twice."""
    life = live(programme, rng, size=6)
    posted, lived = life.posted(), life.history
    note(told_in(programme))
    expected = audited(programme, lived)
    assert settled(programme, lived) == expected
    assert posted == expected


def told_in(programme: Programme) -> str:
    """Give the files of all revisions."""
    return "\n---\n".join(one.source for one in revisions_of(programme))
