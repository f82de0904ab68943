"""A run over columns on the core counts what the entries of the same history come to."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from loyalty import load, loads
from loyalty.batch import EventTable, Response, in_turn, run, together
from loyalty.batch.results import Batch
from loyalty.batch.tables import MISSING, REDEEM
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.settlement.history import place_events
from loyalty.settlement.settle import settle
from loyalty.simulation.collecting import collect
from loyalty.simulation.results import MOVED, STANDING, Results
from loyalty.testing import chains, programmes
from tests.settlement.histories import history

PROGRAMMES = sorted((Path(__file__).parents[1] / "settlement" / "programmes").glob("*.yaml"))
HISTORIES = 4


def compare(programme: Programme, events: list[Event], grants: list[Grant], until_day: int) -> Batch:
    """Settle a history both ways through a day that nothing comes after, and see that the figures are the same."""
    calendar = programme.calendar
    placed = place_events(programme, events)
    days = [calendar.day_of(at) for at in [*(item.instant for item in placed), *(grant.at for grant in grants)]]
    until_day = max([until_day, *days])
    active = {item.holders[0].id: calendar.day_of(item.instant) for item in reversed(placed)}
    for grant in grants:
        if grant.holder.layer is Layer.PARTNER:
            active[grant.holder.id] = min(active.get(grant.holder.id, 10**6), calendar.day_of(grant.at))
    settlement = settle(programme, events, grants, until_day=until_day)
    table = EventTable.from_events(programme, events)
    batch = run(programme, table, grants=grants, until_day=until_day, journal=True, kernel=False)
    assert_same(batch, collect(settlement.entries, programme, until_day=until_day, active=active))
    assert batch.journal is not None
    assert 2 * len(batch.journal) == batch.postings
    return batch


def assert_same(batch: Batch, results: Results) -> None:
    """See that a batch has the figures that are read from entries."""
    names = batch.names
    currencies = names.assets[: names.tier_asset]
    tiers = [name.removeprefix("tier.") for name in names.assets[names.tier_asset : names.badge_asset]]
    badges = [name.removeprefix("badge.") for name in names.assets[names.badge_asset :]]
    months = {month: place for place, month in enumerate(range(batch.first_month, batch.first_month + batch.months))}
    assert set(results.months) <= set(months)
    running = np.cumsum(batch.flows[:, :, len(MOVED) :], axis=0)
    for (month, currency), flows in results.flows.items():
        place, c = months[month], currencies.index(currency)
        expected = [getattr(flows, name) for name in (*MOVED, *STANDING)]
        assert [*batch.flows[place, c, : len(MOVED)], *running[place, c]] == expected, (month, currency)
    for month, counts in results.tiers.items():
        assert dict(zip(tiers, batch.tiers[months[month]].tolist(), strict=True)) == counts, month
    funds = {}
    for place, month_of in enumerate(months):
        for c, currency in enumerate(currencies):
            for t, tier in enumerate([*tiers, "(persons)"]):
                amounts = tuple(batch.funds[place, c, t].tolist())
                if any(amounts) and currency in results.money:
                    funds[month_of, currency, tier] = amounts
    assert funds == {key: value for key, value in results.funds.items() if any(value)}
    rules = {
        (names.labels[label], Layer(layer), currencies[c]): tuple(batch.rules[label, layer, c].tolist())
        for label, layer, c in zip(*np.nonzero(batch.rules.any(axis=3)), strict=True)
    }
    assert rules == {(r.rule, r.layer, r.currency): (r.awards, r.issued, r.reversed) for r in results.rules}
    found = {}
    for layer, totals in batch.layers.items():
        for place, id in enumerate(totals.holders.to_pylist()):
            found[Holder(layer, id)] = (totals, place)
    for holder in results.holders:
        totals, place = found.pop(holder.holder)
        for c, currency in enumerate(currencies):
            flows = holder.currencies.get(currency)
            expected = [getattr(flows, name) if flows else 0 for name in (*MOVED, *STANDING)]
            assert totals.cells[place, c].tolist() == expected, (holder.holder, currency)
        if holder.tier is not None:
            assert tiers[totals.tier[place]] == holder.tier
        assert tuple(sorted(name for n, name in enumerate(badges) if totals.badges[place, n])) == holder.badges
    assert not any(totals.cells[place].any() for totals, place in found.values())
    assert (batch.entries, batch.postings) == (results.entries, results.postings)
    cells = sum(totals.cells.sum(axis=0) for totals in batch.layers.values())
    assert batch.outstanding.sum(axis=1).tolist() == (cells[:, 5] + cells[:, 6] + cells[:, 7]).tolist()


@pytest.mark.parametrize("file", PROGRAMMES, ids=lambda file: file.stem)
def test_columns_count_as_the_entries_do(file: Path) -> None:
    """Events and commands of every kind, settled one by one and as columns, come to the same tables."""
    programme = load(file)
    moved = 0
    for seed in range(HISTORIES):
        drawn = history(programme, Random(f"{file.stem}/{seed}"), size=40)
        if not drawn.counts_from:
            moved += compare(programme, drawn.events, drawn.grants, drawn.until_day).postings
    assert moved > 40


@given(st.data())
def test_generated_programmes_count_as_their_entries(data: st.DataObject) -> None:
    """Whatever programme of one revision or two, the columns count as the entries do."""
    programme = data.draw(programmes() | chains())
    drawn = history(programme, data.draw(st.randoms(use_true_random=True)), size=30)
    if not drawn.counts_from:
        compare(programme, drawn.events, drawn.grants, drawn.until_day)


def test_cut_by_partner_it_gives_the_same() -> None:
    """Runs over different holders, put together, have the digest of one run over all."""
    programme = load(PROGRAMMES[0].with_name("matrix.yaml"))
    crowds = [
        [
            evolve(
                event,
                source=f"{number}{event.source}",
                partner=f"{event.partner}-{number}",
                person=event.person and f"{event.person}-{number}",
            )
            for event in history(programme, Random(number), size=40).events
        ]
        for number in range(3)
    ]  # fmt: skip
    until_day = programme.first_day + 5 * 366
    tables = [EventTable.from_events(programme, crowd) for crowd in (*crowds, [e for crowd in crowds for e in crowd])]
    *parts, whole = [run(programme, table, until_day=until_day, kernel=False) for table in tables]
    assert whole.postings > 100
    assert together(parts).digest() == whole.digest()


def test_cut_in_time_it_gives_the_same() -> None:
    """A run that stops and goes on from its states ends with the digest of one that does not stop."""
    programme = load(PROGRAMMES[0].with_name("matrix.yaml"))
    cuts = 0
    for seed in range(HISTORIES):
        drawn = history(programme, Random(seed), size=40)
        table = EventTable.from_events(programme, drawn.events)
        last = programme.calendar.day_of(max([e.occurred_at for e in drawn.events] + [g.at for g in drawn.grants]))
        whole = run(programme, table, grants=drawn.grants, until_day=last, kernel=False)
        day = Random(seed).randrange(programme.first_day, last)
        first = run(programme, table, grants=drawn.grants, until_day=day, keep_states=True, kernel=False)
        second = run(programme, table, grants=drawn.grants, until_day=last, from_state=first.states, kernel=False)
        cuts += 0 < first.postings < whole.postings
        assert in_turn(first, second).digest() == whole.digest()
    assert cuts > 1


RESPONDING = """\
language: 1
programme: {id: responding, starts: 2026-01-01, timezone: UTC}
currencies:
  points: {}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000.00}
