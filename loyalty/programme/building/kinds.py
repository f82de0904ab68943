"""The kinds of event with their fields."""

from __future__ import annotations

from fractions import Fraction

from attrs import evolve

from loyalty.core.amounts import MAX_AMOUNT, parse_decimal
from loyalty.core.events import FieldValue
from loyalty.programme.building.draft import Draft
from loyalty.programme.building.relations import relate_kinds
from loyalty.programme.model import EventKind, FieldSpec, FieldType
from loyalty.programme.nodes import Scalar
from loyalty.programme.notes import join_words
from loyalty.programme.sections import Item, Section

#: Keys of a field that only some types have.
_KEYS = {"unit": {FieldType.MONEY}, "max": {FieldType.MONEY, FieldType.INT}, "min": {FieldType.MONEY, FieldType.INT}}


def build_kinds(draft: Draft) -> None:
    """Read all kinds; those that speak of others take fields over from them, so these come first."""
    sections: dict[str, tuple[Scalar, Section]] = {
        key.text: (key, section) for key, section in draft.root.get("events") or () if section is not None
    }
    for key, section in sections.values():
        specs = {name: _field(name, section, draft) for name in section.others}
        fields = {name: spec for name, spec in specs.items() if spec is not None}
        draft.unread_fields[key.text] = {name for name, spec in specs.items() if spec is None}
        if section.has_strays:
            draft.unread_fields[key.text].add(None)
        draft.kinds[key.text] = EventKind(name=key.text, fields=fields, place=key.place)
    relate_kinds({name: section for name, (_, section) in sections.items()}, draft)


def _field(name: str, kind: Section, draft: Draft) -> FieldSpec | None:
    read, key = kind.others[name], kind.names[name]
    if read is None:
        return None
    if isinstance(read, Item):
        if read.value in (FieldType.TEXT, FieldType.BOOL):
            return FieldSpec(name=name, type=read.value, place=key.place)
        missing = {FieldType.MONEY: "{type: money, unit: EUR, max: 1000000.00}", FieldType.INT: "{type: int, max: 100}"}
        draft.notes.add(
            "missing-key", read.node, "a field of that type needs more than its name",
            f"write {missing.get(read.value, '{one_of: [a, b]}')}",
        )  # fmt: skip
        return None
    section: Section = read
    type_ = _type_of(section, draft)
    if type_ is None:
        return None
    for stray in [k for k, types in _KEYS.items() if section.has(k) and type_ not in types]:
        draft.notes.add(
            "conflicting-keys", section.names[stray], f"a field of type {type_.value} has no `{stray}`", "leave it out"
        )
    return _spec(name, type_, section, key, draft)


def _type_of(section: Section, draft: Draft) -> FieldType | None:
    named = section.get("type")
    if section.has("one_of"):
        if named is not None and named.value is not FieldType.ONE_OF:
            draft.notes.add("conflicting-keys", named.node, "`one_of` is the type already", "leave `type` out")
        return FieldType.ONE_OF if section.get("one_of") else None
    if named is not None and named.value is FieldType.ONE_OF:
        draft.notes.add("missing-key", named.node, "one_of needs its values", "write {one_of: [a, b]}")
        return None
    if not section.has("type"):
        draft.notes.add(
            "missing-key", section.node, "a field needs `type` or `one_of`", "write for example {type: text}"
        )
    return named.value if named is not None else None


