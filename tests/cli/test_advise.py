"""``loyalty advise``: the nearest ways of a partner to a tier, from a file of events or from a book."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

from loyalty import Engine, load, read_event
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from tests.cli.conftest import ACME, Call

DEMO = (ACME / "programme.yaml", ACME / "history.jsonl")


def test_a_short_text_for_a_person(call: Call) -> None:
    """What is missing of each condition, and each way with its actions, equal ones together."""
    result = call(
        "advise", *DEMO, "--partner", "halden", "--tier", "platinum", "--by", "2025-12-31", "--at", "2025-05-01"
    )
    assert result.exit_code == 0, result.output
    assert "partner:halden, gold now" in result.stdout
    assert (
        "not met: year_status >= 2500 (year_status is 1,880 status of 2,500 status; 620 status missing)"
        in result.stdout
    )
    assert "  any of:\n    not met: certified_people >= 4 (certified_people is 2 of 4; 2 missing)" in result.stdout
    assert "Way 1, 1 action: reaches platinum by 2025-12-31" in result.stdout
    assert "amount 62,000.00 EUR" in result.stdout
    assert "another person, 11 times" in result.stdout


def test_one_document_for_machines(call: Call) -> None:
    """Conditions as a tree, and actions whose values can be submitted, with what is a stand-in."""
    asked = ("advise", *DEMO, "--partner", "newcomer", "--tier", "gold", "--by", "2025-12-31", "--at", "2025-05-01")
    document = json.loads(call(*asked, "--only", "deal.won=1", "--only", "certification.passed=2", "--json").stdout)
    assert (document["held"], document["met"], document["needs"]["every"]) == ("base", False, True)
    [way] = document["ways"]
    assert [action["on"] for action in way["actions"]] == ["deal.won", "certification.passed", "certification.passed"]
    assert way["actions"][0]["fields"]["amount"] == "96000.00 EUR"
    assert way["actions"][1]["stand_ins"] == ["person"]


def test_no_way_is_a_finding(call: Call) -> None:
    """What is in the way is said, and the exit code is 1; a wrong call is told what to give."""
    asked = ("advise", *DEMO, "--partner", "newcomer", "--tier", "gold", "--by", "2025-12-31", "--at", "2025-05-01")
    result = call(*asked, "--only", "deal.won=9")
    assert result.exit_code == 1
    assert "no kind of event of those that may be used was found to move `certified_people >= 2`" in result.stdout
    assert call("advise", DEMO[0], "--partner", "newcomer", "--tier", "gold").exit_code == 2
    assert call(*asked, "--only", "deal.won").exit_code == 2
    asked = ("advise", *DEMO, "--partner", "newcomer", "--at", "2025-05-01", "--by")
    assert call(*asked, "2025-12-31", "--tier", "godl").exit_code == 2
    assert call(*asked, "2025-12-31", "--tier", "gold", "--only", "deal.own=9").exit_code == 2
    assert call(*asked, "2025-04-30", "--tier", "gold").exit_code == 2


def test_a_book_in_a_database(call: Call, tmp_path: Path) -> None:
    """The same of a book that an application keeps, as of now."""
    path = tmp_path / "portal.db"
    database = sqlite_engine(path)
    create_tables(database)
    programme = load(DEMO[0])
    raw = {"on": "deal.won", "id": "D-1", "at": "2025-02-03", "partner": "acme", "product": "core", "registered": True}
    Engine(programme, SqlStore(database)).submit(read_event(programme, {**raw, "amount": "20000.00 EUR"}))
    database.dispose()
    by = date.today() + timedelta(days=10)
    asked = ("advise", DEMO[0], "--db", path, "--partner", "acme", "--tier", "silver", "--by", by, "--json")
    document = json.loads(call(*asked).stdout)
    assert (document["partner"], document["by"]) == ("acme", by.isoformat())
    assert document["met"] or document["ways"][0]["actions"][0]["on"] == "deal.won"
    assert call("advise", *DEMO, "--db", path, "--partner", "acme", "--tier", "silver").exit_code == 2
