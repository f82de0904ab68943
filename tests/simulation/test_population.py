"""Populations: valid, reproducible, and the same however they are cut."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from statistics import median

import pytest
from attrs import evolve

from loyalty.core.calendar import parse_day
from loyalty.core.events import Event
from loyalty.errors import EventRejected
from loyalty.programme.admission import admit
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.draws import Constant, LogNormal, Stream
from loyalty.simulation.population import partner_names, population
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


@pytest.fixture(scope="module")
def busy(programme: Programme) -> Scenario:
    """A scenario in which much happens."""
    return read_scenario(BUSY, programme)


def _draw(programme: Programme, scenario: Scenario, partners: int = 30, months: int = 12, seed: int = 7) -> list[Event]:
    return list(population(programme, scenario, partners, months, seed, START))


def test_the_same_seed_gives_the_same_events_and_another_seed_others(programme: Programme, busy: Scenario) -> None:
    """Drawing is a function of its arguments."""
    assert _draw(programme, busy) == _draw(programme, busy)
    assert _draw(programme, busy) != _draw(programme, busy, seed=8)


def test_no_partitioning_changes_an_event(programme: Programme, busy: Scenario) -> None:
    """Partners drawn alone, in any order, are those that were drawn together."""
    whole = sorted(_draw(programme, busy), key=lambda event: event.key)
    names = list(partner_names(30))
    parts = [event for part in (names[20:], names[:3], names[3:20]) for event in
             population(programme, busy, part, 12, 7, START)]  # fmt: skip
    assert sorted(parts, key=lambda event: event.key) == whole


def test_more_partners_and_more_months_only_add_events(programme: Programme, busy: Scenario) -> None:
    """What was drawn for a smaller run stands in the larger one."""
    small = {event.identity: event for event in _draw(programme, busy, partners=10, months=6)}
    large = {event.identity: event for event in _draw(programme, busy, partners=12, months=9)}
    assert {identity: large[identity] for identity in small} == small


def test_another_kind_of_event_leaves_the_others_as_they_were(programme: Programme, busy: Scenario) -> None:
    """Each kind has a stream of its own."""
    fewer = evolve(busy, activities=busy.activities[:1])
    deals = [event for event in _draw(programme, busy) if event.kind.startswith("deal")]
    assert _draw(programme, fewer) == deals


@pytest.mark.parametrize("which", ["default", "busy"])
def test_every_event_is_valid_and_has_an_identity_of_its_own(programme: Programme, busy: Scenario, which: str) -> None:
    """The programme admits each event; ids never repeat; each partner's events are in settlement order."""
    events = _draw(programme, default_scenario(programme) if which == "default" else busy)
    assert events
    assert len({event.identity for event in events}) == len(events)
    histories: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        assert admit(programme, event) is event
        histories[event.partner].append(event)
        assert programme.calendar.day_start_us(START) <= event.occurred_at
        assert event.occurred_at < programme.calendar.day_start_us(parse_day("2027-01-01"))
    assert all(history == sorted(history, key=lambda event: event.key) for history in histories.values())


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
    assert takes_turns
    for kinds in takes_turns.values():
        assert kinds[::2] == ["certification.passed"] * len(kinds[::2])
        assert kinds[1::2] == ["certification.expired"] * len(kinds[1::2])


def test_rates_seasons_and_amounts_are_what_the_scenario_says(programme: Programme, busy: Scenario) -> None:
    """Over many draws: eight deals a month, none in July, half of the amounts below the median."""
    deals = [event for event in _draw(programme, busy, partners=60) if event.kind == "deal.won"]
    months = Counter(programme.calendar.local(event.occurred_at).month for event in deals)
    assert months[7] == 0
    assert 7.7 < len(deals) / (60 * 11) < 8.3
    assert 850_000 < median(int(event.fields["amount"]) for event in deals) < 950_000
    assert all(8 <= programme.calendar.local(event.occurred_at).hour < 19 for event in deals)


def test_a_start_within_a_month_leaves_out_what_lies_before(programme: Programme, busy: Scenario) -> None:
    """The first month counts as a whole month, of which the days before the start are empty."""
    start = parse_day("2026-01-20")
    late = list(population(programme, busy, 10, 2, 7, start))
    whole = [event for event in population(programme, busy, 10, 2, 7, START) if event.kind == "deal.won"]
    after = [event for event in whole if event.occurred_at >= programme.calendar.day_start_us(start)]
    assert [event for event in late if event.kind == "deal.won"] == after


def test_a_scenario_that_asks_for_what_the_programme_refuses_is_stopped(programme: Programme, busy: Scenario) -> None:
    """A scenario built by hand is held to the same bounds as a file."""
    deal = evolve(busy.activities[0], fields={"amount": Constant(-1)})
    with pytest.raises(EventRejected):
        _draw(programme, evolve(busy, activities=(deal,)))


def test_a_draw_is_the_same_on_every_platform() -> None:
    """Known values of a stream: whoever changes how numbers are drawn changes every published simulation."""
    stream = Stream(7, "P-000001", "deal.won")
    drawn = [stream.uniform(1, 1000) for _ in range(3)], stream.count(120.0), LogNormal(1000, Fraction(1)).draw(stream)
    assert drawn == ([63, 394, 322], 126, 467)
