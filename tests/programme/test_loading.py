"""Programme files that are good, and what they are read as."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from loyalty.core.amounts import Rounding
from loyalty.core.calendar import Duration, Period, Unit, parse_day
from loyalty.core.holders import Layer
from loyalty.errors import ProgrammeError
from loyalty.programme.loading import load, loads
from loyalty.programme.model import (
    BadgesOnRefund,
    CapsOnRefund,
    Clawback,
    Currency,
    ExchangeRate,
    Expiry,
    FieldSpec,
    FieldType,
    Programme,
    Role,
    TierOnRefund,
)
from loyalty.rules.declaration import (
    Band,
    BandMode,
    Bands,
    ByField,
    ByTier,
    Cap,
    Cooldown,
    Fixed,
    Group,
    Multiplier,
    OnEnd,
    Pending,
    Rate,
    Roundings,
    Rule,
    Streak,
    Subject,
    Take,
    Validity,
)
from loyalty.rules.expressions import INT, Interval, money_type
from loyalty.tiers.declaration import Landing, Measure, Promote, Window, WindowKind

FULL = Path(__file__).parent / "full.yaml"

DESIGN = """\
language: 1
programme: {id: acme-partners, starts: 2026-01-01, timezone: Europe/Berlin}

currencies:
  points: {worth: 0.01 EUR, expires: {after: 24 months, at: end_of_month}}
  status: {spendable: false}
  mdf:    {unit: EUR, expires: {after: 1 year}}

events:                                # the fields that rules may use
  deal.won:
    amount: {type: money, unit: EUR, max: 50000000.00}
    registered: {type: bool, default: false}
  deal.refunded: {refunds: deal.won}
  certification.passed: {track: text, level: {one_of: [associate, expert]}}
  certification.expired: {ends: certification.passed, by: [person, track, level]}

metrics:
  year_status:      {earned: status, window: calendar_year}
  certified_people: {distinct: person, of: certification.passed, while: not_ended}

earn:
  - rule: certified
    on: certification.passed
    once_per: [person, event.track, event.level]
    give:
      person:  {points: 500}
      partner: {points: 500, status: 50}
    on_end: keep
  - rule: deal-base
    on: deal.won
    when: event.amount >= money("1000 EUR") && event.registered
    of: event.amount
    give:
      partner: {points: 1 per 100 EUR, status: 1 per 100 EUR, mdf: 3 %}
    multiply: {points: tier.multiplier}
    round: down
    cap: {points: 20000, per: [partner, quarter]}
    pending: {points: 30 days}

tiers:
  base: {multiplier: 1}
  ladder:
    - tier: gold
      multiplier: 1.25
      needs:
        - year_status >= 2000
        - certified_people >= 4
  promote: at_once
  review: {every: calendar_year, grace: 90 days, landing: one_tier_down}

refunds:
  deal.refunded: {points: arrears, status: reverse, mdf: arrears, tier: keep_to_period_end}

fairness: {no_merge_gain: {except: "small deals are not counted"}}

examples:                              # run by `loyalty check`
  - given:
      - {on: deal.won, at: 2026-02-03, amount: 1000.00 EUR, registered: true}
    expect:
      - {at: 2026-02-04, points: {pending: 10}, mdf: 30.00 EUR, tier: base}
      - {at: 2026-03-05, points: {available: 10}}
