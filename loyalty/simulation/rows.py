"""
Drawn rows on their way to a table of events: of one kind at first, then of some partners, then of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, field, frozen

from loyalty.batch.tables import MISSING, EventTable, Ints
from loyalty.programme.model import Programme
from loyalty.simulation.draws import Integers, ranks
from loyalty.simulation.months import month_text
from loyalty.simulation.partners import Partners

#: The source of every simulated event.
SOURCE: Final = "simulation"


@frozen(eq=False, kw_only=True)
class Rows:
    """
    Rows of one kind.

    Attributes:
        names: The activity, and the kind that follows from it or "": with the month and the number the identity.
        partner, person: Their places among those drawn together; -1 for no person.
        month, number: Of the activity: its month since year 0, and which one of that month it is.
        origin, of: Of what follows: the rows that it follows from, and the place among them.
        speaks: Whether the event itself names its origin, which the end of a certificate does not.
    """

    kind: int
    names: tuple[str, str]
    partner: Integers
    person: Integers
    at: Integers
    month: Integers
    number: Integers
    values: Mapping[str, Integers]
    chance: Integers | None = None
    origin: Rows | None = None
    of: Integers | None = None
    speaks: bool = True

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Integers) -> Rows:
        """Give some of the rows."""
        return evolve(
            self,
            partner=self.partner[rows],
            person=self.person[rows],
            at=self.at[rows],
            month=self.month[rows],
            number=self.number[rows],
            values={name: values[rows] for name, values in self.values.items()},
            chance=None if self.chance is None else self.chance[rows],
            of=None if self.of is None else self.of[rows],
        )

    def after(self, origin: Rows, of: Integers) -> Rows:
        """Give the same rows as what follows from *origin*."""
        return evolve(self, origin=origin, of=of)


@frozen(eq=False)
class Block:
    """The rows of some partners in settlement order, as columns; places of partners, persons and rows are its own."""

    partners: Partners
    columns: dict[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.columns["at"])


def assemble(partners: Partners, parts: Sequence[Rows], fields: Mapping[str, np.dtype[Any]], *, ids: bool) -> Block:
    """
    Put rows of several kinds in order, each partner's by their instants.

    Args:
        parts: Events of one instant keep the order of their names, which is that of their identities.
        fields: The types of the columns of all kinds' fields.
        ids: Whether identities are wanted.
    """
    sizes = [len(part) for part in parts]
    first = dict(zip(map(id, parts), np.cumsum([0, *sizes]).tolist(), strict=False))
    total = sum(sizes)

    def joined(name: str) -> Integers:
        return np.concatenate([getattr(part, name) for part in parts]) if parts else np.zeros(0, np.int64)

    partner, at, month, number = joined("partner"), joined("at"), joined("month"), joined("number")
    names = [part.names for part in parts]
    rank = np.repeat(np.arange(len(parts)), sizes)
    order = np.lexsort((at, partner))
    _settle_ties(order, partner, at, [month, number, rank], names)
    place = np.empty(total, dtype=np.int64)
    place[order] = np.arange(total)

    of = np.full(total, -1, dtype=np.int64)
    chance = np.full(total, -1, dtype=np.int32)
    for part in parts:
        rows = slice(first[id(part)], first[id(part)] + len(part))
        if part.origin is not None and part.speaks:
            of[rows] = place[first[id(part.origin)] + part.of]
        if part.chance is not None:
            chance[rows] = part.chance
    owner = np.cumsum(partners.persons) - partners.persons
    person = joined("person")
    columns: dict[str, Any] = {
        "kind": np.repeat(np.array([part.kind for part in parts], dtype=np.int16), sizes)[order],
        "partner": partner[order].astype(np.int32),
        "person": np.where(person >= 0, person + owner[partner], -1)[order].astype(np.int32),
        "at": at[order],
        "of": of[order].astype(np.int32),
        "chance": chance[order],
    }
    for name, type in fields.items():
        absent = np.iinfo(type).min
        values = np.full(total, absent, dtype=type)
        for part in parts:
            if name in part.values:
                given = part.values[name]
                values[first[id(part)] : first[id(part)] + len(part)] = np.where(given == MISSING, absent, given)
        columns[f"field {name}"] = values[order]
    if ids:
        columns |= {"month": month[order], "number": number[order], "rank": rank[order]}
    return Block(partners, columns)


def join(
    programme: Programme,
    blocks: list[Block],
    fields: Iterable[str],
    texts: Mapping[str, Mapping[str, int]],
    names: Sequence[tuple[str, str]] | None,
) -> EventTable:
    """
    Put blocks under each other as one table of events. The blocks are used up.

    Args:
        texts: The codes of texts by field.
        names: The names of the rows by their rank, where identities are wanted.
    """
    rows = np.cumsum([0, *(len(block) for block in blocks)])
    partners = np.cumsum([0, *(len(block.partners) for block in blocks)])
    persons = np.cumsum([0, *(int(block.partners.persons.sum()) for block in blocks)])

    def joined(column: str, shift: Any = None) -> Ints:
        taken = [block.columns.pop(column) for block in blocks]
        if shift is not None:
            # Places are counted on; -1 is none, and stays.
            taken = [
                np.where(each >= 0, each + shift[number], -1).astype(each.dtype) for number, each in enumerate(taken)
            ]
        return np.concatenate(taken) if taken else np.zeros(0, np.int64)

    partner_names = pa.array([name for block in blocks for name in block.partners.names], pa.string())
    people = np.concatenate([block.partners.persons for block in blocks]) if blocks else np.zeros(0, np.int64)
    partner = joined("partner", partners)
    chance = joined("chance")
    return EventTable(
        programme=programme,
        kind=joined("kind"),
        partner=partner,
        partners=partner_names,
        person=joined("person", persons),
        persons=_person_names(partner_names, people),
        at=joined("at"),
        of=joined("of", rows),
        values={name: joined(f"field {name}") for name in fields},
        texts={name: pa.array(list(codes), pa.string()) for name, codes in texts.items()},
        chance=chance if len(chance) and chance.max() >= 0 else None,
        ids=None if names is None else _identities(
            partner_names, partner, joined("month"), joined("number"), joined("rank"), names
        ),
    )  # fmt: skip


def _settle_ties(
    order: Integers, partner: Integers, at: Integers, keys: Sequence[Integers], names: Sequence[tuple[str, str]]
) -> None:
    """Bring the few events of one partner and one instant into the order of their identities, in place."""
    month, number, rank = keys
    same = (partner[order[1:]] == partner[order[:-1]]) & (at[order[1:]] == at[order[:-1]])
    ties = np.flatnonzero(same)
    for run in np.split(ties, np.flatnonzero(np.diff(ties) > 1) + 1) if len(ties) else ():
        tied = order[run[0] : run[-1] + 2].tolist()
        tied.sort(key=lambda row: _identity_key(names[int(rank[row])], int(month[row]), int(number[row])))
        order[run[0] : run[-1] + 2] = tied


def _identity_key(names: tuple[str, str], month: int, number: int) -> tuple[str, int, int, str]:
    return names[0], month, number, names[1]


def _person_names(partners: pa.Array, people: Integers) -> pa.Array:
    """Name the people of each partner by its name and their number, from 1."""
    owner = pa.array(np.repeat(np.arange(len(people)), people))
    number = pc.cast(pa.array(ranks(people) + 1), pa.string())
    return pc.binary_join_element_wise(partners.take(owner), number, "-")


def _identities(
    partners: pa.Array, partner: Ints, month: Ints, number: Ints, rank: Ints, names: Sequence[tuple[str, str]]
) -> pa.Array:
    """Write ``simulation/PARTNER/KIND/2026-01.0000``, with ``/KIND`` of what follows from it."""
    known, codes = np.unique(month, return_inverse=True)
    months = pa.array([month_text(int(each)) for each in known], pa.string()).take(pa.array(codes))
    digits = pc.utf8_lpad(pc.cast(pa.array(number), pa.string()), 4, "0")
    own = pa.array([f"/{activity}/" for activity, _ in names], pa.string()).take(pa.array(rank))
    later = pa.array([f"/{follower}" if follower else "" for _, follower in names], pa.string()).take(pa.array(rank))
    head = pa.array([f"{SOURCE}/{name}" for name in partners.to_pylist()], pa.string()).take(pa.array(partner))
    dots = pc.binary_join_element_wise(months, digits, ".")
    return pc.binary_join_element_wise(head, own, dots, later, "")
