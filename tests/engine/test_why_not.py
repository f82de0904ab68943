"""Why a rule did not pay: each reason with what it needs to be understood, from what the book keeps."""

from __future__ import annotations

import pytest

from loyalty import Engine, UsageError, loads
from loyalty.errors import NotRecorded
from loyalty.ledger.store import Store

from .scenes import deal, happened
from .test_explain import REASONS

KEYS = loads("""\
language: 1
programme: {id: keys, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {}
  status: {spendable: false}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
    region: {type: text, optional: true}
  course.passed: {track: text}
metrics:
  year_status: {earned: status, window: calendar_year}
earn:
  - rule: large
    on: deal.won
    when: event.amount >= money("1000 EUR") && year_status >= 50 && has(event.region) && event.region == "north"
    give: {partner: {points: 4}}
  - {rule: base, on: deal.won, of: event.amount, give: {partner: {points: 1 per 1 EUR, status: 1 per 10 EUR}},
     cap: {points: 300, per: quarter}}
  - {rule: person, on: deal.won, give: {person: {points: 3}}}
  - {rule: course, on: course.passed, once_per: [person, event.track, month], give: {partner: {points: 9}}}
  - {rule: rest, on: course.passed, cooldown: 36 hours, give: {partner: {points: 1}}}
""")


def told(engine: Engine, identity: str, rule: str, language: str = "en") -> list[str]:
    """Give the sentences of an answer."""
    return [step.told(language) for step in engine.why_not(identity, rule).steps]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("always", "did pay 1 point"),
        ("dated", "does not apply: it is not valid on this day; it begins on 2026-06-01"),
        ("in-spring", "does not apply: its campaign does not run on this day; it begins on 2026-03-01"),
        ("large", 'does not apply: its condition is not met: event.amount >= money("1000 EUR") '
                  "(event.amount is 10.00 EUR)"),
        ("first", "does not apply: it has paid already, and pays once; /D-1 was paid for it"),
        ("weekly", "does not apply: its cooldown is not over; it can pay again from 2026-02-08"),
        ("monthly", "does not apply: its streak is not complete: 1 of 3 months in a row"),
        ("weak", "does not pay: rule strong of group push pays more"),
    ],
)  # fmt: skip
def test_each_reason_is_told_with_what_it_needs(store: Store, rule: str, sentence: str) -> None:
    """Dates, condition, key, cooldown, streak and group; and a rule that did pay says so."""
    engine = Engine(REASONS, store)
    engine.submit_all([deal("D-1", "2026-02-01", 10, REASONS), deal("D-2", "2026-02-05", 10, REASONS)])
    assert told(engine, "/D-2", rule) == [sentence]


def test_a_condition_stands_with_everything_that_it_read(store: Store) -> None:
    """Fields of the event, absent ones too, and metrics as they stood before it."""
    engine = Engine(KEYS, store)
    engine.submit_all([deal("D-1", "2026-02-01", 200, KEYS), deal("D-2", "2026-02-02", 2000, KEYS)])
    engine.submit(deal("D-3", "2026-02-03", 10, KEYS, region="south"))
    assert told(engine, "/D-2", "large")[0].endswith(
        "(event.amount is 2,000.00 EUR, event.region is not given, year_status is 20 status)"
    )
    assert told(engine, "/D-3", "large")[0].endswith(
        "(event.amount is 10.00 EUR, event.region is south, year_status is 220 status)"
    )


def test_a_cap_that_is_used_up_and_one_that_cuts(store: Store) -> None:
    """The second deal gets the rest of the quarter, the third nothing."""
    engine = Engine(KEYS, store)
    engine.submit_all([deal(f"D-{n}", f"2026-02-0{n}", 200, KEYS) for n in (1, 2, 3)])
    assert told(engine, "/D-2", "base")[0] == (
        "did pay 100 points; cap of 300 points per quarter: headroom 100 points before, 0 points after; "
        "cuts 200 points to 100 points"
    )
    assert told(engine, "/D-3", "base")[0] == (
        "applies, and pays nothing: cap of 300 points per quarter: headroom 0 points before, 0 points after; "
        "cuts 200 points to 0 points"
    )


def test_a_key_names_the_event_that_used_it(store: Store) -> None:
    """Another track, another month or another person is another key."""
    engine = Engine(KEYS, store)
    for id, at, person, track in (
        ("C-1", "2026-02-01", "ann", "a"), ("C-2", "2026-02-02", "ann", "b"), ("C-3", "2026-02-03", "bob", "a"),
        ("C-4", "2026-02-04", "bob", "a"), ("C-5", "2026-03-04", "bob", "a"),
    ):  # fmt: skip
        engine.submit(happened(id, "course.passed", at, KEYS, person=person, track=track))
    assert told(engine, "/C-4", "course") == [
        "does not apply: it has paid for this key already: once per person, track, month; /C-3 was paid for it"
    ]
    assert told(engine, "/C-5", "course") == ["did pay 9 points"]
    assert told(engine, "/C-2", "rest") == [
        "does not apply: its cooldown is not over; it can pay again from 2026-02-02 12:00"
    ]


def test_an_event_of_another_kind_and_one_without_a_person(store: Store) -> None:
    """Before any condition is looked at, the rule has to be about such events, and to have somebody to pay."""
    engine = Engine(KEYS, store)
    engine.submit(deal("D-1", "2026-02-01", 10, KEYS))
    engine.submit(deal("D-0", "2025-02-01", 10, KEYS))
    assert told(engine, "/D-1", "course") == [
        "does not apply: it looks at events of kind course.passed, and this one is deal.won"
    ]
    assert told(engine, "/D-1", "person") == ["does not apply: it pays the event's person, and the event names none"]
    assert told(engine, "/D-0", "base") == ["the day lies outside the programme's dates: nothing is earned or counted"]


def test_what_cannot_be_asked_says_what_can(store: Store) -> None:
    """An unknown rule gets the nearest, an unknown event is named."""
    engine = Engine(KEYS, store)
    engine.submit(deal("D-1", "2026-02-01", 10, KEYS))
    with pytest.raises(UsageError, match="no rule 'lagre'; did you mean large"):
        engine.why_not("/D-1", "lagre")
    with pytest.raises(UsageError, match="its rules are base, course, large, person and rest"):
        engine.why_not("/D-1", "x")
    with pytest.raises(NotRecorded, match="no event '/D-7'"):
        engine.why_not("/D-7", "base")
