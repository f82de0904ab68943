"""
What tiers declare: metrics over windows, the ladder, and how a standing is reviewed.

A review, or the end of a grace, on day d reads metrics as of the end of day d - 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fractions import Fraction

from attrs import field, frozen

from loyalty.core.calendar import Duration, Period
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.rules.declaration import KeyPart
from loyalty.rules.expressions import Expression


class WindowKind(Enum):
    """Over which days a metric counts."""

    CALENDAR = "calendar"
    ANNIVERSARY = "anniversary"
    TRAILING = "trailing"
    LIFETIME = "lifetime"
    NOW = "now"


@frozen(kw_only=True)
class Window:
    """
    The days that a metric counts.

    ``CALENDAR`` has a ``period``; ``ANNIVERSARY`` runs from the holder's first event's day to the same day of the next
    year; ``TRAILING`` has a ``length`` in days or months and ends with the day that is looked at; ``NOW`` counts what
    holds at that moment.
    """

    kind: WindowKind
    period: Period | None = None
    length: Duration | None = None


class Measure(Enum):
    """What a metric measures."""

    EARNED = "earned"  # minor units of a currency, reversals taken off at the original's date
    COUNT = "count"  # events of a kind
    SUM = "sum"  # an expression over events of a kind
    DISTINCT = "distinct"  # different values of a key over events of a kind
    BALANCE = "balance"  # what is available of a currency now


@frozen(kw_only=True)
class Metric:
    """
    One number about a holder.

    ``EARNED`` and ``BALANCE`` name a ``currency``; the others a ``kind`` of event, ``when`` they count it. ``SUM`` has
    ``of``; ``DISTINCT`` has ``by``. ``while_not_ended`` counts certifications (kinds that another kind ends) in force.
    """

    name: str
    layer: Layer
    measure: Measure
    window: Window
    currency: str | None = None
    kind: str | None = None
    when: Expression | None = None
    of: Expression | None = None
    by: KeyPart | None = None
    while_not_ended: bool = False
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Needs:
    """Conditions over metrics, joined by all or any; parts may be joined conditions themselves."""

    every: bool
    parts: tuple[Expression | Needs, ...]


@frozen(kw_only=True)
class Tier:
    """
    One step of the ladder.

    Args:
        multiplier: What ``tier.multiplier`` stands for.
        gift: Fixed amounts by currency, minor units, that come with reaching it, once; available at once.
    """

    name: str
    multiplier: Fraction
    needs: Needs | None
    # An option that came later: a programme that does not use it keeps its revision.
    gift: Mapping[str, int] = field(factory=dict, hash=False, metadata={"silent": True})
    place: Place = field(eq=False, factory=Place)


class Promote(Enum):
    """When a holder that meets a higher tier's needs gets it: after the event, or at the next review."""

    AT_ONCE = "at_once"
    AT_REVIEW = "at_review"


class Landing(Enum):
    """Where a holder that missed its tier lands."""

    ONE_TIER_DOWN = "one_tier_down"
    BY_SCORE = "by_score"


@frozen(kw_only=True)
class Review:
    """
    When standing is looked at again.

    ``every`` is a calendar period, or None for the holder's anniversary. Who misses its tier keeps it for ``grace``,
    then lands; nobody lands below ``floor``.
    """

    every: Period | None
    grace: Duration | None = None
    landing: Landing = Landing.BY_SCORE
    floor: str | None = None
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Ladder:
    """All tiers, lowest first; the first is the base, which needs nothing. Tiers are the partner's."""

    tiers: tuple[Tier, ...]
    promote: Promote = Promote.AT_ONCE
    review: Review | None = None
    place: Place = field(eq=False, factory=Place)
