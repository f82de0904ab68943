"""A later revision beside those before it: from when it is in force, and what it must keep as it was."""

from __future__ import annotations

from collections.abc import Iterator

from loyalty.core.calendar import format_day
from loyalty.core.holders import Layer
from loyalty.programme.building.draft import Draft, layer_words
from loyalty.programme.building.metrics import MOST_METRICS
from loyalty.programme.model import Currency, EventKind, FieldSpec, Programme
from loyalty.programme.nodes import Node
from loyalty.programme.revision import written
from loyalty.programme.revisions import currencies_of, kind_of, revisions_of, swapped_tiers, tiers_of
from loyalty.programme.sections import Section
from loyalty.rules.declaration import ByField, Rule


def build_from_day(draft: Draft) -> int:
    """Read the first day of the revision; 0 where there is none before it."""
    section: Section | None = draft.root.get("revision")
    if section is None or draft.before is None:
        return 0
    day: int = section.value("from", 0)
    before = draft.before.from_day
    if section.has("from") and day <= before and draft.before.earlier:
        draft.notes.add(
            "revision-order", section.at("from"),
            f"the revision before it, {draft.before.file}, is in force from {format_day(before)}",
            "write a later day",
        )  # fmt: skip
    return day


def check_kept(draft: Draft, programme: Programme) -> None:
    """Note what a revision changes that every revision of a programme has alike, because what is posted rests on it."""
    before = draft.before
    if before is None:
        return
    _check_frame(draft, programme, before)
    currencies = currencies_of(before)
    for currency in programme.currencies.values():
        if currency.name in currencies:
            _check_currency(draft, currency, currencies[currency.name])
    for kind in programme.events.values():
        known = kind_of(before, kind.name)
        if known is not None and kind.name not in draft.unrelated | draft.doubtful:
            _check_kind(draft, kind, known)
            _check_fields(draft, kind, before)
    _check_tiers(draft, before)
    _check_grandfathered(draft, programme, before)
    _check_metrics(draft, programme)


def _check_frame(draft: Draft, programme: Programme, before: Programme) -> None:
    head: Section | None = draft.root.get("programme")
    if head is None:
        return
    kept = {
        "id": (programme.id, before.id),
        "timezone": (programme.calendar.timezone, before.calendar.timezone),
        "year_starts": (programme.year_starts_month, before.year_starts_month),
    }
    for key, (now, then) in kept.items():
        if now != then and head.is_clear(key) and (key != "timezone" or draft.calendar is not None):
            draft.notes.add(
                "not-as-before", head.at(key), f"revision {before.file} of the programme has {then}",
                f"write `{key}: {then}`; what is another {key.replace('_', ' ')} is another programme",
                got=None if head.has(key) else f"`{key}: {now}`",
            )  # fmt: skip


def _check_currency(draft: Draft, now: Currency, then: Currency) -> None:
    kept = (
        ("unit", now.unit, then.unit),
        ("scale", now.scale, then.scale),
        ("spendable", now.spendable, then.spendable),
    )
    for key, value, other in kept:
        if value != other:
            draft.notes.add(
                "not-as-before", now.place, f"an earlier revision has it with {_words(key, other)}",
                "leave it so, or declare a currency of another name", got=f"`{now.name}` with {_words(key, value)}",
                width=len(now.name),
            )  # fmt: skip
            # Money of another unit has other digits as well.
            return


def _check_kind(draft: Draft, now: EventKind, then: EventKind) -> None:
    kept = (
        ("the role", now.role.value, then.role.value),
        ("the origin", now.origin_kind, then.origin_kind),
        ("the part", now.part, then.part),
        ("the key", " ".join(sorted(map(_key, now.by))), " ".join(sorted(map(_key, then.by)))),
    )
    for what, value, other in kept:
        if value != other:
            draft.notes.add(
                "not-as-before", now.place, f"an earlier revision has it with {what} {other or 'none'}",
                "leave it so, or declare a kind of another name", got=f"`{now.name}` with {what} {value or 'none'}",
                width=len(now.name),
            )  # fmt: skip
            return


def _check_fields(draft: Draft, now: EventKind, before: Programme) -> None:
    """Note fields of another type, and those that some revision lacks and that are not always there to be read."""
    declared = [(one, one.events[now.name]) for one in revisions_of(before) if now.name in one.events]
    names = dict.fromkeys(name for _, kind in declared for name in kind.fields)
    for name in dict.fromkeys([*now.fields, *names]):
        if draft.is_unread(now.name, name):
            continue
        spec = now.fields.get(name)
        others = [kind.fields.get(name) for _, kind in declared]
        other = next((other for other in reversed(others) if other is not None), None)
        place = spec.place if spec is not None else now.place
        if spec is not None and other is not None and (spec.type, spec.unit) != (other.type, other.unit):
            draft.notes.add(
                "not-as-before", place, f"an earlier revision has the field as {_type_words(other)}",
                "leave it so, or give the field another name", got=f"`{name}` as {_type_words(spec)}", width=len(name),
            )  # fmt: skip
            continue
        every = [*others, spec]
        given_up = [one.default is None for one in every if one is not None and not one.required]
        if any(given_up) and not all(given_up):
            draft.notes.add(
                "not-as-before", place,
                "an earlier revision has it optional without a default; what its events do not say would be read as one"
                if other is not None and other.default is None
                else "an earlier revision has it with a default, and its events are read with that",
                "leave it so, or give the field another name", got=f"`{name}`", width=len(name),
            )  # fmt: skip
            continue
        can_be_absent = any(one is None or (not one.required and one.default is None) for one in every)
        strict = next((one for one in every if one is not None and one.required), None)
        if can_be_absent and strict is not None:
            draft.notes.add(
                "field-not-always", place,
                f"some revision takes {now.name} without `{name}`, and metrics count the events of all of them"
                + ("" if strict is spec else f"; {strict.place} needs it"),
                "give it a `default`, or write `optional: true` and ask has(event." + name + ")"
                if strict is spec
                else "declare the field as it was, or give it a `default` there",
                got=f"`{name}`" if spec is not None else f"`{now.name}` without `{name}`",
                width=len(name if spec is not None else now.name),
            )  # fmt: skip