def _spec(name: str, type_: FieldType, section: Section, key: Scalar, draft: Draft) -> FieldSpec | None:
    unit: str | None = section.value("unit")
    lowest = highest = 0
    if type_ in (FieldType.MONEY, FieldType.INT):
        needed = [k for k in (("unit", "max") if type_ is FieldType.MONEY else ("max",)) if not section.has(k)]
        for missing in needed:
            why = "the proof that nothing overflows rests on it" if missing == "max" else "an amount needs its unit"
            example = {"max": "max: 1000000.00", "unit": "unit: EUR"}[missing]
            draft.notes.add(
                "missing-key",
                section.node,
                f"a field of type {type_.value} needs `{missing}`; {why}",
                f"add for example `{example}`",
            )
        if (type_ is FieldType.MONEY and unit is None) or section.get("max") is None:
            return None
        scale = draft.unit_scale(unit) if unit else 0
        low, high = (_bound(k, section, scale, draft) for k in ("min", "max"))
        if low is None or high is None:
            return None
        lowest, highest = low, high
        if highest < lowest:
            draft.notes.add(
                "bad-range", section.at("max"), "the largest value is below the smallest", "exchange the two"
            )
            return None
    values = tuple(item.value for item in section.get("one_of") or ())
    for index, item in enumerate(section.get("one_of") or ()):
        if item.value in values[:index]:
            draft.notes.add("duplicate-name", item.node, "the value stands in the list already", "keep it once")
    optional = bool(section.value("optional", False))
    spec = FieldSpec(
        name=name,
        type=type_,
        unit=unit if type_ is FieldType.MONEY else None,
        lowest=lowest,
        highest=highest,
        values=values,
        required=not optional and not section.has("default"),
        place=key.place,
    )
    unclear = section.has_strays and not optional and not section.has("default")
    if unclear or (section.has("optional") and section.get("optional") is None):
        return evolve(spec, required=False, default=_stand_in(spec))
    if not section.has("default"):
        return spec
    if optional:
        draft.notes.add(
            "conflicting-keys", section.names["optional"], "a field with a default is never absent",
            "leave out `optional` or `default`",
        )  # fmt: skip
    written: Item[str] | None = section.get("default")
    default = _default(spec, written, draft) if written is not None else None
    return evolve(spec, default=default if default is not None else _stand_in(spec))


def _stand_in(spec: FieldSpec) -> FieldValue:
    """Give a value for a default that could not be read, so that what uses the field is read as if it had one."""
    if spec.type is FieldType.BOOL:
        return False
    if spec.type in (FieldType.INT, FieldType.MONEY):
        return spec.lowest
    return spec.values[0] if spec.values else ""


def _bound(name: str, section: Section, scale: int, draft: Draft) -> int | None:
    item: Item[Fraction] | None = section.get(name)
    if item is None:
        return None if section.has(name) else 0
    minor = item.value * Fraction(10) ** scale
    if minor.denominator != 1:
        draft.notes.add(
            "bad-amount", item.node, f"it has more than the {scale} digits after the point that its type has",
            "leave out the digits",
        )  # fmt: skip
        return None
    if abs(minor) >= MAX_AMOUNT:
        draft.notes.add("too-large", item.node, f"values stay below {MAX_AMOUNT} minor units", "write a smaller bound")
        return None
    return minor.numerator


def _default(spec: FieldSpec, item: Item[str], draft: Draft) -> FieldValue | None:
    text = item.value
    why = ""
    value: FieldValue = text
    if spec.type is FieldType.BOOL:
        value = text == "true"
        why = "" if text in ("true", "false") else "it is neither true nor false"
    elif spec.type is FieldType.ONE_OF:
        why = "" if text in spec.values else f"the field is one of {join_words(spec.values, 'or')}"
    elif spec.type in (FieldType.INT, FieldType.MONEY):
        scale = draft.unit_scale(spec.unit) if spec.unit else 0
        try:
            minor = parse_decimal(text.removesuffix(spec.unit or "").strip()) * 10**scale
        except ValueError as error:
            minor, why = Fraction(spec.lowest), str(error)
        value = minor.numerator
        if minor.denominator != 1:
            why = f"it has more than {scale} digits after the point"
        elif not spec.lowest <= minor <= spec.highest:
            why = "it lies outside the field's own bounds"
    if why:
        draft.notes.add("bad-default", item.node, why, "write a value that the field may have")
        return None
    return value
