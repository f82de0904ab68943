"""
Declared fields, batch by batch: what is given is of the declared form and within its bounds, and defaults stand in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
from attrs import frozen

from loyalty.batch.declared import ABSENT, CODE, FLAG, NUMBER, UNKNOWN, Declared, Field
from loyalty.batch.decoding import Interner, Unreadable, flags_of, is_text, numbers_of, value_type
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


class Fields:
    """
    Reads the columns of fields.

    Args:
        programme: What declares them.
        declared: Its slots.
        findings: Where faults go.

    Attributes:
        texts: The texts of each field by code.
    """

    def __init__(self, programme: Programme, declared: Declared, findings: Findings) -> None:
        self.texts: dict[str, Interner] = {}
        self._declared, self._findings = declared, findings
        self._override_gate = gates_of(programme)[TIER_OVERRIDE]
        self._tiers = {name: place for place, name in enumerate(tiers_of(programme))}
        currencies = currencies_of(programme)
        self._currencies = {name: place for place, name in enumerate(sorted(currencies))}
        self._scales = np.array([currencies[name].scale for name in self._currencies], np.int64)
        for name, field in declared.fields.items():
            for text in field.stand_ins:
                self._interner(name).code(text)

    def read(self, columns: Mapping[str, pa.Array], slot: Ints, first_row: int) -> dict[str, Ints]:
        """
        Give the values of all fields of a batch; of a field that no row has there are none.

        Args:
            columns: Those of the batch, by name.
            slot: The slot of each row.
            first_row: The number of the first row.
        """
        present = np.flatnonzero(np.bincount(slot, minlength=len(self._declared.known)))
        batch = Batch(slot, present, first_row)
        values: dict[str, Ints] = {}
        for field in self._declared.fields.values():
            found = self._read(field, columns.get(field.name), batch, values)
            if found is not None:
                values[field.name] = found
        width = self._declared.width
        for code, finish in ((OVERRIDE, self._finish_overrides), (REDEEM, self._finish_wishes)):
            if (present % width == width + code).any():
                finish(values, np.flatnonzero(slot % width == width + code), batch)
        return values

    def _read(self, field: Field, column: pa.Array | None, batch: Batch, before: Mapping[str, Ints]) -> Ints | None:
        if column is None:
            return self._absent(field, batch)
        scale: Any = batch.pick(field.scale)
        if field.name == AMOUNT and CURRENCY in before:
            texts = self._interner(CURRENCY).texts
            scales = np.array(
                [self._scales[self._currencies[text]] if text in self._currencies else 0 for text in texts]
            )
            scale = scales[np.maximum(before[CURRENCY], 0)] if len(texts) else scale
        try:
            form, values, uneven = self._decoded(field, column, scale)
        except Unreadable as error:
            self._findings.add_column(field.name, str(error))
            return None
        uneven = uneven[field.form[batch.slot[uneven]] == NUMBER]
        self._note(
            field,
            uneven,
            batch,
            lambda row: f"{column[row]} has more digits than are kept here; round it first",
            "even",
        )
        given, slot = values != MISSING, batch.slot
        self._check_form(field, form, column, given, batch)
        if form == NUMBER:
            lowest, highest = batch.pick(field.lowest), batch.pick(field.highest)
            outside = given & ((values < lowest) | (values > highest)) & (batch.pick(field.form) == NUMBER)
            if len(uneven):
                outside[uneven] = False
            for one in np.unique(slot[outside]) if outside.any() else ():
                rows = np.flatnonzero(outside & (slot == one))
                self._note(field, rows, batch, partial(self._number_words, field, one, values), one)
        elif form == CODE:
            self._check_choices(field, values, batch)
        missing = ~given
        if missing.any():
            required = missing & batch.pick(field.required)
            self._note(field, np.flatnonzero(required), batch, lambda row: self._is_missing(batch.slot[row]), "x")
            values = np.where(missing, batch.pick(field.default), values)
        return values

    def _absent(self, field: Field, batch: Batch) -> Ints | None:
        """Give what stands for a field without a column."""
        required = field.required[batch.slot] if field.required[batch.present].any() else np.zeros(0, bool)
        self._note(field, np.flatnonzero(required), batch, lambda row: self._is_missing(batch.slot[row]), "missing")
        if (field.default[batch.present] == MISSING).all():
            return None
        return field.default[batch.slot]

    def _decoded(self, field: Field, column: pa.Array, scale: Any) -> tuple[int, Ints, Ints]:
        """Give what a column's type holds, its values, and rows that cannot be kept exactly."""
        kind = value_type(column.type)
        if field.name == "until" and pa.types.is_date(kind):
            column, kind = column.cast(pa.date32()).cast(pa.string()), pa.string()
        if is_text(kind):
            codes = self._interner(field.name).codes(column)
            return CODE, np.where(codes < 0, MISSING, codes.astype(np.int64)), np.empty(0, np.int64)
        if pa.types.is_boolean(kind):
            return FLAG, flags_of(column), np.empty(0, np.int64)
        if not (field.form == NUMBER).any() and not pa.types.is_null(kind):
            form = int(field.form.max())
            raise Unreadable(f"the column holds {kind}, and the field {_WORDS[form]}; cast it to {_CASTS[form]}")
        return NUMBER, *numbers_of(column, scale)

    def _check_form(self, field: Field, form: int, column: pa.Array, given: Any, batch: Batch) -> None:
        """Note rows that have a field that their kind does not, or of another form."""
        present, slot = batch.present, batch.slot
        if (field.form[present] == form).all():
            return
        for one in present[field.form[present] == ABSENT]:
            if one % self._declared.width == self._declared.width + UNKNOWN:
                continue
            gate, name = self._declared.gate(one), self._declared.kind_name(one)
            rows = np.flatnonzero(given & (slot == one))
            reason = gate.unknown_field(field.name) if gate else f"{name} has no such field; leave it null there"
            self._note(field, rows, batch, partial(said, reason), f"unknown {one}")
        forms = field.form[slot]
        wrong = np.flatnonzero(given & (forms != form) & (forms != ABSENT))
        self._note(
            field, wrong, batch,
            lambda row: f"{column[row]} stands where {self._declared.kind_name(slot[row])} has "
            f"{_WORDS[int(forms[row])]}; cast it to {_CASTS[int(forms[row])]}", "form",
        )  # fmt: skip

    def _check_choices(self, field: Field, values: Ints, batch: Batch) -> None:
        """Note texts that the field of a row's kind does not take."""
        interner = self._interner(field.name)
        faulty = interner.faults(lambda text: None if can_be_stored(text) else text)
        for one in batch.present[field.form[batch.present] == CODE]:
            takes = field.choices[one]
            if takes is None:
                bad = list(faulty)
            else:
                bad = [code for code, text in enumerate(interner.texts) if text not in takes]
            for code in np.intersect1d(bad, values[batch.slot == one]) if bad else ():
                rows = np.flatnonzero((values == code) & (batch.slot == one))
                reason = self._words(field, one, interner.texts[int(code)])
                self._note(field, rows, batch, partial(said, reason), reason)

    def _finish_overrides(self, values: dict[str, Ints], rows: Ints, batch: Batch) -> None:
        """Move what tiers by hand say into values of their own."""
        tier, until = values.get("tier"), values.get("until")
        size = len(batch.slot)
        values[TIER], values[UNTIL] = np.full(size, MISSING, np.int64), np.full(size, MISSING, np.int64)
        if tier is None or until is None:
            return
        names, dates = self._interner("tier").texts, self._interner("until").texts
        for code in np.unique(tier[rows]):
            if code >= 0:
                values[TIER][rows[tier[rows] == code]] = self._tiers.get(names[code], MISSING)
        for code in np.unique(until[rows]):
            if code < 0:
                continue
            those = rows[until[rows] == code]
            reason = self._override_gate.tests["until"](dates[code])
            if reason is None:
                values[UNTIL][those] = parse_day(dates[code])
            else:
                self._findings.add("until", those, partial(said, reason), first_row=batch.first_row, like=dates[code])
        for name, column in (("tier", tier), ("until", until)):
            kept = column.copy()
            kept[rows] = MISSING
            values[name] = kept

    def _finish_wishes(self, values: dict[str, Ints], rows: Ints, batch: Batch) -> None:
        """Number the currencies of wishes to redeem, each of which says an amount or a share."""
        size = len(batch.slot)
        for name in (CURRENCY, AMOUNT, SHARE):
            values.setdefault(name, np.full(size, MISSING, np.int64))
        places = np.array([*(self._currencies.get(text, MISSING) for text in self._interner(CURRENCY).texts), MISSING])
        values[CURRENCY] = places[np.where(values[CURRENCY] < 0, len(places) - 1, values[CURRENCY])]
        both = (values[AMOUNT][rows] == MISSING) == (values[SHARE][rows] == MISSING)
        say = f"a wish to redeem says either an amount or a share; fill {AMOUNT} or {SHARE}"
        self._findings.add(AMOUNT, rows[both], lambda _: say, first_row=batch.first_row, like="either")

    def _scales_of(self, codes: Ints) -> Ints:
        """Give the digits after the point of the currency of each row."""
        places = [self._currencies.get(text) for text in self._interner(CURRENCY).texts]
        scales = np.array([*(0 if place is None else self._scales[place] for place in places), 0])
        return scales[np.where(codes < 0, len(scales) - 1, codes)]

    def _words(self, field: Field, slot: Any, value: int | str) -> str:
        """Say what is wrong with a value, in the words of the kind's gate."""
        gate = self._declared.gate(slot)
        if gate is None:
            known = join_words(self._currencies, "or")
            return (
                f"{value} is none of the currencies; write {known}" if isinstance(value, str)
                else f"{value} lies outside {field.lowest[slot]} to {field.highest[slot]}; mend it"
            )  # fmt: skip
        return gate.tests[field.name](value) or f"{value!r} is not taken here"

    def _number_words(self, field: Field, slot: Any, values: Ints, row: int) -> str:
        return self._words(field, slot, int(values[row]))

    def _is_missing(self, slot: Any) -> str:
        return f"the field is missing; events of {self._declared.kind_name(slot)} need it"

    def _note(self, field: Field, rows: Ints, batch: Batch, say: Callable[[int], str], like: object) -> None:
        self._findings.add(field.name, rows, say, first_row=batch.first_row, like=str(like))

    def _interner(self, name: str) -> Interner:
        return self.texts.setdefault(name, Interner())


@frozen(eq=False)
class Batch:
    """The slots of a batch of rows, those that are present in it, and the number of its first row."""

    slot: Ints
    present: Ints
    first_row: int

    def pick(self, vector: Ints) -> Any:
        """Give a vector by slot as one by row, or as one number where all slots that are present share it."""
        here = vector[self.present]
        if len(here) and (here == here[0]).all():
            return here[0]
        return vector[self.slot]
