"""``loyalty explain``: the chain of an award, and events that are void, unknown or waiting."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from loyalty.programme.loading import load
from loyalty.settlement.settle import settle
from loyalty.simulation.explaining import Fate, explain_event
from loyalty.sources import read_events
from tests.cli.conftest import ACME, Call

FILES = (ACME / "programme.yaml", ACME / "history.jsonl")


def test_the_chain_of_a_deal_whose_fund_is_capped_in_part(call: Call) -> None:
    """Rate, multiplier, cap, rounding and posting stand one below the other, in major units, with dates and tiers."""
    result = call("explain", *FILES, "--event", "D-0040")
    assert result.exit_code == 0
    for line in (
        "deal.won crm/D-0040, 2025-06-14 13:20 Europe/Berlin",
        "partner:halden, at tier platinum",
        "1 point per 100.00 EUR of 32,191.52 EUR = 321 points, rounded down",
        "multiplier 1.5 (tier platinum): 321 points x 1.5 = 481 points, rounded down",
        "at tier platinum 4 % of 32,191.52 EUR = 1,287.66 EUR, rounded down",
        "headroom 1,056.29 EUR before, 0.00 EUR after; cuts 1,287.66 EUR to 1,056.29 EUR",
        "posts 481 points, pending until 2025-07-14, last usable day 2026-12-31",
        "rule push-new-customer does not apply: its condition is not met: event.new_customer",
        "rule cloud-spring does not apply: its campaign does not run on this day; it begins on 2026-03-01",
        "The steps add up to what is posted.",
    ):
        assert line in result.stdout
    assert re.search(r"programme/issued +partner:halden/available +1,056.29 EUR +2026-06-30 +deal-fund", result.stdout)


def test_a_multiplier_of_a_quarter_and_a_cap_in_json(call: Call, starter: Path) -> None:
    """Machines get the numbers of each step; the paid ones sum to the postings."""
    events = starter / "events.csv"
    events.write_text(events.read_text().replace("21000.00", "190000.00"))
    result = call("explain", starter / "programme.yaml", events, "--event", "crm/D-4", "--json")
    document = json.loads(result.stdout)
    steps = [step for step in document["steps"] if step["rule"] == "deal" and step["currency"] == "points"]
    assert [step["name"] for step in steps] == ["base", "multiply", "cap", "paid"]
    assert steps[1]["numbers"] == [5, 4, 1900, 2375]
    assert steps[2]["numbers"][-2:] == [2375, 1807]
    posted = sum(int(p["amount"]) for p in document["postings"]
                 if p["asset"] == "points" and p["account"] == "partner:acme/pending")  # fmt: skip
    assert (posted, document["adds_up"], document["tiers"]["partner:acme"]) == (1807, True, "silver")


def test_an_unknown_id_gets_the_nearest(call: Call) -> None:
    """Wrong use, with ids that may be meant."""
    result = call("explain", *FILES, "--event", "crm/D-00400")
    assert result.exit_code == 2
    assert "did you mean crm/D-0040" in result.stderr


def test_an_id_of_two_sources_is_not_guessed(call: Call, starter: Path) -> None:
    """Both are named."""
    events = starter / "events.csv"
    events.write_text(events.read_text() + "deal.won,2026-03-20,D-4,erp,acme,,,10.00 EUR,,\n")
    result = call("explain", starter / "programme.yaml", events, "--event", "D-4")
    assert result.exit_code == 2
    assert "write crm/D-4 or erp/D-4" in result.stderr


def test_a_void_tells_what_it_takes_out(call: Call) -> None:
    """The void and the voided event give the same text: what would stand in the journal without it."""
    for event in ("crm/V-0001", "crm/D-0001"):
        result = call("explain", *FILES, "--event", event)
        assert "crm/D-0001 was voided by crm/V-0001" in result.stdout
        assert "Entry event:crm/D-0001 (without the void)" in result.stdout


def test_a_refund_of_what_is_not_there_waits(call: Call, starter: Path) -> None:
    """It says so, and posts nothing."""
    events = starter / "events.csv"
    events.write_text(events.read_text().replace(",D-2,3000", ",D-9,3000"))
    result = call("explain", starter / "programme.yaml", events, "--event", "R-1")
    assert result.exit_code == 0
    assert "It speaks of crm/D-9, which is not in the file" in result.stdout
    assert "It posts nothing." in result.stdout


@pytest.mark.parametrize("part", range(3))
def test_every_event_of_the_demo_is_explained_as_it_was_settled(part: int) -> None:
    """Each explanation's entry is that of the whole settlement, and its steps add up to it."""
    programme = load(FILES[0])
    events = read_events(FILES[1], programme).events
    entries = {entry.key: entry for entry in settle(programme, events, traced=True).entries}
    for event in events[part::6]:
        explained = explain_event(programme, events, event.identity)
        assert explained.differences() == {}, event.identity
        if explained.fate is Fate.COUNTS:
            assert explained.entry == entries.get(f"event:{explained.event.identity}"), event.identity


