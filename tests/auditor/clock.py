"""
What falls due at the start of each day, day by day (paragraphs 4, 5, 8, 23 to 25, 41, 47 and 61).
"""

from __future__ import annotations

from loyalty.core.holders import Layer
from loyalty.programme.model import Programme
from tests.auditor.commands import give_back
from tests.auditor.days import expiry_day, is_within_dates, start_us, starts_period
from tests.auditor.revisions import at_or_below, currency_on, in_one_order, revision_on, revisions
from tests.auditor.standing import begin_revision, end_grace, end_override, is_review, review
from tests.auditor.state import Allotted, Lot
from tests.auditor.wallet import Cause, Wallet


def advance(programme: Programme, wallet: Wallet, until_day: int) -> None:
    """Let everything happen that is due through a day; a clock starts with the first event or grant (4, 47)."""
    state = wallet.state
    if state.clock_day is None:
        return
    while state.clock_day < until_day:
        state.clock_day += 1
        start_day(programme, wallet, state.clock_day)


def start_day(programme: Programme, wallet: Wallet, day: int) -> None:
    """Run the boundary of one day in its order; through the anchor's day points alone have a clock (4, 5, 47)."""
    state, at = wallet.state, start_us(day, programme.calendar.timezone)
    has_begun = state.anchor is not None and state.anchor < day
    if any(revision.from_day == day for revision in revisions(programme)[1:]):
        begin_revision(programme, wallet, day, at)
    if state.manual is not None and day > state.manual[1]:
        end_override(wallet, at)
    if state.grace_ends is not None and day >= state.grace_ends:
        end_grace(programme, wallet, day, at)
    if has_begun and state.layer is Layer.PARTNER and is_review(programme, state, day):
        review(programme, wallet, day, at)
    state.lots = [lot for lot in state.lots if lot.remaining]
    expire(wallet, day, at)
    end_holds(programme, wallet, day, at)
    activate(wallet, day, at)
    is_allotted = has_begun and state.layer is Layer.PARTNER and not state.is_closed
    if is_allotted and is_within_dates(revision_on(programme, day), day):
        allot(programme, wallet, day, at)


def expire(wallet: Wallet, day: int, at: int) -> None:
    """Take away lots whose day has come, pending ones as well (8, 19)."""
    for lot in wallet.state.lots:
        if lot.expiry_day <= day:
            wallet.expire(Cause(None, "@expiry", at), lot)


def end_holds(programme: Programme, wallet: Wallet, day: int, at: int) -> None:
    """Give back what is left of holds whose time is over, in the order of recording (5, 41)."""
    for drawn in wallet.state.drawn.values():
        if drawn.grant.until_day is not None and drawn.grant.until_day <= day:
            give_back(programme, wallet, Cause(None, "@release", at), drawn, drawn.left, day)


def activate(wallet: Wallet, day: int, at: int) -> None:
    """Make pending lots available whose day has come (8, 19)."""
    for lot in wallet.state.lots:
        if lot.account == "pending" and lot.matures_day is not None and lot.matures_day <= day:
            wallet.mature(Cause(None, "@activation", at), lot)


def allot(programme: Programme, wallet: Wallet, day: int, at: int) -> None:
    """Pay what is allotted by tier at the start of a calendar period within the programme's dates (5, 6)."""
    for allotment in in_one_order(programme, lambda revision: revision.allotments, day):
        if not starts_period(day, allotment.every, programme.year_starts_month):
            continue
        amount = at_or_below(programme, allotment.amounts, wallet.state.tier) or 0
        expires = currency_on(programme, allotment.currency, day).expires
        lot = Lot(allotment.currency, "available", amount, expiry_day(day, expires, programme.year_starts_month))
        if amount:
            wallet.state.allotted[allotment.name] = Allotted(allotment, day, lot, amount)
        wallet.credit(Cause(None, f"@allotment.{allotment.name}", at), lot)
