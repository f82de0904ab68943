"""
The revisions of a programme: which is in force on a day, and what identifies them all.

A programme knows the revisions before it. An event settles under the one that was in force when it occurred.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from loyalty.programme.model import Currency, EventKind, Programme


def revisions_of(programme: Programme) -> tuple[Programme, ...]:
    """Give all revisions of a programme, the earliest first and the programme itself last."""
    return (*programme.earlier, programme)


def in_force(programme: Programme, day: int) -> Programme:
    """Give the revision that is in force on a day; before the second begins it is the first."""
    if not programme.earlier or day >= programme.from_day:
        return programme
    first, *later = programme.earlier
    return next((one for one in reversed(later) if one.from_day <= day), first)


def in_force_at(programme: Programme, at: int) -> Programme:
    """Give the revision that is in force at an instant, UTC microseconds."""
    return in_force(programme, programme.calendar.day_of(at)) if programme.earlier else programme


def kind_of(programme: Programme, name: str) -> EventKind | None:
    """Give a kind of event as the last revision that has it declares it, or None."""
    kind = programme.events.get(name)
    if kind is None and programme.earlier:
        return next((one.events[name] for one in reversed(programme.earlier) if name in one.events), None)
    return kind


def currency_of(programme: Programme, name: str) -> Currency | None:
    """Give a currency as the last revision that has it declares it, or None."""
    currency = programme.currencies.get(name)
    if currency is None and programme.earlier:
        return next((one.currencies[name] for one in reversed(programme.earlier) if name in one.currencies), None)
    return currency


def currencies_of(programme: Programme) -> dict[str, Currency]:
    """Give every currency of all revisions, as the last that has it declares it; those of the last come first."""
    currencies = dict(programme.currencies)
    for one in reversed(programme.earlier):
        currencies = {**currencies, **{name: c for name, c in one.currencies.items() if name not in currencies}}
    return currencies


def currency_in(programme: Programme, place: int, name: str) -> Currency:
    """
    Give a currency as revision number *place* has it; else as it was declared last before, or first after.

    Points of a currency that was given up live on as its last declaration says.
    """
    revisions = revisions_of(programme)
    order = (*reversed(revisions[: place + 1]), *revisions[place + 1 :])
    return next(one.currencies[name] for one in order if name in one.currencies)


def tiers_of(programme: Programme) -> tuple[str, ...]:
    """Give the names of the tiers of all revisions in their one order, base first."""
    order: list[str] = []
    for one in revisions_of(programme):
        add_tiers(order, [tier.name for tier in one.ladder.tiers])
    return tuple(order)


def add_tiers(order: list[str], names: Iterable[str]) -> None:
    """
    Put a ladder's new tiers into the order of those known: each below the next of its own that is known, or on top.

    So a tier that another revision lacks falls to one that was declared below it, and never rises.

    >>> order = ["base", "silver", "gold"]
    >>> add_tiers(order, ["base", "bronze", "silver", "platinum"])
    >>> order
    ['base', 'bronze', 'silver', 'gold', 'platinum']
    """
    listed = list(names)
    for place, name in enumerate(listed):
        if name not in order:
            above = next((other for other in listed[place + 1 :] if other in order), None)
            order.insert(len(order) if above is None else order.index(above), name)


def swapped_tiers(order: Iterable[str], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the neighbours of a ladder that stand the other way round in the order of those known."""
    places = {name: place for place, name in enumerate(order)}
    known = [name for name in names if name in places]
    return ((low, high) for low, high in pairwise(known) if places[low] > places[high])


def chain_of(programme: Programme) -> str:
    """
    Give the digest of a programme with all that came before it; the revision itself where nothing did.

    What is settled under it can be settled again with the same result; a checkpoint is kept under it.
    """
    return digest_of_chain([(one.from_day, one.revision) for one in revisions_of(programme)])


def digest_of_chain(parts: Sequence[tuple[int, str]]) -> str:
    """Give the digest of a chain by the first day, 0 of the first, and the digest of each revision."""
    if len(parts) == 1:
        return parts[0][1]
    names = "\n".join(f"{day} {revision}" for day, revision in parts)
    return hashlib.sha256(names.encode()).hexdigest()[:_DIGITS]


_DIGITS = 16
