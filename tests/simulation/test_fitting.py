"""Scenarios from histories: what was drawn from a known scenario is found again, a real history is told as it is."""

from __future__ import annotations

import re
from fractions import Fraction
from math import exp
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from loyalty.batch.running import run
from loyalty.batch.tables import EventTable
from loyalty.core.calendar import Period, Unit, parse_day
from loyalty.core.holders import Layer
from loyalty.errors import UsageError
from loyalty.explaining.said import said
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.simulation.behaviour import EVEN_SEASON, Delay, Noise, Scenario
from loyalty.simulation.distributions import Choice, Constant, LogNormal, Quantiles, Uniform
from loyalty.simulation.events_file import happened
from loyalty.simulation.fitting.comparing import goodness_of
from loyalty.simulation.fitting.fit import Fit, fit_scenario
from loyalty.simulation.fitting.presence import presence_of
from loyalty.simulation.fitting.rates import fit_market, month_noise, size_sigma
from loyalty.simulation.fitting.writing import scenario_text
from loyalty.simulation.goodness import Curve
from loyalty.simulation.months import month_starts
from loyalty.simulation.partners import draw_partners
from loyalty.simulation.population import population
from loyalty.simulation.report.texts import ENGLISH, RUSSIAN
from loyalty.simulation.scenario import load_scenario, read_scenario
from loyalty.simulation.simulating import response_of
from loyalty.sources import load_mapping, read_events

ROOT = Path(__file__).parents[2]
ACME = ROOT / "examples" / "acme"
PIPELINE = ROOT.parent / "shared" / "data" / "crm-sales" / "sales_pipeline.csv"
PARTNERS, MONTHS = 2000, 36


@pytest.fixture(scope="module")
def acme() -> Programme:
    """The demo's programme."""
    return load(ACME / "programme.yaml")


@pytest.fixture(scope="module")
def known(acme: Programme) -> Scenario:
    """The demo's scenario without what a history of events alone does not show."""
    return evolve(load_scenario(ACME / "scenario.yaml", acme), response={}, wishes=())


@pytest.fixture(scope="module")
def fit(acme: Programme, known: Scenario) -> Fit:
    """What is estimated from three years of two thousand partners of the known scenario, segments being known."""
    drawn = draw_partners(known, PARTNERS, 3)
    segments = {
        name: known.segments[place].name for name, place in zip(drawn.names, drawn.segment, strict=True)
    }  # fmt: skip
    return fit_scenario(population(acme, known, PARTNERS, MONTHS, 3, acme.first_day), segments=segments)


def test_rates_are_found_within_a_twelfth(fit: Fit, known: Scenario) -> None:
    """The events a month of a partner of each segment, or of each of its people, for every kind."""
    found = {each.kind: each for each in fit.scenario.activities}

    for activity in known.activities:
        estimate = found[activity.kind]
        assert estimate.per is activity.per
        by_name = {each.name: each for each in fit.scenario.segments}
        for segment in known.segments:
            own = by_name[segment.name]
            factors = [float(each.rates.get(activity.kind, 1)) for each in (segment, own)]
            sizes = [1.0, 1.0]
            if activity.per is Layer.PARTNER:
                sizes = [
                    float(each.size_median) * exp(float(each.size_sigma) ** 2 / 2) for each in (segment, own)
                ]  # fmt: skip
            true = float(activity.rate) * factors[0] * sizes[0]
            # Growth begins at the start; its mean over the years is not the rate.
            assert float(estimate.rate) * factors[1] * sizes[1] == pytest.approx(true, rel=0.08), activity.kind


def test_seasons_and_growth_are_found(fit: Fit, known: Scenario) -> None:
    """Each month's factor within a tenth; where there is no season none is found; growth within its error."""
    found = {each.kind: each for each in fit.scenario.activities}
    for activity in known.activities:
        season = np.array([float(each) for each in activity.season])
        assert [float(each) for each in found[activity.kind].season] == pytest.approx(
            (season / season.mean()).tolist(), rel=0.12
        )
        assert float(found[activity.kind].growth) == pytest.approx(float(activity.growth), abs=0.035)
    assert float(found["deal.won"].noise.month) == pytest.approx(0.3, abs=0.06)
    assert found["lead.registered"].season == (Fraction(1),) * 12
    # Months without luck that are taken for quiet ones look like a little noise.
    assert found["lead.registered"].noise.month < Fraction(1, 5)


