"""Results of columns and results of entries are the same results, and columns of many holders take no time."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from attrs import evolve

pytest.importorskip("pyarrow", reason="runs over columns need the extra [sim]")

import numpy as np
from pyarrow.csv import read_csv

from loyalty import load
from loyalty.batch import EventTable, run
from loyalty.batch.results import Batch
from loyalty.core.calendar import parse_day
from loyalty.core.events import Event
from loyalty.core.holders import Layer
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.settlement.history import place_events
from loyalty.settlement.settle import settle
from loyalty.simulation.collecting import collect
from loyalty.simulation.holder_files import write_holders_csv
from loyalty.simulation.report import render_report
from loyalty.simulation.report.texts import TEXTS, Texts
from loyalty.simulation.results import Results
from loyalty.simulation.tables import write_tables
from loyalty.simulation.tallying import tally
from loyalty.sources import read_events
from tests.settlement.histories import history

ACME = Path(__file__).parents[2] / "examples" / "acme"
PROGRAMMES = sorted((Path(__file__).parents[1] / "settlement" / "programmes").glob("*.yaml"))


def both_ways(
    programme: Programme, events: list[Event], grants: list[Grant], until_day: int
) -> tuple[Batch, Results, Results]:
    """Settle a history as columns and one by one."""
    calendar = programme.calendar
    placed = place_events(programme, events)
    until_day = max([until_day, *(calendar.day_of(at) for at in
                                  [*(item.instant for item in placed), *(grant.at for grant in grants)])])  # fmt: skip
    active: dict[str, int] = {}
    taking_part = [(item.holders[0].id, item.instant) for item in placed]
    taking_part += [(grant.holder.id, grant.at) for grant in grants if grant.holder.layer is Layer.PARTNER]
    for partner, at in taking_part:
        active[partner] = min(active.get(partner, calendar.day_of(at)), calendar.day_of(at))
    batch = run(programme, EventTable.from_events(programme, events), grants=grants, until_day=until_day)
    entries = settle(programme, events, grants, until_day=until_day).entries
    return batch, tally(batch), collect(entries, programme, until_day=until_day, active=active)


@pytest.mark.parametrize("file", PROGRAMMES, ids=lambda file: file.stem)
def test_columns_and_entries_give_the_same_results(file: Path) -> None:
    """Months, flows, tiers and moves between them, expiry, funds, rules, holders and concentration."""
    programme = load(file)
    compared = 0
    for seed in range(4):
        drawn = history(programme, Random(f"{file.stem}/{seed}"), size=40)
        if drawn.counts_from:
            continue
        _, counted, read = both_ways(programme, drawn.events, drawn.grants, drawn.until_day)
        assert evolve(counted, activity=()) == read
        compared += counted.postings
    assert compared > 40


@pytest.fixture(scope="module")
def acme() -> Programme:
    """The demo's programme."""
    return load(ACME / "programme.yaml")


@pytest.fixture(scope="module")
def counted(acme: Programme) -> Results:
    """The demo's history as columns, checked against its entries."""
    events = read_events(str(ACME / "history.jsonl"), acme).events
    _, counted, read = both_ways(acme, events, [], 20_600)
    assert evolve(counted, activity=()) == read
    return counted


def test_what_happened_is_counted_by_kind(acme: Programme, counted: Results) -> None:
    """Events that count, with what they brought in and what refunds took back, in major units."""
    events = read_events(str(ACME / "history.jsonl"), acme).events
    placed = [item.event for item in place_events(acme, events)]
    found = {row.kind: row for row in counted.activity}
    assert {kind: row.events for kind, row in found.items() if row.events} == {
        kind: sum(event.kind == kind for event in placed) for kind in {event.kind for event in placed} & found.keys()
    }
    deals = sum(int(event.fields["amount"]) for event in placed if event.kind == "deal.won")
    assert found["deal.won"].total * 100 == deals
    assert found["deal.refunded"].takes_back
    assert 0 < found["deal.refunded"].total < found["deal.won"].total


def test_the_files_of_columns_are_those_of_entries(acme: Programme, counted: Results, tmp_path: Path) -> None:
    """The same bytes, whichever way the results were made, but for what happened."""
    events = read_events(str(ACME / "history.jsonl"), acme).events
    _, _, read = both_ways(acme, events, [], 20_600)
    one = {path.name: path.read_bytes() for path in write_tables(counted, tmp_path / "counted")}
    other = {path.name: path.read_bytes() for path in write_tables(read, tmp_path / "read")}
    assert one.pop("activity.csv")
    assert one == other


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS.keys())
def test_a_report_of_columns_says_what_it_costs(acme: Programme, counted: Results, texts: Texts) -> None:
    """The share of cost in revenue is told where revenue is known, in both languages."""
    page = render_report(counted, programme=acme, title="T", texts=texts)
    assert f'<html lang="{texts.code}">' in page
    assert ("of the revenue of" in page) == (texts.code == "en")
    assert ("выручки, равной" in page) == (texts.code == "ru")


def test_a_hundred_thousand_partners_are_columns_and_a_short_report(acme: Programme, tmp_path: Path) -> None:
    """A table of 300,000 holders names each of them, and the report of them is half a megabyte at most."""
    events = read_events(str(ACME / "history.jsonl"), acme).events
    batch, _, _ = both_ways(acme, events, [], 20_600)
    results = tally(_enlarged(batch, {Layer.PARTNER: 100_000, Layer.PERSON: 200_000}))
    assert (results.holders.partners, len(results.holders)) == (100_000, 300_000)
    write_holders_csv(results.holders, tmp_path / "by_holder.csv")
    assert len(read_csv(tmp_path / "by_holder.csv")["holder"].unique()) == 300_000
    assert len(render_report(results, programme=acme, title="T")) < 500_000


_COLUMNS = ("cells", "tier", "badges", "events", "sums", "first_month")


def _enlarged(batch: Batch, sizes: dict[Layer, int]) -> Batch:
    """Repeat the holders of a batch, those who got something, until there are so many; the flows follow."""
    import pyarrow as pa

    layers = {}
    for layer, size in sizes.items():
        totals = batch.layers[layer]
        got = np.flatnonzero(totals.cells.any(axis=(1, 2)))
        rows = np.resize(got, size)
        columns = {
            name: getattr(totals, name)[rows] for name in ("cells", "tier", "badges", "events", "sums", "first_month")
        }
        layers[layer] = evolve(totals, holders=pa.array([f"H-{n:07}" for n in range(size)]), **columns)
    return evolve(batch, layers=layers)


def test_a_run_that_goes_on_from_states_has_the_balances_of_the_whole(acme: Programme) -> None:
    """Flows are those of its own months; balances begin where the earlier run ended."""
    events = read_events(str(ACME / "history.jsonl"), acme).events
    table, middle, end = EventTable.from_events(acme, events), parse_day("2025-09-30"), parse_day("2026-06-30")
    whole = tally(run(acme, table, until_day=end))
    earlier = run(acme, table, until_day=middle, keep_states=True)
    later = tally(run(acme, table, until_day=end, from_state=earlier.states))
    for month in later.months:
        if month > 2025 * 12 + 8:
            for name in later.currencies:
                assert later.flows[month, name] == whole.flows[month, name]
            assert later.tiers[month] == whole.tiers[month]
    assert later.expiring == whole.expiring
