"""
What moves points in a wallet of single lots (paragraphs 8, 19, 20, 28, 34 and 45).
"""

from __future__ import annotations

from attrs import define, field, frozen

from loyalty.core.calendar import NEVER
from loyalty.programme.model import Clawback
from tests.auditor.book import Transfer
from tests.auditor.state import Lot, State


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

    def credit(self, cause: Cause, lot: Lot, frm: str = "issued") -> None:
        """Pay a new lot in, as pending or available (19)."""
        self.state.lots.append(lot)
        self.move(cause, frm, lot.account, lot.currency, lot.remaining, lot.expiry_day)
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
        self.state.expired.append((lot.currency, lot.expiry_day, lot.remaining))
        lot.remaining = 0

    def expired_of_bucket(self, lot: Lot) -> int:
        """Add up what expired of all lots of an expiry day, as far as no reversal has taken it yet (28)."""
        bucket = (lot.currency, lot.expiry_day)
        return sum(amount for currency, day, amount in self.state.expired if (currency, day) == bucket)

    def take_available(
        self, cause: Cause, to: str, currency: str, wanted: int, first: int | None = None
    ) -> list[tuple[int, int]]:
        """
        Take from available lots, those of expiry day *first* first, then soonest expiry first.

        Returns:
            The pieces that were there, expiry day and amount, in the order of taking.
        """
        pieces = []
        lots = [lot for lot in self.state.lots if lot.account == "available" and lot.currency == currency]
        for lot in sorted(lots, key=lambda lot: (lot.expiry_day != first, lot.expiry_day)):
            taken = min(lot.remaining, wanted)
            lot.remaining -= taken
            wanted -= taken
            self.move(cause, "available", to, currency, taken, lot.expiry_day)
            if taken:
                pieces.append((lot.expiry_day, taken))
        return pieces

    def owe(self, cause: Cause, to: str, currency: str, amount: int) -> None:
        """Let what could not be taken be owed (28, 38)."""
        self.state.arrears[currency] = self.state.arrears.get(currency, 0) + amount
        self.move(cause, "arrears", to, currency, amount)

    def write_off(self, cause: Cause, currency: str, limit: int, at_most: int) -> None:
        """Let go of what is owed above a limit, as far as this clawback left it (45)."""
        over = min(max(self.state.arrears[currency] - limit, 0), at_most)
        self.state.arrears[currency] -= over
        self.move(cause, "written_off", "arrears", currency, over)

    def claw_back(
        self, cause: Cause, lot: Lot, amount: int, policy: Clawback, today: int, arrears_limit: int | None
    ) -> None:
        """Take back what a lot was paid for, as far as the policy reaches; owed is no more than the limit (28, 45)."""
        if policy is Clawback.KEEP:
            return
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
            self.state.expired.append((lot.currency, lot.expiry_day, -gone))
            amount -= gone
        taken = self.take_available(cause, "issued", lot.currency, amount, first=lot.expiry_day)
        if policy is Clawback.WITHIN_BALANCE:
            return
        lacking = amount - sum(part for _, part in taken)
        self.owe(cause, "issued", lot.currency, lacking)
        if arrears_limit is not None:
            self.write_off(cause, lot.currency, arrears_limit, lacking)