def test_sizes_people_and_amounts_of_segments_are_found(fit: Fit, known: Scenario) -> None:
    """The spread of sizes, how many people there are, and how large amounts are beside those of others."""
    by_name = {each.name: each for each in fit.scenario.segments}
    amounts = {name: float(each.amounts) for name, each in by_name.items()}
    for segment in known.segments:
        own = by_name[segment.name]
        assert float(own.share) == pytest.approx(float(segment.share), abs=0.03)
        assert float(own.size_sigma) == pytest.approx(float(segment.size_sigma), abs=0.1)
        assert abs(own.persons.lowest - segment.persons.lowest) <= 1
        assert abs(own.persons.highest - segment.persons.highest) <= 2
        ratio = float(segment.amounts / known.segments[0].amounts)
        assert amounts[segment.name] / amounts["small"] == pytest.approx(ratio, rel=0.05)
    amount = next(each for each in fit.scenario.activities if each.kind == "deal.won").fields["amount"]
    assert isinstance(amount, LogNormal)
    assert amount.median * amounts["medium"] == pytest.approx(800_000, rel=0.05)
    assert float(amount.sigma) == pytest.approx(1.1, abs=0.03)


def test_choices_are_found_where_what_is_held_is_not_passed_again(fit: Fit) -> None:
    """Products as often as drawn; tracks as drawn, though the common ones are held more often and left out."""
    found = {each.kind: each for each in fit.scenario.activities}
    for kind, field, shares in (
        ("deal.won", "product", {"core": 0.5, "cloud": 0.3, "services": 0.2}),
        ("certification.passed", "track", {"sales": 0.4, "technical": 0.4, "cloud": 0.2}),
        ("certification.passed", "level", {"associate": 0.7, "expert": 0.3}),
    ):
        choice = found[kind].fields[field]
        assert isinstance(choice, Choice)
        total = sum(choice.weights)
        assert {value: weight / total for value, weight in zip(choice.values, choice.weights, strict=True)} == {
            value: pytest.approx(share, abs=0.02) for value, share in shares.items()
        }


def test_what_follows_is_found_with_its_chance_and_delay(fit: Fit) -> None:
    """Refunds in days, expiry in months, of which most lies beyond the end and is counted by Kaplan and Meier."""
    then = {each.kind: each for activity in fit.scenario.activities for each in activity.then}
    assert float(then["deal.refunded"].chance) == pytest.approx(0.04, abs=0.004)
    assert then["deal.refunded"].after == Delay(lowest=5, highest=90)
    assert float(then["deal.refunded"].partial) == pytest.approx(0.4, abs=0.06)
    assert float(then["certification.expired"].chance) == pytest.approx(0.33, abs=0.03)
    assert then["certification.expired"].after == Delay(lowest=24, highest=24, unit=Unit.MONTHS)
    assert float(then["lead.qualified"].chance) == pytest.approx(0.45, abs=0.02)
    assert then["lead.qualified"].after == Delay(lowest=3, highest=40)


def test_arrival_and_churn_are_found(fit: Fit) -> None:
    """Nine in ten from the start, the others in eighteen months; one in a hundred quiet, one in ten of these back."""
    segment = fit.scenario.segments[0]
    assert float(segment.arrival.at_start) == pytest.approx(0.9, abs=0.02)
    assert abs(segment.arrival.within - 18) <= 3
    assert float(segment.churn.quiet) == pytest.approx(0.01, abs=0.003)
    assert float(segment.churn.comeback) == pytest.approx(0.1, abs=0.03)


