"""What has to be known before entries are posted, asked of the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
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
from loyalty.ledger.sql.statements import FEW, Compiler

#: What a row of :func:`ahead` says: a balance, a key that is known, an id for an entry, or (SQLite) the last one's.
BALANCE, KEY, ID, LAST_ID = 0, 1, 2, 3


def ahead(compiler: Compiler) -> CompoundSelect[Any]:
    """Write all that has to be known before a decision as one statement, which locks the balances first."""
    numbers = func.generate_series(1, bindparam("count")).table_valued("number")
    return _ahead(compiler, compiler.in_list, [select(*_row(compiler, ID)).select_from(numbers)])


def ahead_of_few(compiler: Compiler) -> CompoundSelect[Any]:
    """Write the same for few entries and accounts."""
    wanted = bindparam("count", type_=BIG)
    ids = [select(*_row(compiler, ID)).where(wanted > literal_column(str(place))) for place in range(FEW)]
    return _ahead(compiler, compiler.in_few, ids)


def _ahead(
    compiler: Compiler, is_among: Callable[[Any, str], ColumnElement[bool]], ids: Sequence[Select[Any]]
) -> CompoundSelect[Any]:
    balance, entry = compiler.schema.balance, compiler.schema.entry
    kept = (
        select(balance.c.account_id, balance.c.asset_id, balance.c.posted, balance.c.version)
        .where(is_among(balance.c.account_id, "accounts"))
        .order_by(balance.c.account_id, balance.c.asset_id)
        .with_for_update(key_share=True)
        .cte("kept")
    )
    keys = select(*_row(compiler, KEY)).where(entry.c.book_id == bindparam("book"), is_among(entry.c.key, "keys"))
    # A transaction that locks first has larger ids than the one that it waited for.
    if compiler.on_sqlite:
        ids = [select(*_row(compiler, LAST_ID))]
    return union_all(select(literal_column(str(BALANCE)).label("what"), *kept.c, _NO_KEY.label("key")), keys, *ids)


def _row(compiler: Compiler, what: int) -> list[ColumnElement[Any]]:
    """Write the columns of a row that says no balance."""
    entry = compiler.schema.entry
    id = compiler.schema.ids.next_value() if what == ID else func.max(entry.c.id) if what == LAST_ID else _ZERO
    return [literal_column(str(what)), id, _ZERO, _ZERO, _ZERO, entry.c.key if what == KEY else _NO_KEY]


_ZERO: Final = literal_column("0", BIG)
_NO_KEY: Final = cast(null(), Text)


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
