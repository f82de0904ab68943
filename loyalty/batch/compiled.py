"""
A run on compiled kernels: each layer's items are packed, and threads settle ranges of holders.

Each thread has its own memory for one holder and its own totals, which are added up in the end; rows of holders are
shared, for no two threads have the same. Where the items of a layer take much memory, its holders are packed and
settled in turns. What turns out too small (a table, the journal, the states) is made larger and the turn is settled
again; the first guess is generous, and memory that is not used costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import chain
from threading import Event as Signal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, frozen

from loyalty.batch.arithmetic import reciprocals_of
from loyalty.batch.compiling import Kernel, kernels_of
from loyalty.batch.counting import ACCOUNTS, FIGURES, NOW, flows_and_funds
from loyalty.batch.driver import Found, Given, Space
from loyalty.batch.entries import records
from loyalty.batch.journal import COLUMNS, journal_table
from loyalty.batch.kept import cache_folder, is_compiled, ready
from loyalty.batch.kinds import kinds_for
from loyalty.batch.memory import give_back
from loyalty.batch.packing import Packed, equal_parts, packing_of, parts_of_grants, translations
from loyalty.batch.pairs import buckets_of
from loyalty.batch.pointers import HEADER, with_header
from loyalty.batch.refusing import may_be_too_many, refuse_after_closing, refuse_too_many
from loyalty.batch.response import Response
from loyalty.batch.results import Batch, HolderTotals
from loyalty.batch.tables import REDEEM, Ints
from loyalty.batch.work import Work, tiers_by_month, who_took_part
from loyalty.core.calendar import NEVER
from loyalty.core.holders import Layer
from loyalty.ledger.store import Grant
from loyalty.programme.model import Role
from loyalty.settlement.commands import command_of
from loyalty.settlement.layout import Names
from loyalty.settlement.settle import Progress
from loyalty.settlement.state import CELL, COMMAND, LEG, SCALARS, Memory, item_fields, row_fields

_log = logging.getLogger(__name__)

#: Into how many parts a thread's holders are cut, so that progress can be told, a run can be stopped, and a thread that
#: is done takes what another would have come to.
_PARTS: Final = 32

#: What the rows of holders have where nothing is counted yet.
_NOTHING: Final = {"cells": 0, "badges": 0, "tiers": 0, "events": 0, "sums": 0, "first_months": -1, "state_starts": -1}

#: The scalars of a state that say how large its tables are.
_END: Final = NEVER + 1
_COUNTS: Final = ("row_count", "leg_count", "command_count", "piece_count")


@frozen(eq=False)
class LayerStates:
    """The states of one layer: words, and where each holder's begin."""

    holders: pa.Array
    starts: Ints
    words: Ints


@frozen(eq=False)
class CompiledStates:
    """
    Where every holder stands after a run of kernels.

    Attributes:
        grants: The known grants in order; ``taken`` and ``paid_from`` say what each took and where others were paid in.
        silent: The rows that did not happen, ascending.
    """

    until_day: int
    layers: Mapping[Layer, LayerStates]
    grants: tuple[Grant, ...]
    taken: Ints
    paid_from: Ints
    silent: Ints

    @property
    def holders(self) -> Mapping[Layer, pa.Array]:
        """The ids of all holders that have a state."""
        return {layer: states.holders for layer, states in self.layers.items()}


def run_compiled(
    work: Work,
    response: Response | None,
    states: CompiledStates | None,
    *,
    keep_states: bool,
    journal: bool,
    threads: int,
    progress: Progress | None,
) -> Batch:
    """Settle every holder by compiled kernels, and count what moves."""
    with ThreadPoolExecutor(threads) as pool:
        return _CompiledRun(work, response, states, keep_states, journal, threads, progress, pool).run()


@define(eq=False)
class _Settled:
    """What one layer's threads found, each in the holders of its range."""

    found: list[Any]
    now: list[Any]
    ranges: list[tuple[int, int]]
    shared: Mapping[str, Any]


