"""Events cross processes and are copied like any value, and stay what they are."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from loyalty.core.events import Event

DEAL = Event(
    id="D-1",
    kind="deal.won",
    partner="acme",
    person="ann",
    source="crm",
    occurred_at=1_770_073_200_000_000,
    fields={"amount": 100_000, "registered": True, "segment": "smb"},
)
REFUND = evolve(DEAL, id="R-1", kind="deal.refunded", of="D-1", person=None, fields={})

WAYS: dict[str, Callable[[Event], Event]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle-{protocol}": lambda event, protocol=protocol: pickle.loads(pickle.dumps(event, protocol))  # type: ignore[misc]
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("event", [DEAL, REFUND], ids=["deal", "refund"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_copy_is_equal_in_everything(way: Callable[[Event], Event], event: Event) -> None:
    """Copies and pickles of every protocol have the same body, hash and digest."""
    again = way(event)
    assert again == event
    assert hash(again) == hash(event)
    assert again.body_hash() == event.body_hash()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_copy_cannot_be_changed_either(way: Callable[[Event], Event]) -> None:
    """Neither an attribute nor a field of a copy can be set."""
    again = way(DEAL)
    with pytest.raises(FrozenInstanceError):
        again.id = "D-2"  # type: ignore[misc]
    with pytest.raises(TypeError):
        again.fields["amount"] = 1  # type: ignore[index]


def test_events_inside_other_values_are_copied() -> None:
    """A list of events can be sent to another process."""
    history = [DEAL, REFUND]
    assert pickle.loads(pickle.dumps(history)) == copy.deepcopy(history) == history
