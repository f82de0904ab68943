"""
From rows in the order of time to items in the order of holders: a counting sort over the holders' codes, in threads.

A first pass gives each row its place, a second copies what the step reads of it there. Rows come in settlement order,
so each holder's items do too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from attrs import frozen

from loyalty.batch.compiling import Kernel
from loyalty.batch.declared import Declared
from loyalty.batch.driver import RELEASE_REST_ITEM, WISH_ITEM
from loyalty.batch.kinds import Kind
from loyalty.batch.once import once
from loyalty.batch.tables import AMOUNT, CURRENCY, OVERRIDE, REDEEM, SHARE, TIER, UNTIL, EventTable, Ints, missing_of
from loyalty.batch.work import Work
from loyalty.core.calendar import FIRST_DAY, NEVER
from loyalty.core.holders import Layer
from loyalty.ledger.store import Grant
from loyalty.settlement.commands import MATURE, PENDING_NOTE, VERBS
from loyalty.settlement.drawing import ANY_LOT
from loyalty.settlement.journal import ACCOUNT_NAMES, FIRST_OF_PROGRAMME
from loyalty.settlement.layout import CARRY_ITEM, CLOSE_ITEM, OVERRIDE_ITEM, Names

#: Runs calls of a function over parts at once: (function, the arguments of each call).
Spread = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]

#: The numbers of a part of a grant, see ``settle_decision``; behind them the item, the instant and the grant's number.
PART_WIDTH: Final = 11


@frozen(eq=False)
class Packed:
    """
    The items of a layer.

    Attributes:
        items: Packed records, holder after holder.
        offsets: Where each holder's begin; one more at the end.
    """

    items: Any
    offsets: Ints


def order_of(work: Work, layer: Layer, parts: Ints) -> tuple[Ints, Ints]:
    """
    Give what a layer settles in settlement order, rows and -2 less the place of parts of grants, and their holders.

    Args:
        parts: The parts of the layer's grants with the holder of each behind, in the order of recording.
    """
    placing, table = work.placing, work.table
    rows = work.rows
    column = placing.partner if layer is Layer.PARTNER else placing.person
    # A wish that names a person is of the person's wallet alone; an event reaches both.
    wishes = (table.kind == REDEEM) & (placing.person >= 0)
    if layer is Layer.PERSON:
        rows = rows[((column >= 0) & ((table.kind >= 0) | wishes))[rows]]
    elif wishes.any():
        rows = rows[~wishes[rows]]
    is_whole = placing.is_whole and len(rows) == len(table)
    # The kernel is compiled for arrays that could be written to.
    codes = np.require(column, requirements=["C", "W"]) if is_whole else column[rows]
    if not len(parts):
        return rows, codes
    instants = placing.instant[rows]
    # Events of an instant come before its decisions, and these before wishes.
    wishes = table.kind[rows] == REDEEM
    keys = np.concatenate([2 * wishes, np.ones(len(parts), np.int64)])
    order = np.lexsort((keys, np.concatenate([instants, parts[:, 9]])))
    return (
        np.concatenate([rows, -2 - np.arange(len(parts))], dtype=np.int32)[order],
        np.concatenate([codes, parts[:, PART_WIDTH]])[order],
    )


def pack(work: Work, kernel: Kernel, kinds: Sequence[Kind], parts: Ints, spread: Spread, threads: int) -> Packed:
    """Pack the items of a kernel's layer; where the table is kept, programmes of one kernel share them."""
    if len(parts):
        return _pack(work, kernel, kinds, parts, spread, threads)
    # Of the programme the records hold the days of its calendar alone; the fields and their order are the kernel's.
    own = (kernel.layout.layer, kernel.module.__name__, kernel.filling.columns, str(kernel.filling.record))
    codes = _packed_codes(work, kernel)[0].tobytes()
    cut = (work.since, work.until_day, work.programme.calendar.timezone, len(work.holders[own[0]]))
    key = ("packed", *own, *cut, codes)
    return once(work.table, key, lambda: _pack(work, kernel, kinds, parts, spread, threads))