def test_the_written_file_is_read_back_as_the_fitted_scenario(fit: Fit, acme: Programme) -> None:
    """Nothing is lost in words, and what a number rests on stands beside it."""
    text = scenario_text(fit)
    read = read_scenario(text, acme)
    for one, other in zip(read.segments, fit.scenario.segments, strict=True):
        assert evolve(one, place=other.place) == other
    assert [evolve(each, then=()) for each in read.activities] == [
        evolve(each, then=()) for each in fit.scenario.activities
    ]
    assert f"# {len(fit.history.of_kind('deal.won')):,} events." in text
    assert "Fitted to" in read.assumptions[0]


def test_what_is_drawn_again_fits(fit: Fit) -> None:
    """Every quantity of a population of the fitted scenario fits the history that it was fitted to."""
    goodness = goodness_of(fit, seed=11)
    poor = [str(each.name) for each in goodness.quantities if not each.fits]
    assert len(goodness.quantities) > 15
    # Of so many tests one may fail by chance.
    assert len(poor) <= 1, poor


def test_a_scenario_that_is_wrong_does_not_fit(fit: Fit) -> None:
    """Twice the deals, and amounts of another spread, are seen."""
    deal, *others = fit.scenario.activities
    amount = deal.fields["amount"]
    assert isinstance(amount, LogNormal)
    wrong = evolve(deal, rate=deal.rate * 2, fields={**deal.fields, "amount": evolve(amount, sigma=Fraction(1, 5))})
    goodness = goodness_of(
        Fit(evolve(fit.scenario, activities=(wrong, *others)), fit.history, fit.groups, fit.presence, fit.kinds,
            fit.wishes, fit.persons_factor)
    )  # fmt: skip
    fits = {str(each.name): each.fits for each in goodness.quantities}
    assert not fits["deal.won: amount"]
    assert sum(fit is False for fit in fits.values()) >= 3


def test_segments_are_split_by_size_where_none_are_given(acme: Programme, known: Scenario) -> None:
    """Three segments whose partners do more from one to the next; a number may be asked for."""
    table = population(acme, known, 300, 18, 3, acme.first_day)
    sizes = [float(each.size_median) for each in fit_scenario(table).scenario.segments]
    assert len(sizes) == 3
    assert sizes == sorted(sizes)
    assert [each.name for each in fit_scenario(table, segments=1).scenario.segments] == ["all"]
    with pytest.raises(UsageError, match="P-000001"):
        fit_scenario(table, segments={"P-000002": "small"})


def test_redemptions_are_found(acme: Programme, known: Scenario) -> None:
    """A fifth of the points in three months of four at each month's end; half of the funds by the quarter."""
    wishes = load_scenario(ACME / "scenario.yaml", acme).wishes
    points, mdf = wishes
    table = population(acme, evolve(known, wishes=(points, evolve(mdf, after=None))), 60, 24, 3, acme.first_day)
    fit = fit_scenario(table)
    found = {each.wish.currency: each.wish for each in fit.wishes}
    # Told as the number of events is what happened; a wish to redeem is no event.
    assert fit.history.happened == (table.kind >= 0).sum() < len(table)
    assert f"Fitted to {fit.history.happened:,} events of 60 partners" in scenario_text(fit)
    assert (found["points"].every, found["mdf"].every) == (Period.MONTH, Period.QUARTER)
    assert float(found["points"].share or 0) == pytest.approx(0.2, abs=0.01)
    assert float(found["mdf"].share or 0) == pytest.approx(0.5, abs=0.01)
    # Who has nothing wishes in vain, which no history shows; so the chance is at most what was declared.
    assert 0.55 < float(found["points"].chance) < 0.8


def test_a_history_without_an_event_is_refused(acme: Programme, known: Scenario) -> None:
    """Days on which nothing happened are no history."""
    table = population(acme, known, 3, 3, 3, acme.first_day)
    with pytest.raises(UsageError, match="no event"):
        fit_scenario(table, first_day=parse_day("2030-01-01"), last_day=parse_day("2030-12-31"))


