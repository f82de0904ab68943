"""
From rows in the order of time to items in the order of holders: a counting sort over the holders' codes, in threads.

A first pass gives each row its place, a second copies what the step reads of it there. Rows come in settlement order,
so each holder's items do too. Where the items take much memory, they are packed for some of the holders at a time.
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
from loyalty.batch.once import is_kept, once
from loyalty.batch.placing import first_instants
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


#: The most memory of the items that are packed at a time, bytes; where they take more, holders are settled in turns.
_MOST_PACKED: Final = 80 * 2**20


@frozen(eq=False)
class Packed:
    """
    The items of some holders of a layer.

    Attributes:
        items: Packed records, holder after holder.
        offsets: Where each holder's begin; one more at the end. Holders that are not among them have none.
        turn: The first of these holders, and the first behind them.
    """

    items: Any
    offsets: Ints
    turn: tuple[int, int]


class Packing:
    """
    The items of a layer, which are packed for as many holders at a time as take little memory.

    Args:
        at_once: Whether they are packed for all holders together, however many items there are.

    Attributes:
        offsets: Where the items of each holder would begin, were all packed together; one more at the end.
        turns: The runs of holders to pack.
    """

    def __init__(
        self,
        work: Work,
        kernel: Kernel,
        kinds: Sequence[Kind],
        parts: Ints,
        spread: Spread,
        threads: int,
        at_once: bool,
    ) -> None:
        layer = kernel.layout.layer
        self._functions, self._record = kernel.module, kernel.filling.record
        order, self._codes = order_of(work, layer, parts)
        self._holders = len(work.holders[layer])
        counts = self._counts(order, spread, threads)
        self.offsets = _summed(counts)
        size = int(self.offsets[-1]) * self._record.itemsize
        self.turns = equal_parts(self.offsets, 1 if at_once else max(1, -(-size // _MOST_PACKED)))
        is_whole = len(self.turns) == 1 and len(order) == self.offsets[-1]
        #: The rows of each turn, one turn after the other.
        self._order = order if is_whole else self._by_turn(order, counts, spread, threads)
        self._only: Packed | None = None
        table, placing = work.table, work.placing
        self._count = len(table) + len(parts)
        self._speaks = any(kind.speaks for kind in kinds)
        of = np.zeros(1, np.int32)
        if self._speaks:
            of = np.full(len(table), -1, np.int32) if table.of is None else np.asarray(table.of, np.int32)
        columns = tuple(_column(table, name) for name in kernel.filling.columns)
        missing = np.array([np.iinfo(column.dtype).min for column in columns] or [0], np.int64)
        others = placing.person if layer is Layer.PARTNER else placing.partner
        #: What of the table is read, before and behind the order.
        self._read: tuple[Any, ...] = (columns or (missing,), missing, *_packed_codes(work, kernel))
        self._placed: tuple[Any, ...] = (
            table.kind, _step_codes(kinds), placing.instant, others, of, _first_days(work, kernel), *_pairs(table),
            np.array(work.programme.calendar.starts_us, np.int64), parts,
        )  # fmt: skip

    def packed(self, turn: tuple[int, int], spread: Spread, threads: int) -> Packed:
        """Pack the items of one of the turns; where it is the only one, they are kept, and nothing else is."""
        if self._only is not None:
            return self._only
        is_only = len(self.turns) == 1
        order = self._order[self.offsets[turn[0]] : self.offsets[turn[1]]]
        counts = self._counts(order, spread, threads)
        offsets, codes = _summed(counts), self._codes
        # What is spoken of may be none of the items.
        places = np.full(self._count, -1, np.int32) if self._speaks else np.empty(self._count, np.int32)
        starts, ranges = offsets[:-1] + np.cumsum(counts, axis=0) - counts, _ranges(len(order), threads)
        spread(
            self._functions.places,
            [(order, codes, start, places, *own) for start, own in zip(starts, ranges, strict=True)],
        )
        items = np.empty(len(order), self._record)
        spread(
            self._functions.pack,
            [(*self._read, items, places, order, codes, offsets, *self._placed, *own) for own in ranges],
        )
        packed = Packed(items, offsets, turn)
        if is_only:
            self._only = packed
            self._order, self._codes, self._read, self._placed = order[:0].copy(), codes[:0].copy(), (), ()
        return packed

    def _counts(self, order: Ints, spread: Spread, threads: int) -> Ints:
        """Give how many items each holder has in each thread's part of an order."""
        counts = np.zeros((threads, self._holders), np.int64)
        ranges = _ranges(len(order), threads)
        spread(
            self._functions.tally,
            [(order, self._codes, own, *part) for own, part in zip(counts, ranges, strict=True)],
        )
        return counts

    def _by_turn(self, order: Ints, counts: Ints, spread: Spread, threads: int) -> Ints:
        """Give what of the order is of any holder, turn after turn."""
        turns = np.repeat(np.arange(len(self.turns), dtype=np.int32), [last - first for first, last in self.turns])
        found = np.empty(self.offsets[-1], np.int32)
        of_turns = np.stack([counts[:, first:last].sum(axis=1) for first, last in self.turns], axis=1)
        starts = [self.offsets[first] for first, _ in self.turns] + np.cumsum(of_turns, axis=0) - of_turns
        spread(
            self._functions.own_rows,
            [
                (order, self._codes, turns, start, found, *own)
                for start, own in zip(starts, _ranges(len(order), threads), strict=True)
            ],
        )
        return found


