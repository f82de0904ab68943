"""
What moves points in a wallet of single lots (paragraphs 8, 19, 20, 28, 33 and 34).
"""

from __future__ import annotations

from attrs import define, field, frozen

from loyalty.core.calendar import NEVER
from loyalty.programme.model import Clawback
from tests.auditor.book import Transfer
from tests.auditor.state import Lot, Paid, State


@frozen
class Cause:
    """What a movement is posted under: the event or grant (None for the clock), the rule, the instant (35)."""

    identity: str | None
    rule: str
    at: int


@define
class Wallet:
    """The wallet of one holder, and the list of transfers that it writes to."""

    state: State
    transfers: list[Transfer] = field(repr=False)

    def move(self, cause: Cause, frm: str, to: str, asset: str, amount: int, lot_day: int = NEVER) -> None:
        """Write one transfer, unless there is nothing to move (34)."""
        assert amount >= 0, "a transfer goes one way"
        if amount:
            self.transfers.append(
                Transfer(self.state.holder, frm, to, asset, amount, lot_day, cause.identity, cause.rule, cause.at)
            )

    def credit(self, cause: Cause, lot: Lot) -> None:
        """Pay a new lot in, as pending or available (19)."""
        self.state.lots.append(lot)
        self.move(cause, "issued", lot.account, lot.currency, lot.remaining, lot.expiry_day)
        if lot.account == "available":
            self.repay_arrears(cause, lot)

    def repay_arrears(self, cause: Cause, lot: Lot) -> None:
        """Let a credit to available repay what is owed, from the credit itself (20)."""
        owed = self.state.arrears.get(lot.currency, 0)
        repaid = min(owed, lot.remaining)
        self.state.arrears[lot.currency] = owed - repaid
        lot.remaining -= repaid
        self.move(cause, "available", "arrears", lot.currency, repaid, lot.expiry_day)

    def mature(self, cause: Cause, lot: Lot) -> None:
        """Make a pending lot available (19, 20)."""
        self.move(cause, "pending", "available", lot.currency, lot.remaining, lot.expiry_day)
        lot.account = "available"
        self.repay_arrears(cause, lot)

    def expire(self, cause: Cause, lot: Lot) -> None:
        """Take away what is left of a lot, pending or available (8, 19)."""
        self.move(cause, lot.account, "expired", lot.currency, lot.remaining, lot.expiry_day)
        lot.remaining = 0

    def expired_of_bucket(self, lot: Lot) -> int:
        """Add up what expired of all lots of an expiry day, as far as no reversal has taken it yet (28)."""
        bucket = [
            transfer
            for transfer in self.transfers
            if (transfer.holder, transfer.asset, transfer.lot_day) == (self.state.holder, lot.currency, lot.expiry_day)
        ]
        return sum(t.amount * ((t.to == "expired") - (t.frm == "expired")) for t in bucket)

    def take_available(self, cause: Cause, to: str, currency: str, wanted: int, first: int | None = None) -> int:
        """Take from available lots, those of expiry day *first* first, then soonest expiry first; give what lacks."""
        lots = [lot for lot in self.state.lots if lot.account == "available" and lot.currency == currency]
        for lot in sorted(lots, key=lambda lot: (lot.expiry_day != first, lot.expiry_day)):
            taken = min(lot.remaining, wanted)
            lot.remaining -= taken
            wanted -= taken
            self.move(cause, "available", to, currency, taken, lot.expiry_day)
        return wanted

    def owe(self, cause: Cause, to: str, currency: str, amount: int) -> None:
        """Let what could not be taken be owed (28, 33)."""
        self.state.arrears[currency] = self.state.arrears.get(currency, 0) + amount
        self.move(cause, "arrears", to, currency, amount)

    def redeem(self, cause: Cause, currency: str, amount: int) -> None:
        """Spend available lots, soonest expiry first; what lacks is owed (33)."""
        self.owe(cause, "redeemed", currency, self.take_available(cause, "redeemed", currency, amount))

    def claw_back(self, cause: Cause, paid: Paid, amount: int, policy: Clawback, today: int) -> None:
        """Take back a part of an award as far as the policy reaches (28)."""
        if policy is Clawback.KEEP:
            return
        lot = paid.lot
        if lot.account == "pending":
            taken = min(lot.remaining, amount)
            lot.remaining -= taken
            amount -= taken
            self.move(cause, "pending", "issued", lot.currency, taken, lot.expiry_day)
        if policy is Clawback.PENDING_ONLY:
            return
        if lot.expiry_day <= today:
            gone = min(self.expired_of_bucket(lot), amount)
            self.move(cause, "expired", "available", lot.currency, gone, lot.expiry_day)
            self.move(cause, "available", "issued", lot.currency, gone, lot.expiry_day)
            amount -= gone
        lacking = self.take_available(cause, "issued", lot.currency, amount, first=lot.expiry_day)
        if policy is Clawback.WITHIN_BALANCE:
            return
        self.owe(cause, "issued", lot.currency, lacking)
