"""
One batch of Arrow after the other into columns, each checked by what the programme declares.

What a batch needs of those before it is the codes of texts alone, so that any cut into batches gives the same table.
Columns are written in place: what is held is the table, a batch, and a part of it that stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import pyarrow as pa

from loyalty.batch.columns import Columns
from loyalty.batch.declared import Declared
from loyalty.batch.decoding import given_in, is_text, numbers_of
from loyalty.batch.envelope import ENVELOPE, Envelope
from loyalty.batch.fields import Fields, Slots
from loyalty.batch.findings import Findings
from loyalty.batch.identities import identities_of
from loyalty.batch.tables import Ints
from loyalty.programme.model import Programme
from loyalty.programme.notes import did_you_mean

_REQUIRED: Final = ("kind", "partner", "occurred_at")

#: The draw of an event that responds to incentives; only a population has it.
CHANCE: Final = "@chance"

#: The columns of every table that are no fields; no field can have such a name.
KIND, AT = "@kind", "@at"

#: Rows whose fields are checked at a time.
_PART_ROWS: Final = 1 << 16

#: What other files call the columns, for the finding that says what they are here.
_OTHER_NAMES: Final = {"on": "kind", "at": "occurred_at", "timestamp": "occurred_at", "date": "occurred_at"}


class Encoder:
    """
    Encodes the batches of one table.

    Args:
        programme: What declares the kinds.
        findings: Where faults go.
        ignore: Columns that are left out.
        rows: How many rows there will be, where somebody knows.

    Attributes:
        columns: What was read; codes of partners, persons and open texts are those of the batch until all share them.
        identities: Of each part of a batch those of its rows, and those that they speak of, each if there are any.
        numbered: Whether rows speak of each other by number.
        rows: How many rows the columns have.
        last_at: UTC microseconds: when the last event occurred, of those that were forgotten too.
    """

    def __init__(
        self, programme: Programme, findings: Findings, ignore: Collection[str] = (), rows: int | None = None
    ) -> None:
        self.declared = Declared.of(programme)
        self.findings = findings
        self.columns = Columns(rows)
        self.envelope = Envelope(programme, self.declared, findings, self.columns)
        self.fields = Fields(programme, self.declared, findings)
        self.identities: list[tuple[pa.Array | None, pa.Array | None]] = []
        self.numbered = False
        self.rows = 0
        self.last_at = programme.calendar.starts_us[0]
        self._ignore = frozenset(ignore)

    def wanted(self, schema: pa.Schema) -> list[str]:
        """
        Give the columns to read.

        Raises:
            SourceError: a column is missing, or not known.
        """
        names = [name for name in schema.names if name not in self._ignore and not name.startswith("__index_level_")]
        known = [*ENVELOPE, CHANCE, *self.declared.fields]
        for name in _REQUIRED:
            if name not in names:
                meant = next((other for other in names if _OTHER_NAMES.get(other) == name), None)
                hint = f"rename {meant!r}, or add the column" if meant else "add it"
                self.findings.add_column(name, f"there is no such column, and every event needs it; {hint}")
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                self.findings.add_column(name, "it is there twice, and the two could not be told apart; rename one")
            if name not in known and name not in _OTHER_NAMES:
                hint = did_you_mean(name, known, "columns")
                self.findings.add_column(
                    name, f"no kind of event has such a field; {hint} Leave a column that is none of the "
                    f"events' out of the file, or in Python name it in ignore=[{name!r}]"
                )  # fmt: skip
            elif name not in known and _OTHER_NAMES[name] in names:
                self.findings.add_column(name, f"`{_OTHER_NAMES[name]}` is there as well; leave one of them out")
        if "of" in names:
            is_number = pa.types.is_integer(schema.field("of").type)
            self.numbered = is_number and "id" not in names
            if not is_number and "id" not in names and not pa.types.is_null(schema.field("of").type):
                reason = "rows have no ids that it could name; add the column `id`, or write the numbers of rows"
                self.findings.add_column("of", reason)
        self.findings.raise_if_any()
        return names

    def coded(self, schema: pa.Schema) -> list[str]:
        """Give the columns of text that are better read as codes: all but identities."""
        return [one.name for one in schema if one.name not in ("id", "of") and is_text(one.type)]

    def encode(self, batch: pa.RecordBatch, first_row: int) -> None:
        """
        Encode one batch; faults go to the findings.

        Args:
            first_row: The number of its first row among all that were ever given.
        """
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        envelope, start = self.envelope, self.rows
        envelope.has_ids = "id" in columns
        contents = self.fields.contents(columns)
        slots = []
        for place in range(0, max(len(batch), 1), _PART_ROWS):
            part = {name: column.slice(place, _PART_ROWS) for name, column in columns.items()}
            slots.append(self._encode_envelope(part, first_row + place))
            self.fields.read(contents, place, slots[-1], self.columns)
            self.rows += len(slots[-1].of_row)
        envelope.read_partners(columns["partner"], slots, start, first_row)
        envelope.read_persons(columns.get("person"), len(batch), start)

    def _encode_envelope(self, columns: dict[str, pa.Array], first_row: int) -> Slots:
        envelope, place = self.envelope, self.rows
        at = envelope.instants(columns["occurred_at"], first_row)
        self.last_at = int(at.max(initial=self.last_at))
        kind = envelope.kinds(columns["kind"], first_row)
        slot = self.declared.slots(kind, at)
        is_present = np.zeros(len(self.declared.known), bool)
        is_present[slot] = True
        slots = Slots(slot, np.flatnonzero(is_present), first_row, place)
        envelope.check_kinds(slots)
        end = place + len(slot)
        self.columns.part(AT, np.int64, place, end)[:] = at
        self.columns.part(KIND, np.int16, place, end)[:] = kind
        if CHANCE in columns:
            self.columns.part(CHANCE, np.int32, place, end)[:] = _chances(columns[CHANCE])
        ids = envelope.ids_of(columns["id"], first_row) if "id" in columns else None
        of = envelope.origins_of(columns.get("of"), slots)
        source = envelope.sources_of(columns["source"], first_row) if "source" in columns else None
        # Made at once, for the ids are a part of their batch, which would be held with them.
        self.identities.append(
            (
                None if ids is None else identities_of(source, ids),
                None if of is None else identities_of(None if self.numbered else source, of),
            )
        )
        return slots

    def forget(self, first_row: int) -> None:
        """
        Let go of what was kept of batches for the whole table, where there is to be none.

        Args:
            first_row: As for :meth:`encode`, of the first batch that is kept.
        """
        self.envelope.shared(self.rows, first_row)
        self.fields.forget()
        self.columns.forget()
        self.identities.clear()
        self.rows = 0


def _chances(column: pa.Array) -> Ints:
    """Give the draws of events; those that always happen have none."""
    values, _ = numbers_of(column, 0)
    return np.where(given_in(column), values, -1).astype(np.int32)
