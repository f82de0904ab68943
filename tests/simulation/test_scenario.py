"""Scenario files: what they say, and every finding of a bad one at once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from loyalty.core.calendar import Unit
from loyalty.core.holders import Layer
from loyalty.errors import ProgrammeError
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import Delay
from loyalty.simulation.draws import Choice, Constant, LogNormal, Uniform
from loyalty.simulation.scenario import default_scenario, load_scenario, read_scenario

GOOD = """\
scenario: two years
assumptions: [deals are rare]
segments:
  - {segment: small, share: 70 %, persons: 1..3, size: {median: 0.5, sigma: 0.6}}
  - {segment: large, share: 30 %, persons: 9, rates: {deal.won: 2.5}, amounts: 3}
events:
  deal.won:
    rate: 1.5
    season: [1, 1, 1, 1, 1, 2, 0, 0, 1, 1, 1, 2]
    fields:
      amount: {median: 9000.00 EUR, sigma: 1.1}
      registered: {true: 80, false: 20}
    then:
      deal.refunded: {chance: 4 %, after: 5..40 days, partial: 30 %}
  certification.passed:
    rate: 0.1
    per: person
    then:
      certification.expired: {chance: 0.5, after: 24 months}
  event.attended:
    rate: 1
    names_person: false
    fields: {seats: 1..4, topic: roadmap}
redeem: {points: 20 %}
"""


def test_a_scenario_is_read_as_it_is_written(programme: Programme) -> None:
    """Shares are exact, amounts are minor units, and each field has its draw."""
    scenario = read_scenario(GOOD, programme)
    small, large = scenario.segments
    assert (small.share, large.share) == (Fraction(7, 10), Fraction(3, 10))
    assert (small.persons, large.persons) == (Uniform(1, 3), Uniform(9, 9))
    assert large.rates == {"deal.won": Fraction(5, 2)}
    deal, certified, attended = scenario.activities
    assert deal.fields["amount"] == LogNormal(900_000, Fraction(11, 10), 0, 5_000_000_000)
    assert deal.fields["registered"] == Choice((True, False), (80, 20))
    assert (deal.season[5], deal.season[6]) == (2, 0)
    assert (deal.then[0].chance, deal.then[0].partial) == (Fraction(1, 25), Fraction(3, 10))
    assert certified.per is Layer.PERSON
    assert certified.then[0].after == Delay(lowest=24, highest=24, unit=Unit.MONTHS)
    assert attended.fields == {"seats": Uniform(1, 4), "topic": Constant("roadmap")}
    assert not attended.names_person
    assert scenario.redeem == {"points": Fraction(1, 5)}
    assert scenario.assumptions == ("deals are rare",)


def test_every_finding_of_a_bad_file_comes_at_once_with_its_line(programme: Programme) -> None:
    """Twelve faults of different kinds are twelve findings, each at its line, with the name that may be meant."""
    bad = """\
scenario: faults
segments:
  - {segment: small, share: 70 %, persons: 3..1}
  - {segment: large, share: 140 %, rates: {deal.one: 2}}
events:
  deal.won:
    rate: fast
    season: [1, 1]
    fields:
      ammount: 5
      registered: {maybe: 1}
    then:
      certification.expired: {chance: 4 %, after: 5 days}
  deal.refunded: {rate: 1}
  certification.passed:
    rate: 1
    fields: {track: {clod: 1}}
  event.attended:
    rate: 1
    fields: {seats: 1..400}
    per: partners
redeem: {pionts: 20 %}
"""
    with pytest.raises(ProgrammeError) as caught:
        read_scenario(bad, programme, file="bad.yaml")
    found = {(finding.place.line, finding.code) for finding in caught.value.findings}
    assert found == {
        (3, "bad-value"), (4, "bad-value"), (4, "unknown-name"), (7, "bad-value"), (8, "season"),
        (10, "unknown-name"), (11, "bad-value"), (13, "wrong-origin"), (14, "wrong-role"), (17, "unknown-name"),
        (20, "out-of-range"), (21, "unknown-word"), (22, "unknown-name"),
    }  # fmt: skip
    fixes = " ".join(finding.fix for finding in caught.value.findings)
    for meant in ("`deal.won`", "`amount`", "`cloud`", "`points`", "`partner`"):
        assert meant in fixes


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("share: 30 %", "share: 20 %", "shares"),
        ("median: 9000.00 EUR", "median: 9000.00 USD", "bad-value"),
        ("median: 9000.00 EUR", "median: 9000.001 EUR", "bad-value"),
        ("sigma: 1.1", "sgima: 1.1", "unknown-key"),
        ("sigma: 1.1", "sigma: 9", "out-of-range"),
        ("{true: 80, false: 20}", "{true: 0, false: 0}", "out-of-range"),
        ("{true: 80, false: 20}", "{true: a lot}", "not-whole"),
        ("{true: 80, false: 20}", "[true]", "wrong-type"),
        ("seats: 1..4", "seats: 4..1", "bad-value"),
        ("after: 24 months", "after: 24 decades", "bad-value"),
        ("after: 24 months", "after: 24 years", "bad-value"),
        ("chance: 0.5, after", "chance: 0.5, partial: 1 %, after", "no-part"),
        ("scenario: two years\n", "", "missing-key"),
        ("redeem: {points", "redeem: {status", "unknown-name"),
        ("deal.refunded: {chance", "deal.won: {chance", "wrong-role"),
    ],
)
def test_each_kind_of_fault_is_found(programme: Programme, old: str, new: str, code: str) -> None:
    """One fault in a good file is one finding, of its own code."""
    assert old in GOOD
    with pytest.raises(ProgrammeError) as caught:
        read_scenario(GOOD.replace(old, new), programme)
    assert [finding.code for finding in caught.value.findings] == [code]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "just text\n"])
def test_what_is_no_scenario_is_refused(programme: Programme, text: str) -> None:
    """An empty file, a list and a text are findings, not crashes."""
    with pytest.raises(ProgrammeError):
        read_scenario(text, programme)


def test_the_default_scenario_covers_every_kind_that_stands_for_itself(programme: Programme) -> None:
    """Kinds that follow others come as their consequences, and people's certificates are counted per person."""
    scenario = default_scenario(programme)
    assert [activity.kind for activity in scenario.activities] == ["deal.won", "certification.passed", "event.attended"]
    assert [each.kind for activity in scenario.activities for each in activity.then] == [
        "deal.refunded",
        "certification.expired",
    ]
    assert sum(segment.share for segment in scenario.segments) == 1
    assert scenario.activities[1].per is Layer.PERSON


def test_the_demo_scenario_fits_the_demo_programme() -> None:
    """The file that is shipped is read without a finding."""
    from loyalty.programme.loading import load

    folder = Path(__file__).parents[2] / "examples" / "acme"
    scenario = load_scenario(folder / "scenario.yaml", load(folder / "programme.yaml"))
    assert len(scenario.segments) == 3
    assert len(scenario.activities) == 4
