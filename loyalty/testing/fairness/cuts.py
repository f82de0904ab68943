"""
No split gain and no merge gain: what one deal earns, its parts of the same instant earn together, and the other way.

An event is cut into two or three of its kind that share its instant and its other fields; the fields that rules and
metrics measure are shared out, and so are money that they look at, the money of a sale, and quantities. Either side may
gain one unit for each rule and part, since each part is rounded: one minor unit by the rate's rounding, carried through
the multiplier, and one more where the multiplied award is rounded again. Whatever a rule that only pays fixed amounts
gains is within one unit or no rounding at all. Events that others refund or follow are not cut.

Compared are the awards of the whole history: where a tier or a badge counts deals, and the parts count as deals do, a
later deal that is paid more because an earlier one was cut is a gain of the cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial
from itertools import islice
from math import ceil

from attrs import evolve

from loyalty.core.events import Event, FieldValue
from loyalty.core.holders import Holder
from loyalty.programme import boundaries
from loyalty.programme.model import EventKind, Programme, Role
from loyalty.rules.declaration import Multiplier, Rule
from loyalty.testing.fairness.differences import losses, rules_that_differ, write_value
from loyalty.testing.fairness.scenes import Scene, before_large, later, scenes, telling_events
from loyalty.testing.laws import Bench, Counterexample, Law, Lead
from loyalty.testing.outcomes import Outcome, unit_value, value_of


def parts_of(programme: Programme, kind: EventKind, event: Event) -> Iterator[tuple[Event, ...]]:
    """Give ways to cut an event: in halves, in thirds, a little off, and at the programme's telling values."""
    measured = [
        spec for spec in boundaries.divisible_fields(programme, kind) if isinstance(event.fields.get(spec.name), int)
    ]
    if not measured:
        return
    whole = {spec.name: int(event.fields[spec.name]) for spec in measured}
    lead, total = measured[0], whole[measured[0].name]
    telling = [n for n in boundaries.numbers(programme, kind, lead) if 0 < n < total]
    firsts = dict.fromkeys([total // 2, 1, *telling[-6:], *telling[:6]])
    plans: list[tuple[int, ...]] = [(first, total - first) for first in firsts if 0 < first < total]
    plans += [(total // 3, total // 3, total - 2 * (total // 3))] if total >= 3 else []
    for plan in plans:
        shares = _shares(whole, lead.name, plan)
        if all(spec.lowest <= share[spec.name] <= spec.highest for share in shares for spec in measured):
            yield tuple(
                evolve(
                    event, id=event.id if place == 0 else f"{event.id}-{place + 1}", fields={**event.fields, **share}
                )
                for place, share in enumerate(shares)
            )


def _shares(whole: dict[str, int], lead: str, plan: tuple[int, ...]) -> list[dict[str, int]]:
    shares: list[dict[str, int]] = []
    left = dict(whole)
    for place, size in enumerate(plan):
        last = place == len(plan) - 1
        share = {name: left[name] if last else amount * size // whole[lead] for name, amount in whole.items()}
        left = {name: left[name] - share[name] for name in left}
        shares.append(share)
    return shares


def _gains(bench: Bench, lead: Lead, *, law: str) -> Iterator[Counterexample]:
    programme = bench.programme
    spoken_of = {event.origin for event in lead.events}
    for event in lead.events:
        kind = programme.events.get(event.kind)
        if kind is None or kind.role not in (Role.NONE, Role.FOLLOWS) or event.identity in spoken_of:
            continue
        for parts in parts_of(programme, kind, event):
            yield from _gain(bench, lead, event, parts, law=law)


def _gain(bench: Bench, lead: Lead, event: Event, parts: tuple[Event, ...], *, law: str) -> Iterator[Counterexample]:
    programme = bench.programme
    place = lead.events.index(event)
    cut = (*lead.events[:place], *parts, *lead.events[place + 1 :])
    whole_side, parts_side = bench.settle(lead.events, lead.grants), bench.settle(cut, lead.grants)
    poor, rich = (whole_side, parts_side) if law == "no_split_gain" else (parts_side, whole_side)
    allowed = _tolerance(programme, parts, whole_side, parts_side)
    for (holder, unit), more, less in losses(value_of(programme, rich.awards), value_of(programme, poor.awards)):
        if more - less > allowed.get((holder, unit), 0):
            done = f"cutting {event.id} in {len(parts)}" if rich is parts_side else f"joining {len(parts)} parts"
            yield Counterexample(
                law=law,
                claim=f"{done} gives {holder} {write_value(more, unit)} instead of {write_value(less, unit)}",
                first=poor.events, second=rich.events, grants=lead.grants,
                first_label="as one" if rich is parts_side else "in parts",
                second_label="in parts" if rich is parts_side else "as one",
                rules=rules_that_differ(programme, poor.awards, rich.awards),
            )  # fmt: skip


def _tolerance(
    programme: Programme, parts: tuple[Event, ...], one: Outcome, other: Outcome
) -> dict[tuple[Holder, str], Fraction]:
    """One unit for each rule and part, of each rule that paid the event or a part of it."""
    rules = {rule.name: rule for rule in programme.rules}
    causes = {part.identity for part in parts}  # The first part has the identity of the whole.
    paid = {
        (effect.rule, effect.holder, effect.currency)
        for outcome in (one, other)
        for effect in outcome.awards
        if effect.rule in rules and effect.cause in causes
    }
    allowed: dict[tuple[Holder, str], Fraction] = {}
    for name, holder, currency in paid:
        unit, worth = unit_value(programme, currency)
        carried = _carried(programme, rules[name], currency)
        allowed[holder, unit] = allowed.get((holder, unit), Fraction(0)) + len(parts) * carried * worth
    return allowed


def _carried(programme: Programme, rule: Rule, currency: str) -> int:
    factor = Fraction(1)
    for multiplier in rule.multiply.get(currency, ()):
        factor *= max(Fraction(1), _largest(programme, multiplier))
    return factor.numerator if factor.denominator == 1 else ceil(factor) + 1


def _largest(programme: Programme, multiplier: Multiplier) -> Fraction:
    if multiplier.constant is not None:
        return multiplier.constant
    if multiplier.by_tier:
        return max(tier.multiplier for tier in programme.ladder.tiers)
    return max((*multiplier.table.values(), multiplier.otherwise))


def _probe_split(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    yield from _gains(bench, lead, law="no_split_gain")


def _probe_merge(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    yield from _gains(bench, lead, law="no_merge_gain")


def leads(bench: Bench, law: str) -> Iterator[Lead]:
    """Try halves in every scene, telling sizes and their doubles, short of a tier, before and after another event."""
    programme = bench.programme
    found = list(islice(scenes(programme), 60))
    for scene in found:
        yield from _gaining_by_halves(bench, scene, law)
    for turn in range(9):  # All scenes at usual numbers, then with one number elsewhere, and so on.
        for scene in found[:40] if not turn else found[:12]:
            settings = boundaries.settings(programme, scene.kind)
            if turn < len(settings):
                yield from _at_telling_sizes(programme, scene, settings[turn])
    yield from before_large(bench, fewer=1)  # Where parts count for a tier as deals do, one cut reaches it.
    telling_leads = telling_events(bench, limit=10)
    for first in telling_leads:
        for second in telling_leads:
            yield Lead((*first.events, *later(programme, second, 1, "e-9").events))


def _gaining_by_halves(bench: Bench, scene: Scene, law: str) -> Iterator[Lead]:
    """Cut events of a few sizes in two, and give those by which somebody gains."""
    programme = bench.programme
    divisible = boundaries.divisible_fields(programme, scene.kind)
    if not divisible:
        return
    lead = divisible[0]
    for usual in boundaries.settings(programme, scene.kind)[:3]:
        top = int(usual[lead.name])
        for size in sorted({size for size in boundaries.ladder_of_sizes(lead)[6::6] if size < top} | {top}):
            event = scene.event({**usual, lead.name: size})
            parts = next(parts_of(programme, scene.kind, event), ())
            if parts:
                history = (*scene.prefix, event)
                if next(_gain(bench, Lead(history), event, parts, law=law), None):
                    yield Lead(history)


def _at_telling_sizes(programme: Programme, scene: Scene, usual: Mapping[str, FieldValue]) -> Iterator[Lead]:
    for spec in boundaries.divisible_fields(programme, scene.kind):
        telling = boundaries.numbers(programme, scene.kind, spec)
        doubles = {2 * n for n in telling} | {2 * n - 2 for n in telling} | {3 * n for n in telling}
        sizes = sorted({*telling, *(n for n in doubles if 2 <= n <= spec.highest)})
        for size in sizes[:: max(1, len(sizes) // 24)]:
            yield Lead((*scene.prefix, scene.event({**usual, spec.name: size})))


SPLIT = Law(
    name="no_split_gain",
    statement="Cutting one deal in parts of one instant gains at most one unit for each rule and part.",
    probe=_probe_split,
    leads=partial(leads, law="no_split_gain"),
)

MERGE = Law(
    name="no_merge_gain",
    statement="Joining deals of one instant gains at most one unit for each rule and part.",
    probe=_probe_merge,
    leads=partial(leads, law="no_merge_gain"),
)