def _pack(work: Work, kernel: Kernel, kinds: Sequence[Kind], parts: Ints, spread: Spread, threads: int) -> Packed:
    layer, table, placing = kernel.layout.layer, work.table, work.placing
    order, codes = order_of(work, layer, parts)
    count, holders = len(order), len(work.holders[layer])
    cuts = [count * part // threads for part in range(threads + 1)]
    ranges = list(pairwise(cuts))
    counts = [np.bincount(codes[first:last], minlength=holders) for first, last in ranges]
    offsets = np.zeros(holders + 1, np.int64)
    np.cumsum(np.sum(counts, axis=0), out=offsets[1:])
    following = offsets[:-1].copy()
    starts = []
    for own in counts:
        starts.append(following.copy())
        following += own
    places = np.empty(count, np.int32)
    spread(
        kernel.module.places,
        [(codes, start, places, first, last) for start, (first, last) in zip(starts, ranges, strict=True)],
    )
    by_row = np.zeros(0, np.int32)
    of = np.zeros(1, np.int64) if table.of is None else table.of
    if any(kind.speaks for kind in kinds):
        if table.of is None:
            of = np.full(len(table), -1, np.int64)
        by_row = np.full(len(table), -1, np.int32)
        own_rows = order >= 0
        by_row[order[own_rows]] = places[own_rows]
    columns = [_column(table, name) for name in kernel.filling.columns]
    missing = np.array([np.iinfo(column.dtype).min for column in columns] or [0], np.int64)
    items = np.empty(count, kernel.filling.record)
    others = placing.person if layer is Layer.PARTNER else placing.partner
    shared = (
        (*columns, *_pairs(table)), missing, *_packed_codes(work, kernel), items, places, order, table.kind,
        _step_codes(kinds), placing.instant, others, of, by_row, codes, offsets, _first_days(work, kernel),
        np.array(work.programme.calendar.starts_us, np.int64), parts,
    )  # fmt: skip
    spread(kernel.module.pack, [(*shared, first, last) for first, last in ranges])
    return Packed(items, offsets)


def parts_of_grants(work: Work, layer: Layer, names: Names, numbers: Mapping[str, int]) -> Ints:
    """
    Give the parts of a layer's grants as rows of numbers, the holder of each in the last column.

    Args:
        numbers: The number of each known grant by its key.
    """
    rows = []
    for grant, place in zip(work.grants, work.grant_holders.tolist(), strict=True):
        if grant.holder.layer is layer:
            rows += [[*numbered, place] for numbered in _parts(grant, names, numbers)]
    return np.array(rows, np.int64).reshape(-1, PART_WIDTH + 1)


def _parts(grant: Grant, names: Names, numbers: Mapping[str, int]) -> list[list[int]]:
    verb = VERBS[grant.kind]
    number, of = numbers[grant.key], numbers.get(grant.of or "", -1)
    label = names.label_code[verb.label]
    until = grant.until_day if grant.until_day is not None else NEVER
    if verb.item == CLOSE_ITEM:
        account = ACCOUNT_NAMES.index("available" if grant.note.get(PENDING_NOTE) == MATURE else "forfeited")
        return [[label, account, until, 0, 0, 0, of, 0, verb.item, grant.at, number]]
    if verb.account is None:
        account = -1
    else:
        account = ACCOUNT_NAMES.index(verb.account, 0 if verb.account == "held" else FIRST_OF_PROGRAMME)
    currency = names.assets.index(grant.currency)
    lots = [(lot.expires_day, lot.amount) for lot in grant.lots] or [(ANY_LOT, grant.amount)]
    parts = [
        [label, account, until, currency, lot, amount, of, nth, verb.item, grant.at, number]
        for nth, (lot, amount) in enumerate(lots)
    ]
    if grant.final and verb.item == CARRY_ITEM:
        label = names.label_code[VERBS["release"].label]
        parts.append([label, account, until, currency, ANY_LOT, 0, of, 0, RELEASE_REST_ITEM, grant.at, number])
    return parts


def translations(work: Work, kernel: Kernel, names: Sequence[tuple[str, str]]) -> tuple[Ints, Ints]:
    """Give the step's codes of the table's texts, one table of codes after the other, and where each begins."""
    tables, starts, total = [], [], 0
    for kind, name in names:
        texts = work.holders[Layer.PERSON] if name == "event.person" else work.table.texts.get(name[6:])
        codes = np.full(max(len(texts) if texts is not None else 0, 1), -1, np.int64)
        for text, code in kernel.texts.codes(kind, name).items():
            if texts is not None and len(texts):
                codes[np.asarray(pc.fill_null(pc.equal(texts, text), False))] = code
        tables.append(codes)
        starts.append(total)
        total += len(codes)
    return np.concatenate([*tables, np.zeros(1, np.int64)]), np.array([*starts, 0], np.int64)


def _packed_codes(work: Work, kernel: Kernel) -> tuple[Ints, Ints]:
    """Give the tables of the codes that are translated while items are packed."""
    return translations(work, kernel, kernel.filling.packed_translations)


def _column(table: EventTable, name: str) -> Ints:
    """Give a column of values; where the table has none, one of the type that it would have, for the same kernel."""
    column = table.values.get(name)
    if column is not None:
        return column
    kind = Declared.of(table.programme).fields[name].dtype
    return np.full(max(len(table), 1), np.iinfo(kind).min, kind)


def _pairs(table: EventTable) -> tuple[Ints, Ints, Ints]:
    """
    Give the two numbers of tiers by hand (last day, tier) and of wishes (amount or -1 less the share, currency).

    Returns:
        By row the place of its pair, which few rows have, and the numbers of the pairs.
    """
    is_pair = np.zeros(len(table), bool)
    if TIER in table.values:
        is_pair |= table.kind == OVERRIDE
    if CURRENCY in table.values:
        is_pair |= table.kind == REDEEM
    rows = np.flatnonzero(is_pair)
    places = np.zeros(len(table) if len(rows) else 1, np.int32)
    places[rows] = np.arange(len(rows))
    first, second = np.zeros(len(rows) + 1, np.int64), np.zeros(len(rows) + 1, np.int64)
    kind = table.kind[rows]
    if TIER in table.values:
        by_hand = np.flatnonzero(kind == OVERRIDE)
        first[by_hand], second[by_hand] = (table.values[name][rows[by_hand]] for name in (UNTIL, TIER))
    if CURRENCY in table.values:
        wishes = np.flatnonzero(kind == REDEEM)
        share = -1 - table.values[SHARE][rows[wishes]].astype(np.int64) if SHARE in table.values else 0
        if AMOUNT in table.values:
            amount = table.values[AMOUNT][rows[wishes]]
            share = np.where(amount == missing_of(amount), share, amount)
        first[wishes], second[wishes] = share, table.values[CURRENCY][rows[wishes]]
    return places, first, second


def _step_codes(kinds: Sequence[Kind]) -> Ints:
    """Give the step's number of each kind of a table; kinds below 0 count from the end."""
    codes = np.zeros(len(kinds) + 4, np.int64)
    codes[: len(kinds)] = [kind.code for kind in kinds]
    codes[OVERRIDE], codes[REDEEM] = OVERRIDE_ITEM, WISH_ITEM
    return codes


def _first_days(work: Work, kernel: Kernel) -> Ints:
    """Give the day of the first event of each row's chain, where the step reads it."""
    if not kernel.layout.reads_origin:
        return np.zeros(1, np.int32)
    starts = np.array(work.programme.calendar.starts_us, np.int64)
    days: Ints = np.searchsorted(starts, work.placing.first_instant, side="right") - 1 + FIRST_DAY
    return days.astype(np.int32)