"""


@pytest.fixture(scope="module")
def full() -> Programme:
    return load(FULL)


def rule(programme: Programme, name: str) -> Rule:
    return next(rule for rule in programme.rules if rule.name == name)


def test_the_designs_example_is_read() -> None:
    """The programme that the design shows means what the design says."""
    programme = loads(DESIGN)
    assert programme.currencies["points"] == Currency(
        name="points",
        worth=Fraction(1, 100),
        worth_unit="EUR",
        expires=Expiry(after=Duration(24, Unit.MONTHS), at_end_of=Period.MONTH),
    )
    base = rule(programme, "deal-base")
    assert base.give == {
        Layer.PARTNER: {
            "points": Rate(amount=1, per=10000),
            "status": Rate(amount=1, per=10000),
            "mdf": Rate(amount=3, per=100),
        }
    }
    assert base.multiply == {"points": (Multiplier(by_tier=True),)}
    assert base.caps == (Cap(currency="points", amount=20000, per=(Subject.PARTNER, Period.QUARTER)),)
    assert base.pending == {"points": Pending(duration=Duration(30, Unit.DAYS))}
    assert [tier.name for tier in programme.ladder.tiers] == ["base", "gold"]
    assert programme.fairness == {"no_merge_gain": "small deals are not counted"}
    given = programme.examples[0].given[0].raw
    assert given == {
        "id": "e1", "partner": "p1", "on": "deal.won", "at": "2026-02-03", "amount": "1000.00 EUR", "registered": True,
    }  # fmt: skip
    first = programme.examples[0].expect[0]
    assert (first.holder, first.day, first.tier) == ("partner:p1", parse_day("2026-02-04"), "base")
    assert first.balances == {("points", "pending"): 10, ("mdf", "available"): 3000}


def test_the_programmes_own_dates_and_limits(full: Programme) -> None:
    """The frame is read as written."""
    assert (full.id, full.title, full.calendar.timezone) == ("full", "Every feature", "Europe/Berlin")
    assert (full.first_day, full.last_day) == (parse_day("2026-01-01"), parse_day("2029-12-31"))
    assert (full.year_starts_month, full.events_per_holder, full.language) == (2, 10000, 1)


def test_currencies(full: Programme) -> None:
    """Scale, unit and worth are those of points or of the money's unit."""
    assert (full.currencies["stars"].scale, full.currencies["stars"].worth) == (2, Fraction(1, 2))
    mdf = full.currencies["mdf"]
    assert (mdf.scale, mdf.unit, mdf.worth, mdf.worth_unit) == (2, "EUR", 1, "EUR")
    assert mdf.expires == Expiry(after=Duration(1, Unit.YEARS), at_end_of=Period.QUARTER)
    assert not full.currencies["status"].spendable


def test_exchange_rates_are_sorted_by_unit_and_day(full: Programme) -> None:
    """Rates are exact fractions."""
    assert full.exchange[0] == ExchangeRate(
        unit="GBP", into="EUR", first_day=parse_day("2026-01-01"), rate=Fraction(23, 20), round=Rounding.DOWN
    )
    assert [rate.rate for rate in full.exchange[1:]] == [Fraction(9, 10), Fraction(9251, 10000)]


def test_fields_of_events(full: Programme) -> None:
    """Bounds are in minor units; a default or `optional` makes a field one that need not be given."""
    fields = full.events["deal.won"].fields
    assert fields["amount"] == FieldSpec(name="amount", type=FieldType.MONEY, unit="EUR", highest=100_000_000)
    assert fields["segment"] == FieldSpec(
        name="segment", type=FieldType.ONE_OF, values=("smb", "mid", "enterprise"), required=False, default="smb"
    )
    assert fields["registered"] == FieldSpec(name="registered", type=FieldType.BOOL, required=False, default=False)
    assert fields["discount"] == FieldSpec(
        name="discount", type=FieldType.INT, lowest=-100, highest=100, required=False
    )


def test_a_refund_takes_the_part_over_from_its_origin(full: Programme) -> None:
    """The refunding kind has the field without declaring it, and may leave it out."""
    refund = full.events["deal.refunded"]
    assert (refund.role, refund.origin_kind, refund.part) == (Role.REFUNDS, "deal.won", "amount")
    assert refund.fields["amount"] == FieldSpec(
        name="amount", type=FieldType.MONEY, unit="EUR", highest=100_000_000, required=False
    )
    assert refund.fields["reason"].type is FieldType.TEXT
    assert full.events["licence.returned"].part == "quantity"


def test_an_end_takes_its_key_over_from_its_origin(full: Programme) -> None:
    """What tells certifications apart need not be declared twice."""
    end = full.events["certification.expired"]
    assert (end.role, end.by) == (Role.ENDS, (Subject.PERSON, "track", "level"))
    assert end.fields["level"].values == ("associate", "expert")
    assert full.events["deal.paid"].role is Role.FOLLOWS