def _check_tiers(draft: Draft, before: Programme) -> None:
    order = tiers_of(before)
    for low, high in swapped_tiers(order, draft.tier_names):
        draft.notes.add(
            "tier-order", draft.tiers[high].place, f"earlier revisions have it below {low}: {', '.join(order)}",
            "keep the tiers in the order that they had; a new one can stand anywhere",
            got=f"`{high}` above {low}",
        )  # fmt: skip


def _check_grandfathered(draft: Draft, programme: Programme, before: Programme) -> None:
    """Note fields that hold more now than a rule of an earlier revision, which can still pay, was proven for."""
    now = {rule.name: rule for rule in programme.rules}
    for one in revisions_of(before):
        for rule in one.rules:
            newer = now.get(rule.name)
            if rule.grandfather is None and (newer is None or newer.grandfather is None):
                continue
            for kind, name, then in _fields_read(one, rule):
                spec = programme.events[kind].fields.get(name) if kind in programme.events else None
                if spec is not None and (spec.lowest < then.lowest or spec.highest > then.highest):
                    draft.notes.add(
                        "outgrown", spec.place,
                        f"rule {rule.name} of {one.file} is grandfathered and can still pay, and it was proven for the "
                        "bounds that the field had there",
                        "leave the bounds as they were, or let the rule of another name pay",
                        got=f"`{name}` of {kind} with wider bounds", width=len(name),
                    )  # fmt: skip
            if draft.limits_read and draft.events_per_holder > one.events_per_holder and _reads_metrics(one, rule):
                draft.notes.add(
                    "outgrown", _limit_node(draft),
                    f"rule {rule.name} of {one.file} is grandfathered, and reads metrics that were proven for "
                    f"{one.events_per_holder} events",
                    f"write `events_per_holder: {one.events_per_holder}` or less",
                    got=f"{draft.events_per_holder} events of one holder",
                )  # fmt: skip


def _fields_read(programme: Programme, rule: Rule) -> Iterator[tuple[str, str, FieldSpec]]:
    """Give the kind, the name and the bounds of each field that a rule, or a metric that it reads, reads."""
    names = {(rule.on, name) for part in (rule.when, rule.of) if part is not None for name in part.names}
    for metric in programme.metrics.values():
        if metric.kind is not None and (rule.on, metric.name) in names:
            parts = [part for part in (metric.when, metric.of) if part is not None]
            names |= {(metric.kind, name) for part in parts for name in part.names}
    for awards in rule.give.values():
        names |= {(rule.on, f"event.{award.field}") for award in awards.values() if isinstance(award, ByField)}
    for kind, name in sorted(names):
        spec = programme.events[kind].fields.get(name.removeprefix("event."))
        if name.startswith("event.") and spec is not None:
            yield kind, spec.name, spec


def _reads_metrics(programme: Programme, rule: Rule) -> bool:
    return any(part is not None and part.names & programme.metrics.keys() for part in (rule.when, rule.of))


def _check_metrics(draft: Draft, programme: Programme) -> None:
    """Note the metric with which all revisions have more than an event can remember."""
    for layer in Layer:
        seen = {str(written(m)) for one in programme.earlier for m in one.metrics.values() if m.layer is layer}
        corrected = {kind.origin_kind for one in revisions_of(programme) for kind in one.events.values()}
        own = [metric for metric in programme.metrics.values() if metric.layer is layer]
        for metric in own:
            seen.add(str(written(metric)))
            if len(seen) > MOST_METRICS >= len(own) and any(one.kind in corrected for one in own):
                draft.notes.add(
                    "too-many-metrics", metric.place,
                    f"metrics of earlier revisions go on to be counted, and those of {layer_words([layer])} are more "
                    f"than the {MOST_METRICS} that an event can remember",
                    "keep metrics as they were declared before", got=f"`{metric.name}`",
                )  # fmt: skip
                break


def _limit_node(draft: Draft) -> Node:
    limits: Section | None = draft.root.get("limits")
    return limits.at("events_per_holder") if limits is not None else draft.root.node


def _words(key: str, value: object) -> str:
    if key == "unit":
        return f"the unit {value}" if value is not None else "no unit"
    return f"`{key}: {str(value).lower()}`"


def _type_words(spec: FieldSpec) -> str:
    return f"{spec.type.value} of {spec.unit}" if spec.unit is not None else spec.type.value


def _key(part: object) -> str:
    return str(getattr(part, "value", part))
