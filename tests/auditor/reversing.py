"""
Refunds and ends, for one holder (paragraphs 27 to 31 and 45).
"""

from __future__ import annotations

from loyalty.programme.model import Clawback, Programme, RefundPolicy
from loyalty.rules.declaration import OnEnd
from tests.auditor.awards import at_or_below, award_of
from tests.auditor.days import add
from tests.auditor.history import Happening
from tests.auditor.state import Fact, Paid
from tests.auditor.values import fields_left, key_of, values_left
from tests.auditor.wallet import Cause, Wallet


def refund(programme: Programme, wallet: Wallet, happening: Happening, tier_level: int) -> bool:
    """
    Take back from this holder what the refunded part of an event earned it (27 to 29).

    Args:
        tier_level: The partner's tier before the refund's instant, which limits what is owed (45).

    Returns:
        Whether there was anything to refund.
    """
    assert happening.origin is not None, "a refund without its origin is not in the order"
    fact = wallet.state.fact_of(happening.origin)
    policy = policy_of(programme, happening)
    if not take_part(happening, fact):
        return False
    for paid in [paid for paid in wallet.state.paid if paid.fact is fact]:
        amount = max(0, paid.granted - target_of(programme, wallet, paid) - paid.reversed)
        clawback = policy.clawback.get(paid.currency, Clawback.ARREARS)
        reverse(programme, wallet, happening, paid, amount, clawback, tier_level)
    return True


def policy_of(programme: Programme, happening: Happening) -> RefundPolicy:
    """Give the declared effects of a refund; what is not declared goes into arrears and leaves the tier (28)."""
    return programme.refunds.get(happening.event.kind, RefundPolicy(kind=happening.event.kind, clawback={}))


def is_too_late(programme: Programme, happening: Happening) -> bool:
    """Say whether a refund comes after its declared horizon (27)."""
    within = policy_of(programme, happening).within
    assert happening.origin is not None, "a refund without its origin is not in the order"
    return within is not None and happening.day > add(happening.origin.day, within)


def take_part(happening: Happening, fact: Fact) -> bool:
    """
    Lower what is left of the origin by the refunded part, or to nothing; what exceeds the rest is cut (27).

    Returns:
        Whether there was something to refund, and the refund asked for some of it.
    """
    assert happening.kind is not None
    part = happening.kind.part
    if fact.nothing_left:
        return False
    if part is None:
        fact.nothing_left = True
        return True
    left = int(fields_left(fact)[part])
    asked = happening.event.fields.get(part)
    taken = left if asked is None else min(int(asked), left)
    if taken == 0 and left > 0:
        return False
    fact.left[part] = left - taken
    fact.nothing_left = fact.left[part] == 0
    return True


def target_of(programme: Programme, wallet: Wallet, paid: Paid) -> int:
    """Give what the award would be of what is left, and at most what was granted (27)."""
    fact, rule = paid.fact, paid.rule
    if fact.nothing_left:
        return 0
    award = rule.give[wallet.state.layer][paid.currency]
    of_what_is_left = award_of(
        programme, rule, award, paid.currency, values_left(fact), fields_left(fact), fact.tier_level
    )
    return min(of_what_is_left, paid.granted)


def reverse(
    programme: Programme,
    wallet: Wallet,
    happening: Happening,
    paid: Paid,
    amount: int,
    policy: Clawback,
    tier_level: int,
) -> None:
    """Take an award back in part, and return headroom and metrics at the original's date (28, 29)."""
    paid.reversed += amount
    if policy is Clawback.KEEP:
        return
    wallet.state.cap_uses += [(key, -amount) for key in paid.caps]
    wallet.state.earned.append((paid.currency, paid.fact.happening.day, -amount))
    cause = Cause(happening.event.identity, paid.rule.name, happening.at)
    arrears_limit = at_or_below(programme.currencies[paid.currency].arrears_limits, programme.ladder, tier_level)
    wallet.claw_back(cause, paid, amount, policy, happening.day, arrears_limit)


def end(programme: Programme, wallet: Wallet, happening: Happening, tier_level: int) -> None:
    """End what is in force under the key, and take back what rules say ends with it (31)."""
    kind = happening.kind
    assert kind is not None
    key = key_of(programme, happening, kind.by)
    for fact in wallet.state.facts:
        ends = fact.in_force and fact.happening.event.kind == kind.origin_kind
        if not ends or key_of(programme, fact.happening, kind.by) != key:
            continue
        fact.in_force = False
        for paid in [paid for paid in wallet.state.paid if paid.fact is fact]:
            if paid.rule.on_end is OnEnd.REVERSE:
                whole = paid.granted - paid.reversed
                reverse(programme, wallet, happening, paid, whole, Clawback.ARREARS, tier_level)
