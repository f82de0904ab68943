"""
Events as columns: what happened to all partners, as whole numbers in arrays.

An :class:`EventTable` holds what the core holds, checked by the same declarations, without an object for each event.
It comes from Arrow (:meth:`EventTable.from_arrow`), from events, or from a population that is drawn.

>>> from loyalty import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> import pyarrow as pa
>>> from decimal import Decimal
>>> table = EventTable.from_arrow(loads(EXAMPLE), pa.table({
...     "kind": ["deal.won", "deal.won"], "partner": ["acme", "birch"],
...     "occurred_at": pa.array([1_770_000_000_000_000, 1_770_000_060_000_000], pa.timestamp("us", "UTC")),
...     "amount": [Decimal("250.00"), Decimal("99.90")],
... }))
>>> len(table), table.values["amount"].tolist(), table.partners.to_pylist()
(2, [25000, 9990], ['acme', 'birch'])
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from attrs import field, frozen
from numpy.typing import NDArray

from loyalty.core.events import TIER_OVERRIDE, Event
from loyalty.core.events import VOID as VOID_KIND
from loyalty.programme.model import Programme
from loyalty.programme.revisions import revisions_of

#: What stands where a field is not given, in a column of 64 bits; see :func:`missing_of`.
MISSING: Final = -(2**63)

#: The kinds that no programme declares: a tier by hand, a void, and a wish to redeem.
OVERRIDE: Final = -1
VOID: Final = -2
REDEEM: Final = -3

#: What these are called in files; a wish to redeem is no event, and has a name here alone.
RESERVED: Final[Mapping[str, int]] = {TIER_OVERRIDE: OVERRIDE, VOID_KIND: VOID, "@redeem": REDEEM}

#: The values of a tier by hand: its place among the tiers of all revisions, and the last day.
TIER, UNTIL = "@tier", "@until"

#: The values of a wish to redeem: the currency's place by name, minor units, and millionths of what is available.
CURRENCY, AMOUNT, SHARE = "@currency", "@amount", "@share"

Ints = NDArray[np.integer[Any]]


@frozen(eq=False, kw_only=True)
class EventTable:
    """
    Events of one programme as columns of one length, in any order; arrays may be read-only views.

    Attributes:
        kind: The number of the kind among :func:`kinds_of`, or ``OVERRIDE``, ``VOID``, ``REDEEM``.
        partner: The place in *partners*; -1 for what speaks of another event and leaves its partner to that.
        person: The place in *persons*, -1 for none; a wish to redeem that names one is of the person's wallet.
        at: UTC microseconds.
        of: The row of the event that it speaks of, -1 for none or for one that is not here; None where no row does.
        order: The rank by (source, id) among events of one instant; None where that is the order of rows.
        values: Of each field what the core holds: minor units, 0 or 1, a code into *texts*; :func:`missing_of` the
            column where it is not given. Columns may be of any signed integer type; a field that no event has may be
            absent.
        texts: The texts behind the codes of a field's values.
        chance: In millionths the draw of an event that responds to incentives, -1 for one that happens anyway; None
            where all do.
        ids: The identity ``source/id`` of each; None where they are ``row/NUMBER``, counted from 0.
        waits: The identity that a row speaks of, by row, where the event of that identity is not here.
    """

    programme: Programme
    kind: Ints
    partner: Ints
    partners: pa.Array
    person: Ints
    persons: pa.Array
    at: Ints
    of: Ints | None = None
    order: Ints | None = None
    values: Mapping[str, Ints] = field(factory=dict)
    texts: Mapping[str, pa.Array] = field(factory=dict)
    chance: Ints | None = None
    ids: pa.ChunkedArray | pa.Array | None = None
    waits: Mapping[int, str] = field(factory=dict)

    @classmethod
    def from_arrow(cls, programme: Programme, data: Any, *, ignore: Collection[str] = ()) -> EventTable:
        """
        Read events from Arrow, and check them as :func:`loyalty.programme.admission.admit` does.

        Args:
            programme: What declares the kinds.
            data: Anything with ``__arrow_c_stream__`` (pyarrow, Polars, pandas, DuckDB), the path of a Parquet file
                or of a folder of them, or a pyarrow dataset; ``docs/reference/arrow-events.md`` says the columns.
            ignore: Columns that are left out; any other that is not known is an error.

        Raises:
            SourceError: with everything that is wrong, each with the rows where it is.
        """
        from loyalty.batch.reading import read_table

        return read_table(programme, data, ignore=ignore)

    @classmethod
    def from_events(cls, programme: Programme, events: Iterable[Event]) -> EventTable:
        """
        Lay events out as columns.

        Raises:
            EventRejected: an event that the programme cannot take.
            EventConflict: two events of one identity with different bodies.
        """
        from loyalty.batch.rows import table_of

        return table_of(programme, events)

    def to_events(self) -> list[Event]:
        """Give the rows as events; wishes to redeem are none and are left out."""
        from loyalty.batch.rows import events_of

        return events_of(self)

    def to_arrow(self) -> pa.Table:
        """Give the rows as Arrow, in the columns that :meth:`from_arrow` reads; texts are dictionary-coded."""
        from loyalty.batch.writing import write_table

        return write_table(self)

    @classmethod
    def concat(cls, tables: Sequence[EventTable]) -> EventTable:
        """
        Put tables of one programme under each other; what waits in one for an event of another finds it there.

        Raises:
            UsageError: there is none, or they are of different programmes.
        """
        from loyalty.batch.combining import concat

        return concat(tables)

    def take(self, partners: Iterable[str]) -> EventTable:
        """Give the rows of these partners alone, in their order."""
        from loyalty.batch.combining import take_partners

        return take_partners(self, partners)

    def __len__(self) -> int:
        return len(self.kind)

    def value(self, name: str, row: int) -> int:
        """Give what a row says of a field, or MISSING, whatever the type of the column."""
        column = self.values.get(name)
        if column is None or column[row] == missing_of(column):
            return MISSING
        return int(column[row])

    def identity(self, row: int) -> str:
        """Give the identity of a row's event."""
        return f"row/{row}" if self.ids is None else str(self.ids[row])


def kinds_of(programme: Programme) -> tuple[str, ...]:
    """Give the kinds of all revisions by number: each once, in their declared order, the earliest revision first."""
    return tuple(dict.fromkeys(name for one in revisions_of(programme) for name in one.events))


def missing_of(column: Ints) -> int:
    """Give the number that stands where a field is not given: the lowest of the column's type."""
    return int(np.iinfo(column.dtype).min)
