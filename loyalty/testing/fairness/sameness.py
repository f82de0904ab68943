"""
Anonymity and equal treatment: names change nothing, and equal histories end equal.

New names are chosen so that their order is the reverse of the old one: an engine that looks at holders in order of
their names would show it. Equal treatment lets a twin of one partner, with persons of its own, live the same history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.testing.fairness.actions import horizon_day
from loyalty.testing.fairness.scenes import later, telling_events
from loyalty.testing.laws import Bench, Counterexample, Law, Lead
from loyalty.testing.outcomes import Outcome


def _reversed_names(names: set[str]) -> dict[str, str]:
    ordered = sorted(names)
    return {name: f"n{len(ordered) - place:03}" for place, name in enumerate(ordered)}


def probe_anonymity(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Give every partner and person another name."""
    partners = _reversed_names({event.partner for event in lead.events})
    persons = _reversed_names({event.person for event in lead.events if event.person})
    renamed = tuple(_renamed(event, partners, persons) for event in lead.events)
    names = {Layer.PARTNER: partners, Layer.PERSON: persons}
    before, after = bench.settle(lead.events), bench.settle(renamed)
    expected = {
        (Holder(holder.layer, names[holder.layer].get(holder.id, holder.id)), account, asset): amount
        for (holder, account, asset), amount in before.balances().items()
    }
    if expected != after.balances():
        yield Counterexample(
            law="anonymity", claim="other names for the same partners lead to other balances",
            first=lead.events, second=renamed,
        )  # fmt: skip


def probe_equal_treatment(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Let a twin of each partner do the same at the same instants."""
    for partner in sorted({event.partner for event in lead.events}):
        own = tuple(event for event in lead.events if event.partner == partner)
        persons = {event.person: f"{event.person}-twin" for event in own if event.person}
        twin = tuple(
            evolve(_renamed(event, {partner: f"{partner}-twin"}, persons), id=f"twin-{event.id}",
                   of=event.of and f"twin-{event.of}")
            for event in own
        )  # fmt: skip
        outcome = bench.settle((*own, *twin), until_day=horizon_day(bench.programme, lead))
        twins = {Holder.partner(partner): Holder.partner(f"{partner}-twin")}
        twins |= {Holder.person(person): Holder.person(other) for person, other in persons.items()}
        for holder, other in twins.items():
            if _state(outcome, holder) != _state(outcome, other):
                yield Counterexample(
                    law="equal_treatment", claim=f"{holder} and {other} did the same and ended differently",
                    second=outcome.events,
                )  # fmt: skip


def _state(outcome: Outcome, holder: Holder) -> object:
    balances = {key[1:]: amount for key, amount in outcome.balances().items() if key[0] == holder}
    return balances, outcome.tier_steps(holder) if holder.layer is Layer.PARTNER else None


def _renamed(event: Event, partners: Mapping[str, str], persons: Mapping[str, str]) -> Event:
    person = persons.get(event.person, event.person) if event.person else None
    return evolve(event, partner=partners.get(event.partner, event.partner), person=person)


def leads(bench: Bench) -> Iterator[Lead]:
    """Two partners that do telling things on one day."""
    telling = telling_events(bench, limit=8)
    for first in telling:
        for second in telling:
            other = later(bench.programme, second, 0, "e-9").events
            yield Lead((*first.events, *(evolve(event, id=f"b-{event.id}", of=event.of and f"b-{event.of}",
                                                partner="birch") for event in other)))  # fmt: skip


ANONYMITY = Law(
    name="anonymity",
    statement="Renaming partners and persons changes nothing.",
    probe=probe_anonymity,
    leads=leads,
)

EQUAL_TREATMENT = Law(
    name="equal_treatment",
    statement="Partners with equal histories end equal.",
    probe=probe_equal_treatment,
    leads=leads,
)
