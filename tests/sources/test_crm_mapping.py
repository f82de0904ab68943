"""The example over a real CRM pipeline, held against a script that knows neither mapping nor programme."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import pytest

from loyalty.programme.loading import load
from loyalty.sources import Reading, load_mapping, read_events

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "crm_sales"
PIPELINE = ROOT.parent / "shared" / "data" / "crm-sales" / "sales_pipeline.csv"

needs_data = pytest.mark.skipif(
    not PIPELINE.exists(), reason="the CRM pipeline is not in the repository; see examples/crm_sales/README.md"
)


def test_the_programme_and_its_mapping_load() -> None:
    """Both are sound without the data."""
    programme = load(EXAMPLE / "programme.yaml")
    assert load_mapping(EXAMPLE / "mapping.yaml", programme).source == "crm"


@pytest.fixture(scope="module")
def reading() -> Reading:
    programme = load(EXAMPLE / "programme.yaml")
    return read_events(PIPELINE, programme, load_mapping(EXAMPLE / "mapping.yaml", programme))


@needs_data
def test_every_won_deal_is_an_event_and_all_else_is_filtered(reading: Reading) -> None:
    """8,800 opportunities, of which 4,238 were won; none is bad."""
    assert (len(reading.events), reading.rows_read, reading.rows_filtered) == (4_238, 8_800, 4_562)
    assert (reading.bad, reading.rows_repeated) == ([], 0)


@needs_data
def test_the_dirt_of_the_export_is_mapped(reading: Reading) -> None:
    """GTXPro is GTX Pro, dates are local, and every won deal has account and agent."""
    assert len({event.fields["product"] for event in reading.events}) == 7
    assert "GTXPro" not in {event.fields["product"] for event in reading.events}
    assert len({event.partner for event in reading.events}) == 85
    assert len({event.person for event in reading.events}) == 30
    calendar = load(EXAMPLE / "programme.yaml").calendar
    days = [calendar.local(event.occurred_at) for event in reading.events]
    assert {(day.hour, day.minute) for day in days} == {(0, 0)}
    assert (min(days).date().isoformat(), max(days).date().isoformat()) == ("2017-03-01", "2017-12-31")


@needs_data
def test_the_base_rule_gives_what_ten_lines_compute(reading: Reading) -> None:
    """One point for whole tens of dollars of each deal, by account; from the file and from the events alike."""
    from_file: dict[str, int] = {}
    with PIPELINE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["deal_stage"] == "Won":
                assert datetime.strptime(row["close_date"], "%m/%d/%Y").year == 2017
                points = int(row["close_value"]) // 10
                from_file[row["account"]] = from_file.get(row["account"], 0) + points

    from_events: dict[str, int] = {}
    for event in reading.events:
        points = int(event.fields["amount"]) // 1_000  # Cents in ten dollars.
        from_events[event.partner] = from_events.get(event.partner, 0) + points
    assert from_events == from_file
    assert sum(from_file.values()) == 998_684
