"""
What a scenario plans, with everything looked up that does not depend on a partner.

A plan that asks for what the programme refuses is stopped here, before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np
from attrs import frozen

from loyalty.batch.tables import kinds_of
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.errors import EventRejected
from loyalty.programme.model import EventKind, FieldType, Programme, Role
from loyalty.programme.revisions import kind_of
from loyalty.simulation.behaviour import Activity, Consequence, Delay, Scenario
from loyalty.simulation.defaults import default_draws
from loyalty.simulation.distributions import Choice, Constant, Distribution, LogNormal, OfLabel, Quantiles, Uniform
from loyalty.simulation.draws import Floats, Integers, Keys, noise, sample
from loyalty.simulation.partners import Partners
from loyalty.simulation.span import Span


class Codes:
    """The numbers that stand for declared values in a table of events: texts by field, in the order of first use."""

    def __init__(self) -> None:
        self.texts: dict[str, dict[str, int]] = {}

    def __call__(self, field: str, value: FieldValue) -> int:
        if isinstance(value, str):
            known = self.texts.setdefault(field, {})
            return known.setdefault(value, len(known))
        return int(value)


@frozen(eq=False)
class FieldPlan:
    """What one field holds; whole numbers stand for texts. Drawn money is scaled by the partner's segment."""

    name: str
    distribution: Distribution
    codes: Mapping[FieldValue, int]

    def draw(self, keys: Keys, partners: Partners, rows: Integers, scale: Floats) -> Integers:
        """
        Draw a value for each key.

        Args:
            rows: The partner of each key.
            scale: The factor on amounts of each key.
        """
        if isinstance(self.distribution, OfLabel):
            label = self.distribution.label
            codes = [self.codes[text] for text in partners.label_texts[label]]
            return np.array(codes, dtype=np.int64)[partners.labels[label][rows]]
        return sample(self.distribution, keys.on(self.name), self.codes.__getitem__, scale)


class FollowerPlan:
    """A consequence: what may follow an event."""

    def __init__(
        self, consequence: Consequence, kind: EventKind, number: int, codes: Codes, scenario: Scenario
    ) -> None:
        self.kind = kind
        self.number = number
        self.speaks = kind.role is not Role.ENDS
        self.chance = float(consequence.chance)
        self.partial = float(consequence.partial)
        self.after: Delay = consequence.after
        self.copied = tuple(part for part in kind.by if isinstance(part, str))
        own = default_draws(kind, consequence.fields)
        self.fields = _field_plans(
            {name: draw for name, draw in own.items() if name not in self.copied and name != kind.part},
            kind, codes, scenario,
        )  # fmt: skip


