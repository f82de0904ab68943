"""
Declared fields, batch by batch: what is given is of the declared form and within its bounds, and defaults stand in.

A batch is looked at as a whole first, by counting what each slot has and what the extremes are; rows are looked for
only where that says that there is something to find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
from attrs import frozen

from loyalty.batch.declared import ABSENT, CODE, FLAG, NUMBER, OWN_SLOTS, UNKNOWN, Declared, Field
from loyalty.batch.decoding import (
    Names,
    Unreadable,
    coded,
    coded_as,
    codes_of,
    flags_of,
    given_in,
    is_text,
    numbers_of,
    plain,
    value_type,
)
from loyalty.batch.findings import Findings, said
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

#: Values that only reserved kinds have.
_OWN: Final = frozenset({TIER, UNTIL, CURRENCY, AMOUNT, SHARE})
_HOW_MUCH: Final = (AMOUNT, SHARE)


@frozen(eq=False)
class Slots:
    """The slots of a batch of rows, those that are present in it, and the number of its first row."""

    of_row: Ints
    present: Ints
    first_row: int

    def pick(self, vector: Ints) -> Any:
        """Give a vector by slot as one by row, or as one number where all slots that are present share it."""
        here = vector[self.present]
        return here[0] if len(here) and (here == here[0]).all() else vector[self.of_row]


class Fields:
    """
    Reads the columns of fields.

    Args:
        programme: What declares them.
        declared: Its slots.
        findings: Where faults go.

    Attributes:
        names: The texts of fields that take any; their codes are known in the end.
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

    def read(self, columns: Mapping[str, pa.Array], slot: Ints, first_row: int) -> dict[str, Ints]:
        """
        Give the values of all fields of a batch; of a field that no row has there are none.

        Args:
            columns: Those of the batch, by name.
            slot: The slot of each row.
            first_row: The number of the first row.
        """
        slots = self._slots(slot, first_row)
        present = slots.present
        values: dict[str, Ints] = {}
        for field in self._declared.fields.values():
            if field.name not in self.names:
                found = self._read(field, columns, slots)
                if found is not None:
                    values[field.name] = found
        width = self._declared.width
        for code, finish in ((OVERRIDE, self._finish_overrides), (REDEEM, self._finish_wishes)):
            if (present % width == width + code).any():
                finish(columns, values, np.flatnonzero(slot % width == width + code), first_row)
        return {name: column for name, column in values.items() if name in self._of_kinds or name in _OWN}

    def read_open(self, columns: Mapping[str, pa.Array], parts: Sequence[Ints], first_row: int) -> None:
        """
        Check the fields that take any text, and keep their texts; a batch is read as a whole.

        Args:
            columns: Those of the batch, by name.
            parts: The slots of its rows, part by part.
            first_row: The number of the first row.
        """
        if self.names:
            slots = self._slots(np.concatenate(parts), first_row)
            for name in self.names:
                self._read(self._declared.fields[name], columns, slots)

    def _slots(self, slot: Ints, first_row: int) -> Slots:
        present = np.flatnonzero(np.bincount(slot, minlength=len(self._declared.known)))
        return Slots(slot, present, first_row)

    def _read(self, field: Field, columns: Mapping[str, pa.Array], slots: Slots) -> Ints | None:
        """Check a field and give its values; texts that nobody declared go to the names of the field."""
        column = columns.get(field.name)
        if column is not None and field.name == "until":
            column = _as_text(column)
        if column is not None and column.null_count == len(column):
            column = None
        size = len(slots.of_row)
        given = np.zeros(size, bool) if column is None else given_in(column)
        form = int(field.form.max())
        values: Ints = np.zeros(size, field.dtype)
        texts = pa.array([], pa.string())
        try:
            if column is not None:
                form = _form_of(field, column)
                values, texts = self._content(field, form, column, columns, slots)
        except Unreadable as error:
            self._findings.add_column(field.name, str(error))
            given, column = np.zeros(size, bool), None
        if (given == field.fits(form)[slots.of_row]).all():
            # Everyone has what all of the kind have: there is nothing to find, and no default to put in.
            gone = np.zeros(len(field.form), bool)
        else:
            counts = np.bincount(slots.of_row * 2 + given, minlength=2 * len(field.form)).reshape(-1, 2)
            gone = counts[:, 0] > 0
            if column is not None and ((counts[:, 1] > 0) & (field.form != form)).any():
                self._note_forms(field, form, column, given, slots)
            if (gone & field.required).any():
                rows = np.flatnonzero(~given & field.required[slots.of_row])
                self._note(field, rows, slots, lambda row: self._is_missing(slots.of_row[row]), "missing")
        if field.name in self.names:
            if column is None or len(field.texts):
                # Defaults stand behind the texts that are here.
                start, texts = len(texts), pa.concat_arrays([texts, pa.array(field.texts, pa.string())])
                defaults = np.where(field.default == MISSING, -1, field.default + start)
                self.names[field.name].add(coded_as(np.where(given, values, defaults[slots.of_row]), texts))
            else:
                self.names[field.name].add(coded(column))
            return None
        has_default = gone & (field.default != MISSING)
        if column is None and not has_default.any():
            return None
        missing = np.iinfo(field.dtype).min
        if has_default.any():
            defaults = np.where(field.default == MISSING, missing, field.default).astype(field.dtype)
            return np.where(given, values, defaults[slots.of_row])
        # Codes have their gaps already.
        return values if form == CODE or given.all() else np.where(given, values, field.dtype(missing))

    def _content(
        self, field: Field, form: int, column: pa.Array, columns: Mapping[str, pa.Array], slots: Slots
    ) -> tuple[Ints, pa.Array]:
        """Check what is given, and give it in the type of the field, arbitrary at nulls, but for codes."""
        texts = pa.array([], pa.string())
        if form == FLAG:
            return flags_of(column).astype(field.dtype, copy=False), texts
        if form == NUMBER:
            scale = self._scales_of(columns, slots) if field.name == AMOUNT else slots.pick(field.scale)
            values = self._numbers(field, column, scale, slots)
            return values.astype(field.dtype, copy=False), texts
        named = coded(column)
        codes, texts = codes_of(named), named.dictionary
        self._check_texts(field, codes, texts, slots)
        if field.name not in self.names:
            mapping = [field.texts.index(text) if text in field.texts else 0 for text in texts.to_pylist()]
            codes = np.array([*mapping, np.iinfo(field.dtype).min], field.dtype)[codes]
        return codes, texts

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
        given = given_in(column)
        if not (((values >= lowest) & (values <= highest)) | ~given).all():
            exact = given.copy()
            exact[uneven] = False
            outside = exact & ((values < field.lowest[slot]) | (values > field.highest[slot]))
            outside &= field.form[slot] == NUMBER
            for one in np.unique(slot[outside]):
                rows = np.flatnonzero(outside & (slot == one))
                self._note(field, rows, slots, partial(self._number_words, field, one, values), one)
        return values

    def _check_texts(self, field: Field, codes: Ints, texts: pa.Array, slots: Slots) -> None:
        """Note texts that the field of a row's kind does not take."""
        for one in slots.present[field.form[slots.present] == CODE]:
            takes = field.choices[one]
            if takes is None:
                data = texts.buffers()[2]
                if data is None or np.frombuffer(data, np.uint8).all():
                    continue
            elif len(texts) <= len(takes) and takes.issuperset(texts.to_pylist()):
                continue
            rows = np.flatnonzero((slots.of_row == one) & (codes >= 0))
            used = np.unique(codes[rows])
            for code, text in zip(used, texts.take(pa.array(used)).to_pylist(), strict=True):
                if (text not in takes) if takes is not None else not can_be_stored(text):
                    reason = self._words(field, one, text)
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
        self, columns: Mapping[str, pa.Array], values: dict[str, Ints], rows: Ints, first_row: int
    ) -> None:
        """Move what tiers by hand say into values of their own."""
        tiers, days = np.full(len(rows), MISSING, np.int64), np.full(len(rows), MISSING, np.int64)
        if "tier" in columns and "until" in columns:
            for place, text in enumerate(plain(columns["tier"]).take(pa.array(rows)).to_pylist()):
                tiers[place] = self._tiers.get(text, MISSING)
            for place, text in enumerate(_as_text(columns["until"]).take(pa.array(rows)).to_pylist()):
                reason = None if text is None else self._override_gate.tests["until"](text)
                if text is not None and reason is None:
                    days[place] = parse_day(text)
                elif reason is not None:
                    self._findings.add("until", rows[[place]], partial(said, reason), first_row=first_row, like=text)
        size = len(next(iter(columns.values())))
        for name, own in ((TIER, tiers), (UNTIL, days)):
            values[name] = np.full(size, MISSING, np.int64)
            values[name][rows] = own
        for name in ("tier", "until"):
            if name in values:
                values[name] = values[name].copy()
                values[name][rows] = np.iinfo(values[name].dtype).min

    def _finish_wishes(
        self, columns: Mapping[str, pa.Array], values: dict[str, Ints], rows: Ints, first_row: int
    ) -> None:
        """See that each wish to redeem says an amount or a share."""
        given = [given_in(columns[name])[rows] if name in columns else np.zeros(len(rows), bool) for name in _HOW_MUCH]
        say = f"a wish to redeem says either an amount or a share; fill {AMOUNT} or {SHARE}"
        self._findings.add(AMOUNT, rows[given[0] == given[1]], lambda _: say, first_row=first_row, like="either")
        del values

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


def _as_text(column: pa.Array) -> pa.Array:
    """Give dates as people write them."""
    column = plain(column)
    return column.cast(pa.date32()).cast(pa.string()) if pa.types.is_date(column.type) else column
