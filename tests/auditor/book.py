"""
The book: a list of transfers, from which every balance is added up anew (paragraphs 34 and 35).
"""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from loyalty.core.holders import Holder

PROGRAMME_SIDE = {
    *("issued", "redeemed", "expired", "adjusted", "transferred", "forfeited", "opening", "written_off"),
    "programme/standing",
}
ACCOUNTS_WITH_LOTS = {"pending", "available", "held"}

#: What the netted book is keyed by: cause, rule, account path, asset, lot day (or None), effective instant.
Leg = tuple[str | None, str, str, str, int | None, int]


@frozen
class Transfer:
    """
    One movement of an asset between two accounts (34).

    Args:
        holder: Whose wallet it concerns.
        frm, to: What ``PROGRAMME_SIDE`` names are the programme's accounts, others the holder's.
        lot_day: The expiry day; it means nothing on accounts without lots.
        cause: The event's identity or the grant's key; None for the clock.
    """

    holder: Holder
    frm: str
    to: str
    asset: str
    amount: int
    lot_day: int
    cause: str | None
    rule: str
    effective_at: int


def path(holder: Holder, account: str) -> str:
    """Name an account as the journal does."""
    if account == "programme/standing":
        return account
    return f"programme/{account}" if account in PROGRAMME_SIDE else f"{holder}/{account}"


def legs(transfer: Transfer) -> list[tuple[str, int | None, int]]:
    """Give the account, lot day and signed amount of both sides of a transfer."""
    sides = []
    for account, amount in ((transfer.frm, -transfer.amount), (transfer.to, transfer.amount)):
        lot_day = transfer.lot_day if account in ACCOUNTS_WITH_LOTS else None
        sides.append((path(transfer.holder, account), lot_day, amount))
    return sides


def netted(transfers: list[Transfer]) -> Counter[Leg]:
    """Add up the legs of one cause, rule, account, asset, lot and instant; what cancels out is dropped (35)."""
    sums: Counter[Leg] = Counter()
    for transfer in transfers:
        for account, lot_day, amount in legs(transfer):
            leg = (transfer.cause, transfer.rule, account, transfer.asset, lot_day, transfer.effective_at)
            sums[leg] += amount
    return Counter({leg: amount for leg, amount in sums.items() if amount != 0})


def balance(transfers: list[Transfer], account_path: str, asset: str, before_us: int) -> int:
    """Add up what transfers effective before an instant left on an account."""
    return sum(
        amount
        for transfer in transfers
        if transfer.asset == asset and transfer.effective_at < before_us
        for account, _, amount in legs(transfer)
        if account == account_path
    )