def test_quiet_months_are_told_from_months_without_luck() -> None:
    """Partners of few events are not taken to be quiet; those who stop for a year are."""
    rng = np.random.default_rng(1)
    counts = rng.poisson(3.0, (400, 36)).astype(float)
    counts[:100, 12:24] = 0
    rare = rng.poisson(0.3, (400, 36)).astype(float)
    rare[:, 0] += 1
    found = presence_of(counts, np.ones(36))
    assert found.active[:100, 12:24].mean() < 0.05
    assert found.active[100:].mean() > 0.98
    assert found.turned_quiet == pytest.approx(100, abs=30)
    assert presence_of(rare, np.ones(36)).active.mean() > 0.8


def test_noise_sizes_and_growth_are_told_apart() -> None:
    """Each of three sources of unevenness alone is found, and the others are not."""
    rng = np.random.default_rng(2)
    even = np.full((800, 30), 4.0)
    sized = even * rng.lognormal(-0.18, 0.6, (800, 1))
    noisy = even * rng.lognormal(-0.08, 0.4, (800, 30))
    for rate, size, noise in ((even, 0.0, 0.0), (sized, 0.6, 0.0), (noisy, 0.0, 0.4)):
        counts = rng.poisson(rate).astype(float)
        assert size_sigma(counts, even / 4) == pytest.approx(size, abs=0.05)
        assert month_noise(counts, even / 4) == pytest.approx(noise, abs=0.05)
    growing = rng.poisson(1000 * 1.2 ** (np.arange(36) / 12)).astype(float)
    market = fit_market(growing, np.full(36, 500.0), 2025 * 12)
    assert market.season is None
    assert market.growth == pytest.approx(0.2, abs=0.03)
    assert market.rate == pytest.approx(2.0, abs=0.05)


@pytest.mark.skipif(not PIPELINE.exists(), reason="the shared CRM export is not here")
def test_a_real_history_is_told_as_it_is() -> None:
    """Ten months of a CRM: no season can be told, sums have peaks and not one middle, and the file says so."""
    folder = ROOT / "examples" / "crm_sales"
    programme = load(folder / "programme.yaml")
    events = read_events(PIPELINE, programme, load_mapping(folder / "mapping.yaml", programme)).events
    fit = fit_scenario(EventTable.from_events(programme, events))
    deal = fit.scenario.activities[0]
    assert isinstance(deal.fields["amount"], Quantiles)
    text = scenario_text(fit)
    assert "A season needs a year of history." in text
    assert read_scenario(text, programme).activities[0].rate == deal.rate
    fits = {str(each.name): each.fits for each in goodness_of(fit).quantities}
    assert fits["deal.won: amount"]
    assert fits["deal.won: product"]
    for seed in (1, 2, 4):
        poor = [each.name for each in goodness_of(fit, seed).quantities if not each.fits]
        # Nearly every account has met the same agents, and some have met many more: no even range has both.
        assert poor == [said("fit.persons")], seed


def test_a_field_that_is_always_the_same_is_written_so(acme: Programme, known: Scenario) -> None:
    """One value is no distribution."""
    deal = evolve(known.activities[0], fields={"amount": Constant(123_400)})
    fit = fit_scenario(population(acme, evolve(known, activities=(deal,)), 30, 6, 3, acme.first_day), segments=1)
    assert fit.scenario.activities[0].fields["amount"] == Constant(123_400)
    assert "amount: 1234.00 EUR" in scenario_text(fit)


def test_what_is_yet_to_be_decided_is_no_history(acme: Programme) -> None:
    """A population that responds has more rows than happen; it is refused, and fitted once they are decided."""
    responding = load_scenario(ACME / "scenario.yaml", acme)
    table = population(acme, responding, 40, 12, 5, acme.first_day)
    with pytest.raises(UsageError, match=r"have a draw in the column @chance .* --events-out FILE"):
        fit_scenario(table)
    until_day = month_starts(acme.first_day, 12)[-1] - 1
    settled = run(acme, table, until_day=until_day, response=response_of(acme, responding), kernel=False)
    decided = happened(table, settled)
    assert len(decided) < len(table)
    [deals] = [each for each in fit_scenario(decided).kinds if each.kind.name == "deal.won"]
    assert deals.count == int(settled.layers[Layer.PARTNER].events[:, 0].sum())


