"""
Laying out one layer of a programme: what all revisions share, and what each views of it.

Rules, metrics and gifts of several revisions get one numbering; each view keeps those that count in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from loyalty.core.calendar import NEVER
from loyalty.core.holders import Layer
from loyalty.programme.model import BadgesOnRefund, Programme, Role, TierOnRefund
from loyalty.programme.revisions import revisions_of
from loyalty.rules.declaration import ByField, OnEnd, Rule
from loyalty.settlement.grandfathering import paying_versions
from loyalty.settlement.layout import Gift, Layout, Leg, Names
from loyalty.settlement.merging import aligned, lower_tiers, same_declaration, stand_ins, united
from loyalty.tiers.declaration import WindowKind


def layout_of(programme: Programme, layer: Layer, names: Names, *, numbers_apart: bool = False) -> Layout:
    """Lay out one layer of the programme."""
    whole = united(programme)
    numbers = {name: index for index, name in enumerate(whole.currencies)}
    layout = Layout(whole, layer, names, {}, [], currency=numbers, numbers_apart=numbers_apart)
    parts = aligned(programme)
    if len(parts) == 1:
        layout.views.append(layout)
        layout.levels = layout.places = tuple(range(len(whole.ladder.tiers)))
    else:
        layout.views += [_view(layout, parts, place) for place in range(len(parts))]
        for view, one in zip(layout.views, revisions_of(programme), strict=True):
            view.currencies = tuple(sorted(one.currencies))
        layout.stand_ins = {kind: found for kind in whole.events if (found := stand_ins(programme, kind))}
    _list_rules(layout)
    _list_metrics(layout)
    layout.tracked_kinds.update(kind for kind in whole.events if _leaves_row(layout, kind))
    for view in layout.views:
        for rule in (rule for rules in view.rules.values() for rule in rules if layout.home(rule) is view):
            for currency in rule.give[layer]:
                layout.legs.append(Leg(len(layout.legs), rule, currency))
                pending = rule.pending.get(currency)
                if pending and (layout.currency[currency], pending) not in layout.pending:
                    layout.pending.append((layout.currency[currency], pending))
    layout.bucket_count = len(layout.currency) + len(layout.pending)
    for metric in layout.metrics:
        if metric.window.kind is WindowKind.TRAILING:
            layout.trailing[metric.name] = layout.bucket_count
            layout.bucket_count += 1
    _list_gifts(layout)
    taken_back = {leg.currency for leg in layout.legs if layout.tracked(leg.rule.on)} | _gifts_taken_back(layout)
    for name in whole.currencies:
        # What expired is remembered only where a refund or an end can still ask for it.
        if layout.expires(name) and name in taken_back:
            layout.expired[name] = layout.bucket_count
            layout.bucket_count += 1
    for kind in whole.events:
        fields = _fields_read_again(layout, kind)
        for view in layout.views:
            view.row_fields[kind] = fields | _metrics_read_again(view, kind)
    return layout


def _list_gifts(layout: Layout) -> None:
    """Find the gifts that are remembered, and what refunds and ends can do to them."""
    policies = [policy for view in layout.views for policy in view.programme.refunds.values()]
    partner = layout.layer is Layer.PARTNER
    badges = [badge for badge in layout.programme.badges if badge.layer is layout.layer]
    revokes_badges = bool(badges) and any(policy.badges is not BadgesOnRefund.KEEP for policy in policies)
    takes_back = partner and any(policy.tier is TierOnRefund.RE_EVALUATE_AND_TAKE_BACK for policy in policies)
    names = [("tier", tier.name) for tier in layout.programme.ladder.tiers if partner]
    names += [("badge", badge.name) for badge in badges if revokes_badges]
    for of, name in names:
        declared = [_gift_in(view, of, name) for view in layout.views]
        currencies = tuple(c for c in layout.currency if any(gift.get(c) for gift in declared))
        number = layout.names.level(name) if of == "tier" else layout.names.badge(name)
        gift = Gift(len(layout.gifts), of, number, f"@{of}.{name}", {}, currencies)
        if currencies:
            layout.gifts.append(gift)
        for view, amounts in zip(layout.views, declared, strict=True):
            if any(amounts.values()):
                view.own_gifts.append(evolve(gift, amounts={c: amounts[c] for c in currencies if amounts.get(c)}))
    for one in (layout, *layout.views):
        one.revokes_badges, one.takes_back_gifts = revokes_badges, takes_back


def _gift_in(view: Layout, of: str, name: str) -> Mapping[str, int]:
    """Give what comes with a tier or a badge in a revision."""
    if of == "tier":
        return next((tier.gift for tier in view.programme.ladder.tiers if tier.name == name), {})
    return next((badge.give for badge in view.programme.badges if badge.name == name), {})


def _gifts_taken_back(layout: Layout) -> set[str]:
    """Give the currencies of gifts and allotments that a refund or an end can take back."""
    policies = (policy for view in layout.views for policy in view.programme.refunds.values())
    badges = any(policy.badges is BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK for policy in policies)
    found: set[str] = set()
    for gift in layout.gifts:
        if badges if gift.of == "badge" else layout.takes_back_gifts:
            found |= set(gift.currencies)
    if layout.takes_back_gifts:
        found |= {a.currency for view in layout.views for a in view.programme.allotments}
    return found


def _view(layout: Layout, parts: tuple[Programme, ...], place: int) -> Layout:
    """Give a revision's view of the whole: it shares all indexes, and has rules and tiers of its own."""
    part = parts[place]
    tiers = part.ladder.tiers
    return evolve(
        layout,
        programme=part,
        rules={},
        own={},
        begins=part.from_day,
        ends=parts[place + 1].from_day if place + 1 < len(parts) else NEVER,
        suffix=f"_{place + 1}",
        levels=tuple(layout.names.level(tier.name) for tier in tiers),
        places=lower_tiers([tier.name for tier in layout.programme.ladder.tiers], tiers),
        first_rule=sum(len(other.rules) for other in parts[:place]),
        guards={},
        own_gifts=[],
        row_fields={},
    )


