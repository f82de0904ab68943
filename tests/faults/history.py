"""Histories for several processes: a year of many partners, from a seed, as payloads that a webhook would bring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from loyalty import Event, read_event
from tests.faults.programme import PROGRAMME

#: What a webhook would bring.
Payload = dict[str, Any]

#: Everything that a year's history makes due has happened by this day.
UNTIL_DAY = PROGRAMME.calendar.day_of(PROGRAMME.calendar.parse_instant_us("2027-09-01"))

_FIRST = datetime(2026, 1, 2)
_MINUTES = 360 * 24 * 60


def history(seed: int, *, size: int, partners: int) -> list[Payload]:
    """
    Draw a year of deals, refunds, voids, certifications and leads, in order of what happened.

    Persons belong to several partners each, so that those who write about different partners meet at them.
    """
    rng = Random(seed)
    minutes = sorted(rng.sample(range(_MINUTES), size))
    drawn: list[Payload] = []
    deals: list[Payload] = []
    leads: list[Payload] = []
    for number, minute in enumerate(minutes):
        partner = rng.randrange(partners)
        payload: Payload = {
            "id": f"E-{number}",
            "at": (_FIRST + timedelta(minutes=minute)).isoformat(),
            "partner": f"p{partner:02}",
        }
        chance = rng.random()
        if chance < 0.12 and deals:
            deal = rng.choice(deals)
            payload |= {"on": "deal.refunded", "of": deal["id"], "partner": deal["partner"]}
            if rng.random() < 0.6:
                payload["amount"] = f"{rng.randrange(1, 40)}.00 EUR"
        elif chance < 0.15 and drawn:
            origin = rng.choice(drawn)
            payload |= {"on": "void", "of": origin["id"], "partner": origin["partner"]}
        elif chance < 0.23:
            payload |= {"on": "certification.passed", "track": rng.choice("xyz"), "person": _person(rng, partner)}
        elif chance < 0.30:
            payload |= {"on": "lead.registered"}
            leads.append(payload)
        elif chance < 0.34 and leads:
            lead = leads.pop(rng.randrange(len(leads)))
            payload |= {"on": "lead.qualified", "of": lead["id"], "partner": lead["partner"]}
        else:
            payload |= {"on": "deal.won", "amount": f"{rng.randrange(40, 600)}.00 EUR"}
            if rng.random() < 0.6:
                payload["person"] = _person(rng, partner)
            deals.append(payload)
        drawn.append(payload)
    return drawn


def read_all(payloads: Sequence[Payload]) -> list[Event]:
    """Read payloads as events of the programme."""
    return [read_event(PROGRAMME, payload) for payload in payloads]


def _person(rng: Random, partner: int) -> str:
    return f"{rng.choice(('ann', 'bo'))}-{partner % 10}"