metrics:
  sales: {sum: event.amount, of: deal.won, window: calendar_year}
earn:
  - rule: base
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 1 EUR}
tiers:
  base: {multiplier: 1}
  ladder:
    - tier: gold
      multiplier: 2
      needs: ['sales >= money("1000 EUR")']
"""


def test_what_responds_happens_more_often_near_the_next_tier() -> None:
    """With elasticity 1 a draw of 0.6 happens once over a fifth of the way is made; without a response always."""
    programme = loads(RESPONDING)
    start = programme.calendar.day_start_us(programme.first_day)
    events = [
        Event(id=f"D-{n}", kind="deal.won", partner="acme", occurred_at=start + n, fields={"amount": amount})
        for n, amount in enumerate((10_000, 20_001, 15_000, 10_000))
    ]
    table = evolve(EventTable.from_events(programme, events), chance=np.array([600_000, -1, 600_000, 600_000]))
    responding = run(
        programme, table, until_day=programme.first_day, response=Response.of(programme, {"deal.won": 10**6})
    )
    assert responding.layers[Layer.PARTNER].events.tolist() == [[3]]
    assert responding.layers[Layer.PARTNER].sums.tolist() == [[45_001]]
    assert run(programme, table, until_day=programme.first_day, kernel=False).layers[Layer.PARTNER].events.tolist() == [
        [4]
    ]


def test_of_whom_nothing_happens_nobody_is_counted() -> None:
    """A partner whose events all need more of a response than there is stands in no tier of any month."""
    programme = loads(RESPONDING)
    start = programme.calendar.day_start_us(programme.first_day)
    deals = [
        Event(id=partner, kind="deal.won", partner=partner, occurred_at=start, fields={"amount": 10_000})
        for partner in ("acme", "birch")
    ]
    table = evolve(EventTable.from_events(programme, deals), chance=np.array([-1, 999_999]))
    response = Response.of(programme, {"deal.won": 10**6})
    batch = run(programme, table, until_day=programme.first_day, response=response, kernel=False)
    assert batch.layers[Layer.PARTNER].holders.to_pylist() == ["acme"]
    assert batch.tiers.sum() == 1


def test_a_wish_redeems_what_it_asks_where_that_is_there() -> None:
    """A share is rounded down, an amount beyond what is there is refused, and both come after the events."""
    programme = loads(RESPONDING)
    at = programme.calendar.day_start_us(programme.first_day)
    deal = Event(id="D", kind="deal.won", partner="acme", occurred_at=at, fields={"amount": 10_100})
    table = EventTable.from_events(programme, [deal])
    wishes = evolve(
        table,
        kind=np.array([REDEEM, table.kind[0], REDEEM, REDEEM]),
        partner=np.zeros(4, np.int32),
        person=np.full(4, -1),
        at=np.array([at, at, at + 1, at + 2]),
        of=None,
        order=None,
        ids=None,
        values={
            "amount": np.array([MISSING, 10_100, MISSING, MISSING]),
            "@currency": np.array([0, MISSING, 0, 0]),
            "@amount": np.array([MISSING, MISSING, 52, 51]),
            "@share": np.array([500_000, MISSING, MISSING, MISSING]),
        },
    )
    batch = run(programme, wishes, until_day=programme.first_day, journal=True, kernel=False)
    assert batch.layers[Layer.PARTNER].cells[0, 0].tolist() == [101, 0, 0, 101, 0, 0, 0, 0, 0]
    assert batch.journal is not None
    assert batch.journal.select(["row", "amount"]).to_pylist() == [
        {"row": 1, "amount": 101}, {"row": 0, "amount": 50}, {"row": 3, "amount": 51},
    ]  # fmt: skip
    assert batch.entries == 3
