"""Scenario files: what they say, and every finding of a bad one at once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from loyalty.core.calendar import Period, Unit
from loyalty.core.holders import Layer
from loyalty.errors import ProgrammeError
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.nodes import plain_value
from loyalty.programme.notes import Notes
from loyalty.programme.yaml_reading import read_yaml
from loyalty.simulation.behaviour import Arrival, Churn, Delay, Incentive, Noise, Wish
from loyalty.simulation.distributions import Choice, Constant, LogNormal, OfLabel, Quantiles, Uniform
from loyalty.simulation.report.texts import ENGLISH
from loyalty.simulation.scenario import default_scenario, load_scenario, read_scenario
from loyalty.simulation.scenario_language import scenario_schema

GOOD = """\
scenario: two years
assumptions: [deals are rare]
segments:
  - {segment: small, share: 70 %, persons: 1..3, size: {median: 0.5, sigma: 0.6}, labels: {field: cloud}}
  - segment: large
    share: 30 %
    persons: 9
    rates: {deal.won: 2.5}
    amounts: 3
    labels: {field: {data: 2, security: 1}}
    churn: 1 %
arrival: {at_start: 60 %, within: 18 months}
churn: {quiet: 3 %, comeback: 10 %}
events:
  deal.won:
    rate: 1.5
    season: [1, 1, 1, 1, 1, 2, 0, 0, 1, 1, 1, 2]
    growth: -6 %
    noise: {month: 0.4, market: 0.1}
    fields:
      amount: {median: 9000.00 EUR, sigma: 1.1}
      registered: {true: 80, false: 20}
    then:
      deal.refunded: {chance: 4 %, after: 5..40 days, partial: 30 %}
  certification.passed:
    rate: 0.1
    per: person
    fields: {track: {label: field}}
    then:
      certification.expired: {chance: 0.5, after: 24 months}
  event.attended:
    rate: 1
    names_person: false
    noise: 0.3
    fields: {seats: 1..4, topic: roadmap}
redeem:
  points: 20 %
claim:
  mdf: {amount: {empirical: {0 %: 10.00 EUR, 50 %: 400.00 EUR, 100 %: 9000.00 EUR}}, rate: 0.2, after: 20..60 days}
