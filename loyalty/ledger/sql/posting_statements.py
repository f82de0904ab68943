"""What has to be known before entries are posted, asked of the tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CompoundSelect,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)

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


def first_open_lots(compiler: Compiler) -> Select[Any]:
    """
    Write the first *limit* open lots of each place, in the order in which they are consumed.

    A place is what :func:`listed_places` makes a parameter of: an account, an asset, an expiry day, and the instant of
    earning behind which to begin.
    """
    lot = compiler.schema.lot
    if compiler.on_sqlite:
        place = func.json_each(bindparam("places")).table_valued("value").alias("place")
        parts: list[Any] = [func.json_extract(place.c.value, literal_column(f"'$[{part}]'")) for part in range(4)]
    else:
        kinds = [bindparam(name, type_=ARRAY(BIG)) for name in _PLACE]
        place = func.unnest(*kinds).table_valued(*_PLACE, name="place").render_derived()
        parts = [place.c[name] for name in _PLACE]
    own = lot.alias("own")
    first = (
        select(own)
        .where(
            own.c.account_id == parts[0],
            own.c.asset_id == parts[1],
            own.c.expires_day == parts[2],
            own.c.earned_at > parts[3],
            # The index holds the open lots alone; a parameter here would hide that from the planner.
            own.c.remaining > literal_column("0"),
        )
        .order_by(own.c.earned_at, own.c.id)
        .limit(bindparam("limit"))
    )
    if compiler.on_sqlite:
        # SQLite has no lateral joins, and looks for the ids once for each place.
        ids = first.with_only_columns(own.c.id).correlate(place).scalar_subquery()
        found = select(lot).select_from(place.join(lot, lot.c.id.in_(ids)))
        return found.order_by(lot.c.earned_at, lot.c.id)
    each = first.correlate(place).lateral("each")
    return select(each).select_from(place.join(each, true())).order_by(each.c.earned_at, each.c.id)


def listed_places(compiler: Compiler, places: Sequence[tuple[int, int, int, int]]) -> dict[str, Any]:
    """Give places as parameters of :func:`first_open_lots`."""
    if compiler.on_sqlite:
        return {"places": json.dumps(places)}
    return {name: list(column) for name, column in zip(_PLACE, zip(*places, strict=True), strict=True)}


#: What a place is named by on PostgreSQL, where the parts are lists of their own.
_PLACE: Final = ("account", "asset", "day", "after")
