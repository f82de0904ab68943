"""
Events of partners that do not exist, valid for the programme and always the same for the same seed.

Whatever is drawn has a key of (seed, partner, kind of event, month, number), so a population can be cut into parts,
by partners or by months, on one machine or many, and joined again without changing an event; more partners or more
months only add events, and a change to one kind of event leaves the others as they were. Months are calendar months
of the programme's zone; the first is the one that the start lies in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from loyalty.batch.response import WHOLE
from loyalty.batch.tables import AMOUNT, CURRENCY, SHARE, EventTable
from loyalty.programme.model import FieldType, Programme
from loyalty.programme.revisions import currencies_of
from loyalty.simulation.behaviour import MOST_WISHED, Scenario
from loyalty.simulation.happenings import draw_activity
from loyalty.simulation.partners import draw_partners, partner_names, presence
from loyalty.simulation.plans import Codes, plans_of
from loyalty.simulation.rows import SOURCE, Block, assemble, join
from loyalty.simulation.span import Span
from loyalty.simulation.wishes import draw_wishes, wish_names

__all__ = ["SOURCE", "partner_names", "population", "populations"]

#: So many partners are drawn together: enough for arrays to pay, few enough to stay in a processor's cache.
_BLOCK: Final = 2048

_MOST_THREADS: Final = 8


def population(
    programme: Programme,
    scenario: Scenario,
    partners: int | Iterable[str],
    months: int,
    seed: int,
    start_day: int,
    *,
    part: range | None = None,
    ids: bool = False,
    progress: Callable[[int], None] | None = None,
) -> EventTable:
    """
    Draw the events of a population, and its wishes to redeem, each partner's in settlement order.

    Args:
        programme: What the events must be valid for.
        scenario: How the partners behave.
        partners: How many, named ``P-000001`` and so on, or the names of those to draw.
        months: Calendar months, the one of *start_day* included.
        seed: Any whole number; the same seed gives the same events.
        start_day: Nothing happens before it.
        part: Which of the months to draw, the first being 0: what begins in them, and what follows from that in any
            month. All if left out.
        ids: Whether each event has an identity, ``simulation/PARTNER/KIND/MONTH.NUMBER``, as a book needs it.
        progress: Called with how many partners are done.

    Raises:
        EventRejected: the scenario asks for something that the programme refuses.
    """
    names = partner_names(partners)
    size = max(len(names), 1)
    parts = populations(
        programme, scenario, names, months, seed, start_day, part=part, ids=ids, size=size, progress=progress
    )
    return next(parts)


def populations(
    programme: Programme,
    scenario: Scenario,
    partners: int | Iterable[str],
    months: int,
    seed: int,
    start_day: int,
    *,
    part: range | None = None,
    ids: bool = False,
    size: int = 50_000,
    progress: Callable[[int], None] | None = None,
) -> Iterator[EventTable]:
    """Draw a population as :func:`population` does, in tables of *size* partners, which bound the memory needed."""
    names = partner_names(partners)
    draw = _Drawing(programme, scenario, Span(programme.calendar, start_day, months), seed, part, ids)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as pool:
        for first in range(0, max(len(names), 1), size):
            last = min(first + size, len(names))
            done, blocks = first, []
            chunks = [names[at : min(at + _BLOCK, last)] for at in range(first, last, _BLOCK)]
            for block in pool.map(draw.block, chunks):
                blocks.append(block)
                done += len(block.partners)
                if progress is not None:
                    progress(done)
            yield draw.table(blocks)


class _Drawing:
    """Draws blocks of partners; nothing in it changes, so that threads may share it."""

    def __init__(
        self, programme: Programme, scenario: Scenario, span: Span, seed: int, part: range | None, ids: bool
    ) -> None:
        self.programme, self.scenario, self.span, self.seed, self.ids = programme, scenario, span, seed, ids
        self.part = range(span.months) if part is None else part
        codes = Codes()
        self.plans = plans_of(programme, scenario, codes)
        self.texts = codes.texts
        fields = {name for plan in self.plans for name in plan.field_names()}
        if scenario.wishes:
            fields |= {CURRENCY}
        if any(wish.amount is not None for wish in scenario.wishes):
            fields |= {AMOUNT}
        if any(wish.share is not None for wish in scenario.wishes):
            fields |= {SHARE}
        #: The type of each field's column: as narrow as what the field may hold.
        self.fields = {name: _type_of(name, programme, codes) for name in sorted(fields)}
        #: The names of rows by the place of their part in a block.
        self.names = [
            *(name for plan in self.plans for name in plan.names()),
            *(wish_names(wish, place) for place, wish in enumerate(scenario.wishes)),
        ]

    def block(self, names: Sequence[str]) -> Block:
        """Draw some partners."""
        partners = draw_partners(self.scenario, names, self.seed)
        present = presence(self.scenario, partners, self.span.first_month, self.span.months)
        parts = [
            rows
            for plan in self.plans
            for rows in draw_activity(plan, self.scenario, partners, present, self.span, self.seed, self.part)
        ]
        parts += [
            draw_wishes(self.programme, wish, place, partners, present, self.span, self.part)
            for place, wish in enumerate(self.scenario.wishes)
        ]
        return assemble(partners, parts, self.fields, ids=self.ids)

    def table(self, blocks: list[Block]) -> EventTable:
        """Put drawn blocks together."""
        return join(self.programme, blocks, self.fields, self.texts, self.names if self.ids else None)


def _type_of(field: str, programme: Programme, codes: Codes) -> np.dtype[Any]:
    """Give the narrowest type of whole numbers that holds a field of every kind, and the mark of what is not given."""
    most = {CURRENCY: len(currencies_of(programme)), AMOUNT: MOST_WISHED, SHARE: WHOLE}.get(field, 1)
    for kind in programme.events.values():
        spec = kind.fields.get(field)
        if spec is not None and spec.type in (FieldType.MONEY, FieldType.INT):
            most = max(most, -spec.lowest, spec.highest)
    return np.min_scalar_type(-max(most, len(codes.texts.get(field, ()))) - 1)
