"""
Why an event was settled as it was: the step's trace, read back for people.

The traced step records codes and whole numbers; they are kept with the entry, so that the question can still be
answered when the engine's state has moved on. This module turns them into steps and sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import NEVER, format_day
from loyalty.programme.model import Programme
from loyalty.rules.declaration import Award, Bands, ByField, ByTier, Cap, Fixed, Rate, Rule

#: Steps whose first number is a rule's code.
_RULE_STEPS = frozenset({"skip", "base", "multiply", "cap", "paid", "nothing", "candidate", "reverse", "matured"})

_REASONS = {
    "validity": "it is not valid on this day",
    "campaign": "its campaign does not run on this day",
    "when": "its condition is not met",
    "once_per": "it has paid for this key already",
    "cooldown": "its cooldown is not over",
    "streak": "its streak is not complete",
    "outbid": "another rule of its group pays more, or comes first",
}


@frozen
class Step:
    """
    One step of an explanation.

    Args:
        name: What was done: ``base``, ``multiply``, ``cap``, ``paid``, ``skip``, ``reverse``, ...
        holder: Whose wallet or standing.
        rule: The rule's name, or None.
        currency: The currency's name, or None.
        numbers: The recorded numbers; amounts are minor units.
        text: One sentence for people.
    """

    name: str
    holder: str
    rule: str | None
    currency: str | None
    numbers: tuple[Any, ...]
    text: str


@frozen
class Explanation:
    """
    Why one event moved what it moved.

    The amounts of its ``paid`` steps add up to what the entry issued, for each holder, rule and currency.
    """

    identity: str
    revision: str
    steps: tuple[Step, ...] = field(factory=tuple)

    def paid(self) -> Mapping[tuple[str, str, str], int]:
        """Give the minor units that each (holder, rule, currency) was paid, by the explanation alone."""
        amounts: dict[tuple[str, str, str], int] = {}
        for step in self.steps:
            if step.name == "paid":
                key = (step.holder, str(step.rule), str(step.currency))
                amounts[key] = amounts.get(key, 0) + step.numbers[0]
        return amounts

    def __str__(self) -> str:
        lines = [f"event {self.identity}, revision {self.revision}"]
        holder = rule = None
        for step in self.steps:
            if step.holder != holder:
                holder, rule = step.holder, None
                lines.append(f"  {holder}")
            if step.rule != rule:
                rule = step.rule
                if rule is not None:
                    lines.append(f"    rule {rule}")
            lines.append(f"      {step.text}" if rule else f"    {step.text}")
        return "\n".join(lines)


def stored_trace(trace: Iterable[Sequence[Any]], tier: int) -> dict[str, Any]:
    """Give one holder's trace as plain JSON types."""
    return {"tier": tier, "steps": [list(step) for step in trace]}


def explain(programme: Programme, identity: str, revision: str, stored: Mapping[str, Any]) -> Explanation:
    """
    Read a stored trace back.

    Args:
        programme: The revision that the trace was made under.
        stored: For each holder what :func:`stored_trace` gave.
    """
    steps = []
    for holder, part in stored.items():
        tier = programme.ladder.tiers[part["tier"]].name
        steps.extend(_step(programme, holder, tier, raw) for raw in part["steps"])
    return Explanation(identity, revision, tuple(steps))


def _step(programme: Programme, holder: str, tier: str, raw: Sequence[Any]) -> Step:
    name, *numbers = raw
    if name not in _RULE_STEPS:
        return Step(name, holder, None, None, tuple(numbers), _plain_text(programme, name, numbers))
    rule = programme.rules[numbers[0]]
    if name == "skip":
        reason, details = numbers[1], numbers[2:]
        return Step(name, holder, rule.name, None, (reason, *details), _skip_text(rule, reason, details))
    if name == "candidate":
        return Step(name, holder, rule.name, None, tuple(numbers[1:]), "it applies, and its group chooses")
    currency = list(programme.currencies)[numbers[1]]
    values = tuple(numbers[2:])
    return Step(name, holder, rule.name, currency, values, _award_text(programme, rule, currency, tier, name, values))


def _amount(programme: Programme, currency: str, amount: int) -> str:
    declared = programme.currencies[currency]
    return f"{format_minor_units(amount, declared.scale)} {declared.unit or currency}"


def _skip_text(rule: Rule, reason: str, details: Sequence[int]) -> str:
    text = f"does not apply: {_REASONS[reason]}"
    if reason == "when" and rule.when is not None:
        return f"{text}: {rule.when.source}"
    if reason in ("validity", "campaign") and details:
        return f"{text} (bound {format_day(details[0])})"
    if reason == "cooldown" and rule.cooldown and not rule.cooldown.length.hours and details:
        return f"{text}; it can pay again from {format_day(details[0])}"
    if reason == "streak" and rule.streak and details:
        return f"{text}: {details[0]} of {rule.streak.length} {rule.streak.every.value}s in a row"
    return text


