"""
What a run over columns gives: totals by month, tier, rule and holder, as arrays of whole numbers.

Currencies, tiers and badges stand in the order of :class:`loyalty.settlement.layout.Names`; amounts are minor units.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, field, frozen

from loyalty.batch.tables import Ints
from loyalty.core.holders import Layer
from loyalty.errors import UsageError
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of
from loyalty.settlement.layout import Names

#: How many of the figures of a row say what moved; those behind them say what stands there.
MOVED: Final = 5


@frozen(eq=False, kw_only=True)
class HolderTotals:
    """
    What became of each holder of one layer; arrays of one length.

    Attributes:
        holders: Their ids, Arrow strings.
        cells: By currency: issued, activated, expired, redeemed, reversed in the run; available, pending, held and
            arrears at its end (arrears are what is owed, >= 0).
        tier: The place of the tier in force at the end; 0 for persons.
        badges: 1 for each badge that is held.
        events: How many events of each kind of ``kinds_of`` happened.
        sums: What the first money field of each kind sums up to; of refunds what they took back.
        first_month: That of the first item.
    """

    holders: Any
    cells: Ints
    tier: Ints
    badges: Ints
    events: Ints
    sums: Ints
    first_month: Ints


@frozen(eq=False, kw_only=True)
class Batch:
    """
    What a run gives; months are counted from January of year 0.

    Attributes:
        first_month: The first month of the tables.
        months: How many months they have.
        until_day: The day through which everything has happened.
        layers: What became of each holder.
        flows: By month and currency: issued, activated, expired, redeemed, reversed; then the change of available,
            pending, held and arrears.
        tiers: By month, how many partners are in each tier at its end.
        tier_moves: By month, from tier, to tier: how many partners moved.
        funds: By month, currency and tier (persons last): issued, and reversed, by the partner's tier then.
        rules: By label of ``names``, layer and currency: awards, issued, reversed.
        outstanding: By currency and month of expiry from ``first_month`` on, what is available, pending or held; the
            last column never expires. What is held beyond its day stands in the month of ``until_day``.
        entries: How many entries a ledger would have.
        postings: How many postings.
        journal: Every movement, if asked for; see :mod:`loyalty.batch.journal`.
        states: Where every holder stands; a later run goes on from here.
        silent: The rows of the table that did not happen, as the response to incentives has it, ascending; None where
            nothing responds, and where several runs were put together.
        note: What a person should know about how it was computed, or "".
        uncounted: Of the rows that are no events that count, how many there are by reason, where somebody asked; see
            :func:`loyalty.batch.uncounted.uncounted`.
    """

    programme: Programme
    names: Names
    first_month: int
    months: int
    until_day: int
    layers: Mapping[Layer, HolderTotals]
    flows: Ints
    tiers: Ints
    tier_moves: Ints
    funds: Ints
    rules: Ints
    outstanding: Ints
    entries: int
    postings: int
    journal: pa.Table | None = None
    states: Any = None
    silent: Ints | None = None
    note: str = ""
    uncounted: Mapping[str, int] = field(factory=dict)

    def digest(self) -> str:
        """
        Give the SHA-256 of all figures.

        It does not depend on the order of holders, nor on how the work was cut into buckets, threads and chunks of
        time; the journal, the states and what did not count are no part of it.
        """
        digest = hashlib.sha256(chain_of(self.programme).encode())
        for layer in Layer:
            totals = self.layers[layer]
            order = np.asarray(pc.sort_indices(totals.holders))
            digest.update("\0".join(totals.holders.take(pa.array(order)).to_pylist()).encode())
            for column in _COLUMNS:
                digest.update(np.ascontiguousarray(getattr(totals, column)[order], np.int64).tobytes())
        # A run that went on from an earlier one has months in which nobody was there yet.
        begun = [int(totals.first_month.min()) for totals in self.layers.values() if len(totals.first_month)]
        idle = min(begun) - self.first_month if begun else self.months
        numbers = [self.first_month + idle, self.months - idle, self.until_day, self.entries, self.postings]
        digest.update(np.array(numbers, np.int64).tobytes())
        tables = [getattr(self, name)[idle:] for name in _MONTHLY]
        for table in (*tables, self.rules, self.outstanding[:, idle:]):
            digest.update(np.ascontiguousarray(table, np.int64).tobytes())
        return digest.hexdigest()


#: The columns of holders.
_COLUMNS: Final = ("cells", "tier", "badges", "events", "sums", "first_month")

#: The tables that have a row for each month.
_MONTHLY: Final = ("flows", "tiers", "tier_moves", "funds")


def together(batches: Sequence[Batch]) -> Batch:
    """
    Put the results of runs over different holders together, as one run over all of them gives them.

    Raises:
        UsageError: there are none, or they end on different days.
    """
    if not batches or len({batch.until_day for batch in batches}) > 1:
        raise UsageError("runs can be put together only where there is one at least, and all end on the same day")
    if len(batches) == 1:
        return batches[0]
    first = min(batch.first_month for batch in batches)
    months = max(batch.first_month + batch.months for batch in batches) - first
    wide = [_from_month(batch, first, months) for batch in batches]
    width = max(batch.outstanding.shape[1] for batch in wide)
    return evolve(
        wide[0],
        layers={layer: _all_holders([batch.layers[layer] for batch in wide]) for layer in Layer},
        **{name: sum(getattr(batch, name) for batch in wide) for name in (*_MONTHLY, "rules")},
        outstanding=np.sum([_widened(batch.outstanding, 0, width) for batch in wide], axis=0),
        entries=sum(batch.entries for batch in batches),
        postings=sum(batch.postings for batch in batches),
        journal=None,
        states=None,
        silent=None,
        note=next((batch.note for batch in batches if batch.note), ""),
        uncounted={
            why: sum(batch.uncounted.get(why, 0) for batch in batches)
            for why in dict.fromkeys(why for batch in batches for why in batch.uncounted)
        },
    )


def in_turn(earlier: Batch, later: Batch) -> Batch:
    """Put the results of a run and of the run that went on from its states together, as one run gives them."""
    first = min(earlier.first_month, later.first_month)
    months = max(batch.first_month + batch.months for batch in (earlier, later)) - first
    before, after = (_from_month(batch, first, months) for batch in (earlier, later))
    tiers = after.tiers.copy()
    overlap = later.first_month - first
    tiers[:overlap] = before.tiers[:overlap]
    layers = {}
    for layer in Layer:
        old, new = before.layers[layer], after.layers[layer]
        places = np.asarray(pc.index_in(old.holders, value_set=new.holders))
        cells, events, sums, since = new.cells.copy(), new.events.copy(), new.sums.copy(), new.first_month.copy()
        cells[places, :, :MOVED] += old.cells[:, :, :MOVED]
        events[places] += old.events
        sums[places] += old.sums
        since[places] = np.minimum(since[places], old.first_month)
        layers[layer] = evolve(new, cells=cells, events=events, sums=sums, first_month=since)
    return evolve(
        after,
        layers=layers,
        tiers=tiers,
        **{name: getattr(before, name) + getattr(after, name) for name in ("flows", "tier_moves", "funds", "rules")},
        entries=earlier.entries + later.entries,
        postings=earlier.postings + later.postings,
        journal=None,
        silent=None,
    )


def _from_month(batch: Batch, first: int, months: int) -> Batch:
    """Give a batch whose tables begin with a month and have so many; who is in a tier stays there."""
    lead = batch.first_month - first
    tail = months - lead - batch.months
    tables: dict[str, Any] = {name: _padded(getattr(batch, name), lead, tail) for name in _MONTHLY}
    if tail:
        tables["tiers"][lead + batch.months :] = batch.tiers[-1]
    width = batch.outstanding.shape[1] + lead
    outstanding = _widened(batch.outstanding, lead, width)
    return evolve(batch, first_month=first, months=months, outstanding=outstanding, **tables)


def _padded(table: Ints, lead: int, tail: int) -> Ints:
    return np.pad(table, [(lead, tail), *[(0, 0)] * (table.ndim - 1)])


def _widened(outstanding: Ints, lead: int, width: int) -> Ints:
    """Put empty months before and behind; the last column stays the last."""
    dated = np.pad(outstanding[:, :-1], [(0, 0), (lead, width - lead - outstanding.shape[1])])
    return np.concatenate([dated, outstanding[:, -1:]], axis=1)


def _all_holders(parts: Sequence[HolderTotals]) -> HolderTotals:
    return HolderTotals(
        holders=pa.concat_arrays([part.holders for part in parts]),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS},
    )
