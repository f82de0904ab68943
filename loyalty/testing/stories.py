"""
Counterexamples as short dated stories, for people who have to mend a programme.

A story says which law is broken, what happened on which day, what came of it, and which rule makes the difference.
"""

from __future__ import annotations

from collections.abc import Iterator

from loyalty.core.amounts import format_minor_units
from loyalty.core.events import Event, FieldValue
from loyalty.ledger.store import Grant
from loyalty.programme.model import FieldType, Programme
from loyalty.programme.units import digits_of
from loyalty.testing.laws import Counterexample, History
from loyalty.testing.outcomes import write_amount


def tell(programme: Programme, counterexample: Counterexample) -> str:
    """Write a counterexample as a story of a few lines."""
    lines = [f"  {counterexample.claim}"]
    if counterexample.first:
        lines += [f"    {counterexample.first_label}:", *_happened(programme, counterexample.first, ())]
    lines += [
        f"    {counterexample.second_label}:",
        *_happened(programme, counterexample.second, counterexample.grants),
    ]
    if counterexample.rules:
        rule, moved = counterexample.rules[0]
        lines.append(f"    because of {_named(programme, rule)}: {moved}")
        lines += [f"    and of {_named(programme, rule)}: {moved}" for rule, moved in counterexample.rules[1:4]]
    return "\n".join(lines)


def _named(programme: Programme, rule: str) -> str:
    """Name what paid: a rule, a badge or a tier's gift with its place, or what the ledger calls it."""
    for badge in programme.badges:
        if rule == f"@badge.{badge.name}":
            return f"badge {badge.name} at {badge.place}"
    for tier in programme.ladder.tiers:
        if rule == f"@tier.{tier.name}":
            return f"the gift of tier {tier.name} at {tier.place}"
    return f"rule {rule}"


def _happened(programme: Programme, history: History, grants: tuple[Grant, ...]) -> Iterator[str]:
    lines = [(event.key, _sentence(programme, event)) for event in history]
    lines += [((grant.at, "~", grant.key), _decision(programme, grant)) for grant in grants]
    yield from (f"      {line}" for _, line in sorted(lines))


def _sentence(programme: Programme, event: Event) -> str:
    kind = programme.events.get(event.kind)
    who = event.partner + (f" ({event.person})" if event.person else "")
    parts = [_when(programme, event.occurred_at), who, event.kind, event.id]
    if event.of:
        parts.append(f"of {event.of}")
    for name, value in event.fields.items():
        spec = kind.fields.get(name) if kind else None
        parts.append(f"{name} {_write(value, spec.unit if spec and spec.type is FieldType.MONEY else None)}")
    return "  ".join(parts)


def _decision(programme: Programme, grant: Grant) -> str:
    amount = [write_amount(programme, grant.currency, grant.amount)] if grant.currency else []
    about = [f"of {grant.of}"] if grant.of else []
    return "  ".join((_when(programme, grant.at), grant.holder.id, f"{grant.kind}s", *amount, *about))


def _when(programme: Programme, instant: int) -> str:
    local = programme.calendar.local(instant)
    return f"{local:%Y-%m-%d}" if (local.hour, local.minute) == (0, 0) else f"{local:%Y-%m-%d %H:%M}"


def _write(value: FieldValue, unit: str | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and unit is not None:
        return f"{format_minor_units(value, digits_of(unit))} {unit}"
    return str(value)
