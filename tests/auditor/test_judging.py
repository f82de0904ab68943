"""Verdicts on late and early events, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from loyalty.core.calendar import Duration
from loyalty.core.events import VOID, Event
from loyalty.programme.model import AcceptLate, TooLate
from tests.auditor.building import day, instant, passed, programme, redeem, refunded, revised, rule, won
from tests.auditor.judging import Verdict, judge

TEN_DAYS = AcceptLate(within=Duration.parse("10 days"), otherwise=TooLate.FROM_NOW)
REFUSING = AcceptLate(within=Duration.parse("10 days"))


def judged(event: Event, at: str, *known: Event, accept_late: AcceptLate | None = TEN_DAYS, **said: Any) -> Any:
    """Judge an event that comes at an instant to a book that knows others."""
    said = {"grants": (), "counts_from": {}, "clock_day": None, **said}
    return judge(programme(rule(), accept_late=accept_late), event, instant(at), events=list(known), **said)


@pytest.mark.parametrize(("happened", "is_late"), [("2026-01-10", False), ("2026-01-09T23:59", True)])
def test_as_late_as_the_front_lies_after_the_events_own_day(happened: str, is_late: bool):
    """The front is 20 January: what happened on the 10th is 10 days late, on the 9th 11."""
    verdict = judged(won("L", happened, 1), "2026-02-01", won("A", "2026-01-20", 1))
    assert verdict == (instant("2026-02-01") if is_late else Verdict.AS_IT_IS)
    refusing = judged(won("L", happened, 1), "2026-02-01", won("A", "2026-01-20", 1), accept_late=REFUSING)
    assert refusing is (Verdict.REFUSED if is_late else Verdict.AS_IT_IS)


def test_the_front_never_goes_back():
    """The deal of the 20th was voided; the refund of the 20th speaks of what is no deal: both have moved it."""
    late = won("L", "2026-01-09", 1)
    taken_out = Event(id="V", kind=VOID, partner="acme", occurred_at=instant("2026-01-21"), of="A")
    assert judged(late, "2026-02-01", won("A", "2026-01-20", 1), taken_out) == instant("2026-02-01")
    stranger = passed("A", "2026-01-05", "ann")
    assert judged(late, "2026-02-01", stranger) is Verdict.AS_IT_IS
    assert judged(late, "2026-02-01", stranger, refunded("R", "2026-01-20", "A")) == instant("2026-02-01")


def test_the_front_knows_decisions_and_the_clock():
    """Nothing happened to acme but a redemption on the 20th, or the book's clock of the 21st."""
    late = won("L", "2026-01-09", 1)
    assert judged(late, "2026-02-01") is Verdict.AS_IT_IS
    assert judged(late, "2026-02-01", grants=[redeem("K", "2026-01-20", 1)]) == instant("2026-02-01")
    assert judged(late, "2026-01-15", clock_day=day("2026-01-21")) == instant("2026-01-21T00:00")


def test_a_late_event_stands_behind_the_last_of_each_holder():
    """Anna's last is of the future, and one microsecond later the event counts."""
    known = [won("A", "2026-01-20", 1), won("B", "2026-03-05", 1, person="anna")]
    late = won("L", "2026-01-09", 1, person="anna")
    assert judged(late, "2026-02-01", *known) == instant("2026-03-05") + 1


def test_what_waits_is_not_late_and_a_refund_is_by_whom_its_origin_reaches():
    """The refund of an unknown deal waits; that of a known one is late by what happened to its partner since."""
    late, deal = refunded("R", "2026-01-02", "A"), won("A", "2026-01-01", 1)
    last = won("B", "2026-01-20", 1)
    assert judged(late, "2026-02-01", last) is Verdict.AS_IT_IS
    assert judged(late, "2026-02-01", last, deal) == instant("2026-02-01")
    elsewhere = evolve(deal, partner="birch")
    assert judged(late, "2026-02-01", last, elsewhere) is Verdict.AS_IT_IS


def test_a_void_is_as_late_as_what_it_takes_out_and_never_counts_from_later():
    """A deal of 1 January is too late to be voided; had it counted from the 15th it would not be."""
    deal, last = won("A", "2026-01-01", 1), won("B", "2026-01-20", 1)
    void = Event(id="V", kind=VOID, partner="acme", of="A", occurred_at=instant("2026-01-20"))
    assert judged(void, "2026-01-21", deal, last) is Verdict.REFUSED
    assert judged(void, "2026-01-21", deal, last, counts_from={"/A": instant("2026-01-15")}) is Verdict.AS_IT_IS
    assert judged(void, "2026-01-21", last) is Verdict.AS_IT_IS


def test_what_was_voided_has_moved_the_clock_all_the_same():
    """The deal of the 20th is taken out again, but what was due until then has happened."""
    void = Event(id="V", kind=VOID, partner="acme", of="A", occurred_at=instant("2026-01-21"))
    late = judged(won("L", "2026-01-09", 1), "2026-02-01", won("A", "2026-01-20", 1), void)
    assert late == instant("2026-02-01")


def test_an_early_event_is_refused_by_the_revision_of_the_day_on_which_it_comes():
    """Two days ahead are taken, and from February on any number."""
    early = programme(rule(), accept_early=Duration.parse("2 days"))
    chain = revised(early, _2026_02_01=programme(rule()))
    for at, happened, expected in (
        ("2026-01-20", "2026-01-22T23:59", Verdict.AS_IT_IS),
        ("2026-01-20", "2026-01-23T00:00", Verdict.REFUSED),
        ("2026-02-01", "2026-03-01", Verdict.AS_IT_IS),
    ):
        event = won("E", happened, 1)
        found = judge(chain, event, instant(at), events=[], grants=(), counts_from={}, clock_day=None)
        assert found is expected
