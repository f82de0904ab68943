"""
What a simulated population redeems, as grants: decisions that settlement replays.

A population wishes; how much is available then depends on everything before it. A run over the table finds out, and
what it granted goes with the events into :func:`loyalty.settlement.settle.settle`, or into a book.
"""

from __future__ import annotations

import pyarrow.compute as pc

from loyalty.batch.running import run
from loyalty.batch.tables import REDEEM, EventTable
from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant
from loyalty.settlement.generate import steps_of
from loyalty.settlement.runtime import REDEEMED


def redemptions(events: EventTable, until_day: int) -> list[Grant]:
    """
    Decide the wishes of a table of events.

    Args:
        events: Of whole partners, with their wishes; what cannot be granted is left out.
        until_day: The day through which everything happens.

    Returns:
        The grants of each holder in order, by the names of the holders.
    """
    if not (events.kind == REDEEM).any():
        return []
    moved = run(events.programme, events, until_day=until_day, journal=True).journal
    assert moved is not None
    assets = steps_of(events.programme).names.assets
    moved = moved.filter(pc.and_(pc.equal(moved["target"], REDEEMED), pc.greater_equal(moved["row"], 0)))
    amounts: dict[tuple[int, int], int] = {}
    for row, asset, amount in zip(*(moved[name].to_pylist() for name in ("row", "asset", "amount")), strict=True):
        amounts[row, asset] = amounts.get((row, asset), 0) + amount
    partners, persons = events.partners.to_pylist(), events.persons.to_pylist()
    grants = []
    for (row, asset), amount in amounts.items():
        person = int(events.person[row])
        holder = Holder.partner(partners[events.partner[row]]) if person < 0 else Holder.person(persons[person])
        grants.append(
            Grant(key=events.identity(row), kind="redeem", holder=holder, currency=assets[asset], amount=amount,
                  at=int(events.at[row]))
        )  # fmt: skip
    grants.sort(key=lambda grant: (grant.holder, grant.at, grant.key))
    return grants
