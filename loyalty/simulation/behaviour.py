"""
What a scenario declares: who the partners are, when they come and go, what they do, and what moves them.

A scenario is an assumption, not a forecast. It is kept apart from the programme, so that one population can meet
several programmes, and the report prints what was assumed: :meth:`Scenario.assumed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from loyalty.core.calendar import Period, Unit
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.explaining.said import Number, Value, said
from loyalty.simulation.distributions import Choice, Distribution, Uniform

#: The factor of each calendar month where no season is declared.
EVEN_SEASON: tuple[Fraction, ...] = (Fraction(1),) * 12

#: Minor units; a sum of many wishes still fits.
MOST_WISHED: Final = 10**15

_FEW = Uniform(1, 3)


@frozen(kw_only=True)
class Arrival:
    """
    When partners come: a share is there from the start, and the others come evenly in the months after it.

    Args:
        at_start: Of the partners of the segment.
        within: Months in which the others come, the first month not counted.
    """

    at_start: Fraction = Fraction(1)
    within: int = 0


@frozen(kw_only=True)
class Churn:
    """
    How partners go quiet, and come back. Both are looked at on the first of each month.

    Args:
        quiet: The chance in a month that an active partner stops doing anything.
        comeback: The chance in a month that a quiet one begins again.
    """

    quiet: Fraction = Fraction(0)
    comeback: Fraction = Fraction(0)


@frozen(kw_only=True)
class Segment:
    """
    A part of the partners.

    Args:
        share: Of all partners; the shares of a scenario sum to 1.
        labels: What else is known of a partner, such as its region: by name, one of several texts by weight.
        persons: How many people a partner has.
        size_median, size_sigma: The lognormal size of a partner; it multiplies every rate that is per partner.
        rates: Factors on the rate of a kind in this segment; kinds that are not named keep theirs.
        amounts: A factor on money that is drawn lognormally or by quantiles.
        arrival, churn: When its partners come, and how they go quiet.
    """

    name: str
    share: Fraction
    labels: Mapping[str, Choice] = {}
    persons: Uniform = _FEW
    size_median: Fraction = Fraction(1)
    size_sigma: Fraction = Fraction(0)
    rates: Mapping[str, Fraction] = {}
    amounts: Fraction = Fraction(1)
    arrival: Arrival = Arrival()
    churn: Churn = Churn()
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
    fields: Mapping[str, Distribution] = {}
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Noise:
    """
    How unevenly events come beyond chance: lognormal factors on the rate, whose mean is 1.

    Args:
        month: The sigma of a factor of each partner's each month.
        market: The sigma of a factor of each month that all partners share.
    """

    month: Fraction = Fraction(0)
    market: Fraction = Fraction(0)


@frozen(kw_only=True)
class Activity:
    """
    How often one kind of event happens, and what it says.

    Args:
        rate: Events a month, on average, for each partner of size 1 or for each person.
        per: Whether the rate is that of a partner or of a person.
        names_person: Whether the event names one of the partner's people; always so when *per* is the person.
        season: The factor of each calendar month, January first.
        growth: By how much the rate grows in a year, compounded from month to month; -1/10 is a decline.
    """

    kind: str
    rate: Fraction
    per: Layer = Layer.PARTNER
    names_person: bool = True
    season: tuple[Fraction, ...] = EVEN_SEASON
    growth: Fraction = Fraction(0)
    noise: Noise = Noise()
    fields: Mapping[str, Distribution] = {}
    then: tuple[Consequence, ...] = ()
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Wish:
    """
    How partners, or their people, spend one currency: what they wish is granted where it is available.

    Args:
        share: The share of what is available then; None where an amount is wished.
        amount: Minor units; the whole amount or nothing is granted. None where a share is wished.
        per: Whose wallet it is.
        every: At noon of the last day of each such period; None where *rate* says how often.
        rate: Wishes a month for each wallet, on days drawn evenly.
        chance: That a wish is made, and nothing stands against it.
        after: How much later it is granted, as a claim is that has to be proven; None for at once.
        claim: Whether the file calls it a claim: money of a fund.
    """

    currency: str
    share: Fraction | None = None
    amount: Distribution | None = None
    per: Layer = Layer.PARTNER
    every: Period | None = Period.MONTH
    rate: Fraction = Fraction(0)
    chance: Fraction = Fraction(1)
    after: Delay | None = None
    claim: bool = False
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Incentive:
    """
    How a kind of event responds to the next tier: its rate is multiplied by 1 + elasticity x progress.

    Progress is how far the partner has come in what the next tier needs, from 0 to 1.

    Args:
        because: Where the number comes from; the report repeats it.
    """

    elasticity: Fraction
    because: str


@frozen(kw_only=True)
class Scenario:
    """
    A population and its behaviour.

    Args:
        wishes: What is redeemed and claimed.
        response: The response to incentives by kind of event; an assumption like no other, and empty by default.
        assumptions: Sentences that the report repeats.
    """

    name: str
    segments: tuple[Segment, ...]
    activities: tuple[Activity, ...]
    wishes: tuple[Wish, ...] = ()
    response: Mapping[str, Incentive] = {}
    assumptions: tuple[str, ...] = ()
    file: str = "<text>"

    def assumed(self) -> tuple[Value, ...]:
        """Give every assumption as a sentence: those of the file, and what it assumes of incentives."""
        return (*self.assumptions, *(_response_said(kind, each) for kind, each in self.response.items()))


def _response_said(kind: str, incentive: Incentive) -> Value:
    percent = Number(incentive.elasticity * 100)
    return said("assumption.response", kind=kind, percent=percent, because=incentive.because)
