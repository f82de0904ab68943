"""
The state of one holder: flat records of whole numbers, so that the same step runs on Python objects and on arrays.

Records are ``__slots__`` classes whose fields are declared here once; the numba twin makes structured arrays of the
same names.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Final

from loyalty.core.calendar import FIRST_DAY, LAST_DAY, NEVER, PERIOD_MONTHS, Period, month_tables
from loyalty.programme.model import Expiry, Programme, Returns
from loyalty.programme.revisions import currency_in, revisions_of
from loyalty.settlement import runtime
from loyalty.settlement.layout import Layout
from loyalty.settlement.tracking import row_attributes

#: How many tables of expiry days are remembered, 320 KB each: those of the programmes whose steps are.
_TABLES: Final = 256

#: The scalars of each holder, with what they are before the first event; a layout adds its own.
SCALARS: Final = {
    "anchor": -1,
    "next_due": NEVER,
    "tier": 0,
    "effective": 0,
    "instant": -1,
    "before": 0,
    "manual": -1,
    "manual_end": NEVER,
    "grace_end": NEVER,
    "next_review": NEVER,
    "row_count": 0,
    "leg_count": 0,
    "command_count": 0,
    "piece_count": 0,
    "hold_end": NEVER,
}

CELL: Final = ("a", "b")
LEG: Final = ("code", "granted", "reversed", "lot", "bucket", "matures", "waiting")
ROW: Final = (
    "day", "tier", "first_leg", "end_leg", "refunded", "whole", "counted", "previous", "part",
)  # fmt: skip
#: What a command took: its pieces, what it lacked, of which currency, to which account, and until when it holds.
COMMAND: Final = ("first_piece", "end_piece", "lacked", "currency", "account", "until")
ITEM: Final = (
    "kind", "day", "instant", "tier", "row", "has_person", "person", "currency", "amount", "tier_to", "until",
    "lot", "account", "label", "origin",
)  # fmt: skip


def item_fields(layout: Layout) -> tuple[str, ...]:
    """Give the fields of an encoded event: those of all kinds, each with a mark for presence, and the key slots."""
    names = sorted({name for kind in layout.programme.events.values() for name in kind.fields})
    return (
        *ITEM,
        *(f"f_{name}" for name in names),
        *(f"p_{name}" for name in names),
        *(f"k{key.index}" for key in layout.keys if key.parts),
    )


def row_fields(layout: Layout) -> tuple[str, ...]:
    """Give the fields of the row that a tracked event leaves."""
    kinds = [(view, kind) for view in layout.views for kind in layout.programme.events]
    extra = {attribute for view, kind in kinds for attribute in row_attributes(view, kind)}
    extra |= {f"k{key.index}" for view, kind in kinds for key in view.row_keys(kind)}
    return (*ROW, *sorted(extra))


@cache
def record(name: str, fields: tuple[str, ...]) -> type[Any]:
    """Make a class with these slots, each 0 at first."""
    body = "".join(f"    self.{field} = 0\n" for field in fields) or "    pass\n"
    scope: dict[str, Any] = {}
    exec(f"def __init__(self):\n{body}", scope)
    return type(name, (), {"__slots__": fields, "__init__": scope["__init__"]})


class Memory:
    """The tables that the step works on; ``trace`` collects why, when the traced step runs."""

    __slots__ = (
        "amounts", "arrears", "commands", "days", "expiry", "keys", "legs", "month_first", "month_of", "p", "pieces",
        "returns", "rows", "trace",
    )  # fmt: skip

    def __init__(self, layout: Layout) -> None:
        programme = layout.programme
        self.month_of, self.month_first = month_tables()
        self.p = tuple(layout.parameters)
        self.expiry = [expiry_table(programme, name) for name in programme.currencies]
        self.days = [[runtime.END] for _ in range(layout.bucket_count)]
        self.amounts = [[0] for _ in range(layout.bucket_count)]
        self.arrears = [0 for _ in programme.currencies]
        self.keys = [[record("Cell", CELL)()] for _ in layout.keys]
        self.rows = [record("Row", row_fields(layout))()]
        self.legs = [record("Leg", LEG)()]
        self.commands = [record("Command", COMMAND)()]
        self.pieces = [0]
        self.returns = returns_rows(layout)
        self.trace: list[tuple[Any, ...]] = []


def scalars(layout: Layout) -> Any:
    """Give the scalars of a holder before its first event."""
    first = {**SCALARS, **layout.scalars()}
    s = record("Scalars", tuple(first))()
    for name, value in first.items():
        setattr(s, name, value)
    return s


def returns_rows(layout: Layout) -> list[tuple[int, ...]]:
    """
    Give what becomes of points that come back too late, a row for each currency of the first revision, then the next.

    A row is (policy, days, months, table of what expired or -1, the day from which the row of the next revision
    holds, that row).
    """
    names = list(layout.programme.currencies)
    return [
        (*_returns_row(view, name), view.ends, (place + 1) * len(names) + code)
        for place, view in enumerate(layout.views)
        for code, name in enumerate(names)
    ]


def _returns_row(layout: Layout, currency: str) -> tuple[int, int, int, int]:
    declared = layout.programme.currencies[currency]
    policy = {
        Returns.EXPIRED: runtime.RETURN_EXPIRED,
        Returns.GRACE: runtime.RETURN_GRACE,
        Returns.REISSUE: runtime.RETURN_REISSUE,
    }[declared.returns]
    grace = declared.returns_grace
    days, months = (grace.days, grace.months) if grace is not None else (0, 0)
    return policy, days, months, layout.expired.get(currency, -1)


def expiry_table(programme: Programme, currency: str) -> list[int]:
    """Give the expiry day of what is earned on each day from :data:`FIRST_DAY`; NEVER for what does not expire."""
    declared = enumerate(revisions_of(programme))
    expiries = tuple((one.from_day, currency_in(programme, place, currency).expires) for place, one in declared)
    return _joined_tables(expiries, programme.year_starts_month)


@lru_cache(maxsize=_TABLES)
def _joined_tables(expiries: tuple[tuple[int, Expiry | None], ...], year_starts_month: int) -> list[int]:
    """Give one table of several expiries, each from its first day on; the first holds before them all."""
    table = _expiry_table(expiries[0][1], year_starts_month)
    for first_day, expires in expiries[1:]:
        since = first_day - FIRST_DAY
        table = table[:since] + _expiry_table(expires, year_starts_month)[since:]
    return table


@lru_cache(maxsize=_TABLES)
def _expiry_table(expires: Expiry | None, year_starts_month: int) -> list[int]:
    if expires is None:
        return [NEVER] * (LAST_DAY - FIRST_DAY)
    month_of, month_first = month_tables()

    class Tables:
        pass

    tables: Any = Tables()
    tables.month_of, tables.month_first = month_of, month_first
    after_days, after_months, period = expires.after.days, expires.after.months, expires.at_end_of
    return [
        _day_after_period(tables, runtime.maturity(tables, day, after_days, after_months), period, year_starts_month)
        for day in range(FIRST_DAY, LAST_DAY)
    ]


def _day_after_period(tables: Any, day: int, period: Period | None, year_starts_month: int) -> int:
    """Give the day after the last usable day: that of *day* itself, or of the period that it lies in."""
    if day >= NEVER:
        return NEVER
    if period is None or period is Period.DAY:
        return day + 1
    if day >= LAST_DAY:
        return NEVER
    if period is Period.WEEK:
        return ((day + 3) // 7 + 1) * 7 - 3
    months = PERIOD_MONTHS[period]
    shift = year_starts_month - 1
    number = (tables.month_of[day - FIRST_DAY] - shift) // months
    return runtime.month_start(tables, (number + 1) * months + shift)
