"""
How a row of a table becomes an item of the step: which fields are packed, and the source that packs and reads them.

Only what the step reads is packed. The fields of different kinds share their places, the widest first, so that a
packed item is some thirty bytes.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from attrs import frozen

from loyalty.batch.kinds import Kind
from loyalty.batch.tables import MISSING
from loyalty.core.calendar import FIRST_DAY, PERIOD_MONTHS, Period
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.programme.model import FieldSpec, FieldType
from loyalty.rules.declaration import KeyPart, Subject
from loyalty.settlement.layout import OVERRIDE_ITEM, Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.writer import Writer

#: The codes of texts that a layer reads: of a field's texts, or of the persons' ids, in events of a kind.
_PERSON: Final = "event.person"

#: The day that packed days are counted from, so that those of the calendar's tables fit into two bytes.
MIDDLE_DAY: Final = FIRST_DAY + (1 << 15)

#: Widths of packed numbers, and the numbers that stand for what is not given.
_WIDTHS: Final = (1, 2, 4, 8)


@frozen(eq=False)
class Filling:
    """
    What of a table a layer reads, and how.

    Attributes:
        columns: The fields that are packed, in the order of the packing function's columns.
        record: The type of a packed item.
        translations: What each table of codes translates: a kind of event, and the name that is compared.
        packed_translations: The same for the codes that are translated while they are packed.
        source: The functions ``fill``, ``intern``, ``wished_currency``, ``wished_amount`` and ``pack``.
    """

    columns: tuple[str, ...]
    record: Any
    translations: tuple[tuple[str, str], ...]
    packed_translations: tuple[tuple[str, str], ...]
    source: str


def filling_of(layout: Layout, texts: Texts, kinds: list[Kind], step: str) -> Filling:
    """Lay out the packed items of a layer whose generated source is *step*."""
    return _Filler(layout, texts, kinds, step).filling()


class _Filler:
    def __init__(self, layout: Layout, texts: Texts, kinds: list[Kind], step: str) -> None:
        self.layout, self.texts, self.kinds = layout, texts, kinds
        self.keyed = [key for key in layout.keys if key.parts]
        self.parts = max((len(key.parts) for key in self.keyed), default=1)
        named = {part for key in self.keyed for part in key.parts if isinstance(part, str)}
        #: Of which fields the step asks whether they are given.
        self.marks = set(re.findall(r"\.p_(\w+)", step))
        self.used = set(re.findall(r"\.[fp]_(\w+)", step)) | named
        self.reads_person = bool(re.search(r"\.(has_)?person\b", step)) or any(
            part is Subject.PERSON for key in self.keyed for part in key.parts
        )
        self.reads_partner = any(part is Subject.PARTNER for key in self.keyed for part in key.parts)
        self.speaks = any(kind.speaks for kind in kinds)
        #: By kind, the place of each packed field; and the width of each place.
        self.places: dict[str, dict[str, int]] = {}
        self.widths = [8, 1]
        for kind in kinds:
            packed = [spec for spec in kind.fields.values() if spec.name in self.used or spec.name == kind.money]
            packed.sort(key=_width, reverse=True)
            self.places[kind.name] = {spec.name: place for place, spec in enumerate(packed)}
            for place, spec in enumerate(packed):
                self.widths[place : place + 1] = [max(_width(spec), *self.widths[place : place + 1], 1)]
        self.columns = tuple(sorted({name for places in self.places.values() for name in places}))
        self.translations: list[tuple[str, str]] = []
        self.packed_translations: list[tuple[str, str]] = []

    def filling(self) -> Filling:
        w = Writer(traced=False)
        self._write_intern(w)
        self._write_fill(w)
        self._write_wish(w)
        self._write_pack(w)
        fields: list[tuple[str, int]] = [("at", 8)]
        fields += [(f"v{place}", width) for place, width in enumerate(self.widths)]
        fields += [("row", 4), ("of", 4), ("day", 2), ("kind", 1 if len(self.kinds) <= -_missing(1) - 1 else 2)]
        fields += [("other", 4)] if self.reads_person or self.reads_partner else []
        fields += [("first", 4)] if self.layout.reads_origin else []
        fields.sort(key=lambda field: -field[1])
        record = np.dtype([(name, f"i{width}") for name, width in fields])
        return Filling(self.columns, record, tuple(self.translations), tuple(self.packed_translations), w.text)

    def _write_intern(self, w: Writer) -> None:
        """Write how a key gets its slot: the same parts the same one, new ones the next."""
        names = [f"a{part}" for part in range(self.parts)]
        with w.block(f"def intern(w, m, k, {', '.join(names)})"):
            w.line("hashed = 0")
            for name in names:
                w.line(f"hashed = (hashed ^ {name}) * -7046029254386353131")
                w.line("hashed ^= hashed >> 32")
            w.line("mask = w.sizes[3]")
            w.line("index = w.key_index[k]")
            w.line("values = w.key_values[k]")
            w.line("place = hashed & mask")
            with w.block("while index[place] != 0"):
                w.line(f"at = (index[place] - 1) * {self.parts}")
                same = " and ".join(f"values[at + {part}] == {name}" for part, name in enumerate(names))
                with w.block(f"if {same}"):
                    w.line("return index[place] - 1")
                w.line("place = (place + 1) & mask")
            w.line("slot = w.key_counts[k]")
            with w.block("if slot >= w.sizes[4]"):
                w.line("m.rows.flag[0] = 1")
                w.line("return 0")
            w.line("w.key_counts[k] = slot + 1")
            w.line("index[place] = slot + 1")
            w.line("w.key_places[k][slot] = place")
            for part, name in enumerate(names):
                w.line(f"values[slot * {self.parts} + {part}] = {name}")
            w.line("cell = m.keys[k][slot]")
            w.line("cell.a = 0")
            w.line("cell.b = 0")
            w.line("return slot")
        w.line("")

    def _write_fill(self, w: Writer) -> None:
        """Write ``fill``, which reads a packed item into that of the step, and gives its first amount of money."""
        with w.block("def fill(e, x, m, w, day, holder)"):
            w.line("kind = x.kind")
            w.line("e.kind = kind")
            if self.reads_person:
                w.line(f"e.has_person = {'1 if x.other >= 0 else 0' if self.layout.layer is Layer.PARTNER else '1'}")
            if self.layout.reads_origin:
                w.line("e.origin = x.first")
            for kind in self.kinds:
                with w.block(f"if kind == {kind.code}"):
                    self._write_kind(w, kind)
            w.line(f"e.until = x.v0 if kind == {OVERRIDE_ITEM} else 0")
            w.line("e.tier_to = x.v1")
            w.line("return 0")
        w.line("")

    def _write_kind(self, w: Writer, kind: Kind) -> None:
        if self.reads_person:
            if not self.texts.codes(kind.name, _PERSON):
                w.line("e.person = -1")
            elif self.layout.layer is Layer.PARTNER:
                w.line(f"e.person = {self._translated(kind.name, _PERSON, 'x.other')} if x.other >= 0 else -1")
            else:
                w.line(f"e.person = {self._translated(kind.name, _PERSON, 'holder')}")
        stand_ins = self.layout.stand_ins.get(kind.name, {})
        places = self.places[kind.name]
        keys = [key for key in self.layout.keys_of_kind.get(kind.name, []) if key.parts]
        keyed = {part for key in keys for part in key.parts}
        for name, place in places.items():
            spec = kind.fields[name]
            missing = f"value == {_missing(self.widths[place])}"
            w.line(f"value = x.v{place}")
            if name in self.marks:
                w.line(f"e.p_{name} = {'1' if name in stand_ins else f'0 if {missing} else 1'}")
            found = "value"
            if spec.type is FieldType.TEXT:
                found = "-1"
                if self.texts.codes(kind.name, f"event.{name}"):
                    found = f"-1 if {missing} else {self._translated(kind.name, f'event.{name}', 'value')}"
            elif self._asks_for(kind, name):
                found = f"{_nothing(spec)} if {missing} else value"
            w.line(f"e.f_{name} = {found}")
            if name in keyed:
                is_number = spec.type not in (FieldType.TEXT, FieldType.ONE_OF) and name not in stand_ins
                raw = f"{MISSING + 1} if {missing} else value" if is_number else "value"
                w.line(f"raw_{name} = {f'e.f_{name}' if spec.type is FieldType.ONE_OF else raw}")
        for key in keys:
            parts = [self._part(part, kind) for part in key.parts] + ["0"] * (self.parts - len(key.parts))
            w.line(f"e.k{key.index} = intern(w, m, {key.index}, {', '.join(parts)})")
        money = f"e.f_{kind.money}" if kind.money else "0"
        if kind.money and kind.fields[kind.money].lowest < 0:
            money = f"max({money}, 0)"
        w.line(f"return {money}")

    def _asks_for(self, kind: Kind, name: str) -> bool:
        """Tell whether a field that is missing is packed as such; else what counts in its place is packed."""
        spec = kind.fields[name]
        if spec.type is FieldType.TEXT:
            return True
        keys = [key for key in self.layout.keys_of_kind.get(kind.name, []) if name in key.parts]
        counts = name in self.marks or (keys and spec.type is not FieldType.ONE_OF)
        return bool(counts) and name not in self.layout.stand_ins.get(kind.name, {})

    def _in_place_of_missing(self, kind: Kind, name: str, width: int) -> str:
        """Give the source of what is packed where a field is missing."""
        if self._asks_for(kind, name):
            return str(_missing(width))
        stand_ins, spec = self.layout.stand_ins.get(kind.name, {}), kind.fields[name]
        return self._stand_in(spec, stand_ins[name]) if name in stand_ins else _nothing(spec)

    def _stand_in(self, spec: FieldSpec, value: FieldValue) -> str:
        return str(spec.values.index(str(value)) if spec.type is FieldType.ONE_OF else int(value))

    def _translated(self, kind: str, name: str, value: str) -> str:
        if (kind, name) not in self.translations:
            self.translations.append((kind, name))
        return f"w.codes[w.code_starts[{self.translations.index((kind, name))}] + {value}]"

    def _part(self, part: KeyPart, kind: Kind) -> str:
        if part is Subject.PARTNER or part is Subject.PERSON:
            return "x.other"
        if not isinstance(part, Period):
            return f"raw_{part}" if part in kind.fields else str(MISSING + 1)
        if part is Period.DAY:
            return "day"
        if part is Period.WEEK:
            return "(day + 3) // 7"
        shift = self.layout.programme.year_starts_month - 1
        return f"(m.month_of[day - {FIRST_DAY}] - {shift}) // {PERIOD_MONTHS[part]}"

    def _write_wish(self, w: Writer) -> None:
        with w.block("def wished_currency(x)"):
            w.line("return x.v1")
        w.line("")
        with w.block("def wished_amount(x)"):
            w.line("return x.v0")
        w.line("")

    def _write_pack(self, w: Writer) -> None:
        """Write ``pack``, which copies what is read of a part of the rows to the places of their items."""
        arguments = (
            "columns, missing, code_tables, code_starts, packed, places, order, codes, offsets, kinds, step_codes, "
            "instants, others, of, first_days, pair_rows, pairs, starts, decisions, first, last"
        )
        with w.block(f"def pack({arguments})"), w.block("for rank in range(first, last)"):
            with w.block("if rank == first"):
                w.line("day = 0")
                w.line("pair = 0")
            w.line("row = order[rank]")
            w.line("x = packed[places[row]]")
            # Behind the rows stand the parts of decisions.
            with w.block("if row >= len(kinds)"):
                w.line("part = row - len(kinds)")
                w.line("x.kind = decisions[part, 8]")
                w.line("at = decisions[part, 9]")
                self._write_day(w)
                w.line("x.row = -2 - decisions[part, 10]")
                w.line("x.of = part")
                w.line("continue")
            w.line("kind = step_codes[kinds[row]]")
            w.line("x.kind = kind")
            w.line("at = instants[row]")
            self._write_day(w)
            w.line("x.row = row")
            w.line("x.of = -1")
            if self.reads_person or self.reads_partner:
                w.line("x.other = others[row]")
            if self.layout.reads_origin:
                w.line("x.first = first_days[row]")
            for kind in self.kinds:
                with w.block(f"if kind == {kind.code}"):
                    for name, place in self.places[kind.name].items():
                        column = self.columns.index(name)
                        width = self.widths[place]
                        w.line(f"value = columns[{column}][row]")
                        other = self._in_place_of_missing(kind, name, width)
                        given = "value"
                        if kind.fields[name].type is FieldType.ONE_OF:
                            given = f"code_tables[code_starts[{len(self.packed_translations)}] + value]"
                            self.packed_translations.append((kind.name, f"event.{name}"))
                        w.line(f"x.v{place} = {other} if value == missing[{column}] else {given}")
                    if kind.speaks:
                        with w.block("if of[row] >= 0"):
                            w.line("origin = places[of[row]]")
                            w.line("x.of = -2 - of[row] if origin < 0 else origin - offsets[codes[row]]")
                    w.line("continue")
            # A tier by hand, or a wish to redeem: two numbers, of the few rows that have them.
            with w.block("while pair_rows[pair] < row"):
                w.line("pair += 1")
            with w.block("while pair_rows[pair] > row"):
                w.line("pair -= 1")
            w.line("x.v0 = pairs[0, pair]")
            w.line("x.v1 = pairs[1, pair]")
        w.line("")

    def _write_day(self, w: Writer) -> None:
        """Write the instant and its local day; rows come by time, so that the day is mostly that of the row before."""
        w.line("x.at = at")
        with w.block("while starts[day + 1] <= at"):
            w.line("day += 1")
        with w.block("while starts[day] > at"):
            w.line("day -= 1")
        w.line(f"x.day = day + {FIRST_DAY - MIDDLE_DAY}")


def _width(spec: FieldSpec) -> int:
    """Give how many bytes the values of a field take, with one number left for what is not given."""
    if spec.type is FieldType.BOOL:
        return 1
    if spec.type is FieldType.TEXT:
        return 4
    if spec.type is FieldType.ONE_OF:
        return 1 if len(spec.values) <= -_missing(1) - 1 else 2
    return next(w for w in _WIDTHS if w == 8 or (spec.lowest > _missing(w) and spec.highest < -_missing(w)))


def _missing(width: int) -> int:
    return -(1 << (8 * width - 1))


def _nothing(spec: FieldSpec) -> str:
    """Give what the step reads of a field that is missing."""
    return "-1" if spec.type is FieldType.ONE_OF else "0"
