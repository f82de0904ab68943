"""Advice names what is missing, and the smallest actions that settling them finds enough."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve

from loyalty import Engine, Event, EventRejected, Holder, MemoryStore, Programme, UsageError, load, loads, read_event
from loyalty.advising.advice import Advice, Condition, Way
from loyalty.core.calendar import parse_day
from loyalty.ledger.store import Store
from loyalty.programme.revisions import tiers_of
from tests.settlement.histories import history

FOLDER = Path(__file__).parents[1] / "settlement" / "programmes"
ACME = Holder.partner("acme")

TEXT = """\
language: 1
programme: {id: ways, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {}
  status: {spendable: false}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 5000000.00}
    registered: {type: bool, default: false}
    region: {one_of: [north, south, west], default: north}
  deal.paid: {follows: deal.won}
  certification.passed: {track: text, level: {one_of: [associate, expert]}}
  certification.expired: {ends: certification.passed, by: [person, track, level]}
  lead.registered: {}
metrics:
  year_status: {earned: status, window: calendar_year}
  certified_people: {distinct: person, of: certification.passed, while: not_ended}
  recent: {sum: event.amount, of: deal.won, window: {trailing: 90 days}}
  regions: {distinct: region, of: deal.won, window: lifetime}
  paid: {count: deal.paid, window: lifetime}
  leads: {count: lead.registered, window: calendar_year}
earn:
  - rule: certified
    on: certification.passed
    when: event.level == "expert"
    once_per: [person, event.track]
    give: {partner: {points: 500}}
  - rule: deal-base
    on: deal.won
    when: event.amount >= money("1000 EUR") && event.registered
    of: event.amount
    give: {partner: {points: 1 per 100 EUR, status: 1 per 100 EUR}}
    CAP
tiers:
  base: {multiplier: 1}
  ladder:
    - {tier: silver, multiplier: 1, needs: [year_status >= 300]}
    - {tier: gold, multiplier: 1, needs: NEEDS}
  promote: PROMOTE
  review: {every: calendar_year, grace: 90 days, landing: one_tier_down}
"""


def programme(needs: str, cap: str = "", promote: str = "at_once", **replaced: str) -> Programme:
    """Give the programme with these needs for gold, and with parts of its text replaced."""
    text = TEXT.replace("NEEDS", needs).replace("    CAP\n", f"    {cap}\n" if cap else "").replace("PROMOTE", promote)
    for old, new in replaced.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return loads(text)


def engine_of(
    declared: Programme, *events: tuple[str, str, Mapping[str, Any]], now: str, store: Store | None = None
) -> Engine:
    """Give an engine to which these have happened, each as kind, day and values."""
    instant = declared.calendar.parse_instant_us(now)
    engine = Engine(declared, store or MemoryStore(), clock=lambda: instant)
    for number, (kind, at, said) in enumerate(events):
        raw = {"id": f"E-{number}", "on": kind, "at": at, "partner": "acme", **said}
        engine.submit(read_event(declared, raw))
    return engine


def deal(at: str, euros: int, **said: Any) -> tuple[str, str, Mapping[str, Any]]:
    """A registered deal."""
    return "deal.won", at, {"amount": f"{euros}.00 EUR", "registered": True, **said}


def passed(at: str, person: str, **said: Any) -> tuple[str, str, Mapping[str, Any]]:
    """A certification."""
    return "certification.passed", at, {"person": person, "track": "cloud", "level": "expert", **said}


def told(way: Way) -> list[str]:
    """Write a way: kind and values of each action, stand-ins aside."""
    return [
        " ".join(
            [action.event.kind]
            + [f"{name}={value}" for name, value in sorted(action.event.fields.items()) if name not in action.stand_ins]
        )
        for action in way.actions
    ]


def lacking(advice: Advice) -> dict[str, list[tuple[str, int]]]:
    """Give what is missing by condition."""
    assert advice.needs is not None
    return {one.text: [(m.metric.name, m.amount) for m in one.missing] for one in advice.needs.unmet()}


def assert_verified(engine: Engine, advice: Advice) -> None:
    """Submit each way to a book like the engine's: it reaches the tier; without any action, or unit, it does not."""
    for way in advice.ways:
        assert reaches(engine, advice, way.events)
        for place, event in enumerate(way.events):
            rest = (*way.events[:place], *way.events[place + 1 :])
            assert not reaches(engine, advice, rest), (told(way), place)
            for name, value in event.fields.items():
                spec = engine.programme.events[event.kind].fields[name]
                if type(value) is int and value > spec.lowest:
                    less = evolve(event, fields={**event.fields, name: value - 1})
                    assert not reaches(engine, advice, (*way.events[:place], less, *way.events[place + 1 :]))


