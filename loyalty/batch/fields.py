"""
Declared fields, batch by batch: what is given is of the declared form and within its bounds, and defaults stand in.

What a dictionary says is looked at once for a batch, and its rows are codes. A part of a batch is looked at as a whole
first, by whether it has what all rows of their kinds have and what the extremes are; rows are looked for only where
that says that there is something to find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
from attrs import field as attribute
from attrs import frozen

from loyalty.batch.columns import Columns, fill_gaps
from loyalty.batch.declared import ABSENT, CODE, FLAG, NUMBER, OWN_SLOTS, UNKNOWN, Declared, Field
from loyalty.batch.decoding import (
    Unreadable,
    coded,
    codes_of,
    flags_of,
    given_in,
    integers,
    is_text,
    numbers_of,
    plain,
    value_type,
)
from loyalty.batch.findings import Findings, said
from loyalty.batch.naming import Names
from loyalty.batch.tables import AMOUNT, CURRENCY, MISSING, OVERRIDE, REDEEM, SHARE, TIER, UNTIL, Ints
from loyalty.core.calendar import parse_day
from loyalty.core.events import TIER_OVERRIDE
from loyalty.programme.gates import gates_of
from loyalty.programme.model import Programme
from loyalty.programme.notes import join_words
from loyalty.programme.revisions import currencies_of, tiers_of
from loyalty.programme.texts import can_be_stored

_WORDS: Final = {NUMBER: "a number", FLAG: "yes or no", CODE: "a text"}
_CASTS: Final = {NUMBER: "decimals or int64", FLAG: "bool", CODE: "text"}

#: Rows of so many slots are looked for slot by slot, and slots below so many fit into a byte.
_FEW_SLOTS: Final = 8
_NARROW: Final = 255

#: Values that only reserved kinds have.
_OWN: Final = frozenset({TIER, UNTIL, CURRENCY, AMOUNT, SHARE})
_HOW_MUCH: Final = (AMOUNT, SHARE)


@frozen(eq=False)
class Slots:
    """The slots of some rows, those that are present in them, the number of the first row and its place in columns."""

    of_row: Ints
    present: Ints
    first_row: int
    place: int
    _having: dict[bytes, Any] = attribute(factory=dict, init=False)

    def pick(self, vector: Ints, among: Any) -> Any:
        """Give a vector by slot as one by row, or as one number where the slots present *among* some share it."""
        here = vector[self.present[among[self.present]]]
        return here[0] if len(here) and (here == here[0]).all() else vector[self.of_row]

    def having(self, which: Any) -> Any:
        """Give which rows are of some slots, found once for all fields of the same kinds."""
        own = self.present[which[self.present]]
        key = own.tobytes()
        if key not in self._having:
            if len(own) > _FEW_SLOTS or self.present[-1] > _NARROW:
                self._having[key] = which[self.of_row]
            else:
                self._having[key] = np.zeros(len(self.of_row), bool)
                for one in own:
                    self._having[key] |= self._narrow == one
        return self._having[key]

    @cached_property
    def _narrow(self) -> Any:
        """Slots in a byte each, which are compared in no time."""
        return self.of_row.astype(np.uint8)


@frozen(eq=False)
class Content:
    """
    What a column of a batch holds for a field.

    Attributes:
        column: The whole column; texts are coded.
        form: NUMBER, FLAG or CODE.
        texts: What the codes of rows stand for.
        codes: The field's own code of each of them; None where these are their places.
        refused: By slot, which of them it does not take; of those alone that do not take all.
    """

    column: pa.Array
    form: int
    texts: pa.Array
    codes: Ints | None
    refused: Mapping[int, Any]


class Fields:
    """
    Reads the columns of fields.

    Args:
        programme: What declares them.
        declared: Its slots.
        findings: Where faults go.

    Attributes:
        names: The texts of fields that take any, those that stand in for what is absent first.
    """

    def __init__(self, programme: Programme, declared: Declared, findings: Findings) -> None:
        kinds = declared.width - OWN_SLOTS
        #: Fields of kinds that the programme declares; what only reserved kinds have is read into values of their own.
        self._of_kinds = {
            name for name, field in declared.fields.items() if field.form.reshape(-1, declared.width)[:, :kinds].any()
        }
        self.names = {name: Names(declared.fields[name].texts) for name in self._of_kinds
                      if not declared.fields[name].is_closed}  # fmt: skip
        self._declared, self._findings = declared, findings
        self._override_gate = gates_of(programme)[TIER_OVERRIDE]
        self._tiers = {name: place for place, name in enumerate(tiers_of(programme))}
        currencies = currencies_of(programme)
        self._currencies = {name: place for place, name in enumerate(sorted(currencies))}
        self._scales = np.array([currencies[name].scale for name in self._currencies], np.int64)

    def forget(self) -> None:
        """Let go of the texts of batches."""
        self.names = {name: Names(self._declared.fields[name].texts) for name in self.names}

    def contents(self, columns: Mapping[str, pa.Array]) -> dict[str, Content]:
        """Give what the columns of a batch hold; of a field that no row has there is nothing."""
        found = {}
        for name, field in self._declared.fields.items():
            column = columns.get(name)
            if column is not None and name == "until":
                column = _as_text(column)
            if column is not None and column.null_count < len(column):
                try:
                    found[name] = self._content_of(field, column)
                except Unreadable as error:
                    self._findings.add_column(name, str(error))
        return found

    def read(self, contents: Mapping[str, Content], start: int, slots: Slots, columns: Columns) -> None:
        """
        Write the values of all fields of a part of a batch.

        Args:
            contents: What the batch holds.
            start: Where in it the part begins.
            slots: Those of its rows.
            columns: Where to.
        """
        parts = {name: content.column.slice(start, len(slots.of_row)) for name, content in contents.items()}
        written = {
            name: self._read(field, contents.get(name), parts, slots, columns)
            for name, field in self._declared.fields.items()
        }
        width = self._declared.width
        for code in (OVERRIDE, REDEEM):
            own = np.arange(len(self._declared.known)) % width == width + code
            if own[slots.present].any():
                rows = np.flatnonzero(slots.having(own))
                if code == OVERRIDE:
                    self._finish_overrides(parts, rows, slots, columns, written)
                else:
                    self._finish_wishes(parts, rows, slots)

    def _content_of(self, field: Field, column: pa.Array) -> Content:
        form = _form_of(field, column)
        if form != CODE:
            return Content(column, form, pa.array([], pa.string()), None, {})
        named = coded(column)
        texts = named.dictionary
        refused = _refused(field, texts)
        if field.name in self.names:
            return Content(named, form, texts, self.names[field.name].add(texts), refused)
        listed = texts.to_pylist() if field.is_closed else []
        codes = [field.texts.index(text) if text in field.texts else 0 for text in listed]
        are_places = codes == list(range(len(codes)))
        return Content(named, form, texts, None if are_places else np.array(codes, field.dtype), refused)

    def _read(
        self, field: Field, content: Content | None, parts: Mapping[str, pa.Array], slots: Slots, columns: Columns
    ) -> Ints | None:
        """Check a field of a part of a batch, write its values and give them; None where it has none."""
        size = len(slots.of_row)
        column = None if content is None else parts[field.name]
        if column is not None and column.null_count == size:
            column = None
        form = int(field.form.max()) if content is None else content.form
        missing = np.iinfo(field.dtype).min
        values: Ints | None = None
        given = np.zeros(size, bool)
        if content is not None and column is not None:
            values = self._place_of(field, columns, slots)
            try:
                self._write(field, content, column, parts, slots, values)
                given = given_in(column)
            except Unreadable as error:
                self._findings.add_column(field.name, str(error))
                column = None
            if not given.all():
                fill_gaps(values, given, missing)
        if (given == slots.having(field.fits(form))).all():
            # Everyone has what all of the kind have: there is nothing to find, and no default to put in.
            return values
        gone = np.zeros(len(field.form), bool)
        if column is None:
            gone[slots.present] = True
        else:
            counts = np.bincount(slots.of_row * 2 + given, minlength=2 * len(field.form)).reshape(-1, 2)
            gone |= counts[:, 0] > 0
            if ((counts[:, 1] > 0) & (field.form != form)).any():
                self._note_forms(field, form, column, given, slots)
        if (gone & field.required).any():
            rows = np.flatnonzero(~given & field.required[slots.of_row])
            self._note(field, rows, slots, lambda row: self._is_missing(slots.of_row[row]), "missing")
        if (gone & (field.default != MISSING)).any():
            if values is None:
                values = self._place_of(field, columns, slots)
            defaults = np.where(field.default == MISSING, missing, field.default).astype(field.dtype)
            np.copyto(values, defaults[slots.of_row], where=~given)
        return values

    def _place_of(self, field: Field, columns: Columns, slots: Slots) -> Ints:
        """Give where the values go: nowhere, where only reserved kinds have the field."""
        size = len(slots.of_row)
        if field.name not in self._of_kinds and field.name not in _OWN:
            return np.empty(size, field.dtype)
        return columns.part(field.name, field.dtype, slots.place, slots.place + size)

    def _write(
        self,
        field: Field,
        content: Content,
        column: pa.Array,
        parts: Mapping[str, pa.Array],
        slots: Slots,
        values: Ints,
    ) -> None:
        """Check what is given, and write it, arbitrary at nulls."""
        if content.form == FLAG:
            values[:] = flags_of(column)
        elif content.form == NUMBER:
            scale = (
                self._scales_of(parts, slots) if field.name == AMOUNT else slots.pick(field.scale, field.fits(NUMBER))
            )
            np.copyto(values, self._numbers(field, column, scale, slots), casting="unsafe")
        else:
            if content.refused:
                self._check_texts(field, content, codes_of(column), slots)
            codes = integers(column.indices)
            if content.codes is None:
                np.copyto(values, codes, casting="unsafe")
            else:
                content.codes.take(codes, out=values, mode="clip")

    def _numbers(self, field: Field, column: pa.Array, scale: Any, slots: Slots) -> Ints:
        """Give numbers, and note those that are not exact or out of bounds."""
        slot = slots.of_row
        values, uneven = numbers_of(column, int(scale) if np.ndim(scale) == 0 else scale)
        uneven = uneven[field.form[slot[uneven]] == NUMBER]
        say = "has more digits than are kept here; round it first"
        self._note(field, uneven, slots, lambda row: f"{column[row]} {say}", "digits")
        known = slots.present[field.form[slots.present] == NUMBER]
        if not len(known):
            return values
        lowest, highest = field.lowest[known].max(), field.highest[known].min()
        if len(values) and not (values.min() >= lowest and values.max() <= highest):
            exact = given_in(column).copy()
            exact[uneven] = False
            outside = exact & ((values < field.lowest[slot]) | (values > field.highest[slot]))
            outside &= field.form[slot] == NUMBER
            for one in np.unique(slot[outside]):
                rows = np.flatnonzero(outside & (slot == one))
                self._note(field, rows, slots, partial(self._number_words, field, one, values), one)
        return values

    def _check_texts(self, field: Field, content: Content, codes: Ints, slots: Slots) -> None:
        """Note texts that the field of a row's kind does not take."""
        for one in slots.present:
            if one not in content.refused:
                continue
            # The last stands for rows without a text.
            is_refused = np.append(content.refused[one], False)
            rows = np.flatnonzero((slots.of_row == one) & is_refused[codes])
            for code in np.unique(codes[rows]):
                reason = self._words(field, one, content.texts[int(code)].as_py())
                self._note(field, rows[codes[rows] == code], slots, partial(said, reason), reason)

    def _note_forms(self, field: Field, form: int, column: pa.Array, given: Any, slots: Slots) -> None:
        """Note rows that have a field that their kind does not, or of another form."""
        slot = slots.of_row
        for one in slots.present[field.form[slots.present] == ABSENT]:
            if one % self._declared.width == self._declared.width + UNKNOWN:
                continue
            gate, name = self._declared.gate(one), self._declared.kind_name(one)
            rows = np.flatnonzero(given & (slot == one))
            reason = gate.unknown_field(field.name) if gate else f"{name} has no such field; leave it null there"
            self._note(field, rows, slots, partial(said, reason), f"unknown {one}")
        forms = field.form[slot]
        wrong = np.flatnonzero(given & (forms != form) & (forms != ABSENT))
        self._note(
            field, wrong, slots,
            lambda row: f"{column[row]} stands where {self._declared.kind_name(slot[row])} has "
            f"{_WORDS[int(forms[row])]}; cast it to {_CASTS[int(forms[row])]}", "form",
        )  # fmt: skip

    def _finish_overrides(
        self,
        parts: Mapping[str, pa.Array],
        rows: Ints,
        slots: Slots,
        columns: Columns,
        written: Mapping[str, Ints | None],
    ) -> None:
        """Move what tiers by hand say into values of their own."""
        tiers, days = np.full(len(rows), MISSING, np.int64), np.full(len(rows), MISSING, np.int64)
        if "tier" in parts and "until" in parts:
            for place, text in enumerate(plain(parts["tier"]).take(pa.array(rows)).to_pylist()):
                tiers[place] = self._tiers.get(text, MISSING)
            for place, text in enumerate(plain(parts["until"]).take(pa.array(rows)).to_pylist()):
                reason = None if text is None else self._override_gate.tests["until"](text)
                if text is not None and reason is None:
                    days[place] = parse_day(text)
                elif reason is not None:
                    say = partial(said, reason)
                    self._findings.add("until", rows[[place]], say, first_row=slots.first_row, like=text)
        for name, own in ((TIER, tiers), (UNTIL, days)):
            values = columns.part(name, np.int64, slots.place, slots.place + len(slots.of_row))
            values[:] = MISSING
            values[rows] = own
        for name in ("tier", "until"):
            field_values = written.get(name)
            if field_values is not None:
                field_values[rows] = np.iinfo(field_values.dtype).min

    def _finish_wishes(self, parts: Mapping[str, pa.Array], rows: Ints, slots: Slots) -> None:
        """See that each wish to redeem says an amount or a share."""
        given = [given_in(parts[name])[rows] if name in parts else np.zeros(len(rows), bool) for name in _HOW_MUCH]
        say = f"a wish to redeem says either an amount or a share; fill {AMOUNT} or {SHARE}"
        wrong = rows[given[0] == given[1]]
        self._findings.add(AMOUNT, wrong, lambda _: say, first_row=slots.first_row, like="either")

    def _scales_of(self, columns: Mapping[str, pa.Array], slots: Slots) -> Ints:
        """Give the digits after the point of the currency that each row's wish names."""
        if CURRENCY not in columns:
            return np.zeros(len(slots.of_row), np.int64)
        named = coded(columns[CURRENCY])
        places = [self._currencies.get(text) for text in named.dictionary.to_pylist()]
        scales = np.array([*(0 if place is None else self._scales[place] for place in places), 0], np.int64)
        return scales[codes_of(named)]

    def _words(self, field: Field, slot: Any, value: int | str) -> str:
        """Say what is wrong with a value, in the words of the kind's gate."""
        gate = self._declared.gate(slot)
        if gate is not None:
            return gate.tests[field.name](value) or f"{value!r} is not taken here"
        if isinstance(value, str):
            return f"{value!r} is none of the currencies; write {join_words(self._currencies, 'or')}"
        return f"{value} lies outside {field.lowest[slot]} to {field.highest[slot]}; mend it"

    def _number_words(self, field: Field, slot: Any, values: Ints, row: int) -> str:
        return self._words(field, slot, int(values[row]))

    def _is_missing(self, slot: Any) -> str:
        return f"the field is missing; events of {self._declared.kind_name(slot)} need it"

    def _note(self, field: Field, rows: Ints, slots: Slots, say: Callable[[int], str], like: object) -> None:
        self._findings.add(field.name, rows, say, first_row=slots.first_row, like=str(like))