def _award_text(programme: Programme, rule: Rule, currency: str, tier: str, name: str, values: tuple[Any, ...]) -> str:
    def amount(minor: int) -> str:
        return _amount(programme, currency, minor)

    if name == "base":
        measure, base = values
        return (
            f"{_award_words(programme, rule, currency, tier, measure)} = {amount(base)} ({_rounding(rule.round.rate)})"
        )
    if name == "multiply":
        numerator, denominator, before, after = values
        factor = f"{numerator}/{denominator}" if denominator != 1 else str(numerator)
        return (
            f"multiplier {factor} at tier {tier}: {amount(before)} x {factor} = {amount(after)} "
            f"({_rounding(rule.round.multiply)})"
        )
    if name == "cap":
        place, limit, used, before, after = values
        head = max(0, limit - used)
        verdict = f"lowers {amount(before)} to {amount(after)}" if after < before else "leaves the award as it is"
        left = max(0, head - after)
        words = _cap_words(_cap_at(programme, rule, currency, place), amount(limit))
        return f"cap {words}: headroom {amount(head)} before, {amount(left)} after; it {verdict}"
    if name == "paid":
        paid, _, bucket, lot_day, matures = values
        where = "available at once"
        if bucket >= 0:
            where = f"pending until {format_day(matures)}" if matures < NEVER else "pending until its event comes"
        last = f", last usable day {format_day(lot_day - 1)}" if lot_day < NEVER else ""
        return f"posts {amount(paid)}, {where}{last}"
    if name == "nothing":
        return f"posts no {currency}: the award is 0"
    if name == "reverse":
        undo, granted, reversed_, policy = values
        return (
            f"reverses {amount(undo)} by the policy {policy}: {amount(granted)} were granted, "
            f"{amount(reversed_)} are reversed with this"
        )
    return f"{amount(values[0])} mature"


def _rounding(rounding: Any) -> str:
    return f"rounded {rounding.value.replace('_', ' ')}"


def _award_words(programme: Programme, rule: Rule, currency: str, tier: str, measure: int) -> str:
    award: Award = rule.give[_layer_giving(rule, currency)][currency]
    of = ""
    if rule.of is not None:
        unit = rule.of.type.unit
        scale = next(
            (c.scale for c in programme.currencies.values() if unit and unit in (c.unit, c.name)), 2 if unit else 0
        )
        of = f" of {format_minor_units(measure, scale)} {unit}".rstrip()
    if isinstance(award, Fixed):
        return "fixed amount"
    if isinstance(award, Rate):
        return f"{_rate_words(programme, currency, award)}{of}"
    if isinstance(award, Bands):
        return f"bands ({award.mode.value}){of}"
    if isinstance(award, ByTier):
        return f"amount of tier {tier}{of}"
    if isinstance(award, ByField):
        return f"amount by {award.field}{of}"
    raise AssertionError(f"an award of rule {rule.name} is of no known form")


def _layer_giving(rule: Rule, currency: str) -> Any:
    return next(layer for layer, awards in rule.give.items() if currency in awards)


def _rate_words(programme: Programme, currency: str, rate: Rate) -> str:
    return f"rate {_amount(programme, currency, rate.amount)} per {rate.per} minor units"


def _cap_at(programme: Programme, rule: Rule, currency: str, place: int) -> Cap:
    caps = [cap for cap in rule.caps if cap.currency == currency]
    if rule.campaign:
        caps += [cap for cap in programme.campaigns[rule.campaign].caps if cap.currency == currency]
    return caps[place]


def _cap_words(cap: Cap, limit: str) -> str:
    if cap.per_event:
        return f"{limit} per event"
    parts = [part if isinstance(part, str) else part.value for part in cap.per]
    return f"{limit} per {', '.join(parts)}" if parts else limit


def _plain_text(programme: Programme, name: str, numbers: Sequence[Any]) -> str:
    tiers = [tier.name for tier in programme.ladder.tiers]
    if name == "outside":
        return "the day lies outside the programme's dates: nothing is earned or counted"
    if name == "no_origin":
        return "the event that it speaks of is unknown or earned nothing here"
    if name == "too_late":
        return f"the refund comes after its horizon {format_day(numbers[0])}: nothing is reversed"
    if name == "nothing_left":
        return "all of the original was refunded before"
    if name == "refund":
        return f"refunds {numbers[0]} (minor units) of the original; {numbers[1]} are left"
    if name in ("promoted", "demoted"):
        return f"{name} from {tiers[numbers[0]]} to {tiers[numbers[1]]}"
    if name == "badge":
        return f"badge {programme.badges[numbers[0]].name}"
    return f"{name} {' '.join(map(str, numbers))}".rstrip()
