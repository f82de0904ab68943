"""
The audit: a whole history settled from the beginning, one happening after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property

from attrs import frozen

from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme, Role
from tests.auditor import book
from tests.auditor.book import Leg, Transfer
from tests.auditor.clock import advance
from tests.auditor.commands import carry_out
from tests.auditor.days import day_of, start_us
from tests.auditor.earning import as_it_stands, give_badges, mature_followed, pay_rules
from tests.auditor.history import Happening, timeline
from tests.auditor.reversing import end, is_too_late, look_again, refund
from tests.auditor.revisions import tier_order
from tests.auditor.standing import override, promote
from tests.auditor.state import BASE, State
from tests.auditor.wallet import Wallet


@frozen
class Audit:
    """What settlement must have posted: every transfer, in the order of settlement; and what it left of each holder."""

    programme: Programme
    transfers: list[Transfer]
    wallets: dict[Holder, Wallet]

    @cached_property
    def transfers_by_holder(self) -> dict[Holder, list[Transfer]]:
        """Give each holder's transfers, in the order of settlement."""
        grouped: dict[Holder, list[Transfer]] = {}
        for transfer in self.transfers:
            grouped.setdefault(transfer.holder, []).append(transfer)
        return grouped

    def netted(self) -> Counter[Leg]:
        """Give the legs by (cause, rule, account path, asset, lot day, effective instant), for comparisons (35)."""
        return book.netted(self.transfers)

    def balance(self, holder: Holder, account: str, asset: str, at_end_of_day: int) -> int:
        """
        Give what is on an account, named as in a transfer, when a local day ends.

        On the programme's accounts it is what this holder's transfers brought there.
        """
        before_us = start_us(at_end_of_day + 1, self.programme.calendar.timezone)
        return book.balance(self.transfers_by_holder.get(holder, []), book.path(holder, account), asset, before_us)

    def tier(self, holder: Holder, at_end_of_day: int) -> str:
        """Give the name of the effective tier when a local day ends."""
        tiers = tier_order(self.programme)
        held = [name for name in tiers if self.balance(holder, "standing", f"tier.{name}", at_end_of_day)]
        assert len(held) <= 1, "one tier at a time"
        return held[0] if held else BASE


def audit(
    programme: Programme,
    events: Iterable[Event],
    grants: Iterable[Grant] = (),
    *,
    until_day: int,
    counts_from: Mapping[str, int] | None = None,
) -> Audit:
    """
    Settle a history anew.

    Args:
        programme: A checked programme.
        events: Admitted events in any order: money in minor units, defaults filled in.
        grants: What was decided on commands, in the order of recording.
        until_day: Everything due through this day happens, after the last event if that is earlier.
        counts_from: The instants from which events count that came too late, by identity (54).
    """
    transfers: list[Transfer] = []
    wallets: dict[Holder, Wallet] = {}

    def wallet_of(holder: Holder) -> Wallet:
        return wallets.setdefault(holder, Wallet(State(holder), transfers))

    for item in timeline(programme, events, grants, counts_from):
        if isinstance(item, Grant):
            wallet, today = wallet_of(item.holder), day_of(item.at, programme.calendar.timezone)
            if wallet.state.clock_day is None:
                wallet.state.clock_day = today
            advance(programme, wallet, today)
            carry_out(programme, wallet, item, today)
        else:
            settle(programme, [wallet_of(holder) for holder in item.holders], item)
    for wallet in wallets.values():
        advance(programme, wallet, until_day)
    return Audit(programme, transfers, wallets)


def settle(programme: Programme, reached: list[Wallet], happening: Happening) -> None:
    """Let an event reach its holders, the partner first; what is due by its day comes before it (2, 4, 9)."""
    for wallet in reached:
        if wallet.state.anchor is None:
            wallet.state.anchor = happening.day
        if wallet.state.clock_day is None:
            wallet.state.clock_day = happening.day
        advance(programme, wallet, happening.day)
    tier = tier_before_instant(reached[0].state, happening.at)
    for wallet in reached:
        if happening.kind is None:
            override(wallet, happening)
        elif happening.kind.role is not Role.REFUNDS or not is_too_late(programme, happening):
            settle_for_holder(programme, wallet, happening, happening.kind.role, tier)


def tier_before_instant(partner: State, instant: int) -> str:
    """Give the partner's tier before the first event of an instant, for all layers of all events of it (11)."""
    if partner.tier_before[0] != instant:
        partner.tier_before = (instant, partner.tier)
    return partner.tier_before[1]


def settle_for_holder(programme: Programme, wallet: Wallet, happening: Happening, role: Role, tier: str) -> None:
    """
    Settle one event for one holder.

    Its effect on an earlier event comes first, with the look at tier and badges that goes with it; a refund of nothing
    does nothing (27, 31, 32, 48, 53). Within the programme's dates it earns and counts (6, 21). Then promotion is
    looked at unless it refunds (22, 30), and badges unless it refunds or ends (32).
    """
    if role is Role.REFUNDS:
        if not refund(programme, wallet, happening, tier):
            return
        look_again(programme, wallet, happening, tier)
    elif role is Role.ENDS:
        end(programme, wallet, happening, tier)
        look_again(programme, wallet, happening, tier)
    elif role is Role.FOLLOWS:
        mature_followed(wallet, happening)
    earning = as_it_stands(programme, wallet, happening, tier)
    if earning.fact.is_counted:
        pay_rules(earning)
    wallet.state.facts.append(earning.fact)
    if wallet.state.layer is Layer.PARTNER and role is not Role.REFUNDS:
        promote(programme, wallet, happening)
    if role not in (Role.REFUNDS, Role.ENDS):
        give_badges(earning)
