"""
What a programme declares of its events as vectors, so that a million rows are checked in a few operations.

Every kind in every revision is one *slot*. Kinds that no programme declares have slots too, and unknown ones one in
which nothing is looked at; in a revision they stand last, so that negative codes find them from the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen

from loyalty.batch.tables import AMOUNT, CURRENCY, MISSING, OVERRIDE, REDEEM, RESERVED, SHARE, VOID, Ints, kinds_of
from loyalty.programme.gates import Gate, gates_of
from loyalty.programme.model import FieldSpec, FieldType, Programme, Role
from loyalty.programme.revisions import currencies_of, kind_of, revisions_of
from loyalty.programme.units import digits_of

#: The code of a kind that no revision declares.
UNKNOWN: Final = -4

#: How many slots a revision has beside its kinds.
OWN_SLOTS: Final = 4

#: What a field holds: nothing, a number, yes or no, a text; ABSENT where the kind has no such field.
ABSENT, NUMBER, FLAG, CODE = 0, 1, 2, 3

FORMS: Final = {
    FieldType.MONEY: NUMBER,
    FieldType.INT: NUMBER,
    FieldType.BOOL: FLAG,
    FieldType.TEXT: CODE,
    FieldType.ONE_OF: CODE,
}

#: The largest share: everything, in millionths.
_WHOLE: Final = 1_000_000

#: Amounts of wishes are below this, so that a sum of many fits.
_MOST_WISHED: Final = 10**15


@frozen(eq=False)
class Field:
    """
    What all slots say of the fields of one name.

    Attributes:
        form: By slot ABSENT, NUMBER, FLAG or CODE.
        scale: By slot, the digits after the point that decimals are brought to.
        lowest, highest: By slot, the bounds of numbers.
        required: By slot, whether it may not be absent.
        default: By slot, what stands in where it is absent, or MISSING; of a CODE the place in ``texts``.
        texts: The texts that have a code by declaration: choices and defaults.
        choices: By slot, the texts that it takes; None for any.
        dtype: Of the column that holds all of it.
    """

    name: str
    form: Ints
    scale: Ints
    lowest: Ints
    highest: Ints
    required: Any
    default: Ints
    texts: tuple[str, ...]
    choices: list[frozenset[str] | None]
    dtype: Any

    def fits(self, form: int) -> Any:
        """Give by slot whether it has the field in this form."""
        return self.form == form

    @property
    def is_closed(self) -> bool:
        """Whether all its texts are declared."""
        return not (self.form == CODE).any() or all(
            self.choices[slot] is not None for slot in np.flatnonzero(self.form == CODE)
        )


@frozen(eq=False)
class Declared:
    """
    The slots of a programme.

    Attributes:
        kinds: The names of kinds by number.
        codes: The number of each kind that a file may name, the reserved ones included.
        width: How many slots a revision has.
        begins: UTC microseconds: when each revision but the first begins.
        known: By slot, whether the revision has the kind.
        speaks: By slot, whether its events name another.
        fields: By name.
        revisions: The programme's, the earliest first.
    """

    kinds: tuple[str, ...]
    codes: Mapping[str, int]
    width: int
    begins: Ints
    known: Any
    speaks: Any
    fields: Mapping[str, Field]
    revisions: tuple[Programme, ...]

    @classmethod
    def of(cls, programme: Programme) -> Declared:
        """Lay out what a programme declares."""
        kinds = kinds_of(programme)
        revisions = revisions_of(programme)
        width = len(kinds) + OWN_SLOTS
        specs: dict[str, list[tuple[int, FieldSpec]]] = {}
        known = np.zeros(width * len(revisions), bool)
        speaks = np.zeros(width * len(revisions), bool)
        for number, one in enumerate(revisions):
            first = number * width
            known[first + len(kinds) : first + width] = True
            speaks[first + width + VOID] = True
            for code, name in enumerate(kinds):
                kind = one.events.get(name)
                if kind is not None:
                    known[first + code] = True
                    speaks[first + code] = kind.role in (Role.REFUNDS, Role.FOLLOWS)
                    for spec in kind.fields.values():
                        specs.setdefault(spec.name, []).append((first + code, spec))
            for code, spec in _own_fields(one, programme):
                specs.setdefault(spec.name, []).append((first + width + code, spec))
        size = width * len(revisions)
        return cls(
            kinds=kinds,
            codes={**{name: code for code, name in enumerate(kinds)}, **RESERVED},
            width=width,
            begins=np.array([one.calendar.day_start_us(one.from_day) for one in revisions[1:]], np.int64),
            known=known,
            speaks=speaks,
            fields={name: _field(name, size, listed) for name, listed in specs.items()},
            revisions=revisions,
        )

    def slots(self, kind: Ints, at: Ints) -> Ints:
        """Give the slot of each row."""
        slots = kind.astype(np.intp)
        slots += (kind < 0) * self.width
        if len(self.begins):
            slots = slots + np.searchsorted(self.begins, at, side="right") * self.width
        return slots

    def gate(self, slot: Any) -> Gate | None:
        """Give the gate of a slot's kind, which has the words for what is wrong; None of a wish to redeem."""
        return gates_of(self.revisions[slot // self.width]).get(self.kind_name(slot))

    def kind_name(self, slot: Any) -> str:
        """Give the name of a slot's kind."""
        code = slot % self.width
        return self.kinds[code] if code < len(self.kinds) else _RESERVED_NAMES.get(code - self.width, "?")


def origin_kinds(programme: Programme) -> Ints:
    """Give by kind number the kind that its events speak of, else -1; for reserved kinds too, from the end."""
    kinds = kinds_of(programme)
    numbers = np.full(len(kinds) + OWN_SLOTS, -1, np.int16)
    for code, name in enumerate(kinds):
        kind = kind_of(programme, name)
        if kind is not None and kind.role in (Role.REFUNDS, Role.FOLLOWS) and kind.origin_kind in kinds:
            numbers[code] = kinds.index(kind.origin_kind)
    return numbers


_RESERVED_NAMES: Final = {code: name for name, code in RESERVED.items()}


def _own_fields(revision: Programme, whole: Programme) -> list[tuple[int, FieldSpec]]:
    """Give the fields of the reserved kinds, as a file has them."""
    tiers = tuple(tier.name for tier in revision.ladder.tiers)
    # The codes of currencies are their places among all.
    names = tuple(sorted(currencies_of(whole)))
    return [
        (OVERRIDE, FieldSpec(name="tier", type=FieldType.ONE_OF, values=tiers)),
        (OVERRIDE, FieldSpec(name="until", type=FieldType.TEXT)),
        (REDEEM, FieldSpec(name=CURRENCY, type=FieldType.ONE_OF, values=names)),
        (REDEEM, FieldSpec(name=AMOUNT, type=FieldType.INT, lowest=0, highest=_MOST_WISHED, required=False)),
        (REDEEM, FieldSpec(name=SHARE, type=FieldType.INT, lowest=0, highest=_WHOLE, required=False)),
    ]


def _field(name: str, size: int, specs: list[tuple[int, FieldSpec]]) -> Field:
    texts = tuple(
        dict.fromkeys(text for _, spec in specs for text in (*spec.values, spec.default) if isinstance(text, str))
    )
    field = Field(
        name=name,
        form=np.full(size, ABSENT, np.int8),
        scale=np.zeros(size, np.int8),
        # Nothing lies between these bounds.
        lowest=np.full(size, 2**63 - 1, np.int64),
        highest=np.full(size, MISSING, np.int64),
        required=np.zeros(size, bool),
        default=np.full(size, MISSING, np.int64),
        texts=texts,
        choices=[None] * size,
        dtype=_type_of([spec for _, spec in specs], len(texts)),
    )
    for slot, spec in specs:
        field.form[slot] = FORMS[spec.type]
        field.required[slot] = spec.required
        if spec.type is FieldType.MONEY:
            field.scale[slot] = digits_of(spec.unit or "")
        elif name == SHARE:
            field.scale[slot] = len(str(_WHOLE)) - 1
        if FORMS[spec.type] == NUMBER:
            field.lowest[slot], field.highest[slot] = spec.lowest, spec.highest
        if spec.type is FieldType.ONE_OF:
            field.choices[slot] = frozenset(spec.values)
        if spec.default is not None:
            field.default[slot] = texts.index(spec.default) if isinstance(spec.default, str) else int(spec.default)
    return field


def _type_of(specs: Sequence[FieldSpec], texts: int) -> Any:
    """Give the narrowest type that holds a field's values and, as its lowest number, that there is none."""
    highest = 1
    for spec in specs:
        if FORMS[spec.type] == NUMBER:
            highest = max(highest, abs(spec.lowest), abs(spec.highest))
        elif FORMS[spec.type] == CODE:
            highest = max(highest, texts if spec.type is FieldType.ONE_OF else 2**31 - 1)
    return next(one for one in (np.int8, np.int32, np.int64) if highest <= np.iinfo(one).max)
