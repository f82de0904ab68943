"""A state goes back to its marks, and what is settled again from there is what was settled from the start."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Holder, load, loads
from loyalty.engine.received import in_order
from loyalty.ledger.store import Grant
from loyalty.settlement import saving
from loyalty.settlement.generate import Steps, steps_of
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.marks import roll_back, set_mark
from loyalty.settlement.settle import Item, Outcome, apply_item
from loyalty.testing.programmes import programme_texts
from tests.settlement.lived_histories import Life, live
from tests.settlement.test_agreement_with_auditor import PROGRAMMES


def state_of(run: HolderRun) -> list[Any]:
    """Give all of a state but its marks."""
    values: list[Any] = orjson.loads(saving.save(run))
    return values[:-1]


@define
class Told:
    """
    A holder's history, with how the clock ran in it.

    Attributes:
        ahead: By item, whether the clock had run to its day before it came.
        before: By item, the state that stood before it in a run without marks.
        after: The state behind the last item.
        moved: By item, what it moved.
    """

    steps: Steps
    holder: Holder
    items: list[Item]
    ahead: list[bool]
    before: list[list[Any]] = field(factory=list)
    after: list[Any] = field(factory=list)
    moved: list[list[Outcome]] = field(factory=list)

    @classmethod
    def of(cls, steps: Steps, holder: Holder, items: list[Item], rng: Random) -> Told:
        """Settle a history without any marks."""
        told = cls(steps, holder, items, [rng.random() < 0.3 for _ in items])
        run = HolderRun(steps, holder)
        for place in range(len(items)):
            told.let_clock_run(run, place)
            told.before.append(state_of(run))
            told.moved.append(told.settle(run, place))
        told.after = state_of(run)
        return told

    def let_clock_run(self, run: HolderRun, place: int) -> None:
        """Let everything due before an item happen, if it did then."""
        if self.ahead[place]:
            run.advance(self.steps.programme.calendar.day_of(self.items[place].key[0]))

    def settle(self, run: HolderRun, place: int) -> list[Outcome]:
        """Settle one item, and give what it moved."""
        outcomes: list[Outcome] = []
        apply_item(self.steps, run, self.items[place], outcomes)
        return outcomes

    def go_on(self, run: HolderRun) -> None:
        """Settle the rest of the history, and see that all of it is as it was."""
        for place in range(run.events + run.commands, len(self.items)):
            self.let_clock_run(run, place)
            assert self.settle(run, place) == self.moved[place]
        assert state_of(run) == self.after

    def loaded(self, run: HolderRun) -> HolderRun:
        """Give the state that another process reads."""
        grants = {item.what.key: item.what for item in self.items if isinstance(item.what, Grant)}
        found = saving.load(self.steps, self.holder, saving.save(run), grants.get, run.marks_apart)
        assert found is not None
        assert saving.save(found) == saving.save(run)
        return found


def histories_of(life: Life, rng: Random) -> list[Told]:
    """Give the histories of all holders as the engine's book has them."""
    steps = steps_of(life.programme)
    with life.engine.store.transaction() as book:
        return [
            Told.of(steps, holder, in_order(life.programme, book, book.received(holder), book.grants(holder)), rng)
            for holder in book.holders()
        ]


def assert_goes_back(told: Told, rng: Random) -> int:
    """Go back to marks near and far, in this process and in others, and give how often."""
    run = HolderRun(told.steps, told.holder, rng.randint(1, 4))
    told.go_on(run)
    gone_back = 0
    while run.marks and gone_back < 4:
        if rng.random() < 0.4:
            run = told.loaded(run)
        mark = rng.choice(run.marks)
        roll_back(run, mark)
        assert state_of(run) == told.before[mark.items]
        if rng.random() < 0.4:
            run = told.loaded(run)
        told.go_on(run)
        gone_back += 1
    return gone_back


@pytest.mark.parametrize("file", PROGRAMMES, ids=lambda file: file.stem)
def test_what_is_settled_from_a_mark_is_what_was_settled_from_the_start(file: Path) -> None:
    """State for state and movement for movement, with every feature of the language, across saving and loading."""
    programme = load(file)
    gone_back = 0
    for seed in range(4):
        rng = Random(f"marks/{file.stem}/{seed}")
        for told in histories_of(live(programme, rng, size=25), rng):
            gone_back += assert_goes_back(told, rng)
    assert gone_back > 10


@given(programme_texts(), st.randoms(use_true_random=False))
def test_any_programme_goes_back_to_its_marks(text: str, rng: Random) -> None:
    """And with histories and programmes that nobody thought of."""
    for told in histories_of(live(loads(text), rng, size=10), rng):
        assert_goes_back(told, rng)


def test_marks_are_few_however_long_a_history_is() -> None:
    """They lie close together at the end, and no further apart anywhere than a part of what came after."""
    run = HolderRun(steps_of(load(PROGRAMMES[0])), Holder.partner("acme"), 2)
    counts = {}
    for number in range(1, 3_001):
        # What happens is of no importance here, only that something does.
        run.events, run.last_key = number, (number,)
        if number >= run.mark_from:
            set_mark(run, number + 1)
        counts[number] = len(run.marks)
    assert counts[300] < 30
    assert counts[3_000] - counts[300] < 25
    places = [mark.items for mark in run.marks]
    for earlier, later in pairwise([0, *places]):
        assert later - earlier <= max(4, (3_000 - later) // 3)
