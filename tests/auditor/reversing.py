"""
Refunds and ends, for one holder: what they take back (paragraphs 27 to 31, 45, 48 to 53 and 58).
"""

from __future__ import annotations

from loyalty.core.holders import Layer
from loyalty.programme.model import (
    BadgesOnRefund,
    CapsOnRefund,
    Clawback,
    Programme,
    RefundPolicy,
    TierOnRefund,
)
from loyalty.rules.declaration import OnEnd
from tests.auditor.awards import Reading, award_of
from tests.auditor.days import add, period_number
from tests.auditor.history import Happening
from tests.auditor.metrics import met, metrics
from tests.auditor.revisions import at_or_below, currency_on, in_one_order, revision_on, revisions, tier_order
from tests.auditor.standing import demote_at_once, is_above
from tests.auditor.state import Fact, Lot, Paid
from tests.auditor.values import amount_left, event_values, key_of, tier_values
from tests.auditor.wallet import Cause, Wallet


def refund(programme: Programme, wallet: Wallet, happening: Happening, tier: str) -> bool:
    """
    Take back from this holder what the refunded part of an event earned it (27 to 29).

    Args:
        tier: The partner's tier before the refund's instant, which limits what is owed (45).

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
        reverse(programme, wallet, happening, paid, amount, clawback, policy.caps, tier)
    return True


def policy_of(programme: Programme, happening: Happening) -> RefundPolicy:
    """
    Give the declared effects of a refund or an end.

    A refund's are those of the revision of its origin's day, or of its own day where that one does not have the kind;
    an end's are those of its own day (58).
    What is not declared goes into arrears and leaves the tier (28).
    """
    kind = happening.event.kind
    origins = None if happening.origin is None else revision_on(programme, happening.origin.day)
    says = origins if origins is not None and kind in origins.events else revision_on(programme, happening.day)
    return says.refunds.get(kind, RefundPolicy(kind=kind, clawback={}))


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
    left = amount_left(fact, part)
    asked = happening.fields.get(part)
    taken = left if asked is None else min(int(asked), left)
    if taken == 0 and left > 0:
        return False
    fact.left[part] = left - taken
    fact.nothing_left = fact.left[part] == 0
    return True


def target_of(programme: Programme, wallet: Wallet, paid: Paid) -> int:
    """Give what the award would be of what is left, by the version that paid it, and at most what was granted (27)."""
    fact, rule = paid.fact, paid.rule
    if fact.nothing_left:
        return 0
    as_left = Reading(
        programme=programme,
        place=paid.place,
        values={**fact.values[paid.place], **event_values(fact.happening, fact.left)},
        fields={**fact.happening.fields, **fact.left},
        tier=fact.tier,
    )
    award = rule.give[wallet.state.layer][paid.currency]
    return min(award_of(as_left, rule, award, paid.currency), paid.granted)


def reverse(
    programme: Programme,
    wallet: Wallet,
    happening: Happening,
    paid: Paid,
    amount: int,
    policy: Clawback,
    caps: CapsOnRefund,
    tier: str,
) -> None:
    """Take an award back in part, and return headroom and metrics at the original's date (28, 29, 49)."""
    paid.reversed += amount
    if policy is Clawback.KEEP:
        return
    if caps is CapsOnRefund.REVERSE:
        wallet.state.cap_uses += [(key, -amount) for key in paid.caps]
    wallet.state.earned.append((paid.currency, paid.fact.happening.day, -amount))
    take_back(programme, wallet, happening, paid.rule.name, paid.lot, amount, policy, tier)


def take_back(
    programme: Programme,
    wallet: Wallet,
    happening: Happening,
    rule: str,
    lot: Lot,
    amount: int,
    policy: Clawback,
    tier: str,
) -> None:
    """Claw back under a rule, and let go of what is owed above the limit of the tier (28, 45)."""
    limits = currency_on(programme, lot.currency, happening.day).arrears_limits
    cause = Cause(happening.event.identity, rule, happening.at)
    wallet.claw_back(cause, lot, amount, policy, happening.day, at_or_below(programme, limits, tier))


