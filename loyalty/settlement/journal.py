"""
From the step's movements to journal entries, and back.

An entry is a sequence of transfers, each two consecutive postings: out of one account, into another. So the journal
itself says which transfers a holder had, and a correction is the difference of two lists of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from attrs import frozen

from loyalty.core.calendar import NEVER
from loyalty.core.holders import Holder
from loyalty.ledger.entries import LOT_ACCOUNTS, Account, Entry, Posting, sound_transfer
from loyalty.settlement.layout import Names

#: One movement as the step puts it out: (label, asset, from, to, amount, lot day, day); day -1 is the item's instant.
Movement = tuple[int, int, int, int, int, int, int]

#: The names of the step's account codes; from ``issued`` on they are the programme's.
ACCOUNT_NAMES = (
    "pending", "available", "arrears", "standing", "held",
    "issued", "redeemed", "expired", "standing", "adjusted", "transferred", "opening", "forfeited", "written_off",
)  # fmt: skip
FIRST_OF_PROGRAMME = 5


@frozen
class Transfer:
    """What makes two movements of a holder the same kind of movement: all but the amount, which has a sign."""

    cause: str | None
    rule: str
    source: Account
    target: Account
    asset: str
    lot_day: int
    effective_at: int


#: Whether the account of a code keeps lots.
_KEEPS_LOTS: Final = tuple(
    code < FIRST_OF_PROGRAMME and name in LOT_ACCOUNTS for code, name in enumerate(ACCOUNT_NAMES)
)

_OF_PROGRAMME: Final = tuple(Account(None, name) for name in ACCOUNT_NAMES[FIRST_OF_PROGRAMME:])


# A book may have millions of holders, of whom few are met again and again.
@lru_cache(maxsize=1 << 14)
def accounts_of(holder: Holder) -> tuple[Account, ...]:
    """Give the accounts that a holder's movements run between, by code."""
    return (*(Account(holder, name) for name in ACCOUNT_NAMES[:FIRST_OF_PROGRAMME]), *_OF_PROGRAMME)


def postings_of(names: Names, holder: Holder, movements: Iterable[Movement], cause: str | None) -> list[Posting]:
    """Give the two postings of each movement, in order."""
    accounts, labels, assets = accounts_of(holder), names.labels, names.assets
    postings: list[Posting] = []
    for label, asset, source, target, amount, lot, _ in movements:
        postings += sound_transfer(
            accounts[source],
            accounts[target],
            assets[asset],
            amount,
            lot if _KEEPS_LOTS[source] else None,
            lot if _KEEPS_LOTS[target] else None,
            labels[label],
            cause,
        )
    return postings


def split_by_day(movements: Sequence[Movement]) -> Iterator[tuple[int, list[Movement]]]:
    """Give the movements of each day of the clock, in order, and those of the item itself under -1."""
    days = [movement[6] for movement in movements]
    start, count = 0, len(days)
    while start < count:
        end = start + 1
        while end < count and days[end] == days[start]:
            end += 1
        yield days[start], list(movements[start:end])
        start = end


def transfers_in(entry: Entry, holder: Holder) -> Iterator[tuple[Transfer, int]]:
    """Give the transfers of one holder in an entry, each with its amount."""
    legs = entry.postings
    for first, second in zip(legs[::2], legs[1::2], strict=True):
        if holder not in (first.account.owner, second.account.owner):
            continue
        lots = [leg.lot_day for leg in (first, second) if leg.lot_day is not None]
        # A transfer and the one that takes it back are the same with amounts of opposite sign, so that they cancel.
        source, target = sorted((first, second), key=lambda leg: leg.account.path)
        yield (
            Transfer(
                source.cause, source.rule or "", source.account, target.account, source.asset,
                lots[0] if lots else NEVER, entry.effective_at,
            ),
            target.amount,
        )  # fmt: skip


def transfer_postings(transfer: Transfer, amount: int) -> list[Posting]:
    """Give the postings of a transfer; an amount below 0 runs it backwards."""
    source, target = (transfer.source, transfer.target) if amount > 0 else (transfer.target, transfer.source)
    return [
        Posting(
            account,
            transfer.asset,
            signed,
            transfer.lot_day if account.owner is not None and account.name in LOT_ACCOUNTS else None,
            transfer.rule,
            transfer.cause,
        )
        for account, signed in ((source, -abs(amount)), (target, abs(amount)))
    ]