def reaches(engine: Engine, advice: Advice, actions: tuple[Event, ...]) -> bool:
    """Tell whether the tier is held on the last day, and at the end of a grace that runs then, with these actions."""
    with engine.store.transaction() as book:
        events = sorted(
            {one.recorded.event.identity: one.recorded for holder in book.holders() for one in book.received(holder)}
            .values(), key=lambda one: one.sequence,
        )  # fmt: skip
        waiting = [one.event for one in events]
        grants = [grant for holder in book.holders() for grant in book.grants(holder)]
    assert not grants, "the way is submitted to a book without commands"
    other = Engine(engine.programme, MemoryStore(), clock=engine._clock)
    other.submit_all(waiting)
    other.submit_all(actions)
    names = tiers_of(engine.programme)
    standing = other.standing(advice.holder, advice.by.isoformat())
    if standing.grace_ends is not None and names.index(standing.earned_tier) >= names.index(advice.tier):
        standing = other.standing(advice.holder, standing.grace_ends.isoformat())
    return names.index(standing.earned_tier) >= names.index(advice.tier)


def test_status_and_certified_people(store: Store) -> None:
    """2000 status and 4 certified people: what is missing of each, and a deal and two certifications that do it."""
    declared = programme("[year_status >= 2000, certified_people >= 4]")
    engine = engine_of(
        declared, deal("2026-02-03", 125_000), passed("2026-02-03", "ann"), passed("2026-02-03", "bob"),
        now="2026-05-20T12:00", store=store,
    )  # fmt: skip
    advice = engine.advise("partner:acme", "gold", "2026-12-31")
    assert (advice.held, advice.keeps, advice.met, advice.looked_at) == ("silver", False, False, date(2026, 12, 31))
    assert lacking(advice) == {
        "year_status >= 2000": [("year_status", 750)],
        "certified_people >= 4": [("certified_people", 2)],
    }
    assert isinstance(advice.needs.parts[0], Condition) if advice.needs else False
    assert [told(way) for way in advice.ways] == [
        [
            "deal.won amount=7500000 region=north registered=True",
            "certification.passed level=associate", "certification.passed level=associate",
        ],
    ]  # fmt: skip
    people = {action.event.person for action in advice.ways[0].actions[1:]}
    assert len(people) == 2
    assert not people & {"ann", "bob"}
    assert {action.day for action in advice.ways[0].actions} == {date(2026, 5, 20)}
    assert_verified(engine, advice)
    assert not engine.advise(ACME, "silver", "2026-12-31").ways
    assert engine.advise(ACME, "silver", "2026-12-31").met


