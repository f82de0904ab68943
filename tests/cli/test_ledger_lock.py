"""``loyalty ledger lock``: who locked a book through which day and why, and what a locked book's figures go by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.cli.test_preview import HISTORY, PROGRAMME

SAID = ("--actor", "u-17", "--reason", "the quarter is closed")


@pytest.fixture
def place(call: Call, tmp_path: Path) -> tuple[object, ...]:
    """A programme and a book of two deals."""
    (tmp_path / "programme.yaml").write_text(PROGRAMME)
    (tmp_path / "history.csv").write_text(HISTORY)
    book = ("--db", f"sqlite:///{tmp_path / 'portal.db'}")
    run = ("backtest", tmp_path / "programme.yaml", tmp_path / "history.csv", "--out", tmp_path / "out", *book)
    assert call(*run, "--until", "2026-06-15").exit_code == 0
    return (tmp_path / "programme.yaml", "--db", tmp_path / "portal.db")


def test_a_book_is_locked_and_unlocked(call: Call, place: tuple[object, ...]) -> None:
    """Each change is shown with its reason; without one asked for, nothing changes."""
    assert "Book main is not locked" in call("ledger", "lock", *place).stdout
    locked = call("ledger", "lock", *place, "--through", "2026-05-31", *SAID)
    assert locked.exit_code == 0
    assert "Book main is locked through 2026-05-31" in locked.stdout
    assert "the quarter is closed" in locked.stdout
    backwards = call("ledger", "lock", *place, "--through", "2026-04-30", *SAID)
    assert backwards.exit_code == 1
    assert "locked through 2026-05-31 already" in backwards.stderr
    opened = call(
        "ledger", "lock", *place, "--unlock", "--through", "2026-04-30", "--actor", "u-1", "--reason", "error"
    )
    assert "Book main is locked through 2026-04-30" in opened.stdout
    document = json.loads(call("ledger", "lock", *place, "--json").stdout)
    assert document["locked_through"] == "2026-04-30"
    assert [(lock["through"], lock["actor"]) for lock in document["locks"]] == [
        ("2026-05-31", "u-17"),
        ("2026-04-30", "u-1"),
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--through", "2026-05-31"), "say who does it and why"),
        (("--reason", "x"), "go with a change"),
        (("--through", "2090-01-01", *SAID), "has not come yet"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    call: Call, place: tuple[object, ...], options: tuple[str, ...], words: str
) -> None:
    """A lock without a reason, a reason without a lock, and a lock of days to come."""
    result = call("ledger", "lock", *place, *options)
    assert result.exit_code == 2
    assert words in result.stderr


def test_the_trial_balance_of_a_locked_book(call: Call, place: tuple[object, ...]) -> None:
    """``--booked`` needs a day to go by."""
    assert "give both, or neither" in call("ledger", "trial-balance", *place, "--booked").stderr
    both = call("ledger", "trial-balance", *place, "--booked", "--until", "2026-05-31")
    assert both.exit_code == 0
