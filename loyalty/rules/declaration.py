"""
What an earning rule declares: when it pays, what, to whom, and within which bounds.

An award is computed as rate -> round -> multiply -> round -> caps -> stacking, each rounding named.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fractions import Fraction

import attrs
from attrs import frozen

from loyalty.core.amounts import Rounding
from loyalty.core.calendar import Duration, Period
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.rules.expressions import Expression


class BandMode(Enum):
    """How a measure meets a table of bands: all of it at one band's rate, or each slice at its own."""

    WHOLE_SLAB = "whole_slab"
    MARGINAL = "marginal"


class Take(Enum):
    """Which rules of a stacking group pay."""

    ALL = "all"
    FIRST = "first"
    BEST = "best"


class OnEnd(Enum):
    """What happens to an award when the certification that earned it ends."""

    KEEP = "keep"
    REVERSE = "reverse"


class Grandfather(Enum):
    """Which earlier day says under which revision a rule pays."""

    ORIGIN = "origin"
    JOINED = "joined"


# `attrs.field` is written out: two classes have an attribute of the name `field`, as the programme file has.


@frozen(kw_only=True)
class Fixed:
    """A fixed amount, minor units, >= 0."""

    amount: int
    place: Place = attrs.field(eq=False, factory=Place)


@frozen(kw_only=True)
class Rate:
    """
    ``amount`` minor units for each ``per`` minor units of the rule's measure; ``3 %`` is 3 per 100.

    ``at_least`` and ``at_most`` bound the rounded result, minor units, before it is multiplied.
    """

    amount: int
    per: int
    at_least: int | None = None
    at_most: int | None = None
    place: Place = attrs.field(eq=False, factory=Place)


@frozen(kw_only=True)
class Band:
    """The award of measures from ``start`` (minor units, inclusive) to the next band's start."""

    start: int
    award: Fixed | Rate


@frozen(kw_only=True)
class Bands:
    """
    A table of bands by the rule's measure, starts ascending, the first at 0.

    In ``marginal`` mode each band is a rate and pays for the slice of the measure that lies in it; the slices are
    summed exactly and rounded once.
    """

    mode: BandMode
    bands: tuple[Band, ...]
    place: Place = attrs.field(eq=False, factory=Place)


@frozen(kw_only=True)
class ByTier:
    """One award for each tier by name, ``base`` included; tiers that are not named get the next lower one's."""

    awards: Mapping[str, Fixed | Rate]
    place: Place = attrs.field(eq=False, factory=Place)


@frozen(kw_only=True)
class ByField:
    """One award for each value of an event's one_of or bool field; ``otherwise`` for the values not named."""

    field: str
    awards: Mapping[str | bool, Fixed | Rate]
    otherwise: Fixed | Rate
    place: Place = attrs.field(eq=False, factory=Place)


Award = Fixed | Rate | Bands | ByTier | ByField


@frozen(kw_only=True)
class Multiplier:
    """
    A factor >= 0 on a rounded award; exactly one of the three forms.

    ``constant``; the tier's own (``by_tier``); or by an event's one_of or bool field (``field``, ``table``,
    ``otherwise``).
    """

    constant: Fraction | None = None
    by_tier: bool = False
    field: str | None = None
    table: Mapping[str | bool, Fraction] = {}
    otherwise: Fraction = Fraction(1)


class Subject(Enum):
    """What a key may name beside fields of the event: the partner and the person of the event."""

    PARTNER = "partner"
    PERSON = "person"


#: A part of a key: a subject, a field of the event by its name, or a calendar period.
KeyPart = Subject | str | Period


def part_name(part: KeyPart) -> str:
    """Write a part of a key as files do, in one word."""
    return str(part.value).replace("_", "-") if isinstance(part, Enum) else part


@frozen(kw_only=True)
class Cap:
    """
    At most ``amount`` (minor units) of ``currency`` for each key.

    The key belongs to the paid holder: ``per`` may add fields of the event, the person (within the partner's), the
    partner (within the person's) and at most one period; ``per_event`` bounds each award alone.
    """

    currency: str
    amount: int
    per: tuple[KeyPart, ...] = ()
    per_event: bool = False
    place: Place = attrs.field(eq=False, factory=Place)

    @property
    def period(self) -> Period | None:
        """The period after which the cap starts anew, or None for a lifetime."""
        return next((part for part in self.per if isinstance(part, Period)), None)


@frozen(kw_only=True)
class Cooldown:
    """No second award of the rule within ``length`` of the last, for each key of the paid holder."""

    length: Duration
    per: tuple[KeyPart, ...] = ()


@frozen(kw_only=True)
class Streak:
    """
    Pay only when qualifying events fell in ``length`` consecutive periods; with ``repeat``, each time again.

    Without ``repeat`` a streak that runs on pays once; a broken one begins anew and can pay again.
    """

    every: Period
    length: int
    repeat: bool = False


@frozen(kw_only=True)
class Validity:
    """Days on which something is valid, both ends included; None is open."""

    first_day: int | None = None
    last_day: int | None = None


@frozen(kw_only=True)
class Pending:
    """How long an award stays pending: for ``duration``, or until an event of ``until_kind`` follows its event."""

    duration: Duration | None = None
    until_kind: str | None = None


@frozen(kw_only=True)
class Roundings:
    """The roundings of the two divisions of an award."""

    rate: Rounding = Rounding.DOWN
    multiply: Rounding = Rounding.DOWN


@frozen(kw_only=True)
class Campaign:
    """A named set of rules with its own dates and caps that its rules share."""

    name: str
    valid: Validity
    caps: tuple[Cap, ...]
    place: Place = attrs.field(eq=False, factory=Place)


@frozen(kw_only=True)
class Group:
    """A stacking group: which of its rules pay; ``best`` compares the capped grants of currency ``by``."""

    name: str
    take: Take
    by: str | None = None
    place: Place = attrs.field(eq=False, factory=Place)


@frozen(kw_only=True)
class Rule:
    """
    One earning rule.

    Rules are looked at by (phase, priority, name), lower first.

    Args:
        name: Unique in the programme.
        on: The kind of event that it looks at.
        when: The condition, or None for always.
        of: The measure that rates and bands are of, or None where none is used.
        give: For each layer, the award of each currency.
        multiply: For each currency, factors whose product multiplies the rounded award.
        grandfather: The revision of which day pays: of the first event of the chain that the event belongs to, or of
            the paid holder's first event; None for the event's own.
    """

    name: str
    on: str
    give: Mapping[Layer, Mapping[str, Award]]
    when: Expression | None = None
    of: Expression | None = None
    multiply: Mapping[str, tuple[Multiplier, ...]] = {}
    round: Roundings = Roundings()
    caps: tuple[Cap, ...] = ()
    once_per: tuple[KeyPart, ...] | None = None
    cooldown: Cooldown | None = None
    valid: Validity = Validity()
    campaign: str | None = None
    group: str | None = None
    phase: int = 0
    priority: int = 0
    pending: Mapping[str, Pending] = {}
    streak: Streak | None = None
    on_end: OnEnd = OnEnd.KEEP
    grandfather: Grandfather | None = attrs.field(default=None, metadata={"silent": True})
    place: Place = attrs.field(eq=False, factory=Place)
