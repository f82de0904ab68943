"""
Commands: each asks for a decision, and what was decided is a grant that replay never takes again.
"""

from __future__ import annotations

from loyalty.core.calendar import format_day
from loyalty.engine.histories import Histories
from loyalty.errors import InsufficientPoints, LedgerError
from loyalty.ledger.store import Grant, Transaction
from loyalty.settlement.settle import Item, apply_item, clock_outcomes, entries_of


def decide(histories: Histories, tx: Transaction, grant: Grant) -> None:
    """
    Record the decision and post what it moves.

    Raises:
        InsufficientPoints: less is available; nothing was changed.
        LedgerError: it lies before what was settled for its holder.
    """
    run = histories.run(tx, grant.holder)
    day = histories.programme.calendar.day_of(grant.at)
    item = Item.of_grant(grant, len(tx.grants(grant.holder)))
    if item.key <= run.last_key or day < run.through_day:
        raise LedgerError(
            f"command {grant.key} of {format_day(day)} lies before what was settled for {grant.holder}; "
            "commands are never back-dated: give the instant at which it is decided"
        )
    outcomes = clock_outcomes(histories.steps, grant.holder, run.advance(day))
    available = run.available(histories.steps.names.assets.index(grant.currency))
    if available < grant.amount:
        raise InsufficientPoints(str(grant.holder), grant.currency, grant.amount, available)
    tx.add_grant(grant)
    apply_item(histories.steps, run, item, outcomes)
    histories.keep(tx, run)
    tx.post(entries_of(histories.steps, outcomes, recorded_at=grant.at))