class _CompiledRun:
    def __init__(
        self,
        work: Work,
        response: Response | None,
        states: CompiledStates | None,
        keep_states: bool,
        journal: bool,
        threads: int,
        progress: Progress | None,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.work, self.response, self.states = work, response, states
        self.keep_states, self.journal, self.threads, self.progress, self.pool = (
            keep_states, journal, threads, progress, pool,
        )  # fmt: skip
        self.names = Names.of(work.programme)
        self.kinds = kinds_for(work.programme)
        self.kernels = kernels_of(work.programme, work.layers)
        if not is_compiled(kernel.module for kernel in self.kernels.values()):
            _log.info(
                "%s is compiled, which takes some ten seconds or more; it is kept in %s, for other numbers too",
                work.programme.id,
                cache_folder(),
            )
        earlier = states.grants if states is not None else ()
        self.grants = (*earlier, *work.grants)
        self.first_grant = len(earlier)
        self.numbers = {grant.key: number for number, grant in enumerate(self.grants)}
        count = len(work.table)
        responds = response is not None and work.table.chance is not None
        layers = Layer.PERSON in work.layers
        # The number of tiers says how wide, for there is one for each row.
        tiers = self.names.badge_asset - self.names.tier_asset
        self.before = np.full(count if layers or responds else 0, -1, np.int8 if tiers < 2**7 else np.int16)
        self.posted = np.zeros(count + len(self.grants) if layers or self.grants else 0, np.int8)
        self.taken = np.full(len(self.grants) + 1, -1, np.int64)
        self.paid_from = np.zeros(len(self.grants) + 1, np.int64)
        if states is not None:
            self.taken[: len(earlier)] = states.taken
            self.paid_from[: len(earlier)] = states.paid_from
        self.settled = 0

    def run(self) -> Batch:
        work, names = self.work, self.names
        currencies, tiers = names.tier_asset, names.badge_asset - names.tier_asset
        layers, kept_places, kept_states, journals = {}, {}, {}, []
        totals: dict[str, Any] = dict.fromkeys(("ways", "rules", "tier_moves", "outstanding"), 0)
        entries = moved = 0
        starts, arrivals = np.zeros(tiers, np.int64), np.zeros(0, np.int64)
        for layer in Layer:
            if layer not in work.layers:
                layers[layer] = self._nobody()
                kept_states[layer] = LayerStates(layers[layer].holders, np.zeros(0, np.int64), np.zeros(0, np.int64))
                continue
            settled = self._layer(layer)
            if self.response is not None:
                # What happened is known only now.
                refuse_too_many(work, layer, self._all_silent())
            first_months = settled.shared["first_months"]
            kept = first_months >= 0
            kept_places[layer] = kept
            layers[layer] = self._totals(layer, settled, kept)
            for name, total in totals.items():
                totals[name] = total + sum(getattr(found, name) for found in settled.found)
            moved += sum(int(now["moved"][0]) for now in settled.now)
            entries += sum(int(now["clock_entries"][0] + now["entries"][0]) for now in settled.now)
            if layer is Layer.PARTNER:
                known = self._effective(layer)
                starts = np.bincount(known[1], minlength=tiers)
                new = kept.copy()
                new[known[0]] = False
                arrivals = first_months[new]
            if self.journal:
                journals += [found.journal[: int(found.sizes[0]) * len(COLUMNS)] for found in settled.found]
            if self.keep_states:
                kept_states[layer] = self._states(settled, layers[layer].holders, kept)
            # What is counted by holder and not by those who took part is not needed while the next layer is settled.
            del settled
        entries += int(np.count_nonzero(self.posted[: len(work.table)]))
        if self.grants:
            own = self.posted[len(work.table) :][::-1]
            entries += len({command_of(grant) for grant, posted in zip(self.grants, own, strict=True) if posted})
        moves = totals["tier_moves"].reshape(work.months, tiers, tiers)
        flows, funds = flows_and_funds(totals["ways"], work.months, names)
        table = None
        if self.journal:
            rows = np.concatenate(journals).reshape(-1, len(COLUMNS))
            rows[rows[:, 3] >= 0, 3] -= self.first_grant
            table = journal_table(rows, kept_places)
        return Batch(
            programme=work.programme,
            names=names,
            first_month=work.first_month,
            months=work.months,
            until_day=work.until_day,
            layers=layers,
            flows=flows,
            tiers=tiers_by_month(starts, arrivals, moves, work.first_month),
            tier_moves=moves,
            funds=funds,
            rules=totals["rules"].reshape(len(names.labels), 2, currencies, 3),
            outstanding=totals["outstanding"].reshape(currencies, work.widest),
            entries=entries,
            postings=2 * moved,
            journal=table,
            states=self._all_states(kept_states) if self.keep_states else None,
            silent=None if self.response is None else self._silent(),
        )

    def _layer(self, layer: Layer) -> _Settled:
        """Settle the holders of one layer, turn by turn."""
        work, kernel = self.work, self.kernels[layer]
        give_back()
        parts = parts_of_grants(work, layer, self.names, self.numbers)
        packing = packing_of(work, kernel, self.kinds, parts, self._spread, self.threads)
        if self.response is None and may_be_too_many(work, packing.offsets):
            refuse_too_many(work, layer)
        refuse_after_closing(work, layer, self.kinds, self.grants)
        given = self._given(kernel, parts)
        settled = _Settled([], [], [], self._shared(kernel))
        for turn in packing.turns:
            # Nothing here may keep the items of a turn while those of the next are packed.
            self._turn(kernel, given, packing.packed(turn, self._spread, self.threads), settled)
        return settled

    def _turn(self, kernel: Kernel, given: Given, packed: Packed, settled: _Settled) -> None:
        """Settle the holders of one turn, again with more room where there was too little."""
        given = given._replace(packed=packed.items, offsets=packed.offsets)
        first, last = packed.turn
        ranges = [
            (first + start, first + end) for start, end in equal_parts(packed.offsets[first : last + 1], self.threads)
        ]
        larger, room = 1, [(0, 0)] * self.threads
        while True:
            taken, paid_from = self.taken.copy(), self.paid_from.copy()
            tried = self._settle(kernel, given, ranges, larger, room, settled.shared)
            if tried is None:
                larger *= 2
            else:
                found, now = tried
                wanted = [(int(own.sizes[0]), int(own.sizes[1])) for own in found]
                if all(w[0] <= r[0] or not self.journal for w, r in zip(wanted, room, strict=True)) and all(
                    w[1] <= r[1] or not self.keep_states for w, r in zip(wanted, room, strict=True)
                ):
                    settled.found += found
                    settled.now += now
                    settled.ranges += ranges
                    return
                room = wanted
            self.taken[:], self.paid_from[:] = taken, paid_from
            count = max(len(self.work.holders[kernel.layout.layer]), 1)
            for name, nothing in _NOTHING.items():
                width = len(settled.shared[name]) // count
                settled.shared[name][first * width : last * width] = nothing

    def _settle(
        self,
        kernel: Kernel,
        given: Given,
        ranges: Sequence[tuple[int, int]],
        larger: int,
        room: Sequence[tuple[int, int]],
        shared: Mapping[str, Any],
    ) -> tuple[list[Any], list[Any]] | None:
        """Settle all ranges at once, and give what each found; None where a table was too small."""
        spaces = [self._space(kernel, given, larger) for _ in ranges]
        found = [self._found(shared, own) for own in room]
        for space, (notes, words) in zip(spaces, room, strict=True):
            now = space.now
            now["journal_room"] = notes if self.journal else -1
            now["state_room"] = words if self.keep_states else -1
        ready(kernel.module.settle, given, spaces[0], found[0], 0, 0)
        stop = Signal()

        def settle(number: int) -> bool:
            for first, last in waiting[number]:
                if stop.is_set():
                    return False
                if kernel.module.settle(given, spaces[number], found[number], first, last):
                    stop.set()
                    return False
                self.settled += int(given.offsets[last] - given.offsets[first])
            return True

        before = self.settled
        waiting = self._waiting(given.offsets, ranges)
        futures = [self.pool.submit(settle, number) for number in range(len(ranges))]
        try:
            while wait(futures, timeout=0.2).not_done:
                if self.progress:
                    self.progress(self.settled)
        finally:
            stop.set()
        if not all(future.result() for future in futures):
            self.settled = before
            return None
        if self.progress:
            self.progress(self.settled)
        return found, [space.now for space in spaces]

    def _waiting(self, offsets: Ints, ranges: Sequence[tuple[int, int]]) -> list[Iterator[tuple[int, int]]]:
        """
        Give the parts that each thread settles one after the other.

        What holders add up to is the same whoever settles them, so all take from one row of parts. A journal and states
        have a place in a thread's own memory: there each thread settles its own range.
        """
        parts = [
            [(first + start, first + end) for start, end in equal_parts(offsets[first : last + 1], _PARTS)]
            for first, last in ranges
        ]
        if self.journal or self.keep_states:
            return [iter(own) for own in parts]
        return [iter(list(chain(*parts)))] * len(ranges)

    def _given(self, kernel: Kernel, parts: Ints) -> Given:
        """Give what all holders of a layer are settled with; their items are put in turn by turn."""
        work, layout = self.work, kernel.layout
        codes, code_starts = translations(work, kernel, kernel.filling.translations)
        elasticity = np.zeros(len(self.kinds) or 1, np.int64)
        roles = np.zeros(len(self.kinds) or 1, np.int64)
        for number, kind in enumerate(self.kinds):
            if self.response is not None:
                elasticity[kind.code] = self.response.elasticity[number]
            if kind.role is Role.REFUNDS:
                roles[kind.code] = 1 if kind.money else 2
        chance = work.table.chance if self.response is not None and work.table.chance is not None else None
        starts, words = self._state_starts(layout.layer)
        return Given(
            packed=None,
            offsets=None,
            codes=codes,
            code_starts=code_starts,
            **_numbers_of(kernel),
            roles=roles,
            elasticity=elasticity,
            chance=np.zeros(0, np.int32) if chance is None else np.asarray(chance, np.int32),
            silent=self.states.silent if self.states is not None else np.zeros(0, np.int64),
            decisions=np.ascontiguousarray(parts[:, :-1]).reshape(-1) if len(parts) else np.zeros(1, np.int64),
            state_starts=starts,
            state_words=words,
        )

    def _space(self, kernel: Kernel, given: Given, larger: int) -> Space:
        """Give the memory of one thread: room for the largest holder; what is not touched takes none."""
        layout = kernel.layout
        items = int(np.diff(given.offsets).max(initial=0)) * larger
        held = [count * larger for count in self._largest_state(kernel)]
        buckets = min(4 * items + 1024, 45_000) * larger
        rows, legs = items + held[0] + 2, items * max(len(layout.legs), 1) + held[1] + 2
        commands, pieces = items + held[2] + 2, 2 * (2 * items + held[3] + buckets)
        keys = items + max(held[0], 64) * 4
        index = 16
        while index < 4 * keys:
            index *= 2
        tables, parts = len(layout.keys) or 1, max((len(key.parts) for key in layout.keys), default=1) or 1
        now = np.zeros(1, records(NOW))
        now["first_month"], now["months"], now["widest"] = self.work.first_month, self.work.months, self.work.widest
        now["layer"], now["until_day"] = int(layout.layer), self.work.until_day
        piece_row = _rows_of(1, 2 * pieces)[0]
        piece_row[1] = pieces
        return Space(
            scalars=np.zeros(1, records(tuple({**SCALARS, **layout.scalars()}))),
            item=np.zeros(1, records(item_fields(layout))),
            now=now,
            buckets=buckets_of(layout.bucket_count, buckets, _END),
            arrears=np.zeros(len(layout.currency) + 1, np.int64),
            commands=np.zeros(commands + 2, records(COMMAND)),
            pieces=piece_row,
            legs=np.zeros(legs + len(layout.legs) + 2, records(LEG)),
            rows=np.zeros(rows + 2, records(row_fields(layout))),
            cells=np.zeros((tables, keys + 2), records(CELL)),
            key_index=np.zeros((tables, HEADER + index), np.int64),
            key_values=np.zeros((tables, HEADER + (keys + 2) * parts), np.int64),
            key_places=np.zeros((tables, HEADER + keys + 2), np.int64),
            key_counts=np.zeros(tables, np.int64),
            by_item=np.zeros(items + 2, np.int64),
            worth=np.zeros(rows + 2, np.int64),
            row_numbers=np.zeros(rows + 2, np.int64),
            flag=np.zeros(1, np.int64),
            capacity=np.array([commands, legs, rows, 15, keys], np.int64),
        )

    def _shared(self, kernel: Kernel) -> dict[str, Any]:
        """Give the rows of holders."""
        count = len(self.work.holders[kernel.layout.layer])
        badges = len(self.names.assets) - self.names.badge_asset
        return {
            "cells": np.zeros(count * self.names.tier_asset * FIGURES, np.int64),
            "badges": np.zeros(count * badges + 1, np.int64),
            "tiers": np.zeros(count, np.int16),
            "events": np.zeros(count * len(self.kinds) + 1, np.int32),
            "sums": np.zeros(count * len(self.kinds) + 1, np.int64),
            "first_months": np.full(count, -1, np.int64),
            "state_starts": np.full(count if self.keep_states else 1, -1, np.int64),
            "before": self.before,
            "posted": self.posted,
            "taken": self.taken,
            "paid_from": self.paid_from,
        }

    def _found(self, shared: Mapping[str, Any], room: tuple[int, int]) -> Found:
        work, names = self.work, self.names
        currencies, tiers = names.tier_asset, names.badge_asset - names.tier_asset
        return Found(
            **shared,
            ways=np.zeros(work.months * (tiers + 1) * currencies * ACCOUNTS**2, np.int64),
            rules=np.zeros(len(names.labels) * 2 * currencies * 3, np.int64),
            tier_moves=np.zeros(work.months * tiers * tiers, np.int64),
            outstanding=np.zeros(currencies * work.widest, np.int64),
            journal=np.empty(room[0] * len(COLUMNS) + 1, np.int64),
            state_words=np.empty(room[1] + 1, np.int64),
            sizes=np.zeros(2, np.int64),
        )

    def _totals(self, layer: Layer, settled: _Settled, kept: Any) -> HolderTotals:
        shared, names = settled.shared, self.names
        count = len(kept)
        badges = len(names.assets) - names.badge_asset
        order = [kind.code for kind in self.kinds]
        columns = {
            "cells": shared["cells"].reshape(count, names.tier_asset, FIGURES),
            "tier": shared["tiers"],
            "badges": shared["badges"][: count * badges].reshape(count, badges),
            "events": shared["events"][:-1].reshape(count, len(order)),
            "sums": shared["sums"][:-1].reshape(count, len(order)),
            "first_month": shared["first_months"],
        }
        columns = who_took_part(kept, columns, self.pool.map)
        for name in ("events", "sums"):
            columns[name] = columns[name][:, order].astype(np.int64, copy=False)
        return HolderTotals(holders=self.work.holders[layer].filter(pa.array(kept)), **columns)

    def _nobody(self) -> HolderTotals:
        """Give the totals of a layer that has no holders."""
        names, kinds = self.names, len(self.kinds)
        return HolderTotals(
            holders=pa.array([], pa.string()),
            cells=np.zeros((0, names.tier_asset, FIGURES), np.int64),
            tier=np.zeros(0, np.int16),
            badges=np.zeros((0, len(names.assets) - names.badge_asset), np.int64),
            events=np.zeros((0, kinds), np.int64),
            sums=np.zeros((0, kinds), np.int64),
            first_month=np.zeros(0, np.int64),
        )

    def _state_starts(self, layer: Layer) -> tuple[Ints, Ints]:
        """Give where the state of each holder of the run begins, -1 for none, and the words."""
        starts = np.full(len(self.work.holders[layer]), -1, np.int64)
        if self.states is None or not len(self.states.layers[layer].holders):
            return starts, np.zeros(1, np.int64)
        known = self.states.layers[layer]
        places = np.asarray(pc.index_in(known.holders, value_set=self.work.holders[layer]))
        starts[places] = known.starts
        return starts, known.words

    def _scalars(self, layer: Layer, name: str) -> tuple[Ints, Ints]:
        """Give the places of the holders that have states, and what a scalar is in each."""
        if self.states is None:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        starts, words = self._state_starts(layer)
        places = np.flatnonzero(starts >= 0)
        fields = list({**SCALARS, **self.kernels[layer].layout.scalars()})
        return places, words[starts[places] + fields.index(name)] if len(places) else np.zeros(0, np.int64)

    def _effective(self, layer: Layer) -> tuple[Ints, Ints]:
        return self._scalars(layer, "effective")

    def _largest_state(self, kernel: Kernel) -> list[int]:
        return [int(self._scalars(kernel.layout.layer, name)[1].max(initial=0)) for name in _COUNTS]

    def _states(self, settled: _Settled, holders: pa.Array, kept: Any) -> LayerStates:
        starts = settled.shared["state_starts"]
        words, shift = [], 0
        ranges = np.zeros(len(starts), np.int64)
        for (first, last), found in zip(settled.ranges, settled.found, strict=True):
            ranges[first:last] = shift
            words.append(found.state_words[: int(found.sizes[1])])
            shift += int(found.sizes[1])
        return LayerStates(holders, (starts + ranges)[kept], np.concatenate(words))

    def _all_states(self, layers: Mapping[Layer, LayerStates]) -> CompiledStates:
        return CompiledStates(
            self.work.until_day,
            layers,
            self.grants,
            self.taken[:-1],
            self.paid_from[:-1],
            self._all_silent(),
        )

    def _silent(self) -> Ints:
        """Give the rows that did not happen, ascending; wishes stand in no tier either, and are none of them."""
        rows = self.work.rows.astype(np.int64)
        if self.response is None or not len(self.before):
            return rows[:0]
        return np.sort(rows[(self.before[rows] == -1) & (self.work.table.kind[rows] != REDEEM)])

    def _all_silent(self) -> Ints:
        """Give the rows that did not happen in this run or in those that it goes on from, ascending."""
        silent = self._silent()
        return silent if self.states is None else np.sort(np.concatenate([self.states.silent, silent]))

    def _spread(self, function: Any, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        ready(function, *calls[0])
        return [future.result() for future in [self.pool.submit(function, *call) for call in calls]]


@lru_cache(maxsize=8)
def _numbers_of(kernel: Kernel) -> dict[str, Any]:
    """Give what a kernel reads of its programme's numbers and of the calendar; nothing writes there."""
    memory, parameters = Memory(kernel.layout), kernel.layout.parameters
    return {
        "p": np.array([*parameters, 0], np.int64),
        "reciprocals": reciprocals_of(parameters),
        "expiry": with_header(memory.expiry),
        "returns": with_header(memory.returns),
        "month_of": np.array(memory.month_of, np.int64),
        "month_first": with_header(memory.month_first),
        "first_scalars": np.array(list({**SCALARS, **kernel.layout.scalars()}.values()), np.int64),
    }


def _rows_of(count: int, capacity: int) -> Any:
    """Give rows of numbers of which each has one, with the words before them."""
    made = np.zeros((count or 1, HEADER + capacity + 2), np.int64)
    made[:, 1], made[:, 2] = capacity, 1
    return made
