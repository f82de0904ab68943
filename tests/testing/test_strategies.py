"""What the strategies reach, and that what they draw is valid."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from loyalty.core.events import Event
from loyalty.programme.admission import admit
from loyalty.programme.loading import loads
from loyalty.testing import histories, programme_texts
from loyalty.testing.programmes import write_yaml

#: One pattern for each feature of the language; a programme must be drawn that has it.
FEATURES = (
    "once_per:", "cooldown:", "hours", "streak:", "repeat: true", "campaign: spring", "group: group", "take: first",
    "take: best", "phase:", "priority:", "until: deal.paid", "on_end: reverse", "bands: whole_slab", "bands: marginal",
    "at_least:", "at_most:", "by_tier:", "by: event", "tier.multiplier", "round:", "half_even", "per: [event]",
    "refunds: deal.won",
    "ends: certification.passed", "follows: deal.won", "distinct:", "balance:", "sum:", "count:",
    "earned:", "not_ended", "trailing:", "anniversary_year", "calendar_", "lifetime", "holder: person", "any:",
    "promote: at_review", "grace:", "one_tier_down", "floor:", "badges:", "allotments:", "keep", "pending_only",
    "within_balance", "re_evaluate", "within:", "exchange:", "year_starts:", "ends: 202", "end_of_",
    "limits:", "person:", "gift:", "tier: re_evaluate_and_take_back", "badges: re_evaluate", "caps:",
    "badges: re_evaluate_and_take_back",
)  # fmt: skip

_ONLY_DRAW = settings(
    max_examples=3000, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> list[str]:
    """Two hundred programmes, always the same."""
    texts: list[str] = []

    @settings(_ONLY_DRAW, max_examples=200)
    @given(programme_texts())
    def draw(text: str) -> None:
        texts.append(text)

    draw()
    return texts


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_is_reached(feature: str, drawn: list[str]) -> None:
    """Some generated programme has the feature."""
    assert any(feature in text for text in drawn)


def test_programmes_shrink_to_one_rule() -> None:
    """A counterexample is cut down to what it needs."""
    shrunk = settings(_ONLY_DRAW, phases=[Phase.generate, Phase.shrink])
    text = find(programme_texts(), lambda text: "streak:" in text, settings=shrunk)
    assert len(re.findall("- rule:", text)) == 1
    assert "tiers:" not in text


@given(st.data())
def test_histories_are_accepted(data: st.DataObject) -> None:
    """Every drawn event is one that the programme takes, and identities are unique."""
    programme = loads(data.draw(programme_texts()))
    history = data.draw(histories(programme))
    assert len({event.identity for event in history}) == len(history)
    for event in history:
        assert admit(programme, event).identity == event.identity


_TEXT = write_yaml(
    {
        "language": 1,
        "programme": {"id": "small", "starts": "2026-01-01", "timezone": "Europe/Berlin"},
        "currencies": {"points": {}},
        "events": {
            "deal.won": {"amount": {"type": "money", "unit": "EUR", "max": "1000000.00"}},
            "deal.refunded": {"refunds": "deal.won"},
        },
        "earn": [
            {
                "rule": "deal", "on": "deal.won", "of": "event.amount",
                "when": 'event.amount >= money("777.77 EUR")', "give": {"partner": {"points": "1 per 100 EUR"}},
            }
        ],
    }
)  # fmt: skip


@pytest.mark.parametrize(
    "seen",
    [
        lambda history: any(event.fields.get("amount") == 77_776 for event in history),
        lambda history: any(event.fields.get("amount") == 77_777 for event in history),
        lambda history: any(event.kind == "deal.refunded" for event in history),
        lambda history: any(event.kind == "void" for event in history),
        lambda history: len({event.occurred_at for event in history}) < len(history),
        lambda history: any(event.of for event in history) and len({event.partner for event in history}) > 1,
    ],
    ids=["just below a threshold", "at a threshold", "refunds", "voids", "equal instants", "two partners"],
)
def test_histories_gather_where_it_matters(seen: Callable[[list[Event]], bool]) -> None:
    """Thresholds, refunds, voids and equal instants come up within few draws."""
    find(histories(loads(_TEXT)), seen, settings=settings(_ONLY_DRAW, max_examples=400))