@pytest.mark.parametrize(
    ("name", "measure", "window"),
    [
        ("year_status", Measure.EARNED, Window(kind=WindowKind.CALENDAR, period=Period.YEAR)),
        ("half_year_mdf", Measure.EARNED, Window(kind=WindowKind.CALENDAR, period=Period.HALF_YEAR)),
        ("month_deals", Measure.COUNT, Window(kind=WindowKind.CALENDAR, period=Period.MONTH)),
        ("big_deals", Measure.COUNT, Window(kind=WindowKind.ANNIVERSARY)),
        ("revenue", Measure.SUM, Window(kind=WindowKind.TRAILING, length=Duration(12, Unit.MONTHS))),
        ("recent_seats", Measure.SUM, Window(kind=WindowKind.TRAILING, length=Duration(30, Unit.DAYS))),
        ("certified_people", Measure.DISTINCT, Window(kind=WindowKind.NOW)),
        ("certificates", Measure.COUNT, Window(kind=WindowKind.NOW)),
        ("regions", Measure.DISTINCT, Window(kind=WindowKind.LIFETIME)),
        ("points_now", Measure.BALANCE, Window(kind=WindowKind.NOW)),
    ],
)
def test_metrics(full: Programme, name: str, measure: Measure, window: Window) -> None:
    """Each measure and each window is read."""
    assert (full.metrics[name].measure, full.metrics[name].window) == (measure, window)


def test_details_of_metrics(full: Programme) -> None:
    """Layer, key and condition belong to the metric."""
    assert full.metrics["certified_people"].by is Subject.PERSON
    assert full.metrics["certified_people"].while_not_ended
    assert full.metrics["regions"].by == "region"
    assert full.metrics["my_points"].layer is Layer.PERSON
    revenue = full.metrics["revenue"].of
    assert revenue is not None
    assert (revenue.type, revenue.interval) == (money_type("EUR"), Interval(0, 100_000_000))


def test_bands(full: Programme) -> None:
    """Starts are in the measure's minor units, awards in the currency's."""
    give = rule(full, "deal-bands").give[Layer.PARTNER]
    assert give["points"] == Bands(
        mode=BandMode.MARGINAL,
        bands=(
            Band(start=0, award=Rate(amount=1, per=100_000)),
            Band(start=1_000_000, award=Rate(amount=2, per=100_000)),
            Band(start=10_000_000, award=Rate(amount=3, per=100_000)),
        ),
    )
    assert give["stars"] == Bands(
        mode=BandMode.WHOLE_SLAB,
        bands=(
            Band(start=0, award=Fixed(amount=0)),
            Band(start=500_000, award=Fixed(amount=150)),
            Band(start=5_000_000, award=Rate(amount=1, per=10_000, at_most=2000)),
        ),
    )


def test_awards_by_field_and_tier(full: Programme) -> None:
    """A table has a line for each value and one for the others."""
    segment = rule(full, "deal-segment")
    assert segment.give[Layer.PARTNER] == {
        "points": ByField(
            field="segment",
            awards={"smb": Fixed(amount=10), "enterprise": Rate(amount=1, per=50_000, at_least=50, at_most=1000)},
            otherwise=Fixed(amount=25),
        ),
        "mdf": ByTier(awards={"base": Fixed(amount=1000), "gold": Rate(amount=1, per=100)}),
    }
    assert segment.multiply == {
        "points": (Multiplier(field="registered", table={True: Fraction(6, 5), False: Fraction(1)}),),
        "mdf": (Multiplier(field="segment", table={"enterprise": Fraction(1, 2)}, otherwise=Fraction(1)),),
    }
    assert segment.round == Roundings(rate=Rounding.UP, multiply=Rounding.UP)
    assert (segment.phase, segment.priority, segment.group) == (1, 5, "stack")


def test_rates_cross_scales_exactly(full: Programme) -> None:
    """A rate is whole minor units on both sides, whatever digits the units have."""
    assert rule(full, "deal-base").give[Layer.PARTNER]["stars"] == Rate(amount=1, per=4000)
    assert rule(full, "licence").give[Layer.PERSON]["points"] == Rate(amount=1, per=2)
    assert rule(full, "licence-credit").give[Layer.PARTNER]["credit"] == Rate(amount=5, per=200)


