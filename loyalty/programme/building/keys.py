"""Caps, cooldowns and the keys for each of which they count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loyalty.core.calendar import Period
from loyalty.programme.building.draft import Draft
from loyalty.programme.model import EventKind
from loyalty.programme.notes import did_you_mean, join_words
from loyalty.programme.sections import Item, Section
from loyalty.rules.declaration import (
    Cap,
    Cooldown,
    KeyPart,
    Subject,
)

_SUBJECTS = {subject.value: subject for subject in Subject}
_PERIODS = {period.value: period for period in Period}


def read_caps(section: Section, of: tuple[EventKind, set[str]] | None, draft: Draft) -> list[Cap]:
    """Read one cap, or as many as it names currencies; *of* is the rule's kind and what it gives."""
    parts: list[Item[str]] = section.get("per") or []
    per_event = any(item.value == "event" for item in parts)
    if per_event and len(parts) > 1:
        draft.notes.add(
            "bad-key", section.at("per"), "`event` bounds each award alone and goes with nothing else",
            "write two caps", got=join_words(item.value for item in parts),
        )  # fmt: skip
    per = read_key([item for item in parts if item.value != "event"], of[0] if of else None, draft)
    if not section.others and not section.has_strays:
        draft.notes.add(
            "missing-key", section.node, "a cap names a currency and an amount", "write for example {points: 20000}"
        )
    caps = []
    for name, item in section.others.items():
        key = section.names[name]
        if not (draft.currency(key) if of is None else is_given(key, of[1], draft, "capped")) or item is None:
            continue
        amount = draft.amount(item, draft.currencies[name])
        if amount is not None and amount < 0:
            draft.notes.add("out-of-range", item.node, "a cap is not below 0", "write the most that is paid")
        elif amount is not None:
            caps.append(Cap(currency=name, amount=amount, per=per, per_event=per_event, place=key.place))
    return caps


def read_key(
    items: list[Item[str]] | None, kind: EventKind | None, draft: Draft, *, event_allowed: bool = True
) -> tuple[KeyPart, ...]:
    parts: list[KeyPart] = []
    for item in items or ():
        part: KeyPart
        if item.value in _SUBJECTS:
            part = _SUBJECTS[item.value]
        elif item.value in _PERIODS:
            part = _PERIODS[item.value]
            if any(isinstance(other, Period) for other in parts):
                draft.notes.add("bad-key", item.node, "a key has at most one period", "keep the one that is meant")
        elif item.value == "event":
            if not event_allowed:
                draft.notes.add(
                    "bad-key",
                    item.node,
                    "each event is new, so that this key never repeats",
                    "name what makes it the same, such as event.FIELD or a period",
                )
            continue
        else:
            part = item.value.removeprefix("event.")
            if kind is not None and part not in kind.fields and not draft.is_unread(kind.name, part):
                fix = did_you_mean(item.value, [f"event.{name}" for name in kind.fields], "fields")
                draft.notes.add("unknown-field", item.node, f"{kind.name} has no such field", fix)
        if part in parts:
            draft.notes.add("duplicate-name", item.node, "the key has this part already", "keep it once")
        parts.append(part)
    return tuple(parts)


def read_cooldown(read: Any, kind: EventKind, draft: Draft) -> Cooldown | None:
    if isinstance(read, Item):
        return Cooldown(length=read.value)
    length = read.get("for")
    for item in read.get("per") or ():
        if item.value in _PERIODS:
            draft.notes.add("bad-key", item.node, "a cooldown runs on across periods", "leave the period out")
    per = read_key(read.get("per"), kind, draft, event_allowed=False)
    return Cooldown(length=length.value, per=per) if length is not None else None


def is_given(key: Any, named: Iterable[str], draft: Draft, what: str) -> bool:
    """Whether the rule gives the currency that it says something about."""
    if draft.currency(key) is None:
        return False
    if key.text not in named:
        draft.notes.add(
            "not-given", key, f"the rule does not give {key.text}, so that nothing is {what}",
            did_you_mean(key.text, named, "currencies given"),
        )  # fmt: skip
        return False
    return True
