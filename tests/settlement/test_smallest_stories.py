"""The smallest histories on which the library and the auditor once differed, each with what is right by the page."""

from __future__ import annotations

from collections.abc import Iterable

from loyalty import loads
from loyalty.core.events import Event
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from tests.auditor.book import Leg
from tests.auditor.building import day, decided, instant, won
from tests.settlement.agreement import audited, settled
from tests.settlement.histories import History


def told(programme: Programme, events: Iterable[Event], until: str, grants: Iterable[Grant] = ()) -> dict[Leg, int]:
    """Settle a story by the library, and see that the auditor posts the same."""
    history = History(list(events), list(grants), day(until))
    found = settled(programme, history)
    assert found == audited(programme, history)
    return found


def in_june(first: str, second: str) -> Programme:
    """Load two revisions of a programme of deals that earn 10 points, the second from 1 June 2024."""
    head = "language: 1\nprogramme: {id: story, starts: 2024-01-01, timezone: Europe/Berlin}\n"
    from_june = "revision: {from: 2024-06-01}\n"
    return loads(head + from_june + second, before=loads(head + first))


def test_an_earlier_event_reads_a_new_field_as_its_default() -> None:
    """A deal of May has the 3 seats that stand for what it could not say; with 2 in July they are 5, and a badge."""
    terms = """\
currencies: {points: {}}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 2000.00}%s}
metrics: {seats: {%s, of: deal.won, window: lifetime}}
earn: [{rule: deal, on: deal.won, give: {partner: {points: 10}}}]
badges: [{badge: five, needs: seats >= %s}]
"""
    first = terms % ("", "sum: event.amount", 'money("9 EUR")')
    second = terms % (", seats: {type: int, max: 50, default: 3}", "sum: event.seats", "5")
    deals = [won("A", "2024-05-01", 1), won("B", "2024-07-01", 1, seats=2)]
    found = told(in_june(first, second), deals, "2024-07-01")
    at = instant("2024-07-01")
    assert found["/B", "@badge.five", "partner:acme/standing", "badge.five", None, at] == 1


def test_what_is_pending_expires_on_its_day_also_behind_what_was_earned_earlier() -> None:
    """From June points live 10 days: those of 2 June are gone on 13 June, though those of May stay until 30 July."""
    terms = """\
currencies: {points: {expires: {after: %s days}}}
events: {deal.won: {amount: {type: money, unit: EUR, max: 2000.00}}, deal.paid: {follows: deal.won}}
earn: [{rule: deal, on: deal.won, give: {partner: {points: 10}}, pending: {points: {until: deal.paid}}}]
"""
    deals = [won("A", "2024-05-31", 1), won("B", "2024-06-02", 1)]
    found = told(in_june(terms % 60, terms % 10), deals, "2024-07-31")
    gone = {leg[4]: leg[5] for leg, amount in found.items() if leg[1] == "@expiry" and leg[2] == "partner:acme/pending"}
    assert gone == {day(at): instant(f"{at}T00:00") for at in ("2024-06-13", "2024-07-31")}


def test_badges_and_allotments_come_in_the_order_of_the_first_revision() -> None:
    """Of 10 owed 6 are repaid on 1 June; the second file names b before a, but a comes first and gives all of its 3."""
    terms = """\
currencies: {points: {}}
events: {deal.won: {amount: {type: money, unit: EUR, max: 2000.00}}}
metrics: {deals: {count: deal.won, window: lifetime}}
earn: [{rule: deal, on: deal.won, give: {partner: {points: 0}}}]
badges: [%s]
allotments: [%s]
"""
    a, b = (f"{{badge: {name}, needs: deals >= 2, give: {{points: 3}}}}" for name in "ab")
    c, d = (f"{{allot: {name}, every: month, give: {{points: 3}}}}" for name in "cd")
    chain = in_june(terms % (f"{a}, {b}", f"{c}, {d}"), terms % (f"{b}, {a}", f"{d}, {c}"))
    deals = [won("A", "2024-05-01", 1), won("B", "2024-06-02", 1)]
    found = told(chain, deals, "2024-06-02", [decided("debit", "D", "2024-05-02", 10)])
    left = {leg[1]: amount for leg, amount in found.items() if leg[2] == "partner:acme/available"}
    assert left == {"@badge.b": 2}
