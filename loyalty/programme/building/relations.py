"""What kinds of event are to each other: what a refund, an end or a follow-up takes over from its origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from loyalty.programme.building.draft import Draft
from loyalty.programme.model import EventKind, FieldType, Role
from loyalty.programme.nodes import Node, Sequence
from loyalty.programme.notes import did_you_mean, join_words
from loyalty.programme.sections import Item, Section
from loyalty.rules.declaration import Subject

_ROLES = {"refunds": Role.REFUNDS, "ends": Role.ENDS, "follows": Role.FOLLOWS}
_SUBJECTS = {subject.value: subject for subject in Subject}


def relate_kinds(sections: Mapping[str, Section], draft: Draft) -> None:
    """Find out what each kind is to another, once the fields of all of them are known."""
    plain = dict(draft.kinds)
    for name, section in sections.items():
        _relate(plain[name], section, draft)
    for name, section in sections.items():
        _check_origin(draft.kinds[name], section, draft)
    _check_agreement(sections, draft)


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
    # What was read as a field, and could not be read as one, may be what the kind is to another.
    unclear = not draft.unread_fields[kind.name].isdisjoint(section.others)
    for name, role in (("part", "refunds"), ("by", "ends")):
        if section.has(name) and role not in roles and not unclear:
            draft.notes.add(
                "conflicting-keys", section.names[name], f"`{name}` has a meaning only beside `{role}`",
                f"add `{role}: KIND`, or leave it out",
            )  # fmt: skip
    if not roles:
        if unclear:
            draft.leave_open(kind.name)
        return
    origin_name = section.get(roles[0])
    origin = draft.kind(origin_name.node) if origin_name is not None else None
    if origin is None:
        draft.leave_open(kind.name)
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


def _check_agreement(sections: Mapping[str, Section], draft: Draft) -> None:
    """Note kinds that speak of one origin in different ways, of which only the first could be kept."""
    first: dict[tuple[Role, str], EventKind] = {}
    for name, section in sections.items():
        kind = draft.kinds[name]
        if kind.role not in (Role.REFUNDS, Role.ENDS) or kind.origin_kind is None or name in draft.doubtful:
            continue
        other = first.setdefault((kind.role, kind.origin_kind), kind)
        if kind.part != other.part:
            draft.notes.add(
                "differing-parts", section.at("part") if section.has("part") else section.at("refunds"),
                f"{other.name} refunds {_part_words(other)} of {kind.origin_kind}, and one rest is kept for each event",
                f"write `part: {other.part}` here too, or leave one of the two kinds out"
                if other.part is not None
                else f"let {other.name} refund {_part_words(kind)} as well",
                got=f"a refund of {_part_words(kind)}",
            )  # fmt: skip
        if set(kind.by) != set(other.by):
            draft.notes.add(
                "differing-keys", section.at("by"),
                f"{other.name} ends {kind.origin_kind} by {_key_words(other)}, and an event is in force under one key",
                f"write `by: [{', '.join(_key_names(other))}]` here too",
                got=f"by {_key_words(kind)}",
            )  # fmt: skip


def _part_words(kind: EventKind) -> str:
    return f"a part of `{kind.part}`" if kind.part is not None else "the whole"


def _key_names(kind: EventKind) -> list[str]:
    return [part.value if isinstance(part, Subject) else part for part in kind.by]


def _key_words(kind: EventKind) -> str:
    return join_words(_key_names(kind)) or "nothing"


def _refund(kind: EventKind, origin: EventKind, section: Section, draft: Draft) -> EventKind:
    written: Item[str] | None = section.get("part")
    name = written.value if written else "amount"
    spec = origin.fields.get(name)
    at = written.node if written else section.at("refunds")
    if (section.has("part") and written is None) or draft.is_unread(origin.name, name):
        draft.doubtful.add(kind.name)
        draft.unread_fields[kind.name].add(name if draft.is_unread(origin.name, name) else None)
        return kind
    if spec is None or spec.type not in (FieldType.MONEY, FieldType.INT):
        if written is not None:
            draft.doubtful.add(kind.name)
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
    if not section.has("by") or len(section.get("by") or ()) < len(_written_parts(section)):
        draft.doubtful.add(kind.name)
        draft.unread_fields[kind.name].add(None)
    if not section.has("by") and draft.unread_fields[kind.name].isdisjoint(section.others):
        draft.notes.add(
            "missing-key", section.at("ends"), "`by` says which of them ends", "add for example `by: [person, track]`",
            got=f"ends without by, of {origin.name}",
        )  # fmt: skip
    for item in section.get("by") or ():
        name = item.value
        if name in _SUBJECTS:
            by.append(_SUBJECTS[name])
        elif draft.is_unread(origin.name, name):
            draft.doubtful.add(kind.name)
            draft.unread_fields[kind.name].add(name)
        elif name not in origin.fields:
            draft.doubtful.add(kind.name)
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


def _written_parts(section: Section) -> tuple[Node, ...]:
    """Give the parts of a key as they were written, readable or not."""
    node = section.at("by")
    return node.items if isinstance(node, Sequence) else (node,)
