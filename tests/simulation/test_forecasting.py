"""Forecasts go on from where everybody stands: with nothing to come they settle, with a future they are a run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from loyalty import Engine, Holder, MemoryStore, Programme, load, loads, settle
from loyalty.batch.running import run
from loyalty.batch.tables import EventTable
from loyalty.core.calendar import parse_day
from loyalty.errors import UsageError
from loyalty.ledger.store import Grant
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.book_history import Past, recorded
from loyalty.simulation.forecast_tables import forecast_tables
from loyalty.simulation.forecasting import Forecast, forecast
from loyalty.simulation.measuring import Measures
from loyalty.simulation.partners import draw_partners
from loyalty.simulation.population import population
from loyalty.simulation.report.texts import texts
from loyalty.simulation.scenario import load_scenario, read_scenario
from loyalty.simulation.successors import successors
from loyalty.sources import read_events
from tests.simulation.portal import PORTAL, PROGRAMME, UNTIL, happened

ACME = Path(__file__).resolve().parents[2] / "examples" / "acme"

#: The portal, where points live for half a year.
SHORT = loads(PORTAL.replace("expires: {after: 1 year}", "expires: {after: 6 months}"))


SCENARIO = """\
scenario: Deals
segments:
  - {{segment: all, share: 100 %, persons: 2..4, size: {{median: 1, sigma: 0.8}}}}
events:
  deal.won:
    rate: {rate}
    fields: {{amount: {{median: 3000.00 EUR, sigma: 0.8}}}}
    then:
      deal.refunded: {{chance: 20 %, after: 5..30 days}}
"""


def scenario(rate: str, programme: Programme = PROGRAMME) -> Scenario:
    """Give a scenario of so many deals a month."""
    return read_scenario(SCENARIO.format(rate=rate), programme)


def past(programme: Programme = PROGRAMME) -> Past:
    """Give the portal's quarter as a past."""
    return Past(events=EventTable.from_events(programme, happened(programme)))


def ahead(programme: Programme, rate: str, months: int = 6, seeds: tuple[int, ...] = (1, 2, 3)) -> Forecast:
    """Go on from the end of the quarter."""
    return forecast(programme, past(programme), scenario(rate, programme), today=UNTIL, months=months, seeds=seeds)


def test_with_nothing_to_come_a_forecast_is_what_settlement_says_of_the_past() -> None:
    """Points expire month by month as they were going to, in every replicate, through the end of the run."""
    found = ahead(SHORT, "0")
    entries = settle(SHORT, happened(SHORT), until_day=found.until_day)
    left = sum(amount for (_, account, asset), amount in entries.balances.items() if asset == "points" and account)
    outstanding, expired = found.named("points.outstanding"), found.named("points.expired")
    assert outstanding.mean[-1] == left
    # acme's and ann's first deal of January, then the deals of February: 100 + 10, and 100 + 10 + 5.
    assert [int(each) for each in expired.mean] == [0, 0, 0, 110, 115, 0]
    assert list(found.expiring["points"]) == list(expired.mean)
    assert all(interval.low == interval.high for one in found.series for interval in one.intervals)
    assert [int(each) for each in found.named("tiers.gold").mean] == [1] * 6
    totals = {one.name: one for one in found.totals}
    assert (totals["liability"].today, totals["liability"].mean) == (Fraction("187.5"), Fraction(165))
    assert totals["breakage"].mean == 1
    assert totals["revenue"].mean == 0
    assert [month - 2026 * 12 for month in found.months] == [3, 4, 5, 6, 7, 8]


