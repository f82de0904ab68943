"""Who, when, what kind: the columns that every event has, batch by batch, each fault with its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.columns import Columns, fill_gaps
from loyalty.batch.declared import UNKNOWN, Declared
from loyalty.batch.decoding import (
    Unreadable,
    coded,
    coded_as,
    codes_of,
    given_in,
    instants_of,
    integers,
    text_of,
)
from loyalty.batch.fields import Slots
from loyalty.batch.findings import Findings, said
from loyalty.batch.naming import Names
from loyalty.batch.tables import Ints
from loyalty.programme.gates import LONGEST_ID, gates_of, unknown_kind
from loyalty.programme.model import Programme

#: Columns that are not fields.
ENVELOPE: Final = ("kind", "partner", "person", "occurred_at", "of", "source", "id")

#: The columns of codes; no field can have such a name.
PARTNER, PERSON = "@partner", "@person"

#: Codes that are written at a time, which stay in the processor's cache.
_PART_ROWS: Final = 1 << 16

_MISSING: Final = "it is missing; every event needs it"


class Envelope:
    """
    Reads the columns of :data:`ENVELOPE`.

    Args:
        programme: What declares the kinds.
        declared: Its slots.
        findings: Where faults go.
        columns: Where codes are written.

    Attributes:
        has_ids: Whether rows have ids; without them they speak of each other by number.
    """

    def __init__(self, programme: Programme, declared: Declared, findings: Findings, columns: Columns) -> None:
        self.has_ids = False
        self._columns = columns
        self._names = {PARTNER: Names(), PERSON: Names()}
        self._programme, self._declared, self._findings = programme, declared, findings
        self._gate = next(iter(gates_of(programme).values()))

    def shared(self, rows: int, first_row: int = 0) -> dict[str, tuple[Ints, pa.Array]]:
        """
        Give the partners and persons of all rows: codes, and the texts that the batches share; both are let go of.

        Names that are none are noted.
        """
        found = {}
        names, self._names = self._names, {PARTNER: Names(), PERSON: Names()}
        for name, known in names.items():
            codes = self._columns.taken(name, np.int32, rows, absent=-1)
            texts = known.texts()
            self._check_names(name.removeprefix("@"), codes, texts, first_row)
            found[name] = codes, texts
        return found

    def instants(self, column: pa.Array, first_row: int) -> Ints:
        """Give when rows occurred; what is no instant stands at the first that the calendar knows."""
        calendar = self._programme.calendar
        first, end = calendar.starts_us[0], calendar.starts_us[-1]
        note = partial(self._note, "occurred_at", first_row)
        try:
            at, inexact = instants_of(column, calendar)
        except Unreadable as error:
            self._findings.add_column("occurred_at", str(error))
            return np.full(len(column), first, np.int64)
        note(inexact, lambda row: f"{column[row]} cannot be kept as microseconds; mend it or cut it", "inexact")
        outside = (at < first) | (at >= end) if len(at) and not first <= at.min() <= at.max() < end else None
        if column.null_count:
            nulls = np.asarray(column.is_null())
            note(np.flatnonzero(nulls), partial(said, _MISSING), "null")
            outside = nulls if outside is None else outside | nulls
        if outside is None:
            return at
        rows = np.setdiff1d(np.flatnonzero(outside & np.asarray(column.is_valid())), inexact)
        note(rows, lambda row: f"{column[row]} lies outside the years that the calendar knows; mend the date", "years")
        return np.where(outside, first, at)

    def kinds(self, column: pa.Array, first_row: int) -> Ints:
        """Give the number of each row's kind."""
        try:
            named = coded(column)
        except Unreadable as error:
            self._findings.add_column("kind", str(error))
            return np.full(len(column), UNKNOWN, np.int16)
        codes, names = codes_of(named), named.dictionary.to_pylist()
        numbers = np.array([*(self._declared.codes.get(name, UNKNOWN) for name in names), UNKNOWN], np.int16)
        for code, name in enumerate(names):
            if numbers[code] == UNKNOWN:
                self._note("kind", first_row, np.flatnonzero(codes == code), partial(self._unknown, name), name)
        if column.null_count:
            nulls = np.flatnonzero(~given_in(column))
            self._note("kind", first_row, nulls, lambda _: "it is missing; say what happened: deal.won", "null")
        # The last stands for rows without a kind.
        kinds: Ints = numbers.take(codes, mode="wrap")
        return kinds

    def check_kinds(self, slots: Slots) -> None:
        """Note kinds that the revision of the row's day does not have, while others do."""
        declared = self._declared
        for one in slots.present[~declared.known[slots.present]]:
            revision, name = declared.revisions[one // declared.width], declared.kind_name(one)
            say = partial(self._unknown, name, programme=revision)
            self._note("kind", slots.first_row, np.flatnonzero(slots.of_row == one), say, one)

    def read_partners(self, column: pa.Array, slots: Sequence[Slots], place: int, first_row: int) -> None:
        """Note the partner of each row of a batch; what speaks of another event may leave it to that."""
        named = self._coded("partner", column)
        self._keep(PARTNER, named, place)
        if named.null_count:
            speaks = np.concatenate([self._declared.speaks[part.of_row] for part in slots])
            nobody = np.flatnonzero(~given_in(named) & ~speaks)
            self._note("partner", first_row, nobody, partial(said, _MISSING), "null")

    def read_persons(self, column: pa.Array | None, size: int, place: int) -> None:
        """Note the person of each row of a batch."""
        nobody = pa.nulls(size, pa.dictionary(pa.int32(), pa.string()))
        self._keep(PERSON, nobody if column is None else self._coded("person", column), place)

    def ids_of(self, column: pa.Array, first_row: int) -> pa.Array | None:
        """Give the ids as text."""
        texts = self._texts("id", column, first_row)
        if texts is not None and texts.null_count:
            self._note("id", first_row, np.flatnonzero(np.asarray(texts.is_null())), partial(said, _MISSING), "null")
        return texts

    def origins_of(self, column: pa.Array | None, slots: Slots) -> pa.Array | None:
        """Give what rows speak of: ids as text, or the numbers of rows where rows have no ids."""
        if column is None and not self._declared.speaks[slots.present].any():
            return None
        slot, first_row = slots.of_row, slots.first_row
        speaks, texts = self._declared.speaks[slot], None
        if column is not None:
            numbered = not self.has_ids and pa.types.is_integer(column.type)
            texts = column.cast(pa.int64()) if numbered else self._texts("of", column, first_row)
        given = np.zeros(len(slot), bool) if texts is None else np.asarray(texts.is_valid())
        unknown = slot % self._declared.width == self._declared.width + UNKNOWN
        name = self._declared.kind_name
        self._note(
            "of", first_row, np.flatnonzero(given & ~speaks & ~unknown),
            lambda row: f"events of {name(slot[row])} speak of no other; leave it null there", "more",
        )  # fmt: skip
        self._note(
            "of", first_row, np.flatnonzero(speaks & ~given),
            lambda row: f"events of {name(slot[row])} name the event that they speak of; write its id", "less",
        )  # fmt: skip
        return texts

    def sources_of(self, column: pa.Array, first_row: int) -> pa.Array:
        """Give the source of each row as text; what has none has the source ""."""
        named = self._coded("source", column)
        codes = codes_of(named)
        self._check_names("source", codes, named.dictionary, first_row)
        texts = pa.concat_arrays([named.dictionary, pa.array([""])])
        return texts.take(pa.array(np.where(codes < 0, len(texts) - 1, codes)))

    def _keep(self, name: str, named: pa.DictionaryArray, place: int) -> None:
        """Write the codes of names."""
        numbers = self._names[name].add(named.dictionary)
        for start in range(0, len(named), _PART_ROWS):
            part = named.indices.slice(start, _PART_ROWS)
            codes = self._columns.part(name, np.int32, place + start, place + start + len(part))
            if numbers is None:
                codes[:] = integers(part)
            else:
                numbers.take(integers(part), out=codes, mode="clip")
            if part.null_count:
                fill_gaps(codes, given_in(part), -1)

    def _check_names(self, name: str, codes: Ints, texts: pa.Array, first_row: int) -> None:
        """Note the rows of names that are no identifiers."""
        for code in _doubtful(texts):
            rows = np.flatnonzero(codes == code)
            reasons = self._gate.name_reasons(name, texts[int(code)].as_py())
            if reasons and len(rows):
                self._note(name, first_row, rows, partial(said, reasons[0]), reasons[0])

    def _coded(self, name: str, column: pa.Array) -> pa.DictionaryArray:
        try:
            named = coded(column)
        except Unreadable as error:
            self._findings.add_column(name, str(error))
            return pa.nulls(len(column), pa.dictionary(pa.int32(), pa.string()))
        if name == "partner" and pc.any(pc.equal(named.dictionary, "")).as_py():
            # A partner that is empty is one that is not given.
            empty = np.append(np.asarray(pc.equal(named.dictionary, "")), False)
            codes = codes_of(named)
            named = coded_as(np.where(empty[codes], -1, codes), named.dictionary)
        return named

    def _texts(self, name: str, column: pa.Array, first_row: int) -> pa.Array | None:
        try:
            texts = text_of(column)
        except Unreadable as error:
            self._findings.add_column(name, str(error))
            return None
        for row in _doubtful(texts):
            for reason in self._gate.name_reasons(name, texts[int(row)].as_py())[:1]:
                self._note(name, first_row, np.array([row]), partial(said, reason), reason)
        return texts

    def _unknown(self, name: str, _: int, programme: Programme | None = None) -> str:
        return unknown_kind(programme or self._programme, name).removeprefix("on: ")

    def _note(self, column: str, first_row: int, rows: Any, say: Callable[[int], str], like: object) -> None:
        self._findings.add(column, rows, say, first_row=first_row, like=str(like))


def _doubtful(texts: pa.Array) -> Ints:
    """Give the places of texts that may be no identifiers: empty ones, long ones, those with a NUL or a slash."""
    lengths = pc.binary_length(texts)
    doubtful = pc.or_(pc.equal(lengths, 0), pc.greater(lengths, LONGEST_ID))
    data = texts.buffers()[2]
    if data is not None:
        listed = np.frombuffer(data, np.uint8)
        for sign in ("\x00", "/"):
            if (listed == ord(sign)).any():
                doubtful = pc.or_(doubtful, pc.match_substring(texts, sign))
    return np.flatnonzero(np.asarray(pc.fill_null(doubtful, False)))
