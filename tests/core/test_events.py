"""Events and holders as values: identity, order, digests, and texts that are read again."""

from __future__ import annotations

import json
from itertools import permutations

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from loyalty.core.events import Event, canonical_json, from_record, to_record
from loyalty.core.holders import Holder, Layer

DEAL = Event(
    id="D-1",
    source="crm",
    kind="deal.won",
    partner="acme",
    person="ann",
    occurred_at=5,
    fields={"amount": 1, "new": True},
)

texts = st.text(min_size=1, max_size=8)
events = st.builds(
    Event,
    id=texts,
    kind=texts,
    partner=texts,
    occurred_at=st.integers(),
    source=st.text(max_size=5),
    person=st.none() | texts,
    of=st.none() | texts,
    fields=st.dictionaries(texts, st.integers() | texts | st.booleans(), max_size=4),
)


@given(events)
def test_an_event_survives_its_record(event: Event) -> None:
    """The record is plain JSON, and gives the same event and the same digest."""
    again = from_record(json.loads(canonical_json(to_record(event))))
    assert again == event
    assert again.body_hash() == event.body_hash()


@given(events, events)
def test_digests_tell_bodies_apart(first: Event, second: Event) -> None:
    """Bodies are equal where their records are."""
    same = canonical_json(to_record(first)) == canonical_json(to_record(second))
    assert (first.body_hash() == second.body_hash()) == same


def test_the_order_of_fields_is_no_part_of_a_body() -> None:
    """However a source orders its fields, the event is the same."""
    items = [("a", 1), ("b", "x"), ("c", True)]
    bodies = [evolve(DEAL, fields=dict(order)) for order in permutations(items)]
    assert len({body.body_hash() for body in bodies}) == 1
    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "D-2"}, {"source": ""}, {"kind": "x"}, {"partner": "b"}, {"person": None}, {"occurred_at": 6},
        {"of": "D-0"}, {"fields": {}},
    ],
)  # fmt: skip
def test_every_part_is_part_of_the_body(change: dict[str, object]) -> None:
    """A change of anything changes the digest."""
    assert evolve(DEAL, **change).body_hash() != DEAL.body_hash()


def test_identity_and_origin_share_the_source() -> None:
    """An event speaks of events of its own source."""
    refund = evolve(DEAL, id="R-1", of="D-1")
    assert (DEAL.identity, DEAL.origin) == ("crm/D-1", None)
    assert (refund.identity, refund.origin) == ("crm/R-1", "crm/D-1")


def test_an_event_never_changes() -> None:
    """Neither the event nor its fields can be set, and it does not share the mapping that it was made from."""
    fields = {"amount": 1}
    event = evolve(DEAL, fields=fields)
    fields["amount"] = 2
    assert event.fields == {"amount": 1}
    with pytest.raises(FrozenInstanceError):
        event.id = "D-2"  # type: ignore[misc]
    with pytest.raises(TypeError):
        event.fields["amount"] = 3  # type: ignore[index]


def test_events_stand_by_instant_source_and_id() -> None:
    """The key sorts as settlement does."""
    keys = [(1, "b", "a"), (2, "", "z"), (2, "a", "a"), (2, "a", "b")]
    made = [evolve(DEAL, occurred_at=at, source=source, id=id) for at, source, id in reversed(keys)]
    assert [event.key for event in sorted(made, key=lambda event: event.key)] == keys


@given(layer=st.sampled_from(Layer), id=texts)
def test_a_holder_is_read_as_it_is_written(layer: Layer, id: str) -> None:
    """Colons in an id do no harm."""
    assert Holder.parse(str(Holder(layer, id))) == Holder(layer, id)


@pytest.mark.parametrize("text", ["", "acme", "company:acme", "Partner"])
def test_what_is_no_holder_is_refused(text: str) -> None:
    """The message gives both forms."""
    with pytest.raises(ValueError, match="partner:ID or person:ID"):
        Holder.parse(text)


def test_partners_come_before_persons() -> None:
    """Holders sort by layer, as one event is settled."""
    assert sorted([Holder.person("a"), Holder.partner("b"), Holder.partner("a")]) == [
        Holder.partner("a"),
        Holder.partner("b"),
        Holder.person("a"),
    ]
