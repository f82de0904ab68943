"""Between whose wallets points may move: a partner and its people, or anyone, as the currency declares."""

from __future__ import annotations

from collections.abc import Iterator

from loyalty.core.holders import Holder, Layer
from loyalty.errors import LedgerError
from loyalty.ledger.store import Transaction
from loyalty.programme.model import Currency, TransferGroup


def require_group(tx: Transaction, currency: Currency, giver: Holder, taker: Holder) -> None:
    """
    See that points of a currency may move from one holder to another.

    Raises:
        LedgerError: they may not.
    """
    if giver == taker:
        raise LedgerError(f"{giver} cannot transfer {currency.name} to itself; name another holder")
    if currency.transfer is None:
        raise LedgerError(
            f"{currency.name} cannot be transferred; declare `transfer: people` or `transfer: anyone` for it"
        )
    if currency.transfer is TransferGroup.PEOPLE and not in_one_group(tx, giver, taker):
        raise LedgerError(
            f"{giver} and {taker} are not of one group: {currency.name} moves between a partner and the persons whom "
            "its recorded events name"
        )


def in_one_group(tx: Transaction, one: Holder, other: Holder) -> bool:
    """Tell whether the two are a partner and a person, or two persons, whom recorded events reach together."""
    partner, person = sorted((one, other))
    if person.layer is Layer.PARTNER:
        return False
    if partner.layer is Layer.PARTNER:
        return partner in _partners(tx, person)
    return not set(_partners(tx, one)).isdisjoint(_partners(tx, other))


def _partners(tx: Transaction, person: Holder) -> Iterator[Holder]:
    """Give the partners in whose history the person's events are, newest event first."""
    for item in reversed(tx.received(person)):
        yield from (holder for holder in tx.recipients(item.recorded.event.identity) if holder.layer is Layer.PARTNER)
