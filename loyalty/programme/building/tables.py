"""Multipliers, and tables by a field of the event: one line for each value that the field may have."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from loyalty.core.amounts import parse_decimal
from loyalty.programme.building.draft import Draft
from loyalty.programme.model import EventKind, FieldType
from loyalty.programme.notes import did_you_mean
from loyalty.programme.sections import Item, Section
from loyalty.rules.declaration import Multiplier


def read_multiplier(read: Item[str] | Section, kind: EventKind, draft: Draft) -> Multiplier | None:
    """Read a factor: a number, the tier's own, or one by a field of the event."""
    if isinstance(read, Item):
        text = read.value.strip()
        if text == "tier.multiplier":
            if not draft.root.has("tiers") and not draft.root.has_strays:
                draft.notes.add(
                    "unknown-tier", read.node, "the programme has no tiers", "declare `tiers`, or write 1.25"
                )
            return Multiplier(by_tier=True)
        try:
            factor = parse_decimal(text)
        except ValueError:
            draft.notes.add("bad-value", read.node, "it is no factor", did_you_mean(text, ["tier.multiplier"], "words"))
            return None
        if not 0 <= factor <= 1_000_000:
            draft.notes.add("out-of-range", read.node, "a factor lies between 0 and 1000000", "write such a factor")
            return None
        return Multiplier(constant=factor)
    values = field_values(read, kind, draft)
    table: dict[str | bool, Fraction] = {}
    for name, item in read.others.items():
        value = value_of(name, read, values, draft) if values is not None else None
        if value is not None and item is not None:
            table[value] = item.value
    if values is None:
        return None
    return Multiplier(
        field=read.value("by").removeprefix("event."), table=table, otherwise=read.value("else", Fraction(1))
    )


def field_values(section: Section, kind: EventKind, draft: Draft) -> tuple[Any, ...] | None:
    """Give the values that the field named by ``by`` may have; None where it cannot stand there."""
    item: Item[str] | None = section.get("by")
    if item is None:
        return None
    spec = kind.fields.get(item.value.removeprefix("event."))
    if spec is None and draft.is_unread(kind.name, item.value.removeprefix("event.")):
        return None
    if spec is None:
        fix = did_you_mean(item.value, [f"event.{name}" for name in kind.fields], "fields")
        draft.notes.add("unknown-field", item.node, f"{kind.name} has no such field", fix)
        return None
    if spec.type not in (FieldType.ONE_OF, FieldType.BOOL):
        draft.notes.add(
            "wrong-type", item.node, f"the field is {spec.type.value}, and only one_of and bool fields have a table",
            "name a one_of or bool field",
        )  # fmt: skip
        return None
    if not spec.required and spec.default is None:
        draft.notes.add(
            "optional-field", item.node, "the field may be absent, and the table has no line for that",
            "make the field required, or give it a default",
        )  # fmt: skip
        return None
    return (True, False) if spec.type is FieldType.BOOL else spec.values


def value_of(name: str, section: Section, values: tuple[Any, ...], draft: Draft) -> str | bool | None:
    """Read a line's name as one of the field's values."""
    words = {str(value).lower() if isinstance(value, bool) else value: value for value in values}
    if name in words:
        value: str | bool = words[name]
        return value
    draft.notes.add(
        "unknown-value", section.names[name], "the field never has this value", did_you_mean(name, words, "values")
    )
    return None
