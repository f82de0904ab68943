"""Populations: valid, reproducible, and the same however they are cut."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.batch.tables import AMOUNT, CURRENCY, REDEEM, SHARE, EventTable, kinds_of, missing_of
from loyalty.core.calendar import Period, parse_day
from loyalty.core.events import Event
from loyalty.core.holders import Layer
from loyalty.errors import EventRejected
from loyalty.programme.admission import admit
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import Delay, Scenario, Wish
from loyalty.simulation.distributions import Choice, Constant, OfLabel
from loyalty.simulation.months import month_starts
from loyalty.simulation.partners import draw_partners, partner_names, presence
from loyalty.simulation.population import population, populations
from loyalty.simulation.scenario import default_scenario, read_scenario

START = parse_day("2026-01-01")

BUSY = """\
scenario: busy
segments:
  - {segment: all, share: 100 %, persons: 2}
events:
  deal.won:
    rate: 8
    season: [1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1]
    fields: {amount: {median: 9000, sigma: 0.5}}
    then:
      deal.refunded: {chance: 50 %, after: 0..9 days, partial: 50 %}
  certification.passed:
    rate: 2
    per: person
    then:
      certification.expired: {chance: 100 %, after: 2 months}
"""

#: Every key of the language that draws: what is cut must be the same in all of them.
RICH = """\
scenario: rich
arrival: {at_start: 50 %, within: 6 months}
churn: {quiet: 10 %, comeback: 30 %}
segments:
  - {segment: small, share: 60 %, persons: 0..2, size: {median: 0.5, sigma: 0.7}, labels: {region: {cloud: 2, data: 1}}}
  - {segment: large, share: 40 %, persons: 3, amounts: 2, rates: {deal.won: 2}, labels: {region: security}}
events:
  deal.won:
    rate: 3
    growth: 20 %
    noise: {month: 0.4, market: 0.2}
    fields: {amount: {empirical: {0 %: 10, 50 %: 9000, 100 %: 40000}}}
    then:
      deal.refunded: {chance: 30 %, after: 1..60 days, partial: 50 %}
  certification.passed:
    rate: 0.7
    per: person
    fields: {track: {label: region}}
    then:
      certification.expired: {chance: 60 %, after: 1..3 months}
  event.attended:
    rate: 0.5
    fields: {seats: 1..4, topic: {a: 1, b: 2}}
redeem:
  points: {share: 20 %, chance: 70 %}
claim:
  mdf: {amount: {median: 50, sigma: 1}, rate: 0.3, per: person, after: 3..20 days}
response:
  deal.won: {elasticity: 50 %, because: Nobody has measured it.}
