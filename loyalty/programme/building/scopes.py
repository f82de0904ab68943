"""
Which names an expression may use where, with the ranges on which its proofs rest.

Balances and what was earned are at most :data:`MOST` in any programme: that is proven of every programme when its
rules are built, so that it may be assumed before. Once it is proven, the conditions get the closer bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve

from loyalty.core.amounts import INT64_MAX, MAX_AMOUNT
from loyalty.core.holders import Layer
from loyalty.programme.building.draft import Draft, layer_words
from loyalty.programme.model import EventKind, FieldSpec, FieldType, Role
from loyalty.programme.sections import Item
from loyalty.rules.expressions import BOOL, INT, STRING, Interval, Symbol, Type, money_type, names_in, points_type
from loyalty.tiers.declaration import Measure, Metric

#: No balance reaches more.
MOST: Final = MAX_AMOUNT - 1

#: For each layer and currency, the most that a holder can ever have earned.
Bounds = Mapping[tuple[Layer, str], int]


def event_symbols(kind: EventKind) -> dict[str, Symbol]:
    """Give the names that read an event of a kind."""
    symbols = {f"event.{name}": _field_symbol(spec) for name, spec in kind.fields.items()}
    symbols["event.person"] = Symbol(
        STRING, code="e.person", present="e.has_person", doc="The person of the event, where there is one."
    )
    return symbols


def measured_symbols(kind: EventKind, draft: Draft) -> dict[str, Symbol]:
    """
    Give the names that read an event of a kind in what is computed again after a refund.

    Then the part that refunds take stands for what is left of it, which can be as little as one unit.
    """
    symbols = event_symbols(kind)
    parts = {
        other.part for other in draft.kinds.values() if other.role is Role.REFUNDS and other.origin_kind == kind.name
    }
    for part in parts - {None}:
        symbol = symbols[f"event.{part}"]
        if symbol.interval is not None and symbol.interval.lo > 1:
            symbols[f"event.{part}"] = evolve(symbol, interval=Interval(1, symbol.interval.hi))
    return symbols


def metric_symbols(draft: Draft, layers: Iterable[Layer], bounds: Bounds | None = None) -> dict[str, Symbol]:
    """Give the names of the metrics of some layers; without *bounds*, balances have the loosest."""
    wanted = set(layers)
    return {
        metric.name: Symbol(
            metric_type(metric, draft), metric_interval(metric, draft, bounds), f"metric_{metric.name}", doc="A metric."
        )
        for metric in draft.metrics.values()
        if metric.layer in wanted
    }


def tier_symbols(draft: Draft) -> dict[str, Symbol]:
    """Give the names that read the tier; its level is its code, so that names and levels compare alike."""
    names = draft.tier_names
    all_read = draft.all_read("tiers", "ladder", naming="tier")
    highest = len(names) - 1 if all_read else MOST
    return {
        "tier.level": Symbol(INT, Interval(0, highest), "tier", doc="0 for base, then up the ladder."),
        "tier.name": Symbol(STRING, code="tier", values=names if all_read else None, doc="The name of the tier."),
    }


def metric_type(metric: Metric, draft: Draft) -> Type:
    """Give the type of a metric's value."""
    if metric.measure is Measure.SUM:
        return metric.of.type if metric.of is not None else INT
    if metric.measure in (Measure.COUNT, Measure.DISTINCT):
        return INT
    currency = draft.currencies.get(metric.currency or "")
    if currency is None:
        return INT
    if currency.unit is not None:
        return money_type(currency.unit)
    return points_type(currency.name) if currency.scale else INT


def metric_interval(metric: Metric, draft: Draft, bounds: Bounds | None) -> Interval:
    """Give the range of a metric's value."""
    if metric.measure in (Measure.COUNT, Measure.DISTINCT):
        return Interval(0, draft.most_events)
    if metric.measure is Measure.SUM:
        if metric.of is None or metric.of.interval is None:
            return Interval(0, 0)
        lo, hi = metric.of.interval.lo, metric.of.interval.hi
        return Interval(min(0, lo) * draft.most_events, max(0, hi) * draft.most_events)
    # A balance holds allotments too, which the bounds of what is earned leave out.
    most = (
        MOST
        if bounds is None or metric.measure is Measure.BALANCE
        else bounds.get((metric.layer, metric.currency or ""), 0)
    )
    return Interval(0, min(most, INT64_MAX))


def foreign_names(item: Item[str], draft: Draft, layers: Iterable[Layer]) -> bool:
    """
    Whether an expression reads metrics that it must not, or that could not be read themselves.

    The first is noted; the second was reported where the metric stands.
    """
    found = False
    paid = sorted(set(layers))
    for name in names_in(draft.notes.expression_source(item.node)[0]):
        metric = draft.metrics.get(name)
        if metric is None:
            found = found or name in draft.declared["metrics"] or ("." not in name and not draft.names_read("metrics"))
        elif paid and paid != [metric.layer]:
            draft.notes.add(
                "wrong-layer",
                item.node,
                f"`{name}` is a metric of {layer_words([metric.layer])}, and this is about {layer_words(paid)}; "
                "a rule reads only the paid holder's state",
                "give to each holder by a rule of its own"
                if len(paid) > 1
                else f"declare a metric with `holder: {paid[0].name.lower()}`",
            )
            found = True
    return found


def _field_symbol(spec: FieldSpec) -> Symbol:
    present = f"e.p_{spec.name}" if not spec.required and spec.default is None else ""
    code = f"e.f_{spec.name}"
    if spec.type is FieldType.MONEY:
        return Symbol(money_type(spec.unit or ""), Interval(spec.lowest, spec.highest), code, present)
    if spec.type is FieldType.INT:
        return Symbol(INT, Interval(spec.lowest, spec.highest), code, present)
    if spec.type is FieldType.BOOL:
        return Symbol(BOOL, code=code, present=present)
    return Symbol(STRING, code=code, present=present, values=spec.values or None)