def test_any_of_several_conditions() -> None:
    """Each alternative is a way of its own, the one of the fewest actions first; none contains another."""
    declared = programme("{any: [year_status >= 2000, {all: [regions >= 3, leads >= 2]}]}")
    engine = engine_of(declared, deal("2026-02-03", 10_000), now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31")
    assert [told(way) for way in advice.ways] == [
        ["deal.won amount=19000000 region=north registered=True"],
        [
            "deal.won amount=0 region=south registered=True", "deal.won amount=0 region=west registered=True",
            "lead.registered", "lead.registered",
        ],
    ]  # fmt: skip
    assert_verified(engine, advice)


def test_a_trailing_window_loses_old_deals() -> None:
    """What counts on the last day of the window is what is missing; a deal of today brings the tier at once."""
    declared = programme('[recent >= money("100000 EUR")]')
    engine = engine_of(declared, deal("2026-04-01", 60_000), now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-09-30")
    missing = next(iter(advice.needs.unmet() if advice.needs else ())).missing[0]
    assert (missing.now, missing.then, missing.amount, missing.unit) == (6_000_000, 0, 10_000_000, "EUR")
    # Today the old deal still counts, so that less is enough.
    assert told(advice.ways[0]) == ["deal.won amount=4000000 region=north registered=True"]
    assert_verified(engine, advice)


def test_a_cap_makes_one_huge_deal_insufficient() -> None:
    """With 800 status a quarter at most, 2000 take three quarters: the deals are spread, none larger than needed."""
    declared = programme("[year_status >= 2000]", cap="cap: {status: 800, per: quarter}")
    engine = engine_of(declared, deal("2026-04-03", 100), now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31")
    way = advice.ways[0]
    assert [action.day.isoformat() for action in way.actions] == ["2026-05-20", "2026-07-01", "2026-10-01"]
    assert sum(int(event.fields["amount"]) for event in way.events) == 20_000_000
    assert all(int(event.fields["amount"]) <= 8_000_000 for event in way.events)
    assert_verified(engine, advice)
    soon = engine.advise(ACME, "gold", "2026-09-30")
    assert soon.ways == ()
    assert any("year_status came to 1,600 status at most" in reason for reason in soon.blocked)


def test_keeping_a_tier_in_grace() -> None:
    """In grace its end decides, by what counts on the day before; by default that is the day that is asked about."""
    declared = programme("[year_status >= 1000]")
    engine = engine_of(declared, deal("2026-02-03", 200_000), deal("2027-02-01", 30_000), now="2028-02-01")
    assert engine.standing(ACME).grace_ends == date(2028, 3, 31)
    advice = engine.advise(ACME, "gold")
    assert (advice.keeps, advice.by, advice.looked_at) == (True, date(2028, 3, 31), date(2028, 3, 30))
    assert lacking(advice) == {"year_status >= 1000": [("year_status", 1000)]}
    assert told(advice.ways[0]) == ["deal.won amount=10000000 region=north registered=True"]
    assert_verified(engine, advice)


def test_keeping_a_tier_through_the_next_review() -> None:
    """A review reads the year that it ends; a deal of the year after comes too late for it."""
    declared = programme("[year_status >= 1000]")
    engine = engine_of(declared, deal("2026-02-03", 200_000), deal("2027-02-01", 30_000), now="2027-11-20")
    advice = engine.advise(ACME, "gold")
    assert (advice.by, advice.looked_at) == (date(2028, 1, 1), date(2027, 12, 31))
    assert lacking(advice) == {"year_status >= 1000": [("year_status", 700)]}
    assert told(advice.ways[0]) == ["deal.won amount=7000000 region=north registered=True"]
    assert advice.ways[0].actions[0].day == date(2027, 11, 20)
    assert_verified(engine, advice)
    before = engine.advise(ACME, "gold", "2027-12-31")
    assert before.met
    assert not before.ways


def test_promotion_at_a_review() -> None:
    """Where reviews promote, nothing reaches the tier before the next; by then the year that it reads counts."""
    declared = programme("[year_status >= 1000]", promote="at_review")
    engine = engine_of(declared, deal("2026-02-03", 20_000), now="2026-05-20")
    early = engine.advise(ACME, "gold", "2026-12-31")
    assert early.ways == ()
    assert early.blocked == ("standing is looked at next on 2027-01-01; ask for that day or a later one",)
    advice = engine.advise(ACME, "gold", "2027-01-01")
    assert told(advice.ways[0]) == ["deal.won amount=8000000 region=north registered=True"]
    assert_verified(engine, advice)


def test_what_follows_an_earlier_event() -> None:
    """A payment can follow a deal that was won already; where there is none, the deal comes first."""
    declared = programme("[paid >= 2]")
    engine = engine_of(declared, deal("2026-02-03", 2_000), now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31")
    assert [told(way) for way in advice.ways] == [
        ["deal.paid", "deal.won amount=0 region=north registered=True", "deal.paid"],
    ]
    assert advice.ways[0].events[0].of == "E-0"
    assert_verified(engine, advice)


def test_only_the_actions_that_can_be_done() -> None:
    """A hint leaves other kinds out, and bounds how often; what then lacks is said."""
    declared = programme("[year_status >= 2000, certified_people >= 4]")
    engine = engine_of(declared, now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31", actions={"deal.won": 1, "certification.passed": 4})
    assert len(advice.ways[0].actions) == 5
    none = engine.advise(ACME, "gold", "2026-12-31", actions={"deal.won": 5})
    assert none.ways == ()
    assert none.blocked[0] == "no kind of event of those that may be used was found to move `certified_people >= 4`"
    few = engine.advise(ACME, "gold", "2026-12-31", actions={"deal.won": 1, "certification.passed": 3})
    assert "certified_people came to 3 at most" in few.blocked[0]
    with pytest.raises(UsageError, match=r"write deal\.won"):
        engine.advise(ACME, "gold", "2026-12-31", actions={"deal.lost": 1})


def test_what_nothing_reaches() -> None:
    """A tier that is given by hand alone, a closed partner, an ended programme and the bounds of a search are told."""
    declared = programme("[false]")
    engine = engine_of(declared, deal("2026-02-03", 2_000), now="2026-05-20")
    by_hand = engine.advise(ACME, "gold", "2026-12-31")
    assert (by_hand.blocked, by_hand.exhausted) == (("`false` does not hold whatever happens",), False)
    engine.close(ACME, key="closing", forfeit=True)
    assert any("was closed" in reason for reason in engine.advise(ACME, "silver", "2026-12-31").blocked)
    ended = loads(TEXT.replace("NEEDS", "[leads >= 1]").replace("    CAP\n", "").replace("PROMOTE", "at_once").replace(
        "starts: 2026-01-01", "starts: 2026-01-01, ends: 2026-03-31"))  # fmt: skip
    late = engine_of(ended, deal("2026-02-03", 2_000), now="2026-05-20")
    assert late.advise(ACME, "gold", "2026-12-31").blocked[0] == (
        "the programme ended on 2026-03-31, and nothing earns or counts after it")  # fmt: skip
    short = engine_of(programme("[year_status >= 2000]"), now="2026-05-20").advise(ACME, "gold", "2026-12-31", budget=5)
    assert short.exhausted
    assert short.blocked[-1].startswith("the search ended at its bounds")


def test_an_average_deal() -> None:
    """A need that multiplies a metric is told, and found: small deals ask for a large one beside them."""
    declared = programme('[leads >= 3, "recent >= money(\\"1000 EUR\\") * leads"]')
    engine = engine_of(declared, deal("2026-05-03", 100), now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-06-30")
    assert lacking(advice) == {"leads >= 3": [("leads", 3)]}
    assert told(advice.ways[0]) == ["lead.registered"] * 3 + ["deal.won amount=290000 region=north registered=True"]
    assert_verified(engine, advice)
    one = engine_of(declared, ("lead.registered", "2026-05-03", {}), now="2026-05-20")
    assert lacking(one.advise(ACME, "gold", "2026-06-30")) == {
        "leads >= 3": [("leads", 2)],
        'recent >= money("1000 EUR") * leads': [("recent", 100_000)],
    }


def test_what_one_kind_of_action_breaks_another_mends() -> None:
    """A deal breaks a share of certified people, which certifications mend: a way of two kinds of action."""
    declared = programme(
        '[year_status >= 100, "certified_people * 5 >= deals"]',
        **{"  leads: {count": "  deals: {count: deal.won, window: calendar_year}\n  leads: {count"},
    )
    engine = engine_of(declared, now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31")
    assert told(advice.ways[0]) == [
        "deal.won amount=1000000 region=north registered=True", "certification.passed level=associate",
    ]  # fmt: skip
    assert_verified(engine, advice)


def test_what_is_too_much_of_a_good_thing() -> None:
    """Where a need sets an upper bound, a deal of just the right size is found."""
    declared = programme('[year_status >= 100, "recent < money(\\"30000 EUR\\")"]')
    engine = engine_of(declared, now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31")
    assert told(advice.ways[0]) == ["deal.won amount=1000000 region=north registered=True"]
    assert_verified(engine, advice)


def test_what_was_not_found_may_exist() -> None:
    """Whoever finds nothing does not say that there is nothing, unless that is certain."""
    declared = programme('[year_status >= 100, "year_status * 3 < leads"]')
    advice = engine_of(declared, now="2026-05-20").advise(ACME, "gold", "2026-12-31")
    assert (advice.ways, advice.exhausted) == ((), True)
    assert advice.blocked == (
        "each condition held in something that was tried, but never all that it takes when standing is looked at",
        "not every set of actions was tried, so that there may be a way that was not found",
    )


@pytest.mark.parametrize("budget", [1, 2, 10, 40, 100, 300, 1000])
def test_a_small_budget_is_no_error(budget: int) -> None:
    """However soon the search ends, what is missing is told, and a way that was found by then is one."""
    declared = programme("[year_status >= 2000]", cap="cap: {status: 800, per: quarter}")
    engine = engine_of(declared, deal("2026-02-03", 100), deal("2026-08-03", 100), now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31", budget=budget)
    assert lacking(advice)
    assert advice.ways or advice.exhausted
    assert advice.ways or advice.blocked[-1].startswith("the search ended at its bounds")
    assert_verified(engine, advice)


@pytest.mark.parametrize("base", ["", "  - {rule: lead-base, on: lead.registered, give: {partner: {status: 1}}}\n"])
@pytest.mark.parametrize("valid", ["campaign: fall", "valid: {from: 2026-09-10, through: 2026-09-20}"])
def test_what_earns_on_some_days_only(base: str, valid: str) -> None:
    """Days on which a campaign or a rule is valid later are tried, and beat many small actions of today."""
    rules = f"  - {{rule: lead, on: lead.registered, give: {{partner: {{status: 50}}}}, {valid}}}\n{base}"
    declared = programme(
        "[year_status >= 100]",
        **{
            "earn:\n": f"campaigns: {{fall: {{valid: {{from: 2026-09-10, through: 2026-09-20}}}}}}\nearn:\n{rules}",
            "year_status >= 300": "year_status >= 50",
        },
    )
    engine = engine_of(declared, now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31", actions={"lead.registered": 200})
    assert [(str(action.day), action.event.kind) for action in advice.ways[0].actions] == [
        ("2026-09-10", "lead.registered"), ("2026-09-10", "lead.registered"),
    ]  # fmt: skip
    assert_verified(engine, advice)


def test_a_revision_that_opens_a_way() -> None:
    """The first day of a later revision is tried, too: before it nothing that is asked can be earned."""
    first = programme(
        "[year_status >= 2000]",
        **{"    of: event.amount\n": "    of: event.amount\n    valid: {through: 2026-02-28}\n"},
    )
    later = evolve(
        programme("[year_status >= 2000]"), revision="later", from_day=parse_day("2026-07-01"), earlier=(first,)
    )
    engine = engine_of(later, now="2026-05-20")
    advice = engine.advise(ACME, "gold", "2026-12-31")
    assert [str(action.day) for action in advice.ways[0].actions] == ["2026-07-01"]
    assert_verified(engine, advice)


def test_two_moves_of_one_kind_share_its_bound() -> None:
    """What may be done twice is done twice at most, whatever it is done for; one deal may do for two conditions."""
    counted = "{{count: certification.passed, window: lifetime, when: 'event.level == \"{0}\"'}}"
    both = "".join(f"  {name}s: {counted.format(name)}\n" for name in ("associate", "expert"))
    engine = engine_of(
        programme("[associates >= 1, experts >= 1]", **{"  leads: {count": f"{both}  leads: {{count"}), now="2026-05-20"
    )
    for most in range(4):
        advice = engine.advise(ACME, "gold", "2026-12-31", actions={"certification.passed": most})
        assert [len(way.actions) for way in advice.ways] == ([2] if most >= 2 else [])
    engine = engine_of(programme("[year_status >= 100, regions >= 3]"), now="2026-05-20")
    for most in range(5):
        advice = engine.advise(ACME, "gold", "2026-12-31", actions={"deal.won": most})
        assert [len(way.actions) for way in advice.ways] == ([3] if most >= 3 else [])


def test_a_partner_of_whom_nothing_is_known() -> None:
    """Whoever never took part has everything before it; advice is the same each time, and posts nothing."""
    engine = engine_of(programme("[year_status >= 2000]"), now="2026-05-20")
    first = engine.advise("partner:newcomer", "gold", "2026-12-31")
    assert (first.held, told(first.ways[0])) == ("base", ["deal.won amount=20000000 region=north registered=True"])
    assert engine.advise("partner:newcomer", "gold", "2026-12-31") == first
    with engine.store.transaction() as book:
        assert list(book.entries()) == []


def test_a_revision_and_events_to_come() -> None:
    """What is recorded of days to come counts as what it is, and a later revision asks from its first day on."""
    first = programme("[year_status >= 2000]")
    later = programme("[year_status >= 3000, leads >= 1]")
    both = evolve(later, revision="later", from_day=parse_day("2026-07-01"), earlier=(first,))
    engine = engine_of(both, deal("2026-02-03", 10_000), now="2026-05-20")
    # Promoted today by what is asked today, the partner keeps it until the review reads what is asked then.
    soon, far = (engine.advise(ACME, "gold", by) for by in ("2026-12-31", "2027-06-30"))
    assert told(soon.ways[0]) == ["deal.won amount=19000000 region=north registered=True"]
    assert told(far.ways[0]) == ["deal.won amount=29000000 region=north registered=True", "lead.registered"]
    assert_verified(engine, soon)
    assert_verified(engine, far)
    known = engine_of(first, deal("2026-02-03", 10_000), deal("2026-09-03", 100_000), now="2026-05-20")
    advice = known.advise(ACME, "gold", "2026-12-31")
    assert told(advice.ways[0]) == ["deal.won amount=9000000 region=north registered=True"]
    assert_verified(known, advice)


def test_what_is_asked_wrongly() -> None:
    """Unknown tiers, days that have passed, persons and days that are missing are refused with what to write."""
    engine = engine_of(programme("[year_status >= 2000]"), now="2026-05-20")
    for wrong, match in (
        ({"tier": "diamond", "by": "2026-12-31"}, "silver, gold"),
        ({"tier": "gold", "by": "2026-05-01"}, "has passed"),
        ({"tier": "gold"}, "say by when"),
        ({"tier": "gold", "by": "2026-12-31", "budget": 0}, "budget"),
    ):
        with pytest.raises(UsageError, match=match):
            engine.advise(ACME, **wrong)
    with pytest.raises(UsageError, match="partner's"):
        engine.advise("person:ann", "gold", "2026-12-31")


@pytest.mark.parametrize("seed", range(40))
def test_each_way_is_what_it_says(seed: int) -> None:
    """For drawn histories each way, submitted to a book, reaches the tier, and less of it does not."""
    rng = Random(seed)
    names = ("anniversaries", "certifications", "metrics", "recognition", "tiers", "bounds", "refunds", "streaks")
    declared = load(FOLDER / f"{names[seed % len(names)]}.yaml")
    if len(declared.ladder.tiers) < 2:
        pytest.skip("no tiers")
    drawn = history(declared, rng, 8).events
    now = max((event.occurred_at for event in drawn), default=declared.calendar.day_start_us(declared.first_day))
    engine = Engine(declared, MemoryStore(), clock=lambda: now)
    for event in drawn:
        try:
            engine.submit(event)
        except EventRejected:
            continue
    today = declared.calendar.day_of(now + 1)
    tier = rng.choice(declared.ladder.tiers[1:]).name
    partner = Holder.partner(rng.choice([event.partner for event in drawn] or ["acme"]))
    advice = engine.advise(partner, tier, today + rng.randrange(400), budget=6000)
    assert advice.met or advice.ways or advice.blocked
    assert_verified(engine, advice)
