"""``loyalty preview``: the plan of events against a book in a database or behind a history, for people and machines."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.cli.conftest import Call

PROGRAMME = """\
language: 1
programme: {id: northwind, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {expires: {after: 12 months}}
  status: {spendable: false}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
metrics:
  year: {earned: status, window: calendar_year}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 100 EUR, status: 1 per 100 EUR}
    cap: {points: 200, per: quarter}
tiers:
  base: {}
  ladder:
    - tier: gold
      needs: year >= 150
accept_late: {within: 90 days, else: reject}
accept_early: {within: 2 days}
"""

HISTORY = """\
on,at,id,source,partner,amount
deal.won,2026-05-10,D-1,crm,acme,10000.00 EUR
deal.won,2026-06-15,D-2,crm,acme,9000.00 EUR
"""

ASKED = """\
on,at,id,source,partner,amount
deal.won,2026-06-01,D-3,crm,acme,5000.00 EUR
deal.won,2026-06-16,D-4,crm,birch,100.00 EUR
deal.won,2026-06-15,D-2,crm,acme,9000.00 EUR
deal.won,2026-01-20,D-5,crm,acme,5000.00 EUR
"""

AT = ("--recorded-at", "2026-06-17T12:00")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the programme, the history and what is asked about."""
    for name, content in (("programme.yaml", PROGRAMME), ("history.csv", HISTORY), ("asked.csv", ASKED)):
        (tmp_path / name).write_text(content)
    return tmp_path


def test_people_read_the_plan(call: Call, files: Path) -> None:
    """Verdict, balances, tier, cap, steps and entries of each event, corrections with what they stand for."""
    result = call("preview", files / "programme.yaml", files / "asked.csv", "--history", files / "history.csv", *AT)
    assert result.exit_code == 1
    for line in (
        "deal.won crm/D-3, 2026-06-01",
        "14 days late: its holders are settled again, and what changes is corrected",
        "available: 190 points -> 200 points",
        "cap of rule deal-base, 2026-04-01 to 2026-06-30: used 100 points -> 150 points of 200 points",
        "headroom 100 points before, 50 points after; leaves 50 points",
        "is settled in its place",
        "is known already: submitting it again changes nothing",
        "is rejected:",
        "at: 2026-01-20, and everything through 2026-06-15 has happened to partner:acme, which is 146 days later",
        "4 events: 1 in place, 1 replayed, 1 known, 1 rejected; 3 entries would be posted, and nothing was",
    ):
        assert line in result.stdout, line
    correction = r"correction:crm/D-3:\d+ +partner:acme/available +programme/issued +40 points .* deal-base +crm/D-2"
    assert re.search(correction, result.stdout)


def test_machines_get_all_of_it(call: Call, files: Path) -> None:
    """One document, with amounts in major units."""
    arguments = (files / "programme.yaml", files / "asked.csv", "--history", files / "history.csv", *AT, "--json")
    document = json.loads(call("preview", *arguments).stdout)
    assert document["ok"] is False
    late, _, _, rejected = document["previews"]
    assert (late["verdict"], late["late_days"], late["counts_from"]) == ("replayed", 14, None)
    assert {entry["kind"] for entry in late["entries"]} == {"event", "correction"}
    (acme,) = late["holders"]
    assert acme["balances"]["points"] == {"available": {"before": "190", "after": "200"}}
    assert acme["tier"] == {"before": "gold", "after": "gold"}
    assert acme["caps"][0]["used_after"] == "150"
    assert [step["name"] for step in late["explanation"]["steps"] if step["currency"] == "points"] == [
        "base",
        "cap",
        "paid",
    ]
    assert (rejected["verdict"], len(rejected["reasons"]), rejected["entries"]) == ("rejected", 1, [])


def test_a_book_in_a_database_stays_as_it_was(call: Call, files: Path) -> None:
    """The same plan as behind the history; no table has a row more or less."""
    out, url = files / "out", f"sqlite:///{files / 'portal.db'}"
    assert call("backtest", files / "programme.yaml", files / "history.csv", "--out", out, "--db", url,
                "--until", "2026-06-15").exit_code == 0  # fmt: skip
    before = _rows(url)
    arguments = (files / "programme.yaml", files / "asked.csv", *AT, "--json")
    of_database = json.loads(call("preview", *arguments, "--db", files / "portal.db").stdout)
    of_history = json.loads(call("preview", *arguments, "--history", files / "history.csv").stdout)
    assert of_database == of_history
    assert _rows(url) == before


def test_one_book_is_named(call: Call, files: Path) -> None:
    """A database or a history, not both and not neither."""
    for options in ((), ("--db", "x.db", "--history", files / "history.csv")):
        result = call("preview", files / "programme.yaml", files / "asked.csv", *options)
        assert result.exit_code == 2
        assert "say which book" in result.stderr
    shutil.copy(files / "history.csv", files / "other.csv")
    wrong = call(
        "preview", files / "programme.yaml", files / "asked.csv", "--history", files / "other.csv", "--book", "b"
    )
    assert wrong.exit_code == 2
    assert "name the database with --db" in wrong.stderr
    late = (files / "programme.yaml", files / "asked.csv", "--history", files / "other.csv", "--recorded-at", "soon")
    assert "--recorded-at: 'soon' is no date" in call("preview", *late).stderr


def _rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    database = create_engine(url)
    with database.connect() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))] for name in names}