def packing_of(work: Work, kernel: Kernel, kinds: Sequence[Kind], parts: Ints, spread: Spread, threads: int) -> Packing:
    """Find out what is to be packed; where the table is kept, programmes of one kernel share the items."""
    if len(parts):
        return Packing(work, kernel, kinds, parts, spread, threads, at_once=False)
    # Of the programme the records hold the days of its calendar alone; the fields and their order are the kernel's.
    own = (kernel.layout.layer, kernel.module.__name__, kernel.filling.columns, str(kernel.filling.record))
    codes = _packed_codes(work, kernel)[0].tobytes()
    cut = (work.since, work.until_day, work.programme.calendar.timezone, len(work.holders[own[0]]))
    return once(
        work.table,
        ("packed", *own, *cut, codes),
        lambda: Packing(work, kernel, kinds, parts, spread, threads, at_once=is_kept(work.table)),
    )


def order_of(work: Work, layer: Layer, parts: Ints) -> tuple[Ints, Ints]:
    """
    Give the settlement order of a layer, rows and behind all of them parts of grants; and the holder of each.

    Rows whose holder is -1 are of the other layer.

    Args:
        parts: The parts of the layer's grants with the holder of each behind, in the order of recording.
    """
    placing, table, rows = work.placing, work.table, work.rows
    codes = placing.partner if layer is Layer.PARTNER else placing.person
    if layer is Layer.PARTNER:
        # A wish that names a person is of the person's wallet alone; an event reaches both.
        wishes = (table.kind == REDEEM) & (placing.person >= 0)
        codes = np.where(wishes, codes.dtype.type(-1), codes) if wishes.any() else codes
    # The kernel is compiled for arrays that could be written to.
    codes = np.require(codes, requirements=["C", "W"])
    if not len(parts):
        return rows, codes
    instants = placing.instant[rows]
    # Events of an instant come before its decisions, and these before wishes.
    wishes = table.kind[rows] == REDEEM
    keys = np.concatenate([2 * wishes, np.ones(len(parts), np.int64)])
    order = np.lexsort((keys, np.concatenate([instants, parts[:, 9]])))
    return (
        np.concatenate([rows, len(table) + np.arange(len(parts))], dtype=np.int32)[order],
        np.concatenate([codes, parts[:, PART_WIDTH]], dtype=codes.dtype),
    )


def equal_parts(offsets: Ints, count: int) -> list[tuple[int, int]]:
    """Cut holders into so many runs of about as many items each."""
    total = int(offsets[-1] - offsets[0])
    cuts = np.searchsorted(offsets - offsets[0], [total * part // count for part in range(1, count)])
    edges = [0, *np.minimum(cuts, len(offsets) - 1).tolist(), len(offsets) - 1]
    return list(pairwise(edges))


def _ranges(count: int, threads: int) -> list[tuple[int, int]]:
    return list(pairwise(count * part // threads for part in range(threads + 1)))


def _summed(counts: Ints) -> Ints:
    """Give where the items of each holder begin, from how many each has in each part."""
    offsets = np.zeros(counts.shape[1] + 1, np.int64)
    np.cumsum(counts.sum(axis=0), out=offsets[1:])
    return offsets


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


def _pairs(table: EventTable) -> tuple[Ints, Ints]:
    """
    Give the two numbers of tiers by hand (last day, tier) and of wishes (amount or -1 less the share, currency).

    Returns:
        The rows that have such numbers, ascending, and both numbers of each.
    """
    rows = np.flatnonzero((table.kind == OVERRIDE) | (table.kind == REDEEM)).astype(np.int32)
    pairs = np.zeros((2, len(rows) + 1), np.int64)
    kind = table.kind[rows]
    if TIER in table.values:
        by_hand = np.flatnonzero(kind == OVERRIDE)
        pairs[:, by_hand] = [table.values[name][rows[by_hand]] for name in (UNTIL, TIER)]
    if CURRENCY in table.values:
        wishes = np.flatnonzero(kind == REDEEM)
        share = -1 - table.values[SHARE][rows[wishes]].astype(np.int64) if SHARE in table.values else 0
        if AMOUNT in table.values:
            amount = table.values[AMOUNT][rows[wishes]]
            share = np.where(amount == missing_of(amount), share, amount)
        pairs[0, wishes], pairs[1, wishes] = share, table.values[CURRENCY][rows[wishes]]
    return rows, pairs


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
    days: Ints = np.searchsorted(starts, first_instants(work.table, work.placing), side="right") - 1 + FIRST_DAY
    return days.astype(np.int32)
