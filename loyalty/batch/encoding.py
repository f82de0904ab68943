"""
One batch of Arrow after the other into columns, each checked by what the programme declares.

What a batch needs of those before it is the codes of texts alone, so that any cut into batches gives the same table.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import frozen

from loyalty.batch.declared import Declared
from loyalty.batch.decoding import given_in, is_text, numbers_of
from loyalty.batch.envelope import ENVELOPE, Envelope
from loyalty.batch.fields import Fields
from loyalty.batch.findings import Findings
from loyalty.batch.tables import Ints
from loyalty.programme.model import Programme
from loyalty.programme.notes import did_you_mean

_REQUIRED: Final = ("kind", "partner", "occurred_at")

#: The draw of an event that responds to incentives; only a population has it.
CHANCE: Final = "@chance"

#: Rows whose fields are checked at a time.
_PART_ROWS: Final = 1 << 17

#: What other files call the columns, for the finding that says what they are here.
_OTHER_NAMES: Final = {"on": "kind", "at": "occurred_at", "timestamp": "occurred_at", "date": "occurred_at"}


@frozen(eq=False)
class Chunk:
    """The columns of a part of a batch, but for codes that all share: of partners, persons and open texts."""

    kind: Ints
    at: Ints
    values: dict[str, Ints]
    chance: Ints | None
    ids: pa.Array | None
    of: pa.Array | None
    source: pa.Array | None


class Encoder:
    """
    Encodes the batches of one table.

    Args:
        programme: What declares the kinds.
        findings: Where faults go.
        ignore: Columns that are left out.
    """

    def __init__(self, programme: Programme, findings: Findings, ignore: Collection[str] = ()) -> None:
        self.declared = Declared.of(programme)
        self.findings = findings
        self.envelope = Envelope(programme, self.declared, findings)
        self.fields = Fields(programme, self.declared, findings)
        #: Whether rows speak of each other by number.
        self.numbered = False
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

    def encode(self, batch: pa.RecordBatch, first_row: int) -> list[Chunk]:
        """
        Encode one batch, in parts that stay in the processor's cache; faults go to the findings.

        Args:
            first_row: The number of its first row in the whole table.
        """
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        envelope = self.envelope
        envelope.has_ids = "id" in columns
        chunks, slots = [], []
        for start in range(0, max(len(batch), 1), _PART_ROWS):
            part = {name: column.slice(start, _PART_ROWS) for name, column in columns.items()}
            chunk, slot = self._encode_part(part, first_row + start)
            chunks.append(chunk)
            slots.append(slot)
        envelope.read_partners(columns["partner"], slots, first_row)
        envelope.read_persons(columns.get("person"), len(batch), first_row)
        self.fields.read_open(columns, slots, first_row)
        return chunks

    def _encode_part(self, columns: dict[str, pa.Array], first_row: int) -> tuple[Chunk, Ints]:
        envelope = self.envelope
        at = envelope.instants(columns["occurred_at"], first_row)
        kind = envelope.kinds(columns["kind"], first_row)
        slot = self.declared.slots(kind, at)
        envelope.check_kinds(slot, first_row)
        chunk = Chunk(
            kind=kind,
            at=at,
            values=self.fields.read(columns, slot, first_row),
            chance=_chances(columns[CHANCE]) if CHANCE in columns else None,
            ids=envelope.ids_of(columns["id"], first_row) if "id" in columns else None,
            of=envelope.origins_of(columns.get("of"), slot, first_row),
            source=envelope.sources_of(columns["source"], first_row) if "source" in columns else None,
        )
        return chunk, slot

    def forget(self) -> None:
        """Let go of what was kept of batches for the whole table, where there is to be none."""
        self.envelope.forget()
        self.fields.forget()


def _chances(column: pa.Array) -> Ints:
    """Give the draws of events; those that always happen have none."""
    values, _ = numbers_of(column, 0)
    return np.where(given_in(column), values, -1).astype(np.int32)
