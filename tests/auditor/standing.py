"""
Tiers: what a partner qualifies for, and what it stands at (paragraphs 22 to 26 and 30).
"""

from __future__ import annotations

from datetime import date

from loyalty.programme.model import Programme
from loyalty.tiers.declaration import Landing, Promote, Review
from tests.auditor.days import add, is_anniversary, number_of, starts_period
from tests.auditor.history import Happening
from tests.auditor.metrics import met, metrics
from tests.auditor.state import State
from tests.auditor.values import tier_values
from tests.auditor.wallet import Cause, Wallet


def level_of(programme: Programme, name: str) -> int:
    """Give a tier's place on the ladder."""
    return [tier.name for tier in programme.ladder.tiers].index(name)


def qualified(programme: Programme, state: State, today: int) -> int:
    """Give the highest tier whose needs are met by metrics read on a day; base needs nothing (22)."""
    values = {**tier_values(programme, state.tier_level), **metrics(programme, state, today)}
    tiers = programme.ladder.tiers
    return max(level for level, tier in enumerate(tiers) if level == 0 or tier.needs is None or met(tier.needs, values))


def post_change(programme: Programme, wallet: Wallet, cause: Cause, before: int) -> None:
    """Post a change of the effective tier: one unit of the new tier in, one of the old out; base is not held (26)."""
    after = wallet.state.tier_level
    if after == before:
        return
    if before:
        wallet.move(cause, "standing", "programme/standing", f"tier.{programme.ladder.tiers[before].name}", 1)
    if after:
        wallet.move(cause, "programme/standing", "standing", f"tier.{programme.ladder.tiers[after].name}", 1)


def stand_at(programme: Programme, wallet: Wallet, cause: Cause, level: int) -> None:
    """Change the standing; a grace that runs ends with it (22, 23, 24)."""
    before = wallet.state.tier_level
    wallet.state.standing = level
    wallet.state.grace_ends = None
    post_change(programme, wallet, cause, before)


def promote(programme: Programme, wallet: Wallet, happening: Happening) -> None:
    """Look at promotion after an event (22)."""
    level = qualified(programme, wallet.state, happening.day)
    if programme.ladder.promote is Promote.AT_ONCE and level > wallet.state.standing:
        stand_at(programme, wallet, Cause(happening.event.identity, "@promotion", happening.at), level)


def demote_at_once(programme: Programme, wallet: Wallet, happening: Happening) -> None:
    """Let a refund that re-evaluates take the tier at once (30)."""
    level = qualified(programme, wallet.state, happening.day)
    if level < wallet.state.standing:
        stand_at(programme, wallet, Cause(happening.event.identity, "@review", happening.at), level)


def is_review(programme: Programme, state: State, day: int) -> bool:
    """Say whether a review falls on a day: the start of a calendar period, or an anniversary (23)."""
    rules = programme.ladder.review
    if rules is None or state.anchor is None:
        return False
    if rules.every is None:
        return is_anniversary(state.anchor, day)
    return starts_period(day, rules.every, programme.year_starts_month)


def review(programme: Programme, wallet: Wallet, day: int, at: int) -> None:
    """Look at the standing with metrics of the end of the day before (23)."""
    state, rules = wallet.state, programme.ladder.review
    assert rules is not None
    level = qualified(programme, state, day - 1)
    if level >= state.standing:
        stand_at(programme, wallet, Cause(None, "@review", at), level)
    elif rules.grace is None:
        stand_at(programme, wallet, Cause(None, "@review", at), landing_of(programme, state, rules, level))
    elif state.grace_ends is None:
        state.grace_ends = add(day, rules.grace)


def end_grace(programme: Programme, wallet: Wallet, day: int, at: int) -> None:
    """Land, unless the tier was earned again by the end of the day before (24)."""
    state, rules = wallet.state, programme.ladder.review
    assert rules is not None
    level = qualified(programme, state, day - 1)
    landed = state.standing if level >= state.standing else landing_of(programme, state, rules, level)
    stand_at(programme, wallet, Cause(None, "@grace", at), landed)


def landing_of(programme: Programme, state: State, rules: Review, level: int) -> int:
    """Give the tier that one lands on: never below the floor, never above the present standing (24)."""
    landed = state.standing - 1 if rules.landing is Landing.ONE_TIER_DOWN else level
    floor = 0 if rules.floor is None else level_of(programme, rules.floor)
    return min(max(landed, floor), state.standing)


def override(programme: Programme, wallet: Wallet, happening: Happening) -> None:
    """Set the tier by hand, from the event through the day ``until`` (25)."""
    before, fields = wallet.state.tier_level, happening.event.fields
    until = fields["until"]
    last_day = until if isinstance(until, int) else number_of(date.fromisoformat(str(until)))
    wallet.state.manual = (level_of(programme, str(fields["tier"])), last_day) if last_day >= happening.day else None
    post_change(programme, wallet, Cause(happening.event.identity, "@override", happening.at), before)


def end_override(programme: Programme, wallet: Wallet, at: int) -> None:
    """Return to the standing after the last day of a manual tier (25)."""
    before = wallet.state.tier_level
    wallet.state.manual = None
    post_change(programme, wallet, Cause(None, "@override", at), before)