"""


@pytest.fixture(scope="module")
def busy(programme: Programme) -> Scenario:
    """A scenario in which much happens."""
    return read_scenario(BUSY, programme)


@pytest.fixture(scope="module")
def rich(programme: Programme) -> Scenario:
    """A scenario in which everything is used."""
    return read_scenario(RICH, programme)


def _draw(programme: Programme, scenario: Scenario, partners: int = 30, months: int = 12, seed: int = 7) -> list[Event]:
    return population(programme, scenario, partners, months, seed, START, ids=True).to_events()


def _rows(table: EventTable) -> list[tuple[object, ...]]:
    """Give what each row says, in its order, with names for codes and the identity of what it speaks of."""
    names = dict(enumerate(kinds_of(table.programme)))
    texts = {name: texts.to_pylist() for name, texts in table.texts.items()}
    ids = table.ids.to_pylist()
    partners, persons = table.partners.to_pylist(), table.persons.to_pylist()
    values = {name: column.tolist() for name, column in sorted(table.values.items())}
    missing = {name: missing_of(column) for name, column in table.values.items()}
    assert table.of is not None
    rows = []
    for row in range(len(table)):
        held = tuple(
            (name, texts[name][column[row]] if name in texts else column[row])
            for name, column in values.items()
            if column[row] != missing[name]
        )
        of, person = int(table.of[row]), int(table.person[row])
        chance = -1 if table.chance is None else int(table.chance[row])
        rows.append(
            (ids[row], names.get(int(table.kind[row]), "wish"), partners[table.partner[row]],
             persons[person] if person >= 0 else None, int(table.at[row]), ids[of] if of >= 0 else None, chance, held)
        )  # fmt: skip
    return rows


def _months(table: EventTable) -> np.ndarray:
    """Give the month of each row, January 2026 being 0."""
    starts = [table.programme.calendar.day_start_us(day) for day in month_starts(START, 60)]
    return np.searchsorted(starts, table.at, side="right") - 1


def test_the_same_seed_gives_the_same_events_and_another_seed_others(programme: Programme, busy: Scenario) -> None:
    """Drawing is a function of its arguments."""
    assert _draw(programme, busy) == _draw(programme, busy)
    assert _draw(programme, busy) != _draw(programme, busy, seed=8)


def test_no_partitioning_by_partners_changes_a_row(programme: Programme, rich: Scenario) -> None:
    """Partners drawn alone, in any order and any company, have the rows that they have in the whole."""
    whole = _rows(population(programme, rich, 40, 9, 7, START, ids=True))
    names = partner_names(40)
    alone = {name: _rows(population(programme, rich, [name], 9, 7, START, ids=True)) for name in names[:12]}
    for name, rows in alone.items():
        assert rows == [row for row in whole if row[2] == name]
    parts = [row for part in populations(programme, rich, 40, 9, 7, START, ids=True, size=7) for row in _rows(part)]
    assert parts == whole


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 9), max_size=4), seed=st.integers(0, 2**40), day=st.sampled_from([1, 17]))
def test_no_partitioning_by_months_changes_a_row(
    programme: Programme, rich: Scenario, cuts: list[int], seed: int, day: int
) -> None:
    """What begins in the parts of the months, with what follows from it, is what begins in all of them."""
    start = START + day - 1
    whole = population(programme, rich, 9, 9, seed, start, ids=True)
    bounds = [0, *sorted(cuts), 9]
    parts = [
        row
        for first, last in pairwise(bounds)
        for row in _rows(population(programme, rich, 9, 9, seed, start, part=range(first, last), ids=True))
    ]
    assert sorted(parts, key=repr) == sorted(_rows(whole), key=repr)


def test_more_partners_and_more_months_only_add_events(programme: Programme, rich: Scenario) -> None:
    """What was drawn for a smaller run stands in the larger one."""
    small = {row[0]: row for row in _rows(population(programme, rich, 10, 6, 7, START, ids=True))}
    large = {row[0]: row for row in _rows(population(programme, rich, 12, 9, 7, START, ids=True))}
    assert {identity: large[identity] for identity in small} == small


def test_another_kind_of_event_leaves_the_others_as_they_were(programme: Programme, busy: Scenario) -> None:
    """Each kind has draws of its own."""
    fewer = evolve(busy, activities=busy.activities[:1])
    deals = [event for event in _draw(programme, busy) if event.kind.startswith("deal")]
    assert _draw(programme, fewer) == deals


@pytest.mark.parametrize("which", ["default", "busy", "rich"])
def test_every_event_is_valid_and_has_an_identity_of_its_own(
    programme: Programme, busy: Scenario, rich: Scenario, which: str
) -> None:
    """The programme admits each event; ids never repeat; each partner's events are in settlement order."""
    events = _draw(programme, {"default": default_scenario(programme), "busy": busy, "rich": rich}[which])
    assert events
    assert len({event.identity for event in events}) == len(events)
    histories: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        assert admit(programme, event) is event
        histories[event.partner].append(event)
        assert programme.calendar.day_start_us(START) <= event.occurred_at
        assert event.occurred_at < programme.calendar.day_start_us(parse_day("2027-01-01"))
    assert all(history == sorted(history, key=lambda event: event.key) for history in histories.values())


def test_a_table_is_what_its_events_are_as_a_table(programme: Programme, rich: Scenario) -> None:
    """Read back from objects, the columns say the same of every row that is an event."""
    table = population(programme, rich, 20, 9, 3, START, ids=True)
    again = EventTable.from_events(programme, table.to_events())
    ours = [(*row[:6], row[7]) for row in _rows(table) if row[1] != "wish"]
    theirs = [(*row[:6], row[7]) for row in _rows(again)]
    assert sorted(theirs, key=repr) == sorted(ours, key=repr)


def test_refunds_follow_their_deals_and_never_exceed_them(programme: Programme, busy: Scenario) -> None:
    """A refund names a deal of the same partner, comes after it, and is of a part or of the whole."""
    events = {event.identity: event for event in _draw(programme, busy)}
    refunds = [event for event in events.values() if event.kind == "deal.refunded"]
    partial = [event for event in refunds if "amount" in event.fields]
    assert 0.4 < len(partial) / len(refunds) < 0.6
    for refund in refunds:
        deal = events[refund.origin or ""]
        assert deal.partner == refund.partner
        assert deal.occurred_at < refund.occurred_at
    for refund in partial:
        assert 0 < int(refund.fields["amount"]) < int(events[refund.origin or ""].fields["amount"])


def test_a_certificate_is_not_passed_again_while_it_is_in_force(programme: Programme, busy: Scenario) -> None:
    """For each person and track, passing and expiring take turns."""
    takes_turns: dict[tuple[str | None, object], list[str]] = defaultdict(list)
    for event in _draw(programme, busy):
        if event.kind.startswith("certification"):
            takes_turns[event.person, event.fields["track"]].append(event.kind)
    assert max(map(len, takes_turns.values())) > 4
    for kinds in takes_turns.values():
        assert kinds[::2] == ["certification.passed"] * len(kinds[::2])
        assert kinds[1::2] == ["certification.expired"] * len(kinds[1::2])