def _form_of(field: Field, column: pa.Array) -> int:
    """Give what the type of a column holds."""
    kind = value_type(column.type)
    if is_text(kind):
        return CODE
    if pa.types.is_boolean(kind):
        return FLAG
    if not (field.form == NUMBER).any():
        form = int(field.form.max())
        raise Unreadable(f"the column holds {kind}, and the field {_WORDS[form]}; cast it to {_CASTS[form]}")
    return NUMBER


def _refused(field: Field, texts: pa.Array) -> dict[int, Any]:
    """Give by slot which of some texts the field does not take there; of those slots alone that do not take all."""
    listed: list[str] | None = None
    found: dict[frozenset[str] | None, Any] = {}
    for slot in np.flatnonzero(field.form == CODE).tolist():
        takes = field.choices[slot]
        if takes in found:
            continue
        data = texts.buffers()[2]
        if takes is None and (data is None or np.frombuffer(data, np.uint8).all()):
            # Only what has a NUL cannot be stored.
            found[takes] = np.zeros(0, bool)
            continue
        listed = texts.to_pylist() if listed is None else listed
        found[takes] = np.array([not can_be_stored(t) if takes is None else t not in takes for t in listed], bool)
    return {
        slot: found[field.choices[slot]]
        for slot in np.flatnonzero(field.form == CODE).tolist()
        if found[field.choices[slot]].any()
    }


def _as_text(column: pa.Array) -> pa.Array:
    """Give dates as people write them."""
    column = plain(column)
    return column.cast(pa.date32()).cast(pa.string()) if pa.types.is_date(column.type) else column
