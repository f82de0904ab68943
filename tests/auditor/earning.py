"""
An event that earns, for one holder: which rules apply, what they pay, and badges (paragraphs 11 to 21 and 32).
"""

from __future__ import annotations

from attrs import frozen

from loyalty.core.calendar import NEVER, Unit
from loyalty.core.holders import Layer
from loyalty.programme.model import Programme
from loyalty.rules.declaration import Cap, Rule, Take, Validity
from loyalty.rules.expressions import evaluate
from tests.auditor.awards import award_of
from tests.auditor.days import add, expiry_day, is_within_dates, period_number
from tests.auditor.history import Happening
from tests.auditor.metrics import met, metrics
from tests.auditor.state import Fact, Key, Lot, Paid, State, Values
from tests.auditor.values import event_values, key_of, tier_values
from tests.auditor.wallet import Cause, Wallet

HOUR_US = 3_600_000_000


@frozen
class Earning:
    """One event that earns for one holder, with the values that stood before it (11)."""

    programme: Programme
    wallet: Wallet
    happening: Happening
    fact: Fact

    @property
    def state(self) -> State:
        """The paid holder."""
        return self.wallet.state

    def cause(self, rule: str) -> Cause:
        """Give what is posted under: this event, and a rule (35)."""
        return Cause(self.happening.event.identity, rule, self.happening.at)


def as_it_stands(programme: Programme, wallet: Wallet, happening: Happening, tier_level: int) -> Earning:
    """Read what the names of expressions stand for before an event, after its effect on an earlier one (11, 32)."""
    values: Values = {
        **event_values(happening, happening.event.fields),
        **tier_values(programme, tier_level),
        **metrics(programme, wallet.state, happening.day),
    }
    is_counted = is_within_dates(programme, happening.day)
    return Earning(programme, wallet, happening, Fact(happening, values, tier_level, is_counted))


def pay_rules(earning: Earning) -> None:
    """Take the kind's rules that give to this layer by (phase, priority, name); groups at their first rule (12, 18)."""
    programme, layer = earning.programme, earning.state.layer
    rules = [rule for rule in programme.rules if rule.on == earning.happening.event.kind and layer in rule.give]
    rules.sort(key=lambda rule: (rule.phase, rule.priority, rule.name))
    decided = set()
    for rule in rules:
        group = None if rule.group is None else programme.groups[rule.group]
        if group is None or group.take is Take.ALL:
            if applies(earning, rule):
                pay(earning, rule)
        elif group.name not in decided:
            decided.add(group.name)
            members = [member for member in rules if member.group == group.name]
            candidates = [member for member in members if applies(earning, member)]
            best = group.take is Take.BEST
            winner = best_of(earning, candidates, group.by) if best else first_of(earning, candidates)
            if winner is not None:
                pay(earning, winner)


def first_of(earning: Earning, candidates: list[Rule]) -> Rule | None:
    """Give the first rule whose capped award is above 0 in some currency (18)."""
    return next((rule for rule in candidates if any(capped_awards(earning, rule).values())), None)


def best_of(earning: Earning, candidates: list[Rule], by: str | None) -> Rule | None:
    """Give the rule with the most of one currency, each as if it alone were paid; ties go to the earlier (18)."""
    best: Rule | None = None
    most = -1
    for rule in candidates:
        amount = capped_awards(earning, rule).get(by or "", 0)
        if amount > most:
            best, most = rule, amount
    return best


def applies(earning: Earning, rule: Rule) -> bool:
    """Test the conditions of a rule in their order; a streak moves only if all others hold (12)."""
    programme, state, happening = earning.programme, earning.state, earning.happening
    campaign = None if rule.campaign is None else programme.campaigns[rule.campaign]
    if not lies_within(happening.day, rule.valid):
        return False
    if campaign is not None and not lies_within(happening.day, campaign.valid):
        return False
    if rule.when is not None and not evaluate(rule.when, earning.fact.values):
        return False
    if rule.once_per is not None and once_key(earning, rule) in state.used_once:
        return False
    if cools_down(earning, rule):
        return False
    return moved_streak_is_complete(earning, rule)


def lies_within(day: int, valid: Validity) -> bool:
    """Say whether a day is valid, both ends included."""
    return (valid.first_day is None or valid.first_day <= day) and (valid.last_day is None or day <= valid.last_day)


def once_key(earning: Earning, rule: Rule) -> Key:
    """Give the key under which a rule pays once (13)."""
    return (rule.name, *key_of(earning.programme, earning.happening, rule.once_per or ()))


def cooldown_key(earning: Earning, rule: Rule) -> Key:
    """Give the key that a cooldown is kept for (13)."""
    per = () if rule.cooldown is None else rule.cooldown.per
    return (rule.name, *key_of(earning.programme, earning.happening, per))


