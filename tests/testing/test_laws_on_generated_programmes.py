"""The laws on programmes that nobody wrote: what the library promises must hold for every valid file."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loyalty.core.events import Event
from loyalty.engine import settle
from loyalty.ledger.store import Grant
from loyalty.programme.admission import admit
from loyalty.programme.loading import loads
from loyalty.programme.model import Programme
from loyalty.testing import ENGINE_LAWS, grants, histories, programme_texts
from loyalty.testing.laws import Bench, Lead
from loyalty.testing.promises import netted
from tests.auditor import audit

_LAWS = {law.name: law for law in ENGINE_LAWS}


@st.composite
def _worlds(draw: st.DrawFn) -> tuple[str, list[Event]]:
    """Draw a programme's text and a history of it, so that both are printed where a law is broken."""
    text = draw(programme_texts())
    return text, draw(histories(loads(text), max_events=8))


@st.composite
def _decided_worlds(draw: st.DrawFn) -> tuple[str, list[Event], list[Grant]]:
    text, events = draw(_worlds())
    return text, events, draw(grants(loads(text), events))


def _last_day(programme: Programme, events: list[Event], decided: list[Grant]) -> int:
    instants = [event.occurred_at for event in events] + [grant.at for grant in decided]
    return max([programme.first_day, *map(programme.calendar.day_of, instants)]) + 800


@given(_decided_worlds())
def test_the_slow_auditor_posts_the_same(world: tuple[str, list[Event], list[Grant]]) -> None:
    """Settlement and a second, slow implementation that shares no code with it move the same integers."""
    text, events, decided = world
    programme = loads(text)
    until = _last_day(programme, events, decided)
    expected = audit(programme, [admit(programme, event) for event in events], decided, until_day=until).netted()
    got = netted(settle(programme, events, decided, until_day=until).entries)
    assert got == {leg: amount for leg, amount in expected.items() if amount}


@given(_worlds())
def test_books(world: tuple[str, list[Event]]) -> None:
    """Every asset balances, no balance breaks its bound, and the lots sum to it."""
    _hold("books", world)


@given(_worlds())
def test_replay(world: tuple[str, list[Event]]) -> None:
    """Settling what the store recorded gives what was posted."""
    _hold("replay", world)


@given(_worlds())
def test_arrival(world: tuple[str, list[Event]]) -> None:
    """Any order of arrival, with the clock running on in between, ends like settlement from scratch."""
    _hold("arrival", world)


@given(_worlds())
def test_idempotency(world: tuple[str, list[Event]]) -> None:
    """Events that come twice count once."""
    _hold("idempotency", world)


@given(_worlds())
def test_explanation(world: tuple[str, list[Event]]) -> None:
    """What an explanation says was paid is what was posted."""
    _hold("explanation", world)


@given(_worlds())
def test_settling_twice_gives_the_same_entries(world: tuple[str, list[Event]]) -> None:
    """Settlement is a function of history: neither a second run nor another order of the events changes an entry."""
    text, events = world
    programme = loads(text)
    assert settle(programme, events).entries == settle(programme, list(reversed(events))).entries


def _hold(law: str, world: tuple[str, list[Event]]) -> None:
    text, events = world
    found = _LAWS[law].check(Bench(loads(text)), Lead(tuple(events)))
    assert found is None, found.claim
