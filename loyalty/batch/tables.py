"""
Events as columns: what happened to all partners, as whole numbers in arrays.

An :class:`EventTable` holds what the core holds, checked by the same declarations, without an object for each event.
It comes from events, or from a population that is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
from attrs import field, frozen
from numpy.typing import NDArray

from loyalty.core.calendar import parse_day
from loyalty.core.events import TIER_OVERRIDE, Event
from loyalty.core.events import VOID as VOID_KIND
from loyalty.programme.model import Programme
from loyalty.programme.revisions import revisions_of, tiers_of

#: What stands where a field is not given.
MISSING: Final = -(2**63)

#: The kinds that no programme declares: a tier by hand, a void, and a wish to redeem.
OVERRIDE: Final = -1
VOID: Final = -2
REDEEM: Final = -3

#: What these are called in files; a redemption wish has no name among events.
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
        person: The place in *persons*, -1 for none.
        at: UTC microseconds.
        of: The row of the event that it speaks of, -1 for none or for one that is not here; None where no row does.
        order: The rank by (source, id) among events of one instant; None where that is the order of rows.
        values: Of each field what the core holds: minor units, 0 or 1, a code into *texts*; ``MISSING`` where it is
            not given. A field that no event has may be absent.
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
    def from_events(cls, programme: Programme, events: Iterable[Event]) -> EventTable:
        """Lay admitted events out as columns, each identity once."""
        listed = list(events)
        kinds = {name: code for code, name in enumerate(kinds_of(programme))} | dict(RESERVED)
        partners: dict[str, int] = {}
        persons: dict[str, int] = {}
        codes: dict[str, dict[str, int]] = {}
        names = {name for event in listed if event.kind != TIER_OVERRIDE for name in event.fields}
        values = {name: np.full(len(listed), MISSING) for name in sorted(names)}
        levels = {name: level for level, name in enumerate(tiers_of(programme))}
        if any(event.kind == TIER_OVERRIDE for event in listed):
            values |= {TIER: np.full(len(listed), MISSING), UNTIL: np.full(len(listed), MISSING)}
        for row, event in enumerate(listed):
            if event.kind == TIER_OVERRIDE:
                values[TIER][row] = levels[str(event.fields["tier"])]
                values[UNTIL][row] = parse_day(str(event.fields["until"]))
                continue
            for name, value in event.fields.items():
                known = codes.setdefault(name, {}) if isinstance(value, str) else {}
                values[name][row] = known.setdefault(value, len(known)) if isinstance(value, str) else int(value)
        places = {event.identity: row for row, event in enumerate(listed)}
        by_name = sorted(range(len(listed)), key=lambda row: (listed[row].source, listed[row].id))
        order = np.empty(len(listed), np.int64)
        order[by_name] = np.arange(len(listed))
        return cls(
            programme=programme,
            kind=np.array([kinds[event.kind] for event in listed], np.int16),
            partner=np.array([partners.setdefault(event.partner, len(partners)) for event in listed], np.int32),
            partners=pa.array(list(partners), pa.string()),
            person=np.array(
                [-1 if e.person is None else persons.setdefault(e.person, len(persons)) for e in listed], np.int32
            ),
            persons=pa.array(list(persons), pa.string()),
            at=np.array([event.occurred_at for event in listed], np.int64),
            of=np.array([places.get(e.origin, -1) if e.origin else -1 for e in listed], np.int64),
            order=order,
            values=values,
            texts={name: pa.array(list(known), pa.string()) for name, known in codes.items()},
            ids=pa.array([event.identity for event in listed], pa.string()),
        )

    def __len__(self) -> int:
        return len(self.kind)

    def identity(self, row: int) -> str:
        """Give the identity of a row's event."""
        return f"row/{row}" if self.ids is None else str(self.ids[row])


def kinds_of(programme: Programme) -> tuple[str, ...]:
    """Give the kinds of all revisions by number: each once, in their declared order, the earliest revision first."""
    return tuple(dict.fromkeys(name for one in revisions_of(programme) for name in one.events))
