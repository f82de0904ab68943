"""
A scenario where none is given: what the programme declares, filled in with plain assumptions that the report prints.

Nothing here knows a trade. Amounts lie around the geometric middle of their declared range, choices are even, a
certification lasts two years, and refunds are rare; whoever knows better writes a scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from loyalty.core.calendar import Unit
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.programme.model import EventKind, FieldSpec, FieldType, Programme, Role
from loyalty.rules.declaration import Subject
from loyalty.simulation.behaviour import Activity, Consequence, Delay, Scenario, Segment
from loyalty.simulation.distributions import Choice, Constant, Distribution, LogNormal, Uniform, geometric_middle

_SIGMA = Fraction(1)
_SMALL_RANGE = 1000
_TEXTS = ("alpha", "beta", "gamma")

SEGMENTS = (
    Segment(name="small", share=Fraction(70, 100), persons=Uniform(1, 3), size_median=Fraction(1, 2),
            size_sigma=Fraction(1, 2)),
    Segment(name="medium", share=Fraction(25, 100), persons=Uniform(3, 8), size_median=Fraction(2),
            size_sigma=Fraction(1, 2)),
    Segment(name="large", share=Fraction(5, 100), persons=Uniform(8, 25), size_median=Fraction(6),
            size_sigma=Fraction(1, 2)),
)  # fmt: skip

_ASSUMPTIONS = (
    "No scenario was given: 70 % of the partners are small, 25 % medium and 5 % large (median sizes 0.5, 2 and 6).",
    "Amounts are lognormal around the geometric middle of their declared range (sigma 1); choices are even.",
    "Yes or no is otherwise than its default in one of four events.",
    "Each person is certified about once in ten months; every second certificate ends after 24 months.",
    "3 % of what can be refunded is refunded, a third of it in part.",
)


def default_scenario(programme: Programme) -> Scenario:
    """Derive a scenario from the kinds, fields and ranges that *programme* declares."""
    activities = tuple(_activity(kind, programme) for kind in programme.events.values() if kind.role is Role.NONE)
    return Scenario(name="default", segments=SEGMENTS, activities=activities, assumptions=_ASSUMPTIONS)


def default_draws(kind: EventKind, named: Mapping[str, Distribution]) -> dict[str, Distribution]:
    """Give a draw for every field of *kind*: the named one, or one that its declaration suggests."""
    return {
        name: named[name] if name in named else default_draw(spec)
        for name, spec in kind.fields.items()
        if name in named or spec.required
    }


def default_per(kind: EventKind, programme: Programme) -> Layer:
    """Tell whose rate that of a kind is: the person's where people are counted by it, or hold what it gives."""
    ended = any(other.role is Role.ENDS and other.origin_kind == kind.name for other in programme.events.values())
    return Layer.PERSON if ended or _counts_people(kind, programme) else Layer.PARTNER


def default_draw(spec: FieldSpec) -> Distribution:
    """Give a draw that yields only values that the field may hold."""
    if spec.type is FieldType.BOOL:
        return Choice((True, False), (1, 1))
    if spec.type is FieldType.ONE_OF:
        return Choice(tuple(spec.values), (1,) * len(spec.values))
    if spec.type is FieldType.TEXT:
        texts: tuple[FieldValue, ...] = _TEXTS
        return Choice(texts, (1,) * len(texts))
    if spec.lowest == spec.highest:
        return Constant(spec.lowest)
    if spec.type is FieldType.INT and spec.highest - spec.lowest <= _SMALL_RANGE:
        return Uniform(spec.lowest, spec.highest)
    middle = geometric_middle(max(spec.lowest, 0), max(spec.highest, 0))
    return LogNormal(middle, _SIGMA, spec.lowest, spec.highest)


def _activity(kind: EventKind, programme: Programme) -> Activity:
    money = any(spec.type is FieldType.MONEY for spec in kind.fields.values())
    then = tuple(
        _consequence(other, programme)
        for other in programme.events.values()
        if other.role is not Role.NONE and other.origin_kind == kind.name
    )
    flags = {
        name: Choice((not spec.default, bool(spec.default)), (1, 3))
        for name, spec in kind.fields.items()
        if spec.type is FieldType.BOOL and spec.default is not None
    }
    if default_per(kind, programme) is Layer.PERSON:
        return Activity(kind=kind.name, rate=Fraction(1, 10), per=Layer.PERSON, fields=flags, then=then)
    return Activity(kind=kind.name, rate=Fraction(1) if money else Fraction(1, 4), fields=flags, then=then)


def _counts_people(kind: EventKind, programme: Programme) -> bool:
    """Tell whether some rule on this kind pays once for each person, which makes it something that people do."""
    return any(rule.on == kind.name and Subject.PERSON in (rule.once_per or ()) for rule in programme.rules)


def _consequence(kind: EventKind, programme: Programme) -> Consequence:
    if kind.role is Role.ENDS:
        return Consequence(kind=kind.name, chance=Fraction(1, 2), after=Delay(lowest=24, highest=24, unit=Unit.MONTHS))
    if kind.role is Role.FOLLOWS:
        return Consequence(kind=kind.name, chance=Fraction(9, 10), after=Delay(lowest=5, highest=45))
    policy = programme.refunds.get(kind.name)
    within_days = policy.within.days + 28 * policy.within.months if policy and policy.within else 0
    return Consequence(
        kind=kind.name,
        chance=Fraction(3, 100),
        after=Delay(lowest=1, highest=min(30, within_days or 30)),
        partial=Fraction(1, 3) if kind.part else Fraction(0),
    )
