"""
Why an event was settled as it was: the step's trace, read back for people.

The traced step records codes and whole numbers; they are kept with the entry, so that the question can still be
answered when the engine's state has moved on. This module turns them into steps and sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from attrs import field, frozen

from loyalty.core.calendar import NEVER, format_day
from loyalty.core.holders import Holder, Layer
from loyalty.programme.model import Clawback, Programme
from loyalty.rules.declaration import Cap, Rule, Take
from loyalty.settlement.wording import (
    amount_words,
    award_words,
    decimal_words,
    multiplier_words,
    part_words,
    unit_words,
)

#: Steps whose first number is a rule's code.
_RULE_STEPS = frozenset(
    {"skip", "base", "multiply", "cap", "paid", "nothing", "candidate", "reverse", "matured", "written_off"}
)

_REASONS = {
    "validity": "it is not valid on this day",
    "campaign": "its campaign does not run on this day",
    "when": "its condition is not met",
    "once_per": "it has paid for this key already",
    "cooldown": "its cooldown is not over",
    "streak": "its streak is not complete",
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
    Why one event or command moved what it moved.

    The amounts of its ``paid`` steps add up to what the entry issued, for each holder, rule and currency.
    """

    identity: str
    revision: str
    steps: tuple[Step, ...] = field(factory=tuple)
    of: str = "event"

    def paid(self) -> Mapping[tuple[str, str, str], int]:
        """Give the minor units that each (holder, rule, currency) was paid, by the explanation alone."""
        amounts: dict[tuple[str, str, str], int] = {}
        for step in self.steps:
            if step.name == "paid":
                key = (step.holder, str(step.rule), str(step.currency))
                amounts[key] = amounts.get(key, 0) + step.numbers[0]
        return amounts

    def __str__(self) -> str:
        lines = [f"{self.of} {self.identity}, revision {self.revision[:12]}"]
        for holder in dict.fromkeys(step.holder for step in self.steps):
            lines.append(f"  {holder}")
            lines += [f"    {line}" for line in self.told(holder)]
        return "\n".join(lines)

    def told(self, holder: str) -> list[str]:
        """Tell one holder's steps: what moved, rule by rule, what followed, and the rules that did not apply."""
        steps = [step for step in self.steps if step.holder == holder]
        lines, refused = [], []
        for rule in dict.fromkeys(step.rule for step in steps if step.rule is not None):
            own = [step for step in steps if step.rule == rule]
            if len(own) == 1 and own[0].name == "skip":
                refused.append(f"rule {rule} {own[0].text}")
            else:
                lines.append(f"rule {rule}")
                lines += [f"  {step.text}" for step in own]
        before = [step.text for step in steps[:1] if step.rule is None]
        after = [step.text for step in steps[1:] if step.rule is None]
        return [*before, *lines, *after, *refused]


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
    steps: list[Step] = []
    for holder, part in stored.items():
        layer = Holder.parse(holder).layer
        about = _Settled(programme, layer, part["tier"], any(raw[0] == "refund" for raw in part["steps"]))
        steps.extend(about.step(holder, raw) for raw in part["steps"])
    return Explanation(identity, revision, tuple(steps))


