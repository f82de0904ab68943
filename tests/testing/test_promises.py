"""One call writes the laws as tests into a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from loyalty.ledger.entries import Entry
from loyalty.ledger.memory import MemoryStore
from loyalty.programme.loading import load, loads
from loyalty.testing import ENGINE_LAWS, FAIRNESS_LAWS, check_programme_laws

_PROGRAMMES = Path(__file__).parent / "programmes"


def test_each_law_becomes_a_test() -> None:
    """The names are those of the laws, and each test carries its law's sentence."""
    written: dict[str, Any] = {}
    check_programme_laws(load(_PROGRAMMES / "split_sound.yaml"), max_examples=3, namespace=written)
    assert set(written) == {f"test_{law.name}" for law in (*ENGINE_LAWS, *FAIRNESS_LAWS)}
    for law in (*ENGINE_LAWS, *FAIRNESS_LAWS):
        assert written[f"test_{law.name}"].__doc__ == law.statement


def test_a_broken_law_fails_with_its_story() -> None:
    """The failure says what happened on which day, and which rule did it."""
    written: dict[str, Any] = {}
    check_programme_laws(load(_PROGRAMMES / "pump.yaml"), max_examples=3, namespace=written)
    with pytest.raises(AssertionError, match=r"(?s)all of it is taken back.*because of rule registration"):
        written["test_no_refund_gain"]()


def test_an_opted_out_law_is_skipped_with_its_reason() -> None:
    """What a programme opts out of is no failure, and its reason is shown."""
    written: dict[str, Any] = {}
    check_programme_laws(load(_PROGRAMMES / "cliff_sound.yaml"), max_examples=3, namespace=written)
    with pytest.raises(pytest.skip.Exception, match="registered whole"):
        written["test_no_split_gain"]()


def test_arrival_is_looked_at_on_each_store_that_is_named() -> None:
    """An empty book is asked for with each history; a store that loses an event is told with the way of arrival."""
    opened: list[MemoryStore] = []

    def open_book() -> MemoryStore:
        opened.append(MemoryStore())
        return opened[-1]

    written: dict[str, Any] = {}
    programme = load(_PROGRAMMES / "split_sound.yaml")
    stores = {"memory": open_book, "forgetful": _Forgetful}
    check_programme_laws(programme, max_examples=10, stores=stores, namespace=written)
    written["test_arrival_on_memory"]()
    assert len(opened) >= 10
    with pytest.raises(AssertionError, match=r"(?s)arrival on forgetful, as .*e-0.*instead of"):
        written["test_arrival_on_forgetful"]()


class _Forgetful(MemoryStore):
    """A store that says of every account that it has nothing."""

    @contextmanager
    def transaction(self, read_only: bool = False) -> Iterator[Any]:
        """Give a transaction without entries to those who read."""
        with super().transaction(read_only) as book:
            yield _Blank(book) if read_only else book


class _Blank:
    def __init__(self, book: Any) -> None:
        self._book = book

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def entries(self, **_of: object) -> list[Entry]:
        """Give nothing."""
        return []


@pytest.mark.parametrize("otherwise", ["reject", "from_now"])
def test_laws_speak_of_accepted_events(otherwise: str) -> None:
    """How late or early an event may come is not asked, so that a file that says it can be looked at like any other."""
    windows = f"language: 1\naccept_late: {{within: 2 days, else: {otherwise}}}\naccept_early: {{within: 1 day}}\n"
    text = (_PROGRAMMES / "split_sound.yaml").read_text().replace("language: 1\n", windows)
    written: dict[str, Any] = {}
    check_programme_laws(loads(text), max_examples=10, namespace=written)
    for law in ("books", "replay", "idempotency", "arrival", "explanation", "late_never_harms"):
        written[f"test_{law}"]()


check_programme_laws(load(_PROGRAMMES / "split_sound.yaml"), max_examples=5)
