"""One call writes the laws as tests into a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loyalty.programme.loading import load
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


check_programme_laws(load(_PROGRAMMES / "split_sound.yaml"), max_examples=5)
