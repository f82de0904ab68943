"""What a run refuses: more events than a holder may have, and events that come to a closed one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from loyalty.batch.kinds import Kind
from loyalty.batch.tables import REDEEM, Ints
from loyalty.batch.work import Work
from loyalty.core.calendar import format_day
from loyalty.core.holders import Layer
from loyalty.errors import EventRejected
from loyalty.ledger.store import Grant
from loyalty.programme.model import Role
from loyalty.programme.revisions import in_force_at, revisions_of


def refuse_too_many(work: Work, layer: Layer, silent: Ints | None = None) -> None:
    """
    See that no holder has more events than the programme takes.

    Args:
        silent: Rows that did not happen, which count for nobody.

    Raises:
        EventRejected: the first event beyond that.
    """
    rows = work.placing.rows
    end = work.programme.calendar.day_start_us(work.until_day + 1)
    codes = (work.placing.partner if layer is Layer.PARTNER else work.placing.person)[rows]
    least = _least(work)
    if not len(rows) or np.bincount(codes[codes >= 0], minlength=1).max(initial=0) <= least:
        return
    counted = (work.placing.instant[rows] < end) & (work.table.kind[rows] != REDEEM) & (codes >= 0)
    if silent is not None and len(silent):
        counted &= ~np.isin(rows, silent)
    counts = np.bincount(codes[counted], minlength=1)
    for holder in np.flatnonzero(counts > least).tolist():
        for number, row in enumerate(rows[counted & (codes == holder)].tolist()):
            limit = in_force_at(work.programme, int(work.table.at[row])).events_per_holder
            if number >= limit:
                name = f"{layer.name.lower()}:{work.holders[layer][holder]}"
                raise EventRejected(
                    work.table.identity(row),
                    [f"{name} has {limit} events already; raise limits.events_per_holder to take more"],
                )


def may_be_too_many(work: Work, offsets: Ints) -> bool:
    """
    Tell whether a holder has so many items that its events must be counted.

    Args:
        offsets: Where the items of each holder begin that this run settles.
    """
    return work.since is not None or np.diff(offsets).max(initial=0) > _least(work)


def refuse_after_closing(work: Work, layer: Layer, kinds: Sequence[Kind], grants: Iterable[Grant]) -> None:
    """
    See that nothing but refunds comes to a holder after its closing.

    Raises:
        EventRejected: the first event that does.
    """
    closings = [grant for grant in grants if grant.kind == "close" and grant.holder.layer is layer]
    if not closings:
        return
    places = {id: place for place, id in enumerate(work.holders[layer].to_pylist())}
    rows = work.rows
    codes: Ints = (work.placing.partner if layer is Layer.PARTNER else work.placing.person)[rows]
    refunds = np.zeros(len(kinds) + 4, bool)
    refunds[: len(kinds)] = [kind.role is Role.REFUNDS for kind in kinds]
    refunds[REDEEM] = True
    others = ~refunds[work.table.kind[rows]] & ((work.table.kind[rows] >= 0) | (layer is Layer.PARTNER))
    for closing in closings:
        late = others & (codes == places.get(closing.holder.id, -2)) & (work.placing.instant[rows] > closing.at)
        if late.any():
            into = f" into {closing.peer}" if closing.peer is not None else ""
            day = format_day(work.programme.calendar.day_of(closing.at))
            raise EventRejected(
                work.table.identity(int(rows[np.argmax(late)])),
                [
                    f"{closing.holder} was closed{into} on {day} by command {closing.key}; after it only refunds of "
                    "earlier events are taken"
                ],
            )


def _least(work: Work) -> int:
    """Give how many events of a holder each revision takes."""
    return min(one.events_per_holder for one in revisions_of(work.programme))
