"""
What a scenario declares: segments of partners, and how often each kind of event happens to them.

A scenario is an assumption, not a forecast. It is kept apart from the programme, so that one population can meet
several programmes, and the report prints what was assumed. Arrival, churn and the response to incentives will be
further fields of :class:`Segment` and :class:`Activity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from attrs import field, frozen

from loyalty.core.calendar import Unit
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.simulation.draws import Draw, Uniform

#: The factor of each calendar month where no season is declared.
EVEN_SEASON: tuple[Fraction, ...] = (Fraction(1),) * 12

_FEW = Uniform(1, 3)


@frozen(kw_only=True)
class Segment:
    """
    A part of the partners.

    Args:
        share: Of all partners; the shares of a scenario sum to 1.
        persons: How many people a partner has.
        size_median, size_sigma: The lognormal size of a partner; it multiplies every rate that is per partner.
        rates: Factors on the rate of a kind in this segment; kinds that are not named keep theirs.
        amounts: A factor on the median of money that is drawn lognormally.
    """

    name: str
    share: Fraction
    persons: Uniform = _FEW
    size_median: Fraction = Fraction(1)
    size_sigma: Fraction = Fraction(0)
    rates: Mapping[str, Fraction] = {}
    amounts: Fraction = Fraction(1)
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Delay:
    """How long after its origin something follows: a whole number of days, weeks, months or years, ends included."""

    lowest: int
    highest: int
    unit: Unit = Unit.DAYS


@frozen(kw_only=True)
class Consequence:
    """
    An event that may follow another: a refund, the end of a certification, a payment.

    Args:
        kind: A declared kind that refunds, ends or follows the activity's kind.
        chance: That it happens at all.
        after: When.
        partial: Of a refund: the chance that it is of a part only, between a tenth and nine tenths.
        fields: What its own fields hold; those that are not named are drawn from what the programme declares.
    """

    kind: str
    chance: Fraction
    after: Delay
    partial: Fraction = Fraction(0)
    fields: Mapping[str, Draw] = {}
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Activity:
    """
    How often one kind of event happens, and what it says.

    Args:
        rate: Events a month, on average, for each partner of size 1 or for each person.
        per: Whether the rate is that of a partner or of a person.
        names_person: Whether the event names one of the partner's people; always so when *per* is the person.
        season: The factor of each calendar month, January first.
    """

    kind: str
    rate: Fraction
    per: Layer = Layer.PARTNER
    names_person: bool = True
    season: tuple[Fraction, ...] = EVEN_SEASON
    fields: Mapping[str, Draw] = {}
    then: tuple[Consequence, ...] = ()
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Scenario:
    """
    A population and its behaviour.

    Args:
        redeem: For each currency, the share of what is available that partners redeem at each month's end.
        assumptions: Sentences that the report repeats.
    """

    name: str
    segments: tuple[Segment, ...]
    activities: tuple[Activity, ...]
    redeem: Mapping[str, Fraction] = {}
    assumptions: tuple[str, ...] = ()
    file: str = "<text>"
