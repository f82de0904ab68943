"""The kinds of event: their fields, and what a refund, an end or a follow-up takes over from its origin."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from attrs import evolve

from loyalty.core.amounts import MAX_AMOUNT, parse_decimal
from loyalty.core.events import FieldValue
from loyalty.programme.building.draft import Draft
from loyalty.programme.model import EventKind, FieldSpec, FieldType, Role
from loyalty.programme.nodes import Scalar
from loyalty.programme.notes import did_you_mean, join_words
from loyalty.programme.shapes import Item, Section
from loyalty.rules.declaration import Subject

_ROLES = {"refunds": Role.REFUNDS, "ends": Role.ENDS, "follows": Role.FOLLOWS}
_SUBJECTS = {subject.value: subject for subject in Subject}

#: Keys of a field that only some types have.
_KEYS = {"unit": {FieldType.MONEY}, "max": {FieldType.MONEY, FieldType.INT}, "min": {FieldType.MONEY, FieldType.INT}}


def build_kinds(draft: Draft) -> None:
    """Read all kinds; those that speak of others take fields over from them, so these come first."""
    sections: dict[str, tuple[Scalar, Section]] = {
        key.text: (key, section) for key, section in draft.root.get("events") or () if section is not None
    }
    for key, section in sections.values():
        fields = {name: spec for name in section.others if (spec := _field(name, section, draft)) is not None}
        draft.kinds[key.text] = EventKind(name=key.text, fields=fields, place=key.place)
    plain = dict(draft.kinds)
    for key, section in sections.values():
        _relate(plain[key.text], section, draft)
    for key, section in sections.values():
        _check_origin(draft.kinds[key.text], section, draft)


def _relate(kind: EventKind, section: Section, draft: Draft) -> None:
    """Find out what a kind is to another, and take over the fields that it shares with it."""
    roles = [name for name in section.names if name in _ROLES]
    for name in roles[1:]:
        draft.notes.add(
            "conflicting-keys",
            section.names[name],
            f"`{roles[0]}` says already what the kind is to another",
            "keep one",
        )
    for name, role in (("part", "refunds"), ("by", "ends")):
        if section.has(name) and role not in roles:
            draft.notes.add(
                "conflicting-keys", section.names[name], f"`{name}` has a meaning only beside `{role}`",
                f"add `{role}: KIND`, or leave it out",
            )  # fmt: skip
    if not roles:
        return
    origin_name = section.get(roles[0])
    origin = draft.kind(origin_name.node) if origin_name is not None else None
    if origin is None:
        draft.unrelated.add(kind.name)
        return
    related = evolve(kind, role=_ROLES[roles[0]], origin_kind=origin.name)
    if roles[0] == "refunds":
        related = _refund(related, origin, section, draft)
    elif roles[0] == "ends":
        related = _end(related, origin, section, draft)
    draft.kinds[kind.name] = related


def _check_origin(kind: EventKind, section: Section, draft: Draft) -> None:
    if kind.origin_kind is None:
        return
    origin = draft.kinds[kind.origin_kind]
    word = kind.role.value
    if origin.name == kind.name or (origin.role in (Role.REFUNDS, Role.ENDS)):
        draft.notes.add(
            "wrong-origin", section.at(word), f"{origin.name} earns nothing that could be ended, refunded or followed",
            "name the kind that earns",
        )  # fmt: skip


def _refund(kind: EventKind, origin: EventKind, section: Section, draft: Draft) -> EventKind:
    written: Item[str] | None = section.get("part")
    name = written.value if written else "amount"
    spec = origin.fields.get(name)
    at = written.node if written else section.at("refunds")
    if spec is None or spec.type not in (FieldType.MONEY, FieldType.INT):
        if written is not None:
            numbers = [f.name for f in origin.fields.values() if f.type in (FieldType.MONEY, FieldType.INT)]
            draft.notes.add(
                "wrong-part", at, f"{origin.name} has no field of that name that is money or int",
                did_you_mean(name, numbers, "fields of that type"),
            )  # fmt: skip
        return kind
    if (not spec.required and spec.default is None) or spec.lowest < 0:
        why = "may be absent" if not spec.required and spec.default is None else "may be below 0"
        draft.notes.add(
            "wrong-part", at, f"the field `{name}` of {origin.name} {why}, so that a part of it says nothing",
            "make it required and at least 0, or name another field as `part`",
        )  # fmt: skip
    own = kind.fields.get(name)
    if own is not None and (own.type, own.unit) != (spec.type, spec.unit):
        _differs(name, section, origin, draft)
    part = evolve(own or spec, required=False, default=None, lowest=0, place=(own or kind).place)
    return evolve(kind, part=name, fields={**kind.fields, name: part})


def _end(kind: EventKind, origin: EventKind, section: Section, draft: Draft) -> EventKind:
    by: list[Any] = []
    fields = dict(kind.fields)
    if not section.has("by"):
        draft.notes.add(
            "missing-key", section.at("ends"), "`by` says which of them ends", "add for example `by: [person, track]`",
            got=f"ends without by, of {origin.name}",
        )  # fmt: skip
    for item in section.get("by") or ():
        name = item.value
        if name in _SUBJECTS:
            by.append(_SUBJECTS[name])
        elif name not in origin.fields:
            draft.notes.add(
                "unknown-field", item.node, f"{origin.name} has no such field",
                did_you_mean(name, [*_SUBJECTS, *origin.fields], "parts of a key"),
            )  # fmt: skip
        else:
            by.append(name)
            spec = origin.fields[name]
            own = fields.setdefault(name, evolve(spec, place=kind.place))
            if (own.type, own.unit, own.values) != (spec.type, spec.unit, spec.values):
                _differs(name, section, origin, draft)
    return evolve(kind, by=tuple(by), fields=fields)


def _differs(name: str, section: Section, origin: EventKind, draft: Draft) -> None:
    draft.notes.add(
        "field-differs", section.names[name], f"{origin.name} declares it as another type, and the two are compared",
        "leave it out: it is taken over from there",
    )  # fmt: skip


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
    if not section.has("default") or section.get("default") is None:
        return spec
    if optional:
        draft.notes.add(
            "conflicting-keys", section.names["optional"], "a field with a default is never absent",
            "leave out `optional` or `default`",
        )  # fmt: skip
    return evolve(spec, default=_default(spec, section.get("default"), draft))


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