def _list_rules(layout: Layout) -> None:
    """List for each view, by kind, the rules that can pay in it: its own, and those that are grandfathered."""
    versions: dict[str, list[tuple[Layout, Rule]]] = {}
    for view in layout.views:
        for rule in view.programme.rules:
            versions.setdefault(rule.name, []).append((view, rule))
            layout.homes[id(rule)] = view
        for known in versions.values():
            for rule, guard in paying_versions(known, view, layout.views):
                if rule.give.get(layout.layer):
                    view.rules.setdefault(rule.on, []).append(rule)
                    view.guards.update({id(rule): guard} if guard else {})
        view.rules = _in_order(view.rules)
    if len(layout.views) > 1:
        for rule in (rule for view in layout.views for rule in view.programme.rules if rule.give.get(layout.layer)):
            layout.rules.setdefault(rule.on, []).append(rule)
        layout.rules = _in_order(layout.rules)


def _in_order(rules: dict[str, list[Rule]]) -> dict[str, list[Rule]]:
    return {
        kind: sorted(listed, key=lambda rule: (rule.phase, rule.priority, rule.name)) for kind, listed in rules.items()
    }


def _list_metrics(layout: Layout) -> None:
    """List the metrics of all revisions, each declaration once, and tell which each revision reads and counts."""
    index: dict[str, int] = {}
    last_read: dict[int, int] = {}
    for place, view in enumerate(layout.views):
        for name, metric in sorted(view.programme.metrics.items()):
            if metric.layer is not layout.layer:
                continue
            known = index.setdefault(same_declaration(metric), len(index))
            others = sum(one.name.partition("@")[0] == name for one in layout.metrics)
            if known == len(layout.metrics):
                layout.metrics.append(evolve(metric, name=f"{name}@{others + 1}") if others else metric)
            else:
                # The bounds of a later revision are the wider ones.
                layout.metrics[known] = evolve(metric, name=layout.metrics[known].name)
            view.own[name] = known
            last_read[known] = place
    for place, view in enumerate(layout.views):
        for rule in (rule for rules in view.rules.values() for rule in rules):
            for name in _names_in(rule) & layout.home(rule).own.keys():
                known = layout.home(rule).own[name]
                last_read[known] = max(place, last_read[known])
    for place, view in enumerate(layout.views):
        view.counted = frozenset(known for known, last in last_read.items() if last >= place)


def _leaves_row(layout: Layout, kind: str) -> bool:
    rules = layout.rules.get(kind, [])
    return (
        bool(layout.kinds_about(kind, Role.REFUNDS))
        or (bool(layout.kinds_about(kind, Role.ENDS)) and any(rule.on_end is OnEnd.REVERSE for rule in rules))
        or any(pending.until_kind for rule in rules for pending in rule.pending.values())
    )


def _fields_read_again(layout: Layout, kind: str) -> set[str]:
    """Give the names of the event and the tier that a refund reads again from the original event's row."""
    names: set[str] = set()
    for rule in layout.rules.get(kind, []):
        if rule.of:
            names |= {name for name in rule.of.names if name not in layout.home(rule).own}
        for award in rule.give[layout.layer].values():
            if isinstance(award, ByField):
                names.add(f"event.{award.field}")
        for factors in rule.multiply.values():
            names |= {f"event.{factor.field}" for factor in factors if factor.field}
    for _, metric in layout.metrics_of(kind):
        if metric.of:
            names |= metric.of.names
    return names


def _metrics_read_again(view: Layout, kind: str) -> set[str]:
    """Give the local variables of the metrics that a refund of an event of the view's days reads again."""
    return {
        view.local(view.home(rule).own[name])
        for rule in view.rules.get(kind, [])
        if rule.of
        for name in rule.of.names & view.home(rule).own.keys()
    }


def _names_in(rule: Rule) -> set[str]:
    return {name for expression in (rule.when, rule.of) if expression for name in expression.names}
