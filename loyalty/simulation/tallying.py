"""
Results of a run over columns, by arrays: the same that :mod:`loyalty.simulation.collecting` reads from entries.

Nothing here is done once a holder; a hundred thousand partners and their people take a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.kinds import kinds_for
from loyalty.batch.results import Batch
from loyalty.core.holders import Layer
from loyalty.programme.model import Role
from loyalty.programme.revisions import currencies_of, tiers_of
from loyalty.programme.units import digits_of
from loyalty.simulation.concentration import Concentration
from loyalty.simulation.flows import FIGURES, MOVED, STANDING, Flows
from loyalty.simulation.holders import Holders, Ints
from loyalty.simulation.results import PERSONS, Activity, Results, RuleResult


def tally(batch: Batch) -> Results:
    """Give the results of a run over columns; of a run that goes on from states, those of its own time."""
    currencies = currencies_of(batch.programme)
    holders = _holders(batch)
    partners = holders.layer(Layer.PARTNER)
    places = _months(batch)
    return Results(
        currencies=currencies,
        ladder=tiers_of(batch.programme),
        months=tuple(batch.first_month + place for place in places),
        flows=_flows(batch, holders, places),
        tiers={
            batch.first_month + place: dict(zip(_tiers(batch), batch.tiers[place].tolist(), strict=True))
            for place in places
        },
        tier_moves=_moves(batch),
        expiring=_expiring(batch),
        funds=_funds(batch),
        holders=holders,
        rules=_rules(batch),
        concentration={name: Concentration.of(holders.column(name, "earned", partners)) for name in currencies},
        entries=batch.entries,
        postings=batch.postings,
        activity=_activity(batch),
    )


def _currency_places(batch: Batch) -> dict[str, int]:
    """Where each currency stands in the batch, in the order of the programme."""
    names = batch.names.assets[: batch.names.tier_asset]
    return {name: names.index(name) for name in currencies_of(batch.programme)}


def _tiers(batch: Batch) -> tuple[str, ...]:
    names = batch.names
    return tuple(name.removeprefix("tier.") for name in names.assets[names.tier_asset : names.badge_asset])


def _months(batch: Batch) -> range:
    """The months of the tables: from the first in which a partner is there or something moves."""
    begins = [batch.months - 1]
    for table in (batch.flows, batch.tier_moves):
        moved = np.flatnonzero(table.any(axis=(1, 2)))
        begins.extend(moved[:1].tolist())
    since = batch.layers[Layer.PARTNER].first_month
    if len(since):
        begins.append(int(since.min()) - batch.first_month)
    return range(max(min(begins), 0), batch.months)


def _flows(batch: Batch, holders: Holders, places: range) -> dict[tuple[int, str], Flows]:
    """What moved in each month, and the balances at its end, counted back from where all holders ended."""
    flows: dict[tuple[int, str], Flows] = {}
    for name, place in _currency_places(batch).items():
        table = batch.flows[:, place, :]
        ended = np.array([sum(holders.column(name, figure)) for figure in STANDING])
        changes = np.cumsum(table[:, len(MOVED) :], axis=0)
        balances = ended - changes[-1] + changes
        rows = np.concatenate([table[:, : len(MOVED)], balances], axis=1)
        for month in places:
            flows[batch.first_month + month, name] = Flows(**dict(zip(FIGURES, rows[month].tolist(), strict=True)))
    return {(month, name): flows[month, name] for month in sorted({month for month, _ in flows})
            for name in currencies_of(batch.programme)}  # fmt: skip


def _moves(batch: Batch) -> dict[int, dict[tuple[str, str], int]]:
    tiers = _tiers(batch)
    moves: dict[int, dict[tuple[str, str], int]] = {}
    for month, before, after in np.argwhere(batch.tier_moves).tolist():
        found = moves.setdefault(batch.first_month + month, {})
        found[tiers[before], tiers[after]] = int(batch.tier_moves[month, before, after])
    return {month: dict(sorted(found.items())) for month, found in moves.items()}


def _expiring(batch: Batch) -> dict[str, dict[int | None, int]]:
    currencies, last = currencies_of(batch.programme), batch.outstanding.shape[1] - 1
    expiring: dict[str, dict[int | None, int]] = {}
    for name, place in _currency_places(batch).items():
        if currencies[name].spendable:
            row = batch.outstanding[place]
            expiring[name] = {
                None if month == last else batch.first_month + month: int(row[month])
                for month in np.flatnonzero(row).tolist()
            }
    return expiring


def _funds(batch: Batch) -> dict[tuple[int, str, str], tuple[int, int]]:
    currencies, tiers = currencies_of(batch.programme), (*_tiers(batch), PERSONS)
    funds = {}
    for name, place in _currency_places(batch).items():
        if currencies[name].unit is not None:
            table = batch.funds[:, place]
            for month, tier in np.argwhere(table.any(axis=2)).tolist():
                given, taken = table[month, tier].tolist()
                funds[batch.first_month + month, name, tiers[tier]] = (given, taken)
    return dict(sorted(funds.items()))


def _rules(batch: Batch) -> tuple[RuleResult, ...]:
    places = {place: name for name, place in _currency_places(batch).items()}
    found = []
    for label, layer, place in np.argwhere(batch.rules.any(axis=3)).tolist():
        awards, issued, taken = batch.rules[label, layer, place].tolist()
        found.append(
            RuleResult(rule=batch.names.labels[label], layer=Layer(layer), currency=places[place], awards=awards,
                       issued=issued, reversed=taken)
        )  # fmt: skip
    return tuple(sorted(found, key=lambda row: (row.rule, row.layer, row.currency)))


def _holders(batch: Batch) -> Holders:
    """Put the holders of both layers behind each other, each by name; persons who got nothing are left out."""
    partners, persons = (batch.layers[layer] for layer in (Layer.PARTNER, Layer.PERSON))
    got = persons.cells.any(axis=(1, 2)) | persons.badges.any(axis=1)
    orders = [
        _by_name(partners.holders, np.arange(len(partners.holders))),
        _by_name(persons.holders, np.flatnonzero(got)),
    ]

    def column(of: Any) -> Any:
        return np.concatenate([of(totals)[order] for totals, order in zip((partners, persons), orders, strict=True)])

    names = [totals.holders.take(pa.array(order)) for totals, order in zip((partners, persons), orders, strict=True)]
    figures: dict[tuple[str, str], Ints] = {}
    for name, place in _currency_places(batch).items():
        for number, figure in enumerate(FIGURES):
            cells = column(lambda totals, place=place, number=number: totals.cells[:, place, number])
            if cells.any():
                figures[name, figure] = cells
    badge_names = [name.removeprefix("badge.") for name in batch.names.assets[batch.names.badge_asset :]]
    badges: dict[str, Ints] = {}
    for number, name in enumerate(badge_names):
        held = column(lambda totals, number=number: totals.badges[:, number])
        if held.any():
            badges[name] = held
    return Holders(
        currencies=currencies_of(batch.programme),
        ladder=tiers_of(batch.programme),
        names=pa.concat_arrays(names),
        partners=len(orders[0]),
        standings=np.concatenate([partners.tier[orders[0]], np.full(len(orders[1]), -1)]),
        badges=badges,
        figures=figures,
    )


def _by_name(names: Any, rows: Any) -> Any:
    """Give rows in the order of their names."""
    return rows[np.asarray(pc.sort_indices(names.take(pa.array(rows))))]


def _activity(batch: Batch) -> tuple[Activity, ...]:
    """Add up what partners did, by kind; of kinds that speak of money, how much."""
    totals = batch.layers[Layer.PARTNER]
    kinds = kinds_for(batch.programme)
    events, sums = totals.events.sum(axis=0).tolist(), totals.sums.sum(axis=0).tolist()
    units: Mapping[str, str | None] = {
        kind.name: kind.fields[kind.money].unit if kind.money is not None else None for kind in kinds
    }
    activity = []
    for kind, count, total in zip(kinds, events, sums, strict=True):
        refunds = kind.role is Role.REFUNDS
        unit = units[kind.name] or (units[kinds[kind.origin].name] if refunds and kind.origin >= 0 else None)
        amount = Decimal(total).scaleb(-digits_of(unit)) if unit else Decimal(0)
        activity.append(Activity(kind=kind.name, events=count, unit=unit, total=amount, takes_back=refunds))
    return tuple(activity)
