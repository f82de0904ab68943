"""What the generated step must withstand: names, orders and amounts that a file may have and that are seldom seen."""

from __future__ import annotations

import pytest

from loyalty import Engine, Event, Holder, MemoryStore, Programme, ProgrammeError, loads, settle
from loyalty.core.calendar import parse_day

HEAD = "language: 1\nprogramme: {id: seldom, starts: 2026-01-01, timezone: Europe/Berlin}\n"
ACME = Holder.partner("acme")


def happened(
    programme: Programme,
    id: str,
    kind: str,
    day: str,
    *,
    person: str | None = None,
    of: str | None = None,
    **fields: int,
) -> Event:
    """Build an event at the start of a local day."""
    at = programme.calendar.day_start_us(parse_day(day))
    return Event(id=id, kind=kind, partner="acme", person=person, of=of, occurred_at=at, fields=fields)


def test_the_order_of_currencies_in_the_file_changes_nothing() -> None:
    """Two files that differ in that order are one revision, and each redeems from the wallet that is named."""
    events = "events: {deal.won: {amount: {type: money, unit: EUR, max: 100.00}}}\n"
    rule = "earn: [{rule: r, on: deal.won, give: {partner: {points: 5, coins: 900}}}]\n"
    one = loads(HEAD + "currencies: {points: {}, coins: {}}\n" + events + rule)
    other = loads(HEAD + "currencies: {coins: {}, points: {}}\n" + events + rule)
    assert one.revision == other.revision
    for programme in (one, other):
        engine = Engine(programme, MemoryStore())
        engine.submit(happened(programme, "D", "deal.won", "2026-02-01", amount=1))
        assert "posts 5 points" in str(engine.why("/D"))
        engine.redeem(ACME, "coins", 900, key="r", at="2026-02-02")
        assert engine.statement(ACME, "2026-02-03").balances == {("available", "points"): 5}


def test_a_measure_must_hold_for_what_a_refund_leaves() -> None:
    """A measure that could divide by zero once a part is refunded is refused, though no event could."""
    text = HEAD + (
        "currencies: {points: {}}\n"
        "events:\n  sale: {seats: {type: int, min: 5, max: 100}}\n  back: {refunds: sale, part: seats}\n"
        "earn: [{rule: r, on: sale, of: '1000 / (event.seats - 4)', give: {partner: {points: 1 per 1}}}]\n"
    )
    with pytest.raises(ProgrammeError, match="possible-zero-division"):
        loads(text)


def test_a_refund_never_takes_more_than_was_granted() -> None:
    """An award of what is left below zero counts as none: 10 points of a deal, 10 back, and no arrears."""
    programme = loads(
        HEAD + "currencies: {points: {}}\n"
        "events:\n  deal: {amount: {type: money, unit: EUR, min: 1000.00, max: 9999.00}}\n  back: {refunds: deal}\n"
        "earn: [{rule: r, on: deal, of: 'event.amount - money(\"1000 EUR\")', "
        "give: {partner: {points: 1 per 1 EUR}}}]\n"
    )
    deal = happened(programme, "D", "deal", "2026-02-01", amount=101_000)
    back = happened(programme, "B", "back", "2026-02-02", of="D", amount=50_000)
    assert settle(programme, [deal]).balances == {(ACME, "available", "points"): 10}
    assert settle(programme, [deal, back]).balances == {}


def test_a_condition_may_name_a_person() -> None:
    """Who acted is a text like others, in the partner's layer and in the person's, and an absent person is nobody."""
    programme = loads(
        HEAD + "currencies: {points: {}}\nevents: {deal: {}}\n"
        "earn: [{rule: r, on: deal, when: 'has(event.person) && event.person == \"ann\"', "
        "give: {partner: {points: 3}, person: {points: 4}}}]\n"
    )
    deals = [
        happened(programme, f"D{number}", "deal", "2026-02-01", person=person)
        for number, person in enumerate(("ann", "bo", None))
    ]
    assert settle(programme, deals).balances == {
        (ACME, "available", "points"): 3,
        (Holder.person("ann"), "available", "points"): 4,
    }


def test_a_marginal_band_may_give_nothing() -> None:
    """Nothing below 100, and one point for each unit above."""
    programme = loads(
        HEAD + "currencies: {points: {}}\nevents: {sale: {seats: {type: int, max: 1000}}}\n"
        "earn:\n  - rule: r\n    on: sale\n    of: event.seats\n    give:\n      partner:\n        points:\n"
        "          bands: marginal\n          steps: [{from: 0, give: 0}, {from: 100, give: 1 per 1}]\n"
    )
    for seats, points in ((99, 0), (100, 0), (101, 1), (1000, 900)):
        balances = settle(programme, [happened(programme, "S", "sale", "2026-02-01", seats=seats)]).balances
        assert balances.get((ACME, "available", "points"), 0) == points


def test_kinds_with_similar_names_stay_apart() -> None:
    """A refund of a kind whose name looks like another's when written otherwise refunds its own."""
    programme = loads(
        HEAD + "currencies: {points: {}}\n"
        "events:\n  deal: {}\n  other: {}\n  a_b: {refunds: deal}\n  a.5f.b: {refunds: other}\n"
        "earn: [{rule: r, on: deal, give: {partner: {points: 5}}}]\nrefunds: {a_b: {points: arrears}}\n"
    )
    deal = happened(programme, "D", "deal", "2026-02-01")
    assert settle(programme, [deal, happened(programme, "B", "a_b", "2026-02-02", of="D")]).balances == {}


def test_a_command_and_an_event_may_share_a_name() -> None:
    """The receipts of an event and of a redemption whose key is the event's identity stay apart."""
    programme = loads(
        HEAD + "currencies: {points: {}}\nevents: {deal: {}}\n"
        "earn: [{rule: r, on: deal, give: {partner: {points: 5}}}]\n"
    )
    engine = Engine(programme, MemoryStore())
    first = engine.submit(happened(programme, "42", "deal", "2026-02-01"))
    redeemed = engine.redeem(ACME, "points", 2, key="/42", at="2026-02-02")
    assert engine.submit(happened(programme, "42", "deal", "2026-02-01")).entries == first.entries
    assert [entry.key for entry in redeemed.entries] == ["command:/42"]