@frozen
class _Settled:
    """What the texts of one holder's steps are written with."""

    programme: Programme
    layer: Layer
    level: int
    is_refund: bool

    @property
    def tier(self) -> str:
        return self.programme.ladder.tiers[self.level].name

    def step(self, holder: str, raw: Sequence[Any]) -> Step:
        name, *numbers = raw
        if name not in _RULE_STEPS:
            return Step(name, holder, None, None, tuple(numbers), self.plain_text(name, numbers))
        rule = self.programme.rules[numbers[0]]
        if name == "skip":
            reason, details = numbers[1], numbers[2:]
            return Step(name, holder, rule.name, None, (reason, *details), self.skip_text(rule, reason, details))
        if name == "candidate":
            return Step(name, holder, rule.name, None, tuple(numbers[1:]), self.candidate_text(rule, numbers[1:]))
        currency = sorted(self.programme.currencies)[numbers[1]]
        values = tuple(numbers[2:])
        return Step(name, holder, rule.name, currency, values, self.award_text(rule, currency, name, values))

    def skip_text(self, rule: Rule, reason: str, details: Sequence[int]) -> str:
        if reason == "outbid":
            group = self.programme.groups[str(rule.group)]
            better = "pays more" if group.take is Take.BEST else "comes first"
            return f"does not pay: another rule of group {group.name} {better}"
        text = f"does not apply: {_REASONS[reason]}"
        if reason == "when" and rule.when is not None:
            return f"{text}: {' '.join(rule.when.source.split())}"
        if reason in ("validity", "campaign") and details:
            valid = self.programme.campaigns[str(rule.campaign)].valid if reason == "campaign" else rule.valid
            is_first = details[0] == valid.first_day
            return f"{text}; {'it begins on' if is_first else 'its last day was'} {format_day(details[0])}"
        if reason == "once_per" and rule.once_per is not None:
            return f"{text}: once per {', '.join(part_words(part) for part in rule.once_per)}"
        if reason == "cooldown" and rule.cooldown and not rule.cooldown.length.hours and details:
            return f"{text}; it can pay again from {format_day(details[0])}"
        if reason == "streak" and rule.streak and details:
            run, length, period = details[0], rule.streak.length, part_words(rule.streak.every)
            if run < length:
                return f"{text}: {run} of {length} {period}s in a row"
            often = f"for every {length} {period}s" if rule.streak.repeat else f"once, for {length} {period}s"
            return f"does not apply: it pays {often} in a row, with the last one's first event; this is {period} {run}"
        return text

    def candidate_text(self, rule: Rule, awards: Sequence[int]) -> str:
        offers = [self.amount(name, minor) for name, minor in zip(rule.give[self.layer], awards, strict=True)]
        return f"offers {' and '.join(offers)} to group {rule.group}, which takes one rule"

    def award_text(self, rule: Rule, currency: str, name: str, values: tuple[Any, ...]) -> str:
        def amount(minor: int) -> str:
            return self.amount(currency, minor)

        if name == "base":
            measure, base = values
            level = None if self.is_refund else self.level
            words = award_words(self.programme, rule, rule.give[self.layer][currency], currency, level, measure)
            whose = "what is left would earn " if self.is_refund else ""
            return f"{whose}{words} = {amount(base)}, {_rounding(rule.round.rate)}"
        if name == "multiply":
            numerator, denominator, before, after = values
            factor = decimal_words(Fraction(numerator, denominator))
            # A refund uses the tier that its original met, whatever the partner has now.
            tier = "the original's tier" if self.is_refund else f"tier {self.tier}"
            source = multiplier_words(rule.multiply[currency], tier)
            return (
                f"multiplier {factor} ({source}): {amount(before)} x {factor} = {amount(after)}, "
                f"{_rounding(rule.round.multiply)}"
            )
        if name == "cap":
            place, limit, used, before, after = values
            head = max(0, limit - used)
            verdict = f"cuts {amount(before)} to {amount(after)}" if after < before else f"leaves {amount(after)}"
            words = self.cap_words(rule, currency, place, amount(limit))
            return f"cap of {words}: headroom {amount(head)} before, {amount(max(0, head - after))} after; {verdict}"
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
            if policy == Clawback.KEEP.value:
                return f"leaves {amount(undo)} to the holder, by the policy keep"
            least = {Clawback.PENDING_ONLY.value: " as far as they are pending",
                     Clawback.WITHIN_BALANCE.value: " as far as the balance goes"}.get(policy, "")  # fmt: skip
            return f"takes back {amount(undo)}{least}; in all {amount(reversed_)} of {amount(granted)} granted"
        if name == "written_off":
            return f"writes {amount(values[0])} of it off: at this tier at most {amount(values[1])} may be owed"
        return f"{amount(values[0])} become available"

    def amount(self, currency: str, minor: int) -> str:
        return amount_words(self.programme, currency, minor)

    def cap_words(self, rule: Rule, currency: str, place: int, limit: str) -> str:
        caps = [(cap, "") for cap in rule.caps if cap.currency == currency]
        if rule.campaign:
            campaign = self.programme.campaigns[rule.campaign]
            caps += [(cap, f" of campaign {campaign.name}") for cap in campaign.caps if cap.currency == currency]
        cap, whose = caps[place]
        return f"{limit}{_cap_key(cap)}{whose}"

    def plain_text(self, name: str, numbers: Sequence[Any]) -> str:
        tiers = [tier.name for tier in self.programme.ladder.tiers]
        if name == "outside":
            return "the day lies outside the programme's dates: nothing is earned or counted"
        if name == "no_origin":
            return "the event that it speaks of is unknown or earned nothing here"
        if name == "waits":
            return f"waits for {numbers[0]}, which is not known, is voided, or is of another kind: nothing happens"
        if name == "voids":
            return f"takes {numbers[0]} out of history; what changed stands in the entries that name this event"
        if name == "voided":
            return "was taken out of history by a void: nothing happens"
        if name == "too_late":
            return f"the refund comes after its horizon {format_day(numbers[0])}: nothing is taken back"
        if name == "nothing_left":
            return "all of the original was refunded before"
        if name == "refund":
            taken, left = (self.refunded_words(number) for number in numbers[:2])
            return f"refunds {taken} of the original; {left} left"
        if name in ("promoted", "demoted"):
            return f"{name} from {tiers[numbers[0]]} to {tiers[numbers[1]]}"
        if name == "badge":
            return f"badge {self.programme.badges[numbers[0]].name}"
        return f"{name} {' '.join(map(str, numbers))}".rstrip()

    def refunded_words(self, minor: int) -> str:
        """Write what a refund speaks of, where all refunds of the programme count in one unit of money."""
        specs = [kind.fields[kind.part] for kind in self.programme.events.values() if kind.part is not None]
        units = {spec.unit for spec in specs}
        if len(units) == 1 and None not in units:
            return unit_words(self.programme, str(units.pop()), minor)
        return "the whole" if minor == 1 and not specs else f"{minor:,}"


def _rounding(rounding: Any) -> str:
    return f"rounded {rounding.value.replace('_', ' ')}"


def _cap_key(cap: Cap) -> str:
    if cap.per_event:
        return " per event"
    return f" per {', '.join(part_words(part) for part in cap.per)}" if cap.per else ""