def test_a_certificate_is_passed_whenever_none_is_in_force(programme: Programme, busy: Scenario) -> None:
    """What is left out is only what one step after the other would leave out, as a plain loop finds it."""
    free = evolve(busy, activities=(evolve(busy.activities[1], then=()),))
    everything = evolve(programme, events={n: k for n, k in programme.events.items() if n != "certification.expired"})
    drawn = population(everything, free, 5, 12, 7, START, ids=True).to_events()
    kept = {event.identity for event in _draw(programme, free, partners=5)}
    holds: set[tuple[object, ...]] = set()
    for event in drawn:
        key = (event.person, event.fields["track"])
        assert (event.identity in kept) is (key not in holds)
        holds.add(key)


def test_quiet_and_unarrived_partners_do_nothing_and_come_back(programme: Programme, rich: Scenario) -> None:
    """Nothing begins in a month in which a partner is not there; some go quiet, some of those come back."""
    scenario = evolve(rich, wishes=())
    partners = draw_partners(scenario, 400, 7)
    present = presence(scenario, partners, 2026 * 12, 12)
    table = population(programme, scenario, 400, 12, 7, START)
    month = _months(table)
    own = np.isin(table.kind, [kinds_of(programme).index(name) for name in ("deal.won", "event.attended")])
    assert present[table.partner[own], month[own]].all()
    assert 0.4 < present[:, 0].mean() < 0.6
    turns = np.diff(present.astype(int), axis=1)
    gone = (turns == -1).sum()
    assert gone > 100
    assert (turns == 1).sum() > 200 + gone // 3


def test_wishes_are_rows_that_ask_for_a_share_or_an_amount(programme: Programme, rich: Scenario) -> None:
    """Shares at noon of a month's last day; amounts of people on any day, later by the declared delay."""
    table = population(programme, rich, 200, 12, 7, START)
    names = sorted(programme.currencies)
    wishes = table.kind == REDEEM
    points = wishes & (table.values[CURRENCY] == names.index("points"))
    claims = wishes & (table.values[CURRENCY] == names.index("mdf"))
    assert points.sum() + claims.sum() == wishes.sum()
    assert set(table.values[SHARE][points].tolist()) == {200_000}
    assert set(table.values[AMOUNT][points].tolist()) == {missing_of(table.values[AMOUNT])}
    assert (table.person[points] == -1).all()
    local = [programme.calendar.local(int(at)) for at in table.at[points]]
    assert {(at.hour, at.day) for at in local} == {(12, 31), (12, 30), (12, 28)}
    assert (table.person[claims] >= 0).all()
    assert 4_000 < np.median(table.values[AMOUNT][claims]) < 6_000


def test_wishes_of_a_quarter_come_at_its_end(programme: Programme, busy: Scenario) -> None:
    """Periods are the programme's; a year that begins in February has quarters that end in January."""
    wish = Wish(currency="points", share=Fraction(1, 2), every=Period.QUARTER)
    for first, months in ((1, {3, 6, 9, 12}), (2, {1, 4, 7, 10})):
        table = population(
            evolve(programme, year_starts_month=first), evolve(busy, wishes=(wish,)), 5, 12, 7, START
        )  # fmt: skip
        ats = table.at[table.kind == REDEEM]
        assert {programme.calendar.local(int(at)).month for at in ats} == months


def test_people_of_a_partner_without_people_wish_nothing(programme: Programme, rich: Scenario) -> None:
    """A wallet that does not exist asks for nothing."""
    nobody = evolve(rich, wishes=(Wish(currency="points", share=Fraction(1), per=Layer.PERSON),))
    table = population(programme, nobody, 100, 3, 7, START)
    persons = draw_partners(nobody, 100, 7).persons
    assert set(table.partner[table.kind == REDEEM].tolist()) <= set(np.flatnonzero(persons).tolist())


def test_labels_are_what_fields_say(programme: Programme, rich: Scenario) -> None:
    """A field that holds a label holds the partner's own, in all its events."""
    partners = draw_partners(rich, 100, 7)
    table = population(programme, rich, 100, 6, 7, START)
    passed = table.kind == kinds_of(programme).index("certification.passed")
    said = [table.texts["track"][code].as_py() for code in table.values["track"][passed]]
    texts, codes = partners.label_texts["region"], partners.labels["region"]
    assert said == [texts[codes[partner]] for partner in table.partner[passed]]
    assert set(said) == {"cloud", "data", "security"}


