"""What a run is to do, and what it gives, whichever way it is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from loyalty.batch.once import once
from loyalty.batch.placing import Placing, place
from loyalty.batch.tables import EventTable, Ints
from loyalty.core.calendar import FIRST_DAY as _FIRST_DAY
from loyalty.core.calendar import FIRST_YEAR, LAST_YEAR, month_tables
from loyalty.core.holders import Layer
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.programme.revisions import revisions_of


@frozen(eq=False, kw_only=True)
class Work:
    """
    One run.

    Attributes:
        rows: The rows that are settled, in settlement order.
        grants: The decisions that are, in the order of recording.
        holders: By layer the ids of all who take part, Arrow strings; codes of the table come first.
        grant_holders: By grant its holder's place among those of its layer.
        since: Everything through this day has happened; None where nothing has.
        first_month, months: What the tables run over.
        layers: Those in which anything can move; a layer for which the programme declares nothing has no holders.
    """

    programme: Programme
    table: EventTable
    placing: Placing
    rows: Ints
    grants: Sequence[Grant]
    holders: Mapping[Layer, pa.Array]
    grant_holders: Ints
    since: int | None
    until_day: int
    first_month: int
    months: int
    layers: tuple[Layer, ...]

    @classmethod
    def of(
        cls,
        programme: Programme,
        table: EventTable,
        grants: Sequence[Grant],
        until_day: int,
        since: int | None,
        known: Mapping[Layer, pa.Array],
    ) -> Work:
        """
        Find out what is to be done.

        Args:
            since: What happened through this day is left out, for it was settled before.
            known: The holders that have states.
        """
        calendar = programme.calendar
        placing = once(table, "placing", lambda: place(table))
        end = calendar.day_start_us(until_day + 1)
        start = calendar.starts_us[0] if since is None else calendar.day_start_us(since + 1)
        rows = placing.rows
        instants = placing.instant
        if len(rows) and not (start <= instants[rows[0]] and instants[rows[-1]] < end):
            at = instants[rows]
            rows = rows[(at >= start) & (at < end)]
        taken = [grant for grant in grants if start <= grant.at < end]
        holders = {
            layer: _named(column, known.get(layer), [g.holder.id for g in taken if g.holder.layer is layer])
            for layer, column in ((Layer.PARTNER, table.partners), (Layer.PERSON, table.persons))
        }
        places = {
            layer: {id: place for place, id in enumerate(holders[layer].to_pylist())} if taken else {}
            for layer in Layer
        }
        first = [start] if since is not None else []
        if len(rows):
            first.append(int(instants[rows[0]]))
        first += [grant.at for grant in taken]
        month_of = month_tables()[0]
        last_month = month_of[until_day - _FIRST_DAY]
        first_month = month_of[calendar.day_of(min(first)) - _FIRST_DAY] if first else last_month
        return cls(
            programme=programme,
            table=table,
            placing=placing,
            rows=rows,
            grants=taken,
            holders=holders,
            grant_holders=np.array([places[g.holder.layer][g.holder.id] for g in taken], np.int64),
            since=since,
            until_day=until_day,
            first_month=first_month,
            months=max(last_month, first_month) - first_month + 1,
            layers=tuple(
                layer
                for layer in Layer
                if _pays(programme, layer)
                or any(grant.holder.layer is layer for grant in taken)
                or len(known.get(layer, ()))
            ),
        )

    @property
    def widest(self) -> int:
        """How many months of expiry there are, the last of them for what never does."""
        return LAST_YEAR * 12 - max(self.first_month, FIRST_YEAR * 12) + 1


def _pays(programme: Programme, layer: Layer) -> bool:
    """Tell whether any revision pays, or gives badges to, the holders of a layer; partners are always looked at."""
    return layer is Layer.PARTNER or any(
        any(rule.give.get(layer) for rule in one.rules) or any(badge.layer is layer for badge in one.badges)
        for one in revisions_of(programme)
    )


def _named(column: pa.Array, known: pa.Array | None, others: list[str]) -> pa.Array:
    """Give the ids of a column, then those that stand elsewhere, each once."""
    more = pa.concat_arrays([known if known is not None else pa.array([], pa.string()), pa.array(others, pa.string())])
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    column = column.cast(pa.string())
    if not len(more):
        return column
    more = pc.unique(more)
    new = more.filter(pc.is_null(pc.index_in(more, value_set=column)))
    return pa.concat_arrays([column, new.cast(pa.string())])


def tiers_by_month(starts: Ints, first_months: Ints, moves: Ints, first_month: int) -> Ints:
    """
    Give how many partners are in each tier at the end of each month.

    Args:
        starts: How many there were before the run.
        first_months: The month in which each of the others came, which stands in the base.
        moves: By month, from tier, to tier.
    """
    months = len(moves)
    tiers = np.zeros((months, moves.shape[1]), np.int64)
    tiers += starts
    arrivals = np.bincount(np.clip(first_months - first_month, 0, months - 1), minlength=months)
    tiers[:, 0] += np.cumsum(arrivals)
    tiers += np.cumsum(moves.sum(axis=1) - moves.sum(axis=2), axis=0)
    return tiers


def who_took_part(kept: Any, columns: Mapping[str, Any], each: Callable[..., Iterable[Any]] = map) -> dict[str, Any]:
    """
    Give the columns of those alone who took part.

    Args:
        each: Gives a function of each column, as ``map`` does, or several at once.
    """
    rows = np.flatnonzero(kept)
    if len(rows) == len(kept):
        return dict(columns)
    return dict(zip(columns, each(lambda column: column.take(rows, axis=0), columns.values()), strict=True))
