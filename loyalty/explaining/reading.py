"""
What an entry keeps of why, read back as steps.

The traced step records codes and whole numbers (:mod:`loyalty.settlement.trace`); the declaration that the entry was
settled under says what they stand for, and nothing else is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final

from attrs import evolve, frozen

from loyalty.core.calendar import NEVER, Calendar
from loyalty.core.holders import Holder, Layer
from loyalty.explaining.said import Amount, Day, Listed, Moment, Noun, Number, Said, Value, said
from loyalty.explaining.steps import Step
from loyalty.explaining.words import (
    amount_of,
    award_said,
    cap_said,
    is_rounded,
    key_said,
    multiplier_said,
    unit_amount,
)
from loyalty.programme.model import Clawback, Programme
from loyalty.programme.revisions import revisions_of
from loyalty.rules.declaration import Fixed, Rule, Take
from loyalty.rules.expressions import Expression
from loyalty.settlement.trace import (
    GIFT_STEPS,
    POLICIES,
    REASONS,
    RULE_STEPS,
    STEP_CODE,
    STEPS,
    Part,
    currency_names,
    rule_names,
)
from loyalty.tiers.declaration import Needs

#: What stands in a text where nothing is to be added.
NOTHING: Final = ""

_RULE_STEPS: Final = frozenset(STEP_CODE[name] for name in RULE_STEPS)


#: Finds the declaration of a revision by its digest.
Find = Callable[[str], Programme]


def steps_of_part(programme: Programme, holder: str, part: Part, find: Find) -> list[Step]:
    """
    Read back the records of one holder.

    Args:
        programme: The revision that the entry was settled under.
        find: Finds the revision of a rule that is not this one's, as of a refund's original.
    """
    tier, records = part
    is_refund = any(record[0] == STEP_CODE["refund"] for record in records)
    about = _Settled(programme, find, Holder.parse(holder), tier, is_refund)
    return [about.step(record) for record in records]


def finding(programme: Programme) -> Find:
    """Give what finds the programme itself and its earlier revisions."""
    known = {one.revision: one for one in revisions_of(programme)}
    return known.__getitem__


@frozen
class _Settled:
    """What the steps of one holder are said with."""

    programme: Programme
    find: Find
    holder: Holder
    tier: str
    is_refund: bool
    #: Whether the programme is another revision than the one that the entry was settled under.
    is_of_another: bool = False

    @property
    def layer(self) -> Layer:
        return self.holder.layer

    def step(self, record: Sequence[Any]) -> Step:
        code, *numbers = record
        name, holder = STEPS[code], str(self.holder)
        if name in GIFT_STEPS:
            of, number, *values = numbers
            currency = self.currency_named(number)
            return Step(name, holder, None, currency, (of, *values), self.gift(name, of, currency, values))
        if name == "gift_written_off":
            currency, values = self.currency_named(numbers[0]), numbers[1:]
            written_off, limit = (self.amount(currency, minor) for minor in values)
            words = said("written_off", amount=written_off, limit=limit)
            return Step(name, holder, None, currency, tuple(values), words)
        if code not in _RULE_STEPS:
            return Step(name, holder, None, None, tuple(numbers), self.plain(name, numbers))
        rule_name, _, revision = str(numbers[0]).rpartition("@")
        if revision and rule_name:
            return evolve(self, programme=self.find(revision), is_of_another=True).of_rule(name, rule_name, numbers)
        return self.of_rule(name, rule_names(self.programme)[numbers[0]], numbers)

    def of_rule(self, name: str, rule_name: str, numbers: list[Any]) -> Step:
        """Read a record of a rule that the programme declares."""
        holder = str(self.holder)
        rule = next(rule for rule in self.programme.rules if rule.name == rule_name)
        if name == "skip":
            reason, details = REASONS[numbers[1]], numbers[2:]
            if reason == "outbid":
                details = [self.rule_named(details[0])]
            return Step(name, holder, rule.name, None, (reason, *details), self.skip(rule, reason, details))
        if name == "candidate":
            return Step(name, holder, rule.name, None, tuple(numbers[1:]), self.candidate(rule, numbers[1:]))
        currency = self.currency_named(numbers[1])
        values = numbers[2:]
        if name == "reverse":
            values[3] = POLICIES[values[3]].value
        return Step(name, holder, rule.name, currency, tuple(values), self.award(rule, currency, name, values))

    def rule_named(self, number: int | str) -> str:
        """Give the name of a rule; that of another revision stands with it."""
        return rule_names(self.programme)[number] if isinstance(number, int) else number.rpartition("@")[0]

    def currency_named(self, number: int | str) -> str:
        """Give the name of a currency; one that the revision does not have stands with its name."""
        return currency_names(self.programme)[number] if isinstance(number, int) else number

    def skip(self, rule: Rule, reason: str, details: Sequence[Any]) -> Said:
        if reason == "outbid":
            group = self.programme.groups[str(rule.group)]
            best = group.take is Take.BEST
            return said("skip.outbid.best" if best else "skip.outbid.first", winner=details[0], group=group.name)
        if reason == "when" and rule.when is not None:
            metrics = sorted(name for name in rule.when.names if name in self.programme.metrics)
            condition = " ".join(rule.when.source.split())
            return said("skip.when", condition=condition, values=self.values(metrics, details))
        if reason in ("validity", "campaign"):
            valid = self.programme.campaigns[str(rule.campaign)].valid if reason == "campaign" else rule.valid
            bound = "begins" if details[0] == valid.first_day else "ended"
            return said(f"skip.{reason}.{bound}", day=Day(details[0]))
        if reason == "once_per":
            return said("skip.once_per", key=key_said(rule.once_per)) if rule.once_per else said("skip.once")
        if reason == "cooldown" and rule.cooldown is not None:
            hours, calendar = rule.cooldown.length.hours, self.programme.calendar
            return said("skip.cooldown.until", day=moment_of(calendar, details[0]) if hours else Day(details[0]))
        if reason == "streak" and rule.streak is not None:
            run, length, period = details[0], rule.streak.length, rule.streak.every.value
            if run < length:
                return said("skip.streak", run=run, length=length, periods=Noun(f"{period}.of", length))
            key = "skip.streak.repeats" if rule.streak.repeat else "skip.streak.paid"
            return said(key, length=length, periods=Noun(period, length), period=Noun(period, 1), run=run)
        return said(f"skip.{reason}")

    def candidate(self, rule: Rule, awards: Sequence[int]) -> Said:
        offers: list[Value] = [
            self.amount(name, minor) for name, minor in zip(rule.give[self.layer], awards, strict=True)
        ]
        return said("candidate", offers=Listed(tuple(offers), "join.and"), group=str(rule.group))

    def award(self, rule: Rule, currency: str, name: str, values: Sequence[Any]) -> Said:
        def amount(minor: int) -> Amount:
            return self.amount(currency, minor)

        if name == "base":
            return self.base(rule, currency, *values)
        if name == "multiply":
            numerator, denominator, before, after = values
            # A refund uses the tier that its original met, whatever the partner has now.
            tier_said = said("multiplier.original_tier") if self.is_refund else said("multiplier.tier", tier=self.tier)
            return said(
                "multiply",
                factor=Number(Fraction(numerator, denominator)),
                source=multiplier_said(rule.multiply[currency], tier_said),
                before=amount(before),
                after=amount(after),
                rounding=_rounding(rule.round.multiply),
            )
        if name == "cap":
            place, limit, used, before, after = values
            head = max(0, limit - used)
            return said(
                "cap.cuts" if after < before else "cap.leaves",
                cap=cap_said(self.programme, rule, currency, place, limit),
                head=amount(head),
                rest=amount(max(0, head - after)),
                before=amount(before),
                after=amount(after),
            )
        if name == "paid":
            paid, bucket, lot_day, matures = values
            where = said("paid.at_once")
            if bucket >= 0:
                where = said("paid.until", day=Day(matures)) if matures < NEVER else said("paid.waits")
            return said("paid", amount=amount(paid), where=where, usable=usable_said(lot_day))
        if name == "nothing":
            return said("nothing", currency=currency)
        if name == "reverse":
            undo, granted, reversed_, policy = values
            if policy == Clawback.KEEP.value:
                return said("reverse.keep", amount=amount(undo))
            limits = {Clawback.PENDING_ONLY.value: "reverse.pending_only",
                      Clawback.WITHIN_BALANCE.value: "reverse.within_balance"}  # fmt: skip
            key = limits.get(policy, "reverse")
            return said(key, amount=amount(undo), reversed=amount(reversed_), granted=amount(granted))
        if name == "headroom_kept":
            return said(name, amount=amount(values[0]))
        if name == "written_off":
            return said("written_off", amount=amount(values[0]), limit=amount(values[1]))
        return said("matured", amount=amount(values[0]))

    def base(self, rule: Rule, currency: str, measure: int, base: int) -> Said:
        """Say what the award is before multipliers and caps, and of which revision the rule is, where of another."""
        award = rule.give[self.layer][currency]
        words = award_said(self.programme, rule, award, currency, None if self.is_refund else self.tier, measure)
        amount = self.amount(currency, base)
        if isinstance(award, Fixed):
            told = said("base.fixed", award=words)
        elif is_rounded(award):
            told = said("base", award=words, amount=amount, rounding=_rounding(rule.round.rate))
        else:
            told = said("base.chosen", award=words, amount=amount)
        if self.is_refund:
            told = said("base.left", base=told)
        if self.is_of_another:
            first = max(self.programme.from_day, self.programme.first_day)
            told = said("base.revision", base=told, day=Day(first))
        return told

    def gift(self, name: str, of: str, currency: str, values: Sequence[int]) -> Said:
        amount = self.amount(currency, values[0])
        if name == "allotment_back":
            return said(name, amount=amount, allotment=of, left=self.amount(currency, values[1]))
        usable: dict[str, Value] = {} if name.endswith("back") else {"usable": usable_said(values[1])}
        return said(name, amount=amount, of=of, **usable)

    def amount(self, currency: str, minor: int) -> Amount:
        return amount_of(self.programme, currency, minor)

    def plain(self, name: str, numbers: Sequence[Any]) -> Said:
        if name in ("waits", "voids"):
            return said(name, of=numbers[0])
        if name == "too_late":
            return said(name, day=Day(numbers[0]))
        if name == "from_now":
            return said(name, occurred=Day(numbers[0]), counts=Day(numbers[1]))
        if name == "refund":
            return said(name, taken=self.refunded(numbers[0]), left=self.refunded(numbers[1]))
        if name in ("promoted", "demoted"):
            values = self.values(self.needed(), numbers[2:])
            return said(name, before=numbers[0], after=numbers[1], values=values)
        if name in ("badge", "badge_revoked"):
            return said(name, badge=numbers[0])
        if name in ("reviewed", "grace_over"):
            return said(name, standing=numbers[1], qualified=numbers[2], values=self.values(self.needed(), numbers[3:]))
        if name == "allotment":
            return said(name, name=numbers[1], tier=numbers[2])
        return said(name)

    def needed(self) -> list[str]:
        """Give the metrics that the needs of tiers read, in the order of their names."""
        return sorted({name for tier in self.programme.ladder.tiers for name in _names_in(tier.needs)})

    def values(self, names: Sequence[str], values: Sequence[int]) -> Value:
        """Say what metrics stood at; nothing where none was read."""
        if not values:
            return NOTHING
        read: list[Value] = [
            said("value", name=name, value=self.metric(name, value)) for name, value in zip(names, values, strict=True)
        ]
        return said("values", values=Listed(tuple(read), "join.list"))

    def metric(self, name: str, value: int) -> Value:
        """Give a metric's value in its unit."""
        metric = self.programme.metrics[name]
        if metric.currency is not None:
            return self.amount(metric.currency, value)
        if metric.of is not None:
            return unit_amount(self.programme, str(metric.of.type.unit or ""), value)
        return Amount(value)

    def refunded(self, minor: int) -> Value:
        """Say what a refund speaks of, where all refunds of the programme count in one unit of money."""
        specs = [kind.fields[kind.part] for kind in self.programme.events.values() if kind.part is not None]
        units = {spec.unit for spec in specs}
        if len(units) == 1 and None not in units:
            return unit_amount(self.programme, str(units.pop()), minor)
        return said("refund.whole") if minor == 1 and not specs else Amount(minor)


def moment_of(calendar: Calendar, at: int) -> Moment:
    """Give an instant (UTC microseconds) as a local time."""
    return Moment(Day(calendar.day_of(at)), f"{calendar.local(at):%H:%M}")


def usable_said(lot_day: int) -> Value:
    """Say the last usable day of what expires at the start of a day; nothing where it never does."""
    return said("usable", day=Day(lot_day - 1)) if lot_day < NEVER else NOTHING


def _names_in(needs: Needs | None) -> set[str]:
    names: set[str] = set()
    for part in needs.parts if needs is not None else ():
        names |= part.names if isinstance(part, Expression) else _names_in(part)
    return names


def _rounding(rounding: Any) -> Said:
    return said(f"rounded.{rounding.value}")