response:
  deal.won: {elasticity: 30 %, because: The sales directors' estimate.}
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
    assert certified.fields == {"track": OfLabel("field")}
    assert (deal.growth, deal.noise) == (Fraction(-6, 100), Noise(month=Fraction(2, 5), market=Fraction(1, 10)))
    assert attended.noise == Noise(month=Fraction(3, 10))
    assert small.arrival == large.arrival == Arrival(at_start=Fraction(3, 5), within=18)
    assert small.churn == Churn(quiet=Fraction(3, 100), comeback=Fraction(1, 10))
    assert large.churn == Churn(quiet=Fraction(1, 100))
    assert (small.labels["field"], large.labels["field"]) == (
        Choice(("cloud",), (1,)), Choice(("data", "security"), (2, 1))
    )  # fmt: skip
    redeemed, claimed = scenario.wishes
    assert redeemed == Wish(currency="points", share=Fraction(1, 5), every=Period.MONTH)
    assert claimed == Wish(
        currency="mdf", amount=Quantiles(((0.0, 1000), (0.5, 40_000), (1.0, 900_000)), 1, 10**15), every=None,
        rate=Fraction(1, 5), after=Delay(lowest=20, highest=60), claim=True,
    )  # fmt: skip
    assert scenario.response == {
        "deal.won": Incentive(elasticity=Fraction(3, 10), because="The sales directors' estimate.")
    }
    assert scenario.assumptions == ("deals are rare",)


def test_the_response_to_incentives_is_said_as_an_assumption(programme: Programme) -> None:
    """What is assumed of incentives follows the file's own assumptions, with its number and where it comes from."""
    assert tuple(map(ENGLISH.tell, read_scenario(GOOD, programme).assumed())) == (
        "deals are rare",
        "Assumed, not observed: partners on the point of reaching the next tier do 30 % more deal.won than those who "
        "have done nothing towards it. The sales directors' estimate.",
    )


def test_observed_values_are_their_own_quantiles(programme: Programme) -> None:
    """A list of values, in any order, is read as the quantile function through them."""
    text = GOOD.replace("amount: {median: 9000.00 EUR, sigma: 1.1}", "amount: {empirical: [500, 90000, 7000]}")
    deal = read_scenario(text, programme).activities[0]
    points = ((0.0, 50_000), (0.5, 700_000), (1.0, 9_000_000))
    assert deal.fields["amount"] == Quantiles(points, 0, 5_000_000_000)


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
        ("  points: 20 %", "  status: 20 %", "unknown-name"),
        ("  mdf: {amount", "  points: {amount", "unknown-name"),
        ("rate: 0.2, after", "every: month, rate: 0.2, after", "conflicting-keys"),
        ("rate: 0.2, after", "share: 5 %, after", "conflicting-keys"),
        (
            "mdf: {amount: {empirical: {0 %: 10.00 EUR, 50 %: 400.00 EUR, 100 %: 9000.00 EUR}}, ",
            "mdf: {",
            "missing-key",
        ),
        ("50 %: 400.00 EUR", "50 %: 4.00 EUR", "bad-value"),
        ("0 %: 10.00 EUR", "1 %: 10.00 EUR", "bad-value"),
        ("50 %: 400.00 EUR", "half: 400.00 EUR", "bad-value"),
        ("{label: field}", "{label: feild}", "unknown-name"),
        ("{data: 2, security: 1}", "{data: 2, safety: 1}", "bad-value"),
        (", labels: {field: cloud}", "", "missing-key"),
        ("growth: -6 %", "growth: -100 %", "bad-value"),
        ("growth: -6 %", "growth: lots", "bad-value"),
        ("noise: {month", "noise: {week", "unknown-key"),
        ("noise: 0.3", "noise: 9", "bad-value"),
        ("within: 18 months", "within: 18 days", "bad-value"),
        (", within: 18 months", "", "missing-key"),
        ("churn: 1 %", "churn: {comeback: 1 %}", "missing-key"),
        ("elasticity: 30 %", "elasticity: -30 %", "bad-value"),
        (", because: The sales directors' estimate.", "", "missing-key"),
        ("  deal.won: {elasticity", "  deal.refunded: {elasticity", "wrong-role"),
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


def test_the_schema_takes_what_the_reader_takes() -> None:
    """It knows the good file and the demo's, and not a key that is misspelt."""
    validator = Draft202012Validator(scenario_schema())
    demo = (Path(__file__).parents[2] / "examples" / "acme" / "scenario.yaml").read_text(encoding="utf-8")
    for text in (GOOD, demo):
        node = read_yaml(text, Notes(text, "scenario.yaml"))
        assert node is not None
        assert list(validator.iter_errors(plain_value(node))) == []
    wrong = read_yaml(GOOD.replace("growth:", "grwth:"), Notes(GOOD, "scenario.yaml"))
    assert wrong is not None
    assert [error.validator for error in validator.iter_errors(plain_value(wrong))] == ["additionalProperties"]


def test_the_scenario_of_the_reference_page_fits_the_demo_programme() -> None:
    """What the page shows is read without a finding."""
    root = Path(__file__).parents[2]
    page = (root / "docs" / "reference" / "scenario-file.md").read_text(encoding="utf-8")
    scenario = read_scenario(page.split("```yaml\n")[1].split("```")[0], load(root / "examples/acme/programme.yaml"))
    assert [wish.claim for wish in scenario.wishes] == [False, True]


def test_the_demo_scenario_fits_the_demo_programme() -> None:
    """The file that is shipped is read without a finding."""
    folder = Path(__file__).parents[2] / "examples" / "acme"
    scenario = load_scenario(folder / "scenario.yaml", load(folder / "programme.yaml"))
    assert len(scenario.segments) == 3
    assert len(scenario.activities) == 4


def test_a_programme_in_place_of_a_scenario_is_told_once() -> None:
    """Not once for each of its keys; and the other way round."""
    folder = Path(__file__).parents[2] / "examples" / "acme"
    programme = load(folder / "programme.yaml")
    for read, name, key in (
        (lambda: load_scenario(folder / "programme.yaml", programme), "programme", "scenario"),
        (lambda: load(folder / "scenario.yaml"), "scenario", "programme"),
    ):
        with pytest.raises(ProgrammeError) as raised:
            read()
        [finding] = raised.value.findings
        assert (finding.code, finding.got) == ("another-file", f"`{name}`")
        assert finding.why == f"it is a {name} file, and a {key} is expected here"
