"""
Tiers: what a partner qualifies for, what it stands at, and what comes with it (paragraphs 22 to 26, 30, 50 and 61).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from loyalty.programme.model import Programme
from loyalty.tiers.declaration import Ladder, Landing, Promote, Review
from tests.auditor.days import add, expiry_day, is_anniversary, number_of, starts_period
from tests.auditor.history import Happening
from tests.auditor.metrics import met, metrics
from tests.auditor.revisions import at_or_below, currency_on, level_in, revision_on, tier_order
from tests.auditor.state import BASE, Gift, Lot, State
from tests.auditor.values import tier_values
from tests.auditor.wallet import Cause, Wallet


def is_above(programme: Programme, tier: str, other: str) -> bool:
    """Say whether a tier is above another in the one order of all tiers (61)."""
    order = tier_order(programme)
    return order.index(tier) > order.index(other)


def qualified(programme: Programme, state: State, day: int, read_on: int) -> str:
    """Give the highest tier of a day's ladder whose needs are met by metrics read on a day; base needs nothing (22)."""
    revision = revision_on(programme, day)
    values = {**tier_values(programme, revision, state.tier), **metrics(revision, state, read_on)}
    reached = [tier for tier in revision.ladder.tiers if tier.needs is None or met(tier.needs, values)]
    return reached[-1].name


def post_change(wallet: Wallet, cause: Cause, before: str) -> None:
    """Post a change of the effective tier: one unit of the new tier in, one of the old out; base is not held (26)."""
    after = wallet.state.tier
    if after == before:
        return
    if before != BASE:
        wallet.move(cause, "standing", "programme/standing", f"tier.{before}", 1)
    if after != BASE:
        wallet.move(cause, "programme/standing", "standing", f"tier.{after}", 1)


def stand_at(programme: Programme, wallet: Wallet, cause: Cause, tier: str, day: int) -> None:
    """Change the standing, and give what comes with a rise; a grace that runs ends with it (22, 23, 24, 50)."""
    state, before, stood = wallet.state, wallet.state.tier, wallet.state.standing
    state.standing = tier
    state.grace_ends = None
    post_change(wallet, cause, before)
    for passed in revision_on(programme, day).ladder.tiers:
        if is_above(programme, passed.name, stood) and not is_above(programme, passed.name, tier):
            give(programme, wallet, Cause(cause.identity, f"@tier.{passed.name}", cause.at), passed.gift, day)


def give(programme: Programme, wallet: Wallet, cause: Cause, gift: Mapping[str, int], day: int) -> None:
    """Give what comes with a tier or badge, unless it was given before and is not taken back (44, 50, 52)."""
    state = wallet.state
    if state.is_closed or any(given.rule == cause.rule for given in state.gifts):
        return
    for currency, amount in gift.items():
        expires = currency_on(programme, currency, day).expires
        lot = Lot(currency, "available", amount, expiry_day(day, expires, programme.year_starts_month))
        wallet.credit(cause, lot)
        state.gifts.append(Gift(cause.rule, day, lot, amount))
        state.earned.append((currency, day, amount))


def promote(programme: Programme, wallet: Wallet, happening: Happening) -> None:
    """Look at promotion after an event (22)."""
    tier = qualified(programme, wallet.state, happening.day, happening.day)
    at_once = revision_on(programme, happening.day).ladder.promote is Promote.AT_ONCE
    if at_once and is_above(programme, tier, wallet.state.standing):
        cause = Cause(happening.event.identity, "@promotion", happening.at)
        stand_at(programme, wallet, cause, tier, happening.day)


def demote_at_once(programme: Programme, wallet: Wallet, happening: Happening) -> bool:
    """Let a refund or an end that re-evaluates take the tier at once, and say whether it did (30)."""
    tier = qualified(programme, wallet.state, happening.day, happening.day)
    falls = is_above(programme, wallet.state.standing, tier)
    if falls:
        cause = Cause(happening.event.identity, "@review", happening.at)
        stand_at(programme, wallet, cause, tier, happening.day)
    return falls


def begin_revision(programme: Programme, wallet: Wallet, day: int, at: int) -> None:
    """Let go of tiers that the revision which begins does not have (61)."""
    state, before = wallet.state, wallet.state.tier
    has = {tier.name: tier.name for tier in revision_on(programme, day).ladder.tiers}
    if state.manual is not None and state.manual[0] not in has:
        state.manual = None
    if state.standing not in has:
        state.standing = at_or_below(programme, has, state.standing) or BASE
        state.grace_ends = None
    post_change(wallet, Cause(None, "@revision", at), before)


def is_review(programme: Programme, state: State, day: int) -> bool:
    """Say whether a review falls on a day: the start of a calendar period, or an anniversary (23)."""
    rules = revision_on(programme, day).ladder.review
    if rules is None or state.anchor is None:
        return False
    if rules.every is None:
        return is_anniversary(state.anchor, day)
    return starts_period(day, rules.every, programme.year_starts_month)


def review(programme: Programme, wallet: Wallet, day: int, at: int) -> None:
    """Look at the standing with metrics of the end of the day before (23)."""
    state, ladder = wallet.state, revision_on(programme, day).ladder
    rules = ladder.review
    assert rules is not None
    tier = qualified(programme, state, day, day - 1)
    cause = Cause(None, "@review", at)
    if not is_above(programme, state.standing, tier):
        stand_at(programme, wallet, cause, tier, day)
    elif rules.grace is None:
        stand_at(programme, wallet, cause, landing_of(programme, state, ladder, rules, tier), day)
    elif state.grace_ends is None:
        state.grace_ends = add(day, rules.grace)


def end_grace(programme: Programme, wallet: Wallet, day: int, at: int) -> None:
    """Land, unless the tier was earned again by the end of the day before, or nothing is reviewed now (24, 61)."""
    state, ladder = wallet.state, revision_on(programme, day).ladder
    tier = qualified(programme, state, day, day - 1)
    landed = state.standing
    if ladder.review is not None and is_above(programme, state.standing, tier):
        landed = landing_of(programme, state, ladder, ladder.review, tier)
    stand_at(programme, wallet, Cause(None, "@grace", at), landed, day)


def landing_of(programme: Programme, state: State, ladder: Ladder, rules: Review, tier: str) -> str:
    """Give the tier that one lands on: never below the floor, never above the present standing (24)."""
    standing = level_in(programme, ladder, state.standing)
    landed = standing - 1 if rules.landing is Landing.ONE_TIER_DOWN else level_in(programme, ladder, tier)
    floor = 0 if rules.floor is None else level_in(programme, ladder, rules.floor)
    return ladder.tiers[min(max(landed, floor), standing)].name


def override(wallet: Wallet, happening: Happening) -> None:
    """Set the tier by hand, from the event through the day ``until`` (25)."""
    before, fields = wallet.state.tier, happening.event.fields
    until = fields["until"]
    last_day = until if isinstance(until, int) else number_of(date.fromisoformat(str(until)))
    wallet.state.manual = (str(fields["tier"]), last_day) if last_day >= happening.day else None
    post_change(wallet, Cause(happening.event.identity, "@override", happening.at), before)


def end_override(wallet: Wallet, at: int) -> None:
    """Return to the standing after the last day of a manual tier (25)."""
    before = wallet.state.tier
    wallet.state.manual = None
    post_change(wallet, Cause(None, "@override", at), before)
