"""One shape of programme with many histories: the kernel posts what the core posts, however the work is cut."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from attrs import evolve

from loyalty.batch import EventTable, in_turn, run, together
from loyalty.batch.bucketed import settle_buckets
from loyalty.batch.bucketing import write_buckets
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from tests.settlement.histories import history

from .columns import arrow_of
from .test_compiled_run import assert_equal, responding, with_wishes


def assert_agreement(programme: Programme, seed: int, histories: int) -> None:
    """See that so many histories of a programme post the same on the core and compiled, whichever way they are cut."""
    with TemporaryDirectory() as kernels:
        # Kernels of drawn programmes are of no use to anybody later.
        os.environ["LOYALTY_CACHE"] = kernels
        _assert_agreement(programme, seed, histories)


def _assert_agreement(programme: Programme, seed: int, histories: int) -> None:
    crowds, decided, last = many(programme, seed, histories)
    table, grants = _together(programme, crowds, decided)
    plain = run(programme, table, grants=grants, until_day=last, journal=True, kernel=False)
    compiled = run(programme, table, grants=grants, until_day=last, journal=True, kernel=True)
    assert_equal(compiled, plain)
    threaded = run(programme, table, grants=grants, until_day=last, kernel=True, threads=5)
    assert threaded.digest() == plain.digest()
    cut = Random(seed).randrange(programme.first_day, last + 1)
    first = run(programme, table, grants=grants, until_day=cut, kernel=True, keep_states=True)
    second = run(programme, table, grants=grants, until_day=last, kernel=True, from_state=first.states)
    assert in_turn(first, second).digest() == plain.digest()
    thirds = []
    for part in range(3):
        own, granted = _together(programme, crowds[part::3], decided[part::3])
        thirds.append(run(programme, own, grants=granted, until_day=last, kernel=True))
    assert together(thirds).digest() == plain.digest()
    _assert_buckets_agree(programme, [event for crowd in crowds for event in crowd], last)
    richer = with_wishes(table, Random(seed))
    response = responding(programme)
    assert_equal(
        run(programme, richer, grants=grants, until_day=last, journal=True, kernel=True, response=response),
        run(programme, richer, grants=grants, until_day=last, journal=True, kernel=False, response=response),
    )
    assert len(plain.layers[Layer.PARTNER].holders) >= len(crowds)


def _assert_buckets_agree(programme: Programme, events: list[Event], until_day: int) -> None:
    """Buckets take events without decisions."""
    plain = run(programme, EventTable.from_events(programme, events), until_day=until_day, kernel=False)
    with TemporaryDirectory() as folder:
        buckets = write_buckets(programme, arrow_of(programme, events), Path(folder, "buckets"), buckets=4)
        batch = settle_buckets(programme, buckets, until_day=until_day, out=Path(folder, "out"), kernel=True)
    assert batch.digest() == plain.digest()


def _together(
    programme: Programme, crowds: Iterable[list[Event]], decided: Iterable[list[Grant]]
) -> tuple[EventTable, list[Grant]]:
    events = [event for crowd in crowds for event in crowd]
    return EventTable.from_events(programme, events), [grant for granted in decided for grant in granted]


def many(programme: Programme, seed: int, count: int) -> tuple[list[list[Event]], list[list[Grant]], int]:
    """Draw histories whose partners, persons and commands are named apart, and a day that nothing comes after."""
    crowds: list[list[Event]] = []
    decided: list[list[Grant]] = []
    last = programme.first_day
    for number in itertools.count():
        if len(crowds) == count:
            break
        drawn = history(programme, Random(f"{seed}/{number}"), size=Random(number).choice((5, 20, 40)))
        # Events in columns count from their own instants.
        if drawn.counts_from:
            continue
        # The first keeps its names, which expressions may ask for.
        crowds.append([_apart(event, number) for event in drawn.events] if number else drawn.events)
        decided.append([_grant_apart(grant, number) for grant in drawn.grants] if number else drawn.grants)
        days = [*(event.occurred_at for event in drawn.events), *(grant.at for grant in drawn.grants)]
        last = max(last, drawn.until_day, *map(programme.calendar.day_of, days))
    return crowds, decided, last


def _apart(event: Event, number: int) -> Event:
    return evolve(
        event,
        id=f"{number}-{event.id}",
        of=event.of and f"{number}-{event.of}",
        partner=f"{event.partner}-{number}",
        person=event.person and f"{event.person}-{number}",
    )


def _grant_apart(grant: Grant, number: int) -> Grant:
    def named(holder: Holder | None) -> Holder | None:
        return holder and Holder(holder.layer, f"{holder.id}-{number}")

    holder = Holder(grant.holder.layer, f"{grant.holder.id}-{number}")
    of = grant.of and f"{number}-{grant.of}"
    return evolve(grant, key=f"{number}-{grant.key}", of=of, holder=holder, peer=named(grant.peer))
