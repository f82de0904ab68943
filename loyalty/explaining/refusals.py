"""
Why a rule did not pay for an event, with what its conditions read and what had used its key up.

What the event's records say is told in full: the event's own fields stand beside the metrics that were recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from loyalty.core.events import Event, FieldValue
from loyalty.core.holders import Layer
from loyalty.explaining.said import Listed, Number, Said, Value, said
from loyalty.explaining.steps import Step
from loyalty.explaining.words import amount_of, unit_amount
from loyalty.programme.model import Programme
from loyalty.rules.declaration import Rule

#: Steps that say that nothing at all of an event was looked at.
_OF_EVENT = frozenset({"outside", "no_origin", "waits", "voided", "voids", "too_late", "nothing_left"})


def wrong_kind(rule: Rule, event: Event, holder: str) -> Step:
    """Say that the rule looks at events of another kind."""
    return Step("wrong_kind", holder, rule.name, None, (), said("not.kind", on=rule.on, kind=event.kind))


def no_person(rule: Rule, holder: str) -> Step:
    """Say that the rule pays the event's person, and that there is none."""
    return Step("no_person", holder, rule.name, None, (), said("not.person"))


def refused(
    programme: Programme, rule: Rule, event: Event, holder: str, tier: str, steps: Sequence[Step]
) -> list[Step]:
    """
    Say what became of a rule at an event for one holder.

    Args:
        tier: The partner's tier before the event.
        steps: What the explanation of the event says of the holder.
    """
    own = [step for step in steps if step.rule == rule.name]
    skips = [step for step in own if step.name == "skip"]
    if skips:
        return [_with_values(programme, rule, event, tier, step) for step in skips[-1:]]
    awarded = [step for step in own if step.name in ("paid", "nothing")]
    if awarded:
        return [evolve(step, said=_award(programme, step, own)) for step in awarded]
    of_event = [step for step in steps if step.rule is None and step.name in _OF_EVENT]
    if of_event:
        return [evolve(step, rule=rule.name) for step in of_event[:1]]
    return [Step("not_looked_at", holder, rule.name, None, (), said("not.looked_at"))]


def used_by(step: Step, cause: Event) -> Step:
    """Say which event had used up what the rule pays for once."""
    words = said("not.used", why=step.said, event=cause.identity)
    return evolve(step, said=words, numbers=(*step.numbers, cause.identity))


def _award(programme: Programme, step: Step, own: Sequence[Step]) -> Said:
    """Say what was paid of one currency, or why nothing was."""
    alike = [one for one in own if one.currency == step.currency]
    cut = next((one for one in alike if one.name == "cap" and one.numbers[4] < one.numbers[3]), None)
    if step.name == "paid":
        amount = amount_of(programme, str(step.currency), step.numbers[0])
        return said("not.paid.cut", amount=amount, cap=cut.said) if cut else said("not.paid", amount=amount)
    if cut is not None:
        return said("not.capped", cap=cut.said)
    base = next((one.said for one in alike if one.name == "base"), step.said)
    return said("not.zero", why=base)


def _with_values(programme: Programme, rule: Rule, event: Event, tier: str, step: Step) -> Step:
    """Put what the condition read beside it: the event's fields, the tier, and the metrics that were recorded."""
    if step.numbers[0] != "when" or rule.when is None:
        return step
    metrics = sorted(name for name in rule.when.names if name in programme.metrics)
    read: list[Value] = []
    for name in sorted(rule.when.names - set(metrics)):
        value = _value_of(programme, event, name, tier)
        if value is not None:
            read.append(said("value", name=name, value=value))
    for name, number in zip(metrics, step.numbers[1:], strict=True):
        metric = programme.metrics[name]
        unit = metric.currency or (str(metric.of.type.unit or "") if metric.of is not None else "")
        read.append(said("value", name=name, value=unit_amount(programme, unit, number)))
    condition = " ".join(rule.when.source.split())
    values = said("values", values=Listed(tuple(read), "join.list")) if read else ""
    return evolve(step, said=said("skip.when", condition=condition, values=values))


def _value_of(programme: Programme, event: Event, name: str, tier: str) -> Value | None:
    if name == "event.person":
        return event.person or said("value.none")
    if name.startswith("event."):
        field = name.removeprefix("event.")
        spec = programme.events[event.kind].fields[field]
        value: FieldValue | None = event.fields.get(field)
        if value is None:
            return said("value.none")
        if isinstance(value, bool):
            return said("value.yes" if value else "value.no")
        return unit_amount(programme, spec.unit or "", value) if isinstance(value, int) else value
    if name.startswith("tier."):
        declared = next((one for one in programme.ladder.tiers if one.name == tier), None)
        if name == "tier.multiplier" and declared is not None:
            return Number(declared.multiplier)
        return tier
    return None


def layers_of(rule: Rule) -> list[Layer]:
    """Give the layers that a rule pays."""
    return [layer for layer in Layer if rule.give.get(layer)]
