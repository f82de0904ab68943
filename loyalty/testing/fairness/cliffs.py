"""
No cliff: one more unit never lowers the reward.

A unit is one minor unit of a money field, or one of an int field. Money, whatever a rule or metric measures and what is
called a quantity always count; another int field counts when some more of it is somewhere rewarded, so that a field
which only ever costs (days late, say) is no quantity of merit. The reward is what the event itself is paid, for each
holder, in value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from typing import TypeAlias

from attrs import evolve

from loyalty.core.events import FieldValue
from loyalty.programme import boundaries
from loyalty.programme.model import EventKind, FieldSpec, FieldType, Role
from loyalty.testing.fairness.differences import losses, rules_that_differ, write_value
from loyalty.testing.fairness.scenes import Scene, scenes
from loyalty.testing.laws import Bench, Counterexample, Law, Lead
from loyalty.testing.outcomes import value_of

Fields: TypeAlias = Mapping[str, FieldValue]


def probe(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Add one unit to each number of each event that can be paid."""
    programme = bench.programme
    for place, event in enumerate(lead.events):
        kind = programme.events.get(event.kind)
        if kind is None or kind.role not in (Role.NONE, Role.FOLLOWS):
            continue
        for spec in boundaries.numeric_fields(kind):
            value = event.fields.get(spec.name)
            if not isinstance(value, int) or value + 1 > spec.highest or not _is_merit(bench, kind, spec):
                continue
            more = evolve(event, fields={**event.fields, spec.name: value + 1})
            changed = (*lead.events[:place], more, *lead.events[place + 1 :])
            before = bench.settle(lead.events, lead.grants).awarded_by(event.identity)
            after = bench.settle(changed, lead.grants).awarded_by(event.identity)
            for (_, unit), was, now in losses(value_of(programme, before), value_of(programme, after)):
                yield Counterexample(
                    law="no_cliff",
                    claim=f"one unit more of {spec.name} lowers the reward of {event.id} from {write_value(was, unit)}"
                    f" to {write_value(now, unit)}",
                    first=lead.events, second=changed, grants=lead.grants,
                    first_label="pays more", second_label="pays less",
                    rules=rules_that_differ(programme, before, after),
                )  # fmt: skip


def leads(bench: Bench) -> Iterator[Lead]:
    """Walk each number up its telling values; between two of which the greater pays less there is a cliff."""
    found = list(islice(scenes(bench.programme), 60))
    for turn in range(9):  # All scenes at usual numbers, then with one number elsewhere, and so on.
        for scene in found if not turn else found[:16]:
            settings = boundaries.settings(bench.programme, scene.kind)
            for spec in boundaries.numeric_fields(scene.kind) if turn < len(settings) else ():
                usual = settings[turn]
                if turn and usual[spec.name] != settings[0][spec.name]:
                    continue
                for low, high in pairwise(_grid(bench, scene.kind, spec)):
                    if _pays_less(bench, scene, usual, spec, low, high):
                        yield _edge(bench, scene, usual, spec, low, high)
                        break


def _grid(bench: Bench, kind: EventKind, spec: FieldSpec) -> list[int]:
    key = f"grid {kind.name}.{spec.name}"
    if key not in bench.notes:
        sizes = boundaries.ladder_of_sizes(spec)[::2]
        bench.notes[key] = sorted({*boundaries.edges(bench.programme, kind, spec), *sizes})
    return list(bench.notes[key])


def _pays_less(bench: Bench, scene: Scene, usual: Fields, spec: FieldSpec, low: int, high: int) -> bool:
    before, after = (
        value_of(bench.programme, bench.settle((*scene.prefix, event)).awarded_by(event.identity))
        for event in (scene.event({**usual, spec.name: low}), scene.event({**usual, spec.name: high}))
    )
    return any(losses(before, after))


def _edge(bench: Bench, scene: Scene, usual: Fields, spec: FieldSpec, low: int, high: int) -> Lead:
    """Halve the way between two values of which the greater pays less, until they are neighbours."""
    while high - low > 1:
        middle = (low + high) // 2
        if _pays_less(bench, scene, usual, spec, low, middle):
            high = middle
        else:
            low = middle
    return Lead((*scene.prefix, scene.event({**usual, spec.name: low})))


def _is_merit(bench: Bench, kind: EventKind, spec: FieldSpec) -> bool:
    measured = boundaries.measured_fields(bench.programme, kind)
    if spec.type is FieldType.MONEY or spec in measured or boundaries.is_quantity(spec):
        return True
    key = f"merit {kind.name}.{spec.name}"
    if key not in bench.notes:
        bench.notes[key] = any(
            _pays_less(bench, scene, boundaries.usual_numbers(bench.programme, kind), spec, high, low)
            for scene in islice((s for s in scenes(bench.programme) if s.kind is kind), 12)
            for low, high in pairwise(boundaries.numbers(bench.programme, kind, spec))
        )
    return bool(bench.notes[key])


LAW = Law(
    name="no_cliff",
    statement="One more unit never lowers the reward of an event.",
    probe=probe,
    leads=leads,
)