def test_bounds_of_rules(full: Programme) -> None:
    """Caps, keys, cooldowns, streaks, pending times and dates are read in all their forms."""
    base = rule(full, "deal-base")
    assert base.caps[1:] == (
        Cap(currency="points", amount=9000, per_event=True),
        Cap(currency="mdf", amount=2_500_000, per=("segment", Period.YEAR)),
    )
    assert base.pending["mdf"] == Pending(until_kind="deal.paid")
    assert base.round == Roundings(rate=Rounding.HALF_UP, multiply=Rounding.HALF_EVEN)
    seats = rule(full, "seats")
    assert seats.once_per == ("region", Period.MONTH)
    assert seats.cooldown == Cooldown(length=Duration(12, Unit.HOURS), per=("region",))
    assert rule(full, "next-deal").cooldown == Cooldown(length=Duration(7, Unit.DAYS))
    assert rule(full, "first-deal").once_per == ()
    assert rule(full, "next-deal").once_per is None
    assert rule(full, "training-streak").streak == Streak(every=Period.MONTH, length=3, repeat=True)
    assert rule(full, "certified").on_end is OnEnd.REVERSE
    flat = rule(full, "spring-flat")
    assert (flat.valid, flat.campaign) == (Validity(first_day=parse_day("2026-04-01")), "spring")


def test_rules_are_in_the_order_in_which_they_are_looked_at(full: Programme) -> None:
    """Phase, then priority, then name."""
    keys = [(rule.phase, rule.priority, rule.name) for rule in full.rules]
    assert keys == sorted(keys)


def test_groups_and_campaigns(full: Programme) -> None:
    """`best` takes the one currency that its rules give where none is named."""
    assert full.groups == {
        "stack": Group(name="stack", take=Take.ALL),
        "intro": Group(name="intro", take=Take.FIRST),
        "bonus": Group(name="bonus", take=Take.BEST, by="points"),
        "single": Group(name="single", take=Take.BEST, by="points"),
    }
    spring = full.campaigns["spring"]
    assert spring.valid == Validity(first_day=parse_day("2026-03-01"), last_day=parse_day("2026-05-31"))
    assert spring.caps == (
        Cap(currency="points", amount=5000, per=(Subject.PARTNER, Period.MONTH)),
        Cap(currency="points", amount=100_000),
    )


def test_the_ladder(full: Programme) -> None:
    """Conditions nest, and a tier of `false` is given by hand alone."""
    assert [(tier.name, tier.multiplier) for tier in full.ladder.tiers] == [
        ("base", 1), ("silver", Fraction(11, 10)), ("gold", Fraction(5, 4)), ("invited", Fraction(3, 2)),
    ]  # fmt: skip
    gold = full.ladder.tiers[2].needs
    assert gold is not None
    assert gold.every
    nested = gold.parts[2]
    assert not nested.every  # type: ignore[union-attr]
    assert full.ladder.promote is Promote.AT_ONCE
    review = full.ladder.review
    assert review is not None
    assert (review.every, review.grace, review.landing, review.floor) == (
        Period.YEAR, Duration(90, Unit.DAYS), Landing.ONE_TIER_DOWN, "base",
    )  # fmt: skip


def test_earned_metrics_have_the_bound_that_the_rules_prove(full: Programme) -> None:
    """What a holder can earn in all is the most of each rule times the events of a holder, gifts added."""
    condition = full.ladder.tiers[1].needs
    assert condition is not None
    symbol = condition.parts[0].tree.left.symbol  # type: ignore[union-attr]
    assert symbol.type == INT
    most_at_one_event = 50 + 10_000 + 1 + 5 + 2 + 3
    assert symbol.interval == Interval(0, most_at_one_event * 10_000)


def test_badges_allotments_and_refunds(full: Programme) -> None:
    """Gifts and allotments are minor units; a policy that is not written has the defaults."""
    assert [(badge.name, badge.layer, badge.give) for badge in full.badges] == [
        ("first-star", Layer.PARTNER, {"points": 50, "stars": 100}),
        ("scholar", Layer.PERSON, {"points": 25}),
    ]
    assert [(a.name, a.every, a.currency, a.amounts) for a in full.allotments] == [
        ("yearly-mdf", Period.YEAR, "mdf", {"base": 0, "silver": 50_000, "gold": 150_000}),
        ("monthly-points", Period.MONTH, "points", {"base": 1}),
    ]
    refund = full.refunds["deal.refunded"]
    assert refund.clawback == {
        "points": Clawback.WITHIN_BALANCE, "status": Clawback.ARREARS, "mdf": Clawback.ARREARS, "stars": Clawback.KEEP,
    }  # fmt: skip
    assert (refund.tier, refund.within) == (TierOnRefund.RE_EVALUATE_AND_TAKE_BACK, Duration(180, Unit.DAYS))
    assert (refund.badges, refund.caps) == (BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK, CapsOnRefund.REVERSE)
    assert full.refunds["licence.returned"].clawback["points"] is Clawback.PENDING_ONLY
    assert full.refunds["licence.returned"].caps is CapsOnRefund.KEEP
    ended = full.refunds["certification.expired"]
    assert (ended.tier, ended.badges) == (TierOnRefund.RE_EVALUATE, BadgesOnRefund.RE_EVALUATE)
    assert [tier.gift for tier in full.ladder.tiers] == [{}, {"points": 20}, {"points": 250, "stars": 150}, {}]