def test_each_replicate_is_what_one_run_over_past_and_future_comes_to() -> None:
    """Going on from a state changes nothing: the end of the mean is the mean of the ends of whole runs."""
    found = ahead(PROGRAMME, "2", seeds=(5, 6))
    table = evolve(past().events, ids=None)
    before = Measures(run(PROGRAMME, table, until_day=UNTIL))
    rank = np.argsort(np.argsort(before.revenue))
    ends, revenues = [], []
    for seed in (5, 6):
        future = successors(PROGRAMME, scenario("2"), before.partners, rank, {"acme": ["ann"]}, 6, seed, UNTIL + 1)
        whole = Measures(run(PROGRAMME, EventTable.concat([table, future]), until_day=found.until_day))
        ends.append(whole.figures()["points.outstanding"].value)
        revenues.append(whole.figures()["revenue"].value - 16_500)
    assert found.named("points.outstanding").mean[-1] == sum(ends) / 2
    totals = {one.name: one for one in found.totals}
    assert totals["points.outstanding"].mean == sum(ends) / 2
    assert totals["revenue"].mean == sum(revenues) / 2
    # The middle 90 % of two lie between their 5th and 95th percentiles.
    low, high = float(min(ends)), float(max(ends))
    interval = totals["points.outstanding"].interval
    assert (interval.low, interval.high) == pytest.approx((low + 0.05 * (high - low), high - 0.05 * (high - low)))


def test_the_flows_of_a_forecast_add_up_to_what_stands_at_its_end() -> None:
    """In every currency and month: outstanding moves by what is issued less what expires, is redeemed or goes back."""
    found = ahead(SHORT, "1.5")
    figures = {one.name: one for one in found.series}
    today = {one.name: one.today for one in found.totals}
    for name in ("points", "mdf", "status"):
        stands = today[f"{name}.outstanding"]
        assert stands is not None
        for place in range(6):
            stands += figures[f"{name}.issued"].mean[place]
            stands -= sum(figures[f"{name}.{part}"].mean[place] for part in ("expired", "redeemed", "reversed"))
            assert figures[f"{name}.outstanding"].mean[place] == stands
    partners = [sum(figures[f"tiers.{tier}"].mean[place] for tier in ("base", "gold")) for place in range(6)]
    assert partners == [3] * 6


def test_known_partners_and_people_go_on_under_their_names_and_in_their_order() -> None:
    """Who brought most is given the place of whom most is expected; people beyond those known are numbered."""
    names = [f"partner {number}" for number in range(30)]
    rank = np.array([(7 * number) % 30 for number in range(30)])
    drawn = scenario("1")
    table = successors(PROGRAMME, drawn, names, rank, {"partner 3": ["ann", "bob"]}, 12, 1, UNTIL + 1)
    assert set(table.partners.to_pylist()) <= set(names)
    who = draw_partners(drawn, [f"~{number:07}" for number in range(30)], 1)
    counts = dict.fromkeys(names, 0)
    for code in table.partner.tolist():
        counts[table.partners[code].as_py()] += 1
    largest, smallest = names[int(rank.argmax())], names[int(rank.argmin())]
    assert counts[largest] > counts[smallest]
    assert len(who) == 30
    people = {table.persons[code].as_py() for code in table.person.tolist() if code >= 0}
    mine = {name for name in people if name in ("ann", "bob") or name.startswith("partner 3-")}
    assert mine & {"ann", "bob"}
    assert "partner 3-1" not in mine
    assert "partner 3-2" not in mine


def test_partners_who_arrive_are_added_and_have_names_of_their_own() -> None:
    """They bring revenue, and stand in the base tier at first."""
    alone = ahead(PROGRAMME, "1")
    more = forecast(PROGRAMME, past(), scenario("1"), today=UNTIL, months=6, seeds=(1, 2, 3), arriving=20)
    assert (more.partners, more.arriving) == (3, 20)
    revenue = [next(one.mean for one in found.totals if one.name == "revenue") for found in (alone, more)]
    assert revenue[1] > revenue[0] > 0
    tiers = [sum(more.named(f"tiers.{tier}").mean[-1] for tier in ("base", "gold"))]
    assert 3 < tiers[0] <= 23