def end(programme: Programme, wallet: Wallet, happening: Happening, tier: str) -> None:
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
                reverse(programme, wallet, happening, paid, whole, Clawback.ARREARS, CapsOnRefund.REVERSE, tier)


def look_again(programme: Programme, wallet: Wallet, happening: Happening, tier: str) -> None:
    """Look at the tier, then at badges, as the block of the refund or end says (30, 48, 51, 52, 53)."""
    policy = policy_of(programme, happening)
    if wallet.state.layer is Layer.PARTNER and policy.tier is not TierOnRefund.KEEP_TO_PERIOD_END:
        fell = demote_at_once(programme, wallet, happening)
        if fell and policy.tier is TierOnRefund.RE_EVALUATE_AND_TAKE_BACK:
            take_gifts_back(programme, wallet, happening, tier)
            lower_allotments(programme, wallet, happening, tier)
    if policy.badges is not BadgesOnRefund.KEEP:
        revoke_badges(programme, wallet, happening, tier, policy.badges is BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK)


def take_gifts_back(programme: Programme, wallet: Wallet, happening: Happening, tier: str) -> None:
    """Take back the gifts of the tiers above the new standing, highest tier first (51)."""
    for name in reversed(tier_order(programme)):
        if is_above(programme, name, wallet.state.standing):
            take_gift_back(programme, wallet, happening, f"@tier.{name}", tier)


def take_gift_back(programme: Programme, wallet: Wallet, happening: Happening, rule: str, tier: str) -> None:
    """Take back what came with a tier or badge, each currency whole, at the gift's day in metrics (51, 52)."""
    for gift in [gift for gift in wallet.state.gifts if gift.rule == rule]:
        wallet.state.gifts.remove(gift)
        wallet.state.earned.append((gift.lot.currency, gift.day, -gift.amount))
        take_back(programme, wallet, happening, rule, gift.lot, gift.amount, Clawback.ARREARS, tier)


def lower_allotments(programme: Programme, wallet: Wallet, happening: Happening, tier: str) -> None:
    """Lower what was allotted for a period that still runs to what the tier in force now gets (51)."""
    names = dict.fromkeys(each.name for revision in revisions(programme) for each in revision.allotments)
    for name in names:
        paid = wallet.state.allotted.get(name)
        if paid is None:
            continue
        every, year_starts = paid.allotment.every, programme.year_starts_month
        if period_number(paid.day, every, year_starts) != period_number(happening.day, every, year_starts):
            continue
        target = at_or_below(programme, paid.allotment.amounts, wallet.state.tier) or 0
        amount = max(0, paid.left - target)
        paid.left -= amount
        take_back(programme, wallet, happening, f"@allotment.{name}", paid.lot, amount, Clawback.ARREARS, tier)


def revoke_badges(programme: Programme, wallet: Wallet, happening: Happening, tier: str, takes_back: bool) -> None:
    """Revoke every badge whose needs are not met any more, all read before any effect (52)."""
    state, revision = wallet.state, revision_on(programme, happening.day)
    read = state.tier if state.layer is Layer.PARTNER else tier
    values = {**tier_values(programme, revision, read), **metrics(revision, state, happening.day)}
    declared = in_one_order(programme, lambda each: each.badges, happening.day)
    lost = [
        badge
        for badge in declared
        if badge.layer is state.layer and badge.name in state.badges and not met(badge.needs, values)
    ]
    for badge in lost:
        rule = f"@badge.{badge.name}"
        state.badges.remove(badge.name)
        cause = Cause(happening.event.identity, rule, happening.at)
        wallet.move(cause, "standing", "programme/standing", f"badge.{badge.name}", 1)
        if takes_back:
            take_gift_back(programme, wallet, happening, rule, tier)