def test_months_that_all_partners_share_are_chance(acme: Programme, known: Scenario) -> None:
    """Where the market alone varies, no seed of the draw says that the scenario it was drawn from does not fit."""
    deal = evolve(known.activities[0], noise=Noise(market=Fraction(3, 10)), season=EVEN_SEASON)
    scenario = evolve(known, activities=(deal,))
    fit = fit_scenario(population(acme, scenario, 60, 10, 4, acme.first_day), segments=1)
    for seed in range(1, 6):
        by_month, by_partner = (
            each for each in goodness_of(fit, seed).quantities
            if each.name in (said("fit.months", kind="deal.won"), said("fit.per_partner", kind="deal.won"))
        )  # fmt: skip
        assert by_month.fits, seed
        assert by_partner.fits, seed
        [distance] = by_month.distances
        assert distance.p_value is not None
        assert isinstance(by_month.picture, Curve)
        assert all(low <= high for low, high in zip(by_month.picture.low, by_month.picture.high, strict=True))
        # The populations' months lie further apart than single events would make them.
        assert max(by_month.picture.high) > 1.2 * max(min(by_month.picture.low), 1)


def test_nobody_is_drawn_without_people_where_everybody_has_some(acme: Programme, known: Scenario) -> None:
    """Partners of few and of many people in one segment keep their mean, and none is left without; this is told."""
    few, many = (
        evolve(known.segments[0], name=name, share=Fraction(share, 10), persons=Uniform(*persons))
        for name, share, persons in (("few", 7, (1, 3)), ("many", 3, (6, 12)))
    )
    table = population(acme, evolve(known, segments=(few, many)), 600, 18, 4, acme.first_day)
    fit = fit_scenario(table, segments=1)
    [segment] = fit.scenario.segments
    assert segment.persons.lowest >= 1
    assert (segment.persons.lowest + segment.persons.highest) / 2 == pytest.approx(4.1, abs=0.6)
    [people] = [each for each in goodness_of(fit).quantities if each.name == said("fit.persons")]
    assert people.fits is False


def test_what_was_found_is_told_in_the_language_of_the_report(fit: Fit) -> None:
    """Means and medians are numbers until they are written, and distributions are told in words."""
    told = {ENGLISH.tell(each.name): each.estimated for each in goodness_of(fit, seed=11).quantities}
    amount = told["deal.won: amount"]
    assert re.fullmatch(r"median [\d,]+\.\d\d EUR, sigma [\d.]+", ENGLISH.tell(amount[0]))
    assert re.fullmatch(r"среднее [\d\xa0]+, разыграно [\d\xa0]+", RUSSIAN.tell(amount[1]))
    assert "." not in "".join(RUSSIAN.tell(each[-1]) for each in told.values() if each)


def test_words_are_told_with_their_shares(acme: Programme) -> None:
    """The three that are most frequent, observed and drawn, in the reader's numbers."""
    history = EventTable.from_events(acme, read_events(ACME / "history.jsonl", acme).events)
    products = next(each for each in goodness_of(fit_scenario(history)).quantities if each.name == "deal.won: product")
    [shares] = products.estimated
    assert ENGLISH.tell(shares).startswith("core 45.7\N{NO-BREAK SPACE}% (drawn ")
    assert RUSSIAN.tell(shares).startswith("core 45,7\N{NO-BREAK SPACE}% (разыграно ")
    assert ENGLISH.tell(shares).count("drawn") == 3


def test_days_without_events_are_told_with_those_that_have_some(acme: Programme) -> None:
    history = EventTable.from_events(acme, read_events(ACME / "history.jsonl", acme).events)
    with pytest.raises(UsageError, match=r"within 2030-01-01 through .*; they are of 2025-01-17 through 2026-12-12"):
        fit_scenario(history, first_day=parse_day("2030-01-01"))
    with pytest.raises(UsageError, match="there are no events"):
        fit_scenario(EventTable.from_events(acme, ()))