def test_the_past_of_a_book_is_what_it_recorded() -> None:
    """An event that came too late counts from when it came, a decision is replayed, and today is what the book has."""
    text = PORTAL.replace(
        "timezone: Europe/Berlin}", "timezone: Europe/Berlin}\naccept_late: {within: 20 days, else: from_now}"
    )
    programme = loads(text)
    engine = Engine(programme, MemoryStore(), clock=lambda: programme.calendar.day_start_us(UNTIL))
    first, second, third, *others = happened(programme)
    for event in (first, second, third):
        engine.submit(event)
    engine.advance(parse_day("2026-03-28"))
    assert all(engine.submit(event).counts_from for event in others)
    engine.redeem("partner:acme", "points", 60, key="gift", at="2026-03-31")
    engine.advance(UNTIL)
    found = recorded(programme, engine.store)
    assert (len(found.events), len(found.grants), found.clock_day) == (5, 1, UNTIL)
    measures = Measures(run(programme, found.events, grants=found.grants, until_day=UNTIL))
    points = measures.names.index("points")
    stood = 0
    with engine.store.transaction() as book:
        for place, partner in enumerate(measures.partners):
            available = book.balances(Holder.partner(partner)).get(("available", "points"), 0)
            assert measures.cells[place, points, 5] == available
            stood += available
    future = forecast(programme, found, scenario("0", programme), today=UNTIL, months=2, seeds=(1, 2))
    totals = {one.name: one for one in future.totals}
    assert totals["points.outstanding"].today == measures.figures()["points.outstanding"].value >= stood > 0


def test_what_was_recorded_after_today_is_left_out_and_told() -> None:
    """The forecast from January is that of a file that ends there; birch and cedar, who come later, are unknown."""
    day = parse_day("2026-01-31")
    hold = Grant(key="gift", kind="redeem", holder=Holder.partner("acme"), currency="points", amount=5,
                 at=PROGRAMME.calendar.day_start_us(day + 9))  # fmt: skip
    cut = Past(events=EventTable.from_events(PROGRAMME, happened()[:1]))
    whole, alone = (
        forecast(PROGRAMME, one, scenario("1"), today=day, months=4, seeds=(1, 2))
        for one in (evolve(past(), grants=(hold,)), cut)
    )
    assert whole.partners == 1
    assert (whole.series, whole.totals, whole.expiring) == (alone.series, alone.totals, alone.expiring)
    assert texts("en").tell(whole.notes[0]) == (
        "Left out, since what is drawn stands for it: what was recorded of days after 2026-01-31 "
        "(events: 4, decisions: 1)."
    )
    assert len(alone.notes) == len(whole.notes) - 1
    with pytest.raises(UsageError, match=r"every event is after today, 2026-01-01, .* the first is of 2026-"):
        forecast(PROGRAMME, past(), scenario("1"), today=parse_day("2026-01-01"), months=4, seeds=(1, 2))


def test_a_wish_to_redeem_that_comes_later_is_left_out_as_a_decision() -> None:
    """Of a population what happens is told as events, and what is wished beside it as decisions."""
    wishes = "redeem: {points: {share: 50 %}}\n"
    drawn = read_scenario(SCENARIO.format(rate=2) + wishes, PROGRAMME)
    table = population(PROGRAMME, drawn, 5, 6, 1, PROGRAMME.first_day)
    day = parse_day("2026-02-28")
    later = table.kind[table.at >= PROGRAMME.calendar.day_start_us(day + 1)]
    found = forecast(PROGRAMME, Past(events=table), drawn, today=day, months=2, seeds=(1, 2))
    counts = (int((later >= 0).sum()), int((later < 0).sum()))
    assert min(counts) > 0
    assert "(events: {}, decisions: {}).".format(*counts) in texts("en").tell(found.notes[0])