def test_what_responds_is_drawn_more_often_with_a_draw_of_its_own(programme: Programme, rich: Scenario) -> None:
    """The rate is 1.5 times as high, each such row has a draw in millionths, and all others happen anyway."""
    table = population(programme, rich, 600, 12, 7, START)
    plain = population(programme, evolve(rich, response={}), 600, 12, 7, START)
    assert plain.chance is None
    assert table.chance is not None
    deal = kinds_of(programme).index("deal.won")
    ratio = (table.kind == deal).sum() / (plain.kind == deal).sum()
    assert 1.45 < ratio < 1.55
    assert ((table.chance >= 0) == (table.kind == deal)).all()
    assert 490_000 < table.chance[table.chance >= 0].mean() < 510_000


def test_rates_seasons_and_amounts_are_what_the_scenario_says(programme: Programme, busy: Scenario) -> None:
    """Over many draws: eight deals a month, none in July, half of the amounts below the median."""
    deals = [event for event in _draw(programme, busy, partners=60) if event.kind == "deal.won"]
    months = Counter(programme.calendar.local(event.occurred_at).month for event in deals)
    assert months[7] == 0
    assert 7.7 < len(deals) / (60 * 11) < 8.3
    amounts = [int(event.fields["amount"]) for event in deals]
    assert 850_000 < np.median(amounts) < 950_000
    # The quartiles of a lognormal lie exp(0.6745 sigma) away from the median.
    assert np.allclose(np.quantile(amounts, [0.25, 0.75]) / 900_000, np.exp([-0.3372, 0.3372]), rtol=0.05)
    # Office hours are counted from midnight: on the days on which clocks change they lie an hour off.
    assert all(7 <= programme.calendar.local(event.occurred_at).hour < 19 for event in deals)


def test_growth_and_noise_are_what_the_scenario_says(programme: Programme, busy: Scenario) -> None:
    """A rate that doubles in a year is four times as high after two; noise widens the counts and keeps their mean."""
    deal = evolve(busy.activities[0], then=(), season=(Fraction(1),) * 12, growth=Fraction(1))
    doubling = population(programme, evolve(busy, activities=(deal,)), 400, 25, 7, START)
    counts = np.bincount(_months(doubling), minlength=25) / 400
    assert np.allclose(counts[[0, 12, 24]], [8, 16, 32], rtol=0.06)

    noisy = evolve(deal, growth=Fraction(0), noise=evolve(deal.noise, month=Fraction(1, 2)))
    table = population(programme, evolve(busy, activities=(noisy,)), 2000, 1, 7, START)
    each = np.bincount(table.partner, minlength=2000)
    # The mean of 8 stays; to the variance of 8 comes 64 (exp(sigma squared) - 1).
    assert 7.6 < each.mean() < 8.4
    assert 22 < each.var() < 31


def test_a_start_within_a_month_leaves_out_what_lies_before(programme: Programme, busy: Scenario) -> None:
    """The first month counts as a whole month, of which the days before the start are empty."""
    start = parse_day("2026-01-20")
    late = population(programme, busy, 10, 2, 7, start, ids=True).to_events()
    whole = population(programme, busy, 10, 2, 7, START, ids=True).to_events()
    after = [event for event in whole if event.occurred_at >= programme.calendar.day_start_us(start)]
    assert [e for e in late if e.kind == "deal.won"] == [e for e in after if e.kind == "deal.won"]


@pytest.mark.parametrize("strange", [Constant(-1), Constant("many"), Choice((1, True), (1, 1)), OfLabel("region")])
def test_a_scenario_that_asks_for_what_the_programme_refuses_is_stopped(
    programme: Programme, rich: Scenario, strange: Constant | Choice | OfLabel
) -> None:
    """A scenario built by hand is held to the same bounds as a file."""
    deal = evolve(rich.activities[0], fields={"amount": strange})
    with pytest.raises(EventRejected, match="amount"):
        _draw(programme, evolve(rich, activities=(deal,)))


def test_what_follows_may_come_by_weeks_and_years(programme: Programme, busy: Scenario) -> None:
    """A certificate of a year ends on the day it was passed on, a year later, or on the last of February."""
    passed = busy.activities[1]
    for delay, days in ((Delay(lowest=1, highest=1, unit=passed.then[0].after.unit.YEARS), {365, 366}),
                        (Delay(lowest=2, highest=2, unit=passed.then[0].after.unit.WEEKS), {14})):  # fmt: skip
        ends = evolve(passed, then=(evolve(passed.then[0], after=delay),))
        events = _draw(programme, evolve(busy, activities=(ends,)), partners=10, months=26)
        begun = {event.id: event for event in events}
        found = {
            programme.calendar.day_of(event.occurred_at)
            - programme.calendar.day_of(begun[event.id.removesuffix("/certification.expired")].occurred_at)
            for event in events
            if event.kind == "certification.expired"
        }
        assert found <= days
        assert found
