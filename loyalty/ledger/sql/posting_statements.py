"""What has to be known before entries are posted, asked of the tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, Select, Text, bindparam, cast, func, literal_column, null, select, union_all

from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler

#: What a row of :func:`ahead` says.
BALANCE, KEY, ID = 0, 1, 2


def ahead(compiler: Compiler) -> Select[Any] | CompoundSelect[Any]:
    """Write all that has to be known before a decision as one statement, which locks the balances first."""
    balance, entry = compiler.schema.balance, compiler.schema.entry
    kept = (
        select(balance.c.account_id, balance.c.asset_id, balance.c.posted, balance.c.version)
        .where(compiler.in_list(balance.c.account_id, "accounts"))
        .order_by(balance.c.account_id, balance.c.asset_id)
        .with_for_update(key_share=True)
        .cte("kept")
    )
    zero, no_key = literal_column("0", BIG), cast(null(), Text)
    parts = [
        select(literal_column(str(BALANCE)).label("what"), *kept.c, no_key.label("key")),
        select(literal_column(str(KEY)), zero, zero, zero, zero, entry.c.key).where(
            entry.c.book_id == bindparam("book"), compiler.in_list(entry.c.key, "keys")
        ),
    ]
    if not compiler.on_sqlite:
        # A transaction that locks first has larger ids than the one that it waited for.
        numbers = func.generate_series(1, bindparam("count")).table_valued("number")
        next_id = compiler.schema.ids.next_value()
        parts.append(select(literal_column(str(ID)), next_id, zero, zero, zero, no_key).select_from(numbers))
    return union_all(*parts)


def open_lots_of_days(compiler: Compiler) -> Select[Any]:
    lot = compiler.schema.lot
    return (
        select(lot)
        .where(
            compiler.in_list(lot.c.account_id, "accounts"),
            compiler.in_list(lot.c.expires_day, "days"),
            # The index holds the open lots alone; a parameter here would hide that from the planner.
            lot.c.remaining > literal_column("0"),
        )
        .order_by(lot.c.earned_at, lot.c.id)
    )
