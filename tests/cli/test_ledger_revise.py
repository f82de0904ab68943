"""``loyalty ledger revise``: a migration is shown first, and carried out by the digest of what was shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.engine.test_migrating import FIRST, LATER

HISTORY = """\
on,id,partner,at,amount
deal.won,D-1,acme,2026-01-10,1000.00 EUR
deal.won,D-2,acme,2026-02-10,1000.00 EUR
deal.won,D-3,acme,2026-03-10,1000.00 EUR
"""
SAID = ("--actor", "kim", "--reason", "the rates were signed late")


@pytest.fixture
def place(call: Call, tmp_path: Path) -> tuple[object, ...]:
    """A book under the first revision, and the second one's file."""
    (tmp_path / "first.yaml").write_text(FIRST)
    (tmp_path / "second.yaml").write_text(LATER.replace("1 per 100 EUR", "3 per 100 EUR"))
    (tmp_path / "history.csv").write_text(HISTORY)
    book = ("--db", tmp_path / "portal.db")
    run = ("backtest", tmp_path / "first.yaml", tmp_path / "history.csv", "--out", tmp_path / "out", *book)
    assert call(*run, "--until", "2026-03-31").exit_code == 0
    return (tmp_path / "second.yaml", *book)


def test_a_plan_is_shown_and_then_carried_out(call: Call, place: tuple[object, ...]) -> None:
    """The plan changes nothing; with its digest it is done, and the book goes on under the new chain."""
    shown = call("ledger", "revise", *place)
    assert shown.exit_code == 0
    assert "would post 1 correction and change the balances of 1 holder" in shown.stdout
    assert "partner:acme" in shown.stdout
    plan = json.loads(call("ledger", "revise", *place, "--json").stdout)
    assert plan["totals"] == [{"account": "available", "asset": "points", "change": "10"}]
    assert plan["plan"] in shown.stdout
    refused = call("ledger", "statement", place[0], "partner:acme", *place[1:])
    assert refused.exit_code == 2
    assert "loyalty ledger revise" in refused.stderr
    done = call("ledger", "revise", *place, "--apply", plan["plan"], *SAID)
    assert done.exit_code == 0
    assert "Done: 1 correction posted" in done.stdout
    assert call("ledger", "statement", place[0], "partner:acme", *place[1:]).exit_code == 0
    verified = call("ledger", "verify", *place[1:], "--replay", place[0])
    assert verified.exit_code == 0, verified.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--apply", "0123456789abcdef"), "give --actor"),
        (("--apply", "0123456789abcdef", *SAID), "is not the plan of this programme and book"),
        (SAID, "look at the plan without them first"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    call: Call, place: tuple[object, ...], options: tuple[str, ...], words: str
) -> None:
    """Nothing is carried out that was not looked at, and nothing without who and why."""
    refused = call("ledger", "revise", *place, *options)
    assert refused.exit_code == 2
    assert words in refused.stderr


def test_events_that_cannot_be_taken_are_named(call: Call, place: tuple[object, ...], tmp_path: Path) -> None:
    """Each with its reasons; the exit code says that something was found."""
    (tmp_path / "small.yaml").write_text(FIRST.replace("max: 1000000.00", "max: 999.00"))
    refused = call("ledger", "revise", tmp_path / "small.yaml", *place[1:])
    assert refused.exit_code == 1
    assert "3 recorded events cannot be taken" in refused.stderr
    assert "/D-3: amount" in refused.stderr
