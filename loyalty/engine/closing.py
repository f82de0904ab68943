"""
How a holder is closed: its wallets are emptied into another's, or to the programme, by grants that name their lots.

What a refund or a late event posts for it afterwards is moved on in the same way, as it comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loyalty.core.calendar import NEVER
from loyalty.core.holders import Holder
from loyalty.engine.deciding import Decision
from loyalty.engine.histories import Histories
from loyalty.ledger.store import Grant, GrantedLot, Transaction
from loyalty.programme.revisions import currencies_of
from loyalty.settlement.commands import CLOSING_NOTE
from loyalty.settlement.holder_run import HolderRun


def closing_grants(
    decision: Decision, closed: Holder, into: Holder | None, key: str, note: dict[str, str]
) -> list[Grant]:
    """
    Close a holder, and give all decisions of it; the closing itself is recorded and settled.

    Args:
        into: Who has the wallets then; None where they go to the programme.
        key: The command's key.
        note: Says what becomes of what is pending.
    """
    closing = Grant(
        key=key, kind="close", holder=closed, currency="", amount=1, at=decision.at, peer=into, note=note
    )  # fmt: skip
    decision.grant(closing)
    return [closing, *_emptied(decision, closed, into, key, key)]


def move_on(histories: Histories, tx: Transaction, identity: str, recorded_at: int) -> None:
    """
    Empty the wallets of closed holders for whom an event was settled.

    Args:
        identity: The event.
        recorded_at: When the book came to know it, UTC microseconds.
    """
    closed = histories.take_closed()
    if not closed:
        return
    for holder in closed:
        run = histories.run(tx, holder)
        histories.keep(tx, run)
        if run.closed_by is None or not (any(run.memory.arrears) or run.has_available()):
            continue
        into = _survivor(histories, tx, run)
        runs = [run] if into is None else [run, into]
        # It is decided now, but a clock that was set ahead has passed more than that.
        first = histories.programme.calendar.day_start_us
        at = max(recorded_at, *(max(one.last_key[0], first(one.through_day)) for one in runs if one.last_key))
        key = f"{run.closed_by.key}/{identity}"
        decision = Decision(histories, tx, key, at, recorded_at, [one.holder for one in runs], may_be_closed=True)
        decision.post(*_emptied(decision, holder, into.holder if into is not None else None, run.closed_by.key, key))
    histories.take_closed()


def _survivor(histories: Histories, tx: Transaction, run: HolderRun) -> HolderRun | None:
    """Give the holder that has the wallets of a closed one in the end, or None."""
    while run.closed_by is not None:
        if run.closed_by.peer is None:
            return None
        tx.expect(holders=[run.closed_by.peer])
        run = histories.run(tx, run.closed_by.peer)
        histories.keep(tx, run)
    return run


def _emptied(decision: Decision, closed: Holder, into: Holder | None, closing: str, command: str) -> Iterator[Grant]:
    """
    Give the decisions that empty the wallets of a closed holder.

    Args:
        closing: The key of the closing.
        command: The key of the command that they are a part of; if that is not the closing, the first of them has it.
    """
    count = 0

    def part(kind: str, holder: Holder, currency: str, amount: int, lots: tuple[GrantedLot, ...]) -> Grant:
        nonlocal count
        count += 1
        is_first = command != closing and count == 1
        named: dict[str, Any] = {"key": command} if is_first else {"key": f"{command}#{count}", "of": command}
        peer = into if holder == closed else closed
        return Grant(
            kind=kind, holder=holder, currency=currency, amount=amount, at=decision.at, lots=lots, peer=peer,
            note={CLOSING_NOTE: closing}, **named,
        )  # fmt: skip

    for currency in currencies_of(decision.histories.programme):
        available, owed = decision.available(closed, currency), decision.owed(closed, currency)
        if available:
            lots = decision.soonest_lots(closed, currency, available)
            if into is None:
                yield part("forfeit", closed, currency, available, lots)
            else:
                yield part("send", closed, currency, available, lots)
                yield part("receive", into, currency, available, lots)
        if owed:
            debt = (GrantedLot(NEVER, decision.at, owed),)
            if into is None:
                yield part("write_off", closed, currency, owed, debt)
            else:
                yield part("receive", closed, currency, owed, debt)
                yield part("send", into, currency, owed, ())