class ActivityPlan:
    """An activity: how often a kind of event happens, and what it says."""

    def __init__(self, activity: Activity, programme: Programme, scenario: Scenario, codes: Codes) -> None:
        numbers = {name: number for number, name in enumerate(kinds_of(programme))}
        kind = kind_of(programme, activity.kind)
        assert kind is not None
        self.kind, self.number = kind, numbers[kind.name]
        self.activity = activity
        self.names_person = activity.names_person or activity.per is Layer.PERSON
        self.elasticity = float(scenario.response[kind.name].elasticity) if kind.name in scenario.response else 0.0
        self.fields = _field_plans(default_draws(kind, activity.fields), kind, codes, scenario)
        self.followers = [
            FollowerPlan(each, follower, numbers[each.kind], codes, scenario)
            for each in activity.then
            if (follower := kind_of(programme, each.kind)) is not None
        ]
        # Whoever holds a certificate does not pass it again before it ends.
        self.held_by = next(
            (each.by for each in programme.events.values() if each.role is Role.ENDS and each.origin_kind == kind.name),
            None,
        )

    def names(self) -> list[tuple[str, str]]:
        """Give the names of the rows that are drawn: the activity's own, and each consequence's."""
        return [(self.kind.name, ""), *((self.kind.name, each.kind.name) for each in self.followers)]

    def field_names(self) -> Iterator[str]:
        """Give the fields that the rows may have."""
        yield from (field.name for field in self.fields)
        for each in self.followers:
            yield from (field.name for field in each.fields)
            yield from each.copied
            if each.kind.part is not None:
                yield each.kind.part

    def monthly(self, scenario: Scenario, partners: Partners) -> Floats:
        """Give the events a month that each partner has on average, before season, growth and noise."""
        factors = np.array([float(each.rates.get(self.kind.name, 1)) for each in scenario.segments])
        whose = partners.persons if self.activity.per is Layer.PERSON else partners.size
        # What responds is drawn at the highest rate, and thinned by the progress that the partner then has.
        rate: Floats = float(self.activity.rate) * (1 + self.elasticity) * factors[partners.segment] * whose
        return rate

    def market(self, seed: int, span: Span) -> Floats:
        """Give the factor of each month that all partners share: season, growth, and the market's noise."""
        numbers = span.first_month + np.arange(span.months)
        season = np.array([float(factor) for factor in self.activity.season])[numbers % 12]
        growth = (1 + float(self.activity.growth)) ** (np.arange(span.months) / 12)
        shared = Keys.of_names(seed, [f"market {self.kind.name}"])
        return season * growth * noise(shared.at(numbers), float(self.activity.noise.market))


def plans_of(programme: Programme, scenario: Scenario, codes: Codes) -> list[ActivityPlan]:
    """
    Plan all activities, in the order of their names, which is that of events of one instant.

    Raises:
        EventRejected: the scenario asks for something that the programme refuses.
    """
    return [
        ActivityPlan(each, programme, scenario, codes) for each in sorted(scenario.activities, key=lambda one: one.kind)
    ]


def _field_plans(
    draws: Mapping[str, Distribution], kind: EventKind, codes: Codes, scenario: Scenario
) -> list[FieldPlan]:
    plans = []
    # A default stands in where a scenario says nothing of the field, as it does where an event leaves it out.
    stand_ins = {
        name: Constant(spec.default)
        for name, spec in kind.fields.items()
        if spec.default is not None and name not in draws and name != kind.part
    }
    for name, distribution in chain(draws.items(), stand_ins.items()):
        values = list(_values(distribution, scenario))
        _refuse_strangers(kind, name, values)
        # Every text has its code before anything is drawn, whichever thread then comes to need it first.
        known = {value: codes(name, value) for value in values}
        plans.append(FieldPlan(name, distribution, known))
    return plans


def _values(distribution: Distribution, scenario: Scenario) -> Iterator[FieldValue]:
    """Give the values between which, or of which, everything that is drawn lies."""
    match distribution:
        case Constant(value):
            yield value
        case Uniform(lowest, highest) | LogNormal(_, _, lowest, highest) | Quantiles(_, lowest, highest):
            yield from (lowest, highest)
        case Choice(values):
            yield from values
        case OfLabel(label):
            for segment in scenario.segments:
                if label in segment.labels:
                    yield from segment.labels[label].values


def _refuse_strangers(kind: EventKind, name: str, values: list[FieldValue]) -> None:
    """Hold a scenario that was built by hand to the same bounds as a file."""
    spec = kind.fields.get(name)
    if spec is None:
        raise EventRejected(f"simulation/{kind.name}", [f"{name}: events of {kind.name} have no such field"])
    for value in values:
        fits = {
            FieldType.BOOL: isinstance(value, bool),
            FieldType.TEXT: isinstance(value, str),
            FieldType.ONE_OF: value in spec.values,
        }.get(spec.type, type(value) is int and spec.lowest <= value <= spec.highest)
        if not fits:
            reason = f"{name}: the scenario draws {value!r}, which it cannot hold"
            raise EventRejected(f"simulation/{kind.name}", [reason])
