"""
A run on the core itself, one holder after the other: where numba is absent, and what the compiled kernel must equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import define, frozen

from loyalty.batch.counting import ACCOUNTS, FIGURES, NOW, flows_and_funds, functions_for
from loyalty.batch.journal import JournalRow, journal_table
from loyalty.batch.kinds import Kind, kinds_for
from loyalty.batch.placing import first_instants
from loyalty.batch.response import Response, share
from loyalty.batch.results import Batch, HolderTotals
from loyalty.batch.stocktaking import asking_source
from loyalty.batch.tables import AMOUNT, CURRENCY, MISSING, OVERRIDE, REDEEM, SHARE, TIER, UNTIL
from loyalty.batch.work import Work, tiers_by_month, who_took_part
from loyalty.core.calendar import FIRST_DAY, format_day, month_tables
from loyalty.core.events import TIER_OVERRIDE, Event, FieldValue
from loyalty.core.holders import Holder, Layer
from loyalty.errors import EventRejected
from loyalty.ledger.store import Grant
from loyalty.programme.model import FieldType, Role
from loyalty.programme.revisions import tiers_of
from loyalty.settlement.commands import command_of
from loyalty.settlement.generate import LayerStep, Steps, namespace, steps_of
from loyalty.settlement.history import Placed
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Movement
from loyalty.settlement.runtime import PRIMITIVES
from loyalty.settlement.saving import load, save
from loyalty.settlement.settle import Progress, require_room
from loyalty.settlement.state import record

#: How often progress is told, in items.
_TELLING = 1000


@frozen(eq=False)
class PlainStates:
    """Where every holder stands after a run on the core: texts by holder, and the decisions that they name."""

    until_day: int
    holders: Mapping[Layer, pa.Array]
    states: Mapping[Layer, list[tuple[str, int]]]
    grants: Mapping[str, Grant]


@define(eq=False)
class _Holder:
    """One holder while it is settled: its state, its place in the columns, and its first month (-1: none yet)."""

    run: HolderRun
    place: int
    first_month: int = -1


class _Counters:
    """What movements are counted into: rows of whole numbers, of all layers and of the present one."""

    def __init__(self, steps: Steps, work: Work) -> None:
        names = steps.names
        currencies, tiers = names.tier_asset, names.badge_asset - names.tier_asset
        self.badge_count = len(names.assets) - names.badge_asset
        self.currencies = currencies
        self.now: Any = record("Now", NOW)()
        self.now.first_month, self.now.months, self.now.widest = work.first_month, work.months, work.widest
        self.now.until_day = work.until_day
        self.month_of = month_tables()[0]
        self.ways = [0] * (work.months * (tiers + 1) * currencies * ACCOUNTS**2)
        self.rules = [0] * (len(names.labels) * 2 * currencies * 3)
        self.tier_moves = [0] * (work.months * tiers * tiers)
        self.outstanding = [0] * (currencies * work.widest)
        self.cells: list[int] = []
        self.badges: list[int] = []
        self.tiers: list[int] = []

    def begin_layer(self, layer: Layer, holders: int) -> None:
        self.now.layer = int(layer)
        self.cells = [0] * (holders * self.currencies * FIGURES)
        self.badges = [0] * (holders * self.badge_count)
        self.tiers = [0] * holders


def run_plain(
    work: Work, response: Response | None, states: PlainStates | None, journal: bool, progress: Progress | None
) -> Batch:
    """Settle every holder by the core, and count what moves."""
    return _PlainRun(work, response, states, journal, progress).run()


class _PlainRun:
    def __init__(
        self,
        work: Work,
        response: Response | None,
        states: PlainStates | None,
        journal: bool,
        progress: Progress | None,
    ) -> None:
        self.work, self.response, self.states, self.progress = work, response, states, progress
        self.steps = steps_of(work.programme)
        self.kinds = kinds_for(work.programme)
        self.texts = {name: column.to_pylist() for name, column in work.table.texts.items()}
        self.ladder = tiers_of(work.programme)
        self.calendar = work.programme.calendar
        self.first_instants = first_instants(work.table, work.placing)
        self.counters = _Counters(self.steps, work)
        self.count = functions_for(self.steps.names)["count"]
        self.journal: list[JournalRow] | None = [] if journal else None
        self.layer = Layer.PARTNER
        self.ids = {layer: work.holders[layer].to_pylist() for layer in Layer}
        #: The partner's tier before each row, for the persons' layer, and what did not happen.
        self.tier_before: dict[int, int] = {}
        self.silent: set[int] = set()
        self.posted: set[int] = set()
        self.commands: set[str] = set()
        self.settled = 0
        self.grants_by_key = dict(states.grants if states else {}) | {grant.key: grant for grant in work.grants}

    def run(self) -> Batch:
        work, names = self.work, self.steps.names
        currencies, tier_count = names.tier_asset, names.badge_asset - names.tier_asset
        badge_count = self.counters.badge_count
        layers, kept_states, kept_places = {}, {}, {}
        starts = np.zeros(tier_count, np.int64)
        arrivals: list[int] = []
        for layer in Layer:
            self.layer = layer
            ids = self.ids[layer]
            self.counters.begin_layer(layer, len(ids))
            events = np.zeros((len(ids), len(self.kinds)), np.int64)
            sums = np.zeros_like(events)
            first_months = np.full(len(ids), -1, np.int64)
            known = self._known(layer)
            asking = _asking(self.steps.layers[layer], self.steps)
            items = self._items(layer) if layer in work.layers else {}
            states: dict[int, tuple[str, int]] = {}
            for place in sorted({*items, *known}):
                holder = self._holder(Holder(layer, ids[place]), place, known.get(place))
                if layer is Layer.PARTNER and holder.first_month >= 0:
                    starts[holder.run.tier] += 1
                self._settle(holder, items.get(place, []), asking, events[place], sums[place])
                if layer is Layer.PARTNER and place not in known and holder.first_month >= 0:
                    arrivals.append(holder.first_month)
                first_months[place] = holder.first_month
                states[place] = save(holder.run), holder.first_month
            kept = first_months >= 0
            kept_places[layer] = kept
            layers[layer] = HolderTotals(
                holders=work.holders[layer].filter(pa.array(kept)),
                **who_took_part(
                    kept,
                    {
                        "cells": np.array(self.counters.cells, np.int64).reshape(len(ids), currencies, FIGURES),
                        "tier": np.array(self.counters.tiers, np.int16),
                        "badges": np.array(self.counters.badges, np.int64).reshape(len(ids), badge_count),
                        "events": events,
                        "sums": sums,
                        "first_month": first_months,
                    },
                ),
            )
            kept_states[layer] = [states[place] for place in np.flatnonzero(kept).tolist()]
        counters = self.counters
        months = work.months
        moves = np.array(counters.tier_moves, np.int64).reshape(months, tier_count, tier_count)
        flows, funds = flows_and_funds(np.array(counters.ways, np.int64), months, names)
        return Batch(
            programme=work.programme,
            names=names,
            first_month=work.first_month,
            months=months,
            until_day=work.until_day,
            layers=layers,
            flows=flows,
            tiers=tiers_by_month(starts, np.array(arrivals, np.int64), moves, work.first_month),
            tier_moves=moves,
            funds=funds,
            rules=np.array(counters.rules, np.int64).reshape(len(names.labels), 2, currencies, 3),
            outstanding=np.array(counters.outstanding, np.int64).reshape(currencies, work.widest),
            entries=len(self.posted) + len(self.commands) + counters.now.clock_entries,
            postings=2 * counters.now.moved,
            journal=None if self.journal is None else journal_table(self.journal, kept_places),
            states=PlainStates(
                work.until_day, {layer: layers[layer].holders for layer in Layer}, kept_states, self.grants_by_key
            ),
            silent=None if self.response is None else np.array(sorted(self.silent), np.int64),
        )

    def _items(self, layer: Layer) -> dict[int, list[tuple[tuple[int, ...], int | Grant]]]:
        """Give what each holder of a layer settles, by its place, in order: rows, grants, and wishes."""
        work, placing = self.work, self.work.placing
        column = placing.partner if layer is Layer.PARTNER else placing.person
        items: dict[int, list[tuple[tuple[int, ...], int | Grant]]] = defaultdict(list)
        kinds, instants, codes, persons = work.table.kind, placing.instant, column, placing.person
        for rank, row in enumerate(work.rows.tolist()):
            kind = kinds[row]
            # A wish that names a person is of the person's wallet alone; an event reaches both.
            own = layer if kind != REDEEM else Layer.PERSON if persons[row] >= 0 else Layer.PARTNER
            if codes[row] >= 0 and own is layer and (layer is Layer.PARTNER or kind >= 0 or kind == REDEEM):
                items[int(codes[row])].append(((int(instants[row]), 2 * int(kind == REDEEM), rank), row))
        for number, (grant, place) in enumerate(zip(work.grants, work.grant_holders.tolist(), strict=True)):
            if grant.holder.layer is layer:
                items[place].append(((grant.at, 1, number), grant))
        for listed in items.values():
            listed.sort(key=lambda item: item[0])
        return items

    def _known(self, layer: Layer) -> dict[int, tuple[str, int]]:
        """Give the states that the run goes on from, by the holder's place."""
        if self.states is None:
            return {}
        places = {id: place for place, id in enumerate(self.ids[layer])}
        ids = self.states.holders[layer].to_pylist()
        return {places[id]: state for id, state in zip(ids, self.states.states[layer], strict=True)}

    def _holder(self, holder: Holder, place: int, state: tuple[str, int] | None) -> _Holder:
        if state is None:
            return _Holder(HolderRun(self.steps, holder), place)
        run = load(self.steps, holder, state[0], self.grants_by_key.get)
        if run is None:
            raise AssertionError(f"the state of {holder} was saved by another release")
        return _Holder(run, place, state[1])

    def _settle(
        self,
        holder: _Holder,
        items: list[tuple[tuple[int, ...], int | Grant]],
        asking: Mapping[str, Any],
        events: Any,
        sums: Any,
    ) -> None:
        now, run, kinds = self.counters.now, holder.run, self.work.table.kind
        now.holder, now.clock_day, now.lost_at = holder.place, -1, -1
        now.tier = run.tier if self.layer is Layer.PARTNER else len(self.ladder)
        for key, what in items:
            day = self.calendar.day_of(key[0])
            now.month = self.counters.month_of[day - FIRST_DAY] - now.first_month
            if not isinstance(what, Grant) and kinds[what] != REDEEM and not self._happens(holder, what, day, asking):
                # It begins nothing either.
                self._told()
                continue
            if holder.first_month < 0:
                holder.first_month = now.month + now.first_month
            if isinstance(what, Grant):
                if self._count(holder, run.grant(what), grant=self.work.grants.index(what)):
                    self.commands.add(command_of(what))
            elif kinds[what] == REDEEM:
                self._wish(holder, what, key[0], day)
            else:
                self._event(holder, what, key[0], events, sums)
            self._told()
        self._count(holder, run.advance(self.work.until_day))
        asking["take_stock"](run.scalars, run.memory, self.counters)

    def _told(self) -> None:
        """Count one more item as settled, and tell it now and then."""
        self.settled += 1
        if self.progress and self.settled % _TELLING == 0:
            self.progress(self.settled)

    def _event(self, holder: _Holder, row: int, instant: int, events: Any, sums: Any) -> None:
        run, code = holder.run, int(self.work.table.kind[row])
        placed = self._placed(row, instant)
        try:
            require_room(self.work.programme, run, placed.event)
        except EventRejected as error:
            raise EventRejected(self.work.table.identity(row), error.reasons) from None
        kind = self.kinds[code] if code >= 0 else None
        known = run.memory.rows[origin] if kind and (origin := self._origin_row(run, kind, row)) >= 0 else None
        before = (known.refunded, known.whole) if known is not None else (0, 0)
        movements, tier = run.apply(placed, self.tier_before.get(row, 0))
        if self.layer is Layer.PARTNER:
            self.tier_before[row] = tier
        if self._count(holder, movements, row=row):
            self.posted.add(row)
        if kind is None:
            return
        events[code] += 1
        if kind.role is not Role.REFUNDS:
            sums[code] += max(self._value(kind.money, row), 0)
        elif known is not None:
            if kind.money is not None:
                sums[code] += known.refunded - before[0]
            elif known.whole and not before[1]:
                sums[code] += max(self._value(self.kinds[kind.origin].money, self._of(row)), 0)

    def _origin_row(self, run: HolderRun, kind: Kind, row: int) -> int:
        """Give the state's row of the event that a refund speaks of, or -1."""
        return run.mappings()[0].get(f"/{self._of(row)}", -1) if kind.role is Role.REFUNDS else -1

    def _of(self, row: int) -> int:
        """Give the row that a row speaks of, or -1."""
        return -1 if self.work.table.of is None else int(self.work.table.of[row])

    def _value(self, name: str | None, row: int) -> int:
        return MISSING if name is None else self.work.table.value(name, row)

    def _happens(self, holder: _Holder, row: int, day: int, asking: Mapping[str, Any]) -> bool:
        """Tell whether a row happens, by its draw and what it speaks of."""
        if self.layer is Layer.PERSON:
            return row not in self.silent
        table, code = self.work.table, int(self.work.table.kind[row])
        happens = True
        if code >= 0 and self.kinds[code].speaks:
            happens = self._of(row) not in self.silent
        if happens and self.response is not None and table.chance is not None and table.chance[row] >= 0 and code >= 0:
            elasticity = int(self.response.elasticity[code])
            if elasticity:
                self._count(holder, holder.run.advance(day))
                near = asking["progress"](holder.run.scalars, holder.run.memory, day)
                chance = int(table.chance[row])
                happens = chance * (1_000_000 + elasticity) < 1_000_000_000_000 + elasticity * near
        if not happens:
            self.silent.add(row)
        return happens

    def _wish(self, holder: _Holder, row: int, instant: int, day: int) -> None:
        """Redeem what a row wishes for, where that is available."""
        run, values = holder.run, self.work.table.values
        self._count(holder, run.advance(day))
        if run.closed_by is not None:
            return
        code = int(values[CURRENCY][row])
        available = run.available(code)
        amount = self._value(AMOUNT, row)
        if amount == MISSING:
            amount = available * int(values[SHARE][row]) // 1_000_000
        if 0 < amount <= available:
            key = f"@wish/{row}"
            currency = self.steps.names.assets[code]
            wish = Grant(key=key, kind="redeem", holder=run.holder, currency=currency, amount=amount, at=instant)
            self.grants_by_key[key] = wish
            if self._count(holder, run.grant(wish), row=row):
                self.commands.add(key)

    def _count(self, holder: _Holder, movements: list[Movement], row: int = -1, grant: int = -1) -> bool:
        """Take movements in, and tell whether any was of the item itself."""
        self.counters.now.posted, self.counters.now.lost_at = 0, -1
        for label, asset, source, target, amount, lot, at in movements:
            self.count(self.counters, label, asset, source, target, amount, at)
            if self.journal is not None:
                own = at < 0
                self.journal.append(
                    (
                        int(self.layer), holder.place, row if own else -1, grant if own else -1, at,
                        label, asset, source, target, amount, lot,
                    )
                )  # fmt: skip
        return bool(self.counters.now.posted)

    def _placed(self, row: int, instant: int) -> Placed:
        """Give a row as the event that the core settles; it is named by its number."""
        work, table = self.work, self.work.table
        code = int(table.kind[row])
        partner = self.ids[Layer.PARTNER][int(work.placing.partner[row])]
        person_code = int(work.placing.person[row])
        person = self.ids[Layer.PERSON][person_code] if person_code >= 0 else None
        of = self._of(row)
        fields: dict[str, FieldValue]
        if code == OVERRIDE:
            until = format_day(int(table.values[UNTIL][row]))
            fields = {"tier": self.ladder[int(table.values[TIER][row])], "until": until}
        else:
            fields = dict(self._fields(self.kinds[code], row))
        event = Event(
            id=str(row),
            kind=TIER_OVERRIDE if code == OVERRIDE else self.kinds[code].name,
            partner=partner,
            person=person,
            occurred_at=int(table.at[row]),
            of=str(of) if of >= 0 and code >= 0 and self.kinds[code].speaks else None,
            fields=fields,
        )
        holders = (
            (Holder.partner(partner), Holder.person(person)) if person and code >= 0 else (Holder.partner(partner),)
        )
        return Placed(event, (instant, 0, "", str(row)), instant, holders, int(self.first_instants[row]))

    def _fields(self, kind: Kind, row: int) -> Iterator[tuple[str, FieldValue]]:
        for spec in kind.fields.values():
            value = self._value(spec.name, row)
            if value == MISSING:
                continue
            if spec.type in (FieldType.TEXT, FieldType.ONE_OF):
                yield spec.name, self.texts[spec.name][value]
            else:
                yield spec.name, bool(value) if spec.type is FieldType.BOOL else value


def _asking(layer_step: LayerStep, steps: Steps) -> Mapping[str, Any]:
    """Give ``take_stock`` and ``progress`` of a layer, plain Python."""
    scope = namespace(PRIMITIVES) | functions_for(steps.names) | {"share": share}
    source = asking_source(layer_step.layout, layer_step.encoder.texts)
    exec(compile(source, "<asking>", "exec"), scope)
    return scope