def test_a_person_reads_it_in_russian(call: Call) -> None:
    """The same chain in the field's words: баллы, уровень, лимит, отложено; numbers and days as Russian writes them."""
    result = call("explain", *FILES, "--event", "D-0040", "--lang", "ru")
    assert result.exit_code == 0
    printed = result.stdout.replace("\N{NO-BREAK SPACE}", " ")
    for line in (
        "deal.won crm/D-0040, 14.06.2025 13:20 Europe/Berlin",
        "partner:halden, уровень platinum",
        "1 балл за каждые 100,00 EUR с 32 191,52 EUR = 321 балл, округлено вниз",
        "множитель 1,5 (уровень platinum): 321 балл × 1,5 = 481 балл, округлено вниз",
        "остаток до: 1 056,29 EUR, после: 0,00 EUR; рассчитано: 1 287,66 EUR, проходит: 1 056,29 EUR",
        "начислено: 481 балл, отложено до 14.07.2025, последний день использования 31.12.2026",
        "правило push-new-customer не применяется: условие не выполнено: event.new_customer",
        "Шаги сходятся с проводками.",
    ):
        assert line in printed


def test_why_a_rule_did_not_pay(call: Call) -> None:
    """One rule, one answer, in either language; an unknown rule gets the nearest."""
    result = call("explain", *FILES, "--event", "D-0040", "--why-not", "cloud-spring")
    assert "rule cloud-spring does not apply: its campaign does not run on this day; it begins on 2026-03-01" in (
        result.stdout
    )
    result = call("explain", *FILES, "--event", "D-0040", "--why-not", "cloud-spring", "--lang", "ru", "--json")
    (step,) = json.loads(result.stdout)["steps"]
    assert step["text"] == "не применяется: кампания в этот день не идёт, начало 01.03.2026"
    result = call("explain", *FILES, "--event", "D-0040", "--why-not", "cloud-sping")
    assert result.exit_code == 2
    assert "did you mean cloud-spring?" in result.stderr


def test_a_book_answers_without_the_programme(call: Call, tmp_path: Path) -> None:
    """It keeps what it was settled under: events, the clock's entries and commands are read from it alone."""
    db = tmp_path / "book.db"
    assert call("backtest", *FILES, "--db", db, "--out", tmp_path / "out").exit_code == 0
    result = call("explain", "--db", db, "--event", "crm/D-0040")
    assert result.exit_code == 0
    assert "1 point per 100.00 EUR of 32,191.52 EUR = 321 points, rounded down" in result.stdout
    assert call("explain", FILES[0], "--db", db, "--event", "crm/D-0040").stdout == result.stdout
    result = call("explain", "--db", db, "--event", "crm/D-0040", "--why-not", "cloud-spring")
    assert "it begins on 2026-03-01" in result.stdout
    result = call("explain", "--db", db, "--entry", "event:crm/D-0040", "--json")
    document = json.loads(result.stdout)
    assert (document["of"], document["identity"]) == ("event", "crm/D-0040")
    result = call("explain", "--db", db, "--entry", "clock:nobody")
    assert result.exit_code == 2
    assert "'clock:nobody' is in the book neither as an event" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*FILES,), "either --event ID or --entry KEY"),
        ((*FILES, "--event", "D-1", "--entry", "x"), "either --event ID or --entry KEY"),
        ((*FILES, "--entry", "x", "--why-not", "deal"), "--why-not asks about an event"),
        ((FILES[0], "--event", "D-1"), "a file of EVENTS after PROGRAMME, or a book with --db"),
        ((*FILES, "--db", "x.db", "--event", "D-1"), "a file of EVENTS after PROGRAMME, or a book with --db"),
    ],
)
def test_what_cannot_be_asked_says_what_can(call: Call, arguments: tuple[object, ...], message: str) -> None:
    """Wrong use, in one sentence."""
    result = call("explain", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
