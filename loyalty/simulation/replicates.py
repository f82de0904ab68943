"""
The events that programmes are compared on: one recorded history, or a population drawn once for each seed.

Every programme meets one table of events, which is packed once. Where a variant declares its events otherwise, the
table is laid out anew for it, by the names of kinds, fields and currencies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import evolve, field, frozen

from loyalty.batch.response import Response
from loyalty.batch.results import Batch, HolderTotals, in_turn
from loyalty.batch.running import run
from loyalty.batch.tables import CURRENCY, REDEEM, EventTable
from loyalty.core.holders import Layer
from loyalty.errors import EventRejected, LoyaltyError
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.programme.revision import form_of
from loyalty.programme.revisions import currencies_of, revisions_of, tiers_of
from loyalty.simulation.comparison import Scheme


@frozen(kw_only=True, eq=False)
class Replicate:
    """
    Events that all programmes meet.

    Args:
        events: For the base.
        seed: Of the population; None for a recorded history.
        grants: What was decided, and is replayed.
        response: By kind of event how it responds to incentives, in millionths.
        labels: What else is known of each partner, by the name of the label: its segment, its region.
    """

    events: EventTable
    seed: int | None = None
    grants: Sequence[Grant] = ()
    response: Mapping[str, int] = field(factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(factory=dict)


class Runner:
    """
    Runs programmes over replicates.

    Args:
        until_day: The last day of each run.
        threads, runs: As :func:`loyalty.batch.running.run` takes them.
    """

    def __init__(self, *, until_day: int, threads: int | None = None, runs: int = 1) -> None:
        self.until_day = until_day
        self._runs = runs
        self.notes: tuple[str, ...] = ()
        self._threads = threads
        self._laid_out: dict[str, tuple[EventTable, EventTable]] = {}

    def run(self, scheme: Scheme, replicate: Replicate) -> Batch:
        """
        Run one programme.

        Raises:
            LoyaltyError: it cannot take the events.
        """
        return self._run(scheme, replicate, self.until_day, None)

    def _run(
        self, scheme: Scheme, replicate: Replicate, until_day: int, states: Any, *, keep_states: bool = False
    ) -> Batch:
        batch = run(
            scheme.programme,
            self._events(scheme, replicate.events),
            grants=replicate.grants,
            until_day=until_day,
            from_state=states,
            response=Response.of(scheme.programme, dict(replicate.response)) if replicate.response else None,
            threads=self._threads,
            runs=self._runs,
            keep_states=keep_states,
        )
        if batch.note and batch.note not in self.notes:
            self.notes = (*self.notes, batch.note)
        return batch

    def run_by_parts(
        self, scheme: Scheme, replicate: Replicate, days: Sequence[int]
    ) -> tuple[Batch, dict[int, HolderTotals]]:
        """
        Run one programme in parts of time, and give the partners at the end of each.

        Args:
            days: The last day of each part, ascending, the last of all left out.

        Returns:
            The whole run, and by the last day of each part where partners stood.
        """
        whole = self._run(scheme, replicate, (*days, self.until_day)[0], None, keep_states=bool(days))
        states, stood = whole.states, {whole.until_day: whole.layers[Layer.PARTNER]}
        for day in (*days, self.until_day)[1:]:
            part = self._run(scheme, replicate, day, states, keep_states=day != self.until_day)
            states, stood[day] = part.states, part.layers[Layer.PARTNER]
            whole = in_turn(whole, part)
        return whole, stood

    def _events(self, scheme: Scheme, events: EventTable) -> EventTable:
        """Give the events for a programme; what declares them alike shares one table with the base."""
        form = _declared(scheme.programme)
        if form == _declared(events.programme):
            return events
        known, laid_out = self._laid_out.get(form, (None, None))
        if known is not events or laid_out is None:
            laid_out = for_programme(events, scheme)
            self._laid_out[form] = events, laid_out
        return laid_out


def for_programme(events: EventTable, scheme: Scheme) -> EventTable:
    """
    Lay the events of a table out for a programme that declares them otherwise.

    Raises:
        LoyaltyError: it cannot take them.
    """
    programme = scheme.programme
    is_wish = events.kind == REDEEM
    try:
        facts = EventTable.from_events(programme, events.to_events())
    except EventRejected as error:
        raise LoyaltyError(
            f"{scheme.name} cannot take what happened under the base: {error}; declare the event as the base does, or "
            "compare with a variant that takes it"
        ) from None
    if events.ids is None:
        # Rows without ids stand as they came, and not by the names that they had on the way.
        facts = evolve(facts, ids=None, order=None if events.order is None else events.order[~is_wish])
    if events.chance is not None:
        facts = evolve(facts, chance=events.chance[~is_wish])
    if not is_wish.any():
        return facts
    before, after = (sorted(currencies_of(one)) for one in (events.programme, programme))
    wished = events.values[CURRENCY][is_wish]
    gone = sorted({before[place] for place in np.unique(wished)} - set(after))
    if gone:
        raise LoyaltyError(
            f"{scheme.name} has no {' and no '.join(gone)}, which the scenario redeems; take it out there"
        )
    places = np.array([after.index(name) if name in after else -1 for name in before])
    wishes = evolve(
        events,
        programme=programme,
        **{name: getattr(events, name)[is_wish] for name in ("kind", "partner", "person", "at")},
        of=None,
        order=None if events.order is None else events.order[is_wish],
        chance=None if events.chance is None else events.chance[is_wish],
        ids=None if events.ids is None else events.ids.filter(pa.array(is_wish)),
        values={name: column[is_wish] for name, column in events.values.items() if name.startswith("@")}
        | {CURRENCY: places[wished]},
        texts={},
        waits={},
    )
    return EventTable.concat([facts, wishes])


def _declared(programme: Programme) -> str:
    """Give what decides how a programme's events are laid out: kinds and fields, currencies and tiers by name."""
    return "\n".join(
        (
            form_of([dict(one.events) for one in revisions_of(programme)]),
            *sorted(currencies_of(programme)),
            "",
            *tiers_of(programme),
        )
    )