def test_who_is_closed_does_nothing_more_and_its_name_goes_to_nobody() -> None:
    """A book with a merged partner and a closed person has a forecast: the others' deals, none of these two."""
    engine = Engine(PROGRAMME, MemoryStore())
    for event in happened():
        engine.submit(event)
    engine.merge("partner:birch", "partner:cedar", key="M-1", pending="mature", at="2026-03-30")
    engine.close("person:ann", key="C-1", forfeit=True, at="2026-03-30")
    engine.advance(UNTIL)
    found = recorded(PROGRAMME, engine.store)
    people = {grant.holder.id for grant in found.grants if grant.kind == "close"}
    assert people == {"birch", "ann"}
    future = forecast(PROGRAMME, found, scenario("2"), today=UNTIL, months=6, seeds=(1, 2))
    assert (future.partners, future.named("tiers.base").mean[-1] + future.named("tiers.gold").mean[-1]) == (3, 3)
    assert "closed, for whom nothing is drawn: 1." in " ".join(map(texts("en").tell, future.notes))
    assert next(one.mean for one in future.totals if one.name == "revenue") > 0
    # Everybody closed: what is there runs out, and nothing comes.
    for name in ("acme", "cedar"):
        engine.close(f"partner:{name}", key=f"C-{name}", forfeit=True, at="2026-03-31")
    last = forecast(PROGRAMME, recorded(PROGRAMME, engine.store), scenario("2"), today=UNTIL, months=2, seeds=(1, 2))
    assert next(one.mean for one in last.totals if one.name == "revenue") == 0


def test_a_new_person_has_a_name_that_no_other_has() -> None:
    """The history has a person of the name that the second of a partner's people would get."""
    table = successors(
        PROGRAMME, scenario("3"), ["acme"], np.array([0]), {"acme": ["ann"]}, 12, 1, UNTIL + 1, taken={"ann", "acme-2"}
    )
    named = {table.persons[code].as_py() for code in table.person.tolist() if code >= 0}
    assert {"ann", "acme-2-new"} <= named
    assert "acme-2" not in named


def test_points_that_were_granted_before_today_do_not_make_the_future_cheaper() -> None:
    """With nothing to come nothing is granted, so cost is 0; 225 points of 0.10 EUR expire, which is told by itself."""
    totals = {one.name: one.mean for one in ahead(SHORT, "0").totals}
    assert (totals["cost"], totals["expiry"]) == (Fraction(0), Fraction("22.5"))
    # Nor is anything of before taken back, which would be no saving of what is to come.
    assert totals["points.reversed"] == totals["mdf.reversed"] == 0
    found = ahead(SHORT, "2")
    totals = {one.name: one.mean for one in found.totals}
    granted = {
        name: sum(found.named(f"{name}.issued").mean) - sum(found.named(f"{name}.reversed").mean)
        for name in ("points", "mdf")
    }
    assert totals["cost"] == granted["points"] / 10 + granted["mdf"] > 0
    assert totals["cost_per_revenue"] > 0
    assert any("granted from tomorrow on" in texts("en").tell(note) for note in found.notes)


def test_points_without_parts_are_whole_and_money_is_not() -> None:
    """What says so is the currency, in the months as in the totals."""
    found = ahead(PROGRAMME, "0.5")
    whole = {one.name for one in (*found.series, *found.totals) if one.is_whole}
    assert {"points.issued", "points.outstanding"} <= whole
    assert not any(name.startswith(("mdf", "cost", "liability", "tiers")) for name in whole)


def test_one_replicate_has_no_interval() -> None:
    with pytest.raises(UsageError, match="two replicates at least"):
        ahead(PROGRAMME, "1", seeds=(1,))


def test_the_tables_of_the_demos_forecast_are_whole() -> None:
    """Every feature of the demo: leads, certificates, badges, allotments, claims of funds."""
    programme = load(ACME / "programme.yaml")
    events = read_events(ACME / "history.jsonl", programme).events
    found = forecast(
        programme, Past(events=EventTable.from_events(programme, events)),
        load_scenario(ACME / "scenario.yaml", programme), today=parse_day("2026-12-31"), months=3, seeds=(1, 2),
    )  # fmt: skip
    tables = {table.name: table for table in forecast_tables(found)}
    assert set(tables) == {"forecast", "totals", "expiring"}
    assert all(len(row) == len(table.columns) for table in tables.values() for row in table.rows)
    assert len(tables["forecast"].rows) == 3 * len(found.series)
    today = next(one for one in found.totals if one.name == "licences.outstanding")
    assert (today.today, today.mean > 51) == (Fraction(51), True)
    settled = settle(programme, events, until_day=parse_day("2026-12-31"))
    points = sum(amount for (_, account, asset), amount in settled.balances.items() if asset == "points" and account)
    assert next(one.today for one in found.totals if one.name == "points.outstanding") == points