def test_a_refunding_kind_without_a_policy_has_the_default_one() -> None:
    """Nothing written means arrears, the tier kept, and no horizon."""
    text = DESIGN.replace(
        "refunds:\n  deal.refunded: {points: arrears, status: reverse, mdf: arrears, tier: keep_to_period_end}\n", ""
    )
    policy = loads(text).refunds["deal.refunded"]
    assert (policy.clawback, policy.tier, policy.within) == ({}, TierOnRefund.KEEP_TO_PERIOD_END, None)
    assert (policy.badges, policy.caps) == (BadgesOnRefund.KEEP, CapsOnRefund.REVERSE)


def test_redemptions_in_examples_are_in_minor_units(full: Programme) -> None:
    """A given redemption names its holder and its instant."""
    assert full.examples[1].given[4].raw == {"redeem": {"points": 10}, "at": "2026-06-03", "person": "ann"}
    assert full.examples[1].expect[0].holder == "person:ann"


TEN = {
    "unknown-timezone": ("timezone: Europe/Berlin", "timezone: Europe/Bonn"),
    "bad-value": ("after: 24 months", "after: two years"),
    "unknown-key": ("default: false}", "defalt: false}"),
    "unknown-kind": ("{refunds: deal.won}", "{refunds: deal.wonn}"),
    "unknown-currency": ("{earned: status,", "{earned: statsu,"),
    "unknown-name": ("event.amount >= money", "event.amuont >= money"),
    "wrong-unit": ("{points: 1 per 100 EUR, status", "{points: 1 per 100 USD, status"),
    "unknown-word": ("landing: one_tier_down", "landing: two_tiers_down"),
    "missing-key": ('{except: "small deals are not counted"}', "{}"),
    "bad-event": ("amount: 1000.00 EUR,", "amount: 1000.00 CHF,"),
}


def test_ten_planted_faults_are_ten_findings() -> None:
    """All faults of a file are reported at once, in its order, each with its own line, and nothing else is."""
    text, lines = DESIGN, {}
    for code, (good, bad) in TEN.items():
        assert text.count(good) == 1
        lines[code] = text.count("\n", 0, text.index(good)) + 1
        text = text.replace(good, bad)
    with pytest.raises(ProgrammeError) as caught:
        loads(text, file="acme.yaml")
    findings = caught.value.findings
    assert {finding.code: finding.place.line for finding in findings} == lines
    assert len(findings) == 10
    assert [finding.place.line for finding in findings] == sorted(lines.values())
    assert "acme.yaml:2:" in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    """A missing file and one that is no UTF-8 are reported like other faults."""
    with pytest.raises(ProgrammeError) as caught:
        load(tmp_path / "none.yaml")
    assert caught.value.findings[0].code == "no-file"
    (tmp_path / "latin.yaml").write_bytes(b"language: 1\ntitle: caf\xe9\n")
    with pytest.raises(ProgrammeError) as caught:
        load(tmp_path / "latin.yaml")
    assert (caught.value.findings[0].code, caught.value.findings[0].place.line) == ("not-utf-8", 2)


def test_the_model_stays_light() -> None:
    """Reading events and declarations costs no YAML reader, and nothing here knows a database or numbers."""
    code = (
        "import sys; import loyalty.programme.model, loyalty.programme.admission\n"
        "assert 'ruamel.yaml' not in sys.modules\n"
        "import loyalty.programme.loading\n"
        "assert not {'sqlalchemy', 'numpy', 'click', 'hypothesis'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
