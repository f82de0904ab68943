"""What is left of each lot against what debits took of it; the rest about lots is looked at with their entries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, literal_column, select

from loyalty.ledger.lots import lot_finding
from loyalty.ledger.sql.auditing.reading import PAGE, Findings, Reader, exact_sum
from loyalty.ledger.sql.posting import LOT_BITS
from loyalty.ledger.sql.statements import Compiler


def audit_lots(reader: Reader) -> Findings:
    """Compare every lot of the book with its allocations."""
    findings = Findings()
    for page in reader.runner.stream(_wrong_lots, PAGE):
        accounts = reader.accounts({row[1] for row in page})
        for lot_id, account_id, asset_id, amount, remaining, taken in page:
            account = accounts[account_id]
            if account is not None and account.book_id != reader.book_id:
                continue
            path, key, asset = reader.path(account_id), reader.entry_name(lot_id >> LOT_BITS), reader.asset(asset_id)
            findings.add(lot_finding(path, key, asset, amount, remaining, int(taken)))
    return findings


def _wrong_lots(compiler: Compiler) -> Select[Any]:
    allocation, lot = compiler.schema.lot_allocation, compiler.schema.lot
    consumed = (
        select(allocation.c.lot_id, exact_sum(compiler, allocation.c.amount).label("taken"))
        .group_by(allocation.c.lot_id)
        .subquery("consumed")
    )
    taken: Any = func.coalesce(consumed.c.taken, literal_column("0"))
    # Names are looked up for what is found alone, since a planner may look them up for all.
    return (
        select(lot.c.id, lot.c.account_id, lot.c.asset_id, lot.c.amount, lot.c.remaining, taken)
        .select_from(lot)
        .outerjoin(consumed, consumed.c.lot_id == lot.c.id)
        .where(taken + lot.c.remaining != lot.c.amount)
        .order_by(lot.c.id)
    )