def cools_down(earning: Earning, rule: Rule) -> bool:
    """Say whether the rule paid too short a time ago: by dates, or by instants where the length is in hours (14)."""
    last = earning.state.last_paid.get(cooldown_key(earning, rule))
    if rule.cooldown is None or last is None:
        return False
    last_day, last_instant = last
    length = rule.cooldown.length
    if length.unit is Unit.HOURS:
        return earning.happening.at < last_instant + length.count * HOUR_US
    return earning.happening.day < add(last_day, length)


def moved_streak_is_complete(earning: Earning, rule: Rule) -> bool:
    """Move the streak by this qualifying event, and say whether it is complete at it (15)."""
    if rule.streak is None:
        return True
    period = period_number(earning.happening.day, rule.streak.every, earning.programme.year_starts_month)
    last_period, length = earning.state.streaks.get(rule.name, (None, 0))
    if period == last_period:
        return False
    length = length + 1 if last_period is not None and period == last_period + 1 else 1
    earning.state.streaks[rule.name] = (period, length)
    return length % rule.streak.length == 0 if rule.streak.repeat else length == rule.streak.length


def caps_on(earning: Earning, rule: Rule, currency: str) -> list[tuple[Key, Cap]]:
    """Give the caps that bound a rule in a currency, its campaign's included, each with its key (13, 17)."""
    named: list[tuple[tuple[str, str, int], Cap]] = [(("rule", rule.name, i), cap) for i, cap in enumerate(rule.caps)]
    if rule.campaign is not None:
        shared = earning.programme.campaigns[rule.campaign].caps
        named += [(("campaign", rule.campaign, i), cap) for i, cap in enumerate(shared)]
    return [
        ((*name, *key_of(earning.programme, earning.happening, cap.per)), cap)
        for name, cap in named
        if cap.currency == currency
    ]


def capped_awards(earning: Earning, rule: Rule) -> dict[str, int]:
    """Give the award of each currency, lowered to the least headroom of its caps (16, 17)."""
    fact, capped = earning.fact, {}
    for currency, award in rule.give[earning.state.layer].items():
        amount = award_of(
            earning.programme, rule, award, currency, fact.values, earning.happening.event.fields, fact.tier_level
        )
        for key, cap in caps_on(earning, rule, currency):
            used = 0 if cap.per_event else sum(use for used_key, use in earning.state.cap_uses if used_key == key)
            amount = min(amount, cap.amount - used)
        capped[currency] = max(amount, 0)
    return capped


def pay(earning: Earning, rule: Rule) -> None:
    """Pay a rule's capped awards and use up its caps, its ``once_per`` key and its cooldown (13, 14, 17, 19)."""
    state, day = earning.state, earning.happening.day
    awards = {currency: amount for currency, amount in capped_awards(earning, rule).items() if amount > 0}
    for currency, amount in awards.items():
        lot = lot_of(earning, currency, amount)
        until_kind = None
        if currency in rule.pending:
            pending = rule.pending[currency]
            lot.account, until_kind = "pending", pending.until_kind
            lot.matures_day = None if pending.duration is None else add(day, pending.duration)
        used = [key for key, cap in caps_on(earning, rule, currency) if not cap.per_event]
        state.cap_uses += [(key, amount) for key in used]
        state.earned.append((currency, day, amount))
        state.paid.append(Paid(earning.fact, rule, currency, amount, lot, until_kind, used))
        earning.wallet.credit(earning.cause(rule.name), lot)
    if awards:
        state.used_once.add(once_key(earning, rule))
        state.last_paid[cooldown_key(earning, rule)] = (day, earning.happening.at)


def lot_of(earning: Earning, currency: str, amount: int) -> Lot:
    """Make an available lot that expires counted from the event's day (8)."""
    expires = earning.programme.currencies[currency].expires
    expiry = expiry_day(earning.happening.day, expires, earning.programme.year_starts_month)
    return Lot(currency, "available", amount, expiry)


def mature_followed(wallet: Wallet, happening: Happening) -> None:
    """Make available what the followed event earned and what waits for this kind (19, 32)."""
    for paid in wallet.state.paid:
        waits = paid.lot.account == "pending" and paid.until_kind == happening.event.kind
        if waits and paid.fact.happening is happening.origin:
            wallet.mature(Cause(happening.event.identity, paid.rule.name, happening.at), paid.lot)


def give_badges(earning: Earning) -> None:
    """Give each badge once, when its needs are met; its gifts count for later looks only (21)."""
    state, day = earning.state, earning.happening.day
    level = state.tier_level if state.layer is Layer.PARTNER else earning.fact.tier_level
    values = {**tier_values(earning.programme, level), **metrics(earning.programme, state, day)}
    for badge in earning.programme.badges:
        if badge.layer is not state.layer or badge.name in state.badges or not met(badge.needs, values):
            continue
        state.badges.add(badge.name)
        cause = earning.cause(f"@badge.{badge.name}")
        earning.wallet.move(cause, "programme/standing", "standing", f"badge.{badge.name}", 1, NEVER)
        for currency, amount in badge.give.items():
            earning.wallet.credit(cause, lot_of(earning, currency, amount))
            state.earned.append((currency, day, amount))
